"""AWS's envelopes, one file each in `events/`: what goes in as AWS sends it comes out as events, or as a problem."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from itertools import count, product
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import Errors, FakeSite, Queue, Streams
from slips.envelope.arrivals import messages
from slips.envelope.cause import Cause
from slips.envelope.lane import arguments, decode, encode, lane_records
from slips.envelope.lost import Batch, unwrap
from slips.errors import EnvelopeError
from slips.model import ObjectEvent
from slips.pipeline.report import report_lost
from slips.pipeline.undelivered import redeliver

pytestmark = pytest.mark.smoke

EVENTS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "events").glob("*.json"))}
CREATED = ObjectEvent(
    aws_region="eu-west-1",
    event_time="2018-03-29T16:35:15.768Z",
    event_name="ObjectCreated:Put",
    bucket_name="example-logs",
    bucket_arn="arn:aws:s3:::example-logs",
    object_key="azure/2018-03-29/a b+c=é.json.gz",
    object_size=2048,
    object_etag="9b2cf535f27731c974343645a3985328",
    object_version_id="096fKKXTRTtl3on89fVO.nfljtsv6qko",
    object_sequencer="0055AED6DCD90281E5",
)
BY_EVENTBRIDGE = msgspec.structs.replace(CREATED, event_time="2018-03-29T16:35:15.000Z")
ON_LANE = msgspec.structs.replace(CREATED, lane="fast", dest_stream="slips-EventFastStream-A1B2C3")
SECOND = msgspec.structs.replace(
    ON_LANE, object_key="azure/2018-03-29/second.json.gz", object_version_id=None, object_sequencer=None
)
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:slips-"


def aws(name: str) -> Any:
    return json.loads(EVENTS[name])


def s3_event(**changes: Any) -> dict[str, Any]:
    """S3's own event, with some members of its `object` changed; those set to None are left out."""
    event: dict[str, Any] = aws("s3-direct")
    item = event["Records"][0]["s3"]["object"] | changes
    event["Records"][0]["s3"]["object"] = {name: value for name, value in item.items() if value is not None}
    return event


def only(payload: Any) -> ObjectEvent:
    [message] = messages(payload)
    assert message.problem == ""
    [event] = message.events
    return event


def problem_of(payload: Any) -> str:
    [message] = messages(payload)
    assert not message.events
    return message.problem


# what the event pusher is given


@pytest.mark.parametrize("name", ["s3-direct", "sns-s3", "sqs-s3", "sqs-sns-s3", "undelivered-redrive"])
def test_an_object_created_is_the_same_whatever_delivers_it(name: str) -> None:
    assert only(aws(name)) == CREATED


@pytest.mark.parametrize("name", ["eventbridge", "sqs-eventbridge"])
def test_eventbridge_tells_of_the_same_object_in_its_own_words(name: str) -> None:
    assert only(aws(name)) == BY_EVENTBRIDGE


def test_each_message_of_a_queue_keeps_its_id() -> None:
    found = messages(aws("sqs-raw"))
    assert [message.id for message in found] == [
        "059f36b4-87a3-44ab-83d2-661975830a7d",
        "2e1424d4-f796-459a-8184-9c92662be6da",
    ]
    assert [event.object_key[17:] for message in found for event in message.events] == [
        "a b+c=é.json.gz",
        "second.json.gz",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "s3-test-event",
        "sns-s3-test-event",
        "sqs-s3-test-event",
        "removed",
        "expired",
        "eventbridge-deleted",
    ],
)
def test_notifications_without_a_new_object_are_counted_and_no_problem(name: str) -> None:
    [message] = messages(aws(name))
    assert (message.events, message.ignored, message.problem) == ([], 1, "")


@pytest.mark.parametrize("name", sorted(name for name in EVENTS if name.startswith(("on-failure", "dead", "kinesis"))))
def test_the_pusher_takes_no_failure_for_a_new_object(name: str) -> None:
    for message in messages(aws(name)):
        assert message.events == []
        assert message.problem


def test_a_bad_message_hides_no_other() -> None:
    payload = aws("sqs-raw")
    payload["Records"][0]["body"] = "{ not JSON"
    bad, good = messages(payload)
    assert bad.problem.startswith("Records[0].body: ")
    assert bad.problem.endswith("; JSON was expected")
    assert (bad.id[:4], bad.events) == ("059f", [])
    assert (good.problem, len(good.events)) == ("", 1)


def test_a_bad_record_in_a_message_hides_no_other() -> None:
    body = aws("s3-direct")
    body["Records"] = [{"s3": {}}, *body["Records"], 7]
    payload = aws("sqs-s3")
    payload["Records"][0]["body"] = json.dumps(body)
    [message] = messages(payload)
    assert message.events == [CREATED]
    assert message.problem == (
        "Records[0].body: Records[0]: no 'eventName'; a text was expected; "
        "Records[0].body: Records[2]: a whole number; an object was expected"
    )


@pytest.mark.parametrize("body", ['{"Records": []}', '{"Type": "Notification", "Message": "{\\"Records\\": []}"}'])
def test_a_message_of_a_queue_without_any_record_does_not_vanish(body: str) -> None:
    [message] = messages({"Records": [{"messageId": "m", "body": body}]})
    assert message.problem.endswith(": 'Records' is empty; at least one record was expected")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"key": None}, "Records[0].s3.object: no 'key'; a text was expected"),
        ({"key": 7}, "Records[0].s3.object: 'key' is a whole number; a text was expected"),
        ({"key": ""}, "Records[0]: the object key is empty; a name was expected"),
        ({"size": "2048"}, "Records[0].s3.object: 'size' is a text; a whole number was expected"),
        ({"size": True}, "Records[0].s3.object: 'size' is true or false; a whole number was expected"),
        ({"eTag": []}, "Records[0].s3.object: 'eTag' is a list; a text was expected"),
    ],
)
def test_a_problem_says_where_what_and_what_was_expected(change: dict[str, Any], problem: str) -> None:
    payload = s3_event()
    item = payload["Records"][0]["s3"]["object"]
    for name, value in change.items():
        if value is None:
            del item[name]
        else:
            item[name] = value
    assert problem_of(payload) == problem


def test_a_text_that_json_cannot_encode_is_a_problem() -> None:
    assert problem_of(s3_event(eTag="\ud800")) == (
        r"Records[0]: '\ud800' is no text: a surrogate without its other half; Unicode was expected"
    )
    with pytest.raises(EnvelopeError, match=r"^event: 'bucket\\udfff' is no text: a surrogate without its other half"):
        arguments({"bucket\udfff": "a", "bucket_name": "b", "object_key": "c"})


@pytest.mark.parametrize("payload", [None, [], 7, "", "text", {}, {"Records": 7}, {"Records": [None]}])
def test_a_payload_that_is_no_event_is_a_problem(payload: Any) -> None:
    assert problem_of(payload)


def test_an_eventbridge_rule_that_is_too_wide_is_told() -> None:
    """CloudTrail's records of PutObject would tell of created objects too: to ignore them would lose those."""
    assert problem_of({**aws("eventbridge"), "detail-type": "AWS API Call via CloudTrail"}) == (
        "event: 'AWS API Call via CloudTrail' of 'aws.s3'; 'Object Created' of 'aws.s3' was expected; "
        "narrow the EventBridge rule to it"
    )


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("PutObject", "ObjectCreated:Put"),
        ("CopyObject", "ObjectCreated:Copy"),
        ("CompleteMultipartUpload", "ObjectCreated:CompleteMultipartUpload"),
        ("POST Object", "ObjectCreated:Post"),
        ("Another", "ObjectCreated:Another"),
    ],
)
def test_an_eventbridge_reason_becomes_the_name_that_s3_uses(reason: str, name: str) -> None:
    payload = aws("eventbridge")
    payload["detail"]["reason"] = reason
    assert only(payload).event_name == name


@pytest.mark.parametrize(
    ("region", "arn"),
    [("cn-north-1", "arn:aws-cn:s3:::"), ("us-gov-west-1", "arn:aws-us-gov:s3:::"), ("us-east-1", "arn:aws:s3:::")],
)
def test_a_bucket_of_eventbridge_has_the_arn_of_its_partition(region: str, arn: str) -> None:
    assert only({**aws("eventbridge"), "region": region}).bucket_arn == arn + "example-logs"


@pytest.mark.parametrize("version", ["null", "", None])
def test_an_object_without_versions_has_none(version: str | None) -> None:
    assert only(s3_event(versionId=version)).object_version_id is None


def test_radosgw_is_understood() -> None:
    event = only(aws("radosgw"))
    assert event.object_key == CREATED.object_key
    assert event.object_etag == CREATED.object_etag
    assert (event.aws_region, event.object_version_id) == ("", None)


def test_a_prefixed_event_name_is_the_same_event() -> None:
    payload = s3_event()
    payload["Records"][0]["eventName"] = "s3:ObjectCreated:Put"
    assert only(payload) == CREATED


# keys


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("a+b%2Bc%3D%C3%A9", "a b+c=é"),
        ("a b+c=é", "a b+c=é"),
        ("dir/a+b", "dir/a b"),
        ("dir%2Fa+b", "dir/a b"),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("a%252Bb", "a%2Bb"),
        ("a%2520b", "a%20b"),
        ("100%25", "100%"),
        ("year=2018/a+b", "year=2018/a+b"),
        ("100%+more", "100%+more"),
        ("a%ffb", "a%ffb"),
        ("plain/key-1_2.3~(4)!'*", "plain/key-1_2.3~(4)!'*"),
    ],
)
def test_a_key_is_unquoted_once_unless_it_came_raw(sent: str, key: str) -> None:
    assert only(s3_event(key=sent)).object_key == key


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.parametrize("quoted", [lambda key: quote_plus(key, safe="/"), quote_plus, lambda key: quote(key, safe="")])
@given(key=KEYS)
def test_every_key_survives_every_way_of_quoting(quoted: Callable[[str], str], key: str) -> None:
    assert only(s3_event(key=quoted(key))).object_key == key


@given(key=KEYS)
def test_eventbridge_keys_are_taken_as_they_are(key: str) -> None:
    payload = aws("eventbridge")
    payload["detail"]["object"]["key"] = key
    assert only(payload).object_key == key


@pytest.mark.parametrize(
    ("key", "quoted"),
    [
        ("a b+c=é", None),
        ("a-b/c.gz", None),
        ("a+b.gz", True),
        ("100%25.gz", True),
        ("logs%2Fa.gz", True),
        ("50%.gz", None),
    ],
)
def test_an_eventbridge_key_that_may_be_quoted_says_so(key: str, quoted: bool | None) -> None:
    payload = aws("eventbridge")
    payload["detail"]["object"]["key"] = key
    event = only(payload)
    assert (event.object_key, event.quoted) == (key, quoted)
    assert only(s3_event(key=key)).quoted is None


# lanes


def test_a_kinesis_batch_gives_its_events_in_order() -> None:
    found = lane_records(aws("kinesis"))
    assert [decode(record.data) for record in found] == [ON_LANE, SECOND]
    assert [record.sequence_number[-8:] for record in found] == ["36588898", "37515618"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("%%%", "Records[0].kinesis.data: Only base64 data is allowed; base64 was expected"),
        (base64.b64encode(b"{").decode(), "Records[0].kinesis.data: Input data was truncated; JSON was expected"),
        (
            base64.b64encode(b"{}").decode(),
            "Records[0].kinesis.data: Object missing required field `bucket_name`; an object event was expected",
        ),
    ],
)
def test_a_bad_record_of_a_lane_hides_no_other(data: str, problem: str) -> None:
    payload = aws("kinesis")
    payload["Records"][0]["kinesis"]["data"] = data
    bad, good = lane_records(payload)
    assert (bad.data, bad.problem) == (b"", problem)
    assert bad.sequence_number.endswith("36588898")
    assert (decode(good.data), good.problem) == (SECOND, "")


def on_lane(data: bytes) -> Any:
    """A Kinesis event of one record."""
    (record, *_) = aws("kinesis")["Records"]
    record["kinesis"]["data"] = base64.b64encode(data).decode()
    return {"Records": [record]}


ORIGINAL = {name: value for name, value in ON_LANE.to_dict().items() if name in list(ObjectEvent.__struct_fields__)[:9]}
"""What the original put on a lane: nine keys."""


@pytest.mark.parametrize(
    "data",
    [
        encode(ON_LANE),
        encode(msgspec.structs.replace(SECOND, records=[(3, 5), (9, None)], reader="s3-lines", replay="r@1")),
        json.dumps(ORIGINAL).encode(),
        json.dumps({**SECOND.to_dict(), "replay": None}, indent=1).encode(),
    ],
    ids=["event", "continuation", "of the original", "with nulls"],
)
def test_a_record_of_a_lane_is_passed_on_as_it_came(data: bytes) -> None:
    [record] = lane_records(on_lane(data))
    assert record.data == data
    assert arguments(json.loads(b"[%b]" % data)) == [decode(data)]


def test_a_record_of_a_lane_passes_on_no_key_that_is_not_of_an_event() -> None:
    text = json.dumps({**SECOND.to_dict(), "note": "x" * 1_000_000})
    [record] = lane_records(on_lane(text.encode()))
    assert record.data == encode(SECOND)


@pytest.mark.parametrize(
    "data",
    [encode(SECOND) + b" " * 1_000_000, b'{"object_key":"%b",%b' % (b"x" * 1_000_000, encode(SECOND)[1:])],
    ids=["white space", "a key that is repeated"],
)
def test_a_record_of_a_lane_passes_on_no_bytes_that_its_event_does_not_need(data: bytes) -> None:
    [record] = lane_records(on_lane(data))
    assert record.data == encode(SECOND)


def test_a_payload_that_is_no_kinesis_event_is_an_error() -> None:
    with pytest.raises(EnvelopeError, match=r"^event: no 'Records'; a list was expected$"):
        lane_records({})


@pytest.mark.parametrize("event", [CREATED, ON_LANE, msgspec.structs.replace(SECOND, records=[(3, 5), (9, None)])])
def test_an_event_survives_its_lane(event: ObjectEvent) -> None:
    assert decode(encode(event)) == event
    assert list(json.loads(encode(event))) == list(event.to_dict())


def test_arguments_are_a_list_of_events_or_one() -> None:
    assert arguments([ON_LANE.to_dict(), SECOND.to_dict()]) == [ON_LANE, SECOND]
    assert arguments(SECOND.to_dict()) == [SECOND]
    with pytest.raises(EnvelopeError, match=r"^event: item 2: .*`bucket_name`; an object event was expected$"):
        arguments([SECOND.to_dict(), {}])
    with pytest.raises(EnvelopeError, match=r"^event: a text; a list of object events was expected$"):
        arguments("text")


# failures

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


# whatever comes

ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63)
    | st.floats()
    | st.text(st.characters(), max_size=8)  # lone surrogates too: `json.loads` lets them in
    | st.sampled_from(["null", "%ff", "[[[", "{}", "-1", "9" * 30, "2018-03-29T16:35:15.768Z"])
    | st.lists(st.none() | st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3), max_size=3)
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below `value`."""
    items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [(value, key) for key, _ in items] + [place for _, below in items for place in places(below)]


def opened(value: Any) -> Any:
    """`value` with the JSON texts in it decoded, so that what they hold is changed too."""
    if isinstance(value, dict):
        return {name: opened(below) for name, below in value.items()}
    if isinstance(value, list):
        return [opened(below) for below in value]
    return opened(json.loads(value)) if isinstance(value, str) and value[:1] in "{[" and value else value


def closed(value: Any) -> Any:
    """`opened`, undone: what is delivered is a text again."""
    if isinstance(value, list):
        return [closed(below) for below in value]
    if not isinstance(value, dict):
        return value
    return {
        name: json.dumps(closed(below))
        if name in ("Message", "body", "Body") and isinstance(below, dict | list)
        else closed(below)
        for name, below in value.items()
    }


def test_a_payload_opened_for_mutation_closes_to_the_same_events() -> None:
    for text in EVENTS.values():
        payload = json.loads(text)
        assert opened(closed(opened(payload))) == opened(payload)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(EVENTS)))
def test_a_mutated_envelope_gives_events_or_tells_a_problem(data: st.DataObject, name: str) -> None:
    payload = opened(aws(name))
    for _ in range(data.draw(st.integers(1, 3))):
        if not (found := places(payload)):
            break
        container, key = data.draw(st.sampled_from(found))
        if data.draw(st.booleans()):
            container[key] = data.draw(ODD)
        else:
            del container[key]
    payload = closed(payload)
    for message in messages(payload):
        message.problem.encode()
        for event in message.events:
            assert decode(encode(event)) == event
    for reading in (unwrap, lane_records, arguments):
        with suppress(EnvelopeError):
            reading(payload)


def halved(value: Any, at: int, half: str) -> Any:
    """`value` with `half` a character put into the text number `at` in it: keys, values, JSON in texts."""
    texts = count(0)

    def cut(text: str) -> str:
        return text[:3] + half + text[3:] if next(texts) == at else text

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {cut(name): walk(below) for name, below in value.items()}
        if isinstance(value, list):
            return [walk(below) for below in value]
        return cut(value) if isinstance(value, str) else value

    return walk(value)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_half_a_character_anywhere_gives_what_can_be_stored_or_tells_a_problem(name: str) -> None:
    for at, half, shut in product(range(60), ("\ud800", "\udc80"), (False, True)):
        payload = halved(aws(name), at, half) if shut else closed(halved(opened(aws(name)), at, half))
        for message in messages(payload):
            msgspec.json.encode(message)
        for reading in (lane_records, arguments):
            try:
                msgspec.json.encode(reading(payload))
            except EnvelopeError as error:
                str(error).encode()
        errors, stream = Errors(), Streams()
        site = FakeSite(errors=errors, stream=stream)
        try:
            found = unwrap(payload)
            msgspec.json.encode(found.batches)
            report_lost(found, site)
        except EnvelopeError as error:
            str(error).encode()
        for each in redeliver(Queue(json.dumps(payload)), site):
            each.note.encode()
        msgspec.json.encode([list(errors.items.values()), stream.lanes])


@pytest.mark.slow
@settings(deadline=None)
@given(payload=st.recursive(ODD, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=8))
def test_any_json_gives_events_or_tells_a_problem(payload: Any) -> None:
    for message in messages(payload):
        assert not message.events
    for reading in (unwrap, lane_records):
        with pytest.raises(EnvelopeError):
            reading(payload)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_main_func_reads_the_event_that_a_dispatcher_sends_of_any_record(data: st.DataObject) -> None:
    members = list({**SECOND.to_dict(), "records": [[1, 2]]}.items())
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from([name for name, _ in members]) | st.text(max_size=3))
        members.insert(data.draw(st.integers(0, len(members))), (name, data.draw(ODD)))  # twice, perhaps
    text = ", ".join(f"{json.dumps(name)}:\n{json.dumps(value)}" for name, value in members)
    [record] = lane_records(on_lane(f"{{{text}}}".encode()))
    assert bool(record.data) != bool(record.problem)
    if record.data:
        assert arguments(json.loads(b"[%b,%b]" % (record.data, encode(CREATED)))) == [decode(record.data), CREATED]
        assert decode(record.data) == decode(f"{{{text}}}".encode())


@given(data=st.binary())
def test_any_data_of_a_record_is_an_event_or_an_error(data: bytes) -> None:
    with pytest.raises(EnvelopeError, match="expected"):
        decode(data)
