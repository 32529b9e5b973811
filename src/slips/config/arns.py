"""The ARNs in a config, found by the declaration: those that cannot be real, and those that `deploy` looks at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from slips.config.declared import every_text, type_of
from slips.config.notes import PSEUDO, Home
from slips.config.problems import Where
from slips.config.schema import Config


def placeholder_arns(config: Config) -> list[str]:
    """Return the ARNs that cannot be real, such as `arn:aws:sns:ap-northeast-1:1234xxxxxx:seclog-event`, each once."""
    texts = every_text(config, type_of(Config))
    return list(dict.fromkeys(text for _, text, notes in texts if is_placeholder(text, notes)))


class GivenArn(Struct, frozen=True):
    """An ARN of a config, with what its key declares of the resource."""

    key: str
    """Key of the config; an item of a list by its name, if it has one: `backend.sns_topics SecLogUpload`."""
    arn: str
    home: Home
    has_roles: bool
    """Whether roles of the stack use the resource themselves, and so the KMS key that encrypts it."""
    senders: tuple[str, ...]
    """Services of AWS that send to the resource in their own name."""

    def __str__(self) -> str:
        return f"{self.key} '{self.arn}'"


def given_arns(config: Config) -> Iterator[GivenArn]:
    """Yield the ARN of everything that the stack uses and does not make."""
    for path, text, notes in every_text(config, type_of(Config)):
        if "arn" in notes:
            encryption = notes.get("has_roles", False), notes.get("senders", ())
            yield GivenArn(path.removesuffix(".arn"), text, notes["home"], *encryption)


class Stranger(Struct, frozen=True):
    """An ARN that is not where another one is, though both must be where the stack is."""

    where: Where
    other: Where
    part: str
    """The part of the ARN that differs: partition, region, account."""
    value: str
    expected: str
    """That part of the other ARN."""


def strangers(arns: Mapping[Where, tuple[str, Home]]) -> Iterator[Stranger]:
    """Yield each ARN of another partition, region or account than the first that has one: the stack has one of each."""
    first: dict[str, tuple[Where, str]] = {}
    for where, (arn, home) in arns.items():
        _, partition, _, region, account, _ = fill_in(arn, dict.fromkeys(PSEUDO, "")).split(":", 5)
        parts = {
            "partition": partition,
            "region": region if home in ("stack", "region") else "",
            "account": account if home in ("stack", "account") and account != "aws" else "",
        }
        found = [
            Stranger(where, other, part, value, expected)
            for part, value in parts.items()
            for other, expected in (first.setdefault(part, (where, value)) if value else (where, ""),)
            if value != expected
        ]
        yield from found[:1]


def is_placeholder(text: str, notes: dict[str, Any]) -> bool:
    """Whether a key declared with `notes` takes an ARN, and `text` cannot be a real one.

    Such an ARN has no real partition, region or account, or a gap to fill: `<name>`, or `*` where no pattern may be.
    """
    if "resource" in notes:
        return _is_placeholder_pattern(text)
    if "arn" not in notes:
        return False
    region, name = "" if notes["arn"] == "iam" else "[a-z]{2}(-[a-z]+)+-[0-9]", r"[^<>{}*\s]+"
    own = rf"{notes['arn']}:{region}:[0-9]{{12}}:{name}"
    return not re.fullmatch(rf"arn:aws[a-z-]*:({own}|iam::aws:policy/{name})", fill_in(text))


def fill_in(arn: str, values: Mapping[str, str] = PSEUDO) -> str:
    """Replace `${AWS::AccountId}` and the other pseudo parameters in an ARN by values."""
    for name, value in values.items():
        arn = arn.replace(f"${{{name}}}", value)
    return arn


def _is_placeholder_pattern(arn: str) -> bool:
    """Whether a resource of a policy, `*` and variables aside, lacks a real account or has a gap such as `<x>`."""
    account = re.sub(r"\$\{[^{}]*\}", "*", arn).split(":", 5)[4:5] or [""]
    fine = re.fullmatch(r"|aws|cloudfront|[0-9]{12}|[0-9]*[*?][0-9*?]*", account[0])
    return not fine or re.search("[<>]", arn) is not None
