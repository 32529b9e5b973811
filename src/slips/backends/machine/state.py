"""The state of one machine: lanes, error table, ledger and files in one SQLite file.

While `slips run` works, its supervisor writes the state. Other commands write, too, each in short transactions.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import cast

import msgspec
from msgspec import Struct

from slips.backends.machine.absent import Absent
from slips.backends.machine.announced import Announced
from slips.backends.machine.brakes import SqliteBrakes
from slips.backends.machine.content import is_stamp, names_of, names_of_young
from slips.backends.machine.errors import SqliteErrors
from slips.backends.machine.files import Files, as_hashed
from slips.backends.machine.heartbeat import ServiceRow
from slips.backends.machine.lanes import Delivery, SqliteStream
from slips.backends.machine.ledger import SqliteLedger
from slips.backends.machine.patience import Patience
from slips.backends.machine.sqlite import Database, from_json, to_json
from slips.known import pages
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, is_to_the_end
from slips.operations import LaneStatus
from slips.ports import SETTLED, entry_of

_OF_THESE = "bucket IN (SELECT value FROM json_each(?)) AND key IN (SELECT value FROM json_each(?))"
_FILES = f"SELECT bucket, key, stamp, hash FROM file WHERE {_OF_THESE}"  # noqa: S608 - constants, as those below
_WAITING = f"SELECT bucket, key FROM lane WHERE {_OF_THESE} AND whole"  # noqa: S608
_FAILED = f"SELECT bucket, key FROM error WHERE {_OF_THESE} AND kind = 'object'"  # noqa: S608
_SETTLED = (
    f"SELECT entry FROM ledger WHERE status IN ({', '.join('?' * len(SETTLED))}) "  # noqa: S608
    "AND entry IN (SELECT value FROM json_each(?))"
)
RETRYING = "SELECT COUNT(*) FROM lane WHERE lane = ? AND attempts > 0"
"""Counts the events of a lane whose last attempt failed."""


class ListedObject(Struct):
    """A listed object, and what the state has of it."""

    event: ObjectEvent
    """With the hash of its file as etag, if the file was read as it is now."""
    is_settled: bool
    """Whether its content needs no further run, by any of its identities."""
    is_waiting: bool
    """Whether the whole object waits on a lane."""
    has_error: bool
    """Whether the error table has an item of it, by any name of its content, or without a name."""

    @property
    def is_pending(self) -> bool:
        """Whether it must be put on a lane."""
        return not (self.is_settled or self.is_waiting or self.has_error)


class MachineState(Database):
    """A Stream, an ErrorTable and a Ledger on one connection, and the changes that concern several of these."""

    def __init__(
        self,
        directory: Path,
        connection: sqlite3.Connection,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(directory, connection, patience, clock)
        self.stream = SqliteStream(self)
        self.errors = SqliteErrors(self)
        self.ledger = SqliteLedger(self)
        self.files = Files(self, clock)
        self.announced, self.absent = Announced(self), Absent(self, clock)
        self.brakes = SqliteBrakes(self)
        self.service = ServiceRow(self, clock)

    # -- questions of the supervisor

    def is_pending(self, event: ObjectEvent) -> bool:
        """Whether a listed object must be put on a lane."""
        return next(self.listed([event])).is_pending

    def listed(self, events: Iterable[ObjectEvent]) -> Iterator[ListedObject]:
        """Yield listed objects with their state, in order. All of a page are looked up together."""
        for page in pages(events):
            yield from self._listed(page)

    def _listed(self, events: Sequence[ObjectEvent]) -> Iterator[ListedObject]:
        of_these = (to_json(list({event.bucket_name for event in events})), to_json([one.object_key for one in events]))
        hashes = {(bucket, key): {stamp: hash_} for bucket, key, stamp, hash_ in self.select(_FILES, of_these)}
        waiting, failed = set(self.select(_WAITING, of_these)), set(self.select(_FAILED, of_these))
        events = [as_hashed(event, hashes.get((event.bucket_name, event.object_key), {})) for event in events]
        entries = [[entry_of(_named(event, name)).decode() for name in _names(event)] for event in events]
        settled = {entry for (entry,) in self.select(_SETTLED, (*SETTLED, to_json(list(chain(*entries)))))}
        for event, names in zip(events, entries, strict=True):
            where = (event.bucket_name, event.object_key)
            has_error = where in failed and self._has_error(event)
            yield ListedObject(event, not settled.isdisjoint(names), where in waiting, has_error)

    def is_waiting(self, event: ObjectEvent) -> bool:
        """Whether the whole object waits on a lane."""
        rows = self.select(
            "SELECT 1 FROM lane WHERE bucket = ? AND key = ? AND whole LIMIT 1", (event.bucket_name, event.object_key)
        )
        return bool(rows)

    def _has_error(self, event: ObjectEvent) -> bool:
        """Whether the error table has an item of a listed object, by any name of its content, or without a name.

        A file that changed since it failed is another content. If it was only touched, the next run finds that out.
        """
        where = (event.bucket_name, event.object_key)
        rows = self.select("SELECT item FROM error WHERE bucket = ? AND key = ? AND kind = 'object'", where)
        if not rows:
            return False
        names = {"", event.identity}
        if is_stamp(event.object_etag):
            known, young = self.files.known(*where), names_of_young(event.object_etag)
            names.update(young, (known[name] for name in young if name in known))
        return any(
            failed.identity in names
            for (item,) in rows
            for failed in from_json(item, ErrorItem, f"error item of {event.object_key!r}").events
            if (failed.bucket_name, failed.object_key) == where
        )

    def dismiss(self, item: ErrorItem) -> bool:
        """Delete this very revision of an item. Return False if another revision is stored, or none.

        If the item is of a whole object, or of its last part, the object is settled: no run processes it until its
        content changes. But an object that waits on a lane stays there, since a user has asked for it.
        """
        with self.transaction():
            if not self.errors.delete(item.request_id, item.revision):
                return False
            for event in item.events:
                plain = msgspec.structs.replace(event, replay=None)
                settled = self.is_waiting(plain) or self.ledger.status_of(plain) in SETTLED
                if is_to_the_end(event.records) and not settled:
                    self.ledger.dismiss(plain)
            return True

    def identify(self, found: ObjectEvent, names: Sequence[str]) -> None:
        """Store the hash of a file that was read, and move the ledger's entries of its other names to that hash."""
        self.files.remember(found.bucket_name, found.object_key, names[0], found.object_etag)
        if not self.ledger.has_names(found, names):
            return
        whole = msgspec.structs.replace(found, records=None, replay=None)
        for name in names:
            by_name = _named(whole, name)
            if self.ledger.status_of(by_name) in SETTLED:
                if self.ledger.status_of(whole) is None:
                    self.ledger.copy(by_name, whole)
                self.ledger.forget(by_name)
        self.ledger.forget_stamps(found)

    def take_off_lane(self, delivery: Delivery, read: ObjectEvent, names: Sequence[str]) -> None:
        """Remove a concluded event from its lane. `read` is the event of the content, which has other `names`, too.

        The ledger keeps no claim of the announced content by another name, and no replay, since no lane can deliver
        these again.
        """
        announced = delivery.event
        with self.transaction():
            self.acknowledge(delivery)
            if announced.replay is None and announced.identity in ("", *names) and announced.identity != read.identity:
                self.ledger.forget(announced)
            if announced.identity == read.object_etag != read.identity and announced.records is None:
                # Its identity is a version id, which listings do not have.
                self.ledger.copy(read, msgspec.structs.replace(announced, replay=None))

    def acknowledge(self, delivery: Delivery) -> None:
        """Remove the event from its lane, and the ledger's rows of its replay, unless a lane has the replay again."""
        announced = delivery.event
        with self.transaction():
            self.stream.acknowledge(delivery)
            if announced.replay is not None and not self.stream.has_replay(announced):
                self.ledger.forget(announced)

    def setting(self, name: str) -> str | None:
        """Return a setting; None if it is not set."""
        rows = self.select("SELECT value FROM setting WHERE name = ?", (name,))
        return cast("str", rows[0][0]) if rows else None

    def set(self, name: str, value: str | None) -> None:
        """Store a setting; None deletes it."""
        if value is None:
            self.execute("DELETE FROM setting WHERE name = ?", (name,))
        else:
            self.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (name, value))

    def checkpoint(self, source: str) -> str | None:
        """Return what a source of objects has stored to continue from; None if it has stored nothing."""
        rows = self.select("SELECT value FROM checkpoint WHERE source = ?", (source,))
        return cast("str", rows[0][0]) if rows else None

    def set_checkpoint(self, source: str, value: str) -> None:
        """Store what a source of objects will continue from."""
        self.execute("INSERT OR REPLACE INTO checkpoint (source, value) VALUES (?, ?)", (source, value))

    def lanes(self) -> dict[Lane, LaneStatus]:
        """Return the state of each lane."""
        now, lanes = self.clock(), dict[Lane, LaneStatus]()
        for lane in LANES:
            # All read an index alone, not the rows: of 100,000 events in 2 ms, not 50. The first event is the oldest.
            ((waiting,),) = self.select("SELECT COUNT(*) FROM lane WHERE lane = ?", (lane,))
            first = self.select("SELECT put_at FROM lane WHERE lane = ? ORDER BY id LIMIT 1", (lane,))
            ((retrying,),) = self.select(RETRYING, (lane,))
            oldest = max(0.0, round(now - first[0][0], 3)) if first else None
            lanes[lane] = LaneStatus(waiting, oldest, retrying=retrying)
        return lanes


def _names(event: ObjectEvent) -> tuple[str, ...]:
    """Return the identities of a listed object's content."""
    return names_of(event.object_etag) if is_stamp(event.object_etag) else (event.identity,)


def _named(event: ObjectEvent, identity: str) -> ObjectEvent:
    return msgspec.structs.replace(event, object_etag=identity, object_version_id=None)
