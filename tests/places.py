"""The stations on DynamoDB and on SQLite, in this process: what a run, its conclusion and a drain come to on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from msgspec.structs import replace

import aws
from fakes import FakeSite, Objects, Streams, Witness, config_of
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.ledger import DynamoLedger
from slips.backends.machine.state import MachineState
from slips.config import Config, HandlerConfig
from slips.envelope.cause import Cause
from slips.envelope.lost import Unwrapped
from slips.errors import StateError, UnfinishedError
from slips.interface import Handler
from slips.model import ErrorItem, MetaData, ObjectEvent
from slips.parsing.run import Ticker
from slips.pipeline.conclude import ATTEMPTS
from slips.pipeline.drain import DrainRequest, DrainResult, drain
from slips.pipeline.ended import Failure, Success, Superseded
from slips.pipeline.invocation import run_batch
from slips.pipeline.process import Processor
from slips.pipeline.replay import replay
from slips.pipeline.report import report_lost
from slips.ports import ErrorTable, Ledger
from slips.service.messages import Opened, Task
from slips.service.observer import Observer
from slips.service.pool import Pool
from slips.service.supervisor import Supervisor
from slips.site.machine import MachineSite
from slips.site.protocols import Site

LINES = b"one\ntwo\n"


class Sink(Handler):
    """Keeps record numbers, in this test; raises `down` times first."""

    got: list[int]
    down: int

    def recv(self, meta: MetaData, _event: dict[str, Any]) -> None:
        if self.down > 0:
            type(self).down -= 1
            raise ConnectionError("503 from the receiver")
        self.got.append(meta.seq)


@pytest.fixture(autouse=True)
def fresh_sink() -> None:
    Sink.got, Sink.down = [], 0


class Death(BaseException):
    """The end of a process, which no code can catch."""


Draw = Callable[[Sequence[str]], str]
"""Chooses one of these faults for a call of the backend; empty: none."""


def no_fault(_kinds: Sequence[str]) -> str:
    return ""


class Faulty:
    """A client of DynamoDB whose calls have the faults of a place."""

    KINDS = ("refused", "answer lost", "sent twice", "death before", "death behind")

    def __init__(self, place: Stack) -> None:
        self._place = place

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            fault = self._place.draw(self.KINDS)
            if fault == "refused":
                raise EndpointConnectionError(endpoint_url="https://dynamodb")
            if fault == "death before":
                raise Death
            answer = getattr(aws.client("dynamodb"), name)(**request)
            if fault == "sent twice":  # as botocore does if it gets no answer
                answer = getattr(aws.client("dynamodb"), name)(**request)
            if fault == "answer lost":
                raise ReadTimeoutError(endpoint_url="https://dynamodb")
            if fault == "death behind":
                raise Death
            return answer

        return call


class Stops(Ticker):
    """Stops the first run behind its first record, if it is `due`."""

    def tick(self, seq: int) -> bool:
        stops, self.due = self.due and seq > 0, self.due and seq == 0
        return stops


class Place(Protocol):
    """A site with objects in it, and all that runs on it."""

    objects: Objects
    ticker: Stops
    format: Sequence[str]
    faults: int
    """How often the ledger fails at the end of a run."""
    draw: Draw
    """Chooses the fault of each call of the backend."""
    after_an_attempt: Callable[[], object]
    """Called when an attempt is not concluded."""

    @property
    def errors(self) -> ErrorTable: ...

    @property
    def ledger(self) -> Ledger: ...

    def put(self, event: ObjectEvent) -> None: ...

    def run(self) -> None:
        """Runs what is on the lanes, each event until it is concluded."""
        ...

    def drain(self) -> None:
        """Drains all items."""
        ...

    def drain_items(self, items: Sequence[ErrorItem]) -> None: ...

    def dismiss(self, item: ErrorItem) -> None: ...


def until_done(do: Callable[[], object]) -> None:
    """Repeats what a backend fails."""
    while True:
        try:
            do()
            return
        except (StateError, Death):
            pass


class Drained:
    """The draining of a site's error table, the same wherever it is."""

    errors: ErrorTable

    @property
    def site(self) -> Site:
        raise NotImplementedError

    def drain(self) -> None:
        list(drain(DrainRequest(), self.site, DrainResult()))
        assert list(self.errors.scan()) == []

    def drain_items(self, items: Sequence[ErrorItem]) -> None:
        for item in items:
            replay(item, self.site)


class Stack(Drained):
    """The stations on AWS: DynamoDB, invocations with their attempts, and the reporter."""

    def __init__(self, config: Config) -> None:
        place = self

        class Failing(DynamoLedger):
            def finish(self, *args: Any, **options: Any) -> Any:
                place.fail()
                return super().finish(*args, **options)

        self.draw: Draw = no_fault
        client: Any = Faulty(self)
        self.objects, self.ticker, self.faults = Objects(), Stops(), 0
        self.format: Sequence[str] = ["s3-lines"]
        self.after_an_attempt: Callable[[], object] = lambda: None
        self.errors, self.ledger, self.lanes = DynamoErrors(client, "errors"), Failing(client, "ledger"), Streams()
        self._config, self._requests = config, 0

    @property
    def site(self) -> FakeSite:
        config = replace(self._config, bucket_mapping=config_of(*self.format).bucket_mapping)
        return FakeSite(
            config=config,
            store=self.objects,
            handlers=[Sink],
            stream=self.lanes,
            errors=self.errors,
            ledger=self.ledger,
        )

    def fail(self) -> None:
        if self.faults:
            self.faults -= 1
            raise StateError("ledger: throttled")

    def put(self, event: ObjectEvent) -> None:
        self.lanes.put("fast", [event])

    def run(self) -> None:
        while self.lanes.lanes["fast"]:
            event = self.lanes.lanes["fast"].pop(0)
            self._requests += 1
            request_id = f"request {self._requests}"
            for _ in range(ATTEMPTS):
                try:
                    site = self.site
                    run_batch(
                        [event],
                        request_id,
                        site,
                        processor=Processor(site),
                        deadline=self.ticker,
                        observer=Witness(),
                    )
                    break
                except (UnfinishedError, Death):
                    self.after_an_attempt()
            else:
                cause = Cause(request_id=request_id, error_type="UnfinishedError", message="", attempts=ATTEMPTS)
                lost = Unwrapped([event], [], cause, 0)
                until_done(lambda lost=lost: report_lost(lost, self.site))  # type: ignore[misc]

    def dismiss(self, item: ErrorItem) -> None:
        assert self.errors.delete(item.request_id, item.revision)


class Worker(NamedTuple):
    name: str = "this process"


class InProcess:
    """A pool whose only worker is this process."""

    def __init__(self, processor: Processor, ticker: Ticker) -> None:
        self._processor, self._ticker = processor, ticker
        self._task: Task | None = None
        self._worker = Worker()

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    def free(self, _waiting: int) -> Worker | None:
        return None if self._task else self._worker

    def give(self, _worker: Worker, task: Task) -> None:
        self._task = task

    def wait(self, _timeout: float) -> Iterator[tuple[Worker, Opened | Success | Failure | Superseded]]:
        if (task := self._task) is not None:
            opened: list[Opened] = []

            def admit(read: ObjectEvent, names: tuple[str, ...]) -> bool:
                opened.append(Opened(read, names))
                return read.identity not in task.settled

            ended = self._processor.process(task.event, self._ticker, admit)
            self._task = None
            yield from ((self._worker, each) for each in opened)
            yield self._worker, ended

    def close(self) -> None: ...


class Machine(Drained):
    """One machine: SQLite, and the supervisor."""

    def __init__(self, config: Config, state: MachineState) -> None:
        self.objects, self.ticker, self.faults = Objects(), Stops(), 0
        self.format: Sequence[str] = ["s3-lines"]
        self.after_an_attempt: Callable[[], object] = lambda: None
        self.errors, self.ledger, self.state, self._config = state.errors, state.ledger, state, config
        finish = state.ledger.finish

        def failing(*args: Any, **options: Any) -> Any:
            if self.faults:
                self.faults -= 1
                raise StateError("state: disk full")
            return finish(*args, **options)

        state.ledger.finish = failing  # type: ignore[method-assign]
        self.draw: Draw = no_fault
        execute = state.execute

        def faulty(statement: str, parameters: Sequence[Any] = ()) -> Any:
            fault = self.draw(("refused", "death before", "death behind"))
            if fault == "refused":
                raise StateError("state: disk full")
            done = execute(statement, parameters) if fault != "death before" else None
            if fault:
                state._connection.rollback()  # as SQLite does when the file is opened next
                raise Death
            return done

        state.execute = faulty  # type: ignore[method-assign]

    @property
    def config(self) -> Config:
        return replace(self._config, bucket_mapping=config_of(*self.format).bucket_mapping)

    def put(self, event: ObjectEvent) -> None:
        self.state.stream.put("fast", [event])

    def run(self) -> None:
        while self.state.stream.waiting()[0]:
            site = FakeSite(config=self.config, store=self.objects, handlers=[Sink])
            pool = cast("Pool", InProcess(Processor(site), self.ticker))
            try:
                with self.state.exclusive():
                    Supervisor(self.config, self.state, Observer(), pool=pool).run()
            except (StateError, Death):
                self.after_an_attempt()

    @property
    def site(self) -> MachineSite:
        site = MachineSite(self.config, self.state)
        site.__dict__["store"] = self.objects  # in place of S3
        return site

    def dismiss(self, item: ErrorItem) -> None:
        assert self.state.dismiss(item)


@pytest.fixture(params=["dynamodb", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr("slips.service.conclusions.SOON_SECONDS", (0.0, 0.0))
    (tmp_path / "handler.py").write_text("")
    config = config_of(handler=HandlerConfig(path=str(tmp_path / "handler.py")))
    with stack(config) if request.param == "dynamodb" else machine(config, tmp_path) as opened:
        opened.objects.objects["a"] = LINES
        yield opened


@contextmanager
def stack(config: Config) -> Iterator[Place]:
    with aws.account():
        aws.make_tables()
        yield Stack(config)


@contextmanager
def machine(config: Config, tmp_path: Path) -> Iterator[Place]:
    state = MachineState.open(tmp_path / "state")
    yield Machine(config, state)
    state.close()
