"""`dismiss`: shows error items, and messages that cannot be read, asks, and takes them out for good."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import click
from click.exceptions import Exit

from slips.brakes import is_held
from slips.cli import items
from slips.cli.command import Command
from slips.cli.context import json_option, open_operations, yes_option
from slips.cli.errors import item_lines
from slips.cli.output import print_json_list, say, show_text
from slips.errors import StateError, UsageError
from slips.model import ErrorItem
from slips.operations import Operations
from slips.pipeline import dismiss as station
from slips.pipeline.dismiss import Changed, Dismissal, Revision
from slips.pipeline.undelivered import Unreadable, unreadable
from slips.printable import one_line, plural


@click.command(cls=Command)
@items.choosing
@items.limit_option
@click.option("--all", "all_", is_flag=True, help="All items.")
@click.option("--undelivered", is_flag=True, help="On a stack: undelivered messages, too, that cannot be read.")
@yes_option()
@json_option
@click.pass_context
def dismiss(
    ctx: click.Context,
    asked: items.Asked,
    limit: int | None,
    all_: bool,
    undelivered: bool,
    yes: bool,
    json_: bool,
) -> None:
    """Delete errors from the error table, without processing them.

    For items that 'slips drain' keeps because they cannot be replayed, and for items that are not worth a replay. Shows
    the items, asks, and deletes just those that it has shown; with --json it prints them as 'slips errors --json' does,
    to be kept. On this machine a dismissed object is not run again until it changes, or 'slips run --again' names it.
    Items of objects that only wait, as their lane paused or a budget is spent, stay unless an ID or --type names them.

    \b
    Examples:
      slips dismiss 2a45219e
      slips dismiss c9bcc18709 --until 2026-03-02
      slips dismiss --type OverwrittenError --json -y > evidence.json
      slips dismiss -s my-stack --undelivered
    """
    chosen = not asked.is_all or limit is not None
    if all_ and chosen:
        raise UsageError("--all: some are chosen, too; expected either; leave one out")
    if not (chosen or all_ or undelivered):
        raise UsageError(
            "dismiss: nothing is chosen; expected an ID, --since, --prefix, --type, --limit, --until, --undelivered, "
            "or --all; 'slips errors' lists what there is"
        )
    done = Dismissal()
    with open_operations(ctx) as operations, _rest_told(done):
        show: Callable[[str], None] = say if json_ else show_text
        messages = _unreadable(operations, show) if undelivered else []
        revisions: list[Revision] = []
        problem = None
        if chosen or all_:
            table = asked.choice(operations).of_table(operations.errors)
            if not (asked.names or asked.conditions.type):
                table = _without_held(table)
            problem = _show(islice(table, limit), revisions, show)
        if revisions or messages:
            try:
                _confirm(revisions, messages, yes)
            except BaseException:
                if operations.undelivered:
                    operations.undelivered.release([each.receipt for each in messages])
                raise
        gone = evidence(operations, revisions, messages, done)
        if json_:
            print_json_list(gone)
        else:
            for _ in gone:
                pass
            what = _counts(done.items, done.messages)
            show_text(f"{what} dismissed" if revisions or messages else f"nothing to dismiss{items.where(operations)}")
        if problem:
            raise problem


@contextmanager
def _rest_told(done: Dismissal) -> Iterator[None]:
    """Say what was dismissed if the reader of standard output goes away: what is not shown is not deleted."""
    try:
        yield
    except BrokenPipeError:
        say(f"the reader of standard output is gone; {_counts(done.items, done.messages)} dismissed; the rest stays")
        raise


def _without_held(table: Iterable[ErrorItem]) -> Iterator[ErrorItem]:
    """Leave out, and name, items whose objects nothing has failed: they wait, and would be lost."""
    for item in table:
        if is_held(item):
            name = one_line(item.request_id)
            say(f"{name}: its objects only wait, and stay; 'slips limit' says why; its ID dismisses it")
        else:
            yield item


def _show(chosen: Iterable[ErrorItem], revisions: list[Revision], show: Callable[[str], None]) -> StateError | None:
    """Show each item and append its revision. Return the error about items that cannot be read, which come last."""
    try:
        for item in chosen:
            show(item_lines(item))
            revisions.append(Revision(item.request_id, item.revision))
    except StateError as problem:
        return problem
    return None


def _unreadable(operations: Operations, show: Callable[[str], None]) -> list[Unreadable]:
    if operations.undelivered is None:
        raise UsageError(
            "--undelivered: there is no queue of undelivered messages here; expected a stack of this version; name it "
            "with -s STACK, or --aws"
        )
    waiting = operations.count_undelivered()
    found = list(unreadable(operations.undelivered, read_back=operations.read_back, ledger=operations.ledger))
    for each in found:
        show(f"undelivered message: {one_line(each.why)}")
    if waiting and not found:
        say(
            f"about {plural(waiting, 'undelivered message')}, none of which is shown as unreadable: 'slips drain' puts "
            "back what can be read; what another command looks at is hidden for 5 minutes, also after its end if it "
            "lacks the right to sqs:ChangeMessageVisibility: try again then"
        )
    return found


def _confirm(revisions: list[Revision], messages: list[Unreadable], yes: bool) -> None:
    """Ask the user. Raises UsageError if there is no terminal to ask on, Exit if the answer is no.

    Raises BrokenPipeError if what was shown has no reader.
    """
    sys.stdout.flush()
    if yes:
        return
    what = _counts(len(revisions), len(messages))
    if not sys.stdin.isatty():
        raise UsageError(f"{what} not dismissed: there is no terminal to ask on; expected -y; add it")
    if not click.confirm(f"Dismiss {what} for good?", err=True):
        say("nothing was dismissed")
        raise Exit(1)


def evidence(
    operations: Operations, revisions: list[Revision], messages: list[Unreadable], done: Dismissal
) -> Iterator[dict[str, Any]]:
    """Yield the JSON object of each item and message; it is deleted after the caller has printed that evidence."""
    for each in station.dismiss(operations, revisions, messages, done):
        match each:
            case Changed():
                say(f"{one_line(each.request_id)}: changed meanwhile, and stays; 'slips errors' shows it as it is now")
                continue
            case ErrorItem() | Unreadable():
                yield each.to_dict()
        sys.stdout.flush()


def _counts(count: int, messages: int) -> str:
    parts = [plural(messages, "undelivered message")] if messages else []
    return " and ".join([plural(count, "item"), *parts] if count or not parts else parts)
