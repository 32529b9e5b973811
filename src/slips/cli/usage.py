"""Puts errors of options and arguments into the words of all other errors.

The exit status stays 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from slips.errors import UsageError

FILE = click.Path(readable=False, path_type=Path)
"""The path of a file or directory. The command itself reports a path that it cannot read."""
FILE_TEXT = click.Path(readable=False)
"""The same as a text, where other words may stand, too: `-`, `s3://bucket/key`."""


class Number(click.IntRange):
    """A whole number within limits, with our words for one that is not: `999: out of range; expected 0 to 300 s`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            fault = "out of range" if str(value).removeprefix("-").isdecimal() else "cannot be used"
            self.fail(f"{value}: {fault}; expected {_expected(param)}", param, ctx)


class OneOf(click.Choice):  # type: ignore[type-arg] # a plain class before click 8.2
    """One of some words, with our words for another: `xml: cannot be used; expected text, json or cjson`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value}: cannot be used; expected {_expected(param)}", param, ctx)


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise UsageError for mistakes that click finds in a command line."""
    try:
        yield
    except click.UsageError as error:
        raise UsageError(reworded(error)) from error


def reworded(error: click.UsageError) -> str:
    """Return the text for an error of click: `-d 999: out of range; expected 0 to 300; 'slips limit -h' tells more`."""
    command = error.ctx.command_path if error.ctx else "slips COMMAND"
    match error:
        case click.MissingParameter(param=click.Parameter() as missing):
            problem = f"{_name(missing)}: missing; expected {_expected(missing) or 'it'}"
        case click.BadParameter(param=click.Parameter() as wrong):
            between = " " if isinstance(wrong.type, Number | OneOf) else ": "
            problem = f"{_name(wrong)}{between}{error.message}"
        case click.NoSuchOption():
            near = ", ".join(sorted(error.possibilities or ()))
            problem = f"no such option: {error.option_name}" + (f" (Possible options: {near})" if near else "")
        case _:
            problem = _plain(error.format_message())
    return f"{problem}; '{command} -h' tells more"


def _name(parameter: click.Parameter) -> str:
    """Return the name of a parameter: `-d`, or `LANE`."""
    return str(parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar)


def _expected(parameter: click.Parameter | None) -> str:
    """Return the values that a parameter accepts: `0 to 300`, `fast or slow`; empty if they are not limited."""
    match parameter and parameter.type:
        case Number(min=lowest, max=highest):
            unit = " s" if parameter and parameter.metavar == "SECONDS" else ""
            return f"{lowest:,} to {highest:,}{unit}" if highest is not None else f"a number from {lowest:,}{unit}"
        case OneOf(choices=choices):
            return f"{', '.join(choices[:-1])} or {choices[-1]}"
    return ""


def _plain(text: str) -> str:
    """Return a text in one line, as a part of a sentence."""
    line = " ".join(text.split()).rstrip(".")
    return line[:1].lower() + line[1:]
