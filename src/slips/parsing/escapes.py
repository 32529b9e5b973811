"""Backslash escapes in quoted values: `\\"`, `\\n`, `\\x22`, `\\u00e9`."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"((?:\\x[0-9a-fA-F]{2})+)|((?:\\u[0-9a-fA-F]{4})+)|\\(.)", re.DOTALL)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", '"': '"', "'": "'", "\\": "\\", "/": "/"}


def unescaped(text: str) -> str:
    """Return a text with its escapes decoded. A run of `\\x..` is UTF-8; a backslash before another character stays."""
    return _ESCAPE.sub(_decoded, text) if "\\" in text else text


def _decoded(escape: re.Match[str]) -> str:
    if escape[1]:
        return bytes.fromhex(escape[1].replace("\\x", "")).decode("utf-8", "surrogateescape")
    if escape[2]:
        return bytes.fromhex(escape[2].replace("\\u", "")).decode("utf-16-be", "surrogatepass")
    return _SIMPLE.get(escape[3], escape[0])
