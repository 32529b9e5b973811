"""The zones of times that name none, from the IANA database: of the system, else of the package `tzdata`."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

_NAIVE_EPOCH = datetime(1970, 1, 1)
_QUARTER = 900
"""Seconds for which the offset of a zone is kept: no zone of today changes its clock within."""

_NOT_IANA = ("localtime", "posixrules", "posix/", "right/")
"""Names that some systems have beside the database: the zone of the machine, clocks that count leap seconds."""


class Zone:
    """A zone of the IANA database, such as `Europe/Berlin`, whose clock times without a zone show.

    An hour that the clock shows twice, as it is put back, is the first of both. A time that it leaves out, as it is put
    forward, is read by the clock before that: 02:30 is 03:30.
    """

    def __init__(self, name: str) -> None:
        """Raises ValueError for a name that the database lacks."""
        try:
            if name.startswith(_NOT_IANA):
                raise ValueError
            self._info = ZoneInfo(name)
        except (OSError, ValueError, KeyError):  # of ZoneInfoNotFoundError, and of names that are paths
            raise ValueError(f"timezone {name!r} is not known; {_advice(name)}") from None
        self._quarter, self._offset = float("nan"), 0.0
        self._moment, self._shown = float("nan"), 0.0

    def utc(self, shown: float) -> float:
        """Return the epoch seconds of what the clock shows, `shown` being those of the same date and clock in UTC."""
        quarter = shown // _QUARTER
        if quarter != self._quarter:
            offset = self._offset_at(shown)
            begin = quarter * _QUARTER
            if not offset == self._offset_at(begin) == self._offset_at(begin + _QUARTER - 1):
                return shown - offset
            self._quarter, self._offset = quarter, offset
        return shown - self._offset

    def named(self, name: str, shown: float) -> float | None:
        """Return the epoch seconds of what the clock shows, if the clock's zone is called so then, as `IST`; else None.

        The name tells apart the two hours of a clock that is put back.
        """
        with suppress(OverflowError):
            for fold in (0, 1):
                when = (_NAIVE_EPOCH + timedelta(seconds=shown)).replace(tzinfo=self._info, fold=fold)
                if when.tzname() == name and (offset := when.utcoffset()) is not None:
                    return shown - offset.total_seconds()
        return None

    def shown(self, moment: float) -> float:
        """Return the other way round what the clock shows at epoch seconds. The lines of an object share one moment."""
        if moment != self._moment:
            try:
                offset = datetime.fromtimestamp(moment, self._info).utcoffset()
            except (ValueError, OverflowError, OSError):  # the first and last day that Python knows
                offset = None
            self._moment, self._shown = moment, moment + (offset.total_seconds() if offset else 0.0)
        return self._shown

    def _offset_at(self, shown: float) -> float:
        try:
            offset = (_NAIVE_EPOCH + timedelta(seconds=shown)).replace(tzinfo=self._info).utcoffset()
        except OverflowError:
            offset = None
        return offset.total_seconds() if offset else 0.0


_FARTHEST = {"+": 14, "-": 12}
"""Hours of the zones `Etc/GMT…`, whose sign is the other one: `Etc/GMT-9` is UTC+9."""


def _advice(name: str) -> str:
    if offset := re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?", name, re.IGNORECASE):
        sign, hours, minutes = offset.groups()
        city = "such as 'Asia/Tokyo' for UTC+9"
        if int(minutes or 0) or (hours := int(hours)) > _FARTHEST[sign]:
            return f"expected a city of that offset, {city}; name one"
        utc = f"UTC{sign}{hours}" if hours else "UTC"
        whole = f"Etc/GMT{'-' if sign == '+' else '+'}{hours}" if hours else "UTC"
        return f"expected {whole!r}, the name of {utc} in the IANA database, or a city of that offset, {city}; name one"
    import difflib  # not at the start of a function on AWS, where names are right

    known = {each.lower(): each for each in available_timezones() if not each.startswith(_NOT_IANA)}
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {known[close[0]]!r}? " if close else ""
    return f"{hint}expected a name of the IANA database, such as 'Europe/Berlin' or 'UTC'"


def zone_of(name: str | None) -> Zone | None:
    """Return a zone; None for UTC, which is what times without a zone are anyway. Raises ValueError."""
    return None if name in (None, "UTC", "Etc/UTC") else Zone(name)
