"""The reporter: concludes the events of an invocation that AWS gave up on; an unfinished event gets an error item."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from slips.envelope.cause import Cause
from slips.envelope.lane import decode
from slips.envelope.lost import Batch, Unwrapped
from slips.errors import EnvelopeError, GoneError, StreamError, UnfinishedError, joined
from slips.model import ErrorItem, ObjectEvent, Outcome, fingerprint, format_time
from slips.pipeline.conclude import Conclusion, discard_left, write
from slips.pipeline.ended import SPENT_STATUS, Failure
from slips.pipeline.items import report_failure, run_ids
from slips.ports import CONCLUDED, LedgerEntry
from slips.site.protocols import Site

NAME, TEXT, TRACEBACK = 200, 4_000, 16_000
"""Most characters of type, text and traceback in AWS's cause of an error: an item of DynamoDB has 400 KB at most."""


class Reported(NamedTuple):
    """The outcome of reporting an invocation that AWS gave up on."""

    items: list[ErrorItem]
    """The new error items."""
    settled: int
    """Number of events that are done, dropped, reported before, or claimed by another invocation."""


def report_lost(lost: Unwrapped, site: Site) -> Reported:
    """Make an error item for each event that an invocation left unfinished, with the ledger's reason, else AWS's.

    Records that their stream has deleted become an item without events. Raises StateError if an item cannot be written.
    Raises EnvelopeError, when all events are reported, for records that cannot be read back or are no object events:
    AWS then tries again, and keeps the payload in the end.
    """
    payload = events_of(lost, site.read_back)
    events, cause = payload.events, lost.cause or Cause()
    items = [_gone(each, cause, site) for each in payload.gone]
    for item in items:
        site.errors.put(item)
    for event, run_id in zip(events, run_ids(cause.request_id or _digest(events), len(events)), strict=True):
        for conclusion in _given_up(event, run_id, lost, cause, site, alone=len(events) == 1):
            write(conclusion, site)
            items += conclusion.items
    if payload.problems:
        raise EnvelopeError(joined(payload.problems))
    return Reported(items, len(events) + len(payload.gone) - len(items))


def _given_up(
    announced: ObjectEvent, run_id: str, lost: Unwrapped, cause: Cause, site: Site, *, alone: bool
) -> list[Conclusion]:
    """Conclude an event whose invocation AWS gave up on. Return none if it is concluded, or claimed by another run.

    AWS names the reason why an invocation ended, but not the event that caused it. For a single event, AWS's reason is
    newer than the ledger's: prefer it.
    """
    event, entry = announced, site.ledger.get(announced)
    discard_left(event, entry, site)
    if entry is not None and _needs_no_item(entry, run_id):
        return []
    if entry is not None and entry.read is not None:
        # The content that was read in place of the announced one failed, unless another event has concluded it.
        event, entry = entry.read, site.ledger.get(entry.read)
        discard_left(event, entry, site)
        if entry is not None and _needs_no_item(entry, run_id):
            return [Conclusion(announced, event, "superseded", run_id)]
    if entry is not None and entry.rest is not None:
        # The run is concluded but for its continuation, which may be on its lane or not. An error item of it loses it
        # in no case; if the continuation was done meanwhile, its conclusion deletes the item.
        rest, rest_id = entry.rest, f"{run_id}-rest"
        part = Conclusion(announced, event, "part", run_id, entry.outcome or Outcome())
        behind = site.ledger.get(rest)
        if behind is not None and _needs_no_item(behind, rest_id):
            return [part]
        unsent = _lost(rest, rest_id, "worker", cause, site)
        return [Conclusion(rest, rest, "failed", rest_id, items=[unsent]), part]
    item = entry.item if entry is not None else None
    is_in_ledger = cause.error_type == UnfinishedError.__name__ or cause.message.endswith(f"exit status {SPENT_STATUS}")
    if item is None or item.request_id != run_id or (alone and not is_in_ledger):
        stage = "dispatch" if lost.batches else "push" if event.lane is None else "worker"
        item = _lost(event, run_id, stage, cause, site)
    item = msgspec.structs.replace(item, request_id=run_id, attempts=max(1, cause.attempts))
    return [Conclusion(announced, event, "failed", run_id, items=[item], is_repeated=True)]


class Payload(NamedTuple):
    """The events of an invocation's payload, with those read back from streams, and the parts that cannot be read."""

    events: list[ObjectEvent]
    problems: list[str]
    """The reasons of parts that cannot be read, or not now."""
    gone: list[Gone]


class Gone(NamedTuple):
    """A batch of which the stream has deleted records, so that their objects are unknown."""

    batch: Batch
    why: str


def events_of(lost: Unwrapped, read_back: Callable[[Batch], Iterable[bytes]]) -> Payload:
    """Return all events of a payload, those read back from a stream last, and the parts that cannot be read."""
    payload = Payload(list(lost.events), list(lost.problems), [])
    for batch in lost.batches:
        try:
            for data in read_back(batch):
                try:
                    payload.events.append(decode(data))
                except EnvelopeError as error:
                    payload.problems.append(f"{batch.stream_arn}: {error}")
        except GoneError as error:
            payload.gone.append(Gone(batch, str(error)))
        except StreamError as error:
            payload.problems.append(str(error))
    return payload


def _needs_no_item(entry: LedgerEntry, run_id: str) -> bool:
    """Whether an event needs no error item of this run: it is concluded, or claimed by another run."""
    return entry.status in CONCLUDED or (entry.status == "claimed" and entry.request_id != run_id)


def _lost(event: ObjectEvent, run_id: str, stage: str, cause: Cause, site: Site) -> ErrorItem:
    """Make the item of an event whose invocation died without recording a reason."""
    failure = Failure(
        event=event,
        stage=stage,
        error_type=(cause.error_type or cause.condition or "unknown")[:NAME],
        message=f"{event.url}: {cause.message[:TEXT] or 'the invocation was given up, AWS does not say why'}",
        retryable=False,
        traceback=cause.traceback[-TRACEBACK:],
    )
    item = report_failure(failure, run_id, max(1, cause.attempts), site.clock(), site.code_of(event))
    return msgspec.structs.replace(item, failed_at=cause.failed_at or item.failed_at)


def _gone(gone: Gone, cause: Cause, site: Site) -> ErrorItem:
    """Make the item of records that their stream has deleted. It has no events, so that it cannot be replayed."""
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
    )


def _digest(events: Iterable[ObjectEvent]) -> str:
    """Return an id for events of a payload without a request id, the same for each delivery of them."""
    return hashlib.sha256(msgspec.json.encode(list(events))).hexdigest()[:32]
