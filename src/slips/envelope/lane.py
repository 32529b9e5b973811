"""Encodes and decodes object events for records of a lane's stream and payloads of MainFunc."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import msgspec
from msgspec import Struct

from slips.envelope.members import kind_of, loose, need, parsed
from slips.envelope.object_event import from_json
from slips.errors import EnvelopeError
from slips.model import ObjectEvent

LONG = 64_000
"""Bytes of data from which an event is encoded again: other programs may write white space, or repeat keys."""

_KEYS = set(ObjectEvent.__struct_fields__)


class LaneRecord(Struct):
    """One record of a lane's stream: an object event, checked but still encoded as JSON, or a problem."""

    sequence_number: str
    """Empty if the record has none. Lambda reads an empty number as a failure of the whole batch."""
    data: bytes = b""
    """JSON of the event, in the form of `encode`; empty if there is a problem."""
    problem: str = ""


def encode(event: ObjectEvent) -> bytes:
    """Encode an event as JSON, for the data of a Kinesis record."""
    return msgspec.json.encode(event.to_dict())


def decode(data: bytes) -> ObjectEvent:
    """Decode an event that `encode` wrote. Raises `EnvelopeError`."""
    return from_json(parsed(data, "data"), "data")


def lane_records(payload: Any) -> list[LaneRecord]:
    """Return the records of a Kinesis event, in order. Raises `EnvelopeError` for any other payload."""
    records = []
    for number, record in enumerate(need(payload, "Records", list, "event")):
        result = LaneRecord(loose(record, "kinesis", "sequenceNumber"))
        try:
            result.data = _checked_data(record, f"Records[{number}]")
        except EnvelopeError as error:
            result.problem = str(error)
        records.append(result)
    return records


def arguments(payload: Any) -> list[ObjectEvent]:
    """Decode a payload of MainFunc: a list of object events, or one alone. Raises `EnvelopeError`."""
    if isinstance(payload, dict):
        return [from_json(payload, "event")]
    if not isinstance(payload, list):
        raise EnvelopeError(f"event: {kind_of(payload)}; a list of object events was expected")
    return [from_json(item, f"event: item {number}") for number, item in enumerate(payload, 1)]


def of_kinesis(record: Any, where: str) -> ObjectEvent:
    """Decode the object event in a record of a Kinesis event. Raises `EnvelopeError`."""
    there = f"{where}.kinesis.data"
    return from_json(parsed(_data(record, where), there), there)


def _checked_data(record: Any, where: str) -> bytes:
    """Return the data of a record of a Kinesis event, checked to be an object event. Raises `EnvelopeError`."""
    there = f"{where}.kinesis.data"
    data = _data(record, where)
    value = parsed(data, there)
    event = from_json(value, there)
    # Only keys of an object event are checked: other keys, of any length and depth, must not get into a payload.
    return data if value.keys() <= _KEYS and len(data) < LONG else encode(event)


def _data(record: Any, where: str) -> bytes:
    data = need(need(record, "kinesis", dict, where), "data", str, f"{where}.kinesis")
    try:
        return b64decode(data, validate=True)
    except ValueError as error:
        raise EnvelopeError(f"{where}.kinesis.data: {error}; base64 was expected") from error
