"""A project whose handler does what is written in its objects, run by a supervisor with real worker processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from msgspec.structs import replace

from slips.backends.machine.lanes import SqliteStream
from slips.backends.machine.state import MachineState
from slips.config import Config, HandlerConfig, Mapping
from slips.config.backend import BackendConfig
from slips.config.backend import Embedded as EmbeddedConfig
from slips.model import ErrorItem, ObjectEvent
from slips.pipeline.ended import Failure
from slips.pipeline.replay import Replayed, replay
from slips.ports import Stream
from slips.service.observer import Observer
from slips.service.summary import Summary
from slips.service.supervisor import Supervisor
from slips.site.machine import MachineSite

GUARD = 600.0
"""Seconds after which something is taken for hung."""
LIMIT = 12
"""A `handler.timeout` that no object exceeds by itself, however busy the machine is. See `hanging`."""


# What this handler does is written in the objects.
HANDLER = '''
import ctypes, os, re, shutil, signal, subprocess, sys, time
from pathlib import Path

import slips.interface

HERE = Path(__file__).parent


def note(name, text):
    """Adds a line to a file, at once and whole."""
    file = os.open(HERE / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{text}\\n".encode("utf-8", "surrogateescape"))
    os.close(file)


def first_time(what):
    try:
        os.close(os.open(HERE / f"once {what}".replace("/", "-"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def wait_for(name):
    while not (HERE / name).exists():
        time.sleep(0.01)


class Scripted(slips.interface.Handler):
    def setup(self, args):
        self.messages = []
        self.key = ""

    def recv(self, meta, event):
        self.key = meta.source.object_key
        message = event["message"]
        self.messages.append(message)
        do, _, what = message.partition(" ")
        match do:
            case "raise":
                note("tried", self.key)
                raise ValueError(f"told to raise {what}")
            case "raise-once":
                if first_time(what):
                    raise ValueError("only once")
            case "exit":
                os._exit(int(what))
            case "kill":
                os.kill(os.getpid(), int(what))
            case "nap":
                time.sleep(float(what.split()[0]))
            case "spin":
                note("begun", os.getpid())
                while True:
                    pass
            case "hold":
                note("begun", os.getpid())
                re.match(r"(a|aa)+$", "a" * 60 + "b")  # holds Python's lock for years
            case "wait":
                note("begun", os.getpid())
                wait_for(what)
            case "meet":
                me, *others = what.split()
                note(f"here {me}", os.getpid())
                for other in others:
                    wait_for(f"here {other}")
            case "write":
                path, _, text = what.partition(" ")
                if first_time(what):
                    with open(path, "a") as file:
                        file.write(f"{text}\\n")
            case "remove":  # at once: who sees that it is gone may end this process
                os.rename(what, f"{what} removed")
                shutil.rmtree(f"{what} removed")
            case "garbage":
                for number in range(3, 64):
                    try:
                        os.write(number, b"\\0\\0\\0\\5hello")
                    except OSError:
                        pass
            case "giant":
                for number in range(3, 64):
                    try:
                        os.write(number, b"\\0\\0\\0\\0\\x35\\xa4\\xe9\\0")
                    except OSError:
                        pass
                time.sleep(3600)
            case "forge":
                # A part of a message as only the worker writes them: its token is in a closure.
                import gc
                answer = next(o for o in gc.get_objects() if type(o).__name__ == "Heartbeat")._answer
                cells = dict(zip(answer.__code__.co_freevars, answer.__closure__))
                pipe, token = cells["answers"].cell_contents, cells["token"].cell_contents
                if first_time("forge"):
                    os.write(pipe.fileno(), token + b"\\x35\\xa4\\xe9\\0")
                    time.sleep(3600)
            case "close":
                os.closerange(3, 64)
            case "hang-up":
                if first_time("hang-up"):
                    os.closerange(3, 200)
                    note("hung up", self.key)
                    time.sleep(3600)
            case "orphan":
                if os.fork() == 0:
                    note("orphan", os.getpid())
                    time.sleep(50)
                    os._exit(0)
                os._exit(9)

    def result(self):
        note("done", f"{self.key}\\t{len(self.messages)}")
        return self.messages
'''
DRIVER = """
import resource, signal, sys

import msgspec

from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.errors import SlipsError
from slips.service.observer import Observer
from slips.service.supervisor import Supervisor


signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
with open(sys.argv[1], "rb") as file:
    config = msgspec.json.decode(file.read(), type=Config)
if len(sys.argv) > 2:
    resource.setrlimit(getattr(resource, sys.argv[2]), (int(sys.argv[3]), int(sys.argv[3])))
try:
    state = MachineState.open(config.state_directory)
    with state.exclusive():
        print(msgspec.json.encode(Supervisor(config, state, Observer(), workers=2).run()).decode())
except SlipsError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_status)
"""


class Watch(Observer):
    """An Observer that keeps what it is called with."""

    def __init__(self) -> None:
        self.began: list[tuple[int, int]] = []
        self.failures: list[tuple[str, int, bool]] = []
        self.warnings: list[str] = []

    def started(self, objects: int, size: int) -> None:
        self.began.append((objects, size))

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        self.failures.append((failure.event.object_key, attempt, final))

    def warned(self, text: str) -> None:
        self.warnings.append(text)


class Project:
    """A bucket's directory, a handler and a state on this machine."""

    def __init__(self, root: Path) -> None:
        self.root, self.bucket = root, root / "bucket"
        self.bucket.mkdir()
        self.watch = Watch()
        self.handler(HANDLER)
        self.config = Config(
            stack_name="test",
            handler=HandlerConfig(path="handler.py"),
            backend=BackendConfig(embedded=EmbeddedConfig(path="state", buckets={"my-logs": "bucket"})),
            bucket_mapping={"my-logs": [Mapping("", ["s3-lines"])]},
            file=str(root / "slips.yml"),
        )

    def configure(self, **changes: Any) -> None:
        self.config = replace(self.config, **changes)

    def format(self, *names: str) -> None:
        self.configure(bucket_mapping={"my-logs": [Mapping("", list(names))]})

    def handler(self, text: str) -> None:
        (self.root / "handler.py").write_text(text)

    def put(self, key: str, *records: str, body: bytes | None = None) -> Path:
        path = self.bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("".join(f"{record}\n" for record in records).encode() if body is None else body)
        return path

    def state(self) -> MachineState:
        return MachineState.open(self.config.state_directory)

    def run(
        self,
        *paths: Path | str,
        again: bool = False,
        workers: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> Summary:
        state = self.state()
        try:
            with state.exclusive():
                supervisor = Supervisor(self.config, state, self.watch, workers=workers, clock=clock)
                return supervisor.run([str(path) for path in paths], again=again)
        finally:
            state.close()

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """A `run` in a process of its own; `args` may be a limit of the system for it, `"RLIMIT_NOFILE", "36"`."""
        file = self.root / "config.json"
        file.write_bytes(msgspec.json.encode(self.config))
        command = [sys.executable, "-c", DRIVER, str(file), *args]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen(command, text=True, **pipes)

    def drain(self, through: Callable[[SqliteStream], Stream] = lambda stream: stream) -> list[Replayed]:
        state = self.state()
        try:
            site = MachineSite(self.config, state)
            site.stream = through(state.stream)
            return [replay(item, site) for item in list(state.errors.scan())]
        finally:
            state.close()

    @property
    def errors(self) -> list[ErrorItem]:
        state = self.state()
        try:
            return list(state.errors.scan())
        finally:
            state.close()

    @property
    def ledger(self) -> dict[str, str]:
        """Status by key of what was run whole and not as a replay."""
        state = self.state()
        try:
            return {one.key: one.status for one in state.ledger.scan() if not one.records and not one.replay}
        finally:
            state.close()

    def put_on_lane(self, *events: ObjectEvent) -> None:
        state = self.state()
        state.stream.put("fast", events)
        state.close()

    def waiting(self) -> list[tuple[str, int]]:
        """Key and failed attempts of what is in the lanes."""
        state = self.state()
        try:
            return [(each.event.object_key, each.attempts) for each in state.stream.take(10_000, {})]
        finally:
            state.close()

    def lines(self, name: str) -> list[str]:
        """Returns the lines that handlers noted in a file."""
        path = self.root / name
        return path.read_text().splitlines() if path.exists() else []

    def wait_for_begun(self, times: int = 1) -> list[int]:
        """Waits until so many handlers have begun something long. Returns the process ids of their workers."""
        eventually(lambda: len(self.lines("begun")) >= times, "the handler did not begin")
        return [int(pid) for pid in self.lines("begun")]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    def hung(*_: object) -> None:
        raise TimeoutError("the run hangs")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(int(GUARD))
    yield Project(tmp_path)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def eventually(what: Callable[[], Any], why: str) -> Any:
    """Waits until `what()` is true."""
    end = time.monotonic() + GUARD
    while not (value := what()):
        assert time.monotonic() < end, why
        time.sleep(0.01)
    return value


def hanging(monkeypatch: pytest.MonkeyPatch, has_begun: Callable[[], object]) -> Callable[[], float]:
    """Return a clock for the supervisor that stands still, but at three looks after the hang has begun.

    At each of these, LIMIT seconds pass. The supervisor has read all that the worker sent before the hang at the second
    one, so that it kills the worker at the third one, if not before. What takes long because the machine is busy is no
    hang. In all, less time passes than a worker may take to start or to end.
    """
    monkeypatch.setattr("slips.service.pool.GAP_SECONDS", GUARD)
    leaps = 0

    def clock() -> float:
        nonlocal leaps
        if leaps < 3 and has_begun():
            leaps += 1
        return leaps * (LIMIT + 1.0)

    return clock


def results(summary: Summary) -> dict[str, Any]:
    """What handlers returned, by key."""
    return {each["object"].removeprefix("s3://my-logs/"): each["result"] for each in summary.results}


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


FORMAT = """
from slips.errors import RecordError
from slips.format import parser


@parser("words", summary="knows all but bad ones", reference="", takes="text")
def words(meta, text):
    if text.startswith("bad"):
        raise RecordError(f"{text!r} is not a word")
    return {"message": text}
"""


@pytest.fixture
def quarantined(project: Project) -> Project:
    """Records 2 and 4 of `a` are in the error table; `b` is done."""
    (project.root / "formats.py").write_text(FORMAT)
    project.format("s3-lines", "formats.py:words")
    project.put("a", "1", "bad 2", "3", "bad 4", "5")
    project.put("b", "1")
    summary = project.run()
    assert (summary.objects, summary.failed, summary.quarantined, summary.delivered) == (2, 0, 2, 4)
    assert [(item.kind, item.records) for item in project.errors] == [("records", [(2, 2), (4, 4)])]
    return project
