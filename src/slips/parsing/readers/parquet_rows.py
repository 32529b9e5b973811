"""Reads Parquet files: each row is a record, numbered across row groups. Needs the extra `parquet`.

The rows come in batches of few, so that memory is bounded by a page of each column, never by the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib.util import find_spec
from io import BufferedReader
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from slips.errors import ReaderError, RecordTooLarge
from slips.exceptions import is_interrupt
from slips.format import (
    Bad,
    Event,
    Limited,
    MeaningOptions,
    Read,
    Record,
    RecordLimits,
    Rule,
    TooLong,
    reader,
    too_many_values,
)
from slips.parsing.json_text import has_too_many_values, is_deeper
from slips.parsing.readers.lines import HEAD
from slips.parsing.readers.spool import spooled
from slips.parsing.readers.text import EMPTY, TextRecords

if TYPE_CHECKING:
    from arro3.core import Array, DataType, Field, RecordBatch

ROWS = 256
"""Rows of a batch: each is held in memory twice, in its columns and as events."""
FOOTER_BYTES = 32 << 20
"""Most bytes of the footer, which describes the columns of each row group."""
NOT_INSTALLED = (
    "the library 'arro3-io' is not installed; expected the extra 'parquet'; run "
    "pip install '.[parquet]' in the checkout of slips"
)
_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_SHOWN = 200
"""Most characters of the library's reason: it may have all bytes of a text that is damaged, as numbers."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = {"s": 0, "ms": 3, "us": 6, "µs": 6, "ns": 9}


@reader(
    "parquet",
    summary="each row of a Parquet file is a record; needs the extra 'parquet'",
    reference="https://parquet.apache.org/docs/file-format/",
    gives="event",
    rules=(EMPTY,),
    options=MeaningOptions,
)
@Limited
def parquet(limits: RecordLimits) -> Read:
    """Yield rows as dicts. Times are texts in ISO 8601 and UTC, dates and clocks are texts, decimals are numbers.

    Raises ReaderError for what is no Parquet file, or is damaged, behind the rows before the damage.
    """
    return lambda stream, _record_bytes, _parameter: RowRecords(stream, limits)


class RowRecords(TextRecords):
    """The rows of an object, which is no text: a quarantine shows them rendered, as JSON."""

    def __init__(self, stream: BufferedReader, limits: RecordLimits) -> None:
        super().__init__(stream)
        self._limits = limits

    def __iter__(self) -> Iterator[Record]:
        with spooled(self._stream) as file:
            if not file.read(1):
                return
            _check(file)
            count = 0
            for batch in _batches(file):
                for record in self._records(batch):
                    count += 1
                    yield record
            if not count:
                yield EMPTY

    def original(self, record: Record) -> Record:
        if isinstance(record, Rule):
            return record
        if not isinstance(record, Bad):
            raw = _rendered(record)
            record = Bad(len(raw), raw, "")
        record.is_rendered = True
        return record

    def _records(self, batch: RecordBatch) -> Iterator[Record]:
        limits, fields = self._limits, [batch.schema.field(at) for at in range(batch.num_columns)]
        names = _names([field.name for field in fields])
        # Of a value, JSON has six times the bytes at most, or 30; and the names, which JSON may escape likewise.
        most = 6 * (batch.nbytes + sum(map(len, names))) + 30 * len(names)
        is_large = most > limits.bytes or len(names) > limits.values
        is_large |= any(field.type.is_nested(field.type) for field in fields)
        try:
            columns = [_values(batch, position, field.type) for position, field in enumerate(fields)]
        except (ValueError, OverflowError):  # a time in a year that Python has not
            if batch.num_rows == 1:
                yield _unreadable(batch, dict(zip(names, fields, strict=True)))
                return
            for row in range(batch.num_rows):
                yield from self._records(batch.slice(row, 1))
            return
        for values in zip(*columns, strict=True):
            event = dict(zip(names, values, strict=True))
            yield (is_large and self._refused(event)) or event

    def _refused(self, event: Event) -> Bad | None:
        """Return what stands for a row beyond the limits."""
        limits, raw = self._limits, _rendered(event)
        if len(raw) > limits.bytes:
            return TooLong(len(raw), limits.bytes, raw[:HEAD])
        if len(raw) > limits.values and has_too_many_values(raw, limits.values):
            return Bad(len(raw), raw[:HEAD], too_many_values(limits.values))
        if is_deeper(event, limits.depth):
            error = RecordTooLarge(
                f"record is deeper than {limits.depth} levels; raise 'limits.record_depth' to take it"
            )
            return Bad(len(raw), raw[:HEAD], error)
        return None


def is_installed() -> bool:
    """Whether the library of this reader can be imported. Does not import it."""
    try:
        return find_spec("arro3.io") is not None
    except (ImportError, ValueError):  # no package 'arro3'; a module without a spec
        return False


def _check(file: BinaryIO) -> None:
    """Raise ReaderError for what is no whole Parquet file: the library panics over some of that."""
    file.seek(0)
    beginning, size = file.read(4), file.seek(0, 2)
    file.seek(max(0, size - 8))
    footer = file.read(8)
    file.seek(0)
    if _ENCRYPTED in (beginning, footer[4:]):
        raise ReaderError("parquet: the footer is encrypted; expected a file that can be read without a key")
    if beginning != _MAGIC:
        raise ReaderError(f"parquet: the object begins with {beginning!r}; expected a Parquet file, with {_MAGIC!r}")
    length = int.from_bytes(footer[:4], "little")
    if size < 12 or footer[4:] != _MAGIC or length > size - 12:
        raise ReaderError(
            "parquet: no footer at the end; expected a whole Parquet file; the object is cut off or still being "
            "written: deliver it again"
        )
    if length > FOOTER_BYTES:
        raise ReaderError(f"parquet: the footer has {length:,} bytes; expected {FOOTER_BYTES:,} or less")


def _batches(file: BinaryIO) -> Iterator[RecordBatch]:
    """Yield the rows in batches. Raises ReaderError."""
    try:
        from arro3.io import read_parquet
    except ImportError:
        raise ReaderError(f"parquet: {NOT_INSTALLED}") from None
    try:
        yield from read_parquet(file, batch_size=ROWS)
    except GeneratorExit:
        raise
    except BaseException as error:  # a panic of the library is no Exception
        if is_interrupt(error) or isinstance(error, MemoryError):
            raise
        why = str(error)
        why = why if len(why) <= _SHOWN else f"{why[:_SHOWN]}…"
        raise ReaderError(
            f"parquet: the file cannot be read: {why}; expected an undamaged one; deliver it again"
        ) from None


def _names(names: list[str]) -> list[str]:
    """Return names of columns, all different: a name that is there before is `column_<n>`, 1-based."""
    given: dict[str, None] = {}
    for position, name in enumerate(names, 1):
        while name in given:
            name = f"column_{position}" if name != f"column_{position}" else f"{name}_"  # noqa: PLW2901
        given[name] = None
    return list(given)


def _values(batch: RecordBatch, position: int, kind: DataType) -> list[Any]:
    """Return the values of a column. Raises ValueError or OverflowError for times that Python cannot hold."""
    from arro3.core import DataType

    column = batch.column(position)
    if kind.is_timestamp(kind):
        digits = _DIGITS[str(kind.time_unit)]
        return [_iso(value, digits) for value in column.cast(DataType.int64()).to_pylist()]
    values: list[Any] = column.to_pylist()
    if kind.is_integer(kind) or kind.is_boolean(kind) or kind.is_floating(kind) or kind.is_string(kind):
        return values
    if not _has_all(column, kind, values):
        raise ValueError("value out of range")
    return list(map(_plain, values))


def _has_all(column: Array, kind: DataType, values: list[Any] | None = None) -> bool:
    """Whether Python holds all dates and times of a column, also within lists: for others the library has None.

    `values` are those of the column, if they are there.
    """
    from arro3.core import list_flatten, struct_field

    if kind.is_struct(kind):
        return all(_has_all(struct_field(column, at), field.type) for at, field in enumerate(kind.fields))
    if kind.is_list(kind) or kind.is_large_list(kind) or kind.is_fixed_size_list(kind):
        return kind.value_type is None or _has_all(list_flatten(column), kind.value_type)
    return not kind.is_temporal(kind) or (values or column.to_pylist()).count(None) <= column.null_count


def _unreadable(batch: RecordBatch, fields: Mapping[str, Field]) -> Bad:
    """Return what stands for a row with values that Python cannot hold. It is shown with their numbers in the file."""
    shown, why = dict[str, Any](), ""
    for position, (name, field) in enumerate(fields.items()):
        try:
            shown[name] = _values(batch, position, field.type)[0]
        except (ValueError, OverflowError) as error:
            shown[name] = _number(batch, position)
            why = why or f"column {name!r} has {shown[name]!r}, which cannot be read: {error}"
    raw = _rendered(shown)
    return Bad(len(raw), raw[:HEAD], why)


def _number(batch: RecordBatch, position: int) -> int | str:
    """Return the only value of a column as the number that it is stored as; of one that is none, the column's text."""
    from arro3.core import DataType

    column = batch.column(position)
    for kind in (DataType.int64(), DataType.int32()):
        with suppress(Exception):  # the library has classes of its own, for each kind of column another
            number: int | None = column.cast(kind).to_pylist()[0]
            if number is not None:
                return number
    return str(column)[:_SHOWN]


def _iso(value: int | None, digits: int) -> str | None:
    """Return a time in ISO 8601 and UTC for a count since 1970, in seconds with so many digits behind the point."""
    if value is None:
        return None
    seconds, fraction = divmod(value, 10**digits)
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
    return f"{text}.{fraction:0{digits}d}Z" if fraction else f"{text}Z"


def _plain(value: Any) -> Any:
    """Return a value as JSON would have it."""
    convert = _CONVERT.get(value.__class__)
    if convert is not None:
        return convert(value)
    return value


def _list(values: list[Any]) -> Any:
    if values and all(each.__class__ is tuple for each in values):  # a map
        pairs = [(_plain(key), _plain(value)) for key, value in values]
        keys = {key for key, _ in pairs if isinstance(key, str)}
        return dict(pairs) if len(keys) == len(pairs) else [list(pair) for pair in pairs]
    return list(map(_plain, values))


def _decimal(value: Decimal) -> int | float | str:
    if value == value.to_integral_value() and value.as_tuple().exponent == 0:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _moment(value: datetime) -> str:
    utc = value.astimezone(UTC) if value.tzinfo else value
    return f"{utc.replace(tzinfo=None).isoformat()}Z"


_CONVERT: dict[type, Callable[[Any], Any]] = {
    bytes: lambda value: value.decode("utf-8", "surrogateescape"),
    date: date.isoformat,
    datetime: _moment,
    Decimal: _decimal,
    dict: lambda value: {key: _plain(each) for key, each in value.items()},
    list: _list,
    time: time.isoformat,
    timedelta: timedelta.total_seconds,
    tuple: lambda value: list(map(_plain, value)),
}


def _rendered(record: Record) -> bytes:
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return repr(record).encode("utf-8", "surrogateescape")
