"""Decodes payloads of EventPusher: an event of S3 or EventBridge, or deliveries of SNS or SQS around such events."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from slips.envelope.eventbridge import of_eventbridge
from slips.envelope.members import dig, keys_of, kind_of, loose, need, parsed
from slips.envelope.s3 import of_s3
from slips.errors import EnvelopeError
from slips.model import ObjectEvent

DEPTH = 24
"""Most levels of nested texts and objects. The record of a failed Reporter, redriven to a queue, has a dozen."""

TEST_EVENT = "s3:TestEvent"
"""Sent when notifications are set up."""


class Message(Struct):
    """One message for EventPusher: a record of SNS or SQS, or one that S3 sent itself."""

    events: list[ObjectEvent] = field(default_factory=list)
    """Events of created objects, without `lane` and `dest_stream`."""
    ignored: int = 0
    """Number of test events, deletions and other events that create no object."""
    id: str = ""
    """SQS message id, to report a partial failure with; empty if the message is not of SQS."""
    queue: str = ""
    """ARN of the SQS queue that the message came from; empty if the message is not of SQS."""
    receives: int = 0
    """How many times the message was received, this time included; 0 if AWS names no number."""
    problem: str = ""
    """The reason why the message, or a part of it, cannot be read; `events` are those of the other parts."""


def messages(payload: Any) -> list[Message]:
    """Return the messages of an event of SNS, SQS, S3 or EventBridge, in order. A bad message has a `problem`."""
    records = payload.get("Records") if isinstance(payload, dict) else None
    if not isinstance(records, list):
        return [_message(Arrivals.read, payload, "event")]
    return [_message(Arrivals.read_record, record, f"Records[{number}]") for number, record in enumerate(records)]


def evidence(record: Any, longest: int) -> str:
    """Return a text of an SQS record that `unwrap` reads: the whole, or its body if that is over `longest` bytes."""
    whole, body = json.dumps({"Records": [record]}), dig(record, "body")
    return body if isinstance(body, str) and len(whole) > longest else whole


class Arrivals:
    """Collects the events of objects created from a payload, through all wrappings around them.

    The methods raise EnvelopeError for a value that cannot be read; one of several records becomes a problem instead.
    """

    def __init__(self) -> None:
        self.events: list[ObjectEvent] = []
        self.ignored = 0
        self.problems: list[str] = []

    def read(self, value: Any, where: str, depth: int = 0) -> None:
        """Collect from an event of AWS, or from the JSON text of one."""
        if depth > DEPTH:
            raise EnvelopeError(f"{where}: nested too deep; at most {DEPTH} levels were expected")
        if isinstance(value, str):
            self.read(parsed(value, where), where, depth + 1)
        elif not isinstance(value, dict):
            self.read_other(value, where, depth)
        elif "Records" in value:
            records = need(value, "Records", list, where)
            if not records:
                raise EnvelopeError(f"{where}: 'Records' is empty; at least one record was expected")
            for number, record in enumerate(records):
                try:
                    self.read_record(record, f"{where}: Records[{number}]", depth + 1)
                except EnvelopeError as error:
                    self.problems.append(str(error))
        elif value.get("Event") == TEST_EVENT:
            self.ignored += 1
        elif "detail-type" in value:
            self._add(of_eventbridge(value, where))
        elif value.get("Type") == "Notification":
            self.read_delivery(value, "Message", where, depth)
        elif value.get("Type") in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
            raise EnvelopeError(_confirmation(value, where))
        else:
            self.read_other(value, where, depth)

    def read_record(self, record: Any, where: str, depth: int = 0) -> None:
        """Collect from a member of `Records`."""
        if not isinstance(record, dict):
            raise EnvelopeError(f"{where}: {kind_of(record)}; an object was expected")
        if "s3" in record:
            self._add(of_s3(record, where))
        elif "Sns" in record:
            self.read_delivery(need(record, "Sns", dict, where), "Message", f"{where}.Sns", depth)
        elif "body" in record:
            self.read_delivery(record, "body", where, depth)
        else:
            self.read_other_record(record, where)

    def read_delivery(self, message: dict[str, Any], name: str, where: str, depth: int) -> None:
        """Collect from the member `name` of a message, a text that SNS or SQS delivered."""
        self.read(need(message, name, str, where), f"{where}.{name}", depth + 1)

    def read_other(self, value: Any, where: str, depth: int) -> None:
        """Refuse a value that no source sends."""
        found = keys_of(value) if isinstance(value, dict) else kind_of(value)
        raise EnvelopeError(f"{where}: {found}; an event of S3, SNS, SQS or EventBridge was expected")

    def read_other_record(self, record: dict[str, Any], where: str) -> None:
        """Refuse a record that no source sends."""
        raise EnvelopeError(f"{where}: {keys_of(record)}; a record of S3, SNS or SQS was expected")

    def _add(self, event: ObjectEvent | None) -> None:
        if event is None:
            self.ignored += 1
        else:
            self.events.append(event)


def _message(read: Callable[[Arrivals, Any, str], None], value: Any, where: str) -> Message:
    arrivals = Arrivals()
    try:
        read(arrivals, value, where)
    except EnvelopeError as error:
        arrivals.problems.append(str(error))
    return Message(
        events=arrivals.events,
        ignored=arrivals.ignored,
        id=loose(value, "messageId"),
        queue=loose(value, "eventSourceARN") if isinstance(dig(value, "messageId"), str) else "",
        receives=_count(loose(value, "attributes", "ApproximateReceiveCount")),
        problem="; ".join(arrivals.problems),
    )


def _count(text: str) -> int:
    """Convert a number as SQS writes it; 0 for any other text."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


def _confirmation(message: dict[str, Any], where: str) -> str:
    """Return the error text for a topic that asks to confirm a subscription, or has ended one, with advice."""
    topic = loose(message, "TopicArn")
    asks = "waits for a confirmation" if message["Type"] == "SubscriptionConfirmation" else "has ended"
    return (
        f"{where}: the subscription of the queue to topic '{topic}' {asks}; a notification was expected; open the "
        "message's SubscribeURL to confirm it ('slips dismiss --undelivered --json' prints the message)"
    )
