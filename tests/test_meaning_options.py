"""Options that say what plain fields mean: time, tag, message and required fields of JSON and tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import chains
from configs import errors, mapping
from slips.errors import FormatError
from slips.parsing.chain import check_chain, compile_chain
from slips.step import Step

pytestmark = pytest.mark.smoke

LOGIN = {"published": "2026-11-29T08:00:00Z", "eventType": "user.login", "actor": {"name": "ann"}}


def metas(*steps: Step, content: bytes) -> list[tuple[str, float, str | None]]:
    return [(meta.tag, meta.timestamp, meta.message) for meta, _ in chains.run(steps, content).events]


def test_json_has_the_tag_time_and_message_that_its_options_name() -> None:
    step: Step = {"json": {"time": ["published"], "tag": "okta.{eventType}", "message": "{actor.name|'-'} {eventType}"}}
    content = b"".join(json.dumps(each).encode() + b"\n" for each in (LOGIN, {**LOGIN, "actor": None, "published": 5}))
    found = [("okta.user.login", 1795939200.0, "ann user.login"), ("okta.user.login", 5.0, "- user.login")]
    assert metas(step, content=content) == metas("s3-lines", step, content=content) == found


@pytest.mark.parametrize(
    ("step", "content", "tag"),
    [
        ("json", b'{"a": 1}', ""),
        ({"csv": {"delimiter": "tab"}}, b"a\n1\n", ""),
        ({"csv": {"absent": ["-"]}}, b"a\n1\n", "csv"),
        ({"json": {"time": ["b"]}}, b'{"a": 1}', "json"),
        ({"key-value": {"absent": ["-"]}}, b"a=1 b=2\n", "key-value"),
        ("key-value", b"a=1 b=2\n", "key-value"),
    ],
)
def test_the_tag_without_an_option_for_it_is_as_its_summary_says(step: Step, content: bytes, tag: str) -> None:
    assert metas(step, content=content)[0][0] == tag


def test_each_event_of_an_array_has_its_own() -> None:
    content = json.dumps([LOGIN, {**LOGIN, "eventType": "x"}]).encode()
    assert metas("s3-text", {"json": {"tag": "{eventType}"}}, content=content)[1][0] == "x"


def test_the_first_of_several_times_that_has_a_value_counts() -> None:
    step: Step = {"json": {"time": ["a", "b.c"], "absent": ["-"]}}
    content = b'{"a": "-", "b": {"c": "2026-11-29 08:00:00"}}\n{"a": "Nov 29 08:00:00 2026"}\n{"x": 1}\n'
    assert [at for _, at, _ in metas(step, content=content)] == [1795939200.0, 1795939200.0, chains.OBJECT.timestamp]


@pytest.mark.parametrize(
    ("step", "content"),
    [
        ({"csv": {"time": ["ts"]}}, "ts,a\n{},1\n"),
        ({"json": {"time": ["x", "ts"]}}, '{{"ts": "{}"}}\n'),
        ({"regex": {"pattern": "(?P<ts>.*)", "time": ["ts"]}}, "{}\n"),
        ({"grok": {"pattern": "%{GREEDYDATA:ts}", "time": ["ts"]}}, "{}\n"),
        ({"logfmt": {"time": ["ts"]}}, 'ts="{}"\n'),
    ],
)
def test_an_option_says_how_times_are_written(step: dict[str, dict[str, Any]], content: str) -> None:
    ((name, options),) = step.items()
    for text, form in (
        ("29/11/2026 08:00:00", "%d/%m/%Y %H:%M:%S"),
        ("29/11/2026 8:00:00 AM", "%d/%m/%Y %I:%M:%S %p"),
        ("29.11.2026 08:00:00", ""),
    ):
        given: Step = {name: {**options, **({"time_format": form} if form else {})}}
        ((_, at, _),) = metas(given, content=content.format(text).encode())
        assert at == 1795939200.0


def test_a_date_and_a_clock_are_read_together_by_their_form() -> None:
    step: Step = {"csv": {"time": ["day+clock"], "time_format": "%d/%m/%y %H.%M"}}
    assert metas(step, content=b"day,clock\n29/11/26,08.00\n")[0][1] == 1795939200.0


def test_records_without_a_required_field_are_quarantined() -> None:
    seen = chains.run([{"json": {"require": ["eventType", "legacyEventType"]}}], b'{"legacyEventType": 1}\n{"x": 1}\n')
    assert [meta.seq for meta, _ in seen.events] == [1]
    assert seen.quarantined == [(2, "no 'eventType' or 'legacyEventType' (keys: x)")]


@pytest.mark.parametrize(
    ("step", "content"),
    [
        ({"json": {}}, b'{"ip": "192.0.2.7:80", "who": "ann"}\n'),
        ({"csv": {}}, b"ip,who\n192.0.2.7:80,ann\n"),
        ({"json-records:a": {}}, b'{"a": [{"ip": "192.0.2.7", "who": "ann"}]}'),
        ({"logfmt": {}}, b"ip=192.0.2.7 who=ann\n"),
        ({"key-value": {}}, b"ip=192.0.2.7 who=ann\n"),
        ({"regex": {"pattern": r"(?P<ip>\S+) (?P<who>.*)"}}, b"192.0.2.7 ann\n"),
        ({"grok": {"pattern": "%{IP:ip} %{WORD:who}"}}, b"192.0.2.7 ann\n"),
        ({"access-log": {"columns": "ip who"}}, b"192.0.2.7 ann\n"),
        ({"xml": {}}, b"<e><ip>192.0.2.7</ip><who>ann</who></e>\n"),
    ],
)
def test_options_name_the_entities_of_formats_without_fields_of_their_own(
    step: dict[str, dict[str, Any]], content: bytes
) -> None:
    ((name, options),) = step.items()
    named = {**options, "entities": {"addresses": "ip", "users": "who"}}
    ((meta, _),) = chains.run([{name: named}], content).events
    assert (meta.entities.addresses, meta.entities.users) == (("192.0.2.7",), ("ann",))


def test_an_access_log_names_its_client_and_its_user() -> None:
    line = b'192.0.2.7 - ann [29/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5\n'
    ((meta, _),) = chains.run(["access-log"], line).events
    assert (meta.entities.addresses, meta.entities.users) == (("192.0.2.7",), ("ann",))


@pytest.mark.parametrize(
    ("entities", "mistake"),
    [
        ({"user": "a"}, "entities: no kind 'user'; expected one of addresses, users, hosts, domains, hashes"),
        ({"users": ""}, "entities: users is ''; expected paths with blanks between"),
        ({"users": "a..b ."}, "entities: users names '.'; expected a field such as 'user.name'"),
    ],
)
def test_entities_that_fit_no_event_are_a_mistake(entities: dict[str, str], mistake: str) -> None:
    with pytest.raises(FormatError, match=re.escape(mistake)):
        compile_chain([{"json": {"entities": entities}}], Path())


def test_rows_and_elements_take_the_same_options() -> None:
    table: Step = {"csv": {"columns": ["ts", "user"], "time": ["ts"], "tag": "login.{user}"}}
    assert metas(table, content=b"2026-11-29T08:00:00Z,ann\n") == [("login.ann", 1795939200.0, None)]
    assert metas({"json-records:a": {"tag": "x.{b}"}}, content=b'{"a": [{"b": 1}, {"b": 2}]}')[1][0] == "x.2"


def test_the_meaning_of_fields_is_no_part_of_the_identity_of_a_reader() -> None:
    plain = compile_chain([{"csv": {"columns": ["a"]}}], Path()).reader
    assert compile_chain([{"csv": {"columns": ["a"], "tag": "x"}}], Path()).reader == plain
    assert (
        compile_chain([{"json-records": {"tag": "x"}}], Path()).reader == compile_chain(["json-records"], Path()).reader
    )


def test_a_further_parser_comes_behind_the_meaning() -> None:
    chain: list[Step] = [{"json": {"tag": "own"}}, "guardduty"]
    content = b'{"schemaVersion": "2.0", "updatedAt": "2026-11-29T08:00:00Z"}\n'
    assert metas("s3-lines", *chain, content=content) == [("aws.guardduty", 1795939200.0, None)]


def test_guardduty_takes_any_object_if_it_need_not_be_a_finding() -> None:
    assert chains.run(["guardduty"], b'{"x": 1}\n').events == []
    (found,) = chains.run([{"guardduty": {"require": False}}], b'{"x": 1}\n').events
    assert found[0].tag == "aws.guardduty"


def test_all_mistakes_in_the_meaning_are_told_at_once_with_their_options() -> None:
    step: Step = {"json": {"tag": "{a", "message": "{}", "time": ["a."], "require": ["a...b"]}}
    assert [problem.split(": ")[:2] for problem in check_chain([step], Path())] == [
        ["format 'json'", option] for option in ("time", "tag", "message", "require")
    ]


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ({"time_format": "%H:%M", "time": ["a"]}, "time_format: time is written as '%H:%M': it has no year; expected"),
        ({"time_format": "%d/%m/%Y"}, "time_format: says how the field 'time' is written; expected 'time' beside it"),
    ],
)
def test_a_form_of_times_without_a_year_or_without_a_field_is_a_mistake(options: dict[str, Any], mistake: str) -> None:
    with pytest.raises(FormatError, match=re.escape(mistake)):
        compile_chain([{"json": options}], Path())


def test_check_tells_the_lines_of_such_mistakes() -> None:
    text = mapping("""
        - prefix: a
          format:
            - s3-lines
            - json:
                time: published
                tag: "okta.{eventType"
                mesage: "{actor"
    """)
    from slips.config.check import check

    _, problems = check(text, files=False)
    assert [(one.line, one.message.partition("template")[0]) for one in problems if one.level == "error"] == [
        (11, "format 'json': tag: "),
        (12, "bucket_mapping.b[0].format[1].json: key 'mesage' is not known; did you mean 'message'?"),
        (12, "format 'json': message: "),
    ]
    assert errors(text) == [
        "12: bucket_mapping.b[0].format[1].json: key 'mesage' is not known; did you mean 'message'?"
    ]
