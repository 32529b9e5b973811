"""`run` processes objects on this machine; `status` puts the state of a stack, or of this machine, into words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click
import msgspec
from click.exceptions import Exit

from slips.cli import items
from slips.cli.command import Command, argument
from slips.cli.context import json_option, load_config, open_operations, refuse_stack, say_waiting
from slips.cli.errors import group_line
from slips.cli.limit import pause_line
from slips.cli.options import global_option, options
from slips.cli.output import print_json, result_words, say, show_fitting, show_text, table
from slips.cli.usage import FILE_TEXT, Number
from slips.config import Config
from slips.errors import UsageError
from slips.kept_audit import KeptAudit
from slips.object_states import WORDS
from slips.operations import Alarm, BackendStatus, LaneStatus, Service
from slips.place import open_state
from slips.printable import duration, one_line, plural, them
from slips.service.interrupts import Interrupted, Interrupts
from slips.service.s3_sources import listings
from slips.service.summary import Summary
from slips.service.supervisor import Supervisor

RESULTS = 10
"""How many results of handlers a summary shows."""
PUT_BACK = (
    "; 'slips drain' puts back what it can read of them, and says why the rest stays; "
    "'slips dismiss --undelivered' takes that out"
)
GROUPS = 5
"""How many groups of errors `status` shows."""


@click.command(cls=Command, finishes=True)
@argument(
    "paths",
    metavar="PATH",
    nargs=-1,
    type=FILE_TEXT,
    help="Files or directories below a bucket's directory, or s3://bucket/key-or-prefix. "
    "Without any: all that is new, changed or waiting, in directories and in buckets in S3 that the config has.",
)
@click.option("--again", is_flag=True, help="Process named objects that are done already, too.")
@click.option(
    "--workers", metavar="N", type=Number(1), help="Worker processes; default: handler.concurrency, or one per CPU."
)
@json_option
@global_option("stack", hidden=True)  # refused in words
@global_option("aws", hidden=True)
@click.pass_context
def run(
    ctx: click.Context,
    paths: tuple[str, ...],
    again: bool,
    workers: int | None,
    json_: bool,
) -> None:
    """Process what is pending, or the named objects, then exit.

    Ends with status 1 if an object failed or a record was quarantined: 'slips errors' then lists them; also if a path
    or a bucket could not be listed: all others are processed. Takes files as they are, also .hidden ones and *.tmp
    and *.part, which 'slips up' and 'slips audit' leave alone.

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

    config, given, interrupted = load_config(ctx), options(ctx), None
    with (
        open_state(config, say_waiting, wait=None) as state,
        state.exclusive(),
        watch(given.verbose) as observer,
        Interrupts() as interrupts,
    ):
        supervisor = Supervisor(
            config,
            state,
            observer,
            workers=workers,
            endpoint_url=given.endpoint_url,
            region=given.region,
            interrupts=interrupts,
            sources=[] if paths else listings(config, once=True, endpoint_url=given.endpoint_url, region=given.region),
        )
        summary = supervisor.summary
        try:
            supervisor.run(list(paths), again=again)
        except Interrupted as signal:
            summary.interrupted, interrupted = True, signal
    for problem in [*summary.problems, *summary.notes]:
        say(one_line(problem))
    if json_:
        print_json(msgspec.to_builtins(summary))
    else:
        _print_summary(summary, config, bool(paths))
    if interrupted:
        raise interrupted
    if not summary.is_clean:
        raise Exit(1)


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
    others += [f"{count:,} filtered by {rule}" for rule, count in sorted(summary.filtered_objects.items())]
    failed = f", of which {summary.failed:,} failed" if summary.failed else ""
    if summary.objects:
        table(
            [
                ("objects", "; ".join([f"{summary.objects:,}{failed}", *others])),
                (
                    "records",
                    f"{summary.records:,} = {summary.delivered:,} delivered + {summary.filtered:,} filtered + "
                    f"{summary.quarantined:,} quarantined{_records_besides(summary)}",
                ),
                ("events", f"{summary.events:,}"),
                ("bytes", f"{summary.bytes:,} in {summary.seconds:.1f} s"),
            ]
        )
        for rule, count in sorted(summary.rules.items()):
            show_text(one_line(f"filtered {count:,} by {rule}"))
        _print_results(summary)
    else:
        show_text("; ".join(["nothing was finished" if summary.interrupted else "nothing to do", *others]))
    for hint in _hints(summary, config, named):
        show_text(hint)


def _records_besides(summary: Summary) -> str:
    """Format the records that were counted before, and those that are not counted yet."""
    before, failed = summary.replayed_records, summary.failed_records
    read_again = f"; {before:,} of them had been quarantined before" if before else ""
    return read_again + (f"; besides {failed:,} of failed objects, not delivered" if failed else "")


def _print_results(summary: Summary) -> None:
    results = [each for each in summary.results if each["result"] is not None]
    for each in results[:RESULTS]:
        show_text(one_line(f"result   {each['object']}: {each['handler']}: {result_words(each['result'])}"))
    left_out = summary.results_left_out
    if hidden := max(0, len(results) - RESULTS) + left_out:
        prints = f"the first {len(summary.results):,}" if left_out else "all"
        show_text(f"         and {hidden:,} more ('slips run --json' prints {prints})")


def _hints(summary: Summary, config: Config, named: bool) -> Iterable[str]:
    """Yield the commands that help the user after this session."""
    if summary.failed or summary.quarantined:
        yield "'slips errors' lists what failed; with its cause mended, 'slips drain' and 'slips run' process it again"
    if summary.left_alone:
        left = plural(summary.left_alone, "object")
        yield f"{left} in the error table left alone; 'slips drain' puts {them(summary.left_alone)} back"
    if summary.skipped and named:
        yield "'--again' processes objects that are done, too"
    embedded = config.backend.embedded
    if named or summary.objects or summary.interrupted:
        return
    if not (embedded and embedded.buckets):
        yield (
            "no bucket has a directory here ('backend.embedded.buckets'); "
            "name objects to process: 'slips run s3://bucket/prefix'"
        )
    elif not summary.left_alone:
        yield "'slips run PATH --again' processes objects that are done, too"


@click.command(cls=Command)
@click.option(
    "--ledger", is_flag=True, help="On a stack: count objects by their state, too, which reads all of the ledger."
)
@json_option
@click.pass_context
def status(
    ctx: click.Context,
    ledger: bool,
    json_: bool,
) -> None:
    """Show lanes, lag, counts and the most frequent errors.

    An object counts once, by its state now: as failed if the error table has an item that stops it. On a stack, also
    shows the alarms that are on.

    \b
    Examples:
      slips status
      slips status -s my-stack
      slips status --json
    """
    from slips.cli.progress import counting

    with open_operations(ctx) as operations, counting("ledger entries read") as progress:
        found = operations.status(count_ledger=ledger, progress=progress)
    if found.alarms is None:
        say("alarms are unknown: AWS denies cloudwatch:DescribeAlarms; expected it to be allowed; allow it")
    if json_:
        print_json(msgspec.to_builtins(found))
        return
    if isinstance(found.service, Service):
        show_text(f"service: {one_line(service_line(found.service))}")
        for words in trouble_words(found.service):
            show_fitting(one_line(f"  {words}"))
    for lane, of_lane in found.lanes.items():
        show_text(f"lane {lane}: {lane_line(of_lane)}")
        for pause in (each for each in found.pauses or () if each.lane == lane):
            show_fitting(one_line(f"  paused: {pause_line(pause)}"))
    show_text(f"objects: {_objects(found)}")
    show_text(f"errors: {_errors(found) or f'none{items.where(operations)}'}")
    if isinstance(waiting := found.undelivered, int):
        show_text(f"undelivered: {plural(waiting, 'message') if waiting else 'none'}" + (PUT_BACK if waiting else ""))
    if isinstance(found.alarms, list):
        _show_alarms(found.alarms)
    if isinstance(found.audit, KeptAudit):
        show_text(f"audit: {found.audit.at}: {found.audit.words}; 'slips audit --last' shows more")
    for group in found.groups[:GROUPS]:
        show_fitting(group_line(group))
    if (more := len(found.groups) - GROUPS) > 0:
        show_text(f"{plural(more, 'more group')}: 'slips errors --group' lists all")


def service_line(service: Service) -> str:
    """Format the service of this machine: its process, and whether it shows that it lives."""
    who = f"process {service.pid} ({service.command})"
    if service.state == "running":
        return f"{who} runs since {service.started}"
    silent = duration(service.silent_seconds)
    if service.state == "silent":
        return f"{who} hangs or is stopped: no sign of life for {silent}; look at the process, or restart it"
    return f"{who} is gone, {silent} after its last sign of life; nothing is lost: start 'slips up' again"


def trouble_words(service: Service) -> Iterator[str]:
    """Yield a line for each thing that a service cannot use; none if it is gone: another one may be able to."""
    if service.state == "gone":
        return
    for where, why in service.troubles.items():
        yield f"cannot use {where}: {why}; tried again until it is mended"
    if service.not_reloaded:
        yield f"not reloaded: {service.not_reloaded}"


def _objects(found: BackendStatus) -> str:
    """Format the number of objects in each state: `7 done, 1 failed`."""
    if found.ledger is None:
        return f"{found.failed_objects:,} failed; others are not counted: '--ledger' reads the whole ledger"
    return (
        ", ".join(f"{found.ledger[state]:,} {word}" for state, word in WORDS.items() if state in found.ledger) or "none"
    )


def _errors(found: BackendStatus) -> str:
    """Format the number of error items, and of their objects; empty if there are none."""
    stopped, bad = found.failed_objects, found.quarantined_objects
    of = [plural(stopped, "failed object")] * bool(stopped) + [plural(bad, "object") + " with bad records"] * bool(bad)
    return (
        plural(sum(found.errors.values()), "item") + (f" of {' and '.join(of)}" if of else "") if found.errors else ""
    )


def _show_alarms(alarms: list[Alarm]) -> None:
    """Show the alarms of a stack that are on."""
    show_text(f"alarms: {f'{len(alarms):,} on' if alarms else 'none is on'}")
    for alarm in alarms:
        show_text(f"  {one_line(alarm.name)}, since {alarm.since}: {one_line(alarm.description)}")


def lane_line(lane: LaneStatus) -> str:
    """Format the state of a lane: on AWS the arrivals, as Kinesis does not count the events in a stream."""
    oldest = lane.oldest_seconds
    if lane.waiting is None:
        if not lane.arrived and oldest is None:
            return "idle: nothing arrived or was dispatched in the last 5 min"
        waited = f", the latest waited {duration(oldest)}" if oldest is not None else ""
        return f"{lane.arrived:,} arrived in the last 5 min{waited}"
    waiting = f"{lane.waiting:,} waiting" + ("" if oldest is None else f", the oldest for {duration(oldest)}")
    return f"{waiting}, {lane.retrying:,} of them tried again after a failed attempt" if lane.retrying else waiting
