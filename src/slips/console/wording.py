"""Formats numbers, times and sizes for people."""

from __future__ import annotations

from datetime import UTC, datetime

from slips import times
from slips.errors import RecordError
from slips.printable import duration

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def count(number: float) -> str:
    """Format a number: `1,234`."""
    return f"{number:,.0f}"


def size(number: float) -> str:
    """Format a number of bytes: `1.2 MB`."""
    for unit in _UNITS[:-1]:
        if number < 1_000:
            return f"{number:,.0f} {unit}" if unit == "B" else f"{number:,.1f} {unit}"
        number /= 1_000
    return f"{number:,.1f} {_UNITS[-1]}"


def price(dollars: float) -> str:
    """Format an estimate in US dollars: `about $1.20`."""
    return f"about ${dollars:,.2f}" if dollars >= 0.01 else "less than a cent"


def seconds_of(text: str) -> float | None:
    """Convert an RFC 3339 time to epoch seconds; None if it is none, as in items of the original slips."""
    try:
        return times.iso(text, "time") if text else None
    except RecordError:
        return None


def ago(text: str, now: float) -> str:
    """Format how long ago an RFC 3339 time was: `2 h 10 min ago`; the text itself if it is no time."""
    at = seconds_of(text)
    return text or "at an unknown time" if at is None else f"{duration(now - at)} ago"


def clock(seconds: float) -> str:
    """Format the time of day of epoch seconds, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S} UTC"


def short_time(text: str) -> str:
    """Format an RFC 3339 time to the second, in UTC: `2026-03-02 08:00:00`; the text itself if it is no time."""
    at = seconds_of(text)
    return text if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
