"""Options and arguments that cannot be used, told as all other errors: typer's own texts speak of its insides.

The status stays 2. What this typer does not tell in the way expected here is told in its own words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import typer

from slips.errors import UsageError

_Mistake: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for all mistakes in a command line; each version of it keeps the class elsewhere."""


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raises UsageError for what typer finds wrong with a command line."""
    try:
        yield
    except _Mistake as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        raise UsageError(told(error)) from error


def told(error: Any) -> str:
    """`-d 999: out of range; expected 0 to 300; 'slips limit -h' tells more`."""
    command = error.ctx.command_path if error.ctx else "slips COMMAND"
    match type(error).__name__:
        case "MissingParameter":
            what = f"{_name(error.param)}: missing; expected {_expected(error.param) or 'it'}"
        case "BadParameter" if error.param is not None:
            value = _value(error)
            expected = _expected(error.param)
            if value is None or not expected:
                what = f"{_name(error.param)}: {_plain(error.message)}"
            else:
                problem = "out of range" if _is_whole(value) and error.param.min is not None else "cannot be used"
                what = f"{_name(error.param)} {value}: {problem}; expected {expected}"
        case _:
            what = _plain(error.format_message())
    return f"{what}; '{command} -h' tells more"


def _name(parameter: Any) -> str:
    """`-d`, or `LANE`."""
    return str(parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar)


def _expected(parameter: Any) -> str:
    """`0 to 300`, `fast or slow`; empty for all else."""
    lowest, highest = getattr(parameter, "min", None), getattr(parameter, "max", None)
    unit = " s" if parameter.metavar == "SECONDS" else ""
    if lowest is not None:
        return f"{lowest:,} to {highest:,}{unit}" if highest is not None else f"a number from {lowest:,}{unit}"
    choices = [str(each) for each in get_args(parameter.type_descriptor.annotation)]
    return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else ""


def _value(error: Any) -> str | None:
    """What was given."""
    problems: list[Any] = getattr(error.__cause__, "errors", list)()
    return str(problems[0]["input"]) if problems else None


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _plain(text: str) -> str:
    """In one line, as a part of a sentence."""
    line = " ".join(text.split()).rstrip(".")
    return line[:1].lower() + line[1:]
