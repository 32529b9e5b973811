"""Parquet files, as tests of `parquet` need them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

Column = tuple[Sequence[Any], DataType]


def column(values: Sequence[Any], kind: DataType) -> Array:
    """A column; of times and dates, the values are counts since 1970."""
    if kind.is_temporal(kind):
        stored = DataType.int32() if kind.is_date32(kind) else DataType.int64()
        return Array(values, stored).cast(kind)
    return Array(values, kind)


def table(columns: Mapping[str, Column], *, rows: int | None = None) -> bytes:
    """A Parquet file with so many rows in a row group."""
    return table_of({name: column(values, kind) for name, (values, kind) in columns.items()}, rows=rows)


def table_of(columns: Mapping[str, Array], *, rows: int | None = None) -> bytes:
    file = io.BytesIO()
    write_parquet(Table.from_pydict(dict(columns)), file, max_row_group_size=rows)
    return file.getvalue()


def numbered(count: int, *, rows: int | None = None) -> bytes:
    """A Parquet file whose rows are `{"n": 1}`, `{"n": 2}` and so on."""
    return table({"n": (range(1, count + 1), DataType.int64())}, rows=rows)
