"""Promises of the main func on a batch of events: one costs no other anything, and whatever dies, nothing is lost."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from fakes import Objects, config_of, object_event, processor_of
from invocations import BROKEN, GOOD, JSON, MOSTLY, A, After, B, C, Deadly, Scene, Sink, _fresh_sink, keys
from slips.config import Mapping, MappingHandler
from slips.errors import UnfinishedError
from slips.parsing.run import Ticker
from slips.pipeline.invocation import BatchResult, Deadline
from slips.pipeline.process import Processor

__all__ = ["_fresh_sink"]


# ---- each event its own run


def test_each_event_is_one_run_in_the_order_given() -> None:
    scene = Scene()
    assert scene.run(A, B, C) == BatchResult(succeeded=3)
    assert Sink.results == ["a", "b", "c"]
    assert keys() == ["a", "a", "b", "b", "c", "c"]
    assert [scene.status(key) for key in "abc"] == ["done"] * 3
    assert scene.seen.told == [("a", "done"), ("b", "done"), ("c", "done")]


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


def test_a_handler_that_ends_the_process_at_each_object_costs_no_object_of_another_handler() -> None:
    bad, good = (Mapping(name, ["s3-lines"], handler=MappingHandler(f"{name}.py")) for name in "bg")
    events = [object_event(key) for key in ("b1", "b2", "b3", "b4", "g1")]
    scene = Scene({event.object_key: GOOD for event in events})
    scene.config = config_of(bucket_mapping={"my-logs": [bad, good]})
    scene.processor = cast("Processor", Deadly(scene.processor, "b1", "b2", "b3", "b4"))
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            scene.run(*events)
    assert [scene.status(event.object_key) for event in events] == ["claimed", "claimed", "claimed", "", "done"]


def test_an_event_that_another_request_claimed_or_finished_is_passed_over() -> None:
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


# ---- the order in which a run is concluded


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
    assert (rest.records, rest.reader, rest.object_etag, rest.lane) == ([(2, None)], "s3-lines/2", "e1", "fast")
    assert scene.seen.told == [("a", "part")]


def test_events_not_begun_at_the_limit_go_back_to_their_lanes_but_the_first_always_begins() -> None:
    scene = Scene()
    scene.deadline = After(0)
    assert scene.run(A, B, C) == BatchResult(succeeded=1, sent_back=2)
    assert [event.object_key for event in scene.stream.lanes["fast"]] == ["a", "b"]
    assert scene.stream.lanes["slow"] == [C]
    assert keys() == ["a"]
    assert scene.seen.told == [("a", "part"), ("b", "sent back"), ("c", "sent back")]


def test_an_event_of_2018_stays_on_the_lane_that_its_stream_names() -> None:
    scene = Scene({"a": b"1\n2\n3\n", "b": GOOD})
    scene.deadline = After(0)
    old = [object_event(key, lane=None, dest_stream="slam-EventSlowStream-1") for key in "ab"]
    assert scene.run(*old) == BatchResult(succeeded=1, sent_back=1)
    assert [event.object_key for event in scene.stream.lanes["slow"]] == ["a", "b"]


def test_an_event_sent_back_after_a_failed_attempt_is_free_for_the_next_request() -> None:
    scene = Scene({"a": GOOD, "b": b"raise\n"})
    with pytest.raises(UnfinishedError):
        scene.run(A, B)
    scene.deadline = After(0)
    scene.run(A, B)
    assert scene.stream.lanes["fast"] == [B]
    scene.deadline = Ticker()
    scene.processor = processor_of(Objects(b=GOOD), Sink)
    assert scene.run(B, request_id="next") == BatchResult(succeeded=1)


def test_an_event_sent_back_stays_claimed_by_the_request_that_claimed_it_meanwhile() -> None:
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
    assert scene.run(object_event("a", records=[(3, None)], reader="s3-lines/2")) == BatchResult(failed=1)
    (item,) = scene.errors.scan()
    assert (item.error_type, item.kind) == ("NoProgressError", "records")
    assert "raise 'handler.timeout'" in item.message


def test_a_limit_that_comes_between_two_records_leaves_the_second_to_another_run() -> None:
    scene = Scene({"a": b"1\n2\n3\n4\n5\n"})
    scene.deadline = After(0)
    assert scene.run(object_event("a", records=[(1, 1), (4, 4)], reader="s3-lines/2")) == BatchResult(succeeded=1)
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
