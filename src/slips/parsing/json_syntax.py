"""Tells where a JSON value of any size ends, or breaks, piece by piece in flat memory.

It takes for JSON what the lenient decoder of `slips.parsing.json_text` takes, on every Python and within whatever
limits: numbers of any length, `NaN`, lone surrogates, bytes that are not UTF-8.
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder

from slips.parsing.json_leaps import (
    ARRAY,
    BEHIND,
    COLON,
    FIRST_KEY,
    FIRST_VALUE,
    KEY,
    LEAST,
    OBJECT,
    VALUE,
    Leaps,
    text_to,
)

DEEPEST = 100_000
"""Levels of objects and arrays; a deeper value counts as broken. A constant, as it decides how records are numbered."""

_decode = JSONDecoder(parse_int=len).decode
_BLANKS = re.compile(rb"[ \t\n\r]*+")
_STRING = rb'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+'
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_WORD = rb"true|false|null|NaN|-?Infinity"
_REST = re.compile(_STRING)
_PART_OF_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?")
_SCALAR = re.compile(rb'[^\[\]{}",: \t\n\r]*+')
_WHOLE = re.compile(rb"(?:%s|%s)" % (_NUMBER, _WORD))
_BEGUN = re.compile(
    rb"-?(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?(?:(?<=[0-9])[eE][+-]?[0-9]*+)?)?"
    + b"".join(
        b"|" + b"".join(b"(?:" + bytes([each]) for each in word) + b")?" * len(word)
        for word in (b"true", b"false", b"null", b"NaN", b"-Infinity", b"Infinity")
    )
)
_DIGITS = re.compile(rb"([0-9])[0-9]++")


class JsonSyntax:
    """One value, fed from its first byte on."""

    def __init__(self) -> None:
        self.is_sound = False
        """Whether the value has ended; otherwise it broke where `feed` says."""
        self._state, self._open = VALUE, bytearray()
        """The part that is expected next, and the brackets that are open."""
        self._string: int | None = None
        """Within a string: the state behind it."""
        self._leap = Leaps(DEEPEST).leap
        self._token = (0, VALUE)
        """Where the last token began in what was fed last, and what was expected there."""
        self._pieces = 0
        """Number of times that something was fed."""
        self._held = b""
        """The end of what was fed, if it is part of a token. Digits in it may be left out."""

    def feed(self, piece: bytes, *, is_last: bool = False) -> int | None:
        """Return where the value ends or breaks in `piece`; None if more is needed, and there is more."""
        held = self._held
        self._held = b""
        self._pieces += 1
        end = self._read(held + piece, is_last)
        return None if end is None else max(end - len(held), 0)

    def breaks_by(self, data: bytes, at: int, size: int) -> bool:
        """Whether what was fed at once, from `at`, broke within its first `size` bytes or at the next token behind."""
        begin, _ = self._token
        return self._pieces == 1 and not data[at + size : at + begin].strip(b" \t\r\n")

    def refusal(self, content: bytes, text: str) -> JSONDecodeError | None:
        """Return the error of the lenient decoder for a text that was fed at once; None if it takes the text.

        The text may also be the beginning of what was fed, if that `breaks_by` the beginning's end. The decoder looks
        only at what is behind the last token, within brackets like those that are open there.
        """
        begin, expected = self._token
        rest = content[begin:].decode("utf-8", "surrogateescape")
        place = len(text) - len(rest)
        if self.is_sound:
            return JSONDecodeError("Extra data", text, place) if rest else None
        before = text_to(self._open, expected).decode("latin-1") if self._open else ""
        try:
            _decode(before + rest)
        except JSONDecodeError as error:
            if error.pos < len(before):  # the comma before the token
                return JSONDecodeError(error.msg, text, len(text[:place].rstrip(" \t\n\r")) - 1)
            return JSONDecodeError(error.msg, text, place + error.pos - len(before))
        return None

    def _read(self, data: bytes, is_last: bool) -> int | None:
        at = next_leap = 0
        while True:
            if self._string is not None:
                at = _end(_REST, data, at)
                if at == len(data):
                    return at if is_last else None
                if data[at] != 34:  # no quote
                    if not is_last and _PART_OF_ESCAPE.fullmatch(data, at):
                        self._held = data[at:]
                        return None
                    return at
                at += 1
                self._state, self._string = self._string, None
            if self._state == BEHIND and not self._open:
                self.is_sound = True
                self._token = _end(_BLANKS, data, at), BEHIND
                return at
            at = _end(_BLANKS, data, at)
            self._token = at, self._state
            if at == len(data):
                return at if is_last else None
            if self._open and at >= next_leap:
                begin = at
                at, self._state = self._leap(data, at, self._state, self._open)
                if at > begin:
                    continue
                next_leap = at + LEAST
            step = self._step(data, at, is_last)
            if step is None or step < 0:
                return None if step is None else at
            at = step

    def _step(self, data: bytes, at: int, is_last: bool) -> int | None:
        """Return the end of the next token; -1 if none of those that may stand here does, None if more is needed."""
        state, byte = self._state, data[at]
        inside = self._open[-1] if self._open else 0
        if state in (KEY, FIRST_KEY):
            if byte == 34:
                self._string = COLON
                return at + 1
            return self._close(at) if byte == 125 and state == FIRST_KEY else -1
        if state == COLON:
            self._state = VALUE
            return at + 1 if byte == 58 else -1
        if state == BEHIND:
            if byte == 44:
                self._state = KEY if inside == OBJECT else VALUE
                return at + 1
            return self._close(at) if byte == (125 if inside == OBJECT else 93) else -1
        return self._value(data, at, is_last)

    def _value(self, data: bytes, at: int, is_last: bool) -> int | None:
        byte = data[at]
        if byte == 93 and self._state == FIRST_VALUE:
            return self._close(at)
        if byte in (OBJECT, ARRAY):
            self._open.append(byte)
            self._state = FIRST_KEY if byte == OBJECT else FIRST_VALUE
            return at + 1 if len(self._open) <= DEEPEST else -1
        if byte == 34:
            self._string = BEHIND
            return at + 1
        end = _end(_SCALAR, data, at)
        scalar = data[at:end]
        if end == len(data) and not is_last:
            if not _BEGUN.fullmatch(scalar):
                return -1
            self._held = _DIGITS.sub(rb"\g<1>1", scalar)
            return None
        if not _WHOLE.fullmatch(scalar):
            return -1
        self._state = BEHIND
        return end

    def _close(self, at: int) -> int:
        self._open.pop()
        self._state = BEHIND
        return at + 1


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    return match.end() if match else at
