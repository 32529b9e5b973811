"""The functions of a stack, invoked as AWS invokes them, with tables, lanes and a queue in AWS in memory."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

import aws
from metrics import check_metrics
from slips import lambdas, telemetry
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.ledger import DynamoLedger
from slips.backends.aws.queue import UndeliveredQueue
from slips.config import PACKAGED, Config, HandlerConfig, Mapping, Route
from slips.envelope.lane import decode
from slips.model import ErrorItem, Lane, ObjectEvent
from slips.site.function import LambdaSite

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
KEY = "azure/2018-03-29/a b+c=é.json.gz"


class Context:
    """The context that AWS passes with an invocation."""

    function_name = "a-function"

    def __init__(self, request_id: str = "r1", milliseconds: int = 900_000) -> None:
        self.aws_request_id, self.milliseconds = request_id, milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


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

    def package(
        self, routing: list[Route] | None = None, handler: str = HANDLER, mappings: list[Mapping] | None = None
    ) -> None:
        """What deploy packs; and new execution environments."""
        (self._root / "handler.py").write_text(handler)
        config = Config(
            stack_name="prod",
            handler=HandlerConfig(path="handler.py", args={"secret": "{{ssm:/my/key}}"}),
            bucket_mapping={"example-logs": mappings or [Mapping("azure/", ["s3-lines", "json"])]},
            routing=routing or [],
        )
        (self._root / PACKAGED).write_bytes(msgspec.json.encode(config))
        site = LambdaSite(os.environ)
        names = ("s3", "kinesis", "dynamodb", "sqs", "ssm", "secretsmanager")
        clients: Any = SimpleNamespace(
            functions=self.functions, shortcut=None, **{name: aws.client(name) for name in names}
        )
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


def notified(message: str, kind: str = "Notification") -> str:
    """What SNS writes into a queue, unless the subscription is raw."""
    topic = "arn:aws:sns:us-east-1:123456789012:logs"
    return json.dumps({"Type": kind, "TopicArn": topic, "Message": message, "SubscribeURL": "https://sns/confirm"})


def kinesis(*data: bytes | str) -> dict[str, Any]:
    """A batch like AWS's, of other records."""
    (record, *_) = sent("kinesis.json")["Records"]
    records = []
    for number, each in enumerate(data, 1):
        text = base64.b64encode(each.encode() if isinstance(each, str) else each).decode()
        records.append({**record, "kinesis": {**record["kinesis"], "data": text, "sequenceNumber": str(number)}})
    return {"Records": records}


def payload_of(*events: ObjectEvent) -> Any:
    return [event.to_dict() for event in events]


def put_undelivered(stack: Stack, *events: ObjectEvent) -> None:
    """As the Lambda service does, when even the reporter failed."""
    record = {"requestContext": {"requestId": "r", "condition": "RetriesExhausted"}}
    record["requestPayload"] = payload_of(*events)
    aws.client("sqs").send_message(QueueUrl=stack.queue, MessageBody=json.dumps(record))
