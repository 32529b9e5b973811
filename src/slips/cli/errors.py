"""`errors` lists what failed, and why; `error` shows all of one error item."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from slips.brakes import sentence
from slips.cli import items
from slips.cli.command import Command, argument
from slips.cli.completion import error_ids
from slips.cli.context import json_option, open_operations
from slips.cli.output import (
    headline,
    print_json,
    print_json_list,
    readable_json,
    say,
    show_fitting,
    show_json,
    show_text,
    write_private,
)
from slips.cli.usage import FILE, Number, OneOf
from slips.errors import SlipsError
from slips.model import ErrorItem, ObjectEvent, Range
from slips.operations import Group, Operations, grouped
from slips.printable import lines, one_line, plural, them

if TYPE_CHECKING:
    from slips.pipeline.canary import CanaryGroup


@click.command(cls=Command)
@items.choosing
@click.option("--group", is_flag=True, help="Alike errors together, most frequent first.")
@click.option(
    "--limit", metavar="N", type=Number(1), help="At most so many, the oldest; with --group the most frequent groups."
)
@json_option
@click.pass_context
def errors(
    ctx: click.Context,
    asked: items.Asked,
    group: bool,
    limit: int | None,
    json_: bool,
) -> None:
    """List what failed, and why: a line for each object.

    With --group a line for each group of alike errors, with its fingerprint, counts by mapping, and the span of time.
    The fingerprint names the group to 'errors', 'error', 'test', 'drain' and 'dismiss'.

    \b
    Examples:
      slips errors --since 1h30m --type KeyError
      slips errors --prefix my-logs/cloudtrail/ --group
      slips errors c9bcc18709 --until 2026-03-02
      slips errors -s my-stack --json
    """
    with open_operations(ctx) as operations:
        chosen = asked.choice(operations).of_table(operations.errors)
        if group:
            found = grouped(chosen, items.by_mapping(ctx, operations))
            _print_groups(found[:limit], json_, _none(asked, operations))
        elif json_:
            print_json_list(each.to_dict() for each in islice(chosen, limit))
        else:
            _print_items(islice(chosen, limit), _none(asked, operations))
        _say_undelivered(operations)
        _say_pauses(operations)


def _say_undelivered(operations: Operations) -> None:
    """Mention undelivered messages beside the list, since they are failures without error items.

    If they cannot be counted, stay silent: a user who lists errors may lack rights on the queue. 'slips status' shows
    that error.
    """
    with suppress(SlipsError):
        if waiting := operations.count_undelivered():
            what = plural(waiting, "undelivered message")
            say(f"{what} besides: 'slips drain' takes {them(waiting)} up, 'slips status' counts {them(waiting)}")


def _say_pauses(operations: Operations) -> None:
    """Mention objects that wait because of failures or budgets. If AWS denies to read that, stay silent, too."""
    with suppress(SlipsError):
        for pause in operations.pauses():
            say(one_line(f"lane {pause.lane} is {sentence(pause)}; 'slips limit {pause.lane}' tells more"))


def _none(asked: items.Asked, operations: Operations) -> str:
    """Format that no item is listed: there is none, or none that fits."""
    where = items.where(operations)
    return f"no errors{where}" if asked.is_all else f"no error item{where} fits"


def _print_items(chosen: Iterable[ErrorItem], none: str) -> None:
    empty = True
    for item in chosen:
        empty = False
        show_text(item_lines(item))
    if empty:
        show_text(none)


def item_lines(item: ErrorItem) -> str:
    """Format a line for each object of an item, with the reason; on a terminal the reason has its own line."""
    # In a pipe an object is one line, for grep and awk.
    gap = "\n    " if sys.stdout.isatty() else "  "
    if not item.events:
        return f"{one_line(f'{item.failed_at}:  {item.request_id}  (no object is known)')}{gap}{_reason(item)}"
    return "\n".join(f"{object_line(item, event)}{gap}{_reason(item, event)}" for event in item.events)


def object_line(item: ErrorItem, event: ObjectEvent) -> str:
    """Format the line of the original."""
    return one_line(
        f"{item.failed_at}:  {item.request_id}  {event.bucket_name:16} {event.object_key} ({event.object_size} byte)"
    )


def _reason(item: ErrorItem, event: ObjectEvent | None = None) -> str:
    message = item.message.removeprefix(f"{event.url}: ") if event else item.message
    count = _count(item.records)
    several = item.kind == "records" and count != "1"
    records = f"{count} records, such as " if several and item.message.startswith("record ") else ""
    return headline(f"{item.stage} {item.error_type}: {records}{message}")


def _count(ranges: list[Range]) -> str:
    """Format the number of records in ranges."""
    total = 0
    for first, last in ranges:
        if last is None:
            return "many"
        total += last - first + 1
    return f"{total:,}"


def _print_groups(groups: list[Group], json_: bool, none: str) -> None:
    if json_:
        print_json(msgspec.to_builtins(groups))
        return
    for each in groups:
        show_fitting(group_line(each))
        show_fitting(one_line(f"        {_span(each)}"))
        show_fitting(one_line(f"        by mapping: {_counts(each)}"))
    if not groups:
        show_text(none)
        return
    say(one_line(f"'slips error {groups[0].fingerprint}' shows the latest item of the first group,"))
    say(one_line(f"'slips drain {groups[0].fingerprint}' puts the group back on its lanes"))


def _span(group: Group) -> str:
    """Format when the items of a group failed, and some of their ids."""
    first, last = group.first or "?", group.last or "?"
    when = f"at {first}" if first == last else f"from {first} to {last}"
    ids = ", ".join(group.request_ids[:3]) + (", ..." if len(group.request_ids) > 3 else "")
    return f"{when}: {'item' if group.count == 1 else 'items'} {ids}"


def _counts(group: Group) -> str:
    """Format the number of a group's items by mapping: `my-logs/json/ 40, my-logs/slow/ 2`."""
    return ", ".join(f"{name} {count:,}" for name, count in (group.mappings or {}).items()) or "no object is known"


def group_line(group: Group | CanaryGroup) -> str:
    """Format a group in one line: count, fingerprint, and the message of its oldest item."""
    what = f"{group.stage} {group.error_type}: {group.message}"
    return headline(f"{group.count:6,}  {group.fingerprint}  {what}")


@click.command(cls=Command)
@argument(
    "id_", metavar="ID", shell_complete=error_ids, help="Id of an error, or fingerprint of a group, or how it begins."
)
@click.option(
    "-f",
    "--format",
    "format_",
    metavar="FORMAT",
    type=OneOf(["text", "json", "cjson"]),
    default="text",
    show_default=True,
    help="text; json: the argument only; cjson: that in one line.",
)
@click.option("-o", "--output", metavar="FILE", type=FILE, help="Write there instead.")
@click.pass_context
def error(
    ctx: click.Context,
    id_: str,
    format_: str,
    output: Path | None,
) -> None:
    """Show one error: argument, message, traceback, samples.

    Of a group it shows the counts, and its latest error.

    \b
    Examples:
      slips error 2a45219e-336f-11e8-a549-af410f2364a8
      slips error c9bcc18709
      slips error 2a45 -f json -o argument.json
    """
    with open_operations(ctx) as operations:
        item, group = items.latest(operations, id_, items.by_mapping(ctx, operations))
    if group is not None and format_ != "text":
        count = plural(group.count, "item")
        say(one_line(f"group {group.fingerprint} has {count}, of which this is the latest: {item.request_id}"))
    match format_:
        case "text":
            text = _detail(item) if group is None else f"{_group_detail(group)}\n{_detail(item)}"
        case "json":
            text = json.dumps(item.argument, indent=4)
        case "cjson":
            text = json.dumps(item.argument, separators=(",", ":"))
    if output is None:
        (show_text if format_ == "text" else show_json)(text)
        return
    write_private(output, text)


def _group_detail(group: Group) -> str:
    """Format what all items of a group have in common, above its latest item."""
    facts = [
        ("Group", f"{group.fingerprint}, {plural(group.count, 'item')}, of which this is the latest"),
        ("First", group.first),
        ("Last", group.last),
        ("Mappings", _counts(group)),
    ]
    return "\n".join(one_line(f"{name + ':':12} {value}") for name, value in facts if value)


def _detail(item: ErrorItem) -> str:
    """Format all of an item; the first lines are the original's."""
    # `error` may have no config to compare with: the user runs sha256sum on the handler.
    version = item.code_version and f"{item.code_version} (so begins the sha256 of its file)"
    facts = [
        ("Stage", item.stage),
        ("Type", item.error_type),
        ("Message", item.message),
        ("Failed at", item.failed_at),
        ("Attempts", str(item.attempts)),
        ("Fingerprint", item.fingerprint),
        ("Record", "" if item.seq is None else str(item.seq)),
        ("Records", _ranges(item.records)),
        ("Handler", ": ".join(each for each in (item.handler, version) if each)),
    ]
    parts = [
        one_line(f"RequestID: {item.request_id}"),
        "Argument:",
        readable_json(item.argument, indent=4),
        *(one_line(f"{name + ':':12} {value}") for name, value in facts if value),
    ]
    if item.traceback:
        parts += ["Traceback:", lines(item.traceback).rstrip("\n")]
    if item.event is not None:
        parts.append(event_text(item.event, item.event_truncated))
    if item.samples:
        parts.append("Samples:")
    for sample in item.samples:
        more = " ..." if sample.truncated else ""
        member = f" of {one_line(sample.member)}" if sample.member else ""
        rendered = "(rendered) " if sample.rendered else ""
        parts.append(f"  record {sample.seq}{member}: {one_line(sample.reason)}")
        parts.append(f"    {rendered}{one_line(sample.raw)}{more}")
    return "\n".join(parts)


def event_text(handler_event: dict[str, Any], truncated: bool) -> str:
    """Format the event that a handler failed on."""
    head = "Event (cut where … is):" if truncated else "Event:"
    return f"{head}\n{readable_json(handler_event, indent=4)}"


def _ranges(ranges: list[Range]) -> str:
    """Format ranges of record numbers: `7, 1200-1201, 1300-`."""
    return ", ".join(str(first) if first == last else f"{first}-{last or ''}" for first, last in ranges)
