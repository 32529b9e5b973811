"""The common part of all commands: the global options, the config, and the place that these two name."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import click
from msgspec import Struct

from slips.cli.output import say
from slips.config import Config, load
from slips.config.load import load_partly
from slips.config.needs import OPERATING, STACK_NAME, Needs
from slips.errors import UsageError
from slips.operations import Operations
from slips.place import Place, stack_of
from slips.printable import one_line, plural

CONFIG_FILES = ("slips.yml", "config.yml")
NEEDS = {
    "check": ": it is what 'check' checks",
    "sample": ": 'sample' needs its 'bucket_mapping'",
    **{name: f": '{name}' needs its handler and 'bucket_mapping'" for name in ("test", "local")},
}
"""Why these commands need a config even when a stack is named."""
_LOADED = "slips.config"
"""Key of the loaded config in the `meta` of a command line."""


class Options(Struct, frozen=True):
    """The global options."""

    config: Path | None = None
    verbose: bool = False
    stack: str | None = None
    aws: bool = False
    region: str | None = None
    endpoint_url: str | None = None


json_option = click.option("--json", "json_", is_flag=True, help="Print JSON, for programs.")
endpoint_url_option = click.option("--endpoint-url", metavar="URL", help="Server of S3 buckets, if it is not AWS.")
stack_option = click.option("-s", "--stack", metavar="STACK", help="Work on this stack, whatever the config says.")


def options(ctx: click.Context) -> Options:
    """Return the global options, wherever in the tree of commands `ctx` is."""
    return cast("Options", ctx.find_root().obj or Options())


def one_of(name: str, before: str | None, behind: str | None) -> str | None:
    """Return the value of an option that may stand before or behind the command's name. Raises UsageError for two."""
    if before is not None and behind is not None and before != behind:
        raise UsageError(f"{name}: {before!r} before the command and {behind!r} behind it; expected one of them")
    return before if behind is None else behind


def refuse_stack(ctx: click.Context, command: str) -> None:
    """Raise UsageError if a stack is asked for: this command always works on this machine."""
    if options(ctx).stack is not None or options(ctx).aws:
        raise UsageError(
            f"{command}: always works on this machine; expected neither -s nor --aws; "
            "a stack processes by itself what is put into its buckets"
        )


def endpoint_of(ctx: click.Context, given: str | None) -> str | None:
    """Return the server that stands for AWS, or just for S3."""
    return one_of("--endpoint-url", options(ctx).endpoint_url, given)


def config_file(ctx: click.Context) -> Path:
    """Return the config file that was named, else the first of CONFIG_FILES that is here. Raises UsageError."""
    path = _config_file(ctx)
    if path is None:
        raise UsageError(
            f"{Path.cwd()}: no {' and no '.join(CONFIG_FILES)}; expected one of them, or another with -c FILE"
            f"{NEEDS.get(ctx.info_name or '', '')}; 'slips init' writes an example"
        )
    return path


def _config_file(ctx: click.Context) -> Path | None:
    named = options(ctx).config
    return named or next((Path(name) for name in CONFIG_FILES if Path(name).is_file()), None)


def load_config(ctx: click.Context) -> Config:
    """Return the checked config, read once."""
    if _LOADED not in ctx.meta:
        ctx.meta[_LOADED] = load(config_file(ctx))
    return cast("Config", ctx.meta[_LOADED])


def config_for(ctx: click.Context, needs: Needs) -> Config:
    """Return the config, of which only the values at `needs` must be right. Count the mistakes elsewhere, in a line."""
    config, mistakes = _partly(ctx, needs)
    if mistakes:
        say(one_line(f"{config_file(ctx)} has {plural(mistakes, 'mistake')}; 'slips check' shows what and where"))
    return config


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
    if _config_file(ctx) is None:
        return None
    if options(ctx).config is None and _partly(ctx, STACK_NAME)[0].stack_name != name:
        return None
    return load_config(ctx) if needs is None else config_for(ctx, needs)


def place_of(ctx: click.Context, stack: str | None, endpoint: str | None = None) -> Place:
    """Return where the command works; the config decides if no stack is named. Both options stand behind the name."""
    name = one_of("-s", options(ctx).stack, stack)
    if name is None:
        is_on_aws = options(ctx).aws or _partly(ctx, OPERATING)[0].backend.embedded is None
        config, _ = _partly(ctx, STACK_NAME if is_on_aws else OPERATING)
        name = stack_of(config, on_aws=is_on_aws)
    return Place(name, options(ctx).region, endpoint_of(ctx, endpoint), say_waiting)


def open_operations(ctx: click.Context, stack: str | None) -> AbstractContextManager[Operations]:
    """Open the operations of the place where the command works. Mistakes elsewhere in the config do not matter."""
    place = place_of(ctx, stack)
    if one_of("-s", options(ctx).stack, stack) is None:
        config_for(ctx, OPERATING if place.stack is None else STACK_NAME)
    return place.operations(lambda: _partly(ctx, OPERATING)[0])


def say_waiting(text: str) -> None:
    """Print a message about a locked state in one line."""
    say(one_line(text))
