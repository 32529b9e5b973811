"""Products behind headers and in envelopes, as `slips infer` finds them."""

from __future__ import annotations

import json

import pytest

from inferred import SOURCE, chains, sample
from slips.inference.rank import infer

pytestmark = pytest.mark.once


SSHD = "Accepted publickey for ec2-user from 192.0.2.7 port 41641 ssh2: RSA SHA256:abc"


@pytest.mark.slow
def test_lines_of_sshd_in_cloudwatch_logs_are_not_taken_for_those_of_a_device_that_runs_it_too() -> None:
    log_event = {"id": "1", "timestamp": 1795939200000, "message": f"Nov 29 08:00:00 ip-10-0-0-1 sshd[123]: {SSHD}"}
    document = {"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": "s", "logEvents": [log_event] * 3}
    assert infer(json.dumps(document).encode(), SOURCE).fitting[0].format == "sshd"


SYSLOG = b"<13>Nov 29 08:00:00 gate app[7]: "


def test_a_product_behind_a_header_is_found_with_its_header() -> None:
    log = b"".join(SYSLOG + line + b"\n" for line in sample("alb").splitlines() if line.startswith(b"http"))
    first = infer(log, SOURCE).fitting[0]
    assert first.chain in ("[syslog, alb]", "[syslog-any, alb]")


def test_a_word_in_brackets_behind_a_header_is_not_taken_for_json() -> None:
    head = b"<27>Nov 29 08:00:00 web1 httpd[22034]: "
    log = head + b"[authz_core:error] [pid 22034] [client 192.0.2.7:58585] AH01630: client denied\n"
    assert infer(log * 3, SOURCE).fitting[0].chain in ("[syslog, apache-error]", "[syslog-any, apache-error]")


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


@pytest.mark.parametrize(("data", "also"), [(b"", ["heroku"]), (b"- ", [])])
def test_a_header_of_a_vendor_that_reads_no_more_than_a_general_one_is_behind_it(data: bytes, also: list[str]) -> None:
    line = b"<14>1 2026-11-29T08:00:00Z gate app 7 m1 " + data + b"the door is open\n"
    (first, *_) = infer(line * 3, SOURCE).fitting
    assert (first.format, first.also) == ("syslog-5424", also)


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


def test_what_asterisk_sends_to_syslog_is_read_behind_the_header() -> None:
    line = (
        b"Nov 29 08:00:%02d pbx1 asterisk[812]: SECURITY[813]: res_security_log.c:114 in security_event_stasis_cb: "
        b'SecurityEvent="InvalidAccountID",EventTV="2026-11-29T08:00:10.434+0000",Severity="Error",Service="PJSIP",'
        b'EventVersion="1",AccountID="ann",SessionID="a7",RemoteAddress="IPV4/TCP/192.0.2.7/46417"\n'
    )
    found = infer(b"".join(line % number for number in range(3)), SOURCE).fitting[0]
    assert (found.chain, found.trial.events[0]["remote_ip"]) == ("[syslog, asterisk]", "192.0.2.7")
