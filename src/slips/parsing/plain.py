"""The slow, obvious reading of a declaration, without generated code: the reference that `compile` is held to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from slips.format import Event, Parse, Parsed, PerObject, RecordLimits, Rule
from slips.model import MetaData
from slips.parsing.declare import Declaration, Json, Syslog
from slips.parsing.declare.lines import LineDeclaration
from slips.parsing.declare.table import Table
from slips.parsing.meaning import folded, holds, in_one_line
from slips.parsing.syslog_lines import read_3164, read_5424, read_any


def plain(declaration: Declaration, limits: RecordLimits = RecordLimits()) -> Parse:  # noqa: B008 - frozen
    """Return a function of meta and record that does what `compile.parse_of` compiles."""
    if declaration.is_per_object:
        return PerObject(lambda: _plain(declaration, _reading(declaration, limits)))
    return _plain(declaration, _reading(declaration, limits))


def _plain(declaration: Declaration, read: Callable[[Any], Event | Rule]) -> Parse:
    meaning = declaration.meaning
    refine = PerObject.begin(meaning.refine) if isinstance(meaning.refine, PerObject) else meaning.refine

    def parse(meta: MetaData, value: Any) -> Parsed:
        event = read(value)
        if isinstance(event, Rule):
            return event

        def get(path: str) -> Any:
            return declaration.look(event, path)

        if meaning.require is not None and not meaning.require.met(get):
            raise meaning.require.error(event, get)
        for rule in meaning.rules:
            if rule.when is not None and holds(rule.when, event, get):
                return rule
        if meaning.time is not None:
            meta.timestamp = meaning.time.at(get, meta.timestamp)
        meta.tag = str(meaning.tag.text(get, str))
        if meaning.message is not None:
            meta.message = meaning.message.text(get)
        if meaning.one_line:
            meta.message = in_one_line(meta.message)
        elif meaning.folded:
            meta.message = folded(meta.message)
        if meaning.adds:
            event[meaning.adds] = meta.message
        if refine is not None and (refined := refine(meta, event)) is not None:
            return refined
        return event

    return parse


def _reading(declaration: Declaration, limits: RecordLimits) -> Callable[[Any], Event | Rule]:
    """Return the function that makes events of values as the family of a declaration means them."""
    if isinstance(declaration, Json):
        return declaration.convert
    if isinstance(declaration, Table):
        return declaration.row()
    if isinstance(declaration, LineDeclaration):
        return declaration.line_parser(limits).read
    if isinstance(declaration, Syslog):
        if declaration.rfc == 3164:
            return read_3164
        if declaration.rfc == "any":
            return partial(read_any, limits=limits)
        return partial(read_5424, limits=limits, structured=declaration.structured)
    raise NotImplementedError(f"no plain reading of {type(declaration).__name__}")
