"""`package`: writes a directory for pipelines that deploy with their own tools."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from slips.cli.command import Command
from slips.cli.context import json_option, load_config
from slips.cli.deploy import connect, named, stack_option
from slips.cli.limit import paces
from slips.cli.options import options
from slips.cli.output import print_json, say, show_text, table
from slips.cli.usage import FILE


@click.command(cls=Command, finishes=True)
@click.option(
    "--out",
    metavar="DIR",
    type=FILE,
    required=True,
    help="Where to write: a new or empty directory, or one of before.",
)
@stack_option
@click.option("--look", is_flag=True, help="Check the resources that the config names on AWS first; needs credentials.")
@json_option
@click.pass_context
def package(
    ctx: click.Context,
    out: Path,
    look: bool,
    json_: bool,
) -> None:
    """Write the files with which other tools deploy the stack.

    The zip of the functions, as 'deploy' would upload it, the template, and files by which the AWS CLI, Terraform and
    CDK deploy both: DIR/DEPLOY.md has the commands. The same project gives the same bytes. Needs no credentials.

    \b
    Examples:
      slips package --out build
      slips package --out build --look --json
    """
    from slips.deploy import checks, handover
    from slips.deploy.package import build

    config = named(load_config(ctx), options(ctx).stack)
    checks.check_config(config, uploads=False)
    handover.check(out)
    blueprint = handover.seen(config, connect(ctx)) if look else handover.unseen(config)
    packed = build(config, say, verbose=options(ctx).verbose)
    for pace in paces(config, "stack"):
        say(pace)
    manifest = handover.hand_over(out, config, packed, blueprint)
    if json_:
        print_json({"directory": str(out), **msgspec.to_builtins(manifest)})
        return
    show_text(packed.summary())
    table([(str(out / one.name), f"{one.size:,} bytes", one.sha256) for one in manifest.files])
    for note in blueprint.notes:
        say(f"note: {note}")
    show_text(f"{out / 'DEPLOY.md'} says how to deploy it with the AWS CLI, Terraform or CDK")
