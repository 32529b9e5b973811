"""The supervisor of a run: it owns the state file, and knows lanes and attempts.

It hands each object event of the lanes to a worker, and concludes: error items, ledger and lane change in one
transaction, so that a process killed at any moment leaves each object done, in the error table, or still in its lane.
A worker that dies costs its object one attempt and nothing else.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterable, Sequence

from slips.backends.machine.lanes import Delivery
from slips.backends.machine.limits import lane_limit
from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.errors import StorageError
from slips.model import LANES, Lane, ObjectEvent
from slips.pipeline.ended import Failure, Success, Superseded, by_itself
from slips.pipeline.items import report_failure, report_quarantine
from slips.service.messages import Opened, Progress, Task
from slips.service.pending import AGAIN, Pending
from slips.service.pool import Death, Pool, Worker
from slips.service.summary import RESULTS_MEMORY, Observer, Summary
from slips.site import MachineSite

ATTEMPTS = 3
RETRY_SECONDS = (0.3, 1.0)
"""Waits before the second and third attempt: together well below the 3 s that a `run` may wait."""
EXCUSED = 3
"""Failures for want of resources, or in a damaged process, that cost an object no attempt."""
AT_HAND = 64
"""Most events that are taken from the lanes at once."""
LOOK_SECONDS = 0.25
"""How often workers are looked after that say nothing."""


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
    ) -> None:
        """`clock` is what the silence of workers is measured by."""
        self._config, self._state, self._observer = config, state, observer
        self._site = MachineSite(config, state, endpoint_url=endpoint_url, region=region)
        self._stores = self._site.stores
        self._summary = Summary()
        self._pending = Pending(self._site, self._summary)
        self._results_room = RESULTS_MEMORY
        self._code_version = self._site.code_version
        self._after: dict[Lane, int] = {}
        self._begun: dict[Lane, float] = {}
        """When the latest object of each lane started, on the monotonic clock."""
        self._excused: dict[int, int] = {}
        """Failures that were no attempts, by delivery."""
        self._retries: list[tuple[float, int, Delivery]] = []
        self._in_hand: dict[Worker, Delivery] = {}
        self._pool = Pool(
            config,
            workers or config.handler.concurrency or os.cpu_count() or 1,
            endpoint_url=endpoint_url,
            region=region,
            warn=observer.warned,
            clock=clock,
        )

    def run(self, paths: Sequence[str] = (), *, again: bool = False) -> Summary:
        """Processes what is pending, or the objects at `paths`; returns when all of it is concluded.

        Raises UsageError for paths and handlers that cannot be used, StateError if the state cannot be written.
        """
        begun = time.monotonic()
        if paths:
            self._pending.push_named(paths, again=again)
        else:
            self._pending.push_listed()
        self._summary.problems += self._stores.directories.unlisted
        waiting, size = self._state.stream.waiting()
        only = self._pending.only
        self._observer.started(waiting if only is None else len(only), size)
        try:
            self._process_all()
        finally:
            self._pool.close()
        self._pending.note_waiting()
        self._summary.results.sort(key=lambda each: (each["object"], each["handler"]))
        self._summary.seconds = round(time.monotonic() - begun, 3)
        return self._summary

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
            # What ends a wait sooner: a retry, or the turn of a lane that has to wait.
            turns = [when for when, _, _ in self._retries[:1]] + [self._turn(lane) for lane in _lanes(taken)]
            timeout = min([timeout, *(max(0.0, when - time.monotonic()) for when in turns if when > now)])
            for worker, message in self._pool.wait(timeout):
                self._hear(worker, message)

    def _refill(self, taken: list[Delivery]) -> None:
        """More events, where none of those at hand may start now: no lane waits for another."""
        has_some = _lanes(taken)
        if not has_some & self._open_lanes():
            taken += self._take([lane for lane in LANES if lane not in has_some])

    def _open_lanes(self) -> set[Lane]:
        """Those whose next object may start now."""
        now = time.monotonic()
        return {lane for lane in LANES if self._turn(lane) <= now}

    def _turn(self, lane: Lane) -> float:
        """When the next object of a lane may start, on the monotonic clock: its delay after the latest one."""
        begun = self._begun.get(lane)
        return 0.0 if begun is None else begun + lane_limit(self._config, self._state, lane).delay

    def _take(self, lanes: Sequence[Lane]) -> list[Delivery]:
        """The next events of the lanes that this run is to process."""
        while batch := self._state.stream.take(AT_HAND, self._after, lanes):
            if wanted := [each for each in batch if self._pending.is_wanted(each.event)]:
                return wanted
        return []

    def _hand_out(self, taken: list[Delivery]) -> None:
        """Gives events to workers that are free, starting workers while there is more than they can take."""
        while True:
            lanes = self._open_lanes()
            # One at a time of each object: two events may turn out to be of the same content.
            in_hand = {_object(each) for each in self._in_hand.values()}
            may_start = (n for n, each in enumerate(taken) if _lane(each) in lanes and _object(each) not in in_hand)
            place = next(may_start, None)
            if place is None:
                return
            worker = self._pool.free(len(taken))
            if worker is None:
                return
            delivery = taken.pop(place)
            self._prepare(delivery)
            claim = self._state.ledger.claim(delivery.event, delivery.request_id)
            if claim in ("done", "claimed"):
                self._state.acknowledge(delivery)
                self._summary.duplicates += 1
                self._observer.ended(delivery.event, "duplicate")
                continue
            self._begun[_lane(delivery)] = time.monotonic()
            self._in_hand[worker] = delivery
            self._pool.give(worker, Task(delivery.event, delivery.settled, delivery.known))

    def _prepare(self, delivery: Delivery) -> None:
        """Adds what the state knows of the object's content by now, unless people have asked for it to run again."""
        files, event = self._state.files, delivery.event
        delivery.read, delivery.names = None, ()
        if (identified := files.identified(event)) is not event:
            self._state.ledger.forget(event)  # its claim, of an attempt before
            event = delivery.event = identified
        again = (event.replay or "").startswith(AGAIN)
        # Times do not show what a program writes through shared memory (mmap): asked for again, the bytes are hashed.
        delivery.known = {} if again else files.known(event.bucket_name, event.object_key)
        asked = again or event.records is not None
        delivery.settled = [] if asked else self._state.ledger.settled(event)

    def _hear(self, worker: Worker, message: Opened | Progress | Success | Failure | Superseded | Death) -> None:
        """Takes in what a worker says, or its death, which costs its object an attempt."""
        delivery = self._in_hand[worker] if isinstance(message, Opened | Progress) else self._in_hand.pop(worker)
        match message:
            case Opened(event=event, names=names):
                delivery.read, delivery.names = event, names
            case Progress(seq=seq, hashed=hashed):
                if hashed:
                    self._observer.hashing(delivery.event, hashed)
                else:
                    self._observer.progress(delivery.event, seq)
            case Success():
                self._conclude_success(delivery, message)
            case Superseded():
                self._conclude_superseded(delivery, message)
            case Failure():
                self._conclude_failure(delivery, message)
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
                self._conclude_failure(delivery, failure)

    def _conclude_superseded(self, delivery: Delivery, superseded: Superseded) -> None:
        read = by_itself(superseded.event)
        with self._state.transaction():
            self._supersede(read, superseded.names, done=False)
            self._state.conclude(delivery, read, superseded.names)
        self._summary.skipped += 1
        self._observer.ended(delivery.event, "the same bytes were processed before")

    def _conclude_success(self, delivery: Delivery, success: Success) -> None:
        state, outcome = self._state, success.outcome
        attempts = delivery.attempts + 1
        items = report_quarantine(success, delivery.request_id, attempts, time.time(), self._code_version)
        whole = delivery.event.records is None and success.rest is None
        read = _read(delivery, success)
        with state.transaction():
            if whole:
                self._supersede(read, success.names, done=True)
            for item in items:
                state.errors.put(item)
            if success.rest is not None:
                state.stream.put(delivery.event.lane or "fast", [success.rest])
            state.ledger.finish(read, outcome, "done" if success.rest is None else "part")
            state.conclude(delivery, read, success.names)
        self._summary.add(outcome)
        self._results_room -= self._summary.keep_results(delivery.event.url, outcome, self._results_room)
        self._observer.succeeded(delivery.event, outcome)

    def _conclude_failure(self, delivery: Delivery, failure: Failure) -> None:
        state = self._state
        if failure.stage == StorageError.stage and self._pending.goes_away(delivery.event.bucket_name):
            state.ledger.forget(delivery.event)  # its claim
            self._observer.ended(delivery.event, "its bucket's directory is away")
            return
        attempts = delivery.attempts + 1
        excused = failure.resources and self._excused.get(delivery.id, 0) < EXCUSED
        final = not excused and (failure.resources or not failure.retryable or attempts >= ATTEMPTS)
        read = _read(delivery, failure)
        with state.transaction():
            if final:
                if delivery.event.records is None:
                    self._supersede(read, failure.names, done=False)
                state.errors.put(
                    report_failure(failure, delivery.request_id, attempts, time.time(), self._code_version)
                )
                state.ledger.fail(read, failure.outcome, delivery.request_id)
                state.conclude(delivery, read, failure.names)
            elif not excused:
                state.stream.failed_attempt(delivery)
        if final:
            self._summary.add(failure.outcome)
            self._summary.failed += 1
        else:
            if excused:
                self._excused[delivery.id] = self._excused.get(delivery.id, 0) + 1
            else:
                delivery.attempts = attempts
            due = time.monotonic() + RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
            heapq.heappush(self._retries, (due, delivery.id, delivery))
        self._observer.failed(failure, attempts, final)

    def _supersede(self, read: ObjectEvent, names: Sequence[str], *, done: bool) -> None:
        """The error table tells of each content of an object once. Of a file there is no content but the present."""
        is_file = read.bucket_name in self._stores.directories.buckets
        self._state.supersede(read, {read.identity, *names}, done=done, any_content=is_file)


def _read(delivery: Delivery, ended: Success | Failure) -> ObjectEvent:
    """The event of the content that was read: the one that was delivered, if that is what it announces."""
    announced, read = delivery.event, ended.event
    if read.identity == announced.identity:
        return announced
    return read if read.records is not None else by_itself(read)


def _object(delivery: Delivery) -> tuple[str, str]:
    return (delivery.event.bucket_name, delivery.event.object_key)


def _lane(delivery: Delivery) -> Lane:
    return delivery.event.lane or LANES[0]


def _lanes(taken: Iterable[Delivery]) -> set[Lane]:
    return {_lane(each) for each in taken}
