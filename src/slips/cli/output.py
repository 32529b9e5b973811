"""Prints the output of all commands: text for people, JSON for programs, never wrapped lines.

Characters that could steer a terminal are spelled out here (see `slips.printable`).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from slips.backends.machine import private
from slips.errors import UsageError
from slips.model import Outcome
from slips.print_streams import dropping
from slips.printable import lines, one_line, plural

RESULT_LENGTH = 200
"""Most characters of a handler's result that people see."""


def say(text: str, color: str | None = None) -> None:
    """Print a message to people, on standard error: standard output is for data."""
    # A full disk below standard error must not end a run, and the error could not be shown anyway.
    with suppress(OSError):
        for line in text.rstrip("\n").split("\n"):
            show_text(f"slips: {line}", color, error=True)


def show_text(
    text: str, color: str | None = None, *, error: bool = False, end: str = "\n", flush: bool = False
) -> None:
    """Print text on standard output, or on standard error."""
    safe = lines(text)
    styled = click.style(safe, fg=color) if color else safe
    print(styled, end=end, file=sys.stderr if error else sys.stdout, flush=flush)


@contextmanager
def unread_output_dropped(command: str) -> Iterator[None]:
    """Finish the block, if the reader of standard output closes its pipe, without what is printed from then on."""
    stdout = sys.stdout
    try:
        descriptor = stdout.fileno()
    except (OSError, AttributeError):  # an object of a test or of a program, no file
        yield
        return
    stdout.flush()
    kept = sys.stdout = dropping(
        descriptor,
        encoding=stdout.encoding,
        line_buffering=stdout.isatty(),
        closed=lambda: say(f"the reader of standard output is gone; '{command}' goes on, and prints there no more"),
    )
    try:
        yield
    finally:
        sys.stdout = stdout
        kept.flush()


def show_json(text: str, end: str = "\n") -> None:
    """Print JSON that is ASCII, which no terminal, locale or line splitter can damage."""
    # DEL is the one ASCII character that does not print and that JSON need not escape.
    print(text.replace("\x7f", "\\u007f"), end=end)


def print_json(value: Any, indent: int | None = None) -> None:
    """Print one value as JSON."""
    show_json(json.dumps(value, indent=indent))


def print_json_list(values: Iterable[Any]) -> None:
    """Print a JSON list, an item a line, in flat memory."""
    lead = "["
    for value in values:
        show_json(f"{lead}{json.dumps(value)}", end="")
        lead = ",\n "
    show_json("[]" if lead == "[" else "]")


def readable_json(value: Any, indent: int | None = None) -> str:
    """Return JSON for people: letters of all scripts as they are, characters that do not print escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def result_words(value: Any) -> str:
    """Return the result of a handler for people: RESULT_LENGTH characters of its JSON at most."""
    return shortened(readable_json(value), RESULT_LENGTH)


def _escaped(character: str) -> str:
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def headline(text: str) -> str:
    """Return the first line of a text, safe to print."""
    return one_line(text.partition("\n")[0])


def shortened(text: str, length: int) -> str:
    """Return at most `length` characters of a text; `…` ends a text that is cut."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def show_fitting(line: str) -> None:
    """Show a line, on a terminal as much of it as fits."""
    show_text(shortened(line, shutil.get_terminal_size().columns) if sys.stdout.isatty() else line)


def table(rows: Sequence[Sequence[str]], indent: str = "", *, fitting: bool = False, widest: int | None = None) -> None:
    """Print rows as columns, each as wide as its longest cell, with two spaces between.

    If `fitting`, on a terminal as much of each row as fits: for rows that end with a text for people. A first cell that
    is longer than `widest` has a line of its own, whole, above the others of its row: it widens no column.
    """
    long = [widest is not None and len(row[0]) > widest for row in rows]
    cut = [("", *row[1:]) if is_long else row for row, is_long in zip(rows, long, strict=True)]
    for row, is_long, line in zip(rows, long, aligned(cut), strict=True):
        if is_long:
            show_text(f"{indent}{one_line(row[0])}")
        (show_fitting if fitting else show_text)(f"{indent}{line}")


def aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield each row as a line, safe to print, in which columns are as wide as their longest cells."""
    safe = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    for row in safe:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def accounted(outcome: Outcome) -> str:
    """Return the counts of a run: each of its records is delivered, filtered or quarantined."""
    return (
        f"{plural(outcome.records, 'record')} = {outcome.delivered:,} delivered + {outcome.filtered:,} filtered + "
        f"{outcome.quarantined:,} quarantined; {plural(outcome.events, 'event')}"
    )


def check_writable(path: Path) -> None:
    """Raise UsageError if `write_private` could not write a file. Changes none, and leaves no new one."""
    try:
        if not (path.exists() or path.is_symlink()):
            private.write(path, "")
            path.unlink()
        elif path.is_file() or path.is_dir():  # to open another kind, as a pipe, may wait, or end what reads it
            os.close(os.open(path, os.O_WRONLY))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; expected a file that can be written") from None


def write_private(path: Path, text: str) -> None:
    """Write a text, which may show content of logs, into a file. A new file is readable for its owner only.

    Raises UsageError.
    """
    try:
        private.write(path, f"{text}\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; expected a file that can be written") from None
