"""Readers that cut an object into lines, into one record, or into none.

The order in which a reader yields records numbers them. Other readers have modules of their own: `multiline`,
`documents` and `elements` (JSON), `rows` (CSV).
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from functools import partial
from io import BufferedReader
from itertools import chain, filterfalse
from typing import Protocol

from slips.format import Record, Rule, TooLong, reader
from slips.parsing.contains import BLOCK, Finds, skim
from slips.parsing.readers.text import PADDING, TextRecords

_BEGINS = frozenset(range(ord("!") + 1, 256))
"""First bytes of lines that are neither blank nor padded."""
TEXTS = 1 << 15
"""Bytes of lines that are decoded at once: a tenth of the time of each alone. More do not fit into a core's cache."""
_MARKS = re.compile(rb"(?:\xef\xbb\xbf)++")
HEAD = 4096
"""Bytes kept as a sample of a record that is too long."""


@reader(
    "s3-lines",
    summary="each line is a record; a line feed ends a line, a carriage return if there are no others; blank lines are "
    "none",
    reference="https://jsonlines.org/",
    rules=(PADDING,),
    numbering=2,
)
def s3_lines(stream: BufferedReader, record_bytes: int, _parameter: str) -> TextRecords:
    """Yield lines as bytes, with their line end. Skip a line over `record_bytes` in flat memory: it becomes TooLong.

    NUL bytes before a line, or in place of one, are PADDING.
    """
    return LineRecords(stream, record_bytes)


class LineStream(Protocol):
    """A stream that is read line by line."""

    def readline(self, size: int, /) -> bytes: ...


class LineRecords(TextRecords):
    """The lines of an object."""

    def __init__(self, stream: BufferedReader, record_bytes: int) -> None:
        super().__init__(stream)
        self._record_bytes = record_bytes

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        if self.finds and self._record_bytes >= 2 * BLOCK:
            return self._skimmed(stream, self.finds)
        if self.gives_texts and self._record_bytes >= 2 * TEXTS:  # so that no line is too wide
            return chain.from_iterable(self._texts(stream))
        return self._whole(stream, iter(partial(stream.readline, self._record_bytes + 2), b""))

    def _whole(self, stream: BufferedReader, lines: Iterable[bytes]) -> Iterator[Record]:
        record_bytes = self._record_bytes
        rest = iter(lines)
        while True:
            for line in rest:
                # Its first byte is that of no blank, no NUL, and no byte order mark.
                if b"!" < line < BOM_UTF8 and len(line) <= record_bytes:
                    yield line
                elif line.isspace():
                    break
                else:
                    yield from self.odd(stream, line)
            else:
                return
            rest = filterfalse(bytes.isspace, rest)  # one blank line announces more of them

    def _skimmed(self, stream: BufferedReader, finds: Finds) -> Iterator[Record]:
        for line_or_rule in skim(stream, finds, _BEGINS, self._record_bytes + 2):
            if isinstance(line_or_rule, Rule):
                yield line_or_rule
            else:
                yield from self.odd(stream, line_or_rule)

    def _texts(self, stream: BufferedReader) -> Iterator[Iterable[Record]]:
        """Yield the lines of block after block: decoded at once if all are usual, else as bytes."""
        while data := stream.read1(TEXTS):
            end = data.rfind(b"\n")
            if end >= 0:
                block = data[:end]
                yield _usual(block) or self._whole(stream, [line + b"\n" for line in block.split(b"\n")])
            if end + 1 < len(data):
                rest = data[end + 1 :]
                yield self._whole(stream, [rest + stream.readline(self._record_bytes + 2 - len(rest))])

    def odd(self, stream: BufferedReader, line: bytes) -> Iterator[Record]:
        """Yield the records of a line that may be blank, padded or too long."""
        record_bytes = self._record_bytes
        if not line[0]:
            yield PADDING
            line = behind_padding(stream, line, record_bytes + 2)
        line = behind_marks(line)
        if len(line) > record_bytes and len(line.rstrip(b"\r\n")) > record_bytes:
            yield skip_line(stream, line, record_bytes)
        elif line and not line.isspace():
            yield line


def _usual(block: bytes) -> list[str] | None:
    """Return the lines of a block as texts; None unless all are UTF-8, not blank, not padded, and end without `\\r`."""
    if b"\r" in block:
        return None
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return None
    lines = text.split("\n")
    return lines if min(lines) > "!" and (text.isascii() or max(lines) < "\ufeff") else None


def behind_marks(line: bytes) -> bytes:
    """Return a line without the byte order marks at its beginning, if it has more than these: they are no content."""
    if not line.startswith(BOM_UTF8):
        return line
    marks = _MARKS.match(line)
    content = line[marks.end() :] if marks else line
    return line if not content or content.isspace() else content


def behind_padding(stream: LineStream, line: bytes, limit: int) -> bytes:
    """Return a line of at most `limit` bytes without the NUL bytes before it, of which there may be gigabytes."""
    while line and not (line := line.lstrip(b"\0")):
        line = stream.readline(min(limit, 1 << 16))
    return line if not line or line.endswith(b"\n") else line + stream.readline(limit - len(line))


def skip_line(stream: BufferedReader, line: bytes, record_bytes: int) -> TooLong:
    """Read to the end of a line that begins with `line`, and return the record that stands for it."""
    size, head, last = len(line), line[:HEAD], line
    del line
    while last and not last.endswith(b"\n"):
        last = stream.readline(1 << 16)
        size += len(last)
    return TooLong(size - last.endswith(b"\n"), record_bytes, head)


@reader(
    "s3-text",
    summary="the whole object is one record",
    reference="https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingObjects.html",
)
def s3_text(stream: BufferedReader, record_bytes: int, _parameter: str) -> TextRecords:
    """Yield the object as one record; none if the object is empty or blank."""
    return WholeRecord(stream, record_bytes)


class WholeRecord(TextRecords):
    """The object as one record."""

    def __init__(self, stream: BufferedReader, record_bytes: int) -> None:
        super().__init__(stream)
        self._record_bytes = record_bytes

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        text = stream.read(self._record_bytes + 1)
        if len(text) > self._record_bytes:
            size = len(text)
            while chunk := stream.read(1 << 16):
                size += len(chunk)
            yield TooLong(size, self._record_bytes, text[:HEAD])
        elif text and not text.isspace():
            yield text


@reader(
    "ignore",
    summary="takes objects and does nothing with them",
    reference="https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingObjects.html",
    gives="nothing",
)
def ignore(_stream: BufferedReader, _record_bytes: int, _parameter: str) -> Iterator[Record]:
    """Yield no records, and read no byte of the object."""
    return iter(())
