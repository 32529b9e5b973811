"""A World of a stack: Kinesis and DynamoDB in memory, and functions that Lambda would call, in any order."""

from __future__ import annotations

import shutil
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import msgspec
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from msgspec import Struct

import aws
from fakes import FakeSite, Objects, Witness
from places import Death, Stops
from slips.backends.aws.brakes import DynamoBrakes
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.kinesis import KinesisStream
from slips.backends.aws.known import DynamoKnown
from slips.backends.aws.ledger import DynamoLedger
from slips.backends.aws.stack_brakes import TABLE, StackBrakes
from slips.brakes import Budget, Pause, is_held
from slips.envelope.cause import Cause
from slips.envelope.lane import LaneRecord, arguments, decode, lane_records
from slips.envelope.lost import Unwrapped
from slips.errors import InvokeError, StateError, StreamError, UnfinishedError
from slips.known import KnownObjects
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, format_time
from slips.pipeline.audit import Audit, audit
from slips.pipeline.conclude import ATTEMPTS
from slips.pipeline.dispatch import dispatch
from slips.pipeline.ended import Failure, Success
from slips.pipeline.hold import CONTROLS_SECONDS, Gate, lane_of
from slips.pipeline.invocation import run_batch
from slips.pipeline.outcomes import CountedRuns, Outcomes
from slips.pipeline.process import Processor
from slips.pipeline.push import push
from slips.pipeline.release import ReleasingSite, release
from slips.pipeline.report import report_lost
from slips.pipeline.selection import selection_of
from slips.ports import ErrorTable, Ledger, Status
from worlds import BUCKET, Clock, Fault, Probe, Version, Watch, new_config, push_missing, with_format

if TYPE_CHECKING:
    from slips.backends.aws.stack import DeployedStack


MOST_STEPS = 300
"""Most steps until a stack rests. In 19 stories it took 25 at most."""
MOST_TRIES = 5
"""Most tries of what AWS repeats. A fault of a story comes once."""
T = TypeVar("T")


@dataclass(kw_only=True)
class ListedSite(FakeSite):
    """A site whose bucket has these objects."""

    present: Sequence[ObjectEvent]
    brakes: DynamoBrakes
    monotonic: Callable[[], float]
    budget: Budget = field(default_factory=Budget)
    directories: dict[str, Path] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)

    def version_of(self, _handler: str) -> str:
        return self.code_version

    def beginnings(self, _bucket: str) -> tuple[str, ...]:
        return ("",)

    def is_unfinished(self, _event: ObjectEvent) -> bool:
        return False

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectEvent]:
        return (each for each in self.present if each.object_key.startswith(prefix))


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


class Shown(NamedTuple):
    """As much of a DeployedStack as StackBrakes uses."""

    clients: Any
    clock: Clock

    def variables(self, _function: str) -> dict[str, str]:
        return {TABLE: "ledger"}


class Clients(NamedTuple):
    dynamodb: Any


class Ends(Witness):
    """Shows a watch the ends of runs."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def succeeded(self, success: Success, items: int) -> None:
        if success.rest is None:
            self._watch.ends(success.event.lane or LANES[0], "")

    def failed(self, failure: Failure, final: bool) -> None:
        if final:
            self._watch.ends(failure.event.lane or LANES[0], failure.stage)


class Invocation(Struct):
    """An asynchronous invocation of the main func that Lambda has accepted."""

    payload: list[bytes]
    request_id: str
    attempts: int = 0


class StackWorld:
    """A stack: Kinesis streams, the dispatcher, asynchronous invocations in any order, DynamoDB, and the reporter."""

    settles_dismissed = False
    has_only_present_content = False
    starts_all_in_trouble = True
    gives_up = True

    def __init__(self, watch: Watch) -> None:
        self.watch, self.clock = watch, Clock()
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
        self._brakes = DynamoBrakes(dynamodb, "ledger")
        shown = Shown(Clients(aws.client("dynamodb")), self.clock)
        self._operators = StackBrakes(cast("DeployedStack", shown))
        self._deployed = self.is_lenient
        self._gate: Gate | None = None
        """The gate of Dispatcher's process; None: it has died."""
        self._outcomes: Outcomes | None = None
        """The counts of the main func's process; None: it has died."""
        self._shown: list[Pause] = []
        """The pauses when Dispatcher decided which of its records may start."""

    @property
    def errors(self) -> ErrorTable:
        return self._errors

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    @property
    def site(self) -> ListedSite:
        now = format_time(time.time())
        present = [
            ObjectEvent(bucket_name=BUCKET, object_key=key, object_etag=self._objects.etags[key], event_time=now)
            for key in sorted(self._objects.objects)
        ]
        return ListedSite(
            present=present,
            brakes=self._brakes,
            clock=self.clock,
            monotonic=self.clock,
            config=with_format(self._config, is_lenient=self.is_lenient),
            store=self._objects,
            handlers=[Probe],
            stream=self._stream,
            streams=self._stream.names,
            errors=self._errors,
            ledger=self._ledger,
        )

    @property
    def holding(self) -> ReleasingSite:
        """The site with as much of a loader of handlers as brakes use."""
        return cast("ReleasingSite", self.site)

    name = "test"

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None]) -> KnownObjects:
        """As much of Operations as audit and push use. A lane that holds something may hold any object, unseen."""
        lags: dict[Lane, float] = dict.fromkeys(LANES, 1e9 if self._in_motion() else 0.0)
        return DynamoKnown(listed, lambda: lags, self._ledger.stored_entries, self._errors.scan, progress)

    def on_lanes(self, listed: Iterable[ObjectEvent], *, again: bool) -> Iterator[tuple[ObjectEvent, bool]]:
        return ((event, False) for event in listed)

    def note_pushed(self, events: Sequence[ObjectEvent]) -> None:
        for event in events:  # one after another, so that faults come in one order
            self._ledger.note_waiting([event])

    def note(self, _name: str) -> str | None:
        return None

    def set_note(self, _name: str, _text: str | None) -> None: ...

    def audited(self) -> Audit:
        site = self.site
        return audit(site, self, selection_of(site, (), ()))

    def push_missing(self) -> None:
        push_missing(self.site, self)

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
        _until_done(lambda: push([event], self.site))

    def pauses(self) -> list[Pause]:
        return self._operators.pauses()

    def pause(self, lane: Lane) -> None:
        self._operators.pause(lane, "", "an operator")
        self.clock.passes(CONTROLS_SECONDS)

    def resume(self, lane: Lane) -> None:
        self._operators.resume(lane)
        self.clock.passes(CONTROLS_SECONDS)
        self._release()

    def granted(self) -> int:
        return self._operators.budgets().spent.granted

    def set_budget(self, objects: int | None) -> None:
        self._operators.set_budget(Budget(objects))
        self.clock.passes(CONTROLS_SECONDS)

    def work(self, choice: int) -> None:
        self.clock.passes(CONTROLS_SECONDS)  # what the former steps did to brakes has been seen
        self._read_on()
        due: list[Callable[[], None]] = [lambda lane=lane: self._deliver(lane) for lane in LANES if self._ahead[lane]]  # type: ignore[misc]
        due += [lambda each=each: self._invoke(each) for each in self._invocations if each not in self._at_work]  # type: ignore[misc]
        due += [self._release] if self._held() else []
        if due:
            due[choice % len(due)]()

    def settle(self) -> None:
        for _ in range(MOST_STEPS):
            if self._in_motion():
                self.work(0)
                continue
            self._release()
            if not self._in_motion():
                return
        raise AssertionError(f"comes to no rest in {MOST_STEPS} steps: {self._shape()}")

    def _shape(self) -> str:
        """Return what is in motion, what is held, and why."""
        lanes = {lane: [str(decode(each["Data"])) for each in records] for lane, records in self._ahead.items()}
        invocations = [
            f"{each.request_id}, attempt {each.attempts}: {[str(decode(data)) for data in each.payload]}"
            for each in self._invocations
        ]
        held = [str(event) for event in self._held()]
        return f"{lanes=}, {invocations=}, {held=}, pauses={self.pauses()}, {self.fault=}, now={self.clock()}"

    def restart(self) -> None:
        """Nothing: a function has no memory between invocations that the tests' calls would share."""

    def waiting(self) -> list[ObjectEvent]:
        return self._in_motion() + self._held()

    def _in_motion(self) -> list[ObjectEvent]:
        self._read_on()
        on_lanes = [decode(record["Data"]) for records in self._ahead.values() for record in records]
        return on_lanes + [decode(data) for each in self._invocations for data in each.payload]

    def _held(self) -> list[ObjectEvent]:
        shown = DynamoErrors(aws.client("dynamodb"), "errors")  # in whose way no fault comes
        return [event for item in shown.scan() if is_held(item) for event in item.events]

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
            retry_from = self._dispatch(lane_records({"Records": kinesis}))
        except Death:
            self._gate = None
            return
        first = next((n for n, each in enumerate(records) if each["SequenceNumber"] == retry_from), 0)
        self._ahead[lane] = [] if retry_from is None else records[first:]

    def _dispatch(self, records: Sequence[LaneRecord]) -> str | None:
        """Do what Dispatcher does. Return the number from which AWS delivers again; None: from none."""
        self._deploy()
        self._shown = self.pauses()
        gate: Gate | None
        gate = self._gate = self._gate or Gate(self.holding)
        try:
            free = gate.sort(records)
        except StateError:
            gate, free = None, list(records)  # the default of Dispatcher
        done = dispatch(
            free,
            invoker=self,
            batch_size=2,
            delay=0,
            seconds_left=lambda: 60.0,
            sleep=lambda _seconds: None,
        )
        retry_from = done.retry_from if done.problem else None
        if gate is not None and gate.has_something:
            try:
                gate.settle(retry_from=retry_from)
            except StateError:
                return gate.again_from(retry_from)
        return retry_from

    def _deploy(self) -> None:
        """Start the processes anew if the config has changed."""
        if self._deployed != self.is_lenient:
            self._gate, self._outcomes, self._deployed = None, None, self.is_lenient

    def _release(self) -> None:
        """Do what the Drain function does on its schedule."""
        with suppress(StateError, StreamError, Death):
            release(self.holding)

    def invoke(self, events: Sequence[bytes]) -> None:
        """Accept an invocation: the port Invoker."""
        kind = self.fault.draw()
        if kind == "death before":
            raise Death
        if kind == "refused":
            raise InvokeError("the main func is throttled")
        for event in map(decode, events):
            self.watch.starts(event, self._shown)
        self._requests += 1
        self._invocations.append(Invocation(list(events), f"request-{self._requests}"))
        if kind == "death behind":
            raise Death

    def _invoke(self, invocation: Invocation) -> None:
        invocation.attempts += 1
        self._at_work.append(invocation)
        site, events = self.site, arguments([msgspec.json.decode(data) for data in invocation.payload])
        self.ticker.due, Probe.fault = self.fault.stop, self.fault
        self._deploy()
        outcomes = self._outcomes = self._outcomes or Outcomes(self.holding)
        outcomes.begin()
        try:
            self._run(invocation, events, site, outcomes)
        except (UnfinishedError, Death) as error:
            if isinstance(error, Death):
                self._outcomes = None
            if invocation.attempts < ATTEMPTS:
                return
            cause = Cause(request_id=invocation.request_id, error_type="UnfinishedError", attempts=ATTEMPTS)
            self._report(Unwrapped(events, [], cause, 0))
        finally:
            self._at_work.remove(invocation)
        self._invocations.remove(invocation)

    def _run(self, invocation: Invocation, events: Sequence[ObjectEvent], site: ListedSite, outcomes: Outcomes) -> None:
        try:
            run_batch(
                events,
                invocation.request_id,
                site,
                processor=Processor(site),
                deadline=self.ticker,
                observer=CountedRuns(Ends(self.watch), outcomes),
            )
        except UnfinishedError:
            self._count(outcomes)
            raise
        self._count(outcomes)

    def _count(self, outcomes: Outcomes) -> None:
        with suppress(StateError):
            outcomes.write()

    def _report(self, lost: Unwrapped) -> None:
        done = _until_done(lambda: report_lost(lost, self.site))
        outcomes = Outcomes(self.holding)  # the Reporter's process
        for item in done.items:
            outcomes.reported(item)
            self.watch.ends(lane_of(item), item.stage)
        with suppress(Death):
            self._count(outcomes)


def _until_done(what: Callable[[], T]) -> T:
    """Do something until no fault comes, as AWS repeats it."""
    for _ in range(MOST_TRIES - 1):
        with suppress(StateError, StreamError, Death):
            return what()
    return what()
