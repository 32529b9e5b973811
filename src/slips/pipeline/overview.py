"""Looks at a backend again and again, for `slips top`: the rates of its lanes, counts of objects, groups of errors.

In: Operations. Out: an Overview each time. What is cheap to read is read each time; counting all objects and grouping
all errors takes seconds where there are many, so a thread does that, in a small share of the time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import NamedTuple

from msgspec import UNSET, Struct, UnsetType

from slips import times
from slips.brakes import Pause, sentence
from slips.errors import SlipsError
from slips.kept_audit import KeptAudit
from slips.model import LANES, Lane, format_time
from slips.object_states import State
from slips.operations import Alarm, BackendStatus, Kind, LaneCounts, Operations, Service
from slips.printable import one_line, them

RATE_SECONDS = 60.0
"""Seconds whose average is the longer one of the two rates of a lane."""
SHARE = 0.05
"""Most of the time in which objects are counted and errors are grouped."""
LEAST: dict[Kind, float] = {"machine": 5.0, "stack": 60.0}
"""Least seconds between two such counts. On a stack each one reads the error table, which costs money."""
GROUPS = 10
"""Most groups of errors in an overview."""


class LaneNow(Struct, kw_only=True):
    """A lane, and how fast its objects are concluded."""

    waiting: int | None
    oldest_seconds: float | None
    arrived: int | UnsetType = UNSET
    retrying: int | UnsetType = UNSET
    """See `LaneStatus`."""
    per_second: float | None = None
    """Objects concluded in a second, between the last two heartbeats of the service; None: no service runs."""
    per_second_of_minute: float | None = None
    """The same in the last minute, or since the first look."""
    counts: LaneCounts | UnsetType = UNSET
    """The events that the service has concluded since its start."""


class GroupCount(Struct):
    """A group of error items, without their ids."""

    count: int
    fingerprint: str
    stage: str
    error_type: str
    message: str
    first: str
    last: str


class Overview(Struct, kw_only=True):
    """A backend at one moment. Its JSON is a line of `slips top --json`."""

    time: str
    """RFC 3339."""
    backend: Kind
    name: str
    service: Service | None
    lanes: dict[Lane, LaneNow]
    records_per_second: float | None
    """Records of done objects in a second, as the longer rate of a lane."""
    errors: int | None
    """Error items."""
    pauses: list[Pause] = []
    """Why objects wait on their lanes."""
    counted_seconds: float | None = None
    """Age of the counts below; None: not counted yet."""
    objects: dict[State, int] | None = None
    """Objects by their state; None: not counted."""
    groups: list[GroupCount] = []
    """The GROUPS most frequent groups of errors."""
    groups_left_out: int = 0
    undelivered: int | UnsetType | None = UNSET
    alarms: list[Alarm] | UnsetType | None = UNSET
    audit: KeptAudit | UnsetType = UNSET
    """The latest audit of all objects, if one was kept."""


class Rates:
    """How fast a service concludes objects, by the counts of its heartbeats in the last RATE_SECONDS."""

    def __init__(self) -> None:
        self._beats: deque[_Beat] = deque()
        self._started = ""

    def look(self, service: Service | None) -> None:
        """Add the latest heartbeat of the service."""
        if service is None or service.state != "running" or service.started != self._started:
            self._beats.clear()
        if service is None or service.state != "running":
            return
        self._started = service.started
        counts = service.counts
        beat = _Beat(
            times.iso(service.heartbeat, "heartbeat"),
            {lane: _concluded(counts.lanes[lane]) for lane in LANES},
            counts.delivered + counts.filtered + counts.quarantined,
        )
        if self._beats and beat.at <= self._beats[-1].at:
            return  # the same heartbeat, or a clock that was set back
        self._beats.append(beat)
        while len(self._beats) > 2 and self._beats[1].at <= beat.at - RATE_SECONDS:
            self._beats.popleft()

    def of(self, lane: Lane) -> tuple[float | None, float | None]:
        """Return the objects per second of a lane between the last two heartbeats, and in the last minute."""
        if len(self._beats) < 2:
            return None, None
        first, before, last = self._beats[0], self._beats[-2], self._beats[-1]
        return tuple(  # type: ignore[return-value] # of two
            round((last.lanes[lane] - each.lanes[lane]) / (last.at - each.at), 3) for each in (before, first)
        )

    def records(self) -> float | None:
        """Return the records per second in the last minute."""
        if len(self._beats) < 2:
            return None
        first, last = self._beats[0], self._beats[-1]
        return round((last.records - first.records) / (last.at - first.at), 3)


class _Beat(NamedTuple):
    at: float
    lanes: dict[Lane, int]
    records: int


class Counting:
    """Counts objects and groups errors in a thread, over and over, in a SHARE of the time at most."""

    def __init__(
        self,
        operations: Callable[[], AbstractContextManager[Operations]],
        *,
        count_ledger: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count nothing yet. `operations` opens operations for the thread, which uses no connection of another."""
        self._operations, self._count_ledger, self._clock = operations, count_ledger, clock
        self._latest: tuple[BackendStatus, float] | None = None
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._is_closed = False

    def start(self) -> None:
        """Begin to count."""
        threading.Thread(target=self._run, name="counting", daemon=True).start()

    def close(self) -> None:
        """Stop behind the present count, without a wait for it: it only reads."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def latest(self, wait: float = 0.0) -> tuple[BackendStatus, float] | None:
        """Return the latest count, and its age in seconds; None if there is none within `wait` seconds.

        Raises the error that ended the counting.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._latest or self._error, wait)
            if self._error is not None:
                raise self._error
            return None if self._latest is None else (self._latest[0], round(self._clock() - self._latest[1], 3))

    def _run(self) -> None:
        try:
            with self._operations() as operations:
                while self._count(operations):
                    pass
        except BaseException as error:  # noqa: BLE001 - `latest` raises it where it is seen
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _count(self, operations: Operations) -> bool:
        """Count once, and wait for the next time. Return False if that is not to come."""
        begun = self._clock()
        status = operations.status(count_ledger=self._count_ledger)
        now = self._clock()
        with self._changed:
            self._latest = status, now
            self._changed.notify_all()
            rest = max(LEAST[operations.kind], (now - begun) * (1 / SHARE - 1))
            return not self._changed.wait_for(lambda: self._is_closed, rest)


def overview(
    operations: Operations, rates: Rates, counted: tuple[BackendStatus, float] | None, now: float | None = None
) -> Overview:
    """Return the overview of this moment. `counted` is the latest count, and its age in seconds."""
    glance = operations.glance()
    rates.look(glance.service)
    found = Overview(
        time=format_time(time.time() if now is None else now),
        backend=operations.kind,
        name=operations.name,
        service=glance.service,
        lanes={},
        records_per_second=rates.records(),
        errors=glance.errors,
        pauses=operations.pauses() if operations.kind == "machine" else [],
    )
    for lane, each in glance.lanes.items():
        fast, slow = rates.of(lane)
        found.lanes[lane] = LaneNow(
            waiting=each.waiting,
            oldest_seconds=each.oldest_seconds,
            arrived=each.arrived,
            retrying=each.retrying,
            per_second=fast,
            per_second_of_minute=slow,
            counts=glance.service.counts.lanes[lane] if glance.service else UNSET,
        )
    if counted is not None:
        status, found.counted_seconds = counted
        found.objects, found.undelivered, found.alarms = status.ledger, status.undelivered, status.alarms
        found.audit = status.audit
        found.groups = [
            GroupCount(each.count, each.fingerprint, each.stage, each.error_type, each.message, each.first, each.last)
            for each in status.groups[:GROUPS]
        ]
        found.groups_left_out = len(status.groups) - len(found.groups)
        if operations.kind == "stack":  # each look at them would be a call that costs money
            found.pauses = status.pauses or []
        if found.errors is None:
            found.errors = sum(status.errors.values())
    return found


def _concluded(counts: LaneCounts) -> int:
    return counts.done + counts.failed + counts.filtered + counts.skipped


class Processing(Struct, frozen=True):
    """The process that takes objects from their lanes, in words, and the pauses that keep some there."""

    who: str
    pauses: list[Pause]

    def of(self, count: int, lanes: Mapping[Lane, int] | None = None, *, asked: bool = False) -> str:
        """Say who processes `count` objects now, or why they wait. `lanes`: where they are; None: on any lane.

        `asked`: they are replays, which run while their handler is paused.
        """
        used = LANES if lanes is None else [lane for lane in LANES if lanes[lane]]
        pauses = [pause for pause in self.pauses if pause.lane in used and not (asked and pause.handler)]
        paused = ", ".join(
            f"lane {pause.lane} is {sentence(pause)} ('slips limit {pause.lane} --resume' ends it)" for pause in pauses
        )
        if pauses and {pause.lane for pause in pauses if not pause.handler}.issuperset(used):
            return one_line(f"{'it waits' if count == 1 else 'they wait'}: {paused}")
        now = f"{self.who} processes {them(count)} now"
        return one_line(f"{now}, but {paused}") if paused else now


def processed_by(operations: Operations) -> Processing:
    """Return who processes objects that are put on lanes: a service that runs here does it by itself."""
    pauses: list[Pause] = []
    with suppress(SlipsError):  # AWS may deny reading them to a user who may put objects on lanes
        pauses = operations.pauses()
    if operations.kind == "stack":
        return Processing("the stack", pauses)
    service = operations.glance().service
    if service is not None and service.state == "running":
        return Processing(f"the service, process {service.pid},", pauses)
    return Processing("'slips run'", pauses)
