"""Looks at the brackets of a JSON text alone, which tells much about it at a tenth of what a decoder takes."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from itertools import accumulate

OPENING, CLOSING = b"[{", b"]}"
_OPENED, _CLOSED = b"(", b")"
_BESIDE = bytes(set(range(256)) - set(OPENING + CLOSING))
"""All bytes but brackets."""
_BESIDE_QUOTES = _BESIDE.replace(b'"', b"")
_ONE_CLOSING = bytes.maketrans(CLOSING, _CLOSED * 2)
_OF_ONE_KIND = bytes.maketrans(OPENING + CLOSING, _OPENED * 2 + _CLOSED * 2)
_STEPS = bytes.maketrans(_OPENED + _CLOSED, b"\x01\xff")
"""One level up for a bracket that opens, one down for one that closes: the bytes of signed numbers."""
_LONG = 1 << 14
"""Bytes of a text whose brackets are rather taken out than counted: it may have many."""
_AT_ONCE = 64, 8, 1
"""Brackets that are counted together, and how many at once where these may be too deep."""
_PAIRS = b"[[[[))))", b"{{{{))))", b"[)", b"{)"
_RUNS = re.compile(rb"[\[{]+|\)+")
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


def brackets_of(raw: bytes) -> bytes:
    """Return the brackets of a JSON text that are in no string."""
    if b"\\" not in raw:
        text = raw.translate(None, _BESIDE_QUOTES)
        if text.count(b'"') == 2 * text.count(b'""'):  # no string has a bracket
            return text.translate(None, b'"')
    return b"".join(text.translate(None, _BESIDE) for text in outside_strings(raw))


def unmatched(outside: bytes) -> tuple[int, bytes]:
    """Return how many brackets close that were open before a text, and those that are open behind it.

    The text has no strings. Whether a bracket that closes is of the kind that is open does not matter.
    """
    closed, opened = 0, bytearray()
    for run in _RUNS.findall(_without_pairs(outside)):
        if run.startswith(_CLOSED):
            left = len(opened) - len(run)
            closed -= min(left, 0)
            del opened[max(left, 0) :]
        else:
            opened += run
    return closed, bytes(opened)


def is_text_deeper(raw: bytes, most: int) -> bool:
    """Whether objects and arrays are nested more than `most` deep in a JSON text, as `is_deeper` for its value."""
    if len(raw) < _LONG and raw.count(b"[") + raw.count(b"{") <= most:
        return False
    brackets = brackets_of(raw).translate(_OF_ONE_KIND)
    at = _first_deeper(brackets, most, _AT_ONCE)
    if at is None:
        return False
    # Where the outermost value has ended before, this is not JSON.
    return 0 not in accumulate(array("b", brackets[:at].translate(_STEPS)))


def _first_deeper(brackets: bytes, most: int, at_once: tuple[int, ...]) -> int | None:
    """Return the place of the first bracket with which more than `most` are open, at least one."""
    size, *fewer = at_once
    depth = 0
    for at in range(0, len(brackets), size):
        opened = brackets.count(_OPENED, at, at + size)
        if depth + opened > most:
            if not fewer:
                return at
            place = _first_deeper(brackets[at : at + size], most - depth, tuple(fewer))
            if place is not None:
                return at + place
        depth += 2 * opened - size
    return None


def _without_pairs(outside: bytes) -> bytes:
    """Return the brackets of a text without most pairs of them. Each one that closes becomes _CLOSED."""
    brackets, is_shrinking = outside.translate(_ONE_CLOSING, _BESIDE), True
    while is_shrinking:  # many at once
        size = len(brackets)
        for pair in _PAIRS:
            brackets = brackets.replace(pair, b"")
        is_shrinking = 8 * (size - len(brackets)) > size
    return brackets
