"""Writes docs/cli.md from the commands themselves, with the same text on every terminal."""

from __future__ import annotations

import inspect
import re

import click

from slips.cli import app
from slips.cli.command import Argument
from slips.cli.options import GLOBAL

_HEAD = """\
# Commands

`slips [-c FILE] [-v] COMMAND`. What a program should read goes to standard output, `--json` makes it JSON; all else
goes to standard error. The exit status is 0 when all is done, 1 when work failed or records were quarantined, 2 when
the input was wrong, 130 after Ctrl-C, 143 after SIGTERM. In a pipe there are no colours and no progress bar; `NO_COLOR`
is honoured.
If its reader goes away (`slips deploy | head -1`), `run`, `drain`, `deploy`, `destroy`, `package` and `limit` finish
what they do without printing, with the status of that; other commands end at once, with status 1.

The options in this table may stand before the command, or behind it where they mean something to the command. They beat
the environment: `--aws` beats `SLIPS_STACK`, too. An empty variable is none. `slips run` works on this machine,
whatever `SLIPS_STACK` says."""


def reference() -> str:
    """Return the page: global options, then each command with its usage, arguments, options and examples."""
    sections = [_HEAD, _parameters(app)]
    for name, command in app.commands.items():
        sections += [f"## slips {name}", *_about(command), f"```\n{_usage(name, command)}\n```", _parameters(command)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _about(command: click.Command) -> list[str]:
    """Return the help of a command as paragraphs, with its examples as a block."""
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\nExamples:\n")
    about = [re.sub(r"\s*\n\s*", " ", paragraph) for paragraph in text.strip().split("\n\n")]
    if examples:
        lines = [f"$ {line.strip()}" for line in examples.strip().splitlines()]
        about.append("\n".join(["```console", *lines, "```"]))
    return about


def _usage(name: str, command: click.Command) -> str:
    parts = [f"slips {name} [OPTIONS]"]
    for each in _shown(command):
        if isinstance(each, Argument):
            parts.append(each.usage)
    return " ".join(parts)


def _parameters(command: click.Command) -> str:
    rows = ["| | |", "|---|---|"]
    for each in _shown(command):
        if isinstance(each, Argument):
            name = str(each.metavar)
        else:
            name = ", ".join(each.opts) + (f" {each.metavar}" if each.metavar else "")
        variable = f" Environment: `{each.envvar}`." if isinstance(each.envvar, str) else ""
        rows.append(f"| `{name}` | {each.help}{variable} |")
    return "\n".join(rows) if len(rows) > 2 else ""


def _shown(command: click.Command) -> list[Argument | click.Option]:
    own = [*GLOBAL.values(), *command.params] if command is app else command.params
    return [each for each in own if isinstance(each, Argument) or (isinstance(each, click.Option) and not each.hidden)]
