"""Converts texts and numbers of log times to epoch seconds, UTC. A time without a zone is UTC on every machine, unless
the mapping of its object names another zone: `in_zone`.

`None` and `""` are no times: the caller keeps the object's event time instead. Each function raises RecordError for a
time that it cannot read. Every result lies in the years 1 to 9999, so that `datetime.fromtimestamp` accepts it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slips.errors import RecordError
from slips.written_times import strptime

if TYPE_CHECKING:
    from slips.zones import Zone

_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_NUMBERED = {f"{number:02}": name for name, number in _MONTHS.items()}
_from_iso = datetime.fromisoformat
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)
_EARLIEST, _END = -62_135_596_800.0, 253_402_300_800.0
# Zones that RFC 3339, Ruby and Go write and `fromisoformat` refuses: "z", " Z", " UTC", " (UTC)", " +0900", and
# " +0900 JST".
_UTC_NAME = re.compile(r"(?: ?UTC| ?GMT| \((?:UTC|GMT)\)|z| Z)$")
_NAME_BEHIND_OFFSET = re.compile(r"(?<=[+-]\d{4}) [A-Z]{3,4}$")
_ZONE_NAME = re.compile(r"(?<=\d) ?([A-Z]{3,4})$")
_ZONE_LENGTH = len("+0900 JAST\n")
"""The last characters of a time, in which these look for a zone: a search of the whole tries each place."""
_SPACED_OFFSET = re.compile(r" (?=[+-]\d\d:?\d\d$)")
# The clock of a leap second, which `datetime` cannot hold: the second that follows stands for it.
_LEAP_SECOND = re.compile(r"(?<=\d\d:\d\d:)60(?!\d)")
# Tables of each part of a clock: slices of "06:00:24" and three lookups take a tenth of the time of `strptime`.
_HOURS = {f"{hour:02}:": hour * 3600.0 for hour in range(24)}
_MINUTES = {f"{minute:02}:": minute * 60.0 for minute in range(60)}
_SECONDS = {f"{second:02}": float(second) for second in range(61)}
_DAY = 86_400.0
_MOST_DAYS = dict(zip(_MONTHS, (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))
_NEVER = float("inf")
_DAY_OF_MONTH = re.compile(r" [ 0-3][0-9] ")
# A stamp with or without a padded day, a year, a fraction, a zone: "Oct 10 2026 12:34:56 EST", "Nov 1 06:00:24.125";
# the command `date` writes the year behind the zone, "Nov  1 06:00:24 EST 2026".
_STAMP = re.compile(
    r"([A-Z][a-z]{2}) {1,2}(\d{1,2})(?: (\d{4})(?:,? |:)| )(\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)?(?: (\d{4}))?"
    r"(?: ([A-Z]{1,4})| ?(?:GMT|UTC)?([+-]\d\d):?(\d\d))?(?: (\d{4}))?",
    re.ASCII,
)
_WEEKDAY = re.compile(r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +(?=\S)")
_MAIL_DATE = re.compile(r"(\d{1,2})[ -]([A-Z][a-z]{2})(?:[ -](\d{4}),?)? (\d\d:\d\d)(:\d\d)?")
"""The begin of a time of RFC 822, `01 Mar 2026 08:00 GMT`, also without its year, as old versions of Redis write it."""
ZONES = {
    **{"UTC": 0, "GMT": 0, "Z": 0},
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
    **{"WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3},
    **{"JST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13},
    **{"BST": 1, "WAT": 1, "CAT": 2, "SAST": 2, "EAT": 3, "IDT": 3, "PKT": 5, "WIB": 7, "WITA": 8, "HKT": 8, "AWST": 8},
    **{"WIT": 9, "KST": 9, "HST": -10, "AKST": -9, "AKDT": -8},
}
"""Hours of the zones that RFC 822 names, and of others whose names have one meaning in the IANA database, unlike `IST`.
A name that the clock of the mapping's zone has at that time is of that zone before all others."""
# `fromisoformat` takes any character between date and clock, even a digit: "1770123112345", milliseconds of 2026, would
# be a time of the year 1770.
_DATE = re.compile(r"\d{4}(?:-|W|\d{4}(?:[Tt ]|$))")
# Date and clock with nothing between: `20180611042747.5`, as Salesforce and the directories of LDAP write times.
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2})(:\d\d:\d\d) ([AP])M")
"""The begin of a time such as `11/14/2025 1:48:53 AM`, as services of Azure write some: the month is first."""
_HALVED = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d{1,2})(:\d\d:\d\d(?:\.\d+)?) ?([AP])M", re.ASCII)
"""A time such as `2018-06-11 04:27:47 PM`, on a clock of twelve hours."""
_RUN_TOGETHER = re.compile(r"^(\d{8})(\d{6})(?=$|[.,Z+-])")
_DATED_OFFSET = re.compile(r"^(\d{4}-\d\d-\d\d)(?=Z$| ?\+\d\d:?\d\d$| -\d\d:?\d\d$)", re.ASCII)
"""A day before an offset, as XML Schema writes dates: `fromisoformat` takes the sign for the mark before a clock."""
_DATED_OFFSET_LENGTH = len("2018-06-11 +01:00")
_SHORT_HOUR = re.compile(r"(?<=^\d{4}-\d\d-\d\d[T ])(?=\d:\d\d)", re.ASCII)
"""Before an hour of one digit, as of `2022-09-09T8:48:50Z`, which `fromisoformat` refuses."""
_MONTH_FIRST = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}:\d\d:\d\d)((?:\.\d+)?(?:Z| ?UTC| ?[+-]\d\d:?\d\d)?)", re.ASCII
)
"""A time such as `08/06/2025 14:26:04`, as .NET writes it in its invariant culture, and so Azure's App Service."""

_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,? (\d{1,2}:\d\d.*))?", re.ASCII)
"""A time such as `29.11.2026 08:00:00`: with dots, the day is first wherever people write so."""
_SLASHED = re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}\b", re.ASCII)


_zone: Zone | None = None
"""The zone of times without one; None is UTC. A process reads one object at a time."""


@contextmanager
def in_zone(zone: Zone | None) -> Iterator[None]:
    """Read times without a zone as times of `zone`, within this block. None: as UTC."""
    global _zone, _last
    before = _zone
    _zone, _last = zone, _NO_TIME
    try:
        yield
    finally:
        _zone, _last = before, _NO_TIME


def iso(text: Any, name: str = "time") -> float:
    """Convert RFC 3339 or ISO 8601 (`T` or a space, any number of fraction digits, any offset) to epoch seconds.

    Digits beyond microseconds are cut off; a leap second is the second behind it. `name` is the field, for the error
    text. Raises RecordError.
    """
    try:
        # A third faster than `timestamp()`. A time without a zone, or a value that is no text, raises TypeError.
        seconds = (_from_iso(text) - _EPOCH).total_seconds()
        if text[4] != "-" and not _DATE.match(text):
            raise ValueError
    except (TypeError, ValueError):
        seconds = odd_iso(text, name)
    if not _EARLIEST <= seconds < _END:
        raise RecordError(f"{name!r} is {_shown(text)}; expected a time such as '2018-06-11T04:27:47Z'")
    return seconds


_LONGEST = 1_000
"""Characters of an odd time: the patterns would take a hundred times as long for a megabyte as its line takes else."""


def odd_iso(text: Any, name: str) -> float:
    """Convert a time without a zone, or one that `fromisoformat` refuses, to epoch seconds. Raises RecordError.

    The result may be beyond the years 1 to 9999.
    """
    if text.__class__ is str and text[:1].isdecimal():  # a log may be full of others
        when = None
        try:
            when = _from_iso(text)
            if when.tzinfo is None and text[4] == "-" and text[10:11] != "+":  # many logs name no zone
                seconds = (when - _NAIVE_EPOCH).total_seconds()
                return seconds if _zone is None else _zone.utc(seconds)
        except ValueError:
            pass
        try:
            if len(text) > _LONGEST:
                raise ValueError
            if _zone is not None and (found := _zone_name(text)):
                own = _in_own_words(text[: found.start()], found[1])
                if own is not None:
                    return own
            amended, leap = _amended(_without_name(text))
            if amended != text or when is not None:
                return _seconds(_dated(amended)) + leap
        except (TypeError, ValueError, OverflowError):
            pass
    hint = _hint(text) if text.__class__ is str else ""
    raise RecordError(f"{name!r} is {_shown(text)}; expected a time such as '2018-06-11T04:27:47Z'{hint}") from None


def _amended(text: str) -> tuple[str, int]:
    """Write a time that `fromisoformat` refuses as it takes it. Return that, and the seconds to add for a leap second.

    Each pattern runs only where its text may be: all of them take longer than the rest of a bad record.
    """
    leap = 0
    if len(text) <= _DATED_OFFSET_LENGTH:
        text = _DATED_OFFSET.sub(r"\1T00:00:00", text)
    if text[12:13] == ":":
        text = _SHORT_HOUR.sub("0", text)
    if " " in text[-7:]:
        text = _SPACED_OFFSET.sub("", text)
    if ":60" in text:
        text, leap = _LEAP_SECOND.subn("59", text)
    if text[:14].isdecimal():
        text = _RUN_TOGETHER.sub(r"\1T\2", text)
    if "/" in text:
        text = _AMERICAN.sub(_from_american, text, count=1)
    elif text[-1:] == "M" and (halved := _HALVED.fullmatch(text)):
        day, hour, rest, half = halved.groups()
        text = f"{day}T{_in_24(hour, half)}{rest}"
    return text, leap


def _dated(text: str) -> datetime:
    """Read a time that begins with a date. Raises ValueError."""
    when = _from_iso(text)
    if not _DATE.match(text):
        raise ValueError
    return when


def _in_own_words(text: str, name: str) -> float | None:
    """Convert a time whose zone the mapping's zone calls by that name then, as `IST` is India's in Asia/Kolkata."""
    with suppress(ValueError, OverflowError):
        amended, leap = _amended(text)
        when = _dated(amended)
        if _zone is not None and when.tzinfo is None:
            seconds = _zone.named(name, (when - _NAIVE_EPOCH).total_seconds())
            return None if seconds is None else seconds + leap
    return None


def _hint(text: str) -> str:
    """Return what to do if the name of a zone has several meanings."""
    if len(text) <= _LONGEST and (found := _zone_name(text)) and found[1] not in ZONES:
        return f"; {found[1]!r} is the name of several zones or of none: name yours as the mapping's 'timezone'"
    return ""


def month_first(text: Any, name: str = "time") -> float:
    """Convert a time as `iso` does, and `08/06/2025 14:26:04`, whose month is first, to epoch seconds.

    The day is first elsewhere, so that a log needs to be known for it. Raises RecordError.
    """
    is_slashed = text.__class__ is str and "/" in text[1:3] and len(text) <= _LONGEST
    if is_slashed and (found := _MONTH_FIRST.fullmatch(text)):
        month, day, year, clock, rest = found.groups()
        with suppress(RecordError):  # the error of the text as it is says more
            return iso(f"{year}-{month:0>2}-{day:0>2}T{clock:0>8}{rest}", name)
    return iso(text, name)


def _day_first(text: str, name: str) -> float:
    """Convert `29.11.2026 08:00:00` to epoch seconds, or the day alone. Raises RecordError."""
    if len(text) <= _LONGEST and (found := _DAY_FIRST.fullmatch(text)):
        day, month, year, clock = found.groups()
        with suppress(RecordError):  # the error of the text as it is says more
            return iso(f"{year}-{month:0>2}-{day:0>2}{f'T{clock}' if clock else ''}".replace("T ", "T"), name)
    raise RecordError(f"{name!r} is {_shown(text)}; expected a time such as '11.06.2018 04:27:47'")


def _seconds(when: datetime) -> float:
    if when.tzinfo is not None:
        return when.timestamp()
    seconds = (when - _NAIVE_EPOCH).total_seconds()
    return seconds if _zone is None else _zone.utc(seconds)


def _from_american(found: re.Match[str]) -> str:
    month, day, year, hour, rest, half = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}T{_in_24(hour, half)}{rest}"


def _in_24(hour: str, half: str) -> str:
    """Write an hour of a clock of twelve as one of 24: `04`, `P` as `16`."""
    in_24 = int(hour) % 12 + (12 if half == "P" else 0) if 1 <= int(hour) <= 12 else 99  # no clock has 13 PM
    return f"{in_24:02}"


def _zone_name(text: str) -> re.Match[str] | None:
    """Find the name of a zone at the end of a time, if it has one."""
    return _ZONE_NAME.search(text, max(len(text) - _ZONE_LENGTH, 0)) if text[-2:-1].isupper() else None


def _without_name(text: str) -> str:
    """Return a time whose zone is an offset or `Z`, if it was a name for these: of `ZONES`."""
    if text[-1:].isdecimal() or (text[-1:] == "Z" and text[-2:-1].isdecimal()):
        return text
    behind = max(len(text) - _ZONE_LENGTH, 0)
    if found := _NAME_BEHIND_OFFSET.search(text, behind):
        return f"{text[: found.start()]}{text[found.end() :]}"
    if (found := _zone_name(text)) and (hours := ZONES.get(found[1])):
        return f"{text[: found.start()]}{hours:+03}:00"
    found = _UTC_NAME.search(text, behind)
    return f"{text[: found.start()]}Z{text[found.end() :]}" if found else text


UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_UNIT_NAMES = {1: "seconds", 1_000: "milliseconds", 1_000_000: "microseconds", 1_000_000_000: "nanoseconds"}
LOGS_BEGIN, _LOGS_END = 631_152_000, 4_102_444_800
"""The years 1990 to 2100: a number that gives such a time in one unit only is of that unit."""


def number(value: Any, per_second: int = 1, name: str = "time") -> float:
    """Convert a number, or its digits as text, to epoch seconds. Raises RecordError.

    `per_second` is the unit of the number: 1 for seconds, 1000 for milliseconds. A number that seems to be of another
    unit raises, too: read as milliseconds, seconds of today would be a time in January 1970. `name` is the field, for
    the error text.
    """
    seemingly = ""
    try:
        if value.__class__ is bool:
            raise ValueError
        is_digits = value.__class__ is str and value.isdigit()
        number_ = int(value) if is_digits else value  # nanoseconds have more digits than a float
        seconds = float(number_) / per_second if number_.__class__ is not int else number_ / per_second
        if not LOGS_BEGIN <= seconds < _END:
            seemingly = _other_unit(seconds * per_second)
            if seemingly or not _EARLIEST <= seconds < _END:
                raise ValueError
    except (TypeError, ValueError, OverflowError):
        expected = f"{_UNIT_NAMES[per_second]} since 1970{seemingly}"
        raise RecordError(f"{name!r} is {_shown(value)}; expected {expected}") from None
    return seconds


def _other_unit(number_: float) -> str:
    """Return the words that name the unit of a number, if it is a time of logs in one; else nothing."""
    fitting = (unit for per_second, unit in _UNIT_NAMES.items() if LOGS_BEGIN <= number_ / per_second < _LOGS_END)
    return next((f", and these seem to be {unit}" for unit in fitting), "")


def epoch(value: Any, name: str = "time") -> float:
    """Convert a number, or its digits as text, to epoch seconds. Its size tells the unit. Raises RecordError.

    Seconds, milliseconds, microseconds and nanoseconds are told apart for times from 1973 to 5138.
    """
    if value.__class__ is str:
        try:
            return _sized(int(value) if value.isdigit() else float(value), value, name)
        except ValueError:
            raise _no_number(value, name) from None
    if value.__class__ is int or value.__class__ is float:
        return _sized(value, value, name)
    raise _no_number(value, name)


def _sized(number_: float, value: Any, name: str) -> float:
    """Convert a number to epoch seconds: below 1e11 it is seconds, up to the year 5138. Raises RecordError."""
    if 0 <= number_ < 1e14:
        return number_ / 1_000 if number_ >= 1e11 else float(number_)
    if 0 <= number_ < 1e20:
        return number_ / (1_000_000 if number_ < 1e17 else 1_000_000_000)
    if number_ < 0:
        seconds = -_sized(-number_, value, name)
        if seconds >= _EARLIEST:
            return seconds
    raise _no_number(value, name)


def _no_number(value: Any, name: str) -> RecordError:
    return RecordError(f"{name!r} is {_shown(value)}; expected a number since 1970")


def moment(value: Any, name: str = "time") -> float:
    """Convert a time in either notation: ISO 8601 as `iso`, or a number since 1970 as `epoch`. Raises RecordError.

    A text of eight digits is a date.
    """
    if value.__class__ is not str:
        return epoch(value, name)
    try:
        if value.isdigit() and len(value) != 8:
            return _sized(int(value), value, name)
        if value[4:5] != "-" and len(value) != 8:
            return _sized(float(value), value, name)
    except ValueError:
        pass
    return iso(value, name)


def clf(text: Any, name: str = "time") -> float:
    """Convert `10/Oct/2000:13:55:36 -0700`, the time of access logs, to epoch seconds. A fraction may follow the clock.

    Without a zone it is of the zone that times have here. Raises RecordError. https://httpd.apache.org/docs/current/logs.html#common
    """
    try:
        if text[2] != "/" or text[6] != "/" or text[11] != ":":
            raise ValueError
        clock, _, zone = text[12:].partition(" ")
        return iso(f"{text[7:11]}-{_MONTHS[text[3:6]]:02}-{text[:2]}T{clock}{zone}")
    except (TypeError, LookupError, ValueError, RecordError):
        raise RecordError(f"{name!r} is {_shown(text)}; expected a time such as '10/Oct/2000:13:55:36 -0700'") from None


def written(text: Any, form: str, name: str = "time") -> float:
    """Convert a time that is written as `form`, a format of `strptime`, to epoch seconds. Raises RecordError.

    Without a zone it is of the zone that times have here. https://docs.python.org/3/library/datetime.html#format-codes
    """
    try:
        seconds = _seconds(strptime(text, form))
        if not _EARLIEST <= seconds < _END:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise RecordError(f"{name!r} is {_shown(text)}; expected a time written as {form!r}") from None
    return seconds


_NO_TIME: tuple[object, float, float] = ("", 0.0, 0.0)
_last = _NO_TIME
"""The last value of `any_notation`, its reference and its seconds: lines of one second follow each other. The look
costs 30 ns, a tenth of reading a time."""


def any_notation(value: Any, reference: float, name: str = "time") -> float:
    """Convert a time in any notation: a stamp as `stamp`, that of access logs as `clf`, or ISO 8601 or a number as
    `moment`, also with slashes in the date, as `2018/06/11`, with dots and the day first, as `11.06.2018 04:27:47`,
    or that of mail, `11 Jun 2018 04:27:47 GMT`. The day of the week may stand before each, and the last may lack its
    year. Raises RecordError.
    """
    global _last  # noqa: PLW0603 - one tuple, replaced as a whole
    last, known, seconds = _last
    if value == last and reference == known:
        return seconds
    if value.__class__ is not str:
        return moment(value, name)
    if value[:3] in _MONTHS:
        found = _stamp(value, reference)
        if found is None:
            raise _no_time(value, name)
        seconds = found
    else:
        seconds = _by_shape(value, reference, name)
    _last = value, reference, seconds
    return seconds


def _named_stamp(text: str, reference: float, value: str, name: str) -> float:
    """Convert the stamp `text`, as which the `value` of a field can be read. Raises RecordError."""
    seconds = _stamp(text, reference)
    if seconds is None:
        raise _no_time(value, name)
    return seconds


def _no_time(value: str, name: str) -> RecordError:
    return RecordError(f"{name!r} is {_shown(value)}; expected a time such as 'Nov 21 06:00:24'{_hint(value)}")


def _by_shape(value: str, reference: float, name: str) -> float:
    if value[4:5] == "-" or value.isdigit():
        return moment(value, name)
    if value[4:5] == " " and value[7:8] == ":" and value[:2] in _NUMBERED:  # of klog: month and day, "0601 14:20:25.5"
        fraction = value[13:] if value[13:14] == "." and value[14:].isascii() and value[14:].isdigit() else ""
        text = f"{_NUMBERED[value[:2]]} {value[2 : 13 if fraction else None]}"
        return _named_stamp(text, reference, value, name) + (float(f"0{fraction}") if fraction else 0.0)
    text = _WEEKDAY.sub("", value, count=1)
    if text[:3] in _MONTHS:
        return _named_stamp(text, reference, value, name)
    if "." in text[1:3] and text[:1].isdecimal():
        return _day_first(text, name) if text.count(".", 0, 6) > 1 else moment(text, name)
    if _SLASHED.match(text):
        if text.endswith(("AM", "PM")):  # the month is first
            with suppress(RecordError):
                return iso(text, name)
        raise RecordError(
            f"{name!r} is {_shown(text)}, whose day may be the first or the second; expected a time that says its "
            "month, such as '2018-06-11 04:27:47'; generic formats read others by the option 'time_format'"
        )
    if text[2:3] == "/" and text[6:7] == "/":
        return clf(text, name)
    if text[4:5] == text[7:8] == "/":
        return iso(text.replace("/", "-", 2), name)
    if found := _MAIL_DATE.match(text):
        day, month, year, minute, second = found.groups()
        date = f"{month} {day} {year}" if year else f"{month} {day}"
        return _named_stamp(f"{date} {minute}{second or ':00'}{text[found.end() :]}", reference, value, name)
    return moment(text, name)


def stamp(text: str, reference: float) -> float:
    """Convert `"Nov 21 06:00:24"`, the stamp of syslog, to epoch seconds; year and `reference` as in `without_year`.

    A day of one digit may have a space before it. A fraction of a second may follow, of which digits beyond
    microseconds are cut off. A year may stand behind the day, with a comma or without, or behind the clock, and a zone
    behind that, an offset or a name such as `EST`, which the year may follow, too. Raises RecordError.
    """
    seconds = _stamp(text, reference)
    if seconds is None:
        raise _no_stamp(text)
    return seconds


def _stamp(text: str, reference: float) -> float | None:
    """Convert a stamp; None: it is no time. A bad record takes one error alone, which costs as much as a good one."""
    if _zone is not None:
        reference = _zone.shown(reference)
    known, limit, days = _days_of
    if reference != known:
        limit, days = _days_before(reference)
    try:
        seconds = days[text[:7]] + _HOURS[text[7:10]] + _MINUTES[text[10:13]] + _SECONDS[text[13:]]
    except KeyError:
        return _stamp_slowly(text, reference)
    if not seconds < limit:
        return None if seconds == _NEVER else _stamp_slowly(text, reference)
    return seconds if _zone is None else _within_years(_zone.utc(seconds))


def _stamp_slowly(text: str, reference: float) -> float | None:
    """Convert a stamp that has not 15 characters, or that belongs to the year before; None: it is no time.

    `reference` is what the clock of the zone shows.
    """
    if not (found := _STAMP.fullmatch(text)):
        return None
    month, day, year, clock, fraction, behind_clock, zone, hours, minutes, behind_zone = found.groups()
    if zone and zone not in ZONES and _zone is None:
        return None
    year = year or behind_clock or behind_zone
    seconds = _shown_by_clock(month, int(day), clock, reference, int(year) if year else None)
    if seconds is None:
        return None
    if fraction:
        seconds += float(f"0.{fraction}")
    if zone:
        own = None if _zone is None else _zone.named(zone, seconds)
        if own is None and zone not in ZONES:
            return None
        seconds = seconds - 3600 * ZONES[zone] if own is None else own
    elif hours:
        if f"{hours[1:]}:" not in _HOURS or f"{minutes}:" not in _MINUTES:
            return None
        seconds -= 3600 * int(hours) + 60 * int(f"{hours[0]}{minutes}")
    elif _zone is not None:
        seconds = _zone.utc(seconds)
    return _within_years(seconds)


def without_year(month: str, day: int, clock: str, reference: float, year: int | None = None) -> float:
    """Convert `("Nov", 21, "06:00:24")` to epoch seconds, in the last year that puts the time before `reference`.

    `reference` (epoch seconds) is the object's event time. A log line is written before its object, so a date more
    than a day after `reference` belongs to the year before. This holds around New Year and for Feb 29. A `year`, if
    the log has one, counts instead. Raises RecordError.
    """
    shown = reference if _zone is None else _zone.shown(reference)
    seconds = _shown_by_clock(month, day, clock, shown, year)
    if seconds is not None and _zone is not None:
        seconds = _within_years(_zone.utc(seconds))
    if seconds is None:
        raise _no_stamp(f"{month} {day} {clock}")
    return seconds


def _shown_by_clock(month: str, day: int, clock: str, reference: float, year: int | None) -> float | None:
    if not 1 <= day <= _MOST_DAYS.get(month, 0):
        return None
    try:
        hour, minute, second = clock.split(":")
        seconds = _HOURS[f"{hour:0>2}:"] + _MINUTES[f"{minute:0>2}:"] + _SECONDS[f"{second:0>2}"]
        limit = reference + _DAY if year is None else _END - 1
        for each in _years_before(limit, month, day) if year is None else [year]:
            if (midnight := _midnight(each, month, day)) + seconds <= limit:
                return midnight + seconds
    except (KeyError, ValueError, OverflowError):
        pass
    return None


class _Days(dict[str, float]):
    """The midnight of each day in the year before `limit`, by the seven characters before a clock: `"Nov  1 "`.

    A day that no month has is `_NEVER`. At most 600 texts look like a day, and no other is kept: a log neither fills
    the table nor decides how often it hits.
    """

    def __init__(self, limit: float) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, text: str) -> float:
        month, day = text[:3], text[3:]
        if month not in _MONTHS or not _DAY_OF_MONTH.fullmatch(day):
            raise KeyError(text)
        try:
            for year in _years_before(self._limit, month, int(day)):
                if (midnight := _midnight(year, month, int(day))) <= self._limit:
                    return self.setdefault(text, midnight)
        except (ValueError, OverflowError):
            pass
        return self.setdefault(text, _NEVER)


_days_of: tuple[float, float, _Days] = (0.0, _DAY, _Days(_DAY))
"""The last `reference` of `stamp`, its limit and its days: the lines of an object share one."""


def _days_before(reference: float) -> tuple[float, _Days]:
    """Return the last moment that a line of an object of `reference` may have, and the days up to then."""
    global _days_of  # noqa: PLW0603 - one tuple, replaced as a whole
    known, limit, days = _days_of
    if reference != known:
        limit = reference + _DAY
        if limit // _DAY != (known + _DAY) // _DAY:
            days = _Days(limit // _DAY * _DAY)
        _days_of = reference, limit, days
    return limit, days


def _years_before(limit: float, month: str, day: int) -> Iterator[int]:
    """Yield the year of `limit` and those before it that have the day: years without a Feb 29 are passed over."""
    year = datetime.fromtimestamp(limit, UTC).year
    for each in range(year, year - 9, -1):
        if month != "Feb" or day != 29 or _is_leap(each):
            yield each


def _midnight(year: int, month: str, day: int) -> float:
    return datetime(year, _MONTHS[month], day, tzinfo=UTC).timestamp()


def _within_years(seconds: float) -> float | None:
    return seconds if _EARLIEST <= seconds < _END else None


def _no_stamp(text: str) -> RecordError:
    return RecordError(f"time is {_shown(text)}; expected one such as 'Nov 21 06:00:24'")


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _shown(value: Any) -> str:
    """Return a value for an error text, shortened: a log may have megabytes in place of a time."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]}…{text[-1]}"
