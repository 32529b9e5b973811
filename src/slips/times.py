"""Converts texts and numbers of log times to epoch seconds, UTC. A time without a zone is UTC on every machine.

`None` and `""` are no times: the caller keeps the object's event time instead. Each function raises RecordError for a
time that it cannot read. Every result lies in the years 1 to 9999, so that `datetime.fromtimestamp` accepts it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from slips.errors import RecordError

# Cache of epoch seconds by text: neighbouring records share whole seconds, and a lookup is four times as fast as
# parsing. Longer texts have fractions, which rarely repeat, and are not cached. Cleared when full.
_SECONDS: dict[str, float] = {}
_WHOLE_SECONDS = len("2018-06-11T04:27:47Z")
# Cache for texts such as "Nov 21 06:00:24": the `reference` of `stamp`, and the epoch seconds.
_STAMPS: dict[str, tuple[float, float]] = {}
_CACHE_LIMIT = 10_000
_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_from_iso = datetime.fromisoformat
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _END = -62_135_596_800.0, 253_402_300_800.0
# Zones that RFC 3339, Ruby and Go allow and `fromisoformat` refuses: "z", " UTC", " +0900".
_UTC_NAME = re.compile(r"(?: ?UTC| ?GMT|z)$")
_SPACED_OFFSET = re.compile(r" (?=[+-]\d\d:?\d\d$)")


def iso(text: Any, name: str = "time") -> float:
    """Convert RFC 3339 or ISO 8601 (`T` or a space, any number of fraction digits, any offset) to epoch seconds.

    Digits beyond microseconds are cut off. `name` is the field, for the error text. Raises RecordError.
    """
    try:
        whole = len(text) <= _WHOLE_SECONDS
        if whole and (cached := _SECONDS.get(text)) is not None:
            return cached
        # A third faster than `timestamp()`. A time without a zone, or a value that is no text, raises TypeError.
        seconds = (_from_iso(text) - _EPOCH).total_seconds()
    except (TypeError, ValueError):
        seconds = _iso_slowly(text, name)
        whole = False
    if not _EARLIEST <= seconds < _END:
        raise RecordError(f"{name!r} is {_shown(text)}; expected a time such as '2018-06-11T04:27:47Z'")
    if whole:
        if len(_SECONDS) >= _CACHE_LIMIT:
            _SECONDS.clear()
        _SECONDS[text] = seconds
    return seconds


def _iso_slowly(text: Any, name: str) -> float:
    """Convert a time without a zone, or with one that `fromisoformat` refuses, to epoch seconds. Raises RecordError."""
    try:
        when = _from_iso(_SPACED_OFFSET.sub("", _UTC_NAME.sub("Z", text)))
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise RecordError(f"{name!r} is {_shown(text)}; expected a time such as '2018-06-11T04:27:47Z'") from None


def number(value: Any, per_second: int = 1, name: str = "time") -> float:
    """Convert a number, or its digits as text, to epoch seconds. Raises RecordError.

    `per_second` is the unit of the number: 1 for seconds, 1000 for milliseconds. `name` is the field, for the error
    text.
    """
    try:
        if value.__class__ is bool:
            raise ValueError
        seconds = float(value) / per_second if value.__class__ is not int else value / per_second
        if not _EARLIEST <= seconds < _END:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        unit = {1: "seconds", 1_000: "milliseconds"}.get(per_second, f"1/{per_second} seconds")
        raise RecordError(f"{name!r} is {_shown(value)}; expected {unit} since 1970") from None
    return seconds


def stamp(text: str, reference: float) -> float:
    """Convert `"Nov 21 06:00:24"`, the stamp of syslog, to epoch seconds; year and `reference` as in `without_year`.

    A day of one digit may have a space before it; a fraction of a second may follow. Raises RecordError.
    """
    cached = _STAMPS.get(text)
    if cached is not None and cached[0] == reference:
        return cached[1]
    try:
        month, day, clock = text.split()
        clock, _, fraction = clock.partition(".")
        seconds = without_year(month, int(day), clock, reference) + (float(f"0.{fraction}") if fraction else 0.0)
    except ValueError:
        raise RecordError(f"time is {_shown(text)}; expected one such as 'Nov 21 06:00:24'") from None
    if len(_STAMPS) >= _CACHE_LIMIT:
        _STAMPS.clear()
    _STAMPS[text] = reference, seconds
    return seconds


def without_year(month: str, day: int, clock: str, reference: float) -> float:
    """Convert `("Nov", 21, "06:00:24")` to epoch seconds, in the last year that puts the time before `reference`.

    `reference` (epoch seconds) is the object's event time. A log line is written before its object, so a date more
    than a day after `reference` belongs to the year before. This holds around New Year and for Feb 29. Raises
    RecordError.
    """
    try:
        limit = datetime.fromtimestamp(reference, UTC) + timedelta(days=1)
        number_of_month = _MONTHS[month]
        hour, minute, second = clock.split(":")
        for year in range(limit.year, limit.year - 9, -1):
            if number_of_month == 2 and day == 29 and not _is_leap(year):
                continue
            when = datetime(year, number_of_month, day, int(hour), int(minute), int(second), tzinfo=UTC)
            if when <= limit:
                return when.timestamp()
    except (KeyError, ValueError, OverflowError):
        pass
    raise RecordError(f"time is {_shown(f'{month} {day} {clock}')}; expected one such as 'Nov 21 06:00:24'")


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _shown(value: Any) -> str:
    """Return a value for an error text, shortened: a log may have megabytes in place of a time."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]}…{text[-1]}"
