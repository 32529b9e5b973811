"""Finds what a handler asks of an event that was made without a dict, in its text: the message and the entities.

Most handlers ask for neither, or of few events. So decoding need not care for the fields that only these read.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, TypeVar
from weakref import ref

import msgspec

from slips.entities import EntityPaths
from slips.errors import RecordError
from slips.format import Event, RecordLimits
from slips.model import Entities
from slips.parsing.compile import message_of
from slips.parsing.declare import Json
from slips.parsing.json_text import bearable, load_json, texts_of_objects
from slips.parsing.needs import Needs

_T = TypeVar("_T")
Decode = Callable[[bytes], Any]
REFUSALS = (ValueError, TypeError, RecursionError, msgspec.MsgspecError, RecordError)
"""The errors that decoding, a declaration or the `__post_init__` of a Struct raises for a text that does not fit."""
RUNS, FEW = 16, 4
"""Runs of which any meta keeps all texts, as a batch has events of several: to take a run apart costs as much as to
decode it. And the share of a run's events whose metas keep all texts of it for longer: one of so many."""
(_UNUSED,) = map(sys.getrefcount, [object()])
"""References to what only a list has, as `map` counts them: other numbers than a loop would see, in each Python."""


class Late:
    """Finds what is asked of the events of a declaration in their texts. A Lookup of texts."""

    def __init__(self, declaration: Json, limits: RecordLimits) -> None:
        """Raises Unsuitable."""
        self._declaration, self._limits = declaration, limits
        self._needs = Needs.of_message(declaration)
        self._struct = self._needs.root.struct
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

        Fields that the Struct does not have may hold what Python refuses, such as values that are nested too deep.
        """
        try:
            event: Event = load_json(text, self._limits)
        except RecordError:
            event = load_json(bearable(text, self._limits.depth), self._limits)
        return event

    @cached_property
    def message_in(self) -> Callable[[Any], str | None]:
        """The message of what a text was decoded to by `decode_run`."""
        return message_of(self._needs, self._limits)

    @cached_property
    def decode_run(self) -> Decode:
        """Decodes the texts of an array to the fields that the message reads. Raises one of REFUSALS."""
        return msgspec.json.Decoder(list.__class_getitem__(self._struct)).decode

    @cached_property
    def _decode(self) -> Decode:
        return msgspec.json.Decoder(self._struct).decode

    @cached_property
    def _message_of_dict(self) -> Callable[[Any], str | None]:
        return message_of(self._declaration, self._limits)


class LateRun(ABC):
    """Finds what is asked of the events of a run, which it knows by the Structs that these were decoded to.

    Metas may ask from several threads: what changes is one attribute, read once.
    """

    def __init__(self, late: Late, run: Sequence[Any], source: Any) -> None:
        """`source` has the texts of the run."""
        self._late = late
        self._held: tuple[Sequence[Any], Any, dict[int, bytes] | None] = (run, source, None)
        """The Structs, and their source, or instead of it the text of each by its identity, once one was asked for."""

    def __call__(self, struct: Any) -> Entities:
        return self._late(self._text_of(struct))

    def message(self, struct: Any) -> str | None:
        return self._late.message(self._text_of(struct))

    def reduced(self, struct: Any) -> tuple[EntityPaths | None, Event]:
        return self._late.reduced(self._text_of(struct))

    def let_go(self) -> bool:
        """Keep the texts of those events alone of which there are metas, if these are few. Return whether they are."""
        run = self._held[0]
        counts = list(map(sys.getrefcount, run))  # a meta has one more reference to its Struct than the run
        kept = [struct for struct, count in zip(run, counts, strict=True) if count > _UNUSED]
        if len(kept) > len(run) // FEW:
            return False
        texts = self._texts()
        self._held = ((), None, {id(struct): texts[id(struct)] for struct in kept})
        return True

    def _text_of(self, struct: Any) -> bytes:
        return self._texts()[id(struct)]

    def _texts(self) -> dict[int, bytes]:
        run, source, texts = self._held
        if texts is None:
            texts = _by_identity(run, self._taken_apart(source))
            self._held = (run, None, texts)
        return texts

    @abstractmethod
    def _taken_apart(self, source: Any) -> Iterable[bytes]:
        """Return the text of each event."""


class LateLines(LateRun):
    """The same of lines."""

    def _taken_apart(self, source: Sequence[bytes]) -> Sequence[bytes]:
        return source


class LateElements(LateRun):
    """The same of elements, of an array of objects."""

    _values: dict[int, Any] | None = None
    """The Structs that messages are made of, by the identity of the Structs; none if an event does not fit."""

    def message(self, struct: Any) -> str | None:
        values = self._values
        if values is None:
            self._values = values = self._decoded()
        value = values.get(id(struct))
        return super().message(struct) if value is None else self._late.message_in(value)

    def let_go(self) -> bool:
        self._values = {}  # whoever keeps metas for long may have many of them
        return super().let_go()

    def _decoded(self) -> dict[int, Any]:
        """Decode all events at once: most handlers that ask for one message ask for others, too."""
        run, raw, texts = self._held
        if texts is not None:
            raw = b"[%s]" % b",".join(texts.values())
        try:
            return _by_identity(run, self._late.decode_run(raw))
        except REFUSALS:
            return {}

    def _taken_apart(self, source: bytes) -> Sequence[bytes]:
        return texts_of_objects(source)


def _by_identity(run: Sequence[Any], values: Iterable[_T]) -> dict[int, _T]:
    return {id(each): value for each, value in zip(run, values, strict=False)}


class _Decoded:
    """Follows the runs of an object, so that metas that a handler keeps do not keep the text of all events."""

    def __init__(self, late: Late | None) -> None:
        self._late = late
        self.late: LateRun | None = None
        """Finds what is asked of an event of the last run, also later: it keeps the text of that run."""
        self._recent = deque[ref[LateRun]]()
        """Runs whose events have all been delivered, but for the last one. Metas may keep some of them."""

    def _follow(self, late: LateRun) -> None:
        self.late = late
        self._recent.append(ref(late))
        while len(self._recent) > RUNS:
            kept = self._recent.popleft()()
            if kept is not None:
                if not kept.let_go():
                    self._recent.append(ref(kept))
                break


class DecodedRuns(_Decoded):
    """Decodes runs of elements, arrays of objects, to Structs, and knows the text of the last run."""

    def __init__(self, decode: Decode, late: Late | None) -> None:
        super().__init__(late)
        self._decode = decode

    def __call__(self, raw: bytes) -> Any:
        """Decode a run. Raises msgspec.MsgspecError, or ValueError."""
        run = self._decode(raw)
        if self._late is not None:
            self._follow(LateElements(self._late, run, raw))
        return run


class DecodedLines(_Decoded):
    """Decodes lines to Structs, and knows the lines of the last run."""

    def __init__(self, decode: Decode, late: Late | None) -> None:
        super().__init__(late)
        self.decode = decode

    def keep(self, run: Sequence[Any], lines: Sequence[bytes]) -> None:
        """Note the events that are yielded next, and the line of each."""
        if self._late is not None:
            self._follow(LateLines(self._late, run, lines))
