"""The supervisor of a run: it owns the state file, and knows lanes and attempts.

It puts what is new in the buckets on the lanes, hands each object event to a worker, and concludes: error
items, ledger and lane change in one transaction, so that a process killed at any moment leaves each object done, in
the error table, or still in its lane. A worker that dies costs its object one attempt and nothing else.
"""

from __future__ import annotations

import heapq
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from slips.backends.machine.directory import MOST_PROBLEMS, Stores
from slips.backends.machine.lanes import Delivery, stream_names
from slips.backends.machine.limits import lane_limit
from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.errors import StorageError, UsageError
from slips.model import LANES, Lane, ObjectEvent
from slips.pipeline.ended import Failure, Success, Superseded, by_itself
from slips.pipeline.push import push
from slips.pipeline.report import report_failure, report_quarantine
from slips.service.messages import Opened, Progress
from slips.service.pool import Death, Pool, Worker
from slips.service.summary import RESULTS_MEMORY, Observer, Summary
from slips.usercode import code_version

AGAIN = "again@"
"""How the replay of an object begins that people ask for by name."""
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
        self._stores = Stores(config, endpoint_url, region)
        self._summary = Summary()
        self._results_room = RESULTS_MEMORY
        self._code_version = code_version(config.resolve(config.handler.path))
        self._after: dict[Lane, int] = {}
        self._begun: dict[Lane, float] = {}
        """When the latest object of each lane started, on the monotonic clock."""
        self._only: set[tuple[str, str]] | None = None
        self._filled: set[str] = set()
        """Buckets in which this run has found a file."""
        self._away: set[str] = set()
        """Buckets whose directories cannot be reached, or are empty that were not: their events stay on the lanes."""
        self._excused: dict[int, int] = {}
        """Failures that were no attempts, by delivery."""
        self._retries: list[tuple[float, int, Delivery]] = []
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
            self._push_named(paths, again)
        else:
            self._push_pending()
        self._summary.problems += self._stores.directories.unlisted
        waiting, size = self._state.stream.waiting()
        self._observer.started(waiting if self._only is None else len(self._only), size)
        try:
            self._process_all()
        finally:
            self._pool.close()
        self._note_waiting()
        self._summary.results.sort(key=lambda each: (each["object"], each["handler"]))
        self._summary.seconds = round(time.monotonic() - begun, 3)
        return self._summary

    # -- what to process

    def _push_pending(self) -> None:
        """Everything new or changed in the buckets' directories goes to its lane."""
        directories = self._stores.directories
        state = self._state.directory.resolve()
        for bucket, directory in directories.buckets.items():
            keys: set[str] = set()
            problems = len(directories.unlisted)
            # A state directory in a bucket's directory is no log: each run would find it changed.
            own = f"{state.relative_to(directory).as_posix()}/" if state.is_relative_to(directory) else None
            listed = (event for event in directories.list(bucket) if not (own and event.object_key.startswith(own)))
            self._push(self._new(listed, keys))
            is_complete = problems == len(directories.unlisted) <= MOST_PROBLEMS
            files = self._state.files
            if is_complete:
                known = files.listed(bucket, keys, self._config.backend.ledger_days)
            else:
                known = len(files.keys(bucket))
            if keys:
                self._filled.add(bucket)
                continue
            self._note_loss(bucket, f"{directory} {'is empty' if is_complete else 'cannot be listed'}", known)
            holds = directories.holds_entries(bucket)
            if holds is None or (is_complete and known and not holds):
                self._away.add(bucket)

    def _note_loss(self, bucket: str, what: str, known: int) -> None:
        """Tells of a bucket without files if the state knows some."""
        if known:
            self._summary.notes.append(
                f"bucket {bucket!r}: {what}, though {known:,} of its objects are known; expected files; "
                "if it is a share, mount it; files that were deleted are forgotten when they have been absent for "
                f"{self._config.backend.ledger_days} days ('backend.ledger_days')"
            )

    def _note_waiting(self) -> None:
        """Tells how many events wait for directories that are away."""
        for bucket in sorted(self._away):
            if waiting := self._state.stream.waiting_of(bucket):
                directory = self._stores.directories.buckets[bucket]
                self._summary.problems.append(
                    f"bucket {bucket!r}: {waiting:,} of its object events stay on their lanes: {directory} cannot be "
                    "opened, or is empty; expected a directory with files; mount it and run again; events "
                    "of files that were deleted are tried when the files have been absent for "
                    f"{self._config.backend.ledger_days} days ('backend.ledger_days')"
                )

    def _new(self, events: Iterable[ObjectEvent], keys: set[str]) -> Iterator[ObjectEvent]:
        for listed in events:
            event = self._state.files.identified(listed)
            keys.add(event.object_key)
            if self._state.is_pending(event):
                yield event
            elif self._state.has_error(event):
                self._summary.left_alone += 1

    def _push_named(self, paths: Sequence[str], again: bool) -> None:
        """The named objects go to their lanes unless they are done or wait there; nothing else will be taken."""
        only: set[tuple[str, str]] = set()
        chosen: list[ObjectEvent] = []
        for path in paths:
            events = list(self._named(path))
            if not events:
                raise UsageError(f"{path}: no object there; expected a file, or a directory or prefix with some")
            for event in map(self._state.files.identified, events):
                if (name := (event.bucket_name, event.object_key)) in only:
                    continue
                only.add(name)
                self._filled.add(event.bucket_name)
                if again:
                    # A replay of its own, so that the ledger does not take it for a duplicate.
                    chosen.append(msgspec.structs.replace(event, replay=f"{AGAIN}{time.time_ns()}"))
                elif self._state.is_waiting(event):
                    continue
                elif self._state.is_settled(event):
                    self._summary.skipped += 1
                else:
                    chosen.append(event)
        self._only = only
        self._push(chosen)

    def _push(self, events: Iterable[ObjectEvent]) -> None:
        counts = push(
            events,
            routing=self._config.routing,
            stream=self._state.stream,
            drop=self._state.ledger.drop,
            streams=stream_names(self._config),
        )
        self._summary.dropped += counts["drop"]

    def _named(self, path: str) -> Iterator[ObjectEvent]:
        """The objects that a PATH of `slips run` names."""
        if path.startswith("s3://"):
            bucket, _, key = path.removeprefix("s3://").partition("/")
            if not bucket:
                raise UsageError(f"{path}: no bucket; expected s3://bucket/key-or-prefix")
            return self._exact_or_prefix(bucket, key)
        place = Path(os.path.realpath(path))
        for bucket, directory in self._stores.directories.buckets.items():
            if place.is_relative_to(directory):
                try:
                    is_directory = stat.S_ISDIR(place.stat().st_mode)
                except OSError as error:
                    raise UsageError(
                        f"{path}: {error.strerror}; expected a file or directory below {directory}"
                    ) from None
                key = place.relative_to(directory).as_posix()
                if is_directory:
                    return self._stores.list(bucket, "" if key == "." else f"{key}/")
                return (event for event in self._stores.list(bucket, key) if event.object_key == key)
        known = ", ".join(f"{directory} ({name})" for name, directory in self._stores.directories.buckets.items())
        raise UsageError(
            f"{path}: belongs to no bucket; expected a path below a directory of 'backend.embedded.buckets' "
            f"({known or 'there are none'}), or s3://bucket/key-or-prefix"
        )

    def _exact_or_prefix(self, bucket: str, key: str) -> Iterator[ObjectEvent]:
        """That very key if there is one, else all that begin with it."""
        try:
            for number, event in enumerate(self._stores.list(bucket, key)):
                yield event
                if number == 0 and event.object_key == key:
                    return  # keys come in order: the exact one is the first
        except StorageError as error:
            raise UsageError(f"{error}; expected a bucket that can be listed") from error

    # -- processing

    def _process_all(self) -> None:
        taken: list[Delivery] = []
        while True:
            now = time.monotonic()
            while self._retries and self._retries[0][0] <= now:
                taken.insert(0, heapq.heappop(self._retries)[2])
            taken = [each for each in taken if each.event.bucket_name not in self._away]
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
        """The next events of the lanes, of the named objects only if there are some, and of no bucket that is away."""
        while batch := self._state.stream.take(AT_HAND, self._after, lanes):
            wanted = [
                each
                for each in batch
                if each.event.bucket_name not in self._away and (self._only is None or _object(each) in self._only)
            ]
            if wanted:
                return wanted
        return []

    def _hand_out(self, taken: list[Delivery]) -> None:
        """Gives events to workers that are free, starting workers while there is more than they can take."""
        while True:
            lanes = self._open_lanes()
            # One at a time of each object: two events may turn out to be of the same content.
            in_hand = {_object(each) for each in self._pool.deliveries}
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
            self._pool.give(worker, delivery)

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
        match message:
            case Opened(event=event, names=names):
                if worker.delivery:
                    worker.delivery.read, worker.delivery.names = event, names
            case Progress(seq=seq, hashed=hashed):
                if worker.delivery and hashed:
                    self._observer.hashing(worker.delivery.event, hashed)
                elif worker.delivery:
                    self._observer.progress(worker.delivery.event, seq)
            case Success():
                self._conclude_success(worker.finish(), message)
            case Superseded():
                self._conclude_superseded(worker.finish(), message)
            case Failure():
                self._conclude_failure(worker.finish(), message)
            case Death(how=how, where=where, seq=at):
                delivery = worker.finish()
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

    def _goes_away(self, bucket: str) -> bool:
        """Whether a bucket's directory is away by now, so that its events wait: no attempt could help."""
        directories = self._stores.directories
        if bucket in directories.buckets and bucket not in self._away:
            holds = directories.holds_entries(bucket)
            if holds is None or (not holds and bucket in self._filled):
                self._away.add(bucket)
        return bucket in self._away

    def _conclude_failure(self, delivery: Delivery, failure: Failure) -> None:
        state = self._state
        if failure.stage == StorageError.stage and self._goes_away(delivery.event.bucket_name):
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
