"""Passes over thousands of bytes within a JSON value at once, at the speed of a decoder.

What may follow in a value depends on two things alone: the brackets that are open, and what is expected next. So a
piece of a value is sound if a decoder takes it between a text that leads to the same, and one that closes all brackets
that are open behind the piece.
"""

from __future__ import annotations

from itertools import accumulate
from json import JSONDecodeError, JSONDecoder

from slips.parsing.json_brackets import CLOSING, OPENING, brackets_of, unmatched
from slips.parsing.json_strict import is_strict

VALUE, FIRST_VALUE, KEY, FIRST_KEY, COLON, BEHIND = range(6)
"""States, by what is expected next: a value; a value or the end of an array; a key; a key or the end of an object; a
colon; and behind a value a comma or a bracket."""
OBJECT, ARRAY = b"{["
LEAST, FIRST, MOST = 1 << 5, 1 << 9, 1 << 14
"""Bytes of a leap. Of what a decoder makes of the longest, memory is taken for a moment."""

_decode_first = JSONDecoder(parse_int=len, parse_float=len).raw_decode  # takes numbers of any length
_BESIDE = bytes(set(range(256)) - set(b",:" + OPENING + CLOSING))
"""All bytes but those that are tokens by themselves."""
_ARRAYS = [(word, b"[]".ljust(len(word))) for word in (b"-Infinity", b"Infinity", b"NaN")]
"""Words that strict decoders refuse, and what takes their place."""
_CLOSES = bytes.maketrans(OPENING, CLOSING)
_TO: dict[tuple[int, int], bytes] = {
    **{(ARRAY, state): text for state, text in ((VALUE, b"[0,"), (FIRST_VALUE, b"["), (BEHIND, b"[[]"))},
    **{(OBJECT, state): text for state, text in ((KEY, b'{"":0,'), (FIRST_KEY, b"{"), (COLON, b'{""'))},
    **{(OBJECT, state): text for state, text in ((VALUE, b'{"":'), (BEHIND, b'{"":[]'))},
}
"""The text from the last bracket that is open to where something is expected."""
_FROM = {VALUE: b"0", KEY: b'"":0', FIRST_VALUE: b"", FIRST_KEY: b"", BEHIND: b""}
"""The text from there to before the bracket that closes."""


class Leaps:
    """The leaps within one value, of at most `deepest` levels."""

    def __init__(self, deepest: int) -> None:
        self._deepest = deepest
        self._size, self._most = FIRST, MOST
        """Bytes of the next leap, and of the longest whose levels the decoder can read."""

    def leap(self, data: bytes, at: int, expected: int, opened: bytearray) -> tuple[int, int]:
        """Pass over sound data. Return the new position, and what is expected there; the same if there is little data.

        The brackets in `opened`, at least one, are open at `at`. They become those that are open at the new position:
        none behind the end of the value.
        """
        size = self._size
        while size >= LEAST:
            piece = _whole_tokens(data[at : at + size])
            if not piece:
                break
            brackets = brackets_of(piece)
            closes, opens = unmatched(brackets)
            if self._is_too_deep(len(opened), brackets):
                size //= 2
                continue
            begin = max(len(opened) - closes - 1, 0)  # of the brackets around, those that the piece cannot do without
            before = text_to(opened[begin:], expected)
            try:
                if closes >= len(opened):
                    _, end = _decode_first((before + data[at : at + size]).decode("latin-1"))
                    del opened[:]
                    return at + end - len(before), BEHIND
                behind = _expected_behind(piece, (opened[: len(opened) - closes] + opens)[-1])
                inside = opened[begin : len(opened) - closes] + opens
                _check(b"".join((before, piece, _FROM[behind], inside[::-1].translate(_CLOSES))))
            except RecursionError:
                self._most = size = size // 2
            except JSONDecodeError as error:
                place = error.pos - len(before)  # where the piece breaks, or the token that does
                size = place if place < len(piece) else size // 2
            else:
                opened[len(opened) - closes :] = opens
                self._size = min(2 * size, self._most)
                return at + len(piece), behind
        self._size = LEAST
        return at, expected

    def _is_too_deep(self, depth: int, brackets: bytes) -> bool:
        """Whether brackets go deeper than allowed, from within `depth` others."""
        if depth + len(brackets) <= self._deepest:
            return False
        steps = (1 if each in OPENING else -1 for each in brackets)
        return max(accumulate(steps, initial=depth)) > self._deepest


def _whole_tokens(piece: bytes) -> bytes:
    """Return a piece up to behind its last bracket, colon or comma that is in no string.

    That is so for sound pieces. Of another one, what is returned is no sound piece either.
    """
    text = piece
    if b"\\" in text:  # whether a quote is one is all that matters
        text = text.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    end = text.rindex(b'"') if text.count(b'"') % 2 else len(text)  # before a string that is cut off
    quote = text.rfind(b'"', 0, end)
    last = text[quote + 1 : end].rstrip(_BESIDE)
    if not last and quote > 0:  # it ends with a string
        end = text.rfind(b'"', 0, quote)
        quote = text.rfind(b'"', 0, end)
        last = text[quote + 1 : end].rstrip(_BESIDE)
    return piece[: quote + 1 + len(last)] if last else b""


def text_to(opened: bytearray, expected: int) -> bytes:
    """Return a text behind which these brackets are open, and that is expected."""
    return bytes(opened[:-1]).replace(b"{", b'{"":') + _TO[opened[-1], expected]


def _expected_behind(piece: bytes, inside: int) -> int:
    """Return what is expected behind the last byte of a piece, within the bracket that is open there."""
    last = piece[-1:]
    if last in b"]}":
        return BEHIND
    if last == b",":
        return KEY if inside == OBJECT else VALUE
    return {b"[": FIRST_VALUE, b"{": FIRST_KEY, b":": VALUE}[last]


def _check(text: bytes) -> None:
    """Raise JSONDecodeError if a text is not JSON."""
    if is_strict(text) or ((made := _made_strict(text)) != text and is_strict(made)):
        return
    found = text.decode("latin-1")  # a character for each byte; strings may hold any
    if (end := _decode_first(found)[1]) < len(found):
        raise JSONDecodeError("more text", found, end)


def _made_strict(text: bytes) -> bytes:
    """Return a text that is strict JSON if `text` is what the lenient decoder takes, and not if it takes no part of it.

    It is as long. Where no value may be, or right beside another one, an empty array may be as little.
    """
    if b"N" in text or b"I" in text:
        for word, array in _ARRAYS:
            text = text.replace(word, array)
    return text.replace(b"\\ud", b"\\u0").replace(b"\\uD", b"\\u0")  # a half of a character
