"""Runs in a process of its own what must not harm the console: the user's handlers, and logs that nobody knows.

A process has a time limit, and what it prints is cut. `python -m slips.console.child` is the other end for the replays
of a canary: its standard input names the config and the events, its standard error has messages, its status the end.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from slips.config.load import load
from slips.console.desk import Desk
from slips.errors import SlipsError
from slips.model import ObjectEvent
from slips.pipeline.ended import Failure
from slips.place import open_state
from slips.printable import one_line
from slips.service.observer import Observer
from slips.service.replays import run_replays as run_here

OUTPUT_BYTES = 256 * 1024
"""Bytes of the output of a process that a page shows."""
AGAIN_SECONDS = 60.0
"""Seconds that a handler may take for one error, run again for a person who waits."""
MEMORY_BYTES = 2 * 2**30
BUSY = 75
"""Status of a child that has not run its events, as another process runs objects of this state."""
_LOOK_SECONDS = 0.2
_END_SECONDS = 5.0


class Output(Struct, frozen=True):
    """The output of a process, and how it ended."""

    text: str
    status: int
    seconds: float
    timed_out: bool = False
    cut: bool = False
    errors: str = ""
    """Standard error, if it was kept apart."""

    @property
    def last_error(self) -> str:
        """The last line of standard error."""
        return self.errors.strip().rpartition("\n")[2][-500:]


class Replays(Struct):
    """The standard input of the child that runs the events of a canary."""

    config_file: str
    events: list[ObjectEvent]
    endpoint_url: str | None = None
    region: str | None = None


def run(
    command: Sequence[str],
    *,
    seconds: float,
    stdin: bytes = b"",
    stop: threading.Event | None = None,
    most: int = OUTPUT_BYTES,
    errors_apart: bool = False,
) -> Output:
    """Run a process to its end, or for `seconds`, or until `stop`; its output and errors as one text, or apart.

    The process has a group of its own, which ends with it: a handler may have started others.
    """
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if errors_apart else subprocess.STDOUT,
        start_new_session=True,
    )
    output, errors = _Captured(process.stdout, most), _Captured(process.stderr, most)

    def write() -> None:
        assert process.stdin is not None  # noqa: S101 - a pipe
        with suppress(BrokenPipeError), process.stdin as pipe:  # its status says why it has ended
            pipe.write(stdin)

    threads = [threading.Thread(target=each, daemon=True) for each in (output.read, errors.read, write)]
    for thread in threads:
        thread.start()
    timed_out = False
    while process.poll() is None:
        if time.monotonic() - began > seconds or (stop is not None and stop.is_set()):
            timed_out = True
            _end(process)
        else:
            try:
                process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    _kill_group(process.pid)  # what it has started and left
    for thread in threads[:2]:
        thread.join(_END_SECONDS)
    seconds = time.monotonic() - began
    return Output(output.text, process.returncode, seconds, timed_out, output.is_cut, errors.text)


class _Captured:
    """The beginning of what comes out of a pipe, which is read to its end."""

    def __init__(self, pipe: IO[bytes] | None, most: int) -> None:
        self._pipe, self._most = pipe, most
        self._kept, self.is_cut = bytearray(), False

    def read(self) -> None:
        while self._pipe is not None and (piece := os.read(self._pipe.fileno(), 65_536)):
            room = self._most - len(self._kept)
            self._kept.extend(piece[:room])
            self.is_cut = self.is_cut or len(piece) > room

    @property
    def text(self) -> str:
        return self._kept.decode("utf-8", "backslashreplace")


def limit_resources(seconds: int, memory: int = MEMORY_BYTES) -> None:
    """Limit the CPU time and the memory of this process."""
    for limit, value in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process: let it end by itself first, since its supervisor then ends the workers."""
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        process.wait()


def _kill_group(number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # none of it is left
        os.killpg(number, signal.SIGKILL)


def run_again(desk: Desk, request_id: str) -> Output:
    """Run the handler on an error here, as 'slips test -r' does."""
    words = desk.arguments("test", f"--request-id={request_id}")
    return run([sys.executable, "-m", "slips", *words], seconds=AGAIN_SECONDS, stop=desk.closing)


def run_replays(
    desk: Desk, events: Sequence[ObjectEvent], say: Callable[[str], None], stop: threading.Event, seconds: float = 600.0
) -> bool:
    """Run these events of this machine's lanes. Return False if another process runs objects of the state.

    Raises SlipsError if the child fails.
    """
    asked = Replays(str(desk.config_file), list(events), desk.place.endpoint_url, desk.place.region)
    command = [sys.executable, "-m", "slips.console.child"]
    output = run(command, seconds=seconds, stdin=msgspec.json.encode(asked), stop=stop)
    for line in output.text.splitlines():
        say(line)
    if output.status == BUSY:
        return False
    if output.status and not output.timed_out:
        raise SlipsError(f"the run of the canary failed with status {output.status}; the messages say why")
    return True


class _Told(Observer):
    """Prints a line for each object that fails."""

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        if final:
            _say(f"failed: {failure.message}")

    def warned(self, text: str) -> None:
        _say(text)


def _say(text: str) -> None:
    print(one_line(text), file=sys.stderr, flush=True)


def main() -> int:
    """Run the events that standard input names."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Replays)
    try:
        config = load(Path(asked.config_file))
        os.environ.update(config.handler.environment)
        with open_state(config, _say) as state:
            ran = run_here(
                config,
                state,
                asked.events,
                _Told(),
                endpoint_url=asked.endpoint_url,
                region=asked.region,
                say=_say,
            )
    except SlipsError as error:
        _say(str(error))
        return error.exit_status
    return 0 if ran else BUSY


if __name__ == "__main__":
    sys.exit(main())
