"""The worker processes of this machine: starting one, talking to it, ending it, saying how it ended.

Nothing here knows lanes, attempts or the state file: the supervisor decides what a worker gets and what its end means.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from slips.backends.embedded import Delivery
from slips.config import Config
from slips.errors import SlipsError
from slips.model import ObjectEvent
from slips.position import SharedCells
from slips.worker import Frames, FromWorker, Setup, Task, ToWorker, frame

STOP_SECONDS = 5.0
"""How long an idle worker may take to end."""


class Worker:
    """A worker process, and what it has in hand."""

    def __init__(self, config: Config, endpoint_url: str | None, region: str | None) -> None:
        self.ready = False
        self.overdue = False
        self.delivery: Delivery | None = None
        self._heard = time.monotonic()
        self._frames = Frames()
        self._killed = ""
        self._cells = SharedCells()
        # Only this process holds the writing end: it closes when this process dies, however it dies.
        lifeline, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", "slips.worker", str(lifeline), str(self._cells.descriptor)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[lifeline, self._cells.descriptor],
                env={**os.environ, **config.handler.environment},
            )
        finally:
            os.close(lifeline)
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self.answers = self._process.stdout
        handler = str(config.resolve(config.handler.path))
        self._send(Setup(msgspec.to_builtins(config), handler, endpoint_url, region))

    @property
    def silent(self) -> float:
        """Seconds since it last said something."""
        return time.monotonic() - self._heard

    @property
    def is_dead(self) -> bool:
        """Whether its process has ended and has said nothing that is still to be heard.

        Most deaths end the pipe; not where a child that its handler left behind holds it.
        """
        return self._process.poll() is not None and not select.select([self.answers], [], [], 0)[0]

    def where(self) -> tuple[int | None, str]:
        """The record that is in `recv`, if one is; and in words how far it is with its object."""
        return self._cells.where()

    def give(self, delivery: Delivery) -> None:
        """Starts it on an object."""
        self.delivery, self._heard = delivery, time.monotonic()
        self._cells.reset()
        self._send(Task(delivery.event))

    def finish(self) -> Delivery:
        """Takes its object from it."""
        delivery, self.delivery = self.delivery, None
        if delivery is None:
            raise SlipsError("a worker answered without a task; this is a bug of slips, please report it")
        return delivery

    def is_about(self, event: ObjectEvent) -> bool:
        """Whether an answer is about what it has in hand."""
        return self.delivery is not None and _name_of(self.delivery.event) == _name_of(event)

    def listen(self) -> list[FromWorker] | None:
        """The messages that have come; None if it is dead."""
        data = os.read(self.answers.fileno(), 1 << 20)
        if not data:
            return None
        self._heard = time.monotonic()
        try:
            return self._frames.feed(data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self.kill("wrote into the pipe of its worker and was killed")
            return None

    def kill(self, why: str) -> None:
        """Ends it at once. `why` is what it did."""
        self._killed = why
        self._process.kill()

    def dismiss(self) -> None:
        """Lets it go if it is idle: what its handler left to the end may take its time. Else it is killed."""
        if self.delivery is not None or not self.ready:
            self._process.kill()
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with _already_broken():
            self._process.stdin.close()

    def stop(self) -> str:
        """Ends it if it still lives; says how it ended."""
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with _already_broken():
            self._process.stdin.close()
        try:
            status = self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self.answers.close()
        os.close(self._lifeline)
        self._cells.close()
        if self._killed:
            return self._killed
        return f"was killed by signal {-status}" if status < 0 else f"ended its process with exit status {status}"

    def _send(self, message: ToWorker) -> None:
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with _already_broken():  # its death is noticed where its answers are read
            self._process.stdin.write(frame(message))
            self._process.stdin.flush()


def _name_of(event: ObjectEvent) -> object:
    """What stays the same in an event while it is processed: not the identity, which is that of what was read."""
    return (event.bucket_name, event.object_key, event.records, event.replay)


@contextmanager
def _already_broken() -> Iterator[None]:
    """A pipe to a dead process: nothing to do."""
    try:
        yield
    except BrokenPipeError:
        return
