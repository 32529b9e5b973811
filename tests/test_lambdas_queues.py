"""The functions on queues of the user's: what cannot be read there is kept, and hides no other message."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any, ClassVar

import pytest

import aws
from invoked import KEY, Stack, notified, sent, stack
from slips import lambdas
from slips.config import Route
from slips.errors import EnvelopeError, StreamError
from slips.model import Lane, ObjectEvent, Outcome

__all__ = ["stack"]
ACCOUNT = "123456789012"
"""Where moto is."""


def s3_record(key: str = "azure/good.json") -> dict[str, Any]:
    """One record of S3's notification."""
    record: dict[str, Any] = sent("s3-direct.json")["Records"][0]
    record["s3"]["object"]["key"] = key
    return record


UNREADABLE: dict[str, tuple[str, int]] = {
    "no JSON": ("junk", 0),
    "nothing": ("", 0),
    "blanks": (" \n", 0),
    "half of JSON": ('{"Records": [', 0),
    "a list": ("[]", 0),
    "a number": ("7", 0),
    "null": ("null", 0),
    "a text": ('"junk"', 0),
    "an object of others": ('{"hello": "world"}', 0),
    "records that are no list": ('{"Records": null}', 0),
    "a record of others": ('{"Records": [{"hello": "world"}]}', 0),
    "half good": (json.dumps({"Records": [s3_record(), {"s3": {}}, s3_record("azure/too.json"), 7]}), 2),
    "half good, from a topic": (notified(json.dumps({"Records": [s3_record(), {"s3": {}}]})), 1),
    "junk, from a topic": (notified("junk"), 0),
    "junk, from a topic of topics": (notified(notified("junk")), 0),
    "nested without end": ("[" * 100_000, 0),
    "compressed": (base64.b64encode(gzip.compress(b'{"Records": []}')).decode(), 0),
    "no UTF-8, as SQS shows it": ("\ufffd\ufffd", 0),
    "a confirmation": (notified("You have chosen to subscribe to the topic", "SubscriptionConfirmation"), 0),
    "the end of a subscription": (notified("You have chosen to deactivate", "UnsubscribeConfirmation"), 0),
}
"""Body of a message, and how many good events are in it."""


def queued(*bodies: str, name: str = "mine", **attributes: str) -> dict[str, Any]:
    """What Lambda invokes with that took messages from a queue, which is there."""
    aws.client("sqs").create_queue(QueueName=name, Attributes=attributes)
    (template, *_) = sent("sqs-raw.json")["Records"]
    arn = f"arn:aws:sqs:{aws.REGION}:{ACCOUNT}:{name}"
    records = [
        {**template, "messageId": f"m{number}", "body": body, "eventSourceARN": arn}
        for number, body in enumerate(bodies, 1)
    ]
    return {"Records": records}


@pytest.mark.parametrize(("body", "good"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_message_that_cannot_be_read_is_moved_to_the_undelivered_ones_and_hides_no_other(
    stack: Stack, body: str, good: int
) -> None:
    payload = queued(body, json.dumps({"Records": [s3_record("azure/other.json")]}))
    assert stack.call(lambdas.event_pusher, payload) == {"batchItemFailures": []}
    assert len(stack.lane()) == good + 1
    (kept,) = stack.undelivered_texts()
    assert json.loads(kept) == {"Records": payload["Records"][:1]}
    assert stack.levels == {"ERROR", "WARNING", "INFO"}
    assert stack.said[-1]["message"] == "message m1 was moved to the undelivered ones"


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_subscription_that_waits_or_ended_is_told_with_what_to_do_and_without_its_secret(
    stack: Stack, kind: str
) -> None:
    stack.call(lambdas.event_pusher, queued(notified("You have chosen", kind)))
    said = stack.said[0]["message"]
    assert "the subscription of the queue to topic 'arn:aws:sns:us-east-1:123456789012:logs'" in said
    assert "open the message's SubscribeURL to confirm it" in said
    assert "https://sns/confirm" not in said


def test_drain_keeps_a_half_good_message_whose_good_part_is_done(stack: Stack) -> None:
    body, _ = UNREADABLE["half good"]
    stack.call(lambdas.event_pusher, queued(body))
    for event in stack.lane():
        stack.ledger.finish(event, Outcome())
    done = stack.call(lambdas.drain, None)
    assert (done["undelivered"], len(stack.lane()), stack.undelivered()) == (0, 2, 1)
    assert "undelivered message stays: " in done["notes"][0]


@pytest.mark.slow
def test_the_redrive_policy_of_a_queue_says_what_becomes_of_its_messages(stack: Stack) -> None:
    dead = f"arn:aws:sqs:{aws.REGION}:{ACCOUNT}:dead"
    aws.client("sqs").create_queue(QueueName="dead")
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 5})
    payload = queued("junk", json.dumps({"Records": [s3_record()]}), RedrivePolicy=policy)
    assert stack.call(lambdas.event_pusher, payload) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert (len(stack.lane()), stack.undelivered()) == (1, 0)


def test_a_message_that_cannot_be_moved_stays_in_its_queue(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPS_UNDELIVERED_URL", stack.queue.replace("undelivered", "gone"))
    assert stack.call(lambdas.event_pusher, queued("junk")) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert "cannot be moved to the undelivered messages: " in stack.said[-1]["message"]


def test_a_message_of_a_queue_that_the_stack_does_not_know_stays_there(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = queued("junk")
    del payload["Records"][0]["eventSourceARN"]
    assert stack.call(lambdas.event_pusher, payload) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    monkeypatch.delenv("SLIPS_UNDELIVERED_URL")
    assert stack.call(lambdas.event_pusher, queued("junk")) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert stack.undelivered() == 0


def test_of_a_message_as_long_as_sqs_takes_the_body_is_kept(stack: Stack) -> None:
    body = '"' * (2**20)
    assert stack.call(lambdas.event_pusher, queued(body)) == {"batchItemFailures": []}
    assert stack.undelivered_texts() == [body]


@pytest.mark.parametrize(("receives", "stay"), [("1", True), ("4", True), ("5", False), ("odd", True)])
def test_messages_that_a_lane_refuses_come_again_some_times_before_they_are_moved(
    stack: Stack, receives: str, stay: bool
) -> None:
    bodies = {"m1": "junk", "m2": UNREADABLE["half good"][0], "m3": json.dumps({"Records": [s3_record()]})}
    payload = queued(*bodies.values())
    for record in payload["Records"]:
        record["attributes"] = {"ApproximateReceiveCount": receives}
    lambdas._site.stream = full()
    done = stack.call(lambdas.event_pusher, payload)
    assert [each["itemIdentifier"] for each in done["batchItemFailures"]] == (["m2", "m3"] if stay else [])
    assert stack.undelivered() == (1 if stay else 3)


def test_drain_pushes_a_message_that_a_lane_refused_too_often(stack: Stack) -> None:
    payload = queued(json.dumps({"Records": [s3_record()]}))
    payload["Records"][0]["attributes"]["ApproximateReceiveCount"] = "5"
    stream, lambdas._site.stream = lambdas._site.stream, full()
    stack.call(lambdas.event_pusher, payload)
    lambdas._site.stream = stream
    done = stack.call(lambdas.drain, None)
    assert (done["undelivered"], len(stack.lane()), stack.undelivered()) == (1, 1, 0)


def test_a_ledger_that_does_not_take_what_a_rule_drops_keeps_the_messages_of_a_queue(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.package([Route(dest="drop")])
    monkeypatch.setenv("SLIPS_LEDGER_TABLE", "gone")
    payload = queued("junk", json.dumps({"Records": [s3_record()]}))
    assert stack.call(lambdas.event_pusher, payload) == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert stack.undelivered() == 1


def test_a_notification_that_cannot_be_read_fails_the_invocation_after_the_others_were_pushed(stack: Stack) -> None:
    payload = sent("sns-s3.json")
    bad = json.loads(json.dumps(payload["Records"][0]))
    bad["Sns"]["Message"] = "no JSON"
    payload["Records"].insert(0, bad)
    with pytest.raises(EnvelopeError, match=r"Records\[0\]"):
        stack.call(lambdas.event_pusher, payload)
    assert [event.object_key for event in stack.lane()] == [KEY]


class Full:
    """Lanes that take nothing."""

    names: ClassVar[dict[Lane, str]] = {"fast": "my-fast", "slow": "my-slow"}

    def put(self, lane: Lane, events: list[ObjectEvent]) -> None:
        raise StreamError(f"lane {lane} is full", events)


def full() -> Any:
    """Stands for the streams."""
    return Full()


def test_a_lane_that_refuses_fails_every_message_of_a_queue_and_the_invocation_of_others(stack: Stack) -> None:
    lambdas._site.stream = full()
    done = stack.call(lambdas.event_pusher, sent("sqs-raw.json"))
    assert [each["itemIdentifier"] for each in done["batchItemFailures"]] == [
        each["messageId"] for each in sent("sqs-raw.json")["Records"]
    ]
    assert stack.levels == {"ERROR", "INFO"}
    with pytest.raises(StreamError):
        stack.call(lambdas.event_pusher, sent("sns-s3.json"))
