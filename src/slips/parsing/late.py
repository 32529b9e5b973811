"""Finds what a handler asks of an event that was made without a dict, in its text: the message and the entities.

Most handlers ask for neither, or of few events. So decoding need not care for the fields that only these read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from slips.entities import EntityPaths
from slips.errors import RecordError
from slips.format import Event, RecordLimits
from slips.model import Entities
from slips.parsing.compile import message_of
from slips.parsing.declare import Json
from slips.parsing.json_text import load_json
from slips.parsing.needs import Needs

_T = TypeVar("_T")
Decode = Callable[[bytes], Any]
REFUSALS = (ValueError, TypeError, RecursionError, msgspec.MsgspecError, RecordError)
"""The errors that decoding, a declaration or the `__post_init__` of a Struct raises for a text that does not fit."""
_texts_in = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Late:
    """Finds what is asked of the events of a declaration in their texts. A Lookup of texts."""

    def __init__(self, declaration: Json, limits: RecordLimits) -> None:
        """Raises Unsuitable."""
        self._declaration, self._limits = declaration, limits
        self._needs = Needs.of_message(declaration)
        self._struct = self._needs.root.struct
        self._deep = msgspec.structs.replace(limits, depth=sys.getrecursionlimit())
        self._paths: EntityPaths | None = declaration.entity_paths

    def __call__(self, text: bytes) -> Entities:
        return Entities() if self._paths is None else self._paths(self._event_in(text))

    def message(self, text: bytes) -> str | None:
        try:
            return self.message_in(self._decode(text))
        except REFUSALS:
            return self._message_of_dict(self._event_in(text))

    def reduced(self, text: bytes) -> tuple[EntityPaths | None, Event]:
        return self._paths, self._event_in(text)

    def _event_in(self, text: bytes) -> Event:
        """Return the event in a text that was decoded to a Struct, as a dict.

        It is empty if a field that the Struct does not have is nested deeper than Python can hold.
        """
        try:
            event: Event = load_json(text, self._deep)
        except (RecordError, RecursionError):
            return {}
        return event

    @cached_property
    def message_in(self) -> Callable[[Any], str | None]:
        """The message of what a text was decoded to by `decode_run`."""
        return message_of(self._needs, self._limits)

    @cached_property
    def decode_run(self) -> Decode:
        """Decodes the texts of an array to the fields that the message reads. Raises one of REFUSALS."""
        return msgspec.json.Decoder(list[self._struct]).decode  # type: ignore[name-defined]

    @cached_property
    def _decode(self) -> Decode:
        return msgspec.json.Decoder(self._struct).decode

    @cached_property
    def _message_of_dict(self) -> Callable[[Any], str | None]:
        return message_of(self._declaration, self._limits)


class LateLines:
    """Finds what is asked of the events of a run of lines, which it knows by the Structs that these were decoded to."""

    def __init__(self, late: Late, run: Sequence[Any], lines: Sequence[bytes]) -> None:
        self._late, self._run, self._lines = late, run, lines

    def __call__(self, struct: Any) -> Entities:
        return self._late(self._texts[id(struct)])

    def message(self, struct: Any) -> str | None:
        return self._late.message(self._texts[id(struct)])

    def reduced(self, struct: Any) -> tuple[EntityPaths | None, Event]:
        return self._late.reduced(self._texts[id(struct)])

    @cached_property
    def _texts(self) -> dict[int, bytes]:
        return self._by_identity(self._lines)

    def _by_identity(self, values: Iterable[_T]) -> dict[int, _T]:
        return {id(each): value for each, value in zip(self._run, values, strict=False)}


class LateElements(LateLines):
    """The same of a run of elements, an array of objects."""

    def __init__(self, late: Late, run: Sequence[Any], raw: bytes) -> None:
        super().__init__(late, run, ())
        self._raw = raw

    def message(self, struct: Any) -> str | None:
        value = self._values.get(id(struct))
        return super().message(struct) if value is None else self._late.message_in(value)

    @cached_property
    def _texts(self) -> dict[int, bytes]:
        return self._by_identity(map(bytes, _texts_in(self._raw)))

    @cached_property
    def _values(self) -> dict[int, Any]:
        """What the messages are made of, decoded at once; none if an event does not fit."""
        try:
            return self._by_identity(self._late.decode_run(self._raw))
        except REFUSALS:
            return {}


class DecodedRuns:
    """Decodes runs of elements, arrays of objects, to Structs, and knows the text of the last run."""

    def __init__(self, decode: Decode, late: Late | None) -> None:
        self._decode, self._late = decode, late
        self.late: LateElements | None = None
        """Finds what is asked of an event of the last run, also later: it keeps the text of that run."""

    def __call__(self, raw: bytes) -> Any:
        """Decode a run. Raises msgspec.MsgspecError, or ValueError."""
        run = self._decode(raw)
        if self._late is not None:
            self.late = LateElements(self._late, run, raw)
        return run


class DecodedLines:
    """Decodes lines to Structs, and knows the lines of the last run."""

    def __init__(self, decode: Decode, late: Late | None) -> None:
        self.decode, self._late = decode, late
        self.late: LateLines | None = None
        """Finds what is asked of an event of the last run, also later: it keeps the lines of that run."""

    def keep(self, run: Sequence[Any], lines: Sequence[bytes]) -> None:
        """Note the events that are yielded next, and the line of each."""
        if self._late is not None:
            self.late = LateLines(self._late, run, lines)
