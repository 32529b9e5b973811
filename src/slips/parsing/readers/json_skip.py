"""Skips JSON text without decoding it: strings, and brackets with all that is within them."""

from __future__ import annotations

import re

# The rest of a string, up to its closing quote, or to a backslash at the end of the data.
STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
# Skips whole strings, and pairs of brackets without brackets inside. Stops behind brackets that open, with what is no
# string between, behind some that close, at the quote of a string that the data cuts off, or at the end.
_BRACKETS = re.compile(
    rb"""
    [^"\[\]{}]*+
    (?: (?: STRING | [\[{] (?: [^"\[\]{}]++ | STRING )*+ [\]}] ) [^"\[\]{}]*+ )*+
    (?: (?P<several> [\[{] [^"\[\]{}]*+ [\[{] [^"\]}]*+ ) | (?P<opens> [\[{] )
    | (?P<closes> [\]}]++ ) | (?P<quote> " ) | \Z )
    """.replace(b"STRING", rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'),
    re.DOTALL | re.VERBOSE,
)


def skip(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Return the end of the match of `pattern` at `at`; `at` itself if it does not match."""
    match = pattern.match(data, at)
    return match.end() if match else at


def skip_brackets(data: bytes, at: int, depth: int) -> tuple[int, int, bool]:
    """Skip from within `depth` open brackets, at least one, to behind the last of them, or to the end of `data`.

    Returns the new position, the depth at that position, and whether that position is in a string.
    """
    for match in _BRACKETS.finditer(data, at):
        at = match.end()
        kind = match.lastgroup
        if kind == "opens":
            depth += 1
        elif kind == "several":
            begin = match.start(kind)
            depth += data.count(b"[", begin, at) + data.count(b"{", begin, at)
        elif kind == "closes":
            closed = at - match.start(kind)
            if closed >= depth:
                return at - (closed - depth), 0, False
            depth -= closed
        elif kind == "quote":
            return skip(STRING, data, at), depth, True
    return at, depth, False
