"""Keeps, in the state file, the hash of each file that was read, and since when a file is absent from its bucket."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from slips.backends.machine.content import is_stamp
from slips.backends.machine.sqlite import Database
from slips.model import ObjectEvent

DAY = 86_400.0


class Files:
    """The hash of each file at its last reading, and the time since when files of the ledger are absent."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock

    def hash_of(self, bucket: str, key: str, stamp: str) -> str | None:
        """Return the hash of the file; None if it was changed since it was read, or never read."""
        return self.known(bucket, key).get(stamp)

    def known(self, bucket: str, key: str) -> dict[str, str]:
        """Return the hash of a file by its stamp; empty if the file was never read."""
        return dict(self._database.select("SELECT stamp, hash FROM file WHERE bucket = ? AND key = ?", (bucket, key)))

    def identified(self, event: ObjectEvent) -> ObjectEvent:
        """Return a listed event with the hash of its file as etag; unchanged if the file must be read for that."""
        if not is_stamp(event.object_etag):
            return event
        return as_hashed(event, self.known(event.bucket_name, event.object_key))

    def remember(self, bucket: str, key: str, stamp: str, hash_: str) -> None:
        """Store the hash of a file that was read."""
        self._database.execute(
            "INSERT OR REPLACE INTO file (bucket, key, stamp, hash) VALUES (?, ?, ?, ?)", (bucket, key, stamp, hash_)
        )

    def knows(self, bucket: str) -> bool:
        """Whether the state has an object of a bucket."""
        return any(
            self._database.select(f"SELECT 1 FROM {table} WHERE bucket = ? LIMIT 1", (bucket,))  # noqa: S608
            for table in _TABLES
        )

    def keys(self, bucket: str, after: str = "", until: str | None = None) -> set[str]:
        """Return the keys of a bucket in the ledger, the lanes and the table of hashes, from `after` to `until`."""
        within, values = _within(bucket, after, until)
        every = " UNION ".join(f"SELECT key FROM {table} WHERE {within}" for table in _TABLES)  # noqa: S608
        return {key for (key,) in self._database.select(every, values * len(_TABLES))}

    def listed(self, bucket: str, keys: set[str], days: int, after: str = "", until: str | None = None) -> int:
        """Compare the state with the `keys` of a complete listing of a bucket. Return how many keys the state keeps.

        The listing may be a part, from behind the key `after` to `until`. Ledger and hash of a file are deleted if the
        file was absent from two listings that are `days` apart, and not before: its bucket may be a share that is not
        mounted.
        """
        now, known = self._clock(), self.keys(bucket, after, until)
        within, values = _within(bucket, after, until)
        absent = dict(self._database.select(f"SELECT key, since FROM absent WHERE {within}", values))  # noqa: S608
        gone = {key for key in known - keys if absent.get(key, now) < now - days * DAY}
        with self._database.transaction():
            for key in gone:
                self._database.execute("DELETE FROM ledger WHERE bucket = ? AND key = ?", (bucket, key))
                self._database.execute("DELETE FROM file WHERE bucket = ? AND key = ?", (bucket, key))
            for key in gone | (absent.keys() & keys):
                self._database.execute("DELETE FROM absent WHERE bucket = ? AND key = ?", (bucket, key))
            for key in known - keys - absent.keys():
                self._database.execute(
                    "INSERT OR REPLACE INTO absent (bucket, key, since) VALUES (?, ?, ?)", (bucket, key, now)
                )
        return len(known - gone)


def as_hashed(event: ObjectEvent, known: Mapping[str, str]) -> ObjectEvent:
    """Return an event with the hash of its file as etag, if the hash is `known` by the file's stamp."""
    hash_ = known.get(event.object_etag) if is_stamp(event.object_etag) else None
    return event if hash_ is None else msgspec.structs.replace(event, object_etag=hash_)


_TABLES = ("ledger", "file", "lane")


def _within(bucket: str, after: str, until: str | None) -> tuple[str, list[str]]:
    """Return a condition on keys behind `after`, up to `until`, and its values."""
    if until is None:
        return "bucket = ? AND key > ?", [bucket, after]
    return "bucket = ? AND key > ? AND key <= ?", [bucket, after, until]
