"""Dotted paths of fields: `user.name`."""

from __future__ import annotations

import re

IN_LIST = "[]."
"""Stands in a path of a message between a list and the field of its elements: `events[].name`."""
_BETWEEN_KEYS = re.compile(r"(?<=[^.])\.")


def keys_of_path(path: str) -> list[str]:
    """Return the keys of a dotted path. A key that begins with a dot stands behind two: `event_type..tag`."""
    return _BETWEEN_KEYS.split(path) if ".." in path or path.startswith(".") else path.split(".")


def is_path(path: object) -> bool:
    """Whether a value is a path of which no key is empty."""
    return isinstance(path, str) and all(key.lstrip(".") and not key.startswith("..") for key in keys_of_path(path))
