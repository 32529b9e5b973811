"""A World of a stack: Kinesis and DynamoDB in memory, and functions that Lambda would call, in any order."""

from __future__ import annotations

import shutil
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, cast

import msgspec
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from msgspec import Struct

import aws
from fakes import FakeSite, Objects, Witness
from places import Death, Stops
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.kinesis import KinesisStream
from slips.backends.aws.known import DynamoKnown
from slips.backends.aws.ledger import DynamoLedger
from slips.envelope.cause import Cause
from slips.envelope.lane import arguments, decode, lane_records
from slips.envelope.lost import Unwrapped
from slips.errors import StateError, StreamError, UnfinishedError
from slips.known import KnownObjects
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, format_time
from slips.pipeline.audit import Audit, audit
from slips.pipeline.conclude import ATTEMPTS
from slips.pipeline.dispatch import dispatch
from slips.pipeline.invocation import run_batch
from slips.pipeline.process import Processor
from slips.pipeline.push import push
from slips.pipeline.report import report_lost
from slips.pipeline.selection import selection_of
from slips.ports import ErrorTable, Ledger, Status
from worlds import BUCKET, Fault, Probe, Version, new_config, push_missing, with_format


@dataclass(kw_only=True)
class ListedSite(FakeSite):
    """A site whose bucket has these objects."""

    present: Sequence[ObjectEvent]
    directories: dict[str, Path] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)

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
    def site(self) -> ListedSite:
        now = format_time(time.time())
        present = [
            ObjectEvent(bucket_name=BUCKET, object_key=key, object_etag=self._objects.etags[key], event_time=now)
            for key in sorted(self._objects.objects)
        ]
        return ListedSite(
            present=present,
            config=with_format(self._config, is_lenient=self.is_lenient),
            store=self._objects,
            handlers=[Probe],
            stream=self._stream,
            streams=self._stream.names,
            errors=self._errors,
            ledger=self._ledger,
        )

    name = "test"

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None]) -> KnownObjects:
        """As much of Operations as audit and push use. A lane that holds something may hold any object, unseen."""
        lags: dict[Lane, float] = dict.fromkeys(LANES, 1e9 if self.waiting() else 0.0)
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
