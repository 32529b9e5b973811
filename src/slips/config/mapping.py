"""The keys of slips.yml that choose by bucket and key: the lane of an object, its chain, and its handler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from slips.config.handler import MappingHandler
from slips.config.notes import HANDLER, KEYS, REQUIRED, STEP
from slips.format import SHORT, a_key
from slips.pattern import Pattern, runs, selecting
from slips.step import Step, name_of, written

_Text = Annotated[str, Meta(min_length=1)]
_ZONE = "^(?![-+]?[0-9.:]+$).+$"
"""Names of zones, of which no offset is one."""


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
            Annotated[str, Meta(min_length=1, pattern=_ZONE)],
            a_key(
                "Zone of times that name none, by its name in the IANA database; without this it is UTC "
                "([more](handler.md#times-without-a-zone)).",
                "Europe/Berlin",
                expected="a name of the IANA database, such as 'Europe/Berlin', or 'Etc/GMT-9' for UTC+9",
                advice="write timezone: Europe/Berlin",
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
