"""The ports in memory, with faults to order. They pass the contract in `test_ports.py` like all others."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from msgspec.structs import replace

from slips.config import Config, HandlerConfig, HandlerSpec
from slips.config import Mapping as Prefix
from slips.envelope.lost import Batch
from slips.errors import StateError, StorageError, StreamError
from slips.interface import Handler
from slips.model import LANES, ErrorItem, HandlerCode, Lane, ObjectEvent, Outcome
from slips.pipeline.ended import Failure, Success
from slips.pipeline.process import Processor
from slips.ports import (
    SETTLED,
    Claim,
    EarlierItem,
    ErrorTable,
    Finished,
    LedgerEntry,
    ObjectStore,
    SharedLedger,
    Status,
    StoredObject,
    Stream,
    Undelivered,
    entry_of,
)
from slips.routing import mapping_for

STREAMS: dict[Lane, str] = {"fast": "mine-EventFastStream-1", "slow": "mine-EventSlowStream-2"}

AWKWARD_KEYS = [
    "a b.log",
    "a+b.log",
    "a%2Bb.log",
    "a%20b/c.log",
    "é/ü=漢字.log",
    "u\u2028v.log",
    "quote'\"`$.log",
    "year=2026/month=11/x.log",
    " leading and trailing ",
    "..hidden",
]
"""Keys of objects that must come back as they are."""


class Faults:
    """Ordered failures by call: `faults["finish b"] = 1` lets `finish` fail once for the object `b`."""

    def __init__(self) -> None:
        self.faults: dict[str, int] = {}
        self.calls: list[str] = []
        """Every call that came, in order, as it would be named in `faults`."""

    def call(self, what: str) -> bool:
        """Notes a call; True if it is to fail."""
        self.calls.append(what)
        left = self.faults.get(what, 0)
        self.faults[what] = left - 1
        return left > 0


class Streams(Faults):
    """A Stream of two lists."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: dict[Lane, list[ObjectEvent]] = {lane: [] for lane in LANES}

    def put(self, lane: Lane, events: Sequence[ObjectEvent]) -> None:
        refused = [event for event in events if self.call(f"put {event.object_key}")]
        self.lanes[lane] += [event for event in events if event not in refused]
        if refused:
            raise StreamError(f"lane {lane} is full", refused)

    @property
    def keys(self) -> list[str]:
        """Of all events, fast lane first."""
        return [event.object_key for lane in LANES for event in self.lanes[lane]]


@dataclass
class Shard:
    """The records that can be read back of a lane; an exception is raised where it stands."""

    content: Sequence[bytes | Exception]

    def __call__(self, batch: Batch) -> Iterator[bytes]:
        for each in self.content:
            if isinstance(each, Exception):
                raise each
            yield each


class Errors(Faults):
    """An ErrorTable in a dict."""

    def __init__(self, *items: ErrorItem) -> None:
        super().__init__()
        self.items: dict[str, ErrorItem] = {}
        for item in items:
            self.put(item)

    def put(self, item: ErrorItem) -> None:
        if self.call(f"put {item.request_id}"):
            raise StateError("error table: throttled")
        known = self.items.get(item.request_id)
        self.items[item.request_id] = replace(item, revision=known.revision + 1 if known else 1)

    def get(self, request_id: str) -> ErrorItem | None:
        return self.items.get(request_id)

    def scan(self) -> Iterator[ErrorItem]:
        known = sorted((item.failed_at, item.request_id) for item in self.items.values())
        return (self.items[request_id] for _, request_id in known if request_id in self.items)

    def discard(self, request_id: str) -> bool:
        return self.items.pop(request_id, None) is not None

    def delete(self, request_id: str, revision: int) -> bool:
        found = request_id in self.items and self.items[request_id].revision == revision
        if found:
            del self.items[request_id]
        return found


class Ledger(Faults):
    """A SharedLedger in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[bytes, LedgerEntry] = {}
        self._error_ids: dict[bytes, list[str]] = {}
        """Of items that may be there; that of a failed event is the last."""

    def claim(self, event: ObjectEvent, request_id: str) -> Claim:
        known = self._call("claim", event)
        if known is not None and known.status == "claimed" and known.request_id != request_id:
            return "claimed"
        if known is not None and (
            known.status in SETTLED or (known.status == "failed" and known.request_id == request_id)
        ):
            return "left" if self._left(event) else "done"
        again = known is not None and (known.status, known.request_id) == ("claimed", request_id)
        again = self._forget(event, request_id) or again
        if known is not None and known.rest is not None:
            again, known.status, known.request_id = True, "claimed", request_id
        if not again:
            self._write(event, status="claimed", request_id=request_id)
        return "again" if again else "new"

    def attempted(self, event: ObjectEvent, item: ErrorItem) -> None:
        known = self._call("attempted", event)
        assert known is not None
        known.item = item

    def reading(self, event: ObjectEvent, read: ObjectEvent | None) -> None:
        known = self._call("reading", event)
        assert known is not None
        known.read = read

    def stopped(self, event: ObjectEvent, rest: ObjectEvent, outcome: Outcome) -> None:
        known = self._call("stopped", event)
        assert known is not None
        known.rest, known.outcome = rest, outcome

    def release(self, event: ObjectEvent, request_id: str) -> None:
        known = self._call("release", event)
        if known is not None and (known.status, known.request_id) == ("claimed", request_id):
            known.status = "waiting"

    def finish(
        self, event: ObjectEvent, outcome: Outcome | None, status: Finished = "done", *, run_id: str = ""
    ) -> list[EarlierItem]:
        known = self._call("finish", event)
        self._write(
            event,
            status=status,
            request_id=known.request_id if known else "",
            outcome=outcome or (known.outcome if known else None),
        )
        told = self._earlier_items(event)
        self._forget(event, run_id)
        return told

    def fail(self, event: ObjectEvent, outcome: Outcome, request_id: str) -> list[EarlierItem]:
        self._call("fail", event)
        told = self._earlier_items(event)
        self._name(event, request_id)
        self._write(event, status="failed", outcome=outcome, request_id=request_id)
        return told

    def fail_replay(self, event: ObjectEvent, request_id: str) -> list[EarlierItem]:
        known = self._call("fail_replay", event)
        if known is None or known.status in (*SETTLED, "superseded") or not self._error_ids.get(entry_of(event)):
            return []
        told = self._earlier_items(event)
        self._name(event, request_id)
        return told

    def discarded(self, item: EarlierItem) -> None:
        self._call("discarded", item.event)
        self._forget(item.event, item.request_id)

    def drop(self, event: ObjectEvent) -> None:
        self._call("drop", event)
        self._write(event, status="dropped")

    def note_waiting(self, events: Sequence[ObjectEvent]) -> None:
        for event in events:
            if self._call("note_waiting", event) is None:
                self._write(event, status="waiting", request_id="")

    def supersede(self, event: ObjectEvent, *, only: Status | None = None) -> list[EarlierItem]:
        known = self._call("supersede", event)
        if only is not None and (known is None or known.status != only):
            return []
        self._write(event, status="superseded", request_id=known.request_id if known else "")
        return self._earlier_items(event)

    def get(self, event: ObjectEvent) -> LedgerEntry | None:
        known = self._call("get", event)
        if known is not None:
            known.left = self._left(event)
        return known

    def scan(self) -> Iterator[LedgerEntry]:
        return iter(self.entries.values())

    def status(self, event: ObjectEvent) -> str:
        """For tests: empty if the event is not known."""
        known = self.entries.get(entry_of(event))
        return known.status if known else ""

    def _call(self, method: str, event: ObjectEvent) -> LedgerEntry | None:
        if self.call(f"{method} {event.object_key}"):
            raise StateError("ledger: throttled")
        return self.entries.get(entry_of(event))

    def _earlier_items(self, event: ObjectEvent) -> list[EarlierItem]:
        return [EarlierItem(each, event) for each in self._error_ids.get(entry_of(event), ())]

    def _name(self, event: ObjectEvent, request_id: str) -> None:
        self._forget(event, request_id)
        self._error_ids.setdefault(entry_of(event), []).append(request_id)

    def _forget(self, event: ObjectEvent, request_id: str) -> bool:
        """Forgets the id of an item; True if it was known."""
        known = self._error_ids.get(entry_of(event), [])
        is_known = request_id in known
        if is_known:
            known.remove(request_id)
        return is_known

    def _left(self, event: ObjectEvent) -> list[str]:
        ids = self._error_ids.get(entry_of(event), [])
        match self.entries[entry_of(event)].status:
            case "failed":
                return ids[:-1]
            case "done" | "filtered" | "part" | "superseded":
                return ids[:]
        return []

    def _write(
        self, event: ObjectEvent, *, status: Status, request_id: str = "", outcome: Outcome | None = None
    ) -> None:
        self.entries[entry_of(event)] = LedgerEntry(
            event.bucket_name,
            event.object_key,
            event.identity,
            status,
            0.0,
            request_id,
            outcome,
            event.records,
            event.replay,
        )


class Objects:
    """An ObjectStore of bytes; each object's etag is `e1`, unless `etags` has another."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = objects
        self.etags: dict[str, str] = {}
        self.expected: list[list[str]] = []
        """The keys of each call of `expect`."""

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        if event.object_key not in self.objects:
            raise StorageError(f"{event.url}: no such object", missing=True)
        body = self.objects[event.object_key]
        etag = self.etags.get(event.object_key, "e1")
        yield StoredObject(cast("BinaryIO", io.BytesIO(body)), etag, len(body))

    def expect(self, events: Sequence[ObjectEvent]) -> None:
        self.expected.append([event.object_key for event in events])

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        return (object_event(key) for key in sorted(self.objects) if key.startswith(prefix))


class Queue:
    """An Undelivered of texts; a message that is not deleted comes again with the next `receive`."""

    def __init__(self, *texts: str) -> None:
        self.texts: dict[str, str] = {f"receipt {number}": text for number, text in enumerate(texts)}
        self.refuses = False
        self.released: list[str] = []

    def receive(self) -> Iterator[tuple[str, str]]:
        yield from list(self.texts.items())

    def delete(self, receipt: str) -> None:
        if self.refuses:
            raise StateError("queue: cannot be reached")
        del self.texts[receipt]

    def take_over(self, record: Any, source: str, receives: int | None) -> bool:
        raise NotImplementedError

    def release(self, receipts: Sequence[str]) -> bool:
        self.released += receipts
        return True


class Witness:
    """A RunObserver that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        """What became of each event: its key, and a word or two."""

    def succeeded(self, success: Success, items: int) -> None:
        self.told.append((success.event.object_key, "part" if success.rest else "done"))

    def failed(self, failure: Failure, final: bool) -> None:
        self.told.append((failure.event.object_key, "failed" if final else "failed, again"))

    def passed_over(self, event: ObjectEvent, why: str) -> None:
        self.told.append((event.object_key, why))


def object_event(key: str, lane: Lane | None = "fast", **changes: object) -> ObjectEvent:
    """An event of an object in `my-logs`."""
    event = ObjectEvent(
        bucket_name="my-logs", object_key=key, object_etag="e1", event_time="2018-03-29T16:35:15.768Z", lane=lane
    )
    return replace(event, **changes)


def config_of(*format: str, **changes: Any) -> Config:
    """A Config that has one mapping for all of `my-logs`: `format`, else lines."""
    config = Config(
        stack_name="test",
        handler=HandlerConfig(path="handler.py"),
        bucket_mapping={"my-logs": [Prefix("", list(format or ["s3-lines"]))]},
    )
    return replace(config, **changes)


def processor_of(store: Objects, *handlers: type[Handler], format: Sequence[str] = ("s3-lines",)) -> Processor:
    """A Processor that has one mapping for all of `my-logs`."""
    return Processor(FakeSite(config=config_of(*format), store=store, handlers=handlers))


@dataclass(kw_only=True)
class FakeSite:
    """A Site of fakes, in place of which a test passes what it looks at."""

    config: Config = field(default_factory=config_of)
    store: ObjectStore = field(default_factory=Objects)
    handlers: Sequence[type[Handler]] = ()
    stream: Stream = field(default_factory=Streams)
    streams: Mapping[Lane, str] = field(default_factory=lambda: STREAMS)
    errors: ErrorTable = field(default_factory=Errors)
    ledger: SharedLedger = field(default_factory=Ledger)
    undelivered: Undelivered | None = None
    read_back: Callable[[Batch], Iterable[bytes]] = lambda _: ()
    transaction: Callable[[], AbstractContextManager[None]] = nullcontext
    is_atomic: bool = False
    code_version: str = ""
    """Version of all handlers."""
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    @property
    def loader(self) -> FakeSite:
        return self

    def handlers_of(self, _spec: HandlerSpec) -> Sequence[type[Handler]]:
        return self.handlers

    def args_of(self, spec: HandlerSpec) -> dict[str, Any]:
        return spec.args

    def code_of(self, event: ObjectEvent) -> HandlerCode:
        mapping = mapping_for(self.config.bucket_mapping, event.bucket_name, event.object_key)
        return HandlerCode(self.config.handler_of(mapping).name if mapping else "", self.code_version)
