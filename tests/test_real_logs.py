"""Real logs of other people, which the project does not carry: nothing crashes, every record is accounted for, and
each quarantined one has a reason that is written here.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import chains
from slips.errors import RecordError
from slips.format import Bad, Event, PerObject, Record, Rule
from slips.formats import catalogue
from slips.model import MetaData, ObjectEvent, Outcome
from slips.parsing import Declaration
from slips.parsing.chain import compile_chain
from slips.parsing.json_text import load_json
from slips.parsing.plain import plain
from slips.parsing.stages import decode_text

FORMATS = catalogue()

LOGS = Path(__file__).parents[2] / "shared" / "logs"
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="no real logs beside the project")

CHAINS = {
    "alb/*.log*": "alb",
    "_large/cloudtrail-invictus/*": "cloudtrail",
    "auditbeat/*.json": "s3-text json auditbeat",
    "aws-waf/*": "aws-waf",
    "azure-ad-audit-2018/*.json": "s3-text json azure-ad-audit",
    "azure-ad-risk-2018/*.json": "s3-text json azure-ad-risk-event",
    "azure-audit/*": "azure-ad-audit",
    "azure-signin/*": "azure-ad-event",
    "cloudtrail-insight/*": "cloudtrail",
    "cloudtrail/*": "cloudtrail",
    # in no file of CloudTrail's: an export of OpenSearch, and events that are lines of their own
    "cloudtrail/47.json": "s3-text json cloudtrail",
    "cloudtrail/53.jsonl": "s3-lines json cloudtrail",
    "cloudtrail/54.jsonl": "s3-lines json cloudtrail",
    "cloudtrail/59.jsonl": "s3-lines json cloudtrail",
    "cloudtrail/64.jsonl": "s3-lines json cloudtrail",
    "cloudwatch-logs-subscription/*": "cloudwatch-logs",
    "crowdstrike-detections/*": "falcon-detection",
    "crowdstrike-fdr/*": "falcon",
    "crowdstrike/*": "falcon",
    "cylance/*": "cylance",
    "fluentd-out-file/*": "fluentd-json",
    "google-workspace/*": "g-suite-login",
    "guardduty/*.json": "s3-text json guardduty",
    "guardduty/*.jsonl": "guardduty",
    "haproxy/*.log": "syslog",
    "okta/*": "okta",
    "packetbeat/*.json": "s3-text json packetbeat",
    "packetbeat/*.jsonl": "packetbeat",
    "paloalto/*": "paloalto",
    "postfix/*": "syslog",
    "sshd/*": "syslog",
    "syslog-rfc3164/*": "syslog",
    "syslog-rfc5424/*": "syslog-5424",
    "syslog-rsyslog-iso/*": "syslog",
    "vpc-flow/*.log*": "vpc-flow",
}
"""How each file is run; a later pattern stands against an earlier one."""

FILTERED = {
    # WAF: all of these requests were let through by the web ACL's default action
    "aws-waf/1.log": 38,
    "aws-waf/5.log.gz": 1,
    "aws-waf/7.jsonl": 2,
    "aws-waf/8.jsonl": 1,
    # Headers
    "vpc-flow/11.log.gz": 1,
    "vpc-flow/12.log.gz": 1,
    "vpc-flow/20.log": 1,
}

QUARANTINED = {
    # OpenSearch's own fields; CloudTrail's stand below 'aws.cloudtrail'. Each element of the array is a record.
    "cloudtrail/47.json": 50,
    # Answers of the API 'lookup-events', with the event as a text in one of the fields
    "cloudtrail/53.jsonl": 6,
    # Events of Lambda functions, with the document compressed in one of the fields
    "cloudwatch-logs-subscription/14.json": 50,
    "cloudwatch-logs-subscription/18.json": 1,
    # Somebody's lower-case keys
    "cloudtrail/54.jsonl": 7,
    # Templates: 'eventTime' is "eventTime" or "..."
    "cloudtrail/55.jsonl": 4,
    # An envelope of StreamAlert: a record, but none of GuardDuty
    "guardduty/3.json": 1,
    # Nothing but the fields that Panther adds
    "crowdstrike-fdr/5.jsonl": 2,
    "google-workspace/25.jsonl": 2,
    # CylancePROTECT's own syslog lines: the format takes the JSON objects that the original took
    "cylance/2.log": 5,
    # A 'published' that somebody made unreadable, keys in lower case, and nothing but the fields that Panther adds
    "okta/4.jsonl": 10,
    # Key=value lines of another product's making, with and without a syslog header; PAN-OS writes CSV
    "paloalto/12.log": 2,
    # Messages without time and host, as they are behind a syslog parser
    "sshd/1.log": 3,
    # A month "MMM", and the second line of a message
    "syslog-rfc3164/13.log": 2,
    # Second lines of messages
    "syslog-rfc3164/18.log": 3,
    "syslog-rfc3164/8.log": 18,
    "syslog-rfc3164/9.log": 115,
    # The second line of a message
    "syslog-rfc5424/1.log": 1,
    # Messages sent without line ends; the first of them has one inside
    "syslog-rsyslog-iso/2.log": 1,
}

Events = dict[int, tuple[MetaData, Event]]


def content_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def run(names: Sequence[str], path: Path) -> tuple[Outcome, Events]:
    """The outcome, and the first event of each record by its number."""
    source = ObjectEvent(bucket_name="logs", object_key=path.name, event_time="2021-12-31T00:00:00Z")
    seen = chains.run(names, content_of(path), source)
    events: Events = {}
    for meta, event in seen.events:
        events.setdefault(meta.seq, (meta, event))
    assert all(0 < len(reason) < 500 for _, reason in seen.quarantined)
    assert len(seen.quarantined) == seen.outcome.quarantined
    assert len(events) == seen.outcome.delivered
    return seen.outcome, events


FILES = {
    path.relative_to(LOGS).as_posix(): chain
    for pattern, chain in CHAINS.items()
    for path in sorted(LOGS.glob(pattern))
    if not path.name.startswith("expected-")
}


@pytest.mark.parametrize(("name", "chain"), FILES.items())
def test_every_record_is_accounted_for_as_explained(name: str, chain: str) -> None:
    outcome, events = run(chain.split(), LOGS / name)
    assert outcome.records > 0
    assert outcome.balanced
    assert (outcome.filtered, outcome.quarantined) == (FILTERED.get(name, 0), QUARANTINED.get(name, 0))
    assert all(meta.tag for meta, _ in events.values())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "chain"), FILES.items())
def test_the_loop_of_a_chain_makes_what_the_plain_reading_of_its_declaration_makes(name: str, chain: str) -> None:
    declared = FORMATS[chain.rsplit(maxsplit=1)[-1]]
    if not isinstance(declared, Declaration):
        pytest.skip(f"{declared.name} is a function")
    path = LOGS / name
    source = ObjectEvent(bucket_name="logs", object_key=path.name, event_time="2021-12-31T00:00:00Z")
    seen = chains.run(chain.split(), content_of(path), source)
    events = [(shown(meta), repr(event)) for meta, event in seen.events]
    assert (events, seen.quarantined, seen.outcome.rules) == plainly(declared, chain.split(), content_of(path), source)


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
    if declared.takes == "text":
        return [decode_text(record)]
    value = load_json(record)
    return value if isinstance(value, list) else [value]


def shown(meta: MetaData) -> tuple[Any, ...]:
    return meta.seq, meta.index, meta.tag, meta.timestamp, meta.message


def test_every_explanation_is_of_a_file_that_is_run() -> None:
    assert {*FILTERED, *QUARANTINED} <= set(FILES)
    assert {name.partition("/")[0] for name in FILES} == {pattern.partition("/")[0] for pattern in CHAINS}


def load(name: str) -> list[dict[str, Any]]:
    expected: list[dict[str, Any]] = json.loads((LOGS / name).read_text("utf-8"))
    return expected


@pytest.mark.parametrize("number", [4, 5, 6, 7, 8, 9])
def test_syslog_sees_what_filebeat_sees(number: int) -> None:
    path = LOGS / f"syslog-rfc3164/{number}.log"
    _, events = run(["syslog"], path)
    offset, seq_at, seq = 0, {}, 0
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.isspace():
            seq += 1
            seq_at[offset] = seq
        offset += len(line)
    for expected in load(f"syslog-rfc3164/expected-{number}.json"):
        _, event = events[seq_at[expected["log.offset"]]]
        pid = expected.get("process.pid")
        assert event["hostname"] == expected.get("host.hostname")
        assert event["proc_name"] == expected.get("process.name")
        assert event["proc_id"] == (None if pid is None else str(pid))
        if "message" in expected:  # of a message of several lines, slips has the first
            assert event["message"] == expected["message"].partition("\n")[0]


@pytest.mark.parametrize(
    ("name", "chain", "timestamps"),
    [
        # as Datadog, AWS and Fluentd give them
        ("azure-signin/7.jsonl", "azure-ad-event", [1586331653.169543, 1589373319.636397]),
        ("fluentd-out-file/1.log", "fluentd-json", [1362020400, 1408924800, 1402271980, 1331942380]),
        ("azure-ad-audit-2018/1.json", "s3-text json azure-ad-audit", [1528691267.398094]),
        ("azure-ad-risk-2018/1.json", "s3-text json azure-ad-risk-event", [1521179626.306687]),
        ("google-workspace/26.jsonl", "g-suite-login", [1308325158.46]),
        ("syslog-rfc3164/7.log", "syslog", [1560508820.912134, 1560511875.412]),
        ("syslog-rfc5424/9.log", "syslog-5424", [1607971261.0, 1607971276.0, 1607971276.0]),
        ("syslog-rsyslog-iso/1.log", "syslog", [1590883245.698463, 1590883245.698885, 1590883245.738158]),
    ],
)
def test_times_are_those_that_other_programs_read(name: str, chain: str, timestamps: list[float]) -> None:
    _, events = run(chain.split(), LOGS / name)
    assert [meta.timestamp for meta, _ in events.values()][: len(timestamps)] == timestamps


def test_fluentd_records_are_those_that_it_wrote() -> None:
    _, events = run(["fluentd-json"], LOGS / "fluentd-out-file/1.log")
    for seq, expected in enumerate(load("fluentd-out-file/expected-1.json"), 1):
        meta, event = events[seq]
        assert (meta.timestamp, meta.tag, event) == (expected["time"], expected["tag"], expected["record"])


def test_waf_requests_that_a_rule_decides_are_understood() -> None:
    assert FORMATS["aws-waf"].parse is not None
    for name in (name for name in FILTERED if name.startswith("aws-waf/")):
        for line in content_of(LOGS / name).splitlines():
            meta = MetaData("", 0.0, ObjectEvent(bucket_name="logs", object_key=name), None, 1)
            event = FORMATS["aws-waf"].parse(meta, json.loads(line) | {"terminatingRuleId": "named"})
            assert isinstance(event, dict)
            request = event["httpRequest"]
            assert meta.timestamp == event["timestamp"] / 1000
            assert request["header"] == {each["name"]: each["value"] for each in request["headers"]}
            assert event["message"].startswith(f"ALLOW {request['clientIp']} {request['httpMethod']} ")
            assert event["message"].endswith(f"{request['uri']} by named")


def test_alb_fields_are_those_that_dynatrace_reads() -> None:
    _, events = run(["alb"], LOGS / "alb/7.log")
    same = """client_ip client_port target_ip target_port request_processing_time target_processing_time ssl_cipher
        response_processing_time elb_status_code target_status_code received_bytes sent_bytes user_agent domain_name
        target_group_arn request_creation_time actions_executed target_port_list target_status_code_list trace_id"""
    names = {name: name for name in same.split()}
    names |= {"type": "request_type", "time": "timestamp", "trace_id": "x_amzn_trace_id"}
    names |= {"request_verb": "http_method", "request_proto": "http_version"}
    for each in load("alb/expected-7.json"):
        _, event = events[each["line"]]
        expected = {name: None if value == "-" else value for name, value in each["expected"].items()}
        assert {name: event[name] for name in names} == {name: expected.get(theirs) for name, theirs in names.items()}
