"""Conclusion: what became of one object event, decided once for every place that runs it, and written into its site.

In goes how a run ended; out come error items, quarantine, rest, ledger entries and the items that are untrue by now,
written in this order. Where the site has transactions that is one. Where it has none, each step may be done twice and
none undoes another, so that whatever dies anywhere is made good by the next attempt: quarantine and rest are written
before the ledger says that the event is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct, field

from slips.errors import NoProgressError
from slips.model import ErrorItem, ObjectEvent, Outcome
from slips.pipeline.ended import Failure, Success, Superseded, by_itself
from slips.pipeline.items import part_id, report_failure, report_quarantine
from slips.ports import ErrorTable, Ledger, Told
from slips.site import Site

ATTEMPTS = 3
"""Attempts in all that an object gets. On AWS, Lambda counts them; `MaximumRetryAttempts` says the same."""
EXCUSED = 3
"""Failures of an object for want of resources, or in a damaged process, that cost it no attempt. The next is final."""

Verdict = Literal["final", "retry", "excused", "postponed"]


def judge(failure: Failure, attempts: int = 1, *, excused: int = 0, alone: bool = True) -> Verdict:
    """Decides what follows from a failure: `attempts` were made, this one included, `excused` others did not count.

    `final`: an error item. `retry`: another attempt, soon. `excused`: the same, and this one does not count.
    `postponed`: back to its lane, as events before it, if it is not `alone`, have used the time.
    """
    if failure.error_type == NoProgressError.__name__ and not alone:
        return "postponed"
    if failure.resources:
        return "excused" if excused < EXCUSED else "final"
    return "retry" if failure.retryable and attempts < ATTEMPTS else "final"


class Conclusion(Struct, frozen=True):
    """What became of one object event, as what is to be written."""

    announced: ObjectEvent
    """The event that was delivered."""
    read: ObjectEvent
    """The event whose entry of the ledger the run settles: `announced`, unless other content was found and claimed."""
    status: Literal["done", "part", "failed", "superseded"]
    run_id: str
    """Names the run, and its error item."""
    outcome: Outcome = field(default_factory=Outcome)
    items: Iterable[ErrorItem] = ()
    """For the error table. Those of bad records are made as they are written, and only once: they may be many."""
    rest: ObjectEvent | None = None
    """What is still to be sent to the lane."""
    is_rest_kept: bool = False
    """Whether the ledger has the rest already: an attempt before this one was concluded as far as that."""
    names: tuple[str, ...] = ()
    """Other identities of the content that was read."""
    is_only_content: bool = False
    """Whether the object has no content but the present one, as a file has: then all that is told of others is past."""
    is_repeated: bool = False
    """Whether an attempt before this one may have left error items of the run: those that it does not make again go."""

    @property
    def is_to_the_end(self) -> bool:
        """Whether nothing of the object is left to do behind this run."""
        records = self.read.records
        return self.status == "done" and (records is None or bool(records and records[-1][1] is None))


def conclude(
    announced: ObjectEvent,
    ended: Success | Failure | Superseded,
    site: Site,
    run_id: str,
    *,
    attempts: int = 1,
    has_claimed: bool = False,
    is_repeated: bool = False,
    is_only_content: bool = False,
) -> Conclusion:
    """Decides what became of an event whose run ended; of a failure, if it is final.

    `has_claimed`: the run claimed the content that it found in the place of the announced one.
    """
    read = settled_event(announced, ended, has_claimed=has_claimed)
    about = (run_id, attempts, site.clock(), site.code_version)
    if isinstance(ended, Superseded):
        made = Conclusion(announced, read, "superseded", run_id)
    elif isinstance(ended, Failure):
        made = Conclusion(announced, read, "failed", run_id, ended.outcome, [report_failure(ended, *about)])
    else:
        status: Literal["done", "part"] = "done" if ended.rest is None else "part"
        items = report_quarantine(ended, *about)
        made = Conclusion(announced, read, status, run_id, ended.outcome, items, ended.rest)
    return msgspec.structs.replace(made, names=ended.names, is_only_content=is_only_content, is_repeated=is_repeated)


def settled_event(announced: ObjectEvent, ended: Success | Failure | Superseded, *, has_claimed: bool) -> ObjectEvent:
    """The event whose ledger entry a run settles: of the content that it found, if that was claimed by itself.

    A file that changed while it was read has no content that could be named: its failure is of what was announced.
    """
    found = ended.event
    is_other = (found.identity, found.object_key) != (announced.identity, announced.object_key)
    return by_itself(found) if has_claimed and is_other else announced


def write(conclusion: Conclusion, site: Site) -> int:
    """Writes a conclusion into error table, lane and ledger. Returns how many error items it made.

    Raises StateError or StreamError: then the event is not concluded, and all of it can be written again.
    """
    with site.transaction():
        made = _put(conclusion, site.errors)
        if conclusion.rest is not None:
            _send(conclusion.rest, conclusion, site)
        for told in _settle(conclusion, site.ledger):
            if told.request_id not in made and is_untrue(told.event, conclusion):
                site.errors.discard(told.request_id)
                if conclusion.is_only_content and not _is_same(told.event, conclusion):
                    # Nothing can run the other content any more.
                    site.ledger.supersede(msgspec.structs.replace(told.event, replay=None))
    return len(made)


def is_untrue(told: ObjectEvent, conclusion: Conclusion) -> bool:
    """Decides whether a run has made an error item untrue, whose event is `told`: the latest outcome alone counts.

    An item of the whole object: if the object ended again, in the same content, or in any where that was announced or
    the only one. An item of records: if they were all read again, of that very content. Records of other content stay,
    as evidence.
    """
    if told.records is not None:
        was_read = conclusion.read.records is None and conclusion.status == "done"
        is_same_part = told.records == conclusion.read.records
        return (was_read or is_same_part) and _is_same(told, conclusion)
    ended = conclusion.read.records is None or conclusion.is_to_the_end
    is_past = conclusion.is_only_content or told.identity == conclusion.announced.identity
    return ended and (is_past or _is_same(told, conclusion))


def _settle(conclusion: Conclusion, ledger: Ledger) -> Iterator[Told]:
    """Writes a conclusion into the ledger, and yields after each entry the error items that were told of it."""
    read, announced, outcome = conclusion.read, conclusion.announced, conclusion.outcome
    match conclusion.status:
        case "failed":
            yield from ledger.fail(read, outcome, conclusion.run_id)
        case "part":
            yield from ledger.finish(read, outcome, "part")
        case "done":
            counts: Outcome | None = outcome
            if conclusion.is_to_the_end and (read.records, read.replay) != (None, None):
                # All of the object is done, also if this was the last part of it, and whatever asked for it.
                if read.records is not None and read.replay is not None:
                    yield from ledger.finish(msgspec.structs.replace(read, records=None), None)
                own = msgspec.structs.replace(read, records=None, replay=None)
                yield from ledger.finish(own, _counts_of_object(own, conclusion, ledger))
                counts = None if read.records is None else outcome
            yield from ledger.finish(read, counts)
    if read is not announced:
        yield from ledger.supersede(announced)
        if announced.replay is not None:
            # The failed run that is replayed: its item is drained, so nothing else would ever end it.
            failed = msgspec.structs.replace(announced, replay=None)
            yield from ledger.supersede(failed, only="failed")


def _counts_of_object(own: ObjectEvent, conclusion: Conclusion, ledger: Ledger) -> Outcome | None:
    """The counts for the object's `own` entry once all of it is done. None: those that are there, of its first part.

    The entries of an object add up to what was delivered of it: those of a run that failed count no more.
    """
    if conclusion.read.records is None:
        return conclusion.outcome
    known = ledger.get(own) if conclusion.read.replay is not None else None
    return Outcome() if known is not None and known.status == "failed" else None


def take_back(errors: ErrorTable, run_id: str, number: int) -> None:
    """Deletes the items of a run from `number` on, counted from 1: an attempt that was not concluded left them."""
    while errors.discard(part_id(run_id, number)):
        number += 1


def _put(conclusion: Conclusion, errors: ErrorTable) -> set[str]:
    """Puts the items of a conclusion; returns their ids."""
    made = set()
    for item in conclusion.items:
        errors.put(item)
        made.add(item.request_id)
    if conclusion.is_repeated:
        # An attempt that came further had more of them: their records are read again, by the rest.
        take_back(errors, conclusion.run_id, len(made) + 1)
    return made


def _send(rest: ObjectEvent, conclusion: Conclusion, site: Site) -> None:
    """Sends the rest to its lane. Sent twice it is one entry of the ledger."""
    if not conclusion.is_rest_kept:
        # From here on no attempt runs this part again: it might stop elsewhere, and two rests would overlap.
        site.ledger.stopped(conclusion.read, rest, conclusion.outcome)
    site.stream.put(conclusion.read.lane or "fast", [rest])


def _is_same(told: ObjectEvent, conclusion: Conclusion) -> bool:
    """Whether an item tells of the content that was read."""
    return told.identity in (conclusion.read.identity, *conclusion.names)
