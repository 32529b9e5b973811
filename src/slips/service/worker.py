"""One worker process: object events in, what became of each out, until the supervisor closes the pipe.

It never opens the state file and never outlives its supervisor. What handlers print goes to standard error: the
original standard output carries the answers.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from slips.backends.aws.clients import quiet_libraries
from slips.backends.machine.directory import Stores
from slips.chain import Ticker
from slips.config import Config
from slips.config.secrets import references
from slips.errors import UsageError
from slips.interface import load_handlers
from slips.model import ObjectEvent
from slips.pipeline.ended import Admit
from slips.pipeline.process import Processor
from slips.position import Cells, map_cells
from slips.printable import LogFormatter
from slips.service.messages import FromWorker, Leaving, Opened, Progress, Ready, Setup, Task, frame, read
from slips.streams import in_pieces

PROGRESS_SECONDS = 0.2
"""How often a worker says how far it is."""


def main() -> None:
    """Entry point: `python -m slips.service.worker LIFELINE POSITION`, two descriptors.

    The first is a pipe that closes when the supervisor dies, the second the cells that tell it where a run is.
    """
    lifeline = int(sys.argv[1])
    position = map_cells(int(sys.argv[2]))
    _be_killed_with(lifeline)
    threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    commands, answers = _take_over_pipes()
    serve(commands, answers, position)


def _die_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(1)


def _be_killed_with(lifeline: int) -> None:
    """Lets the kernel end this process, by SIGIO: a handler in C code may keep all threads of Python from running."""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keeps the pipes to the supervisor out of the handler's reach."""
    commands = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)

    def let_go() -> None:
        """What a fork of a handler reads and says is not the supervisor's."""
        os.dup2(nothing, commands.fileno())
        os.dup2(nothing, answers.fileno())

    os.register_at_fork(after_in_child=let_go)
    os.dup2(2, 1)
    sys.stdout = in_pieces(os.fdopen(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False))
    sys.stderr = in_pieces(sys.stderr)
    return commands, answers


def serve(commands: BinaryIO, answers: BinaryIO, position: Cells) -> None:
    """Answers every task until `commands` ends."""

    # The level is the handler's to set, as on Lambda; the lines look as they do in `slips test`.
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(LogFormatter())
    logging.basicConfig(handlers=[shown])
    quiet_libraries()
    setup = read(commands)
    if not isinstance(setup, Setup):
        return
    token = setup.token

    def answer(message: FromWorker) -> None:
        answers.write(frame(message, token))
        answers.flush()

    config = msgspec.convert(setup.config, Config)
    try:
        handlers = load_handlers(Path(setup.handler), config.handler.requirements)
        args = args_of(config, setup.endpoint_url, setup.region)
    except UsageError as error:
        answer(Ready(str(error)))
        return
    heartbeat = Heartbeat(answer, position)
    hashes: dict[str, str] = {}
    stores = Stores(
        config,
        setup.endpoint_url,
        setup.region,
        known=lambda _event, stamp: hashes.get(stamp),
        hashing=heartbeat.hashing,
    )
    processor = Processor(config, stores, handlers, args=args)
    answer(Ready())
    while isinstance(task := read(commands), Task):
        hashes = task.known
        ended = processor.process(task.event, heartbeat, _admit(frozenset(task.settled), answer))
        if processor.is_spent:
            answer(Leaving())
        answer(ended)


def _admit(settled: frozenset[str], answer: Callable[[FromWorker], None]) -> Admit:
    """Admits what is not settled, and tells first what it is: should the handler take the process down."""

    def admit(read: ObjectEvent, names: tuple[str, ...]) -> bool:
        answer(Opened(read, names))
        return read.identity not in settled

    return admit


def args_of(config: Config, endpoint_url: str | None, region: str | None) -> Callable[[], dict[str, Any]]:
    """`handler.args` for each object, with secrets for their placeholders; AWS is asked only if there are some.

    Raises UsageError, which never holds a secret.
    """
    args = config.handler.args
    if next(references(args), None) is None:
        return lambda: args
    from slips.backends.aws.clients import Clients
    from slips.backends.aws.secret_store import SecretArgs

    return SecretArgs(args, Clients(region, endpoint_url), max_age=config.handler.secrets_max_age)


class Heartbeat(Ticker):
    """Tells the supervisor now and then how far the object at hand is; never stops the run.

    A handler may fork. The child shares the object's file and its position: as soon as it comes back from the handler,
    before it could read on, it ends.
    """

    def __init__(self, answer: Callable[[FromWorker], None], position: Cells) -> None:
        self._answer, self.position = answer, position
        self._process = os.getpid()
        os.register_at_fork(after_in_child=self._make_due)
        threading.Thread(target=self._beat, daemon=True).start()

    def tick(self, seq: int) -> bool:
        if os.getpid() != self._process:
            os._exit(0)
        self.due = False
        self._answer(Progress(seq))
        return False

    def hashing(self, done: int) -> None:
        """Called with the number of bytes of the object's file that were read for its hash."""
        if self.due:
            self.due = False
            self._answer(Progress(0, done))

    def _make_due(self) -> None:
        self.due = True

    def _beat(self) -> None:
        while True:
            time.sleep(PROGRESS_SECONDS)
            self.due = True


if __name__ == "__main__":
    main()
