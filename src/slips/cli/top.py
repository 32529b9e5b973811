"""`top`: shows lanes, rates, counts and errors live, on a terminal; a line or a JSON object each time in a pipe."""

from __future__ import annotations

import itertools
import math
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click
import msgspec

from slips.cli.command import Command
from slips.cli.context import json_option, open_operations
from slips.cli.output import headline, print_json, show_text
from slips.cli.run import lane_line, service_line, trouble_words
from slips.cli.usage import Number
from slips.errors import UsageError
from slips.kept_audit import KeptAudit
from slips.model import LANES
from slips.object_states import WORDS
from slips.operations import Kind, LaneCounts, LaneStatus, Operations
from slips.pipeline.choose import duration as seconds_of
from slips.pipeline.overview import Counting, LaneNow, Overview, Rates, overview
from slips.printable import duration, one_line, plural
from slips.service.interrupts import Interrupted, Interrupts

if TYPE_CHECKING:
    from rich.console import RenderableType

INTERVAL: dict[Kind, float] = {"machine": 2.0, "stack": 30.0}
"""Seconds between two looks, if the user names none: on a stack each is a call that costs money."""
LEAST_INTERVAL = 0.1
COUNT_SECONDS = 600.0
"""Most seconds that a pipe waits for the first count of all objects."""


@click.command(cls=Command)
@click.option(
    "--interval", metavar="TIME", help="Look again after this time: 5, 500ms, 2s, 1m; default: 2s, on a stack 30s."
)
@click.option("--count", metavar="N", type=Number(1), help="End after so many looks.")
@json_option
@click.pass_context
def top(ctx: click.Context, interval: str | None, count: int | None, json_: bool) -> None:
    """Show lanes, rates, counts and errors live.

    On a terminal until q or Ctrl-C. In a pipe a line each time; with --json a JSON object each time. Objects are
    counted and errors are grouped in the background, so these are some seconds old, as is said. The rates are those of
    the service on this machine ('slips up').

    \b
    Examples:
      slips top
      slips top -s my-stack --interval 1m
      slips top --json --count 1
    """
    seconds = None if interval is None else _seconds(interval)
    with open_operations(ctx) as operations, Interrupts():
        counting = Counting(lambda: open_operations(ctx), count_ledger=operations.kind == "machine")
        counting.start()
        try:
            _watch(operations, counting, seconds or INTERVAL[operations.kind], count, json_)
        except Interrupted:
            return  # the way to end it
        finally:
            counting.close()


def _seconds(text: str) -> float:
    """Convert the text of --interval to seconds. Raises UsageError."""
    try:
        seconds = int(text[:-2]) / 1000 if text.endswith("ms") else float(text)
    except ValueError:
        seconds = seconds_of(text, "--interval")
    if not LEAST_INTERVAL <= seconds < math.inf:
        raise UsageError(f"--interval: {text!r} cannot be used; expected 100ms or more, such as 2s or 1m")
    return seconds


def _watch(operations: Operations, counting: Counting, seconds: float, count: int | None, json_: bool) -> None:
    rates, looks = Rates(), range(count) if count is not None else itertools.count()
    is_live = sys.stdout.isatty() and not json_
    with _screen() if is_live else nullcontext(_show_json if json_ else _show_line) as show, _keys() as pressed:
        for number in looks:
            # A pipe gets whole lines; a person sees what there is at once.
            show(overview(operations, rates, counting.latest(0.0 if is_live or number else COUNT_SECONDS)))
            if number + 1 != count and pressed(seconds):
                return


def _show_json(found: Overview) -> None:
    print_json(msgspec.to_builtins(found))
    sys.stdout.flush()


def _show_line(found: Overview) -> None:
    """Print an overview in one line."""
    parts = [f"{lane} {_lane_words(each)}" for lane, each in found.lanes.items()]
    if found.objects is not None:
        age = found.counted_seconds or 0.0
        parts.append(_objects(found) + (f" {duration(age)} ago" if age >= 1 else ""))
    parts += [plural(found.errors or 0, "error"), *_pause_words(found), *_alarm_words(found)]
    if isinstance(found.audit, KeptAudit):
        parts.append(f"audit {found.audit.at}: {found.audit.words}")
    if found.service is not None:
        parts.append("running" if found.service.state == "running" else service_line(found.service))
        parts += trouble_words(found.service)
    show_text(one_line(f"{found.time}  {'; '.join(parts)}"), flush=True)


def _lane_words(lane: LaneNow) -> str:
    rate = "" if lane.per_second is None else f", {_rate(lane.per_second)}/s"
    return lane_line(LaneStatus(lane.waiting, lane.oldest_seconds, lane.arrived, lane.retrying)) + rate


def _objects(found: Overview) -> str:
    states = found.objects or {}
    return ", ".join(f"{states[each]:,} {word}" for each, word in WORDS.items() if each in states) or "no objects"


def _pause_words(found: Overview) -> list[str]:
    return [
        f"paused {each.lane}{f' for {each.handler}' if each.handler else ''} since {each.since}: {each.reason}"
        for each in found.pauses
    ]


def _alarm_words(found: Overview) -> list[str]:
    return [f"alarm {alarm.name} since {alarm.since}" for alarm in found.alarms or ()]


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


# -- on a terminal


@contextmanager
def _screen() -> Iterator[Callable[[Overview], None]]:
    """Return the function that shows an overview, on a screen of its own until the end of the block."""
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        yield lambda found: live.update(_view(found), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Return the function that waits some seconds, and returns whether q was pressed meanwhile."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        yield _slept
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin, termios.TCSANOW)  # keeps what was typed ahead
        yield _pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _slept(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _pressed(seconds: float) -> bool:
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0:
        if not select.select([sys.stdin], [], [], rest)[0]:
            return False
        if os.read(sys.stdin.fileno(), 1) in (b"q", b"Q", b""):  # nothing: the terminal is gone
            return True
    return False


def _view(found: Overview) -> RenderableType:
    """Lay an overview out as a screen. All of it is text, never markup."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    where = "this machine" if found.backend == "machine" else "a stack"
    lines: list[RenderableType] = [
        Text(one_line(f"slips top   {found.name} ({where})   {found.time}   q quits"), style="bold", no_wrap=True)
    ]

    def line(text: str, style: str = "") -> None:
        lines.append(Text(headline(text), style=style, no_wrap=True, overflow="ellipsis"))

    if found.service is not None:
        line(f"service  {service_line(found.service)}", "" if found.service.state == "running" else "red")
        for words in trouble_words(found.service):
            line(f"         {words}", "red")
    elif found.backend == "machine":
        line("service  none runs here; 'slips up' starts one", "dim")
    lanes = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    names = ("lane", "waiting", "oldest", "objects/s", "of a minute", "done", "failed", "skipped")
    for name in names:
        lanes.add_column(name, justify="left" if name == "lane" else "right", no_wrap=True)
    for lane in LANES:
        lanes.add_row(lane, *_cells(found.lanes[lane]))
    lines += [Text(""), lanes, Text("")]
    for lane in LANES:
        if retrying := found.lanes[lane].retrying:
            line(f"lane {lane}: {retrying:,} tried again after a failed attempt", "red")
    if found.records_per_second is not None:
        line(f"records  {_rate(found.records_per_second)}/s")
    if found.counted_seconds is None:
        line("objects and errors are being counted", "dim")
    else:
        age = f"counted {duration(found.counted_seconds)} ago"
        line(f"objects  {_objects(found)} ({age})" if found.objects is not None else f"errors   {age}")
    if found.errors is not None:
        line(f"errors   {plural(found.errors, 'item')}", "red" if found.errors else "")
    for group in found.groups:
        line(f"{group.count:9,}  {group.fingerprint}  {group.stage} {group.error_type}: {group.message}")
    if found.groups_left_out:
        line(f"{plural(found.groups_left_out, 'more group')}: 'slips errors --group' lists all", "dim")
    if isinstance(found.undelivered, int) and found.undelivered:
        line(f"undelivered  {plural(found.undelivered, 'message')}", "red")
    if isinstance(found.audit, KeptAudit):
        line(f"audit    {found.audit.at}: {found.audit.words}", "" if found.audit.is_clean else "red")
    for words in (*_pause_words(found), *_alarm_words(found)):
        line(words, "red")
    return Group(*lines)


def _cells(lane: LaneNow) -> list[str]:
    """Return the cells of a lane: waiting, oldest, two rates, and what the service has concluded."""
    counts = lane.counts if isinstance(lane.counts, LaneCounts) else None
    return [
        f"{lane.waiting:,}" if lane.waiting is not None else f"{lane.arrived or 0:,} in 5 min",
        "" if lane.oldest_seconds is None else duration(lane.oldest_seconds),
        _rate(lane.per_second),
        _rate(lane.per_second_of_minute),
        *([f"{each:,}" for each in (counts.done, counts.failed, counts.skipped)] if counts else [""] * 3),
    ]
