"""`slips infer`, and what else finds the format of an unknown log: `init --from`, the error of a wrong mapping."""

from __future__ import annotations

import gzip
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any

import pytest
from arro3.core import DataType
from hypothesis import given, settings
from hypothesis import strategies as st

import slips.inference.containers
import slips.inference.hint
import slips.inference.rank
import slips.inference.trial
from projects import CONFIG, Project
from real_files import LOGS, real_files
from siege_in_s3 import Server
from slips.errors import FormatError, ReaderError
from slips.formats import breadths, catalogue, entries, sample_files
from slips.inference.containers import read_head
from slips.inference.rank import RECORDS, Inferred, infer
from slips.inference.trial import FirstRecords, try_chain
from slips.model import ObjectEvent
from slips.testing import run
from tables import table

pytest_plugins = ["moto_server"]
pytestmark = pytest.mark.once
SOURCE = ObjectEvent(bucket_name="logs", object_key="unknown", event_time="2026-11-29T08:00:00Z")
SEEN = [name for name, each in entries().items() if each.vendor not in ("generic", "readers")]
"""Formats of vendors, by name."""


def sample(name: str) -> bytes:
    return next(path for path in sample_files(name) if ".expected." not in path.name).read_bytes()


def chains(found: Inferred) -> list[str]:
    return [each.chain for each in found.fitting]


# ---- What is found


@pytest.mark.slow
def test_the_sample_of_most_formats_is_known_as_one_of_them() -> None:
    chosen = SEEN[::12]
    known = {name: [each.format for each in infer(sample(name), SOURCE).fitting] for name in chosen}
    assert sum(name in formats for name, formats in known.items()) >= 0.9 * len(chosen), known
    assert sum(formats[:1] == [name] for name, formats in known.items()) >= 0.8 * len(chosen), known


@pytest.mark.slow
def test_lines_of_a_web_server_are_proposed_as_such_though_others_write_some_of_their_fields() -> None:
    line = b'192.0.2.7 - - [29/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"\n'
    found = infer(line * 3, SOURCE).fitting[0]
    assert {"apache-access", "nginx-access"} <= {found.format, *found.also}


SSHD = "Accepted publickey for ec2-user from 192.0.2.7 port 41641 ssh2: RSA SHA256:abc"


@pytest.mark.slow
def test_lines_of_sshd_in_cloudwatch_logs_are_not_taken_for_those_of_a_device_that_runs_it_too() -> None:
    log_event = {"id": "1", "timestamp": 1795939200000, "message": f"Nov 29 08:00:00 ip-10-0-0-1 sshd[123]: {SSHD}"}
    document = {"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": "s", "logEvents": [log_event] * 3}
    assert infer(json.dumps(document).encode(), SOURCE).fitting[0].format == "sshd"


@pytest.mark.slow
def test_a_format_of_any_line_that_reads_more_of_it_is_proposed_before_one_that_reads_its_level_alone() -> None:
    query = '192.0.2.7:%d - 58311 "AAAA IN api.svc.cluster.local. udp 54 false 512" NOERROR qr,aa,rd 147 0.000134s'
    content = "".join(f"[INFO] {query % port}\n" for port in range(41641, 41645))
    assert infer(content.encode(), SOURCE).fitting[0].format == "coredns"


@pytest.mark.slow
@pytest.mark.skipif(not LOGS.is_dir(), reason="no real logs beside the project")
def test_the_format_of_nine_in_ten_real_logs_is_the_first_proposed() -> None:
    """One file of every fourth kind; `python tests/test_infer.py` prints the table of all."""
    ranks = {kind: ranked(names[0]) for kind, names in sorted(fitting_files(every=4).items())}
    assert sum(rank == 1 for rank in ranks.values()) >= 0.9 * len(ranks), ranks


def fitting_files(every: int = 1) -> dict[str, list[str]]:
    """The names of real files by their folders, those whose format understands most records, of each N-th folder."""
    kinds: dict[str, list[str]] = {}
    for name in real_files():
        kinds.setdefault(name.partition("/")[0], []).append(name)
    fitting = {kind: [*filter(_is_fitting, kinds[kind])] for kind in sorted(kinds)[::every]}
    return {kind: names for kind, names in fitting.items() if names}


def _is_fitting(name: str) -> bool:
    outcome, _ = real_files()[name].run()
    return outcome.quarantined * 2 < outcome.records


def ranked(name: str) -> int:
    """The place of the format of a real file among those that are proposed; 0 if it is none of them."""
    file = real_files()[name]
    fitting = infer(file.content(), file.source).fitting
    if fitting and file.names[-1] in fitting[0].also:
        return 1
    chain = tuple(file.names)
    right = [each.format == chain[-1] or catalogue()[each.format].chain == chain for each in fitting]
    return right.index(True) + 1 if True in right else 0


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["argocd", "caddy-log", "fluent-bit", "gitlab", "hclog", "lambda-json", "lastpass", "rabbitmq", "zeek"]
)
def test_json_of_a_product_that_writes_as_any_program_is_of_the_product_first_by_a_field_of_its_own(name: str) -> None:
    assert infer(sample(name), SOURCE).fitting[0].format == name


def test_lines_of_a_product_that_begin_as_a_header_of_another_are_of_the_product() -> None:
    assert infer(sample("filezilla"), SOURCE).fitting[0].format == "filezilla"
    assert infer(sample("cloudwatch-export"), SOURCE).fitting[0].format == "cloudwatch-export"


SYSLOG = b"<13>Nov 29 08:00:00 gate app[7]: "


def test_a_product_behind_a_header_is_found_with_its_header() -> None:
    log = b"".join(SYSLOG + line + b"\n" for line in sample("alb").splitlines() if line.startswith(b"http"))
    first = infer(log, SOURCE).fitting[0]
    assert first.chain in ("[syslog, alb]", "[syslog-any, alb]")


def test_a_product_is_proposed_behind_a_header_of_no_vendor_if_a_vendors_header_carries_the_same() -> None:
    """Lines of RFC 5424 without structured data are lines of Heroku's log drains, too."""
    head = b"<165>1 2026-03-01T08:00:00+00:00 sensor.example.com darktrace - - - "
    log = b"".join(head + line + b"\n" for line in sample("darktrace").splitlines()[:3])
    assert chains(infer(log, SOURCE))[0] in ("[syslog-5424, json, darktrace]", "[syslog-any, json, darktrace]")


def test_a_product_that_cuts_records_of_several_lines_itself_is_found_behind_cloudwatch_logs() -> None:
    query = "# Time: 2026-11-29T08:00:00.837877Z\n# User@Host: ann[ann] @  [192.0.2.7]  Id:   116\n"
    query += "# Query_time: 2.033731  Lock_time: 0.000119 Rows_sent: 1071  Rows_examined: 1071\nSELECT a\nFROM b;"
    event = {"id": "1", "timestamp": 1796025600837, "message": query}
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": "1",
        "logGroup": "a",
        "logStream": "b",
        "logEvents": [event] * 3,
    }
    found = infer(json.dumps(document).encode(), SOURCE)
    assert "[cloudwatch-logs, rds-mysql]" in chains(found)[:2]
    assert chains(found).index("[cloudwatch-logs, rds-mysql]") < chains(found).index("cloudwatch-logs")


def test_an_envelope_around_texts_that_no_format_reads_is_first() -> None:
    event = {"id": "1", "timestamp": 1796025600837, "message": "the door is open"}
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": "1",
        "logGroup": "a",
        "logStream": "b",
        "logEvents": [event] * 3,
    }
    assert chains(infer(json.dumps(document).encode(), SOURCE))[0] == "cloudwatch-logs"


def test_a_record_that_is_longer_than_the_beginning_on_which_chains_are_tried_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slips.inference.rank, "_JSON_TEXT", 1 << 11)
    monkeypatch.setattr(slips.inference.rank, "_TEXT", 1 << 12)
    event = json.loads(sample("okta").splitlines()[0])
    log = json.dumps([event | {"debugContext": {"debugData": {"x": "y" * 5_000}}}, event], indent=2).encode()
    assert chains(infer(log, SOURCE))[0] == "okta"


@pytest.mark.parametrize(("begin", "looked_at"), [(b"", 1 << 11), (b'{"a": "', 1 << 12)])
def test_of_a_line_without_an_end_a_short_beginning_is_looked_at_and_told(
    project: Project, monkeypatch: pytest.MonkeyPatch, begin: bytes, looked_at: int
) -> None:
    for name, size in (("_JSON_TEXT", 1 << 11), ("_TEXT", 1 << 12), ("HEAD", 1 << 13)):
        monkeypatch.setattr(slips.inference.rank, name, size)
    monkeypatch.setattr(slips.inference.containers, "HEAD", 1 << 13)
    tried: list[int] = []

    def counted(steps: Any, content: bytes, *args: Any, **options: Any) -> FirstRecords:
        tried.append(len(content))
        return try_chain(steps, content, *args, **options)

    monkeypatch.setattr(slips.inference.rank, "try_chain", counted)
    line = begin + b"a" * (1 << 14)
    assert infer(line[: 1 << 13], SOURCE, whole=False).part == looked_at
    assert max(tried) == looked_at
    assert infer(line[: 1 << 13] + b"\n", SOURCE).part == 0
    said = f"-: its first line is longer than what is read of a log; looked at its first {looked_at:,} bytes"
    assert said in project.slips("infer", "-", stdin=line).err


def test_records_in_an_array_of_documents_are_found_with_its_path() -> None:
    events = [json.loads(line) for line in sample("okta").splitlines()[:3]]
    log = json.dumps({"count": 3, "tags": [1], "entries": events}).encode()
    assert chains(infer(log, SOURCE))[0] == "[json-records:entries, okta]"


COMBINED = b'203.0.113.7 - ann [29/Nov/2026:08:00:00 +0000] "GET /a HTTP/1.1" 200 2326 "-" "curl/8.5"\n'


def test_formats_that_cut_the_same_values_out_of_lines_are_equals() -> None:
    (first, *_) = infer(COMBINED * 3, SOURCE).fitting
    assert {"apache-access", "varnish"} <= {first.format, *first.also}
    assert "access-log" not in first.also


ECS_OF_JAVA = (
    b'{"@timestamp":"2026-11-29T08:00:00.375Z","log.level":"WARN","message":"slow","ecs.version":"1.2.0","service.name":'
    b'"shop","event.dataset":"shop.log","process.thread.name":"http-1","log.logger":"com.example.Shop"}\n'
)


def test_lines_of_filezilla_are_not_taken_for_an_export_of_cloudwatch_logs() -> None:
    lines = b"".join(
        b"2026-11-29T08:00:%02d.120Z %s [FTP Session 1 192.0.2.7 ann] %s\n" % (number, mark, text)
        for number, (mark, text) in enumerate([(b">>", b"RETR a.txt"), (b"<<", b"226 Done"), (b"==", b"ended")] * 3)
    )
    assert chains(infer(lines, SOURCE))[:1] == ["filezilla"]


def test_lines_with_a_clock_alone_are_known_as_those_of_a_java_program_without_times() -> None:
    lines = b"08:15:00.123 [main] INFO  com.example.App - started\n08:15:01.456 [exec-1] WARN  c.e.App -- slow\n"
    best = infer(lines, SOURCE).fitting[0]
    assert (best.chain, best.trial.parsed, best.trial.times) == ("log4j", 1.0, 0.0)
    assert {meta.timestamp for meta in best.trial.metas} == {SOURCE.timestamp}


@pytest.mark.parametrize("name", ["atlassian", "etcd", "caddy-log", "vault-audit"])
def test_the_json_of_a_format_that_also_has_texts_is_known(name: str) -> None:
    objects = [line for line in sample(name).splitlines(keepends=True) if line.startswith(b"{")]
    assert name in [each.format for each in infer(b"".join(objects), SOURCE).fitting][:2]


def test_logs_of_a_java_program_in_ecs_are_not_taken_for_those_of_elasticsearch() -> None:
    assert chains(infer(ECS_OF_JAVA * 3, SOURCE))[0] == "ecs"


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
    "text",
    [
        b"192.0.2.9:41643 TLS Error: TLS handshake failed",
        b"192.0.2.9:41643 peer info: IV_VER=2.6.3",
        b"ann/192.0.2.9:41643 route 10.8.0.0 is up",
        b"Initialization Sequence Completed",
    ],
)
def test_messages_of_an_openvpn_server_are_known(text: bytes) -> None:
    log = b"Nov 29 08:00:00 gate openvpn[7]: " + text + b"\n"
    assert "openvpn" in [each.format for each in infer(log * 3, SOURCE).fitting]
    assert infer(b"2026-11-29 08:00:00 " + text + b"\n", SOURCE).fitting[0].format == "openvpn"


def test_of_two_formats_of_a_line_the_one_that_names_more_of_its_parts_is_first() -> None:
    (first, *rest) = infer(COMBINED.replace(b"\n", b' 271 "web" "http://198.51.100.3:80" 3ms\n') * 3, SOURCE).fitting
    assert first.format == "traefik"
    assert first.also == []
    assert "apache-access" in [each.format for each in rest]


def test_a_format_that_accepts_the_logs_of_others_is_behind_one_that_does_not() -> None:
    assert (breadths()["azure-ad-event"], breadths().get("azure-activity")) == (0.4, None)
    event = {"time": "2026-11-29T08:00:00Z", "operationName": "X", "category": "Administrative", "resourceId": "/a"}
    formats = [each.format for each in infer(json.dumps(event).encode(), SOURCE).fitting]
    assert formats.index("azure-activity") < formats.index("azure-ad-event")


@pytest.mark.parametrize(("data", "also"), [(b"", ["heroku"]), (b"- ", [])])
def test_a_header_of_a_vendor_that_reads_no_more_than_a_general_one_is_behind_it(data: bytes, also: list[str]) -> None:
    line = b"<14>1 2026-11-29T08:00:00Z gate app 7 m1 " + data + b"the door is open\n"
    (first, *_) = infer(line * 3, SOURCE).fitting
    assert (first.format, first.also) == ("syslog-5424", also)


PRODUCTION = {
    "method": "GET",
    "path": "/shop/issues/7",
    "controller": "Projects::IssuesController",
    "status": 200,
    "time": "2026-11-29T08:00:00.123Z",
    "params": [],
    "remote_ip": "192.0.2.7",
    "username": "ada",
    "correlation_id": "O1SdybnnIq7",
    "gitaly_calls": 16,
    "gitaly_duration_s": 0.16,
    "redis_calls": 115,
    "db_duration_s": 0.08,
    "duration_s": 0.54,
}


def test_the_production_log_of_gitlab_is_known() -> None:
    found = infer(b"%s\n" % json.dumps(PRODUCTION).encode() * 3, SOURCE).fitting
    assert found[0].format == "gitlab"
    assert "json-elements" not in [each.format for each in found]


CEF = b"CEF:0|Acme|Door|1.0|17|door forced|8|rt=1772352000000 src=192.0.2.7 " + b" ".join(
    b"acmeField%d=value%d" % (number, number) for number in range(40)
)
"""A product that has its own names for most of what it says."""


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"<14>Mar  1 08:00:00 gate ",
        b"Mar  1 08:00:00 gate door: ",
        b"<14>1 2026-03-01T08:00:00Z gate door - - - ",
        b"Mar  1 08:00:00 198.51.100.9 812 <14>1 2026-03-01T08:00:00Z gate door - acme - ",
    ],
)
def test_cef_of_an_unknown_product_is_known_behind_any_header(header: bytes) -> None:
    assert infer((header + CEF + b"\n") * 3, SOURCE).fitting[0].format == "cef"


@pytest.mark.parametrize(
    ("line", "format_"),
    [
        (
            b"Mar  1 08:00:0%d gw1 kernel: DROP IN=eth0 OUT= SRC=192.0.2.1 DST=198.51.100.1 LEN=60 PROTO=TCP\n",
            "iptables",
        ),
        (b"Mar  1 08:00:0%d web1 sshd[7]: Failed password for ada from 192.0.2.7 port 41641 ssh2\n", "sshd"),
    ],
)
def test_a_vendors_format_that_reads_no_more_than_a_header_is_behind_one_that_reads_the_message(
    line: bytes, format_: str
) -> None:
    lines = b"".join(line % number for number in range(6))
    assert infer(lines, SOURCE).fitting[0].format == format_


def test_a_log_of_proxysg_is_not_taken_for_another_with_directives() -> None:
    log = (
        b"#Software: SGOS 7.3.1.1\n#Fields: date time time-taken c-ip cs-username x-exception-id sc-filter-result "
        b"cs-categories sc-status s-action cs-method cs-uri-scheme cs-host cs-uri-path cs(User-Agent) s-ip sc-bytes\n"
        b'2026-03-01 08:00:00 142 192.0.2.7 ada - OBSERVED "News" 200 TCP_NC_MISS GET http www.example.com /a "a b" '
        b"198.51.100.4 4321\n"
    )
    assert infer(log, SOURCE).fitting[0].format == "symantec-proxysg"


def test_events_of_which_a_rule_of_the_format_filters_all_are_known() -> None:
    (record, *_) = (line for line in sample("aws-waf").splitlines() if b"Default_Action" in line)
    found = infer((record + b"\n") * 3, SOURCE)
    assert chains(found)[0] == "aws-waf"
    assert found.fitting[0].trial.filtered == 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_log_in_another_encoding_is_read_as_what_it_is(encoding: str) -> None:
    text = sample("okta").decode().splitlines()[0] + "\n"
    assert chains(infer((text * 3).encode(encoding), SOURCE))[0] == "okta"


def test_a_log_in_an_archive_is_found_with_the_archive() -> None:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("alb.log", sample("alb"))
    assert chains(infer(content.getvalue(), SOURCE))[0] == "[zip, s3-lines, alb]"


def zipped(**files: bytes) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, file in files.items():
            archive.writestr(name, file)
    return content.getvalue()


def test_the_longest_file_of_an_archive_is_looked_at() -> None:
    log = json.dumps({"entries": [json.loads(sample("okta").splitlines()[0])]}).encode()
    found = infer(zipped(README=b"see okta\n", okta=log), SOURCE)
    assert chains(found)[0] == "[zip, json-records:entries, okta]"


def test_a_log_in_an_archive_in_an_archive_is_found_with_both() -> None:
    inner = BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        member = tarfile.TarInfo("alb.log")
        member.size = len(sample("alb"))
        archive.addfile(member, BytesIO(sample("alb")))
    assert chains(infer(zipped(logs=inner.getvalue()), SOURCE))[0] == "[zip, tar, s3-lines, alb]"


def texts(columns: dict[str, list[str]]) -> bytes:
    return table({name: (values, DataType.string()) for name, values in columns.items()})


@pytest.mark.parametrize("rows", [3, 400_000])
def test_the_format_of_the_rows_of_a_parquet_file_is_found(rows: int) -> None:
    """Of a file of a megabyte and more, its first rows are tried."""
    flow = run(None, "vpc-flow", sample("vpc-flow")).events[0]
    log = texts(
        {
            name: [f"{seq:,}{value}"[-9:] if name == "interface_id" else f"{value}" for seq in range(rows)]
            for name, value in flow.items()
        }
    )
    found = infer(log, SOURCE)
    assert chains(found)[0] == "[parquet, vpc-flow]"
    assert "parquet" in chains(found)


def test_rows_that_no_format_knows_are_read_by_the_reader_alone() -> None:
    assert chains(infer(texts({"petals": ["5", "6"], "stamens": ["a", "b"]}), SOURCE)) == ["parquet"]


ENCRYPTED = zipped(a=b"x y\n").replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\1")
ENCRYPTED = ENCRYPTED.replace(b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\1")


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "the object is a PNG image; expected text"),
        (zipped(a=b"x y\n" * 99)[:200], "zip: the directory cannot be read"),
        (zipped(), "zip: no file with a log in the first 8"),
        (ENCRYPTED, "member 'a': zip: the file is encrypted; expected one that is not"),
        (b"PAR1" + bytes(99), "parquet: no footer at the end; expected a whole Parquet file"),
    ],
)
def test_a_file_that_cannot_be_opened_is_told_with_the_reason(project: Project, log: bytes, reason: str) -> None:
    path = project.put("unknown", log)
    done = project.slips("infer", str(path))
    assert (done.status, done.out.startswith(f"{path}: no format: {reason}")) == (1, True), done.out
    assert reason in project.slips("infer", str(path), "--json").json["reason"]


def test_a_parquet_file_without_the_library_is_told_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    assert infer(texts({"a": ["1"]}), SOURCE).reason.endswith("run pip install '.[parquet]' in the checkout of slips")


def test_an_archive_is_read_beyond_the_beginning_of_a_text_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    log = zipped(alb=sample("alb") * 20)
    monkeypatch.setattr(slips.inference.containers, "HEAD", 1_000)
    assert read_head(BufferedReader(BytesIO(log))) == (log, True)
    monkeypatch.setattr(slips.inference.containers, "WHOLE", 5_000)
    with pytest.raises(ReaderError, match=r"a zip archive of more than 5,000 bytes; expected a smaller one"):
        read_head(BufferedReader(BytesIO(log)))


def test_the_cut_off_end_of_a_beginning_is_no_bad_record() -> None:
    line = sample("alb").splitlines()[0]
    (first, *_) = infer(line + b"\n" + line[:70], SOURCE, whole=False).fitting
    assert (first.format, first.trial.parsed) == ("alb", 1.0)
    found = infer(line + b"\n" + line[:70], SOURCE).fitting
    assert next(each for each in found if each.format == "alb").trial.parsed == 0.5


def test_no_more_records_are_read_than_are_looked_at() -> None:
    found = infer(sample("alb").splitlines()[0] + b"\n" + (sample("alb").splitlines()[0] + b"\n") * 10_000, SOURCE)
    assert found.fitting[0].trial.records == RECORDS


@pytest.mark.parametrize(
    ("log", "most", "chain"),
    [
        (lambda event: json.dumps({"entries": [event] * 3_000}), 1 << 17, "[json-records:entries, okta]"),
        (lambda event: json.dumps([event] * 3_000), 1 << 17, "okta"),
        (lambda event: json.dumps(event | {"seen": [{"a": 1}] * 20_000}) + "\n" + "{" * 1_000_000, 1 << 20, "okta"),
    ],
)
def test_no_more_bytes_of_json_are_tried_than_it_takes_for_one_to_fit(
    monkeypatch: pytest.MonkeyPatch, log: Callable[[Any], str], most: int, chain: str
) -> None:
    tried: list[int] = []

    def counted(steps: Any, content: bytes, *args: Any, **options: Any) -> FirstRecords:
        tried.append(len(content))
        return try_chain(steps, content, *args, **options)

    monkeypatch.setattr(slips.inference.rank, "try_chain", counted)
    content = log(json.loads(sample("okta").splitlines()[0])).encode()
    assert len(content) > most
    assert chains(infer(content, SOURCE))[0] == chain
    assert max(tried) == most


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


BEGINNINGS = st.sampled_from(
    [b"", b"{", b"[{", b'{"Records":[', b"<13>", b"\xff\xfe", b"PK\x03\x04", b"\x1f\x8b", b"#F "]
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(BEGINNINGS, st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_log_of_some_formats_or_of_none(beginning: bytes, rest: bytes, whole: bool) -> None:
    found = infer(beginning + rest, SOURCE, whole=whole)
    assert all(found.fitting[0].score >= 0.85 * each.score for each in found.fitting)
    assert all(
        0 <= share <= 1 for each in found.fitting for share in (each.likeness, each.trial.parsed, each.trial.times)
    )


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
        (b'{"when": "2026-03-01T08:00:00Z", "who": "ada", "n": 1}\n' * 2, '[{json: {time: "when"}}]'),
    ],
)
def test_a_log_of_no_product_is_read_with_the_field_of_its_time(log: bytes, chain: str) -> None:
    best, *_ = infer(log, SOURCE).fitting
    assert best.chain == chain
    assert best.trial.parsed == 1.0
    assert best.trial.times == float("time" in chain)
    assert "csv" not in chain or chain not in chains(infer(log.partition(b"\n")[2], SOURCE))


def test_a_table_whose_columns_no_row_names_is_read_with_numbers_and_its_time() -> None:
    rows = b'2026-11-29T07:00:00Z,ann,"in, out",7\n2026-11-29T08:00:01Z,bob,in,8\n2026-11-29T08:00:02Z,eve,in,9\n'
    best = infer(rows, SOURCE).fitting[0]
    assert best.chain == '[{csv: {columns: ["time", "column_2", "column_3", "column_4"], time: "time"}}]'
    assert (best.trial.parsed, best.trial.times) == (1.0, 1.0)
    assert best.trial.events[0]["column_3"] == "in, out"
    for text in (b"a, b, and c\nd, e, and f\ng, h, and i\n", b"2026-11-29T08:00:00Z started, up, well\n" * 3):
        assert not any(each.format == "csv" for each in infer(text, SOURCE).fitting)


def test_every_format_of_a_vendor_may_be_found() -> None:
    """A chain that names no reader is never tried."""
    assert all(catalogue()[name].chain for name in SEEN)


# ---- The command


def test_the_best_chain_is_shown_with_what_to_write(project: Project) -> None:
    log = project.put("unknown.gz", gzip.compress(sample("alb")))
    done = project.slips("infer", str(log))
    assert done.status == 0
    assert done.out.splitlines()[1].startswith("alb  ")
    assert done.out.endswith(
        "write into the config, with the prefix of such logs:\n  - prefix: logs/\n    format: alb\n"
    )


def test_the_equals_of_the_best_chain_are_shown(project: Project) -> None:
    done = project.slips("infer", "-", stdin=COMBINED * 3)
    best = done.out.splitlines()[1].split()[0]
    others = sorted({"apache-access", "nginx-access", "varnish"} - {best})
    assert f"\nalso: {', '.join(others)} (the same values of these records; " in done.out


def test_a_format_of_no_vendor_that_finds_the_same_is_shown(project: Project) -> None:
    log = b"2026-11-29 08:00:00,123 ERROR app: boom\nTraceback (most recent call last):\n  File x\n" * 3
    said = "log4j, of no vendor, finds the same values: write it if another program wrote the log\n"
    assert said in project.slips("infer", "-", stdin=log).out
    assert "of no vendor, finds" not in project.slips("infer", "-", stdin=sample("vpc-flow")).out


@pytest.mark.parametrize("log", [b"hello\n", bytes(range(128, 256)) * 9])
def test_a_chain_that_nothing_of_a_log_is_like_comes_not_near_to_it(project: Project, log: bytes) -> None:
    done = project.slips("infer", "-", stdin=log)
    assert (done.status, done.out.splitlines()[0]) == (1, "-: no format; nearest: none")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_told(project: Project, encoding: str) -> None:
    done = project.slips("infer", "-", stdin=sample("fortinet").decode().encode(encoding))
    assert done.status == 1
    assert "every other byte is NUL, as in UTF-16 without a byte order mark; expected UTF-8" in done.out
    assert infer(b"\0" * 999 + sample("fortinet"), SOURCE).reason == ""


def test_a_chain_that_reads_no_time_is_proposed_with_the_time_that_events_get(project: Project) -> None:
    said = "no record has a date and a clock that the chain reads: its events have the time of their object\n"
    line = b"08:15:00.123 [main] INFO  com.example.App - started\n"
    assert said in project.slips("infer", "-", stdin=line).out
    assert said not in project.slips("infer", "-", stdin=b"2026-11-29 " + line).out


def test_a_format_that_little_of_the_log_is_like_is_proposed_with_a_doubt(project: Project) -> None:
    """Of an audit log of no known product, some of whose field names one format has."""
    line = {"eventName": "grant", "eventSource": "doors", "awsRegion": "north", "eventTime": "2026-11-29T08:00:00Z"}
    line |= dict.fromkeys(("site", "gate", "badge", "floor", "wing", "guard", "action", "sourceIp"), "a")
    done = project.slips("infer", "-", stdin=f"{json.dumps(line)}\n".encode() * 3)
    best = done.out.splitlines()[1].split()[0]
    assert f"\nlittle of it is like {best}, so it may be of another product: 'slips parse {best} LOG' " in done.out
    assert "'slips formats --new VENDOR/PRODUCT --from LOG'" in done.out
    assert "another product" not in project.slips("infer", "-", stdin=sample("alb")).out
    assert "another product" not in project.slips("infer", "-", stdin=b"2026-11-29T08:00:00Z up\n" * 3).out


def test_json_has_the_chains_with_their_shares(project: Project) -> None:
    done = project.slips("infer", "-", "--json", stdin=sample("okta"))
    assert done.json["log"] == "-"
    first = done.json["candidates"][0]
    assert (first["format"], first["chain"], first["config"]) == ("okta", ["okta"], "okta")
    assert first.keys() == {
        *("format", "also", "chain", "config", "records", "parsed", "times", "likeness", "score", "tags", "reason")
    }
    assert first["tags"] == ["okta.system"]
    assert first["reason"]


def test_a_log_that_no_format_fits_is_told_with_the_nearest(project: Project) -> None:
    log = project.put("letter", b"Dear all,\nsee you at noon.\n")
    done = project.slips("infer", str(log))
    assert (done.status, done.out.partition("; nearest: ")[0]) == (1, f"{log}: no format")
    assert project.slips("infer", str(log), "--json").json["candidates"] == []


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


@pytest.mark.parametrize(
    ("line", "is_zoneless"),
    [
        (b'{"time": "2026-11-29 08:00:00", "site": "north"}\n', True),
        (b'{"time": "2026-11-29 08:00:00+01:00", "site": "north"}\n', False),
        (b'{"time": 1795939200, "site": "north"}\n', False),
        (b"2026-11-29 08:00:00 INFO it is up\n", True),
    ],
)
def test_times_without_a_zone_are_told(project: Project, line: bytes, is_zoneless: bool) -> None:
    done = project.slips("infer", "-", stdin=line * 3)
    assert (
        "its times name no zone and are read as UTC: if they are of another one, write it" in done.out
    ) == is_zoneless
    assert infer(line * 3, SOURCE).zoneless == is_zoneless


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("nowhere", "nowhere: No such file or directory; expected a log file that can be read"),
        ("empty", "empty: is empty; expected a log"),
        ("damaged.gz", "damaged.gz: "),
        ("s3://", "s3://: expected s3://bucket/prefix/, the name of a bucket"),
        ("s3:///key", "s3:///key: expected s3://bucket/key, the name of an object"),
    ],
)
def test_what_cannot_be_read_is_wrong_input(
    project: Project, monkeypatch: pytest.MonkeyPatch, log: str, reason: str
) -> None:
    monkeypatch.chdir(project.root)
    (project.root / "empty").write_bytes(b" \n")
    (project.root / "damaged.gz").write_bytes(gzip.compress(b"x")[:9])
    done = project.slips("infer", log)
    assert (done.status, done.out) == (2, "")
    assert reason in done.err


@pytest.mark.slow
def test_an_object_in_s3_is_read_there(project: Project, server: Server) -> None:
    client, url = server.client("s3"), server.url
    client.create_bucket(Bucket="far")
    client.put_object(Bucket="far", Key="a b", Body=gzip.compress(sample("alb")))
    assert (
        project.slips("infer", "s3://far/a b", "--json", "--endpoint-url", url).json["candidates"][0]["format"] == "alb"
    )
    missing = project.slips("infer", "s3://far/none", "--endpoint-url", url)
    assert (missing.status, "s3://far/none" in missing.err) == (2, True)


# ---- A project of a log


@pytest.mark.slow
def test_a_project_made_from_a_log_checks_and_reads_it(project: Project) -> None:
    log = project.put("unknown.log", sample("alb"))
    made = project.root / "made"
    done = project.slips("init", str(made), "--from", str(log))
    assert f"{log}: alb, which parses " in done.out
    assert (made / "buckets" / "my-logs" / "logs" / "unknown.log").read_bytes() == log.read_bytes()
    assert project.slips("-c", str(made / "slips.yml"), "check").status == 0
    seen = run(config=made / "slips.yml", key="logs/unknown.log")
    assert sum(seen.result.values()) == len(seen.events) > 0


def test_a_project_is_made_of_no_log_that_no_format_fits(project: Project) -> None:
    log = project.put("letter", b"Dear all,\nsee you at noon.\n")
    done = project.slips("init", str(project.root / "made"), "--from", str(log))
    assert (done.status, (project.root / "made").exists()) == (2, False)
    assert "no format; nearest: " in done.err
    assert project.slips("init", "made", "--aws", "--from", str(log)).status == 2


# ---- The error of a mapping that does not fit


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slips.inference.hint, "_told", {})


@pytest.mark.usefixtures("untold")
def test_the_error_of_a_wrong_mapping_names_the_format_that_the_records_seem_to_be_of() -> None:
    lines = [line for line in sample("alb").splitlines() if line.startswith(b"http")]
    log = b"".join(line + b"\n" for line in (lines * 12)[:12])
    with pytest.raises(FormatError, match=r"; it looks like 'alb', for which 'slips infer' says the chain$"):
        run(None, ["s3-lines", "json"], log)
    assert slips.inference.trial._catalogued.cache_info().currsize == 0, "a worker goes on with other objects"


@pytest.mark.usefixtures("untold")
def test_the_error_of_a_wrong_mapping_names_nothing_where_nothing_is_clear() -> None:
    with pytest.raises(FormatError, match=r"look at its 'format' in 'bucket_mapping'$"):
        run(None, ["s3-lines", "json"], b"Dear all,\n" * 12)


@pytest.mark.usefixtures("untold")
def test_a_chain_that_does_not_fit_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []

    def look(*given: Any) -> str:
        looked.append(given)
        return "; it looks odd"

    monkeypatch.setattr(slips.inference.hint, "_look", look)
    for _ in range(3):
        with pytest.raises(FormatError, match=r"; it looks odd$"):
            run(None, ["s3-lines", "json"], b"no\n" * 12)
    assert len(looked) == 1


def test_the_config_of_a_project_is_not_needed(project: Project) -> None:
    assert CONFIG
    (project.root / "slips.yml").unlink()
    log = project.put("unknown.log", sample("okta"))
    assert project.slips("infer", str(log)).status == 0


def print_table() -> None:
    """Prints for each kind of real log how many files have their format in the first place, and the rest by name."""
    first = total = 0
    for kind, names in fitting_files().items():
        ranks = {name: ranked(name) for name in names}
        first, total = first + sum(rank == 1 for rank in ranks.values()), total + len(ranks)
        others = ", ".join(f"{Path(name).name}: {rank or 'none'}" for name, rank in ranks.items() if rank != 1)
        print(f"{kind:32} {sum(rank == 1 for rank in ranks.values()):3} of {len(ranks):3}  {others}", flush=True)
    print(f"{'all':32} {first:3} of {total:3}  {first / total:.1%}")


if __name__ == "__main__":
    print_table()
