"""Bounds the evidence of a failure in an error item: the log event of the failed `recv`, the reason, the traceback.

A short log event is kept whole, as JSON. In a longer one, long texts, containers and levels are cut and marked with
`…`, so that the keys at the top stay: all of them are worth more than the end of the first value.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import msgspec

from slips.errors import RecordError
from slips.exceptions import describe, name_of, text_of, traceback_pieces
from slips.model import bounded, readable
from slips.pipeline.result import is_longer, is_shallow

EVENT_BYTES = 8_000
"""Most bytes of the log event as JSON: an item also holds a traceback, and one of DynamoDB has 400 KB at most."""
LEVELS = 20
"""Most levels of dicts and lists."""
MESSAGE_BYTES = 4_000
TRACEBACK_BYTES = 16_000
_TEXT, _ITEMS = 4_000, 1_000
"""Most characters of a text and items of a container, in the first attempt. Each further attempt halves both."""


def keep(event: Any) -> tuple[dict[str, Any], bool]:
    """Return a copy of a log event as plain JSON, and whether the copy is cut. Never raises, whatever is in it.

    A value that JSON cannot hold becomes its `repr`. Bytes that are not UTF-8 are spelled out. An event that a handler
    wants as a Struct is shown as JSON would have it.
    """
    try:
        if not issubclass(type(event), dict):  # not `isinstance`: an object may lie about its class
            event = msgspec.to_builtins(event, enc_hook=repr, str_keys=True)
        if (whole := _whole(event)) is not None:
            return whole, False
        text, items = _TEXT, _ITEMS
        while True:
            cutter = _Cutter(text, items)
            kept = cutter.of(event, LEVELS, 2 * items)
            if len(msgspec.json.encode(kept)) <= EVENT_BYTES:
                return kept, cutter.cut
            text, items = text // 2, items // 2
    except BaseException as error:  # noqa: BLE001 - the user's objects are in it
        return {"…": f"the event cannot be shown: {name_of(type(error))}"}, True


def _whole(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return the whole log event as plain JSON; None if it is too long, too deep, or not JSON."""
    try:
        if is_longer(event, EVENT_BYTES):
            return None
        data = msgspec.json.encode(event)
        if len(data) > EVENT_BYTES:
            return None
        plain = msgspec.json.decode(data)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    return plain if isinstance(plain, dict) and is_shallow(plain, LEVELS) else None


class _Cutter:
    """Copies a value as JSON, within limits. The items of a container share its room equally."""

    def __init__(self, text: int, items: int) -> None:
        self._text, self._items = text, items
        self.cut = False

    def of(self, value: Any, levels: int, room: int) -> Any:
        """Return a copy of `value`, at most `levels` deep, with at most `room` values a level."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else repr(value)
        if isinstance(value, int):
            return value if -(2**63) <= value < 2**63 else self._short(f"{value:#x}")
        if isinstance(value, str):
            return self._short(value)
        if not isinstance(value, dict | list | tuple | set | frozenset):
            return self._short(repr(value))
        if levels == 0:
            return self._more()
        shown = min(len(value), self._items, room)
        share = room // shown if shown else 0
        left_out = f" {len(value) - shown} more" if shown < len(value) else ""
        if isinstance(value, dict):
            kept = {
                self._short(key if isinstance(key, str) else repr(key)): self.of(each, levels - 1, share)
                for key, each in islice(value.items(), shown)
            }
            return {**kept, "…": self._more(left_out)} if left_out else kept
        listed = [self.of(each, levels - 1, share) for each in islice(value, shown)]
        return [*listed, self._more(left_out)] if left_out else listed

    def _short(self, text: str) -> str:
        return readable(text) if len(text) <= self._text else readable(text[: self._text]) + self._more()

    def _more(self, count: str = "") -> str:
        self.cut = True
        return f"…{count}"


def reason_of(error: Exception) -> str:
    """Return the reason why a record is bad. Texts of exceptions that are not ours need their type to make sense."""
    return text_of(error) if issubclass(type(error), RecordError) else describe(error)


def traceback_of(error: BaseException) -> str:
    """Return the end of a traceback, its most telling part. A very long text in a line hides no other line."""
    pieces = [bounded(piece, MESSAGE_BYTES) for piece in traceback_pieces(error)]
    pieces = [piece if piece.endswith("\n") else f"{piece}…\n" for piece in pieces]
    return bounded("".join(pieces), TRACEBACK_BYTES, end=True)
