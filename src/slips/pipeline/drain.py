"""Drain: error items back on their lane. An item goes only when a lane accepted all of it, and only that revision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from slips.config import Route
from slips.errors import OverwrittenError, StorageError
from slips.model import LANES, ErrorItem, Lane, ObjectEvent
from slips.pipeline.report import fingerprint
from slips.ports import ErrorTable, ObjectStore, Stream
from slips.routing import lane_of_item


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
    dry_run: bool = False,
) -> Iterator[Drained]:
    """Sends each item, then deletes it; yields after each. With `dry_run` only says what would be sent.

    `reader_of` tells what numbers the records of an object today; None if nothing is mapped.
    Raises StreamError if a lane refuses: that item and all after it stay.
    """
    for item in items:
        drained = Drained(item, [], [])
        replays: dict[Lane, list[ObjectEvent]] = {lane: [] for lane in LANES}
        try:
            for stored in item.events:
                event = _as_it_is_now(stored, store, reader_of, drained.notes)
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
            for lane, events in replays.items():
                if events:
                    stream.put(lane, events)
            if not errors.delete(item.request_id, item.revision):
                drained.notes.append(f"{item.request_id}: changed meanwhile; the newer one stays in the error table")
        yield drained


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
        if event.identity not in ("", stored.identity):
            raise OverwrittenError(
                f"object overwritten: {event.url} has other content since its records were quarantined; the item "
                "stays as evidence; 'slips run --again' with its path processes the new content"
            )
    return event


def with_key_of_today(event: ObjectEvent, store: ObjectStore) -> ObjectEvent:
    """An event with its raw key: the original stored keys as S3 announces them, quoted; today's events name a lane.

    The unquoted key, if an object is there, else the key as stored.
    """
    unquoted = unquote_plus(event.object_key)
    if event.lane is not None or unquoted == event.object_key:
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
