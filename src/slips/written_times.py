"""Reads times that are written as a format of `strptime` says, as `strptime` does, in less than half of its time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_PARTS = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d\d)",
    "m": r"(?P<m>\d\d)",
    "d": r"(?P<d>\d\d?)",
    "b": rf"(?P<b>{'|'.join(_MONTHS)})",
    "a": "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "H": r"(?P<H>\d\d)",
    "M": r"(?P<M>\d\d)",
    "S": r"(?P<S>[0-5]\d)",
    "f": r"(?P<f>\d{1,6})",
    "Z": r"(?P<Z>UTC|GMT)",
}
"""The texts of the directives that are read here. `strptime` reads the others, and texts that do not match."""
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_AMBIGUOUS = re.compile(r"%[df](?=%[YymdHMSf]|\d)")
"""A number of any length with a digit behind it."""


def strptime(text: str, form: str) -> datetime:
    """Return what `datetime.strptime` does; raise what it raises. Names of zones in `%Z` are of UTC, which it drops."""
    pattern = _pattern(form)
    found = pattern.fullmatch(text) if pattern and text.__class__ is str else None
    if found is None:
        when = datetime.strptime(text, form)
        # The names that `strptime` knows are of UTC, or of the zone of the machine.
        return when.replace(tzinfo=UTC) if "%Z" in form and when.tzinfo is None else when
    part = found.groupdict().get
    year = part("Y")
    if year is None:
        short = int(part("y") or 0)
        year = short + (2000 if short < 69 else 1900) if part("y") else 1900
    return datetime(
        int(year),
        _NUMBERS[name] if (name := part("b")) else int(part("m") or 1),
        int(part("d") or 1),
        int(part("H") or 0),
        int(part("M") or 0),
        int(part("S") or 0),
        int((part("f") or "0").ljust(6, "0")),
        UTC if part("Z") else None,
    )


@cache
def _pattern(form: str) -> re.Pattern[str] | None:
    """Return the pattern of texts of `form`; None if it has a directive that is not read here, or one twice."""
    names = _DIRECTIVE.findall(form)
    if not all(name in _PARTS for name in names) or len(set(names)) < len(names) or _AMBIGUOUS.search(form):
        return None
    if {"b", "m"} <= set(names) or {"Y", "y"} <= set(names) or re.search(r"\s", form.replace(" ", "")):
        return None
    parts = (_PARTS[each] if index % 2 else re.escape(each) for index, each in enumerate(_DIRECTIVE.split(form)))
    return re.compile("".join(parts), re.ASCII)
