"""`push`: puts existing objects on a lane, whether or not they were announced, and continues where it was stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click
from click.exceptions import Exit

from slips.cli.command import Command, argument
from slips.cli.context import config_for, json_option, place_of, yes_option
from slips.cli.output import print_json, say, show_text
from slips.cli.progress import counting, reaching
from slips.cli.usage import FILE_TEXT, Number, OneOf
from slips.config.needs import DRAINING
from slips.errors import SlipsError, StorageError, UsageError
from slips.event_file import EventFile
from slips.model import LANES, Lane, format_time
from slips.operations import Kind
from slips.pipeline.backfill import (
    LANE_CHOICES,
    LaneChoice,
    Passed,
    Passing,
    Wanted,
    backfill,
    checkpoint_of,
    choose,
    dollars,
)
from slips.pipeline.choose import span
from slips.pipeline.overview import Processing, processed_by
from slips.pipeline.selection import Place, named_selection
from slips.printable import one_line, plural

WORDS: dict[Passed, str] = {
    "unmapped": "without a mapping",
    "filtered": "filtered, as no logs",
    "dropped": "dropped by routing",
    "unfinished": "hidden or unfinished by their names",
    "earlier": "before --since",
    "later": "after --until",
    "known": "not missing",
    "waiting": "waiting already",
}


@click.command(cls=Command)
@argument(
    "paths",
    metavar="PATH",
    nargs=-1,
    required=True,
    type=FILE_TEXT,
    help="s3://bucket/key-or-prefix, or files or directories below a bucket's directory.",
)
@click.option(
    "--lane", type=OneOf(LANE_CHOICES), default="slow", help="The lane; routed: that of routing; default: slow."
)
@click.option("--since", metavar="TIME", help="Only objects modified since then: 2h, 3d, or 2026-03-02T08:00:00Z.")
@click.option("--until", metavar="TIME", help="Only objects modified until then; a date is its beginning, in UTC.")
@click.option("--limit", metavar="N", type=Number(1), help="At most so many, the first by key.")
@click.option("--rate", metavar="N", type=Number(1), help="At most so many a second.")
@click.option("--only-missing", is_flag=True, help="Only what neither ledger, lanes nor error table know.")
@click.option("--again", is_flag=True, help="Process objects that are done already, too.")
@click.option("--restart", is_flag=True, help="Begin anew, not where the same command was stopped.")
@yes_option("Accepted as by commands that ask; this one does not.", asks=False)
@click.option("--dry-run", is_flag=True, help="Only count the objects, their bytes, and what a stack costs for them.")
@json_option
@click.pass_context
def push(
    ctx: click.Context,
    paths: tuple[str, ...],
    lane: LaneChoice,
    since: str | None,
    until: str | None,
    limit: int | None,
    rate: int | None,
    only_missing: bool,
    again: bool,
    restart: bool,
    dry_run: bool,
    json_: bool,
) -> None:
    """Put existing objects on a lane, to be processed.

    First lists them, then puts them in batches. Whenever it is stopped, the same command continues there. Objects
    that are done are not processed again: the ledger cuts them, unless --again asks for that. Objects without a
    mapping are not put, nor those that wait on a lane already; on a stack, the ledger cuts these, too. Of a directory,
    files '.*', '*.tmp' and '*.part' are not put, unless they are named. If a prefix cannot be listed, the objects of
    the others are put, and the status is 1.

    \b
    Examples:
      slips push s3://my-logs/cloudtrail/2026/ --dry-run
      slips push s3://my-logs/cloudtrail/ --since 2026-03-01 --until 2026-03-08 --rate 50
      slips push buckets/my-logs --only-missing
      slips push s3://my-logs/cloudtrail/ --lane routed -s my-stack
    """
    if again and only_missing:
        raise UsageError("--again: what is missing was never done; expected --again or --only-missing; leave one out")
    place, config = place_of(ctx), config_for(ctx, DRAINING)
    begin, end = span(since, until, time.time())
    wanted = Wanted(paths=paths, lane=lane, since=begin, until=end, limit=limit, only_missing=only_missing, again=again)
    name, passing = wanted.name(since, until), Passing()
    with ExitStack() as stack:
        site, operations = stack.enter_context(place.site(config))
        kept = stack.enter_context(EventFile())
        selection = named_selection(site, paths)
        if restart and not dry_run:
            operations.set_note(name, None)  # at once: the listing may be interrupted, too
        reached = None if restart or dry_run else checkpoint_of(name, site, operations)
        if reached is not None:
            wanted = reached.wanted
            say(one_line(f"continues behind {reached.url}: {reached.put:,} were put before; --restart begins anew"))
        before, unlisted, problems = reached.put if reached else 0, dict[Place, None](), list[str]()

        def leave_out(place: Place, error: StorageError | None) -> None:
            unlisted[place] = None
            if error is not None:
                problems.append(f"{error}; none of its other objects are put; the same command puts them later")

        with counting("objects listed") as progress:
            chosen = choose(
                wanted, selection, site, operations, passing, after=reached, progress=progress, unlisted=leave_out
            )
            for event in chosen:
                if limit is not None and kept.count + before >= limit:
                    break
                kept.add(event)
        problems += site.unlisted
        for problem in problems:
            say(one_line(problem))
        if not (passing.listed or before or unlisted):
            raise UsageError(
                f"{', '.join(paths)}: no object there; expected a file, or a directory or prefix with some"
            )
        lanes, done = dict.fromkeys(LANES, 0), None if again else operations.count_done(kept)
        if not dry_run:
            with reaching(kept.count, "objects put") as progress, _continuing():
                putting = backfill(
                    kept, name, wanted, site, operations, before=before, rate=rate, unlisted=list(unlisted)
                )
                for counts in putting:
                    lanes = {each: lanes[each] + counts[each] for each in LANES}
                    progress(sum(counts.values()))
        by = processed_by(operations)
    if json_:
        counted = {"objects": kept.count, "bytes": kept.size, "lanes": lanes, "before": before, "done": done}
        told = _as_json(kept, passing, problems, wanted, operations.kind)
        print_json({"dry_run": dry_run, **counted, **told})
    else:
        _show(kept, passing, lanes, wanted.lane, operations.kind, by, done=done, again=again, dry_run=dry_run)
    if problems:
        raise Exit(1)


@contextmanager
def _continuing() -> Iterator[None]:
    """If a lane or the ledger refuses what is put, say how to continue."""
    try:
        yield
    except SlipsError:
        say("what was put before is on its lane; the same command continues behind it")
        raise


def _as_json(kept: EventFile, passing: Passing, problems: list[str], wanted: Wanted, kind: Kind) -> dict[str, object]:
    """Return the part of `push --json` about all that was listed, beside the counts of what is put."""
    return {
        "passed": dict(sorted(passing.passed.items())),
        "problems": problems,
        "dollars": round(dollars(kept.count, kept.size), 4) if kind == "stack" else None,
        "since": None if wanted.since is None else format_time(wanted.since),
        "until": None if wanted.until is None else format_time(wanted.until),
    }


def _show(
    kept: EventFile,
    passing: Passing,
    lanes: dict[Lane, int],
    lane: LaneChoice,
    kind: Kind,
    by: Processing,
    *,
    done: int | None,
    again: bool,
    dry_run: bool,
) -> None:
    what = f"{plural(kept.count, 'object')} of {kept.size:,} bytes"
    on = " and ".join(f"{number:,} on lane {each}" for each, number in lanes.items() if number)
    if dry_run:
        show_text(f"{what} would be put on {'the lanes of their routing' if lane == 'routed' else f'lane {lane}'}")
        if kind == "stack":
            price = dollars(kept.count, kept.size)
            show_text(f"they cost about ${price:,.2f} on AWS, and the time of the handler itself (see docs/costs.md)")
    else:
        show_text(f"{what} put: {on}; {by.of(kept.count, lanes, asked=again)}" if on else "nothing to put")
    if done and (dry_run or on):
        show_text(
            f"{done:,} of these done already: no run processes them again; with --again each gets a run of its own"
        )
    if passing.passed:
        show_text("not put: " + ", ".join(f"{count:,} {WORDS[why]}" for why, count in sorted(passing.passed.items())))
