"""Promises of the main func on a batch of events: one costs no other anything, and whatever dies, nothing is lost."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any, cast

import pytest
from msgspec.structs import replace

from fakes import Errors, FakeSite, Ledger, Objects, Streams, Witness, object_event, processor_of
from slips.envelope.cause import Cause
from slips.envelope.lost import Unwrapped
from slips.errors import ReaderError, UnfinishedError
from slips.interface import Handler
from slips.loop import Ticker
from slips.model import MetaData, ObjectEvent, Outcome
from slips.pipeline.ended import Admit, Failure, Success, Superseded
from slips.pipeline.invocation import BatchResult, Deadline, run_batch
from slips.pipeline.process import Processor
from slips.pipeline.report import report_lost
from slips.ports import StoredObject

GOOD, BROKEN = b"one\ntwo\n", gzip.compress(b"one\ntwo\n")[:-4]


class Sink(Handler):
    """What was delivered, in this test: `(key, record number, event)`; raises at a record `raise`."""

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

    def run(self, *events: ObjectEvent, request_id: str = "r") -> BatchResult:
        return run_batch(
            events, request_id, site_of(self), processor=self.processor, deadline=self.deadline, observer=self.seen
        )

    def status(self, key: str = "a", **changes: Any) -> str:
        return self.ledger.status(object_event(key, **changes))


def site_of(scene: Scene) -> FakeSite:
    """Where the main func and the reporter work."""
    return FakeSite(
        ledger=scene.ledger, errors=scene.errors, stream=scene.stream, clock=lambda: 1.5e9, code_version="v1"
    )


@pytest.fixture(autouse=True)
def _fresh_sink() -> None:
    Sink.got, Sink.results, Sink.down, Sink.dies = [], [], False, False


def keys() -> list[str]:
    return [key for key, _, _ in Sink.got]


A, B, C = object_event("a"), object_event("b"), object_event("c", "slow")


# ---- each event its own run


def test_each_event_is_one_run_in_the_order_given() -> None:
    scene = Scene()
    assert scene.run(A, B, C) == BatchResult(succeeded=3)
    assert Sink.results == ["a", "b", "c"]
    assert keys() == ["a", "a", "b", "b", "c", "c"]
    assert [scene.status(key) for key in "abc"] == ["done"] * 3
    assert scene.seen.told == [("a", "done"), ("b", "done"), ("c", "done")]


class Deadly:
    """A processor whose process dies with some objects; `meanwhile` is done with all others."""

    is_spent = False

    def __init__(self, processor: Processor, *keys: str) -> None:
        self._processor, self._keys = processor, keys

    def process(self, event: ObjectEvent, ticker: Ticker, admit: Admit) -> Success | Failure | Superseded:
        if event.object_key in self._keys:
            raise KeyboardInterrupt
        self.meanwhile()
        return self._processor.process(event, ticker, admit)

    def meanwhile(self) -> None:
        pass


def test_an_event_that_takes_the_process_down_comes_last_in_the_next_attempt() -> None:
    scene = Scene()
    scene.processor = cast("Processor", Deadly(scene.processor, "a"))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            scene.run(A, B, C)
    assert [scene.status(key) for key in "abc"] == ["claimed", "done", "done"]
    assert keys() == ["b", "b", "c", "c"]


def test_two_events_that_take_the_process_down_cost_the_third_nothing_in_three_attempts() -> None:
    scene = Scene()
    scene.processor = cast("Processor", Deadly(scene.processor, "a", "b"))
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            scene.run(A, B, C)
    assert [scene.status(key) for key in "abc"] == ["claimed", "claimed", "done"]


def test_suspects_for_which_no_time_is_left_wait_for_the_next_attempt() -> None:
    scene = Scene()
    for event, run_id in ((A, "r-1"), (B, "r-2")):
        scene.ledger.claim(event, run_id)
    slow = Deadly(scene.processor)
    slow.meanwhile = lambda: setattr(scene.deadline, "due", True)  # type: ignore[method-assign]
    scene.processor = cast("Processor", slow)
    with pytest.raises(UnfinishedError, match="b: no time was left for it"):
        scene.run(A, B)
    assert scene.status("b") == "claimed"


def test_a_failure_that_no_attempt_can_mend_is_reported_at_once_and_costs_the_others_nothing() -> None:
    scene = Scene({"a": GOOD, "b": BROKEN, "c": GOOD})
    assert scene.run(A, B, C) == BatchResult(succeeded=2, failed=1)
    (item,) = scene.errors.scan()
    assert (item.request_id, item.events, item.stage) == ("r-2", [B], "decompression")
    assert (item.code_version, item.failed_at) == ("v1", "2017-07-14T02:40:00.000Z")
    assert [scene.status(key) for key in "abc"] == ["done", "failed", "done"]


def test_a_failure_that_may_pass_raises_after_all_were_tried_and_the_ledger_has_its_cause() -> None:
    scene = Scene({"a": b"raise\n", "b": GOOD})
    with pytest.raises(UnfinishedError, match=r"2 of 3 object events: s3://my-logs/a: record 1: .*503.*no such object"):
        scene.run(A, C, B)
    assert Sink.results == ["b"]
    assert [scene.status(key) for key in "abc"] == ["claimed", "done", "claimed"]
    known = scene.ledger.get(A)
    assert known is not None
    assert known.item is not None
    assert (known.item.request_id, known.item.error_type, known.item.seq) == ("r-1", "ConnectionError", 1)
    assert "ConnectionError: 503" in known.item.traceback
    assert scene.errors.items == {}
    assert scene.seen.told[0] == ("a", "failed, again")


@pytest.mark.slow
def test_the_exception_fits_beside_its_payload_however_many_events_failed() -> None:
    scene = Scene()
    with pytest.raises(UnfinishedError) as raised:
        scene.run(*(object_event(f"{number}" * 200) for number in range(1000)))
    assert len(str(raised.value)) < 5_000


def test_a_retry_of_the_request_does_only_what_is_not_finished() -> None:
    scene = Scene({"a": GOOD, "b": b"raise\n", "c": BROKEN})
    for _ in range(2):
        with pytest.raises(UnfinishedError):
            scene.run(A, B, C)
    assert Sink.results == ["a"]
    assert scene.errors.items["r-3"].revision == 1
    scene.processor = processor_of(Objects(b=GOOD), Sink)
    assert scene.run(A, B, C) == BatchResult(succeeded=1, duplicates=2)
    assert Sink.results == ["a", "b"]


def test_what_another_request_has_or_has_done_is_passed_over() -> None:
    scene = Scene()
    scene.ledger.claim(A, "other")
    scene.run(B, request_id="other")
    assert scene.run(A, B) == BatchResult(duplicates=2)
    assert scene.seen.told[1:] == [("a", "claimed"), ("b", "done")]


def test_an_event_that_comes_twice_in_one_batch_is_one_run() -> None:
    assert Scene().run(A, A) == BatchResult(succeeded=1, duplicates=1)
    assert keys() == ["a", "a"]


def test_one_event_alone_fails_under_the_id_of_its_request() -> None:
    scene = Scene({"a": BROKEN})
    scene.run(A)
    assert list(scene.errors.items) == ["r"]


# ---- other content than the one that was announced (a bucket without versions)

E1, E2 = object_event("a"), object_event("a", object_etag="e2")


def overwritten(body: bytes = GOOD, format: Sequence[str] = ("s3-lines",)) -> Scene:
    """`a` was put as `e1`, and again as `e2` before anything was read."""
    scene = Scene({"a": body}, format)
    scene.store.etags["a"] = "e2"
    return scene


@pytest.mark.parametrize("events", [(E1, E2), (E2, E1)], ids=["in order", "swapped"])
@pytest.mark.parametrize("at_once", [True, False])
def test_an_object_overwritten_before_it_was_read_is_delivered_once_as_it_is(
    events: Sequence[ObjectEvent], at_once: bool
) -> None:
    scene = overwritten()
    if at_once:
        scene.run(*events)
    else:
        for number, event in enumerate(events):
            scene.run(event, request_id=f"r{number}")
    assert keys() == ["a", "a"]
    assert (scene.status(), scene.status(object_etag="e2")) == ("superseded", "done")


def test_content_that_was_replaced_before_it_was_read_and_comes_back_is_processed() -> None:
    scene = overwritten()
    scene.run(E1)
    scene.store.etags["a"] = "e1"
    assert scene.run(E1, request_id="r2") == BatchResult(succeeded=1)
    assert keys() == ["a"] * 4
    assert (scene.status(), scene.status(object_etag="e2")) == ("done", "done")


def test_content_that_another_invocation_has_is_left_to_it() -> None:
    scene = overwritten()
    scene.ledger.claim(E2, "other")
    assert scene.run(E1) == BatchResult(superseded=1)
    assert (keys(), scene.seen.told) == ([], [("a", "superseded")])
    assert (scene.status(), scene.status(object_etag="e2")) == ("superseded", "claimed")


def test_a_quarantine_and_a_final_failure_are_of_the_content_that_was_read() -> None:
    scene = overwritten(MOSTLY, JSON)
    scene.run(E1)
    assert [item.events[0].object_etag for item in scene.errors.scan()] == ["e2"]
    scene = overwritten(BROKEN)
    scene.run(E1)
    assert [item.events[0].object_etag for item in scene.errors.scan()] == ["e2"]
    assert (scene.status(), scene.status(object_etag="e2")) == ("superseded", "failed")


def test_a_retry_goes_on_with_the_content_that_it_found_before() -> None:
    scene = overwritten(b"raise\n")
    with pytest.raises(UnfinishedError):
        scene.run(E1)
    assert scene.run(E2, request_id="r2") == BatchResult(duplicates=1), "the first request has it, and tries again"
    scene.store.objects["a"] = GOOD
    assert scene.run(E1) == BatchResult(succeeded=1)
    assert (scene.status(), scene.status(object_etag="e2")) == ("superseded", "done")


def test_a_retry_that_finds_yet_other_content_leaves_the_one_before_to_anybody() -> None:
    scene = overwritten(b"raise\n")
    with pytest.raises(UnfinishedError):
        scene.run(E1)
    scene.store.etags["a"], scene.store.objects["a"] = "e1", GOOD
    assert scene.run(E1) == BatchResult(succeeded=1)
    scene.store.etags["a"] = "e2"
    assert scene.run(E2, request_id="r2") == BatchResult(succeeded=1)


@pytest.mark.parametrize("fault", ["finish a", "supersede a"])
def test_a_ledger_that_fails_while_other_content_is_concluded_costs_nothing(fault: str) -> None:
    scene = overwritten()
    scene.ledger.faults[fault] = 1
    with pytest.raises(UnfinishedError, match="ledger: throttled"):
        scene.run(E1)
    scene.run(E1)
    assert (scene.status(), scene.status(object_etag="e2")) == ("superseded", "done")
    assert len(keys()) == (4 if fault == "finish a" else 2)


def give_up(scene: Scene, event: ObjectEvent, error_type: str = "UnfinishedError") -> None:
    """AWS gives the invocation `r` up, and the reporter hears of it."""
    found = Unwrapped([event], [], Cause(request_id="r", error_type=error_type, message="given up", attempts=3), 0)
    report_lost(found, site_of(scene))


@pytest.mark.parametrize("died", [True, False])
def test_an_invocation_that_is_given_up_leaves_an_item_of_the_content_that_it_found(died: bool) -> None:
    scene = overwritten(b"raise\n")
    if died:
        Sink.dies = True
        with pytest.raises(KeyboardInterrupt):
            scene.run(E1)
        give_up(scene, E1, "Sandbox.Timedout")
    else:
        with pytest.raises(UnfinishedError):
            scene.run(E1)
        give_up(scene, E1)
    (item,) = scene.errors.scan()
    assert (item.events[0].object_etag, item.request_id) == ("e2", "r")
    assert (scene.status(), scene.status(object_etag="e2")) == ("superseded", "failed")
    Sink.dies = False
    scene.store.objects["a"] = GOOD
    assert scene.run(replace(E2, replay="r@1"), request_id="r2") == BatchResult(succeeded=1)
    assert (scene.status(object_etag="e2"), scene.errors.items) == ("done", {})


def test_an_invocation_that_is_given_up_reports_nothing_that_another_has_done_meanwhile() -> None:
    scene = overwritten(b"raise\n")
    with pytest.raises(UnfinishedError):
        scene.run(E1)
    scene.ledger.finish(E2, Outcome())
    give_up(scene, E1)
    assert (scene.errors.items, scene.status()) == ({}, "superseded")


def test_a_run_of_other_content_that_is_stopped_goes_on_with_that_content() -> None:
    scene = overwritten(b"1\n2\n3\n")
    scene.deadline = After(2)
    scene.deadline.due = True
    scene.stream.faults["put a"] = 1
    with pytest.raises(UnfinishedError):
        scene.run(E1)
    assert scene.run(E1) == BatchResult(succeeded=1)
    assert (len(keys()), scene.status(), scene.status(object_etag="e2")) == (1, "superseded", "part")
    (rest,) = scene.stream.lanes["fast"]
    scene.deadline = Ticker()
    scene.run(rest, request_id="r2")
    assert ([seq for _, seq, _ in Sink.got], scene.status(object_etag="e2")) == ([1, 2, 3], "done")


def test_what_is_sent_back_gives_back_the_content_that_it_found_too() -> None:
    scene = overwritten(b"1\n")

    class Far(Deadly):
        def process(self, event: ObjectEvent, ticker: Ticker, admit: Admit) -> Success | Failure | Superseded:
            if event.object_key != "a":
                return super().process(event, ticker, admit)
            admit(E2, ())
            return Failure(E2, "process", "NoProgressError", "no progress", retryable=False)

    scene.store.objects["b"] = GOOD
    processor, scene.processor = scene.processor, cast("Processor", Far(scene.processor))
    assert scene.run(B, E1) == BatchResult(succeeded=1, sent_back=1)
    scene.processor = processor
    assert scene.run(E1, request_id="r2") == BatchResult(succeeded=1)
    assert (scene.status(), scene.status(object_etag="e2")) == ("superseded", "done")


def test_a_replay_whose_object_was_overwritten_by_what_is_done_delivers_nothing_again() -> None:
    scene = overwritten()
    scene.run(E2)
    assert scene.run(replace(E1, replay="r0@1"), request_id="r2") == BatchResult(superseded=1)
    assert keys() == ["a", "a"]


# ---- the order in which a run is concluded

JSON = ("s3-lines", "json")
MOSTLY = b'{"n": 1}\nbad\n{"n": 3}\n'


def test_the_quarantine_is_written_before_the_ledger_says_done() -> None:
    scene = Scene({"a": MOSTLY}, JSON)
    scene.ledger.faults["finish a"] = 1
    with pytest.raises(UnfinishedError, match="ledger: throttled"):
        scene.run(A)
    (item,) = scene.errors.scan()
    assert (item.kind, item.records, item.request_id) == ("records", [(2, 2)], "r")
    scene.run(A)
    assert scene.errors.items["r"].revision == 2
    assert scene.status() == "done"


def test_a_quarantine_that_cannot_be_written_leaves_the_event_unfinished() -> None:
    scene = Scene({"a": MOSTLY, "b": GOOD}, JSON)
    scene.errors.faults["put r-1"] = 1
    with pytest.raises(UnfinishedError, match="error table: throttled"):
        scene.run(A, B)
    assert scene.status() == "claimed"


def test_the_rest_is_on_its_lane_before_the_ledger_says_part() -> None:
    scene = Scene()
    scene.deadline = After(0)
    scene.stream.faults["put c"] = 1
    with pytest.raises(UnfinishedError, match="lane slow is full"):
        scene.run(C)
    assert (scene.status("c"), scene.stream.keys) == ("claimed", [])
    scene.ledger.faults["finish c"] = 1
    with pytest.raises(UnfinishedError, match="ledger: throttled"):
        scene.run(C)
    assert (scene.status("c"), scene.stream.keys) == ("claimed", ["c"])
    scene.run(C)
    assert scene.status("c") == "part"


@pytest.mark.parametrize("fault", ["claim b", "finish b"])
def test_a_ledger_that_fails_for_one_event_stops_no_other(fault: str) -> None:
    scene = Scene()
    scene.ledger.faults[fault] = 1
    with pytest.raises(UnfinishedError, match="1 of 3 object events: s3://my-logs/b: ledger: throttled"):
        scene.run(A, B, C)
    assert [scene.status(key) for key in "ac"] == ["done", "done"]
    scene.run(A, B, C)
    assert scene.status("b") == "done"


@pytest.mark.parametrize("fault", ["put r-2", "fail b", "attempted c"])
def test_a_failure_that_cannot_be_kept_leaves_its_event_to_the_next_attempt(fault: str) -> None:
    scene = Scene({"a": GOOD, "b": BROKEN, "c": b"raise\n"})
    scene.errors.faults[fault] = scene.ledger.faults[fault] = 1
    with pytest.raises(UnfinishedError):
        scene.run(A, B, C)
    with pytest.raises(UnfinishedError):
        scene.run(A, B, C)
    assert [scene.status(key) for key in "abc"] == ["done", "failed", "claimed"]
    assert list(scene.errors.items) == ["r-2"]


# ---- the time limit


def test_a_run_stops_at_a_record_boundary_and_its_result_is_called() -> None:
    scene = Scene({"a": b"1\n2\n3\n"})
    scene.deadline = After(0)
    assert scene.run(A) == BatchResult(succeeded=1)
    assert [seq for _, seq, _ in Sink.got] == [1]
    assert Sink.results == ["a"]
    ((rest,), _) = scene.stream.lanes.values()
    assert (rest.records, rest.reader, rest.object_etag, rest.lane) == ([(2, None)], "s3-lines", "e1", "fast")
    assert scene.seen.told == [("a", "part")]


def test_events_not_begun_at_the_limit_go_back_to_their_lanes_but_the_first_always_begins() -> None:
    scene = Scene()
    scene.deadline = After(0)
    assert scene.run(A, B, C) == BatchResult(succeeded=1, sent_back=2)
    assert [event.object_key for event in scene.stream.lanes["fast"]] == ["a", "b"]
    assert scene.stream.lanes["slow"] == [C]
    assert keys() == ["a"]
    assert scene.seen.told == [("a", "part"), ("b", "sent back"), ("c", "sent back")]


def test_what_is_sent_back_after_a_failed_attempt_is_free_for_the_next_request() -> None:
    scene = Scene({"a": GOOD, "b": b"raise\n"})
    with pytest.raises(UnfinishedError):
        scene.run(A, B)
    scene.deadline = After(0)
    scene.run(A, B)
    assert scene.stream.lanes["fast"] == [B]
    scene.deadline = Ticker()
    scene.processor = processor_of(Objects(b=GOOD), Sink)
    assert scene.run(B, request_id="next") == BatchResult(succeeded=1)


def test_what_another_request_has_taken_meanwhile_stays_its_own_when_it_is_sent_back() -> None:
    scene = Scene()
    scene.ledger.claim(B, "other")
    scene.deadline = After(0)
    scene.run(A, B)
    assert scene.ledger.claim(B, "third") == "claimed"


def test_a_lane_that_refuses_what_is_sent_back_leaves_it_to_the_next_attempt() -> None:
    scene = Scene()
    scene.deadline = After(0)
    scene.stream.faults["put b"] = 1
    with pytest.raises(UnfinishedError, match="1 of 3 object events: s3://my-logs/b: lane fast is full"):
        scene.run(A, B, C)
    assert (scene.stream.lanes["slow"], scene.status("b")) == ([C], "waiting")


def test_a_limit_that_comes_on_the_way_to_the_first_record_is_no_progress_and_no_attempt_can_help() -> None:
    scene = Scene({"a": b"1\n2\n3\n"})
    scene.deadline = After(0)
    assert scene.run(object_event("a", records=[(3, None)], reader="s3-lines")) == BatchResult(failed=1)
    (item,) = scene.errors.scan()
    assert (item.error_type, item.kind) == ("NoProgressError", "records")
    assert "raise 'handler.timeout'" in item.message


def test_a_limit_that_comes_between_two_records_leaves_the_second_to_another_run() -> None:
    scene = Scene({"a": b"1\n2\n3\n4\n5\n"})
    scene.deadline = After(0)
    assert scene.run(object_event("a", records=[(1, 1), (4, 4)], reader="s3-lines")) == BatchResult(succeeded=1)
    assert [seq for _, seq, _ in Sink.got] == [1]
    assert scene.stream.lanes["fast"][0].records == [(4, 4)]
    scene.deadline = Ticker()
    scene.run(scene.stream.lanes["fast"].pop(), request_id="r2")
    assert [seq for _, seq, _ in Sink.got] == [1, 4]


def test_a_deadline_rings_before_the_time_is_up_and_not_when_it_is_cancelled() -> None:
    before = set(threading.enumerate())
    rings, cancelled = Deadline(0.0), Deadline(3600)
    cancelled.cancel()
    for timer in set(threading.enumerate()) - before:
        timer.join()
    assert (rings.due, cancelled.due) == (True, False)
    assert rings.tick(1)


# ---- an object larger than any invocation


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
