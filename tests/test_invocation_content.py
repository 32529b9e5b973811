"""Promises of an invocation about objects that have other content than announced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from msgspec.structs import replace

from fakes import object_event
from invocations import BROKEN, GOOD, JSON, MOSTLY, After, B, Deadly, Scene, Sink, _fresh_sink, keys, site_of
from slips.envelope.cause import Cause
from slips.envelope.lost import Unwrapped
from slips.errors import UnfinishedError
from slips.model import ObjectEvent, Outcome
from slips.parsing.run import Ticker
from slips.pipeline.ended import Admit, Failure, Success, Superseded
from slips.pipeline.invocation import BatchResult
from slips.pipeline.process import Processor
from slips.pipeline.report import report_lost

__all__ = ["_fresh_sink"]
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


def test_an_event_sent_back_releases_the_content_found_in_its_place_too() -> None:
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
