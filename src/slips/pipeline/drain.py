"""Drain: error items back on their lane. An item goes only when a lane accepted all of it, and only that revision."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from slips.config import Route
from slips.envelope import Batch, found_in
from slips.errors import EnvelopeError, GoneError, OverwrittenError, StorageError, StreamError
from slips.model import LANES, ErrorItem, Lane, ObjectEvent
from slips.pipeline.items import fingerprint
from slips.pipeline.push import push
from slips.pipeline.report import events_of
from slips.ports import ErrorTable, Ledger, ObjectStore, Stream, Undelivered
from slips.routing import lane_for, lane_of_item

STAYS = "undelivered message stays"
"""How the notes about messages begin that cannot be read."""

BEGINNING = 60
"""Characters of a message that cannot be read: enough to know it by."""


class Drained(Struct):
    """What became of one item: its lanes (none if it stayed), and what the user should know about it."""

    item: ErrorItem
    lanes: list[Lane]
    notes: list[str]


def drain(
    items: Iterable[ErrorItem],
    *,
    errors: ErrorTable,
    store: ObjectStore,
    stream: Stream,
    routing: Sequence[Route],
    streams: Mapping[Lane, str],
    reader_of: Callable[[ObjectEvent], str | None],
    drop: Callable[[ObjectEvent], None] | None = None,
    transaction: Callable[[], AbstractContextManager[None]] | None = None,
    dry_run: bool = False,
) -> Iterator[Drained]:
    """Sends each item, then deletes it; yields after each. With `dry_run` only says what would be sent.

    `reader_of` tells what numbers the records of an object today; None if nothing is mapped. `drop` writes to the
    ledger that a rule drops an event: one that was lost before routing saw it. Lanes, table and ledger change together
    where the backend has a `transaction` of them; without one, a drain that dies in between has sent the item, and the
    ledger cuts what is sent twice.
    Raises StreamError if a lane refuses: that item and all after it stay.
    """
    for item in items:
        drained = Drained(item, [], [])
        replays: dict[Lane, list[ObjectEvent]] = {lane: [] for lane in LANES}
        dropped: list[ObjectEvent] = []
        if not item.events:
            drained.notes.append(f"{item.request_id}: names no object, so that nothing can be replayed; it stays")
            yield drained
            continue
        try:
            for stored in item.events:
                event = _as_it_is_now(stored, store, reader_of, drained.notes)
                if drop is not None and _is_dropped(event, routing):
                    drained.notes.append(f"{event.url}: dropped by a routing rule")
                    dropped.append(event)
                    continue
                lane = lane_of_item(event, routing)
                replays[lane].append(
                    msgspec.structs.replace(
                        event, lane=lane, dest_stream=streams[lane], replay=f"{item.request_id}@{item.revision}"
                    )
                )
                drained.lanes.append(lane)
        except (OverwrittenError, StorageError) as error:
            drained.lanes, drained.notes = [], [str(error)]
            if not dry_run and isinstance(error, OverwrittenError):
                _mark(item, error, errors)
            yield drained
            continue
        if not dry_run:
            if transaction is None:
                _send(replays, stream, dropped, drop)
                deleted = errors.delete(item.request_id, item.revision)
            else:
                with transaction():
                    # Here nothing is lost if the item goes first, and what somebody else has sent is not sent again.
                    if deleted := errors.delete(item.request_id, item.revision):
                        _send(replays, stream, dropped, drop)
                    else:
                        drained.lanes = []
            if not deleted and errors.get(item.request_id) is not None:
                drained.notes.append(f"{item.request_id}: changed meanwhile; the newer one stays in the error table")
        yield drained


def _send(
    replays: Mapping[Lane, Sequence[ObjectEvent]],
    stream: Stream,
    dropped: Sequence[ObjectEvent],
    drop: Callable[[ObjectEvent], None] | None,
) -> None:
    if drop is not None:
        for event in dropped:
            drop(event)
    for lane, events in replays.items():
        if events:
            stream.put(lane, events)


def _is_dropped(event: ObjectEvent, routing: Sequence[Route]) -> bool:
    """Whether a rule drops an event that never came to a lane."""
    return event.lane is None and not event.dest_stream and lane_for(routing, event) == "drop"


def _as_it_is_now(
    event: ObjectEvent, store: ObjectStore, reader_of: Callable[[ObjectEvent], str | None], notes: list[str]
) -> ObjectEvent:
    """The event to send. Raises OverwrittenError or StorageError where its records cannot be replayed."""
    event = with_key_of_today(event, store)
    if event.records is None:
        return event
    reader = reader_of(event)
    if event.reader is not None and reader is not None and reader != event.reader:
        notes.append(
            f"{event.url}: was cut by {event.reader!r}, now by {reader!r}: replayed whole, not just its records"
        )
        return msgspec.structs.replace(event, records=None, reader=None)
    with store.open(event) as stored:
        if event.identity and not stored.is_named(event.identity):
            raise OverwrittenError(
                f"object overwritten: {event.url} has other content since its records were quarantined; the item "
                "stays as evidence; its new content is an object of its own, processed by itself; 'slips "
                "dismiss' takes the item out"
            )
    return event


def with_key_of_today(event: ObjectEvent, store: ObjectStore) -> ObjectEvent:
    """An event with its raw key: the original stored keys as S3 announces them, quoted, of events on a stream.

    Today's events on a stream name their lane; those that the event pusher could not send name neither. The unquoted
    key, if an object is there, else the key as stored.
    """
    unquoted = unquote_plus(event.object_key)
    if event.lane is not None or not event.dest_stream or unquoted == event.object_key:
        return event
    today = msgspec.structs.replace(event, object_key=unquoted)
    try:
        with store.open(today):
            return today
    except StorageError:
        return event


def _mark(item: ErrorItem, error: OverwrittenError, errors: ErrorTable) -> None:
    """Says in the item why it stays; once, as each writing makes a revision."""
    if item.error_type == type(error).__name__:
        return
    what = (error.stage, type(error).__name__, str(error))
    errors.put(
        msgspec.structs.replace(
            item,
            stage=what[0],
            error_type=what[1],
            message=what[2],
            fingerprint=fingerprint(*what, item.events[0]),
        )
    )


class Redelivered(Struct):
    """What became of one message that nobody could deliver."""

    events: int = 0
    """Back on a lane, or dropped by a rule."""
    note: str = ""
    """Why it stays, for people."""


def redeliver(
    queue: Undelivered,
    *,
    read_back: Callable[[Batch], Iterable[bytes]],
    stream: Stream,
    ledger: Ledger,
    routing: Sequence[Route],
    streams: Mapping[Lane, str],
) -> Iterator[Redelivered]:
    """The object events of each message to their lanes, then the message is deleted; yields after each.

    Events that are done, or in the error table, are not sent again. Whoever looks next sees what stays at once.
    Raises StreamError if a lane refuses.
    """
    staying = []
    for receipt, text in queue.receive():
        try:
            found = found_in(text)
            read = events_of(found, read_back)
        except EnvelopeError as error:
            staying.append(receipt)
            yield Redelivered(note=f"{STAYS}: {error}{_origin(text)}")
            continue
        problems = [*read.problems, *(each.why for each in read.gone)]
        waiting = _unsettled(read.events, ledger)
        for lane in LANES:
            if known := [event for event in waiting if event.lane == lane]:
                stream.put(lane, known)
        new = [event for event in waiting if event.lane is None]
        push(new, routing=routing, stream=stream, drop=ledger.drop, streams=streams)
        if problems:
            staying.append(receipt)
        else:
            queue.delete(receipt)
        note = "; ".join(f"{STAYS}: {each}" for each in problems)
        yield Redelivered(len(waiting), f"{note}{_origin(text) if found.problems else ''}")
    # Not before: what is released comes again, also to this loop.
    queue.release(staying)


class _Kept(Struct):
    """One record of what EventPusher keeps of a message of a queue: a delivery of SQS."""

    eventSourceARN: str = ""
    body: str = ""


class _Delivery(Struct):
    Records: list[_Kept]


def _origin(text: str) -> str:
    """The queue that a message was in, if that is known, and how the message begins: so that people can find it."""
    queue, body = "", text
    with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        for kept in msgspec.json.decode(text, type=_Delivery).Records[:1]:
            queue, body = kept.eventSourceARN, kept.body or text
    begins = f"begins {body[:BEGINNING]!r}{'…' if len(body) > BEGINNING else ''}"
    return f" (from {queue}; {begins})" if queue else f" ({begins})"


class Unreadable(Struct):
    """A message that stays for ever: something in it cannot be read, and nothing else in it is still to be done."""

    receipt: str
    text: str
    why: str


def unreadable(
    queue: Undelivered, *, read_back: Callable[[Batch], Iterable[bytes]], ledger: Ledger
) -> Iterator[Unreadable]:
    """The messages of which `redeliver` has nothing left to put back. The others can be received again at once."""
    staying = []
    for receipt, text in queue.receive():
        passing: list[Batch] = []

        def reading(batch: Batch, passing: list[Batch] = passing) -> Iterator[bytes]:
            try:
                yield from read_back(batch)
            except GoneError:
                raise
            except StreamError:
                passing.append(batch)  # the next reading may find it
                raise

        try:
            found = found_in(text)
            read = events_of(found, reading)
            events, problems = read.events, [*read.problems, *(each.why for each in read.gone)]
            origin = _origin(text) if found.problems else ""
        except EnvelopeError as error:
            events, problems, origin = [], [str(error)], _origin(text)
        if problems and not passing and not _unsettled(events, ledger):
            yield Unreadable(receipt, text, f"{'; '.join(problems)}{origin}")
        else:
            staying.append(receipt)
    queue.release(staying)


def _unsettled(events: Iterable[ObjectEvent], ledger: Ledger) -> list[ObjectEvent]:
    """Those that are still to be done, as replays; of one that was stopped in time only the rest."""
    known = [ledger.get(event) for event in events]
    left = [entry.rest if entry and entry.rest else event for event, entry in zip(events, known, strict=True)]
    both = [(event, _as_nobodys(event)) for event in left]
    return [again for event, again in both if not (_is_settled(event, ledger) or _is_settled(again, ledger))]


def _as_nobodys(event: ObjectEvent) -> ObjectEvent:
    """The event as a replay, which no claim of an invocation that died blocks.

    All events that are one to the ledger are the same replay, whenever and in however many messages they came: the
    ledger cuts all but one.
    """
    what = [event.bucket_name, event.object_key, event.identity, event.records, event.replay]
    digest = hashlib.sha256(msgspec.json.encode(what)).hexdigest()
    return msgspec.structs.replace(event, replay=f"undelivered@{digest[:16]}")


def _is_settled(event: ObjectEvent, ledger: Ledger) -> bool:
    known = ledger.get(event)
    return known is not None and known.status in ("done", "part", "dropped", "failed", "superseded")
