"""Guesses which elements of XML of no product are its records."""

from __future__ import annotations

import re
from collections import Counter

_LOOKED_AT = 1 << 17
_SKIPPED = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<!DOCTYPE[^<>\[]*(?:\[[^\]]*\][^<>]*)?>", re.DOTALL)
_TAG = re.compile(r"<(/?)(?:[\w.-]+:)?([A-Za-z_][\w.-]*)([^<>]*)>")
_LEAST = 2
"""The least elements of one name that are beside each other to be records."""


def repeated_element(content: bytes) -> str:
    """Return the name of the outermost elements that are there several times beside each other; empty without any."""
    text = _SKIPPED.sub("", content[:_LOOKED_AT].decode(errors="replace").lstrip("\ufeff \t\r\n"))
    if not text.lstrip().startswith("<"):
        return ""
    open_: list[str] = []
    counts: dict[int, Counter[str]] = {}
    for end, name, rest in _TAG.findall(text):
        if end:
            if not open_ or open_.pop() != name:
                return ""
            continue
        counts.setdefault(len(open_), Counter())[name] += 1
        if not rest.endswith("/"):
            open_.append(name)
    for _, names in sorted(counts.items()):
        name, count = names.most_common(1)[0]
        if count >= _LEAST:
            return name
    return ""
