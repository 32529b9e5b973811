"""Checks the pattern that an option of a reader gives for lines."""

from __future__ import annotations

import re

from slips.parsing.linear import why_not_linear


def line_pattern(option: str, pattern: str) -> re.Pattern[str]:
    """Return the pattern, compiled. Raises ValueError for one that is none, or whose time may be out of proportion."""
    try:
        why = why_not_linear(pattern)
    except re.error as error:
        raise ValueError(f"{option}: {pattern!r} is no pattern: {error}; expected one of Python; mend it") from None
    if why:
        raise ValueError(f"{option}: {pattern!r} may take too long: {why}")
    return re.compile(pattern, re.DOTALL)
