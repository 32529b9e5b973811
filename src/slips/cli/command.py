"""The shape of all commands, on click: a command is a plain function below `@click.command(cls=Command)`.

Its arguments are declared by `argument`, which has a help text, its options by `click.option`. Options that several
commands share are declared once, in `context` and `items`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any] | click.Command)

FILE = click.Path(readable=False, path_type=Path)
"""The path of a file or directory. The command itself reports a path that it cannot read."""
FILE_TEXT = click.Path(readable=False)
"""The same as a text, where other words may stand, too: `-`, `s3://bucket/key`."""


class Argument(click.Argument):
    """An argument with a help text: click before 8.5 has none."""

    def __init__(self, param_decls: Sequence[str], *, help: str, metavar: str, **attributes: Any) -> None:
        super().__init__(param_decls, metavar=metavar, **attributes)
        self.help = help

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the argument as it stands in the usage line: `ID`, `[DIR]`, or `[PATH]...`."""
        return [self.usage]

    @property
    def usage(self) -> str:
        name = f"{self.metavar}..." if self.nargs == -1 else str(self.metavar)
        return name if self.required else f"[{name}]"


def argument(name: str, *, metavar: str, help: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    """Declare an argument of a command."""
    return click.argument(name, cls=Argument, metavar=metavar, help=help, **attributes)


class Command(click.Command):
    """A command whose help has a section on its arguments."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        rows = [(str(each.metavar), str(each.help)) for each in self.params if isinstance(each, Argument)]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        self.format_options(ctx, formatter)
        self.format_epilog(ctx, formatter)
