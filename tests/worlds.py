"""Backends that a model is compared with, driven step by step in this process: SQLite with the supervisor, and DynamoDB
with Kinesis and the attempts of Lambda.

A world has one bucket. A version is one content of a key, and is numbered; its records carry the number. Any call of
the backend may fail or be the last of its process, as `fault` orders it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar, Literal, Protocol, cast

import msgspec
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from msgspec import Struct
from msgspec.structs import replace

import aws
from fakes import FakeSite, Objects, Witness, config_of
from places import Death, Stops, Worker
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.kinesis import KinesisStream
from slips.backends.aws.ledger import DynamoLedger
from slips.backends.machine.content import names_of
from slips.backends.machine.directory import DirectoryStore
from slips.backends.machine.sqlite import FILE
from slips.backends.machine.state import MachineState
from slips.config import Config, HandlerConfig, Route
from slips.config.schema import BackendConfig, Embedded
from slips.envelope.cause import Cause
from slips.envelope.lane import arguments, decode, lane_records
from slips.envelope.lost import Unwrapped
from slips.errors import StateError, StreamError, UnfinishedError
from slips.interface import Handler
from slips.model import LANES, ErrorItem, Lane, MetaData, ObjectEvent
from slips.pipeline.conclude import ATTEMPTS
from slips.pipeline.dispatch import dispatch
from slips.pipeline.invocation import run_batch
from slips.pipeline.process import Processor
from slips.pipeline.push import push
from slips.pipeline.report import report_lost
from slips.ports import SETTLED, ErrorTable, Ledger, Status
from slips.service.messages import Opened, Task
from slips.service.observer import Observer
from slips.service.pool import Pool
from slips.service.supervisor import Supervisor
from slips.site import MachineSite, Site

BUCKET = "my-logs"
RECORDS = 3
ROUTING = [Route(prefix="slow/", dest="slow"), Route(prefix="dropped/", dest="drop")]
Kind = Literal["sqlite", "aws"]
Content = Literal["good", "doubtful", "damaged"]
"""`doubtful`: its second record is no JSON; `damaged`: its compression ends early, which no further attempt mends."""


class Version(Struct, frozen=True):
    """One content of a key."""

    number: int
    key: str
    content: Content

    @property
    def body(self) -> bytes:
        lines = [f'{{"v": {self.number}, "n": {n}}}' for n in range(1, RECORDS + 1)]
        if self.content == "doubtful":
            lines[1] = f"bad {self.number}"
        body = "".join(f"{line}\n" for line in lines).encode()
        return gzip.compress(body, mtime=0)[:-4] if self.content == "damaged" else body


class Fault(Struct):
    """A fault at one of the next calls of the backend, and where the handler is at work."""

    kind: str = ""
    """`death before`, `death behind`, `refused`, `answer lost`, `sent twice`; empty: none."""
    at: int = 0
    """Number of calls before it."""
    stop: bool = False
    """Whether the time is up behind the first record of the first run."""
    during: Callable[[], None] | None = None
    """Called while the first handler has its first record."""

    def draw(self) -> str:
        """Return the kind of the fault of this call, once."""
        self.at -= 1
        kind, self.kind = (self.kind, "") if self.at < 0 else ("", self.kind)
        return kind


class Probe(Handler):
    """Notes the records that it gets. Raises for versions that are `down`."""

    seen: ClassVar[list[tuple[int, int]]] = []
    """Version and number of each record, in order."""
    down: ClassVar[set[int]] = set()
    fault: ClassVar[Fault] = Fault()

    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        during, Probe.fault.during = Probe.fault.during, None
        if during is not None:
            during()
        number = event["v"] if "v" in event else int(re.findall(r"\d+", event["message"])[0])
        if number in self.down:
            raise ConnectionError("503 from the receiver")
        self.seen.append((number, meta.seq))


class World(Protocol):
    """A backend under test."""

    fault: Fault
    is_lenient: bool
    """Whether the mapping takes records that are no JSON, so that no record is bad."""
    settles_dismissed: bool
    """Whether no listing or announcement runs content that was dismissed."""
    has_only_present_content: bool
    """Whether an error item of any content of a key is one of its present content."""
    gives_up: bool
    """Whether attempts that a fault ends count, so that a few of them end in the error table."""

    @property
    def errors(self) -> ErrorTable: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def site(self) -> Site: ...

    def identity(self, version: Version) -> str: ...

    def status(self, version: Version) -> Status | None:
        """Return the status in the ledger of a version, by any name that it has."""
        ...

    def is_to_be_listed(self, version: Version) -> bool:
        """Whether the backend finds the version by itself: it is present, and a listing takes it for new."""
        ...

    def put(self, version: Version) -> None:
        """Write an object; nobody announces it."""
        ...

    def remove(self, key: str) -> None: ...

    def announce(self, version: Version) -> None:
        """Let a notification of this version arrive, or what this backend has in its place."""
        ...

    def work(self, choice: int) -> None:
        """Take one step that the backend takes by itself: `choice` decides between those that are due."""
        ...

    def settle(self) -> None:
        """Take all such steps, until none is due."""
        ...

    def restart(self) -> None:
        """End all processes of the backend without warning, and start them again."""
        ...

    def waiting(self) -> list[ObjectEvent]:
        """The events on lanes, and those that a process has taken off them and not concluded."""
        ...

    def dismiss(self, item: ErrorItem) -> bool: ...

    def check(self) -> None:
        """Check that the stores are sound."""
        ...

    def close(self) -> None: ...


def new_config(handler: Path, bucket: str = "", path: str = "") -> Config:
    backend = BackendConfig(embedded=Embedded(path=path, buckets={BUCKET: bucket})) if path else BackendConfig()
    return config_of(handler=HandlerConfig(path=str(handler)), routing=ROUTING, backend=backend)


def with_format(config: Config, *, is_lenient: bool) -> Config:
    names = ["s3-lines"] if is_lenient else ["s3-lines", "json"]
    return replace(config, bucket_mapping=config_of(*names).bucket_mapping)


# ---- one machine


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


class MachineWorld:
    """One machine: a directory, SQLite, and sessions of the supervisor. Operators have a connection of their own."""

    settles_dismissed = True
    has_only_present_content = True
    gives_up = False

    def __init__(self) -> None:
        self._root = Path(mkdtemp(prefix="slips-world-"))
        (self._root / "bucket").mkdir()
        (self._root / "handler.py").touch()
        self._config = new_config(self._root / "handler.py", "bucket", "state")
        self._config = replace(self._config, file=str(self._root / "slips.yml"))
        self.fault, self.is_lenient, self.ticker, self._written = Fault(), False, Stops(), 0
        self.is_young = False
        """Whether all files are so new that their times cannot tell a further change."""
        self._state = self._opened()
        self._operators = MachineState.open(self._root / "state")

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
    def site(self) -> Site:
        return MachineSite(self.config, self._operators)

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
        os.utime(new, ns=(self._written * 10**9, self._written * 10**9))  # no two contents have one stamp
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
            Supervisor(self.config, self._state, Observer(), pool=pool).run()

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
        state = MachineState.open(self._root / "state")
        state._connection = cast("Any", Mortal(state._connection, self._draw))
        return state

    def _draw(self) -> str:
        return self.fault.draw()

    def check(self) -> None:
        with closing(sqlite3.connect(self._root / "state" / FILE)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# ---- a stack


class Unreliable:
    """A client of AWS whose calls have the faults of a world."""

    def __init__(self, client: Any, draw: Callable[[], str]) -> None:
        self._client, self._draw = client, draw

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            kind = self._draw()
            if kind == "refused":
                raise EndpointConnectionError(endpoint_url="https://aws")
            if kind == "death before":
                raise Death
            answer = getattr(self._client, name)(**request)
            if kind == "sent twice":  # as botocore does if it gets no answer
                answer = getattr(self._client, name)(**request)
            if kind == "answer lost":
                raise ReadTimeoutError(endpoint_url="https://aws")
            if kind == "death behind":
                raise Death
            return answer

        return call


class Invocation(Struct):
    """An asynchronous invocation of the main func that Lambda has accepted."""

    payload: list[bytes]
    request_id: str
    attempts: int = 0


class StackWorld:
    """A stack: Kinesis streams, the dispatcher, asynchronous invocations in any order, DynamoDB, and the reporter."""

    settles_dismissed = False
    has_only_present_content = False
    gives_up = True

    def __init__(self) -> None:
        self._root = Path(mkdtemp(prefix="slips-world-"))
        (self._root / "handler.py").touch()
        self._config = new_config(self._root / "handler.py")
        self.fault, self.is_lenient, self.ticker = Fault(), False, Stops()
        self._objects = Objects()
        dynamodb = cast("Any", Unreliable(aws.client("dynamodb"), self._draw))
        kinesis = cast("Any", Unreliable(aws.client("kinesis"), self._draw))
        aws.make_tables()
        self._arns = aws.make_streams()
        self._stream = KinesisStream(kinesis, self._arns, lambda _seconds: None)
        self._ledger, self._errors = DynamoLedger(dynamodb, "ledger"), DynamoErrors(dynamodb, "errors")
        self._ahead: dict[Lane, list[Any]] = {lane: [] for lane in LANES}
        """Records of each lane that are not dispatched."""
        self._iterators = {lane: self._start_of(lane) for lane in LANES}
        self._invocations: list[Invocation] = []
        self._at_work: list[Invocation] = []
        """Invocations whose handler is at work, while another does something."""
        self._requests = 0

    @property
    def errors(self) -> ErrorTable:
        return self._errors

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    @property
    def site(self) -> FakeSite:
        return FakeSite(
            config=with_format(self._config, is_lenient=self.is_lenient),
            store=self._objects,
            handlers=[Probe],
            stream=self._stream,
            streams=self._stream.names,
            errors=self._errors,
            ledger=self._ledger,
        )

    def identity(self, version: Version) -> str:
        return f"e{version.number}"

    def status(self, version: Version) -> Status | None:
        event = ObjectEvent(bucket_name=BUCKET, object_key=version.key, object_etag=self.identity(version))
        entry = self._ledger.get(event)
        return entry.status if entry is not None else None

    def is_to_be_listed(self, version: Version) -> bool:
        return False

    def put(self, version: Version) -> None:
        self._objects.objects[version.key] = version.body
        self._objects.etags[version.key] = self.identity(version)

    def remove(self, key: str) -> None:
        del self._objects.objects[key]

    def announce(self, version: Version) -> None:
        """S3 announces until the event pusher has answered; one that died comes again."""
        event = ObjectEvent(bucket_name=BUCKET, object_key=version.key, object_etag=self.identity(version))
        while True:
            try:
                push([event], self.site)
                return
            except (StateError, StreamError, Death):
                pass

    def work(self, choice: int) -> None:
        self._read_on()
        due: list[Callable[[], None]] = [lambda lane=lane: self._deliver(lane) for lane in LANES if self._ahead[lane]]  # type: ignore[misc]
        due += [lambda each=each: self._invoke(each) for each in self._invocations if each not in self._at_work]  # type: ignore[misc]
        if due:
            due[choice % len(due)]()

    def settle(self) -> None:
        while self.waiting():
            self.work(0)

    def restart(self) -> None:
        """Nothing: a function has no memory between invocations that the tests' calls would share."""

    def waiting(self) -> list[ObjectEvent]:
        self._read_on()
        on_lanes = [decode(record["Data"]) for records in self._ahead.values() for record in records]
        return on_lanes + [decode(data) for each in self._invocations for data in each.payload]

    def dismiss(self, item: ErrorItem) -> bool:
        return self._errors.delete(item.request_id, item.revision)

    def close(self) -> None:
        shutil.rmtree(self._root)

    def check(self) -> None:
        """Nothing: DynamoDB checks itself."""

    def _draw(self) -> str:
        return self.fault.draw()

    def _start_of(self, lane: Lane) -> str:
        kinesis, stream = aws.client("kinesis"), f"my-{lane}"  # moto's iterators lose a stream that its ARN names
        (shard,) = kinesis.list_shards(StreamName=stream)["Shards"]
        where = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        return str(kinesis.get_shard_iterator(**where)["ShardIterator"])

    def _read_on(self) -> None:
        for lane in LANES:
            page = aws.client("kinesis").get_records(ShardIterator=self._iterators[lane])
            self._ahead[lane] += page["Records"]
            self._iterators[lane] = page["NextShardIterator"]

    def _deliver(self, lane: Lane) -> None:
        """Deliver what waits on a lane as an event source mapping does: again, if the dispatcher dies meanwhile."""
        records = self._ahead[lane]
        kinesis = [
            {"kinesis": {"sequenceNumber": each["SequenceNumber"], "data": b64encode(each["Data"]).decode()}}
            for each in records
        ]
        try:
            done = dispatch(
                lane_records({"Records": kinesis}),
                invoker=self,
                batch_size=2,
                delay=0,
                seconds_left=lambda: 60.0,
                sleep=lambda _seconds: None,
            )
        except Death:
            return
        assert not done.problem
        self._ahead[lane] = []

    def invoke(self, events: Sequence[bytes]) -> None:
        """Accept an invocation: the port Invoker."""
        kind = self.fault.draw()
        if kind == "death before":
            raise Death
        self._requests += 1
        self._invocations.append(Invocation(list(events), f"request-{self._requests}"))
        if kind == "death behind":
            raise Death

    def _invoke(self, invocation: Invocation) -> None:
        invocation.attempts += 1
        self._at_work.append(invocation)
        site, events = self.site, arguments([msgspec.json.decode(data) for data in invocation.payload])
        self.ticker.due, Probe.fault = self.fault.stop, self.fault
        try:
            run_batch(
                events,
                invocation.request_id,
                site,
                processor=Processor(site),
                deadline=self.ticker,
                observer=Witness(),
            )
        except (UnfinishedError, Death):
            if invocation.attempts < ATTEMPTS:
                return
            cause = Cause(request_id=invocation.request_id, error_type="UnfinishedError", attempts=ATTEMPTS)
            self._report(Unwrapped(events, [], cause, 0))
        finally:
            self._at_work.remove(invocation)
        self._invocations.remove(invocation)

    def _report(self, lost: Unwrapped) -> None:
        while True:
            try:
                report_lost(lost, self.site)
                return
            except (StateError, StreamError, Death):
                pass


@contextmanager
def fresh(kind: Kind) -> Iterator[World]:
    """A new world, with nothing in it."""
    Probe.seen.clear()
    Probe.down.clear()
    Probe.fault = Fault()
    if kind == "sqlite":
        machine = MachineWorld()
        yield machine
        machine.close()
    else:
        with aws.account():
            stack = StackWorld()
            yield stack
            stack.close()
