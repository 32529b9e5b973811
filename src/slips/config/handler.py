"""The keys of handlers in slips.yml: the top-level `handler`, the main func's, and the `handler` of a mapping.

`schema`, `backend` and `mapping` declare the other keys.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from slips.config.notes import (
    ACTION,
    MATCHED,
    OPERATOR,
    PATTERN,
    POLICY,
    RESOURCE,
    VARIABLE,
    WORD,
    a_shared_arn,
    an_arn,
)
from slips.format import SHORT, a_key

_Text = Annotated[str, Meta(min_length=1)]
_Runtime = Literal["python3.11", "python3.12", "python3.13", "python3.14", "python3.15"]
_Actions = Annotated[list[Annotated[str, ACTION]], Meta(min_length=1, extra_json_schema=SHORT)]
_Resources = Annotated[list[Annotated[str, RESOURCE]], Meta(min_length=1, extra_json_schema=SHORT)]
_Matched = Annotated[list[Annotated[str, MATCHED]], Meta(min_length=1, extra_json_schema=SHORT)]


class Policy(Struct, frozen=True, omit_defaults=True):
    """Actions on resources, an IAM statement, or the ARN of a managed policy."""

    actions: Annotated[_Actions, a_key("What the main func may do.", ["s3:PutObject"])] | None = None
    resources: Annotated[_Resources, a_key("On what: goes with `actions`.", ["arn:aws:s3:::my-bucket/*"])] | None = None
    arn: (
        Annotated[
            str,
            a_shared_arn(
                "A managed policy. The ARN alone, in place of the mapping, means the same.",
                "arn:aws:iam::123456789012:policy/Out",
                r"arn:PART:iam::PART:policy/\S+",
                "account",
            ),
        ]
        | None
    ) = None
    sid: Annotated[str, WORD, a_key("Name of an IAM statement.", "Out")] | None = field(default=None, name="Sid")
    effect: Annotated[Literal["Allow", "Deny"], a_key("Needed in an IAM statement.")] | None = field(
        default=None, name="Effect"
    )
    action: Annotated[_Actions, a_key("As in IAM.")] | None = field(default=None, name="Action")
    not_action: Annotated[_Actions, a_key("As in IAM.")] | None = field(default=None, name="NotAction")
    resource: Annotated[_Resources, a_key("As in IAM.")] | None = field(default=None, name="Resource")
    not_resource: Annotated[_Resources, a_key("As in IAM.")] | None = field(default=None, name="NotResource")
    condition: (
        Annotated[
            dict[Annotated[str, OPERATOR], dict[str, _Matched]],
            a_key("As in IAM.", {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}, min_length=1),
        ]
        | None
    ) = field(default=None, name="Condition")

    @property
    def patterns(self) -> list[str]:
        """ARNs of the resources that the policy names; `*` may be among them."""
        return [*(self.resources or ()), *(self.resource or ()), *(self.not_resource or ())]


class MappingHandler(Struct, frozen=True):
    """The handler of a mapping, in place of the top-level one."""

    path: Annotated[
        _Text, a_key("As `handler.path`. The path alone, in place of the mapping, means the same.", "src/alb.py:Alb")
    ]
    args: Annotated[
        dict[str, Any], a_key("As `handler.args`, in place of these: none is added.", {"index": "alb"})
    ] = {}


class HandlerSpec(Struct, frozen=True):
    """The handlers that objects of a mapping run through, and the args of their `setup`."""

    path: str
    """The Python file, relative to the config file."""
    class_name: str | None
    """The class in the file; None: each handler in the file."""
    args: dict[str, Any]

    @classmethod
    def of(cls, path: str, args: dict[str, Any]) -> HandlerSpec:
        """Make the handler that a `path` of the config names: `path/file.py` or `path/file.py:Class`."""
        file, colon, name = path.rpartition(":")
        return cls(file, name, args) if colon and file.endswith(".py") else cls(path, None, args)

    @property
    def name(self) -> str:
        """The path as the config has it, with the class."""
        return self.path if self.class_name is None else f"{self.path}:{self.class_name}"


class HandlerConfig(Struct, frozen=True):
    """Your code, and the Lambda function that runs it. `path` and `args` are for mappings without a `handler`."""

    path: (
        Annotated[
            _Text,
            a_key(
                "Python file with your class derived from `slips.interface.Handler`; `path/file.py:Class` names one of "
                "several. Required unless each mapping has a `handler`.",
                "src/handler.py",
            ),
        ]
        | None
    ) = None
    args: Annotated[
        dict[str, Any],
        a_key(
            "Given to `setup(args)`. Dates arrive as text; secrets are quoted placeholders.", {"key": "{{ssm:/my/key}}"}
        ),
    ] = {}
    secrets_max_age: Annotated[
        int,
        a_key(
            "Seconds after which secrets in `args` are read again, before the next object; 0: never.", ge=0, le=604_800
        ),
    ] = 3600
    role_arn: Annotated[str, an_arn("Role of the main func.", "iam", "role/MainFunc")] | None = None
    concurrency: (
        Annotated[int, a_key("Objects at once; not set: no limit on AWS, one per CPU here.", ge=1, le=10_000)] | None
    ) = None
    security_group_ids: Annotated[list[_Text], a_key("Security groups in your VPC.", ["sg-0a1b2c3d"])] = []
    subnet_ids: Annotated[list[_Text], a_key("Subnets in your VPC.", ["subnet-0a1b2c3d"])] = []
    requirements: Annotated[_Text, a_key("What to install into the package.", "requirements.txt")] | None = None
    include: Annotated[
        list[Annotated[str, PATTERN]],
        a_key(
            "Files beside a handler that are packed although they look like secrets, databases or leftovers of "
            "editors: patterns relative to the directory of each handler.",
            ["certs/*.pem"],
        ),
    ] = []
    exclude: Annotated[
        list[Annotated[str, PATTERN]],
        a_key("Files and directories beside a handler that are not packed, in the same way.", ["tests", "*.csv"]),
    ] = []
    memory_size: Annotated[int, a_key("Memory of the main func, in MB.", ge=128, le=10_240)] = 1024
    timeout: (
        Annotated[
            int,
            a_key(
                "Seconds for one run of an object: then its next records are a run of their own, and a run that "
                "reaches no next record is killed. Not set: 900 on AWS and in `slips up`, any in `slips run`.",
                ge=1,
                le=900,
            ),
        ]
        | None
    ) = None
    runtime: Annotated[_Runtime, a_key("Lambda runtime.")] = "python3.13"
    architecture: Annotated[Literal["arm64", "x86_64"], a_key("Processor of the Lambda functions.")] = "arm64"
    environment: Annotated[
        dict[Annotated[str, VARIABLE], str], a_key("Environment variables of the main func.", {"LOG_LEVEL": "INFO"})
    ] = {}
    policies: Annotated[
        list[Annotated[Policy, POLICY]],
        a_key(
            "Rights of the main func on AWS beside those that it needs itself: added to the role that `deploy` makes.",
            [{"actions": ["s3:PutObject"], "resources": ["arn:aws:s3:::my-bucket/*"]}],
        ),
    ] = []
    layers: Annotated[
        list[
            Annotated[
                str,
                a_shared_arn(
                    "A version of a layer.",
                    "arn:aws:lambda:ap-northeast-1:123456789012:layer:my-layer:3",
                    "arn:PART:lambda:PART:PART:layer:[A-Za-z0-9_-]+:[0-9]+",
                    "region",
                ),
            ]
        ],
        a_key(
            "Versions of Lambda layers for the main func on AWS; modules of the package hide those of layers.",
            ["arn:aws:lambda:ap-northeast-1:123456789012:layer:my-layer:3"],
            max_length=5,
        ),
    ] = []
    tracing: Annotated[bool, a_key("Let X-Ray trace the functions on AWS.")] = False
