"""Functions of a stack whose lanes pause: Drain releases what is held, on its schedule or for an operator."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

import aws
from braking import (
    NOW,
    Clock,
    brakes,
    clock,
    code,
    counted,
    dispatch,
    dynamodb,
    events,
    held,
    kept_by,
    names,
    operator,
    run,
    started,
)
from fakes import object_event
from invoked import Context, Stack, stack
from slips import lambdas
from slips.backends.aws.brakes import DynamoBrakes
from slips.brakes import CANARY_SECONDS, DAY, Brake, Budget
from slips.errors import UnfinishedError
from slips.model import ErrorItem
from slips.object_states import ObjectCounter
from slips.pipeline import hold
from slips.site.function import ON_A_LANE_SECONDS

__all__ = ["brakes", "clock", "dynamodb", "stack"]


def released(stack: Stack) -> dict[str, Any]:
    done = stack.call(lambdas.drain, {"release": True})
    return {name: done[name] for name in ("events", "canaries", "waiting", "more")}


def on_lane(stack: Stack) -> str:
    return names(stack.lane())


def test_held_events_go_back_as_they_were_when_the_lane_is_resumed(
    stack: Stack, dynamodb: Any, clock: Clock, brakes: DynamoBrakes
) -> None:
    on = Brake("fast", since=NOW)
    brakes.begin(on)
    dispatch(stack, *events("abc"))
    assert released(stack) == {"events": 0, "canaries": 0, "waiting": None, "more": False}
    assert counted(stack) == {"Pauses": 1}
    brakes.replace(on, on.released())
    assert released(stack) == {"events": 3, "canaries": 0, "waiting": 0, "more": False}
    assert (on_lane(stack), stack.items) == ("abc", [])
    assert [event.replay for event in stack.lane()] == [None] * 3
    reads: list[str] = []
    dynamodb(lambda name, _: reads.append(name))
    assert released(stack) == {"events": 0, "canaries": 0, "waiting": 0, "more": False}
    assert reads == ["GetItem"]


def test_events_that_went_back_wait_for_an_audit_until_they_run(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    on = Brake("fast", since=NOW)
    brakes.begin(on)
    there = stack.put("azure/a.gz", {"n": 1})
    dispatch(stack, there)
    clock.now = time.time() + ON_A_LANE_SECONDS + 60
    assert audited(stack) == {"waiting": 1}, "the error table has it"
    brakes.replace(on, on.released())
    assert released(stack)["events"] == 1
    assert audited(stack) == {"waiting": 1}, "it is on its lane, which cannot be read"
    run(stack, *stack.lane())
    assert audited(stack) == {"done": 1}


def test_held_records_of_an_object_that_is_done_leave_it_done(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    whole = stack.put("azure/a.gz", {"n": 1})
    run(stack, whole)
    brakes.begin(Brake("fast", since=NOW))
    dispatch(stack, replace(whole, records=[(1, 1)], replay="r@1"))
    clock.now = time.time() + ON_A_LANE_SECONDS + 60
    assert audited(stack) == {"done": 1}
    counter = ObjectCounter()
    counter.add_entries(stack.ledger.entries())
    assert [item.stage for item in counter.add_items(stack.errors.scan())] == ["paused"]
    assert counter.counts().states == {"done": 1}


def audited(stack: Stack) -> dict[str, int]:
    """The numbers of objects by state, without zeros."""
    found = stack.call(lambdas.audit, {})
    return {state: count for state, count in found.items() if count and state != "objects"}


def test_one_of_the_held_events_is_tried_when_its_time_has_come(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    brakes.begin(Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60))
    dispatch(stack, *events("abc"))
    clock.now += 1
    dispatch(stack, *events("de"))
    assert released(stack)["events"] == 0
    clock.now += CANARY_SECONDS[0]
    assert released(stack) == {"events": 1, "canaries": 1, "waiting": 5, "more": False}
    assert (on_lane(stack), len(stack.items)) == ("a", 2)
    dispatch(stack, *stack.lane())
    assert started(stack) == "a"


def test_each_canary_is_another_event_than_the_last_one(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    brakes.begin(Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60))
    dispatch(stack, *events("abc"))
    tried = ""
    for _ in range(4):
        clock.now += CANARY_SECONDS[1]
        assert released(stack)["canaries"] == 1
        dispatch(stack, *stack.lane()[-1:])
        tried += started(stack)
    assert tried == "abca"


def test_drained_objects_that_an_operators_pause_held_go_back_once_though_their_handler_pauses(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    of_lane = Brake("fast", since=NOW)
    brakes.begin(of_lane)
    dispatch(stack, *events("a"), *events("r", replay="r@1"))
    brakes.begin(Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60))
    brakes.replace(of_lane, of_lane.released())
    clock.now += hold.CONTROLS_SECONDS
    assert released(stack) == {"events": 1, "canaries": 0, "waiting": 1, "more": False}
    assert (on_lane(stack), held(stack)) == ("r", {"a": "paused"})
    dispatch(stack, *stack.lane())
    assert started(stack) == "r"


def test_of_an_item_of_the_version_before_a_canary_is_an_event_that_replays_nothing(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    """The version before kept replays and other events in one item."""
    on = Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60)
    brakes.begin(on)
    (item,) = hold.items_of(kept_by(on, events("ab")), NOW)
    stack.errors.put(replace(item, events=[*events("r", replay="r@1"), *events("a")]))
    brakes.note_held()
    clock.now += CANARY_SECONDS[0]
    assert released(stack) == {"events": 1, "canaries": 1, "waiting": 2, "more": False}
    dispatch(stack, *stack.lane())
    assert started(stack) == "a"
    clock.now += hold.CONTROLS_SECONDS
    assert released(stack)["canaries"] == 0
    brakes.replace(brakes.read().brakes[0], Brake("fast", "handler.py"))
    assert released(stack)["events"] == 2


def test_held_events_whose_handler_was_renamed_start(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    brakes.begin(Brake("fast", "former.py", 20, 20, NOW, "all failed", code="former", retry_at=NOW + 60))
    item = next(hold.items_of(kept_by(brakes.read().brakes[0], events("ab")), NOW))
    stack.errors.put(item)
    brakes.note_held()
    assert released(stack) == {"events": 2, "canaries": 0, "waiting": 0, "more": False}
    assert brakes.read().brakes == []


def test_of_events_beyond_a_budget_as_many_go_back_as_the_next_day_allows(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    brakes.set_budget(Budget(objects_per_day=2))
    for keys in ("abcd", "ef", "gh"):
        dispatch(stack, *events(keys))
    assert held(stack) == {"cd": "budget", "ef": "budget", "gh": "budget"}
    assert released(stack)["events"] == 0
    clock.now += DAY
    assert released(stack) == {"events": 2, "canaries": 0, "waiting": 4, "more": False}


def test_a_drain_of_an_item_that_is_held_puts_its_events_back(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    brakes.begin(Brake("fast", since=NOW))
    dispatch(stack, *events("ab"))
    (item,) = stack.items
    assert stack.call(lambdas.drain, {"ids": [item.request_id]})["drained"] == 1
    assert on_lane(stack) == "ab"


def test_other_error_items_stay_when_events_are_released(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    on = Brake("fast", since=NOW)
    brakes.begin(on)
    dispatch(stack, *events("a"))
    failed = ErrorItem(request_id="r9", events=events("z"), stage="handler", error_type="KeyError")
    stack.errors.put(failed)
    brakes.replace(on, on.released())
    assert released(stack)["events"] == 1
    assert [item.request_id for item in stack.items] == ["r9"]


def test_a_held_replay_of_an_object_that_is_gone_or_overwritten_keeps_no_other_event_waiting(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    on = Brake("fast", since=NOW)
    brakes.begin(on)
    stack.put("azure/a", {"n": 1})
    of_records = {"records": [(2, 3)], "replay": "r@1"}
    dispatch(stack, *events("a", object_etag="before", **of_records), *events("b", **of_records), *events("c"))
    brakes.replace(on, on.released())
    assert released(stack) == {"events": 3, "canaries": 0, "waiting": 0, "more": False}
    assert (sorted(on_lane(stack)), stack.items) == (["a", "b", "c"], [])
    overwritten, gone, _ = sorted(stack.lane(), key=lambda event: event.object_key)
    run(stack, overwritten)
    assert [item.error_type for item in stack.items] == ["OverwrittenError"]
    with pytest.raises(UnfinishedError, match="NoSuchKey"):
        run(stack, gone)


def test_an_item_that_cannot_be_read_keeps_no_held_event_waiting_and_is_said(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    brakes.begin(Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60))
    dispatch(stack, *events("ab"))
    aws.client("dynamodb").put_item(TableName="errors", Item={"request_id": {"S": "bad"}})
    clock.now += CANARY_SECONDS[0]
    assert released(stack) == {"events": 1, "canaries": 1, "waiting": 2, "more": False}
    assert "error item 'bad'" in next(line["message"] for line in stack.said if line["level"] == "ERROR")
    brakes.replace(brakes.read().brakes[0], Brake("fast", "handler.py"))
    assert released(stack)["events"] == 2
    assert brakes.read().held, "the item may be of held events, too"


def test_a_release_reads_no_further_than_its_time_allows(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    on = Brake("fast", since=NOW)
    items = [next(hold.items_of(kept_by(on, events(key)), NOW)) for key in "abc"]
    read: list[str] = []

    class Table:
        def scan(self) -> Iterator[ErrorItem]:
            for item in items:
                read.append(item.request_id)
                yield item

    lambdas._site.__dict__["errors"] = Table()
    brakes.note_held()
    done = stack.call(lambdas.drain, {"release": True}, Context(milliseconds=1_000))
    assert (done["events"], done["more"], len(read)) == (0, True, 1)


def looks(stack: Stack, reads: list[str]) -> list[str]:
    """The calls of DynamoDB of a release that puts nothing back."""
    reads.clear()
    assert released(stack)["events"] == 0
    return list(reads)


def test_a_release_reads_the_error_table_only_if_some_held_events_may_go_on(
    stack: Stack, dynamodb: Any, clock: Clock, brakes: DynamoBrakes
) -> None:
    """A flood that a brake holds back is gigabytes in the table, and lasts for days."""
    reads: list[str] = []
    dynamodb(lambda name, _: reads.append(name))
    on = Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60)
    brakes.begin(on)
    dispatch(stack, *events("ab"))
    assert looks(stack, reads) == ["GetItem"]
    # The budget is spent, too: what it holds back waits for the next day, and then for the handler.
    brakes.set_budget(Budget(objects_per_day=1))
    clock.now += hold.CONTROLS_SECONDS
    unmapped = [object_event(f"elsewhere{number}", bucket_name="other", lane="fast") for number in range(2)]
    dispatch(stack, *unmapped)
    assert looks(stack, reads) == ["GetItem"] * 2
    # Its end lets the events go, and a canary that is due one of them.
    clock.now += DAY
    assert released(stack) == {"events": 2, "canaries": 1, "waiting": 2, "more": False}
    (brake,) = brakes.read().brakes
    brakes.replace(brake, brake.tried_again(clock.now, code()))
    assert looks(stack, reads) == ["GetItem"] * 2
    (brake,) = brakes.read().brakes
    brakes.replace(brake, brake.released())
    assert released(stack)["events"] == 2
    assert looks(stack, reads) == ["GetItem"] * 2


def test_held_events_that_a_version_before_has_noted_are_looked_for(
    stack: Stack, dynamodb: Any, clock: Clock, brakes: DynamoBrakes
) -> None:
    on = Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60)
    brakes.begin(on)
    (item,) = hold.items_of(kept_by(on, events("ab")), NOW)
    stack.errors.put(item)
    brakes.note_held()
    reads: list[str] = []
    dynamodb(lambda name, _: reads.append(name))
    assert "Scan" in looks(stack, reads)
    assert looks(stack, reads) == ["GetItem"], "now it is known what they wait for"


def test_a_resume_ends_a_pause_that_a_function_changes_at_the_same_time(
    stack: Stack, dynamodb: Any, clock: Clock, brakes: DynamoBrakes
) -> None:
    brakes.begin(Brake("fast", "handler.py", 20, 20, NOW, "all failed", code="c", retry_at=NOW + 60))
    meanwhile = iter([True])

    def race(name: str, _: bytes) -> None:
        if name == "UpdateItem" and next(meanwhile, False):
            (brake,) = brakes.read().brakes
            assert brakes.replace(brake, brake.tried_again(NOW + 60, "c"))

    dynamodb(race)
    assert [each.cause for each in operator(clock).resume("fast")] == ["failures"]
    assert brakes.read().brakes == []


def test_a_pause_that_another_version_has_written_gets_a_new_reason_and_ends(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    text = json.dumps({"lane": "fast", "since": NOW, "reason": "the sink moves", "by": "ann", "of_a_later_version": 1})
    aws.client("dynamodb").put_item(TableName="ledger", Item={"entry": {"S": "brakes"}, "fast ": {"S": text}})
    clock.now += 60
    operator(clock).pause("fast", "it still moves", "bob")
    (brake,) = brakes.read().brakes
    assert (brake.since, brake.reason, brake.by) == (NOW, "it still moves", "bob")
    assert len(operator(clock).resume("fast")) == 1
    assert brakes.read().brakes == []
