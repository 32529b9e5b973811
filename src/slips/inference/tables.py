"""Guesses the options of the reader `csv` for a table of no product: its delimiter, and the column with the time."""

from __future__ import annotations

import csv
import re

from slips.format import Event
from slips.inference.meaning import time_of
from slips.step import Step

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
"""Delimiters, and their names in a config."""
_NAME = re.compile(r"[^\W\d][^\r\n\"]{0,60}")
"""The name of a column: it begins with a letter, as no time does, nor a number."""
_ROWS = 20
"""Rows that must be as wide as the header."""
_LEAST = 2
"""Columns of a table."""


def table_step(content: bytes) -> Step | None:
    """Return the reader for a table whose first row names its columns; None if a text is no such table."""
    lines = [line for line in content[: 1 << 16].decode(errors="replace").lstrip("\ufeff").splitlines() if line]
    for delimiter, name in _DELIMITERS.items():
        rows = list(csv.reader(lines[: _ROWS + 1], delimiter=delimiter))
        names, *others = rows or [[]]
        if len(names) >= _LEAST and others and _is_header(names) and all(len(row) == len(names) for row in others):
            events: list[Event] = [dict(zip(names, row, strict=True)) for row in others]
            options = {} if delimiter == "," else {"delimiter": name}
            if time := time_path(events):
                options["time"] = time
            return {"csv": options} if options else "csv"
    return None


def time_path(events: list[Event]) -> str:
    """Return the field with the time, as an option of a format names it; empty if no field has one."""
    found = time_of(events)
    return "+".join(re.findall(r'"([^"]+)"', found[1].partition(", unit=")[0])) if found else ""


def _is_header(names: list[str]) -> bool:
    return len(frozenset(names)) == len(names) and all(map(_NAME.fullmatch, names))
