"""The keys of slips.yml below `backend`: streams, tables, topics, queues, lanes, and the state of this machine."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct, field

from slips.config.buckets import S3Bucket
from slips.config.notes import BUCKET, PATH, SHARE, SOURCE, WORD, an_arn
from slips.format import a_key


class SnsTopic(Struct, frozen=True):
    """A topic that your buckets notify of new objects."""

    name: Annotated[str, WORD, SOURCE]
    arn: Annotated[str, an_arn("The topic.", "sns", "seclog-event", senders=("s3", "events"))]


class SqsQueue(Struct, frozen=True):
    """A queue that your buckets, or a topic in between, notify of new objects."""

    name: Annotated[str, WORD, SOURCE]
    arn: Annotated[str, an_arn("The queue.", "sqs", "seclog-event", has_roles=True, senders=("s3", "sns", "events"))]


class RoleArns(Struct, frozen=True):
    """Roles that exist already. Deploy makes those that are not given."""

    event_pusher: Annotated[str, an_arn("Role of the event pusher.", "iam", "role/EventPusher")] | None = None
    dispatcher: Annotated[str, an_arn("Role of the dispatchers.", "iam", "role/Dispatcher")] | None = None
    reporter: Annotated[str, an_arn("Role of the reporter.", "iam", "role/Reporter")] | None = None
    drain: Annotated[str, an_arn("Role of the drain.", "iam", "role/Drain")] | None = None
    audit: Annotated[str, an_arn("Role of the audit.", "iam", "role/Audit")] | None = None


class LaneConfig(Struct, frozen=True):
    """How fast a lane is emptied."""

    batch_size: Annotated[int, a_key("Objects given to one MainFunc invocation, at most.", ge=1, le=10_000)] = 1
    delay: Annotated[int, a_key("Seconds to wait before each MainFunc invocation.", ge=0, le=300)] = 0
    parallelization: Annotated[
        int, a_key("Dispatchers at once for each shard of the lane, on AWS; each waits by itself.", ge=1, le=10)
    ] = 1
    batch_window: Annotated[
        int,
        a_key("Seconds to gather objects for a dispatcher, at most, on AWS: fewer, fuller invocations.", ge=0, le=300),
    ] = 0
    break_at: (
        Annotated[
            int,
            SHARE,
            a_key(
                "Share of 20 objects of a handler whose failure pauses the lane for all of them; the rest waits "
                "([more](service.md#brakes)). Not set: 90% in `slips up`, off in `slips run` and on AWS.",
                "50%",
            ),
        ]
        | None
    ) = None


class Lanes(Struct, frozen=True):
    """The two lanes; `routing` chooses the lane of each object."""

    fast: LaneConfig = field(default_factory=LaneConfig)
    slow: LaneConfig = field(default_factory=LaneConfig)


class Embedded(Struct, frozen=True):
    """Runs on this machine: directories stand for buckets, or S3 has them. `deploy` ignores it."""

    path: Annotated[str, PATH, a_key("State directory: error table, ledger, lanes. Made when needed.")] = ".slips"
    buckets: Annotated[
        dict[Annotated[str, BUCKET], Annotated[str, PATH] | S3Bucket],
        a_key(
            "Directory of each bucket; or the bucket in S3 in which `up` and `run` find new objects.",
            {"my-logs": "data/my-logs"},
            expected="a mapping of names to directories, or to mappings such as {s3: my-logs}",
        ),
    ] = {}
    settle: Annotated[
        int,
        a_key(
            "Seconds for which size and time of a file must not change before `up` takes it; 0 if files are moved into "
            "their directory when they are complete.",
            ge=0,
            le=3600,
        ),
    ] = 2

    @property
    def directories(self) -> dict[str, str]:
        """The directories that stand for buckets, by the names of these, as the config has them."""
        return {name: place for name, place in self.buckets.items() if isinstance(place, str)}

    @property
    def in_s3(self) -> dict[str, S3Bucket]:
        """The buckets whose new objects are found in S3, by the names that mappings and routing have."""
        return {name: place for name, place in self.buckets.items() if isinstance(place, S3Bucket)}


class BackendConfig(Struct, frozen=True):
    """Streams, tables, topics and queues. `deploy` makes resources that are not given."""

    sns_topics: Annotated[list[SnsTopic], a_key("Topics that your buckets notify.")] = []
    sqs_queues: Annotated[list[SqsQueue], a_key("Queues that your buckets notify.")] = []
    eventbridge: Annotated[bool, a_key("Take EventBridge's `Object Created` events of the mapped buckets.")] = False
    s3_direct: Annotated[bool, a_key("Let the mapped buckets notify the event pusher itself.")] = False
    role_arn: RoleArns = field(default_factory=RoleArns)
    kinesis_stream_fast_arn: (
        Annotated[str, an_arn("Stream of the fast lane.", "kinesis", "stream/fast", has_roles=True)] | None
    ) = None
    kinesis_stream_slow_arn: (
        Annotated[str, an_arn("Stream of the slow lane.", "kinesis", "stream/slow", has_roles=True)] | None
    ) = None
    dynamodb_arn: (
        Annotated[str, an_arn("Table of error items.", "dynamodb", "table/ErrorTable", has_roles=True)] | None
    ) = None
    # Lambda sends failures to the topic in the name of the function's role, not in its own.
    dlq_sns_arn: Annotated[str, an_arn("Topic of failed invocations.", "sns", "slips-dlq", has_roles=True)] | None = (
        None
    )
    kms_key_arns: Annotated[
        list[Annotated[str, an_arn("A key.", "kms", "key/0f1e2d3c", home="anywhere")]],
        a_key("Keys that encrypt your buckets and secrets: the main func may decrypt with them.", ["arn:aws:kms:…"]),
    ] = []
    alarm_sns_arn: (
        Annotated[str, an_arn("Topic that the stack's alarms notify.", "sns", "on-call", senders=("cloudwatch",))]
        | None
    ) = None
    dashboard: Annotated[
        bool, a_key("Make a dashboard, which has a price a month beyond an account's first three.")
    ] = True
    stream_shards: (
        Annotated[
            int,
            a_key(
                "Shards of each lane's stream; 0: on demand; not set: as the stack has it, a new one on demand.",
                ge=0,
                le=10_000,
            ),
        ]
        | None
    ) = None
    stream_retention_hours: (
        Annotated[
            int,
            a_key(
                "Hours that the streams keep object events; not set: as the stack has it, a new one 24 with "
                "`stream_shards`, where more has a price an hour, else 168.",
                ge=24,
                le=8760,
            ),
        ]
        | None
    ) = None
    log_retention_days: Annotated[
        Literal[
            1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
        ],
        a_key("Days that the functions' logs are kept."),
    ] = 30
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        a_key(
            "Least severe lines that slips itself logs on AWS: `info` is one for each object, and metrics come in any "
            "case."
        ),
    ] = "info"
    audit: (
        Annotated[
            Literal["daily"],
            a_key(
                "Compare the buckets with the ledger every day ([more](audit.md#every-day)): on AWS by a function, "
                "with an alarm if something is missing; here by `slips up`."
            ),
        ]
        | None
    ) = None
    ledger_days: Annotated[
        int,
        a_key(
            "Days that the ledger remembers an object: on AWS since it was processed, here since its file is absent.",
            ge=1,
            le=36_500,
        ),
    ] = 90
    lane: Lanes = field(default_factory=Lanes)
    embedded: Embedded | None = None
