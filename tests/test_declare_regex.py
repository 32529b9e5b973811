"""Lines that a pattern with named groups cuts; patterns that some text could keep busy are refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declared import both, both_in_turn, event_of
from slips.parsing import Patterns, Regex, iso
from slips.parsing.linear import why_not_linear


def door(pattern: str, **parts: Any) -> Regex:
    return Regex("door", "the door log of ACME", pattern=pattern, **parts)


def test_named_groups_are_the_fields() -> None:
    declared = door(
        r"(?P<ip>\S+) (-|x) (?P<status>\d+)?(?: (?P<took>\S+))?", integers="status", floats="took", absent="-"
    )
    assert event_of(declared, "::1 - 200 0.5")[0] == {"ip": "::1", "status": 200, "took": 0.5}
    assert event_of(declared, "- x  -")[0] == {"ip": None, "status": None, "took": None}
    assert event_of(door("(?P<all>.*)"), "a\nb")[0] == {"all": "a\nb"}
    assert both(declared, "::1 - 200 fast") == ("RecordError", "'took' is 'fast'; expected a number")


def test_a_line_that_the_pattern_does_not_match_at_its_beginning_is_bad() -> None:
    expected = ("RecordError", "line begins with ' 5'; expected one that the pattern matches")
    assert both(door(r"(?P<n>\d+)"), " 5") == expected


@pytest.mark.slow
def test_a_python_without_the_parser_of_patterns_costs_formats_of_patterns_alone() -> None:
    """The parser is a private part of Python."""
    program = """\
import re, sys
del re._parser
sys.modules["re._parser"] = None
from slips.formats import find
print(find("json").name, flush=True)
find("regex")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == "json\n"
    assert "ImportError: regular expressions of formats: this Python has no 're._parser'" in done.stderr


def test_message_and_time_are_made_of_the_groups() -> None:
    declared = door(r"(?P<at>\S+) (?P<text>.*)", time=iso("at"), message="{text}")
    assert event_of(declared, "2018-06-11T12:00:00Z some text")[1:] == ("door", 1528718400.0, "some text")


SHAPES = Patterns(
    "shapes",
    "lines of two shapes",
    tag="shapes.{verb|'other'}",
    whole="line",
    patterns=(r"(?P<verb>open|close) (?P<door>\d+)(?: by (?P<user>\S+))?", r"(?P<user>\S+): (?P<text>.*)"),
    integers="door",
    absent="-",
)


@pytest.mark.parametrize(
    ("line", "event", "tag"),
    [
        ("open 7 by ann", {"verb": "open", "door": 7, "user": "ann"}, "shapes.open"),
        ("close 8", {"verb": "close", "door": 8}, "shapes.close"),
        ("-: open 7", {"user": None, "text": "open 7"}, "shapes.other"),
    ],
)
def test_the_first_pattern_that_matches_cuts_a_line(line: str, event: dict[str, Any], tag: str) -> None:
    assert event_of(SHAPES, line)[:2] == ({**event, "line": line}, tag)


REQUESTS = Patterns(
    "requests",
    "lines with requests",
    patterns=(
        r'n=(?P<n>\S+)(?: "(?P<request>(?:[^"\\]|\\.)*)")?',
        r"m=(?P<m>\S+)",
        r"(?P<text>.*)",
    ),
    integers="n m",
    requests={"request": "method target protocol"},
    escaped="request text",
)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (
            r'n=7 "GET /a\"b HTTP/1.1"',
            {"n": 7, "request": 'GET /a"b HTTP/1.1', "method": "GET", "target": '/a"b', "protocol": "HTTP/1.1"},
        ),
        ("n=7", {"n": 7}),
        (r"m=\x", "'m' is '\\\\x'; expected an integer"),
        ("n=x", "'n' is 'x'; expected an integer"),
        ("m=x", "'m' is 'x'; expected an integer"),
        (r"a\tb", {"text": "a\tb"}),
    ],
)
def test_a_line_is_of_the_first_pattern_that_matches_whatever_its_values_are(
    line: str, event: dict[str, Any] | str
) -> None:
    if isinstance(event, str):
        assert both(REQUESTS, line) == ("RecordError", event)
    else:
        assert event_of(REQUESTS, line)[0] == event


@given(st.lists(st.lists(st.sampled_from(['n=7 "', "GET", " ", "\\", '"', "m=", "7", "x"]), max_size=7)))
def test_both_readings_of_lines_with_requests_and_escapes_agree(lines: list[list[str]]) -> None:
    both_in_turn(REQUESTS, list(map("".join, lines)))


def test_a_part_of_a_request_is_no_group() -> None:
    with pytest.raises(ValueError, match="requests: 'b' is a group, too; expected each name once"):
        Patterns("shapes", "s", patterns=("(?P<a>x)(?P<b>y)",), requests={"a": "m b p"})


def test_a_line_that_no_pattern_matches_is_bad() -> None:
    assert both(SHAPES, "open it") == (
        "RecordError",
        "line begins with 'open it'; expected one that a pattern matches",
    )


def test_the_field_of_the_whole_line_is_no_group() -> None:
    with pytest.raises(ValueError, match="whole: 'a' is a group, too; expected another name"):
        Patterns("shapes", "s", patterns=("(?P<a>x)",), whole="a")


@given(st.lists(st.lists(st.sampled_from(["open ", "close", " by ", "7", "-", ": ", "a"]), max_size=6)))
def test_both_readings_of_lines_of_several_shapes_agree(lines: list[list[str]]) -> None:
    both_in_turn(SHAPES, list(map("".join, lines)))


@pytest.mark.parametrize(
    ("patterns", "mistake"),
    [
        ("(?P<a>x)", "patterns is '(?P<a>x)'; expected a tuple of regular expressions"),
        ((), "patterns is (); expected a tuple of regular expressions"),
        (("x", "y"), "patterns: no group has a name"),
        (("(?P<a>x)", "(a+)+b"), "pattern '(a+)+b': some lines would take hours: "),
        (("(?P<a>x)", "("), "pattern '(': missing ), unterminated subpattern at position 0"),
    ],
)
def test_a_mistake_in_one_of_several_patterns_is_told_when_it_is_made(patterns: Any, mistake: str) -> None:
    with pytest.raises(ValueError, match=r"^format 'shapes': ") as caught:
        Patterns("shapes", "s", patterns=patterns)
    assert mistake in str(caught.value)


@given(st.lists(st.text("ab1 -.\udc80"), max_size=5))
def test_both_readings_of_arbitrary_lines_agree(lines: list[str]) -> None:
    both_in_turn(door(r"(?P<a>[^ ]*) ?(?P<n>-|\d+)?(?P<rest> .*)?", integers="n", absent="-"), lines)


@given(st.text(st.characters(exclude_characters="|")), st.integers(), st.text())
def test_generated_fields_come_back(text: str, number: int, rest: str) -> None:
    declared = door(r"(?P<text>[^|]*)\|(?P<number>[^|]*)\|(?P<rest>.*)", integers="number")
    assert event_of(declared, f"{text}|{number}|{rest}")[0] == {"text": text, "number": number, "rest": rest}


@pytest.mark.parametrize(
    ("pattern", "mistake"),
    [
        ("(", "missing ), unterminated subpattern at position 0"),
        (r"(\d+)", "no group has a name; expected fields such as '(?P<status>[0-9]+)'"),
        ("(?P<a>a+)+$", "some lines would take hours: a repetition and what follows it can both match 'a'"),
        (5, "first argument must be string"),
        pytest.param(
            "(" * 5_000,
            "'…: groups are nested too deep; expected one that Python reads",
            id="nested",
        ),
        (f"(?P<a>x{{{10**20}}})", "the repetition number is too large; expected one that Python reads"),
    ],
)
def test_a_mistake_in_a_pattern_is_told_when_it_is_made(pattern: Any, mistake: str) -> None:
    with pytest.raises(ValueError, match=r"^format 'door': pattern ") as caught:
        door(pattern)
    assert mistake in str(caught.value)


# ---- Patterns


@pytest.mark.parametrize(
    "pattern",
    [
        r'^(\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d+) (\d+|-)$',
        r"(\S+) ([A-Z]+)\s+(.*)$",
        r"\[(.*?)\] (.*)$",
        r'"(.*?)" (\d+) (\d+)$',
        r"(.*) - (.*)",
        r"(\d{1,3}(?:\.\d{1,3}){3}) (.*)",
        r"(?:(\d+) )?([a-z]+)$",
        r"\w++\w*x",
        r"(?>\S+)[^\"]*$",
        r"(?i)error: (.*)",
        r'([^=]+)=("(?:[^"\\]|\\.)*"|[^ "]+)$',
        r"([a-z]+(?:_[a-z]+)*)=(.*)",
        r"(?:a|ab)*c",
        r"(?=ab)a.*",
        r"(<\d+>)?(.*)$",
        "(?:/[^ :]+)?(?: a)?:",
        "(?:([^;=]*) ; )?",
        "(?:a[^b]*b)?(?:a[^c]*c)?(?:a[^d]*d)?a[^y]*y",  # few choices outside of repetitions: eight times the time
        "(?:a[^b]*b|[^c]*c|[^d]*d|[^e]*e)y",
    ],
)
def test_a_pattern_whose_next_character_decides_is_linear(pattern: str) -> None:
    assert why_not_linear(pattern) == ""


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "(?:a[^b]*b)?(?:a[^c]*c)?(?:a[^d]*d)?(?:a[^e]*e)?a[^y]*y",
        "(?:a[^b]*b|[^c]*c|[^d]*d|[^e]*e|[^f]*f)y",
        "(?:(?:a[^b]*b)?a[^y]*y)*x",
        "(?:a|a?b)*c",
        "(.*)(.*)z",
        r"\d+\d+x",
        r"\d+[\d-]+x",
        "(?:a*)*b",
        "(.*) (.*) (.*) x$",
        "(.*?,){5}x",
        "(?:.*a){3}b",
        r"\s+[^\"]*$",
        r"(\w+\s?)*$",
        r"(.)\1",
        "(?=a*b)x",
        "(?:x+x+)+y",
        r"\S+@\S+x",
        r"(.*?)(\d+)$",
        "(?i)a+A+b",
        "(?i:a)+A+b",
        r"[٠-٩]+\d+x",
        "[é-ü]+ü+x",
        r"[^a]+[^b]+c",
        "(?:a?){60000}",  # as many rounds on an empty line
        r"\w+[^a]+c",
        r".*?\S+ \S+$",
    ],
)
def test_a_pattern_that_tries_again_and_again_is_refused(pattern: str) -> None:
    assert why_not_linear(pattern)
