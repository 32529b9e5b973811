"""Tables with a header, such as CSV: the header names the fields, and each row below it is a record.

The `csv` module of the standard library is not used: it ends rows at a lone carriage return, and its limit on the size
of a field is one for the whole process, handlers included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from io import BufferedReader

from slips.errors import ReaderError
from slips.format import Bad, Record, TooLong, reader
from slips.formats.readers import HEAD

DELIMITERS = {"tab": "\t", "semicolon": ";", "pipe": "|", "space": " "}
COLUMNS = 1 << 16
"""Most columns of a row. A table has fewer; a row of 16 MiB of commas would become 2 GB of fields."""


@reader(
    "csv",
    summary="the first row names the fields, each further one is a record; the parameter is the delimiter",
    reference="https://www.rfc-editor.org/rfc/rfc4180",
    gives="event",
    parameter=",",
)
def csv(stream: BufferedReader, record_bytes: int, parameter: str) -> Iterator[Record]:
    """Rows as dicts of texts. The delimiter is one character, or `tab`, `semicolon`, `pipe`, `space`.

    Fields may be quoted and then hold delimiters, line feeds and doubled quotes. A quote elsewhere is a character like
    any other. Rows end with `\\n` or `\\r\\n`; blank lines are none. A row with fewer columns than the header lacks the
    last fields; columns without a name, or with one that stands there before, are called `column_<n>` (1-based). Bytes
    that are not UTF-8 survive as `surrogateescape`. A quote that never ends makes a `Bad` record of the rest. Raises
    ReaderError for a delimiter that cannot be one, and for a header that has no end.
    """
    delimiter = DELIMITERS.get(parameter, parameter)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ReaderError(
            f"csv delimiter {parameter!r} cannot be one; expected one character or one of {', '.join(DELIMITERS)}"
        )
    rows = _Rows(stream, record_bytes, delimiter).read()
    header = next(rows, [])
    if isinstance(header, Bad):
        raise ReaderError(f"csv header cannot be read: {header.reason}")
    names = _names(header, len(header))
    for row in rows:
        if isinstance(row, Bad):
            yield row
            continue
        if len(row) > len(names):
            names = _names(header, len(row))
        yield dict(zip(names, row, strict=False))


def _names(header: Sequence[str], width: int) -> list[str]:
    """A name for each of `width` columns, all different: nothing in a row may hide behind something else."""
    given = set(header)
    names: dict[str, None] = {}
    for position in range(width):
        name = header[position] if position < len(header) else ""
        if not name or name in names:
            name = f"column_{position + 1}"
            while name in names or name in given:
                name += "_"
        names[name] = None
    return list(names)


class _Rows:
    """Cuts a stream into rows, and rows into fields."""

    def __init__(self, stream: BufferedReader, record_bytes: int, delimiter: str) -> None:
        self._stream, self._record_bytes, self._delimiter = stream, record_bytes, delimiter
        mark = re.escape(delimiter)
        quoted = rf'[^"]*+(?:""[^"]*+)*+"[^{mark}]*+'  # behind the quote that opens it
        more = rf'(?:{mark}(?:"{quoted}|(?!")[^{mark}]*+))*+'
        # A line on which a row begins, or goes on within quotes: it matches if the row ends with the line.
        self._last_of_new = re.compile(f'(?:"{quoted}|(?!")[^{mark}]*+){more}')
        self._last_of_open = re.compile(f"{quoted}{more}")
        self._field = re.compile(rf'{mark}(?:"([^"]*+(?:""[^"]*+)*+)"([^{mark}]*+)|([^{mark}]*+))')

    def read(self) -> Iterator[list[str] | Bad]:
        """The rows, header included."""
        for number, line in enumerate(iter(partial(self._stream.readline, self._record_bytes + 2), b"")):
            row = line if number else line.removeprefix(b"\xef\xbb\xbf")
            whole = self._whole(row) if b'"' in row or len(row) > self._record_bytes else row
            fields = whole if isinstance(whole, Bad) else self._fields(whole)
            if fields:
                yield fields

    def _fields(self, row: bytes) -> list[str] | Bad:
        """The fields of a row, or nothing if it is blank."""
        text = _text(row.removesuffix(b"\n").removesuffix(b"\r"))
        if '"' in text:
            fields = [
                plain or quoted.replace('""', '"') + rest
                for quoted, rest, plain in self._field.findall(self._delimiter + text)
            ]
        elif not text or (row.isspace() and self._delimiter not in text):
            return []
        else:
            fields = text.split(self._delimiter)
        if len(fields) > COLUMNS:
            return Bad(len(row), row[:HEAD], f"row has {len(fields):,} columns; expected at most {COLUMNS:,}")
        return fields

    def _whole(self, line: bytes) -> bytes | Bad:
        """The row that begins with `line`, to the end of its last line."""
        parts, size, last = [line], len(line), self._last_of_new
        while size - _line_end(line) <= self._record_bytes:
            if last.fullmatch(_text(line)):
                return b"".join(parts)
            line = self._stream.readline(self._record_bytes + 3 - size)
            if not line:
                return Bad(size, b"".join(parts)[:HEAD], "row has a quote that never ends; expected one that closes it")
            parts.append(line)
            size += len(line)
            last = self._last_of_open
        head, quotes = b"".join(parts)[:HEAD], sum(part.count(b'"') for part in parts)
        parts.clear()
        # As good as the patterns here, and it needs no whole lines: a row ends where all its quotes are paired.
        while line and not (line.endswith(b"\n") and quotes % 2 == 0):
            line = self._stream.readline(1 << 16)
            size += len(line)
            quotes += line.count(b'"')
        return TooLong(size - _line_end(line), self._record_bytes, head)


def _line_end(line: bytes) -> int:
    """Bytes of the line end of `line`."""
    return len(line) - len(line.removesuffix(b"\n").removesuffix(b"\r"))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
