"""Tells how like events are to those of a format's sample: by the paths of their fields, and the shapes of values.

A path that many formats have, as `message`, says little; one that few have says much.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from slips.format import Event, Format
from slips.formats import catalogue, sample_files
from slips.parsing.declare import Declaration
from slips.paths import IN_LIST

_DEPTH = 3
"""Levels of nested objects whose keys are looked at."""
_MOST_PATHS = 400
"""Paths of an event that are looked at."""
_SHAPES = (
    ("number", r"[+-]?[0-9.,]+"),
    ("address", r"[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*[0-9a-fA-F](?::\d+)?"),
    ("time", r"[\[(]?(?:\d{4}[-/]\d\d[-/]\d\d|\d\d/\w{3}/\d{4}|\w{3} [ \d]\d \d\d:).*"),
    ("id", r"[{(]?[0-9a-fA-F-]{16,}[)}]?"),
    ("url", r"\w+://.*"),
    ("path", r"[/\\].*"),
    ("word", r"[\w.:@/$=-]+"),
    ("upper", r"[A-Z_ ]+"),
)
_SIGNS = re.compile(r"[._\- ]")
_SHAPE = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _SHAPES), re.DOTALL)


_OF_ANY_PROGRAM = frozenset(
    """
    time timestamp @timestamp ts t @t date datetime asctime created createdat eventtime localtime
    level lvl loglevel severity levelname levelvalue @l priority message msg @m @mt m text body description
    logger loggername name channel category caller source file line lineno function func module target
    host hostname server ip pid processid process thread threadname threadid tid
    app application appname service servicename component program env environment version @version v facility
    context extra data fields tags labels meta metadata attributes
    error err errormessage exception @x stack stacktrace trace code status statuscode result reason outcome success
    event eventtype eventname type action operation kind id uuid user username userid email actor resource session
    requestid reqid correlationid traceid spanid sessionid request response method path url uri route query protocol
    duration durationms elapsed latency responsetime took bytes size count value unit
    remoteaddr remoteip clientip sourceip useragent referer port
    """.split()
)
"""Names of fields that loggers of programming languages write, and programs beside them, in small letters and without
signs between words: by these alone, a record is of no vendor."""
_LEAST_WORD, _NAMED_SHARE = 4, 0.3
"""Letters of a word by which a product is known; the share of the events in which it must be."""
_OWN_SHARE, _OWN_FIELDS = 0.3, 2
"""The share of the other fields, or the number of these, by which events are known as those of a format."""
_MANY_OWN_FIELDS = 4
"""The number of these by which they are known even if most of their fields are unknown to the format."""


def _shape(value: Any) -> str:
    if isinstance(value, str):
        found = _SHAPE.fullmatch(value[:200])
        return str(found.lastgroup) if found else "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _paths(event: Any, depth: int = _DEPTH, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield the paths of an event that have a value, with the shape of that."""
    for key, value in event.items():
        path = f"{before}{key}"
        if value is None or value == "":
            continue
        yield path, _shape(value)
        inner = value[0] if isinstance(value, list) and value else value
        if depth > 1 and isinstance(inner, dict):
            yield from _paths(inner, depth - 1, f"{path}.")


class Fingerprint:
    """The paths and shapes of the events of a sample, and the paths that a declaration names."""

    def __init__(self, format_: Format, events: Iterable[Event]) -> None:
        self.shapes: dict[str, set[str]] = {}
        for event in events:
            for path, shape in _paths(event):
                self.shapes.setdefault(path, set()).add(shape)
        self.declared = {path for path in _declared(format_) if path not in self.shapes}
        is_by_place = format_.takes == "text" and isinstance(format_, Declaration) and format_.known() is not None
        self.other_shape = 0.1 if is_by_place else 0.5
        """The share of a path's weight for a value of another shape. A line gives each column some value."""


def _declared(format_: Format) -> Iterator[str]:
    if format_.entity_paths:
        for paths in format_.entity_paths.paths:
            yield from paths
    if isinstance(format_, Declaration):
        yield from (path.replace(IN_LIST, ".") for _, path in format_.meaning.paths)
        yield from format_.known() or ()


@cache
def fingerprints() -> dict[str, Fingerprint]:
    """Return the fingerprints of all formats that have a sample, by name."""
    found = {}
    for name, format_ in catalogue().items():
        expected = next((path for path in sample_files(name) if ".expected." in path.name), None)
        if expected is not None and format_.takes != "object":
            lines = map(json.loads, expected.read_text("utf-8").splitlines())
            found[name] = Fingerprint(format_, [line["event"] for line in lines if "event" in line])
    return found


@cache
def _weights() -> dict[str, float]:
    """Return what a path says: the more, the fewer formats have it."""
    known = fingerprints()
    counts: dict[str, int] = {}
    for each in known.values():
        for path in (*each.shapes, *each.declared):
            counts[path] = counts.get(path, 0) + 1
    return {path: math.log(1 + len(known) / count) for path, count in counts.items()}


def has_own_fields(name: str, events: Iterable[Event]) -> bool:
    """Whether events have fields of the format that are not those of any program."""
    number, share = _own_fields(name, events)
    return number >= _OWN_FIELDS or share >= _OWN_SHARE


def has_many_own_fields(name: str, events: Iterable[Event]) -> bool:
    """Whether events have so many fields of the format that they are known by these, however many others there are."""
    return _own_fields(name, events)[0] >= _MANY_OWN_FIELDS


def _own_fields(name: str, events: Iterable[Event]) -> tuple[int, float]:
    """Return how many fields of the format events have, and their share of the weight of all: but any program's."""
    own, weights, rare = fingerprints()[name], _weights(), math.log(1 + len(fingerprints()))
    found, reached, total = set[str](), 0.0, 0.0
    for event in events:
        for _, (path, shape) in zip(range(_MOST_PATHS), _paths(event), strict=False):
            if _SIGNS.sub("", path).lower() in _OF_ANY_PROGRAM:
                continue
            weight = weights.get(path, rare) / (1 + path.count("."))
            total += weight
            if shape in own.shapes.get(path, ()) or path in own.declared:
                reached += weight
                found.add(path.partition(".")[0])
    return len(found), reached / total if total else 0.0


def names_product(name: str, events: Sequence[Event]) -> bool:
    """Whether a good share of events have a word of the format's name in their texts, as the name of a class."""
    words = [word for word in name.split("-") if len(word) >= _LEAST_WORD]
    texts = [json.dumps(event, default=str).lower() for event in events]
    return sum(any(word in text for word in words) for text in texts) >= _NAMED_SHARE * len(texts)


def likeness(name: str, events: Iterable[Event]) -> float:
    """Return the weight of the paths of events that the format has, with values of the shapes that it has: 0 to 1."""
    own, weights = fingerprints().get(name), _weights()
    if own is None:
        return 0.0
    rare = math.log(1 + len(fingerprints()))
    reached = total = 0.0
    for event in events:
        for _, (path, shape) in zip(range(_MOST_PATHS), _paths(event), strict=False):
            weight = weights.get(path, rare) / (1 + path.count("."))
            total += weight
            shapes = own.shapes.get(path)
            if shapes is not None:
                reached += weight if shape in shapes else weight * own.other_shape
            elif path in own.declared:
                reached += weight * 3 / 4
    return reached / total if total else 0.0
