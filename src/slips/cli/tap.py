"""`tap`: shows events as they pass, a sample of them, with the bad records and the failed objects among them."""

from __future__ import annotations

import sys
import time
from typing import Any

import click
import msgspec

from slips.cli.command import Command, argument
from slips.cli.context import config_for, json_option, place_of
from slips.cli.output import print_json, readable_json, say, shortened, show_text
from slips.cli.usage import FILE_TEXT, Number
from slips.config.needs import DRAINING
from slips.errors import UsageError
from slips.model import format_time
from slips.pipeline.choose import moment
from slips.pipeline.selection import selection_of
from slips.pipeline.tap import Shown, Tap, TapFilter, TapTally
from slips.printable import one_line, plural
from slips.service.interrupts import Interrupted, Interrupts

RATE = 20.0
TALLY_SECONDS = 10.0
"""Seconds between two lines on standard error about what passes unseen."""
LONGEST = 1_000
"""Most characters of an event in a line of text."""
MARKS = {"quarantined": "QUARANTINED", "failed": "FAILED"}


@click.command(cls=Command)
@argument(
    "path",
    metavar="PATH",
    required=False,
    type=FILE_TEXT,
    help="Only objects there: s3://bucket/prefix, or a path below a bucket's directory.",
)
@click.option(
    "--mapping", "mappings", metavar="PREFIX", multiple=True, help="Only this prefix or pattern of the config; repeat."
)
@click.option("--tag", metavar="GLOB", help="Only events with such a tag: 'aws.cloudtrail.*'.")
@click.option("--grep", metavar="TEXT", help="Only events that contain this text.")
@click.option("--rate", metavar="N", default=f"{RATE:g}", show_default=True, help="Show at most so many a second.")
@click.option("--limit", metavar="N", type=Number(1), help="End after so many events.")
@click.option("--since", metavar="TIME", help="Begin with what passed since then: 10m, 2h; default: now.")
@json_option
@click.pass_context
def tap(
    ctx: click.Context,
    path: str | None,
    mappings: tuple[str, ...],
    tag: str | None,
    grep: str | None,
    rate: str,
    limit: int | None,
    since: str | None,
    json_: bool,
) -> None:
    """Show events as they pass, a sample of them, until Ctrl-C.

    Reads some of the objects that were just processed once more, in a fifth of a core's time here, so that no run is
    slower for it; standard error says which share was shown. Bad records and failed objects are among them, marked. No
    handler runs. On a stack events come some 10 s after their run.

    \b
    Examples:
      slips tap
      slips tap --mapping cloudtrail/ --tag 'aws.cloudtrail.AwsConsoleSignIn'
      slips tap --since 1h --grep 198.51.100.7 --limit 10 --json
      slips tap -s my-stack s3://my-logs/cloudtrail/
    """
    now = time.time()
    begin = now if since is None else moment(since, now, "--since")
    a_second = _rate(rate)
    place, config = place_of(ctx), config_for(ctx, DRAINING)
    with place.site(config) as (site, operations), Interrupts():
        wanted = TapFilter(selection_of(site, [path] if path else [], mappings), tag, grep)
        tapped = Tap(site, operations, wanted, begin, rate=a_second)
        try:
            _show(tapped, limit, json_)
        except Interrupted:
            pass  # the way to end it
        finally:
            if tapped.tally.objects:
                say(_words(tapped.tally))


def _rate(text: str) -> float:
    """Convert the text of --rate: `20`, `20/s`, `0.5`. Raises UsageError."""
    try:
        rate = float(text.removesuffix("/s"))
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 100_000:
        raise UsageError(f"--rate: {text!r} cannot be used; expected a number of events a second, such as 20 or 0.5")
    return rate


def _show(tapped: Tap, limit: int | None, json_: bool) -> None:
    said_at, said = time.monotonic(), 0
    for shown in tapped.follow():
        if shown is not None:
            if json_:
                print_json(_to_json(shown))
            else:
                show_text(_line(shown), "red" if shown.kind != "event" and sys.stdout.isatty() else None)
            if tapped.tally.shown == limit:
                return
            continue
        sys.stdout.flush()
        if time.monotonic() - said_at >= TALLY_SECONDS and tapped.tally.objects != said:
            said_at, said = time.monotonic(), tapped.tally.objects
            say(_words(tapped.tally))


def _to_json(shown: Shown) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.to_builtins(shown)
    return {**value, "time": _time(shown.time)}


def _time(seconds: float) -> str:
    try:
        return format_time(seconds)
    except (ValueError, OverflowError, OSError):  # an event may name any time
        return f"{seconds:g}"


def _line(shown: Shown) -> str:
    """Format an event in one line: its time, its tag, and its message or else all of it."""
    if shown.kind == "event":
        text = f"{shown.tag}  {shown.message or readable_json(shown.event)}"
    else:
        record = f": record {shown.seq:,}" if shown.seq else ""
        message = shown.message.removeprefix(f"{shown.object}: ")  # error items begin with it
        text = f"{MARKS[shown.kind]}  {shown.object}{record}: {message}"
        text += f": {shown.raw}" if shown.raw else ""
    return f"{_time(shown.time)}  {one_line(shortened(text, LONGEST))}"


def _words(tally: TapTally) -> str:
    """Return which share was shown, in words: `12 events shown, 1 in 40; 3 of 120 objects looked at`."""
    ratio = tally.events / tally.shown if tally.shown else 0.0
    share = f", about 1 in {ratio:,.0f}" if ratio >= 1.5 else ""
    others = ((tally.gone, "deleted or overwritten since"), (tally.unreadable, "could not be read to the end"))
    missing = [f"{count:,} {what}" for count, what in others if count]
    looked = f"{tally.opened:,} of {plural(tally.objects, 'object')} looked at"
    return f"{plural(tally.shown, 'event')} shown{share}; {'; '.join([looked, *missing])}"
