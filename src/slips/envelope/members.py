"""Reads members of JSON objects with the expected type. For another type, raises EnvelopeError with a text that names
place, value and expectation."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from slips.errors import EnvelopeError
from slips.model import readable

T = TypeVar("T")

_KINDS: dict[type[Any], str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    type(None): "null",
}


def need(value: Any, name: str, kind: type[T], where: str) -> T:
    """Return the member `name` of an object. Raises EnvelopeError unless the member has exactly this JSON type."""
    if not isinstance(value, dict):
        raise EnvelopeError(f"{where}: {kind_of(value)}; an object with '{name}' was expected")
    if name not in value:
        raise EnvelopeError(f"{where}: no '{name}'; {_KINDS[kind]} was expected")
    member = value[name]
    if type(member) is not kind:  # not `isinstance`: in Python, True is an int
        raise EnvelopeError(f"{where}: '{name}' is {kind_of(member)}; {_KINDS[kind]} was expected")
    return member


def have(value: dict[str, Any], name: str, kind: type[T], where: str) -> T:
    """Return the member as `need` does, or the type's empty value if the member is missing or null."""
    return kind() if value.get(name) is None else need(value, name, kind, where)


def dig(value: Any, *path: str) -> Any:
    """Return the member at a path; None if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def loose(value: Any, *path: str) -> str:
    """Return the text at a path, readable; empty if there is none."""
    member = dig(value, *path)
    return readable(member) if isinstance(member, str) else ""


def parsed(text: str | bytes, where: str) -> Any:
    """Decode a JSON text. Raises EnvelopeError."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"{where}: {readable(str(error))}; JSON was expected") from error


def kind_of(value: Any) -> str:
    """Return the JSON type of a value, in words."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def keys_of(value: dict[str, Any]) -> str:
    """Describe an object of an unknown kind by its keys."""
    return f"not known (keys: {readable(', '.join(list(value)[:8])) or 'none'})"
