"""Patterns of grok: a small reader of them, over regular expressions that take time in proportion to the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains
from slips.formats.generic.grok import Grok
from slips.formats.generic.grok_patterns import PATTERNS
from slips.parsing.chain import check_chain
from slips.parsing.linear import why_not_linear


def event_of(pattern: str, line: str, **options: Any) -> Any:
    """The event of a line that a pattern of grok cuts."""
    seen = chains.run([{"grok": {"pattern": pattern, **options}}], line.encode() + b"\n")
    assert not seen.quarantined
    ((_, event),) = seen.events
    return event


@pytest.mark.parametrize("name", [name for name in PATTERNS if name not in ("DATA", "GREEDYDATA", "JAVALOGMESSAGE")])
def test_each_usual_pattern_may_stand_before_others(name: str) -> None:
    assert not why_not_linear(Grok(f"%{{{name}}} took %{{INT:took}}", {}).regex)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("IP", ["192.0.2.7", "2001:db8::1", "::1"]),
        ("IPORHOST", ["192.0.2.7", "example.com", "2001:db8::1"]),
        ("NUMBER", ["1", "-1.5", "+.5", "12."]),
        ("TIMESTAMP_ISO8601", ["2018-06-11T04:27:47.082Z", "2018-06-11 04:27:47,082+02:00", "2018-06-11T04:27"]),
        ("HTTPDATE", ["11/Jun/2018:04:27:47 +0200"]),
        ("SYSLOGTIMESTAMP", ["Jun 11 04:27:47", "Jun  1 04:27:47"]),
        ("UUID", ["820b432a-32c1-98d5-b5e2-310f824f940f"]),
        ("QS", ['"a \\"quoted\\" text"', '""']),
        ("EMAILADDRESS", ["a.b+c@example.com"]),
        ("MAC", ["00:00:5e:00:53:01", "0000.5e00.5301"]),
        ("URI", ["https://example.com:8080/a?b=c#d"]),
        ("PATH", ["/var/log/x", "C:\\logs\\x"]),
        ("LOGLEVEL", ["INFO", "warning"]),
        ("JAVACLASS", ["com.example.Main"]),
    ],
)
def test_a_usual_pattern_matches_all_of_what_its_name_says(name: str, texts: list[str]) -> None:
    for text in texts:
        assert event_of(f"%{{{name}:value}}\\|%{{INT:n:int}}", f"{text}|7") == {"value": text, "n": 7}


def test_fields_have_the_types_that_the_pattern_says() -> None:
    pattern = "%{IP:client} %{WORD:method} %{URIPATHPARAM:path} %{NUMBER:bytes:int} %{NUMBER:[http][time]:float}"
    event = event_of(pattern, "192.0.2.7 GET /a?b=1 15824 0.043")
    assert event == {"client": "192.0.2.7", "method": "GET", "path": "/a?b=1", "bytes": 15824, "http_time": 0.043}


def test_patterns_of_ones_own_may_use_others() -> None:
    event = event_of(
        "%{ORDER:order} by %{USER:user}: %{GREEDYDATA:text}",
        "AB1234 by alice: all of it",
        patterns={"ORDER": "%{LETTERS}%{INT}", "LETTERS": "[A-Z]+"},
    )
    assert event == {"order": "AB1234", "user": "alice", "text": "all of it"}


def test_data_ends_with_the_mark_behind_it() -> None:
    pattern = r"%{TIMESTAMP_ISO8601:at} \[%{DATA:thread}\] %{LOGLEVEL:level} %{JAVACLASS:class} - %{GREEDYDATA:text}"
    event = event_of(pattern, "2018-06-11T04:27:47Z [main 1] INFO com.example.Main - it [works]")
    assert (event["thread"], event["class"], event["text"]) == ("main 1", "com.example.Main", "it [works]")


def test_the_usual_pattern_of_apache_reads_combined_logs() -> None:
    line = '192.0.2.7 - frank [11/Jun/2018:04:27:47 +0000] "GET /a HTTP/1.0" 200 2326 "https://a.example/" "curl"'
    event = event_of("%{COMBINEDAPACHELOG}", line, integers=["response", "bytes"], time="timestamp")
    assert event == {
        "clientip": "192.0.2.7",
        "ident": "-",
        "auth": "frank",
        "timestamp": "11/Jun/2018:04:27:47 +0000",
        "verb": "GET",
        "request": "/a",
        "httpversion": "1.0",
        "response": 200,
        "bytes": 2326,
        "referrer": '"https://a.example/"',
        "agent": '"curl"',
    }


def test_options_give_time_tag_and_message() -> None:
    chain = [{"grok": {"pattern": "%{TIMESTAMP_ISO8601:at} %{WORD:kind}", "time": "at", "tag": "app.{kind}"}}]
    ((meta, _),) = chains.run(chain, b"2018-06-11T06:27:47+02:00 login\n").events
    assert (meta.timestamp, meta.tag) == (1_528_691_267.0, "app.login")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"pattern": "%{IPP:a}"}, "'%{IPP:a}' names no pattern; expected one of grok's or of 'patterns'; did"),
        ({"pattern": "%{A:a}", "patterns": {"A": "%{B}", "B": "%{A}"}}, "pattern 'A' names itself"),
        ({"pattern": "%{INT:a} %{INT:a}"}, "'%{INT:a}': the field 'a' is there twice"),
        ({"pattern": "%{INT:a:date}"}, "'%{INT:a:date}' has the type 'date'; expected int, float, boolean or string"),
        ({"pattern": "%{INT:1}"}, "'%{INT:1}' has the field '1'"),
        ({"pattern": "%{GREEDYDATA:a} %{GREEDYDATA:b} %{INT:c}"}, "some lines would take hours"),
        ({"pattern": "%{INT}"}, "no group has a name"),
    ],
)
def test_a_mistake_in_a_pattern_is_told_by_check(options: dict[str, Any], problem: str) -> None:
    (told,) = check_chain([{"grok": options}], Path())
    assert told.startswith("format 'grok': pattern")
    assert problem in told


def test_patterns_that_double_each_other_are_refused_before_they_fill_the_memory() -> None:
    doubling = {f"P{n}": f"%{{P{n + 1}}}%{{P{n + 1}}}" for n in range(19)} | {"P19": "x" * 100}
    (told,) = check_chain([{"grok": {"pattern": "%{P0:a}", "patterns": doubling}}], Path())
    assert "characters; expected a shorter one" in told


@given(st.text(max_size=40))
def test_any_text_is_a_pattern_or_a_mistake_that_is_told(pattern: str) -> None:
    assert all(isinstance(told, str) for told in check_chain([{"grok": {"pattern": pattern}}], Path()))
