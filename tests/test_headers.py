"""A format of text lines behind a header, as of syslog: its events are those that it has without one.

The header's fields are `meta.header`, and its time stands for one that the product's line lacks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains
from for_each import for_each
from slips.errors import FormatError, RecordError
from slips.format import Event, Format, PerObject, RecordLimits, Rule, parser
from slips.formats import catalogue, sample_files
from slips.model import MetaData, ObjectEvent, Outcome
from slips.parsing import Columns, Declaration, Json, Quoted, Syslog, clf, iso
from slips.parsing.chain import check_chain, compile_chain, doubts_of_chain
from slips.parsing.event_types import EventTypes
from slips.parsing.plain import plain
from slips.parsing.run import Chain, Ticker
from slips.step import Step

AT = 1_795_852_802.0
"""The time of every header below: 2026-11-28T08:00:02Z."""
OBJECT = ObjectEvent(bucket_name="logs", object_key="sample", event_time="2026-11-29T00:00:00Z")


def syslog(text: str) -> bytes:
    return b"<13>Nov 28 08:00:02 web1 app[7]: " + text.encode() + b"\n"


def syslog_5424(text: str) -> bytes:
    return b"<13>1 2026-11-28T08:00:02Z web1 app 7 - - " + text.encode() + b"\n"


def cloudwatch_logs(text: str) -> bytes:
    log_event = {"id": "1", "timestamp": AT * 1000, "message": text}
    document = {"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": "s", "logEvents": [log_event]}
    return json.dumps(document).encode() + b"\n"


def docker_json(text: str) -> bytes:
    return json.dumps({"log": f"{text}\n", "stream": "stdout", "time": "2026-11-28T08:00:02Z"}).encode() + b"\n"


def k8s_cri(text: str) -> bytes:
    return b"2026-11-28T08:00:02.000000Z stdout F " + text.encode() + b"\n"


def firelens(text: str) -> bytes:
    return json.dumps({"log": text, "container_name": "app", "date": AT}).encode() + b"\n"


def fluentd(text: str) -> bytes:
    return b"2026-11-28T08:00:02Z\tapp.web\t" + json.dumps({"message": text, "container": "app"}).encode() + b"\n"


def journald(text: str) -> bytes:
    return json.dumps({"__REALTIME_TIMESTAMP": str(int(AT * 1e6)), "MESSAGE": text, "_PID": "7"}).encode() + b"\n"


def gelf(text: str) -> bytes:
    return json.dumps({"version": "1.1", "host": "web1", "short_message": text, "timestamp": AT}).encode() + b"\n"


def splunk_hec(text: str) -> bytes:
    return json.dumps({"time": AT, "host": "web1", "event": text}).encode() + b"\n"


def opentelemetry(text: str) -> bytes:
    log = {"timeUnixNano": f"{int(AT)}000000000", "body": {"stringValue": text}}
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}).encode() + b"\n"


def json_log(text: str) -> bytes:
    return json.dumps({"log": text, "time": "2026-11-28T08:00:02Z", "stream": "stdout"}).encode() + b"\n"


_SYSLOG = {"hostname": "web1", "proc_name": "app", "proc_id": "7", "priority": 13, "facility": 1, "severity": 5}
HEADERS: dict[str, tuple[Callable[[str], bytes], Event]] = {
    "syslog": (syslog, {"datetime": "Nov 28 08:00:02", **_SYSLOG}),
    "syslog-5424": (
        syslog_5424,
        {"datetime": "2026-11-28T08:00:02Z", "msg_id": None, "structured_data": None, **_SYSLOG},
    ),
    "cloudwatch-logs": (cloudwatch_logs, {"id": "1", "timestamp": AT * 1000, "logGroup": "g", "logStream": "s"}),
    "docker-json": (docker_json, {"stream": "stdout", "time": "2026-11-28T08:00:02Z"}),
    "k8s-cri": (k8s_cri, {"time": "2026-11-28T08:00:02.000000Z", "stream": "stdout", "logtag": "F"}),
    "fluent-bit": (firelens, {"container_name": "app", "date": AT}),
    "fluentd-json": (fluentd, {"container": "app"}),
    "journald": (journald, {"__REALTIME_TIMESTAMP": int(AT * 1e6), "_PID": 7}),
    "gelf": (gelf, {"version": "1.1", "host": "web1", "timestamp": AT}),
    "splunk-hec": (splunk_hec, {"time": AT, "host": "web1"}),
    "opentelemetry-logs": (
        opentelemetry,
        {"timeUnixNano": f"{int(AT)}000000000", "attributes": {}, "resource": {}, "scope": {}},
    ),
    "json": (json_log, {"time": "2026-11-28T08:00:02Z", "stream": "stdout"}),
}
"""How each header puts a text into a record, and what it knows besides the text."""
STEPS: dict[str, Any] = {"json": {"json": {"time": "time"}}}
"""Headers that are no names."""
# Without a header, `json` reads documents, and each element of an array is a record: below it has tests of its own.
# Each record of the others is of several lines, which no line of a header carries.
NOT_OF_LINES = ("json", "cloudhsm-audit", "ibm-mq", "mysql-slow")
DATED_BY_LINES_BEFORE = ("mysql-general",)
"""Formats whose lines without a time have that of the line before, unless a header has one."""
OF_TEXTS = {name: each for name, each in catalogue().items() if each.takes == "text" and name not in NOT_OF_LINES}


def behind_headers() -> Iterator[tuple[str, str]]:
    """Names of formats and headers: all of both for formats that are functions, a share of those with a declaration.

    Each format is behind a header at least, and in each family each header is before a format.
    """
    families: dict[object, list[str]] = {}
    for name, format_ in OF_TEXTS.items():
        families.setdefault(type(format_) if isinstance(format_, Declaration) else name, []).append(name)
    for members in families.values():
        for turn, header in enumerate(HEADERS):
            for number, name in enumerate(members):
                if number % len(HEADERS) == turn or turn % len(members) == number:
                    yield name, header


def texts_of(name: str) -> list[str]:
    """The records of a format's sample, each without its line end, that JSON and a line of syslog can carry."""
    reader = compile_chain(catalogue()[name].chain[:1], Path())
    records = reader.records(BufferedReader(BytesIO(sample_files(name)[0].read_bytes())))
    texts = [each.rstrip(b"\r\n") for each in records if isinstance(each, bytes)]
    return [each.decode() for each in texts if is_utf8(each) and b"\n" not in each]


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except ValueError:
        return False
    return True


@for_each("case", behind_headers(), "-".join)
def test_any_format_of_texts_has_behind_a_header_the_events_that_it_has_without(case: tuple[str, str]) -> None:
    name, header = case
    carry, fields = HEADERS[header]
    texts = texts_of(name)
    assert texts
    at_header = msgspec.structs.replace(OBJECT, event_time="2026-11-28T08:00:02Z")  # it dates what has no time, or year
    alone = chains.run(["s3-lines", name], "\n".join(texts).encode(), at_header)
    behind = chains.run([STEPS.get(header, header), name], b"".join(map(carry, texts)), OBJECT)
    assert behind.quarantined == alone.quarantined
    assert behind.outcome.rules == alone.outcome.rules
    assert len(behind.events) == len(alone.events)
    extra = set(fields) if catalogue()[name].extends else set()
    for (meta, event), (expected, expected_event) in zip(behind.events, alone.events, strict=True):
        # A text may itself have a header of syslog, as lines of sshd in CloudWatch Logs have.
        assert meta.header == ({**expected.header, "header": fields} if expected.header else fields)
        assert {key: event[key] for key in event if key in expected_event or key not in extra} == expected_event
        assert (meta.seq, meta.index) == (expected.seq, expected.index)
        # JSON sets no tag of its own; what is named after its line has the line as its message.
        assert meta.tag == expected.tag or not expected.tag
        assert meta.timestamp == (expected.timestamp if "time" in event or name not in DATED_BY_LINES_BEFORE else AT)
        assert expected.message in (meta.message, None)


ACCESS = Quoted(
    "access",
    "access logs",
    tag="web.{status}",
    columns='client [time] "request" status',
    absent="-",
    integers="status",
    time=clf("time"),
    message="{request}",
    rules=(Rule("health", "health checks", when={"status": 204}),),
)
FLOWS = Columns("flows", "flows", columns="source target", header="source target port", message="{source}")
HOSTS = Syslog("hosts", "hosts", tag="hosts.{hostname}")
ANY_HEADER = Syslog("any-header", "hosts, or none", rfc="any")
WRAPPED = Json("wrapped", "a wrapper", time=iso("time"), message="{log}", carries="log", tag="wrapped")


@parser("shout", summary="", reference="", takes="text", extends=True)
def shout(meta: MetaData, text: str) -> Event:
    """Keep a text in capitals, and all fields of its header."""
    meta.message = text.upper()
    return {"text": text.upper()}


@parser("any", summary="", reference="", takes="text")
def ANY(_meta: MetaData, text: str) -> Event:
    """Take any text for one that a header carries."""
    return {"log": text.replace("app[7]: Nov", "Nov").removeprefix("<13>Nov 28 08:00:02 web1 ")}


def chain_of(*formats: Format) -> Chain:
    return Chain([each.name for each in formats], catalogue()["s3-lines"], "", list(formats), RecordLimits())


DECLARED = [(HOSTS, ACCESS), (HOSTS, FLOWS), (HOSTS, HOSTS, ACCESS), (HOSTS, HOSTS, FLOWS), (HOSTS, ACCESS, FLOWS)]
DECLARED += [(HOSTS, ANY_HEADER, FLOWS), (ANY_HEADER, ANY_HEADER, FLOWS)]
LINES = st.sampled_from(
    [
        *("source port target", "source target port", "10.0.0.1 10.0.0.2 80", "a b c d", "x", "", "-"),
        '10.0.0.1 [28/Nov/2026:08:00:03 +0000] "GET / HTTP/1.1" 200',
        '10.0.0.1 - "GET /alive" 204',
        '10.0.0.1 - "GET /alive',
    ]
)
HEADED = st.builds(
    lambda front, inner, line: front + inner + line,
    st.sampled_from(["Nov 28 08:00:02 web1 app[7]: ", "<13>Nov 28 08:00:02 web1 ", "nothing: ", ""]),
    st.sampled_from(["Nov 28 08:00:04 web2 app: ", ""]),
    LINES,
)


@pytest.mark.parametrize("formats", DECLARED, ids=lambda formats: "-".join(each.name for each in formats))
@given(lines=st.lists(HEADED, max_size=8))
def test_declared_formats_behind_a_header_are_read_as_each_alone_says(
    formats: Sequence[Declaration], lines: list[str]
) -> None:
    chain = chain_of(*formats)
    assert chain.loop.inlined == len(formats)
    seen = chains.run_chain(chain, "".join(f"{line}\n" for line in lines).encode(), OBJECT)
    found: list[Any] = [(seq, reason) for seq, reason in seen.quarantined]
    found += [(meta.seq, event, meta.to_dict()) for meta, event in seen.events]
    assert sorted(found, key=lambda each: each[0]) == plainly(formats, [line for line in lines if line])


def plainly(formats: Sequence[Declaration], lines: list[str]) -> list[Any]:
    """The events and bad records that the slow readings of the formats make of lines, one behind another."""
    readings = [PerObject.begin(plain(each)) for each in formats]
    made: list[Any] = []
    for seq, line in enumerate(lines, 1):
        meta = MetaData("", OBJECT.timestamp, OBJECT, None, seq)
        value: Any = line
        before: Event = {}
        try:
            for number, read in enumerate(readings):
                if number:
                    value, before = before.pop("message", None), {**before}
                    if not isinstance(value, str):
                        keys = ", ".join(before)
                        name = formats[number].name
                        raise RecordError(
                            f"{name}: no text in 'message' or 'log' (keys: {keys}); expected an event that has the "
                            f"text for {name!r} there; if it is complete, leave {name!r} out of the chain"
                        )
                    if before and meta.header:
                        before["header"] = meta.header
                    meta.header = before or meta.header
                event = read(meta, value)
                if isinstance(event, Rule):
                    break
                assert isinstance(event, dict)
                before = event
            else:
                made.append((seq, before, meta.to_dict()))
        except RecordError as error:
            made.append((seq, str(error)))
    return made


def test_a_header_in_front_of_a_header_is_the_field_header_of_its_own() -> None:
    inner = '<14>Nov 28 08:00:04 web2 nginx: 10.0.0.1 - "GET /" 200'
    seen = chains.run_chain(chain_of(catalogue()["json"], WRAPPED, HOSTS, ACCESS), json_log(inner), OBJECT)
    ((meta, event),) = seen.events
    assert event == {"client": "10.0.0.1", "time": None, "request": "GET /", "status": 200}
    assert (meta.tag, meta.timestamp, meta.message) == ("web.200", AT + 2, "GET /")
    assert (meta.header["hostname"], meta.header["severity"]) == ("web2", 6)
    assert meta.header["header"] == {"time": "2026-11-28T08:00:02Z", "stream": "stdout"}


@pytest.mark.parametrize("last", ["json", {"regex": {"pattern": "(?P<text>.*)"}}])
def test_the_header_is_the_outer_one_where_the_inner_format_finds_none(last: Step) -> None:
    outer = {"time": "2026-11-28T08:00:02.000000Z", "stream": "stdout", "logtag": "F"}
    content = k8s_cri('{"a": 1}') + k8s_cri('<13>{"a": 1}')
    seen = chains.run(["k8s-cri", "syslog-any", last], content, OBJECT)
    assert [meta.header for meta, _ in seen.events] == [
        outer,
        {"priority": 13, "facility": 1, "severity": 5, "header": outer},
    ]


def test_json_behind_a_header_gives_several_events_each_with_a_header_of_its_own() -> None:
    seen = chains.run(["syslog", "json"], syslog('[{"a": 1}, {"a": 2}]') + syslog("[1]"))
    assert [(meta.index, event, meta.header["hostname"]) for meta, event in seen.events] == [
        (0, {"a": 1}, "web1"),
        (1, {"a": 2}, "web1"),
    ]
    first, second = (meta.header for meta, _ in seen.events)
    assert first is not second
    assert [seq for seq, _ in seen.quarantined] == [2]


def test_each_log_event_of_a_document_has_its_own_header_number_and_time() -> None:
    flow = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 1795852810 1795852820 ACCEPT OK"
    texts = [flow, "2 1 eni-1 - - - - - - - 1795852811 1795852821 - NODATA", flow]
    log_events = [{"id": str(n), "timestamp": 1_795_852_802_000 + n, "message": text} for n, text in enumerate(texts)]
    document = {"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": log_events}
    seen = chains.run(["cloudwatch-logs", "vpc-flow"], json.dumps(document).encode())
    assert [(meta.seq, meta.index, meta.timestamp, meta.tag) for meta, _ in seen.events] == [
        (1, 0, 1_795_852_810, "aws.vpc-flow"),
        (1, 1, 1_795_852_811, "aws.vpc-flow"),
        (1, 2, 1_795_852_810, "aws.vpc-flow"),
    ]
    assert [meta.header["id"] for meta, _ in seen.events] == ["0", "1", "2"]


def test_one_bad_text_in_a_document_quarantines_the_document() -> None:
    log_events = [{"id": "1", "timestamp": 1, "message": text} for text in ("Nov 28 08:00:02 web1 app: a", "bad")]
    document = json.dumps({"messageType": "DATA_MESSAGE", "logEvents": log_events}).encode()
    rejected: list[Any] = []
    chain = compile_chain(["cloudwatch-logs", "syslog"], Path())
    chain.run(
        BufferedReader(BytesIO(document + b"\n")),
        Outcome(),
        source=OBJECT,
        recv=lambda *_: None,
        reject=lambda seq, original, error: rejected.append((seq, original(), str(error))),
        ticker=Ticker(),
    )
    ((seq, record, reason),) = rejected
    assert (seq, record.head.rstrip()) == (1, document)
    assert "line begins with 'bad'" in reason


def test_a_rule_of_the_product_filters_the_record_of_its_header() -> None:
    seen = chains.run_chain(chain_of(HOSTS, ACCESS), syslog('10.0.0.1 - "GET /" 204') * 2, OBJECT)
    assert (seen.outcome.rules, seen.outcome.filtered, seen.events) == ({"health": 2}, 2, [])


@pytest.mark.parametrize("formats", [(HOSTS, FLOWS), (HOSTS, HOSTS, FLOWS), (ANY, HOSTS, FLOWS)])
def test_a_record_is_read_by_the_header_line_of_its_object_when_it_alone_is_wanted(formats: Sequence[Format]) -> None:
    lines = ["port target", "80 10.0.0.2", "443 10.0.0.3"]
    front = "Nov 28 08:00:04 web2 app: " if formats[1] is HOSTS else ""
    content = b"".join(syslog(front + line) for line in lines)
    source = ObjectEvent(bucket_name="logs", object_key="a", event_time="2026-11-29T00:00:00Z", records=[(3, 3)])
    for _ in range(2):  # each object begins anew
        seen = chains.run_chain(chain_of(*formats), content, source)
        assert [event for _, event in seen.events] == [{"port": "443", "target": "10.0.0.3"}]


def test_a_parser_that_extends_keeps_the_fields_of_the_header_in_its_event_as_well() -> None:
    ((meta, event),) = chains.run_chain(chain_of(HOSTS, shout), syslog("hello"), OBJECT).events
    assert event == {"text": "HELLO", "message": "hello", **HEADERS["syslog"][1]}
    assert meta.header == HEADERS["syslog"][1]


class Hit(msgspec.Struct):
    client: str
    status: int


def test_texts_behind_a_header_of_json_stand_for_the_numbers_that_a_handlers_type_wants() -> None:
    """Behind JSON alone, a text is no number; here the product's line has written it."""
    types = EventTypes.of(Hit, "Hits")
    chain = compile_chain(
        ["docker-json", {"regex": {"pattern": r"(?P<client>\S+) (?P<status>\d+)"}}], Path(), types=[types]
    )
    ((meta, event),) = chains.run_chain(chain, docker_json("10.0.0.1 200"), OBJECT).events
    assert repr(event) == "Hit(client='10.0.0.1', status=200)"
    assert meta.header["stream"] == "stdout"


def test_records_of_several_lines_are_read_behind_no_header_but_that_in_them() -> None:
    content = b"Nov 28 08:00:02 web1 app[7]: first\n  second\nNov 28 08:00:03 web1 app[7]: third\n"
    chain: list[Step] = [{"multiline": {"start": "[A-Z]"}}, "syslog", {"regex": {"pattern": "(?P<text>.*)"}}]
    seen = chains.run(chain, content, OBJECT)
    assert [(event["text"], meta.header["hostname"]) for meta, event in seen.events] == [
        ("first\n  second", "web1"),
        ("third", "web1"),
    ]


@pytest.mark.parametrize("front", ["Oracle Unified Audit[7]: ", "journal: Oracle Audit[7]: "])
def test_records_of_the_unified_audit_trail_of_oracle_are_read_behind_syslog(front: str) -> None:
    text = (
        """LENGTH: '98' TYPE:"4" DBID:"17" CLIENTID:"" DBUSER:"SCOTT" ACTION:"100" RETCODE:"1017" OBJNAME:"A: 'B'\""""
    )
    ((meta, event),) = chains.run(
        ["syslog", "oracle-audit"], f"<13>Nov 28 08:00:02 db1 {front}{text}\n".encode()
    ).events
    assert event == {
        "LENGTH": 98,
        "TYPE": "4",
        "DBID": 17,
        "CLIENTID": None,
        "DBUSER": "SCOTT",
        "ACTION": "100",
        "RETCODE": 1017,
        "OBJNAME": "A: 'B'",
    }
    assert (meta.message, list(meta.entities.users)) == ("SCOTT: 100 from -: 1017", ["SCOTT"])


def test_no_header_is_an_empty_one() -> None:
    ((meta, _),) = chains.run(["syslog"], syslog("hello"), OBJECT).events
    assert meta.header == {}
    assert "header" not in meta.to_dict()


@pytest.mark.parametrize("content", [b'{"log": 1, "stream": "x"}\n', b'{"stream": "x"}\n'])
def test_a_header_without_a_text_is_quarantined(content: bytes) -> None:
    ((_, reason),) = chains.run_chain(chain_of(catalogue()["json"], WRAPPED, HOSTS), content, OBJECT).quarantined
    assert reason.startswith("hosts: no text in 'log' (keys: ")
    assert reason.endswith("if it is complete, leave 'hosts' out of the chain")


@pytest.mark.parametrize("text", ['{"log": "a\\ud800"}', '{"log": "\\udc80"}'])
def test_half_a_character_in_a_text_is_read_as_far_as_it_goes(text: str) -> None:
    seen = chains.run_chain(chain_of(catalogue()["json"], WRAPPED, catalogue()["json"]), text.encode() + b"\n", OBJECT)
    assert len(seen.quarantined) == 1


@pytest.mark.parametrize("header", [*HEADERS, "s3-lines"])
@pytest.mark.parametrize("own", ["Nov 28 08:00:03 web2 sshd[9]: ", "<38>1 2026-11-28T08:00:03Z web2 sshd 9 - - ", ""])
def test_a_product_with_or_without_a_header_of_syslog_is_that_behind_another_header_too(header: str, own: str) -> None:
    carry = HEADERS[header][0] if header in HEADERS else lambda text: text.encode() + b"\n"
    text = f"{own}Accepted password for ada from 192.0.2.7 port 41641 ssh2"
    ((meta, event),) = chains.run([STEPS.get(header, header), "sshd"], carry(text), OBJECT).events
    assert (meta.tag, event["user"], event["src_port"]) == ("linux.sshd.Accepted", "ada", 41641)
    if own:
        assert (meta.timestamp, meta.header["hostname"]) == (AT + 1, "web2")


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        (["sshd"], ("s3-lines", "syslog-any", "sshd")),
        (["s3-lines", "sshd"], ("s3-lines", "syslog-any", "sshd")),
        (["syslog-any", "sshd"], ("s3-lines", "syslog-any", "sshd")),
        (["k8s-cri", "haproxy"], (*catalogue()["k8s-cri"].chain, "syslog-any", "haproxy")),
        (["k8s-cri", "nginx-access"], (*catalogue()["k8s-cri"].chain, "nginx-access")),
    ],
)
def test_a_header_that_need_not_be_there_is_looked_for_once(steps: list[Step], names: tuple[str, ...]) -> None:
    assert compile_chain(steps, Path()).names == names


def test_a_parser_in_the_first_place_brings_its_reader() -> None:
    assert compile_chain(["syslog", "cef"], Path()).names == ("s3-lines", "syslog", "cef")
    assert compile_chain(["cloudwatch-logs", "json", "okta"], Path()).names == (
        *("s3-lines", "json", "cloudwatch-logs", "json", "okta"),
    )
    assert compile_chain([{"json": {"time": "at"}}, "syslog"], Path()).names[0] == "s3-lines"


@pytest.mark.parametrize(
    ("steps", "write"),
    [
        (["syslog", "okta"], "[s3-lines, syslog, json, okta]"),
        (["cloudwatch-logs", "cloudtrail"], "[s3-lines, json, cloudwatch-logs, json, cloudtrail]"),
        (["s3-lines", "okta"], "[s3-lines, json, okta]"),
    ],
)
def test_a_chain_that_lacks_json_is_told_with_the_one_to_write(steps: list[str], write: str) -> None:
    ((problem),) = check_chain(steps, Path())
    assert problem.endswith(f"expected a parser such as 'json' between; write {write}")
    with pytest.raises(FormatError):
        compile_chain(steps, Path())


OWN_FORMATS = """\
from slips.parsing import Columns, Json

FLOWS = Columns("flows", "flows", columns="source target")
NOTES = Columns("notes", "notes", columns="time message")
THING = Json("thing", "things")

def door(meta, event):
    pass
"""


@pytest.mark.parametrize(
    "steps",
    [
        *(["okta", "syslog"], ["cloudtrail", "json", "okta"]),
        *(["vpc-flow", "regex"], ["syslog", "nginx-access", "json"]),
        [{"regex": {"pattern": "(?P<a>.*)"}}, "syslog"],
        ["own.py:FLOWS", "syslog"],
    ],
)
def test_a_chain_has_a_doubt_where_no_event_carries_a_text(steps: list[Step], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN_FORMATS)
    (doubt,) = doubts_of_chain(steps, tmp_path)
    assert "reads a text in 'message' or 'log'" in doubt


@pytest.mark.parametrize(
    "steps",
    [
        *(["syslog", "paloalto"], ["cloudwatch-logs", "vpc-flow"], ["docker-json", "nginx-access"]),
        *(["json", name] for name in ("syslog", "vpc-flow", "regex")),
        *([name, "sshd"] for name in ("journald", "gelf", "splunk-hec", "opentelemetry-logs")),
        *(["fluent-bit", "nginx-access"], ["filebeat", "syslog"], ["k8s-cri", "syslog-any", "openvpn"]),
        *(["csv", "syslog"], ["key-value", "syslog"], ["postgresql-csv", "json"], ["sshd", "json"], ["no-format"]),
        *(["own.py:NOTES", "syslog"], ["json", "own.py:THING", "syslog"], ["json", "own.py:door", "syslog"]),
        ["cloudwatch-logs", "json", "okta"],
    ],
)
def test_a_chain_has_no_doubt_where_events_may_carry_a_text(steps: list[Step], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN_FORMATS)
    assert doubts_of_chain(steps, tmp_path) == []
