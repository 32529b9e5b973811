"""One table of what becomes of a run, on DynamoDB and on SQLite: the same error items, and the same ledger."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import pytest
from msgspec.structs import replace

import aws
from fakes import FakeSite, Objects, Streams, Witness, config_of, object_event
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.ledger import DynamoLedger
from slips.backends.machine.state import MachineState
from slips.config import Config, HandlerConfig
from slips.envelope.cause import Cause
from slips.envelope.lost import Unwrapped
from slips.errors import StateError, UnfinishedError
from slips.interface import Handler
from slips.loop import Ticker
from slips.model import MetaData, ObjectEvent, Outcome, Range
from slips.pipeline.conclude import ATTEMPTS, Conclusion, is_obsolete, judge
from slips.pipeline.drain import DrainRequest, DrainResult, drain
from slips.pipeline.ended import Failure, Success, Superseded
from slips.pipeline.invocation import run_batch
from slips.pipeline.process import Processor
from slips.pipeline.report import report_lost
from slips.ports import ErrorTable, Ledger, LedgerEntry, StoredObject
from slips.service.messages import Opened, Task
from slips.service.pool import Pool
from slips.service.summary import Observer
from slips.service.supervisor import Supervisor
from slips.site import MachineSite

LINES, BROKEN = b"one\ntwo\n", gzip.compress(b"one\ntwo\n")[:-4]
E1, E2 = object_event("a"), object_event("a", object_etag="e2")


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
def _fresh_sink() -> None:
    Sink.got, Sink.down = [], 0


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

    def drain(self) -> None: ...


class Stack:
    """The stations on AWS: DynamoDB, invocations with their attempts, and the reporter."""

    def __init__(self, config: Config) -> None:
        place = self

        class Failing(DynamoLedger):
            def finish(self, *args: Any, **options: Any) -> Any:
                place.fail()
                return super().finish(*args, **options)

        client = aws.client("dynamodb")
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
                except UnfinishedError:
                    self.after_an_attempt()
            else:
                cause = Cause(request_id=request_id, error_type="UnfinishedError", message="", attempts=ATTEMPTS)
                report_lost(Unwrapped([event], [], cause, 0), self.site)

    def drain(self) -> None:
        list(drain(DrainRequest(), self.site, DrainResult()))
        assert list(self.errors.scan()) == []


class Worker(NamedTuple):
    name: str = "this process"


class InProcess:
    """A pool whose only worker is this process."""

    def __init__(self, processor: Processor, ticker: Ticker) -> None:
        self._processor, self._ticker = processor, ticker
        self._task: Task | None = None

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    def free(self, _waiting: int) -> Worker | None:
        return None if self._task else Worker()

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
            yield from ((Worker(), each) for each in opened)
            yield Worker(), ended

    def close(self) -> None: ...


class Quiet:
    """An Observer that does not listen."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_: None


class Machine:
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
                    Supervisor(self.config, self.state, cast("Observer", Quiet()), pool=pool).run()
            except StateError:
                self.after_an_attempt()

    def drain(self) -> None:
        site = MachineSite(self.config, self.state)
        site.__dict__["store"] = self.objects  # in place of S3
        list(drain(DrainRequest(), site, DrainResult()))
        assert list(self.errors.scan()) == []


@pytest.fixture(params=["dynamodb", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr("slips.service.supervisor.RETRY_SECONDS", (0.0, 0.0))
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


# ---- the table


class Came(NamedTuple):
    """What a scenario comes to."""

    items: Sequence[tuple[str, str, str, list[Range]]]
    """Kind, identity, error type and records of each error item."""
    ledger: dict[tuple[str, str], str]
    """Status by identity and records; of replays, only what they did to the object."""
    got: list[int]
    """Record numbers that the handler got."""


def came_to(place: Place) -> Came:
    items = [(each.kind, each.events[0].identity, each.error_type, each.records) for each in place.errors.scan()]
    entries = [entry for entry in place.ledger.scan() if entry.replay is None]
    ledger = {(entry.identity, str(entry.records or "")): str(entry.status) for entry in entries}
    return Came(items, ledger, Sink.got)


def success(place: Place) -> None:
    place.put(E1)
    place.run()


def quarantine(place: Place) -> None:
    place.format, place.objects.objects["a"] = ["s3-lines", "json"], b'{"n": 1}\nbad\n{"n": 3}\n'
    success(place)


def stopped(place: Place) -> None:
    place.ticker.due = True
    success(place)


def failure_that_passes(place: Place) -> None:
    Sink.down = ATTEMPTS - 1
    success(place)


def last_attempt(place: Place) -> None:
    Sink.down = ATTEMPTS
    success(place)


def final_failure(place: Place) -> None:
    place.objects.objects["a"] = BROKEN
    success(place)


def other_content(place: Place) -> None:
    place.objects.etags["a"] = "e2"
    success(place)


def other_content_that_fails(place: Place) -> None:
    place.objects.objects["a"] = BROKEN
    other_content(place)


def other_content_that_is_done(place: Place) -> None:
    place.objects.etags["a"] = "e2"
    place.put(E2)
    success(place)


def failed_content_that_was_overwritten(place: Place) -> None:
    final_failure(place)
    place.objects.objects["a"] = LINES
    place.objects.etags["a"] = "e2"
    place.drain()
    place.run()


def attempt_that_left_items(place: Place) -> None:
    place.faults = 1
    # The first attempt quarantines records 2 and 4, and dies before its end; the second finds the object damaged.
    place.format, place.objects.objects["a"] = ["s3-lines", "json"], b"{}\nbad\n{}\nbad\n{}\n"

    place.after_an_attempt = lambda: place.objects.objects.update(a=BROKEN)
    success(place)


def replay_of_records(place: Place) -> None:
    quarantine(place)
    place.format = ["s3-lines"]
    place.drain()
    place.run()


def replay_of_records_in_vain(place: Place) -> None:
    quarantine(place)
    place.drain()
    place.run()


def replay_of_the_object(place: Place) -> None:
    final_failure(place)
    place.objects.objects["a"] = LINES
    place.drain()
    place.run()


def replay_that_is_stopped(place: Place) -> None:
    final_failure(place)
    place.objects.objects["a"] = LINES
    place.ticker.due = True
    place.drain()
    place.run()


def late_duplicate(place: Place) -> None:
    success(place)
    success(place)


TABLE: dict[Callable[[Place], None], Came] = {
    success: Came([], {("e1", ""): "done"}, [1, 2]),
    quarantine: Came([("records", "e1", "RecordError", [(2, 2)])], {("e1", ""): "done"}, [1, 3]),
    stopped: Came([], {("e1", ""): "done", ("e1", "[(2, None)]"): "done"}, [1, 2]),
    failure_that_passes: Came([], {("e1", ""): "done"}, [1, 2]),
    last_attempt: Came([("object", "e1", "ConnectionError", [])], {("e1", ""): "failed"}, []),
    final_failure: Came([("object", "e1", "DecompressionError", [])], {("e1", ""): "failed"}, [1, 2]),
    other_content: Came([], {("e1", ""): "superseded", ("e2", ""): "done"}, [1, 2]),
    other_content_that_fails: Came(
        [("object", "e2", "DecompressionError", [])], {("e1", ""): "superseded", ("e2", ""): "failed"}, [1, 2]
    ),
    other_content_that_is_done: Came([], {("e1", ""): "superseded", ("e2", ""): "done"}, [1, 2]),
    failed_content_that_was_overwritten: Came([], {("e1", ""): "superseded", ("e2", ""): "done"}, [1, 2, 1, 2]),
    attempt_that_left_items: Came([("object", "e1", "DecompressionError", [])], {("e1", ""): "failed"}, [1, 3, 5]),
    replay_of_records: Came([], {("e1", ""): "done"}, [1, 3, 2]),
    replay_of_records_in_vain: Came([("records", "e1", "RecordError", [(2, 2)])], {("e1", ""): "done"}, [1, 3]),
    replay_of_the_object: Came([], {("e1", ""): "done"}, [1, 2, 1, 2]),
    replay_that_is_stopped: Came([], {("e1", ""): "done"}, [1, 2, 1, 2]),
    late_duplicate: Came([], {("e1", ""): "done"}, [1, 2]),
}


@pytest.mark.parametrize("scenario", TABLE, ids=lambda each: str(each.__name__))
def test_a_run_comes_to_the_same_on_every_backend(
    place: Place, scenario: Callable[[Place], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slips.pipeline.quarantine.RANGES", 1)
    scenario(place)
    assert came_to(place) == TABLE[scenario]


@pytest.mark.parametrize(
    ("place", "scenario"),
    [
        ("dynamodb", replay_of_the_object),
        ("sqlite", replay_of_the_object),
        ("dynamodb", stopped),
        ("sqlite", stopped),
        # On one machine no run is stopped, and rows of replays are forgotten.
        ("dynamodb", replay_that_is_stopped),
    ],
    indirect=["place"],
)
def test_the_entries_of_an_object_add_up_to_its_records(place: Place, scenario: Callable[[Place], None]) -> None:
    scenario(place)
    assert sum(counts.records for counts in map(counts_of, place.ledger.scan())) == 2
    assert sum(counts.delivered for counts in map(counts_of, place.ledger.scan())) == 2


def counts_of(entry: LedgerEntry) -> Outcome:
    return entry.outcome or Outcome()


def test_the_item_of_the_last_attempt_tells_how_many_there_were(place: Place) -> None:
    last_attempt(place)
    (item,) = place.errors.scan()
    assert item.attempts == ATTEMPTS


class Versioned(Objects):
    """Objects in a bucket with versions, which listings do not tell."""

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        with super().open(event) as stored:
            stored.version_id = "v1"
            yield stored


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_an_object_that_was_listed_by_its_etag_and_read_as_a_version_is_not_pending_again(place: Machine) -> None:
    place.objects = Versioned(a=LINES)
    success(place)
    assert came_to(place).ledger == {("e1", ""): "done", ("v1", ""): "done"}
    assert not place.state.is_pending(E1)


# ---- policies


@pytest.mark.parametrize(
    ("retryable", "resources", "attempts", "excused", "verdict"),
    [
        (False, False, 1, 0, "final"),
        (True, False, 1, 0, "retry"),
        (True, False, ATTEMPTS - 1, 0, "retry"),
        (True, False, ATTEMPTS, 0, "final"),
        (True, True, 1, 0, "excused"),
        (True, True, ATTEMPTS, 2, "excused"),
        (True, True, 1, 3, "final"),
    ],
)
def test_a_failure_is_final_retried_or_excused(
    retryable: bool, resources: bool, attempts: int, excused: int, verdict: str
) -> None:
    failure = Failure(E1, "handler", "E", "m", retryable=retryable, resources=resources)
    assert judge(failure, attempts, excused=excused) == verdict


def test_no_progress_of_an_event_that_was_not_alone_is_postponed() -> None:
    failure = Failure(E1, "process", "NoProgressError", "m", retryable=False)
    assert (judge(failure, alone=False), judge(failure)) == ("postponed", "final")


def about(identity: str, records: list[Range] | None = None) -> ObjectEvent:
    return object_event("a", object_etag=identity, records=records)


DONE = Conclusion(E1, E1, "done", "r")


@pytest.mark.parametrize(
    ("told", "conclusion", "obsolete"),
    [
        (about("e1"), DONE, True),
        (about("e1"), replace(DONE, status="failed"), True),
        (about("e0"), DONE, False),
        (about("e0"), replace(DONE, names=("e0",)), True),
        (about("e0"), replace(DONE, is_only_content=True), True),
        (about("e0"), replace(DONE, announced=about("e0")), True),
        (about("e1", [(2, 2)]), DONE, True),
        (about("e1", [(2, 2)]), replace(DONE, status="failed"), False),
        (about("e1", [(2, 2)]), replace(DONE, status="part"), False),
        (about("e0", [(2, 2)]), replace(DONE, is_only_content=True), False),
        (about("e1", [(2, 2)]), replace(DONE, read=about("e1", [(2, 2)])), True),
        (about("e1", [(2, 2)]), replace(DONE, read=about("e1", [(4, 4)])), False),
        (about("e1"), replace(DONE, read=about("e1", [(4, 4)])), False),
        (about("e1"), replace(DONE, read=about("e1", [(4, None)])), True),
        (about("e1"), replace(DONE, read=about("e1", [(4, None)]), status="failed"), False),
    ],
)
def test_a_later_run_makes_items_obsolete_whose_records_it_read_again(
    told: ObjectEvent, conclusion: Conclusion, obsolete: bool
) -> None:
    assert is_obsolete(told, conclusion) is obsolete
