"""Costs of a month on AWS: `python bench/costs.py` prints docs/costs.md, `--measure` the CPU time it counts with.

Calls, bytes and log lines are counted: the functions' own code runs here, with AWS's own clients, whose requests are
answered before they are sent. Resources are those of the template. What cannot be counted here is in `PRICES`,
`LATENCY` and `CPU`, each named once, with where it comes from.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse
from msgspec import Struct

from corpus import sign_ins
from slips import lambdas, telemetry
from slips.backends.aws.clients import Clients
from slips.backends.aws.dispatch_batch import records_at_once
from slips.backends.aws.ledger import DynamoLedger
from slips.config import Config, parse
from slips.deploy import template
from slips.site.function import LambdaSite

PRICES = {
    "lambda_request": 0.20e-6,  # https://aws.amazon.com/lambda/pricing/
    "lambda_gb_second": 0.0000133334,  # arm64, first tier
    "stream_hour": 0.04,  # https://aws.amazon.com/kinesis/data-streams/pricing/, on demand
    "stream_gb_in": 0.08,  # each record rounded up to 1 KB
    "stream_gb_out": 0.04,
    "stream_gb_month_kept": 0.10,  # beyond 24 hours, on demand
    "shard_hour": 0.015,
    "shard_hour_kept": 0.02,  # beyond 24 hours, up to 7 days
    "put_unit": 0.014e-6,  # 25 KB
    "write_unit": 0.625e-6,  # https://aws.amazon.com/dynamodb/pricing/on-demand/, 1 KB
    "read_unit": 0.125e-6,  # 4 KB, strongly consistent
    "table_gb_month": 0.25,
    "s3_list": 0.005e-3,  # up to 1,000 keys
    "s3_get": 0.0004e-3,  # https://aws.amazon.com/s3/pricing/
    "sns_publish": 0.50e-6,  # https://aws.amazon.com/sns/pricing/; what S3 publishes counts; to Lambda is free
    "log_gb": 0.50,  # https://aws.amazon.com/cloudwatch/pricing/
    "log_gb_month": 0.03,  # compressed, to 15 % by CloudWatch's own estimate
    "metric_month": 0.30,
    "alarm_metric_month": 0.10,
    "dashboard_month": 3.00,
    "kms_request": 0.03e-4,  # https://aws.amazon.com/kms/pricing/; keys of AWS's own have no other price
}
"""US dollars in us-east-1, in November 2026, without free tiers and taxes."""

LATENCY = {"kinesis": 15.0, "lambda": 20.0, "dynamodb": 6.0, "s3": 30.0}
"""Milliseconds that a function waits for an answer from within the region: usual ones, assumed."""

CPU = {"EventPusher": 2.0, "Dispatcher": 1.0, "Invoke": 1.5, "MainFunc": 1.0, "Object": 8.0}
"""Milliseconds of one core for an invocation, and for each Invoke and object in it: twice what `--measure` gave in
November 2026, as Lambda's cores may be slower."""

CORE_MEGABYTES = 1769
"""Memory with which a function has a whole core.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
HOURS, DAYS = 730, 730 / 24
"""Of a month."""
ON_DEMAND_SHARDS = 4
"""That a stream on demand begins with; Lambda polls each once a second."""
LOG_EVENT_BYTES = 26
"""That CloudWatch adds to each line."""
LOG_COMPRESSED = 0.15
ITEM_BYTES = 100
"""That DynamoDB adds to each item stored."""
KMS_CREDENTIALS = 10
"""Execution environments that use the stream at a time, each with a key of its own for five minutes, assumed.
https://docs.aws.amazon.com/streams/latest/dev/costs-performance.html"""
NOW = 1_795_867_200.0
OBJECT_BYTES = 100_000
OBJECTS_A_DAY = 1_000_000
KEY = "AWSLogs/123456789012/sign-ins/us-east-1/2026/11/28/sign-ins_us-east-1_20261128T0800Z_{:016x}.json"
BASE = """\
stack_name: logs
base: {{sam: {{code_bucket: my-code}}}}
backend: {backend}
handler: {{path: handler.py, {handler}}}
bucket_mapping: {{my-logs: [{{prefix: AWSLogs/, format: azure-ad-event}}]}}
"""
HANDLER = (
    "import slips.interface\n\nclass Count(slips.interface.Handler):\n    def recv(self, meta, event):\n        pass\n"
)


class Setting(Struct):
    """A config whose month is counted."""

    name: str
    backend: str
    handler: str = ""

    @property
    def config(self) -> Config:
        return parse(BASE.format(backend=self.backend, handler=self.handler))


TOPIC = "sns_topics: [{name: Logs, arn: 'arn:aws:sns:us-east-1:123456789012:logs'}]"
CHEAP = (
    "s3_direct: true, stream_shards: 1, stream_retention_hours: 24, ledger_days: 30, dashboard: false, "
    "lane: {fast: {batch_size: 20, batch_window: 5}}"
)
SETTINGS = [
    Setting("with a topic", f"{{{TOPIC}}}"),
    Setting("as `init` writes it", "{s3_direct: true}"),
    Setting("documented settings", f"{{{CHEAP}}}", "memory_size: 512"),
    Setting("and only warnings", f"{{{CHEAP}, log_level: warning}}", "memory_size: 512"),
]


class Context:
    """An invocation, as AWS tells a function of it."""

    aws_request_id = "0f1e2d3c-0000-0000-0000-000000000000"
    function_name = "a-function"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


class Wire:
    """Answers the requests of AWS's clients, and keeps what they cost."""

    def __init__(self) -> None:
        line = b"".join(json.dumps(each).encode() + b"\n" for each in islice(sign_ins(random.Random(1)), 90))
        self.body = line[: line.rindex(b"\n", 0, OBJECT_BYTES) + 1]
        self.records: list[bytes] = []
        self.payloads: list[bytes] = []
        self.items: dict[str, dict[str, Any]] = {}
        self.calls: dict[str, int] = dict.fromkeys(LATENCY, 0)
        self.write_units = self.read_units = 0

    def clients(self) -> Clients:
        made = Clients(region="us-east-1")
        for name, client in (
            *(("s3", made.s3), ("kinesis", made.kinesis)),
            *(("dynamodb", made.dynamodb), ("lambda", made.functions)),
        ):
            answer: Any = partial(self._answer, name)
            client.meta.events.register("before-send", answer)
        return made

    def _answer(self, service: str, request: Any, **_: Any) -> AWSResponse:
        self.calls[service] += 1
        asked: Any = json.loads(request.body) if service in ("kinesis", "dynamodb") else None
        headers: Any = {}
        if service == "s3":
            body = self.body
            headers = {"ETag": '"9b2cf535f27731c974343645a3985328"', "Last-Modified": "Sat, 28 Nov 2026 08:00:00 GMT"}
        elif service == "kinesis":
            self.records += [base64.b64decode(record["Data"]) for record in asked["Records"]]
            told = [{"SequenceNumber": "1", "ShardId": "s"} for _ in asked["Records"]]
            body = json.dumps({"FailedRecordCount": 0, "Records": told}).encode()
        elif service == "lambda":
            self.payloads.append(bytes(request.body))
            body = b""
        else:
            body = json.dumps(self._table(request.headers["X-Amz-Target"].decode(), asked)).encode()
        headers["Content-Length"] = str(len(body))
        return AWSResponse(request.url, 202 if service == "lambda" else 200, headers, _Raw(body))

    def _table(self, target: str, asked: dict[str, Any]) -> dict[str, Any]:
        key = next(iter(asked["Key"].values()))["S"]
        before = self.items.get(key, {})
        if target.endswith("GetItem"):
            self.read_units += max(1, math.ceil(_size(before) / 4096))
            return {"Item": before} if before else {}
        names, values = asked["ExpressionAttributeNames"], asked["ExpressionAttributeValues"]
        written = {names[f"#{name[1:]}"]: value for name, value in values.items() if f"#{name[1:]}" in names}
        after = {**asked["Key"], **before, **written}
        removed = asked["UpdateExpression"].partition(" REMOVE ")[2].split(", ")
        self.items[key] = {name: value for name, value in after.items() if f"#{name}" not in removed}
        self.write_units += math.ceil(max(_size(before), _size(after)) / 1024)
        return {"Attributes": before} if before else {}


class _Raw(io.BytesIO):
    """A response body as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _size(item: dict[str, Any]) -> int:
    """Bytes as DynamoDB counts them: names and values."""
    return sum(len(name) + len(str(next(iter(value.values()))).encode()) for name, value in item.items())


@contextmanager
def running(config: Config, wire: Wire) -> Iterator[LambdaSite]:
    """The functions of a stack, on the wire."""
    site, before = LambdaSite(os.environ), dict(os.environ)
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "handler.py").write_text(HANDLER)
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "counted",
            "AWS_SECRET_ACCESS_KEY": "counted",
            "SLIPS_STACK": "logs",
            "SLIPS_LOG_LEVEL": config.backend.log_level,
            "SLIPS_FAST_STREAM_ARN": "arn:aws:kinesis:us-east-1:123456789012:stream/logs-EventFastStream-1ABCDEFGHIJKL",
            "SLIPS_SLOW_STREAM_ARN": "arn:aws:kinesis:us-east-1:123456789012:stream/logs-EventSlowStream-1ABCDEFGHIJKL",
            "SLIPS_MAIN_FUNC": "arn:aws:lambda:us-east-1:123456789012:function:logs-MainFunc-1ABCDEFGHIJKL",
            "SLIPS_BATCH_SIZE": str(config.backend.lane.fast.batch_size),
            "SLIPS_ERROR_TABLE": "logs-ErrorTable-1ABCDEFGHIJKL",
        }
        packaged = parse(BASE.format(backend="{s3_direct: true}", handler=""), str(Path(root) / "slips.yml"))
        clients = wire.clients()
        ledger = DynamoLedger(clients.dynamodb, "logs-Ledger-1ABCDEFGHIJKL", lambda: NOW)
        site.__dict__.update(config=packaged, clients=clients, ledger=ledger)
        former, lambdas._site = lambdas._site, site
        root_logger, level = logging.getLogger(), telemetry.log.level
        handlers, root_logger.handlers = root_logger.handlers, []
        telemetry.log.setLevel(logging.NOTSET)
        try:
            yield site
        finally:
            lambdas._site, root_logger.handlers = former, handlers
            telemetry.log.setLevel(level)
            os.environ.clear()
            os.environ.update(before)


def notification(number: int, by_topic: bool) -> dict[str, Any]:
    """The payload of EventPusher."""
    event = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-28T08:00:00.123Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": "my-logs", "arn": "arn:aws:s3:::my-logs"},
            "object": {
                **{"key": KEY.format(number), "size": OBJECT_BYTES, "eTag": "9b2cf535f27731c974343645a3985328"},
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    if not by_topic:
        return {"Records": [event]}
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps({"Records": [event]})}}]}


def lane_batch(records: list[bytes]) -> dict[str, Any]:
    """The payload of a dispatcher."""
    return {
        "Records": [
            {
                "kinesis": {"data": base64.b64encode(data).decode(), "sequenceNumber": str(number)},
                "eventID": f"shardId-000000000000:{number}",
                "eventSource": "aws:kinesis",
                "eventSourceARN": os.environ["SLIPS_FAST_STREAM_ARN"],
            }
            for number, data in enumerate(records)
        ]
    }


class Counted(Struct):
    """The work of some objects in one function: invocations, calls by service, bytes of logs."""

    invocations: int
    calls: dict[str, int]
    log_bytes: int
    log_lines: int
    seconds: float


def counted(wire: Wire, handler: Any, payloads: list[Any]) -> Counted:
    before, said = dict(wire.calls), io.StringIO()
    with redirect_stdout(said):
        for each in logging.getLogger().handlers:
            if isinstance(each, logging.StreamHandler):
                each.setStream(said)
        begun = time.process_time()
        for payload in payloads:
            handler(payload, Context())
        seconds = time.process_time() - begun
    calls = {service: wire.calls[service] - before[service] for service in before}
    lines = said.getvalue().splitlines()
    return Counted(len(payloads), calls, sum(map(_log_bytes, lines)), len(lines), seconds)


def _log_bytes(line: str) -> int:
    """Of a line, with numbers as long as they are in any run."""
    told = json.loads(line)
    for name, usual in (("Duration", 123.456), ("Lag", 12.345)):
        if name in told:
            told[name] = [usual] * len(told[name]) if isinstance(told[name], list) else usual
    return len(json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()) + LOG_EVENT_BYTES


class Month(Struct):
    """Dollars by what they are for; and the counts that a reader asks for first."""

    dollars: dict[str, float]
    facts: dict[str, str]

    @property
    def total(self) -> float:
        return sum(self.dollars.values())


def month(setting: Setting, objects_a_day: int) -> Month:
    """The costs of a month."""
    config, wire = setting.config, Wire()
    lane, shards = config.backend.lane.fast, config.backend.stream_shards or ON_DEMAND_SHARDS
    made = template.build(config, template.Code("my-code", "slips.zip"))["Resources"]
    memory = {
        name.replace("Fast", ""): one["Properties"]["MemorySize"] / 1024
        for name, one in made.items()
        if one["Type"] == "AWS::Lambda::Function"
    }
    # How many records a dispatcher is given: what a shard has gathered since the poll, or the window, before.
    a_second = objects_a_day / 86_400 / shards
    records = max(1.0, min(records_at_once(lane), a_second * max(1, lane.batch_window) / lane.parallelization))
    some = round(records)
    by_topic = bool(config.backend.sns_topics)
    with running(config, wire):
        pushed = counted(wire, lambdas.event_pusher, [notification(number, by_topic) for number in range(some)])
        given = counted(wire, lambdas.dispatcher, [lane_batch(wire.records)])
        done = counted(wire, lambdas.main_func, [json.loads(payload) for payload in wire.payloads])
    assert len(wire.items) == some, wire.items
    assert all(item["status"]["S"] == "done" for item in wire.items.values())

    objects = objects_a_day * DAYS
    each = objects / some
    cpu = {
        "EventPusher": CPU["EventPusher"] * some,
        "Dispatcher": CPU["Dispatcher"] + CPU["Invoke"] * given.calls["lambda"],
        "MainFunc": CPU["MainFunc"] * done.invocations + CPU["Object"] * some,
    }
    stages = {"EventPusher": pushed, "Dispatcher": given, "MainFunc": done}
    gigabyte_seconds = requests = log_bytes = 0.0
    for name, stage in stages.items():
        waits = sum(LATENCY[service] * calls for service, calls in stage.calls.items())
        share = min(1.0, memory[name] * 1024 / CORE_MEGABYTES)
        milliseconds = (waits + cpu[name] / share) / stage.invocations
        gigabyte_seconds += memory[name] * math.ceil(milliseconds) / 1000 * stage.invocations * each
        requests += stage.invocations * each
        log_bytes += stage.log_bytes * each
    streams = [one["Properties"] for one in made.values() if one["Type"] == "AWS::Kinesis::Stream"]
    gigabytes = objects * math.ceil(len(wire.records[0]) / 1024) * 1024 / 1e9
    stream_dollars = 0.0
    for stream in streams:
        more_than_a_day = (stream["RetentionPeriodHours"] - 24) / 24
        if count := stream.get("ShardCount"):
            kept = PRICES["shard_hour_kept"] if more_than_a_day else 0
            stream_dollars += count * HOURS * (PRICES["shard_hour"] + kept)
        else:
            stream_dollars += HOURS * PRICES["stream_hour"]
    if config.backend.stream_shards:
        stream_dollars += objects * PRICES["put_unit"]
    else:
        kept = gigabytes / DAYS * more_than_a_day * PRICES["stream_gb_month_kept"]
        stream_dollars += gigabytes * (PRICES["stream_gb_in"] + PRICES["stream_gb_out"]) + kept
    item = sum(map(_size, wire.items.values())) / some + ITEM_BYTES
    stored = item * objects_a_day * config.backend.ledger_days / 1e9
    logs = log_bytes / 1e9
    days = config.backend.log_retention_days
    lanes_used = 1 if objects_a_day else 0
    metrics = (len(telemetry.UNITS) - len(telemetry.BY_LANE) + len(telemetry.BY_LANE) * lanes_used) * lanes_used
    kms = KMS_CREDENTIALS * HOURS * 12 * lanes_used
    return Month(
        {
            "Lambda: requests": requests * PRICES["lambda_request"],
            "Lambda: time": gigabyte_seconds * PRICES["lambda_gb_second"],
            "Kinesis: streams": stream_dollars,
            "DynamoDB: ledger, written": each
            * (wire.write_units * PRICES["write_unit"] + wire.read_units * PRICES["read_unit"]),
            "DynamoDB: ledger, kept": stored * PRICES["table_gb_month"],
            "S3: read": each * done.calls["s3"] * PRICES["s3_get"],
            "SNS: published by S3": objects * PRICES["sns_publish"] * by_topic,
            "CloudWatch: logs": logs * PRICES["log_gb"] + logs * days / DAYS * LOG_COMPRESSED * PRICES["log_gb_month"],
            "CloudWatch: metrics": metrics * PRICES["metric_month"],
            "CloudWatch: alarms, dashboard": _alarm_metrics(made) * PRICES["alarm_metric_month"]
            + PRICES["dashboard_month"] * config.backend.dashboard,
            "KMS: requests of the stream": kms * PRICES["kms_request"],
        },
        {
            "objects for a dispatcher": f"{records:.1f}",
            "objects for a MainFunc": f"{some / done.invocations:.1f}",
            "bytes of logs for an object": f"{log_bytes / objects:,.0f}" if objects else "",
            "DynamoDB units for an object": f"{(wire.write_units + wire.read_units) / some:.1f}",
            "bytes of an entry of the ledger": f"{item - ITEM_BYTES:,.0f}",
        },
    )


AUDITED = 1_000_000
"""Objects, and entries of the ledger, of a daily audit."""
AUDIT_SECONDS = 400.0
"""Of such an audit, assumed: 100 ms for each page of 1,000 keys, and for each of DynamoDB's, of 1 MB; 40 µs of CPU for
an object; the rest is for reading DynamoDB's JSON."""


def audit_month() -> float:
    """Dollars of a month for the daily audit of AUDITED objects."""
    made = template.build(changed(SETTINGS[1], "audit: daily"), template.Code("my-code", "slips.zip"))["Resources"]
    without = template.build(SETTINGS[1].config, template.Code("my-code", "slips.zip"))["Resources"]
    memory = made["Audit"]["Properties"]["MemorySize"] / 1024
    ledger_bytes = 785 * AUDITED  # as this page counts an entry, and what DynamoDB adds
    a_day = (
        AUDITED / 1000 * PRICES["s3_list"]
        + ledger_bytes / 4096 / 2 * PRICES["read_unit"]  # eventually consistent
        + memory * AUDIT_SECONDS * PRICES["lambda_gb_second"]
    )
    alarms = (_alarm_metrics(made) - _alarm_metrics(without)) * PRICES["alarm_metric_month"]
    return float(a_day * DAYS + alarms + len(telemetry.OF_AUDITS) * PRICES["metric_month"])


def changed(setting: Setting, more: str) -> Config:
    """The config of a setting with one more key of `backend`."""
    return parse(BASE.format(backend=setting.backend.replace("{", f"{{{more}, ", 1), handler=setting.handler))


def _alarm_metrics(made: dict[str, Any]) -> int:
    """Metrics that alarms watch: that is what is charged."""
    alarms = [one["Properties"] for one in made.values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    return sum(sum("MetricStat" in each for each in one.get("Metrics", ())) or 1 for one in alarms)


PAGE = """\
# Costs

What a month in us-east-1 costs, in US dollars: {objects:,} objects of {size} KB a day, and nothing at all. The command
`python bench/costs.py` counts it: the calls, bytes and log lines of the functions as they are, and the resources of the
template. Prices, latencies and CPU times are named there, once. Free tiers of the account are not taken off; the
handler's own time, and what it calls, comes on top.

{table}

Counted in it:

{facts}

The settings:

{settings}

## What makes it less

- **Shards instead of streams on demand**: `stream_shards: 1` takes 1,000 objects a second; what a stream refuses for a
  moment is put again. Two streams on demand cost ${on_demand:.0f} a month before the first object, two of a shard each
  ${one_shard:.0f}.
- **A day of retention** (`stream_retention_hours: 24`) on shards: a week of it costs ${week:.0f} more. What waits on a
  lane for longer than the retention allows becomes error items, which `slips drain` puts back. New stacks with shards
  begin so; a stack keeps what it has until the config names another.
- **Full batches**: `batch_size` and `batch_window` of a lane make fewer invocations; an object waits up to the window.
- **Less memory** (`handler.memory_size`), where the handler waits more than it computes.
- **A shorter ledger** (`ledger_days`): so long what is notified again is known to be done.
- **Fewer lines** (`log_level: warning`): failures and metrics are logged in any case.
- **No dashboard** (`dashboard: false`), if the account has three: the first three are free, and so are ten metrics that
  alarms watch.
- **No topic in between** (`s3_direct: true`), if nobody else needs it.

The daily audit (`audit: daily`) of {audited:,} objects with as many entries of the ledger costs ${audit:.2f} more.

Most of it is by the object, not by the byte: a few large objects cost less than many small ones.
"""


@cache
def page() -> str:
    """docs/costs.md."""
    busy = [month(setting, OBJECTS_A_DAY) for setting in SETTINGS]
    idle = [month(setting, 0) for setting in SETTINGS]
    head = "| | " + " | ".join(setting.name for setting in SETTINGS) + " |"
    rule = "|---|" + "--:|" * len(SETTINGS)
    rows = [
        f"| {name} | " + " | ".join(f"{each.dollars[name]:.2f}" for each in busy) + " |" for name in busy[0].dollars
    ]
    total = "| **a month** | " + " | ".join(f"**${each.total:.0f}**" for each in busy) + " |"
    nothing = "| **a month of nothing** | " + " | ".join(f"**${each.total:.0f}**" for each in idle) + " |"
    facts = [f"| {name} | " + " | ".join(each.facts[name] for each in busy) + " |" for name in busy[0].facts]
    settings = [
        f"- {setting.name}: `backend: {setting.backend}`"
        + (f", `handler: {{{setting.handler}}}`" if setting.handler else "")
        for setting in SETTINGS
    ]
    return PAGE.format(
        objects=OBJECTS_A_DAY,
        size=OBJECT_BYTES // 1000,
        table="\n".join([head, rule, *rows, total, nothing]),
        facts="\n".join([head, rule, *facts]),
        settings="\n".join(settings),
        on_demand=2 * HOURS * PRICES["stream_hour"],
        one_shard=2 * HOURS * PRICES["shard_hour"],
        audited=AUDITED,
        audit=audit_month(),
        week=2 * HOURS * PRICES["shard_hour_kept"],
    )


def measure(repeats: int = 300) -> dict[str, float]:
    """Milliseconds of CPU as in `CPU`, warm."""
    config, wire = SETTINGS[0].config, Wire()
    with running(config, wire):
        notifications = [notification(number, False) for number in range(repeats)]
        counted(wire, lambdas.event_pusher, notifications[:20])
        wire.records.clear()
        pushed = counted(wire, lambdas.event_pusher, notifications)
        given = [counted(wire, lambdas.dispatcher, [lane_batch(wire.records[:count])]) for count in (1, 1, 101)]
        payloads = [json.loads(payload) for payload in wire.payloads[2:]]
        done = [counted(wire, lambdas.main_func, some) for some in (payloads[:1], payloads[1:])]
    return {
        "EventPusher": pushed.seconds / repeats * 1000,
        "Dispatcher": given[1].seconds * 1000,
        "Invoke": (given[2].seconds - given[1].seconds) / 100 * 1000,
        "MainFunc, Object": done[1].seconds / done[1].invocations * 1000,
    }


def report() -> None:
    """Prints what a month costs, and the CPU time that this machine takes for what `CPU` assumes."""
    for setting in SETTINGS:
        busy, idle = month(setting, OBJECTS_A_DAY).total, month(setting, 0).total
        print(f"a month on AWS             ${busy:.0f}, of nothing ${idle:.0f}: {setting.name}")
    print("CPU of the functions, ms   " + ", ".join(f"{name} {each:.1f}" for name, each in measure().items()))


if __name__ == "__main__":
    print(measure() if "--measure" in sys.argv[1:] else page())
