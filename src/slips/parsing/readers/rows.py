"""Tables with a header, such as CSV: the header names the fields, and each row below it is a record."""

from __future__ import annotations

import csv as stdlib_csv
import re
from collections.abc import Iterator, Sequence
from functools import partial
from io import BufferedReader
from itertools import chain, islice
from typing import Annotated, NamedTuple

from msgspec import Meta, field

from slips.errors import ReaderError, RecordError, RecordTooLarge
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
    a_key,
    reader,
    too_many_values,
)
from slips.parsing.readers.fields import count_delimiters, ends_in_quotes, has_too_many_fields
from slips.parsing.readers.lines import HEAD, behind_marks, behind_padding, skip_line
from slips.parsing.readers.text import EMPTY, PADDING, TextRecords

stdlib_csv.field_size_limit(2**31 - 1)  # for the whole process; this module checks `record_bytes` instead

DELIMITERS = {"tab": "\t", "semicolon": ";", "pipe": "|", "space": " "}
DIRECTIVES = 100
"""Most lines before `#Fields:`."""
_FIELDS = b"#Fields:"
_DIRECTIVE = re.compile(rb"#[A-Za-z][A-Za-z -]*:")
_NAME = re.compile(rb"[^\s,;|]+")
"""A name in `#Fields:`, between blanks or delimiters, or part of one."""
_RETURN = "\udc0d"
"""Replaces a carriage return inside a line, where the standard library would end the row. No text contains this
surrogate: `surrogateescape` makes surrogates of no byte below 0x80."""


class CsvOptions(MeaningOptions, frozen=True):
    """The options of `csv`."""

    delimiter: Annotated[
        str,
        a_key(
            "Character between fields, or its name; not set: the parameter.",
            ";",
            min_length=1,
            expected=f"one character, or one of {', '.join(DELIMITERS)}",
        ),
    ] = ""
    columns: Annotated[
        list[Annotated[str, Meta(min_length=1)]],
        a_key("Names of the columns of a table without a header: its first row is a record, too.", ["time", "user"]),
    ] = field(default_factory=list)


@reader(
    "csv",
    summary="the first row names the fields, or '#Fields:' of W3C logs does, each further one is a record; the "
    "parameter is the delimiter",
    reference="https://www.rfc-editor.org/rfc/rfc4180",
    gives="event",
    parameter=",",
    rules=(PADDING, EMPTY),
    options=CsvOptions,
    numbering=2,
)
def csv(options: CsvOptions) -> Read:
    """Yield rows as dicts of texts. The parameter is the delimiter: one character or a name of DELIMITERS.

    Rows end with `\\n` or `\\r\\n`; blank lines are no rows. A field that begins with a quote ends with the next single
    quote, and may contain line ends and delimiters; a quote elsewhere is a character like any other. A row shorter than
    the header lacks the last fields. A column without a name, or with the name of a column before it, is called
    `column_<n>` (1-based). Bytes that are not UTF-8 survive as `surrogateescape`. A quote that never ends makes one
    `Bad` record of the rest of the object. Raises ReaderError for a text that cannot be the delimiter, and for a header
    that cannot be read.

    If directives of a W3C extended log begin the object (`#Version: 1.0`), `#Fields:` names the columns of the rows
    below it, as often as it is there, and no line with `#` is a row. A table without rows is one record, EMPTY.
    """
    if options.delimiter and not _is_delimiter(DELIMITERS.get(options.delimiter, options.delimiter)):
        raise ValueError(
            f"delimiter: {options.delimiter!r} cannot be between fields; expected one character, or one of "
            f"{', '.join(DELIMITERS)}"
        )
    if twice := [name for name in options.columns if options.columns.count(name) > 1]:
        raise ValueError(f"columns: {twice[0]!r} is there twice; expected each name once; rename one")
    if options.columns:
        _check_fields(options)

    def within(limits: RecordLimits) -> Read:
        def read(stream: BufferedReader, _record_bytes: int, parameter: str) -> TextRecords:
            given = options.delimiter or parameter
            delimiter = DELIMITERS.get(given, given)
            if not _is_delimiter(delimiter):
                names = ", ".join(DELIMITERS)
                raise ReaderError(f"csv: {given!r} cannot be the delimiter; expected one character, or one of {names}")
            return _Table(stream, limits, delimiter, options.columns)

        return read

    return Limited(within)


def _check_fields(options: CsvOptions) -> None:
    """Raise ValueError for an option that names a field which is no column."""
    named = {
        "time": [name for each in options.time for name in each.split("+")],
        **{part: getattr(options, part) for part in ("require", "integers", "floats", "booleans")},
    }
    mistakes = [
        f"{option}: no field {name!r}; expected one of {', '.join(options.columns)}"
        for option, fields in named.items()
        for name in fields
        if name not in options.columns and not _NUMBERED.fullmatch(name)
    ]
    if mistakes:
        raise ValueError("\n".join(mistakes))


_NUMBERED = re.compile(r"column_[1-9]\d*")
"""The name of a column beyond those that have names."""


class _Table(TextRecords):
    """The rows of an object."""

    def __init__(self, stream: BufferedReader, limits: RecordLimits, delimiter: str, columns: Sequence[str]) -> None:
        super().__init__(stream)
        self._limits, self._delimiter, self._columns = limits, delimiter, columns
        self._is_blank = True
        """Whether the object has nothing but white space so far."""
        self._raw = b""
        """The row that was yielded last."""

    def raw_of(self, _event: Event) -> bytes:
        return self._raw

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        header: Sequence[str] = self._columns
        fields = _names(header, len(header))
        records, named = 0, 0
        for row in self._rows(stream):
            if isinstance(row, list):
                if named > 1 and len(row) == 1 and len(row[0].split()) == named:
                    yield Bad(len(self._raw), self._raw[:HEAD], self._blanks_between(row[0]))
                    records += 1
                    continue
                if len(row) > len(fields):
                    if not header:
                        header = row
                        fields = _names(header, len(header))
                        continue
                    fields = _names(header, len(row))
                yield dict(zip(fields, row))  # noqa: B905 - `strict=False` means the same and costs a tenth of the speed
            elif isinstance(row, _Header):
                header = self._columns or row.names
                named = len(row.names)
                fields = _names(header, len(header))
                continue
            elif isinstance(row, Bad) and not header:
                raise ReaderError(f"csv: the header cannot be read: {row.reason}")
            else:
                yield row
            records += 1
        if not records and not self._is_blank:
            yield EMPTY

    def _blanks_between(self, row: str) -> RecordError:
        """Return the error for a row of a W3C log that has blanks between its fields, and not the delimiter."""
        named = "tab" if "\t" in row else "space"
        return RecordError(
            f"the row has no {self._delimiter!r} between its fields, as many as '#Fields:' names, but blanks, as W3C "
            f"logs have; expected the delimiter {self._delimiter!r}; write 'csv:{named}', or name the format of the "
            "program, such as 'iis'"
        )

    def _rows(self, stream: BufferedReader) -> Iterator[list[str] | _Header | Bad | Rule]:
        """Yield the rows, a header in the first of them included."""
        limits, delimiter, readline, record_bytes = self._limits, self._delimiter, stream.readline, self._limits.bytes
        odd_row = _OddRow(stream, limits, delimiter)
        small = min(limits.values, limits.bytes // 2)
        lines = iter(partial(readline, record_bytes + 3), b"")
        first, has_directives = _directives(lines, record_bytes)
        for line in chain(first, lines):
            if line in (b"\n", b"\r\n"):
                continue
            if line < b"\1":
                yield PADDING
                if not (line := behind_padding(stream, line, record_bytes + 3)):
                    continue
            line = behind_marks(line)  # noqa: PLW2901 - the same line
            if has_directives and line.startswith(b"#"):
                self._is_blank = False
                if line.startswith(_FIELDS):
                    yield _Header(self._fields_of(stream, line))
                if not line.endswith(b"\n"):
                    skip_line(stream, line, record_bytes)
                continue
            if len(line) > record_bytes or b'"' in line:  # the row may be longer than this line
                self._is_blank = False
                row = odd_row.read(line)
                self._raw = odd_row.raw
                yield row
                continue
            text = _text(line.removesuffix(b"\n").removesuffix(b"\r"))
            if line.isspace():
                if delimiter not in text:
                    continue
            else:
                self._is_blank = False
            self._raw = line
            if len(text) >= small and (why := _why_too_large(text, delimiter, limits)):
                yield Bad(len(line), line[:HEAD], why)
            else:
                yield text.split(delimiter)

    def _fields_of(self, stream: BufferedReader, line: bytes) -> list[str]:
        """Return the names that `#Fields:` gives. Raises ReaderError for a line beyond the limits of a record."""
        limits, delimiter = self._limits, self._delimiter
        content = line.removesuffix(b"\n").removesuffix(b"\r")
        try:
            if len(content) > limits.bytes:
                raise skip_line(stream, line, limits.bytes).error()
            if len(line) > limits.values:
                names = _NAME.finditer(line)
                if next(islice(names, limits.values, None), None) or content.count(delimiter.encode()) > limits.values:
                    raise too_many_values(limits.values)
            return _field_names(limits.refuse_wide(_text(line)), delimiter)
        except RecordError as error:
            raise ReaderError(f"csv: the header cannot be read: '#Fields:': {error}") from None


class _Header(NamedTuple):
    """The names of columns that a W3C log gives, amid rows."""

    names: list[str]


def _directives(lines: Iterator[bytes], most: int) -> tuple[list[bytes], bool]:
    """Read the directives that begin a W3C log, and the line behind them. Return these lines, and whether it is one.

    A table whose header begins with `#` is none: `#Fields:` must be among the first lines that look like directives.
    Raises ReaderError for more than `most` bytes of these, as all of them are in memory.
    """
    read: list[bytes] = []
    size = 0
    for line in lines:
        if size > most:
            raise ReaderError(
                f"csv: the header cannot be read: {len(read)} lines begin as directives of a W3C log do, and have "
                f"{size:,} bytes, over the limit of {most:,}; expected '#Fields:' before; raise 'limits.record_bytes' "
                "to take them"
            )
        read.append(line)
        size += len(line)
        if line.startswith(_FIELDS):
            return read, True
        if len(read) == DIRECTIVES or not (line.isspace() or _DIRECTIVE.match(line)):
            break
    return read, False


def _field_names(line: str, delimiter: str) -> list[str]:
    """Return the names in `#Fields: date time cs-uri`: blanks are between them, whatever is between the fields."""
    text = line.partition(":")[2]
    names = text.split()
    return [name.strip() for name in text.split(delimiter)] if len(names) == 1 and delimiter in text else names


def _is_delimiter(text: str) -> bool:
    return len(text) == 1 and text not in '"\r\n'


def _names(header: Sequence[str], width: int) -> list[str]:
    """Return `width` column names, all different: two columns of one name would hide a field of each row."""
    given = set(header)
    names: dict[str, None] = {}
    for position in range(width):
        name = header[position] if position < len(header) else ""
        if not name or name in names:
            name = f"column_{position + 1}"
            while name in given:
                name += "_"
        names[name] = None
    return list(names)


def _why_too_large(text: str, delimiter: str, limits: RecordLimits) -> RecordTooLarge | None:
    """Return the error for the limit that a long line without quotes exceeds; None if it exceeds none."""
    if text.count(delimiter) >= limits.values:
        return too_many_values(limits.values)
    try:
        limits.refuse_wide(text)
    except RecordTooLarge as error:
        return error
    return None


class _TooLongError(Exception):
    """The current row is longer than the limit."""


class _OddRow:
    """Reads rows that have quotes or are too long, with the `csv` of the standard library.

    `csv` iterates over this object for the lines of a row, and asks for a further line only while a quote is open.
    """

    def __init__(self, stream: BufferedReader, limits: RecordLimits, delimiter: str) -> None:
        self._readline, self._record_bytes = stream.readline, limits.bytes
        self._delimiter, self._limits = delimiter, limits
        self._parsed = stdlib_csv.reader(self, delimiter=delimiter)
        self._begin(b"")

    def read(self, line: bytes) -> list[str] | Bad:
        """Return the row that begins with `line` and may continue in the stream."""
        self._begin(line)
        try:
            row = next(self._parsed)
        except _TooLongError:
            self._skip_row()
            size = self._size - self._line.endswith(b"\n")
            return TooLong(size, self._record_bytes, self._first[:HEAD])
        except RecordTooLarge as error:
            self._skip_row()
            return self._bad(error)
        except stdlib_csv.Error as error:
            return self._bad(f"row cannot be read: {error}")
        if self._at_end:
            return self._bad("row has a quote that never ends; expected another that ends it")
        return [field.replace(_RETURN, "\r") for field in row] if self._has_returns else row

    @property
    def raw(self) -> bytes:
        """The row read last."""
        return self._first if self._behind is None else self._first + self._behind

    def _begin(self, line: bytes) -> None:
        self._first = self._line = line
        self._behind: bytearray | None = None
        """The lines of the row behind its first, in one piece: in a list, lines of four bytes take twelve times it."""
        self._size = 0
        self._delimiters = -1
        """Delimiters in the row before the current line; -1: not counted, since most rows have one line only."""
        self._has_returns = self._at_end = False

    def __iter__(self) -> _OddRow:
        return self

    def __next__(self) -> str:
        """Return the next line of the row, for `csv`.

        Raises _TooLongError if the row exceeds `record_bytes`, RecordTooLarge if it exceeds another limit.
        """
        if self._size:
            self._line = self._readline(self._record_bytes + 3 - self._size)
            if self._behind is None:
                self._behind = bytearray()
            self._behind += self._line
        line = self._line
        if not line:
            self._at_end = True
            raise StopIteration
        self._size += len(line)
        if self._size > self._record_bytes and self._size - _line_end(line) > self._record_bytes:
            raise _TooLongError
        text = self._limits.refuse_wide(_text(line))
        if self._has_too_many_fields(text):
            raise too_many_values(self._limits.values)
        if "\r" in text:
            content = text.removesuffix("\n").removesuffix("\r")
            self._has_returns |= "\r" in content
            text = content.replace("\r", _RETURN) + text[len(content) :]
        return text

    def _has_too_many_fields(self, text: str) -> bool:
        """Whether the row up to and with its next line `text` has too many fields.

        Each line but the first begins in quotes.
        """
        delimiter, most = self._delimiter, self._limits.values
        if self._line is self._first:
            return has_too_many_fields(text, delimiter, most)
        if self._delimiters < 0:
            self._delimiters = count_delimiters(_text(self._first), delimiter, most)
        if '"' in text:
            self._delimiters += count_delimiters(text, delimiter, most, in_quotes=True)
        return self._delimiters >= most

    def _skip_row(self) -> None:
        """Read to the end of a row beyond the limits, which is where it would be within them, in flat memory."""
        line, held, state = self._line, b"", '"' if self._line is not self._first else ""
        while line:
            piece = held + line
            if piece.endswith(b"\n"):
                held = b""
            else:  # what follows decides about a quote, and a part of a delimiter, at the end
                piece, held = _parted(piece, len(self._delimiter.encode()))
            state = _state_behind(state, piece, self._delimiter)
            if line.endswith(b"\n") and state != '"':
                break
            line = self._readline(1 << 16)
            self._size += len(line)
        self._line = line

    def _bad(self, reason: str | RecordError) -> Bad:
        return Bad(self._size, self._first[:HEAD], reason)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


def _parted(piece: bytes, width: int) -> tuple[bytes, bytes]:
    """Return a piece of a row without its end, and that end: quotes, and what may be a part of a delimiter of `width`.

    The end has one quote for an odd number of them, two for an even one.
    """
    rest = len(piece[:-width].rstrip(b'"'))
    for _ in range(width - 1):
        if rest and 0x80 <= piece[rest] < 0xC0:  # within a character
            rest -= 1
    end = piece[rest:]
    quotes = len(end) - len(end.lstrip(b'"'))
    return piece[:rest], end[max(0, (quotes - 1) // 2 * 2) :]


def _state_behind(state: str, piece: bytes, delimiter: str) -> str:
    """Return where a row is behind a further piece: a quote within a quoted field, `x` within another, or nothing.

    Texts that, before the next piece, mean the same. Read as latin-1: decoded, a line may take four times the memory.
    """
    text, delimiter = state + piece.decode("latin-1"), delimiter.encode().decode("latin-1")
    if ends_in_quotes(text, delimiter):
        return '"'
    return "x" if text and not text.endswith(delimiter) else ""


def _line_end(line: bytes) -> int:
    """Return how many bytes the line end of `line` has."""
    return len(line) - len(line.removesuffix(b"\n").removesuffix(b"\r"))
