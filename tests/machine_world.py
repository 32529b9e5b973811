"""A World of one machine: a directory, SQLite, and sessions of the supervisor in this process."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, cast

from msgspec.structs import replace

from fakes import FakeSite
from places import Death, Stops, Worker
from slips.backends.machine.content import names_of
from slips.backends.machine.directory import DirectoryStore
from slips.backends.machine.operations import MachineOperations
from slips.backends.machine.sqlite import FILE
from slips.backends.machine.state import MachineState
from slips.brakes import Budget, Pause
from slips.config import Config
from slips.errors import StateError
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, Outcome
from slips.pipeline.audit import Audit, audit
from slips.pipeline.ended import Failure
from slips.pipeline.process import Processor
from slips.pipeline.selection import selection_of
from slips.ports import SETTLED, ErrorTable, Ledger, Status
from slips.service.messages import Opened, Task
from slips.service.observer import Observer
from slips.service.pool import Pool
from slips.service.supervisor import Supervisor
from slips.site.machine import MachineSite
from worlds import BUCKET, Clock, Fault, Probe, Seconds, Version, Watch, new_config, push_missing, with_format


class Mortal:
    """A connection to SQLite that dies when the world says so, and then does nothing more: its process is gone."""

    def __init__(self, connection: sqlite3.Connection, draw: Callable[[], str]) -> None:
        self._connection, self._draw, self._is_dead = connection, draw, False

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        self._live()
        kind = self._draw()
        if kind == "refused":
            raise sqlite3.OperationalError("database or disk is full")
        if kind == "death before":
            self._die()
        done = self._connection.execute(statement, parameters)
        if kind == "death behind":
            self._die()
        return done

    def rollback(self) -> None:
        self._live()
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()

    def _live(self) -> None:
        if self._is_dead:
            raise Death

    def _die(self) -> None:
        self._is_dead = True
        self._connection.rollback()  # as SQLite does with what a dead process has begun
        self._connection.close()
        raise Death


class InThisProcess:
    """A pool whose only worker is this process. It opens files as a worker does."""

    def __init__(self, world: MachineWorld) -> None:
        self._world = world
        self._task: Task | None = None
        self._worker = Worker()

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    def free(self, _waiting: int) -> Worker | None:
        return None if self._task else self._worker

    def give(self, _worker: Worker, task: Task) -> None:
        self._world.watch.starts(task.event, self._world.pauses())
        self._task = task

    def wait(self, _timeout: float) -> Iterator[tuple[Worker, Any]]:
        if (task := self._task) is not None:
            opened: list[Opened] = []

            def admit(read: ObjectEvent, names: tuple[str, ...]) -> bool:
                opened.append(Opened(read, names))
                return read.identity not in task.settled

            ended = self._world.processor(task).process(task.event, self._world.ticker, admit)
            self._task = None
            yield from ((self._worker, each) for each in opened)
            yield self._worker, ended

    def close(self) -> None: ...


class Ends(Observer):
    """Shows a watch the ends of runs."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None:
        self._watch.ends(event.lane or LANES[0], "")

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        if final:
            self._watch.ends(event.lane or LANES[0], failure.stage)


class MachineWorld:
    """One machine: a directory, SQLite, and sessions of the supervisor. Operators have a connection of their own."""

    settles_dismissed = True
    has_only_present_content = True
    starts_all_in_trouble = False
    gives_up = False

    def __init__(self, watch: Watch) -> None:
        self.watch, self.clock = watch, Clock()
        self._root = Path(mkdtemp(prefix="slips-world-"))
        (self._root / "bucket").mkdir()
        (self._root / "handler.py").touch()
        self._config = new_config(self._root / "handler.py", "bucket", "state")
        self._config = replace(self._config, file=str(self._root / "slips.yml"))
        self.fault, self.is_lenient, self.ticker, self._written = Fault(), False, Stops(), 0
        self._seconds = Seconds(self.clock.now)
        """The time of all that is stamped or looked at, whether or not the machine is busy."""
        self._begun = int(self.clock.now) - 100_000
        self.is_young = False
        """Whether all files are so new that their times cannot tell a further change."""
        self._state = self._opened()
        self._operators = MachineState.open(self._root / "state", clock=self._seconds)

    @property
    def errors(self) -> ErrorTable:
        return self._operators.errors

    @property
    def ledger(self) -> Ledger:
        return self._operators.ledger

    @property
    def state(self) -> MachineState:
        return self._operators

    @property
    def config(self) -> Config:
        return with_format(self._config, is_lenient=self.is_lenient)

    @property
    def site(self) -> MachineSite:
        return MachineSite(self.config, self._operators)

    @property
    def operations(self) -> MachineOperations:
        return MachineOperations(self.config, self._operators, clock=self.clock)

    def audited(self) -> Audit:
        site = self.site
        return audit(site, self.operations, selection_of(site, (), ()))

    def push_missing(self) -> None:
        push_missing(self.site, self.operations)

    def pauses(self) -> list[Pause]:
        return self.operations.pauses()

    def pause(self, lane: Lane) -> None:
        self.operations.pause(lane, "", "an operator")

    def resume(self, lane: Lane) -> None:
        self.operations.resume(lane)

    def granted(self) -> int:
        return self.operations.budgets().spent.granted

    def set_budget(self, objects: int | None) -> None:
        self.operations.set_budget(Budget(objects))

    def identity(self, version: Version) -> str:
        return hashlib.sha256(version.body).hexdigest()[:32]

    def status(self, version: Version) -> Status | None:
        event = ObjectEvent(bucket_name=BUCKET, object_key=version.key, object_etag=self.identity(version))
        names = [event.object_etag, *(names_of(listed.object_etag) if (listed := self._listed(version)) else ())]
        found = [self.ledger.get(replace(event, object_etag=name)) for name in names]
        known = sorted((each.status for each in found if each is not None), key=lambda each: each not in SETTLED)
        return known[0] if known else None

    def is_to_be_listed(self, version: Version) -> bool:
        listed = self._listed(version)
        return listed is not None and self._operators.is_pending(self._operators.files.identified(listed))

    def _listed(self, version: Version) -> ObjectEvent | None:
        """The event of a version in a listing; None if another content is there."""
        path = self._root / "bucket" / version.key
        if not path.exists() or path.read_bytes() != version.body:
            return None
        return next(DirectoryStore({BUCKET: self._root / "bucket"}).list(BUCKET, version.key))

    def put(self, version: Version) -> None:
        path = self._root / "bucket" / version.key
        path.parent.mkdir(exist_ok=True)
        new = self._root / "new"
        new.write_bytes(version.body)
        self._written += 1
        os.utime(new, (self._begun + self._written, self._begun + self._written))  # no two contents have one stamp
        new.rename(path)

    def remove(self, key: str) -> None:
        (self._root / "bucket" / key).unlink()

    def announce(self, version: Version) -> None:
        """Nothing: each session lists the directory."""

    def work(self, choice: int) -> None:
        try:
            self._session()
        except (StateError, Death):
            self.restart()

    def settle(self) -> None:
        self._session()

    def _session(self) -> None:
        self.ticker.due, Probe.fault = self.fault.stop, self.fault
        pool = cast("Pool", InThisProcess(self))
        with self._state.exclusive():
            Supervisor(
                self.config,
                self._state,
                Ends(self.watch),
                pool=pool,
                pause=lambda _: 0.0,
                monotonic=self._seconds,
                now=self.clock,
            ).run()

    def processor(self, task: Task) -> Processor:
        """The processor of a worker: files that it was told about are not read for their hashes."""
        store = DirectoryStore(
            {BUCKET: self._root / "bucket"},
            lambda _event, stamp: task.known.get(stamp),
            clock=lambda: 0.0 if self.is_young else 1e12,
        )
        return Processor(FakeSite(config=self.config, store=store, handlers=[Probe]))

    def restart(self) -> None:
        self._state.close()
        self._state = self._opened()
        with self._state.exclusive():
            pass

    def waiting(self) -> list[ObjectEvent]:
        return [each.event for each in self._operators.stream.take(10_000, {})]

    def dismiss(self, item: ErrorItem) -> bool:
        return self._operators.dismiss(item)

    def close(self) -> None:
        self._state.close()
        self._operators.close()
        shutil.rmtree(self._root)

    def _opened(self) -> MachineState:
        state = MachineState.open(self._root / "state", clock=self._seconds)
        state._connection = cast("Any", Mortal(state._connection, self._draw))
        return state

    def _draw(self) -> str:
        return self.fault.draw()

    def check(self) -> None:
        with closing(sqlite3.connect(self._root / "state" / FILE)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
