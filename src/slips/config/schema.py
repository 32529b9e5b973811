"""slips.yml: the one declaration of its keys, with their descriptions, limits and ARNs. Those of handlers: `handler`.

The checks, the JSON Schema for editors and docs/config.md follow from it. The functions on AWS import it at start.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from slips.config.buckets import S3Bucket
from slips.config.handler import HandlerConfig, HandlerSpec, MappingHandler
from slips.config.notes import (
    BUCKET,
    CODE_BUCKET,
    HANDLER,
    KEYS,
    REQUIRED,
    SHARE,
    SIZE,
    SOURCE,
    STACK,
    STEP,
    TAG_KEY,
    TAG_VALUE,
    WORD,
    a_shared_arn,
    an_arn,
)
from slips.format import SHORT, RecordLimits, a_key
from slips.pattern import Pattern, runs, selecting
from slips.step import Step, name_of, written

_Text = Annotated[str, Meta(min_length=1)]


# ---- the declaration


class Sam(Struct, frozen=True):
    """Where deploy puts the code. The top-level key `sam` means the same as `base.sam`."""

    code_bucket: Annotated[str, CODE_BUCKET, a_key("Bucket for the code; needed by `deploy`.", "my-code")]
    code_prefix: Annotated[str, a_key("Folder in that bucket.", "functions")] = ""


class Base(Struct, frozen=True):
    """Settings of `deploy`. The top-level key `sam` means the same as `base.sam`."""

    sam: Sam = field(default_factory=lambda: Sam(code_bucket=""))


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

    path: Annotated[_Text, a_key("State directory: error table, ledger, lanes. Made when needed.")] = ".slips"
    buckets: Annotated[
        dict[Annotated[str, BUCKET], _Text | S3Bucket],
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


class Route(Struct, frozen=True, kw_only=True):
    """Which objects take which lane."""

    bucket: Annotated[str, a_key("Only objects of this bucket.")] | None = None
    prefix: Annotated[str, a_key("Only keys that begin so.", "logs/debug/")] | None = None
    pattern: Annotated[str, KEYS, a_key("Only keys that fit; not beside `prefix`.", "**/debug/**")] | None = None
    dest: Annotated[
        Literal["fast", "slow", "drop"], a_key("Lane; `drop` ignores the object, and the ledger says so.", "slow")
    ]

    @property
    def keys(self) -> Pattern:
        """The keys that fit."""
        return selecting(self.prefix, self.pattern)

    @property
    def written(self) -> str:
        """The prefix or the pattern, as the config has it; empty for all keys."""
        return self.pattern or self.prefix or ""


class Mapping(Struct, frozen=True):
    """How objects are parsed. The most literal characters win; on a tie `prefix`, then the first of the list."""

    prefix: (
        Annotated[
            str,
            a_key("How the keys begin; `''` is all of the bucket. A mapping has this or `pattern`.", "logs/azure_ad/"),
        ]
        | None
    ) = None
    format: Annotated[
        Sequence[Annotated[Step, STEP]],
        Meta(min_length=1, extra_json_schema=SHORT | REQUIRED),
        a_key(
            "Names of formats: a reader, then parsers; a parser in the first place brings its usual chain. "
            "`path/file.py:name` is a format of your own. A mapping in place of a name gives the format "
            "[its options](formats.md): `{csv: {delimiter: tab}}`. `slips formats` lists them all.",
            ["s3-lines", "json", "azure-ad-event"],
        ),
    ] = []  # required all the same: `prefix` before it is not
    on_error: Annotated[
        Literal["quarantine", "skip", "fail"],
        a_key(
            "A record that cannot be parsed: `quarantine` keeps it in the error table, `skip` counts it as filtered, "
            "`fail` fails the object."
        ),
    ] = "quarantine"
    handler: Annotated[MappingHandler | None, HANDLER] = None
    pattern: (
        Annotated[
            str,
            KEYS,
            a_key(
                "Keys that fit as a whole: `*` is any text within a segment, `**` also across slashes, "
                "`\\*` a star ([more](patterns.md)).",
                "AWSLogs/*/CloudTrail/**",
            ),
        ]
        | None
    ) = None
    contains: (
        Annotated[
            list[_Text],
            Meta(min_length=1, extra_json_schema=SHORT),
            a_key(
                "Texts of which a record must have one, as it is written, to be parsed at all; the others are filtered "
                "([more](handler.md#fewer-records)).",
                ["ConsoleLogin", "StopLogging"],
            ),
        ]
        | None
    ) = None
    timezone: (
        Annotated[
            _Text,
            a_key(
                "Zone of times that name none, by its name in the IANA database; without this it is UTC "
                "([more](handler.md#times-without-a-zone)).",
                "Europe/Berlin",
            ),
        ]
        | None
    ) = None

    @property
    def keys(self) -> Pattern:
        """The keys that fit."""
        return selecting(self.prefix, self.pattern)

    @property
    def format_names(self) -> list[str]:
        """The names of the formats, without their options."""
        return [name_of(step) for step in self.format]

    @property
    def chain_key(self) -> tuple[str, ...]:
        """The steps as texts: alike for chains that are the same."""
        return tuple(written(step) for step in self.format)

    @property
    def literals(self) -> list[str]:
        """The literal texts: the prefix, or those between the wildcards of the pattern."""
        return [self.prefix or ""] if self.pattern is None else runs(self.pattern)

    @property
    def beginning(self) -> str:
        """The literal characters with which every key begins that fits: by these S3 lists and announces objects."""
        return self.keys.beginning

    @property
    def written(self) -> str:
        """The prefix or the pattern, as the config has it; empty for all keys."""
        return self.pattern or self.prefix or ""


_RECORD = RecordLimits()


class Limits(Struct, frozen=True):
    """Limits of records and objects. A record beyond is quarantined, an object beyond fails."""

    record_bytes: Annotated[
        int, SIZE, a_key("Longest record; as a text in memory it may take twice as much.", "16MiB")
    ] = _RECORD.bytes
    record_values: Annotated[
        int,
        a_key(
            "Most fields and values of a record, at any depth; each takes up to 300 bytes of memory.", ge=1, le=10**9
        ),
    ] = _RECORD.values
    record_depth: Annotated[int, a_key("Most levels of objects and arrays in a record.", ge=1, le=400)] = _RECORD.depth
    result_bytes: Annotated[
        int,
        SIZE,
        a_key("Longest result of a handler, as JSON: more is cut and marked, and the object is done.", "1MiB"),
    ] = 2**20
    object_bytes: Annotated[int, SIZE, a_key("Largest object, decompressed; not set: any.", "10GiB")] | None = None
    expansion_ratio: Annotated[
        int, a_key("Decompressed by stored bytes, at most; tested above 100 MB.", ge=1, le=10**9)
    ] = 1000
    objects_per_day: (
        Annotated[
            int,
            a_key(
                "Objects that start in a day (UTC), on both lanes; more wait. Not set: any.", 100_000, ge=1, le=10**9
            ),
        ]
        | None
    ) = None
    bytes_per_day: (
        Annotated[
            int, SIZE, a_key("Stored bytes of objects that start in a day (UTC); more wait. Not set: any.", "500GB")
        ]
        | None
    ) = None

    @property
    def record(self) -> RecordLimits:
        """The limits of one record."""
        return RecordLimits(self.record_bytes, self.record_values, self.record_depth)


class Config(Struct, frozen=True, kw_only=True):
    """slips.yml, checked."""

    stack_name: Annotated[str, STACK, a_key("Name of the CloudFormation stack.", "sample-stack")]
    description: Annotated[str, a_key("Description of the stack.")] = ""
    tags: Annotated[
        dict[Annotated[str, TAG_KEY], Annotated[str, TAG_VALUE]],
        a_key(
            "Tags of the stack on AWS, and of all in it that has tags.",
            {"team": "security"},
            max_length=50,
            expected="a mapping of keys to texts",
        ),
    ] = {}
    permissions_boundary: (
        Annotated[
            str,
            a_shared_arn(
                "Policy that limits the rights of the roles that `deploy` makes.",
                "arn:aws:iam::123456789012:policy/Boundary",
                r"arn:PART:iam::PART:policy/\S+",
                "account",
            ),
        ]
        | None
    ) = None
    base: Base = field(default_factory=Base)
    backend: BackendConfig = field(default_factory=BackendConfig)
    handler: HandlerConfig = field(default_factory=HandlerConfig)
    routing: Annotated[list[Route], a_key("Lane of each object: the first rule that matches wins; else `fast`.")] = []
    bucket_mapping: Annotated[
        dict[Annotated[str, BUCKET], Annotated[list[Mapping], Meta(min_length=1)]],
        a_key(
            "For each bucket, how objects are parsed; the mapping with the most literal characters wins.", min_length=1
        ),
    ]
    limits: Limits = field(default_factory=Limits)
    file: Annotated[str, Meta(extra={"internal": True})] = ""
    """Absolute path of the config file; no key of slips.yml. Empty if the config comes from no file."""

    @property
    def file_name(self) -> str:
        """Name of the config file, for error texts."""
        return Path(self.file).name or "slips.yml"

    @property
    def root(self) -> Path:
        """The directory that paths in the config are relative to: that of the config file."""
        return Path(self.file).parent if self.file else Path.cwd()

    def resolve(self, path: str | Path) -> Path:
        """Return a path of the config, made absolute."""
        return self.root / path

    def handler_of(self, mapping: Mapping) -> HandlerSpec:
        """Return the handler of a mapping: its own, or else the top-level one."""
        own = mapping.handler
        if own is not None:
            return HandlerSpec.of(own.path, own.args)
        return HandlerSpec.of(self.handler.path or "", self.handler.args)

    @property
    def handlers(self) -> list[HandlerSpec]:
        """The handlers of all mappings, each once, in their order. The top-level one is there if a mapping uses it."""
        found: list[HandlerSpec] = []
        for mapping in chain.from_iterable(self.bucket_mapping.values()):
            if (spec := self.handler_of(mapping)) not in found:
                found.append(spec)
        return found

    @property
    def state_directory(self) -> Path:
        """The directory of this machine's state: `.slips` beside the config file if `backend.embedded` names none."""
        return self.resolve((self.backend.embedded or Embedded()).path)
