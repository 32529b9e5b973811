"""A worker process as its supervisor sees it: starts the process, talks to it through pipes, and ends it.

The program in the process is `worker`. `pool` decides when one is started, is silent for too long, or has to go.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec
from msgspec import structs

from slips.config import Config
from slips.model import ObjectEvent
from slips.position import SharedCells
from slips.service.messages import Frames, FromWorker, Prints, Setup, Task, frame
from slips.service.permits import Permit

STOP_SECONDS = 5.0
"""Most seconds that idle workers may take to end, all together."""
REAP_SECONDS = 0.02
"""Most seconds to wait for a process whose pipe has ended: most die of the same."""
RELEASE_SECONDS = 0.5
"""Most seconds to wait for a process that was killed: one that waits for a dead share does not end by that."""
LOST_SECONDS = 30.0
"""Seconds after which a process that was killed, and has not ended, is left behind. None of its code runs any more: the
kernel ends it when what it waits for has come, and until then holds what it has."""
GLIBC = {
    "MALLOC_TRIM_THRESHOLD_": str(2 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512DQ,Fast_Unaligned_Load",
}
"""How glibc works in a worker, unless the user says otherwise. It keeps so many bytes that an object has freed for the
next one, blocks of the second number among them: to give them back to the system, and to take them again page by page,
took 3 % of the time of objects of 1 MB. And its `strstr`, by which prefilters search, does without AVX-512: some such
searches in a row slow the core down for all that follows, decompression too, by a tenth. On processors of AMD it takes
the instructions that it has for those of Intel: else it looks for short texts byte by byte, in the twentieth part of
the speed. Elsewhere it says nothing."""
TOKEN_BYTES = 8
AHEAD_SECONDS = 0.05
"""A worker is given an object ahead if its last one took less, and loses it again if the current one takes longer: so
much does a long object hold up another at most. What takes longer gains nothing: the gap between two is 1 ms."""
READ_BYTES = 64 * 1024
"""Most bytes of one read from the pipe of a worker, which holds no more. For each read of a megabyte Python takes that
from the system and gives it back: 20 µs for each message, not 2."""
AHEAD_BYTES = 16 * 1024
"""Most bytes of a message that is sent ahead: a busy worker does not read, and no pipe may keep the supervisor."""


class Worker:
    """A worker process, its current object, and the one that it was given ahead."""

    def __init__(
        self,
        config: Config,
        endpoint_url: str | None,
        region: str | None,
        broken: dict[str, str],
        now: float,
        prints: Prints = "as they are",
    ) -> None:
        """Start the process. Raises OSError if the system cannot make it. `broken`, `prints`: see `Setup`."""
        self.begun = self.heard = now
        """Times of the start and of the last answer, in seconds of Awake."""
        self.loading = ""
        """The handler's file that the worker imports; empty before the first, and behind the last."""
        self.ready = False
        self.refused: str | None = None
        """The reason why no handler can be used."""
        self.overdue = False
        self.leaving = False
        """Whether the worker must be replaced after its current object."""
        self.hung_up = False
        """Whether the pipe has ended, so that the process should end, too."""
        self.task: Task | None = None
        """The object that the worker processes, or begins now; None if it is idle."""
        self.ahead: Task | None = None
        """The object that the worker begins when it has ended that one."""
        self._unsent: Task | None = None
        """That object, if its message is too long to be sent ahead."""
        self.since = now
        """When the worker began the current object, in seconds of Awake."""
        self._is_quick = False
        """Whether its last object took less than AHEAD_SECONDS."""
        self._killed = ""
        self._killed_at = now
        token = os.urandom(TOKEN_BYTES)
        self._frames = Frames(token)
        with ExitStack() as on_failure:
            self._cells = SharedCells()
            on_failure.callback(self._cells.close)
            self._permit = Permit()
            on_failure.callback(self._permit.close)
            # Only this process holds the writing end: it closes when this process dies, however it dies.
            lifeline, self._lifeline = os.pipe()
            on_failure.callback(os.close, self._lifeline)
            try:
                shared = [lifeline, self._cells.descriptor, self._permit.descriptor]
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    [sys.executable, "-P", "-m", "slips.service.worker", *map(str, shared)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    pass_fds=shared,
                    env={**GLIBC, **os.environ, **config.handler.environment},
                )
            finally:
                os.close(lifeline)
            on_failure.pop_all()
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self.answers = self._process.stdout
        self._send(frame(Setup(msgspec.to_builtins(config), endpoint_url, region, token, prints, broken)))

    @property
    def is_free(self) -> bool:
        """Whether the worker can process an object now."""
        return self.ready and self.task is None and not self.leaving

    @property
    def is_in_message(self) -> bool:
        """Whether the worker has sent the beginning of a message without its end."""
        return self._frames.is_in_message

    @property
    def is_dead(self) -> bool:
        """Whether the process has ended and all its messages are read.

        Most deaths end the pipe. A child process that the handler left behind can hold the pipe open.
        """
        if self._process.poll() is None:
            return False
        return self.hung_up or not select.select([self.answers], [], [], 0)[0]

    def where(self) -> tuple[int | None, str]:
        """Return the record that `recv` is working on, or None, and the position of the run in words."""
        return self._cells.where()

    def has_room(self, now: float) -> bool:
        """Whether the worker can be given an object ahead."""
        return (
            self.task is not None
            and self.ahead is None
            and self._is_quick
            and not (self.leaving or self.is_slow(now) or self._permit.is_there)
        )

    def is_slow(self, now: float) -> bool:
        """Whether the current object takes too long for another to wait behind it."""
        return now - self.since >= AHEAD_SECONDS

    def give(self, task: Task, now: float) -> None:
        """Send an idle worker its next object, or a busy one the object after the current one."""
        if self.task is None:
            self.task, self.heard, self.since = task, now, now
            self._send(frame(task))
            return
        self.ahead = structs.replace(task, is_ahead=True)
        message = frame(self.ahead)
        if len(message) > AHEAD_BYTES:
            self.ahead = self._unsent = task
        else:
            self._permit.issue()
            self._send(message)

    def ended(self, now: float) -> None:
        """Note that the worker has ended its object. It begins the one that it was given ahead, if there is one."""
        self._is_quick = not self.is_slow(now)
        self.task, self.ahead, self.since = self.ahead, None, now
        if self._unsent is not None:
            self._send(frame(self._unsent))
            self._unsent = None

    def take_back(self) -> bool:
        """Take back the object that was given ahead. Return False if there is none, or the worker begins it."""
        latest = self.ahead or self.task
        if latest is None or not (latest is self._unsent or (latest.is_ahead and self._permit.revoke())):
            return False
        self.task = None if self.ahead is None else self.task
        self.ahead = self._unsent = None
        return True

    def is_about(self, event: ObjectEvent) -> bool:
        """Whether the event of an answer is that of the worker's current object."""
        return self.task is not None and _key_of(self.task.event) == _key_of(event)

    def receive(self, now: float) -> list[FromWorker] | None:
        """Return the messages that have arrived; None if there will be no more."""
        data = os.read(self.answers.fileno(), READ_BYTES)
        if not data:
            return None
        self.heard = now
        try:
            return self._frames.feed(data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self.kill("wrote into the pipe of its worker and was killed", now)
            return None

    def kill(self, why: str, now: float) -> None:
        """Kill the process. `why` completes "the handler …" in the error text."""
        if not self._killed:
            self._killed_at = now
        self._killed = why
        self._process.kill()

    def is_lost(self, now: float) -> bool:
        """Whether the system has not ended the process for long after it was killed: it waits for a dead share."""
        return bool(self._killed) and now - self._killed_at >= LOST_SECONDS and not self.has_ended

    @property
    def has_ended(self) -> bool:
        """Whether the system has ended the process."""
        return self._process.poll() is not None

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def dismiss(self) -> None:
        """End the process: close the commands of an idle one, whose exit functions then run; kill any other."""
        if self.task is not None or not self.ready:
            self._process.kill()
        self._close_commands()

    def hang_up(self, now: float) -> None:
        """Note that the pipe has ended. The process ends now, or soon: it may have exit functions, or live on."""
        self.hung_up, self.heard = True, now
        self.leaving = self.leaving or self.ready
        self.ends_within(REAP_SECONDS)

    def ends_within(self, seconds: float) -> bool:
        """Wait for the process to end, at most so long. Return whether it has ended."""
        self._close_commands()
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def release(self) -> str:
        """Free what belongs to a process that has ended, or was killed. Return how it ended, in words."""
        self._close_commands()
        try:
            status: int | None = self._process.wait(timeout=RELEASE_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        self.answers.close()
        os.close(self._lifeline)
        self._cells.close()
        self._permit.close()
        if self._killed:
            return self._killed
        if status is None:
            return f"was killed, and the system has not ended its process within {RELEASE_SECONDS} s"
        return f"was killed by signal {-status}" if status < 0 else f"ended its process with exit status {status}"

    def _close_commands(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with _already_broken():
            self._process.stdin.close()

    def _send(self, message: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with _already_broken():  # `Pool.wait` notices the death when it reads answers
            self._process.stdin.write(message)
            self._process.stdin.flush()


def end_all(workers: Sequence[Worker], clock: Callable[[], float] = time.monotonic) -> None:
    """End all these processes within STOP_SECONDS: idle ones by themselves if they do so in time."""
    for worker in workers:
        worker.dismiss()
    end = clock() + STOP_SECONDS
    for worker in workers:
        if not worker.ends_within(max(0.0, end - clock())):
            worker.kill("did not end", end)
    for worker in workers:
        worker.release()


def _key_of(event: ObjectEvent) -> object:
    """Return the parts of an object event that its run leaves as they are: the identity becomes that of the content."""
    return (event.bucket_name, event.object_key, event.records, event.replay)


@contextmanager
def _already_broken() -> Iterator[None]:
    """Ignore in this block that the process at the other end of a pipe is dead."""
    try:
        yield
    except BrokenPipeError:
        return
