"""Parses the lines of a function's log, and recognizes lines that Lambda itself writes. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

PLATFORM = ("INIT_START ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: ")
"""Beginnings of the lines that Lambda writes as text for each invocation; with `Status: ` for one that failed."""
_decode = msgspec.json.Decoder().decode


def parsed(message: str) -> Any:
    """Return the JSON object that a message is, else the message."""
    if message.startswith("{"):
        try:
            return _decode(message)
        except msgspec.MsgspecError:
            return message
    return message


def platform_record(value: dict[str, Any]) -> dict[str, Any] | None:
    """Return the record of a JSON line that Lambda wrote, None for any other line.

    Such a line is `{"time": ..., "type": "platform.report", "record": {...}}`.
    """
    record = value.get("record")
    return record if str(value.get("type", "")).startswith("platform.") and isinstance(record, dict) else None


def is_usual(message: str) -> bool:
    """Return whether Lambda wrote this line, as text or (since 2026) as JSON, about an invocation that did not fail."""
    if message.startswith(PLATFORM):
        return "\tStatus: " not in message
    value = parsed(message)
    record = platform_record(value) if isinstance(value, dict) else None
    return record is not None and record.get("status", "success") == "success"
