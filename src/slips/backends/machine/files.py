"""The hashes and absences of files in the directories that stand for buckets, as tables of the state."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from slips.backends.machine.content import is_stamp
from slips.backends.machine.sqlite import Database
from slips.model import ObjectEvent

DAY = 86_400.0


class Files:
    """The hash of each file as it was last read, and since when files are absent that the ledger knows."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock

    def hash_of(self, bucket: str, key: str, stamp: str) -> str | None:
        """The hash of the file, if it has not been touched since it was read."""
        return self.known(bucket, key).get(stamp)

    def known(self, bucket: str, key: str) -> dict[str, str]:
        """The hash of a file by its stamp."""
        return dict(self._database.select("SELECT stamp, hash FROM file WHERE bucket = ? AND key = ?", (bucket, key)))

    def identified(self, event: ObjectEvent) -> ObjectEvent:
        """A listed event with the hash of its file, if that is known."""
        if not is_stamp(event.object_etag):
            return event
        known = self.hash_of(event.bucket_name, event.object_key, event.object_etag)
        return event if known is None else msgspec.structs.replace(event, object_etag=known)

    def remember(self, bucket: str, key: str, stamp: str, hash_: str) -> None:
        """Keeps the hash of a file that was read."""
        self._database.execute(
            "INSERT OR REPLACE INTO file (bucket, key, stamp, hash) VALUES (?, ?, ?, ?)", (bucket, key, stamp, hash_)
        )

    def keys(self, bucket: str) -> set[str]:
        """The keys of a bucket of which anything is known."""
        tables = ("ledger", "file", "lane")
        every = " UNION ".join(f"SELECT key FROM {table} WHERE bucket = ?" for table in tables)  # noqa: S608
        return {key for (key,) in self._database.select(every, [bucket] * len(tables))}

    def listed(self, bucket: str, keys: set[str], days: int) -> int:
        """Takes note of a complete listing of a bucket. Forgets what has been absent for `days`, at two listings.

        Gives how many keys are known that are not forgotten.

        A file is not deleted because it is away: its bucket may be a share that is not mounted.
        """
        now, known = self._clock(), self.keys(bucket)
        absent = dict(self._database.select("SELECT key, since FROM absent WHERE bucket = ?", (bucket,)))
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
