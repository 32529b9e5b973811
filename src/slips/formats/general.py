"""Formats of no vendor: JSON, syslog, Fluentd."""

from __future__ import annotations

import json as stdlib_json
from typing import Any

import msgspec

from slips.errors import RecordError
from slips.format import Event, Parsed, parser
from slips.model import MetaData

# msgspec is as fast as orjson here, and keeps integers beyond 64 bits exact where orjson rounds them to floats.
_decode = msgspec.json.Decoder().decode


def load_json(raw: bytes) -> Any:
    """Any JSON text. What strict decoders refuse but logs contain is read by the standard library instead: `NaN`,
    lone surrogates, a byte order mark, numbers beyond a double, bytes that are not UTF-8 (as `surrogateescape`).
    """
    try:
        return _decode(raw)
    except (ValueError, msgspec.DecodeError):
        text = raw.decode("utf-8-sig", "surrogateescape")
        try:
            return stdlib_json.loads(text)
        except ValueError as error:
            raise RecordError(f"not JSON: {error}") from None


@parser(
    "json",
    summary="a JSON object is an event; each object of a JSON array is one",
    reference="https://www.rfc-editor.org/rfc/rfc8259",
    takes="text",
    raw=True,
)
def json(_meta: MetaData, raw: bytes) -> Parsed:
    """Raises RecordError for anything but an object or an array of objects."""
    try:
        value = _decode(raw)
    except (ValueError, msgspec.DecodeError):
        value = load_json(raw)
    if value.__class__ is dict or (value.__class__ is list and value and all(v.__class__ is dict for v in value)):
        event: Event | list[Event] = value
        return event
    raise RecordError(f"JSON {type(value).__name__} {str(value)[:40]!r}; expected an object")
