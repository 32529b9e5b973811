"""The brakes of one machine: rows of the state file, beside the ledger, that survive restarts."""

from __future__ import annotations

from slips.backends.machine.sqlite import Database, from_json, to_json
from slips.brakes import Brake, Spent
from slips.model import Lane

_MOST = 2**63 - 1
"""The largest integer that SQLite stores."""


class SqliteBrakes:
    """The brakes of all lanes and handlers, and what has started on each day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Brake]:
        """Return all brakes that are stored, also those that only count."""
        rows = self._database.select("SELECT brake FROM brake ORDER BY lane, handler")
        return [from_json(brake, Brake, "brake") for (brake,) in rows]

    def get(self, lane: Lane, handler: str) -> Brake:
        """Return the brake of a handler on a lane; a new one if none is stored."""
        rows = self._database.select("SELECT brake FROM brake WHERE lane = ? AND handler = ?", (lane, handler))
        return from_json(rows[0][0], Brake, f"brake of {lane}, {handler}") if rows else Brake(lane, handler)

    def put(self, brake: Brake) -> None:
        """Store a brake; delete it if it counts nothing and is off."""
        where = (brake.lane, brake.handler)
        if brake == Brake(*where):
            self._database.execute("DELETE FROM brake WHERE lane = ? AND handler = ?", where)
        else:
            self._database.execute(
                "INSERT OR REPLACE INTO brake (lane, handler, brake) VALUES (?, ?, ?)", (*where, to_json(brake))
            )

    def spent(self, day: str) -> Spent:
        """Return what has started on a day."""
        rows = self._database.select("SELECT day, objects, bytes, granted FROM spent WHERE day = ?", (day,))
        return Spent(*rows[0]) if rows else Spent(day)

    def put_spent(self, spent: Spent) -> None:
        """Store what has started on a day, and forget the days before. `bytes` counts no further than SQLite does."""
        with self._database.transaction():
            self._database.execute("DELETE FROM spent WHERE day < ?", (spent.day,))
            self._database.execute(
                "INSERT OR REPLACE INTO spent (day, objects, bytes, granted) VALUES (?, ?, ?, ?)",
                (spent.day, spent.objects, max(-_MOST, min(spent.bytes, _MOST)), spent.granted),
            )
