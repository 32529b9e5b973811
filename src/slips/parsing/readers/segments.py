"""Reads logs whose senders cut a long message into segments of several lines: the segments of a message are one record.

Each line names its message, how many segments that has, and which one it is. Lines of other messages may stand between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from io import BufferedReader
from typing import Annotated

from slips.format import FormatOptions, Read, Record, TooLong, a_key, reader
from slips.parsing.readers.line_pattern import line_pattern
from slips.parsing.readers.lines import HEAD, LineRecords
from slips.parsing.readers.text import PADDING

_MOST_MESSAGES, _MOST_BYTES, _MOST_SEGMENTS = 1_000, 1 << 24, 10_000
"""Most messages that wait for their other segments, most bytes of their lines, and most segments of a message.
Constants, since they decide how records are numbered."""


class SegmentsOptions(FormatOptions, frozen=True):
    """The options of `segments`."""

    pattern: Annotated[
        str,
        a_key(
            "Python's regular expression, found at the beginning of lines, with the groups 'total' and 'segment': how "
            "many segments the message has, and the number of this one. Lines whose other groups have the same texts "
            "are of one message; other lines are records of their own.",
            r"(\w+) (?P<total>\d+) (?P<segment>\d+) ",
            min_length=1,
        ),
    ] = r"(\w+) (?P<total>\d+) (?P<segment>\d+) "


@reader(
    "segments",
    summary="the lines of all segments of a message, told by the option 'pattern', are a record",
    reference="https://www.cisco.com/c/en/us/td/docs/security/ise/syslog/Cisco_ISE_Syslogs/m_IntrotoSyslogs.html",
    rules=(PADDING,),
    options=SegmentsOptions,
)
def segments(options: SegmentsOptions) -> Read:
    """Yield messages with their last segment, in the order of the segments' numbers.

    A message that lacks some is a record of those that came: at the end of the object, before a second segment of its
    number, or once too many messages wait. One over `record_bytes` is TooLong. Of a line, the first 4 KB are matched.
    Raises ValueError for a pattern that is none, that lacks a group, or that may take more time than in proportion to
    the line.
    """
    compiled = line_pattern("pattern", options.pattern)
    for name in ("total", "segment"):
        if name not in compiled.groupindex:
            raise ValueError(
                f"pattern: {options.pattern!r} has no group {name!r}; expected one such as '(?P<{name}>\\d+)'"
            )

    def read(stream: BufferedReader, record_bytes: int, _parameter: str) -> LineRecords:
        return _Segments(stream, record_bytes, compiled)

    return read


class _Message:
    """The segments of a message that came so far."""

    def __init__(self) -> None:
        self.lines: dict[int, bytes] = {}
        self.size = 0

    def record(self, limit: int) -> Record:
        """Return the record of all segments; each line but the last keeps its line end."""
        *lines, last = (self.lines[number] for number in sorted(self.lines))
        content = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines) + last
        if len(content) > limit and len(content := content.rstrip(b"\r\n")) > limit:
            return TooLong(len(content), limit, content[:HEAD])
        return content


class _Segments(LineRecords):
    def __init__(self, stream: BufferedReader, record_bytes: int, pattern: re.Pattern[str]) -> None:
        super().__init__(stream, record_bytes)
        self._match = pattern.match
        self._numbers = pattern.groupindex["total"], pattern.groupindex["segment"]
        self._waiting: dict[tuple[str | None, ...], _Message] = {}
        """The messages that lack segments, by the texts of the other groups; the first that came is the first."""
        self._bytes = 0
        """Bytes of their lines."""

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        limit = self._record_bytes
        for line in iter(partial(stream.readline, limit + 2), b""):
            if line > b"!" and len(line) <= limit:
                yield from self._take(line)
                continue
            for record in self.odd(stream, line):
                if isinstance(record, bytes):
                    yield from self._take(record)
                else:
                    yield record
        while self._waiting:
            yield self._first()

    def _take(self, line: bytes) -> Iterator[Record]:
        """Yield the records that are there with a line."""
        found = self._match(line[:HEAD].decode("utf-8", "surrogateescape"))
        total, number = self._of(found) if found else (0, 0)
        if found is None or not 1 < total <= _MOST_SEGMENTS:
            yield line
            return
        key = tuple(text for group, text in enumerate(found.groups(), 1) if group not in self._numbers)
        if (message := self._waiting.get(key)) is not None and number in message.lines:
            yield self._ended(key)
            message = None
        if message is None:
            message = self._waiting[key] = _Message()
        message.lines[number] = line
        message.size += len(line)
        self._bytes += len(line)
        if len(message.lines) == total:
            yield self._ended(key)
        while len(self._waiting) > _MOST_MESSAGES or self._bytes > _MOST_BYTES:
            yield self._first()

    def _of(self, found: re.Match[str]) -> tuple[int, int]:
        """Return the number of segments and that of the segment; 0 for what is no number, or too long for one."""
        texts = (found[group] or "" for group in self._numbers)
        total, number = (int(text) if text.isdecimal() and len(text) < 10 else 0 for text in texts)
        return total, number

    def _first(self) -> Record:
        return self._ended(next(iter(self._waiting)))

    def _ended(self, key: tuple[str | None, ...]) -> Record:
        message = self._waiting.pop(key)
        self._bytes -= message.size
        return message.record(self._record_bytes)


_LONGEST_HEAD = 600
"""Most characters of a line in which the head of a segment is looked for."""
_MOST_NAMED = 1_000
"""Most segments of a message of which those that did not come are named."""


def join_segments(text: str, segment: int, total: int, head: re.Pattern[str], begin: int) -> tuple[str, list[int]]:
    """Return the text of a message, and the numbers of the segments that did not come.

    `text` is that of segment number `segment` of `total`, then the lines of further ones, whose texts stand behind what
    `head` finds: its group is their number. `begin` is the number of a first segment. A line without a head is text.
    """
    first, *lines = text.split("\n")
    texts, came = [first.removesuffix("\r") if lines else first], {segment}
    for line in lines:
        if found := head.search(line, 0, _LONGEST_HEAD):
            texts.append(line[found.end() :].removesuffix("\r"))
            came.add(int(found[1]))
        else:
            texts.append(f"\n{line}")
    if not 1 < total <= _MOST_NAMED:
        return "".join(texts), []
    return "".join(texts), [number for number in range(begin, begin + total) if number not in came]
