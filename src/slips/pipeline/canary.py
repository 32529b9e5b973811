"""The canary of a drain: some items of each group go back first, and the rest of the group only if these succeed.

In: the chosen items and a sender, which puts them back from here or by the Drain function. Out: the counts of each
group. An item of a canary that fails is in the error table again, as a new item; no other item leaves the table unless
the canary of its group has succeeded. If the drain stops between two steps, every item is on its lane or in the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field

from slips.errors import UnreadableItemError
from slips.model import ErrorItem, ObjectEvent
from slips.operations import Operations, ReplayState
from slips.pipeline.choose import readable
from slips.pipeline.drain import DrainFunction, DrainRequest, DrainResult, drain, drain_remotely
from slips.pipeline.replay import CANARY, possible_replays, replay
from slips.site.protocols import Site

LOOK_SECONDS = (0.5, 15.0)
"""Seconds between the first two looks at the outcomes, which double up to the last."""


class Sent(Struct):
    """An object event of an item that was put back, as it can be found again."""

    forms: list[ObjectEvent]
    """The event on its lane; several forms if it is not known which of them the Drain function has put there."""
    run_id: str = ""

    def state(self, operations: Operations) -> ReplayState:
        states = [operations.replay_state(form, self.run_id) for form in self.forms]
        return next((each for each in states if each.state != "waiting"), states[0])


class Sender(Protocol):
    """Puts items back on their lanes."""

    @property
    def done(self) -> DrainResult:
        """The counts so far."""
        ...

    def send(self, item: ErrorItem) -> list[Sent]:
        """Put an item back. Return its object events on their lanes: none if the item stays, or if routing drops it."""
        ...

    def drain(self, ids: list[str]) -> Iterator[object]:
        """Put the items with these ids back, and yield after each step."""
        ...


class SenderHere:
    """A Sender of this process."""

    def __init__(self, site: Site, operations: Operations, done: DrainResult, *, dry_run: bool = False) -> None:
        self.done, self._site, self._operations, self._dry_run = done, site, operations, dry_run

    def send(self, item: ErrorItem) -> list[Sent]:
        sent: list[Sent] = []

        def on_sent(event: ObjectEvent) -> None:
            sent.append(Sent([event], self._operations.run_id(event)))

        prefix = CANARY if self._operations.kind == "machine" else ""
        replayed = replay(item, self._site, dry_run=self._dry_run, on_sent=on_sent, prefix=prefix)
        self.done.add(replayed)
        return sent or [Sent([event]) for event in item.events if replayed.lanes]

    def drain(self, ids: list[str]) -> Iterator[object]:
        return drain(DrainRequest(ids), self._site, self.done)


class SenderByFunction:
    """A Sender that lets the stack's Drain function put items back: it has the config, and this process none."""

    def __init__(self, stack: DrainFunction, done: DrainResult, *, dry_run: bool = False) -> None:
        self.done, self._stack, self._dry_run = done, stack, dry_run

    def send(self, item: ErrorItem) -> list[Sent]:
        before = self.done.drained
        for _ in drain_remotely(DrainRequest([item.request_id], dry_run=self._dry_run), self._stack, self.done):
            pass
        if self.done.drained == before:
            return []
        return [Sent(possible_replays(event, item)) for event in item.events]

    def drain(self, ids: list[str]) -> Iterator[object]:
        return drain_remotely(DrainRequest(ids), self._stack, self.done)


class CanaryGroup(Struct, kw_only=True):
    """The counts of one group. Its JSON is in the output of `slips drain --canary N --json`."""

    fingerprint: str
    stage: str
    error_type: str
    message: str
    """Of the oldest of the chosen items."""
    count: int = 0
    """Chosen items."""
    sent: int = 0
    """Items of the canary; each of them has succeeded, failed or timed out when its outcome is counted."""
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    drained: int = 0
    """Items that were put back after the canary had succeeded."""
    dropped: int = 0
    """Items that left the table because a routing rule drops their objects."""
    gone: int = 0
    """Items that left the table meanwhile by other hands: a run of their object succeeded, or they were dismissed."""
    errors: list[dict[str, str]] = field(default_factory=list)
    """The new errors of the canary; of an item that timed out the error of its latest attempt, if known."""

    @property
    def is_held(self) -> bool:
        """Whether the canary has failed or timed out, so that the rest of the group stays."""
        return bool(self.failed or self.timed_out)

    @property
    def left(self) -> int:
        """Number of chosen items that are still in the table."""
        return self.count - self.sent - self.drained - self.dropped - self.gone

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that operators see."""
        return {**msgspec.to_builtins(self), "left": self.left, "held": self.is_held}


class _Track(Struct):
    """A group, with its items that wait their turn and those of its canary whose outcome is not known yet."""

    group: CanaryGroup
    ids: list[str]
    waiting: list[list[Sent]] = field(default_factory=list)


class Canary:
    """Drains the chosen items with a canary of `number` items of each group, in the order of its methods."""

    def __init__(
        self,
        operations: Operations,
        sender: Sender,
        number: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._operations, self._sender, self._number = operations, sender, number
        self._clock, self._sleep = clock, sleep
        self._tracks: dict[str, _Track] = {}
        self.unreadable: list[UnreadableItemError] = []
        """The error about items that cannot be read, to be raised at the end: they hold no other back."""

    @property
    def groups(self) -> list[CanaryGroup]:
        """The groups, most frequent first."""
        return sorted((track.group for track in self._tracks.values()), key=lambda each: -each.count)

    @property
    def waiting(self) -> list[ObjectEvent]:
        """The object events of the canary whose outcome is not known yet, as they are on their lanes."""
        tracks = self._tracks.values()
        return [each.forms[0] for track in tracks for events in track.waiting for each in events]

    def send(self, request: DrainRequest, absent: Callable[[str], None]) -> Iterator[int]:
        """Put the oldest items of each group back, and yield 1 after each. Raises what the sender raises.

        Raises UsageError, before anything is sent, for a place without a ledger, which shows no outcome.
        """
        _ = self._operations.ledger
        # Only ids are kept, and all are read first: an item that fails again must not be chosen again.
        chosen = readable(request.choice.of_table(self._operations.errors, absent=absent), self.unreadable)
        for item in islice(chosen, request.limit):
            track = self._tracks.get(item.fingerprint)
            if track is None:
                about = {name: getattr(item, name) for name in ("fingerprint", "stage", "error_type", "message")}
                track = self._tracks[item.fingerprint] = _Track(CanaryGroup(**about), [])
            track.group.count += 1
            track.ids.append(item.request_id)
        for track in self._tracks.values():
            while track.ids and track.group.sent < self._number:
                request_id = track.ids.pop(0)
                present = self._operations.errors.get(request_id)
                if present is None:
                    absent(request_id)
                    track.group.gone += 1
                    continue
                dropped = self._sender.done.dropped
                sent = self._sender.send(present)
                track.group.dropped += self._sender.done.dropped - dropped
                if sent:
                    track.group.sent += 1
                    track.waiting.append(sent)
                    yield 1

    def outcomes(
        self, seconds: float, settle: Callable[[Sequence[ObjectEvent]], bool] = lambda _: False
    ) -> Iterator[int | CanaryGroup]:
        """Yield the number of canary items with an outcome after each look, and each group once it is known.

        Looks for `seconds` at most; an item that still waits then has timed out. Before each look calls `settle` with
        the events that wait; if that returns True, an event that still waits will not run now. If `settle` raises, as
        on Ctrl-C, the items that it has settled until then are counted.
        """
        end, pause = self._clock() + seconds, LOOK_SECONDS[0]
        open_tracks = list(self._tracks.values())
        while open_tracks:
            try:
                is_last = bool(self.waiting) and settle(self.waiting)
            except BaseException:
                for track in open_tracks:
                    self._look(track, is_last=False)
                raise
            is_last = self._clock() >= end or is_last
            for track in list(open_tracks):
                yield self._look(track, is_last=is_last)
                if not track.waiting:
                    open_tracks.remove(track)
                    yield track.group
            if open_tracks:
                self._sleep(max(0.0, min(pause, end - self._clock())))
                pause = min(2 * pause, LOOK_SECONDS[1])

    def follow(self, group: CanaryGroup) -> Iterator[int]:
        """Put the rest of a group back whose canary has succeeded, and yield how many items were at each step."""
        assert group.succeeded == group.sent  # noqa: S101 - the rest of any other group stays
        done, ids = self._sender.done, self._tracks[group.fingerprint].ids
        drained, dropped, before = done.drained, done.dropped, done.settled + done.kept
        for _ in self._sender.drain(ids):
            step = done.drained - drained
            group.drained += step
            group.dropped += done.dropped - dropped
            drained, dropped = done.drained, done.dropped
            yield step
        group.gone += len(ids) - (done.settled + done.kept - before)

    def _look(self, track: _Track, *, is_last: bool) -> int:
        """Count the canary items of a group that have an outcome now, and return how many these are."""
        group, still = track.group, []
        for events in track.waiting:
            states = [each.state(self._operations) for each in events]
            kinds = {each.state for each in states}
            if "waiting" in kinds and not is_last:
                still.append(events)
                continue
            group.errors += [_error(each.error) for each in states if each.error is not None]
            if "failed" in kinds:
                group.failed += 1
            elif "waiting" in kinds:
                group.timed_out += 1
            else:
                group.succeeded += 1
        concluded = len(track.waiting) - len(still)
        track.waiting = still
        return concluded


def _error(item: ErrorItem) -> dict[str, str]:
    return {name: getattr(item, name) for name in ("request_id", "stage", "error_type", "message", "fingerprint")}
