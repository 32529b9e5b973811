"""Members of JSON objects: each is given in the type that was asked for, or an EnvelopeError says where, what, and what
was expected."""

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
    """The member `name` of an object, which must have exactly this JSON type."""
    if not isinstance(value, dict):
        raise EnvelopeError(f"{where}: {kind_of(value)}; an object with '{name}' was expected")
    if name not in value:
        raise EnvelopeError(f"{where}: no '{name}'; {_KINDS[kind]} was expected")
    member = value[name]
    if type(member) is not kind:  # exactly: to Python, true is a number
        raise EnvelopeError(f"{where}: '{name}' is {kind_of(member)}; {_KINDS[kind]} was expected")
    return member


def have(value: dict[str, Any], name: str, kind: type[T], where: str) -> T:
    """The member as `need` gives it; the type's empty value for one that is missing or null."""
    return kind() if value.get(name) is None else need(value, name, kind, where)


def dig(value: Any, *path: str) -> Any:
    """A member however deep; None where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def loose(value: Any, *path: str) -> str:
    """A text for people, however deep; empty where there is none."""
    member = dig(value, *path)
    return readable(member) if isinstance(member, str) else ""


def parsed(text: str | bytes, where: str) -> Any:
    """The value of a JSON text."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"{where}: {readable(str(error))}; JSON was expected") from error


def kind_of(value: Any) -> str:
    """The JSON type of a value, in words."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def keys_of(value: dict[str, Any]) -> str:
    """An object of a kind that is not known, in words."""
    return f"not known (keys: {readable(', '.join(list(value)[:8])) or 'none'})"
