"""One worker process: reads object events from a pipe and answers with their outcomes, until the pipe is closed.

A worker never opens the state file and never outlives its supervisor. Handlers print to standard error: the original
standard output carries the answers.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import msgspec

from slips.backends.aws.clients import quiet_libraries
from slips.config import Config
from slips.errors import NoProgressError, UsageError
from slips.model import ObjectEvent, format_time
from slips.parsing.run import Ticker
from slips.pipeline.ended import Admit
from slips.pipeline.process import Processor
from slips.position import Cells, clear, map_cells
from slips.print_streams import PrintedLines, by_lines, dropping, in_pieces
from slips.printable import LogFormatter
from slips.service.messages import (
    FromWorker,
    Imported,
    Leaving,
    Loading,
    Opened,
    Prints,
    Progress,
    Ready,
    Setup,
    Task,
    frame,
    read,
)
from slips.service.permits import has_permit
from slips.site.worker import WorkerSite
from slips.usercode import files_being_imported, imported_files

LOADING_SECONDS = 0.5
"""Seconds after which the files that are being imported are reported."""
PROGRESS_SECONDS = 0.2
"""Seconds between two messages about the progress of a worker."""
GAP_SECONDS = 1.0
"""Most seconds between two beats that count as time of the run."""


def main() -> None:
    """Serve tasks as `python -m slips.service.worker LIFELINE POSITION PERMIT`; the arguments are descriptors.

    LIFELINE is a pipe that closes when the supervisor dies. POSITION is the file of the cells for the run's position.
    PERMIT is the pipe of a Permit.
    """
    lifeline, permit = int(sys.argv[1]), int(sys.argv[3])
    position = map_cells(int(sys.argv[2]))
    _be_killed_with(lifeline)
    threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    # So does SIGTERM of systemd. Not ignored: child processes of handlers would ignore it, too.
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    commands, answers = _take_over_pipes(permit)
    serve(commands, answers, position, os.fdopen(permit, "rb", buffering=0))


def _die_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(1)


def _be_killed_with(lifeline: int) -> None:
    """Let the kernel end this process by SIGIO: a handler in C code may keep all threads of Python from running."""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def _take_over_pipes(permit: int) -> tuple[BinaryIO, BinaryIO]:
    """Move the pipes to the supervisor away from standard input and output, which handlers use."""
    os.set_inheritable(permit, False)
    commands = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)

    def disconnect() -> None:
        """Disconnect a forked child of a handler from the supervisor's pipes."""
        os.dup2(nothing, commands.fileno())
        os.dup2(nothing, answers.fileno())
        os.dup2(nothing, permit, inheritable=False)

    os.register_at_fork(after_in_child=disconnect)
    os.dup2(2, 1)
    sys.stdout = in_pieces(dropping(1))
    sys.stderr = in_pieces(dropping(2, encoding=sys.stderr.encoding))
    return commands, answers


def serve(commands: BinaryIO, answers: BinaryIO, position: Cells, permits: BinaryIO | None = None) -> None:
    """Answer every task until `commands` ends, or the process is fit for no other object.

    `position` receives the position of each run. `permits` is the pipe of a Permit; without it no task may be ahead.
    """

    setup = read(commands)
    if not isinstance(setup, Setup):
        return
    end_lines = _print_lines(setup.prints)
    # The handler may set the level, as on Lambda. The format of the lines is that of `slips test`.
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(LogFormatter())
    logging.basicConfig(handlers=[shown])
    quiet_libraries()
    token = setup.token

    def answer(message: FromWorker) -> None:
        answers.write(frame(message, token))
        answers.flush()

    config = msgspec.convert(setup.config, Config)
    hashes: dict[str, str] = {}

    def hashing(done: int) -> None:
        heartbeat.hashing(done)

    site = WorkerSite(
        config,
        endpoint_url=setup.endpoint_url,
        region=setup.region,
        known=lambda _event, stamp: hashes.get(stamp),
        hashing=hashing,
        broken=setup.broken,
    )
    # Begun now: a handler may do what keeps later threads from starting.
    heartbeat = Heartbeat(answer, position, config.handler.timeout)
    imported = Imports(answer)
    try:
        unusable = site.loader.load_all(lambda path: answer(Loading(path)))
    except UsageError as error:
        imported.report()
        answer(Ready(str(error)))
        return
    answer(Loading(""))
    processor = Processor(site)
    imported.end_of_load()
    if unusable:  # the worker may have to go for that, and its files are to be watched all the same
        answer(Imported(imported_files()))
    answer(Ready(unusable=unusable))
    imported.report()
    is_ahead = False
    while not processor.is_spent and isinstance(task := read(commands), Task):
        if task.is_ahead and not (permits is not None and has_permit(permits)):
            continue
        hashes = task.known
        processor.expect([task.event, *task.coming] if task.coming or is_ahead else [])
        is_ahead = bool(task.coming)
        heartbeat.begin()
        ended = processor.process(task.event, heartbeat, _admit(frozenset(task.settled), answer))
        end_lines()
        if processor.is_spent:
            answer(Leaving())
        answer(ended)
        clear(position)
        imported.report()


def _print_lines(prints: Prints) -> Callable[[], None]:
    """Let what is printed from now on come as lines. Return the function that ends lines which were begun."""
    if prints == "as they are":
        return lambda: None
    shape = _as_json if prints == "json" else str
    streams = [PrintedLines(1, shape), PrintedLines(2, shape)]
    sys.stdout, sys.stderr = (in_pieces(by_lines(stream)) for stream in streams)

    def end() -> None:
        for file, stream in zip((sys.stdout, sys.stderr), streams, strict=True):
            with suppress(ValueError, OSError):  # a handler may have closed or replaced it
                file.flush()
            stream.end()

    return end


def _as_json(line: str) -> str:
    return json.dumps({"time": format_time(time.time()), "level": "info", "message": line, "printed": True})


class Imports:
    """Reports the files of the user that this process has imported, and again when a handler has imported more.

    If the load of the handlers takes long, reports them also meanwhile: the file that hangs may be mended.
    """

    def __init__(self, answer: Callable[[FromWorker], None]) -> None:
        self._answer = answer
        self._modules = 0
        self._is_loaded = threading.Event()
        threading.Thread(target=self._report_load, daemon=True).start()

    def end_of_load(self) -> None:
        """Note that all handlers are loaded."""
        self._is_loaded.set()

    def _report_load(self) -> None:
        files: list[str] = []
        while not self._is_loaded.wait(LOADING_SECONDS):
            before, files = files, files_being_imported()
            if files != before:  # only then: whoever reports shows that it lives
                with suppress(OSError, ValueError):
                    self._answer(Imported(files))

    def report(self) -> None:
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self._answer(Imported(imported_files()))


def _admit(settled: frozenset[str], answer: Callable[[FromWorker], None]) -> Admit:
    """Admit contents that are not `settled`. Report each content first, since the handler may end the process."""

    def admit(read: ObjectEvent, names: tuple[str, ...]) -> bool:
        answer(Opened(read, names))
        return read.identity not in settled

    return admit


class Heartbeat(Ticker):
    """Reports the progress of the current object to the supervisor every PROGRESS_SECONDS.

    Stops a run that has taken `limit` seconds behind its next record: the rest goes on in a run of its own, as on AWS.
    A worker that reaches no next record says nothing meanwhile, and the supervisor kills it.

    A handler may fork. The child shares the object's file and its position. So the child ends as soon as it returns
    from the handler, before it reads on.
    """

    def __init__(self, answer: Callable[[FromWorker], None], position: Cells, limit: float | None = None) -> None:
        """Begin to beat. Without a `limit`, a run may take any time."""
        super().__init__()
        self._answer, self.position, self._limit = answer, position, limit
        self._seconds = 0.0
        """Seconds of the current run during which this process ran: not those of a machine that was suspended."""
        self._process = os.getpid()
        os.register_at_fork(after_in_child=self._make_due)
        threading.Thread(target=self._beat, daemon=True).start()

    def begin(self) -> None:
        """Let the time of a run begin."""
        self._seconds = 0.0

    def tick(self, seq: int) -> bool:
        if os.getpid() != self._process:
            os._exit(0)
        self.due = False
        self._answer(Progress(seq))
        return self._limit is not None and self._seconds >= self._limit

    def passed(self, seq: int) -> None:
        if self.tick(seq):
            raise NoProgressError.at(seq)

    def hashing(self, done: int) -> None:
        """Report how many bytes of the object's file were read for its hash, if a report is due."""
        if self.due:
            self.due = False
            self._answer(Progress(0, done))

    def _make_due(self) -> None:
        self.due = True

    def _beat(self) -> None:
        while True:
            before = time.monotonic()
            time.sleep(PROGRESS_SECONDS)
            self.beat(time.monotonic() - before)

    def beat(self, seconds: float) -> None:
        """Let `seconds` of the run be over. Of a long gap counts GAP_SECONDS: the process was stopped meanwhile."""
        self._seconds += min(seconds, GAP_SECONDS)
        self.due = True


if __name__ == "__main__":
    main()
