"""AWS's envelopes, one file each in `events/`: what goes in as AWS sends it comes out as events, or as a problem."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes import BY_EVENTBRIDGE, CREATED, EVENTS, ON_LANE, SECOND, aws, on_lane
from slips.envelope.arrivals import messages
from slips.envelope.lane import arguments, decode, encode, lane_records
from slips.errors import EnvelopeError
from slips.model import ObjectEvent

pytestmark = pytest.mark.smoke


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
