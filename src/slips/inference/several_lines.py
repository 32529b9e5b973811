"""Guesses where the records of a log of no product begin, if they have several lines, as those with a stack trace."""

from __future__ import annotations

import re

from slips.step import Step

_STARTS = tuple(
    re.compile(start)
    for start in (
        r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:",
        r"\[?\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:",
        r"\[?(?:[A-Z][a-z][a-z],? )?[A-Z][a-z][a-z] [ \d]?\d \d\d:",
    )
)
"""How lines begin that begin with a time: 2026-11-29 08:, 29/Nov/2026:08:, Sun Nov 29 08:"""
_LOOKED_AT = 1 << 16
_LEAST_STARTS, _MOST_LINES = 2, 50
"""The least records that begin with a time, and the most lines of them on average: else their times say little."""


def several_lines_step(content: bytes) -> Step | None:
    """Return the reader for a log whose first line begins with a time, as some others do; None if all do, or few."""
    lines = [line for line in content[:_LOOKED_AT].decode(errors="replace").splitlines() if line.strip()]
    start = next((each for each in _STARTS if lines and each.match(lines[0])), None)
    if start is None:
        return None
    starts = sum(start.match(line) is not None for line in lines)
    if starts == len(lines) or starts < _LEAST_STARTS or starts * _MOST_LINES < len(lines):
        return None
    return {"multiline": {"start": start.pattern}}
