"""A declaration, read in both ways: compiled, and the plain way. What both make of a value has to be the same."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chains import new_meta
from slips.errors import RecordError
from slips.format import Elements, Limited, Parse, PerObject, RecordLimits, Rule
from slips.formats import catalogue
from slips.parsing import Declaration
from slips.parsing.compile import parse_of
from slips.parsing.declare.lines import LineParser
from slips.parsing.plain import plain

DECLARED = {name: each for name, each in catalogue().items() if isinstance(each, Declaration)}


def outcome(parse: Parse, value: Any) -> tuple[Any, ...]:
    """The event, with its meta; the name of the rule; or the error, and its text."""
    meta = new_meta()
    try:
        parsed = parse(meta, value)
    except RecordError as error:
        return type(error).__name__, str(error)
    if isinstance(parsed, Rule):
        return "filtered", parsed.name
    if isinstance(parsed, Elements):
        parsed = list(parsed)
    return repr(parsed), meta.tag, repr(meta.timestamp), meta.message


def readings(declaration: Declaration, limits: RecordLimits) -> tuple[Parse, Parse]:
    """The compiled and the plain reading, made once: making them takes longer than reading a value."""
    if (id(declaration), limits) not in _READINGS:
        made = Limited.bind(declaration.parse, limits), plain(declaration, limits)
        _READINGS[id(declaration), limits] = (declaration, made)
    return _READINGS[id(declaration), limits][1]


_READINGS: dict[tuple[int, RecordLimits], tuple[Declaration, tuple[Parse, Parse]]] = {}
"""By declaration, which is kept, so that no other one gets its id."""


def both(declaration: Declaration, value: Any, limits: RecordLimits | None = None) -> tuple[Any, ...]:
    """The result of a declaration for a value, the same in both readings. The value stays as it is."""
    return alike(declaration, copy.deepcopy(value), copy.deepcopy(value), limits)


def alike(declaration: Declaration, value: Any, again: Any, limits: RecordLimits | None = None) -> tuple[Any, ...]:
    """The result of a declaration for a value and a copy of it, the same in both readings."""
    compiled, slow = readings(declaration, limits or RecordLimits())
    found = outcome(compiled, value)
    assert found == outcome(slow, again)
    return found


def both_in_turn(declaration: Declaration, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The results of a declaration for the values of one object, of which it may remember something."""
    compiled = PerObject.begin(Limited.bind(declaration.parse, RecordLimits()))
    slow = PerObject.begin(plain(declaration))
    found = [outcome(compiled, value) for value in values]
    assert found == [outcome(slow, value) for value in values]
    return found


def event_of(declaration: Declaration, value: Any) -> tuple[Any, str, float, str | None]:
    """The event, tag, time and message that a declaration makes of a value."""
    both(declaration, value)
    meta = new_meta()
    event = parse_of(declaration)(meta, value)
    assert isinstance(event, dict)
    return event, meta.tag, meta.timestamp, meta.message


def paths_of(declaration: Declaration) -> Iterator[str]:
    """The paths that a declaration names."""
    yield from (path for _, path in declaration.meaning.paths)


def read_slowly(parser: LineParser, lines: Iterable[str]) -> list[str]:
    """Reads lines in order, as a loop does, and returns those that no fast function read."""
    slow = []
    for line in lines:
        if not (parser.fast(line, 0.0) or parser.retry(line, 0.0)):
            slow.append(line)
            parser.odd(line)
    return slow
