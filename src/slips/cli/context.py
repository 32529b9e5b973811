"""What every command has in common: the global options, the config, and the backend that operators work on.

Which backend that is, is decided here and nowhere else: the stack that is named, the stack of the config with `--aws`
or where it has no `backend.embedded`, else the state directory of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from msgspec import Struct

from slips.backends.machine.operations import MachineOperations
from slips.backends.machine.patience import SECONDS, Patience
from slips.backends.machine.state import MachineState
from slips.cli.output import say
from slips.config import Config, load
from slips.errors import UsageError
from slips.operations import Operations
from slips.printable import one_line
from slips.site import MachineSite, Site, StackSite, WorkerSite

if TYPE_CHECKING:
    from slips.backends.aws.clients import Clients
    from slips.backends.aws.operations import StackOperations

CONFIG_FILES = ("slips.yml", "config.yml")
NEEDS = {
    "check": ": it is what 'check' checks",
    "sample": ": 'sample' needs its 'bucket_mapping'",
    **{name: f": '{name}' needs its handler and 'bucket_mapping'" for name in ("test", "local")},
}
"""What commands that could be content with the name of a stack want of the config."""
_LOADED = "slips.config"
"""Where the loaded config is kept among what belongs to a command line."""


class Options(Struct, frozen=True):
    """The global options."""

    config: Path | None = None
    verbose: bool = False
    stack: str | None = None
    aws: bool = False
    region: str | None = None
    endpoint_url: str | None = None


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
EndpointUrl = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="Server of S3 buckets, if it is not AWS."),
]
StackName = Annotated[
    str | None,
    typer.Option("-s", "--stack", metavar="STACK", help="Work on this stack, whatever the config says."),
]


def options(ctx: typer.Context) -> Options:
    """The global options, wherever in the tree of commands `ctx` is."""
    return cast("Options", ctx.find_root().obj or Options())


def one_of(name: str, before: str | None, behind: str | None) -> str | None:
    """An option that may stand before the command's name or behind it. Raises UsageError for two values."""
    if before is not None and behind is not None and before != behind:
        raise UsageError(f"{name}: {before!r} before the command and {behind!r} behind it; expected one of them")
    return before if behind is None else behind


def refuse_stack(ctx: typer.Context, command: str) -> None:
    """For a command that always works on this machine: a stack that is asked for would be ignored in silence."""
    if options(ctx).stack is not None or options(ctx).aws:
        raise UsageError(
            f"{command}: always works on this machine; expected neither -s nor --aws; "
            "a stack processes by itself what is put into its buckets"
        )


def endpoint_url(ctx: typer.Context, given: str | None) -> str | None:
    """The server that stands for AWS, or just for S3."""
    return one_of("--endpoint-url", options(ctx).endpoint_url, given)


def config_file(ctx: typer.Context) -> Path:
    """The config file that was named, else the first of CONFIG_FILES that is here. Raises UsageError."""
    found = _config_file(ctx)
    if found is None:
        raise UsageError(
            f"{Path.cwd()}: no {' and no '.join(CONFIG_FILES)}; expected one of them, or another with -c FILE"
            f"{NEEDS.get(ctx.info_name or '', '')}; 'slips init' writes an example"
        )
    return found


def _config_file(ctx: typer.Context) -> Path | None:
    named = options(ctx).config
    return named or next((Path(name) for name in CONFIG_FILES if Path(name).is_file()), None)


def load_config(ctx: typer.Context) -> Config:
    """The checked config, read once."""
    if _LOADED not in ctx.meta:
        ctx.meta[_LOADED] = load(config_file(ctx))
    return cast("Config", ctx.meta[_LOADED])


def stack_config(ctx: typer.Context, name: str) -> Config | None:
    """The config of a stack: the one named by -c, else the one that lies here if it is of that stack."""
    if _config_file(ctx) is None:
        return None
    config = load_config(ctx)
    return config if options(ctx).config or config.stack_name == name else None


# ---- the backend that operators work on


def stack_name(ctx: typer.Context, given: str | None) -> str | None:
    """The stack to work on; None: this machine. Without a stack's name this needs the config."""
    named = one_of("-s", options(ctx).stack, given)
    if named is not None:
        return named
    config = load_config(ctx)
    return config.stack_name if options(ctx).aws or config.backend.embedded is None else None


@contextmanager
def open_backend(ctx: typer.Context, stack: str | None, endpoint: str | None = None) -> Iterator[Operations]:
    """The backend to work on, closed at the end. `stack` and `endpoint` are what stands behind the command's name."""
    name = stack_name(ctx, stack)
    if name is not None:
        yield open_stack(ctx, name, endpoint)
        return
    config = load_config(ctx)
    with open_state(config) as state:
        yield MachineOperations(config, state)


@contextmanager
def open_site(
    ctx: typer.Context, config: Config, stack: str | None, endpoint: str | None = None
) -> Iterator[tuple[Site, Operations]]:
    """Where stations can work for an operator, and the backend that it is, closed at the end."""
    name, server, region = stack_name(ctx, stack), endpoint_url(ctx, endpoint), options(ctx).region
    if name is not None:
        deployed = open_stack(ctx, name, endpoint)
        yield StackSite(config, deployed.stack, endpoint_url=server, region=region), deployed
        return
    with open_state(config) as state:
        yield MachineSite(config, state, endpoint_url=server, region=region), MachineOperations(config, state)


@contextmanager
def open_state(config: Config, wait: float | None = SECONDS) -> Iterator[MachineState]:
    """The state of this machine, closed at the end.

    While another process has it locked, waits for `wait` seconds at most, or until it is free if that is None.
    """
    state = MachineState.open(config.state_directory, Patience(wait, tell=lambda text: say(one_line(text))))
    try:
        yield state
    finally:
        state.close()


def open_stack(ctx: typer.Context, name: str, endpoint: str | None = None) -> StackOperations:
    """The stack of that name. Raises UsageError if there is none."""
    from slips.backends.aws.operations import StackOperations
    from slips.backends.aws.stack import DeployedStack

    return StackOperations(DeployedStack.find(make_clients(ctx, endpoint), name))


def make_clients(ctx: typer.Context, endpoint: str | None = None) -> Clients:
    """AWS, as the global options want it."""
    from slips.backends.aws.clients import Clients

    return Clients(options(ctx).region, endpoint_url(ctx, endpoint))


def handler_site(ctx: typer.Context, config: Config, stack: str | None, endpoint: str | None) -> WorkerSite:
    """Where this process runs handlers, on the objects of a stack or of this machine."""
    return WorkerSite(
        config,
        in_s3=stack_name(ctx, stack) is not None,
        endpoint_url=endpoint_url(ctx, endpoint),
        region=options(ctx).region,
    )
