"""Formats of lines whose options in a config say how these are cut: a pattern, pairs, an access log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import chains
from slips.parsing.chain import check_chain, compile_chain
from slips.parsing.declare import Declaration
from slips.step import Step


def events(step: Step, *lines: str) -> list[tuple[str, float, str | None, dict[str, Any]]]:
    seen = chains.run([step], "".join(f"{line}\n" for line in lines).encode())
    assert seen.quarantined == []
    return [(meta.tag, meta.timestamp, meta.message, event) for meta, event in seen.events]


def test_a_pattern_of_a_config_cuts_lines_and_options_say_what_its_groups_mean() -> None:
    step: Step = {
        "regex": {
            "pattern": r"(?P<at>\S+ \S+) (?P<host>\S+) (?P<took>\S+) (?P<text>.*)",
            "time": ["at"],
            "tag": "door.{host}",
            "message": "{text}",
            "floats": ["took"],
            "absent": ["-"],
        }
    }
    expected = {"at": "2018-06-11 12:00:00", "host": "north", "took": None, "text": "was opened"}
    assert events(step, "2018-06-11 12:00:00 north - was opened") == [
        ("door.north", 1528718400.0, "was opened", expected)
    ]


def test_an_access_log_of_a_config_has_its_own_columns() -> None:
    step: Step = {
        "access-log": {
            "columns": 'client:port [at] "line" status',
            "requests": {"line": "verb path version"},
            "integers": ["status"],
            "time": ["at"],
            "require": ["verb"],
        }
    }
    line = '::1:80 [11/Jun/2018:14:00:00 +0200] "GET /a b HTTP/1.1" 200 "more"'
    ((tag, at, message, event),) = events(step, line)
    assert (tag, at, message) == ("access-log", 1528718400.0, None)
    assert list(event.values()) == [
        *("::1", 80, "11/Jun/2018:14:00:00 +0200", "GET /a b HTTP/1.1", "GET", "/a b", "HTTP/1.1", 200, "more")
    ]
    seen = chains.run([step], b'- [-] "x" 400\n')
    assert "no 'verb'" in seen.quarantined[0][1]


def test_pairs_of_a_config_have_its_separators() -> None:
    step: Step = {"key-value": {"separator": ";", "assign": ":", "quotes": "'", "integers": ["port"], "tag": "fw"}}
    assert events(step, "port: 443; user: 'a; b';") == [
        ("fw", chains.OBJECT.timestamp, None, {"port": 443, "user": "a; b"})
    ]


@pytest.mark.parametrize(
    ("step", "mistake"),
    [
        ({"regex": {"pattern": "("}}, "format 'regex': pattern '(': missing ), unterminated subpattern"),
        ({"regex": {"pattern": "(?P<a>a*)*b"}}, "format 'regex': pattern '(?P<a>a*)*b': some lines would take hours"),
        ({"regex": {"pattern": "(?P<a>.)", "integers": ["b"]}}, "format 'regex': integers: no field 'b'; expected"),
        ({"regex": {"pattern": "(?P<a>.)", "time": ["at"]}}, "format 'regex': time: no field 'at'; expected one of a"),
        ({"access-log": {"columns": 'a "b'}}, "format 'access-log': columns: '\"b' is no column"),
        ({"key-value": {"separator": ", "}}, "format 'key-value': separator is ', '; expected one character"),
        ({"logfmt": {"escapes": "yes"}}, "format 'logfmt': "),
        ({"vpc-flow": {"columns": ["a", "a"]}}, "format 'vpc-flow': columns: 'a' is there twice"),
    ],
)
def test_a_mistake_in_options_names_the_option(step: Step, mistake: str) -> None:
    found = check_chain([step], Path())
    assert len(found) == 1
    assert found[0].startswith(mistake)


def test_options_make_one_declaration_so_that_the_loop_has_its_statements() -> None:
    step: Step = {"regex": {"pattern": "(?P<a>.)", "tag": "{a}"}}
    chain = compile_chain([step], Path())
    assert chain.loop.inlined == 1
    assert isinstance(chain._parsers[0][0], Declaration)
