"""JSON: an object, or an array of objects, in one text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from slips.errors import ReaderError, RecordError
from slips.format import Bad, Elements, Event, Limited, MeaningOptions, Parse, Parsed, RecordLimits, parser
from slips.model import MetaData
from slips.parsing.json_text import (
    MORE_LEVELS,
    beginning,
    has_too_many_values,
    load_json,
    load_odd_json,
    shallow_decoder,
)
from slips.parsing.readers.elements import elements_of


@parser(
    "json",
    summary="a JSON object is an event; each object of a JSON array is one",
    reference="https://www.rfc-editor.org/rfc/rfc8259",
    takes="text",
    raw=True,
    options=MeaningOptions,
)
@Limited
def json(limits: RecordLimits) -> Parse:
    """Decode a JSON object, or an array of objects, to events. Raises RecordError for any other JSON.

    If an array has more values than allowed, its elements are read one by one, and each may have as many values.
    """
    decode, small = shallow_decoder(limits.depth), 2 * limits.values

    def parse(_meta: MetaData, raw: bytes) -> Parsed:
        nonlocal decode
        if len(raw) > small and raw[:1].isspace() | (raw[:1] in b"[\xef") and _is_long_array(raw, limits.values):
            return Elements(lambda: _elements(raw, limits))
        try:
            value = decode(raw) if len(raw) <= small else load_json(raw, limits)
        except (ValueError, msgspec.MsgspecError) as refusal:
            value = load_odd_json(raw, limits, refusal)
            decode = shallow_decoder(limits.depth, MORE_LEVELS)  # one deep record in a log announces more of them
        if value.__class__ is dict or (value.__class__ is list and value and all(v.__class__ is dict for v in value)):
            event: Event | list[Event] = value
            return event
        raise RecordError(f"JSON {type(value).__name__} {beginning(raw)}; expected an object")

    return parse


def _is_long_array(raw: bytes, values: int) -> bool:
    """Whether `raw` begins as an array and has more than `values` values, too many to hold at once."""
    return raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[" and has_too_many_values(raw, values)


def _elements(raw: bytes, limits: RecordLimits) -> Iterator[Event]:
    """Yield the objects of an array, decoded as by `load_json`. Raises RecordError for an element of another kind."""
    within = replace(limits, bytes=len(raw), depth=limits.depth - 1)
    try:
        for number, each in enumerate(elements_of(raw, within), 1):
            if isinstance(each, Bad):
                raise RecordError(f"element {number}: {each.reason}")
            if isinstance(each, dict):  # always: `elements_of` yields dicts and Bad only
                yield each
    except ReaderError as error:
        raise RecordError(str(error)) from None
