"""The ledger of one machine: a row for each content of an object, for its parts and its replays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import msgspec

from slips.backends.machine.content import is_stamp
from slips.backends.machine.sqlite import Database, from_json, to_json
from slips.model import ErrorItem, ObjectEvent, Outcome, Range
from slips.object_states import Entry
from slips.ports import SETTLED, Claim, EarlierItem, Finished, LedgerEntry, Status, entry_of
from slips.tally import COUNTED, HourCounts, LedgerTally

MOST_SETTLED = 10_000
"""Most contents of one key that a worker receives. If an older content comes back, it is processed again."""
_EACH_SETTLED = ", ".join("?" * len(SETTLED))


class SqliteLedger:
    """A Ledger of rows in the state file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, event: ObjectEvent, request_id: str) -> Claim:
        with self._database.transaction():
            rows = self._database.select("SELECT status, request_id FROM ledger WHERE entry = ?", (_entry(event),))
            taken: Claim = "new"
            for status, holder in rows:
                if status in SETTLED:
                    return "done"
                if status == "claimed" and holder != request_id:
                    return "claimed"
                if status == "failed" and holder == request_id:
                    return "done"
                if status == "claimed":
                    taken = "again"
            self._write(event, "claimed", None, request_id)
            return taken

    def release(self, event: ObjectEvent, request_id: str) -> None:
        self._database.execute(
            "DELETE FROM ledger WHERE entry = ? AND status = 'claimed' AND request_id = ?", (_entry(event), request_id)
        )

    def stopped(self, event: ObjectEvent, rest: ObjectEvent, outcome: Outcome) -> None:
        """Record nothing: the transaction that puts the continuation on its lane also finishes the part."""

    def finish(
        self,
        event: ObjectEvent,
        outcome: Outcome | None,
        status: Finished = "done",
        *,
        run_id: str = "",
    ) -> Iterable[EarlierItem]:
        with self._database.transaction():
            before = self.get(event) if outcome is None else None
            self._write(event, status, outcome or (before.outcome if before else None))
            return self._earlier_items(event)

    def fail(self, event: ObjectEvent, outcome: Outcome, request_id: str) -> Iterable[EarlierItem]:
        with self._database.transaction():
            self._write(event, "failed", outcome, request_id)
            return self._earlier_items(event)

    def fail_replay(self, event: ObjectEvent, request_id: str) -> Iterable[EarlierItem]:
        """Record nothing: the error table names the items of an object."""
        return ()

    def discarded(self, item: EarlierItem) -> None:
        """Record nothing: the transaction that deletes the item also concludes the event."""

    def drop(self, event: ObjectEvent) -> None:
        self._write(event, "dropped", None)

    def supersede(self, event: ObjectEvent, *, only: Status | None = None) -> Iterable[EarlierItem]:
        with self._database.transaction():
            status = self.status_of(event)
            if status in SETTLED or (only is not None and status != only):
                return ()
            self._write(event, "superseded", None)
            return self._earlier_items(event)

    def note_waiting(self, events: Sequence[ObjectEvent]) -> None:
        """Record nothing: the lanes of this machine can be read."""

    def dismiss(self, event: ObjectEvent) -> None:
        """Record that an operator dismissed the event's error item: the event must not run again."""
        self._write(event, "dismissed", None)

    def forget(self, event: ObjectEvent) -> None:
        """Delete the entry of the event."""
        self._database.execute("DELETE FROM ledger WHERE entry = ?", (_entry(event),))

    def forget_stamps(self, event: ObjectEvent) -> None:
        """Delete entries of the event's object that other stamps name: its present stamp or hash replaces them."""
        self._database.execute(
            "DELETE FROM ledger WHERE bucket = ? AND key = ? AND status <> 'claimed' AND instr(identity, '@') "
            "AND identity <> ?",
            (event.bucket_name, event.object_key, event.identity),
        )

    def has_names(self, event: ObjectEvent, names: Sequence[str]) -> bool:
        """Whether the event's object has entries by one of these names of its content, or by any stamp: few have."""
        each = ", ".join("?" * len(names))
        rows = self._database.select(
            "SELECT 1 FROM ledger WHERE bucket = ? AND key = ? AND status <> 'claimed' "  # noqa: S608
            f"AND (instr(identity, '@') OR identity IN ({each})) LIMIT 1",
            (event.bucket_name, event.object_key, *names),
        )
        return bool(rows)

    def copy(self, event: ObjectEvent, other: ObjectEvent) -> None:
        """Copy the entry of `event` to `other`, an event of the same content."""
        entry = self.get(event)
        if entry is not None:
            self._write(other, entry.status, entry.outcome, entry.request_id)

    def settled(self, event: ObjectEvent) -> list[str]:
        """Return identities of contents of the event's object that need no further run, the latest MOST_SETTLED."""
        rows = self._database.select(
            f"SELECT identity FROM ledger WHERE bucket = ? AND key = ? AND status IN ({_EACH_SETTLED}) "  # noqa: S608
            "AND json_extract(entry, '$[3]') IS NULL AND json_extract(entry, '$[4]') IS NULL "
            "ORDER BY updated_at DESC LIMIT ?",
            (event.bucket_name, event.object_key, *SETTLED, MOST_SETTLED),
        )
        return [identity for (identity,) in rows]

    def status_of(self, event: ObjectEvent) -> Status | None:
        rows = self._database.select("SELECT status FROM ledger WHERE entry = ?", (_entry(event),))
        return cast("Status", rows[0][0]) if rows else None

    def get(self, event: ObjectEvent) -> LedgerEntry | None:
        rows = self._database.select(f"{_SELECT_LEDGER} WHERE entry = ?", (_entry(event),))
        return _ledger_entry(rows[0]) if rows else None

    def scan(self) -> Iterator[LedgerEntry]:
        at = ""
        while rows := self._database.select(f"{_SELECT_LEDGER} WHERE entry > ? ORDER BY entry LIMIT 500", (at,)):
            at = rows[-1][0]
            yield from map(_ledger_entry, rows)

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, without what only runs need."""
        at = ""
        while rows := self._database.select(f"{_SELECT_ENTRY} WHERE entry > ? ORDER BY entry LIMIT 5000", (at,)):
            at = rows[-1][0]
            for entry, bucket, key, status, updated_at in rows:
                yield Entry(bucket, key, records_and_replay(entry)[0], status, updated_at)

    def tally(self, recent: float) -> LedgerTally:
        """Return the sums over all entries, as `tallied` does, which SQLite adds up several times as fast."""
        tally = LedgerTally()
        for hour, concluded, failed, late, *sums in self._database.select(_TALLY, (recent, *COUNTED)):
            tally.hours[hour] = HourCounts(concluded, failed)
            tally.recent += late
            for name, number in zip(_SUMS, sums, strict=True):
                setattr(tally, name, getattr(tally, name) + int(number))
        return tally

    def concluded(self, since: float, limit: int) -> list[tuple[str, float]]:
        """Return the keys of the entries that were concluded after `since`, with the times, the earliest ones first.

        An index finds them: the rest of the ledger is not read.
        """
        return self._database.select(
            "SELECT entry, updated_at FROM ledger WHERE updated_at > ? AND status <> 'claimed' "
            "ORDER BY updated_at LIMIT ?",
            (since, limit),
        )

    def entry(self, key: str) -> LedgerEntry | None:
        """Return the entry of a key that `concluded` has returned; None if it is gone."""
        rows = self._database.select(f"{_SELECT_LEDGER} WHERE entry = ?", (key,))
        return _ledger_entry(rows[0]) if rows else None

    def _earlier_items(self, event: ObjectEvent) -> Iterator[EarlierItem]:
        """Yield the error items of the object, one after another. Not by the entry, which names no items."""
        where = (event.bucket_name, event.object_key)
        for (request_id,) in self._database.select("SELECT request_id FROM error WHERE bucket = ? AND key = ?", where):
            for (item,) in self._database.select("SELECT item FROM error WHERE request_id = ?", (request_id,)):
                events = from_json(item, ErrorItem, f"error item {request_id!r}").events
                if len(events) == 1:  # an item of the original slips with several events is also of other objects
                    yield EarlierItem(request_id, events[0])

    def _write(self, event: ObjectEvent, status: Status, outcome: Outcome | None, request_id: str = "") -> None:
        if is_stamp(event.identity) and status != "claimed":
            self.forget_stamps(event)
        self._database.execute(
            "INSERT OR REPLACE INTO ledger (entry, bucket, key, identity, status, request_id, outcome, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                _entry(event),
                event.bucket_name,
                event.object_key,
                event.identity,
                status,
                request_id,
                to_json(outcome) if outcome else None,
                self._database.clock(),
            ),
        )


_SELECT_LEDGER = "SELECT entry, bucket, key, identity, status, updated_at, request_id, outcome FROM ledger"

_SUMS = ("runs", "unbalanced", "records", "delivered", "filtered", "quarantined", "events", "bytes_in")
_COUNTS = ", ".join(f"TOTAL(counted * json_extract(outcome, '$.{name}'))" for name in _SUMS[2:])
_TALLY = f"""
SELECT CAST(updated_at / 3600 AS INTEGER) AS hour, COUNT(*), SUM(status = 'failed'), SUM(updated_at >= ?),
    SUM(counted), TOTAL(counted * (json_extract(outcome, '$.records') <> json_extract(outcome, '$.delivered')
        + json_extract(outcome, '$.filtered') + json_extract(outcome, '$.quarantined'))), {_COUNTS}
FROM (SELECT updated_at, status, outcome, status IN ({", ".join("?" * len(COUNTED))}) AND outcome IS NOT NULL
    AND json_extract(entry, '$[4]') IS NULL AS counted FROM ledger
    WHERE status NOT IN ('claimed', 'waiting', 'superseded'))
GROUP BY hour"""  # noqa: S608 - constants
"""TOTAL, unlike SUM, does not fail beyond 63 bits."""

_SELECT_ENTRY = "SELECT entry, bucket, key, status, updated_at FROM ledger"


_ENTRY = msgspec.json.Decoder(tuple[str, str, str, list[Range] | None, str | None])


def _ledger_entry(row: Sequence[Any]) -> LedgerEntry:
    entry, bucket, key, identity, status, updated_at, request_id, outcome = row
    counts = from_json(outcome, Outcome, f"ledger, {key!r}") if outcome else None
    records, replay = records_and_replay(entry)
    return LedgerEntry(bucket, key, identity, status, updated_at, request_id, counts, records, replay)


def records_and_replay(entry: str) -> tuple[list[Range] | None, str | None]:
    *_, records, replay = _ENTRY.decode(entry)
    return records, replay


def _entry(event: ObjectEvent) -> str:
    return entry_of(event).decode()
