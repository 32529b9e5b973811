"""slips.yml: the declaration of its keys, with their descriptions, limits and ARNs.

Keys below `backend`, `handler`, `routing` and `bucket_mapping` are declared in `backend`, `handler` and `mapping`. The
checks, the JSON Schema for editors and docs/config.md follow from all of them. The functions on AWS import them at
start.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, field

from slips.config.backend import BackendConfig, Embedded
from slips.config.handler import HandlerConfig, HandlerSpec
from slips.config.mapping import Mapping, Route
from slips.config.notes import BUCKET, CODE_BUCKET, SIZE, STACK, TAG_KEY, TAG_VALUE, a_shared_arn
from slips.format import RecordLimits, a_key


class Sam(Struct, frozen=True):
    """Where deploy puts the code. The top-level key `sam` means the same as `base.sam`."""

    code_bucket: Annotated[str, CODE_BUCKET, a_key("Bucket for the code; needed by `deploy`.", "my-code")]
    code_prefix: Annotated[str, a_key("Folder in that bucket.", "functions")] = ""


class Base(Struct, frozen=True):
    """Settings of `deploy`. The top-level key `sam` means the same as `base.sam`."""

    sam: Sam = field(default_factory=lambda: Sam(code_bucket=""))


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
