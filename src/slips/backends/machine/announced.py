"""Compares objects that S3 lists or announces with the state: contents that are new, wait, or are settled.

A file has one content, the present one. An object in S3 can have several, which a queue announces in any order: each
counts by itself here. All objects of a call are looked up together, since a listing has millions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from slips.backends.machine.content import is_stamp
from slips.backends.machine.sqlite import Database, from_json
from slips.model import ErrorItem, ObjectEvent
from slips.ports import SETTLED

_TOGETHER = 1_000
"""Keys in one query."""
_IS_SETTLED = f"status IN ({', '.join('?' * len(SETTLED))}) AND substr(entry, -11) = ',null,null]'"
"""Of the entries of whole objects: the end of an entry has its records and its replay (see `entry_of`)."""
_RUNS = (
    "(json_extract(event, '$.replay') IS NOT NULL OR NOT EXISTS (SELECT 1 FROM ledger "  # noqa: S608 - constants
    f"WHERE ledger.bucket = lane.bucket AND ledger.key = lane.key AND {_IS_SETTLED}))"
)
"""Of events on lanes: the ledger will not cut them."""


class Compared(Struct, frozen=True):
    """Announced objects, parted by the state. The contents of all others are settled, or in the error table."""

    new: list[ObjectEvent]
    """Events that belong on a lane, one of each content."""
    waiting: list[ObjectEvent]
    """Events whose contents wait on a lane."""
    failed: int = 0
    """Number of contents that the error table has."""


class Announced:
    """The contents of objects in S3 that the state file has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def compare(self, events: Sequence[ObjectEvent]) -> Compared:
        """Compare announced objects with the state."""
        new, waiting, failed = dict[tuple[str, str, str], ObjectEvent](), list[ObjectEvent](), 0
        for bucket in dict.fromkeys(event.bucket_name for event in events):
            of_bucket = [event for event in events if event.bucket_name == bucket]
            for at in range(0, len(of_bucket), _TOGETHER):
                _, left = self._parted(self._settled, bucket, of_bucket[at : at + _TOGETHER])
                on_lanes, left = self._parted(self._lanes, bucket, left)
                in_errors, left = self._parted(self._errors, bucket, left)
                _, left = self._parted(self._settled_by_etag, bucket, left)
                waiting += on_lanes
                failed += len(in_errors)
                for event in left:
                    new.setdefault((bucket, event.object_key, event.identity), event)
        return Compared(list(new.values()), waiting, failed)

    def count_settled(self, events: Sequence[ObjectEvent]) -> int:
        """Return the number of listed objects in S3 whose content is settled."""
        count = 0
        for bucket in dict.fromkeys(event.bucket_name for event in events):
            settled, left = self._parted(self._settled, bucket, [one for one in events if one.bucket_name == bucket])
            count += len(settled) + len(self._parted(self._settled_by_etag, bucket, left)[0])
        return count

    def waiting(self, events: Sequence[ObjectEvent], *, again: bool) -> set[tuple[str, str]]:
        """Return bucket and key of those listed objects whose content waits on a lane; of a file, whichever content.

        `again`: without events that the ledger may cut, since a content of the object is settled. It cuts no replay.
        """
        found: set[tuple[str, str]] = set()
        condition, values = (f"whole AND {_RUNS}", SETTLED) if again else ("whole", ())
        for bucket in dict.fromkeys(event.bucket_name for event in events):
            listed = [event for event in events if event.bucket_name == bucket]
            names = [event.object_key for event in listed]
            rows = self._rows("SELECT key, event FROM lane", bucket, names, condition, values)
            contents, keys = _of_rows(rows), {key for key, _ in rows}
            found |= {
                (bucket, event.object_key)
                for event in listed
                if event.object_key in keys and (is_stamp(event.object_etag) or contents.has(event))
            }
        return found

    def _parted(
        self, find: Callable[[str, Sequence[str]], _Contents], bucket: str, events: Sequence[ObjectEvent]
    ) -> tuple[list[ObjectEvent], list[ObjectEvent]]:
        """Part the events into those whose contents `find` finds for their keys, and the others."""
        parts: tuple[list[ObjectEvent], list[ObjectEvent]] = ([], [])
        if events:
            found = find(bucket, list(dict.fromkeys(event.object_key for event in events)))
            for event in events:
                parts[not found.has(event)].append(event)
        return parts

    def _settled(self, bucket: str, keys: Sequence[str]) -> _Contents:
        return _Contents(self._rows("SELECT key, identity FROM ledger", bucket, keys, _IS_SETTLED, SETTLED))

    def _settled_by_etag(self, bucket: str, keys: Sequence[str]) -> _Contents:
        """Find contents whose entries have a version id as identity, which a listing does not know."""
        etags = "SELECT key, json_extract(outcome, '$.etag') FROM ledger"
        return _Contents(self._rows(etags, bucket, keys, _IS_SETTLED, SETTLED))

    def _lanes(self, bucket: str, keys: Sequence[str]) -> _Contents:
        return _of_rows(self._rows("SELECT key, event FROM lane", bucket, keys, "whole"))

    def _errors(self, bucket: str, keys: Sequence[str]) -> _Contents:
        rows = self._rows("SELECT key, item FROM error", bucket, keys, "kind = 'object'")
        return _of_events((key, from_json(item, ErrorItem, f"error item of {key!r}").events) for key, item in rows)

    def _rows(
        self, select: str, bucket: str, keys: Sequence[str], condition: str, values: Iterable[Any] = ()
    ) -> list[Any]:
        each = ", ".join("?" * len(keys))
        return self._database.select(
            f"{select} WHERE bucket = ? AND key IN ({each}) AND {condition}", (bucket, *keys, *values)
        )


class _Contents:
    """Some contents of objects of one bucket, by key and each of their names: version id, etag."""

    def __init__(self, names: Iterable[tuple[str, str | None]]) -> None:
        self._names = {each for each in names if each[1] is not None}

    def has(self, event: ObjectEvent) -> bool:
        """Whether the content of an event is among these. Only its version id names it, if it has one."""
        return (event.object_key, event.identity) in self._names


def _of_rows(rows: Iterable[tuple[str, str]]) -> _Contents:
    """Return the contents that rows of lanes have."""
    return _of_events((key, [from_json(event, ObjectEvent, f"lane, {key!r}")]) for key, event in rows)


def _of_events(rows: Iterable[tuple[str, list[ObjectEvent]]]) -> _Contents:
    def names() -> Iterator[tuple[str, str | None]]:
        for key, events in rows:
            for event in events:
                if event.object_key == key and event.records is None:
                    yield key, event.object_version_id
                    yield key, event.object_etag

    return _Contents(names())
