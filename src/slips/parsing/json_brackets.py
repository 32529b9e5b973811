"""Looks at the brackets of a JSON text alone, which tells much about it at a tenth of what a decoder takes."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from itertools import accumulate

OPENING, CLOSING = b"[{", b"]}"
_BESIDE = bytes(set(range(256)) - set(OPENING + CLOSING))
"""All bytes but brackets."""
_CLOSED = b")"
_ONE_CLOSING = bytes.maketrans(CLOSING, _CLOSED * 2)
_STEPS = bytes.maketrans(OPENING + _CLOSED, b"\x01\x01\xff")
"""One level up for a bracket that opens, one down for one that closes: the bytes of signed numbers."""
_PAIRS = b"[[[[))))", b"{{{{))))", b"[)", b"{)"
_LEVELS = sum(map(len, _PAIRS)) // 2
"""Most levels that go with one removal of each."""
_FIRST = re.compile(rb"[^\[\]{}]*+[\[{]")
_BACKSLASHES = re.compile(rb"\\*+")


def outside_strings(raw: bytes, size: int = 1 << 16) -> Iterator[bytes]:
    """Yield a JSON text with an `x` or more for each string, in pieces of `size` bytes, so that little memory is taken.

    It takes 10 ns a byte at most, however short the strings are.
    """
    at, inside = 0, False
    while at < len(raw):
        end = at + size
        if raw[end - 1 : end] == b"\\" and (found := _BACKSLASHES.match(raw, end)):  # no piece ends within an escape
            end = found.end() + 1
        text, at = raw[at:end], end
        if b"\\" in text:
            text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = text.replace(b'""', b"xx").split(b'"')
        text = b"x".join(parts[inside::2])
        inside ^= len(parts) % 2 == 0
        yield text + b"x" if inside else text


def unmatched(outside: bytes) -> tuple[int, bytes]:
    """Return how many brackets close that were open before a text, and those that are open behind it.

    The text has no strings. Whether a bracket that closes is of the kind that is open does not matter.
    """
    brackets, _ = _without_pairs(outside)
    closed, opened, depth = 0, bytearray(len(brackets)), 0
    for bracket in brackets:
        if bracket in OPENING:
            opened[depth] = bracket
            depth += 1
        elif depth:
            depth -= 1
        else:
            closed += 1
    return closed, bytes(opened[:depth])


def is_text_deeper(raw: bytes, most: int) -> bool:
    """Whether objects and arrays are nested more than `most` deep in a JSON text, as `is_deeper` for its value."""
    if raw.count(b"[") + raw.count(b"{") <= most:
        return False
    depth = 0
    for text in outside_strings(raw):
        if not depth and (first := _FIRST.match(text)):  # the outermost value begins
            text, depth = text[first.end() :], 1  # noqa: PLW2901
        brackets, levels = _without_pairs(text)
        closed = brackets.count(_CLOSED)
        behind = depth - closed + len(brackets) - closed
        if depth > closed == len(brackets) - len(brackets.lstrip(_CLOSED)) and max(depth, behind) + levels <= most:
            depth = behind  # what was between these brackets is as deep as `levels` at most
            continue
        steps = array("b", text.translate(_ONE_CLOSING, _BESIDE).translate(_STEPS))
        depths = list(accumulate(steps, initial=depth))
        end = next((at for at, each in enumerate(depths) if at and each <= 0), len(depths))
        if max(depths[:end]) > most:
            return True
        if end < len(depths):
            return False  # the outermost value ends here; more text is not JSON
        depth = depths[-1]
    return False


def _without_pairs(outside: bytes) -> tuple[bytes, int]:
    """Return the brackets of a text without most pairs of them, and how many levels these have, or more.

    Each bracket that closes becomes _CLOSED.
    """
    brackets, levels, is_shrinking = outside.translate(_ONE_CLOSING, _BESIDE), 0, True
    while is_shrinking:  # many at once
        size = len(brackets)
        for pair in _PAIRS:
            brackets = brackets.replace(pair, b"")
        levels += _LEVELS
        is_shrinking = 8 * (size - len(brackets)) > size
    return brackets, levels
