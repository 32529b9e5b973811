"""The steps of a chain as configs, commands and tests write them. Pure.

A step is the name of a format, or a mapping of one name to the format's options: `{csv: {delimiter: "|"}}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Step = str | dict[str, dict[str, Any]]

_PLAIN = r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z_/.][a-z0-9_./-]*(:[a-z0-9_./-]+)*"
"""Keys that every YAML reads as texts, without quotes: not compiled at the start of a function on AWS."""


def name_of(step: Step) -> str:
    """Return the name of the format, with its parameter if it has one."""
    return step if isinstance(step, str) else next(iter(step), "")


def options_of(step: Step) -> dict[str, Any]:
    """Return the options, as plain data; none for a name alone."""
    return {} if isinstance(step, str) else next(iter(step.values()), {}) or {}


def renamed(step: Step, name: str) -> Step:
    """Return a step with another name and the same options."""
    return name if isinstance(step, str) else {name: options_of(step)}


def written(step: Step) -> str:
    """Return a step as YAML on one line. Steps that mean the same with other words have other texts."""
    return step if isinstance(step, str) else _flow(step)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(key)}: {_flow(each)}' for key, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if re.fullmatch(_PLAIN, key, re.IGNORECASE) else json.dumps(key, ensure_ascii=False)
