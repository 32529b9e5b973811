"""The supervisor of a session: owns the state file, gives objects to workers, and concludes their runs.

The supervisor sends each object event of the lanes to a worker, and concludes its run: error items, ledger and lane
change in one transaction. So a process that is killed at any moment leaves each object done, in the error table, or
still on its lane. A worker that dies costs its object one attempt and nothing else.

`turns` decides which object starts next, and `intake` puts on the lanes what sources announce. One `step` after
another does all of it. `slips run` takes steps until nothing is left, `slips up` (see `up`) until it is stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial

from slips.backends.machine.files import as_hashed
from slips.backends.machine.lanes import Delivery
from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.errors import StateError
from slips.model import Lane, ObjectEvent
from slips.pipeline.ended import Failure, Success, Superseded
from slips.pipeline.push import AGAIN
from slips.service.brakes import Brakes
from slips.service.conclusions import Conclusions, Ended, soon
from slips.service.intake import Intake
from slips.service.interrupts import Interrupts
from slips.service.messages import Opened, Prints, Progress, Task
from slips.service.observer import Observer
from slips.service.pending import Pending
from slips.service.pool import Death, Pool, Returned
from slips.service.promises import Promises
from slips.service.session import Session
from slips.service.sources import Source
from slips.service.summary import RESULTS_MEMORY, Summary
from slips.service.turns import AT_HAND, Turns
from slips.service.wake import Wake
from slips.service.worker_process import Worker
from slips.site.machine import MachineSite

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
        monotonic: Callable[[], float] = time.monotonic,
        pool: Pool | None = None,
        interrupts: Interrupts | None = None,
        sources: Sequence[Source] = (),
        pause: Callable[[int], float] = soon,
        endless: bool = False,
        prints: Prints = "as they are",
        break_at: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Start no worker yet. `clock` measures the silence of workers. `pool` replaces processes of this machine.

        `monotonic` measures the seconds between two attempts, and between two looks at the state.
        `pause` returns the seconds between two attempts. `endless`: keep no results of objects, and one of several
        workers for short ones (see `Turns`). `prints`: see `Setup`. `break_at` and `now`: the `default` and the `clock`
        of `Brakes`.
        """
        self.config, self._state = config, state
        self._endpoint_url, self._region = endpoint_url, region
        self._asked, self._endless = workers, endless
        self._workers = self._workers_for(config)
        self.summary = Summary()
        """The counts of the session so far, also after an exception."""
        self.wake = Wake()
        site = MachineSite(config, state, endpoint_url=endpoint_url, region=region)
        pending = Pending(site, self.summary)
        brakes = Brakes(site, pending, observer, default=break_at, clock=now, monotonic=monotonic)

        def may_start(delivery: Delivery) -> bool:
            return pending.is_wanted(delivery.event) and brakes.allows(delivery)

        turns = Turns(config, state, may_start, workers=self._workers, keeps_one=endless, clock=monotonic)
        intake = Intake(site, sources, observer, self.wake, turns.at_work)
        self.session = Session(site, pending, brakes, turns, intake, observer, self.summary)
        self._conclusions = Conclusions(
            self.session, pause, interrupts or Interrupts(), 0 if endless else RESULTS_MEMORY
        )
        self._in_hand: dict[Worker, list[Delivery]] = {}
        """The objects of each worker that has any: the one at work, and perhaps the one that it was given ahead."""
        self._promises = Promises(self._in_hand)
        self._pool = pool or Pool(
            config,
            self._workers,
            endpoint_url=endpoint_url,
            region=region,
            warn=observer.warned,
            clock=clock,
            wake=self.wake,
            prints=prints,
        )

    def run(
        self, paths: Sequence[str] = (), *, again: bool = False, replays: Sequence[ObjectEvent] | None = None
    ) -> Summary:
        """Process the pending objects, those at `paths`, or just these `replays`. Return when all are concluded.

        Raises UsageError for paths and handlers that cannot be used, StateError if the state cannot be written.
        """
        session, begun = self.session, time.monotonic()
        try:
            if replays is not None:
                session.pending.choose_replays(replays)
            elif paths:
                session.pending.push_named(paths, again=again)
            else:
                session.pending.push_listed()
            self.summary.problems += session.site.stores.directories.unlisted
            session.observer.started(*self._waiting())
            session.intake.open()
            session.brakes.look()
            while not self.is_over:
                self.step()
            session.brakes.write(all_of_it=True)
        finally:
            self.summary.results.sort(key=lambda each: (each["object"], each["handler"]))
            self.summary.seconds = round(time.monotonic() - begun, 3)
            self.summary.problems += session.intake.problems
            self.summary.left_alone += session.intake.left_alone
            self.summary.dropped += session.intake.dropped
            self.close()
        session.pending.note_waiting()
        session.brakes.note_waiting(self.summary.problems)
        return self.summary

    @property
    def is_busy(self) -> bool:
        """Whether a worker has an object in hand, or the end of a run is not concluded yet."""
        return self._pool.is_busy or bool(self._conclusions)

    @property
    def workers(self) -> int:
        """Number of worker processes."""
        return self._pool.size

    @property
    def running(self) -> int:
        """Number of objects at work."""
        return len(self._in_hand)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: nothing waits, nothing is at work, and nothing can arrive any more."""
        if self.is_busy or not self.session.intake.is_over:
            return False
        self.session.turns.refill()
        return self.session.turns.is_over

    def step(self, *, starts: bool = True) -> None:
        """Take what has arrived, and start what may start now, if it `starts` any. Then wait, and conclude what ended.

        Raises StateError if the state cannot be written: nothing is lost, and the next step tries again. Raises
        LostStateError if it is no longer in its place: no step can do anything then.
        """
        turns, brakes, seconds = self.session.turns, self.session.brakes, LOOK_SECONDS
        self._conclusions.write()  # what an earlier step could not write
        if self.session.intake.take():
            turns.look_again(from_start=False)
        if starts:
            brakes.look()
            brakes.reconsider(turns)
            turns.refill()
        is_open = starts and turns.allows_ahead and not brakes.is_on
        if not is_open:
            self._take_back()
        if starts:
            self._hand_out(ahead=is_open)
            seconds = min(seconds, turns.seconds_left())
        self.listen(seconds)
        self._conclusions.write()
        brakes.write()
        brakes.reconsider(turns)

    def warm_up(self) -> None:
        """Start a worker, so that a handler that cannot be used is found before the first object."""
        self._pool.free(1)

    def listen(self, seconds: float) -> None:
        """Wait at most so long for workers, and keep what they say for the next step. Reads and writes no state.

        Raises LostStateError if the state is no longer in its place.
        """
        for worker, message in self._pool.wait(seconds):
            self._hear(worker, message)
        self._state.check_place()

    # -- changed code

    @property
    def files(self) -> set[str]:
        """The user's files that the workers have imported."""
        return self._pool.files

    @property
    def has_worker(self) -> bool:
        """Whether a worker is ready."""
        return self._pool.has_worker

    @property
    def is_renewing(self) -> bool:
        """Whether a worker with a changed config, or changed files, is being tried."""
        return self._pool.is_renewing

    def renew(self, config: Config) -> None:
        """Try a worker with this config and the files as they are, in place of another that is tried.

        Objects that start while this `is_renewing` run with the old code.
        """
        self._pool.renew(config, self._workers_for(config))

    def end_trial(self) -> None:
        """Try no longer what `renew` was told to try."""
        self._pool.end_trial()

    def use(self, config: Config) -> str:
        """Use the config that was tried from now on. Return the reason if it cannot be used, else an empty text."""
        if self._pool.refusal:
            return self._pool.refusal
        session = self.session
        self.config, self._workers = config, self._workers_for(config)
        session.site = MachineSite(config, self._state, endpoint_url=self._endpoint_url, region=self._region)
        for part in (session.pending, session.brakes, session.intake):
            part.reload(session.site)
        session.turns.reload(config, self._workers)
        return ""

    def _workers_for(self, config: Config) -> int:
        # The one that is kept for short objects comes on top: a machine whose lanes are full is to be used up.
        return self._asked or config.handler.concurrency or (os.cpu_count() or 1) + self._endless

    def close(self) -> None:
        """End all workers and sources. Objects that are at work stay on their lanes."""
        self._pool.close()
        self.session.intake.close()
        self.wake.close()

    def _waiting(self) -> tuple[int, int]:
        """Return the number of events that this session will process, and the stored bytes of their objects."""
        pending = self.session.pending
        if pending.are_all_wanted:
            return self._state.stream.waiting()
        count = size = 0
        after: dict[Lane, int] = {}
        while batch := self._state.stream.take(AT_HAND, after):
            wanted = [each.event.object_size for each in batch if pending.is_wanted(each.event)]
            count, size = count + len(wanted), size + sum(wanted)
        return count, size

    # -- objects and workers

    def _hand_out(self, *, ahead: bool) -> None:
        """Send events to free workers, `ahead`: also to busy ones. Start further workers while events are left.

        All claims are one transaction. If it fails, objects are at work without a claim, which they do not need: no
        other event of an object starts meanwhile.
        """
        if (worker := self._free(ahead=ahead)) is None:
            return
        turns, duplicates = self.session.turns, list[Delivery]()
        try:
            with self._state.transaction():
                while worker is not None:
                    delivery = turns.next(partial(self._promises.suits, worker), ahead=worker in self._in_hand)
                    if delivery is None:
                        break
                    self._promises.keep(delivery)
                    try:
                        if self._claim(delivery):
                            self._give(worker, delivery)
                        else:
                            duplicates.append(delivery)
                    except StateError:
                        turns.give_back(delivery)
                        raise
                    worker = self._free(ahead=ahead)
        except StateError:
            for delivery in duplicates:
                turns.give_back(delivery)
            raise
        self._promises.end_of_idle()
        self.summary.duplicates += len(duplicates)
        for delivery in duplicates:
            self._conclusions.leave(delivery, "duplicate")

    def _free(self, *, ahead: bool) -> Worker | None:
        """Return a worker for the next event, a busy one only for an object `ahead`. If there is none, start more."""
        turns = self.session.turns
        if not turns.count:
            return None
        worker = self._pool.free(0)
        if worker is None:
            if turns.can_start():
                self._pool.free(turns.count)
        elif worker in self._in_hand and not ahead:
            return None
        return worker

    def _give(self, worker: Worker, delivery: Delivery) -> None:
        """Send a worker an object that is claimed."""
        self.session.turns.started(delivery)
        self.session.brakes.started(delivery)
        objects = self._in_hand.setdefault(worker, [])
        objects.append(delivery)
        self._pool.give(worker, Task(delivery.event, delivery.settled, delivery.known, self._promised(worker)))
        if len(objects) == 1:
            self.session.observer.given(delivery.event)

    def _take_back(self) -> None:
        """Take back the objects that workers were given ahead, but for those that have begun."""
        for worker in [worker for worker, objects in self._in_hand.items() if len(objects) > 1]:
            if self._pool.take_back(worker):
                self._hear(worker, Returned())

    def _promised(self, worker: Worker) -> list[ObjectEvent]:
        """Return the events whose objects a worker fetches ahead from S3."""
        if self.session.is_all_here:
            return []
        turns = self.session.turns
        in_s3 = (each for each in turns.at_hand if self.session.is_in_s3(each.event.bucket_name))
        return self._promises.make(worker, in_s3, turns.count // self._workers)

    def _claim(self, delivery: Delivery) -> bool:
        """Claim an object, and add to its delivery what is known of it. Take a duplicate off its lane: return False.

        Nothing is known of an object for whose run a user has asked.
        """
        with self._state.transaction():
            ledger, event = self._state.ledger, delivery.event
            delivery.read, delivery.names = None, ()
            known = self._state.files.known(event.bucket_name, event.object_key)
            if (identified := as_hashed(event, known)) is not event:
                ledger.release(event, delivery.request_id)  # the claim of an earlier attempt
                event = delivery.event = identified
            again = (event.replay or "").startswith(AGAIN)
            # If the user asks for the object again, hash its bytes: writes through shared memory change no times.
            delivery.known = {} if again else known
            delivery.settled = [] if again or event.records is not None else ledger.settled(event)
            if ledger.claim(event, delivery.request_id) in ("done", "claimed"):
                self._state.acknowledge(delivery)
                self.session.pending.push_changed(event)
                return False
            return True

    def _hear(self, worker: Worker, message: Opened | Progress | Ended | Death | Returned) -> None:
        """Handle a worker's message, or its death, which costs its object an attempt."""
        delivery = self._in_hand[worker][0]
        match message:
            case Opened(event=event, names=names):
                delivery.read, delivery.names = event, names
            case Progress(seq=seq, hashed=hashed):
                if hashed:
                    self.session.observer.hashing(delivery.event, hashed)
                else:
                    self.session.observer.progress(delivery.event, seq)
            case Success() | Failure() | Superseded():
                self._conclusions.add(self._end(worker), message)
            case Death():
                self._promises.end(worker)
                self._conclusions.add(self._end(worker), _failure_of(delivery, message))
            case Returned():
                returned = self._end(worker, -1)
                self.session.brakes.returned(returned)
                self.session.turns.give_back(returned)

    def _end(self, worker: Worker, place: int = 0) -> Delivery:
        """Remove an object of a worker: the one at work, behind which the next begins, or the latest one."""
        objects = self._in_hand[worker]
        ended = objects.pop(place)
        if not objects:
            del self._in_hand[worker]
        elif place == 0:
            self.session.observer.given(objects[0].event)
        return ended


def _failure_of(delivery: Delivery, death: Death) -> Failure:
    """Return the failure of an object whose worker died."""
    at = f"record {death.seq}: " if death.seq else ""
    return Failure(
        event=delivery.read or delivery.event,
        names=delivery.names,
        stage="worker",
        error_type="WorkerTimeout" if death.overdue else "WorkerDied",
        message=f"{delivery.event.url}: {at}the handler {death.how} {death.where}",
        retryable=True,
        seq=death.seq,
    )
