"""Replay: one error item back on its lanes. It goes only when they accepted all of it, and only that revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from slips.chain import compile_chain
from slips.config import Config, Route
from slips.errors import OverwrittenError, StorageError
from slips.model import LANES, ErrorItem, Lane, ObjectEvent
from slips.pipeline.items import fingerprint
from slips.ports import ErrorTable, ObjectStore
from slips.routing import lane_for, lane_of_item, mapping_for
from slips.site import Site


class Replayed(Struct):
    """What became of one item: its lanes (none if it stayed), and what the user should know about it."""

    item: ErrorItem
    lanes: list[Lane]
    notes: list[str]


def replay(item: ErrorItem, site: Site, *, dry_run: bool = False) -> Replayed:
    """Sends an item, then deletes it. With `dry_run` only says what would be sent.

    Events that were lost before routing saw them, and that a rule drops, go to the ledger. Lanes, table and ledger
    change together on a site that `is_atomic`; on another, a drain that dies in between has sent the item, and the
    ledger cuts what is sent twice. Raises StreamError if a lane refuses: the item stays.
    """
    done = Replayed(item, [], [])
    if not item.events:
        done.notes.append(f"{item.request_id}: names no object, so that nothing can be replayed; it stays")
        return done
    replays: dict[Lane, list[ObjectEvent]] = {lane: [] for lane in LANES}
    dropped: list[ObjectEvent] = []
    routing = site.config.routing
    try:
        for stored in item.events:
            event = _as_it_is_now(stored, site, done.notes)
            if _is_dropped(event, routing):
                done.notes.append(f"{event.url}: dropped by a routing rule")
                dropped.append(event)
                continue
            lane = lane_of_item(event, routing)
            name = f"{item.request_id}@{item.revision}"
            replays[lane].append(msgspec.structs.replace(event, lane=lane, dest_stream=site.streams[lane], replay=name))
            done.lanes.append(lane)
    except (OverwrittenError, StorageError) as error:
        if not dry_run and isinstance(error, OverwrittenError):
            _mark(item, error, site.errors)
        return Replayed(item, [], [str(error)])
    if dry_run:
        return done
    if not site.is_atomic:
        _send(replays, dropped, site)
        deleted = site.errors.delete(item.request_id, item.revision)
    else:
        with site.transaction():
            # Here nothing is lost if the item goes first, and what somebody else has sent is not sent again.
            if deleted := site.errors.delete(item.request_id, item.revision):
                _send(replays, dropped, site)
            else:
                done.lanes = []
    if not deleted and site.errors.get(item.request_id) is not None:
        done.notes.append(f"{item.request_id}: changed meanwhile; the newer one stays in the error table")
    return done


def _send(replays: Mapping[Lane, Sequence[ObjectEvent]], dropped: Sequence[ObjectEvent], site: Site) -> None:
    for event in dropped:
        site.ledger.drop(event)
    for lane, events in replays.items():
        if events:
            site.stream.put(lane, events)


def _is_dropped(event: ObjectEvent, routing: Sequence[Route]) -> bool:
    """Whether a rule drops an event that never came to a lane."""
    return event.lane is None and not event.dest_stream and lane_for(routing, event) == "drop"


def _as_it_is_now(event: ObjectEvent, site: Site, notes: list[str]) -> ObjectEvent:
    """The event to send. Raises OverwrittenError or StorageError where its records cannot be replayed."""
    event = with_key_of_today(event, site.store)
    if event.records is None:
        return event
    reader = _reader_of(event, site.config)
    if event.reader is not None and reader is not None and reader != event.reader:
        notes.append(
            f"{event.url}: was cut by {event.reader!r}, now by {reader!r}: replayed whole, not just its records"
        )
        return msgspec.structs.replace(event, records=None, reader=None)
    with site.store.open(event) as stored:
        if event.identity and not stored.is_named(event.identity):
            raise OverwrittenError(
                f"object overwritten: {event.url} has other content since its records were quarantined; the item "
                "stays as evidence; its new content is an object of its own, processed by itself; 'slips "
                "dismiss' takes the item out"
            )
    return event


def _reader_of(event: ObjectEvent, config: Config) -> str | None:
    """What numbers the records of an object by this config; None if nothing is mapped."""
    mapping = mapping_for(config.bucket_mapping, event.bucket_name, event.object_key)
    return compile_chain(mapping.format, config.root).reader if mapping else None


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
