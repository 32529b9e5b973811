"""The lanes of one machine: rows of a table that stay until their event is concluded."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import cast
from uuid import uuid4

import msgspec
from msgspec import Struct

from slips.backends.machine.sqlite import Database, to_json
from slips.config import Config
from slips.model import LANES, Lane, ObjectEvent


class Delivery(Struct):
    """One object event taken from a lane; it stays there until it is acknowledged."""

    id: int
    event: ObjectEvent
    request_id: str
    attempts: int
    """Failed attempts so far."""
    settled: list[str] = []
    """Contents of the object that need no further run, if this is none that people ask for."""
    known: dict[str, str] = {}
    """The hash of the object's file by its stamp, if it was read before."""
    read: ObjectEvent | None = None
    """The event of the content that was found by the attempt at hand, if another was announced."""
    names: tuple[str, ...] = ()
    """Other identities of that content."""


def stream_names(config: Config) -> dict[Lane, str]:
    """What `dest_stream` says on this machine; shaped like the physical names on AWS, so that tools read both."""
    return {lane: f"{config.stack_name}-Event{lane.title()}Stream-local" for lane in LANES}


class SqliteStream:
    """A Stream whose lanes are rows; and the taking side of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, lane: Lane, events: Sequence[ObjectEvent]) -> None:
        now = time.time()
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
        """Up to `limit` events in order, fast lane first, behind the last ones taken; `after` remembers them."""
        taken: list[Delivery] = []
        for lane in lanes:
            rows = self._database.select(
                "SELECT id, event, request_id, attempts FROM lane WHERE lane = ? AND id > ? ORDER BY id LIMIT ?",
                (lane, after.get(lane, 0), limit - len(taken)),
            )
            for number, event, request_id, attempts in rows:
                after[lane] = number
                taken.append(Delivery(number, msgspec.json.decode(event, type=ObjectEvent), request_id, attempts))
        return taken

    def waiting(self) -> tuple[int, int]:
        """How many events wait, and the stored bytes of their objects."""
        # SUM fails beyond 63 bits, which a few sparse files reach.
        ((count, size),) = self._database.select(
            "SELECT COUNT(*), TOTAL(json_extract(event, '$.object_size')) FROM lane"
        )
        return count, int(min(size, sys.float_info.max))

    def waiting_of(self, bucket: str) -> int:
        """How many events of a bucket wait."""
        ((count,),) = self._database.select("SELECT COUNT(*) FROM lane WHERE bucket = ?", (bucket,))
        return cast("int", count)

    def has_replay(self, event: ObjectEvent) -> bool:
        """Whether the replay that `event` belongs to is on a lane."""
        found = self._database.select(
            "SELECT 1 FROM lane WHERE bucket = ? AND key = ? AND json_extract(event, '$.replay') = ? LIMIT 1",
            (event.bucket_name, event.object_key, event.replay),
        )
        return bool(found)

    def failed_attempt(self, delivery: Delivery) -> None:
        """Counts one failed attempt; the event stays."""
        self._database.execute("UPDATE lane SET attempts = attempts + 1 WHERE id = ?", (delivery.id,))

    def acknowledge(self, delivery: Delivery) -> None:
        """The event leaves its lane."""
        self._database.execute("DELETE FROM lane WHERE id = ?", (delivery.id,))
