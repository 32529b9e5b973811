"""The command `drain`: replays error items from this machine, or by the stack's own function."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import islice
from typing import Any

import click

from slips.cli import items
from slips.cli.canary import drain_with_canary, run_here
from slips.cli.command import Command
from slips.cli.context import config_for, json_option, load_config, place_of, stack_config, yes_option
from slips.cli.drain_result import shown
from slips.cli.errors import item_lines
from slips.cli.options import options
from slips.cli.output import say, show_text
from slips.cli.progress import counting
from slips.cli.usage import Number
from slips.config.needs import DRAINING
from slips.errors import SlipsError, UsageError
from slips.model import ErrorItem
from slips.operations import Operations
from slips.pipeline import drain as station
from slips.pipeline.canary import Canary, SenderByFunction, SenderHere
from slips.pipeline.choose import duration
from slips.pipeline.drain import DrainFunction, DrainRequest, DrainResult
from slips.pipeline.overview import Processing, processed_by
from slips.pipeline.replay import Replayed
from slips.printable import one_line, plural
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
@click.option("--dry-run", is_flag=True, help="Only show the items that would be drained, and why they failed.")
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
        items_ = _Items(json_=json_)
        with result_shown(done, function, items_ if dry_run else None, json_=json_):
            with counting("items drained") as count:
                for drained in station.drain_remotely(request, function, done):
                    count(drained)
            for item in _chosen(request, function) if dry_run else ():
                items_.show(item)
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
    done, shown = DrainResult(), _Items(json_=json_) if request.dry_run else None
    # A dry run that prints each item shows no progress.
    progress = counting("items drained") if shown is None or json_ else nullcontext(_no_progress)
    with result_shown(done, operations, shown, json_=json_), progress as count:
        for step in station.drain(request, site, done):
            if isinstance(step, Replayed):
                count(1)
                if shown is not None and step.lanes:
                    shown.show(step.item)
        if request.dry_run and done.undelivered is not None and (waiting := operations.count_undelivered()):
            done.notes.append(f"about {plural(waiting, 'undelivered message')} would be put back, too")


def _no_progress(_: int) -> None: ...


class _Items:
    """Shows the items that a dry run would drain, with their reasons, as `slips errors` does; as JSON at the end."""

    def __init__(self, *, json_: bool) -> None:
        self._json = json_
        self._found: list[dict[str, Any]] = []

    def show(self, item: ErrorItem) -> None:
        if self._json:
            self._found.append({name: value for name, value in item.to_dict().items() if name not in _LONG})
        else:
            show_text(item_lines(item))

    def to_dict(self) -> dict[str, Any]:
        return {"items": self._found}


_LONG = {"event", "event_truncated", "traceback", "samples"}
"""Keys of an item that `slips errors --json` has and a dry run has not: they would take much memory."""


def _chosen(request: DrainRequest, stack: DrainFunction) -> Iterator[ErrorItem]:
    """Yield the items that the Drain function has counted; if they cannot be read, say so."""
    try:
        yield from islice(request.choice.of_table(stack.errors), request.limit)
    except SlipsError as error:
        say(one_line(f"the items cannot be shown: {error}"))


def result_shown(
    done: DrainResult, operations: Operations, dry_run: _Items | None, *, json_: bool
) -> AbstractContextManager[None]:
    """Print the result of a drain without a canary at the end of the block. `dry_run`: the items of a dry run."""
    counts = partial(_show_counts, done, processed_by(operations), dry_run=dry_run is not None)
    return shown(done, operations, counts, json_=json_, more=dict if dry_run is None else dry_run.to_dict)


def _show_counts(done: DrainResult, by: Processing, *, dry_run: bool) -> None:
    if done.drained:
        on = " and ".join(f"{count:,} on lane {lane}" for lane, count in done.lanes.items() if count)
        items_, after = plural(done.drained, "item"), by.of(sum(done.lanes.values()), done.lanes, asked=True)
        show_text(f"{items_} would be drained: {on}" if dry_run else f"{items_} drained: {on}; {after}")
    if done.undelivered:
        show_text(f"{plural(done.undelivered, 'undelivered object event')} put back; {by.of(done.undelivered)}")
