"""The command line. Each command is one function: it parses options, calls modules below this package, and prints.

    run.py       run, status               commands.py  the names of all, and the modules to import for each
    errors.py    errors, error             options.py   the global options
    drain.py     drain                     usage.py     types of values; options and arguments that cannot be used
    dismiss.py   dismiss                   context.py   config, and the place where a command works
    test.py      test (local), sample      items.py     choosing error items
    limit.py     limit                     progress.py  the progress of `run`
    logs.py      logs                      screen.py    the steps of `deploy` and `destroy`
    top.py       top                       tap.py       tap
    up.py        up                        log_lines.py  the log of `up`
    deploy.py    deploy, destroy           output.py    text for people, JSON for programs
    package.py   package                   docs.py      docs/cli.md
    check.py     check                     canary.py    the canary of `drain`
    init.py      init                      drain_result.py  the output of `drain`, with a canary or without
    formats.py   formats, parse            new_format.py  `formats --new`
    infer.py     infer                     catalogue.py  what `formats` shows
    audit.py     audit                     command.py   the shape of a command on click
    push.py      push                      unknown_logs.py  the logs that `infer` and `init --from` open
    completion.py  completion, and values for the shells
    console.py   console                   infer_kinds.py  infer, of a folder
                                           proposals.py  what `infer` and `init --from` show

A command is a plain typed function below its declarations, which stand in the order of its help:

    @click.command(cls=Command)                              help: the docstring, with examples
    @argument("ids", metavar="ID", nargs=-1, help="...")     a tuple; without nargs a str
    @click.option("--dry-run", is_flag=True, help="...")     a bool
    @click.option("--workers", metavar="N", type=Number(1), help="...")    an int, None if it is not given
    @click.option("-f", "--format", "format_", metavar="FORMAT", type=OneOf(["text", "json"]), help="...")
    @json_option                                             options of several commands: see `context` and `items`
    @click.pass_context

The global options need no declaration: `options(ctx)` has them. Only click's documented interface is used, as all
versions have it that pyproject.toml allows.

This module turns errors of slips into texts and exit statuses, the same for every command: 2 wrong input, 1 failed
work, 0 done.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.exceptions import Exit
from click.shell_completion import CompletionItem

import slips
from slips.cli import usage
from slips.cli.commands import Commands, outline
from slips.cli.options import GLOBAL, options
from slips.cli.output import say, show_text
from slips.errors import SlipsError
from slips.service.interrupts import Interrupted, Interrupts

REST = {
    "run": "what was not finished will be run again",
    "drain": "what was not drained is still in the error table",
    "up": "what was not finished will be run again",
    "push": "what was put is on its lane; the same command continues behind it",
}
"""The words about the rest when Ctrl-C or SIGTERM ends these commands."""


@contextmanager
def _ended(ctx: click.Context) -> Iterator[None]:
    """Print an error of slips that ends this block, and exit with its status."""
    try:
        yield
    except SlipsError as error:
        sys.stdout.flush()
        if options(ctx).verbose:
            show_text("".join(traceback.format_exception(error)), error=True, end="")
        say(str(error))
        raise Exit(error.exit_status) from error


class Application(click.Group):
    """The group of all commands, in the order of the help, which handles the errors of each in the same way."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, outline(name).get_short_help_str(limit)) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=outline(name).get_short_help_str()) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*GLOBAL.values(), *super().get_params(ctx)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            show_text(ctx.get_help(), error=True)
            ctx.exit(2)
        with _ended(ctx), usage.in_our_words():
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return name, command and the rest of the command line: `help drain` is `drain --help`."""
        if ctx.resilient_parsing:  # of a command line that a shell completes
            return super().resolve_command(ctx, args)
        if args == ["help"]:
            show_text(ctx.get_help())
            ctx.exit()
        if args[0] == "help":
            args = [args[1], "--help"]
        if args[0] not in self.commands:
            raise usage.no_such_command(args[0], self.commands)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _ended(ctx), usage.in_our_words():
                return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            rest = REST.get(ctx.invoked_subcommand or "")
            say(f"interrupted; {rest}" if rest else "interrupted")
            raise Exit(interrupt.exit_status if isinstance(interrupt, Interrupted) else 130) from interrupt


@click.group("slips", cls=Application, commands=Commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(slips.__version__, message="slips %(version)s", help="Show the version and exit.")
def app() -> None:
    """Run your Python on every record of every log object that lands in S3. Lose none, and prove it."""


def _open_closed() -> None:
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_WRONLY if number else os.O_RDONLY)
            if nothing == number:
                os.set_inheritable(number, True)  # as `dup2` does: workers write to it, too
            else:
                os.dup2(nothing, number)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def main() -> None:
    """Run the console script `slips`."""
    if None in (sys.stdin, sys.stdout, sys.stderr):  # closed by the caller: 0 to 2 must not become files of the state
        _open_closed()
    for stream in (sys.stdout, sys.stderr):
        # A key or a record must not end the command that shows it, in any locale.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        try:
            with Interrupts():
                app(prog_name="slips")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe. Python must not try to write the rest of the output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last resort
        if isinstance(error, OSError) and error.filename is None and error.errno in (errno.ENOSPC, errno.EIO):
            say(f"standard output: {error.strerror}; expected room for what is printed; what was done is done")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            show_text(traceback.format_exc(), error=True, end="")
            say("this is a bug of slips; please report it, with the lines above")
        sys.exit(1)
