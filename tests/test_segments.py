"""Messages in segments: which lines are one record, in which order, and what becomes of a message that lacks some."""

from __future__ import annotations

import io
import re
import tracemalloc
from pathlib import Path

import msgspec
import pytest

import chains
from chains import OBJECT, Pieces
from slips.format import Record, RecordLimits, TooLong
from slips.parsing.chain import check_chain, compile_chain
from slips.parsing.readers import segments
from slips.parsing.readers.segments import join_segments
from slips.parsing.readers.text import PADDING


def records(content: bytes | Pieces, limits: RecordLimits | None = None) -> list[Record]:
    raw = Pieces([content]) if isinstance(content, bytes) else content
    chain = compile_chain(["segments"], Path(), *([limits] if limits else []))
    return list(chain.records(io.BufferedReader(raw, 1 << 17)))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a 2 1 x\na 2 2 y\n", [b"a 2 1 x\na 2 2 y\n"]),
        (b"a 2 2 y\r\na 2 1 x", [b"a 2 1 x\na 2 2 y\r\n"]),
        (b"a 2 0 x\nb 2 0 z\na 2 1 y\nno\nb 2 1 z", [b"a 2 0 x\na 2 1 y\n", b"no\n", b"b 2 0 z\nb 2 1 z"]),
        (b"a 1 1 x\na 1 1 x\n", [b"a 1 1 x\n", b"a 1 1 x\n"]),
        (b"a 3 1 x\nb 1 1 y\na 3 3 z", [b"b 1 1 y\n", b"a 3 1 x\na 3 3 z"]),
        (b"a 2 1 x\na 2 1 y\na 2 2 z", [b"a 2 1 x\n", b"a 2 1 y\na 2 2 z"]),
        (b"a 0 1 x\na 0 2 y", [b"a 0 1 x\n", b"a 0 2 y"]),
        (b"a 2 1 x\n\n \n\0\0a 2 2 y\n\0", [PADDING, b"a 2 1 x\na 2 2 y\n", PADDING]),
        (b"\xef\xbb\xbfa 2 1 x\na 2 2 y", [b"a 2 1 x\na 2 2 y"]),
        (b"a 99999999999999999999 1 x\n", [b"a 99999999999999999999 1 x\n"]),
        ("é 2 2 b\né 2 1 a\n".encode(), ["é 2 1 a\né 2 2 b\n".encode()]),
        (b"", []),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_the_segments_of_a_message_are_a_record(content: bytes, found: list[Record], step: int) -> None:
    assert records(Pieces([content[at : at + step] for at in range(0, len(content), step)])) == found


def test_messages_that_lack_segments_are_bounded_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_MOST_MESSAGES", 3)
    lines = [b"%d 2 1 x\n" % number for number in range(10)]
    found = records(b"".join(lines))
    assert found == lines
    late = records(b"".join(lines[:4]) + b"0 2 2 y\n")
    assert late == [lines[0], lines[1], lines[2], lines[3], b"0 2 2 y\n"]


def test_the_bytes_of_messages_that_lack_segments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_MOST_BYTES", 30)
    lines = [b"a 9 %d xxxx\n" % number for number in range(5)]
    assert records(b"".join(lines)) == [b"".join(lines[:3]), b"".join(lines[3:])]


def test_memory_does_not_grow_with_messages_that_never_end() -> None:
    pieces = Pieces([b"%d 2 1 " % number + b"x" * 1_000 + b"\n" for number in range(30_000)])
    tracemalloc.start()
    try:
        chain = compile_chain(["segments"], Path())
        assert sum(1 for _ in chain.records(io.BufferedReader(pieces, 1 << 17))) == 30_000
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()


def test_a_message_over_the_limit_is_too_long_and_its_lines_are_counted_once() -> None:
    content = b"a 2 1 " + b"x" * 10 + b"\nb 1 1 y\na 2 2 " + b"x" * 10 + b"\nc 1 1 z\n"
    first, bad, last = records(content, RecordLimits(bytes=20))
    assert (first, last) == (b"b 1 1 y\n", b"c 1 1 z\n")
    assert isinstance(bad, TooLong)
    assert bad.size == 33


def test_a_continuation_in_the_middle_joins_the_same_segments() -> None:
    """Records are numbered by their last segments, and a part of the object begins with any of them."""
    content = b"".join(
        b"<181>Mar  1 08:00:0%d ise1 CISE_A %d 2 %d 2026-03-01 08:00:00.978 +01:00 1 5200 NOTICE A: x, Step=%d,\n"
        % (number, number, segment, segment)
        for segment in (0, 1)
        for number in range(4)
    )
    whole = chains.run(["cisco-ise"], content).events
    assert [event["message_id"] for _, event in whole] == ["0", "1", "2", "3"]
    parts = [numbered(content, [(first, first + 1)]) for first in (1, 3)]
    assert [event for part in parts for event in part] == [event for _, event in whole]


def numbered(content: bytes, ranges: list[tuple[int, int]]) -> list[dict[str, object]]:
    part = msgspec.structs.replace(OBJECT, records=ranges)
    return [event for _, event in chains.run(["cisco-ise"], content, part).events]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "pattern: '(' is no pattern: missing ), unterminated subpattern at position 0; exp"),
        ("(a+)+b", "pattern: '(a+)+b' may take too long: "),
        (r"(?P<total>\d) ", "pattern: '(?P<total>\\\\d) ' has no group 'segment'; expected one such as"),
        (r"(?P<segment>\d) ", "pattern: '(?P<segment>\\\\d) ' has no group 'total'; expected one such as"),
    ],
)
def test_a_pattern_that_does_not_fit_is_told(pattern: str, words: str) -> None:
    (problem,) = check_chain([{"segments": {"pattern": pattern}}], Path())
    assert problem.startswith(f"format 'segments': {words}")


HEAD = re.compile(r"\w+ \d+ (\d+) ")


@pytest.mark.parametrize(
    ("text", "segment", "total", "joined"),
    [
        ("one\r\nm 3 1 two\r\nm 3 2 three", 0, 3, ("onetwothree", [])),
        ("one\nm 3 2 three", 0, 3, ("onethree", [1])),
        ("two", 1, 3, ("two", [0, 2])),
        ("one\nof two lines", 0, 1, ("one\nof two lines", [])),
        ("one\nof two lines\nm 2 1 end", 0, 2, ("one\nof two linesend", [])),
        ("one", 0, 10**9, ("one", [])),
    ],
)
def test_the_texts_of_segments_are_joined(text: str, segment: int, total: int, joined: tuple[str, list[int]]) -> None:
    assert join_segments(text, segment, total, HEAD, 0) == joined
