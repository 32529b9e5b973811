"""slips.yml: the one declaration of its keys, with their descriptions, limits and ARNs.

The checks, the JSON Schema for editors and docs/config.md follow from it. The functions on AWS import it at start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from slips.format import RecordLimits
from slips.rights import POLICY, Policy, shared_arn

FIFO_REFUSED = {"sns": "topic", "sqs": "queue"}
"""Services whose FIFO variant is refused: S3, alarms and Lambda's destinations send to standard ones only.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html"""

# ---- notes on keys: msgspec checks and publishes the constraints, `extra` is for our texts


def _key(description: str, *examples: Any, **constraints: Any) -> Meta:
    """What a key means."""
    return Meta(description=description, examples=list(examples) or None, **constraints)


def _arn(description: str, service: str, resource: str) -> Meta:
    """An ARN of `service`. The shape lets placeholders pass: the checks warn of them, `deploy` refuses them."""
    example = f"arn:aws:{service}:{'' if service == 'iam' else 'ap-northeast-1'}:123456789012:{resource}"
    kind = resource[: resource.find("/") + 1]
    standard = r"(?!\S*\.fifo$)" if service in FIFO_REFUSED else ""
    # Behind another ':' or '/' is a part of it: an index of a table, a consumer of a stream, a subscription.
    name = r"\S+" if service == "iam" else r"[^:/\s]+"
    return _key(
        description,
        example,
        pattern=rf"^arn:[^:\s]+:{service}:[^:\s]*:[^:\s]*:{kind}{standard}{name}$",
        extra={"expected": f"an ARN such as {example}", "arn": service},
    )


# "x-short" tells `json_schema` and the checks that a text may stand for the value.
_SIZE = Meta(
    ge=1,
    le=2**50,
    extra_json_schema={"x-short": {"type": "string", "pattern": "^[0-9]+ ?([KMGT]i?)?B$"}},
    extra={"expected": "a number of bytes, or a size such as 16MiB"},
)
_FORMAT = _key(
    "Names of formats: a reader, then parsers; or one name that stands for its usual chain. `path/file.py:name` is a "
    "format of your own. `slips formats` lists them all.",
    ["s3-lines", "json", "azure-ad-event"],
    min_length=1,
    extra_json_schema={"x-short": {"type": "string"}},
)
_BUCKET = Meta(
    pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$", extra={"expected": "the name of a bucket, without 's3://' and '/'"}
)
_CODE_BUCKET = Meta(
    # Empty where nobody has given one: a checked config passes its own checks again, in a worker or a package.
    pattern="^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
    extra={"expected": "the name of a bucket, without 's3://' and '/'"},
)
_VARIABLE = Meta(
    pattern="^[A-Za-z][A-Za-z0-9_]*$", extra={"expected": "the name of a variable: letters, digits and '_'"}
)
_PATTERN = Meta(
    pattern=r"^(?!/)(?!(.*/)?\.\.(/|$)).+$",
    extra={"expected": "a pattern relative to the handler's directory, such as 'certs/*.pem'"},
)
_STACK = _key(
    "Name of the CloudFormation stack.",
    "sample-stack",
    pattern="^[A-Za-z][A-Za-z0-9-]*$",
    max_length=128,
    extra={"expected": "letters, digits and hyphens, a letter first, at most 128"},
)
_TOPIC = _key(
    "Becomes part of names in the stack; unique.",
    "SecLogUpload",
    pattern="^[A-Za-z0-9]+$",
    extra={"expected": "letters and digits"},
)
_QUEUE = _key(
    "Becomes part of names in the stack; unique.",
    "SecLogUpload",
    pattern="^[A-Za-z0-9]+$",
    extra={"expected": "letters and digits"},
)
_TAGGED = r"(?![Aa][Ww][Ss]:)[^\x00-\x1f!\x22#$%&'()*,;<>?\[\\\]^`{|}~\x7f]+"
"""What every service takes in tags. https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html"""
_TAG = "letters, digits, blanks and '_.:/=+-@', without AWS's own 'aws:' in front"
_TAG_KEY = Meta(pattern=f"^{_TAGGED}$", max_length=128, extra={"expected": f"at most 128 {_TAG}"})
_TAG_VALUE = Meta(pattern=f"^{_TAGGED}$", max_length=256, extra={"expected": f"1 to 256 {_TAG}"})
_BOUNDARY = shared_arn(
    "Policy that bounds what the roles that `deploy` makes may do.",
    "arn:aws:iam::123456789012:policy/Boundary",
    r"arn:PART:iam::PART:policy/\S+",
)
_LAYER = shared_arn(
    "A version of a layer.",
    "arn:aws:lambda:ap-northeast-1:123456789012:layer:my-layer:3",
    "arn:PART:lambda:PART:PART:layer:[A-Za-z0-9_-]+:[0-9]+",
)
_Text = Annotated[str, Meta(min_length=1)]
_Runtime = Literal["python3.11", "python3.12", "python3.13", "python3.14", "python3.15"]


# ---- the declaration


class Sam(Struct, frozen=True):
    """Where deploy puts the code. The top-level key `sam` means the same as `base.sam`."""

    code_bucket: Annotated[str, _CODE_BUCKET, _key("Bucket for the code; needed by `deploy`.", "my-code")]
    code_prefix: Annotated[str, _key("Folder in that bucket.", "functions")] = ""


class Base(Struct, frozen=True):
    """What deploying needs. The top-level key `sam` means the same as `base.sam`."""

    sam: Sam = field(default_factory=lambda: Sam(code_bucket=""))


class SnsTopic(Struct, frozen=True):
    """A topic that your buckets notify of new objects."""

    name: Annotated[str, _TOPIC]
    arn: Annotated[str, _arn("The topic.", "sns", "seclog-event")]


class SqsQueue(Struct, frozen=True):
    """A queue that your buckets, or a topic in between, notify of new objects."""

    name: Annotated[str, _QUEUE]
    arn: Annotated[str, _arn("The queue.", "sqs", "seclog-event")]


class RoleArns(Struct, frozen=True):
    """Roles that exist already. Deploy makes those that are not given."""

    event_pusher: Annotated[str, _arn("Role of the event pusher.", "iam", "role/EventPusher")] | None = None
    dispatcher: Annotated[str, _arn("Role of the dispatchers.", "iam", "role/Dispatcher")] | None = None
    reporter: Annotated[str, _arn("Role of the reporter.", "iam", "role/Reporter")] | None = None
    drain: Annotated[str, _arn("Role of the drain.", "iam", "role/Drain")] | None = None


class LaneConfig(Struct, frozen=True):
    """How fast a lane is emptied."""

    batch_size: Annotated[int, _key("Objects given to one MainFunc invocation, at most.", ge=1, le=10_000)] = 1
    delay: Annotated[int, _key("Seconds to wait before each MainFunc invocation.", ge=0, le=300)] = 0
    parallelization: Annotated[
        int, _key("Dispatchers at once for each shard of the lane, on AWS; each waits by itself.", ge=1, le=10)
    ] = 1
    batch_window: Annotated[
        int,
        _key("Seconds to gather objects for a dispatcher, at most, on AWS: fewer, fuller invocations.", ge=0, le=300),
    ] = 0

    @property
    def hourly(self) -> int | None:
        """Objects that the delay lets through in an hour at most, on AWS for each shard; None if there is no delay."""
        return self.parallelization * self.batch_size * 3600 // self.delay if self.delay else None


class Lanes(Struct, frozen=True):
    """The two lanes; `routing` says which object takes which."""

    fast: LaneConfig = field(default_factory=LaneConfig)
    slow: LaneConfig = field(default_factory=LaneConfig)


class Embedded(Struct, frozen=True):
    """Runs on this machine: directories stand for buckets. `deploy` ignores it."""

    path: Annotated[_Text, _key("State directory: error table, ledger, lanes. Made when needed.")] = ".slips"
    buckets: Annotated[
        dict[Annotated[str, _BUCKET], _Text], _key("Directory of each bucket.", {"my-logs": "data/my-logs"})
    ] = {}


class BackendConfig(Struct, frozen=True):
    """What carries and keeps things. Resources that are not given are made by deploy."""

    sns_topics: Annotated[list[SnsTopic], _key("Topics that your buckets notify.")] = []
    sqs_queues: Annotated[list[SqsQueue], _key("Queues that your buckets notify.")] = []
    eventbridge: Annotated[bool, _key("Take EventBridge's `Object Created` events of the mapped buckets.")] = False
    s3_direct: Annotated[bool, _key("Let the mapped buckets notify the event pusher itself.")] = False
    role_arn: RoleArns = field(default_factory=RoleArns)
    kinesis_stream_fast_arn: Annotated[str, _arn("Stream of the fast lane.", "kinesis", "stream/fast")] | None = None
    kinesis_stream_slow_arn: Annotated[str, _arn("Stream of the slow lane.", "kinesis", "stream/slow")] | None = None
    dynamodb_arn: Annotated[str, _arn("Table of error items.", "dynamodb", "table/ErrorTable")] | None = None
    dlq_sns_arn: Annotated[str, _arn("Topic of failed invocations.", "sns", "slips-dlq")] | None = None
    kms_key_arns: Annotated[
        list[Annotated[str, _arn("A key.", "kms", "key/0f1e2d3c")]],
        _key("Keys that encrypt your buckets and secrets: the main func may decrypt with them.", ["arn:aws:kms:…"]),
    ] = []
    alarm_sns_arn: Annotated[str, _arn("Topic that the stack's alarms notify.", "sns", "on-call")] | None = None
    dashboard: Annotated[bool, _key("Make a dashboard, which has a price a month beyond an account's first three.")] = (
        True
    )
    stream_shards: (
        Annotated[
            int,
            _key(
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
            _key(
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
        _key("Days that the functions' logs are kept."),
    ] = 30
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _key(
            "Least severe lines that slips itself logs on AWS: `info` is one for each object, and metrics come in any "
            "case."
        ),
    ] = "info"
    ledger_days: Annotated[
        int,
        _key(
            "Days that the ledger remembers an object: on AWS since it was processed, here since its file is absent.",
            ge=1,
            le=36_500,
        ),
    ] = 90
    lane: Lanes = field(default_factory=Lanes)
    embedded: Embedded | None = None


class HandlerConfig(Struct, frozen=True):
    """Your code, and the Lambda function that runs it."""

    path: Annotated[
        _Text, _key("Python file with your class derived from `slips.interface.Handler`.", "src/handler.py")
    ]
    args: Annotated[
        dict[str, Any],
        _key(
            "Given to `setup(args)`. Dates arrive as text; secrets are quoted placeholders.", {"key": "{{ssm:/my/key}}"}
        ),
    ] = {}
    secrets_max_age: Annotated[
        int,
        _key(
            "Seconds after which secrets in `args` are read again, before the next object; 0: never.", ge=0, le=604_800
        ),
    ] = 3600
    role_arn: Annotated[str, _arn("Role of the main func.", "iam", "role/MainFunc")] | None = None
    concurrency: (
        Annotated[int, _key("Objects at once; not set: no limit on AWS, one per CPU here.", ge=1, le=10_000)] | None
    ) = None
    security_group_ids: Annotated[list[_Text], _key("Security groups in your VPC.", ["sg-0a1b2c3d"])] = []
    subnet_ids: Annotated[list[_Text], _key("Subnets in your VPC.", ["subnet-0a1b2c3d"])] = []
    requirements: Annotated[_Text, _key("What to install into the package.", "requirements.txt")] | None = None
    include: Annotated[
        list[Annotated[str, _PATTERN]],
        _key(
            "Files beside the handler that are packed although they look like secrets, databases or leftovers of "
            "editors: patterns relative to its directory.",
            ["certs/*.pem"],
        ),
    ] = []
    exclude: Annotated[
        list[Annotated[str, _PATTERN]],
        _key("Files and directories beside the handler that are not packed, in the same way.", ["tests", "*.csv"]),
    ] = []
    memory_size: Annotated[int, _key("Memory of the main func, in MB.", ge=128, le=10_240)] = 1024
    timeout: (
        Annotated[
            int,
            _key(
                "Seconds for one run on AWS (not set: 900), without a sign of life of it here (not set: any).",
                ge=1,
                le=900,
            ),
        ]
        | None
    ) = None
    runtime: Annotated[_Runtime, _key("Lambda runtime.")] = "python3.13"
    architecture: Annotated[Literal["arm64", "x86_64"], _key("Processor of the Lambda functions.")] = "arm64"
    environment: Annotated[
        dict[Annotated[str, _VARIABLE], str], _key("Environment variables of the main func.", {"LOG_LEVEL": "INFO"})
    ] = {}
    policies: Annotated[
        list[Annotated[Policy, POLICY]],
        _key(
            "What the main func may do on AWS besides what it needs itself: added to the role that `deploy` makes.",
            [{"actions": ["s3:PutObject"], "resources": ["arn:aws:s3:::my-bucket/*"]}],
        ),
    ] = []
    layers: Annotated[
        list[Annotated[str, _LAYER]],
        _key(
            "Versions of Lambda layers for the main func on AWS; what is in the package goes before them.",
            ["arn:aws:lambda:ap-northeast-1:123456789012:layer:my-layer:3"],
            max_length=5,
        ),
    ] = []
    tracing: Annotated[bool, _key("Let X-Ray trace the functions on AWS.")] = False


class Route(Struct, frozen=True, kw_only=True):
    """Which objects take which lane."""

    bucket: Annotated[str, _key("Only objects of this bucket.")] | None = None
    prefix: Annotated[str, _key("Only keys that begin so.", "logs/debug/")] | None = None
    dest: Annotated[
        Literal["fast", "slow", "drop"], _key("Lane; `drop` ignores the object, and the ledger says so.", "slow")
    ]


class Mapping(Struct, frozen=True):
    """How the objects under a prefix are parsed. The longest prefix that fits wins."""

    prefix: Annotated[str, _key("How the keys begin; `''` is all of the bucket.", "logs/azure_ad/")]
    format: Annotated[list[_Text], _FORMAT]
    on_error: Annotated[
        Literal["quarantine", "skip", "fail"],
        _key(
            "A record that cannot be parsed: `quarantine` keeps it in the error table, `skip` counts it as filtered, "
            "`fail` fails the object."
        ),
    ] = "quarantine"


class Limits(Struct, frozen=True):
    """What an object may cost. A record beyond is quarantined, an object beyond fails."""

    record_bytes: Annotated[
        int, _SIZE, _key("Longest record; as a text in memory it may take twice as much.", "16MiB")
    ] = RecordLimits.bytes
    record_values: Annotated[
        int,
        _key("Most fields and values of a record, at any depth; each takes up to 300 bytes of memory.", ge=1, le=10**9),
    ] = RecordLimits.values
    record_depth: Annotated[int, _key("Most levels of objects and arrays in a record.", ge=1, le=400)] = (
        RecordLimits.depth
    )
    result_bytes: Annotated[
        int,
        _SIZE,
        _key("Longest result of a handler, as JSON: more is cut and marked, and the object is done.", "1MiB"),
    ] = 2**20
    object_bytes: Annotated[int, _SIZE, _key("Largest object, decompressed; not set: any.", "10GiB")] | None = None
    expansion_ratio: Annotated[
        int, _key("Decompressed by stored bytes, at most; tested above 100 MB.", ge=1, le=10**9)
    ] = 1000

    @property
    def record(self) -> RecordLimits:
        """The limits of one record."""
        return RecordLimits(self.record_bytes, self.record_values, self.record_depth)


class Config(Struct, frozen=True, kw_only=True):
    """slips.yml, checked."""

    stack_name: Annotated[str, _STACK]
    description: Annotated[str, _key("Description of the stack.")] = ""
    tags: Annotated[
        dict[Annotated[str, _TAG_KEY], Annotated[str, _TAG_VALUE]],
        _key(
            "Tags of the stack on AWS, and of all in it that has tags.",
            {"team": "security"},
            max_length=50,
            extra={"expected": "a mapping of keys to texts"},
        ),
    ] = {}
    permissions_boundary: Annotated[str, _BOUNDARY] | None = None
    base: Base = field(default_factory=Base)
    backend: BackendConfig = field(default_factory=BackendConfig)
    handler: HandlerConfig
    routing: Annotated[list[Route], _key("Lane of each object: the first rule that matches wins; else `fast`.")] = []
    bucket_mapping: Annotated[
        dict[Annotated[str, _BUCKET], Annotated[list[Mapping], Meta(min_length=1)]],
        _key("For each bucket, how the objects under a prefix are parsed; the longest prefix wins.", min_length=1),
    ]
    limits: Limits = field(default_factory=Limits)
    file: Annotated[str, Meta(extra={"internal": True})] = ""
    """Absolute path of the config file; not a key of it. Empty for a config that comes from elsewhere."""

    @property
    def root(self) -> Path:
        """The directory that paths in the config are relative to: that of the config file."""
        return Path(self.file).parent if self.file else Path.cwd()

    def resolve(self, path: str | Path) -> Path:
        """A path of the config, made absolute."""
        return self.root / path

    @property
    def state_directory(self) -> Path:
        """Where this machine keeps its state; `.slips` beside the config file where `backend.embedded` says nothing."""
        return self.resolve((self.backend.embedded or Embedded()).path)
