"""Failures as AWS wraps them: the events that were lost, and the cause nearest to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from envelopes import ARN, BY_EVENTBRIDGE, CREATED, ON_LANE, SECOND, aws
from slips.envelope.cause import Cause
from slips.envelope.lost import Batch, unwrap
from slips.errors import EnvelopeError
from slips.model import ObjectEvent

pytestmark = pytest.mark.smoke

FAILED = Cause(
    request_id="e4b46cbf-b738-4f6e-8880-a18cdf61200e",
    function=ARN + "MainFunc:$LATEST",
    condition="RetriesExhausted",
    attempts=3,
    error_type="HandlerError",
    message="503 from https://siem.example/ingest",
    traceback='  File "/var/task/slips/lambdas.py", line 61, in main_func\n    raise first\n'
    '  File "/var/task/handler.py", line 12, in recv\n    self.send(record)',
    failed_at="2018-03-29T16:40:05.568Z",
)
TIMED_OUT = msgspec.structs.replace(
    FAILED, error_type="Sandbox.Timedout", message="Task timed out after 300.00 seconds", traceback=""
)
REFUSED = msgspec.structs.replace(
    FAILED,
    request_id="86162f4e-6b2c-492f-93de-5e1b9c5f8bd3",
    function=ARN + "EventPusher:$LATEST",
    error_type="StreamError",
    message="2 of 2 events were refused",
    traceback="",
)


@pytest.mark.parametrize(
    ("name", "events", "cause"),
    [
        ("on-failure-main", [ON_LANE, SECOND], FAILED),
        ("on-failure-timeout", [ON_LANE], TIMED_OUT),
        ("on-failure-timeout-2019", [ON_LANE], TIMED_OUT),
        (
            "on-failure-exit",
            [ON_LANE],
            msgspec.structs.replace(
                TIMED_OUT, error_type="Runtime.ExitError", message="Process exited before completing request"
            ),
        ),
        (
            "on-failure-aged",
            [ON_LANE],
            msgspec.structs.replace(
                TIMED_OUT, condition="EventAgeExceeded", error_type="EventAgeExceeded", message="", attempts=0
            ),
        ),
        ("on-failure-pusher", [CREATED], REFUSED),
        ("undelivered-message", [CREATED], REFUSED),
        ("undelivered-reporter", [ON_LANE, SECOND], FAILED),
        ("undelivered-redrive", [CREATED], None),
        ("kinesis", [ON_LANE, SECOND], None),
        ("sqs-sns-s3", [CREATED], None),
        ("eventbridge", [BY_EVENTBRIDGE], None),
    ],
)
@pytest.mark.parametrize("form", [lambda payload: payload, json.dumps], ids=["object", "text"])
def test_events_and_the_cause_nearest_to_them_are_found(
    name: str, events: list[ObjectEvent], cause: Cause | None, form: Callable[[Any], Any]
) -> None:
    found = unwrap(form(aws(name)))
    assert found.events == events
    assert found.cause == cause
    assert (found.batches, found.ignored) == ([], 0)


def test_a_dead_letter_of_2018_has_its_cause_in_its_attributes() -> None:
    found = unwrap(aws("dead-letter-2018"))
    assert found.events == [msgspec.structs.replace(SECOND, lane=None)]
    assert found.cause == Cause(
        request_id="2a45219e-3376-11e8-b467-0ed5f89f718b",
        error_type="Unhandled",
        message="'NoneType' object has no attribute 'group'",
        failed_at="2018-03-29T16:39:41.002Z",
    )


def test_a_dead_letter_on_a_queue_has_its_cause_in_its_attributes() -> None:
    cause = unwrap(aws("dead-letter-sqs")).cause
    assert cause is not None
    assert (cause.error_type, cause.message) == ("HTTP 429", "Rate Exceeded.")
    assert cause.failed_at == "2018-03-29T16:35:16.210Z"
    [record] = aws("dead-letter-sqs")["Records"]
    received = {
        "Body": record["body"],
        "MessageAttributes": {
            name: {"StringValue": value["stringValue"], "DataType": value["dataType"]}
            for name, value in record["messageAttributes"].items()
        },
        "Attributes": record["attributes"],
    }
    assert unwrap(received).cause == cause


def test_a_failed_batch_of_a_stream_is_told_by_its_place() -> None:
    found = unwrap(aws("on-failure-stream"))
    assert found.events == []
    assert found.batches == [
        Batch(
            stream_arn="arn:aws:kinesis:eu-west-1:111122223333:stream/slips-EventFastStream-A1B2C3",
            shard_id="shardId-000000000006",
            first="49590338271490256608559692538361571095921575989136588898",
            last="49590338271490256608559692540925702759324208523137515618",
            size=2,
            first_arrival="2018-03-29T16:35:17.117Z",
        )
    ]
    assert found.cause is not None
    assert (found.cause.error_type, found.cause.attempts) == ("RetryAttemptsExhausted", 6)


def test_a_record_that_lost_its_payload_is_an_error_that_says_so() -> None:
    with pytest.raises(EnvelopeError, match=r"no 'requestPayload'; .* 256 KB; look for request 'e4b46cbf-.*MainFunc"):
        unwrap(aws("on-failure-cut"))


def test_an_odd_cause_loses_no_event() -> None:
    payload = aws("on-failure-main")
    payload |= {"responsePayload": "text", "timestamp": "soon", "responseContext": None}
    payload["requestContext"] = {"approximateInvokeCount": "3", "functionArn": 7}
    found = unwrap(payload)
    assert found.events == [ON_LANE, SECOND]
    assert found.cause == Cause()


@pytest.mark.parametrize("time", ["soon", "9" * 30, "9" * 5000, "0001-01-01T00:00:00+23:59", "\ud800"])
def test_an_odd_time_is_none(time: str) -> None:
    cause = unwrap({**aws("on-failure-main"), "timestamp": time}).cause
    assert cause is not None
    assert cause.failed_at == ""


def test_a_cause_can_be_stored_whatever_it_says() -> None:
    response = {"errorType": "\ud800", "errorMessage": "a\udfff", "stackTrace": ["\ud800", 7]}
    cause = unwrap({**aws("on-failure-main"), "responsePayload": response}).cause
    assert cause is not None
    assert (cause.error_type, cause.message, cause.traceback) == ("\\ud800", "a\\udfff", "\\ud800")
    msgspec.json.encode(cause)


@pytest.mark.parametrize("name", ["s3-test-event", "removed"])
def test_a_failed_notification_without_a_new_object_is_counted(name: str) -> None:
    found = unwrap({**aws("on-failure-main"), "requestPayload": aws(name)})
    assert (found.events, found.ignored) == ([], 1)


def test_an_unreadable_part_of_a_payload_is_a_problem_and_hides_no_event() -> None:
    payload = aws("kinesis")
    payload["Records"].insert(0, {"kinesis": {}})
    found = unwrap(payload)
    assert len(found.events) == 2
    assert found.problems == ["payload: Records[0].kinesis: no 'data'; a text was expected"]
    found = unwrap([SECOND.to_dict(), {}, SECOND.to_dict()])
    assert (found.events, len(found.problems)) == ([SECOND, SECOND], 1)


@pytest.mark.parametrize("payload", [None, 7, "text", {}, [], {"Records": []}, [{}], {"requestContext": {}}])
def test_a_payload_without_an_event_is_an_error(payload: Any) -> None:
    with pytest.raises(EnvelopeError, match=r"^payload: .* expected"):
        unwrap(payload)


def test_nesting_is_bounded() -> None:
    payload: Any = aws("undelivered-reporter")
    for _ in range(4):
        payload = {"Type": "Notification", "Message": json.dumps(payload)}
    assert len(unwrap(payload).events) == 2
    for _ in range(100):
        payload = {"requestContext": {}, "requestPayload": payload}
    with pytest.raises(EnvelopeError, match=r"requestPayload: nested too deep; at most 24 levels were expected$"):
        unwrap(payload)
    with pytest.raises(EnvelopeError, match=r"JSON was expected$"):
        unwrap("[" * 100_000)
