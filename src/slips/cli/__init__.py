"""The command line. Each command is one function: it parses options, calls modules below this package, and prints.

    run.py       run, status               context.py   global options, config, and the place where a command works
    errors.py    errors, error             items.py     choosing error items
    drain.py     drain                     progress.py  the progress of `run`
    dismiss.py   dismiss                   screen.py    the steps of `deploy` and `destroy`
    test.py      test (local), sample      output.py    text for people, JSON for programs
    limit.py     limit                     usage.py     options and arguments that cannot be used
    logs.py      logs                      docs.py      docs/cli.md
    deploy.py    deploy, destroy
    package.py   package
    check.py     check, init
    formats.py   formats, parse

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
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import slips
from slips.cli import check, deploy, dismiss, drain, errors, formats, limit, logs, package, run, test, usage
from slips.cli.context import Options
from slips.cli.output import say, show_text
from slips.errors import SlipsError


@contextmanager
def _ended(ctx: Any) -> Iterator[None]:
    """Print an error of slips that ends this block, and exit with its status."""
    try:
        yield
    except SlipsError as error:
        sys.stdout.flush()
        if ctx.obj and ctx.obj.verbose:
            show_text("".join(traceback.format_exception(error)), error=True, end="")
        say(str(error))
        raise typer.Exit(error.exit_status) from error


class Commands(TyperGroup):
    """The group of all commands, which handles the errors of each in the same way."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _ended(ctx), usage.in_our_words():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _ended(ctx), usage.in_our_words():
                return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            again = "; what was not finished will be run again" if ctx.invoked_subcommand == "run" else ""
            say(f"interrupted{again}")
            raise typer.Exit(130) from interrupt


app = typer.Typer(
    name="slips",
    cls=Commands,
    help="Run your Python on every record of every log object that lands in S3. Lose none, and prove it.",
    add_completion=False,
    no_args_is_help=True,
    # Plain help texts start faster than rich ones, and look the same in a pipe.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        show_text(f"slips {slips.__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", metavar="FILE", help="Config file; default: slips.yml, then config.yml."),
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say more; show tracebacks.")] = False,
    stack: Annotated[
        str | None, typer.Option("-s", "--stack", metavar="STACK", help="Operate this stack; needs no config file.")
    ] = None,
    aws: Annotated[
        bool, typer.Option("--aws", help="Operate the stack of the config, not this machine ('backend.embedded').")
    ] = False,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="REGION", help="AWS region; default: AWS_REGION, or the profile's."),
    ] = None,
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", metavar="URL", help="Server that stands for AWS.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    ctx.obj = Options(config, verbose, stack, aws, region, endpoint_url)


# In the order of the help.
app.command()(run.run)
app.command()(errors.errors)
app.command()(errors.error)
app.command("test")(test.local)
app.command("local", help="The same as 'slips test'.")(test.local)
app.command()(drain.drain)
app.command()(dismiss.dismiss)
app.command()(run.status)
app.command()(limit.limit)
app.command()(logs.logs)
app.command()(test.sample)
app.command()(deploy.deploy)
app.command()(package.package)
app.command()(deploy.destroy)
app.command()(check.check)
app.command()(check.init)
app.command()(formats.formats)
app.command()(formats.parse)


def _open_closed() -> None:
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_WRONLY)
            if nothing != number:
                os.dup2(nothing, number)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


def main() -> None:
    """Run the console script `slips`."""
    if sys.stdout is None or sys.stderr is None:  # closed by the caller: 1 and 2 must not become files of the state
        _open_closed()
    for stream in (sys.stdout, sys.stderr):
        # A key or a record must not end the command that shows it, in any locale.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        try:
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
