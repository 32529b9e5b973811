"""`test` (also called `local`) runs the handler here on object events; `sample` picks real objects for it."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import shlex
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

import click
import msgspec
from click.exceptions import Exit
from msgspec.structs import replace

from slips.backends.aws.clients import quiet_libraries
from slips.cli import items
from slips.cli.command import Command
from slips.cli.completion import error_ids
from slips.cli.context import load_config, place_of
from slips.cli.errors import event_text
from slips.cli.options import global_option, options
from slips.cli.output import accounted, readable_json, say, show_json, show_text, write_private
from slips.cli.usage import FILE, Number
from slips.config import Config, Mapping
from slips.errors import UsageError
from slips.model import Lane, ObjectEvent
from slips.pipeline.ended import Failure, Success
from slips.pipeline.process import Processor
from slips.pipeline.replay import etag_of_other_content, with_key_of_today, with_reader_of_today
from slips.pipeline.sample import sample as pick
from slips.place import Place
from slips.print_streams import in_pieces
from slips.printable import LogFormatter, one_line, plural, them
from slips.routing import mapping_for
from slips.site.worker import WorkerSite

_log = logging.getLogger("slips")


@click.command("test", cls=Command)
@click.option(
    "-r",
    "--request-id",
    metavar="ID",
    shell_complete=error_ids,
    help="Run it on the argument of this error; of a group, of its latest error.",
)
@click.option(
    "-d",
    "--data",
    metavar="FILE",
    type=FILE,
    help="Run it on the object events in this file; - is standard input.",
)
@click.option(
    "-a",
    "--args",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override args of the handlers that the events use: key=value, where the value may be JSON, or a JSON object. "
    "Can be repeated.",
)
@global_option("verbose", "Also show debug messages.")
@click.pass_context
def local(
    ctx: click.Context,
    request_id: str | None,
    data: Path | None,
    args: tuple[str, ...],
) -> None:
    """Run the handler here, on a stored error or chosen objects.

    Each object runs through the handler of its mapping. Shows the object events, what comes of them, and records that
    cannot be parsed. Changes nothing in the error table.
    Ends with status 1 if the handler fails, with the traceback, or if a record cannot be parsed. Of an object with
    versions the one that failed is read.

    \b
    Examples:
      slips test -r 2a45219e-336f-11e8-a549-af410f2364a8
      slips test -r c9bcc18709
      slips sample --out events.json && slips test -d events.json
      slips test -r 2a45 -a threshold=5 -a '{"region": "us-east-1"}'
    """
    config = _overridden(load_config(ctx), args)
    if (request_id is None) == (data is None):
        raise UsageError(
            "nothing to test on, or two things; expected either -r ID or -d FILE; "
            "'slips errors' lists ids, 'slips sample' makes a file"
        )
    place = place_of(ctx)
    if request_id is not None:
        events = _events_of_item(place, config, request_id)
    else:
        assert data is not None  # noqa: S101 - for mypy
        events = _events_in_file(data)
    if not faulthandler.is_enabled():
        faulthandler.enable(2)  # a handler that takes the process down leaves its traceback
    _log_to_standard_error(verbose=options(ctx).verbose)
    _log.info("Event: %s", json.dumps([event.to_dict() for event in events], indent=4))
    say(
        "the handler is tested with real effects: what it sends or writes is sent and written; "
        "where 'meta.is_test' is true, it may leave that out"
    )
    # As in `run`: what handlers print is no part of the output.
    with redirect_stdout(in_pieces(sys.stderr)):
        os.environ.update(config.handler.environment)
        site = place.handler_site(config)
        _load_handlers(site, events)
        processor = Processor(site, is_test=True)
    clean = True
    for given in events:
        notes: list[str] = []
        event = with_reader_of_today(with_key_of_today(given, site.store), config, notes)
        for note in notes:
            say(one_line(note))
        _log.info("Processing %s", event.url)
        if request_id is not None and (etag := etag_of_other_content(event, site.store)) is not None:
            _log.warning(
                "%s was overwritten since it failed (etag %s, now %s): this runs on its present content",
                one_line(event.url),
                one_line(event.object_etag),
                etag,
            )
        with redirect_stdout(in_pieces(sys.stderr)):
            ended = processor.process(event)
        if isinstance(ended, Success):
            _print_success(ended)
            clean = clean and not ended.outcome.quarantined
        else:
            _print_failure(ended)
            clean = False
    if not clean:
        raise Exit(1)


def _log_to_standard_error(*, verbose: bool) -> None:
    """Show the log of this process, without that of AWS's libraries."""
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(LogFormatter())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[shown], force=True)
    quiet_libraries()


def _load_handlers(site: WorkerSite, events: Iterable[ObjectEvent]) -> None:
    """Load the handlers of the events' mappings, and their secrets, before an object is read.

    If some of them cannot be used, or have event types that their formats cannot serve, say so: their events will
    fail. Raises UsageError if none can be used.
    """
    config = site.config
    mapped: list[tuple[str, Mapping]] = []
    for event in events:
        mapping = mapping_for(config.bucket_mapping, event.bucket_name, event.object_key)
        if mapping is not None and (event.bucket_name, mapping) not in mapped:
            mapped.append((event.bucket_name, mapping))
    mistakes = site.loader.load_of(mapped)
    for spec in {spec.name: spec for spec in (config.handler_of(mapping) for _, mapping in mapped)}.values():
        with suppress(UsageError):  # one of `mistakes`
            names = ", ".join(each.__name__ for each in site.loader.handlers_of(spec))
            _log.info("Handler: %s in %s", names, spec.path)
    for mistake in mistakes:
        say(one_line(mistake))


def _overridden(config: Config, given: Iterable[str]) -> Config:
    """Return the config with the args of each handler overridden by KEY=VALUE texts or JSON objects."""
    args: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if text.lstrip().startswith("{"):
            args |= _json_object(text)
        elif key and equals:
            args[key] = _json_or_text(value)
        else:
            raise UsageError(f"-a {text!r}: no key=value; expected such a pair or a JSON object")
    return replace(
        config,
        handler=replace(config.handler, args=config.handler.args | args),
        bucket_mapping={
            bucket: [
                replace(one, handler=one.handler and replace(one.handler, args=one.handler.args | args))
                for one in mappings
            ]
            for bucket, mappings in config.bucket_mapping.items()
        },
    )


def _json_object(text: str) -> dict[str, Any]:
    try:
        value: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise UsageError(f"-a {text!r}: no JSON object: {error}; expected one such as '{{\"key\": 1}}'") from None
    return value


def _json_or_text(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text


def _events_of_item(place: Place, config: Config, request_id: str) -> list[ObjectEvent]:
    """Return the object events of a stored error. Raises UsageError if it has none."""
    with place.operations(lambda: config) as operations:
        item, group = items.latest(operations, request_id)
    if group is not None:
        count = plural(group.count, "item")
        say(one_line(f"group {group.fingerprint} has {count}: testing the latest, {item.request_id}"))
    if not item.events:
        raise UsageError(
            f"error item {item.request_id!r}: names no object; expected one to run the handler on; "
            f"'slips error {item.request_id}' says why"
        )
    return item.events


def _events_in_file(data: Path) -> list[ObjectEvent]:
    """Read the object events in a file."""
    try:
        text = sys.stdin.buffer.read() if str(data) == "-" else data.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{data}: {error.strerror}; expected a file of object events; 'slips sample' makes one"
        ) from None
    try:
        found = msgspec.json.decode(text, type=list[ObjectEvent] | ObjectEvent)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{data}: {error}; expected a JSON list of object events, as 'slips sample' and 'slips error -f json' make"
        ) from None
    if found == []:
        raise UsageError(
            f"{data}: holds no object event, so that nothing can be tested; expected one at least; "
            "'slips sample' makes a file of some"
        )
    return found if isinstance(found, list) else [found]


def _print_success(success: Success) -> None:
    outcome = success.outcome
    counts = f"filtered by {outcome.filtered_by}, as it is no log" if outcome.filtered_by else accounted(outcome)
    show_text(f"{one_line(success.event.url)}: {counts}")
    for name, result in outcome.results.items():
        show_text(one_line(f"  result of {name}: {readable_json(result)}"))
    for rule, count in outcome.rules.items():
        show_text(one_line(f"  filtered by {rule}: {count:,}"))
    for part in success.quarantine:
        for sample in part.samples:
            show_text(f"  record {sample.seq}: {one_line(sample.reason)}\n    {one_line(sample.raw)}")


def _print_failure(failure: Failure) -> None:
    show_text(failure.traceback, error=True, end="")
    if failure.handler_event is not None:
        show_text(event_text(failure.handler_event, failure.handler_event_truncated), error=True)
    say(f"failed in stage {failure.stage}: {one_line(failure.message)}")


@click.command(cls=Command)
@click.option(
    "-n",
    "--number",
    metavar="N",
    type=Number(1),
    default=1,
    show_default=True,
    help="Objects for each mapping, the newest.",
)
@click.option("--out", metavar="FILE", type=FILE, help="Write there instead.")
@click.pass_context
def sample(
    ctx: click.Context,
    number: int,
    out: Path | None,
) -> None:
    """Pick real objects of each mapping, for 'slips test -d'.

    \b
    Examples:
      slips sample -n 3 --out events.json
      slips sample | slips test -d -
    """
    config = load_config(ctx)
    place = place_of(ctx)
    site = place.handler_site(config)
    streams = _streams(place, is_named=options(ctx).stack is not None)
    events: list[ObjectEvent] = []
    failed = False
    for sampled in pick(config, site.store, number, streams):
        events += sampled.events
        if sampled.problem is not None:
            say(one_line(str(sampled.problem)))
            failed = True
        elif not sampled.events:
            say(f"{sampled.url}: no object to sample")
    for problem in site.stores.directories.unlisted if place.stack is None else ():
        say(one_line(problem))
    text = json.dumps([event.to_dict() for event in events], indent=4)
    if out is None:
        show_json(text)
    else:
        write_private(out, text)
        hint = f"; 'slips test -d {shlex.quote(str(out))}' runs the handler on {them(len(events))}" if events else ""
        say(one_line(f"{out}: {plural(len(events), 'object')} written{hint}"))
    if failed:
        raise Exit(1)


def _streams(place: Place, *, is_named: bool) -> dict[Lane, str]:
    """Return the physical names of the stack's streams; none on this machine, nor of a stack that is not deployed yet.

    If the user has named the stack, raises UsageError in that case.
    """
    if place.stack is None:
        return {}
    try:
        return place.stack_operations(place.stack).stack.streams
    except UsageError as error:
        if is_named:
            raise
        say(f"'dest_stream' is left empty: {one_line(str(error))}")
        return {}
