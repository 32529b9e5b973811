"""Forgets objects in S3 that are absent from listings for long, page by page: a bucket may have millions.

`Files` does the same for directories, whose names it can hold at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

from msgspec import Struct

from slips.backends.machine.files import DAY
from slips.backends.machine.sqlite import Database

_LAST = "\U0010ffff"
"""Sorts behind every text."""
_TOGETHER = 5_000
"""Keys of the ledger that are compared at once, at most."""


class Absences(Struct, frozen=True):
    """The changes that a part of a listing makes in the state."""

    missing: list[str]
    """Keys in the ledger that are absent for the first time."""
    back: list[str]
    """Keys that were absent, and are listed."""
    gone: list[str]
    """Keys that are absent since long, and are forgotten."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.back or self.gone)


class Absent:
    """The keys of buckets in S3 that the ledger has, and that are absent from listings."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock

    def changes(
        self, bucket: str, prefix: str, after: str, until: str | None, listed: Collection[str], days: int
    ) -> Iterator[Absences]:
        """Yield what the keys `listed` with a prefix, behind `after` up to `until`, change; None: up to the last.

        A key is gone if it was absent from two listings that are `days` apart, and not before. Writes nothing.
        """
        now, at = self._clock(), after
        last = f"{prefix}{_LAST}" if until is None else until
        while rows := self._known(bucket, prefix, at, last):
            at = rows[-1][0]
            missing, back, gone = list[str](), list[str](), list[str]()
            for key, since in rows:
                if key in listed:
                    if since is not None:
                        back.append(key)
                elif since is None:
                    missing.append(key)
                elif since < now - days * DAY:
                    gone.append(key)
            if found := Absences(missing, back, gone):
                yield found

    def write(self, bucket: str, changes: Absences) -> None:
        """Write the changes. An object that waits on a lane, or is in the error table, is not forgotten."""
        now = self._clock()
        for key in changes.missing:
            self._database.execute(
                "INSERT OR IGNORE INTO absent (bucket, key, since) VALUES (?, ?, ?)", (bucket, key, now)
            )
        for key in changes.gone:
            self._database.execute(
                "DELETE FROM ledger WHERE bucket = ? AND key = ? "
                "AND NOT EXISTS (SELECT 1 FROM lane WHERE lane.bucket = ledger.bucket AND lane.key = ledger.key) "
                "AND NOT EXISTS (SELECT 1 FROM error WHERE error.bucket = ledger.bucket AND error.key = ledger.key)",
                (bucket, key),
            )
        for key in changes.back + changes.gone:
            self._database.execute("DELETE FROM absent WHERE bucket = ? AND key = ?", (bucket, key))

    def _known(self, bucket: str, prefix: str, after: str, until: str) -> list[tuple[str, float | None]]:
        return self._database.select(
            "SELECT DISTINCT ledger.key, absent.since FROM ledger "
            "LEFT JOIN absent ON absent.bucket = ledger.bucket AND absent.key = ledger.key "
            "WHERE ledger.bucket = ? AND ledger.key > ? AND ledger.key >= ? AND ledger.key <= ? "
            "ORDER BY ledger.key LIMIT ?",
            (bucket, after, prefix, until, _TOGETHER),
        )
