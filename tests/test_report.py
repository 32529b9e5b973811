"""Promises of the reporter: an invocation that AWS gave up on leaves one item per unfinished event, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes import Errors, FakeSite, Ledger, Shard, object_event
from slips.envelope.cause import Cause
from slips.envelope.lane import encode
from slips.envelope.lost import Batch, Unwrapped, unwrap
from slips.errors import EnvelopeError, GoneError, StateError, StreamError
from slips.model import ErrorItem, ObjectEvent, Outcome
from slips.pipeline.conclude import Conclusion, write
from slips.pipeline.report import Reported, report_lost

EVENTS = Path(__file__).parent / "events"
CAUSE = Cause(
    request_id="r",
    condition="RetriesExhausted",
    attempts=3,
    error_type="Runtime.ExitError",
    message="signal: killed",
    traceback="File x",
    failed_at="2018-03-29T16:40:05.568Z",
)
BATCH = Batch("arn:aws:kinesis:eu-west-1:1:stream/s", "shard-1", "1", "9", 3)
A, B, C = (object_event(key) for key in "abc")


class Scene:
    """A reporter with its ports; `shard` is what can be read back, an exception is raised there."""

    def __init__(self) -> None:
        self.errors = Errors()
        self.ledger = Ledger()
        self.shard: Sequence[bytes | Exception] = ()

    @property
    def site(self) -> FakeSite:
        return FakeSite(
            ledger=self.ledger, errors=self.errors, read_back=Shard(self.shard), clock=lambda: 1.5e9, code_version="v1"
        )

    def report(self, *events: ObjectEvent, cause: Cause | None = CAUSE, batches: Sequence[Batch] = ()) -> Reported:
        return report_lost(Unwrapped(list(events), list(batches), cause, 0), self.site)


def cause_of(item: ErrorItem) -> tuple[str, str, str]:
    return item.stage, item.error_type, item.message


# ---- why


def test_the_ledgers_reason_is_told_where_it_has_one_else_that_of_aws() -> None:
    scene = Scene()
    for event, run_id in ((A, "r-1"), (B, "r-2")):
        scene.ledger.claim(event, run_id)
    known = ErrorItem(
        request_id="r-1", events=[A], stage="handler", error_type="KeyError", message="why", traceback="t", seq=7
    )
    scene.ledger.attempted(A, known)
    done = scene.report(A, B)
    assert (len(done.items), done.settled) == (2, 0)
    first, second = scene.errors.items["r-1"], scene.errors.items["r-2"]
    assert (cause_of(first), first.seq, first.traceback) == (("handler", "KeyError", "why"), 7, "t")
    assert cause_of(second) == ("worker", "Runtime.ExitError", "s3://my-logs/b: signal: killed")
    assert (second.failed_at, second.traceback, second.code_version) == ("2018-03-29T16:40:05.568Z", "File x", "v1")
    assert (first.attempts, second.attempts) == (3, 3)


def test_an_event_alone_takes_the_id_of_its_request_several_are_numbered() -> None:
    scene = Scene()
    scene.report(A)
    assert list(scene.errors.items) == ["r"]
    scene = Scene()
    scene.report(A, B, C)
    assert {each: item.events for each, item in scene.errors.items.items()} == {"r-1": [A], "r-2": [B], "r-3": [C]}


def test_a_failure_without_a_request_id_gets_the_same_one_each_time() -> None:
    scene = Scene()
    scene.report(A, cause=None)
    (item,) = scene.errors.scan()
    assert (len(item.request_id), item.attempts, item.error_type) == (32, 1, "unknown")
    assert "AWS does not say why" in item.message
    scene.ledger.entries.clear()
    scene.report(A, cause=None)
    assert list(scene.errors.items) == [item.request_id]


@pytest.mark.parametrize(
    ("event", "batches", "stage"),
    [
        (object_event("a"), [], "worker"),
        (object_event("a", lane=None), [], "push"),
        (None, [BATCH], "dispatch"),
    ],
)
def test_the_stage_is_where_the_event_was_on_its_way(
    event: ObjectEvent | None, batches: list[Batch], stage: str
) -> None:
    scene = Scene()
    scene.shard = [encode(A)] * 3
    done = scene.report(*([event] if event else []), batches=batches)
    assert {item.stage for item in done.items} == {stage}


def test_a_part_of_an_object_is_an_item_of_its_records() -> None:
    scene = Scene()
    scene.report(object_event("a", records=[(12, None)], reader="s3-lines"))
    (item,) = scene.errors.scan()
    assert (item.kind, item.records) == ("records", [(12, None)])


def test_alike_failures_of_several_objects_are_one_group() -> None:
    scene = Scene()
    scene.report(A, B, C)
    assert len({item.fingerprint for item in scene.errors.scan()}) == 1


def test_a_process_that_ended_itself_has_written_the_reason_down() -> None:
    """An exit is the later word for a single event, but not that of a process which was unfit for another object."""
    for status, told in ((86, "as written down"), (1, "exit status 1")):
        scene = Scene()
        item = ErrorItem(request_id="r", events=[A], error_type="ValueError", message="as written down")
        scene.ledger.claim(A, "r")
        scene.ledger.attempted(A, item)
        message = f"Error: Runtime exited with error: exit status {status}"
        scene.report(A, cause=Cause(request_id="r", error_type="Runtime.ExitError", message=message))
        (item,) = scene.errors.scan()
        assert told in item.message


def test_an_item_stays_small_whatever_aws_says() -> None:
    scene = Scene()
    cause = Cause(request_id="r", error_type="E" * 100_000, message="m\u2028" * 100_000, traceback="t\0" * 100_000)
    scene.report(A, cause=cause)
    (item,) = scene.errors.scan()
    assert len(msgspec.json.encode(item)) < 150_000
    assert item.message.startswith("s3://my-logs/a: m")


# ---- what needs no item


@pytest.mark.parametrize("status", ["done", "part", "dropped", "claimed by another", "failed"])
def test_events_that_are_settled_or_in_other_hands_are_passed_over(status: str) -> None:
    scene = Scene()
    match status:
        case "done" | "part":
            scene.ledger.finish(B, Outcome(), "done" if status == "done" else "part")
        case "dropped":
            scene.ledger.drop(B)
        case "claimed by another":
            scene.ledger.claim(B, "other")
        case "failed":
            scene.ledger.fail(B, Outcome(), "other")
    done = scene.report(A, B, C)
    assert ([item.events for item in done.items], done.settled) == ([[A], [C]], 1)
    assert list(scene.errors.items) == ["r-1", "r-3"]
    assert [scene.ledger.status(event) for event in (A, C)] == ["failed", "failed"]


def test_an_event_that_went_back_to_its_lane_is_reported_as_nobody_may_have_it() -> None:
    scene = Scene()
    scene.ledger.claim(A, "r")
    scene.ledger.release(A, "r")
    assert len(scene.report(A).items) == 1


def test_an_item_goes_when_its_event_is_done_after_all() -> None:
    scene = Scene()
    scene.report(A)
    assert scene.ledger.claim(A, "late") == "new"
    write(Conclusion(A, A, "done", "late"), scene.site)
    assert scene.errors.items == {}


def test_reporting_twice_makes_nothing_worse() -> None:
    scene = Scene()
    scene.ledger.claim(B, "r-2")
    first = scene.report(A, B)
    assert scene.report(A, B) == Reported([], 2)
    assert {each: item.revision for each, item in scene.errors.items.items()} == {"r-1": 1, "r-2": 1}
    assert len(first.items) == 2


@pytest.mark.parametrize("fault", ["put r-2", "fail b", "get b"])
def test_a_reporter_that_dies_is_made_good_by_the_next(fault: str) -> None:
    scene = Scene()
    scene.errors.faults[fault] = scene.ledger.faults[fault] = 1
    with pytest.raises(StateError):
        scene.report(A, B, C)
    scene.report(A, B, C)
    assert sorted(scene.errors.items) == ["r-1", "r-2", "r-3"]
    assert [scene.ledger.status(event) for event in (A, B, C)] == ["failed"] * 3


# ---- batches that a stream mapping gave up on


def test_events_of_a_batch_are_read_back_from_the_stream() -> None:
    scene = Scene()
    scene.ledger.finish(B, Outcome())
    scene.shard = [encode(A), encode(B), encode(C)]
    done = scene.report(batches=[BATCH])
    assert ([item.events for item in done.items], done.settled) == ([[A], [C]], 1)


def test_an_unreadable_record_raises_after_the_others_are_reported() -> None:
    scene = Scene()
    scene.shard = [encode(A), b"no JSON", encode(C)]
    with pytest.raises(EnvelopeError, match=r"stream/s: data: .*JSON was expected"):
        scene.report(batches=[BATCH])
    assert [item.events for item in scene.errors.scan()] == [[A], [C]]


def test_records_that_are_gone_from_the_stream_raise_after_the_others_are_reported() -> None:
    scene = Scene()
    scene.shard = [encode(A), StreamError("2 of 3 records are gone", [])]
    with pytest.raises(EnvelopeError, match="2 of 3 records are gone"):
        scene.report(batches=[BATCH])
    assert [item.events for item in scene.errors.scan()] == [[A]]
    scene.shard = [encode(A), encode(B), encode(C)]
    scene.report(batches=[BATCH])
    assert sorted(item.events[0].object_key for item in scene.errors.scan()) == ["a", "b", "c"]


def test_records_that_are_gone_for_good_are_an_item_that_names_their_batch_and_no_object() -> None:
    scene = Scene()
    scene.shard = [encode(A), GoneError("stream/s shard-1 1..3: 1 of 3 records are still there", [])]
    done = scene.report(batches=[BATCH])
    assert ([item.events for item in done.items], done.settled) == ([[], [A]], 0)
    gone = next(item for item in scene.errors.scan() if not item.events)
    assert (gone.request_id, gone.error_type, gone.stage) == ("r-gone", "GoneError", "dispatch")
    assert "1 of 3 records are still there; their objects are not known" in gone.message
    assert gone.place == ("", "")
    again = scene.report(batches=[BATCH])
    assert [item.request_id for item in again.items] == ["r-gone"]
    assert len(scene.errors.items) == 2


# ---- as AWS sends it


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("on-failure-main.json", ["azure/2018-03-29/a b+c=é.json.gz", "azure/2018-03-29/second.json.gz"]),
        ("on-failure-timeout.json", None),
        ("on-failure-exit.json", None),
        ("on-failure-aged.json", None),
        ("on-failure-pusher.json", None),
        ("dead-letter-2018.json", None),
    ],
)
def test_each_shape_of_a_failed_invocation_becomes_items(file: str, expected: list[str] | None) -> None:
    scene = Scene()
    payload: Any = msgspec.json.decode((EVENTS / file).read_bytes())
    report_lost(unwrap(payload), scene.site)
    items = list(scene.errors.scan())
    assert items
    if expected:
        assert sorted(item.events[0].object_key for item in items) == sorted(expected)
    for item in items:
        assert item.request_id
        assert item.message
        assert item.fingerprint
        assert scene.ledger.status(item.events[0]) == "failed"
