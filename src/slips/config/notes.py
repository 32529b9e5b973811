"""Notes on the keys of slips.yml: the meaning of a key, its texts and numbers, and the patterns of ARNs.

msgspec writes constraints and `extra_json_schema` into the JSON Schema; `extra` is for the checks and their texts
alone. "x-short" is for both: the value may be written as one text. That text stands for a list of one item, or for a
mapping with the one key that "short" names. No name in here may be the name of a key: where msgspec evaluates the
annotations of a class, the keys of the class hide the names of the module.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Meta

from slips.format import SHORT, a_key

FIFO_REFUSED = {"sns": "topic", "sqs": "queue"}
"""Services whose FIFO variant is refused: S3, alarms and Lambda's destinations send to standard ones only.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html"""
PSEUDO = {"AWS::AccountId": "123456789012", "AWS::Partition": "aws", "AWS::Region": "us-east-1"}
"""Pseudo parameters, which CloudFormation replaces, each with an example of its value."""

_PART = rf"(?:[^:\s$]|\$(?!\{{)|\$\{{(?:{'|'.join(PSEUDO)})\}})+"


Home = Literal["stack", "region", "account", "anywhere"]
"""Where a resource must be: in the stack's account and region; in its region, of any account, as layers are; in its
account, or AWS's own, as managed policies are; or anywhere in its partition, as KMS keys are, which belong to buckets
and secrets."""


def an_arn(
    description: str,
    service: str,
    resource: str,
    *,
    home: Home = "stack",
    has_roles: bool = False,
    senders: tuple[str, ...] = (),
) -> Meta:
    """Declare an ARN of `service`. Its pattern lets placeholders pass: the checks warn of them, `deploy` refuses them.

    Of a resource that may be encrypted with a KMS key: `has_roles` says whether roles of the stack use it themselves,
    and so that key; `senders` are services of AWS that send to it in their own name.
    """
    example = f"arn:aws:{service}:{'' if service == 'iam' else 'ap-northeast-1'}:123456789012:{resource}"
    kind = resource[: resource.find("/") + 1]
    standard = r"(?!\S*\.fifo$)" if service in FIFO_REFUSED else ""
    # Behind another ':' or '/' is a part of it: an index of a table, a consumer of a stream, a subscription.
    name = r"\S+" if service == "iam" else r"[^:/\s]+"
    region = "" if service == "iam" else r"[^:\s]*"
    pattern = rf"^arn:[^:\s]+:{service}:{region}:[^:\s]*:{kind}{standard}{name}$"
    return _arn(description, example, pattern, home, has_roles=has_roles, senders=senders)


def a_shared_arn(description: str, example: str, pattern: str, home: Home) -> Meta:
    """Declare an ARN that others may own. `PART` in `pattern` stands for a part of it, or a pseudo parameter."""
    return _arn(description, example, f"^{pattern.replace('PART', _PART)}$", home)


def _arn(description: str, example: str, pattern: str, home: Home, **encryption: Any) -> Meta:
    extra = {"expected": f"an ARN such as {example}", "arn": example.split(":")[2], "home": home, **encryption}
    return Meta(description=description, examples=[example], extra_json_schema={"pattern": pattern}, extra=extra)


def fitting(pattern: str, expected: str, *, max_length: int | None = None, **extra: Any) -> Meta:
    """Declare the pattern of a text, for the checks and the JSON Schema.

    It is no constraint of msgspec's: functions on AWS, whose config is checked, would compile all patterns when they
    start.
    """
    notes = {"expected": expected, **extra}
    return Meta(extra_json_schema={"pattern": pattern}, extra=notes, max_length=max_length)


# ---- values that keys share

STEP = Meta(
    extra={"step": True, "expected": "the name of a format, or a mapping of its name to its options"},
)
"""Declares a step of a chain: the checks find the class of its options by its name."""
REQUIRED = {"x-required": True}
"""Declares a key that a config must have, although the class has a default for it."""
SIZE = Meta(
    ge=1,
    le=2**50,
    extra_json_schema={"x-short": {"type": "string", "pattern": "^[0-9]+ ?([KMGT]i?)?B$"}},
    extra={"expected": "a number of bytes, or a size such as 16MiB"},
)
DURATIONS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
"""Units of times, in seconds."""
DURATION = Meta(
    ge=0,
    le=366 * DURATIONS["d"],
    extra_json_schema={"x-short": {"type": "string", "pattern": "^[0-9]+ ?[smhd]$"}},
    extra={"expected": "a time such as 30s, 5m, 6h or 2d, or a number of seconds", "duration": True},
)
"""Declares a number of seconds that may be written with a unit."""
SHARE = Meta(
    ge=0,
    le=100,
    extra_json_schema={
        **{"type": "number", "minimum": 0, "maximum": 1},
        "x-short": {"anyOf": [{"type": "string", "pattern": "^([0-9]{1,2}|100) ?%$"}, {"enum": ["off", False]}]},
    },
    extra={"expected": "a share such as 0.5 or 50%, or off", "share": True},
)
"""Declares a share in whole percent, which is written as a number up to 1, or in percent; `off` is 0."""
ADDRESS = fitting(
    r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$", "an address and a port, such as '127.0.0.1:9465'"
)
ENDPOINT = fitting(r"^https?://[^\s/?#@]+/?$", "the URL of a server, such as 'https://s3.example.com', without a path")
DATE = fitting(
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?Z)?$",
    "a date or a time in UTC, quoted, such as '2026-11-01' or '2026-11-01T08:00Z'",
)
QUEUE = fitting(
    r"^https?://[^\s/?#@]+/\S+$", "the URL of a queue, such as 'https://sqs.REGION.amazonaws.com/ACCOUNT/NAME'"
)
READ_SECRET = fitting(
    r"^\{\{\s*(env:\s*[A-Za-z_][A-Za-z0-9_]*|file:\s*[^\s{}][^{}]*?)\s*\}\}$",
    "the place of the secret, quoted: '{{env:NAME}}' or '{{file:PATH}}'",
)
"""Declares a secret of this machine: the config has only the place where it is read."""
KEYS_OF_DATES = fitting(
    r"^(?=.*%[YymdHj])([^%*]|%[YymdHj]|\*/)+$",
    "how keys begin, with %Y, %m, %d or %H in it, such as 'logs/%Y/%m/%d/', and slashes behind '*'",
)
BUCKET = fitting("^[A-Za-z0-9][A-Za-z0-9._-]*$", "the name of a bucket, without 's3://' and '/'")
# Empty if the config gives none: a checked config passes its own checks again, in a worker or a package.
CODE_BUCKET = fitting("^([A-Za-z0-9][A-Za-z0-9._-]*)?$", "the name of a bucket, without 's3://' and '/'")
KEYS = Meta(min_length=1, extra={"expected": "a pattern of keys, such as 'logs/*.gz'"})
VARIABLE = fitting("^[A-Za-z][A-Za-z0-9_]*$", "the name of a variable: letters, digits and '_'")
PATTERN = fitting(
    r"^(?!/)(?!(.*/)?\.\.(/|$)).+$", "a pattern relative to the handler's directory, such as 'certs/*.pem'"
)
PATH = Meta(min_length=1, extra_json_schema={"pattern": "^[^\\x00]+$"}, extra={"path": True})
WORD = fitting("^[A-Za-z0-9]+$", "letters and digits")
STACK = fitting("^[A-Za-z][A-Za-z0-9-]*$", "letters, digits and hyphens, a letter first, at most 128", max_length=128)
SOURCE = a_key("Becomes part of names in the stack; unique.", "SecLogUpload")
_TAGGED = r"(?![Aa][Ww][Ss]:)[^\x00-\x1f!\x22#$%&'()*,;<>?\[\\\]^`{|}~\x7f]+"
"""Characters that every service accepts in tags. https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html"""
_TAG = "letters, digits, blanks and '_.:/=+-@', without AWS's own 'aws:' in front"
TAG_KEY = fitting(f"^{_TAGGED}$", f"at most 128 {_TAG}", max_length=128)
TAG_VALUE = fitting(f"^{_TAGGED}$", f"1 to 256 {_TAG}", max_length=256)
ACTION = fitting(r"^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$", "service:Action, such as 's3:PutObject' or 's3:Put*'")
_PATTERN_PART = r"(?:[!-#%-9;-\xff]|\$(?!\{)|\$\{[^{}]+\})"
# Policies take U+0020 to U+00FF: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
RESOURCE = fitting(
    rf"^(\*|arn:{_PATTERN_PART}+:{_PATTERN_PART}+:{_PATTERN_PART}*:{_PATTERN_PART}*:({_PATTERN_PART}|[ :])+)$",
    "an ARN such as 'arn:aws:s3:::my-bucket/*', or '*'",
    resource=True,
)
MATCHED = fitting(r"^[ -\xff]*$", "text from U+0020 to U+00FF, which IAM takes")
_COMPARISON = (
    "String(Not)?(Equals(IgnoreCase)?|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)"
    "|Arn(Not)?(Equals|Like)|(Not)?IpAddress|Bool|BinaryEquals"
)
OPERATOR = fitting(
    f"^((ForAllValues|ForAnyValue):)?(({_COMPARISON})(IfExists)?|Null)$", "an operator of IAM, such as StringEquals"
)
POLICY = Meta(
    extra_json_schema=SHORT,
    extra={"expected": "actions and resources, an IAM statement, or the ARN of a managed policy", "short": "arn"},
)
"""Declares a Policy that may be written as a text, the ARN of a managed policy."""
HANDLER = Meta(
    description="Handler of the objects of this mapping; not set: the top-level one.",
    extra_json_schema=SHORT,
    extra={"expected": "a path, or a mapping with the keys path, args", "short": "path"},
)
"""Declares a MappingHandler that may be written as a text, its path."""
