"""Puts errors of options and arguments into the words of all other errors: typer's own texts mention typer's internals.

The exit status stays 2. If a version of typer raises an error of another shape, the error keeps typer's text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import typer

from slips.errors import UsageError

_Mistake: type[Exception] = typer.BadParameter.__mro__[1]
"""The class of typer's errors for mistakes in a command line; its module differs between versions of typer."""


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise UsageError for mistakes that typer finds in a command line."""
    try:
        yield
    except _Mistake as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        raise UsageError(reworded(error)) from error


def reworded(error: Any) -> str:
    """Return the text for an error of typer: `-d 999: out of range; expected 0 to 300; 'slips limit -h' tells more`."""
    command = error.ctx.command_path if error.ctx else "slips COMMAND"
    match type(error).__name__:
        case "MissingParameter":
            problem = f"{_name(error.param)}: missing; expected {_expected(error.param) or 'it'}"
        case "BadParameter" if error.param is not None:
            value = _value(error)
            expected = _expected(error.param)
            if value is None or not expected:
                problem = f"{_name(error.param)}: {_plain(error.message)}"
            else:
                fault = "out of range" if _is_whole(value) and error.param.min is not None else "cannot be used"
                problem = f"{_name(error.param)} {value}: {fault}; expected {expected}"
        case _:
            problem = _plain(error.format_message())
    return f"{problem}; '{command} -h' tells more"


def _name(parameter: Any) -> str:
    """Return the name of a parameter: `-d`, or `LANE`."""
    return str(parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar)


def _expected(parameter: Any) -> str:
    """Return the values that a parameter accepts: `0 to 300`, `fast or slow`; empty if they are not limited."""
    lowest, highest = getattr(parameter, "min", None), getattr(parameter, "max", None)
    unit = " s" if parameter.metavar == "SECONDS" else ""
    if lowest is not None:
        return f"{lowest:,} to {highest:,}{unit}" if highest is not None else f"a number from {lowest:,}{unit}"
    choices = [str(each) for each in get_args(parameter.type_descriptor.annotation)]
    return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else ""


def _value(error: Any) -> str | None:
    """Return the value that the user gave; None if the error does not hold it."""
    problems: list[Any] = getattr(error.__cause__, "errors", list)()
    return str(problems[0]["input"]) if problems else None


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _plain(text: str) -> str:
    """Return a text in one line, as a part of a sentence."""
    line = " ".join(text.split()).rstrip(".")
    return line[:1].lower() + line[1:]
