"""The common part of all commands: the config, and the place that it and the global options name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import click

from slips.cli.options import Decorated, options
from slips.cli.output import say
from slips.config import Config
from slips.config.load import load_partly, load_with_notes
from slips.config.needs import OPERATING, STACK_NAME, Needs
from slips.config.problems import Problem
from slips.errors import ConfigError, UsageError
from slips.operations import Operations
from slips.place import Place, stack_of
from slips.printable import one_line, plural

CONFIG_FILES = ("slips.yml", "config.yml")
NEEDS = {
    "check": ": it is what 'check' checks",
    **{name: f": '{name}' needs its 'bucket_mapping'" for name in ("sample", "push", "audit")},
    **{name: f": '{name}' needs its handler and 'bucket_mapping'" for name in ("test", "local")},
}
"""Why these commands need a config even when a stack is named."""
_LOADED = "slips.config"
"""Key of the loaded config in the `meta` of a command line."""


json_option = click.option("--json", "json_", is_flag=True, help="Print JSON, for programs.")


def yes_option(help: str = "Do not ask.", *, asks: bool = True) -> Callable[[Decorated], Decorated]:
    """Declare the option by which a command does not ask, and needs no terminal for that.

    A command that never `asks` takes the option too, if it changes as much as those that do: for scripts.
    """
    return click.option("-y", "--yes", is_flag=True, expose_value=asks, help=help)


def refuse_stack(ctx: click.Context, command: str) -> None:
    """Raise UsageError if a stack is asked for: this command always works on this machine."""
    if {"stack", "aws"} & options(ctx).given:
        raise UsageError(
            f"{command}: always works on this machine; expected neither -s nor --aws; "
            "a stack processes by itself what is put into its buckets"
        )


def working_directory() -> Path:
    """Return the directory in which the command was started. Raises UsageError if it is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        raise UsageError(
            f"the current directory: {error.strerror}; expected one that is there; change to another"
        ) from error


def config_file(ctx: click.Context) -> Path:
    """Return the config file that was named, else the first of CONFIG_FILES that is here. Raises UsageError."""
    path = _config_file(ctx)
    if path is None:
        raise UsageError(
            f"{working_directory()}: no {' and no '.join(CONFIG_FILES)}; expected one of them, or another with -c FILE"
            f"{NEEDS.get(ctx.info_name or '', '')}; 'slips init' writes an example"
        )
    try:
        problem = "is a directory" if path.is_dir() else "" if path.exists() else "no such file or directory"
    except OSError as error:  # of a name that is too long
        problem = (error.strerror or str(error)).lower()
    if problem and path == options(ctx).config and "config" not in options(ctx).given:
        raise UsageError(
            f"SLIPS_CONFIG: {path}: {problem}; expected the configuration; set the variable to its path, or unset it"
        )
    return path


def _config_file(ctx: click.Context) -> Path | None:
    named = options(ctx).config
    return named or next((Path(name) for name in CONFIG_FILES if Path(name).is_file()), None)


def load_config(ctx: click.Context) -> Config:
    """Return the checked config, read once. Warn of texts of which YAML made other values."""
    if _LOADED not in ctx.meta:
        ctx.meta[_LOADED], notes = load_with_notes(config_file(ctx))
        for note in notes:
            say_warning(note)
    return cast("Config", ctx.meta[_LOADED])


def config_for(ctx: click.Context, needs: Needs) -> Config:
    """Return the config, of which only the values at `needs` must be right. Count the mistakes elsewhere, in a line."""
    config, mistakes = _partly(ctx, needs)
    if mistakes:
        say(one_line(f"{config_file(ctx)} has {plural(mistakes, 'mistake')}; 'slips check' shows what and where"))
    return config


def quiet_config(ctx: click.Context, needs: Needs) -> Config:
    """Return the config as `config_for` does, without a word about mistakes elsewhere."""
    return _partly(ctx, needs)[0]


def _partly(ctx: click.Context, needs: Needs) -> tuple[Config, int]:
    """Return the config as far as it is right, and the number of its mistakes."""
    if _LOADED in ctx.meta:
        return load_config(ctx), 0
    config, mistakes = load_partly(config_file(ctx), needs)
    if not mistakes:
        ctx.meta[_LOADED] = config
    return config, mistakes


def stack_config(ctx: click.Context, name: str, needs: Needs | None = None) -> Config | None:
    """Return the config named by -c, else the config in this directory if it is of that stack, else None.

    Without `needs`, all of it must be right.
    """
    if not _is_config_of(ctx, name):
        return None
    return load_config(ctx) if needs is None else config_for(ctx, needs)


def _is_config_of(ctx: click.Context, stack: str) -> bool:
    if _config_file(ctx) is None:
        return False
    return options(ctx).config is not None or _partly(ctx, STACK_NAME)[0].stack_name == stack


def config_at_hand(ctx: click.Context, operations: Operations, needs: Needs) -> Config | None:
    """Return the config of the place of these operations; None if there is none, or a mistake in what it `needs`."""
    try:
        if operations.kind == "stack" and not _is_config_of(ctx, operations.name):
            return None
        return _partly(ctx, needs)[0]
    except ConfigError:
        return None


def place_of(ctx: click.Context) -> Place:
    """Return where the command works; the config decides if no stack is named."""
    given = options(ctx)
    name = given.stack
    if name is None:
        is_on_aws = given.aws or _partly(ctx, OPERATING)[0].backend.embedded is None
        config, _ = _partly(ctx, STACK_NAME if is_on_aws else OPERATING)
        name = stack_of(config, on_aws=is_on_aws)
    return Place(name, given.region, given.endpoint_url, say_waiting)


def operating_place(ctx: click.Context) -> Place:
    """Return where the command works. Count the mistakes of the config elsewhere, in a line."""
    place = place_of(ctx)
    if options(ctx).stack is None:
        config_for(ctx, OPERATING if place.stack is None else STACK_NAME)
    return place


def open_operations(ctx: click.Context) -> AbstractContextManager[Operations]:
    """Open the operations of the place where the command works. Mistakes elsewhere in the config do not matter."""
    return operating_place(ctx).operations(lambda: _partly(ctx, OPERATING)[0])


def say_warning(problem: Problem) -> None:
    """Print a warning about the config in one line."""
    say(one_line(f"{problem.file}:{problem.line}: warning: {problem.message}"))


def say_waiting(text: str) -> None:
    """Print a message about a locked state in one line."""
    say(one_line(text))
