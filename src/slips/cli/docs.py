"""Writes docs/cli.md from the commands themselves, with the same text on every terminal."""

from __future__ import annotations

import re
from typing import Any

import typer.main
from typer.core import TyperArgument

from slips.cli import app

_HEAD = """\
# Commands

`slips [-c FILE] [-v] COMMAND`. What a program should read goes to standard output, `--json` makes it JSON; all else
goes to standard error. The exit status is 0 when all is done, 1 when work failed or records were quarantined, 2 when
the input was wrong, 130 after Ctrl-C. In a pipe there are no colours and no progress bar; `NO_COLOR` is honoured."""


def reference() -> str:
    """Return the page: global options, then each command with its usage, arguments, options and examples."""
    group: Any = typer.main.get_command(app)
    sections = [_HEAD, _parameters(group)]
    for name, command in group.commands.items():
        sections += [f"## slips {name}", *_about(command), f"```\n{_usage(name, command)}\n```", _parameters(command)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _about(command: Any) -> list[str]:
    """Return the help of a command as paragraphs, with its examples as a block."""
    text, _, examples = (command.help or "").partition("\b\nExamples:\n")
    about = [re.sub(r"\s*\n\s*", " ", paragraph) for paragraph in text.strip().split("\n\n")]
    if examples:
        lines = [f"$ {line.strip()}" for line in examples.strip().splitlines()]
        about.append("\n".join(["```console", *lines, "```"]))
    return about


def _usage(name: str, command: Any) -> str:
    parts = [f"slips {name} [OPTIONS]"]
    for each in _shown(command):
        if isinstance(each, TyperArgument):
            argument = f"{each.metavar}..." if each.nargs == -1 else str(each.metavar)
            parts.append(argument if each.required else f"[{argument}]")
    return " ".join(parts)


def _parameters(command: Any) -> str:
    rows = ["| | |", "|---|---|"]
    for each in _shown(command):
        if isinstance(each, TyperArgument):
            name = each.metavar
        else:
            name = ", ".join(each.opts) + (f" {each.metavar}" if each.metavar else "")
        rows.append(f"| `{name}` | {each.help} |")
    return "\n".join(rows) if len(rows) > 2 else ""


def _shown(command: Any) -> list[Any]:
    return [each for each in command.params if not each.hidden and each.name != "help"]
