"""The shape of all commands, on click: a command is a plain function below `@click.command(cls=Command)`.

Its arguments are declared by `argument`, which has a help text, its options by `click.option`. Options that several
commands share are declared once, in `context` and `items`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from typing import Any

import click

from slips.cli.options import GLOBAL, Decorated
from slips.cli.output import unread_output_dropped
from slips.cli.usage import unexpected


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
    """A command that accepts the global options behind its name, too, and whose help has a section on its arguments."""

    allow_extra_args = True
    """Whether click passes arguments that the command does not have: `parse_args` refuses them in our words."""

    def __init__(
        self, *args: Any, accepts: Collection[str] = GLOBAL, finishes: bool = False, **attributes: Any
    ) -> None:
        super().__init__(*args, **attributes)
        self.finishes = finishes
        """Whether the command goes on if the reader of its output closes the pipe: `slips deploy | head -1`."""
        self.accepts = accepts
        """Names of the global options that mean something to this command."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *self.accepted()]

    def accepted(self) -> list[click.Option]:
        """Return the global options that the command accepts and does not show among its own."""
        own = {each.name for each in self.params}
        return [option for name, option in GLOBAL.items() if name in self.accepts and name not in own]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # of an option without its value click does not say the command
            raise
        if rest and not ctx.resilient_parsing:
            raise unexpected(ctx, rest[0])
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        with unread_output_dropped(str(ctx.info_name)) if self.finishes else nullcontext():
            return super().invoke(ctx)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        arguments = [(str(each.metavar), str(each.help)) for each in self.params if isinstance(each, Argument)]
        own = [each for each in super().get_params(ctx) if isinstance(each, click.Option)]
        options = [record for each in own if (record := each.get_help_record(ctx)) is not None]
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        names = [" ".join(filter(None, (each.opts[0], each.metavar))) for each in self.accepted()]
        with formatter.section("Global options, explained by 'slips -h'"):
            formatter.write_text(", ".join(names))
        self.format_epilog(ctx, formatter)
