"""Guesses from events which fields have the time and the message, and which every record has."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event

_YEARS = (946_684_800.0, 4_102_444_800.0)
"""The years 2000 to 2099: a number elsewhere is hardly a time."""
_MANY = 4
"""Values of which one may be odd."""
_DEPTH = 4
_PATH = re.compile(r"[\w@-]+([. ][\w@-]+)*")
"""Names that need little care in a declaration."""
_TIME_NAMES = (
    re.compile(
        r"@?(event|log|record|activity|request|start)?[_-]?(time|date|datetime|timestamp|time_?stamp)|@?ts?|_time", re.I
    ),
    re.compile(
        r"(published|created|occurred|logged|observed|received)(_?(at|on|time|date))?|\w*(time|date|stamp)", re.I
    ),
    re.compile(r"\w*(time|date|stamp|_at|At|_on|published|created|epoch)\w*|when", re.I),
)
"""Names of fields with the time, the best first."""
_HOUR = re.compile(r"\d[:T]\d")
_CLOCK = re.compile(r"\d\d:\d\d\b.*")
_ZONE = re.compile(r"[+-]\d\d:?\d\d|Z|UTC|GMT")
_CLOCKS = ("%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S,%f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_FORMS = tuple(
    tuple(f"{date} {clock}{zone}" for date in dates)
    for dates in (("%d/%m/%Y", "%m/%d/%Y"), ("%d-%m-%Y", "%m-%d-%Y"), ("%d/%m/%y", "%m/%d/%y"), ("%d.%m.%y",))
    for clock in _CLOCKS
    for zone in ("", " %z")
)
"""Notations that no other reads, those together of which one text may be of several."""
_FORMED = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4} \d{1,2}:\d\d")
_LATER = re.compile(r"expir|end|until|updat|modif|next|last|valid|birth", re.I)
_MESSAGE_NAMES = ("displayMessage", "message", "msg", "description", "summary", "title", "request", "event_message")
_COMMON_NAMES = re.compile(
    r"@?(time|timestamp|date|datetime|ts|id|type|level|name|host|hostname|message|msg|version|source)", re.I
)
"""Names that many formats have: by them alone, no record is known to be of one."""
_MOST_REQUIRED = 3


def fields_of(events: Sequence[Event]) -> dict[str, list[Any]]:
    """Return the values of each field, by its dotted path, in the order in which the fields first came."""
    found: dict[str, list[Any]] = {}
    for event in events:
        for path, value in _walk(event, ""):
            found.setdefault(path, []).append(value)
    return found


def _walk(event: Event, above: str, depth: int = 1) -> Iterator[tuple[str, Any]]:
    for key, value in event.items():
        path = f"{above}{key}"
        if not _PATH.fullmatch(path):
            continue
        if isinstance(value, dict) and depth < _DEPTH:
            yield from _walk(value, f"{path}.", depth + 1)
        elif value is not None and value != "":
            yield path, value


def time_of(events: Sequence[Event]) -> tuple[str, str] | None:
    """Return the notation and the arguments of the time, as `("iso", "'eventTime'")`; None if no field has one."""
    fields = fields_of(events)
    least = max(1, len(events) * 9 // 10)
    joined = _joined(fields)
    found = []
    for position, (path, values) in enumerate(fields.items()):
        name = path.rpartition(".")[2].replace(" ", "_")
        rank = next((rank for rank, names in enumerate(_TIME_NAMES) if names.fullmatch(name)), len(_TIME_NAMES))
        if len(values) < least:
            continue
        if notation := joined.get(path) or _notation(path, values, is_named=rank < len(_TIME_NAMES)):
            is_day = path not in joined and _are_days(values)
            found.append(((bool(_LATER.search(name)), is_day, rank, path.count("."), position), notation))
    return min(found)[1] if found else None


def is_day_alone(events: Sequence[Event], time: tuple[str, str]) -> bool:
    """Whether the field of the time, as `time_of` returned it, has the day and no time of day."""
    values = fields_of(events).get(time[1].strip('"'), []) if time[0] != "written" else []
    return bool(values) and _are_days(values)


def _are_days(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) and not _is_number(value) and not _HOUR.search(value) for value in values)


def _joined(fields: dict[str, list[Any]]) -> dict[str, tuple[str, str]]:
    """Return the declaration of each time whose day, clock and zone are in fields of their own, by the day's field."""
    paths = [*fields]
    beside = [*pairwise(paths), *pairwise(reversed(paths))]
    found: dict[str, tuple[str, str]] = {}
    for parts in (*zip(paths, paths[1:], paths[2:], strict=False), ("date", "time"), *beside):
        if parts[0] not in found and _are_parts([fields.get(path, []) for path in parts]):
            quoted = [f'"{path}"' for path in parts]
            found[parts[0]] = "stamp", f"({', '.join(quoted)})"
    return found


def _are_parts(parts: Sequence[Sequence[Any]]) -> bool:
    """Whether the values of fields are days, clocks, and zones if there are three, which joined are times."""
    days, *others = parts
    if not days or any(len(days) != len(part) for part in others) or not _are_days(days):
        return False
    for pattern, part in zip((_CLOCK, _ZONE), others, strict=False):
        if not _are_nearly_all([*filter(pattern.fullmatch, map(str, part))], part):
            return False
    whole = [" ".join(map(str, values)) for values in zip(*parts, strict=True)]
    return _are_nearly_all(_read_by(times.any_notation, whole, times.iso("2099-01-01")), whole)


def _form_of(texts: Sequence[str], values: Sequence[Any]) -> str:
    """Return how times are written whose notation only a form says; empty if none does, or day and month may be either.

    By their days beyond the twelfth it is known which is the day.
    """
    if not _are_nearly_all([*filter(_FORMED.match, texts)], values):
        return ""
    for forms in _FORMS:
        fitting = [
            form for form in forms if _are_nearly_all(_read_by(partial(times.written, form=form), texts), values)
        ]
        if fitting:
            return fitting[0] if len(fitting) == 1 else ""
    return ""


def _notation(path: str, values: Sequence[Any], *, is_named: bool) -> tuple[str, str] | None:
    """Return the notation in which all values are times."""
    quoted = f'"{path}"'
    texts = [value for value in values if isinstance(value, str) and not _is_number(value)]
    if _are_nearly_all(texts, values):
        for name, read in (("iso", times.iso), ("clf", times.clf)):
            long = [value for value in texts if len(value) > len("2018-06-11")]
            if _are_nearly_all(_read_by(read, long), values):
                return name, quoted
        read_by_any = _read_by(times.any_notation, texts, times.iso("2099-01-01"))
        if _are_nearly_all(read_by_any, values):
            return "stamp", quoted
        form = _form_of(texts, values)
        return ("written", f'"{form}", {quoted}') if form else None
    numbers = [float(value) for value in values if _is_number(value)]
    if not is_named or not _are_nearly_all(numbers, values):
        return None
    for unit, size in (("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)):
        if _are_nearly_all([each for each in numbers if _YEARS[0] <= each / size < _YEARS[1]], values):
            return "epoch", quoted if unit == "s" else f'{quoted}, unit="{unit}"'
    return None


def _is_number(value: Any) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or (
        isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value) is not None
    )


def _are_nearly_all(some: Sequence[Any], values: Sequence[Any]) -> bool:
    """Whether a log may have so few odd values in the field of its time: one in ten, or one in four or more."""
    odd = len(values) - len(some)
    return odd <= max(len(values) // 10, len(values) >= _MANY)


def _read_by(read: Callable[..., float], values: Sequence[str], *arguments: float) -> list[str]:
    """Return the values that are times in a notation."""
    found = []
    for value in values:
        with suppress(RecordError):
            if _YEARS[0] <= read(value, *arguments) < _YEARS[1]:
                found.append(value)
    return found


def message_of(events: Sequence[Event]) -> str:
    """Return the field with a line for people; empty if there is none."""
    fields = fields_of(events)
    texts = (name for name in _MESSAGE_NAMES if all(isinstance(value, str) for value in fields.get(name, [0])))
    return next((name for name in texts if len(fields[name]) * 2 > len(events)), "")


def required_of(events: Sequence[Event], but: Container[str] = ()) -> list[str]:
    """Return some fields that every record has, `but` these, and those first that few other formats have."""
    shared = [
        name
        for name in events[0]
        if _PATH.fullmatch(name)
        and not {".", " "} & {*name}
        and name not in but
        and all(event.get(name) is not None for event in events)
    ]
    own = [name for name in shared if not _COMMON_NAMES.fullmatch(name)]
    return (own or shared)[:_MOST_REQUIRED]
