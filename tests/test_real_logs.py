"""Real logs of other people, which the project does not carry: nothing crashes, every record is accounted for, and
each quarantined one has a reason that is written in `real_logs/`; values and times are those that others read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

import chains
from for_each import for_each
from real_files import LOGS, RealFile, real_files
from slips.errors import RecordError
from slips.format import Bad, PerObject, Record, Rule
from slips.formats import catalogue
from slips.model import MetaData, ObjectEvent
from slips.parsing import Declaration
from slips.parsing.chain import compile_chain
from slips.parsing.json_text import load_json
from slips.parsing.plain import plain
from slips.parsing.stages import Several, decode_text

FORMATS = catalogue()
FILES = real_files()

pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="no real logs beside the project")
MANY = 1_000_000
"""Bytes of a file of lines that the plain readings read, which are slow."""
EACH = for_each("file", FILES.values(), attrgetter("name"))


@EACH
def test_every_record_is_accounted_for_as_explained(file: RealFile) -> None:
    outcome, events = file.run()
    assert outcome.records > 0
    assert outcome.balanced
    assert (outcome.filtered, outcome.quarantined) == (file.filtered, file.quarantined)
    assert all(meta.tag for meta, _ in events.values())


@for_each("file", [file for file in FILES.values() if file.same], attrgetter("name"))
def test_values_and_times_are_those_that_another_program_reads(file: RealFile) -> None:
    _, events = file.run()
    assert not list(file.differences(events))


@EACH
def test_an_exception_from_the_rule_is_explained(file: RealFile) -> None:
    assert file.why or not (file.filtered or file.quarantined)
    assert all(file.differs.values())


def declaration(file: RealFile) -> Declaration | None:
    found = FORMATS[file.names[-1]]
    return found if isinstance(found, Declaration) else None


@pytest.mark.slow
@for_each("file", [file for file in FILES.values() if declaration(file)], attrgetter("name"))
def test_the_loop_of_a_chain_makes_what_the_plain_reading_of_its_declaration_makes(file: RealFile) -> None:
    declared = declaration(file)
    assert declared
    before = [FORMATS[name] for name in compile_chain(file.names, Path()).names[:-1] if name in FORMATS]
    if any(each.takes != "object" and each.name != "json" for each in before):
        return  # another parser makes what the declaration reads
    content = file.content()
    if len(content) > MANY and file.is_of_lines:
        content = content[: content.rindex(b"\n", 0, MANY) + 1]
    seen = chains.run(file.names, content, file.source)
    events = [(shown(meta), repr(event)) for meta, event in seen.events]
    assert (events, seen.quarantined, seen.outcome.rules) == plainly(declared, file.names, content, file.source)


def plainly(
    declared: Declaration, names: Sequence[str], content: bytes, source: ObjectEvent
) -> tuple[list[tuple[Any, str]], list[tuple[int, str]], dict[str, int]]:
    """The events, bad records and counts of rules that the plain reading makes of the records of an object."""
    events, bad, rules = list[tuple[Any, str]](), list[tuple[int, str]](), dict[str, int]()
    parse = PerObject.begin(plain(declared))
    for seq, record in enumerate(compile_chain(names, Path()).records(io.BufferedReader(io.BytesIO(content))), 1):
        try:
            for index, value in enumerate(values_in(declared, record)):
                meta = MetaData("", source.timestamp, source, None, seq, index)
                event = value if isinstance(value, Rule) else parse(meta, value)
                if isinstance(event, Rule):
                    rules[event.name] = rules.get(event.name, 0) + 1
                elif isinstance(event, Several):
                    events.extend((shown(each), repr(made)) for each, made in event)
                else:
                    events.append((shown(meta), repr(event)))
        except RecordError as error:
            bad.append((seq, str(error)))
    return events, bad, rules


def values_in(declared: Declaration, record: Record) -> list[Any]:
    """What a declaration is given of a record: the record, its text, or the JSON objects in it."""
    if isinstance(record, Bad):
        raise record.error()
    if isinstance(record, dict | Rule) or declared.raw:
        return [record]
    assert isinstance(record, bytes)
    if declared.takes == "text":
        return [decode_text(record)]
    value = load_json(record)
    return value if isinstance(value, list) else [value]


def shown(meta: MetaData) -> tuple[Any, ...]:
    return meta.seq, meta.index, meta.tag, meta.timestamp, meta.message


@pytest.mark.parametrize("number", [4, 5, 6, 7, 8, 9])
def test_syslog_sees_what_filebeat_sees(number: int) -> None:
    file = FILES[f"syslog-rfc3164/{number}.log"]
    _, events = file.run()
    for seq, expected in file.documents():
        _, event = events[seq]
        pid = expected.get("process.pid")
        assert event["hostname"] == expected.get("host.hostname")
        assert event["proc_name"] == expected.get("process.name")
        assert event["proc_id"] == (None if pid is None else str(pid))
        if "message" in expected:  # of a message of several lines, slips has the first
            assert event["message"] == expected["message"].partition("\n")[0]


@pytest.mark.parametrize(
    ("name", "timestamps"),
    [
        # as Datadog, AWS and Fluentd give them
        ("azure-signin/7.jsonl", [1586331653.169543, 1589373319.636397]),
        ("fluentd-out-file/1.log", [1362020400, 1408924800, 1402271980, 1331942380]),
        ("azure-ad-audit-2018/1.json", [1528691267.398094]),
        ("azure-ad-risk-2018/1.json", [1521179626.306687]),
        ("google-workspace/26.jsonl", [1308325158.46]),
        ("syslog-rfc3164/7.log", [1560508820.912134, 1560511875.412]),
        ("syslog-rfc5424/9.log", [1607971261.0, 1607971276.0, 1607971276.0]),
        ("syslog-rsyslog-iso/1.log", [1590883245.698463, 1590883245.698885, 1590883245.738158]),
    ],
)
def test_times_are_those_that_other_programs_read(name: str, timestamps: list[float]) -> None:
    _, events = FILES[name].run()
    assert [meta.timestamp for meta, _ in events.values()][: len(timestamps)] == timestamps


def test_fluentd_records_are_those_that_it_wrote() -> None:
    file = FILES["fluentd-out-file/1.log"]
    _, events = file.run()
    for seq, expected in enumerate(json.loads((LOGS / "fluentd-out-file/expected-1.json").read_bytes()), 1):
        meta, event = events[seq]
        assert (meta.timestamp, meta.tag, event) == (expected["time"], expected["tag"], expected["record"])


def test_waf_requests_that_a_rule_decides_are_understood() -> None:
    assert FORMATS["aws-waf"].parse is not None
    for file in (file for file in FILES.values() if file.name.startswith("aws-waf/") and file.filtered):
        for line in file.content().splitlines():
            meta = MetaData("", 0.0, file.source, None, 1)
            event = FORMATS["aws-waf"].parse(meta, json.loads(line) | {"terminatingRuleId": "named"})
            assert isinstance(event, dict)
            request = event["httpRequest"]
            assert meta.timestamp == event["timestamp"] / 1000
            assert request["header"] == {each["name"]: each["value"] for each in request["headers"]}
            assert event["message"].startswith(f"ALLOW {request['clientIp']} {request['httpMethod']} ")
            assert event["message"].endswith(f"{request['uri']} by named")


def test_a_value_and_a_time_that_differ_are_found() -> None:
    file = FILES["alb/7.log"]
    _, events = file.run()
    wrong = replace(file, same={"elb_status_code": "received_bytes", "meta.timestamp": "timestamp"}, shift=1)
    assert {where.partition(": ")[2] for where, _, _ in wrong.differences(events)} == {
        "elb_status_code",
        "meta.timestamp",
    }
