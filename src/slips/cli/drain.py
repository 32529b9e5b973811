"""`drain`: what failed back on its lane, from here or by the stack's own function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct, field

from slips.chain import compile_chain
from slips.cli import items
from slips.cli.context import (
    Backend,
    EndpointUrl,
    Json,
    StackName,
    load_config,
    object_store,
    open_backend,
    open_stack,
    stack_config,
    stack_name,
)
from slips.cli.errors import object_line
from slips.cli.output import plural, print_json, say, show_text
from slips.cli.progress import counting
from slips.config import Config
from slips.errors import SlipsError, UsageError
from slips.model import LANES, ObjectEvent
from slips.operations import Kind
from slips.pipeline import drain as station
from slips.pipeline.choose import Choice
from slips.ports import ObjectStore
from slips.printable import one_line
from slips.routing import mapping_for

if TYPE_CHECKING:
    from slips.backends.aws.operations import StackOperations

PROCESSED_BY: dict[Kind, str] = {
    "machine": "'slips run' processes them now",
    "stack": "the stack processes them now",
}


class Selection(Struct, frozen=True):
    """Which items to drain."""

    ids: list[str]
    choice: Choice
    limit: int | None
    dry_run: bool

    @property
    def is_all(self) -> bool:
        """Whether nothing narrows it."""
        return not self.ids and self.choice == Choice() and self.limit is None


class Report(Struct):
    """What became of them."""

    drained: int = 0
    lanes: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(LANES, 0)))
    kept: int = 0
    notes: list[str] = []
    undelivered: int | None = None
    """Object events of messages that nobody could deliver, back on their lanes; None: there can be none."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of it."""
        about = {"drained": self.drained, "lanes": self.lanes, "kept": self.kept, "notes": self.notes}
        return about if self.undelivered is None else {**about, "undelivered": self.undelivered}


def drain(
    ctx: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Only these, whole ids or how they begin.")
    ] = None,
    since: items.Since = None,
    prefix: items.Prefix = None,
    type_: items.Type = None,
    limit: items.Limit = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    remote: Annotated[
        bool, typer.Option("--remote", help="Let the stack's Drain function do it, as without a config file.")
    ] = False,
    stack: StackName = None,
    endpoint_url: EndpointUrl = None,
    json_: Json = False,
) -> None:
    """Put errors back on their lanes, all or chosen ones.

    They leave the error table, and 'slips run', or the stack, processes them. Records whose object was overwritten
    since stay, as evidence. On a stack all that nobody could deliver is put back, too, unless something is chosen.

    \b
    Examples:
      slips drain
      slips drain 2a45219e 8b0bef71
      slips drain --type KeyError --since 1d --dry-run
      slips drain -s my-stack
    """
    selection = Selection(ids or [], Choice(since, prefix, type_), limit, dry_run)
    report = Report()
    name = stack_name(ctx, stack)
    if remote and name is None:
        raise UsageError("--remote: this machine has no Drain function; expected a stack: -s STACK, or --aws")
    config = load_config(ctx) if name is None else None if remote else stack_config(ctx, name)
    if name is not None and config is None:
        its = open_stack(ctx, name, endpoint_url)
        with told(report, its, dry_run, json_), counting("items drained") as count:
            remotely(its, selection, report, count)
        return
    assert config is not None  # noqa: S101 - for mypy
    with open_backend(ctx, stack, endpoint_url) as backend:
        store = object_store(ctx, config, stack, endpoint_url, backend)
        show = dry_run and not json_
        progress = nullcontext(_shown) if show else counting("items drained")
        with told(report, backend, dry_run, json_), progress as count:
            from_here(backend, config, store, selection, report, count, show=show)


def _shown(_: int) -> None:
    """A dry run shows each item: that is progress enough."""


def from_here(
    backend: Backend,
    config: Config,
    store: ObjectStore,
    selection: Selection,
    report: Report,
    count: Callable[[int], None],
    *,
    show: bool,
) -> None:
    """Item by item, then what nobody could deliver; `report` is right whenever this ends."""
    errors = backend.errors
    named = {(found := items.find(backend, each)).request_id: found for each in selection.ids}
    table = named.values() if selection.ids else errors.scan()

    def drop(event: ObjectEvent) -> None:
        backend.ledger.drop(event)  # looked for only now: stacks of 2018 have none

    for each in station.drain(
        islice(selection.choice.of(table), selection.limit),
        errors=errors,
        store=store,
        stream=backend.stream,
        routing=config.routing,
        streams=backend.streams,
        reader_of=_reader_of(config),
        drop=drop,
        transaction=backend.transaction,
        dry_run=selection.dry_run,
    ):
        report.notes += each.notes
        report.lanes.update(each.lanes)
        report.drained, report.kept = report.drained + bool(each.lanes), report.kept + (not each.lanes)
        count(1)
        for event in each.item.events if show and each.lanes else ():
            show_text(object_line(each.item, event))
    if not selection.is_all or backend.undelivered is None:
        return
    report.undelivered = 0
    if selection.dry_run:
        if waiting := backend.count_undelivered():
            report.notes.append(f"about {plural(waiting, 'undelivered message')} would be put back, too")
        return
    for message in station.redeliver(
        backend.undelivered,
        read_back=backend.read_back,
        stream=backend.stream,
        ledger=backend.ledger,
        routing=config.routing,
        streams=backend.streams,
    ):
        report.undelivered += message.events
        report.notes += [message.note] if message.note else []


def remotely(stack: StackOperations, selection: Selection, report: Report, count: Callable[[int], None]) -> None:
    """By the Drain function, which is called again while it runs out of time."""
    selection.choice.of(())  # what is no time is said here
    ids = [items.find(stack, each).request_id for each in selection.ids]
    choice = selection.choice
    given: dict[str, Any] = {
        "since": choice.since,
        "prefix": choice.prefix,
        "type": choice.type,
        "dry_run": selection.dry_run,
    }
    while True:
        request = {name: value for name, value in given.items() if value is not None}
        if ids:
            request["ids"] = ids
        if selection.limit is not None:
            request["limit"] = selection.limit - report.drained
        done = stack.drain(request)
        report.drained += done["drained"]
        report.lanes.update(done["lanes"])
        # What was kept the next call meets again, and first.
        report.kept = done["kept"]
        report.notes += [note for note in done["notes"] if note not in report.notes]
        report.undelivered = (report.undelivered or 0) + done["undelivered"]
        count(done["drained"])
        if not done["more"] or report.drained == selection.limit:
            return
        if selection.dry_run:
            report.notes.append("the function's time was up: there are more")
            return
        if not done["drained"] and not done["undelivered"]:
            raise SlipsError(
                f"stack '{stack.name}': its Drain function gets no further, and says that there is more; expected it "
                "to drain some; 'slips drain' with the config file drains from here, without a time limit"
            )
        ids = [each for each in ids if stack.errors.get(each) is not None]
        if selection.ids and not ids:
            return  # a request without ids would be for everything


@contextmanager
def told(report: Report, backend: Backend, dry_run: bool, json_: bool) -> Iterator[None]:
    """Says in the end what was done; also if an error or Ctrl-C ends it after some of it."""
    try:
        yield
    except BaseException:
        if report.drained or report.undelivered:
            _print(report, backend, dry_run, json_)
        raise
    _print(report, backend, dry_run, json_)


def _print(report: Report, backend: Backend, dry_run: bool, json_: bool) -> None:
    for note in report.notes:
        say(one_line(note))
    if any(note.startswith(station.STAYS) for note in report.notes):
        say("'slips dismiss --undelivered' takes out the messages that cannot be read")
    if json_:
        print_json(report.to_dict())
        return
    on = " and ".join(f"{count:,} on lane {lane}" for lane, count in report.lanes.items() if count)
    if report.drained:
        what = "would be drained" if dry_run else "drained"
        show_text(
            f"{plural(report.drained, 'item')} {what}: {on}{'' if dry_run else f'; {PROCESSED_BY[backend.kind]}'}"
        )
    elif not report.undelivered:
        show_text(f"nothing to drain{items.where(backend)}")
    if report.undelivered:
        show_text(f"{plural(report.undelivered, 'undelivered object event')} put back; {PROCESSED_BY[backend.kind]}")
    if report.kept:
        show_text(f"{plural(report.kept, 'item')} kept: 'slips dismiss' takes out what cannot be replayed")


def _reader_of(config: Config) -> Callable[[ObjectEvent], str | None]:
    """What numbers the records of an object by this config."""

    def reader_of(event: ObjectEvent) -> str | None:
        mapping = mapping_for(config.bucket_mapping, event.bucket_name, event.object_key)
        return compile_chain(mapping.format, config.root).reader if mapping else None

    return reader_of
