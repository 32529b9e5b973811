"""`package`: writes a directory for pipelines that deploy with their own tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from slips.cli.context import Json, load_config, one_of, options
from slips.cli.deploy import EndpointUrl, Region, StackName, connect, named
from slips.cli.limit import paces
from slips.cli.output import print_json, say, show_text, table


def package(
    ctx: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where to write: a new or empty directory, or one of before.")
    ],
    stack_name: StackName = None,
    look: Annotated[
        bool, typer.Option("--look", help="Check the resources that the config names on AWS first; needs credentials.")
    ] = False,
    region: Region = None,
    url: EndpointUrl = None,
    json_: Json = False,
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

    config = named(load_config(ctx), one_of("-s", options(ctx).stack, stack_name))
    checks.check_config(config, uploads=False)
    handover.check(out)
    blueprint = handover.seen(config, connect(ctx, region, url)) if look else handover.unseen(config)
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
