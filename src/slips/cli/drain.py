"""The command `drain`: replays error items from this machine, or by the stack's own function."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial

import click

from slips.cli import items
from slips.cli.canary import drain_with_canary, run_here
from slips.cli.command import Command
from slips.cli.context import config_for, json_option, load_config, place_of, stack_config, yes_option
from slips.cli.drain_result import shown
from slips.cli.errors import object_line
from slips.cli.options import options
from slips.cli.output import show_text
from slips.cli.progress import counting
from slips.cli.usage import Number
from slips.config.needs import DRAINING
from slips.errors import UsageError
from slips.operations import Operations
from slips.pipeline import drain as station
from slips.pipeline.canary import Canary, SenderByFunction, SenderHere
from slips.pipeline.choose import duration
from slips.pipeline.drain import DrainRequest, DrainResult
from slips.pipeline.overview import Processing, processed_by
from slips.pipeline.replay import Replayed
from slips.printable import plural
from slips.site.machine import MachineSite
from slips.site.protocols import Site

WAIT = "10m"
"""How long to wait for the outcome of a canary: on a stack, the attempts of an object that fails take minutes."""


@click.command(cls=Command, finishes=True)
@items.choosing
@items.limit_option
@click.option(
    "--canary",
    "number",
    metavar="N",
    type=Number(1),
    help="Send N items of each group, and the rest of a group only if these succeed.",
)
@click.option(
    "--wait", metavar="TIME", help="With --canary: wait for the outcome so long at most: 90s, 1h30m; default: 10m."
)
@click.option("--dry-run", is_flag=True, help="Only show the items that would be drained.")
@yes_option("Accepted as by commands that ask; this one does not.", asks=False)
@click.option("--remote", is_flag=True, help="Let the stack's Drain function do it, as without a config file.")
@json_option
@click.pass_context
def drain(
    ctx: click.Context,
    asked: items.Asked,
    limit: int | None,
    number: int | None,
    wait: str | None,
    dry_run: bool,
    remote: bool,
    json_: bool,
) -> None:
    """Put errors back on their lanes, all or chosen ones.

    They leave the error table, and 'slips run', or the stack, processes them. Records whose object was overwritten
    since stay, as evidence. On a stack, undelivered events are put back, too, unless items are chosen.

    With --canary it waits until N items of each group of alike errors are processed, on this machine by processing
    them itself. A group whose N items do not all succeed in time stays, the others go on; the status is 1 then.

    \b
    Examples:
      slips drain
      slips drain 2a45219e c9bcc18709
      slips drain --canary 3 --wait 5m
      slips drain --type KeyError --since 1d --dry-run
      slips drain -s my-stack
    """
    if wait is not None and number is None:
        raise UsageError("--wait: there is no canary to wait for; expected --canary N, too")
    seconds = duration(WAIT if wait is None else wait, "--wait")
    place = place_of(ctx)
    name = place.stack
    if remote and name is None:
        raise UsageError("--remote: this machine has no Drain function; expected a stack: -s STACK, or --aws")
    if name is not None:
        config = None if remote else stack_config(ctx, name, DRAINING)
    else:  # a canary runs here, too
        config = config_for(ctx, DRAINING) if number is None else load_config(ctx)
    if name is not None and config is None:
        function, done = place.stack_operations(name), DrainResult()
        request = DrainRequest.from_choice(asked.choice(function), limit, dry_run=dry_run)
        if number is not None:
            canary = Canary(function, SenderByFunction(function, done, dry_run=dry_run), number)
            drain_with_canary(canary, request, function, done, wait=seconds, json_=json_)
            return
        with result_shown(done, function, dry_run=dry_run, json_=json_), counting("items drained") as count:
            for drained in station.drain_remotely(request, function, done):
                count(drained)
        return
    assert config is not None  # noqa: S101 - for mypy
    with place.site(config) as (site, operations):
        request = DrainRequest.from_choice(asked.choice(operations), limit, dry_run=dry_run)
        if number is None:
            drain_here(request, site, operations, json_=json_)
            return
        done = DrainResult()
        canary = Canary(operations, SenderHere(site, operations, done, dry_run=dry_run), number)
        settle = None
        if isinstance(site, MachineSite) and not dry_run:
            settle = run_here(site, place, verbose=options(ctx).verbose)
        drain_with_canary(canary, request, operations, done, wait=seconds, settle=settle, json_=json_)


def drain_here(request: DrainRequest, site: Site, operations: Operations, *, json_: bool) -> None:
    """Drain in this process, show progress, and print the result."""
    show, done = request.dry_run and not json_, DrainResult()
    progress = nullcontext(_shown) if show else counting("items drained")
    with result_shown(done, operations, dry_run=request.dry_run, json_=json_), progress as count:
        for step in station.drain(request, site, done):
            if isinstance(step, Replayed):
                count(1)
                for event in step.item.events if show and step.lanes else ():
                    show_text(object_line(step.item, event))
        if request.dry_run and done.undelivered is not None and (waiting := operations.count_undelivered()):
            done.notes.append(f"about {plural(waiting, 'undelivered message')} would be put back, too")


def _shown(_: int) -> None:
    """Show no progress: a dry run prints each item."""


def result_shown(
    done: DrainResult, operations: Operations, *, dry_run: bool, json_: bool
) -> AbstractContextManager[None]:
    """Print the result of a drain without a canary at the end of the block."""
    by = processed_by(operations)
    return shown(done, operations, partial(_show_counts, done, by, dry_run=dry_run), json_=json_)


def _show_counts(done: DrainResult, by: Processing, *, dry_run: bool) -> None:
    if done.drained:
        on = " and ".join(f"{count:,} on lane {lane}" for lane, count in done.lanes.items() if count)
        items_, after = plural(done.drained, "item"), by.of(sum(done.lanes.values()), done.lanes, asked=True)
        show_text(f"{items_} would be drained: {on}" if dry_run else f"{items_} drained: {on}; {after}")
    if done.undelivered:
        show_text(f"{plural(done.undelivered, 'undelivered object event')} put back; {by.of(done.undelivered)}")
