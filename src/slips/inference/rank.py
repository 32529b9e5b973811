"""Ranks the chains of the catalogue for an unknown log."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from slips.errors import ReaderError
from slips.inference.attempts import candidates_of
from slips.inference.beginning import beginnings, is_endless, is_for_long_records, shortest, without_end
from slips.inference.candidate import Candidate
from slips.inference.containers import OpenedLog, open_containers
from slips.inference.precedence import in_order, nearest, weigh
from slips.inference.tables import without_rows
from slips.inference.trial import FEW, try_chain
from slips.model import ObjectEvent

_NEAREST, _NAMED = 0.01, 3
"""The least likeness of a chain that comes near to a log that none fits, as of others it has nothing but its lines; the
number of these that are named."""
_ELSEWHERE = "Asia/Kolkata"
"""A zone that is no other's by any name of a zone in logs, nor UTC at any time of the year."""


class Inferred(Struct):
    """The chains for a log, best first."""

    fitting: list[Candidate]
    nearest: list[Candidate]
    """Of chains that do not fit, those that come nearest."""
    reason: str = ""
    """Why no chain was tried, as the log cannot be read; else empty."""
    zoneless: bool = False
    """Whether times of the best chain name no zone, so that they are read as UTC."""
    part: int = 0
    """Bytes that were looked at of a first line that is longer than what was read of the log; else 0."""
    damage: str = ""
    """Why the log cannot be read behind what was looked at; else empty."""
    unlike: tuple[str, ...] = ()
    """Other files of the archive around the log, of which the best chain reads less than half as much."""
    is_unread: bool = False
    """Whether nothing of the log could be read, for the `reason`."""


def infer(content: bytes, source: ObjectEvent, *, whole: bool = True, damage: str = "") -> Inferred:
    """Return the chains that fit a log, `content` being all of it or, if not `whole`, its beginning, decompressed.

    `source` dates records that have no time; `damage` says why there is no more content. Raises nothing, whatever the
    content is.
    """
    try:
        log = open_containers(content, whole=whole)
    except ReaderError as error:
        return Inferred([], [], str(error), damage=damage)
    found, part = _try_beginnings(log, source)
    weigh(found, log, source)
    fitting = in_order(found)
    near = [each for each in nearest(found) if each.likeness >= _NEAREST][:_NAMED]
    if not fitting:
        why = (without_rows(log.content) or without_end(log.content)) if log.whole else ""
        return Inferred([], near, why, part=part, damage=damage)
    return Inferred(
        fitting,
        near,
        zoneless=_lacks_zone(fitting[0], log, source),
        part=part,
        damage=damage,
        unlike=tuple(_unlike(fitting[0], log, source)),
    )


def _try_beginnings(log: OpenedLog, source: ObjectEvent) -> tuple[list[Candidate], int]:
    """Return the candidates for a log, the best chain of each format, and how much of an endless line was looked at."""
    best: dict[str, Candidate] = {}
    part = 0
    for beginning in beginnings(log):
        if is_for_long_records(beginning) and any(each.trial.events for each in best.values()):
            break
        best, part = {}, len(beginning.content) if is_endless(log) else 0
        for each in candidates_of(beginning, source):
            known = best.get(each.format)
            if known is None or each.score > known.score:
                best[each.format] = each
        if any(each.fits for each in best.values()):
            break
    return list(best.values()), part


def _unlike(best: Candidate, log: OpenedLog, source: ObjectEvent) -> Iterator[str]:
    """Yield the names of the other files of an archive of which a chain reads less than half as much."""
    for name, (content, whole, _) in log.others.items():
        trial = try_chain(best.trial.steps, content, source, FEW, whole=whole)
        if 2 * trial.parsed < best.trial.parsed:
            yield name


def _lacks_zone(best: Candidate, log: OpenedLog, source: ObjectEvent) -> bool:
    """Whether some times of a chain depend on the zone of times that name none."""
    part = shortest(log)
    as_utc, elsewhere = (
        try_chain(best.trial.steps, part.content, source, FEW, whole=part.whole, timezone=timezone)
        for timezone in (None, _ELSEWHERE)
    )
    both = zip(as_utc.metas, elsewhere.metas, strict=False)
    return any(one.timestamp != other.timestamp for one, other in both)
