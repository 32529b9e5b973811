"""Skips JSON text without decoding it: strings, and brackets with all that is within them."""

from __future__ import annotations

import re

from slips.parsing.json_brackets import CLOSING, OPENING, unmatched

# The rest of a string, up to its closing quote, or to a backslash at the end of the data.
STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)

_WHOLE = b'"' + STRING.pattern + b'"'
_STRINGS = re.compile(rb'WHOLE|("REST\\?\Z)'.replace(b"WHOLE", _WHOLE).replace(b"REST", STRING.pattern), re.DOTALL)
"""A string, or one that the data cuts off."""
# Up to a bracket outside of strings, or to the quote of a string that the data cuts off.
_TO_BRACKET = re.compile(
    rb'(?:[^"\[\]{}]++|STRING)*+(?:[\[\]{}]|(?P<quote>")|\Z)'.replace(b"STRING", _WHOLE), re.DOTALL
)
_FEW, _MOST = 1 << 9, 1 << 14
"""Bytes that are skipped at once, at first and at most. In the first ones, brackets may be looked at one by one."""


def skip(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Return the end of the match of `pattern` at `at`; `at` itself if it does not match."""
    match = pattern.match(data, at)
    return match.end() if match else at


def skip_brackets(data: bytes, at: int, depth: int) -> tuple[int, int, bool]:
    """Skip from within `depth` open brackets, at least one, to behind the last of them, or to the end of `data`.

    Returns the new position, the depth at that position, and whether that position is in a string.
    """
    size = _FEW
    while at < len(data):
        piece = data[at : at + size]
        outside, length = _outside_strings(piece)
        closed, opened = unmatched(outside)
        if closed < depth and length:
            at += length
            depth += len(opened) - closed
            size = min(2 * size, _MOST)
        elif length > _FEW:
            size //= 2
        else:
            end = at + max(length, 1)  # a string longer than the piece is skipped whole
            while at < end and depth:
                at, depth, in_string = _skip_one(data, at, depth)
                if in_string:
                    return at, depth, True
            if not depth:
                break
    return at, depth, False


def _outside_strings(piece: bytes) -> tuple[bytes, int]:
    """Return what is in no string, and how long the piece is without a string that it cuts off."""
    if b"\\" not in piece:
        parts = piece.split(b'"')
        cut = 0 if len(parts) % 2 else len(parts[-1]) + 1
        return b"".join(parts[::2]), len(piece) - cut
    *before, last = _STRINGS.split(piece)
    return b"".join((*before[::2], last)), len(piece) - len((before and before[-1]) or b"")


def _skip_one(data: bytes, at: int, depth: int) -> tuple[int, int, bool]:
    """Skip up to behind the next bracket, or to the end of `data`."""
    found = _TO_BRACKET.match(data, at)
    assert found is not None  # noqa: S101 - it matches any text
    end = found.end()
    if found["quote"]:
        return skip(STRING, data, end), depth, True
    return end, depth + (data[end - 1] in OPENING) - (data[end - 1] in CLOSING), False
