"""`completion` prints what makes a shell complete commands, options and values. It finds the values, too."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from slips.cli.command import Command, argument
from slips.cli.context import place_of, quiet_config
from slips.cli.output import show_text
from slips.cli.usage import OneOf
from slips.config.needs import OPERATING
from slips.errors import SlipsError
from slips.formats import names
from slips.place import Place

SHELLS = ("bash", "zsh", "fish")
MOST_IDS = 100
"""About how many ids and groups are offered: a table may have thousands of errors."""


def format_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the chains that `incomplete` can become by a name more."""
    before, comma, begun = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in names() if name.startswith(begun)]


def error_ids(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return ids and groups of errors on this machine. A stack is not asked, as that may take seconds."""
    try:
        if place_of(ctx).stack is not None:
            return []
        config = quiet_config(ctx, OPERATING)
        if not config.state_directory.is_dir():
            return []
        with Place(None).operations(lambda: config) as operations:
            found: dict[str, None] = {}  # in their order
            for item in operations.errors.scan():
                names = (item.fingerprint, item.request_id)
                found.update(dict.fromkeys(name for name in names if name.startswith(incomplete)))
                if len(found) >= MOST_IDS:
                    break
            return list(found)
    except SlipsError:  # a shell has no place for its text; the command itself will show it
        return []


@click.command(cls=Command, accepts=("verbose",))
@argument("shell", metavar="SHELL", type=OneOf(SHELLS), help="bash, zsh or fish.")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands and options.

    Also names of formats and lanes, files, and ids and groups of errors on this machine. For bash and zsh add the line
    of the example to ~/.bashrc or ~/.zshrc, for zsh below 'compinit'.

    \b
    Examples:
      eval "$(slips completion bash)"
      eval "$(slips completion zsh)"
      slips completion fish > ~/.config/fish/completions/slips.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has all SHELLS
    show_text(kind(ctx.find_root().command, {}, "slips", "_SLIPS_COMPLETE").source())
