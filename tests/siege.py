"""A service in processes of its own under siege: faults come at random instants, and an account is taken in the end.

The handler notes each record that it gets in a file, at once, so that a test knows what was seen by whichever process.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from msgspec import Struct
from msgspec.structs import replace

from slips.backends.machine.operations import MachineOperations
from slips.backends.machine.state import MachineState
from slips.brakes import Budget, Pause
from slips.config import load
from slips.model import Lane, is_to_the_end

GUARD = 300.0
"""Seconds after which something is taken for hung."""
BUCKET = "my-logs"
CONFIG = """\
stack_name: siege
backend:
  embedded: {path: state, settle: 0, buckets: {my-logs: logs}}
handler: {path: handler.py}
routing:
  - {prefix: slow/, dest: slow}
bucket_mapping:
  my-logs:
    - {prefix: "", format: [s3-lines, json]}
"""
HANDLER = """\
import os, time
from pathlib import Path

import slips.interface

HERE = Path(__file__).parent
SEEN, DOWN = str(HERE / "seen"), str(HERE / "down")


class Note(slips.interface.Handler):
    def setup(self, args):
        self.file = os.open(SEEN, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def recv(self, meta, event):
        if os.path.exists(DOWN):
            raise ConnectionError("503 from the receiver")
        os.write(self.file, f"{event['k']} {event['v']} {event['n']}\\n".encode())
        if "nap" in event:
            time.sleep(event["nap"])

    def result(self):
        os.close(self.file)
"""
# Attempts and canaries come soon, since a test waits for them. SLIPS_JUMP names a file of seconds by which the clock is
# wrong. While there is a file `read-only`, SQLite answers each change of the state as on a file system that is.
DRIVER = """\
import os, sys, time

jump = os.environ.get("SLIPS_JUMP")
if jump:
    right = time.time
    def wrong():
        with open(jump) as file:
            return right() + float(file.read() or 0)
    time.time = wrong

from slips import brakes
from slips.backends.machine.sqlite import Database
from slips.service import up

execute = Database.execute
def execute_if_allowed(self, *args):
    self._connection.execute(f"PRAGMA query_only = {os.path.exists('read-only'):d}")
    return execute(self, *args)
Database.execute = execute_if_allowed

brakes.CANARY_SECONDS = (0.5, 2.0)
up.RETRY_SECONDS, up.TROUBLE_SECONDS = (0.1, 0.2), (0.1, 0.2)
from slips.__main__ import main

sys.argv[0] = "slips"
sys.exit(main())
"""


class Object(Struct, frozen=True):
    """The content of a file: `count` records, each with the name and version under which the file was written."""

    name: str
    version: int
    count: int
    nap: float = 0.0
    """Seconds for which the handler sleeps at each record."""

    def body(self) -> bytes:
        about = {"k": self.name, "v": self.version} | ({"nap": self.nap} if self.nap else {})
        return b"".join(json.dumps(about | {"n": n}).encode() + b"\n" for n in range(1, self.count + 1))

    @property
    def records(self) -> set[tuple[str, int, int]]:
        return {(self.name, self.version, n) for n in range(1, self.count + 1)}


class Siege:
    """A project, its service, and the objects that were put."""

    def __init__(self, root: Path, seed: int = 0) -> None:
        self.root, self.random, self.seed = root, random.Random(seed), seed
        self.bucket = root / "logs"
        self.bucket.mkdir()
        (root / "slips.yml").write_text(CONFIG)
        (root / "handler.py").write_text(HANDLER)
        (root / "driver.py").write_text(DRIVER)
        self.jump = root / "jump"
        self.jump.write_text("0")
        self.mark = str(uuid4())
        self.objects: dict[str, Object] = {}
        """The content of each key now. Content that was overwritten or removed before it was read need not be seen."""
        self.service: psutil.Popen | None = None
        self.told: list[str] = []
        """What has happened, for the text of a failure."""
        self._versions = 0
        self._begun = 0
        """Length of the log when the service that runs now was started."""

    # ---- objects

    def put(self, key: str, count: int = 20, *, nap: float = 0.0, pieces: int = 1) -> Object:
        """Write an object: in one piece by renaming it, else piece by piece in its place, as programs write logs."""
        self._versions += 1
        new = Object(key, self._versions, count, nap)
        body, path = new.body(), self.bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if pieces == 1:
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(body)
            part.rename(path)
        else:
            size = len(body) // pieces + 1
            with path.open("wb", buffering=0) as file:
                for at in range(0, len(body), size):
                    file.write(body[at : at + size])
                    self.sleep(0.02)
        self.objects[key] = new
        return new

    def grow(self, key: str, more: int = 5) -> None:
        """Append records to an object."""
        before = self.objects[key]
        grown = replace(before, count=before.count + more)
        with (self.bucket / key).open("ab", buffering=0) as file:
            file.write(grown.body()[len(before.body()) :])
        self.objects[key] = grown

    def truncate(self, key: str) -> None:
        """Cut an object, in its place, to its first record."""
        before = self.objects[key]
        cut = replace(before, count=1)
        os.truncate(self.bucket / key, len(cut.body()))
        self.objects[key] = cut

    def rename(self, key: str) -> None:
        before = self.objects.pop(key)
        self._versions += 1
        other = f"renamed-{self._versions}"
        (self.bucket / key).rename(self.bucket / other)
        self.objects[other] = before

    def remove(self, key: str) -> None:
        (self.bucket / key).unlink()
        del self.objects[key]

    # ---- processes

    def start(self, *args: str) -> None:
        """Start the service, in a process group of its own."""
        self._begun = len(self.log())
        with (self.root / "log").open("ab") as log:
            self.service = psutil.Popen(
                [sys.executable, "driver.py", *(args or ("up", "--workers", "2"))],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SLIPS_SIEGE": self.mark, "SLIPS_JUMP": str(self.jump)}

    def workers(self) -> list[psutil.Process]:
        try:
            return self.service.children() if self.service is not None else []
        except psutil.NoSuchProcess:
            return []

    def kill(self, whom: str) -> None:
        """Kill one worker, the supervisor or their whole group without warning. Start a dead service again."""
        assert self.service is not None
        if whom == "worker":
            for worker in self.random.sample(workers := self.workers(), min(1, len(workers))):
                _signal(worker.pid, signal.SIGKILL)
            return
        pid = self.service.pid
        os.killpg(pid, signal.SIGKILL) if whom == "group" else os.kill(pid, signal.SIGKILL)
        self.service.wait(GUARD)
        self.start()

    @contextmanager
    def stopped(self, whom: str) -> Iterator[None]:
        """Let the supervisor, or a worker, stand still meanwhile."""
        assert self.service is not None
        processes = [self.service] if whom == "supervisor" else self.workers()[:1]
        for process in processes:
            _signal(process.pid, signal.SIGSTOP)
        yield
        for process in processes:
            _signal(process.pid, signal.SIGCONT)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let another process hold the state meanwhile."""
        with closing(sqlite3.connect(self.root / "state" / "state.sqlite3", timeout=GUARD)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()

    @contextmanager
    def full(self) -> Iterator[None]:
        """Let the disk be full for the supervisor: no file of it may grow beyond a page."""
        assert self.service is not None
        _, hard = resource.prlimit(self.service.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.service.pid, resource.RLIMIT_FSIZE, (4096, hard))
        yield
        resource.prlimit(self.service.pid, resource.RLIMIT_FSIZE, (hard, hard))

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let the state be read-only for the service meanwhile."""
        (self.root / "read-only").touch()
        yield
        (self.root / "read-only").unlink()

    # ---- brakes

    def break_down(self) -> None:
        """Let the handler fail from now on."""
        (self.root / "down").touch()

    def recover(self) -> None:
        (self.root / "down").unlink(missing_ok=True)

    def pause(self, lane: Lane) -> None:
        with self.operations() as operations:
            operations.pause(lane, "", "a siege")

    def resume(self, lane: Lane) -> None:
        with self.operations() as operations:
            operations.resume(lane)

    def let_start(self, objects: int | None) -> None:
        """Let so many more objects start today; None: any number."""
        with self.operations() as operations:
            started = operations.budgets().spent.objects
            operations.set_budget(Budget(None if objects is None else started + objects))

    def pauses(self) -> list[Pause]:
        with self.operations() as operations:
            return operations.pauses()

    @contextmanager
    def operations(self) -> Iterator[MachineOperations]:
        with closing(self.state()) as state:
            yield MachineOperations(load(self.root / "slips.yml"), state)

    def megabytes(self) -> float:
        """The memory of the service and its workers, in which no page counts twice."""
        assert self.service is not None
        return sum(each.memory_full_info().uss for each in [self.service, *self.workers()]) / 1e6

    def stop(self) -> int:
        """End the service as an operator does, and return its status."""
        assert self.service is not None
        self.service.terminate()
        return int(self.service.wait(GUARD))

    def slips(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run another command on the state."""
        return subprocess.run(
            [sys.executable, "-m", "slips", *args],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=GUARD,
        )

    def clean_up(self) -> None:
        """Kill what is left."""
        for process in self.left():
            _signal(process.pid, signal.SIGKILL)

    def left(self) -> list[psutil.Process]:
        """The processes of the siege that live."""
        return [each for each in psutil.process_iter() if self._is_ours(each)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            is_dead = process.status() == psutil.STATUS_ZOMBIE
            return not is_dead and process.environ().get("SLIPS_SIEGE") == self.mark and process.pid != os.getpid()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    # ---- what was seen

    def sleep(self, most: float) -> None:
        """Let some time pass, at random: an instant of which nothing is expected."""
        time.sleep(self.random.uniform(0, most))

    def happen(self, acts: Sequence[Callable[[], None]], times: int, most: float = 0.15) -> None:
        """Let some of these happen, at random instants."""
        for _ in range(times):
            act = self.random.choice(acts)
            self.told.append(getattr(act, "__name__", "?"))
            act()
            self.sleep(most)

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until something is so; `what`: how it is as long as it is not."""
        end = time.monotonic() + GUARD
        while not ready():
            assert time.monotonic() < end, self.account(what)
            self._look_after()
            time.sleep(0.02)

    def _look_after(self) -> None:
        """Start a service again whose workers were all killed before one was ready, as systemd does.

        No service may end for another reason.
        """
        if self.service is None or (status := self.service.poll()) is None:
            return
        assert (status, "was killed by signal 9" in self.log()[self._begun :]) == (2, True), self.account(
            f"the service ended by itself: {status}"
        )
        self.start()

    def until_told(self, text: str) -> None:
        """Wait until the service that runs now has logged a text."""
        self.until(lambda: text in self.log()[self._begun :], f"nothing is told of {text!r}")

    def log(self) -> str:
        file = self.root / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def wait_for_more(self) -> None:
        """Wait until a further record is seen, or all objects are done, or in the error table."""
        before = sum(self.seen().values())
        self.until(
            lambda: sum(self.seen().values()) > before or self.failed().issuperset(self.unfinished()),
            "nothing more is seen",
        )

    def seen(self) -> Counter[tuple[str, int, int]]:
        """How often each record was seen, by key, version and number."""
        file = self.root / "seen"
        lines = file.read_text().splitlines() if file.exists() else []
        parts = (line.rsplit(" ", 2) for line in lines)
        return Counter((key, int(version), int(number)) for key, version, number in parts)

    def unfinished(self) -> list[str]:
        """Keys of objects whose present content is not done yet, and of what else is on a lane."""
        with closing(self.state()) as state:
            waiting = {key for _, key in state.stream.objects()}
            done = {(each.key, each.identity) for each in state.ledger.scan() if each.status == "done"}
            return sorted(waiting | {key for key in self.objects if (key, self._hash(key)) not in done})

    def failed(self) -> set[str]:
        """Keys of objects in the error table."""
        with closing(self.state()) as state:
            return {each.place[1] for each in state.errors.scan()}

    def _hash(self, key: str) -> str:
        return sha256((self.bucket / key).read_bytes()).hexdigest()[:32]

    def state(self) -> MachineState:
        return MachineState.open(self.root / "state")

    def wait(self, seconds: float = GUARD) -> None:
        """Wait until the present content of each object is done. Drain those whose workers were killed too often."""
        end = time.monotonic() + seconds
        while left := self.unfinished():
            assert time.monotonic() < end, self.account(f"not done: {left[:5]} of {len(left)}")
            self._look_after()
            if self.failed().issuperset(left):
                drained = self.slips("drain")
                assert drained.returncode == 0, drained.stderr
            time.sleep(0.1 + len(left) / 5_000)  # the more is left, the longer it takes to look

    def account(self, what: str = "") -> str:
        """What happened, in words."""
        return f"{what}\nseed {self.seed}: {', '.join(self.told)}\n{self.log()[-3_000:]}"

    def check(self) -> None:
        """Take the account: nothing is lost or left behind, and the numbers of all who count agree.

        Only files that vanished before they were read may be in the error table.
        """
        assert self.left() == [], self.account("processes were left behind")
        seen = self.seen()
        missing = {record for each in self.objects.values() for record in each.records} - seen.keys()
        assert not missing, self.account(f"{len(missing)} records were lost: {sorted(missing)[:5]}")
        twice = sum(count > 1 for count in seen.values())
        print(f"seed {self.seed}: {len(seen):,} records seen, {twice:,} of them twice or more; {len(self.told)} faults")
        with closing(self.state()) as state:
            assert state.select("PRAGMA integrity_check") == [("ok",)]
            assert state.stream.waiting()[0] == 0, self.account("left on a lane")
            entries = list(state.ledger.scan())
            assert [each for each in entries if each.status == "claimed"] == []
            counts = {(each.key, each.identity): each.outcome for each in entries if is_to_the_end(each.records)}
            present = {key: self._hash(key) for key in self.objects}
            # A line that was cut when the file was read stays as evidence, though the file has another content now.
            stopped = [each for each in state.errors.scan() if each.events[0].identity == present.get(each.place[1])]
            assert stopped == [], self.account("error items of what is there")
        for key, each in self.objects.items():
            outcome = counts[key, present[key]]
            assert outcome is not None
            assert (outcome.records, outcome.delivered, outcome.balanced) == (each.count, each.count, True)
        audited = self.slips("audit", "--json")
        total: dict[str, Any] = json.loads(audited.stdout)["total"]
        told = {name: total[name] for name in ("objects", "done", "failed", "waiting", "missing", "changed")}
        assert told == {**dict.fromkeys(told, 0), "objects": len(self.objects), "done": len(self.objects)}, (
            audited.stdout
        )
        assert audited.returncode == 0


def flood(siege: Siege, count: int, seconds: float) -> None:
    """Let so many small objects arrive, half of them before the service starts, and kill it while it works them off.

    Memory must not grow with their number. `seconds` is the most that they may take in the end.
    """
    memory: list[float] = []
    for number in range(count):
        if number == count // 2:
            siege.start()
        siege.put(f"{number}", 1)
        if number > count // 2 and number % (count // 10) == 0:
            siege.wait_for_more()
            memory.append(siege.megabytes())
            print(f"{number:,} of {count:,} objects put, the service has {memory[-1]:.0f} MB", flush=True)
            siege.kill(siege.random.choice(["worker", "supervisor", "group"]))
            siege.told.append("kill")
    siege.wait_for_more()
    siege.wait(seconds)
    memory.append(siege.megabytes())
    print(f"all done, the service has {memory[-1]:.0f} MB", flush=True)
    assert max(memory) < 2 * min(memory), memory
    assert siege.stop() == 0
    siege.check()


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def besieged(root: Path, seed: int = 0) -> Iterator[Siege]:
    """A siege, of which no process is left in the end."""
    siege = Siege(root, seed)
    try:
        yield siege
    finally:
        siege.clean_up()
