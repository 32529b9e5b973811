"""`drain --canary`: shows the outcome of each group's canary, and goes on with the groups whose canary succeeds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from functools import partial
from typing import Any

from click.exceptions import Exit

from slips.cli.drain_result import shown
from slips.cli.errors import group_line
from slips.cli.output import headline, say, show_fitting, show_text
from slips.cli.progress import counting, watch
from slips.model import ObjectEvent
from slips.operations import Operations
from slips.pipeline.canary import Canary, CanaryGroup
from slips.pipeline.drain import DrainRequest, DrainResult
from slips.pipeline.overview import Processing, processed_by
from slips.place import Place
from slips.print_streams import in_pieces
from slips.printable import one_line, plural
from slips.service.replays import run_replays
from slips.site.machine import MachineSite

ERRORS = 3
"""How many new errors of a group are shown; JSON has all of them."""

Settle = Callable[[Sequence[ObjectEvent]], bool]
"""Runs the events of a canary, as `Canary.outcomes` wants it."""


def drain_with_canary(
    canary: Canary,
    request: DrainRequest,
    operations: Operations,
    done: DrainResult,
    *,
    wait: float,
    settle: Settle | None = None,
    json_: bool,
) -> None:
    """Send the canaries, wait for their outcome for `wait` seconds at most, and drain the groups that succeed.

    A dry run ends before the outcomes. Prints the counts of each group, also if an error or Ctrl-C ends the drain.
    Raises Exit if a group is held back, UnreadableItemError for items that cannot be read.
    """
    show_counts = partial(_show_counts, canary, processed_by(operations), done, dry_run=request.dry_run)
    with shown(done, operations, show_counts, json_=json_, more=lambda: {"groups": _groups(canary)}):
        with counting("items sent first") as count:
            for sent in canary.send(request, done.note_absent):
                count(sent)
        if not request.dry_run:
            _follow(canary, wait, settle)
    for problem in canary.unreadable:
        raise problem
    if any(group.is_held for group in canary.groups):
        raise Exit(1)


def _groups(canary: Canary) -> list[dict[str, Any]]:
    return [group.to_dict() for group in canary.groups]


def _follow(canary: Canary, wait: float, settle: Settle | None) -> None:
    """Wait for the outcomes, and drain the rest of each group as soon as its canary has succeeded."""
    # A run on this machine shows its own progress.
    progress = counting if settle is None else _silent
    steps = canary.outcomes(wait, settle or _never)
    if waiting := len(canary.waiting):
        say(f"waiting for the outcome of {plural(waiting, 'object')}, {wait:,.0f} s at most")
    while (group := _next_group(steps, progress)) is not None:
        if group.sent and not group.is_held:
            with counting("items drained") as count:
                for drained in canary.follow(group):
                    count(drained)
        if group.sent:
            ended = f"{plural(group.left, 'item')} left" if group.is_held else f"{group.drained:,} followed"
            say(one_line(f"group {group.fingerprint}: {_outcome(group)}; {ended}"))


def run_here(site: MachineSite, place: Place, *, verbose: bool) -> Settle:
    """Return the function that runs the events of a canary on this machine.

    Raises UsageError, before anything is sent, if no handler can be used.
    """
    os.environ.update(site.config.handler.environment)
    with redirect_stdout(in_pieces(sys.stderr)):  # prints of the user's code are no part of the output
        site.loader.load_all()

    def settle(events: Sequence[ObjectEvent]) -> bool:
        with watch(verbose) as observer:
            return run_replays(
                site.config,
                site.state,
                events,
                observer,
                endpoint_url=place.endpoint_url,
                region=place.region,
                say=lambda text: say(one_line(text)),
            )

    return settle


@contextmanager
def _silent(_: str) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


def _never(_: Sequence[ObjectEvent]) -> bool:
    """Run nothing: the stack does."""
    return False


def _next_group(
    steps: Iterator[int | CanaryGroup], progress: Callable[[str], AbstractContextManager[Callable[[int], None]]]
) -> CanaryGroup | None:
    """Return the next group whose canary has an outcome; meanwhile show how many items of all canaries have one."""
    with progress("outcomes") as count:
        for step in steps:
            if isinstance(step, CanaryGroup):
                return step
            count(step)
    return None


def _show_counts(canary: Canary, by: Processing, done: DrainResult, *, dry_run: bool) -> None:
    for group in canary.groups:
        for line in group_lines(group, dry_run=dry_run):
            show_fitting(line)
    if dry_run:
        if done.drained:
            show_text(f"{plural(done.drained, 'item')} would be sent first")
        return
    if followed := sum(group.drained for group in canary.groups):
        show_text(f"{plural(followed, 'item')} followed; {by.of(followed, done.lanes, asked=True)}")
    if waiting := len(canary.waiting):  # after Ctrl-C
        show_text(f"objects waiting on a lane: {waiting:,}; {by.of(waiting, done.lanes, asked=True)}")
    if held := sum(group.is_held for group in canary.groups):
        show_text(f"{plural(held, 'group')} held back; 'slips error ID' shows a new error in detail")


def group_lines(group: CanaryGroup, *, dry_run: bool = False) -> Iterator[str]:
    """Yield the lines about one group: its error, its counts, and its new errors."""
    yield group_line(group)
    if dry_run:
        yield f"        {group.sent:,} would be sent first, then {group.left:,}"
        return
    ended = [f"{group.drained:,} followed"] if group.drained else []
    ended += [f"{group.dropped:,} dropped"] if group.dropped else []
    ended += [f"{group.gone:,} gone meanwhile"] if group.gone else []
    ended += [f"{group.left:,} left"] if group.left else []
    yield f"        {group.sent:,} sent first: {'; '.join([_outcome(group), *ended])}"
    for error in group.errors[:ERRORS]:
        about = f"{error['request_id']}  {error['stage']} {error['error_type']}: {error['message']}"
        yield headline(f"        {about}")
    if (more := len(group.errors) - ERRORS) > 0:
        yield f"        and {plural(more, 'more error')}"


def _outcome(group: CanaryGroup) -> str:
    counts = {"succeeded": group.succeeded, "failed": group.failed, "without an outcome in time": group.timed_out}
    waiting = group.sent - sum(counts.values())
    counts["not waited for"] = waiting
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "none"
