"""Documents of CloudWatch Logs subscriptions: an event for each log event, with its own time."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

import chains
from archived import zipped
from chains import parse_by
from slips.codec import decode
from slips.errors import RecordError
from slips.formats import catalogue


def document(*messages: str, kind: str = "DATA_MESSAGE") -> dict[str, Any]:
    events = [
        {"id": str(number), "timestamp": 1_795_852_800_000 + number, "message": text}
        for number, text in enumerate(messages)
    ]
    return {"messageType": kind, "owner": "1", "logGroup": "g", "logStream": "s", "logEvents": events}


def test_members_of_gzip_hold_documents_one_behind_another() -> None:
    documents = [document("a\n", "b"), document("x", kind="CONTROL_MESSAGE"), document("c\r\n")]
    stored = b"".join(gzip.compress(json.dumps(each).encode()) for each in documents)
    content = decode(io.BytesIO(stored)).stream.read()
    seen = chains.run(["cloudwatch-logs"], content)
    assert [(meta.seq, meta.index, meta.timestamp, meta.message) for meta, _ in seen.events] == [
        (1, 0, 1_795_852_800.0, "a"),
        (1, 1, 1_795_852_800.001, "b"),
        (3, 0, 1_795_852_800.0, "c"),
    ]
    assert [event["message"] for _, event in seen.events] == ["a", "b", "c"]
    assert {(event["logGroup"], event["logStream"], event["owner"]) for _, event in seen.events} == {("g", "s", "1")}
    assert (seen.outcome.rules, seen.quarantined) == ({"control-message": 1}, [])
    assert (seen.outcome.first_timestamp, seen.outcome.last_timestamp) == (1_795_852_800.0, 1_795_852_800.001)


def test_a_parser_behind_it_reads_the_message_of_each() -> None:
    text = "Nov 28 08:00:02 web1 app[1]: hello"
    seen = chains.run(["s3-lines", "json", "cloudwatch-logs", "syslog"], json.dumps(document(text, text)).encode())
    assert [(meta.index, event["hostname"]) for meta, event in seen.events] == [(0, "web1"), (1, "web1")]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"Records": []}, "'messageType' is None and 'logEvents' is NoneType; expected 'DATA_MESSAGE' with a list"),
        ({"messageType": "DATA_MESSAGE", "logEvents": {}}, "'logEvents' is dict; expected"),
        ({"messageType": "OTHER", "logEvents": []}, "'messageType' is 'OTHER'"),
        ({"messageType": "DATA_MESSAGE", "logEvents": [1]}, "log event 1 is int; expected an object"),
        ({"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1"}]}, "log event 1 has no 'message'; keys: id"),
    ],
)
def test_another_document_is_refused(event: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        parse_by(catalogue()["cloudwatch-logs"], event)


@pytest.mark.parametrize("chain", [["s3-lines", "json", "syslog"], ["s3-lines", "json", "cloudwatch-logs"]])
def test_an_error_text_names_few_of_the_keys_of_another_event(chain: list[str]) -> None:
    events = [{"messageType": "x" * 9_000, **dict.fromkeys(map(str, range(9_000)))}, {"y" * 9_000: 1}]
    seen = chains.run(chain, b"".join(json.dumps(event).encode() + b"\n" for event in events))
    assert [number for number, reason in seen.quarantined if len(reason) < 500] == [1, 2]


def test_gzip_of_firehose_around_that_of_cloudwatch_is_read() -> None:
    members = b"".join(gzip.compress(json.dumps(document(text)).encode()) for text in "ab")
    for stored in (gzip.compress(members), gzip.compress(members) + gzip.compress(members)):
        content = decode(io.BytesIO(stored)).stream.read()
        messages = [meta.message for meta, _ in chains.run(["cloudwatch-logs"], content).events]
        assert messages == ["a", "b"] * (len(messages) // 2)
        assert messages


FLOW = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 22 6 20 4249 1418530010 1418530070 ACCEPT OK"


def test_an_export_has_the_time_of_each_line_and_messages_of_several_lines() -> None:
    content = b"2026-11-28T08:00:00.123Z a\n  b\n\nc\n2026-11-28T08:00:01.000Z d\n2026-11-28T08:00:02.000Z \n"
    seen = chains.run(["cloudwatch-export"], content)
    assert [(meta.timestamp, meta.message, event["message"]) for meta, event in seen.events] == [
        (1_795_852_800.123, "a b c", "a\n  b\n\nc"),  # a message for people is one line
        (1_795_852_801.0, "d", "d"),
        (1_795_852_802.0, "", ""),
    ]


def test_a_line_whose_time_no_blank_follows_is_no_exported_one() -> None:
    seen = chains.run(["cloudwatch-export"], b"2026-11-28T08:00:00.123Z,mx1,535 refused\n2026-11-28T08:00:00.123Z\n")
    assert [meta.message for meta, _ in seen.events] == [""]
    ((_, reason),) = seen.quarantined
    assert "2026-11-28T08:00:00.123Z,mx1" in reason


def test_formats_behind_an_export_read_the_messages() -> None:
    line = f"2026-11-28T08:00:00.000Z {FLOW}\n".encode()
    ((meta, event),) = chains.run(["cloudwatch-export", "vpc-flow"], line).events
    assert (meta.tag, event["dstport"]) == ("aws.vpc-flow", 22)
    ((meta, event),) = chains.run(["cloudwatch-export", "json"], b'2026-11-28T08:00:00.000Z {"a":1}\n').events
    assert (meta.timestamp, event["a"]) == (1_795_852_800.0, 1)
    seen = chains.run(["zip", "cloudwatch-export", "vpc-flow"], zipped([("a", line), ("b", line)]))
    assert [meta.member for meta, _ in seen.events] == ["a", "b"]


def test_records_of_several_lines_and_of_w3c_logs_go_to_the_formats_behind() -> None:
    text = b"Nov 28 08:00:02 web1 app[1]: a\n  at b\nNov 28 08:00:03 web1 app[1]: c\n"
    seen = chains.run([{"multiline": {"start": "Nov"}}, "syslog"], text)
    assert [event["message"] for _, event in seen.events] == ["a\n  at b", "c"]
    w3c = b"#Version: 1.0\n#Fields: eventType published actor\nx 2026-11-28T08:00:00Z me\n"
    ((meta, _),) = chains.run([{"csv": {"delimiter": " "}}, "okta"], w3c).events
    assert (meta.tag, meta.timestamp) == ("okta.system", 1_795_852_800.0)


def test_each_log_event_has_all_that_its_document_says() -> None:
    shared = {"owner": "1", "logGroup": "g", "logStream": "s", "policyLevel": "ACCOUNT_LEVEL_POLICY", "later": [1]}
    log_events = [{"id": str(number), "timestamp": number, "message": "a"} for number in (1, 2)]
    document = {"messageType": "DATA_MESSAGE", **shared, "logEvents": log_events}
    seen = chains.run(["cloudwatch-logs"], json.dumps(document).encode())
    assert [event for _, event in seen.events] == [shared | each for each in log_events]
