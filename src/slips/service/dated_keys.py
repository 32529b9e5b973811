"""Finds where in a listing the keys of the last days are, by dates that the keys have in them. Pure but for `folders`.

`logs/%Y/%m/%d/` has its dates in the order in which S3 lists: one listing from a key on reads them all. If they are in
another order, or `*` stands behind one, each date has a prefix of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

AHEAD = timedelta(days=1)
"""How far keys may be ahead of the clock: a program may write local dates, up to 14 hours ahead of UTC."""
_CODE = re.compile("%[YymdHj]")
_IN_ORDER = re.compile(r"([^%*]*)(%[Yy]([^%*]*%m([^%*]*%d([^%*]*%H)?)?|[^%*]*%j([^%*]*%H)?)?)[^%*]*")
"""Keys that sort by their dates. Groups: the text before the first date, and up to the last."""


class Span(Struct, frozen=True):
    """A part of a listing."""

    prefix: str
    after: str = ""
    """A key before the first of the part; empty: all with the prefix."""
    until: str = ""
    """A key behind the last of the part; empty: all with the prefix."""


def spans(recent: Sequence[str], now: float, window: int, folders: Callable[[str], Sequence[str]]) -> Iterator[Span]:
    """Yield where the keys of the last `window` seconds are, each part once.

    `folders` returns how keys begin, up to the first slash behind a prefix: it finds the texts for which `*` stands.
    """
    end = datetime.fromtimestamp(now, UTC)
    first, last = end - timedelta(seconds=window), end + AHEAD
    seen: set[Span] = set()
    found: dict[str, Sequence[str]] = {}

    def folders_once(prefix: str) -> Sequence[str]:
        if prefix not in found:
            found[prefix] = folders(prefix)
        return found[prefix]

    for keys in recent:
        *_, last_code = _CODE.finditer(keys)
        # What stands behind the last date is below that date, whatever it is.
        behind = keys.find("*", last_code.end())
        for span in _spans("", keys if behind < 0 else keys[:behind], (first, last), folders_once):
            if span not in seen:
                seen.add(span)
                yield span


def _spans(
    before: str, keys: str, times: tuple[datetime, datetime], folders: Callable[[str], Sequence[str]]
) -> Iterator[Span]:
    """Yield the parts of `keys` behind the text `before`."""
    first, last = times
    code, star = _CODE.search(keys), keys.find("*")
    if code is None:
        yield Span(before + keys)
    elif 0 <= star < code.start():
        yield from _below(before + keys[:star], keys[star:], times, folders)
    elif in_order := _IN_ORDER.fullmatch(keys):
        prefix, dates = before + in_order[1], in_order[2]
        # U+10FFFF is behind all that may follow a date.
        yield Span(prefix, prefix + first.strftime(dates), prefix + last.strftime(dates) + "\U0010ffff")
    else:
        step = timedelta(hours=1) if "%H" in keys else timedelta(days=1)
        days = [min(first + step * number, last) for number in range(int((last - first) / step) + 2)]
        dates = keys if star < 0 else keys[:star]
        for prefix in dict.fromkeys(before + day.strftime(dates) for day in days):
            yield from [Span(prefix)] if star < 0 else _below(prefix, keys[star:], times, folders)


def _below(
    prefix: str, keys: str, times: tuple[datetime, datetime], folders: Callable[[str], Sequence[str]]
) -> Iterator[Span]:
    """Yield the parts of `keys`, which begin with a star and a slash, in each folder behind a prefix."""
    for folder in folders(prefix):
        yield from _spans(folder, keys[len("*/") :], times, folders)
