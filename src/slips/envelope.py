"""AWS event JSON ↔ model: what a function is invoked with comes in, object events (and why they failed) come out.

Nothing here does I/O or trusts its input: whatever the JSON, a problem is told or `EnvelopeError` raised, nothing else.
The shapes are AWS's; `tests/events/` has one of each.

- S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
- EventBridge: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
- dead letters, on-failure records: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
- those of a stream: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct, field

from slips.errors import EnvelopeError
from slips.model import ObjectEvent, format_time, readable

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

DEPTH = 24
"""Texts and objects may be nested this deep. A failed reporter's record as it is redriven to a queue takes a dozen."""

SHOWN = 40
"""Characters before and behind what is no text that a problem shows."""

REASONS = {
    "PutObject": "ObjectCreated:Put",
    "POST Object": "ObjectCreated:Post",
    "CopyObject": "ObjectCreated:Copy",
    "CompleteMultipartUpload": "ObjectCreated:CompleteMultipartUpload",
}
"""EventBridge's reasons as S3's own event names."""

# What `quote_plus` and its likes in other languages write, with or without `/` among the safe characters.
_QUOTED = re.compile(r"(?:[A-Za-z0-9_.~!*'()/+-]|%[0-9A-Fa-f]{2})*")

_REQUEST = re.compile(r"(?:RequestId: \S+ (?:Error: )?|\S+Z \S+ (?=Task timed out))")
"""What Lambda puts before its own error messages: it would make alike errors differ."""


class Message(Struct):
    """One message of what the event pusher was given: a record of SNS or SQS, or one that S3 sent itself."""

    events: list[ObjectEvent] = field(default_factory=list)
    """Objects created, without `lane` and `dest_stream`."""
    ignored: int = 0
    """Test events, deletions and whatever else creates no object."""
    id: str = ""
    """SQS message id, to report a partial failure with; else empty."""
    queue: str = ""
    """ARN of the SQS queue that it came from; else empty."""
    receives: int = 0
    """How often the queue has given it out, this time included; 0: not told."""
    problem: str = ""
    """Why it, or part of it, cannot be read: `events` has what could be."""


class LaneRecord(Struct):
    """One record of a lane's stream: an event, or the problem with it."""

    sequence_number: str
    """Empty if there is none, which Lambda takes for a failure of the whole batch."""
    event: ObjectEvent | None = None
    problem: str = ""


class Cause(Struct):
    """Why an invocation was given up."""

    request_id: str = ""
    function: str = ""
    """ARN; empty for a dead letter, which does not tell."""
    condition: str = ""
    """E.g. "RetriesExhausted", "EventAgeExceeded", "RetryAttemptsExhausted"; empty for a dead letter."""
    attempts: int = 0
    """0: not told."""
    error_type: str = ""
    message: str = ""
    traceback: str = ""
    failed_at: str = ""
    """RFC 3339 UTC with milliseconds; empty if not told."""


class Batch(Struct):
    """Records that a stream mapping gave up. They are not in its on-failure record: they must be read back."""

    stream_arn: str
    shard_id: str
    first: str
    """Sequence number, as `last`; both inclusive."""
    last: str
    size: int
    first_arrival: str = ""


class Found(Struct):
    """All that some payload holds."""

    events: list[ObjectEvent]
    batches: list[Batch]
    cause: Cause | None
    """The one nearest to the events."""
    ignored: int
    problems: list[str] = []
    """What of it cannot be read: the whole must be kept then, for people."""


def messages(payload: Any) -> list[Message]:
    """The messages of an event of SNS, SQS, S3 or EventBridge, in order; a bad one has a problem and hides no other."""
    records = payload.get("Records") if isinstance(payload, dict) else None
    if not isinstance(records, list):
        return [_message(_Reader.read, payload, "event")]
    return [_message(_Reader.read_record, record, f"Records[{number}]") for number, record in enumerate(records)]


def evidence(record: Any, longest: int) -> str:
    """What `found_in` reads of an SQS record again: all of it, or just its body if all is over `longest` bytes."""
    whole, body = json.dumps({"Records": [record]}), _dig(record, "body")
    return body if isinstance(body, str) and len(whole) > longest else whole


def lane_records(payload: Any) -> list[LaneRecord]:
    """The records of a Kinesis event, in order. Raises `EnvelopeError` if it is not one."""
    found = []
    for number, record in enumerate(_need(payload, "Records", list, "event")):
        result = LaneRecord(_loose(record, "kinesis", "sequenceNumber"))
        try:
            result.event = _of_kinesis(record, f"Records[{number}]")
        except EnvelopeError as error:
            result.problem = str(error)
        found.append(result)
    return found


def encode(event: ObjectEvent) -> bytes:
    """An event as the data of a Kinesis record: its JSON."""
    return msgspec.json.encode(event.to_dict())


def decode(data: bytes) -> ObjectEvent:
    """The event that `encode` wrote. Raises `EnvelopeError`."""
    return _of_json(data, "data")


def arguments(payload: Any) -> list[ObjectEvent]:
    """What the main function is invoked with: a list of object events, or one. Raises `EnvelopeError`."""
    if isinstance(payload, dict):
        return [_event(payload, "event")]
    if not isinstance(payload, list):
        raise EnvelopeError(f"event: {_kind(payload)}; a list of object events was expected")
    return [_event(item, f"event: item {number}") for number, item in enumerate(payload, 1)]


def found_in(payload: Any) -> Found:
    """The object events in whatever wraps them: JSON texts, deliveries, dead letters, on-failure records, each in each.

    What cannot be read hides nothing else. Raises `EnvelopeError` if nothing can be read, or nothing is in it.
    """
    reader = _Reader(failures=True)
    reader.read(payload, "payload")
    if not (reader.events or reader.batches or reader.ignored):
        none = "payload: no object event in it; at least one was expected"
        raise EnvelopeError("; ".join(reader.problems) or none)
    return Found(reader.events, reader.batches, reader.cause, reader.ignored, reader.problems)


class _Reader:
    """Collects what it reads. Only with `failures` does it know more than what tells of objects created."""

    def __init__(self, failures: bool) -> None:
        self.failures = failures
        self.events: list[ObjectEvent] = []
        self.batches: list[Batch] = []
        self.cause: Cause | None = None
        self.ignored = 0
        self.problems: list[str] = []

    def read(self, value: Any, where: str, depth: int = 0) -> None:
        if depth > DEPTH:
            raise EnvelopeError(f"{where}: nested too deep; at most {DEPTH} levels were expected")
        if isinstance(value, str):
            self.read(_json(value, where), where, depth + 1)
        elif isinstance(value, list) and self.failures:
            for number, item in enumerate(value, 1):
                try:
                    self.events.append(_event(item, f"{where}: item {number}"))
                except EnvelopeError as error:
                    self.problems.append(str(error))
        elif not isinstance(value, dict):
            raise EnvelopeError(f"{where}: {_kind(value)}; an event of S3, SNS, SQS or EventBridge was expected")
        elif "Records" in value:
            records = _need(value, "Records", list, where)
            if not records:
                raise EnvelopeError(f"{where}: 'Records' is empty; at least one record was expected")
            for number, record in enumerate(records):
                try:
                    self.read_record(record, f"{where}: Records[{number}]", depth + 1)
                except EnvelopeError as error:
                    self.problems.append(str(error))
        elif value.get("Event") == "s3:TestEvent":
            self.ignored += 1
        elif "detail-type" in value:
            self._eventbridge(value, where)
        elif value.get("Type") == "Notification":
            self._delivered(value, "Message", where, depth)
        elif value.get("Type") in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
            raise EnvelopeError(_confirmation(value, where))
        elif self.failures and "requestContext" in value:
            self._failure(value, where, depth)
        elif self.failures and "bucket_name" in value:
            self.events.append(_event(value, where))
        elif self.failures and "Body" in value:  # an SQS message as `ReceiveMessage` gives it
            self._delivered(value, "Body", where, depth)
        else:
            raise EnvelopeError(f"{where}: {_keys(value)}; an event of S3, SNS, SQS or EventBridge was expected")

    def read_record(self, record: Any, where: str, depth: int = 0) -> None:
        if not isinstance(record, dict):
            raise EnvelopeError(f"{where}: {_kind(record)}; an object was expected")
        if "s3" in record:
            self._s3(record, where)
        elif "Sns" in record:
            self._delivered(_need(record, "Sns", dict, where), "Message", f"{where}.Sns", depth)
        elif "body" in record:
            self._delivered(record, "body", where, depth)
        elif self.failures and "kinesis" in record:
            self.events.append(_of_kinesis(record, where))
        else:
            raise EnvelopeError(f"{where}: {_keys(record)}; a record of S3, SNS or SQS was expected")

    def _delivered(self, message: dict[str, Any], name: str, where: str, depth: int) -> None:
        """What SNS or SQS delivered: the text called `name`, a dead letter if its attributes say so."""
        self.cause = _dead_letter(message) or self.cause
        self.read(_need(message, name, str, where), f"{where}.{name}", depth + 1)

    def _failure(self, record: dict[str, Any], where: str, depth: int) -> None:
        self.cause = _cause(record)
        if record.get("KinesisBatchInfo") is not None:
            self.batches.append(_batch(_need(record, "KinesisBatchInfo", dict, where), f"{where}.KinesisBatchInfo"))
        elif record.get("requestPayload") is not None:
            self.read(record["requestPayload"], f"{where}.requestPayload", depth + 1)
        else:
            raise EnvelopeError(
                f"{where}: no 'requestPayload'; one was expected: Lambda leaves it out of a record longer than 256 KB; "
                f"look for request '{self.cause.request_id}' in the log of '{self.cause.function}'"
            )

    def _s3(self, record: dict[str, Any], where: str) -> None:
        name = _need(record, "eventName", str, where).removeprefix("s3:")  # MinIO and older radosgw have the prefix
        if not name.startswith("ObjectCreated:"):
            self.ignored += 1
            return
        s3 = _need(record, "s3", dict, where)
        bucket = _need(s3, "bucket", dict, f"{where}.s3")
        item = _need(s3, "object", dict, f"{where}.s3")
        there = f"{where}.s3.object"
        self._created(
            where,
            aws_region=_have(record, "awsRegion", str, where),
            event_time=_have(record, "eventTime", str, where),
            event_name=name,
            bucket_name=_need(bucket, "name", str, f"{where}.s3.bucket"),
            bucket_arn=_have(bucket, "arn", str, f"{where}.s3.bucket"),
            object_key=unquoted(_need(item, "key", str, there)),
            object_size=_have(item, "size", int, there),
            object_etag=_have(item, "eTag", str, there) or _have(item, "etag", str, there),  # radosgw: "etag"
            object_version_id=_have(item, "versionId", str, there),
            object_sequencer=_have(item, "sequencer", str, there),
        )

    def _eventbridge(self, event: dict[str, Any], where: str) -> None:
        source, kind = _need(event, "source", str, where), _need(event, "detail-type", str, where)
        if source != "aws.s3" or not kind.startswith("Object "):
            raise EnvelopeError(
                f"{where}: '{readable(kind)}' of '{readable(source)}'; 'Object Created' of 'aws.s3' was expected; "
                "narrow the EventBridge rule to it"
            )
        if kind != "Object Created":
            self.ignored += 1
            return
        detail = _need(event, "detail", dict, where)
        bucket = _need(_need(detail, "bucket", dict, f"{where}.detail"), "name", str, f"{where}.detail.bucket")
        item = _need(detail, "object", dict, f"{where}.detail")
        there = f"{where}.detail.object"
        key = _need(item, "key", str, there)  # not quoted here by AWS, unlike in S3's own events
        region = _have(event, "region", str, where)
        reason = _have(detail, "reason", str, f"{where}.detail")
        time = _have(event, "time", str, where)
        self._created(
            where,
            aws_region=region,
            event_time=time[:-1] + ".000Z" if len(time) == len("2018-03-29T16:35:15Z") else time,
            event_name=REASONS.get(reason) or f"ObjectCreated:{reason}",
            bucket_name=bucket,
            bucket_arn=f"arn:{_partition(region)}:s3:::{bucket}",
            object_key=key,
            quoted=unquoted(key) != key or None,
            object_size=_have(item, "size", int, there),
            object_etag=_have(item, "etag", str, there),
            object_version_id=_have(item, "version-id", str, there),
            object_sequencer=_have(item, "sequencer", str, there),
        )

    def _created(self, where: str, **fields: Any) -> None:
        for name in ("object_version_id", "object_sequencer"):
            if fields[name] in ("", "null"):  # "null" is the version of an object older than versioning
                fields[name] = None
        for name in ("bucket_name", "object_key"):
            if not fields[name]:
                raise EnvelopeError(f"{where}: the {name.replace('_', ' ')} is empty; a name was expected")
        self.events.append(_checked(ObjectEvent(**fields), where))


def _message(read: Callable[[_Reader, Any, str], None], value: Any, where: str) -> Message:
    reader = _Reader(failures=False)
    try:
        read(reader, value, where)
    except EnvelopeError as error:
        reader.problems.append(str(error))
    return Message(
        events=reader.events,
        ignored=reader.ignored,
        id=_loose(value, "messageId"),
        queue=_loose(value, "eventSourceARN") if isinstance(_dig(value, "messageId"), str) else "",
        receives=_count(_loose(value, "attributes", "ApproximateReceiveCount")),
        problem="; ".join(reader.problems),
    )


def _count(text: str) -> int:
    """A number as SQS writes it; 0 for what is none."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


def _confirmation(message: dict[str, Any], where: str) -> str:
    """What to do about a topic that would notify the queue, or does so no more: its link is for the owner to open."""
    topic = _loose(message, "TopicArn")
    asks = "waits for a confirmation" if message["Type"] == "SubscriptionConfirmation" else "has ended"
    return (
        f"{where}: the subscription of the queue to topic '{topic}' {asks}; a notification was expected; open the "
        "message's SubscribeURL to confirm it ('slips dismiss --undelivered --json' prints the message)"
    )


def _event(value: Any, where: str) -> ObjectEvent:
    try:
        return _checked(msgspec.convert(value, ObjectEvent), where)
    except msgspec.ValidationError as error:
        raise EnvelopeError(f"{where}: {readable(str(error))}; an object event was expected") from error
    except UnicodeEncodeError as error:  # a key of the object
        raise _no_text(where, error) from error


def _checked(found: S, where: str) -> S:
    """`found`, if it can be sent on: lone surrogates, which `json.loads` lets in, cannot."""
    try:
        msgspec.json.encode(found)
    except UnicodeEncodeError as error:
        raise _no_text(where, error) from error
    return found


def _no_text(where: str, error: UnicodeEncodeError) -> EnvelopeError:
    text = readable(error.object[max(0, error.start - SHOWN) : error.end + SHOWN])
    return EnvelopeError(f"{where}: '{text}' is no text: a surrogate without its other half; Unicode was expected")


def _of_kinesis(record: Any, where: str) -> ObjectEvent:
    data = _need(_need(record, "kinesis", dict, where), "data", str, f"{where}.kinesis")
    try:
        return _of_json(b64decode(data, validate=True), f"{where}.kinesis.data")
    except ValueError as error:
        raise EnvelopeError(f"{where}.kinesis.data: {error}; base64 was expected") from error


def _of_json(data: bytes, where: str) -> ObjectEvent:
    return _event(_json(data, where), where)


def _json(text: str | bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"{where}: {readable(str(error))}; JSON was expected") from error


def unquoted(key: str) -> str:
    """The object key that an S3 event means.

    S3 sends `quote_plus` but keeps `/`; others quote `/` too; radosgw sends the key itself, where a `+` is a `+`: it is
    told by a character that quoting never leaves, or by an escape that is not UTF-8, as every key is.
    """
    if not _QUOTED.fullmatch(key):
        return key
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        return key


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _cause(record: dict[str, Any]) -> Cause:
    """Why, from an on-failure record. It is for people: what is missing or odd is left empty, and loses no event."""
    response = record.get("responsePayload")
    condition = _loose(record, "requestContext", "condition")
    message = _REQUEST.sub("", _loose(response, "errorMessage"), count=1)
    attempts = _dig(record, "requestContext", "approximateInvokeCount")
    frames = _dig(response, "stackTrace")
    return Cause(
        request_id=_loose(record, "requestContext", "requestId"),
        function=_loose(record, "requestContext", "functionArn"),
        condition=condition,
        attempts=attempts if type(attempts) is int else 0,
        error_type=_loose(response, "errorType")
        or _type_of(message)
        or (message and _loose(record, "responseContext", "functionError"))
        or condition,
        message=message,
        traceback=_lines(frames),
        failed_at=_time(_loose(record, "timestamp")),
    )


def _dead_letter(message: dict[str, Any]) -> Cause | None:
    """Why, from the attributes of a message that was the dead letter of a function; None if it was not.

    SNS writes an attribute as {"Value"}, SQS as {"stringValue"} to Lambda and as {"StringValue"} to others.
    """
    attributes = message.get("MessageAttributes") or message.get("messageAttributes")
    told = {
        name: next(
            (text for form in ("Value", "stringValue", "StringValue") if (text := _loose(attributes, name, form))), ""
        )
        for name in ("RequestID", "ErrorCode", "ErrorMessage")
    }
    if not told["RequestID"]:
        return None
    text, code = _REQUEST.sub("", told["ErrorMessage"], count=1), told["ErrorCode"]
    sent = _loose(message, "attributes", "SentTimestamp") or _loose(message, "Attributes", "SentTimestamp")
    return Cause(
        request_id=told["RequestID"],
        error_type=_type_of(text) or ("Unhandled" if code in ("", "200") else f"HTTP {code}"),
        message=text,
        failed_at=_time(_loose(message, "Timestamp") or sent),
    )


def _lines(frames: Any) -> str:
    """A stack trace as Lambda writes that of a Python function: a list of texts."""
    texts = (
        [readable(frame).rstrip("\n") for frame in frames if isinstance(frame, str)] if isinstance(frames, list) else []
    )
    return "\n".join(texts)


def _type_of(message: str) -> str:
    """The error type that Lambda leaves out of some of its own errors."""
    if "Task timed out" in message:
        return "Sandbox.Timedout"
    return "Runtime.ExitError" if "exited" in message else ""


def _batch(info: dict[str, Any], where: str) -> Batch:
    found = Batch(
        stream_arn=_need(info, "streamArn", str, where),
        shard_id=_need(info, "shardId", str, where),
        first=_need(info, "startSequenceNumber", str, where),
        last=_need(info, "endSequenceNumber", str, where),
        size=_need(info, "batchSize", int, where),
        first_arrival=_loose(info, "approximateArrivalOfFirstRecord"),
    )
    return _checked(found, where)


def _time(text: str) -> str:
    """RFC 3339, or milliseconds since the epoch, in our form; empty if it is neither."""
    try:
        if text.isdecimal():
            return format_time(int(text) / 1000)
        when = datetime.fromisoformat(text)
        return format_time((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, OSError):
        return ""


def _dig(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _loose(value: Any, *path: str) -> str:
    """A text for people, however deep; empty if there is none."""
    found = _dig(value, *path)
    return readable(found) if isinstance(found, str) else ""


def _need(value: Any, name: str, kind: type[T], where: str) -> T:
    """`value[name]`, of exactly this JSON type."""
    if not isinstance(value, dict):
        raise EnvelopeError(f"{where}: {_kind(value)}; an object with '{name}' was expected")
    if name not in value:
        raise EnvelopeError(f"{where}: no '{name}'; {_KINDS[kind]} was expected")
    found = value[name]
    if type(found) is not kind:  # exactly: to Python, true is a number
        raise EnvelopeError(f"{where}: '{name}' is {_kind(found)}; {_KINDS[kind]} was expected")
    return found


def _have(value: dict[str, Any], name: str, kind: type[T], where: str) -> T:
    """As `_need`, but what is missing or null is empty."""
    return kind() if value.get(name) is None else _need(value, name, kind, where)


_KINDS: dict[type[Any], str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    type(None): "null",
}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def _keys(value: dict[str, Any]) -> str:
    return f"not known (keys: {readable(', '.join(list(value)[:8])) or 'none'})"
