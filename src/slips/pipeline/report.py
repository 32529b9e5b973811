"""Reporter: the events of an invocation that AWS gave up, concluded, with an error item for each that is unfinished."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from slips.envelope import Batch, Cause, Unwrapped, decode
from slips.errors import EnvelopeError, GoneError, StreamError, UnfinishedError
from slips.model import ErrorItem, ObjectEvent, Outcome, format_time
from slips.pipeline.conclude import Conclusion, write
from slips.pipeline.items import fingerprint, run_ids
from slips.ports import CONCLUDED, LedgerEntry
from slips.site import Site

NAME, LISTED, TRACEBACK = 200, 4_000, 16_000
"""Characters of an error's type, text and traceback that are kept of what AWS says: an item takes 400 KB."""

SPENT_STATUS = 86
"""Exit status of a function that ends its process because it is unfit for another object: its ledger has the reason."""


class Reported(NamedTuple):
    """What became of the events of an invocation that was given up."""

    items: list[ErrorItem]
    """Now in the error table."""
    settled: int
    """Done, dropped, reported before, or in the hands of another invocation."""


def report_lost(found: Unwrapped, site: Site) -> Reported:
    """One item for each event that an invocation has left unfinished, with the reason that the ledger has, else AWS's.

    Records of a batch that are gone from their stream are an item without events. Raises StateError where nothing can
    be written and, when all others are reported, EnvelopeError for what cannot be read back or is no object event: AWS
    tries again, and keeps it in the end.
    """
    read = events_of(found, site.read_back)
    events, cause = read.events, found.cause or Cause()
    items = [_gone(each, cause, site) for each in read.gone]
    for gone in items:
        site.errors.put(gone)
    for event, run_id in zip(events, run_ids(cause.request_id or _digest(events), len(events)), strict=True):
        for conclusion in _given_up(event, run_id, found, cause, site, alone=len(events) == 1):
            write(conclusion, site)
            items += conclusion.items
    if read.problems:
        raise EnvelopeError(listed(read.problems))
    return Reported(items, len(events) + len(read.gone) - len(items))


def _given_up(
    announced: ObjectEvent, run_id: str, found: Unwrapped, cause: Cause, site: Site, *, alone: bool
) -> list[Conclusion]:
    """Decides what became of an event whose invocation was given up; nothing, if it was concluded or is in other hands.

    AWS knows why an invocation ended, not which event ended it: if there was but one, AWS's is the later word.
    """
    event, known = announced, site.ledger.get(announced)
    if known is not None and _is_settled(known, run_id):
        return []
    if known is not None and known.read is not None:
        # What was there instead of the announced content is what failed, unless another event has it.
        event, known = known.read, site.ledger.get(known.read)
        if known is not None and _is_settled(known, run_id):
            return [Conclusion(announced, event, "superseded", run_id)]
    if known is not None and known.rest is not None:
        # Concluded but for the rest, which may be on its lane or not: as an item it is lost in no case, and if it
        # is done meanwhile, that takes the item away.
        rest, rest_id = known.rest, f"{run_id}-rest"
        part = Conclusion(announced, event, "part", run_id, known.outcome or Outcome())
        behind = site.ledger.get(rest)
        if behind is not None and _is_settled(behind, rest_id):
            return [part]
        unsent = _lost(rest, rest_id, "worker", cause, site)
        return [Conclusion(rest, rest, "failed", rest_id, items=[unsent]), part]
    item = known.item if known is not None else None
    told = cause.error_type == UnfinishedError.__name__ or cause.message.endswith(f"exit status {SPENT_STATUS}")
    if item is None or item.request_id != run_id or (alone and not told):
        stage = "dispatch" if found.batches else "push" if event.lane is None else "worker"
        item = _lost(event, run_id, stage, cause, site)
    item = msgspec.structs.replace(item, request_id=run_id, attempts=max(1, cause.attempts))
    return [Conclusion(announced, event, "failed", run_id, items=[item], is_repeated=True)]


class Read(NamedTuple):
    """All that a payload tells of, with what was read back from streams."""

    events: list[ObjectEvent]
    problems: list[str]
    """What cannot be read, or not now."""
    gone: list[Gone]


class Gone(NamedTuple):
    """A batch of which records are gone for good: nobody can name their objects any more."""

    batch: Batch
    why: str


def events_of(found: Unwrapped, read_back: Callable[[Batch], Iterable[bytes]]) -> Read:
    """All events of a payload, those read back from a stream behind the others; and what is none, or is gone."""
    read = Read(list(found.events), list(found.problems), [])
    for batch in found.batches:
        try:
            for data in read_back(batch):
                try:
                    read.events.append(decode(data))
                except EnvelopeError as error:
                    read.problems.append(f"{batch.stream_arn}: {error}")
        except GoneError as error:
            read.gone.append(Gone(batch, str(error)))
        except StreamError as error:
            read.problems.append(str(error))
    return read


def listed(problems: Sequence[str]) -> str:
    """Problems as one text for an exception: AWS repeats it beside the payload, and both must fit into 256 KB."""
    text = "; ".join(problems)
    return text if len(text) <= LISTED else f"{text[:LISTED]}…"


def _is_settled(known: LedgerEntry, run_id: str) -> bool:
    """Whether an event needs no item of this run: it is done, or another run has it or had it."""
    return known.status in CONCLUDED or (known.status == "claimed" and known.request_id != run_id)


def _lost(event: ObjectEvent, run_id: str, stage: str, cause: Cause, site: Site) -> ErrorItem:
    """The item of an event that died with its invocation, which could say nothing of it."""
    message = f"{event.url}: {cause.message[:LISTED] or 'the invocation was given up, AWS does not say why'}"
    error_type = (cause.error_type or cause.condition or "unknown")[:NAME]
    return ErrorItem(
        request_id=run_id,
        kind="object" if event.records is None else "records",
        records=event.records or [],
        events=[event],
        stage=stage,
        error_type=error_type,
        message=message,
        traceback=cause.traceback[-TRACEBACK:],
        failed_at=cause.failed_at or format_time(site.clock()),
        attempts=max(1, cause.attempts),
        fingerprint=fingerprint(stage, error_type, message, event),
        code_version=site.code_version,
    )


def _gone(gone: Gone, cause: Cause, site: Site) -> ErrorItem:
    """The item of records that nobody can read any more. It names no object: there is nothing to replay."""
    batch = gone.batch
    name = cause.request_id or hashlib.sha256(f"{batch.stream_arn} {batch.first}".encode()).hexdigest()[:32]
    arrived = f" at {batch.first_arrival}" if batch.first_arrival else ""
    message = (
        f"{gone.why}; their objects are not known, and were not processed by way of this batch, whose first record "
        f"arrived{arrived}: compare the buckets with the ledger; then 'slips dismiss' takes this item out"
    )
    error_type = GoneError.__name__
    return ErrorItem(
        request_id=f"{name}-gone",
        events=[],
        stage="dispatch",
        error_type=error_type,
        message=message,
        traceback=cause.traceback[-TRACEBACK:],
        failed_at=cause.failed_at or format_time(site.clock()),
        attempts=max(1, cause.attempts),
        fingerprint=fingerprint("dispatch", error_type, message),
        code_version=site.code_version,
    )


def _digest(events: Iterable[ObjectEvent]) -> str:
    """An id for what came without one, the same each time it comes."""
    return hashlib.sha256(msgspec.json.encode(list(events))).hexdigest()[:32]
