"""Records of several lines: where each begins and ends, and what becomes of one that is too long."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest

import chains
from chains import Pieces
from slips.format import Record, RecordLimits, TooLong
from slips.parsing.chain import check_chain, compile_chain
from slips.parsing.readers.text import PADDING


def records(content: bytes | Pieces, start: str = "", limits: RecordLimits | None = None) -> list[Record]:
    raw = Pieces([content]) if isinstance(content, bytes) else content
    chain = compile_chain([{"multiline": {"start": start} if start else {}}], Path(), *([limits] if limits else []))
    return list(chain.records(io.BufferedReader(raw, 1 << 17)))


DATE = r"\d{4}-\d\d-\d\d "


@pytest.mark.parametrize(
    ("content", "start", "found"),
    [
        (b"a\n b\n\tc\nd\n", "", [b"a\n b\n\tc", b"d"]),
        (b" x\na\n", "", [b" x", b"a"]),
        (
            b"a \t\n b  \r\n\t\n  \nc \n\n \n",
            "",
            [b"a \t\n b  ", b"c "],
        ),  # blank lines at its end, and no blanks, are cut off
        (b"a\r\n b\r\n\r\n\nc\r\n", "", [b"a\n b", b"c"]),
        (b"2026-11-28 a\nb\n2026 c\n2026-11-29 d", DATE, [b"2026-11-28 a\nb\n2026 c", b"2026-11-29 d"]),
        (b"x\ny\n", DATE, [b"x\ny"]),
        (b"2026-11-28 a\rb\r2026-11-29 c\r", DATE, [b"2026-11-28 a\nb", b"2026-11-29 c"]),
        (b"\xef\xbb\xbf2026-11-28 a\nb\n", DATE, [b"2026-11-28 a\nb"]),
        (
            b"2026-11-28 a\n\0\0b\nc\n2026-11-29 d\n\0",
            DATE,
            [b"2026-11-28 a", PADDING, b"b\nc", b"2026-11-29 d", PADDING],
        ),
        ("é a\n b\né c".encode(), "é", ["é a\n b".encode(), "é c".encode()]),
        (b"\n \n\t\n", "", []),
        (b"", "", []),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_a_line_that_matches_starts_a_record(content: bytes, start: str, found: list[Record], step: int) -> None:
    assert records(Pieces([content[at : at + step] for at in range(0, len(content), step)]), start) == found


@pytest.mark.parametrize("step", [1, 1000])
def test_lines_that_match_behind_one_another_can_start_one_record(step: int) -> None:
    content = b"# T\n# U\nq\n# U\nr\n\n# T\n# U\n# T\ns\n"
    raw = Pieces([content[at : at + step] for at in range(0, len(content), step)])
    chain = compile_chain([{"multiline": {"start": "# [TU]", "together": True}}], Path())
    found = list(chain.records(io.BufferedReader(raw, 1 << 17)))
    assert found == [b"# T\n# U\nq", b"# U\nr", b"# T\n# U\n# T\ns"]


@pytest.mark.parametrize("step", [1, 1000])
def test_lines_whose_group_has_the_same_text_can_be_one_record(step: int) -> None:
    content = b"a 1 x\nb 1\nno\nno\nc 1\nc 2\r\nd 2\n\n"
    raw = Pieces([content[at : at + step] for at in range(0, len(content), step)])
    chain = compile_chain([{"multiline": {"same": r"\w (\d)"}}], Path())
    found = list(chain.records(io.BufferedReader(raw, 1 << 17)))
    assert found == [b"a 1 x\nb 1", b"no", b"no", b"c 1", b"c 2\nd 2"]


def test_each_object_begins_anew_for_lines_that_belong_together() -> None:
    for step in ({"same": r"(\d)"}, {"start": r"\d", "together": True}):
        chain = compile_chain([{"multiline": step}], Path())
        assert [list(chain.records(io.BufferedReader(Pieces([b"1"])))) for _ in range(2)] == [[b"1"]] * 2


def test_a_pattern_of_same_lines_has_a_group() -> None:
    (problem,) = check_chain([{"multiline": {"same": "a"}}], Path())
    assert problem.startswith("format 'multiline': same: 'a' has no group; expected one in brackets")


@pytest.mark.parametrize("long", [b"x" * 50, b"x\n" * 25, b"x" * 500_000, b"x\n" * 250_000])
def test_a_record_over_the_limit_is_too_long_and_reading_goes_on(long: bytes) -> None:
    content = b"> a\nb\n> " + long + b"\n\n> " + b"y" * 18 + b"\n"
    first, bad, last = records(content, "> ", RecordLimits(bytes=20))
    assert (first, last) == (b"> a\nb", b"> " + b"y" * 18)
    assert isinstance(bad, TooLong)
    assert (b"> " + long).startswith(bad.head)
    assert len(long) < bad.size <= len(long) + 4


@pytest.mark.parametrize("inside", [b"> a", b"\0b"])
def test_only_the_beginning_of_a_line_begins_a_record(inside: bytes) -> None:
    """A line over the limit is read in pieces of two bytes more, of which no other begins a record."""
    limits = RecordLimits(bytes=20)
    bad, last = records(b"> " + b"x" * 20 + inside + b"\n> b\n", "> ", limits)
    assert isinstance(bad, TooLong)
    assert last == b"> b"


def test_an_array_of_many_values_is_as_deep_as_one_of_few_may_be() -> None:
    """Its elements are decoded one by one, below the level that is the array's own."""
    limits, few, many = RecordLimits(depth=20, values=50), b"[%s]", b"[%s%%s]" % (b'{"a": 1}, ' * 60)
    for levels, events in ((19, (1, 61)), (20, (0, 0))):
        element = b'{"a": ' * (levels - 1) + b"{}" + b"}" * (levels - 1)
        seen = [chains.run(["multiline", "json"], array % element, limits=limits) for array in (few, many)]
        assert tuple(len(each.events) for each in seen) == events


def test_memory_does_not_grow_with_a_record() -> None:
    pieces = Pieces([b"> a\n", *[(b"x" * 99 + b"\n") * 1_000] * 300])
    tracemalloc.start()
    try:
        (bad,) = records(pieces, "> ", RecordLimits(bytes=100_000))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert isinstance(bad, TooLong)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (
            "(",
            "format 'multiline': start: '(' is no pattern: missing ), unterminated subpattern at position 0; exp",
        ),
        (
            "x{1,100000000000000000000}",
            "format 'multiline': start: 'x{1,100000000000000000000}' is no pattern: the rep",
        ),
        ("(a+)+b", "format 'multiline': start: '(a+)+b' may take too long: "),
    ],
)
def test_a_pattern_that_does_not_fit_is_told(start: str, words: str) -> None:
    (problem,) = check_chain([{"multiline": {"start": start}}], Path())
    assert problem.startswith(words)


def test_a_pattern_of_groups_that_are_too_deep_is_told() -> None:
    for step in ({"multiline": {"start": "(" * 5_000}}, {"segments": {"pattern": "(" * 5_000}}):
        (problem,) = check_chain([step], Path())
        assert "' is no pattern: groups are nested too deep; expected one of Python" in problem


def test_the_pattern_is_part_of_what_numbers_records() -> None:
    readers = {compile_chain([{"multiline": {"start": start}}], Path()).reader for start in ("a", "b")}
    assert len(readers) == 2
