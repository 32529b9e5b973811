"""Reads records of several lines, such as a message with its stack trace: a line that matches a pattern starts one."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedReader
from typing import Annotated

from slips.format import FormatOptions, Read, Record, TooLong, a_key, reader
from slips.parsing.readers.line_pattern import line_pattern
from slips.parsing.readers.lines import HEAD, behind_marks, behind_padding
from slips.parsing.readers.text import PADDING, TextRecords


class MultilineOptions(FormatOptions, frozen=True):
    """The options of `multiline`."""

    start: Annotated[
        str,
        a_key(
            "Python's regular expression for the beginning of a line that starts a record; not set: a line that begins "
            "with no white space. It must take time in proportion to the line.",
            r"\d{4}-\d\d-\d\d",
            min_length=1,
        ),
    ] = r"\S"
    together: Annotated[
        bool,
        a_key("Whether lines that match 'start', one right behind another, begin one record together.", True),
    ] = False
    same: Annotated[
        str,
        a_key(
            "In place of 'start': Python's regular expression with groups, found at the beginning of lines; lines "
            "behind one another whose groups have the same texts are a record. Other lines are records of their own.",
            r"(\w+) ",
            min_length=1,
        ),
    ] = ""


@reader(
    "multiline",
    summary="a line that matches the option 'start', and all lines up to the next such line, are a record",
    reference="https://docs.python.org/3/library/re.html#regular-expression-syntax",
    rules=(PADDING,),
    options=MultilineOptions,
)
def multiline(options: MultilineOptions) -> Read:
    """Yield records of lines, without the blank lines behind each. Lines before the first that matches are one, too.

    Lines of a record have a line feed between, whatever ends them in the object; a quarantine shows them as they are.
    A record over `record_bytes` is skipped in flat memory: it becomes TooLong. Of a line, the first 4 KB are matched.
    Raises ValueError for a pattern that is none, or that may take more time than in proportion to the line.
    """
    compiled = line_pattern(*(("same", options.same) if options.same else ("start", options.start)))
    if options.same and not compiled.groups:
        raise ValueError(f"same: {options.same!r} has no group; expected one in brackets, such as '(\\w+) '")

    def read(stream: BufferedReader, record_bytes: int, _parameter: str) -> TextRecords:
        if options.same:
            return _MultilineRecords(stream, record_bytes, _Changes(compiled))
        if options.together:
            return _MultilineRecords(stream, record_bytes, _FirstOfRow(compiled))
        return _MultilineRecords(stream, record_bytes, compiled.match)

    return read


_MARK = BOM_UTF8[0]


class _FirstOfRow:
    """Whether a line matches, and the line before it does not."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._match, self._matched = pattern.match, False

    def __call__(self, line: str) -> bool:
        before, self._matched = self._matched, self._match(line) is not None
        return self._matched and not before


class _Changes:
    """Whether the groups of a line have other texts than those of the line before, or none."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._match = pattern.match
        self._last: tuple[str | None, ...] | None = None

    def __call__(self, line: str) -> bool:
        found = self._match(line)
        before, self._last = self._last, found.groups() if found else None
        return self._last is None or self._last != before


class _MultilineRecords(TextRecords):
    def __init__(self, stream: BufferedReader, record_bytes: int, starts: Callable[[str], object]) -> None:
        super().__init__(stream)
        self._record_bytes, self._starts = record_bytes, starts
        self._kept = bytearray()
        """Lines of the current record, those within the limit: a list of short ones takes ten times the memory."""
        self._size = 0
        """Bytes of the current record."""
        self._last, self._last_own = b"", b""
        """The record that was yielded last, if it has other line ends than the object, and its bytes there."""

    def original(self, record: Record) -> Record:
        return super().original(self._last_own if self._last and record == self._last else record)

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        most, starts, kept = self._record_bytes, self._starts, self._kept
        limit = most + 2
        is_begin = True
        for line in iter(partial(stream.readline, limit), b""):
            if is_begin:
                first = line[0]
                if not first:
                    yield from self._ended()
                    yield PADDING
                    line = behind_padding(stream, line, limit)  # noqa: PLW2901 - what is left of it
                else:
                    if first == _MARK:
                        line = behind_marks(line)  # noqa: PLW2901
                    if starts(line[:HEAD].decode("utf-8", "surrogateescape")):
                        yield from self._ended()
            is_begin = line.endswith(b"\n")
            self._size += len(line)
            if len(kept) <= most:
                kept += line
        yield from self._ended()

    def _ended(self) -> Iterator[Record]:
        """Yield the current record, unless it is blank, and begin the next."""
        content = bytes(self._kept)
        size, self._size = self._size, 0
        self._kept.clear()
        if len(content) == size:
            last = content.find(b"\n", len(content.rstrip()))  # the end of the last line that is not blank
            content = (content if last < 0 else content[:last]).rstrip(b"\r") if not content.isspace() else b""
            size = len(content)
        if size > self._record_bytes:
            yield TooLong(size, self._record_bytes, content[:HEAD])
        elif content:
            self._last = b""
            if b"\r\n" in content:
                self._last, self._last_own = content.replace(b"\r\n", b"\n"), content
            yield self._last or content
