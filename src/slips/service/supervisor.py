"""The supervisor of `slips run`: owns the state file, decides about lanes and attempts, and waits between attempts.

The supervisor sends each object event of the lanes to a worker, and concludes its run: error items, ledger and lane
change in one transaction. So a process that is killed at any moment leaves each object done, in the error table, or
still on its lane. A worker that dies costs its object one attempt and nothing else.

If an attempt fails and another may succeed, the supervisor waits RETRY_SECONDS and retries; other objects run
meanwhile. If a lane has a delay, the supervisor waits that long between the starts of two objects of the lane.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterable, Sequence

from slips.backends.aws.ahead import OBJECTS
from slips.backends.machine.lane_limits import lane_limit
from slips.backends.machine.lanes import Delivery
from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.errors import StorageError
from slips.model import LANES, Lane, ObjectEvent
from slips.pipeline.conclude import conclude, judge, write
from slips.pipeline.ended import Failure, Success, Superseded
from slips.service.interrupts import Interrupts
from slips.service.messages import Opened, Progress, Task
from slips.service.observer import Observer
from slips.service.pending import AGAIN, Pending
from slips.service.pool import Death, Pool
from slips.service.summary import RESULTS_MEMORY, Summary
from slips.service.worker_process import Worker
from slips.site import MachineSite

RETRY_SECONDS = (0.3, 1.0)
"""Seconds before the second and third attempt: together well below the 3 s that `slips run` may wait."""
AT_HAND = 64
"""Most events that are taken from the lanes at once."""
LOOK_SECONDS = 0.25
"""Most seconds between two checks of silent workers."""


class Supervisor:
    """Runs objects of one configuration on this machine. `state` must be held exclusively."""

    def __init__(
        self,
        config: Config,
        state: MachineState,
        observer: Observer,
        *,
        workers: int | None = None,
        endpoint_url: str | None = None,
        region: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        pool: Pool | None = None,
        interrupts: Interrupts | None = None,
    ) -> None:
        """Start no worker yet. `clock` measures the silence of workers. `pool` replaces processes of this machine."""
        self._config, self._state, self._observer = config, state, observer
        self._site = MachineSite(config, state, endpoint_url=endpoint_url, region=region)
        self._stores = self._site.stores
        self.summary = Summary()
        """The counts of the session so far, also after an exception."""
        self._interrupts = interrupts or Interrupts()
        self._pending = Pending(self._site, self.summary)
        self._results_room = RESULTS_MEMORY
        self._after: dict[Lane, int] = {}
        self._begun: dict[Lane, float] = {}
        """When the latest object of each lane started, on the monotonic clock."""
        self._excused: dict[int, int] = {}
        """Failures that were no attempts, by delivery."""
        self._retries: list[tuple[float, int, Delivery]] = []
        self._in_hand: dict[Worker, Delivery] = {}
        self._promised: dict[int, Worker] = {}
        """The workers that fetch the objects of deliveries ahead, by the deliveries' ids."""
        self._workers = workers or config.handler.concurrency or os.cpu_count() or 1
        self._pool = pool or Pool(
            config,
            self._workers,
            endpoint_url=endpoint_url,
            region=region,
            warn=observer.warned,
            clock=clock,
        )

    def run(
        self, paths: Sequence[str] = (), *, again: bool = False, replays: Sequence[ObjectEvent] | None = None
    ) -> Summary:
        """Process the pending objects, those at `paths`, or just these `replays`. Return when all are concluded.

        Raises UsageError for paths and handlers that cannot be used, StateError if the state cannot be written.
        """
        begun = time.monotonic()
        try:
            if replays is not None:
                self._pending.choose_replays(replays)
            elif paths:
                self._pending.push_named(paths, again=again)
            else:
                self._pending.push_listed()
            self.summary.problems += self._stores.directories.unlisted
            self._observer.started(*self._waiting())
            self._process_all()
        finally:
            self.summary.results.sort(key=lambda each: (each["object"], each["handler"]))
            self.summary.seconds = round(time.monotonic() - begun, 3)
            self._pool.close()
        self._pending.note_waiting()
        return self.summary

    def _waiting(self) -> tuple[int, int]:
        """Return the number of events that this session will process, and the stored bytes of their objects."""
        if self._pending.are_all_wanted:
            return self._state.stream.waiting()
        count = size = 0
        after: dict[Lane, int] = {}
        while batch := self._state.stream.take(AT_HAND, after):
            wanted = [each.event.object_size for each in batch if self._pending.is_wanted(each.event)]
            count, size = count + len(wanted), size + sum(wanted)
        return count, size

    def _process_all(self) -> None:
        taken: list[Delivery] = []
        while True:
            now = time.monotonic()
            while self._retries and self._retries[0][0] <= now:
                taken.insert(0, heapq.heappop(self._retries)[2])
            taken = [each for each in taken if self._pending.is_wanted(each.event)]
            self._refill(taken)
            self._hand_out(taken)
            if not (taken or self._pool.is_busy or self._retries):
                return
            timeout = LOOK_SECONDS
            # Wait no longer than until the next retry, or the turn of a lane with a delay.
            turns = [when for when, _, _ in self._retries[:1]] + [self._turn(lane) for lane in _lanes(taken)]
            timeout = min([timeout, *(max(0.0, when - time.monotonic()) for when in turns if when > now)])
            for worker, message in self._pool.wait(timeout):
                self._hear(worker, message)

    def _refill(self, taken: list[Delivery]) -> None:
        """Add events of other lanes if none of the `taken` may start now, so that no lane waits for another."""
        has_some = _lanes(taken)
        if not has_some & self._open_lanes():
            taken += self._take([lane for lane in LANES if lane not in has_some])

    def _open_lanes(self) -> set[Lane]:
        """Return the lanes whose next object may start now."""
        now = time.monotonic()
        return {lane for lane in LANES if self._turn(lane) <= now}

    def _turn(self, lane: Lane) -> float:
        """Return the time at which the next object of a lane may start, on the monotonic clock, by the lane's delay."""
        begun = self._begun.get(lane)
        return 0.0 if begun is None else begun + lane_limit(self._config, self._state, lane).delay

    def _take(self, lanes: Sequence[Lane]) -> list[Delivery]:
        """Return the next events of the lanes that this session processes; none if the lanes have no more."""
        while batch := self._state.stream.take(AT_HAND, self._after, lanes):
            if wanted := [each for each in batch if self._pending.is_wanted(each.event)]:
                return wanted
        return []

    def _hand_out(self, taken: list[Delivery]) -> None:
        """Send events to free workers, and start further workers while events are left."""
        while True:
            lanes = self._open_lanes()
            # Only one event of an object at a time: two events may turn out to be of the same content.
            in_hand = {_object(each) for each in self._in_hand.values()}
            may_start = [n for n, each in enumerate(taken) if _lane(each) in lanes and _object(each) not in in_hand]
            if not may_start:
                return
            worker = self._pool.free(len(taken))
            if worker is None:
                return
            delivery = taken.pop(self._place_for(worker, taken, may_start))
            self._promised.pop(delivery.id, None)
            self._prepare(delivery)
            claim = self._state.ledger.claim(delivery.event, delivery.request_id)
            if claim in ("done", "claimed"):
                self._state.acknowledge(delivery)
                self.summary.duplicates += 1
                self._observer.ended(delivery.event, "duplicate")
                continue
            self._begun[_lane(delivery)] = time.monotonic()
            self._in_hand[worker] = delivery
            coming = self._promise(worker, taken)
            self._pool.give(worker, Task(delivery.event, delivery.settled, delivery.known, coming))

    def _place_for(self, worker: Worker, taken: Sequence[Delivery], may_start: Sequence[int]) -> int:
        """Return the first place of the next lane whose object no other worker fetches; else the last of that lane."""
        lane = _lane(taken[may_start[0]])
        places = [n for n in may_start if _lane(taken[n]) == lane]
        return next((n for n in places if not self._is_of_another(taken[n], worker)), places[-1])

    def _promise(self, worker: Worker, taken: Sequence[Delivery]) -> list[ObjectEvent]:
        """Promise a worker its share of the next objects in S3, and return their events."""
        found: list[ObjectEvent] = []
        for each in taken:
            if len(found) >= min(OBJECTS, len(taken) // self._workers):
                break
            is_in_s3 = each.event.bucket_name not in self._stores.directories.buckets
            if is_in_s3 and not self._is_of_another(each, worker):
                self._promised[each.id] = worker
                found.append(each.event)
        return found

    def _is_of_another(self, delivery: Delivery, worker: Worker) -> bool:
        """Whether another worker, which still has an object in hand, fetches the object of a delivery."""
        owner = self._promised.get(delivery.id, worker)
        return owner is not worker and owner in self._in_hand

    def _prepare(self, delivery: Delivery) -> None:
        """Add the hash and the settled contents of the object to a delivery, unless a user has asked for this run."""
        files, event = self._state.files, delivery.event
        delivery.read, delivery.names = None, ()
        if (identified := files.identified(event)) is not event:
            self._state.ledger.release(event, delivery.request_id)  # the claim of an earlier attempt
            event = delivery.event = identified
        again = (event.replay or "").startswith(AGAIN)
        # If the user asks for the object again, hash its bytes: writes through shared memory (mmap) change no times.
        delivery.known = {} if again else files.known(event.bucket_name, event.object_key)
        asked = again or event.records is not None
        delivery.settled = [] if asked else self._state.ledger.settled(event)

    def _hear(self, worker: Worker, message: Opened | Progress | Success | Failure | Superseded | Death) -> None:
        """Handle a worker's message, or its death, which costs its object an attempt."""
        delivery = self._in_hand[worker] if isinstance(message, Opened | Progress) else self._in_hand.pop(worker)
        match message:
            case Opened(event=event, names=names):
                delivery.read, delivery.names = event, names
            case Progress(seq=seq, hashed=hashed):
                if hashed:
                    self._observer.hashing(delivery.event, hashed)
                else:
                    self._observer.progress(delivery.event, seq)
            case Success() | Failure() | Superseded():
                self._conclude(delivery, message)
            case Death(how=how, where=where, seq=at):
                url = delivery.event.url
                failure = Failure(
                    event=delivery.read or delivery.event,
                    names=delivery.names,
                    stage="worker",
                    error_type="WorkerTimeout" if message.overdue else "WorkerDied",
                    message=f"{url}: {f'record {at}: ' if at else ''}the handler {how} {where}",
                    retryable=True,
                    seq=at,
                )
                self._conclude(delivery, failure)

    def _conclude(self, delivery: Delivery, ended: Success | Failure | Superseded) -> None:
        """Conclude a run that ended, and remove its event from the lane; or schedule another attempt."""
        event = delivery.event
        attempts = delivery.attempts + 1
        if isinstance(ended, Failure):
            if ended.stage == StorageError.stage and self._pending.goes_away(event.bucket_name):
                self._state.ledger.release(event, delivery.request_id)
                self._observer.ended(event, "its bucket's directory is away")
                return
            verdict = judge(ended, attempts, excused=self._excused.get(delivery.id, 0))
            if verdict != "final":
                self._try_again(delivery, attempts, counts=verdict == "retry")
                self._observer.failed(ended, attempts, False)
                return
        conclusion = conclude(
            event,
            ended,
            self._site,
            delivery.request_id,
            attempts=attempts,
            has_claimed=delivery.read is not None,
            is_only_content=event.bucket_name in self._stores.directories.buckets,
        )
        with self._interrupts.step() as hold:
            with self._state.transaction():
                hold()  # not before: Ctrl-C ends the wait for a state that is locked
                if ended.names:
                    self._state.identify(ended.event, ended.names)
                write(conclusion, self._site)
                self._state.take_off_lane(delivery, conclusion.read, ended.names)
            self._tell(delivery, ended, attempts)

    def _try_again(self, delivery: Delivery, attempts: int, *, counts: bool) -> None:
        """Schedule another attempt of an event. `counts`: the current attempt counts as one."""
        if counts:
            self._state.stream.failed_attempt(delivery)
            delivery.attempts = attempts
        else:
            self._excused[delivery.id] = self._excused.get(delivery.id, 0) + 1
        due = time.monotonic() + RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
        heapq.heappush(self._retries, (due, delivery.id, delivery))

    def _tell(self, delivery: Delivery, ended: Success | Failure | Superseded, attempts: int) -> None:
        """Add a concluded event to the summary, and show it to the observer."""
        event, summary = delivery.event, self.summary
        match ended:
            case Superseded():
                summary.skipped += 1
                self._observer.ended(event, "the same bytes were processed before")
            case Failure():
                summary.add_failed(ended.outcome)
                self._observer.failed(ended, attempts, True)
            case Success():
                summary.add(event, ended.outcome, is_part=ended.rest is not None)
                self._results_room -= summary.keep_results(event.url, ended.outcome, self._results_room)
                self._observer.succeeded(event, ended.outcome)


def _object(delivery: Delivery) -> tuple[str, str]:
    return (delivery.event.bucket_name, delivery.event.object_key)


def _lane(delivery: Delivery) -> Lane:
    return delivery.event.lane or LANES[0]


def _lanes(taken: Iterable[Delivery]) -> set[Lane]:
    return {_lane(each) for each in taken}
