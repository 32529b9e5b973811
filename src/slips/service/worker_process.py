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

from slips.config import Config
from slips.model import ObjectEvent
from slips.position import SharedCells
from slips.service.messages import Frames, FromWorker, Prints, Setup, Task, ToWorker, frame

STOP_SECONDS = 5.0
"""Most seconds that idle workers may take to end, all together."""
REAP_SECONDS = 0.02
"""Most seconds to wait for a process whose pipe has ended: most die of the same."""
RELEASE_SECONDS = 0.5
"""Most seconds to wait for a process that was killed: one that waits for a dead share does not end by that."""
TOKEN_BYTES = 8


class Worker:
    """A worker process, and its current task."""

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
        """The object that the worker processes; None if it is idle."""
        self._killed = ""
        token = os.urandom(TOKEN_BYTES)
        self._frames = Frames(token)
        with ExitStack() as on_failure:
            self._cells = SharedCells()
            on_failure.callback(self._cells.close)
            # Only this process holds the writing end: it closes when this process dies, however it dies.
            lifeline, self._lifeline = os.pipe()
            on_failure.callback(os.close, self._lifeline)
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    [sys.executable, "-P", "-m", "slips.service.worker", str(lifeline), str(self._cells.descriptor)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    pass_fds=[lifeline, self._cells.descriptor],
                    env={**os.environ, **config.handler.environment},
                )
            finally:
                os.close(lifeline)
            on_failure.pop_all()
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self.answers = self._process.stdout
        self._send(Setup(msgspec.to_builtins(config), endpoint_url, region, token, prints, broken))

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

    def give(self, task: Task, now: float) -> None:
        """Send the worker its next object."""
        self.task, self.heard = task, now
        self._cells.reset()
        self._send(task)

    def is_about(self, event: ObjectEvent) -> bool:
        """Whether the event of an answer is that of the worker's current object."""
        return self.task is not None and _key_of(self.task.event) == _key_of(event)

    def receive(self, now: float) -> list[FromWorker] | None:
        """Return the messages that have arrived; None if there will be no more."""
        data = os.read(self.answers.fileno(), 1 << 20)
        if not data:
            return None
        self.heard = now
        try:
            return self._frames.feed(data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self.kill("wrote into the pipe of its worker and was killed")
            return None

    def kill(self, why: str) -> None:
        """Kill the process. `why` completes "the handler …" in the error text."""
        self._killed = why
        self._process.kill()

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
        if self._killed:
            return self._killed
        if status is None:
            return f"was killed, and the system has not ended its process within {RELEASE_SECONDS} s"
        return f"was killed by signal {-status}" if status < 0 else f"ended its process with exit status {status}"

    def _close_commands(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with _already_broken():
            self._process.stdin.close()

    def _send(self, message: ToWorker) -> None:
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with _already_broken():  # `Pool.wait` notices the death when it reads answers
            self._process.stdin.write(frame(message))
            self._process.stdin.flush()


def end_all(workers: Sequence[Worker], clock: Callable[[], float] = time.monotonic) -> None:
    """End all these processes within STOP_SECONDS: idle ones by themselves if they do so in time."""
    for worker in workers:
        worker.dismiss()
    end = clock() + STOP_SECONDS
    for worker in workers:
        if not worker.ends_within(max(0.0, end - clock())):
            worker.kill("did not end")
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
