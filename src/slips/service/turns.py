"""The turns of the objects that wait on the lanes: which one may start next.

In: the rows of the lanes, read a few at a time. Out: one delivery after another, each once, until it is concluded or
left on its lane. Nothing here writes the state.

Objects of the fast lane come first, but for large ones: those, and the objects of the slow lane, are long. While short
ones wait, long ones get every fifth turn, on a quarter of the workers at most. So neither kind waits for the other.
If a lane has a delay, a batch of its objects starts at once, and the next batch so many seconds later.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from math import inf

from msgspec import Struct, field

from slips.backends.machine.lane_limits import lane_limit
from slips.backends.machine.lanes import Delivery
from slips.backends.machine.state import MachineState
from slips.config import Config, LaneConfig
from slips.model import LANES, Lane

AT_HAND = 64
"""Most events that are read from a lane at once."""
LARGE = 32 * 1024 * 1024
"""Stored bytes from which on an object is long, whatever its lane."""
MOST_LARGE = 256
"""Most large objects of the fast lane at hand; others are left on the lane until there is room."""
READS = 10
"""Most reads of a lane in one turn: behind many large objects the short ones are found by and by."""
SHORT_TURNS = 4
"""Short objects that start before a long one, while both wait."""
MOST_RETRIES = 2_000
"""Most failed objects that wait for their next attempt at hand; others are left on the lane until there is room."""
LOOK_SECONDS = 0.25
"""Least seconds between two looks at a lane that was empty, and between two readings of its limit."""


class _Queue(Struct, eq=False):
    """Objects of one kind at hand, in order."""

    lane: Lane
    is_long: bool
    waiting: deque[Delivery] = field(default_factory=deque)
    turn: int = 0
    """Number of the latest start, among those of all queues."""


class _Batch(Struct, eq=False):
    """Objects of a lane that start without a delay in between."""

    begun: float
    started: int = 0


class Turns:
    """Gives out deliveries of the lanes of `state`, those whose events are wanted."""

    def __init__(
        self,
        config: Config,
        state: MachineState,
        is_wanted: Callable[[Delivery], bool],
        *,
        workers: int,
        keeps_one: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read nothing yet. `keeps_one`: long objects never get the last of several workers.

        `is_wanted`: whether a delivery may start now. One that may not stays on its lane, until `look_again`.
        """
        self._state, self._is_wanted, self._keeps_one, self._clock = state, is_wanted, keeps_one, clock
        self._short, self._large = _Queue("fast", False), _Queue("fast", True)
        self._queues = (self._short, self._large, _Queue("slow", True))
        self._after: dict[Lane, int] = {}
        self._looked: dict[Lane, float] = {}
        """When the end of a lane was reached."""
        self._unread: set[Lane] = set()
        """Lanes that may have more events than were read."""
        self._known: set[int] = set()
        """Deliveries at hand, at work, or waiting for their next attempt."""
        self.at_work: dict[tuple[str, str], Delivery] = {}
        """Objects at work, by bucket and key: of two events of an object one waits, they may be of one content."""
        self._long: set[int] = set()
        """Long deliveries that are at work."""
        self._retries: list[tuple[float, int, Delivery]] = []
        self._has_left = False
        """Whether events were left on a lane for want of room at hand."""
        self._batches: dict[Lane, _Batch] = {}
        """The latest batch of each lane that has a delay."""
        self._limits: dict[Lane, tuple[float, LaneConfig]] = {}
        """When the limit of each lane was read, and the limit."""
        self._starts = self._short_starts = 0
        self.reload(config, workers)

    def reload(self, config: Config, workers: int) -> None:
        """Use another config, or changed handlers, from now on. Failed objects have their next attempt at once."""
        self._config = config
        self._retries = [(self._clock(), number, delivery) for _, number, delivery in self._retries]
        heapq.heapify(self._retries)
        self._most_long = max(1, workers - 1) if self._keeps_one else workers
        self._share_of_long = max(1, workers // 4)
        self._limits.clear()
        self.look_again()

    @property
    def count(self) -> int:
        """Number of deliveries at hand."""
        short, large, slow = self._queues
        return len(short.waiting) + len(large.waiting) + len(slow.waiting)

    @property
    def is_over(self) -> bool:
        """Whether nothing is at hand or waits for another attempt, and the lanes have no more."""
        return not (self.count or self._retries or self._has_left or self._unread)

    @property
    def at_hand(self) -> Iterator[Delivery]:
        """The deliveries at hand, in the order of their lanes."""
        return chain.from_iterable(queue.waiting for queue in self._queues)

    def refill(self) -> None:
        """Let failed objects whose time has come be first, and read lanes that have none at hand."""
        now = self._clock()
        while self._retries and self._retries[0][0] <= now:
            delivery = heapq.heappop(self._retries)[2]
            self._queue_of(delivery).waiting.appendleft(delivery)
        if self._has_left and not (self._large.waiting or len(self._retries) > MOST_RETRIES // 2):
            self.look_again()
        is_idle = self.count == 0
        for queue in (self._short, self._queues[-1]):
            lane = queue.lane
            is_due = is_idle or lane in self._unread or now - self._looked.get(lane, now - LOOK_SECONDS) >= LOOK_SECONDS
            if not queue.waiting and is_due:
                self._read(queue)

    def look_again(self, *, from_start: bool = True) -> None:
        """Look at empty lanes without delay; `from_start`: also for events that were left on their lanes."""
        self._looked.clear()
        if from_start:
            self._after.clear()
            self._has_left = False

    def try_one(self, lane: Lane) -> None:
        """Read a lane from its start until an event that was left there and may start now: thousands may wait on."""
        after: dict[Lane, int] = {}
        while batch := self._state.stream.take(AT_HAND, after, [lane]):
            for delivery in batch:
                if delivery.id not in self._known and self._is_wanted(delivery):
                    self._sort_in(delivery)
                    return

    def can_start(self) -> bool:
        """Whether an object may start now."""
        for queue in self._order():
            for each in queue.waiting:
                if _object(each) not in self.at_work:
                    return True
        return False

    @property
    def allows_ahead(self) -> bool:
        """Whether an object may be given to a worker that has not ended another: no lane limit may come between."""
        return not self._limit(self._short.lane).delay

    def next(self, suits: Callable[[Delivery], bool], *, ahead: bool = False) -> Delivery | None:
        """Return the delivery that starts now; None if none may. Among those of a queue, the first that `suits`.

        `ahead`: its worker has not ended another. Then it is a short one, and None while a long one has its turn.
        """
        order = self._order()
        for queue in order[:1] if ahead else order:
            if ahead and queue.is_long:
                return None
            if (delivery := self._take(queue, suits)) is not None:
                self._starts += 1
                queue.turn = self._starts
                self._short_starts = 0 if queue.is_long else self._short_starts + 1
                return delivery
        return None

    def started(self, delivery: Delivery) -> None:
        """Count an object as at work from now on."""
        queue = self._queue_of(delivery)
        self._count(queue.lane)
        self.at_work[_object(delivery)] = delivery
        if queue.is_long:
            self._long.add(delivery.id)

    def over(self, delivery: Delivery) -> None:
        """Forget a delivery that is concluded, or left on its lane."""
        self._end(delivery)
        self._known.discard(delivery.id)

    def again(self, delivery: Delivery, seconds: float) -> None:
        """Let an object that failed have its turn again in so many seconds."""
        self._end(delivery)
        if len(self._retries) < MOST_RETRIES:
            heapq.heappush(self._retries, (self._clock() + seconds, delivery.id, delivery))
        else:
            self._has_left = True
            self.over(delivery)

    def give_back(self, delivery: Delivery) -> None:
        """Let an object that was given out, and has not begun, be the next of its queue."""
        self._end(delivery)
        self._queue_of(delivery).waiting.appendleft(delivery)

    def _end(self, delivery: Delivery) -> None:
        if self.at_work.get(_object(delivery)) is delivery:
            del self.at_work[_object(delivery)]
        self._long.discard(delivery.id)

    def seconds_left(self) -> float:
        """Return the seconds until the next object may start, if only time is in its way; infinity if none waits so."""
        times = [self._retries[0][0]] if self._retries else []
        times += [turn for queue in self._queues if queue.waiting and (turn := self._turn(queue.lane))]
        left = [seconds for when in times if (seconds := when - self._clock()) > 0]
        return min(left, default=inf)

    # -- reading

    def _read(self, queue: _Queue) -> None:
        """Read on from a lane until an object of the queue is at hand."""
        self._unread.add(queue.lane)
        for _ in range(READS):
            batch = self._state.stream.take(AT_HAND, self._after, [queue.lane])
            for delivery in batch:
                self._sort_in(delivery)
            if len(batch) < AT_HAND:
                self._looked[queue.lane] = self._clock()
                self._unread.discard(queue.lane)
                return
            if queue.waiting:
                return

    def _sort_in(self, delivery: Delivery) -> None:
        queue = self._queue_of(delivery)
        if delivery.id in self._known or not self._is_wanted(delivery):
            return
        if queue is self._large and len(queue.waiting) >= MOST_LARGE:
            self._has_left = True
            return
        self._known.add(delivery.id)
        queue.waiting.append(delivery)

    def _queue_of(self, delivery: Delivery) -> _Queue:
        if (delivery.event.lane or LANES[0]) != LANES[0]:
            return self._queues[-1]
        return self._large if delivery.event.object_size >= LARGE else self._short

    # -- turns

    def _order(self) -> Sequence[_Queue]:
        """Return the queues that may start an object now, the next one first."""
        is_short = bool(self._short.waiting) and self._is_open(self._short.lane)
        short = [self._short] if is_short else []
        if len(self._long) >= self._most_long:
            return short
        long = [queue for queue in self._queues[1:] if queue.waiting and self._is_open(queue.lane)]
        if len(long) > 1:
            long.sort(key=lambda queue: queue.turn)
        if is_short and not (self._short_starts >= SHORT_TURNS and len(self._long) < self._share_of_long):
            return short + long
        return long + short

    def _take(self, queue: _Queue, suits: Callable[[Delivery], bool]) -> Delivery | None:
        """Take the first delivery of a queue that suits, else the last one."""
        while (place := self._place(queue.waiting, suits)) is not None:
            delivery = queue.waiting[place]
            del queue.waiting[place]
            if self._is_wanted(delivery):
                return delivery
            self.over(delivery)
        return None

    def _place(self, waiting: Iterable[Delivery], suits: Callable[[Delivery], bool]) -> int | None:
        """Return the place of the first delivery that may start and suits, else of the last that may start."""
        place = None
        for number, each in enumerate(waiting):
            if _object(each) not in self.at_work:
                place = number
                if suits(each):
                    break
        return place

    def _is_open(self, lane: Lane) -> bool:
        limit = self._limit(lane)
        return not limit.delay or self._turn(lane) <= self._clock()

    def _turn(self, lane: Lane) -> float:
        """Return the time from which on the next object of a lane may start, by the lane's limit."""
        batch, limit = self._batches.get(lane), self._limit(lane)
        return 0.0 if batch is None or batch.started < limit.batch_size else batch.begun + limit.delay

    def _count(self, lane: Lane) -> None:
        """Count the start of an object in the batch of its lane, or in a new one if that is old enough."""
        now = self._clock()
        batch = self._batches.get(lane)
        if batch is None or now - batch.begun >= self._limit(lane).delay:
            batch = self._batches[lane] = _Batch(now)
        batch.started += 1

    def _limit(self, lane: Lane) -> LaneConfig:
        now = self._clock()
        if lane not in self._limits or now - self._limits[lane][0] >= LOOK_SECONDS:
            self._limits[lane] = (now, lane_limit(self._config, self._state, lane))
        return self._limits[lane][1]


def _object(delivery: Delivery) -> tuple[str, str]:
    return (delivery.event.bucket_name, delivery.event.object_key)
