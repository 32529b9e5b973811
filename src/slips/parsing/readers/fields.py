"""Counts the fields of a delimited line before the line is split: 16 MB of commas would become 500 MB of fields."""

from __future__ import annotations

import re
from functools import lru_cache

_REST = re.compile(r'[^"]*+(?:""[^"]*+)*+"')


def has_too_many_fields(text: str, delimiter: str, most: int) -> bool:
    """Whether a line has more than `most` fields, as the `csv` of the standard library cuts them."""
    if len(text) < most or text.count(delimiter) < most:
        return False
    return count_delimiters(text, delimiter, most) >= most


def count_delimiters(text: str, delimiter: str, most: int, *, in_quotes: bool = False) -> int:
    """Count the delimiters outside quotes; stop at `most`. `in_quotes`: the line begins within a quoted field."""
    ends, at = _field(delimiter), 0
    if in_quotes:
        rest = _REST.match(text)
        if rest is None:
            return 0
        at = text.find(delimiter, rest.end()) + 1
        if not at:
            return 0
    count = int(in_quotes)
    while count < most and (field := ends.match(text, at)):
        count += 1
        at = field.end()
    return count


def ends_in_quotes(text: str, delimiter: str) -> bool:
    """Whether a line ends within a quoted field."""
    return "" in _quoted(delimiter).findall(text)  # a loop over thousands of fields takes five times as long


@lru_cache
def _quoted(delimiter: str) -> re.Pattern[str]:
    """Return the pattern of a quoted field, with a group for the quote that ends it, empty where none does. A search
    with it must begin outside of quotes."""
    return re.compile(rf'(?:\A|{re.escape(delimiter)})"[^"]*+(?:""[^"]*+)*+("?)', re.DOTALL)


@lru_cache
def _field(delimiter: str) -> re.Pattern[str]:
    """Return the pattern of a field with the delimiter behind it."""
    no, delimiter = f"[^{re.escape(delimiter)}]", re.escape(delimiter)
    return re.compile(f'(?:"[^"]*+(?:""[^"]*+)*+(?:"|$))?+{no}*+{delimiter}', re.DOTALL)
