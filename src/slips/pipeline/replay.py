"""Replays one error item: puts its events on their lanes, then deletes the item.

Each put of an item makes a new revision. Only the replayed revision is deleted: if the item was put again meanwhile,
the new one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from slips.brakes import is_held
from slips.config import Config, Route
from slips.errors import OverwrittenError, StorageError
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, fingerprint
from slips.not_logs import NotLog
from slips.parsing.chain import compile_chain
from slips.parsing.run import Chain
from slips.ports import ErrorTable, ObjectStore
from slips.routing import assigned, lane_again, lane_for
from slips.site.protocols import Site

CANARY = "canary@"
"""The beginning of the replay id of an item of a canary on this machine: whoever sent it waits for its outcome."""


class Replayed(Struct):
    """The outcome of replaying an item. The item stays if none of its events is on a lane, nor dropped."""

    item: ErrorItem
    lanes: list[Lane]
    notes: list[str]
    dropped: int = 0
    """Number of events that a routing rule drops."""


def replay(
    item: ErrorItem,
    site: Site,
    *,
    dry_run: bool = False,
    on_sent: Callable[[ObjectEvent], None] = lambda _: None,
    prefix: str = "",
) -> Replayed:
    """Put the events of an item on their lanes, then delete the item. With `dry_run` only return what would be sent.

    `prefix`: the beginning of their replay ids.

    Calls `on_sent` with each event as it is on its lane, before another process can take it if the site `is_atomic`.

    The ledger records events that were lost before routing and that a rule drops. On a site that `is_atomic`, lanes,
    table and ledger change together. On another site, a drain that dies in between leaves an item whose events are on
    their lanes; if the item is drained again, the ledger removes the duplicates. Raises StreamError if a lane refuses
    events: the item stays.
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
            # An event that only waits is not looked at: one that cannot run must not keep those beside it waiting.
            event = stored if is_held(item) else _as_it_is_now(stored, site, done.notes)
            if _is_dropped(event, routing):
                done.notes.append(f"{event.url}: dropped by a routing rule")
                dropped.append(event)
                done.dropped += 1
                continue
            lane = lane_again(routing, event)
            # What only waits is no replay: the ledger cuts it, if the object was announced and processed meanwhile.
            name = event.replay if is_held(item) else f"{prefix}{name_of_replay(item)}"
            stream = site.streams[lane]
            replays[lane].append(msgspec.structs.replace(event, lane=lane, dest_stream=stream, replay=name))
            done.lanes.append(lane)
    except (OverwrittenError, StorageError) as error:
        if not dry_run and isinstance(error, OverwrittenError):
            _mark(item, error, site.errors)
        return Replayed(item, [], [str(error)])
    if dry_run:
        return done
    if not site.is_atomic:
        _send(replays, dropped, site, on_sent)
        if is_held(item):
            # Of other items' events the ledger says that they failed. These it does not know, and the item goes.
            site.ledger.note_waiting([event for events in replays.values() for event in events])
        deleted = site.errors.delete(item.request_id, item.revision)
    else:
        with site.transaction():
            # Deleting first loses nothing in a transaction, and shows whether another drain has sent the item.
            if deleted := site.errors.delete(item.request_id, item.revision):
                _send(replays, dropped, site, on_sent)
            else:
                done.lanes, done.dropped = [], 0
    if not deleted and site.errors.get(item.request_id) is not None:
        done.notes.append(f"{item.request_id}: changed meanwhile; the newer one stays in the error table")
    return done


def _send(
    replays: Mapping[Lane, Sequence[ObjectEvent]],
    dropped: Sequence[ObjectEvent],
    site: Site,
    on_sent: Callable[[ObjectEvent], None],
) -> None:
    for event in dropped:
        site.ledger.drop(event)
    for lane, events in replays.items():
        if events:
            site.stream.put(lane, events)
        for event in events:
            on_sent(event)


def _is_dropped(event: ObjectEvent, routing: Sequence[Route]) -> bool:
    """Whether a routing rule drops an event that was never on a lane."""
    return event.lane is None and not event.dest_stream and lane_for(routing, event) == "drop"


def name_of_replay(item: ErrorItem) -> str:
    """Return the name of the replay of this revision of an item, which its events on a lane carry."""
    return f"{item.request_id}@{item.revision}"


def possible_replays(event: ObjectEvent, item: ErrorItem) -> list[ObjectEvent]:
    """Return the forms in which an event of an item may be on a lane, for one who does not know the config.

    They have the keys of all entries that the ledger may have of it.
    """
    own = msgspec.structs.replace(event, replay=name_of_replay(item))
    forms = [own]
    if event.records is not None:
        forms.append(msgspec.structs.replace(own, records=None))
    if event.lane is None and (unquoted := unquote_plus(event.object_key)) != event.object_key:
        forms.append(msgspec.structs.replace(own, object_key=unquoted))
    return forms


def _as_it_is_now(event: ObjectEvent, site: Site, notes: list[str]) -> ObjectEvent:
    """Return the event to send for a stored one. Raises OverwrittenError or StorageError if its records are lost.

    That comes before the reader of today: with other content, nothing that is sent would replay the records.
    """
    event = with_key_of_today(event, site.store)
    if event.records is None:
        return event
    mapping = assigned(site.config.bucket_mapping, event)
    if isinstance(mapping, NotLog):
        return event  # it is not opened
    with site.store.open(event) as stored:
        if event.identity and not stored.is_named(event.identity):
            raise OverwrittenError(
                f"object overwritten: {event.url} has other content since its records were quarantined; the item "
                "stays as evidence; its new content is an object of its own, processed by itself; 'slips "
                "dismiss' takes the item out"
            )
    return with_reader_of_today(event, site.config, notes)


def with_reader_of_today(event: ObjectEvent, config: Config, notes: list[str]) -> ObjectEvent:
    """Return an event, of the whole object if another reader than that of today has numbered its records.

    Adds the reason to `notes`.
    """
    mapping = assigned(config.bucket_mapping, event)
    if event.records is None or event.reader is None or mapping is None or isinstance(mapping, NotLog):
        return event
    chain = compile_chain(mapping.format, config.root)
    return event if event.reader == chain.reader else _whole(event, chain, notes)


def _whole(event: ObjectEvent, chain: Chain, notes: list[str]) -> ObjectEvent:
    """Return the event of the whole object, for records that another reader has numbered."""
    notes.append(
        f"{event.url}: was cut by {event.reader!r}, now by {chain.reader!r}: replayed whole, not just its records"
    )
    return msgspec.structs.replace(event, records=None, reader=None)


def with_key_of_today(event: ObjectEvent, store: ObjectStore) -> ObjectEvent:
    """Return an event with its key unquoted, if an object with that key exists; else the event as stored.

    Only for events of the original slips, which stored keys as S3 quotes them. These have a stream but no lane: today's
    events on a stream have a lane, too, and events that the event pusher could not send have neither.
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


def etag_of_other_content(event: ObjectEvent, store: ObjectStore) -> str | None:
    """Return the etag of the present content, if that is not the content which the event announced; else None.

    None, too, for an event that always reads its own content (a version), refuses other content (records), or cannot
    be read now.
    """
    if event.object_version_id or not event.object_etag or event.records is not None:
        return None
    try:
        with store.open(event) as stored:
            return None if stored.is_named(event.object_etag) else stored.etag
    except StorageError:
        return None


def _mark(item: ErrorItem, error: OverwrittenError, errors: ErrorTable) -> None:
    """Record why the item cannot be drained. Skip if already recorded: each put bumps the revision."""
    stage, error_type, message = error.stage, type(error).__name__, str(error)
    if item.error_type == error_type:
        return
    errors.put(
        msgspec.structs.replace(
            item,
            stage=stage,
            error_type=error_type,
            message=message,
            fingerprint=fingerprint(stage, error_type, message, item.events[0]),
        )
    )
