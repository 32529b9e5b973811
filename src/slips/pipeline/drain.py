"""Drain: error items back on their lane. An item goes only when a lane accepted all of it, and only that revision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from slips.config import Route
from slips.errors import OverwrittenError, StorageError
from slips.model import ErrorItem, Lane, ObjectEvent
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
        changed = [reason for event in item.events if (reason := _unreplayable(event, store, reader_of))]
        if changed:
            drained.notes += changed
            if not dry_run and item.error_type != OverwrittenError.__name__:
                errors.put(msgspec.structs.replace(item, error_type=OverwrittenError.__name__, message=changed[0]))
            yield drained
            continue
        for stored in item.events:
            event = with_key_of_today(stored, store)
            lane = lane_of_item(event, routing)
            replay = msgspec.structs.replace(
                event, lane=lane, dest_stream=streams[lane], replay=f"{item.request_id}@{item.revision}"
            )
            if (reader := _other_reader(event, reader_of)) is not None:
                drained.notes.append(
                    f"{event.url}: was cut by {event.reader!r}, now by {reader!r}: replayed whole, not just its records"
                )
                replay = msgspec.structs.replace(replay, records=None, reader=None)
            drained.lanes.append(lane)
            if not dry_run:
                stream.put(lane, [replay])
        if not dry_run and not errors.delete(item.request_id, item.revision):
            drained.notes.append(f"{item.request_id}: changed meanwhile; the newer one stays in the error table")
        yield drained


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


def _other_reader(event: ObjectEvent, reader_of: Callable[[ObjectEvent], str | None]) -> str | None:
    """The reader that the config has now, if it is not the one that numbered the records of `event`."""
    if event.records is None or event.reader is None:
        return None
    reader = reader_of(event)
    return reader if reader != event.reader else None


def _unreplayable(event: ObjectEvent, store: ObjectStore, reader_of: Callable[[ObjectEvent], str | None]) -> str | None:
    """Why the records of `event` cannot be replayed: their object has other content now."""
    if event.records is None or _other_reader(event, reader_of) is not None:
        return None
    try:
        with store.open(event) as stored:
            if event.identity in ("", stored.identity):
                return None
    except StorageError as error:
        return f"object cannot be read: {error}"
    return (
        f"object overwritten: {event.url} has other content since its records were quarantined; the item stays as "
        "evidence; 'slips run --again' with its path processes the new content"
    )
