"""Backslash escapes in quoted values: `\\"`, `\\n`, `\\x22`, `\\u00e9`."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"((?:\\x[0-9a-fA-F]{2})+)|((?:\\u[0-9a-fA-F]{4})+)|\\(.)", re.DOTALL)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", '"': '"', "'": "'", "\\": "\\", "/": "/"}


_FEW = 20
"""Most backslashes whose escapes are decoded one by one: it takes up to a microsecond for each."""
_STAND_INS = "\0\1\2\ufffe"
"""Characters, of which one that a text lacks stands for a backslash that is no escape."""


def unescaped(text: str) -> str:
    """Return a text with its escapes decoded. A run of `\\x..` is UTF-8; a backslash before another character stays."""
    if "\\" not in text:
        return text
    if text.count("\\") > _FEW:
        for stand_in in _STAND_INS:
            if stand_in not in text:
                return _all_unescaped(text, stand_in)
    return _ESCAPE.sub(_decoded, text)


def _all_unescaped(text: str, stand_in: str) -> str:
    """Decode each kind of escape at once; `stand_in` is a character that is not in the text."""
    text = text.replace(r"\\", stand_in)
    for letter, character in _SIMPLE.items():
        if letter != "\\":
            text = text.replace(f"\\{letter}", character)
    if r"\x" not in text and r"\u" not in text:
        return text.replace(stand_in, "\\")
    # What an escape decodes to may be the character that stands for a backslash.
    return "\\".join([_ESCAPE.sub(_decoded, part) for part in text.split(stand_in)])


def _decoded(escape: re.Match[str]) -> str:
    if escape[1]:
        return bytes.fromhex(escape[1].replace("\\x", "")).decode("utf-8", "surrogateescape")
    if escape[2]:
        return bytes.fromhex(escape[2].replace("\\u", "")).decode("utf-16-be", "surrogatepass")
    return _SIMPLE.get(escape[3], escape[0])
