"""`limit`: shows or sets how fast a lane is emptied, while the lane is in use."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from slips.cli.command import Command, argument
from slips.cli.context import json_option, open_operations
from slips.cli.output import print_json, say, show_text
from slips.cli.usage import Number, OneOf
from slips.config import Config, LaneConfig
from slips.model import LANES, Lane
from slips.operations import Kind, hourly

FIELDS = ("delay", "batch_size")
LASTS: dict[Kind, str] = {
    "machine": "it holds here until it is set again; 'backend.lane' of the config is only the default",
    "stack": "it holds until the next 'slips deploy', which sets it back to 'backend.lane' of the config",
}
"""How long a new limit holds."""


def pace(limit: LaneConfig, kind: Kind) -> str:
    """Format how many objects the delay of a lane lets through at most; empty if there is no delay."""
    most = hourly(limit, kind)
    return "" if most is None else f"at most {most:,} objects an hour{' and shard' if kind == 'stack' else ''}"


def paces(config: Config, kind: Kind) -> Iterator[str]:
    """Format a line on each lane that the config delays."""
    for lane in LANES:
        limit: LaneConfig = getattr(config.backend.lane, lane)
        if most := pace(limit, kind):
            is_stack = kind == "stack"
            size = f"batch_size {limit.batch_size}, parallelization {limit.parallelization}, " if is_stack else ""
            yield f"lane {lane}: {most} ({size}delay {limit.delay} s)"


@click.command(cls=Command, finishes=True)
@argument("lane", metavar="LANE", type=OneOf(LANES), help="fast or slow.")
@click.option("-d", "--delay", metavar="SECONDS", type=Number(0, 300), help="Wait so long before each invocation.")
@click.option(
    "-b", "--batch-size", metavar="N", type=Number(1, 10_000), help="Objects given to one invocation, at most."
)
@json_option
@click.pass_context
def limit(
    ctx: click.Context,
    lane: Lane,
    delay: int | None,
    batch_size: int | None,
    json_: bool,
) -> None:
    """Show or set how fast a lane is emptied.

    With a delay, the pace that follows is shown: if more objects arrive, they wait ever longer.
    On a stack it holds until the next deploy, which sets it back to the config. On this machine 'slips run' starts the
    objects of the lane so many seconds apart; the batch size is only kept, as each object is its own run here.

    \b
    Examples:
      slips limit slow
      slips limit slow -d 5 -b 10
      slips limit fast -d 0 -s my-stack
    """
    with open_operations(ctx) as operations:
        before = operations.limit(lane)
        wanted = {"delay": delay, "batch_size": batch_size}
        after = msgspec.structs.replace(before, **{name: value for name, value in wanted.items() if value is not None})
        if after != before:
            operations.set_limit(lane, after)
    if json_:
        known = {name: getattr(after, name) for name in FIELDS}
        print_json({"lane": lane, **known, "before": {name: getattr(before, name) for name in FIELDS}})
        return
    for name in FIELDS:
        old, new = getattr(before, name), getattr(after, name)
        show_text(f"{name + ':':11} {old}" + (f" -> {new}" if new != old else ""))
    if most := pace(after, operations.kind):
        show_text(f"{'pace:':11} {most}")
    if after != before:
        say(LASTS[operations.kind])
