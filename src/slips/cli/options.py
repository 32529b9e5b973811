"""The global options: declared once, accepted before the command and behind it, some also from the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import msgspec
from click.core import ParameterSource

from slips.cli.usage import FILE
from slips.errors import UsageError

Decorated = TypeVar("Decorated", bound=Callable[..., Any] | click.Command)


class Options(msgspec.Struct, frozen=True):
    """The values of the global options."""

    config: Path | None = None
    verbose: bool = False
    stack: str | None = None
    aws: bool = False
    region: str | None = None
    endpoint_url: str | None = None
    given: frozenset[str] = frozenset()
    """Names of the options on the command line; the other values are of the environment, or defaults."""


def options(ctx: click.Context) -> Options:
    """Return the global options, wherever in the tree of commands `ctx` is."""
    return cast("Options", ctx.find_root().obj or Options())


def _merge(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Add the value of an option to the global options. Raises UsageError for two different values."""
    name = str(option.name)
    source, before = ctx.get_parameter_source(name), options(ctx)
    if source is ParameterSource.COMMANDLINE:
        present = getattr(before, name)
        if name in before.given and present != value:
            raise UsageError(
                f"{option.opts[0]}: {str(present)!r} before the command and {str(value)!r} behind it; "
                "expected one of them"
            )
        after = msgspec.structs.replace(before, given=before.given | {name}, **{name: value})
        if name == "endpoint_url":
            from slips.config.server_urls import mistake_in_url  # its addresses take a millisecond to import

            if wrong := mistake_in_url(value):
                raise UsageError(f"{option.opts[0]}: {wrong}")
        if name == "aws" and "stack" not in after.given:
            after = msgspec.structs.replace(after, stack=None)  # SLIPS_STACK: the command line beats the environment
    elif source is ParameterSource.ENVIRONMENT and ctx.parent is None:
        if name == "stack" and "aws" in before.given:
            return
        after = msgspec.structs.replace(before, **{name: value})
    else:
        return
    ctx.find_root().obj = after


def _option(*declarations: str, **attributes: Any) -> click.Option:
    return click.Option(declarations, expose_value=False, callback=_merge, **attributes)


GLOBAL = {
    str(each.name): each
    for each in (
        _option(
            "-c",
            "--config",
            metavar="FILE",
            type=FILE,
            envvar="SLIPS_CONFIG",
            show_envvar=True,
            help="Config file; default: slips.yml, then config.yml.",
        ),
        _option("-v", "--verbose", is_flag=True, help="Say more; show tracebacks."),
        _option(
            "-s",
            "--stack",
            metavar="STACK",
            envvar="SLIPS_STACK",
            show_envvar=True,
            help="Operate this stack; needs no config file.",
        ),
        _option("--aws", is_flag=True, help="Operate the stack of the config, not this machine ('backend.embedded')."),
        _option("--region", metavar="REGION", help="AWS region; default: AWS_REGION, or the profile's."),
        _option("--endpoint-url", metavar="URL", help="Server that stands for AWS, or for S3 alone."),
    )
}
"""By the names of the fields of Options."""


def global_option(name: str, help: str | None = None, *, hidden: bool = False) -> Callable[[Decorated], Decorated]:
    """Declare a global option that a command shows among its own, with what it does there, or refuses in words."""
    option = GLOBAL[name]
    return click.option(
        *option.opts,
        is_flag=option.is_flag,
        metavar=option.metavar,
        expose_value=False,
        callback=_merge,
        help=help or option.help,
        hidden=hidden,
    )
