"""The state of listed objects on a stack: the listing is kept first, then error table and ledger are read, once.

DynamoDB has no order of keys. So a temporary SQLite file sorts what they have, and is read by pages of the listing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from slips.backends.spans import Span, rows
from slips.brakes import is_held
from slips.errors import StateError, UnreadableItemError
from slips.event_file import EventFile
from slips.known import NOTHING, Known, KnownEntry, RecordCounts, StoredEntry, by_page, content_of, ranges_of
from slips.model import ErrorItem, Lane, ObjectEvent, Range
from slips.ports import Status

CACHE = 64 * 2**20
"""Most bytes of memory for sorting and reading the temporary file."""
_STEP = 1_000


class DynamoKnown:
    """KnownObjects of a ledger and an error table. `lags`: see `KnownObjects.lag`."""

    def __init__(
        self,
        listed: Iterable[ObjectEvent],
        lags: Callable[[], Mapping[Lane, float]],
        entries: Callable[[Sequence[Span]], Iterable[StoredEntry]],
        items: Callable[[], Iterable[ErrorItem]],
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Read the listing, then lags, error table and ledger. Raises StorageError or StateError.

        The ledger is last: an event that leaves the error table for its lane is in the ledger by then.
        """
        self._listed, self.problems = EventFile(), list[str]()
        self._spans: dict[str, tuple[str, str]] = {}
        """First and last key listed of each bucket: nothing else is kept."""
        for event in listed:
            self._listed.add(event)
            first, _ = self._spans.get(event.bucket_name) or (event.object_key, "")
            self._spans[event.bucket_name] = (first, event.object_key)
        self._lags = lags()
        self.first_entry: float | None = None
        with _explained():
            self._database = sqlite3.connect("", isolation_level=None)  # private: a file that vanishes
            for statement in (f"PRAGMA cache_size = -{CACHE // 1024}", "PRAGMA journal_mode = OFF", *_TABLES, "BEGIN"):
                self._database.execute(statement)
            self._database.executemany("INSERT INTO item VALUES (?, ?, ?, ?)", self._items(items()))
            spans = [(bucket, *keys) for bucket, keys in self._spans.items()]
            self._database.executemany(_INSERT, self._entries(entries(spans), progress))
            for statement in _INDEXES:
                self._database.execute(statement)

    def lag(self, lane: Lane) -> float:
        return self._lags[lane]

    def __iter__(self) -> Iterator[tuple[ObjectEvent, Known]]:
        return by_page(self._listed, self._page)

    def _is_listed(self, bucket: str, key: str) -> bool:
        span = self._spans.get(bucket)
        return span is not None and span[0] <= key <= span[1]

    def _entries(self, entries: Iterable[StoredEntry], progress: Callable[[int], None]) -> Iterator[tuple[object, ...]]:
        for number, each in enumerate(entries, 1):
            if number % _STEP == 0:
                progress(_STEP)
            self.first_entry = min(each.updated_at, self.first_entry or each.updated_at)
            if self._is_listed(each.bucket, each.key):
                of, about = each.counts, (each.is_replay, each.status, each.updated_at)
                counts = (None,) * 5 if of is None else (of.etag, of.records, of.delivered, of.filtered, of.quarantined)
                yield (each.bucket, each.key, each.identity, _json(each.records), *about, *counts)

    def _items(self, items: Iterable[ErrorItem]) -> Iterator[tuple[str, str, str | None, bool]]:
        try:
            for item in items:
                for each in item.events:
                    if self._is_listed(each.bucket_name, each.object_key):
                        yield each.bucket_name, each.object_key, _json(each.records), is_held(item)
        except UnreadableItemError as error:
            self.problems.append(str(error))

    def _page(self, bucket: str, page: Sequence[ObjectEvent]) -> dict[str, Known]:
        listed = {event.object_key: event for event in page}
        span = (bucket, page[0].object_key, page[-1].object_key)
        found: dict[str, Known] = {}
        for key, _, *stored in rows(self._select, "entry", "rowid", _COLUMNS, span):
            if (event := listed.get(key)) is not None:
                found[key] = found.get(key, NOTHING).with_entry(_entry(event, *stored))
        for key, _, ranges, held in rows(self._select, "item", "rowid", "ranges, is_held", span):
            if key in listed:
                found[key] = found.get(key, NOTHING).with_item(ranges_of(ranges), is_held=bool(held))
        return found

    def _select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with _explained():
            return self._database.execute(statement, parameters).fetchall()


_COLUMNS = "identity, ranges, is_replay, status, updated_at, etag, records, delivered, filtered, quarantined"
_TABLES = (
    f"CREATE TABLE entry (bucket TEXT, key TEXT, {_COLUMNS})",
    "CREATE TABLE item (bucket TEXT, key TEXT, ranges, is_held)",
)
_INSERT = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INDEXES = ("CREATE INDEX entry_key ON entry (bucket, key)", "CREATE INDEX item_key ON item (bucket, key)")


def _json(records: list[Range] | None) -> str | None:
    return None if records is None else msgspec.json.encode(records).decode()


def _entry(
    event: ObjectEvent,
    identity: str,
    ranges: str | None,
    is_replay: int,
    status: Status,
    updated_at: float,
    etag: str | None,
    *numbers: int,
) -> KnownEntry:
    counts = None if etag is None else RecordCounts(*numbers)
    content = content_of(event, (event.identity,), identity, etag or "", updated_at)
    return KnownEntry(content, ranges_of(ranges), bool(is_replay), status, updated_at, counts)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(
            f"the ledger cannot be compared: {error}; expected free space for a temporary file; name a directory that "
            "has some in the environment variable SQLITE_TMPDIR"
        ) from error
