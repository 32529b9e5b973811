"""Converts the result of a handler to plain JSON of bounded size and depth, for pipes, logs and ledgers.

The value is measured before it is encoded, so that a result of 100 MB does not take as much again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from slips.exceptions import name_of
from slips.model import bounded, readable

DEPTH = 100
"""Most levels of dicts and lists; a deeper value becomes its `repr`."""
_MARKER_BYTES = 100
"""Bytes of a cut result beside its beginning."""


def plain_result(value: Any, limit: int) -> Any:
    """Return `value` as plain JSON, or its `repr` if it is not JSON. Never raises an Exception.

    A value of more than `limit` bytes as JSON becomes `{"truncated": true, "limit": …, "beginning": …}`, with the
    beginning of a text, or of the JSON of any other value.
    """
    try:
        if is_longer(value, limit):
            return _cut(value if isinstance(value, str) else _beginning(value, limit), limit)
        encoded = msgspec.json.encode(value)
        if len(encoded) > limit:
            return _cut(value if isinstance(value, str) else encoded[:limit].decode("utf-8", "ignore"), limit)
        plain = msgspec.json.decode(encoded)
        if is_shallow(plain, DEPTH):
            return plain
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass  # the value is not JSON
    try:
        shown = repr(value)
        return readable(shown) if len(shown) <= limit // 6 else _cut(shown, limit)
    except Exception as error:  # noqa: BLE001 - the user's `__repr__` must not fail an object that is processed
        return f"({name_of(type(value))} that cannot be shown: {name_of(type(error))})"


def is_longer(value: Any, limit: int) -> bool:
    """Whether the JSON of a value has surely more than `limit` bytes. A value counts one byte, a text its length."""
    above = [iter((value,))]
    while above:
        for each in above[-1]:
            limit -= len(each) if isinstance(each, str | bytes | bytearray) else 1
            if limit < 0:
                return True
            if len(above) <= DEPTH and (within := _within(each)) is not None:
                above.append(within)
                break
        else:
            above.pop()
    return False


def _within(value: Any) -> Iterator[Any] | None:
    """Return the values within a container or struct that JSON can hold; None for any other value."""
    if isinstance(value, dict):
        return (part for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return iter(value)
    names: Any = getattr(type(value), "__struct_fields__", None) or getattr(type(value), "__dataclass_fields__", ())
    return (getattr(value, name, None) for name in names) if names else None


def _beginning(value: Any, limit: int) -> str:
    """Return the first `limit` characters of the JSON of a value, and little more."""
    pieces: list[str] = []
    room = limit
    try:
        for piece in json.JSONEncoder(ensure_ascii=False, default=_name).iterencode(value):
            pieces.append(piece[:room])
            room -= len(piece)
            if room <= 0:
                break
    except (TypeError, ValueError, RecursionError) as error:
        pieces.append(f" ({type(error).__name__})")
    return "".join(pieces)


def _name(value: Any) -> str:
    """Return the text that stands for a value that JSON cannot hold."""
    return f"({name_of(type(value))})"


def _cut(text: str, limit: int) -> dict[str, Any]:
    return {"truncated": True, "limit": limit, "beginning": bounded(text, max(0, limit - _MARKER_BYTES))}


def is_shallow(value: Any, levels: int) -> bool:
    """Whether dicts and lists are nested at most `levels` deep, so that every reader has the stack to decode them."""
    if not isinstance(value, dict | list):
        return True
    within = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(is_shallow(each, levels - 1) for each in within)
