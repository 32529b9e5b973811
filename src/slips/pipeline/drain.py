"""Drain: replays the chosen error items; a drain of all items also redelivers the undelivered messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, Struct, field

from slips.errors import SlipsError, UnreadableItemError, UsageError
from slips.model import LANES, Lane, format_time
from slips.pipeline.choose import Choice, readable, with_one_unit
from slips.pipeline.replay import Replayed, replay
from slips.pipeline.undelivered import Redelivered, redeliver
from slips.ports import ErrorTable
from slips.site.protocols import Site

EpochSeconds = Annotated[float, Meta(ge=0, le=253_402_300_799)]


class DrainRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """The choice of items to drain, also the payload of the Drain function. An empty request drains everything."""

    ids: list[str] | None = None
    """Ids of items, in full."""
    since: str | EpochSeconds | None = None
    """A time in a form of `slips errors --since`, or epoch seconds."""
    prefix: str | None = None
    type: str | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    dry_run: bool = False
    until: str | EpochSeconds | None = None
    groups: list[str] | None = None
    """Fingerprints, in full."""

    @classmethod
    def of(cls, payload: Any) -> DrainRequest:
        """Convert a JSON payload to a request. Empty texts choose nothing. Raises UsageError."""
        try:
            request = msgspec.convert(payload or {}, cls)
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            raise UsageError(f"Drain: {error}; expected keys {', '.join(cls.__struct_fields__)}") from error
        texts = ("since", "until", "prefix", "type")
        return msgspec.structs.replace(request, **{name: getattr(request, name) or None for name in texts})

    @classmethod
    def from_choice(cls, choice: Choice, limit: int | None = None, *, dry_run: bool = False) -> DrainRequest:
        """Make the request that drains the chosen items."""
        return cls(
            ids=None if choice.ids is None else list(choice.ids),
            since=choice.since,
            prefix=choice.prefix,
            type=choice.type,
            limit=limit,
            dry_run=dry_run,
            until=choice.until,
            groups=None if choice.groups is None else list(choice.groups),
        )

    @property
    def choice(self) -> Choice:
        return Choice(
            _text(self.since),
            self.prefix,
            self.type,
            _text(self.until),
            None if self.ids is None else tuple(self.ids),
            None if self.groups is None else tuple(self.groups),
        )

    @property
    def is_all(self) -> bool:
        """Whether the request chooses all items."""
        return self.choice == Choice() and self.limit is None


def _text(time: str | float | None) -> str | None:
    return format_time(time) if isinstance(time, int | float) else time


class DrainResult(Struct):
    """The counts of a drain so far."""

    drained: int = 0
    """Number of items of which an event was put on a lane."""
    lanes: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    """Number of events put on each lane."""
    dropped: int = 0
    """Number of items of which a routing rule drops all events, so that they left the table."""
    kept: int = 0
    undelivered: int | None = None
    """Number of events of undelivered messages put back; None: the site has no queue of them, or items were chosen."""
    notes: list[str] = field(default_factory=list)
    more: bool = False
    """Whether the time was up before all items were drained."""

    def add(self, replayed: Replayed) -> None:
        """Count one item."""
        for lane in replayed.lanes:
            self.lanes[lane] += 1
        if replayed.lanes:
            self.drained += 1
        elif replayed.dropped:
            self.dropped += 1
        else:
            self.kept += 1
        self.notes += replayed.notes

    @property
    def settled(self) -> int:
        """Number of items that left the table."""
        return self.drained + self.dropped

    def note_absent(self, request_id: str) -> None:
        """Note that there is no item with this id."""
        self.notes.append(f"no error item {request_id!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that operators see, with `undelivered` only if messages were looked for."""
        names = ("drained", "lanes", "dropped", "kept", "notes")
        known = {name: getattr(self, name) for name in names}
        return known if self.undelivered is None else {**known, "undelivered": self.undelivered}


IDS = 5_000
"""Most ids in one payload of the Drain function, which has 6 MB at most."""


def _never() -> bool:
    return False


def drain(
    request: DrainRequest, site: Site, done: DrainResult, *, is_late: Callable[[], bool] = _never
) -> Iterator[Replayed | Redelivered]:
    """Drain item by item, then message by message, and yield after each. `done` is right whenever the caller stops.

    Ends when `is_late`, but not before the first item, so that each call makes progress. In a dry run messages stay.
    Raises UsageError for a malformed time, and StreamError if a lane refuses events: that item and all later ones stay.
    """
    chosen = islice(request.choice.of_table(site.errors, absent=done.note_absent), request.limit)
    for number, item in enumerate(chosen):
        if number and is_late():
            done.more = True
            return
        replayed = replay(item, site, dry_run=request.dry_run)
        done.add(replayed)
        yield replayed
    if not request.is_all or site.undelivered is None:
        return
    done.undelivered = 0
    if request.dry_run:
        return
    for message in redeliver(site.undelivered, site):
        done.undelivered += message.events
        done.notes += [message.note] if message.note else []
        yield message
        if is_late():
            done.more = True
            return


class DrainFunction(Protocol):
    """A stack with a Drain function, and its error table."""

    @property
    def name(self) -> str: ...

    @property
    def errors(self) -> ErrorTable: ...

    def drain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Invoke the function and return its answer, the JSON of a DrainResult."""
        ...


def drain_remotely(request: DrainRequest, stack: DrainFunction, done: DrainResult) -> Iterator[int]:
    """Invoke the Drain function, repeatedly while its time runs out. Yield the number of items of each invocation.

    `done` is right whenever the caller stops. Named items and groups, and those up to a time, are chosen here and sent
    as ids: the function of a version before knows neither groups nor `until`. Raises UsageError for a malformed time,
    SlipsError if an invocation makes no progress, and UnreadableItemError, at the end, for items that cannot be read.
    """
    choice = request.choice
    choice.of(())  # raises UsageError for a malformed time, before the function is invoked
    if (choice.ids, choice.groups, choice.until) == (None, None, None):
        yield from _invoke(request, stack, done)
        return
    chosen = islice(choice.of_table(stack.errors, absent=done.note_absent), request.limit)
    problems: list[UnreadableItemError] = []
    # The ids are collected first: draining changes the table that is read.
    ids = [item.request_id for item in readable(chosen, problems)]
    for at in range(0, len(ids), IDS):
        some = DrainRequest(ids[at : at + IDS], dry_run=request.dry_run)
        yield from _invoke(some, stack, done)
    for problem in problems:
        raise problem


def _invoke(request: DrainRequest, stack: DrainFunction, done: DrainResult) -> Iterator[int]:
    """Invoke the Drain function until it has drained all that the request chooses, and add its counts to `done`."""
    ids, kept, before = request.ids, done.kept, done.settled
    payload = {name: value for name, value in msgspec.structs.asdict(request).items() if value is not None}
    if isinstance(request.since, str):
        payload["since"] = with_one_unit(request.since)
    while True:
        if ids is not None:
            payload["ids"] = ids
        if request.limit is not None:
            payload["limit"] = request.limit - (done.settled - before)
        answer = msgspec.convert(stack.drain(dict(payload)), DrainResult)
        done.drained += answer.drained
        done.dropped += answer.dropped
        for lane, count in answer.lanes.items():
            done.lanes[lane] += count
        # Items that stay are met again, and first, by the next invocation: so do not add them up.
        done.kept = kept + answer.kept
        done.notes += [note for note in answer.notes if note not in done.notes]
        done.undelivered = (done.undelivered or 0) + (answer.undelivered or 0)
        yield answer.settled
        if not answer.more or done.settled - before == request.limit:
            return
        if request.dry_run:
            done.notes.append("the function's time was up: there are more")
            return
        if not answer.settled and not answer.undelivered:
            raise SlipsError(
                f"stack '{stack.name}': its Drain function gets no further, and says that there is more; expected it "
                "to drain some; 'slips drain' with the config file drains from here, without a time limit"
            )
        if ids is not None:
            ids = [each for each in ids if stack.errors.get(each) is not None]
            if not ids:
                return  # a request without ids would drain everything
