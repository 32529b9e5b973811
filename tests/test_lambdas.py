"""The five functions, invoked as AWS invokes them, on AWS in memory."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from itertools import islice
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, ClassVar

import msgspec
import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

import aws
from fakes import object_event
from slips import lambdas, telemetry
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.ledger import DynamoLedger
from slips.backends.aws.queue import UndeliveredQueue
from slips.config import PACKAGED, Config, HandlerConfig, Mapping, Route
from slips.envelope.arrivals import evidence
from slips.envelope.lane import arguments, decode, encode
from slips.errors import EnvelopeError, SlipsError, StreamError, UnfinishedError, UsageError
from slips.model import ErrorItem, Lane, ObjectEvent, Outcome
from slips.site import LambdaSite
from test_telemetry import check_metrics

EVENTS = Path(__file__).parent / "events"
HANDLER = """\
import logging
import slips.interface

class Count(slips.interface.Handler):
    def setup(self, args):
        self.secret, self.seen = args["secret"], 0

    def recv(self, meta, event):
        if event.get("n") == "raise":
            raise KeyError("severity")
        self.seen += 1

    def result(self):
        logging.getLogger("mine").warning("seen %d", self.seen)
        return {"seen": self.seen, "secret": len(self.secret)}
"""
ACCOUNT = "123456789012"
"""Where moto is."""
KEY = "azure/2018-03-29/a b+c=é.json.gz"


class Context:
    """What AWS says about an invocation."""

    function_name = "a-function"

    def __init__(self, request_id: str = "r1", milliseconds: int = 900_000) -> None:
        self.aws_request_id, self._milliseconds = request_id, milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class Lambda:
    """`Invoke`: what the main func was started with; it may be throttled after so many."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.takes = 1_000

    def invoke(self, **request: Any) -> None:
        if len(self.payloads) >= self.takes:
            error: Any = {"Error": {"Code": "TooManyRequestsException", "Message": "slow down"}}
            raise ClientError(error, "Invoke")
        self.payloads.append(request["Payload"])


class Stack:
    """A deployed stack: a package, settings, tables, lanes, a queue; and functions to invoke."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root, self._monkeypatch = root, monkeypatch
        self.arns = aws.make_streams()
        aws.make_tables()
        self.queue: str = aws.client("sqs").create_queue(QueueName="undelivered")["QueueUrl"]
        aws.client("s3").create_bucket(Bucket="example-logs")
        aws.client("ssm").put_parameter(Name="/my/key", Value="s3cret", Type="SecureString")
        self.functions = Lambda()
        self.said: list[dict[str, Any]] = []
        for name, value in {
            "LAMBDA_TASK_ROOT": str(root),
            "SLIPS_STACK": "prod",
            "SLIPS_FAST_STREAM_ARN": self.arns["fast"],
            "SLIPS_SLOW_STREAM_ARN": self.arns["slow"],
            "SLIPS_ERROR_TABLE": "errors",
            "SLIPS_LEDGER_TABLE": "ledger",
            "SLIPS_MAIN_FUNC": "arn:main",
            "SLIPS_UNDELIVERED_URL": self.queue,
            "AWS_REGION": aws.REGION,
        }.items():
            monkeypatch.setenv(name, value)
        self.package()

    def package(self, routing: list[Route] | None = None, handler: str = HANDLER) -> None:
        """What deploy packs; and new execution environments."""
        (self._root / "handler.py").write_text(handler)
        config = Config(
            stack_name="prod",
            handler=HandlerConfig(path="handler.py", args={"secret": "{{ssm:/my/key}}"}),
            bucket_mapping={"example-logs": [Mapping("azure/", ["s3-lines", "json"])]},
            routing=routing or [],
        )
        (self._root / PACKAGED).write_bytes(msgspec.json.encode(config))
        site = LambdaSite(os.environ)
        names = ("s3", "kinesis", "dynamodb", "sqs", "ssm", "secretsmanager")
        clients: Any = SimpleNamespace(functions=self.functions, **{name: aws.client(name) for name in names})
        site.clients = clients
        self._monkeypatch.setattr(lambdas, "_site", site)

    def call(self, function: Callable[[Any, Any], Any], payload: Any, context: Context | None = None) -> Any:
        """One invocation. `said` is then what it wrote, each line JSON."""
        output, root = io.StringIO(), logging.getLogger()
        handlers, root.handlers = root.handlers, []  # a function has none of pytest's
        try:
            with redirect_stdout(output):
                return function(payload, context or Context())
        finally:
            root.handlers = handlers
            self.said = [json.loads(line) for line in output.getvalue().splitlines()]
            for line in self.metrics:
                check_metrics(line)

    @property
    def counted(self) -> dict[str, int]:
        """The sum of each count over the lines."""
        counts: Counter[str] = Counter()
        for line in self.metrics:
            counts.update(
                {name: line[name] for name, unit in telemetry.UNITS.items() if unit == "Count" and name in line}
            )
        return dict(counts)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return [line for line in self.said if "_aws" in line]

    @property
    def levels(self) -> set[str]:
        return {line["level"] for line in self.said if "level" in line}

    def put(self, key: str = KEY, *records: Any) -> ObjectEvent:
        """An object of JSON lines, and its event."""
        body = gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in records))
        etag = aws.client("s3").put_object(Bucket="example-logs", Key=key, Body=body)["ETag"].strip('"')
        return ObjectEvent(
            bucket_name="example-logs",
            object_key=key,
            object_etag=etag,
            lane="fast",
            event_time="2018-03-29T16:35:15.768Z",
        )

    def lane(self, lane: Lane = "fast") -> list[ObjectEvent]:
        return [decode(record["Data"]) for record in aws.records_of(self.arns[lane])]

    @property
    def errors(self) -> DynamoErrors:
        return DynamoErrors(aws.client("dynamodb"), "errors")

    @property
    def items(self) -> list[ErrorItem]:
        return list(self.errors.scan())

    @property
    def ledger(self) -> DynamoLedger:
        return DynamoLedger(aws.client("dynamodb"), "ledger")

    def undelivered_texts(self) -> list[str]:
        received = UndeliveredQueue(aws.client("sqs"), self.queue).receive()
        return [text for _, text in islice(received, self.undelivered())]  # to look for more takes a second

    def undelivered(self) -> int:
        attributes = aws.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    level = telemetry.log.level
    with aws.account():
        yield Stack(tmp_path, monkeypatch)
    telemetry.log.setLevel(level)


def sent(name: str) -> Any:
    """An event as AWS sends it."""
    return json.loads((EVENTS / name).read_text())


# ---- event pusher


@pytest.mark.parametrize("name", ["sns-s3.json", "s3-direct.json", "eventbridge.json"])
def test_objects_told_of_go_on_their_lane(stack: Stack, name: str) -> None:
    assert stack.call(lambdas.event_pusher, sent(name)) == {"fast": 1, "slow": 0, "drop": 0, "ignored": 0}
    (event,) = stack.lane()
    assert (event.object_key, event.lane, event.dest_stream) == (KEY, "fast", "my-fast")
    (line,) = stack.said
    assert (line["message"], line["fast"], line["function"], line["request_id"]) == ("pushed", 1, "EventPusher", "r1")


@pytest.mark.parametrize("name", ["sqs-s3.json", "sqs-sns-s3.json", "sqs-raw.json", "sqs-eventbridge.json"])
def test_objects_told_of_by_a_queue_go_on_their_lane_and_no_message_fails(stack: Stack, name: str) -> None:
    assert stack.call(lambdas.event_pusher, sent(name)) == {"batchItemFailures": []}
    assert KEY in {event.object_key for event in stack.lane()}


def test_routing_of_the_packaged_config_says_which_lane(stack: Stack) -> None:
    stack.package([Route(prefix="azure/", dest="slow")])
    assert stack.call(lambdas.event_pusher, sent("sns-s3.json"))["slow"] == 1
    assert [event.dest_stream for event in stack.lane("slow")] == ["my-slow"]
    stack.package([Route(dest="drop")])
    assert stack.call(lambdas.event_pusher, sent("sns-s3.json"))["drop"] == 1
    assert [entry.status for entry in stack.ledger.scan()] == ["dropped"]


@pytest.mark.parametrize(
    "name",
    ["s3-test-event.json", "sns-s3-test-event.json", "removed.json", "expired.json", "eventbridge-deleted.json"],
)
def test_what_creates_no_object_is_quietly_ignored(stack: Stack, name: str) -> None:
    done = stack.call(lambdas.event_pusher, sent(name))
    assert (done["fast"], done["slow"], done["ignored"]) == (0, 0, 1)
    assert (stack.lane(), stack.levels) == ([], {"INFO"})


def test_a_test_event_in_a_queue_is_quietly_ignored(stack: Stack) -> None:
    assert stack.call(lambdas.event_pusher, sent("sqs-s3-test-event.json")) == {"batchItemFailures": []}
    assert stack.levels == {"INFO"}


# ---- what cannot be read in a queue of the user's


def s3_record(key: str = "azure/good.json") -> dict[str, Any]:
    """One record of S3's notification."""
    record: dict[str, Any] = sent("s3-direct.json")["Records"][0]
    record["s3"]["object"]["key"] = key
    return record


def notified(message: str, kind: str = "Notification") -> str:
    """What SNS writes into a queue, unless the subscription is raw."""
    topic = "arn:aws:sns:us-east-1:123456789012:logs"
    return json.dumps({"Type": kind, "TopicArn": topic, "Message": message, "SubscribeURL": "https://sns/confirm"})


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


def test_what_was_moved_is_known_again_by_drain_and_dismissed_when_its_good_part_is_done(stack: Stack) -> None:
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


def test_what_a_lane_refused_too_often_is_pushed_by_drain(stack: Stack) -> None:
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


# ---- dispatcher


def kinesis(*data: bytes | str) -> dict[str, Any]:
    """A batch like AWS's, of other records."""
    (record, *_) = sent("kinesis.json")["Records"]
    records = []
    for number, each in enumerate(data, 1):
        text = base64.b64encode(each.encode() if isinstance(each, str) else each).decode()
        records.append({**record, "kinesis": {**record["kinesis"], "data": text, "sequenceNumber": str(number)}})
    return {"Records": records}


def test_a_batch_of_a_lane_starts_the_main_func_on_its_events(stack: Stack) -> None:
    assert stack.call(lambdas.dispatcher, sent("kinesis.json")) == {"batchItemFailures": []}
    (payload,) = stack.functions.payloads
    assert arguments(json.loads(payload))[0].object_key == KEY


def test_a_throttled_main_func_is_a_batch_that_comes_again(stack: Stack) -> None:
    stack.functions.takes = 0
    first = sent("kinesis.json")["Records"][0]["kinesis"]["sequenceNumber"]
    assert stack.call(lambdas.dispatcher, sent("kinesis.json")) == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert "TooManyRequestsException" in stack.said[0]["message"]


def test_a_record_that_is_no_event_comes_again_with_what_is_behind_it(stack: Stack) -> None:
    good = json.dumps(object_event("a").to_dict())
    assert stack.call(lambdas.dispatcher, kinesis(good, "no JSON", good)) == {
        "batchItemFailures": [{"itemIdentifier": "2"}]
    }
    assert len(stack.functions.payloads) == 1


def test_a_bad_record_without_a_number_fails_the_whole_batch(stack: Stack) -> None:
    payload = kinesis("no JSON")
    del payload["Records"][0]["kinesis"]["sequenceNumber"]
    assert stack.call(lambdas.dispatcher, payload) == {"batchItemFailures": [{"itemIdentifier": ""}]}


def test_the_delay_of_the_lane_is_a_setting(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    lambdas._site.sleep = slept.append
    for delay in ("7", "0.5", ""):
        monkeypatch.setenv("SLIPS_DELAY", delay)
        stack.call(lambdas.dispatcher, sent("kinesis.json"))
    assert slept == [7, 0.5, 0]


def test_the_batch_size_of_the_lane_is_a_setting_that_a_stack_of_the_version_before_lacks(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = kinesis(*(json.dumps(object_event(key).to_dict()) for key in "abcde"))
    stack.call(lambdas.dispatcher, batch)
    monkeypatch.setenv("SLIPS_BATCH_SIZE", "2")
    stack.call(lambdas.dispatcher, batch)
    assert [len(json.loads(payload)) for payload in stack.functions.payloads] == [5, 2, 2, 1]


def test_a_dispatcher_whose_time_is_up_tells_aws_where_to_go_on(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPS_BATCH_SIZE", "1")
    batch = kinesis(*(json.dumps(object_event(key).to_dict()) for key in "ab"))
    done = stack.call(lambdas.dispatcher, batch, Context(milliseconds=1000))
    assert done == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert "no time was left" in stack.said[0]["message"]


# ---- main func


def payload_of(*events: ObjectEvent) -> Any:
    return [event.to_dict() for event in events]


def test_objects_go_through_their_chain_to_the_users_handler(stack: Stack) -> None:
    event = stack.put(KEY, {"n": 1}, {"n": 2})
    done = stack.call(lambdas.main_func, payload_of(event))
    assert (done["succeeded"], done["failed"], done["unfinished"]) == (1, 0, [])
    known = stack.ledger.get(event)
    assert known is not None
    assert known.outcome is not None
    assert (known.status, known.outcome.records) == ("done", 2)
    assert known.outcome.results == {"Count": {"seen": 2, "secret": 6}}
    mine, object_line = stack.said
    assert (mine["logger"], mine["message"], mine["level"], mine["request_id"]) == ("mine", "seen 2", "WARNING", "r1")
    assert (object_line["object"], object_line["records"]) == (event.url, 2)
    assert [object_line[name] for name in ("Stack", "Lane", "Objects", "Records")] == ["prod", "fast", 1, 2]
    assert "s3cret" not in json.dumps(stack.said)


def test_an_eventbridge_key_that_was_quoted_leads_to_its_object_once_beside_a_notification_of_it(stack: Stack) -> None:
    event = stack.put("azure/a b+c%.gz", {"n": 1})
    told = sent("eventbridge.json")
    told["detail"]["object"] |= {"key": "azure%2Fa+b%2Bc%25.gz", "etag": event.object_etag, "version-id": ""}
    stack.call(lambdas.event_pusher, told)
    (announced,) = stack.lane()
    assert announced.object_key == "azure%2Fa+b%2Bc%25.gz"
    assert stack.call(lambdas.main_func, payload_of(announced), Context("r1"))["succeeded"] == 1
    assert stack.call(lambdas.main_func, payload_of(event), Context("r2"))["duplicates"] == 1
    known = {entry.key: entry.status for entry in stack.ledger.scan()}
    assert known == {event.object_key: "done", announced.object_key: "superseded"}


def test_a_duplicate_is_passed_over(stack: Stack) -> None:
    event = stack.put(KEY, {"n": 1})
    stack.call(lambdas.main_func, payload_of(event))
    assert stack.call(lambdas.main_func, payload_of(event), Context("r2"))["duplicates"] == 1
    assert stack.metrics[0]["Duplicates"] == 1


def test_bad_records_and_objects_are_items_and_what_may_pass_fails_the_invocation(stack: Stack) -> None:
    odd = stack.put("azure/odd", {"n": 1}, "a text", {"n": 2})
    unmapped = stack.put("elsewhere/x", {"n": 1})
    raising = stack.put("azure/raising", {"n": "raise"})
    with pytest.raises(UnfinishedError, match="1 of 3 object events: s3://example-logs/azure/raising: record 1"):
        stack.call(lambdas.main_func, payload_of(odd, unmapped, raising))
    assert {item.request_id: (item.kind, item.error_type) for item in stack.items} == {
        "r1-1": ("records", "RecordError"),
        "r1-2": ("object", "MappingError"),
    }
    assert len({item.code_version for item in stack.items} - {""}) == 1
    assert stack.counted == {"Objects": 2, "Failed": 1, "Quarantined": 1, "ErrorItems": 2, "Records": 3, "Delivered": 2}
    assert stack.levels >= {"ERROR", "INFO"}


def test_a_process_that_an_object_has_damaged_ends_with_the_others_on_their_lane(stack: Stack) -> None:
    stack.package(
        handler="import builtins\n\nimport slips.interface\n\n\nclass H(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n        if event['n'] == 1: builtins.len = None; len('x')\n"
    )
    ended: list[int] = []
    lambdas._site.exit = ended.append
    events = payload_of(stack.put("azure/a", {"n": 1}), stack.put("azure/b", {"n": 2}))
    with pytest.raises(UnfinishedError, match=r"len was replaced"):
        stack.call(lambdas.main_func, events)
    assert (ended, len("x")) == ([86], 1)
    assert [event.object_key for event in stack.lane()] == ["azure/b"]


def test_a_payload_that_is_none_is_told(stack: Stack) -> None:
    with pytest.raises(EnvelopeError):
        stack.call(lambdas.main_func, "hello")


@pytest.mark.slow
def test_a_secret_that_is_gone_fails_the_invocation_and_is_asked_for_again_by_the_next(stack: Stack) -> None:
    event = stack.put(KEY, {"n": 1})
    aws.client("ssm").delete_parameter(Name="/my/key")
    with pytest.raises(UsageError, match="no such parameter"):
        stack.call(lambdas.main_func, payload_of(event))
    aws.client("ssm").put_parameter(Name="/my/key", Value="back", Type="SecureString")
    assert stack.call(lambdas.main_func, payload_of(event))["succeeded"] == 1


def test_a_function_waits_for_throttled_secrets_no_longer_than_half_of_its_time(stack: Stack) -> None:
    class Throttled:
        def get_parameters(self, **_: Any) -> None:
            error: Any = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
            raise ClientError(error, "GetParameters")

    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    site: Any = lambdas._site
    site.clients.ssm, site.sleep, site.monotonic = Throttled(), sleep, lambda: now
    for milliseconds, most in ((10_000, 5), (900_000, 30)):
        now = 0.0
        with pytest.raises(UsageError, match="ThrottlingException"):
            stack.call(lambdas.main_func, payload_of(stack.put()), Context(milliseconds=milliseconds))
        assert most / 3 < now <= most


def test_a_rotated_secret_reaches_a_warm_process_with_the_next_object_after_its_age(stack: Stack) -> None:
    now = 0.0
    lambdas._site.monotonic = lambda: now

    def secret_length(key: str) -> Any:
        event = stack.put(f"azure/{key}", {"n": 1})
        stack.call(lambdas.main_func, payload_of(event), Context(key))
        known = stack.ledger.get(event)
        assert known is not None
        assert known.outcome is not None
        return known.outcome.results["Count"]["secret"]

    assert secret_length("first") == len("s3cret")
    aws.client("ssm").put_parameter(Name="/my/key", Value="rotated s3cret", Type="SecureString", Overwrite=True)
    now = 3599.0
    assert secret_length("before") == len("s3cret")
    now = 3600.0
    assert secret_length("after") == len("rotated s3cret")
    assert "s3cret" not in json.dumps(stack.said)


def test_an_object_too_large_for_one_invocation_goes_on_in_the_next(stack: Stack) -> None:
    event = stack.put(KEY, *({"n": number} for number in range(5)))
    stack.call(lambdas.main_func, payload_of(event), Context("r1", milliseconds=1))
    (rest,) = stack.lane()
    assert rest.records is not None
    assert stack.metrics[0]["Delivered"] == rest.records[0][0] - 1 < 5
    stack.call(lambdas.main_func, payload_of(rest), Context("r2"))
    assert stack.items == []
    assert sum(entry.outcome.delivered for entry in stack.ledger.scan() if entry.outcome) == 5
    known = stack.ledger.get(event)
    assert known is not None
    assert known.status == "done"


# ---- reporter


def test_an_invocation_that_was_given_up_becomes_items(stack: Stack) -> None:
    notified = sent("on-failure-stream.json")
    notified["Records"][0]["Sns"]["Message"] = json.dumps(sent("on-failure-main.json"))
    assert stack.call(lambdas.reporter, notified) == {"items": 2, "settled": 0}
    assert sorted(item.request_id.partition("-")[2][-1] for item in stack.items) == ["1", "2"]
    assert {item.error_type for item in stack.items} == {"HandlerError"}
    assert {item.attempts for item in stack.items} == {3}
    assert stack.counted == {"ErrorItems": 2, "Failed": 2, "Objects": 2}
    assert stack.call(lambdas.reporter, notified) == {"items": 0, "settled": 2}


def test_the_events_of_a_batch_that_a_mapping_gave_up_are_read_back_from_the_stream(stack: Stack) -> None:
    for key in "abc":
        data = json.dumps(object_event(key).to_dict()).encode()
        aws.client("kinesis").put_record(StreamARN=stack.arns["fast"], Data=data, PartitionKey="x")
    first, second, _ = (record["SequenceNumber"] for record in aws.records_of(stack.arns["fast"]))
    notified = sent("on-failure-stream.json")
    record = json.loads(notified["Records"][0]["Sns"]["Message"])
    record["KinesisBatchInfo"] |= {
        "streamArn": stack.arns["fast"],
        "shardId": "shardId-000000000000",
        "startSequenceNumber": first,
        "endSequenceNumber": second,
    }
    notified["Records"][0]["Sns"]["Message"] = json.dumps(record)
    assert stack.call(lambdas.reporter, notified) == {"items": 2, "settled": 0}
    assert sorted(item.events[0].object_key for item in stack.items) == ["a", "b"]
    assert {item.stage for item in stack.items} == {"dispatch"}


def test_the_reason_of_the_main_funcs_last_attempt_is_the_one_that_people_see(stack: Stack) -> None:
    event = stack.put("azure/raising", {"n": "raise"})
    with pytest.raises(UnfinishedError):
        stack.call(lambdas.main_func, payload_of(event))
    record = sent("on-failure-main.json")
    record["requestPayload"] = payload_of(event)
    record["requestContext"]["requestId"] = "r1"
    record["responsePayload"]["errorType"] = "UnfinishedError"
    stack.call(lambdas.reporter, record)
    (item,) = stack.items
    assert (item.request_id, item.error_type, item.seq, item.attempts) == ("r1", "KeyError", 1, 3)
    assert 'raise KeyError("severity")' in item.traceback


def test_what_cannot_be_read_fails_the_reporter(stack: Stack) -> None:
    with pytest.raises(SlipsError):
        stack.call(lambdas.reporter, sent("on-failure-cut.json"))


# ---- drain


def put_items(stack: Stack, *ids: str, **about: Any) -> None:
    for number, request_id in enumerate(ids):
        event = replace(object_event(request_id, "slow"), bucket_name="example-logs")
        when = f"2026-01-0{number + 1}T00:00:00.000Z"
        stack.errors.put(ErrorItem(**{"request_id": request_id, "events": [event], "failed_at": when, **about}))


def put_undelivered(stack: Stack, *events: ObjectEvent) -> None:
    """As the Lambda service does, when even the reporter failed."""
    record = {"requestContext": {"requestId": "r", "condition": "RetriesExhausted"}}
    record["requestPayload"] = payload_of(*events)
    aws.client("sqs").send_message(QueueUrl=stack.queue, MessageBody=json.dumps(record))


def test_drain_without_a_word_is_everything(stack: Stack) -> None:
    put_items(stack, "a", "b")
    put_undelivered(stack, object_event("c"))
    assert stack.call(lambdas.drain, {}) == {
        "drained": 2,
        "lanes": {"fast": 0, "slow": 2},
        "kept": 0,
        "undelivered": 1,
        "notes": [],
        "more": False,
    }
    assert [event.object_key for event in stack.lane("slow")] == ["a", "b"]
    assert [event.replay for event in stack.lane("slow")] == ["a@1", "b@1"]
    assert [event.object_key for event in stack.lane("fast")] == ["c"]
    assert (stack.items, stack.undelivered()) == ([], 0)


@pytest.mark.parametrize(
    ("request_", "drained"),
    [
        ({"ids": ["b", "nothing"]}, ["b"]),
        ({"ids": []}, []),
        ({"limit": 2}, ["a", "b"]),
        ({"prefix": "b"}, ["b"]),
        ({"prefix": "s3://example-logs/c"}, ["c"]),
        ({"since": "2026-01-02T00:00:00Z"}, ["b", "c"]),
        ({"since": 1767398400}, ["c"]),
        ({"type": "KeyError"}, ["a", "b", "c"]),
        ({"type": "Other"}, []),
        ({"type": "", "prefix": "", "since": ""}, ["a", "b", "c"]),
        (None, ["a", "b", "c"]),
    ],
    ids=str,
)
def test_drain_of_some_items_leaves_the_others(stack: Stack, request_: Any, drained: list[str]) -> None:
    put_items(stack, "a", "b", "c", error_type="KeyError", stage="handler")
    put_undelivered(stack, object_event("u"))
    done = stack.call(lambdas.drain, request_)
    everything = not any((request_ or {}).values()) and request_ != {"ids": []}
    assert stack.undelivered() == (0 if everything else 1)
    assert (done["drained"], sorted(event.object_key for event in stack.lane("slow"))) == (len(drained), drained)
    assert [item.request_id for item in stack.items] == [each for each in "abc" if each not in drained]
    if request_ == {"ids": ["b", "nothing"]}:
        assert done["notes"] == ["no error item 'nothing'"]


def test_a_dry_run_changes_nothing(stack: Stack) -> None:
    put_items(stack, "a")
    put_undelivered(stack, object_event("c"))
    done = stack.call(lambdas.drain, {"dry_run": True})
    assert (done["drained"], done["lanes"], done["undelivered"]) == (1, {"fast": 0, "slow": 1}, 0)
    assert (stack.lane("slow"), stack.lane("fast"), len(stack.items), stack.undelivered()) == ([], [], 1, 1)


def test_drain_ends_in_time_and_says_that_there_is_more(stack: Stack) -> None:
    put_items(stack, "a", "b")
    done = stack.call(lambdas.drain, {}, Context(milliseconds=1000))
    assert (done["drained"], done["more"]) == (1, True)
    assert stack.call(lambdas.drain, {})["drained"] == 1


def test_drain_of_the_last_item_in_the_last_moment_is_all(stack: Stack) -> None:
    put_items(stack, "a")
    done = stack.call(lambdas.drain, {"ids": ["a"]}, Context(milliseconds=1000))
    assert (done["drained"], done["more"]) == (1, False)


@pytest.mark.parametrize("request_", [{"limit": 0}, {"limit": -1}, {"since": 1e300}, {"since": -1}])
def test_numbers_that_mean_nothing_drain_nothing(stack: Stack, request_: Any) -> None:
    put_items(stack, "a")
    with pytest.raises(UsageError, match=r"^Drain: "):
        stack.call(lambdas.drain, request_)
    assert len(stack.items) == 1


def test_a_request_that_drain_does_not_know_drains_nothing(stack: Stack) -> None:
    put_items(stack, "a")
    with pytest.raises(UsageError, match=r"Drain: .*unknown field `id`.*expected keys ids, since"):
        stack.call(lambdas.drain, {"id": "a"})
    assert len(stack.items) == 1


def test_an_undelivered_message_that_cannot_be_read_stays_with_a_note(stack: Stack) -> None:
    aws.client("sqs").send_message(QueueUrl=stack.queue, MessageBody="no JSON")
    done = stack.call(lambdas.drain, {})
    assert (done["undelivered"], stack.undelivered()) == (0, 1)
    assert "undelivered message stays" in done["notes"][0]


# ---- what a new execution environment costs


def test_functions_make_their_own_clients_from_their_settings(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambdas, "_site", LambdaSite(os.environ))
    stack.call(lambdas.event_pusher, sent("sns-s3.json"))
    event = stack.put(KEY, {"n": 1})
    assert stack.call(lambdas.main_func, payload_of(event))["succeeded"] == 1
    assert stack.call(lambdas.drain, {})["drained"] == 0
    assert len(stack.lane()) == 1


@pytest.mark.parametrize(("routing", "services"), [([], {"kinesis"}), ([Route(dest="drop")], {"kinesis", "dynamodb"})])
def test_the_event_pusher_makes_a_client_of_the_ledger_only_if_a_rule_drops(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, routing: list[Route], services: set[str]
) -> None:
    stack.package(routing)
    site = LambdaSite(os.environ)
    monkeypatch.setattr(lambdas, "_site", site)
    stack.call(lambdas.event_pusher, sent("sns-s3.json"))
    assert {"kinesis", "dynamodb", "s3", "sqs", "ssm"} & vars(site.clients).keys() == services


def test_the_main_func_asks_for_secrets_once_in_the_life_of_its_process(stack: Stack) -> None:
    class Counting:
        asked = 0

        def get_parameters(self, **names: Any) -> Any:
            self.asked += 1
            return aws.client("ssm").get_parameters(**names)

    site: Any = lambdas._site
    site.clients.ssm = counting = Counting()
    for key in ("azure/1", "azure/2", "azure/3"):
        stack.call(lambdas.main_func, payload_of(stack.put(key, {"n": 1})), Context(key))
    assert counting.asked == 1


IMPORT = """
import sys, time
begun = time.process_time()
import slips.lambdas
print(round((time.process_time() - begun) * 1000))
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_importing_the_functions_imports_neither_boto3_nor_what_only_the_command_line_needs() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    milliseconds, modules = done.stdout.splitlines()
    print(f"slips.lambdas: {milliseconds} ms of CPU")
    heavy = {
        "boto3",
        "botocore",
        "s3transfer",
        "urllib3",
        "typer",
        "click",
        "rich",
        "yaml",
        "pip",
        "sqlite3",
        "asyncio",
    }
    assert heavy & set(modules.split()) == set()


# ---- what a hop costs for each object event


OTHERS = re.compile(r"slips\.(telemetry|formats\..*|pipeline\.result|backends\.aws\.(ledger|error_table))$")
"""Modules that read and write other JSON than the events that travel: log lines, records, results, what is stored."""


class Conversions:
    """Counts JSON texts decoded, JSON texts encoded, and values converted to a struct, by modules of slips."""

    KINDS: ClassVar = {
        msgspec.json.decode: "decoded",
        msgspec.json.encode: "encoded",
        msgspec.convert: "converted",
        json.loads.__code__: "decoded",
        json.dumps.__code__: "encoded",
    }

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Counter[str]:
        sys.setprofile(self._called)
        return self.counts

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "call":
            caller, function = frame.f_back, frame.f_code
        elif event == "c_call":
            caller = frame
        else:
            return
        kind = self.KINDS.get(function) if function.__hash__ else None
        module = caller.f_globals.get("__name__", "") if caller is not None else ""
        if kind and module.startswith("slips.") and not OTHERS.match(module):
            self.counts[kind] += 1


def test_conversions_are_counted() -> None:
    """The counter itself: if it saw nothing, no test below could fail."""
    with Conversions() as counts:
        decode(encode(object_event("k")))
        evidence({}, 100)  # by `json`, in Python
    assert counts == {"encoded": 2, "decoded": 1, "converted": 1}


def by_queue(*events: ObjectEvent) -> Any:
    """A batch of SQS, a message of S3's for each."""
    (record, *_) = sent("sqs-s3.json")["Records"]
    return {"Records": [{**record, "messageId": f"m{number}"} for number, _ in enumerate(events)]}


def given_up(payload: Any) -> Any:
    """An on-failure record."""
    return {**sent("on-failure-main.json"), "requestPayload": payload}


@pytest.mark.parametrize(
    ("function", "payload", "cost"),
    [
        (lambdas.event_pusher, by_queue, {"decoded": 1, "encoded": 1}),
        (lambdas.dispatcher, lambda *events: kinesis(*map(encode, events)), {"decoded": 1, "converted": 1}),
        (lambdas.main_func, payload_of, {"converted": 1}),
        (lambdas.reporter, lambda *events: given_up(payload_of(*events)), {"converted": 1}),
        (
            lambdas.reporter,
            lambda *events: given_up(kinesis(*map(encode, events))),
            {"decoded": 1, "converted": 1},
        ),
    ],
    ids=["EventPusher", "Dispatcher", "MainFunc", "Reporter", "Reporter of a lane"],
)
def test_a_hop_decodes_an_object_event_once_and_encodes_it_once(
    stack: Stack, function: Callable[[Any, Any], Any], payload: Callable[..., Any], cost: dict[str, int]
) -> None:
    few, many = 1, 4
    spent = []
    for run, size in enumerate((few, few, many)):  # the first run pays for the start of a process, too
        events = [stack.put(f"azure/{run}/{number}", {"n": number}) for number in range(size)]
        given = payload(*events)
        with Conversions() as counts:
            stack.call(function, given, Context(f"r{run}"))
        spent.append(counts)
    _, less, more = spent
    more.subtract(less)
    assert {kind: count / (many - few) for kind, count in more.items() if count} == cost


def test_drain_decodes_an_undelivered_event_once_and_encodes_it_once(stack: Stack) -> None:
    spent = []
    for run, size in enumerate((1, 1, 4)):
        put_undelivered(stack, *(object_event(f"{run}/{number}") for number in range(size)))
        with Conversions() as counts:
            assert stack.call(lambdas.drain, {})["undelivered"] == size
        spent.append(counts)
    _, less, more = spent
    more.subtract(less)
    lane, replay = 1, 1  # the latter is what names the replay
    assert {kind: count / 3 for kind, count in more.items() if count} == {"converted": 1, "encoded": lane + replay}


def test_a_continuation_is_encoded_once_for_its_lane(stack: Stack) -> None:
    spent = []
    for run, milliseconds in enumerate((900_000, 900_000, 1)):
        event = stack.put(f"azure/{run}", *({"n": number} for number in range(5)))
        with Conversions() as counts:
            stack.call(lambdas.main_func, payload_of(event), Context(f"r{run}", milliseconds))
        spent.append(counts)
    (rest,) = stack.lane()
    assert rest.records is not None
    _, whole, part = spent
    part.subtract(whole)
    assert {kind: count for kind, count in part.items() if count} == {"encoded": 1}
