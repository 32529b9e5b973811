"""What every command has in common: the global options, the config and the state that they lead to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, cast

import typer
from msgspec import Struct

from slips.backends.embedded import Embedded
from slips.config import Config, load
from slips.errors import UsageError

CONFIG_FILES = ("slips.yml", "config.yml")


class Options(Struct, frozen=True):
    """The global options."""

    config: Path | None = None
    verbose: bool = False


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
EndpointUrl = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="Server of S3 buckets, if it is not AWS."),
]


def options(ctx: typer.Context) -> Options:
    """The global options, wherever in the tree of commands `ctx` is."""
    return cast("Options", ctx.find_root().obj or Options())


def config_file(ctx: typer.Context) -> Path:
    """The config file that was named, else the first of CONFIG_FILES that is here. Raises UsageError."""
    named = options(ctx).config
    if named is not None:
        return named
    for name in CONFIG_FILES:
        if Path(name).is_file():
            return Path(name)
    raise UsageError(
        f"{Path.cwd()}: no {' and no '.join(CONFIG_FILES)}; expected one of them, or another with -c FILE; "
        "'slips init' writes an example"
    )


def load_config(ctx: typer.Context) -> Config:
    """The checked config."""
    return load(config_file(ctx))


@contextmanager
def open_state(config: Config) -> Iterator[Embedded]:
    """The state of this machine, closed at the end."""
    state = Embedded.open(config.state_directory)
    try:
        yield state
    finally:
        state.close()
