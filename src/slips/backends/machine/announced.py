"""Compares objects that S3 lists or announces with the state: contents that are new, wait, or are settled.

A file has one content, the present one. An object in S3 can have several, which a queue announces in any order: each
counts by itself here. All objects of a call are looked up together, since a listing has millions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from slips.backends.machine.sqlite import Database
from slips.model import ErrorItem, ObjectEvent
from slips.ports import SETTLED

_TOGETHER = 1_000
"""Keys in one query."""
_EACH_SETTLED = ", ".join("?" * len(SETTLED))


class Compared(Struct, frozen=True):
    """What the state has of some announced objects. The contents of all others are settled, or in the error table."""

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
        new: dict[tuple[str, str, str], ObjectEvent] = {}
        waiting, failed = list[ObjectEvent](), 0
        for bucket in dict.fromkeys(event.bucket_name for event in events):
            of_bucket = [event for event in events if event.bucket_name == bucket]
            for at in range(0, len(of_bucket), _TOGETHER):
                some = of_bucket[at : at + _TOGETHER]
                keys = list(dict.fromkeys(event.object_key for event in some))
                settled, on_lanes, in_errors = self._settled(bucket, keys), self._lanes(bucket, keys), None
                for event in some:
                    if settled.has(event):
                        continue
                    if on_lanes.has(event):
                        waiting.append(event)
                        continue
                    in_errors = in_errors or self._errors(bucket, keys)
                    if in_errors.has(event):
                        failed += 1
                    else:
                        new.setdefault((bucket, event.object_key, event.identity), event)
        return Compared(list(new.values()), waiting, failed)

    def _settled(self, bucket: str, keys: Sequence[str]) -> _Contents:
        rows = self._rows(
            "SELECT key, identity, json_extract(outcome, '$.etag') FROM ledger",
            bucket,
            keys,
            f"status IN ({_EACH_SETTLED}) AND json_extract(entry, '$[3]') IS NULL "
            "AND json_extract(entry, '$[4]') IS NULL",
            SETTLED,
        )
        # An entry has the version id alone as identity, which a listing does not know.
        return _Contents((key, name) for key, identity, etag in rows for name in (identity, etag))

    def _lanes(self, bucket: str, keys: Sequence[str]) -> _Contents:
        rows = self._rows("SELECT key, event FROM lane", bucket, keys, "whole")
        return _of_events((key, [msgspec.json.decode(event, type=ObjectEvent)]) for key, event in rows)

    def _errors(self, bucket: str, keys: Sequence[str]) -> _Contents:
        rows = self._rows("SELECT key, item FROM error", bucket, keys, "kind = 'object'")
        return _of_events((key, msgspec.json.decode(item, type=ErrorItem).events) for key, item in rows)

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


def _of_events(rows: Iterable[tuple[str, list[ObjectEvent]]]) -> _Contents:
    def names() -> Iterator[tuple[str, str | None]]:
        for key, events in rows:
            for event in events:
                if event.object_key == key and event.records is None:
                    yield key, event.object_version_id
                    yield key, event.object_etag

    return _Contents(names())
