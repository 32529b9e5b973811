"""Promises of an invocation about an object that is larger than any invocation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any, cast

import pytest
from msgspec.structs import replace

from fakes import Objects, object_event, processor_of
from invocations import GOOD, A, After, B, Deadly, Scene, Sink, _fresh_sink, site_of
from slips.envelope.cause import Cause
from slips.envelope.lost import Unwrapped
from slips.errors import ReaderError, UnfinishedError
from slips.model import ObjectEvent, Outcome
from slips.parsing.run import Ticker
from slips.pipeline.ended import Admit, Failure, Success, Superseded
from slips.pipeline.invocation import BatchResult
from slips.pipeline.process import Processor
from slips.pipeline.report import report_lost
from slips.ports import StoredObject

__all__ = ["_fresh_sink"]


class Stops(Ticker):
    """Stops a run after `records` records, counted in this run alone."""

    def __init__(self, records: int) -> None:
        self.due = True
        self._left = records

    def tick(self, seq: int) -> bool:
        self._left -= seq > 0  # 0: `setup` is done
        return self._left <= 0

    def passed(self, seq: int) -> None:
        """Reading over what is done already costs no time here."""


class Chain:
    """Invocations one after another until the lanes are empty."""

    def __init__(self, body: bytes, format: Sequence[str], records: int) -> None:
        self.scene, self._records = Scene({"big": body}, format), records
        self.scene.stream.put("fast", [object_event("big")])
        self.invocations = 0

    def step(self, request_id: str | None = None) -> None:
        self.invocations += 1
        event = self.scene.stream.lanes["fast"][0]
        self.scene.deadline = Stops(self._records)
        self.scene.run(event, request_id=request_id or f"r{self.invocations}")
        self.scene.stream.lanes["fast"].remove(event)

    def to_the_end(self) -> None:
        while self.scene.stream.lanes["fast"]:
            self.step()

    @property
    def delivered(self) -> list[int]:
        return [event["n"] for _, _, event in Sink.got]


RECORDS = [{"n": number} for number in range(1, 60)]
BAD = {5, 6, 23, 41, 59}


def as_lines(bad: AbstractSet[int] = frozenset()) -> bytes:
    return b"".join(b"bad\n" if each["n"] in bad else json.dumps(each).encode() + b"\n" for each in RECORDS)


def as_document(bad: AbstractSet[int] = frozenset()) -> bytes:
    return json.dumps({"Records": ["bad" if each["n"] in bad else each for each in RECORDS]}).encode()


SHAPES = pytest.mark.parametrize(
    ("write", "format"),
    [(as_lines, ["s3-lines", "json"]), (as_document, ["json-records"])],
    ids=["lines", "document"],
)


@SHAPES
def test_an_object_of_many_parts_arrives_whole_each_record_once_in_order(write: Any, format: Sequence[str]) -> None:
    chain = Chain(write(), format, 11)
    chain.to_the_end()
    assert chain.invocations == 6
    assert chain.delivered == [each["n"] for each in RECORDS]
    assert [seq for _, seq, _ in Sink.got] == [each["n"] for each in RECORDS]
    assert chain.scene.status("big") == "done"
    assert {entry.status for entry in chain.scene.ledger.scan() if entry.records is None} == {"done"}
    assert chain.scene.ledger.claim(object_event("big"), "a duplicate") == "done"


@SHAPES
def test_each_part_quarantines_its_own_records_once(write: Any, format: Sequence[str]) -> None:
    chain = Chain(write(BAD), format, 11)
    chain.to_the_end()
    assert chain.delivered == [each["n"] for each in RECORDS if each["n"] not in BAD]
    assert {item.request_id: item.records for item in chain.scene.errors.scan()} == {
        "r1": [(5, 6)],
        "r3": [(23, 23)],
        "r4": [(41, 41)],
        "r6": [(59, 59)],
    }


@SHAPES
def test_a_part_that_dies_after_its_rest_was_put_neither_repeats_nor_loses_a_record(
    write: Any, format: Sequence[str]
) -> None:
    chain = Chain(write(BAD), format, 11)
    chain.step()
    chain.scene.ledger.faults["finish big"] = 1
    with pytest.raises(UnfinishedError):
        chain.step("dies")
    chain.step("dies")
    chain.to_the_end()
    counted = Counter(chain.delivered)
    assert set(counted) == {each["n"] for each in RECORDS if each["n"] not in BAD}
    assert max(counted.values()) == 1
    assert {first for item in chain.scene.errors.scan() for first, _ in item.records} == {5, 23, 41, 59}
    assert chain.scene.status("big") == "done"


def test_a_rest_that_a_lane_refused_is_sent_by_the_next_attempt_which_runs_nothing_again() -> None:
    chain = Chain(as_lines(), ("s3-lines", "json"), 11)
    chain.scene.stream.faults["put big"] = 1
    with pytest.raises(UnfinishedError):
        chain.step("r")
    chain._records = 7  # another attempt would stop elsewhere
    chain.step("r")
    assert [event.records for event in chain.scene.stream.lanes["fast"]] == [[(12, None)]]
    chain.to_the_end()
    assert chain.delivered == [each["n"] for each in RECORDS]


def test_an_attempt_that_stops_earlier_takes_back_what_the_one_before_quarantined_further_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("slips.pipeline.quarantine.RANGES", 1)
    chain = Chain(as_lines({2, 5, 9}), ("s3-lines", "json"), 11)
    chain.scene.ledger.faults["stopped big"] = 1
    with pytest.raises(UnfinishedError):
        chain.step("r")
    assert [item.records for item in chain.scene.errors.scan()] == [[(2, 2)], [(5, 5)], [(9, 9)]]
    chain._records = 6
    chain.step("r")
    assert [item.records for item in chain.scene.errors.scan()] == [[(2, 2)], [(5, 5)]]
    chain.to_the_end()
    assert sorted(first for item in chain.scene.errors.scan() for first, _ in item.records) == [2, 5, 9]


def lost(event: ObjectEvent, request_id: str) -> Unwrapped:
    """What the reporter is told of an invocation that failed for good."""
    return Unwrapped([event], [], Cause(request_id=request_id, error_type="UnfinishedError", attempts=3), 0)


def test_a_part_whose_rest_could_never_be_sent_becomes_an_item_of_the_rest_alone() -> None:
    chain = Chain(as_lines({2}), ("s3-lines", "json"), 11)
    event = chain.scene.stream.lanes["fast"][0]
    chain.scene.stream.faults["put big"] = 3
    for _ in range(3):
        with pytest.raises(UnfinishedError):
            chain.step("r")
    scene = chain.scene
    done = report_lost(lost(event, "r"), site_of(scene))
    assert [(item.request_id, item.records) for item in done.items] == [("r-rest", [(12, None)])]
    assert {item.request_id: item.records for item in scene.errors.scan()} == {"r": [(2, 2)], "r-rest": [(12, None)]}
    assert scene.status("big") == "part"
    again = report_lost(lost(event, "r"), site_of(scene))
    assert again.items == []
    scene.stream.lanes["fast"][:] = [replace(done.items[0].events[0], replay="r-rest@1")]  # as drain sends it
    scene.errors.discard("r-rest")
    chain.to_the_end()
    assert chain.delivered == [each["n"] for each in RECORDS if each["n"] != 2]
    assert {item.request_id for item in scene.errors.scan()} == {"r"}


def test_a_rest_that_is_done_meanwhile_takes_its_item_away() -> None:
    chain = Chain(as_lines(), ("s3-lines", "json"), 40)
    event, scene = chain.scene.stream.lanes["fast"][0], chain.scene
    scene.ledger.faults["finish big"] = 3
    for _ in range(3):
        with pytest.raises(UnfinishedError):
            chain.step("r")
    report_lost(lost(event, "r"), site_of(scene))
    scene.stream.lanes["fast"].remove(event)
    assert scene.stream.lanes["fast"], "it was sent"
    chain.to_the_end()
    assert chain.delivered == [each["n"] for each in RECORDS]
    assert list(scene.errors.scan()) == []


def test_items_of_an_attempt_that_was_not_concluded_go_where_its_event_goes_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("slips.pipeline.quarantine.RANGES", 1)
    scene = Scene({"a": GOOD, "b": as_lines({2, 5})}, ("s3-lines", "json"))
    scene.ledger.faults["finish b"] = 1
    with pytest.raises(UnfinishedError):
        scene.run(A, B)
    assert [item.request_id for item in scene.errors.scan() if item.kind == "records"][-2:] == ["r-2", "r-2-2"]
    scene.deadline = After(0)
    scene.run(A, B)
    assert scene.stream.keys == ["b"]
    assert not [item for item in scene.errors.scan() if item.request_id.startswith("r-2")]


def test_no_progress_for_want_of_time_that_others_used_is_no_failure() -> None:
    scene = Scene()

    class Far(Deadly):
        """The time is up on the way to the records of `b`."""

        def process(self, event: ObjectEvent, ticker: Ticker, admit: Admit) -> Success | Failure | Superseded:
            if event.object_key == "b":
                return Failure(event, "process", "NoProgressError", "no progress", retryable=False)
            return super().process(event, ticker, admit)

    scene.processor = cast("Processor", Far(scene.processor))
    assert scene.run(A, B) == BatchResult(succeeded=1, sent_back=1)
    assert (scene.status("b"), scene.stream.keys) == ("waiting", ["b"])
    assert scene.run(B, request_id="r2") == BatchResult(failed=1), "alone it has no excuse"


def test_an_unexpected_exception_costs_the_others_nothing() -> None:
    scene = Scene()

    class Broken(Deadly):
        def process(self, event: ObjectEvent, ticker: Ticker, admit: Admit) -> Success | Failure | Superseded:
            if event.object_key == "a":
                raise IndexError("list index out of range")
            return super().process(event, ticker, admit)

    scene.processor = cast("Processor", Broken(scene.processor))
    with pytest.raises(UnfinishedError, match="IndexError: list index out of range; this is a bug of slips"):
        scene.run(A, B)
    assert scene.status("b") == "done"


def test_an_exception_that_cannot_be_described_costs_the_others_nothing() -> None:
    class Odd(ReaderError):
        def __str__(self) -> str:
            raise SystemExit("no text")

    class Unread(Objects):
        @contextmanager
        def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
            if event.object_key == "a":
                raise Odd
            with super().open(event) as stored:
                yield stored

    scene = Scene()
    scene.processor = processor_of(Unread(b=GOOD), Sink)
    with pytest.raises(UnfinishedError, match="s3://my-logs/a: Odd, which cannot be described: SystemExit: no text"):
        scene.run(A, B)
    assert scene.status("b") == "done"


def test_a_part_that_fails_for_good_leaves_an_item_that_carries_just_its_records() -> None:
    chain = Chain(as_lines(), ("s3-lines", "json"), 11)
    chain.step()
    chain.scene.processor = processor_of(Objects(), Sink)
    event = chain.scene.stream.lanes["fast"][0]
    with pytest.raises(UnfinishedError):
        chain.scene.run(event)
    known = chain.scene.ledger.get(event)
    assert known is not None
    assert known.item is not None
    assert (known.item.kind, known.item.records, known.item.events) == ("records", [(12, None)], [event])
    assert chain.scene.status("big") == "part"


def test_the_replay_of_a_part_makes_the_whole_done() -> None:
    chain = Chain(as_lines(), ("s3-lines", "json"), 30)
    chain.step()
    rest = chain.scene.stream.lanes["fast"].pop()
    chain.scene.ledger.fail(rest, Outcome(), "r2")
    chain.scene.deadline = Ticker()
    chain.scene.run(replace(rest, replay="r2@1"), request_id="r3")
    assert chain.delivered == [each["n"] for each in RECORDS]
    assert chain.scene.status("big") == "done"
