"""The commands `deploy` and `destroy`: read the options, call `slips.deploy`, and show each step by `screen`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec
from click.exceptions import Exit

from slips.cli.command import Command
from slips.cli.context import json_option, load_config, stack_config, yes_option
from slips.cli.options import global_option, options
from slips.cli.output import print_json, say, show_text
from slips.cli.screen import DeployView, DestroyView, Screen
from slips.config import Config
from slips.errors import UsageError
from slips.printable import one_line

if TYPE_CHECKING:
    from slips.deploy import deploy as deploying
    from slips.deploy.account import Account
    from slips.deploy.deployment import Deployment

stack_option = global_option("stack", "Name of the stack; default: stack_name.")


@click.command(cls=Command, finishes=True)
@stack_option
@click.option("--dry-run", is_flag=True, help="Print the template and do nothing; needs no credentials.")
@yes_option()
@click.option("--wire", is_flag=True, help="Let the mapped buckets notify the stack; keep other notifications.")
@click.option(
    "--lose-waiting", is_flag=True, help="Without asking, even if a stream or queue goes in which events wait."
)
@json_option
@click.pass_context
def deploy(
    ctx: click.Context,
    dry_run: bool,
    yes: bool,
    wire: bool,
    lose_waiting: bool,
    json_: bool,
) -> None:
    """Make the stack on AWS, or change it.

    Shows the changes, asks, and follows them to the end. If a change fails, the former state stands, and the reason of
    each failed resource is shown. Settings of 'slips limit' are set back.

    \b
    Examples:
      slips deploy --dry-run
      slips deploy --wire
      slips deploy -y --json
    """
    from slips.deploy import checks, package
    from slips.deploy.deployment import Deployment

    name = options(ctx).stack
    config = named(load_config(ctx), name)
    if dry_run:
        _show_preview(config, json_)
        for mistake in checks.mistakes(config):
            say(one_line(f"warning: 'slips deploy' refuses this config: {mistake}"))
        if wire:
            say("--wire: no bucket was looked at; --dry-run asks AWS nothing")
        return
    checks.check_config(config)
    screen = Screen(sys.stderr, say) if json_ else Screen(sys.stdout, _show)
    deployment = Deployment(connect(ctx), config.stack_name)
    build = partial(package.build, verbose=options(ctx).verbose, compiles=True)
    done = change(
        deployment, config, screen, build, yes=yes, wire=wire, lose_waiting=lose_waiting, command=_command(config, name)
    )
    if json_:
        print_json(msgspec.to_builtins(done))
    if done.falls_short(wire=wire):
        raise Exit(1)


def _show_preview(config: Config, json_: bool) -> None:
    """Print the template as a deploy would make it."""
    from slips.deploy import template
    from slips.deploy.deploy import preview

    shown = preview(config, say)
    if json_:
        print_json(shown.template, indent=2)
        return
    for note in shown.notes:
        show_text(f"# {note}")
    show_text(template.to_yaml(shown.template), end="")


def _command(config: Config, named: str | None) -> str:
    """Return the beginning of commands that are to work on the same stack."""
    if named is not None:
        return f"slips -s {named}"
    return "slips --aws" if config.backend.embedded else "slips"


def change(
    deployment: Deployment,
    config: Config,
    screen: Screen,
    build: deploying.Build,
    *,
    yes: bool,
    wire: bool,
    lose_waiting: bool = False,
    command: str = "slips",
) -> deploying.Deployed:
    """Deploy, and show it on the screen. Raises Exit if the user interrupts it."""
    from slips.deploy.deploy import deploy

    view = DeployView(screen, deployment, config, wire=wire, command=command)
    ask = None if yes or not screen.can_ask else partial(screen.ask, "Deploy?")
    with screen.interruptible():
        return deploy(deployment, config, build, view, ask=ask, wire=wire, lose_waiting=lose_waiting)


@click.command(cls=Command, finishes=True)
@stack_option
@click.option("--all", "all_", is_flag=True, help="Delete the error table and the uploaded code, too.")
@click.option("--force", is_flag=True, help="Even while error items or undelivered events exist.")
@yes_option()
@click.pass_context
def destroy(
    ctx: click.Context,
    all_: bool,
    force: bool,
    yes: bool,
) -> None:
    """Delete the stack. The error table stays, unless --all.

    \b
    Examples:
      slips destroy
      slips destroy -s sample-stack --all --force -y
    """
    from slips.deploy.deployment import Deployment

    name = options(ctx).stack
    config = load_config(ctx) if name is None else stack_config(ctx, name)
    config = named(config, name) if config else None
    deployment = Deployment(connect(ctx), config.stack_name if config else str(name))
    command = _command(config, name) if config else f"slips -s {name}"
    screen = Screen(sys.stdout, _show)
    if not remove(deployment, config, screen, all_=all_, force=force, yes=yes, command=command):
        raise Exit(1)


def remove(
    deployment: Deployment,
    config: Config | None,
    screen: Screen,
    *,
    all_: bool,
    force: bool,
    yes: bool,
    command: str = "slips",
) -> bool:
    """Destroy the stack, and show it; False if the user declined. Raises Exit if the user interrupts it."""
    from slips.deploy.destroy import destroy

    def ask() -> bool:
        if screen.can_ask:
            return screen.ask("Destroy?")
        where = f"stack '{deployment.name}'"
        raise UsageError(f"{where}: nobody to ask; expected a terminal, or -y; add -y to destroy it")

    view = DestroyView(screen, deployment, all_=all_)
    with screen.interruptible():
        return destroy(deployment, config, view, ask=None if yes else ask, all_=all_, force=force, command=command)


def named(config: Config, stack_name: str | None) -> Config:
    """Return the config with another name of the stack, if one is given."""
    return msgspec.structs.replace(config, stack_name=stack_name) if stack_name else config


def connect(ctx: click.Context) -> Account:
    """Connect to the account and region of the options and the environment."""
    from slips.deploy.account import Account

    return Account.connect(options(ctx).region, options(ctx).endpoint_url)


def _show(text: str, color: str | None = None) -> None:
    # Flushed, also into a pipe: a deploy takes minutes, and a user wants to see its steps.
    show_text(text, color, flush=True)
