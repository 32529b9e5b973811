"""Reads a secret of this machine at the place that the config names: `{{env:NAME}}` or `{{file:PATH}}`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from slips.errors import UsageError

LONGEST = 4096
"""Most bytes of a secret."""


def secret_at(place: str, resolve: Callable[[str], Path], key: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the secret at a `place`; a file's may change at any time. `key` names the key of the config in errors.

    Raises UsageError.
    """
    found = re.fullmatch(r"\{\{\s*(env|file):\s*(.*?)\s*\}\}", place)
    assert found is not None  # noqa: S101 - the config is checked
    kind, name = found.groups()
    if kind == "env":
        secret = environment.get(name, "")
        if not secret:
            raise UsageError(f"{key}: variable {name!r} is not set; expected the secret; set it where slips starts")
        return secret
    path = resolve(name)
    try:
        with path.open("rb") as file:
            secret = file.read(LONGEST + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text in UTF-8"
        raise UsageError(f"{key}: {path}: {why}; expected a file with the secret") from None
    if not secret or len(secret) > LONGEST:
        raise UsageError(f"{key}: {path}: is empty, or longer than {LONGEST:,} characters; expected the secret alone")
    return secret
