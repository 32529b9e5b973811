"""Puts existing objects on lanes: those that an audit misses, or all of a prefix.

A backfill first keeps the listing of what it will put, so that it can count and price it, then puts it in batches. A
checkpoint beside the ledger says how far it came: the same command continues there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import inf
from typing import Literal, Protocol

import msgspec
from msgspec import Struct, field

from slips.errors import StreamError
from slips.event_file import EventFile
from slips.known import Known, KnownObjects
from slips.model import LANES, Lane, ObjectEvent
from slips.not_logs import NotLog
from slips.pipeline.audit import state_in_audit
from slips.pipeline.push import AGAIN, BATCH, push
from slips.pipeline.selection import Place, Selection, Unlisted
from slips.routing import assigned, lane_for
from slips.site.protocols import ListingSite, Site

LaneChoice = Literal["routed", "fast", "slow"]
LANE_CHOICES: tuple[LaneChoice, ...] = ("routed", *LANES)
"""The lane of pushed objects: that of the config's routing, or one for all."""
Passed = Literal["unmapped", "filtered", "dropped", "unfinished", "earlier", "later", "known", "waiting"]
"""Why an object is not pushed. `unfinished`: a file that its name says is still being written, or hidden; `earlier`,
`later`: than the times asked for; `known`: the backend knows it, or may;
`waiting`: it is on a lane already."""
CHECKPOINT_SECONDS = 7 * 86_400.0
"""Seconds for which a checkpoint is valid: by then Kinesis may have lost what was put."""
OBJECT_DOLLARS, GIGABYTE_DOLLARS = 4.5e-6, 0.0019
"""US dollars for an object on a stack as `init` writes it, and for the time to read a gigabyte, without the handler's.
`bench/costs.py` counts them; `tests/test_costs.py` holds them to it."""


class Wanted(Struct, frozen=True, kw_only=True):
    """The objects that a backfill is asked for, and where to put them."""

    paths: tuple[str, ...]
    lane: LaneChoice = "slow"
    since: float | None = None
    """Only objects that were last modified then or later, epoch seconds."""
    until: float | None = None
    limit: int | None = None
    only_missing: bool = False
    """Only objects that the backend does not know."""
    again: bool = False
    """Also objects that are done: each is a replay of its own to the ledger."""

    def name(self, since: str | None, until: str | None) -> str:
        """Return the name of the checkpoint of a command line with these times: the same for the same command."""
        asked = (self.paths, self.lane, since, until, self.limit, self.only_missing, self.again)
        return f"push {hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16]}"


class Reached(Struct, frozen=True):
    """How far a backfill came."""

    wanted: Wanted
    """With the times that it began with."""
    bucket: str
    key: str
    """Of the last object that was put. Objects come in the order of the listing."""
    put: int
    """Number of objects put so far."""
    at: float
    """Epoch seconds."""
    unlisted: tuple[Place, ...] = ()
    """The places of which not all could be listed: objects there may have been left out before the key, too."""

    @property
    def url(self) -> str:
        """The last object that was put."""
        return f"s3://{self.bucket}/{self.key}"


class Passing(Struct):
    """Numbers of listed objects."""

    listed: int = 0
    passed: dict[Passed, int] = field(default_factory=dict)
    """Objects that are not pushed, by reason."""

    def passes(self, reason: Passed) -> None:
        """Count an object that is not pushed."""
        self.passed[reason] = self.passed.get(reason, 0) + 1


class PushBackend(Protocol):
    """The part of Operations that a backfill uses."""

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None]) -> KnownObjects: ...

    def on_lanes(self, listed: Iterable[ObjectEvent], *, again: bool) -> Iterator[tuple[ObjectEvent, bool]]: ...

    def note_pushed(self, events: Sequence[ObjectEvent]) -> None: ...

    def note(self, name: str) -> str | None: ...

    def set_note(self, name: str, text: str | None) -> None: ...


def choose(
    wanted: Wanted,
    selection: Selection,
    site: ListingSite,
    backend: PushBackend,
    passing: Passing,
    *,
    after: Reached | None = None,
    progress: Callable[[int], None] = lambda _: None,
    unlisted: Unlisted | None = None,
) -> Iterator[ObjectEvent]:
    """Yield the objects to push, in the order of the listing, behind `after`. Count the others in `passing`.

    `unlisted`: see `Selection.listed`; without it raises StorageError for a place that cannot be listed. Raises
    StateError.
    """
    listed = _behind(selection.listed(site, progress, unlisted), selection, after)
    begun = site.clock()
    unseen_since = dict.fromkeys(LANES, inf)
    known: Iterable[tuple[ObjectEvent, Known]]
    if wanted.only_missing:
        known = found = backend.known(listed, lambda _: None)
        unseen_since = {lane: begun - lag if (lag := found.lag(lane)) else inf for lane in LANES}
    else:
        on_lanes = backend.on_lanes(listed, again=wanted.again)
        known = ((event, Known(is_on_lane=waits)) for event, waits in on_lanes)
    for event, state in known:
        passing.listed += 1
        if reason := _reason_to_pass(event, state, wanted, selection, site, unseen_since):
            passing.passes(reason)
        else:
            yield event


def _reason_to_pass(
    event: ObjectEvent,
    state: Known,
    wanted: Wanted,
    selection: Selection,
    site: ListingSite,
    unseen_since: Mapping[Lane, float],
) -> Passed | None:
    """Return why an object is not pushed; None if it is.

    Younger objects than `unseen_since` of their lane may be on it without the backend's knowledge.
    """
    by, lane = assigned(site.config.bucket_mapping, event), lane_for(site.config.routing, event)
    if by is None:
        return "unmapped"
    if isinstance(by, NotLog):
        return "filtered"
    if lane == "drop":
        return "dropped"
    if site.is_unfinished(event) and (event.bucket_name, event.object_key) not in selection.named:
        return "unfinished"
    if wanted.since is not None and event.timestamp < wanted.since:
        return "earlier"
    if wanted.until is not None and event.timestamp > wanted.until:
        return "later"
    if state.is_on_lane and not wanted.only_missing:
        return "waiting"
    return "known" if state_in_audit(state) is not None or event.timestamp > unseen_since[lane] else None


def put(
    events: Iterable[ObjectEvent],
    site: Site,
    backend: PushBackend,
    lane: LaneChoice,
    *,
    batch: int = BATCH,
    done: Callable[[ObjectEvent, int], None] = lambda *_: None,
) -> Iterator[dict[str, int]]:
    """Put events on lanes, some at a time, and yield the counts of these by `fast`, `slow` and `drop`.

    All yielded events are on their lanes, and an audit finds them waiting. `done` is called with the last of them and
    their number, in the same transaction if the site has those. Raises StreamError if a lane refuses events, and
    StateError.
    """
    left = iter(events)
    chosen: Lane | None = None if lane == "routed" else lane
    while some := list(islice(left, batch)):
        with site.transaction():
            try:
                counts = push(some, site, chosen)
            except StreamError as error:
                refused = {(each.bucket_name, each.object_key) for each in error.rejected}
                backend.note_pushed([each for each in some if (each.bucket_name, each.object_key) not in refused])
                raise
            backend.note_pushed(some)
            done(some[-1], len(some))
        yield counts


def backfill(
    kept: EventFile,
    name: str,
    wanted: Wanted,
    site: Site,
    backend: PushBackend,
    *,
    before: int = 0,
    rate: float | None = None,
    unlisted: Sequence[Place] = (),
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[dict[str, int]]:
    """Put the kept objects on lanes, `rate` of them a second at most. Yield the counts of each batch as `put` does.

    Each batch moves the checkpoint `name`; at the end it is deleted. `before`: objects that were put before it;
    `unlisted`: the places of which not all could be listed.
    """
    replay = f"{AGAIN}{time.time_ns()}" if wanted.again else None
    events = (event if replay is None else msgspec.structs.replace(event, replay=replay) for event in kept)
    batch = BATCH if rate is None else max(1, min(BATCH, int(rate)))
    count, begun = 0, monotonic()

    def note(last: ObjectEvent, number: int) -> None:
        nonlocal count
        count += number
        reached = Reached(
            wanted, last.bucket_name, last.object_key, before + count, site.clock(), unlisted=tuple(unlisted)
        )
        backend.set_note(name, msgspec.json.encode(reached).decode())

    for counts in put(events, site, backend, wanted.lane, batch=batch, done=note):
        yield counts
        if rate is not None and (early := begun + count / rate - monotonic()) > 0:
            site.sleep(early)
    backend.set_note(name, None)


def checkpoint_of(name: str, site: Site, backend: PushBackend) -> Reached | None:
    """Return the checkpoint of a backfill that did not end; None if there is none, or it is too old."""
    text = backend.note(name)
    if text is None:
        return None
    found = msgspec.json.decode(text, type=Reached)
    return found if site.clock() - found.at < CHECKPOINT_SECONDS else None


def dollars(objects: int, size: int) -> float:
    """Return what a stack costs for these objects, in US dollars, without the handler's own time."""
    return objects * OBJECT_DOLLARS + size / 1e9 * GIGABYTE_DOLLARS


def _behind(listed: Iterator[ObjectEvent], selection: Selection, after: Reached | None) -> Iterator[ObjectEvent]:
    """Yield the listed objects behind the checkpoint: buckets in the order of the places, keys in that of bytes.

    Of places that could not be listed then, yield all: what is put twice is processed once.
    """
    if after is None:
        return listed
    buckets = list(dict.fromkeys(bucket for bucket, _ in selection.places))

    def place(bucket: str, key: str) -> tuple[int, bytes]:
        return buckets.index(bucket), key.encode("utf-8", "surrogatepass")

    last = place(after.bucket, after.key) if after.bucket in buckets else (-1, b"")
    return (
        event
        for event in listed
        if place(event.bucket_name, event.object_key) > last
        or any(event.bucket_name == bucket and event.object_key.startswith(prefix) for bucket, prefix in after.unlisted)
    )
