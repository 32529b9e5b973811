"""The ARNs in a config, found by the declaration: those that cannot be real, and those that `deploy` looks at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import inspect

from slips.config.declared import every_text
from slips.config.notes import PSEUDO
from slips.config.schema import Config


def placeholder_arns(config: Config) -> list[str]:
    """Return the ARNs that cannot be real, such as `arn:aws:sns:ap-northeast-1:1234xxxxxx:seclog-event`, each once."""
    texts = every_text(config, inspect.type_info(Config))
    return list(dict.fromkeys(text for _, text, notes in texts if is_placeholder(text, notes)))


def given_arns(config: Config) -> Iterator[tuple[str, str]]:
    """Yield key and ARN of everything in the stack's own account and region that the stack uses and does not make."""
    for path, text, notes in every_text(config, inspect.type_info(Config)):
        if "arn" in notes and not notes["elsewhere"]:
            yield path.removesuffix(".arn"), text


def is_placeholder(text: str, notes: dict[str, Any]) -> bool:
    """Whether a key declared with `notes` takes an ARN, and `text` cannot be a real one.

    Such an ARN has no real partition, region or account, or a gap to fill: `<name>`, or `*` where no pattern may be.
    """
    if "resource" in notes:
        return _is_placeholder_pattern(text)
    region, name = "([a-z]{2}(-[a-z]+)+-[0-9])?", r"[^<>{}*\s]+"
    own = rf"[a-z0-9-]+:{region}:[0-9]{{12}}:{name}"
    return "arn" in notes and not re.fullmatch(rf"arn:aws[a-z-]*:({own}|iam::aws:policy/{name})", fill_in(text))


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
