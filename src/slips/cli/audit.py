"""`audit`: compares the listing of every mapped prefix with the ledger, reports, and puts back what is missing."""

from __future__ import annotations

import sys
from collections.abc import Collection
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from click.exceptions import Exit

from slips import __version__
from slips.cli.command import Command, argument
from slips.cli.context import config_for, json_option, open_operations, place_of, yes_option
from slips.cli.output import check_writable, print_json, say, show_text, table, write_private
from slips.cli.progress import counting
from slips.cli.usage import FILE, FILE_TEXT, OneOf
from slips.config.needs import DRAINING
from slips.errors import UsageError
from slips.event_file import EventFile
from slips.kept_audit import LAST
from slips.model import LANES, ObjectEvent, format_time
from slips.operations import Operations
from slips.pipeline.audit import AUDIT_STATES, NAMED, Audit, AuditState, Found
from slips.pipeline.audit import audit as compare
from slips.pipeline.audit_note import NOTED, audit_of_note, keep_audit, put_back
from slips.pipeline.audit_words import REASONS, STARTS, balance
from slips.pipeline.backfill import LANE_CHOICES, LaneChoice, put
from slips.pipeline.overview import processed_by
from slips.pipeline.selection import selection_of
from slips.printable import one_line, plural
from slips.site.protocols import ListingSite

NAMES = 10
"""How many missing, failed and changed objects are shown, each."""
_LISTS = "'--json' and '--report' list"
DAYS = 14
"""How many days are shown, the latest ones; hours with --hours."""


@click.command(cls=Command)
@argument(
    "paths",
    metavar="PATH",
    nargs=-1,
    type=FILE_TEXT,
    help="Only objects there: s3://bucket/prefix, or a path below a bucket's directory.",
)
@click.option("--since", metavar="TIME", help="Only objects modified since then: 2h, 3d, or 2026-03-02T08:00:00Z.")
@click.option(
    "--mapping", "mappings", metavar="PREFIX", multiple=True, help="Only this prefix or pattern of the config; repeat."
)
@click.option("--hours", is_flag=True, help="Show hours in place of days.")
@click.option("--repair", is_flag=True, help="Put what is missing on its lane.")
@click.option("--changed", is_flag=True, help="With --repair: what was overwritten since, too.")
@click.option(
    "--lane", type=OneOf(LANE_CHOICES), default="routed", help="With --repair: the lane; default: that of routing."
)
@yes_option("With --repair: do not ask.")
@click.option("--last", is_flag=True, help="Show the latest audit of all objects that was kept, and make none.")
@click.option("--report", metavar="FILE", type=FILE, help="Write a page of HTML, too, to hand on.")
@json_option
@click.pass_context
def audit(
    ctx: click.Context,
    paths: tuple[str, ...],
    since: str | None,
    mappings: tuple[str, ...],
    hours: bool,
    repair: bool,
    changed: bool,
    lane: LaneChoice,
    yes: bool,
    last: bool,
    report: Path | None,
    json_: bool,
) -> None:
    """Compare what the buckets have with what was processed.

    Lists every mapped prefix, and shows how many objects are done, failed, waiting, missing, and changed since. It
    begins with the first ledger entry, or at --since, and never before the ledger keeps entries: older objects that
    the ledger does not know are ignored. The status is 1 if something is missing or failed, or cannot be listed.

    \b
    Examples:
      slips audit
      slips audit --since 1d --report audit.html
      slips audit s3://my-logs/cloudtrail/ --json
      slips audit --repair
      slips audit --last -s my-stack
    """
    if changed and not repair:
        raise UsageError("--changed: there is no repair; expected --repair, too; what has changed is shown without it")
    if lane != "routed" and not repair:
        raise UsageError("--lane: there is no repair; expected --repair, too; leave it out")
    if yes and not repair:
        raise UsageError("-y: there is nothing to ask; expected --repair, too; leave it out")
    if last:
        if paths or since or mappings or hours or repair or report:
            raise UsageError(
                "--last: shows an audit that was made; expected no option but --json; leave the others out"
            )
        _show_last(ctx, json_=json_)
        return
    if report is not None:
        check_writable(report)  # before a listing that may take hours
    place, config = place_of(ctx), config_for(ctx, DRAINING)
    wanted: set[AuditState] = {"missing", "changed"} if changed else {"missing"}
    repaired: dict[str, int] | None = None
    with ExitStack() as stack:
        site, operations = stack.enter_context(place.site(config))
        kept = stack.enter_context(EventFile())

        def keep(state: AuditState, event: ObjectEvent) -> None:
            if repair and state in wanted:
                kept.add(event)

        with counting("objects compared") as progress:
            chosen = selection_of(site, paths, mappings)
            found = compare(site, operations, chosen, since=since, keep=keep, progress=progress)
        if not json_:
            _show(found, hours=hours, repairs=wanted if repair else ())
        if report is not None:
            _write_report(found, report, config.file)
        _keep(found, operations)
        if repair:
            repaired = _repair(kept, site, operations, lane, yes=yes)
            _keep(put_back(found, wanted), operations)
    if json_:
        print_json(found.to_dict() | ({} if repaired is None else {"repaired": repaired}))
    if not (found.is_clean if repaired is None else found.is_clean_besides_missing):
        raise Exit(1)


def _keep(found: Audit, operations: Operations) -> None:
    if problem := keep_audit(found, operations):
        say(one_line(problem))


def _show_last(ctx: click.Context, *, json_: bool) -> None:
    """Show the note of the latest audit. Raises UsageError if there is none, Exit if it was not clean."""
    with open_operations(ctx) as operations:
        note = operations.note(LAST)
    if note is None:
        raise UsageError(
            "--last: no daily audit was made; expected 'backend.audit: daily' in the config, and a day; "
            "'slips audit' makes one now"
        )
    found = audit_of_note(note)
    if json_:
        print_json(msgspec.json.decode(note))
    else:
        show_text(one_line(f"audit of {found.name}, {format_time(found.at)}"))
        _show(found, lists="'--json' lists")
        if len(found.mappings) == NOTED:
            show_text(f"of the mappings the first {NOTED} are kept")
    if not found.is_clean:
        raise Exit(1)


def _repair(
    kept: EventFile, site: ListingSite, operations: Operations, lane: LaneChoice, *, yes: bool
) -> dict[str, int]:
    """Show what would be put back, ask, and put it back. Return the numbers of events by lane, and of dropped ones.

    Raises UsageError if there is no terminal to ask on, Exit if the answer is no.
    """
    if not kept.count:
        say("nothing to repair")
        return dict.fromkeys((*LANES, "drop"), 0)
    where = "the lanes of their routing" if lane == "routed" else f"lane {lane}"
    what = f"{plural(kept.count, 'object')} of {kept.size:,} bytes"
    sys.stdout.flush()
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"{what} not put on {where}: there is no terminal to ask on; expected -y; add it")
        if not click.confirm(f"Put {what} on {where}?", err=True):
            say("nothing was put back")
            raise Exit(1)
    done = dict.fromkeys((*LANES, "drop"), 0)
    with counting("objects put back") as progress:
        for counts in put(kept, site, operations, lane):
            progress(sum(counts.values()))
            done = {name: done[name] + counts[name] for name in done}
    lanes = {each: done[each] for each in LANES}
    on = " and ".join(f"{count:,} on lane {each}" for each, count in lanes.items() if count)
    say(f"put back: {on}; {processed_by(operations).of(sum(lanes.values()), lanes)}" if on else "put back: none")
    return done


def _write_report(found: Audit, file: Path, config: str) -> None:
    from slips.pipeline.audit_report import html

    write_private(file, html(found, version=__version__, config=config))
    say(one_line(f"{file}: written"))


def _show(found: Audit, *, hours: bool = False, repairs: Collection[AuditState] = (), lists: str = _LISTS) -> None:
    """Show the counts of each mapping, the days or hours, the records, and the objects that need a person.

    Of states in `repairs`, this command itself puts the objects on their lanes next. `lists`: what names more objects.
    """
    show_text(f"objects since {format_time(found.start)}: {STARTS[found.start_by]}")
    rows = [["mapping", "objects", *AUDIT_STATES]]
    rows += [[part.shown, *_numbers(part.found)] for part in found.mappings]
    if found.unmapped:
        rows.append(["without a mapping", *_numbers(found.unmapped_found)])
    table([*rows, [found.total.shown, *_numbers(found.total.found)]])
    _show_times(found, hours=hours)
    show_text(balance(found.total.records))
    if reasons := sorted(found.total.reasons.items()):
        show_text("ignored or waiting: " + ", ".join(f"{count:,} {REASONS[reason]}" for reason, count in reasons))
    for state in NAMED:
        _show_names(found, state, lists)
    for problem in found.problems:
        say(one_line(problem))
    if found.total.found.missing and "missing" not in repairs:
        show_text("'slips audit --repair' puts what is missing on its lane")
    if found.total.found.failed:
        show_text("'slips errors' lists what failed, and why")
    if found.total.found.changed and "changed" not in repairs:
        show_text("'slips audit --repair --changed' puts what was overwritten since on its lane, too")


def _show_times(found: Audit, *, hours: bool) -> None:
    """Show the latest days, or hours, by the time of last modification."""
    spans: dict[int, Found] = {}
    for hour, of_hour in found.total.hours.items():
        span = spans.setdefault(hour if hours else hour // 24, Found())
        for state in AUDIT_STATES:
            span.add(state, getattr(of_hour, state))
    if not spans:
        return
    length, form = (3_600, "%Y-%m-%d %H:00") if hours else (86_400, "%Y-%m-%d")
    latest = sorted(spans)[-(24 * DAYS if hours else DAYS) :]
    rows = [[f"{datetime.fromtimestamp(at * length, UTC):{form}}", *_numbers(spans[at])] for at in latest]
    table([["hour (UTC)" if hours else "day (UTC)", "objects", *AUDIT_STATES], *rows])
    if more := len(spans) - len(latest):
        show_text(f"and {plural(more, 'earlier hour' if hours else 'earlier day')}: '--json' and '--report' have all")


def _show_names(found: Audit, state: AuditState, lists: str) -> None:
    """Show the first objects of a state."""
    names, count = found.objects.get(state, []), getattr(found.total.found, state)
    for each in names[:NAMES]:
        show_text(one_line(f"{state}: {each.url} ({plural(each.size, 'byte')}, {each.time})"))
    if count > NAMES:
        show_text(f"and {count - NAMES:,} more {state}: {lists} the first {len(names):,}")


def _numbers(found: Found) -> list[str]:
    return [f"{number:,}" for number in found.to_dict().values()]
