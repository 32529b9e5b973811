"""The error table of one machine."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from slips.backends.machine.sqlite import Database, from_json, to_json
from slips.errors import StateError, UnreadableItemError
from slips.model import ErrorItem


class SqliteErrors:
    """An ErrorTable of rows in the state file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, item: ErrorItem) -> None:
        with self._database.transaction():
            rows = self._database.select("SELECT revision FROM error WHERE request_id = ?", (item.request_id,))
            revision = rows[0][0] + 1 if rows else 1
            stored = msgspec.structs.replace(item, revision=revision)
            bucket, key = item.place
            self._database.execute(
                "INSERT OR REPLACE INTO error (request_id, revision, failed_at, kind, bucket, key, item) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    item.request_id,
                    revision,
                    item.failed_at,
                    item.kind,
                    bucket,
                    key,
                    to_json(stored),
                ),
            )

    def get(self, request_id: str) -> ErrorItem | None:
        rows = self._database.select("SELECT item FROM error WHERE request_id = ?", (request_id,))
        return _item(request_id, rows[0][0]) if rows else None

    def counts(self) -> dict[str, int]:
        """Return the number of items of each kind, without reading the items."""
        return dict(self._database.select("SELECT kind, COUNT(*) FROM error GROUP BY kind"))

    def scan(self) -> Iterator[ErrorItem]:
        """Yield all items, oldest failure first.

        Raises UnreadableItemError for items that cannot be read, behind all others.
        """
        at = ("", "")
        problems: list[str] = []
        while rows := self._database.select(
            "SELECT failed_at, request_id, item FROM error WHERE (failed_at, request_id) > (?, ?) "
            "ORDER BY failed_at, request_id LIMIT 200",
            at,
        ):
            for failed_at, request_id, item in rows:
                at = (failed_at, request_id)
                try:
                    yield _item(request_id, item)
                except StateError as error:
                    problems.append(str(error))
        if problems:
            raise UnreadableItemError.of(problems)

    def discard(self, request_id: str) -> bool:
        return self._database.execute("DELETE FROM error WHERE request_id = ?", (request_id,)).rowcount > 0

    def delete(self, request_id: str, revision: int) -> bool:
        deleted = self._database.execute(
            "DELETE FROM error WHERE request_id = ? AND revision = ?", (request_id, revision)
        ).rowcount
        return deleted > 0


def _item(request_id: str, item: str) -> ErrorItem:
    return from_json(item, ErrorItem, f"error item {request_id!r}")
