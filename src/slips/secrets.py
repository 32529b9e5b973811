"""Secrets in `handler.args`: `{{ssm:/path}}` or `{{secretsmanager:id:key}}`, resolved where the handler runs.

A package, a log or an error item only ever holds the placeholder. Pure: who asks AWS is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

from msgspec import Struct

_PLACEHOLDER = re.compile(r"\{\{\s*(ssm|secretsmanager)\s*:\s*([^{}*?]+?)\s*\}\}")
_NEARLY = re.compile(r"\{\{\s*(ssm|secretsmanager)\b", re.IGNORECASE)
_ARN_PARTS = 7
"""`arn:aws:secretsmanager:region:account:secret:name`; what follows is the key."""

_PARAMETER_PART = 5
"""`arn:aws:ssm:region:account:parameter/name`; what follows selects a version."""


class Reference(Struct, frozen=True):
    """What a placeholder stands for."""

    service: Literal["ssm", "secretsmanager"]
    id: str
    """Name or ARN of the parameter or the secret."""
    key: str | None = None
    """Of a secret that is a JSON object: the value of this key; None: the whole text."""

    @classmethod
    def of(cls, text: str) -> Reference | None:
        """What `text` stands for; None if it is no placeholder but a plain text."""
        found = _PLACEHOLDER.fullmatch(text.strip())
        if found is None:
            return None
        if found[1] == "ssm":
            return cls("ssm", found[2])
        parts = found[2].split(":")
        name_ends = _ARN_PARTS if parts[0] == "arn" else 1
        return cls("secretsmanager", ":".join(parts[:name_ends]), ":".join(parts[name_ends:]) or None)


def parameter(id: str) -> str:
    """Name of the parameter that a name or an ARN stands for, without the `/` before and the selector (`:3`) behind."""
    name = id.split(":")[_PARAMETER_PART].removeprefix("parameter") if id.startswith("arn:") else id.partition(":")[0]
    return name.removeprefix("/")


def is_nearly(text: str) -> bool:
    """Whether somebody meant a placeholder that is none: with text around it, without an id, or with a wildcard."""
    return _NEARLY.search(text) is not None and Reference.of(text) is None


def references(value: Any) -> Iterator[Reference]:
    """Each reference in `handler.args`, however deep."""
    if isinstance(value, str):
        if (found := Reference.of(value)) is not None:
            yield found
    elif isinstance(value, dict):
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def resolve(value: Any, fetch: Callable[[Reference], Any]) -> Any:
    """`value` with what `fetch` gives in place of each placeholder; `value` itself stays as it is."""
    if isinstance(value, str):
        found = Reference.of(value)
        return value if found is None else fetch(found)
    if isinstance(value, dict):
        return {key: resolve(each, fetch) for key, each in value.items()}
    if isinstance(value, list):
        return [resolve(each, fetch) for each in value]
    return value
