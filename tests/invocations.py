"""An invocation with its ports in memory."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

from fakes import Errors, FakeSite, Ledger, Objects, Streams, Witness, config_of, object_event, processor_of
from slips.interface import Handler
from slips.model import MetaData, ObjectEvent
from slips.parsing.run import Ticker
from slips.pipeline.ended import Admit, Failure, Success, Superseded
from slips.pipeline.invocation import BatchResult, Deadline, run_batch
from slips.pipeline.process import Processor

GOOD, BROKEN = b"one\ntwo\n", gzip.compress(b"one\ntwo\n")[:-4]


class Sink(Handler):
    """The deliveries of this test: `(key, record number, event)`; raises at a record `raise`."""

    got: list[tuple[str, int, Any]]
    results: list[str]
    down: bool
    dies: bool

    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        self.key = meta.source.object_key
        if self.dies:
            raise KeyboardInterrupt
        if event.get("message") == "raise" or self.down:
            raise ConnectionError("503 from the receiver")
        self.got.append((self.key, meta.seq, event))

    def result(self) -> None:
        self.results.append(getattr(self, "key", ""))


class After(Ticker):
    """A deadline that comes while record number `at` is processed, in every run."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.due = at == 0

    def tick(self, _seq: int) -> bool:
        return True

    passed = Deadline.passed


class Scene:
    """A main func with its ports, and the events that it is given."""

    def __init__(self, objects: dict[str, bytes] | None = None, format: Sequence[str] = ("s3-lines",)) -> None:
        self.errors, self.stream, self.seen = Errors(), Streams(), Witness()
        self.ledger = Ledger()
        self.store = Objects(**objects or {"a": GOOD, "b": GOOD, "c": GOOD})
        self.processor = processor_of(self.store, Sink, format=format)
        self.deadline = Ticker()
        self.config = config_of()

    def run(self, *events: ObjectEvent, request_id: str = "r") -> BatchResult:
        return run_batch(
            events, request_id, site_of(self), processor=self.processor, deadline=self.deadline, observer=self.seen
        )

    def status(self, key: str = "a", **changes: Any) -> str:
        return self.ledger.status(object_event(key, **changes))


def site_of(scene: Scene) -> FakeSite:
    """Where the main func and the reporter work."""
    return FakeSite(
        config=scene.config,
        ledger=scene.ledger,
        errors=scene.errors,
        stream=scene.stream,
        clock=lambda: 1.5e9,
        code_version="v1",
    )


@pytest.fixture(autouse=True)
def _fresh_sink() -> None:
    Sink.got, Sink.results, Sink.down, Sink.dies = [], [], False, False


def keys() -> list[str]:
    return [key for key, _, _ in Sink.got]


A, B, C = object_event("a"), object_event("b"), object_event("c", "slow")


class Deadly:
    """A processor whose process dies with some objects; `meanwhile` is done with all others."""

    is_spent = False

    def __init__(self, processor: Processor, *keys: str) -> None:
        self._processor, self._keys = processor, keys

    def expecting(self, events: Sequence[ObjectEvent]) -> AbstractContextManager[None]:
        return self._processor.expecting(events)

    def process(self, event: ObjectEvent, ticker: Ticker, admit: Admit) -> Success | Failure | Superseded:
        if event.object_key in self._keys:
            raise KeyboardInterrupt
        self.meanwhile()
        return self._processor.process(event, ticker, admit)

    def meanwhile(self) -> None:
        pass


JSON = ("s3-lines", "json")
MOSTLY = b'{"n": 1}\nbad\n{"n": 3}\n'
