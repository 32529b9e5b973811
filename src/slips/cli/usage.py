"""Puts errors of options and arguments into the words of all other errors.

The exit status stays 2.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from slips.errors import UsageError

FILE = click.Path(readable=False, path_type=Path)
"""The path of a file or directory. The command itself reports a path that it cannot read."""
FILE_TEXT = click.Path(readable=False)
"""The same as a text, where other words may stand, too: `-`, `s3://bucket/key`."""

TRIED = {
    word: commands
    for commands, words in {
        "check": "validate lint verify doctor config schema",
        "--version": "version",
        "errors status formats": "ls list",
        "errors": "failures failed dlq",
        "error": "show get describe inspect",
        "audit": "reconcile compare",
        "status top": "stats metrics ps info",
        "top": "live monitor htop",
        "logs": "tail log follow watch",
        "tap": "peek sniff stream",
        "drain": "replay retry redrive reprocess requeue resend",
        "run": "process exec execute",
        "up": "start serve service watch daemon",
        "test": "invoke debug try",
        "init": "new create scaffold setup",
        "deploy": "apply update upgrade publish plan diff",
        "package": "build bundle zip",
        "dismiss": "ignore ack clear purge rm",
        "dismiss destroy": "remove delete",
        "destroy": "down teardown undeploy",
        "limit": "throttle pause scale",
        "parse": "decode cat",
        "infer": "guess detect identify",
    }.items()
    for word in words.split()
}
"""Names of other tools' commands, by which people look for ours."""

BARE = {"test": "-r", "local": "-r", "check": "-c"}
"""Options of commands without arguments, for values that people give without the option."""

RUNS_A_HANDLER = ("test", "local")
"""Commands on object events, to which people give a log."""

ELSEWHERE = {
    ("error", "--json"): "'slips errors ID --json' prints all of an error",
    ("drain", "--all"): "'slips drain' without an ID, or another choice, drains all",
}
"""Options that people try, by command, and what does as they mean."""


MOST = 10**18
"""Largest number: more than there are things to count, and few enough for SQLite and for Python's own iterators."""


class Number(click.IntRange):
    """A whole number within limits, with our words for one that is not: `999: out of range; expected 0 to 300 s`.

    One beyond MOST is that.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return min(super().convert(value, param, ctx), MOST)
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
            problem = f"{_name(missing)}: missing; expected {_expected(missing) or _meaning(missing)}"
        case click.BadParameter(param=click.Parameter() as wrong):
            between = " " if isinstance(wrong.type, Number | OneOf) else ": "
            problem = f"{_name(wrong)}{between}{error.message}"
        case click.NoSuchOption(option_name=name, possibilities=near):
            if hint := ELSEWHERE.get((error.ctx.info_name or "" if error.ctx else "", name)):
                return f"no such option: {name}; {hint}"
            if near:
                return f"no such option: {name}; did you mean {_either(sorted(near))}? ('{command} -h' lists all)"
            problem = f"no such option: {name}"
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
            return _either(choices)
    return ""


def _meaning(parameter: click.Parameter) -> str:
    """Return the first words of a parameter's help: `id of an error, or fingerprint of a group, or how it begins`."""
    words = re.split(r"[.:;] |\.$", getattr(parameter, "help", None) or "it")[0]
    return words[:1].lower() + words[1:]


def unexpected(ctx: click.Context, word: str) -> UsageError:
    """Return the error for an argument that a command does not have."""
    problem = f"got unexpected extra argument ({word})"
    if ctx.info_name in RUNS_A_HANDLER and Path(word).is_file():
        return UsageError(
            f"{problem}; 'slips sample --out events.json' writes what 'slips {ctx.info_name} -d events.json' runs the "
            f"handler on, 'slips parse FORMAT {word}' shows what a format makes of a file"
        )
    if option := BARE.get(ctx.info_name or ""):
        return UsageError(f"{problem}; did you mean '{option} {word}'? ('{ctx.command_path} -h' lists all)")
    return UsageError(f"{problem}; '{ctx.command_path} -h' tells more")


def no_such_command(name: str, commands: Collection[str]) -> UsageError:
    """Return the error for a command that does not exist, with those that the user may have meant."""
    from difflib import get_close_matches

    near = [name] if name in TRIED else get_close_matches(name, [*commands, *TRIED], cutoff=0.75)
    meant = dict.fromkeys(each for word in near for each in TRIED.get(word, word).split())
    if not meant:
        return UsageError(f"no such command '{name}'; 'slips -h' tells more")
    either = _either([f"'{each}'" for each in meant])
    return UsageError(f"no such command '{name}'; did you mean {either}? ('slips -h' lists all)")


def _either(words: Sequence[str]) -> str:
    """Format alternatives: `text, json or cjson`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _plain(text: str) -> str:
    """Return a text in one line, as a part of a sentence."""
    line = " ".join(text.split()).rstrip(".")
    return line[:1].lower() + line[1:]
