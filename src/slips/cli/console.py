"""`console`: serves the web console. Its libraries are an extra, and imported when it starts."""

from __future__ import annotations

import click

from slips.cli.command import Command
from slips.cli.context import config_file, operating_place, stack_config
from slips.cli.options import Options, options
from slips.cli.output import say
from slips.cli.usage import Number
from slips.config.needs import STACK_NAME
from slips.errors import UsageError
from slips.printable import one_line

PORT = 8321
EXTRA = {"anyio", "h11", "jinja2", "markupsafe", "starlette", "uvicorn"}
"""The libraries of the extra, and those that they need."""


@click.command(cls=Command)
@click.option(
    "--port",
    metavar="N",
    type=Number(0, 65_535),
    default=PORT,
    show_default=True,
    help="Listen on this port; 0 is any that is free.",
)
@click.option(
    "--host",
    metavar="HOST",
    default="127.0.0.1",
    show_default=True,
    help="Listen on this address of this machine: others can connect if it is not loopback.",
)
@click.option("--read-only", is_flag=True, help="Only show: refuse to drain, dismiss or run anything.")
@click.pass_context
def console(ctx: click.Context, port: int, host: str, read_only: bool) -> None:
    """Show and mend the same in a browser.

    Prints its URL on standard error, with the token without which no page answers, and serves until Ctrl-C. Shows
    what is lost or fails and since when, drains and dismisses errors, and names the command that does the same.
    Needs an extra: pip install '.[console]' in the checkout of slips.

    \b
    Examples:
      slips console
      slips console --port 9000 --read-only
      slips console -s my-stack
    """
    try:
        from slips.console.desk import Desk
        from slips.console.server import serve
    except ModuleNotFoundError as error:
        library = (error.name or "").split(".")[0]
        if library not in EXTRA:
            raise
        raise UsageError(
            f"console: {library} is not installed; expected the extra 'console'; "
            "run pip install '.[console]' in the checkout of slips"
        ) from None
    place = operating_place(ctx)
    has_config = place.stack is None or stack_config(ctx, place.stack, STACK_NAME) is not None
    desk = Desk(
        place,
        config_file(ctx) if has_config else None,
        options=_naming(options(ctx)),
        read_only=read_only,
    )
    serve(desk, host, port, lambda text: say(one_line(text)))


def _naming(given: Options) -> list[str]:
    """Return the global options that name the place, to be shown in commands that do the same."""
    named = {
        "-c": given.config,
        "-s": given.stack,
        "--region": given.region,
        "--endpoint-url": given.endpoint_url,
    }
    words = [word for name, value in named.items() if value is not None for word in (name, str(value))]
    return [*words, *["--aws"] * given.aws]
