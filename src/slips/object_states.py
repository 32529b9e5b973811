"""Counts objects by their state now: an object counts once, whatever the ledger and the error table have of it.

In: the entries of a ledger, the items of an error table, and the events on lanes that can be read. Out: the number of
objects in each state. `state_of` alone defines the states. An object is a key of a bucket, with all its contents.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Literal, NamedTuple

from slips.brakes import is_held
from slips.errors import StateError
from slips.model import ErrorItem, ObjectEvent, Range, is_to_the_end
from slips.ports import Status

State = Literal["done", "filtered", "failed", "waiting", "claimed", "part", "taken_out", "dropped", "dismissed"]
"""`filtered`: it is no log; `failed`: the error table has an item that stops the object; `waiting`: it is on a lane;
`claimed`: a request runs it; `part`: its first records are done, the rest is on a lane; `taken_out`: its error item was
drained, or dismissed from a stack, and it has not run since; `dropped`: by a routing rule; `dismissed`: an operator
settled it."""
WORDS: dict[State, str] = {
    "done": "done",
    "failed": "failed",
    "waiting": "waiting on a lane",
    "claimed": "running",
    "part": "done in part",
    "taken_out": "taken out of the error table, not run since",
    "filtered": "filtered, as no logs",
    "dropped": "dropped by routing",
    "dismissed": "dismissed",
}
"""States in words, in the order in which people see them."""
CACHE = 64 * 2**20
"""Most bytes of memory for counting, enough for some 1,000,000 objects. Of more, SQLite keeps a temporary file."""


class Entry(NamedTuple):
    """A ledger entry, without what only runs need."""

    bucket: str
    key: str
    records: list[Range] | None
    status: Status
    updated_at: float
    """Epoch seconds."""


class ObjectCounts(NamedTuple):
    """Numbers of objects."""

    states: dict[State, int]
    failed: int
    """Objects that an error item stops."""
    quarantined: int
    """Objects that no error item stops, with bad records in the error table."""


def state_of(latest: Status | None, *, is_stopped: bool, is_quarantined: bool, is_on_lane: bool) -> State | None:
    """Return the state of an object; None if it has never been run.

    `latest`: status of its latest ledger entry that `is_of_object`. `is_stopped`: whether an error item stops the
    object. `is_quarantined`: whether an error item has bad records of it.
    """
    if is_stopped:
        return "failed"
    if is_on_lane:
        return "waiting"
    if latest is None:
        return "done" if is_quarantined else None  # only a finished object has a quarantine: its entry has expired
    if latest == "failed":
        return "taken_out"
    return None if latest == "superseded" else latest


def is_of_object(entry: Entry) -> bool:
    """Whether an entry says what became of its object: not that of a few records, or of content never read."""
    return is_to_the_end(entry.records) and entry.status != "superseded"


def stops(event: ObjectEvent) -> bool:
    """Whether an error item with this event stops the object: not if the event replays a few records of it."""
    return is_to_the_end(event.records)


class ObjectCounter:
    """Counts the objects of entries, items and events on lanes that are added to it, in any order, in flat memory."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # private: in memory, then in a file that vanishes
        for statement in (f"PRAGMA cache_size = -{CACHE // 1024}", "PRAGMA journal_mode = OFF", _TABLE, "BEGIN"):
            self._database.execute(statement)

    def add_entries(self, entries: Iterable[Entry], progress: Callable[[int], None] = lambda _: None) -> None:
        """Add entries of a ledger. Calls `progress` with each number of entries that were read. Raises StateError."""

        def rows() -> Iterator[tuple[bytes, str, float]]:
            for number, entry in enumerate(entries, 1):
                if number % _STEP == 0:
                    progress(_STEP)
                if is_of_object(entry):
                    yield _digest(entry.bucket, entry.key), entry.status, entry.updated_at

        self._write(_LATEST, rows())

    def add_items(self, items: Iterable[ErrorItem]) -> Iterator[ErrorItem]:
        """Add items of an error table, and yield each. Raises StateError."""
        for item in items:
            for event in item.events:
                if is_held(item) and not stops(event):
                    continue  # a few records wait, the object does not
                column = "is_on_lane" if is_held(item) else "is_stopped" if stops(event) else "is_quarantined"
                self._write(_MARK.format(column), [(_digest(event.bucket_name, event.object_key),)])
            yield item

    def add_waiting(self, objects: Iterable[tuple[str, str]]) -> None:
        """Add objects that wait on a lane, by bucket and key. Raises StateError."""
        self._write(_MARK.format("is_on_lane"), ((_digest(bucket, key),) for bucket, key in objects))

    def counts(self) -> ObjectCounts:
        """Return the numbers of all objects that were added."""
        states: dict[State, int] = {}
        failed = quarantined = 0
        for status, is_stopped, is_quarantined, is_on_lane, number in self._database.execute(_COUNT):
            state = state_of(status, is_stopped=is_stopped, is_quarantined=is_quarantined, is_on_lane=is_on_lane)
            if state is not None:
                states[state] = states.get(state, 0) + number
            failed += number if is_stopped else 0
            quarantined += number if is_quarantined and not is_stopped else 0
        return ObjectCounts(dict(sorted(states.items())), failed, quarantined)

    def _write(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        try:
            self._database.executemany(statement, rows)
        except sqlite3.Error as error:
            raise StateError(
                f"objects cannot be counted: {error}; expected free space for a temporary file; name a directory that "
                "has some in the environment variable SQLITE_TMPDIR"
            ) from error


_STEP = 1_000
"""Number of entries between two calls of `progress`."""
_TABLE = """CREATE TABLE object (
    digest BLOB PRIMARY KEY, status TEXT, at REAL,
    is_stopped INTEGER NOT NULL DEFAULT 0,
    is_quarantined INTEGER NOT NULL DEFAULT 0,
    is_on_lane INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID"""
_LATEST = """INSERT INTO object (digest, status, at) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET status = excluded.status, at = excluded.at WHERE at IS NULL OR at <= excluded.at"""
_MARK = "INSERT INTO object (digest, {0}) VALUES (?, 1) ON CONFLICT DO UPDATE SET {0} = 1"
_COUNT = """SELECT status, is_stopped, is_quarantined, is_on_lane, COUNT(*) FROM object
    GROUP BY status, is_stopped, is_quarantined, is_on_lane"""


def _digest(bucket: str, key: str) -> bytes:
    return blake2b(f"{bucket}\0{key}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
