"""The lanes of one machine: rows of a table that stay until their event is concluded.

Nothing here waits: the supervisor waits for the delay of a lane, and between the attempts of an object.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import cast
from uuid import uuid4

from msgspec import Struct

from slips.backends.machine.sqlite import Database, from_json, to_json
from slips.config import Config
from slips.model import LANES, Lane, ObjectEvent


class Delivery(Struct):
    """An object event read from a lane. It stays on the lane until it is acknowledged."""

    id: int
    event: ObjectEvent
    request_id: str
    attempts: int
    """Failed attempts so far."""
    excused: int = 0
    """Failures in this session that were no attempts."""
    settled: list[str] = []
    """Identities of the object's contents that need no further run; empty if a user asked for this run."""
    known: dict[str, str] = {}
    """The hash of the object's file by its stamp, if it was read before."""
    read: ObjectEvent | None = None
    """The event of the content that the current attempt opened, if another was announced."""
    names: tuple[str, ...] = ()
    """Other identities of that content."""


def stream_names(config: Config) -> dict[Lane, str]:
    """Return the stream name of each lane, for `dest_stream`, shaped as on AWS so that tools can read both."""
    return {lane: f"{config.stack_name}-Event{lane.title()}Stream-local" for lane in LANES}


class SqliteStream:
    """A Stream whose lanes are rows of a table, with the methods to read and acknowledge their events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, lane: Lane, events: Sequence[ObjectEvent]) -> None:
        now = self._database.clock()
        with self._database.transaction():
            for event in events:
                self._database.execute(
                    "INSERT INTO lane (lane, bucket, key, event, request_id, whole, put_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        lane,
                        event.bucket_name,
                        event.object_key,
                        to_json(event),
                        str(uuid4()),
                        event.records is None,
                        now,
                    ),
                )

    def take(self, limit: int, after: dict[Lane, int], lanes: Sequence[Lane] = LANES) -> list[Delivery]:
        """Return up to `limit` events in order, fast lane first, behind those in `after`, which is updated."""
        taken: list[Delivery] = []
        for lane in lanes:
            rows = self._database.select(
                "SELECT id, event, request_id, attempts FROM lane WHERE lane = ? AND id > ? ORDER BY id LIMIT ?",
                (lane, after.get(lane, 0), limit - len(taken)),
            )
            for number, event, request_id, attempts in rows:
                after[lane] = number
                taken.append(
                    Delivery(number, from_json(event, ObjectEvent, f"lane, row {number}"), request_id, attempts)
                )
        return taken

    def waiting(self) -> tuple[int, int]:
        """Return the number of waiting events, and the stored bytes of their objects."""
        # SUM fails beyond 63 bits, which a few sparse files reach.
        ((count, size),) = self._database.select(
            "SELECT COUNT(*), TOTAL(json_extract(event, '$.object_size')) FROM lane"
        )
        return count, int(min(size, sys.float_info.max))

    def waiting_of(self, bucket: str) -> int:
        """Return the number of waiting events of a bucket."""
        ((count,),) = self._database.select("SELECT COUNT(*) FROM lane WHERE bucket = ?", (bucket,))
        return cast("int", count)

    def request_id(self, event: ObjectEvent) -> str:
        """Return the request id of an event that waits, which its run and its error item will have; empty if none."""
        rows = self._database.select(
            "SELECT request_id FROM lane WHERE bucket = ? AND key = ? AND event = ? ORDER BY id LIMIT 1",
            (event.bucket_name, event.object_key, to_json(event)),
        )
        return cast("str", rows[0][0]) if rows else ""

    def objects(self) -> Iterator[tuple[str, str]]:
        """Yield bucket and key of each whole object that waits on a lane."""
        after = 0
        while rows := self._database.select(
            "SELECT id, bucket, key FROM lane WHERE whole AND id > ? ORDER BY id LIMIT 5000", (after,)
        ):
            after = rows[-1][0]
            yield from ((bucket, key) for _, bucket, key in rows)

    def has_replay(self, event: ObjectEvent) -> bool:
        """Whether an event of the same replay as `event` is on a lane."""
        rows = self._database.select(
            "SELECT 1 FROM lane WHERE bucket = ? AND key = ? AND json_extract(event, '$.replay') = ? LIMIT 1",
            (event.bucket_name, event.object_key, event.replay),
        )
        return bool(rows)

    def count_of(self, bucket: str, key: str) -> int:
        """Return the number of events of an object on the lanes: of all of it, of some records, replays."""
        ((count,),) = self._database.select("SELECT COUNT(*) FROM lane WHERE bucket = ? AND key = ?", (bucket, key))
        return cast("int", count)

    def failed_attempt(self, delivery: Delivery) -> None:
        """Count a failed attempt. The event stays on its lane."""
        self._database.execute("UPDATE lane SET attempts = attempts + 1 WHERE id = ?", (delivery.id,))

    def acknowledge(self, delivery: Delivery) -> None:
        """Remove the event from its lane."""
        self._database.execute("DELETE FROM lane WHERE id = ?", (delivery.id,))
