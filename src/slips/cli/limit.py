"""`limit`: shows or sets how fast a lane is emptied, and whether it is at all, while the lane is in use."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from slips.brakes import WINDOW, Budget, Pause, sentence
from slips.cli.command import Command, argument
from slips.cli.context import json_option, open_operations
from slips.cli.output import print_json, say, show_text
from slips.cli.usage import Number, OneOf
from slips.config import Config, LaneConfig
from slips.config.nodes import size_of
from slips.errors import UsageError
from slips.model import LANES, Lane
from slips.operations import Kind, hourly
from slips.place import operator
from slips.printable import one_line, plural

FIELDS = ("delay", "batch_size")
LASTS: dict[Kind, str] = {
    "machine": "it holds here until it is set again; 'backend.lane' of the config is only the default",
    "stack": "it holds until the next 'slips deploy', which sets it back to 'backend.lane' of the config",
}
"""How long a new limit holds."""


def pace(limit: LaneConfig, kind: Kind) -> str:
    """Format how many objects the delay of a lane lets through at most; empty if there is no delay."""
    most = hourly(limit, kind)
    return "" if most is None else f"at most {plural(most, 'object')} an hour{' and shard' if kind == 'stack' else ''}"


def paces(config: Config, kind: Kind) -> Iterator[str]:
    """Format a line on each lane that the config delays or lets pause, and on the budget of a day."""
    for lane in LANES:
        limit: LaneConfig = getattr(config.backend.lane, lane)
        if most := pace(limit, kind):
            also = f"parallelization {limit.parallelization}, " if kind == "stack" else ""
            size = f"batch_size {limit.batch_size}, {also}"
            yield f"lane {lane}: {most} ({size}delay {limit.delay} s)"
        if limit.break_at:
            yield f"lane {lane}: pauses for a handler when {limit.break_at} % of {WINDOW} of its objects failed"
    for name, most_a_day in msgspec.structs.asdict(Budget.of(config.limits)).items():
        if most_a_day is not None:
            yield f"both lanes: pause when {most_a_day:,} {name.split('_')[0]} have started in a day (UTC)"


@click.command(cls=Command, finishes=True)
@argument("lane", metavar="LANE", type=OneOf(LANES), help="fast or slow.")
@click.option("-d", "--delay", metavar="SECONDS", type=Number(0, 300), help="Wait so long before each invocation.")
@click.option(
    "-b", "--batch-size", metavar="N", type=Number(1, 10_000), help="Objects given to one invocation, at most."
)
@click.option("--pause", is_flag=True, help="Start no further object of the lane; what comes waits.")
@click.option("--reason", metavar="TEXT", help="Why, for whoever looks at the pause.")
@click.option(
    "--resume", is_flag=True, help="End every pause of the lane; let a spent budget be spent once more today."
)
@click.option("--objects-per-day", metavar="N|off", help="Objects that start in a day (UTC), on both lanes.")
@click.option("--bytes-per-day", metavar="SIZE|off", help="Their stored bytes, such as 500GB.")
@json_option
@click.pass_context
def limit(
    ctx: click.Context,
    lane: Lane,
    delay: int | None,
    batch_size: int | None,
    pause: bool,
    reason: str | None,
    resume: bool,
    objects_per_day: str | None,
    bytes_per_day: str | None,
    json_: bool,
) -> None:
    """Show or set how fast a lane is emptied, and whether.

    With a delay, the pace that follows is shown: if more objects arrive, they wait ever longer.
    On a stack it holds until the next deploy, which sets it back to the config. On this machine 'slips run' and
    'slips up' start as many objects of the lane as the batch size says, and the next ones so many seconds later.

    A lane pauses because of an operator, because a handler fails on most of its objects ('backend.lane.LANE.break_at'),
    or because the budget of the day is spent ('limits.objects_per_day', 'limits.bytes_per_day'). Nothing is lost
    meanwhile. --resume ends all of it.

    \b
    Examples:
      slips limit slow
      slips limit slow -d 5 -b 10
      slips limit fast -d 0 -s my-stack
      slips limit slow --pause --reason 'the sink is being moved'
      slips limit slow --resume
      slips limit fast --objects-per-day 200000
    """
    if pause and resume:
        raise UsageError("--pause: with --resume; expected one of them")
    if reason is not None and not pause:
        raise UsageError("--reason: without --pause; expected a pause that it is the reason of")
    wanted_budget = {"objects_per_day": _amount("--objects-per-day", objects_per_day)} if objects_per_day else {}
    wanted_budget |= {"bytes_per_day": _amount("--bytes-per-day", bytes_per_day)} if bytes_per_day else {}
    with open_operations(ctx) as operations:
        before = operations.limit(lane)
        wanted = {"delay": delay, "batch_size": batch_size}
        after = msgspec.structs.replace(before, **{name: value for name, value in wanted.items() if value is not None})
        if after != before:
            operations.set_limit(lane, after)
        if wanted_budget:
            operations.set_budget(msgspec.structs.replace(operations.budgets().budget, **wanted_budget))
        if pause:
            operations.pause(lane, reason or "", operator())
        ended = operations.resume(lane) if resume else []
        released = operations.release() if resume else 0
        pauses = [each for each in operations.pauses() if each.lane == lane]
        budgets = operations.budgets() if operations.has_brakes else None
    if json_:
        known = {name: getattr(after, name) for name in FIELDS}
        more = {"pauses": pauses, "ended": ended} | ({"budget": budgets} if budgets and budgets.is_limited else {})
        print_json(
            {"lane": lane, **known, "before": {name: getattr(before, name) for name in FIELDS}}
            | {name: msgspec.to_builtins(value) for name, value in more.items() if value}
        )
        return
    for name in FIELDS:
        old, new = getattr(before, name), getattr(after, name)
        show_text(f"{name + ':':11} {old}" + (f" -> {new}" if new != old else ""))
    if most := pace(after, operations.kind):
        show_text(f"{'pace:':11} {most}")
    for line in budgets.lines if budgets else ():
        show_text(f"{'budget:':11} {line}")
    for each in pauses:
        show_text(one_line(f"{'paused:':11} {pause_line(each)}"))
    if resume:
        say(one_line("; ".join(f"no longer {sentence(each)}" for each in ended)) or f"lane {lane} was not paused")
        if released:
            say(f"{plural(released, 'object')} that waited in the error table put back")
    if after != before:
        say(LASTS[operations.kind])


def pause_line(pause: Pause) -> str:
    """Format a pause behind the name of its lane, with its times and what ends it."""
    words = f"{sentence(pause).removeprefix('paused').lstrip(' :')}, since {pause.since}".lstrip(" ,")
    if pause.until is None:
        return f"{words}; 'slips limit {pause.lane} --resume' ends it"
    then = "an object is tried" if pause.cause == "failures" else "a new budget begins"
    return f"{words}; {then} at {pause.until}, or 'slips limit {pause.lane} --resume'"


def _amount(option: str, text: str) -> int | None:
    """Return a number of objects or bytes that an option gives; None for `off`. Raises UsageError."""
    if text == "off":
        return None
    plain = int(text) if text.isascii() and text.isdecimal() else None
    number = size_of(text) if plain is None and option == "--bytes-per-day" else plain
    if not number:
        expected = "a size such as 500GB" if option == "--bytes-per-day" else "a number from 1"
        raise UsageError(f"{option} {text}: cannot be used; expected {expected}, or off")
    return number
