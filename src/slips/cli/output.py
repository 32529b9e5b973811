"""How the commands print: text for people, JSON for programs. Never colours, never wrapped lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any


def say(text: str) -> None:
    """One message to people, on standard error: standard output is for data."""
    # A full disk below standard error must not end a run, and there is nobody left to tell.
    with suppress(OSError):
        print(f"slips: {text}", file=sys.stderr)


def print_json(value: Any, indent: int | None = None) -> None:
    """One JSON value. ASCII only: no terminal, locale or line splitter can damage it."""
    print(json.dumps(value, indent=indent))


def print_json_list(values: Iterable[Any]) -> None:
    """A JSON list, an item a line, in flat memory."""
    lead = "["
    for value in values:
        print(f"{lead}{json.dumps(value)}", end="")
        lead = ",\n "
    print("[]" if lead == "[" else "]")


def one_line(text: str) -> str:
    """Text out of logs and keys as one line that cannot steer a terminal: what does not print is spelled out."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def headline(text: str) -> str:
    """The first line of a text, as `one_line`."""
    return one_line(text.partition("\n")[0])


def lines(text: str) -> str:
    """Like `one_line`, with the line ends and tabs kept."""
    return "".join(c if c.isprintable() or c in "\n\t" else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def shortened(text: str, length: int) -> str:
    """Text of at most `length` characters, with a sign that it was longer."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def table(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Columns as wide as they need, two spaces between; the last one as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print(f"{indent}{'  '.join(cells)}".rstrip())


def plural(count: int, noun: str) -> str:
    """`1 object`, `2,000 objects`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
