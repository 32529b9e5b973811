"""Reads rows of SQLite tables by spans of keys, in key order, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

ROWS = 5_000
"""Most rows of one query: a page of a listing may span many objects that are listed no more."""
Span = tuple[str, str, str]
"""A bucket, and the first and the last key, both inclusive."""


def rows(
    select: Callable[[str, Sequence[Any]], list[Any]], table: str, unique: str, columns: str, span: Span
) -> Iterator[Any]:
    """Yield key, `unique` and columns of each row of a span. `unique` tells the rows of one key apart."""
    bucket, first, last = span
    query = (
        f"SELECT key, {unique}, {columns} FROM {table} WHERE bucket = ? AND key <= ? AND {{}} "  # noqa: S608
        f"ORDER BY key, {unique} LIMIT {ROWS}"
    )
    found = select(query.format("key >= ?"), (bucket, last, first))
    while found:
        yield from found
        if len(found) < ROWS:
            return
        found = select(query.format(f"(key, {unique}) > (?, ?)"), (bucket, last, *found[-1][:2]))
