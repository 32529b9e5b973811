"""Guesses the options of the reader `csv` for a table of no product: its delimiter, its columns if no row names them,
and the column with the time."""

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
_PLAIN_NAME = re.compile(r"[^\W\d][\w.:/()#%-]*(?: [\w.:/()#%-]+){0,3}")
"""The name of a column if there is no row to tell it from a sentence."""
_SHOWN = 200
"""Characters of names that are shown."""
_ROWS = 20
"""Rows that must be as wide as the header."""
_LEAST = 2
"""Columns of a table with a header."""
_LEAST_UNNAMED = 3
"""Columns, and rows, of a table without one: texts have commas, too."""


def table_step(content: bytes) -> Step | None:
    """Return the reader for a table; None if a text is none.

    If its first row does not name the columns, they have numbers, but for that with the time, which one must have.
    """
    head = content[: 1 << 16]
    lines = [line for line in head.decode(errors="replace").lstrip("\ufeff").splitlines() if line]
    if len(content) > len(head) and len(lines) > 1:
        lines.pop()  # it is cut off
    if step := _w3c(lines):
        return step
    for delimiter, name in _DELIMITERS.items():
        rows = list(csv.reader(lines[: _ROWS + 1], delimiter=delimiter))
        names, *others = rows or [[]]
        if len(names) >= _LEAST and others and _is_header(names) and all(len(row) == len(names) for row in others):
            events: list[Event] = [dict(zip(names, row, strict=True)) for row in others]
            options = {} if delimiter == "," else {"delimiter": name}
            options |= time_options(events)
            return {"csv": options} if options else "csv"
        if step := _unnamed(rows, name):
            return step
    return None


def without_rows(content: bytes) -> str:
    """Return that a log is the head of a table alone, and what reads such tables; empty for any other log."""
    lines = [line for line in content[: 1 << 16].decode(errors="replace").lstrip("\ufeff").splitlines() if line]
    if len(lines) == 1:
        for delimiter, name in _DELIMITERS.items():
            names = next(csv.reader(lines, delimiter=delimiter), [])
            if len(names) >= _LEAST and _is_header(names) and all(map(_PLAIN_NAME.fullmatch, names)):
                chain = "csv" if delimiter == "," else f"{{csv: {{delimiter: {name}}}}}"
                shown = ", ".join(names)[:_SHOWN]
                return (
                    f"it has the names of {len(names)} columns ({shown}) and no row; expected rows; "
                    f"name a log of the same kind that has some; if it is of no product, {chain!r} reads it"
                )
    if lines and all(line.startswith("#") for line in lines) and any(line.startswith("#Fields:") for line in lines):
        return (
            "its '#Fields:' name columns and there is no row; expected rows, too; name a log of the same kind with some"
        )
    return ""


def _w3c(lines: list[str]) -> Step | None:
    """Return the reader for a log whose line '#Fields:' names the columns, with blanks between; None for any other."""
    named = next((line for line in lines[:_ROWS] if line.startswith("#Fields:")), "")
    names, rows = named.split()[1:], [line for line in lines if not line.startswith("#")][:_ROWS]
    for delimiter, name in (("\t", "tab"), (" ", "space")):
        cut = [row.split(delimiter) for row in rows]
        if len(names) >= _LEAST and cut and all(len(fields) == len(names) for fields in cut):
            return {
                "csv": {"delimiter": name, **time_options([dict(zip(names, fields, strict=True)) for fields in cut])}
            }
    return None


def _unnamed(rows: list[list[str]], delimiter: str) -> Step | None:
    """Return the reader for a table of which no row names the columns; None if it has no column with a time."""
    width = len(rows[0]) if rows else 0
    if min(width, len(rows)) < _LEAST_UNNAMED or any(len(row) != width for row in rows):
        return None
    names = [f"column_{number}" for number in range(1, width + 1)]
    events: list[Event] = [dict(zip(names, (field.strip() for field in row), strict=True)) for row in rows]
    time = time_options(events)
    if not time:
        return None
    if time["time"] in names:
        names[names.index(time["time"])] = time["time"] = "time"
    return {"csv": {"columns": names, **time, **({} if delimiter == "comma" else {"delimiter": delimiter})}}


def time_options(events: list[Event]) -> dict[str, str]:
    """Return the options of a format that name the field with the time, and its notation; none if no field has one."""
    found = time_of(events)
    if found is None:
        return {}
    notation, arguments = found
    names = re.findall(r'"([^"]+)"', arguments.partition(", unit=")[0])
    form = {"time_format": names.pop(0)} if notation == "written" else {}
    return {"time": "+".join(names), **form}


def _is_header(names: list[str]) -> bool:
    return len(frozenset(names)) == len(names) and all(map(_NAME.fullmatch, names))
