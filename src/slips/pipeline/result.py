"""Makes plain JSON of bounded size and depth of a handler's result: it goes into pipes, logs and ledgers.

The value is measured before it is encoded: one of 100 MB must not take as much again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from slips.exceptions import name_of
from slips.model import bounded, readable

DEPTH = 100
"""Levels of dicts and lists; deeper is kept as its `repr`."""
_MARKER_BYTES = 100
"""Of a cut result, for all but its beginning."""


def plain_result(value: Any, limit: int) -> Any:
    """`value` as JSON carries it; anything else as its `repr`. What takes more than `limit` bytes as JSON is cut:
    `{"truncated": true, "limit": …, "beginning": …}` has the beginning of a text, or of the JSON of anything else.
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
        pass  # it is no JSON
    try:
        shown = repr(value)
        return readable(shown) if len(shown) <= limit // 6 else _cut(shown, limit)
    except Exception as error:  # noqa: BLE001 - it is the user's, and the object is processed already
        return f"({name_of(type(value))} that cannot be shown: {name_of(type(error))})"


def is_longer(value: Any, limit: int) -> bool:
    """Whether the JSON of a value has surely more than `limit` bytes: each value takes one, each text its length."""
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
    """The values within one, if it is of a kind that becomes JSON."""
    if isinstance(value, dict):
        return (part for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return iter(value)
    names: Any = getattr(type(value), "__struct_fields__", None) or getattr(type(value), "__dataclass_fields__", ())
    return (getattr(value, name, None) for name in names) if names else None


def _beginning(value: Any, limit: int) -> str:
    """The first `limit` characters of its JSON, or more."""
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
    """Stands for what is no JSON."""
    return f"({name_of(type(value))})"


def _cut(text: str, limit: int) -> dict[str, Any]:
    return {"truncated": True, "limit": limit, "beginning": bounded(text, max(0, limit - _MARKER_BYTES))}


def is_shallow(value: Any, levels: int) -> bool:
    """Whether it can be read again wherever it goes, on whatever stack."""
    if not isinstance(value, dict | list):
        return True
    within = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(is_shallow(each, levels - 1) for each in within)
