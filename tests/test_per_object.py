"""A parser that remembers something of its object, as the header is, begins anew with each object, and sees the records
before those that a run wants.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from msgspec.structs import replace

import chains
from chains import OBJECT
from declared import both_in_turn
from slips.formats.mysql.error import MYSQL_GENERAL
from slips.parsing.chain import compile_chain
from slips.parsing.shapes import one_of

FORMATS = """
from slips.format import PerObject, Rule, parser

HEADER = Rule("header", "lines that name the columns")


@parser("named", summary="s", reference="r", takes="text", rules=(HEADER,))
@PerObject
def named():
    names = []

    def parse(meta, text):
        if text.startswith("#"):
            names[:] = text[1:].split()
            return HEADER
        if text == "exit":
            raise SystemExit
        return dict(zip(names, text.split(), strict=True))

    return parse
"""
CHAIN = ["s3-lines", "formats.py:named"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "formats.py").write_text(dedent(FORMATS))
    return tmp_path


def test_a_parser_that_remembers_knows_nothing_of_the_object_before(root: Path) -> None:
    chain = compile_chain(CHAIN, root)
    for content, events in ((b"#a b\n1 2\n", [{"a": "1", "b": "2"}]), (b"3 4\n", []), (b"#c\n5\n", [{"c": "5"}])):
        seen = chains.run_chain(chain, content)
        assert [event for _, event in seen.events] == events
        assert seen.outcome.rules == ({"header": 1} if b"#" in content else {})


def test_records_before_a_wanted_one_are_shown_to_a_parser_that_remembers(root: Path) -> None:
    content = b"#a\n1\nexit\n1 2 3\n#b\n2\n#c\n3\n"
    source = replace(OBJECT, records=[(6, 6), (8, None)])
    seen = chains.run(CHAIN, content, source, root=root)
    assert [(meta.seq, event) for meta, event in seen.events] == [(6, {"b": "2"}), (8, {"c": "3"})]
    assert (seen.outcome.records, seen.outcome.delivered, seen.quarantined) == (2, 2, [])


# ---- the time of the line before: MySQL's general query log

GENERAL = b"""\
\t\t    1 Quit\t
260301  8:00:03\t    2 Connect\tann@192.0.2.7 on
\t\t    2 Query\tSELECT 1
\t\t    2 Ping\t
261301  8:00:04\t    2 Query\tSELECT 2
\t\t    2 Query\tSELECT 3
260301  8:00:05\t    2 Query\tSELECT 4
\t\t    2 Quit\t
"""
AT = 1_772_352_003.0
"""2026-03-01T08:00:03Z."""
TIMES = {1: OBJECT.timestamp, 2: AT, 3: AT, 4: AT, 6: OBJECT.timestamp, 7: AT + 2, 8: AT + 2}


def times_of(seen: chains.Seen) -> dict[int, float]:
    return {meta.seq: meta.timestamp for meta, _ in seen.events}


def test_a_line_without_a_time_has_that_of_the_line_before_in_its_object_unless_that_cannot_be_read() -> None:
    chain = compile_chain(["mysql-general"], Path())
    for _ in range(2):
        seen = chains.run_chain(chain, GENERAL)
        assert (times_of(seen), [seq for seq, _ in seen.quarantined]) == (TIMES, [5])


@pytest.mark.parametrize("first", range(1, 9))
def test_a_part_of_an_object_has_the_times_of_the_whole(first: int) -> None:
    for last in (first, None):
        seen = chains.run(["mysql-general"], GENERAL, replace(OBJECT, records=[(first, last)]))
        assert times_of(seen) == {
            seq: at for seq, at in TIMES.items() if seq >= first and (last is None or seq == first)
        }


def test_a_text_that_no_record_before_has_does_not_hide_their_times() -> None:
    chain = compile_chain(["mysql-general"], Path(), contains=["Ping", "SELECT 4"])
    assert times_of(chains.run_chain(chain, GENERAL)) == {4: AT, 7: AT + 2}


def test_a_line_behind_a_header_has_the_time_of_that() -> None:
    lines = [
        b'{"log":"260301  8:00:03\\t    2 Query\\tSELECT 1\\n","stream":"stdout","time":"2026-03-01T09:00:00Z"}\n',
        b'{"log":"\\t\\t    2 Quit\\t\\n","stream":"stdout","time":"2026-03-01T09:00:01Z"}\n',
    ]
    seen = chains.run(["docker-lines", "docker-json", "mysql-general"], b"".join(lines))
    assert times_of(seen) == {1: AT, 2: AT + 3_598}


def test_a_refine_that_remembers_reads_as_its_slow_reading_does_and_makes_no_shape() -> None:
    assert len(both_in_turn(MYSQL_GENERAL, GENERAL.decode().splitlines())) == 8
    with pytest.raises(ValueError, match="format 'x': 'mysql-general' remembers its object's lines"):
        one_of("x", "s", "https://example.com", MYSQL_GENERAL, tag="t")
