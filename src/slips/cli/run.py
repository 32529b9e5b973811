"""`run` and `status`: the main job on this machine, and how it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
import typer

from slips.cli import items
from slips.cli.context import (
    EndpointUrl,
    Json,
    StackName,
    load_config,
    open_backend,
    open_state,
    options,
    refuse_stack,
)
from slips.cli.context import endpoint_url as one_endpoint_url
from slips.cli.errors import group_line
from slips.cli.output import plural, print_json, readable_json, say, shortened, show_text, table
from slips.config import Config
from slips.errors import UsageError
from slips.model import ErrorItem
from slips.printable import one_line
from slips.service.summary import Summary
from slips.service.supervisor import Supervisor

RESULTS, RESULT_LENGTH = 10, 200
"""How many results of handlers a summary shows, and how many characters of each."""
PUT_BACK = (
    "; 'slips drain' puts back what it can read of them, and says why the rest stays; "
    "'slips dismiss --undelivered' takes that out"
)
GROUPS = 5
"""How many groups of errors `status` shows."""


def run(
    ctx: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Files or directories below a bucket's directory, or s3://bucket/key-or-prefix. "
            "Without any: all that is new, changed or waiting.",
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Process named objects that are done already, too.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", min=1, help="Worker processes; default: handler.concurrency, or one per CPU."
        ),
    ] = None,
    endpoint_url: EndpointUrl = None,
    json_: Json = False,
) -> None:
    """Process what is pending, or the named objects, then exit.

    Ends with status 1 if an object failed or a record was quarantined: 'slips errors' then lists them.

    \b
    Examples:
      slips run
      slips run buckets/my-logs/cloudtrail --again
      slips run s3://my-logs/cloudtrail/2026/ --json
    """
    refuse_stack(ctx, "run")
    if again and not paths:
        raise UsageError("--again: no PATH; expected the objects to process again, such as a bucket's directory")
    from slips.cli.progress import watch

    config = load_config(ctx)
    with open_state(config, wait=None) as state, state.exclusive(), watch(options(ctx).verbose) as observer:
        supervisor = Supervisor(
            config,
            state,
            observer,
            workers=workers or config.handler.concurrency,
            endpoint_url=one_endpoint_url(ctx, endpoint_url),
            region=options(ctx).region,
        )
        summary = supervisor.run(paths or [], again=again)
    for problem in [*summary.problems, *summary.notes]:
        say(one_line(problem))
    if json_:
        print_json(msgspec.to_builtins(summary))
    else:
        _print_summary(summary, config, bool(paths))
    if not summary.is_clean:
        raise typer.Exit(1)


def _print_summary(summary: Summary, config: Config, named: bool) -> None:
    others = [
        f"{count:,} {what}"
        for count, what in (
            (summary.skipped, "skipped: done already"),
            (summary.dropped, "dropped by routing"),
            (summary.duplicates, "duplicates"),
        )
        if count
    ]
    failed = f", of which {summary.failed:,} failed" if summary.failed else ""
    if summary.objects:
        table(
            [
                ("objects", "; ".join([f"{summary.objects:,}{failed}", *others])),
                (
                    "records",
                    f"{summary.records:,} = {summary.delivered:,} delivered + {summary.filtered:,} filtered + "
                    f"{summary.quarantined:,} quarantined",
                ),
                ("events", f"{summary.events:,}"),
                ("bytes", f"{summary.bytes:,} in {summary.seconds:.1f} s"),
            ]
        )
        for rule, count in sorted(summary.rules.items()):
            show_text(one_line(f"filtered {count:,} by {rule}"))
        _print_results(summary)
    else:
        show_text("; ".join(["nothing to do", *others]))
    for hint in _hints(summary, config, named):
        show_text(hint)


def _print_results(summary: Summary) -> None:
    told = [each for each in summary.results if each["result"] is not None]
    for each in told[:RESULTS]:
        value = shortened(readable_json(each["result"]), RESULT_LENGTH)
        show_text(one_line(f"result   {each['object']}: {each['handler']}: {value}"))
    left_out = summary.results_left_out
    if hidden := max(0, len(told) - RESULTS) + left_out:
        prints = f"the first {len(summary.results):,}" if left_out else "all"
        show_text(f"         and {hidden:,} more ('slips run --json' prints {prints})")


def _hints(summary: Summary, config: Config, named: bool) -> Iterable[str]:
    """What to do next."""
    if summary.failed or summary.quarantined:
        yield "'slips errors' lists what failed; with its cause mended, 'slips drain' and 'slips run' process it again"
    if summary.left_alone:
        yield f"{plural(summary.left_alone, 'object')} in the error table left alone; 'slips drain' puts them back"
    if summary.skipped and named:
        yield "'--again' processes objects that are done, too"
    embedded = config.backend.embedded
    if not named and not summary.objects and not (embedded and embedded.buckets):
        yield (
            "no bucket has a directory here ('backend.embedded.buckets'); "
            "name objects to process: 'slips run s3://bucket/prefix'"
        )


def status(
    ctx: typer.Context,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="On a stack: count the objects in the ledger, too, which reads all of it.")
    ] = False,
    stack: StackName = None,
    json_: Json = False,
) -> None:
    """Show lanes, lag, counts and the most frequent errors.

    On a stack, also the alarms that are on.

    \b
    Examples:
      slips status
      slips status -s my-stack
      slips status --json
    """
    kinds: Counter[str] = Counter()
    with open_backend(ctx, stack) as backend:
        counts = backend.status(count_ledger=ledger)
        groups = items.group(_counted(backend.errors.scan(), kinds))
    counts["errors"] = dict(sorted(kinds.items()))
    if counts.get("alarms", ()) is None:
        say("alarms are unknown: AWS denies cloudwatch:DescribeAlarms; expected it to be allowed; allow it")
    if json_:
        print_json({**counts, "groups": [group.to_dict() for group in groups]})
        return
    for lane, of in counts["lanes"].items():
        show_text(f"lane {lane}: {_lane(of)}")
    if counts["ledger"] is None:
        show_text("ledger: not counted; '--ledger' reads all of it")
    else:
        show_text(f"ledger: {', '.join(f'{count:,} {state}' for state, count in counts['ledger'].items()) or 'empty'}")
    about = ", ".join(f"{count:,} of {kind.removesuffix('s')}s" for kind, count in counts["errors"].items())
    show_text(f"errors: {about or f'none{backend.where}'}")
    if counts.get("undelivered") is not None:
        waiting = counts["undelivered"]
        show_text(f"undelivered: {plural(waiting, 'message') if waiting else 'none'}" + (PUT_BACK if waiting else ""))
    if "alarms" in counts:
        _show_alarms(counts["alarms"])
    for group in groups[:GROUPS]:
        show_text(group_line(group))
    if len(groups) > GROUPS:
        show_text(f"{plural(len(groups) - GROUPS, 'more group')}: 'slips errors --group' lists all")


def _show_alarms(alarms: list[dict[str, str]] | None) -> None:
    """Those of a stack that are on; None if they are unknown, which was said."""
    if alarms is not None:
        show_text(f"alarms: {f'{len(alarms):,} on' if alarms else 'none is on'}")
    for alarm in alarms or ():
        show_text(f"  {one_line(alarm['name'])}, since {alarm['since']}: {one_line(alarm['description'])}")


def _counted(found: Iterable[ErrorItem], kinds: Counter[str]) -> Iterator[ErrorItem]:
    for item in found:
        kinds[item.kind] += 1
        yield item


def _lane(of: dict[str, Any]) -> str:
    """What is known of a lane: a stream does not tell how many wait in it, only how many came."""
    oldest = of["oldest_seconds"]
    if of["waiting"] is None:
        if not of["arrived"] and oldest is None:
            return "idle: nothing arrived or was dispatched in the last 5 min"
        waited = f", the latest waited {_duration(oldest)}" if oldest is not None else ""
        return f"{of['arrived']:,} arrived in the last 5 min{waited}"
    return f"{of['waiting']:,} waiting" + (f", the oldest for {_duration(oldest)}" if of["waiting"] else "")


def _duration(seconds: float) -> str:
    """`35.2 s`, `2 h 10 min`, `3 d 4 h`."""
    minutes = int(seconds // 60)
    if minutes == 0:
        return f"{seconds:.1f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
