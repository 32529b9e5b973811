"""Documents of CloudWatch Logs subscriptions: an event for each log event, with its own time."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

import chains
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
