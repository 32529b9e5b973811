"""`slips formats --new`: the declaration that it writes reads the log from which it was guessed."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import chains
from projects import Project
from slips.codec import CodecLimits, decode
from slips.errors import SlipsError, UsageError
from slips.inference.meaning import message_of, required_of, time_of
from slips.inference.naming import entities_of
from slips.new_format.accept import accept
from slips.new_format.layout import READ, layout_of
from slips.new_format.write import create

DOORS = [{"badge": n, "door": "north", "opened_at": f"2026-11-29T12:00:{n:02}Z", "msg": f"door {n}"} for n in range(30)]
JSON_LINES = "".join(f"{json.dumps(each)}\n" for each in DOORS)
ACCESS = (
    '192.0.2.7 - ann [29/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 612 "-" "curl/8.1 (x; y)"\n'
    '192.0.2.8 - - [29/Nov/2026:12:00:01 +0000] "GET /b HTTP/1.1" 404 - "https://example.com/" "Mozilla \\"5\\""\n'
)
TABLE = "opened,door,badge\n" + "".join(f"2026-11-29T12:00:{n:02}Z,north,{n}\n" for n in range(30))
W3C = (
    "#Version: 1.0\n#Fields: date time c-ip cs-method sc-status\n"
    "2026-11-29 12:00:00 192.0.2.7 GET 200\n2026-11-29 12:00:01 192.0.2.7 GET -\n"
)
COLUMNS = "2026-11-29T12:00:00Z allow 192.0.2.7 443 -\n2026-11-29T12:00:01Z deny 192.0.2.8 22 12\n"
GATES = "2026-11-29 12:00:00 gate-3 OPEN 17\n2026-11-29 12:00:05 gate-3 SHUT 17\n"
PAIRS = (
    'date=2026-11-29 time=12:00:00 devname="fw 1" action=accept srcip=192.0.2.7 dstport=443 id=007\n'
    'date=2026-11-29 time=12:00:01 devname="fw 1" action=deny srcip=192.0.2.8 dstport=22 id=008\n'
)
BEHIND_A_TIME = "2026-11-29T12:00:00Z user=ann bytes=12 act=ok\n2026-11-29T12:00:05Z user=bob bytes=3 act=ok\n"
BEHIND_BARS = (
    "2026-11-29 12:00:00,123 | gate-3 | OPEN | badge=17 user=ann ip=192.0.2.7\n"
    "2026-11-29 12:00:05,123 | gate-3 | SHUT | badge=17 user=bob ip=192.0.2.8\n"
)
BEHIND_SYSLOG = PAIRS.replace("date=", "<189>Nov 29 12:00:00 fw date=")
LEEF = "LEEF:1.0|Acme|Gate|1|9|devTime=2026-11-29T12:00:00Z\tsrc=192.0.2.7\n"
REGEX = "Regex", 'iso("time")'
DOOR = "<Door opened='2026-11-29T12:00:00Z'>\n  <badge>17</badge>\n</Door>\n"
TRACE = (
    "2026-11-29 12:00:00,123 ERROR gate: it fell\nTraceback:\n  File x\n\nKeyError: 'a'\n"
    "2026-11-29 12:00:01,1 INFO gate: up\n"
)
LOGS: dict[str, tuple[str, str, str, str]] = {
    # the log; the family, the time, and the first event's field that the family made
    "json lines": (JSON_LINES, "Json", 'iso("opened_at")', "badge"),
    "json elements": (json.dumps({"Records": DOORS, "next": None}), "Json", 'iso("opened_at")', "badge"),
    "json elements below": (json.dumps({"data": {"rows": DOORS, "n": 1}}), "Json", 'iso("opened_at")', "badge"),
    "a json document": (json.dumps(DOORS[0], indent=1), "Json", 'iso("opened_at")', "badge"),
    "a json array": (json.dumps(DOORS, indent=1), "Json", 'iso("opened_at")', "badge"),
    "milliseconds": ('{"ts": 1795953600000, "n": 1}\n' * 3, "Json", 'epoch("ts", unit="ms")', "n"),
    "an access log": (ACCESS, "Quoted", 'clf("time")', "method"),
    "a table": (TABLE, "Json", 'iso("opened")', "door"),
    "tabs": (TABLE.replace(",", "\t"), "Json", 'iso("opened")', "door"),
    "rows": (TABLE.partition("\n")[2], "Csv", 'iso("column_1")', "column_2"),
    "w3c of a firewall": (W3C.replace("#F", "#Time Format: Local\n#F"), "Json", 'stamp(("date", "time"))', "c-ip"),
    "w3c": (W3C, "Json", 'stamp(("date", "time"))', "c-ip"),
    "syslog": ("Nov 29 12:00:00 host app[1]: x=1 y=2 z=3\n" * 2, "Syslog", "as Syslog has it", "proc_name"),
    "rfc 5424": ("<14>1 2026-11-29T12:00:00Z host app 1 - - hello\n", "Syslog", "as Syslog has it", "severity"),
    "pairs": (PAIRS, "KeyValue", 'stamp(("date", "time"))', "devname"),
    "pairs behind a time": (BEHIND_A_TIME, "KeyValue", 'iso("time")', "user"),
    "pairs behind a time and a level": (BEHIND_A_TIME.replace("Z", "Z INFO:"), "KeyValue", 'iso("time")', "level"),
    "pairs behind words": (BEHIND_BARS, "KeyValue", 'iso("time")', "column_2"),
    "pairs behind syslog": (BEHIND_SYSLOG, "KeyValue", 'stamp(("date", "time"))', "id"),
    "cef": ("CEF:0|Acme|Gate|1|9|forced|8|rt=1795953600000 src=192.0.2.7\n", "Cef", "as Cef has it", "src"),
    "leef": (LEEF, "Leef", "as Leef has it", "src"),
    "text": ("[2026-11-29 12:00:00,000] INFO: up and well\n[2026-11-29 12:00:01,5] WARN: x\n", *REGEX, "level"),
    "text without a level": ("2026-11-29T12:00:00Z up\n2026-11-29T12:00:01Z and down again\n", *REGEX, "message"),
    "xml": (f"<?xml version='1.0'?>\n<Doors>\n{DOOR * 3}</Doors>\n", "Json", 'iso("@opened")', "badge"),
    "xml without a root": (DOOR * 3, "Json", 'iso("@opened")', "badge"),
    "text with stack traces": (TRACE * 3, *REGEX, "level"),
    "columns": (COLUMNS, "Columns", 'iso("column_1")', "column_2"),
    "columns of a date and a clock": (GATES, "Columns", 'stamp(("column_1", "column_2"))', "column_4"),
    "with milliseconds": (
        GATES.replace(" gate", ",123 gate"),
        "Columns",
        'stamp(("column_1", "column_2"))',
        "column_4",
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_the_declaration_reads_the_log_it_was_guessed_from(tmp_path: Path, name: str) -> None:
    log, family, time, field = LOGS[name]
    made = create("acme/door-log", log.encode(), tmp_path / "formats", tmp_path)
    assert (made.layout.family, made.time, made.bad) == (family, time, [])
    assert made.step == "formats/acme/door_log.py:door-log"
    seen = chains.run([made.step], log.encode(), root=tmp_path)
    assert seen.quarantined == []
    meta, event = seen.events[0]
    at = datetime.fromtimestamp(meta.timestamp, UTC)
    assert (meta.tag, f"{at:%m-%d %H:%M:%S}") == ("acme.door-log", "11-29 12:00:00")
    assert field in event


@pytest.mark.parametrize("name", LOGS)
def test_the_expected_file_has_what_comes_of_the_sample(tmp_path: Path, name: str) -> None:
    made = create("acme/door-log", LOGS[name][0].encode(), tmp_path / "formats", tmp_path)
    _, sample, kept = made.files
    seen = chains.run([made.step], sample.read_bytes(), root=tmp_path)
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [each["event"] for each in lines if "event" in each] == [event for _, event in seen.events]
    times = [each["meta"]["timestamp"] for each in lines if "meta" in each]
    assert times == [meta.timestamp for meta, _ in seen.events]
    assert made.records == seen.outcome.records


def test_identifiers_stay_texts_though_all_in_the_log_have_digits_alone(tmp_path: Path) -> None:
    log = b"AccountID=6001 user_id=7 sessionId=8 id=9 pid=10 grid=11\n" * 3
    made = create("acme/pbx", log, tmp_path, tmp_path)
    assert 'integers="pid grid"' in made.files[0].read_text()
    assert chains.run([made.step], log.replace(b"6001", b"ann"), root=tmp_path).quarantined == []


def test_fields_of_integers_are_declared_and_those_with_zeros_in_front_stay_texts(tmp_path: Path) -> None:
    made = create("acme/fw", PAIRS.encode(), tmp_path, tmp_path)
    (first, _) = chains.run([made.step], PAIRS.encode(), root=tmp_path).events
    assert (first[1]["dstport"], first[1]["id"]) == (443, "007")
    assert 'integers="dstport"' in made.files[0].read_text()


def test_fields_of_booleans_are_declared_and_make_no_words_without_a_value(tmp_path: Path) -> None:
    log = b"a=true b=Yes c=1 d=yes e=Y\na=False b=- c=0 d=maybe e=N\n" * 3
    made = create("acme/door", log, tmp_path, tmp_path)
    first, second, *_ = (event for _, event in chains.run([made.step], log, root=tmp_path).events)
    assert first == {"a": True, "b": True, "c": 1, "d": "yes", "e": "Y"}
    assert second == {"a": False, "b": None, "c": 0, "d": "maybe", "e": "N"}
    assert 'booleans="a b",\n    boolean_words="yes/no",\n' in made.files[0].read_text()
    assert made.warnings == []


def test_words_beside_true_and_false_are_declared_where_a_log_has_them_alone(tmp_path: Path) -> None:
    made = create("acme/door", b"2026-11-29T12:00:00Z north true 7\n" * 3, tmp_path, tmp_path)
    source = made.files[0].read_text()
    assert 'booleans="column_3"' in source
    assert "boolean_words" not in source


def test_words_in_front_of_pairs_are_columns_and_what_is_between_them_no_field(tmp_path: Path) -> None:
    made = create("acme/gate", BEHIND_BARS.encode(), tmp_path, tmp_path)
    first, second = made.layout.events
    assert first == {
        "time": "2026-11-29 12:00:00,123",
        "column_1": "gate-3",
        "column_2": "OPEN",
        "badge": 17,
        "user": "ann",
        "ip": "192.0.2.7",
    }
    assert second["column_2"] == "SHUT"
    assert 'require=any_of("badge", "user", "ip")' in made.files[0].read_text()
    assert (made.warnings, made.layout.names_fields) == ([], False)


def test_a_time_in_front_of_pairs_leaves_the_pair_of_that_name_its_own(tmp_path: Path) -> None:
    log = BEHIND_A_TIME.replace("user=", "time=5 level=x user=").replace("Z", "Z WARN")
    made = create("acme/pairs", log.encode(), tmp_path, tmp_path)
    first, _ = made.layout.events
    assert (first["head_time"], first["time"]) == ("2026-11-29T12:00:00Z", 5)
    assert (first["head_level"], first["level"]) == ("WARN", "x")
    assert made.time == 'iso("head_time")'


def test_words_that_become_fields_are_told_and_not_required(tmp_path: Path) -> None:
    log = "2026-11-29 | shut | user=ann n=1 x=2\n2026-11-29 | opened again | user=bob n=2 x=3\n"
    made = create("acme/gate", log.encode(), tmp_path, tmp_path)
    (warning,) = made.warnings
    assert warning == (
        "words without a value became fields that are true: '2026-11-29', '|', 'shut' and others; declare the head of "
        "the lines, what is in front of the pairs"
    )
    assert 'require=any_of("user", "n", "x")' in made.files[0].read_text()


@pytest.mark.parametrize("separator", [";", "; ", ",", ", ", "|", " | ", "\t"])
def test_the_separator_of_pairs_is_found(tmp_path: Path, separator: str) -> None:
    log = separator.join(["user=ann", "bytes=12", "text=a b", "act=ok"]) + "\n"
    made = create("acme/pairs", (log * 3).encode(), tmp_path, tmp_path)
    assert made.layout.events[0] == {"user": "ann", "bytes": 12, "text": "a b", "act": "ok"}
    assert made.warnings == []


def test_a_separator_within_values_is_none_of_pairs(tmp_path: Path) -> None:
    log = "user=ann groups=a,b,c flags=x;y|z act=ok\n"
    made = create("acme/pairs", (log * 3).encode(), tmp_path, tmp_path)
    assert made.layout.events[0] == {"user": "ann", "groups": "a,b,c", "flags": "x;y|z", "act": "ok"}


def test_a_dash_for_no_value_is_none_in_pairs_as_in_tables(tmp_path: Path) -> None:
    log = "user=ann bytes=12 act=ok\nuser=- bytes=- act=ok\nuser=bob bytes=3 act=-\n"
    made = create("acme/pairs", log.encode(), tmp_path, tmp_path)
    seen = chains.run([made.step], log.encode(), root=tmp_path)
    assert (made.bad, seen.quarantined) == ([], [])
    assert [event for _, event in seen.events] == [
        {"user": "ann", "bytes": 12, "act": "ok"},
        {"user": None, "bytes": None, "act": "ok"},
        {"user": "bob", "bytes": 3, "act": None},
    ]


def test_a_field_that_a_dash_may_stand_for_is_not_required(tmp_path: Path) -> None:
    log = "user=- act=ok n=1\nuser=ann act=ok n=2\n" * 2
    made = create("acme/pairs", log.encode(), tmp_path, tmp_path)
    assert 'require=any_of("act", "n")' in made.files[0].read_text()
    assert made.bad == []


def test_fields_of_durations_are_decimal_numbers_and_versions_stay_texts(tmp_path: Path) -> None:
    log = ACCESS.replace(" 612 ", " 612 0.042 1.10 0.042 ").replace(" 404 - ", " 404 - - 1.9 0.0421 ")
    first, second = create("acme/web", log.encode(), tmp_path, tmp_path).layout.events
    assert [first[f"column_{n}"] for n in (8, 9, 10)] == [0.042, "1.10", "0.042"]
    assert [second[f"column_{n}"] for n in (8, 9, 10)] == [None, "1.9", "0.0421"]


def test_escaped_quotes_of_an_access_log_are_decoded(tmp_path: Path) -> None:
    made = create("acme/web", ACCESS.encode(), tmp_path, tmp_path)
    assert [each["user_agent"] for each in made.layout.events] == ["curl/8.1 (x; y)", 'Mozilla "5"']
    create("acme/plain", ACCESS.replace("\\", "").replace('"5"', "5").encode(), tmp_path, tmp_path)
    assert "escapes" not in (tmp_path / "acme/plain.py").read_text()


def test_the_sample_is_the_beginning_of_the_log(tmp_path: Path) -> None:
    made = create("acme/door", JSON_LINES.encode(), tmp_path, tmp_path)
    assert (tmp_path / "acme/door.jsonl").read_text() == "".join(JSON_LINES.splitlines(keepends=True)[:20])
    assert made.records == 20
    table = create("acme/table", TABLE.encode(), tmp_path, tmp_path)
    assert table.records == 20, "besides the header"


@pytest.mark.parametrize("name", ["a json document", "a json array", "json elements", "json elements below"])
def test_the_sample_of_documents_is_whole(tmp_path: Path, name: str) -> None:
    made = create("acme/door", LOGS[name][0].encode(), tmp_path, tmp_path)
    document = json.loads(made.files[1].read_text())
    below = {"json elements": "Records", "json elements below": "rows"}
    records = document if name == "a json array" else document.get("data", document).get(below.get(name), [document])
    assert records == DOORS[: len(records)]
    assert len(records) == (1 if name == "a json document" else 20)


def test_a_log_whose_first_records_are_too_long_for_a_sample_is_refused(tmp_path: Path) -> None:
    log = json.dumps({"time": "2026-11-29T12:00:00Z", "long": "x" * 70_000}, indent=1)
    with pytest.raises(UsageError, match=r"its first records have 70,\d+ bytes; expected 65,536 at most; cut some"):
        create("acme/door", log.encode(), tmp_path / "formats", tmp_path)
    assert not (tmp_path / "formats").exists()


def test_records_that_are_not_read_are_kept_in_the_sample_and_told(tmp_path: Path) -> None:
    lines = JSON_LINES.splitlines()[:9]
    made = create("acme/door", "\n".join([*lines[:4], "restarted", *lines[4:]]).encode(), tmp_path, tmp_path)
    ((seq, reason),) = made.bad
    assert (seq, reason.partition(":")[0], made.records) == (5, "not JSON", 10)
    assert '"quarantined"' in (tmp_path / "acme/door.expected.jsonl").read_text()


def test_what_a_rule_filters_is_in_the_expected_file(tmp_path: Path) -> None:
    header = "time action source port length"
    create("acme/flow", f"{header}\n{COLUMNS}".encode(), tmp_path, tmp_path)
    first = (tmp_path / "acme/flow.expected.jsonl").read_text().splitlines()[0]
    assert json.loads(first) == {"filtered": "header", "seq": 1}


SIGNIN = {
    "at": "2026-11-29T08:00:00Z",
    "src_ip": "192.0.2.7",
    "peer": "[2001:db8::1]:443",
    "forwarded": ["192.0.2.1", "192.0.2.2"],
    "user": {"id": "00u1", "name": "Ann", "agent": "curl"},
    "user_agent": "curl/8",
    "targetUserName": "bob",
    "hostname": "web1",
    "sni": "www.example.com",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0bb822cd15d6c15b0f00a8",
    "trace_id": "9f86d081884c7d659a2feaa0c55ad015",
    "agent_version": "10.0.1.2",
    "uid": 17,
}


def test_the_declaration_names_the_entities_that_names_and_values_tell(tmp_path: Path) -> None:
    lines = f"{json.dumps(SIGNIN)}\n{json.dumps({**SIGNIN, 'src_ip': '-', 'targetUserName': ''})}\n"
    made = create("acme/signin", lines.encode(), tmp_path, tmp_path)
    (meta, _), _ = chains.run([made.step], lines.encode(), root=tmp_path).events
    assert meta.entities.addresses == ("192.0.2.7", "2001:db8::1", "192.0.2.1", "192.0.2.2")
    assert meta.entities.users == ("00u1", "Ann", "bob")
    assert (meta.entities.hosts, meta.entities.domains) == (("web1",), ("www.example.com",))
    assert meta.entities.hashes == (SIGNIN["sha256"],)


def test_names_with_blanks_are_found_as_others_are(tmp_path: Path) -> None:
    table = (
        b"Receive Time,User Name,Source IP\n2026-11-29T12:00:00Z,ann,192.0.2.7\n2026-11-29T12:00:01Z,bob,192.0.2.8\n"
    )
    made = create("acme/signin", table, tmp_path, tmp_path)
    (meta, _), _ = chains.run([made.step], table, root=tmp_path).events
    assert (made.time, meta.timestamp) == ('iso("Receive Time")', 1795953600.0)
    assert (meta.entities.addresses, meta.entities.users) == (("192.0.2.7",), ("ann",))


def test_columns_of_a_table_with_a_header_have_their_types(tmp_path: Path) -> None:
    table = b"opened,bytes,locked,badge_id,zip\n2026-11-29T12:00:00Z,17,true,12,01\n2026-11-29T12:00:01Z,,false,13,02\n"
    made = create("acme/rows", table, tmp_path, tmp_path)
    first, second = (event for _, event in chains.run([made.step], table, root=tmp_path).events)
    assert first == {"opened": "2026-11-29T12:00:00Z", "bytes": 17, "locked": True, "badge_id": "12", "zip": "01"}
    assert (second["bytes"], second["locked"]) == ("", False)


def test_a_stack_trace_is_of_the_record_above_it(tmp_path: Path) -> None:
    made = create("acme/gate", TRACE.encode() * 3, tmp_path, tmp_path)
    events = [event for _, event in chains.run([made.step], TRACE.encode() * 3, root=tmp_path).events]
    assert [event["level"] for event in events] == ["ERROR", "INFO"] * 3
    assert events[0]["message"].startswith("gate: it fell\nTraceback:\n  File x\n")


def test_the_sample_of_xml_ends_with_an_element(tmp_path: Path) -> None:
    create("acme/doors", (DOOR * 30).encode(), tmp_path, tmp_path)
    sample = (tmp_path / "acme" / "doors.xml").read_text("utf-8")
    assert DOOR * 2 < sample < DOOR * 30
    assert sample.endswith("</Door>\n")


def test_a_field_that_has_addresses_at_times_is_of_no_kind() -> None:
    assert entities_of([{"host": "192.0.2.7"}, {"host": "web1"}]) == {}
    assert entities_of([{"host": "web1"}, {"host": "web2"}]) == {"hosts": "host"}


def test_the_declaration_is_python_as_a_person_would_write_it(tmp_path: Path) -> None:
    made = create("acme/door-log", JSON_LINES.encode(), tmp_path, tmp_path)
    assert made.files[0].read_text() == (
        '"""Door log of Acme."""\n\nfrom __future__ import annotations\n\n'
        "from slips.parsing import Json, any_of, iso\n\n"
        'DOOR_LOG = Json(\n    "door-log",\n    "door-log of acme",\n    "",  # the address of the documentation\n'
        '    tag="acme.door-log",\n    time=iso("opened_at"),\n    message="{msg}",\n'
        '    require=any_of("badge", "door", "opened_at"),\n)\n'
    )


def test_a_hostile_log_becomes_no_code(tmp_path: Path) -> None:
    names = ['a"""+exit()#', "b'\\", "c\n)", "{d}", "e'\""]
    log = "".join(f"{json.dumps(dict.fromkeys(names, n))}\n" for n in range(3))
    made = create("acme/odd", log.encode(), tmp_path, tmp_path)
    assert len(chains.run([made.step], log.encode(), root=tmp_path).events) == 3
    for text in ('a"b""" \\ 1\n' * 3, 'a,b\'\\x,"""\n1,2,3\n4,5,6\n'):
        try:
            made = create("acme/other", text.encode(), tmp_path / text[:3].strip('"'), tmp_path)
        except SlipsError:
            continue
        assert chains.run([made.step], text.encode(), root=tmp_path).outcome.records


def test_a_format_for_slips_itself_makes_the_package_of_its_vendor(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").touch()
    create("acme/door", JSON_LINES.encode(), tmp_path, tmp_path)
    assert (tmp_path / "acme/__init__.py").read_text() == '"""Formats of Acme."""\n'


def test_prose_of_one_length_is_no_table(tmp_path: Path) -> None:
    lines = "".join(f"the guard {name} opened the gate\n" for name in ("ann", "bob", "chloe", "dora"))
    with pytest.raises(UsageError, match="no family of formats reads this log, which begins with 'the guard ann"):
        create("acme/free", lines.encode(), tmp_path, tmp_path)


# ---- what is guessed of the fields


@pytest.mark.parametrize(
    ("event", "time"),
    [
        ({"id": 1, "eventTime": "2026-11-29T12:00:00Z"}, ("iso", '"eventTime"')),
        ({"expires": "2026-12-29T12:00:00Z", "start_time": "2026-11-29T12:00:00Z"}, ("iso", '"start_time"')),
        ({"updated_at": "2026-11-29", "data": {"date": "2026-11-29T12:00:00Z"}}, ("iso", '"data.date"')),
        ({"count": 1795953600, "ts": 1795953600.5}, ("epoch", '"ts"')),
        ({"count": 1795953600}, None),
        ({"t": "Nov 29 12:00:00"}, ("stamp", '"t"')),
        ({"date": "2026-11-29", "time": "12:00:00"}, ("stamp", '("date", "time")')),
        ({"a": "2026-11-29", "b": "12:00:00,123", "c": "OPEN"}, ("stamp", '("a", "b")')),
        ({"a": "12:00:00", "b": "2026/11/29"}, ("stamp", '("b", "a")')),
        ({"a": "2026-11-29", "b": "12:00:00", "c": "+0100"}, ("stamp", '("a", "b", "c")')),
        ({"due_date": "2026-12-29", "due_time": "12:00", "ts": "2026-11-29T12:00:00Z"}, ("iso", '"ts"')),
        ({"date": "2026-11-29", "logged": "2026-11-29T12:00:00Z"}, ("iso", '"logged"')),
        ({"a": "2026-11-29", "b": "12.00.00"}, ("stamp", '"a"')),
        ({"ts": "29.11.2026 12:00:00"}, ("stamp", '"ts"')),
        ({"day": "29.11.2026", "clock": "12:00:00"}, ("stamp", '("day", "clock")')),
        ({"ts": "29/11/2026 12:00:00"}, ("written", '"%d/%m/%Y %H:%M:%S", "ts"')),
        ({"ts": "11/29/2026 12:00"}, ("written", '"%m/%d/%Y %H:%M", "ts"')),
        ({"ts": "29/11/2026 08:00:00 PM"}, ("written", '"%d/%m/%Y %I:%M:%S %p", "ts"')),
        ({"ts": "11/12/2026 12:00:00"}, None),  # which of them is the day?
        ({"ts": "29.11.26 12:00:00"}, ("written", '"%d.%m.%y %H:%M:%S", "ts"')),
        ({"time": True, "date": [], "ts": {}, "at": None}, None),
        ({"time": "12:00"}, None),
        ({"ts": 12}, None),
    ],
)
def test_the_field_of_the_time_is_found_by_its_name_and_its_values(event: Any, time: Any) -> None:
    assert time_of([event] * 3) == time


def test_a_field_that_most_records_lack_is_not_the_time() -> None:
    assert time_of([{"a": 1}] * 8 + [{"time": "2026-11-29T12:00:00Z"}]) is None


@pytest.mark.parametrize(
    ("right", "odd", "time"),
    [
        (1795953600000, "soon", ("epoch", '"ts", unit="ms"')),
        (1795953600000, 5, ("epoch", '"ts", unit="ms"')),
        ("2026-11-29T12:00:00Z", "soon", ("iso", '"ts"')),
        ("2026-11-29T12:00:00Z", 5, ("iso", '"ts"')),
    ],
)
def test_a_few_odd_values_do_not_hide_the_time(right: Any, odd: Any, time: Any) -> None:
    assert time_of([{"ts": right}] * 27 + [{"ts": odd}] * 3) == time
    assert time_of([{"ts": right}] * 3 + [{"ts": odd}]) == time
    assert time_of([{"ts": right}] * 2 + [{"ts": odd}]) is None
    assert time_of([{"ts": right}] * 26 + [{"ts": odd}] * 4) is None


def test_required_fields_are_in_every_record_and_few_other_formats_have_them() -> None:
    events: list[dict[str, Any]] = [
        {"time": 1, "door": 1, "badge": None, "a b": 1},
        {"time": 1, "door": 2, "badge": 3, "a b": 1},
    ]
    assert required_of(events) == ["door"]
    assert required_of([{"time": 1}]) == ["time"]


def test_the_message_is_a_text_of_most_records() -> None:
    assert message_of([{"message": 1, "msg": "x"}]) == "msg"
    assert message_of([{"message": "x"}, {}, {}]) == ""


@pytest.mark.slow
def test_most_real_logs_are_read_and_none_breaks_the_guess(logs: Path) -> None:
    read = refused = 0
    for path in sorted(logs.glob("[a-z]*/*")):
        if path.name.startswith("expected") or path.stat().st_size > 200_000:
            continue
        with path.open("rb") as stream:
            content = decode(stream, CodecLimits(), path.name).stream.read()
        try:
            layout = layout_of(content)
        except SlipsError:
            refused += 1
            continue
        read += layout.share >= READ
        time_of(layout.events), message_of(layout.events), required_of(layout.events)
    assert read > 2 * refused


# ---- the command


def test_the_command_writes_beside_the_config_and_names_the_chain(project: Project) -> None:
    log = project.put("door.gz", gzip.compress(JSON_LINES.encode()))
    done = project.slips("formats", "--new", "acme/door", "--from", str(log))
    assert done.status == 0
    assert done.out.splitlines() == [
        "wrote formats/acme/door.py",
        "wrote formats/acme/door.jsonl",
        "wrote formats/acme/door.expected.jsonl",
        'Json: 20 records in the sample, 0 of them quarantined; time: iso("opened_at")',
        "next: look through the sample, which has values of your log, then write into the config",
        "  format: formats/acme/door.py:door",
    ]
    project.config((project.root / "slips.yml").read_text().replace("[s3-lines, json]", "formats/acme/door.py:door"))
    assert "[s3-lines, json, formats/acme/door.py:door]" in project.slips("check").out


def test_json_says_what_was_made_for_programs(project: Project) -> None:
    made = project.slips("formats", "--new", "acme/flow", "--from", "-", "--json", stdin=COLUMNS.encode()).json
    assert made["format"] == "formats/acme/flow.py:flow"
    assert (made["family"], made["records"], made["quarantined"]) == ("Columns", 2, 0)
    assert [Path(path).name for path in made["files"]] == ["flow.py", "flow.log", "flow.expected.jsonl"]


def test_columns_without_names_are_told(project: Project) -> None:
    told = project.slips("formats", "--new", "acme/flow", "--from", "-", stdin=COLUMNS.encode()).out
    assert "the log names no columns: give those of the declaration their names" in told


def test_a_day_without_a_clock_as_the_time_is_told(project: Project) -> None:
    log = GATES.replace("12:00:0", "12.00.0").encode()
    warning = '"column_1" is a day without a clock: all events are at midnight; give the declaration another time'
    told = project.slips("formats", "--new", "acme/gate", "--from", "-", stdin=log).out
    assert f"warning: {warning}" in told.splitlines()
    assert project.slips("formats", "--new", "acme/gate2", "--from", "-", "--json", stdin=log).json["warnings"] == [
        warning
    ]
    whole = project.slips("formats", "--new", "acme/gate3", "--from", "-", "--json", stdin=GATES.encode())
    assert whole.json["warnings"] == []


def test_of_a_long_log_the_beginning_is_looked_at(project: Project) -> None:
    line = '{"time": "2026-11-29T12:00:00Z", "text": "' + "x" * 100_000 + '"}\n'
    made = project.slips("formats", "--new", "acme/long", "--from", "-", "--json", stdin=(line * 90).encode()).json
    assert (made["family"], made["records"]) == ("Json", 1)
    one = project.slips("formats", "--new", "acme/one", "--from", "-", stdin=b'{"a": "' + b"x" * 9_000_000 + b'"}')
    assert (one.status, "its first line has more than 8,388,608 bytes" in one.err) == (2, True)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_the_sample_of_a_log_in_another_encoding_is_utf_8(project: Project, encoding: str) -> None:
    log = ACCESS.replace("ann", "änn")
    done = project.slips("formats", "--new", "acme/web", "--from", "-", "--json", stdin=log.encode(encoding))
    assert (done.json["family"], done.json["quarantined"]) == ("Quoted", 0)
    assert (project.root / "formats/acme/web.log").read_text("utf-8") == log


@pytest.mark.parametrize(
    ("log", "kind"), [(b"PK\x03\x04" + b"\0" * 50, "a zip archive"), (b"PAR1" + b"\0" * 50, "a Parquet file")]
)
def test_a_file_that_is_no_text_is_refused_by_name(project: Project, log: bytes, kind: str) -> None:
    done = project.slips("formats", "--new", "acme/web", "--from", "-", stdin=log)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"slips: -: the object is {kind}; expected text")


def test_no_file_is_overwritten(project: Project) -> None:
    arguments = ("formats", "--new", "acme/door", "--from", str(project.put("a", JSON_LINES.encode())))
    assert project.slips(*arguments).status == 0
    (project.root / "formats/acme/door.py").write_text("mine")
    done = project.slips(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "formats/acme/door.py: is there already; expected no such file" in done.err
    assert (project.root / "formats/acme/door.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("--new", "acme"), JSON_LINES, "nothing beside but --into"),
        (("--from", "-"), JSON_LINES, "nothing beside but --into"),
        (("json", "--new", "acme/door", "--from", "-"), JSON_LINES, "nothing beside but --into"),
        (("--new", "acme", "--from", "-"), JSON_LINES, "--new: 'acme' does not fit; expected vendor/product"),
        (("--new", "../door", "--from", "-"), JSON_LINES, "--new: '../door' does not fit"),
        (("--new", "acme/syslog", "--from", "-"), JSON_LINES, "--new: format 'syslog' is there already"),
        (("--new", "acme/door", "--from", "-"), "", "-: the log is empty"),
        (
            ("--new", "acme/door", "--from", "-"),
            "well\nthis is\nno log at all\n",
            "no family of formats",
        ),
        (("--new", "acme/door", "--from", "none"), "", "none: No such file"),
        (
            ("--new", "acme/door", "--from", "-", "--into", "slips.yml"),
            JSON_LINES,
            "slips.yml/acme: Not a directory; exp",
        ),
    ],
)
def test_wrong_input_is_told_and_nothing_is_written(
    project: Project, arguments: tuple[str, ...], stdin: str, words: str
) -> None:
    done = project.slips("formats", *arguments, stdin=stdin.encode())
    assert (done.status, done.out) == (2, "")
    assert words in done.err
    assert not (project.root / "formats").exists()


def test_what_comes_of_a_sample_is_accepted_in_place_of_what_came_before(tmp_path: Path) -> None:
    log = JSON_LINES + "restarted\n"
    _, sample, kept = create("acme/door-log", log.encode(), tmp_path / "formats", tmp_path).files
    sample.write_text(log)
    kept.write_text(kept.read_text().replace('"acme.door-log"', '"acme.gate"', 3))
    name = "formats/acme/door_log.py:door-log"
    assert accept(name, tmp_path) == (kept, 31, 1, 3 + 11)
    assert accept(name, tmp_path) == (kept, 31, 1, 0)
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [each.get("meta", {}).get("tag") for each in lines] == ["acme.door-log"] * 30 + [None]
    kept.unlink()
    assert accept(name, tmp_path).changed == 31


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("okta", "--accept: 'okta' is no format of yours; expected path/file.py:name; name one"),
        ("formats/acme/door.py:door", "no sample named 'door.*' in "),
        ("formats/acme/door.py:gate", "format 'formats/acme/door.py:gate'"),
    ],
)
def test_without_a_declaration_and_a_sample_nothing_is_accepted(tmp_path: Path, name: str, words: str) -> None:
    _, sample, kept = create("acme/door", JSON_LINES.encode(), tmp_path / "formats", tmp_path).files
    sample.unlink()
    before = kept.read_bytes()
    with pytest.raises(UsageError, match=re.escape(words)):
        accept(name, tmp_path)
    assert kept.read_bytes() == before
