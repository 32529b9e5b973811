"""The slow, obvious reading of a declaration, without generated code: the reference that `compile` is held to."""

from __future__ import annotations

from typing import Any

from slips.format import Event, Parse, Parsed, RecordLimits
from slips.model import MetaData
from slips.parsing.declare import Declaration, Json
from slips.parsing.meaning import given, holds


def plain(declaration: Declaration, limits: RecordLimits = RecordLimits()) -> Parse:  # noqa: B008 - frozen
    """Return a function of meta and record that does what `compile.parse_of` compiles."""
    meaning = declaration.meaning

    def parse(meta: MetaData, value: Any) -> Parsed:
        event = event_of(declaration, value, limits)

        def get(path: str) -> Any:
            return given(event, path, meaning.absent)

        if meaning.require is not None and not meaning.require.met(get):
            raise meaning.require.error(event, get)
        for rule in meaning.rules:
            if rule.when is not None and holds(rule.when, event, get):
                return rule
        if meaning.time is not None:
            meta.timestamp = meaning.time.at(get, meta.timestamp)
        meta.tag = str(meaning.tag.text(get))
        if meaning.message is not None:
            meta.message = meaning.message.text(get)
        if meaning.adds:
            event[meaning.adds] = meta.message
        if meaning.refine is not None and (refined := meaning.refine(meta, event)) is not None:
            return refined
        return event

    return parse


def event_of(declaration: Declaration, value: Any, limits: RecordLimits) -> Event:
    """Return the event that a family makes of a value. Raises RecordError."""
    if isinstance(declaration, Json):
        event: Event = value
        return event
    raise NotImplementedError(f"no plain reading of {type(declaration).__name__} ({limits})")
