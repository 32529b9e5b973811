"""Decodes one JSON text to its events: an object is an event, each object of an array is one.

The loop of a chain decodes usual texts itself, with a `shallow_decoder`, and leaves all others to `Texts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from slips.errors import ReaderError, RecordError
from slips.format import Bad, Elements, Event, Limited, Parse, Parsed, RecordLimits
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


class JsonParse(Limited[Parse]):
    """The Parse of JSON texts, which the loop of a chain writes out."""

    def __init__(self) -> None:
        super().__init__(lambda limits: Texts(limits).parse)


class Texts:
    """Decodes JSON texts within limits. Each method raises RecordError for a text that is no event."""

    def __init__(self, limits: RecordLimits) -> None:
        self._limits = limits
        self.small = 2 * limits.values
        """Bytes so few that a text of them has no more values than allowed."""
        self.decode = shallow_decoder(limits.depth)
        """Decodes usual texts of up to `small` bytes; `decode_odd` is for those that it refuses."""

    def parse(self, _meta: MetaData, raw: bytes) -> Parsed:
        if len(raw) > self.small:
            return self.events(raw, self.decode_large(raw))
        try:
            value = self.decode(raw)
        except (ValueError, msgspec.MsgspecError) as refusal:
            value = self.decode_odd(raw, refusal)
        return self.events(raw, value)

    def decode_odd(self, raw: bytes, refusal: Exception) -> Any:
        """Decode a text that `decode` has refused. Sets `decode` to a slower one, which reads deeper texts."""
        value = load_odd_json(raw, self._limits, refusal)
        self.decode = shallow_decoder(self._limits.depth, MORE_LEVELS)  # one deep text announces more of them
        return value

    def decode_large(self, raw: bytes) -> Any:
        """Decode a text of more than `small` bytes.

        If it is an array with more values than allowed, its elements are read one by one, and each may have as many.
        """
        limits = self._limits
        begins_as_array = raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"["
        if begins_as_array and has_too_many_values(raw, limits.values):
            return Elements(lambda: _elements(raw, limits))
        return load_json(raw, limits)

    def events(self, raw: bytes, value: Any) -> Parsed:
        """Return the event or events that a decoded text is. Raises RecordError for any other value."""
        if value.__class__ is Elements:
            elements: Elements = value
            return elements
        if value.__class__ is dict or (value.__class__ is list and value and all(v.__class__ is dict for v in value)):
            events: Event | list[Event] = value
            return events
        raise RecordError(f"JSON {type(value).__name__} {beginning(raw)}; expected an object")


def _elements(raw: bytes, limits: RecordLimits) -> Iterator[Event]:
    """Yield the objects of an array, decoded as by `load_json`. Raises RecordError for an element of another kind."""
    within = msgspec.structs.replace(limits, bytes=len(raw), depth=limits.depth - 1)
    try:
        for number, each in enumerate(elements_of(raw, within), 1):
            if isinstance(each, Bad):
                raise RecordError(f"element {number}: {each.reason}")
            if isinstance(each, dict):  # always: `elements_of` yields dicts and Bad only
                yield each
    except ReaderError as error:
        raise RecordError(str(error)) from None
