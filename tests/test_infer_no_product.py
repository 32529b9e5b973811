"""Logs of no product, for which `slips infer` proposes a format of no vendor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inferred import SEEN, SOURCE, chains
from slips.inference.rank import infer

pytestmark = pytest.mark.once


WHEN = "2026-03-02T08:00:00.123Z"


OF_ANY_PROGRAM: dict[str, dict[str, Any]] = {
    "plain": {"time": WHEN, "level": "info", "msg": "logged in", "user": "ann"},
    "pino": {"level": 30, "time": 1772438400123, "pid": 411, "hostname": "web1", "reqId": "r1", "msg": "done"},
    "bunyan": {"name": "shop", "hostname": "web1", "pid": 411, "level": 30, "msg": "started", "time": WHEN, "v": 0},
    "zap": {"level": "info", "ts": 1772438400.5, "caller": "server/main.go:42", "msg": "listening", "port": 8080},
    "zap, short": {"L": "INFO", "T": WHEN, "C": "server/main.go:42", "M": "listening"},
    "logrus": {"level": "warning", "msg": "the queue is long", "time": WHEN, "queue": "mail"},
    "slog": {"time": WHEN, "level": "INFO", "msg": "order placed", "order": 7, "user": "ann"},
    "zerolog": {"level": "info", "time": 1772438400, "message": "order placed", "component": "shop"},
    "structlog": {"event": "logged_in", "user_id": 7, "level": "info", "timestamp": WHEN, "logger": "app.auth"},
    "python": {"asctime": "2026-03-02 08:00:00,123", "levelname": "INFO", "name": "shop", "message": "order placed"},
    "log4j": {
        "instant": {"epochSecond": 1772438400, "nanoOfSecond": 1000},
        "thread": "main",
        "level": "INFO",
        "loggerName": "com.example.Shop",
        "message": "order placed",
    },
    "logback": {"@timestamp": WHEN, "@version": "1", "message": "placed", "logger_name": "a", "level_value": 20000},
    "serilog": {"Timestamp": WHEN, "Level": "Information", "MessageTemplate": "placed", "Properties": {"Order": 7}},
    "serilog, compact": {"@t": WHEN, "@mt": "Order {Id} placed", "Id": 7, "SourceContext": "Shop.Orders"},
    "nlog": {"time": WHEN, "level": "Info", "logger": "Shop.Orders", "message": "order placed", "exception": ""},
    "winston": {"level": "info", "message": "order placed", "timestamp": WHEN, "service": "shop"},
    "monolog": {"message": "placed", "context": {}, "level": 200, "channel": "shop", "datetime": WHEN, "extra": {}},
    "tracing": {"timestamp": WHEN, "level": "INFO", "fields": {"message": "placed"}, "target": "shop::orders"},
    "requests": {"time": WHEN, "method": "GET", "path": "/a", "status": 200, "remote_addr": "192.0.2.7"},
    "traces": {"severity": "INFO", "timestamp": WHEN, "message": "placed", "trace_id": "0af7651916cd43dd8448eb211c80"},
    "acts": {"timestamp": WHEN, "user": "ann", "action": "delete", "resource": "order/7", "ip": "192.0.2.7"},
    "logins": {"timestamp": WHEN, "event_type": "login", "username": "ann", "source_ip": "192.0.2.7", "status": "ok"},
    "numbers": {"ts": 1772438400.5, "host": "web1", "name": "queue.length", "value": 7, "unit": "count"},
    "events": {"id": "e7", "type": "order.created", "source": "shop", "time": WHEN, "data": {"order": 7}},
    "errors": {"time": WHEN, "level": "error", "msg": "cannot connect", "error": "timeout", "stack": "Error: timeout"},
    "short": {"t": 1772438400, "m": "placed"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_ANY_PROGRAM)
def test_json_of_any_program_is_of_no_vendor_first(name: str) -> None:
    first = infer(b"%s\n" % json.dumps(OF_ANY_PROGRAM[name]).encode() * 9, SOURCE).fitting[0]
    assert first.format == "json"
    assert first.trial.times == 1
    assert first.chain.startswith("[{json: {time: ")


def test_json_of_which_a_vendors_format_knows_little_is_of_no_vendor_first() -> None:
    event = {
        "occurred_at": WHEN,
        "action": "door.open",
        "actor": {"name": "ann", "id": "7"},
        "target": {"name": "door"},
    }
    others = {"badge": 7, "building": "b7", "shift": "late", "guard": "bob", "floor": 2, "wing": "east"}
    assert infer(b"%s\n" % json.dumps(event).encode() * 9, SOURCE).fitting[0].format == "circleci"
    log = b"%s\n" % json.dumps(event | others).encode() * 9
    assert [each.chain for each in infer(log, SOURCE).fitting] == ['[{json: {time: "occurred_at"}}]', "circleci"]
    named = b"%s\n" % json.dumps(event | others | {"wing": "CircleCI"}).encode() * 9
    assert infer(named, SOURCE).fitting[0].format == "circleci"


def test_documents_with_a_time_that_are_mostly_an_array_of_records_with_one_are_read_by_record() -> None:
    entries = [{"happened": WHEN, "what": "door opened", "badge": each} for each in range(3)]
    document = {"generated_at": WHEN, "account": "acme", "entries": entries}
    best = infer(json.dumps(document).encode(), SOURCE).fitting[0]
    assert (best.chain, best.trial.records) == ('[{json-records:entries: {time: "happened"}}]', 3)
    for event in (document | {"entries": entries[:1]}, document | {"text": "a" * 500}):
        chain = infer(b"%s\n" % json.dumps(event).encode() * 9, SOURCE).fitting[0].chain
        assert chain == '[{json: {time: "generated_at"}}]'


def test_seconds_since_1970_in_a_field_named_when_are_its_time() -> None:
    lines = b'{"when": 1772352000, "door": "north"}\n' * 5
    assert infer(lines, SOURCE).fitting[0].chain == '[{json: {time: "when"}}]'
    assert infer(b"when=1772352000 door=north badge=7\n" * 5, SOURCE).fitting[0].chain == '[{logfmt: {time: "when"}}]'


def test_pairs_behind_the_header_of_a_container_are_proposed_with_their_time() -> None:
    pairs = "at=2026-03-01T08:00:00Z door=north badge=7 state=open"
    cri = f"2026-03-01T08:00:00.123456789Z stdout F {pairs}\n".encode() * 9
    assert '[k8s-cri, {logfmt: {time: "at"}}]' in chains(infer(cri, SOURCE))
    docker = json.dumps({"log": f"{pairs}\n", "stream": "stdout", "time": WHEN})
    assert '[docker-json, {logfmt: {time: "at"}}]' in chains(infer(f"{docker}\n".encode() * 9, SOURCE))
    prose = cri.replace(pairs.encode(), b"the door north is open now")
    assert not any("logfmt" in chain for chain in chains(infer(prose, SOURCE)))


def test_lines_with_a_clock_alone_are_known_as_those_of_a_java_program_without_times() -> None:
    lines = b"08:15:00.123 [main] INFO  com.example.App - started\n08:15:01.456 [exec-1] WARN  c.e.App -- slow\n"
    best = infer(lines, SOURCE).fitting[0]
    assert (best.chain, best.trial.parsed, best.trial.times) == ("log4j", 1.0, 0.0)
    assert {meta.timestamp for meta in best.trial.metas} == {SOURCE.timestamp}


CRI = b"2026-11-29T08:00:00.000000000Z stdout F "


@pytest.mark.parametrize(
    "text",
    [
        b'10.0.2.1:48854 - - [Sun, 29 Nov 2026 08:00:00 UTC] "GET /readiness HTTP/1.1" kube-probe/1.27',
        b"10.0.2.1:48854 - - hello world",
        b"10.0.2.1:48855 listening on port 5",
        b"2026-11-29 08:00:00 hello world",
        b"the door is open",
    ],
)
def test_a_line_as_any_program_writes_it_is_of_no_product(text: bytes) -> None:
    found = infer((CRI + text + b"\n") * 3, SOURCE)
    assert chains(found)[0] == "k8s-cri"
    assert {each.format for each in found.fitting}.isdisjoint({"openvpn", "rds-mysql"})


@pytest.mark.parametrize(
    "log",
    [
        b"Dear all,\nthe meeting is at noon, in the room with the piano.\n\nYours\nAnn\n",
        b'{"petals": 5, "stamens": [{"length": 2}], "root": {"depth": 7}}\n',
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"",
        b"\n\n",
    ],
)
def test_a_log_of_no_known_format_is_none_of_a_vendor(log: bytes) -> None:
    assert not [each.format for each in infer(log, SOURCE).fitting if each.format in SEEN]


TABLE = b'time,user,action\n2026-03-01T08:00:00Z,ada,login\n2026-03-01T08:00:05Z,bob,"read, all"\n'


@pytest.mark.parametrize(
    ("log", "chain"),
    [
        (TABLE, '[{csv: {time: "time"}}]'),
        (TABLE.replace(b"read, all", b"read").replace(b",", b";"), '[{csv: {delimiter: "semicolon", time: "time"}}]'),
        (
            b"id\tdate\ttime\n7\t2026-03-01\t08:00:00\n8\t2026-03-01\t08:00:01\n",
            '[{csv: {delimiter: "tab", time: "date+time"}}]',
        ),
        (b"name,size\na,1\nb,2\n", "csv"),
        (
            b'<?xml version="1.0"?><!-- <x/> --><o:all xmlns:o="urn:o"><o:of/><o:one n="1"><when>2026-03-01T08:00:00Z'
            b'</when></o:one>\n<o:one n="2"><when>2026-03-01T08:00:01Z</when><to><a/><a/></to></o:one></o:all>',
            '[{xml-events: {element: "one", time: "when"}}]',
        ),
        (b"<door>north</door>\n<door>south</door>\n", '[{xml-events: {element: "door"}}]'),
        (b'{"when": "2026-03-01T08:00:00Z", "who": "ada", "n": 1}\n' * 2, '[{json: {time: "when"}}]'),
    ],
)
def test_a_log_of_no_product_is_read_with_the_field_of_its_time(log: bytes, chain: str) -> None:
    best, *_ = infer(log, SOURCE).fitting
    assert best.chain == chain
    assert best.trial.parsed == 1.0
    assert best.trial.times == float("time" in chain)
    assert "csv" not in chain or chain not in chains(infer(log.partition(b"\n")[2], SOURCE))


EXPORTED = [
    {"occurredAt": 1795935600000 + n, "actor": {"name": "ann"}, "action": "door.open", "success": True, "tags": [{}]}
    for n in range(3)
]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"items": EXPORTED, "next": None}, "items"),
        ({"meta": {"pages": [1, {"items": []}], "of": '\\" [{'}, "items": EXPORTED}, "items"),
        ({"answer": {"data": {"rows": EXPORTED}}}, "answer.data.rows"),
    ],
)
def test_records_of_no_product_in_an_array_of_a_document_are_read_with_their_time(document: Any, path: str) -> None:
    for text in (json.dumps(document), json.dumps(document, indent=1)):
        best, *others = infer(text.encode(), SOURCE).fitting
        assert best.chain == f'[{{json-records:{path}: {{time: "occurredAt"}}}}]'
        assert (best.trial.records, best.trial.times) == (3, 1.0)
        assert all(each.score < best.score / 2 for each in others)


def test_arrays_within_records_that_have_a_time_are_no_records() -> None:
    lines = b'{"when": "2026-11-29T07:00:00Z", "steps": [{"when": "2026-11-29T07:59:59Z"}, {"n": 1}]}\n' * 3
    assert infer(lines, SOURCE).fitting[0].chain == '[{json: {time: "when"}}]'


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            b"time,user,action\n",
            "3 columns (time, user, action) and no row; expected rows; name a log of the same kind ",
        ),
        (b"\xef\xbb\xbfid;source IP\r\n", "if it is of no product, '{csv: {delimiter: semicolon}}' reads it"),
        (
            b"#Version: 1.0\n#Fields: date time x-gate\n",
            "its '#Fields:' name columns and there is no row; expected rows",
        ),
    ],
)
def test_the_head_of_a_table_alone_is_told_as_such(head: bytes, said: str) -> None:
    found = infer(head, SOURCE)
    assert (chains(found), said in found.reason) == ([], True), found


@pytest.mark.parametrize("text", [b"Dear all, see you at noon\n", b"no\n", b"Hello, world\n"])
def test_a_sentence_is_no_head_of_a_table(text: bytes) -> None:
    assert infer(text, SOURCE).reason == ""


@pytest.mark.slow
def test_a_level_behind_a_time_is_no_host_of_a_header() -> None:
    line = b"2026-01-02T03:04:05Z %s started worker 7 of the pool\n"
    assert chains(infer(line % b"INFO" + line % b"WARN", SOURCE))[0] == "timestamp"
    assert "syslog" in {each.format for each in infer(line % b"INFO" + line % b"web7", SOURCE).fitting}


@pytest.mark.slow
def test_lines_of_a_ruby_program_are_of_no_product_first() -> None:
    log = b"I, [2026-01-02T03:04:05.678901 #123]  INFO -- : text\nE, [2026-01-02T03:04:06.1 #123] ERROR -- job: boom\n"
    best, *_ = infer(log, SOURCE).fitting
    assert (best.chain, best.trial.parsed, best.also) == ("ruby-logger", 1.0, ["rails"])


def test_a_table_whose_columns_no_row_names_is_read_with_numbers_and_its_time() -> None:
    rows = b'2026-11-29T07:00:00Z,ann,"in, out",7\n2026-11-29T08:00:01Z,bob,in,8\n2026-11-29T08:00:02Z,eve,in,9\n'
    best = infer(rows, SOURCE).fitting[0]
    assert best.chain == '[{csv: {columns: ["time", "column_2", "column_3", "column_4"], time: "time"}}]'
    assert (best.trial.parsed, best.trial.times) == (1.0, 1.0)
    assert best.trial.events[0]["column_3"] == "in, out"
    for text in (b"a, b, and c\nd, e, and f\ng, h, and i\n", b"2026-11-29T08:00:00Z started, up, well\n" * 3):
        assert not any(each.format == "csv" for each in infer(text, SOURCE).fitting)


FLOW = (
    b'<134>Nov 29 07:00:00 gw2 time="2026-11-29 07:00:01" act=deny src=10.1.0.1 dst=198.51.100.1 '
    b'spt=5000 dpt=443 proto=tcp rule="web out"\n'
)


def test_pairs_of_no_product_behind_syslog_are_proposed_with_their_time_or_that_of_the_header() -> None:
    best = infer(FLOW * 3, SOURCE).fitting[0]
    assert best.chain == '[syslog, {logfmt: {time: "time"}}]'
    assert (best.trial.parsed, best.trial.times) == (1.0, 1.0)
    assert best.trial.events[0]["rule"] == "web out"
    best = infer(FLOW.replace(b'time="2026-11-29 07:00:01"', b"dev=gw2") * 3, SOURCE).fitting[0]
    assert (best.chain, best.trial.times) == ("[syslog, logfmt]", 1.0)


@pytest.mark.parametrize("text", [b"act=deny src=10.1.0.1 dst=198.51.100.1", b"a=1 b=2 c=3 d=4 and that is all"])
def test_few_pairs_or_words_among_them_behind_syslog_are_a_message(text: bytes) -> None:
    assert infer(b"<134>Nov 29 07:00:00 gw2 app[7]: %s\n" % text * 3, SOURCE).fitting[0].chain == "syslog"


def test_pairs_of_no_product_are_proposed_with_their_time() -> None:
    line = b'ts=2026-11-28T08:00:00Z actor="Ann Example" action=open door="north gate" result=denied\n'
    first = infer(line * 5, SOURCE).fitting[0]
    assert (first.chain, first.trial.times) == ('[{logfmt: {time: "ts"}}]', 1)
    prose = b"2026-11-28 08:00:00 the guard opened door=north after a while\n"
    assert not any("logfmt" in chain for chain in chains(infer(prose * 5, SOURCE)))


@pytest.mark.parametrize(("blank", "named"), [(b" ", "space"), (b"\t", "tab")])
def test_a_w3c_log_of_no_product_is_a_table_with_blanks_between(blank: bytes, named: str) -> None:
    names, row = (b"date", b"time", b"lift", b"floor"), (b"2026-11-28", b"08:00:00", b"north", b"7")
    found = infer(b"#Version: 1.0\n#Fields: " + b" ".join(names) + b"\n" + (blank.join(row) + b"\n") * 3, SOURCE)
    assert f'[{{csv: {{delimiter: "{named}", time: "date+time"}}}}]' in chains(found)


OF_JAVA = {
    "log4j": b"2026-11-29 08:00:0%d,123 INFO com.example.Shop - started\n",
    "brackets": b"[2026-11-29 08:00:0%d,123] INFO started up (com.example.Shop)\n",
    "thread": b"2026-11-29T08:00:0%d.123Z INFO  [main] com.example.Shop - up\n",
}
TRACE = b"java.lang.IllegalStateException: no\n\tat com.example.Cart.add(Cart.java:42)\n"


@pytest.mark.parametrize("name", OF_JAVA)
def test_lines_of_a_java_program_are_of_no_product_unless_its_classes_name_one(name: str) -> None:
    lines = b"".join(OF_JAVA[name] % second + TRACE for second in range(1, 4))
    first = infer(lines, SOURCE).fitting[0]
    assert (first.format, first.trial.records, first.trial.times) == ("log4j", 3, 1)
    assert "kafka" in first.also
    assert infer(lines.replace(b"com.example.Shop", b"kafka.server.KafkaServer"), SOURCE).fitting[0].format == "kafka"


@pytest.mark.parametrize(
    "lines",
    [
        b"2026-11-29T08:00:01.123Z started\n2026-11-29 08:00:02,123 [main] INFO com.example.Shop - up\n" + TRACE,
        b"2026-11-29 08:00:01,123 - shop - ERROR - boom\nTraceback (most recent call last):\n  File x\n" * 2,
        b"2026/11/29 08:00:01 boom\n  at main.go:7\n2026/11/29 08:00:02 over\n",
        b"[29/Nov/2026:08:00:01 +0000] boom\n#0 main\n[29/Nov/2026:08:00:02 +0000] over\n",
    ],
)
def test_records_of_several_lines_of_no_product_begin_where_a_line_begins_with_a_time(lines: bytes) -> None:
    first = infer(lines, SOURCE).fitting[0]
    assert first.chain.startswith("[{multiline: {start: ")
    assert (first.format, first.trial.records, first.trial.times) == ("timestamp", 2, 1)


@pytest.mark.parametrize(
    "line",
    [
        b"2026-11-29 08:00:01,123 [INFO] shop.cart: added\n",
        b"2026/11/29 08:00:01 listening on :8080\n",
    ],
)
def test_a_line_with_a_time_and_a_level_is_of_no_product(line: bytes) -> None:
    assert infer(line * 3, SOURCE).fitting[0].format == "timestamp"


def test_lines_with_a_level_alone_are_proposed_with_a_doubt() -> None:
    found = infer(b"[INFO] started\n[WARN] slow\n[ERROR] boom\n", SOURCE).fitting
    assert found
    assert all(each.likeness < 0.3 for each in found)


@pytest.mark.parametrize(
    ("log", "chain"),
    [
        (b'{"petals": 5, "stamens": {"length": 2}}\n', "json"),
        (b'{"time": "2026-11-29T08:00:01Z", "a": 1},\n' * 2, '[{json-elements: {time: "time"}}]'),
    ],
)
def test_json_of_no_product_is_read_without_a_time_and_with_the_commas_of_an_array(log: bytes, chain: str) -> None:
    assert (chains(infer(log, SOURCE)) or [""])[0] == chain
