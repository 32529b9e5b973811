"""Texts and numbers of log times to epoch seconds, UTC. A time without a zone is UTC; the machine's zone never counts.

`None` and `""` are no time at all: callers keep the object's event time then. What cannot be read raises
RecordError.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from slips.errors import RecordError

# Epoch microseconds by the 19 characters of "2018-06-11T04:27:47". Neighbouring records share their second, so this
# makes the usual case four times as fast as `fromisoformat`. Cleared when full: a log has few distinct seconds in play.
_SECONDS: dict[str, int] = {}
_SECONDS_LIMIT = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
# Any number a log could mean as a time, 0001 to 9999; keeps `datetime.fromtimestamp` safe for whoever reads it.
_EARLIEST, _LATEST = -62_135_596_800.0, 253_402_300_799.0


def iso(text: Any, name: str = "time") -> float:
    """RFC 3339 or ISO 8601 (`T` or a space, any number of fraction digits, any offset) to epoch seconds.

    Digits beyond microseconds are cut off. `name` is the field, for the error text.
    """
    if text.__class__ is not str:
        raise RecordError(f"{name!r} is {text!r}; expected a time such as '2018-06-11T04:27:47Z'")
    micros = _SECONDS.get(text[:19])
    if micros is not None:
        rest = text[19:]
        if rest == "Z":
            return micros / 1_000_000
        digits = rest[1:-1]
        if rest[:1] == "." and rest[-1] == "Z" and digits.isascii() and digits.isdigit():
            return (micros + int((digits + "00000")[:6])) / 1_000_000
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = when.timestamp()
    except (ValueError, OverflowError):
        raise RecordError(f"{name!r} is {text!r}; expected a time such as '2018-06-11T04:27:47Z'") from None
    if len(text) >= 20 and text[-1] == "Z" and text[10] in "Tt ":
        if len(_SECONDS) >= _SECONDS_LIMIT:
            _SECONDS.clear()
        _SECONDS[text[:19]] = int((when.replace(microsecond=0) - _EPOCH).total_seconds()) * 1_000_000
    return seconds


def number(value: Any, per_second: int = 1, name: str = "time") -> float:
    """A number (or its digits as text) of seconds, milliseconds (1000), … since the epoch, to epoch seconds."""
    try:
        if value.__class__ is bool:
            raise ValueError
        seconds = float(value) / per_second if value.__class__ is not int else value / per_second
        if not _EARLIEST <= seconds <= _LATEST:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        unit = {1: "seconds", 1_000: "milliseconds"}.get(per_second, f"1/{per_second} seconds")
        raise RecordError(f"{name!r} is {value!r}; expected {unit} since 1970") from None
    return seconds


def without_year(month: str, day: int, clock: str, reference: float) -> float:
    """`("Nov", 21, "06:00:24")` to epoch seconds, in the year that puts it nearest before `reference`.

    `reference` (epoch seconds) is the object's event time. A log line is written before its object, so a date more
    than a day ahead of it is of the year before: right at New Year on both sides, and for Feb 29.
    """
    limit = datetime.fromtimestamp(reference, UTC) + timedelta(days=1)
    try:
        number_of_month = _MONTHS[month]
        hour, minute, second = clock.split(":")
        for year in range(limit.year, limit.year - 9, -1):
            if number_of_month == 2 and day == 29 and not _is_leap(year):
                continue
            when = datetime(year, number_of_month, day, int(hour), int(minute), int(second), tzinfo=UTC)
            if when <= limit:
                return when.timestamp()
    except (KeyError, ValueError):
        pass
    raise RecordError(f"time is '{month} {day} {clock}'; expected one such as 'Nov 21 06:00:24'")


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
