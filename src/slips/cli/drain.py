"""The command `drain`: replays error items from this machine, or by the stack's own function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import click

from slips.cli import items
from slips.cli.command import Command
from slips.cli.context import config_for, json_option, place_of, stack_config
from slips.cli.errors import object_line
from slips.cli.output import print_json, say, show_text
from slips.cli.progress import counting
from slips.config.needs import DRAINING
from slips.errors import UsageError
from slips.operations import Kind, Operations
from slips.pipeline import drain as station
from slips.pipeline.drain import DrainRequest, DrainResult
from slips.pipeline.replay import Replayed
from slips.pipeline.undelivered import STAYS
from slips.printable import one_line, plural
from slips.site import Site

PROCESSED_BY: dict[Kind, str] = {
    "machine": "'slips run' processes them now",
    "stack": "the stack processes them now",
}


@click.command(cls=Command)
@items.ids_argument
@items.since_option
@items.prefix_option
@items.type_option
@items.limit_option
@click.option("--dry-run", is_flag=True, help="Only show the items that would be drained.")
@click.option("--remote", is_flag=True, help="Let the stack's Drain function do it, as without a config file.")
@json_option
@click.pass_context
def drain(
    ctx: click.Context,
    ids: tuple[str, ...],
    since: str | None,
    prefix: str | None,
    type_: str | None,
    limit: int | None,
    dry_run: bool,
    remote: bool,
    json_: bool,
) -> None:
    """Put errors back on their lanes, all or chosen ones.

    They leave the error table, and 'slips run', or the stack, processes them. Records whose object was overwritten
    since stay, as evidence. On a stack, undelivered events are put back, too, unless items are chosen.

    \b
    Examples:
      slips drain
      slips drain 2a45219e 8b0bef71
      slips drain --type KeyError --since 1d --dry-run
      slips drain -s my-stack
    """
    place = place_of(ctx)
    name = place.stack
    if remote and name is None:
        raise UsageError("--remote: this machine has no Drain function; expected a stack: -s STACK, or --aws")
    config = config_for(ctx, DRAINING) if name is None else None if remote else stack_config(ctx, name, DRAINING)
    if name is not None and config is None:
        stack_operations = place.stack_operations(name)
        request = DrainRequest(whole(ids, stack_operations), since, prefix, type_, limit, dry_run)
        done = DrainResult()
        with told(done, stack_operations, dry_run, json_), counting("items drained") as count:
            for drained in station.drain_remotely(request, stack_operations, done):
                count(drained)
        return
    assert config is not None  # noqa: S101 - for mypy
    with place.site(config) as (site, operations):
        request = DrainRequest(whole(ids, operations), since, prefix, type_, limit, dry_run)
        drain_here(request, site, operations, json_=json_)


def drain_here(request: DrainRequest, site: Site, operations: Operations, *, json_: bool) -> None:
    """Drain in this process, show progress, and print the result."""
    show, done = request.dry_run and not json_, DrainResult()
    progress = nullcontext(_shown) if show else counting("items drained")
    with told(done, operations, request.dry_run, json_), progress as count:
        for step in station.drain(request, site, done):
            if isinstance(step, Replayed):
                count(1)
                for event in step.item.events if show and step.lanes else ():
                    show_text(object_line(step.item, event))
        if request.dry_run and done.undelivered is not None and (waiting := operations.count_undelivered()):
            done.notes.append(f"about {plural(waiting, 'undelivered message')} would be put back, too")


def _shown(_: int) -> None:
    """Show no progress: a dry run prints each item."""


def whole(ids: Sequence[str] | None, operations: Operations) -> list[str] | None:
    """Return the whole ids of the items whose ids begin with `ids`, each once. Raises UsageError if one has no item."""
    return list({items.find(operations, each).request_id: None for each in ids}) if ids else None


@contextmanager
def told(report: DrainResult, operations: Operations, dry_run: bool, json_: bool) -> Iterator[None]:
    """Print the result at the end, also if an error or Ctrl-C ends the drain after some items."""
    try:
        yield
    except BaseException:
        if report.drained or report.undelivered:
            _print(report, operations, dry_run, json_)
        raise
    _print(report, operations, dry_run, json_)


def _print(report: DrainResult, operations: Operations, dry_run: bool, json_: bool) -> None:
    for note in report.notes:
        say(one_line(note))
    if any(note.startswith(STAYS) for note in report.notes):
        say("'slips dismiss --undelivered' takes out the messages that cannot be read")
    if json_:
        print_json(report.to_dict())
        return
    on = " and ".join(f"{count:,} on lane {lane}" for lane, count in report.lanes.items() if count)
    if report.drained:
        what = "would be drained" if dry_run else "drained"
        show_text(
            f"{plural(report.drained, 'item')} {what}: {on}{'' if dry_run else f'; {PROCESSED_BY[operations.kind]}'}"
        )
    elif not report.undelivered:
        show_text(f"nothing to drain{items.where(operations)}")
    if report.undelivered:
        show_text(f"{plural(report.undelivered, 'undelivered object event')} put back; {PROCESSED_BY[operations.kind]}")
    if report.kept:
        show_text(f"{plural(report.kept, 'item')} kept: 'slips dismiss' takes out what cannot be replayed")
