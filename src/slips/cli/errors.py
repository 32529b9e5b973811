"""`errors`, `error` and `drain`: what failed, why, and back on its lane."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from slips.backends.directory import Stores
from slips.chain import compile_chain
from slips.cli import items
from slips.cli.context import EndpointUrl, Json, load_config, open_state
from slips.cli.output import headline, lines, one_line, plural, print_json, print_json_list, say
from slips.config import Config
from slips.errors import UsageError
from slips.local import stream_names
from slips.model import ErrorItem, ObjectEvent, Range
from slips.pipeline import drain as station
from slips.pipeline.choose import Choice
from slips.routing import mapping_for

Limit = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many, the oldest.")]


def errors(
    ctx: typer.Context,
    since: items.Since = None,
    prefix: items.Prefix = None,
    type_: items.Type = None,
    group: Annotated[bool, typer.Option("--group", help="Alike errors together, most frequent first.")] = False,
    limit: Limit = None,
    json_: Json = False,
) -> None:
    """List what failed, and why: a line for each object.

    \b
    Examples:
      slips errors --since 2h --type KeyError
      slips errors --prefix my-logs/cloudtrail/ --group
      slips errors --json
    """
    with open_state(load_config(ctx)) as state:
        chosen = Choice(since, prefix, type_).of(state.errors.scan())
        if group:
            _print_groups(items.group(chosen)[:limit], json_)
        elif json_:
            print_json_list(map(_to_dict, islice(chosen, limit)))
        else:
            _print_items(islice(chosen, limit), bool(since or prefix or type_))


def _to_dict(item: ErrorItem) -> dict[str, Any]:
    """The JSON object of an item; `records` and `samples` only where it is about records."""
    known: dict[str, Any] = {
        name: getattr(item, name)
        for name in (
            *("request_id", "kind", "stage", "error_type", "message", "failed_at", "attempts", "fingerprint"),
            *("seq", "code_version", "traceback"),
        )
    }
    known["argument"] = _argument(item)
    if item.kind == "records":
        known |= {"records": item.records, "samples": msgspec.to_builtins(item.samples)}
    return known


def _argument(item: ErrorItem) -> list[dict[str, Any]]:
    return [event.to_dict() for event in item.events]


def _print_items(chosen: Iterable[ErrorItem], filtered: bool) -> None:
    # On a terminal the reason has a line of its own; in a pipe an object is one line, for grep and awk.
    gap = "\n    " if sys.stdout.isatty() else "  "
    empty = True
    for item in chosen:
        for event in item.events:
            empty = False
            print(f"{_object_line(item, event)}{gap}{_reason(item, event)}")
    if empty:
        print("no error item fits" if filtered else "no errors")


def _object_line(item: ErrorItem, event: ObjectEvent) -> str:
    """The original's line."""
    key = one_line(event.object_key)
    return f"{item.failed_at}:  {item.request_id}  {event.bucket_name:16} {key} ({event.object_size} byte)"


def _reason(item: ErrorItem, event: ObjectEvent) -> str:
    count = _count(item.records)
    several = item.kind == "records" and count != "1"
    records = f"{count} records, such as " if several and item.message.startswith("record ") else ""
    return headline(f"{item.stage} {item.error_type}: {records}{item.message.removeprefix(f'{event.url}: ')}")


def _count(ranges: list[Range]) -> str:
    """How many records."""
    total = 0
    for first, last in ranges:
        if last is None:
            return "many"
        total += last - first + 1
    return f"{total:,}"


def _print_groups(groups: list[items.Group], json_: bool) -> None:
    if json_:
        print_json([each.to_dict() for each in groups])
        return
    for each in groups:
        ids = ", ".join(each.request_ids[:3]) + (", ..." if len(each.request_ids) > 3 else "")
        print(f"{group_line(each)}\n        {each.first} to {each.last}: {ids}")
    if not groups:
        print("no errors")


def group_line(group: items.Group) -> str:
    """One line for people: how many, which, and the message of the first."""
    what = f"{group.stage} {group.error_type}: {group.message}"
    return headline(f"{len(group.request_ids):6,}  {group.fingerprint}  {what}")


def error(
    ctx: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Request id, as 'slips errors' shows it, or how it begins.")],
    format_: Annotated[
        Literal["text", "json", "cjson"],
        typer.Option(
            "-f", "--format", metavar="FORMAT", help="text; json: the argument only; cjson: that in one line."
        ),
    ] = "text",
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there instead.")] = None,
) -> None:
    """Show one error: argument, message, traceback, samples.

    \b
    Examples:
      slips error 2a45219e-336f-11e8-a549-af410f2364a8
      slips error 2a45 -f json -o argument.json
    """
    with open_state(load_config(ctx)) as state:
        item = items.find(state.errors, id_)
    match format_:
        case "text":
            text = _detail(item)
        case "json":
            text = json.dumps(_argument(item), indent=4)
        case "cjson":
            text = json.dumps(_argument(item), separators=(",", ":"))
    if output is None:
        print(text)
        return
    try:
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as failure:
        raise UsageError(f"{output}: {failure.strerror}; expected a file that can be written") from None


def _detail(item: ErrorItem) -> str:
    """All of an item, for people; the first lines are the original's."""
    facts = [
        ("Stage", item.stage),
        ("Type", item.error_type),
        ("Message", one_line(item.message)),
        ("Failed at", item.failed_at),
        ("Attempts", str(item.attempts)),
        ("Fingerprint", item.fingerprint),
        ("Record", "" if item.seq is None else str(item.seq)),
        ("Records", _ranges(item.records)),
        ("Code", item.code_version),
    ]
    parts = [
        f"RequestID: {item.request_id}",
        "Argument:",
        lines(json.dumps(_argument(item), indent=4, ensure_ascii=False)),
        *(f"{name + ':':12} {value}" for name, value in facts if value),
    ]
    if item.traceback:
        parts += ["Traceback:", lines(item.traceback).rstrip("\n")]
    if item.samples:
        parts.append("Samples:")
    for sample in item.samples:
        more = " ..." if sample.truncated else ""
        parts += [f"  record {sample.seq}: {one_line(sample.reason)}", f"    {one_line(sample.raw)}{more}"]
    return "\n".join(parts)


def _ranges(ranges: list[Range]) -> str:
    """`7, 1200-1201, 1300-`."""
    return ", ".join(str(first) if first == last else f"{first}-{last or ''}" for first, last in ranges)


def drain(
    ctx: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Only these, whole ids or how they begin.")
    ] = None,
    since: items.Since = None,
    prefix: items.Prefix = None,
    type_: items.Type = None,
    limit: Limit = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    endpoint_url: EndpointUrl = None,
    json_: Json = False,
) -> None:
    """Put errors back on their lanes, all or chosen ones.

    They leave the error table, and 'slips run' processes them. Records whose object was overwritten since stay, as
    evidence.

    \b
    Examples:
      slips drain
      slips drain 2a45219e 8b0bef71
      slips drain --type KeyError --since 1d --dry-run
    """
    config = load_config(ctx)
    lanes: Counter[str] = Counter(dict.fromkeys(stream_names(config), 0))
    drained, kept, notes = 0, 0, list[str]()
    with open_state(config) as state:
        named = {(found := items.find(state.errors, each)).request_id: found for each in ids or ()}
        table = named.values() if ids else state.errors.scan()
        results = station.drain(
            islice(Choice(since, prefix, type_).of(table), limit),
            errors=state.errors,
            store=Stores(config, endpoint_url),
            stream=state.stream,
            routing=config.routing,
            streams=stream_names(config),
            reader_of=_reader_of(config),
            dry_run=dry_run,
        )
        for each in results:
            notes += each.notes
            lanes.update(each.lanes)
            drained, kept = drained + bool(each.lanes), kept + (not each.lanes)
            if dry_run and not json_:
                for event in each.item.events if each.lanes else ():
                    print(_object_line(each.item, event))
    for note in notes:
        say(one_line(note))
    if json_:
        print_json({"drained": drained, "lanes": lanes, "kept": kept, "notes": notes})
        return
    on = " and ".join(f"{count:,} on lane {lane}" for lane, count in lanes.items() if count)
    if not drained:
        print("nothing to drain")
    elif dry_run:
        print(f"{plural(drained, 'item')} would be drained: {on}")
    else:
        print(f"{plural(drained, 'item')} drained: {on}; 'slips run' processes them now")
    if kept:
        print(f"{plural(kept, 'item')} kept: they cannot be replayed")


def _reader_of(config: Config) -> Callable[[ObjectEvent], str | None]:
    """What numbers the records of an object by this config."""

    def reader_of(event: ObjectEvent) -> str | None:
        mapping = mapping_for(config.bucket_mapping, event.bucket_name, event.object_key)
        return compile_chain(mapping.format, config.root).reader if mapping else None

    return reader_of
