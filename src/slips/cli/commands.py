"""The names of all commands, with the sentences that `slips -h` shows. A command's module is imported on first use."""

from __future__ import annotations

import copy
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import NamedTuple, cast

import click


class Listed(NamedTuple):
    """Where a command is, and the first sentence of its help."""

    module: str
    summary: str
    function: str = ""
    """The name of the function, if it is not the command's."""


COMMANDS = {
    "run": Listed("run", "Process what is pending, or the named objects, then exit."),
    "up": Listed("up", "Process what arrives, as a service, until it is stopped."),
    "errors": Listed("errors", "List what failed, and why: a line for each object."),
    "error": Listed("errors", "Show one error: argument, message, traceback, samples."),
    "test": Listed("test", "Run the handler here, on a stored error or chosen objects.", "local"),
    "local": Listed("test", "The same as 'slips test'."),
    "drain": Listed("drain", "Put errors back on their lanes, all or chosen ones."),
    "dismiss": Listed("dismiss", "Delete errors from the error table, without processing them."),
    "status": Listed("run", "Show lanes, lag, counts and the most frequent errors."),
    "top": Listed("top", "Show lanes, rates, counts and errors live."),
    "tap": Listed("tap", "Show events as they pass, a sample of them, until Ctrl-C."),
    "push": Listed("push", "Put existing objects on a lane, to be processed."),
    "audit": Listed("audit", "Compare what the buckets have with what was processed."),
    "limit": Listed("limit", "Show or set how fast a lane is emptied, and whether."),
    "logs": Listed("logs", "Show the logs of a stack's functions, merged by time."),
    "sample": Listed("test", "Pick real objects of each mapping, for 'slips test -d'."),
    "console": Listed("console", "Show and mend the same in a browser."),
    "deploy": Listed("deploy", "Make the stack on AWS, or change it."),
    "package": Listed("package", "Write the files with which other tools deploy the stack."),
    "destroy": Listed("deploy", "Delete the stack."),
    "check": Listed("check", "Check config, handler and formats; show lanes and chains."),
    "init": Listed("init", "Write a small project that works, to begin with."),
    "formats": Listed("formats", "List the formats, show all about one, or declare a new one."),
    "infer": Listed("infer", "Propose the formats of an unknown log, best first.", "infer_"),
    "parse": Listed("formats", "Print what a format makes of a file, as JSON lines."),
    "completion": Listed("completion", "Print what makes a shell complete commands and options."),
}
"""In the order of the help."""
ALIASES = {"local"}
"""Other names of commands, whose own help is the sentence above."""


def outline(name: str) -> click.Command:
    """Return a command that has a name and a sentence alone: enough for a list."""
    return click.Command(name, help=COMMANDS[name].summary)


class Commands(MutableMapping[str, click.Command]):
    """The commands by name, each imported when it is first looked up."""

    def __init__(self) -> None:
        self._found: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._found:
            self._found[name] = _imported(name)
        return self._found[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        raise TypeError(f"{name}: expected in COMMANDS")

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name}: commands stay")

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _imported(name: str) -> click.Command:
    """Raises KeyError for a name that is no command's."""
    entry = COMMANDS[name]
    found = cast("click.Command", getattr(import_module(f"slips.cli.{entry.module}"), entry.function or name))
    if name in ALIASES:
        found = copy.copy(found)
        found.name, found.help = name, entry.summary
    return found
