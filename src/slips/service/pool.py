"""The worker processes of this machine: starts and ends them, sends objects, reads answers, reports how they end.

Lanes, attempts and the state file are unknown here: the supervisor chooses the task of a worker, and decides what the
worker's death means for its object.
"""

from __future__ import annotations

import errno
import resource
import selectors
import time
from collections.abc import Callable, Iterator

from msgspec import Struct

from slips.config import Config
from slips.errors import UsageError
from slips.pipeline.ended import Failure, Success, Superseded
from slips.service.messages import FromWorker, Imported, Leaving, Loading, Opened, Prints, Progress, Ready, Task
from slips.service.wake import Wake
from slips.service.worker_process import AHEAD_SECONDS, STOP_SECONDS, Worker, end_all

START_SECONDS = 60.0
"""Most seconds that importing a handler may take, before its worker is killed as hung."""
STARTS = 3
"""Starts in a row that may fail while no worker is ready: the system may be out of memory for a moment."""
START_AGAIN_SECONDS = (0.3, 1.0)
"""Seconds to wait before the second and the third start."""
FEWER_SECONDS = 60.0
"""Seconds until another start, if one has failed while other workers were ready."""
REST_SECONDS = 5.0
"""Most seconds between two parts of a message. A worker writes it in one go: after more the bytes are no message."""
HUNG_UP_SECONDS = 1.0
"""Most seconds that a busy worker may live on after its pipe has ended: its object is lost to it."""
GAP_SECONDS = 0.3
"""Most seconds between two looks at the workers that count as time of the workers. In a longer gap this process did not
run either, so that its workers were not silent.

Each stop of the whole session may count as so much of a worker's time. If a machine is so busy that looks come later
than this, a hang is found later, too.
"""
OWN_DESCRIPTORS = 30
"""Files that the supervisor may have open beside those of its workers: state, listings, the start of a worker."""
WORKER_DESCRIPTORS = 6
"""Files that the supervisor has open for each worker."""


class Awake:
    """A clock of seconds that stops while this process is stopped, or the machine is suspended."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._looked = clock, clock()
        self.seconds = 0.0
        """Seconds that this process ran, up to the last look."""

    def look(self) -> None:
        """Advance the clock. Call this several times a second."""
        now = self._clock()
        self.seconds += min(now - self._looked, GAP_SECONDS)
        self._looked = now


class Death(Struct):
    """A worker died, or was killed, while it processed an object."""

    how: str
    """The end of the process, in words."""
    where: str
    """The position of the run, in words."""
    seq: int | None
    """Number of the record that `recv` was working on; None outside of `recv`."""
    overdue: bool
    """Whether the worker exceeded its time."""


class Returned(Struct):
    """A worker will not run the latest object that it was given, and did not: this costs the object no attempt."""


class _Trial(Struct, eq=False):
    """A worker that shows whether a changed config, and changed files of handlers, can be used."""

    config: Config
    worker: Worker
    wanted: int


class Pool:
    """Up to `wanted` workers. Calls `warn` with the reason if there are fewer."""

    def __init__(
        self,
        config: Config,
        wanted: int,
        *,
        endpoint_url: str | None,
        region: str | None,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        wake: Wake | None = None,
        prints: Prints = "as they are",
    ) -> None:
        """Start no worker yet. `wake` ends a wait. `prints`: see `Setup`.

        Raises UsageError if the system allows too few open files for a single worker.
        """
        self._config, self._endpoint_url, self._region, self._warn = config, endpoint_url, region, warn
        self._prints = prints
        self._wanted = self._most = _allowed(wanted, warn)
        self._most_at = 0.0
        """When as many workers are wanted again as at first, if a start has failed."""
        self._awake = Awake(clock)
        self._workers: list[Worker] = []
        self._failed_starts, self._last_failure, self._start_at = 0, -1.0, 0.0
        self._broken: dict[str, str] = {}
        """Files of handlers that end each worker that imports them, with the reason in words."""
        self.refusal = ""
        """The reason why the latest `renew` has failed; empty if it has not."""
        self._unusable: set[str] = set()
        """Problems of handlers that the user was warned of."""
        self.files: set[str] = set()
        """Files of the user that the workers have imported."""
        self._trial: _Trial | None = None
        self._lost: list[Worker] = []
        """Killed workers that the system does not end, without an object. As many are left behind as workers are wanted
        at most: each keeps its memory."""
        self._selector = selectors.DefaultSelector()
        if wake is not None:
            self._selector.register(wake.descriptor, selectors.EVENT_READ, wake)

    @property
    def size(self) -> int:
        """Number of worker processes."""
        return len(self._workers)

    @property
    def is_busy(self) -> bool:
        """Whether a worker has an object in hand."""
        return any(worker.task for worker in self._workers)

    @property
    def is_renewing(self) -> bool:
        """Whether a worker with a changed config, or changed files, is being tried."""
        return self._trial is not None

    @property
    def has_worker(self) -> bool:
        """Whether a worker is ready."""
        return any(worker.ready for worker in self._workers)

    def renew(self, config: Config, wanted: int) -> None:
        """Replace all workers by new ones with this config, as soon as one of these is ready: see `is_renewing`.

        Busy ones end their objects before. If the new one cannot be used, all stays as it is, and `refusal` says why.
        The one that is being tried is killed. Meanwhile no others are started: they would import the same files.
        """
        self.refusal = ""
        self.end_trial()
        worker = self._started(config, {})
        if worker is not None:
            self._trial = _Trial(config, worker, wanted)

    def end_trial(self) -> None:
        """Kill the worker that is being tried, if there is one: the files have changed again."""
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.worker.leaving = True
            trial.worker.dismiss()

    def free(self, waiting: int) -> Worker | None:
        """Return a worker that can be given an object: an idle one; if all are busy, one for which it is the next.

        If there is none, start more for the `waiting` objects and return None.
        """
        if sum(1 for worker in self._workers if worker.task) >= self._wanted:  # some may be leaving
            return next((worker for worker in self._workers if worker.has_room(self._awake.seconds)), None)
        for worker in self._workers:
            if worker.is_free:
                return worker
        while self._may_start(waiting):
            self._start()
        return None

    def wait(
        self, timeout: float
    ) -> Iterator[tuple[Worker, Opened | Progress | Success | Failure | Superseded | Death | Returned]]:
        """Yield the messages of workers about their objects. Wait at most `timeout` seconds, or for `wake`.

        That an object was opened ends no wait: nothing can be done about it.

        Raises UsageError if no worker can be started.
        """
        if any(worker.ahead for worker in self._workers):
            timeout = min(timeout, AHEAD_SECONDS)
        end, is_over = time.monotonic() + timeout, False
        while not is_over:
            readable = self._selector.select(timeout)
            self._awake.look()
            timeout = end - time.monotonic()
            is_over = not readable or timeout <= 0
            for key, _ in readable:
                if isinstance(key.data, Wake):
                    key.data.clear()
                    is_over = True
                    continue
                worker: Worker = key.data
                messages = worker.receive(self._awake.seconds)
                if messages is None:
                    self._selector.unregister(worker.answers)
                    worker.hang_up(self._awake.seconds)
                    is_over = True
                for message in messages or ():
                    is_over = is_over or not isinstance(message, Opened)
                    yield from self._take(worker, message)
        yield from self._look_after()

    def _take(
        self, worker: Worker, message: FromWorker
    ) -> Iterator[tuple[Worker, Opened | Progress | Success | Failure | Superseded | Returned]]:
        """Handle a message of a worker. Yield it if it is about an object."""
        match message:
            case Loading(path=path):
                worker.loading = path
            case Ready() if worker.leaving:
                pass  # it was on trial, and the files have changed again
            case Ready(problem=problem, unusable=unusable) if self._is_on_trial(worker):
                self._judge(worker, "; ".join(unusable) if problem is None else problem)
            case Ready(problem=None, unusable=unusable):
                self._make_ready(worker, unusable)
            case Ready(problem=problem):
                worker.refused = problem or ""
                worker.dismiss()
            case Imported(files=files):
                self.files.update(files)
            case Leaving():
                worker.leaving = True
            case Opened() | Success() | Failure() | Superseded() if not worker.is_about(message.event):
                worker.kill("answered for another object and was killed", self._awake.seconds)
            case Opened():
                yield worker, message
            case Progress():
                if worker.task is not None:
                    yield worker, message
            case Success() | Failure() | Superseded():
                if worker.leaving and worker.take_back():
                    yield worker, Returned()
                worker.ended(self._awake.seconds)
                yield worker, message
                if worker.leaving and not worker.task:
                    worker.dismiss()

    def give(self, worker: Worker, task: Task) -> None:
        """Send a worker that is `free` its next object."""
        worker.give(task, self._awake.seconds)

    def take_back(self, worker: Worker) -> bool:
        """Take back the object that a worker was given ahead. Return False if it has begun it."""
        return worker.take_back()

    def close(self) -> None:
        """End all workers. Idle ones may finish the exit functions of their handlers; busy ones are killed."""
        end_all(self._workers)
        self._selector.close()

    # -- starts

    def _may_start(self, waiting: int) -> bool:
        if self.is_renewing:
            return False
        starting = sum(1 for each in self._workers if not each.ready)
        staying = sum(1 for each in self._workers if not each.leaving)
        # After a failed start only one at a time: the system may lack the memory for several at once.
        room = 1 if self._failed_starts else waiting
        return staying < self._wanted and starting < room and time.monotonic() >= self._start_at

    def _start(self) -> None:
        if self._started(self._config, self._broken) is None:
            self._not_started(self.refusal, self._awake.seconds)

    def _started(self, config: Config, broken: dict[str, str]) -> Worker | None:
        """Start a worker. Return None, with the reason in `refusal`, if the system cannot."""
        try:
            worker = Worker(config, self._endpoint_url, self._region, broken, self._awake.seconds, self._prints)
        except OSError as error:
            self.refusal = f"a worker process cannot be started: {error.strerror}; {_mend(error)}"
            return None
        self._workers.append(worker)
        self._selector.register(worker.answers, selectors.EVENT_READ, worker)
        return worker

    def _is_on_trial(self, worker: Worker) -> bool:
        return self._trial is not None and self._trial.worker is worker

    def _judge(self, worker: Worker, problem: str) -> None:
        """Let all other workers go if the one on trial has no problem; else let that one go."""
        trial, self._trial = self._trial, None
        self.refusal = problem
        if problem or trial is None:
            worker.leaving = True
            worker.dismiss()
            return
        self._config, self._wanted = trial.config, trial.wanted
        self._most = self._wanted
        self._broken, self._unusable, self.files = {}, set(), set()
        worker.ready = True
        self._failed_starts, self._start_at = 0, 0.0
        for each in self._workers:
            if each is not worker:
                each.leaving = True
                if not each.task:
                    each.dismiss()

    def _make_ready(self, worker: Worker, unusable: list[str]) -> None:
        """Let a worker take objects. Warn of the handlers that it cannot use, unless other workers can use them."""
        new = [problem for problem in unusable if problem not in self._unusable]
        if new and any(each.ready for each in self._workers):
            worker.refused = "; ".join(new)
            worker.dismiss()
            return
        worker.ready = True
        self._failed_starts = 0
        self._warn_of(new)

    def _warn_of(self, problems: list[str]) -> None:
        """Warn that some handlers cannot be used while others can."""
        for problem in problems:
            self._unusable.add(problem)
            self._warn(f"{problem}; its objects fail, all others are processed")

    def _not_started(self, why: str, begun: float, *, for_good: bool = False, path: str = "") -> None:
        """Count the failed start of a worker that was begun at `begun`, and that died when it imported `path`.

        If other workers are ready, continue with these for FEWER_SECONDS. Else schedule another start. If all STARTS
        failed, or the failure is `for_good`, later workers do not import `path`. Raises UsageError if they would have
        no handler left.
        """
        if any(worker.ready for worker in self._workers):
            self._wanted, self._most_at = len(self._workers), self._awake.seconds + FEWER_SECONDS
            self._warn(f"{why}; going on with {self._wanted} of the workers, until another start")
            return
        if begun > self._last_failure:  # workers that were started together count as one start
            self._failed_starts += 1
            self._last_failure = self._awake.seconds
        if for_good or self._failed_starts >= STARTS:
            self._give_up(path, why)
            return
        self._start_at = time.monotonic() + START_AGAIN_SECONDS[self._failed_starts - 1]

    def _give_up(self, path: str, why: str) -> None:
        """Let later workers do without the handlers in the file `path`. Raises UsageError if there are no others."""
        if not path:
            raise UsageError(why)
        broken = {**self._broken, path: why}
        if {spec.path for spec in self._config.handlers} <= broken.keys():
            raise UsageError("\n".join(broken.values()))
        self._broken = broken
        self._warn_of([why])
        self._failed_starts, self._start_at = 0, 0.0

    # -- ends

    def _bury(self, worker: Worker) -> Iterator[tuple[Worker, Death | Returned]]:
        """Remove a dead worker. Yield its death if it had an object; else count a failed start if it was not ready.

        The object that it was given ahead has not begun, unless the end of the other one came to nothing.
        """
        if not worker.hung_up:
            self._selector.unregister(worker.answers)
        self._workers.remove(worker)
        seq, where = worker.where()
        if worker.ahead is not None or worker.take_back():
            yield worker, Returned()
        how = worker.release()
        if worker.task is not None:
            yield worker, Death(how, where, seq, worker.overdue)
        elif self._is_on_trial(worker):
            self._trial = None
            self.refusal = f"{worker.loading or 'the worker'}: importing the handler {how}; expected it to import"
        elif worker.leaving:
            return
        elif worker.refused is not None:
            self._not_started(worker.refused, worker.begun, for_good=True)
        elif not worker.ready and worker.loading not in self._broken:
            if worker.loading:
                why = f"{worker.loading}: importing the handler {how}; expected it to import without that"
            else:
                why = f"a worker {how} before its first object; expected it to start; see what it printed"
            self._not_started(why, worker.begun, for_good=worker.overdue, path=worker.loading)

    def _look_after(self) -> Iterator[tuple[Worker, Death | Returned]]:
        """Remove dead workers, and killed ones that do not end. Kill those that are silent for too long
        (`handler.timeout`), or live without a pipe.

        Take back what a worker was given ahead, if its object takes long or it has to go.
        """
        if self._wanted < self._most and self._awake.seconds >= self._most_at:
            self._wanted = self._most
        self._lost = [worker for worker in self._lost if not worker.has_ended]
        now = self._awake.seconds
        for worker in list(self._workers):
            silent = now - worker.heard
            limit = self._config.handler.timeout if worker.ready else START_SECONDS
            if worker.is_dead:
                yield from self._bury(worker)
                continue
            if worker.is_lost(now) and len(self._lost) < self._most:
                self._leave_behind(worker)
                yield from self._bury(worker)
                continue
            if worker.ahead and (worker.leaving or worker.is_slow(now)) and worker.take_back():
                yield worker, Returned()
            if worker.hung_up:
                if silent > (HUNG_UP_SECONDS if worker.task else STOP_SECONDS):
                    worker.kill("closed the pipe of its worker and was killed", now)
            elif worker.is_in_message and silent > REST_SECONDS:
                worker.kill("wrote into the pipe of its worker and was killed", now)
            elif limit and (worker.task or not worker.ready) and silent > limit:
                worker.overdue = True
                allowed = "'handler.timeout'" if worker.ready else f"{START_SECONDS:.0f} s"
                worker.kill(f"gave no sign of life for longer than {allowed} and was killed", now)
            elif worker.leaving and not worker.task and silent > STOP_SECONDS:
                worker.kill("did not end", now)

    def _leave_behind(self, worker: Worker) -> None:
        """Warn of a worker that was killed and does not end, and keep it in mind: such ones may not become many."""
        self._lost.append(worker)
        self._warn(
            f"the worker with process id {worker.pid} was killed, and does not end: it waits for a device or a file "
            "system; its object goes to another worker, and it ends by itself when that answers or is unmounted"
        )


def _allowed(wanted: int, warn: Callable[[str], None]) -> int:
    """Return the number of workers that the limit of open files allows, after raising the limit as far as allowed.

    Raises UsageError if that is less than one.
    """
    needed = OWN_DESCRIPTORS + WORKER_DESCRIPTORS * wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    allowed = (soft - OWN_DESCRIPTORS) // WORKER_DESCRIPTORS
    if allowed < 1:
        raise UsageError(
            f"this process may open {soft} files at once; expected {OWN_DESCRIPTORS + WORKER_DESCRIPTORS} at least, "
            f"and {WORKER_DESCRIPTORS} for each further worker; raise the limit with 'ulimit -n {needed}'"
        )
    if allowed < wanted:
        warn(f"{allowed} of {wanted} workers: {soft} files may be open at once; 'ulimit -n {needed}' allows all")
    return min(wanted, allowed)


def _mend(error: OSError) -> str:
    """Return the advice for a process that cannot be made, the end of its error text."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "expected more open files to be allowed; raise the limit with 'ulimit -n'"
    return "expected memory and room for another process; try fewer '--workers'"
