"""Functions of a stack whose lanes pause: Dispatcher holds events back, MainFunc and Reporter count."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
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
    operator,
    run,
    started,
)
from fakes import object_event
from invoked import Stack, payload_of, stack
from slips import lambdas
from slips.backends.aws.brakes import DynamoBrakes
from slips.brakes import CANARY_SECONDS, DAY, WINDOW, Brake, Budget, day_of
from slips.config import PACKAGED, Config, LaneConfig
from slips.config.backend import BackendConfig, Lanes
from slips.pipeline import hold

__all__ = ["brakes", "clock", "dynamodb", "stack"]


def configure(stack: Stack, tmp_path: Any, **lane: Any) -> None:
    """Lets both lanes have such limits."""
    config = msgspec.json.decode((tmp_path / PACKAGED).read_bytes(), type=Config)
    both = LaneConfig(**lane)
    (tmp_path / PACKAGED).write_bytes(
        msgspec.json.encode(replace(config, backend=BackendConfig(lane=Lanes(both, both))))
    )


def refusing(part: bytes) -> Callable[[str, bytes], None]:
    """Refuses the requests to DynamoDB that have such a part."""

    def refuse(name: str, body: bytes) -> None:
        if part in body:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, name)

    return refuse


def test_a_lane_without_brakes_costs_one_read_in_five_seconds(stack: Stack, dynamodb: Any, clock: Clock) -> None:
    reads: list[str] = []
    dynamodb(lambda name, _: reads.append(name))
    for _ in range(3):
        assert dispatch(stack, *events("ab")) == []
    assert (started(stack), reads) == ("ababab", ["GetItem"])
    clock.now += hold.CONTROLS_SECONDS
    dispatch(stack, *events("ab"))
    assert reads == ["GetItem"] * 2


def test_a_lane_that_an_operator_paused_keeps_its_events_in_one_item(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    brakes.begin(Brake("fast", since=NOW, reason="the sink moves", by="ann@ops"))
    assert dispatch(stack, *events("abc"), replace(events("d")[0], lane="slow")) == []
    assert (started(stack), held(stack)) == ("d", {"abc": "paused"})
    (item,) = stack.items
    assert (item.error_type, item.attempts, item.traceback) == ("LanePaused", 0, "")
    assert item.message.startswith("lane fast: paused by ann@ops: the sink moves; nothing failed, these objects wait; ")
    assert counted(stack) == {"Held": 3, "Pauses": 1}
    dispatch(stack, *events("abc"))  # delivered again
    assert held(stack) == {"abc": "paused"}


def test_of_two_handlers_the_one_that_fails_waits_and_the_other_goes_on(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    on = Brake("fast", "handler.py", 20, 20, NOW, "20 of 20 objects failed", code=code(), retry_at=NOW + 60)
    brakes.begin(on)
    unmapped = object_event("elsewhere", bucket_name="other", lane="fast")
    assert dispatch(stack, *events("a"), unmapped, *events("b")) == []
    assert (started(stack), held(stack)) == ("elsewhere", {"ab": "paused"})
    # A drained object runs: an operator asked for it.
    dispatch(stack, *events("r", replay="r@1"))
    assert started(stack) == "r"


def test_a_canary_that_is_due_starts_alone_and_once(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    brakes.begin(Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60))
    clock.now += CANARY_SECONDS[0]
    dispatch(stack, *events("abc"))
    dispatch(stack, *events("d"))
    assert (started(stack), held(stack)) == ("a", {"bc": "paused", "d": "paused"})
    (brake,) = brakes.read().brakes
    assert brake.retry_at == clock.now + 120


def test_a_canary_that_the_budget_holds_back_leaves_its_turn_to_another(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    on = Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60)
    brakes.begin(on)
    brakes.set_budget(Budget(objects_per_day=1))
    clock.now += CANARY_SECONDS[0]
    brakes.spend(day_of(clock.now), 1, 0, clock.now)
    dispatch(stack, *events("ab"))
    assert (started(stack), held(stack)) == ("", {"a": "budget", "b": "paused"})
    assert brakes.read().brakes == [on], "no canary has started"
    clock.now += DAY
    dispatch(stack, *events("cd"))
    assert started(stack) == "c"


def test_a_drained_object_is_no_canary_and_leaves_the_one_that_is_due(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    on = Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60)
    brakes.begin(on)
    clock.now += CANARY_SECONDS[0]
    dispatch(stack, *events("r", replay="r@1"))
    assert (started(stack), brakes.read().brakes) == ("r", [on])
    dispatch(stack, *events("s", replay="s@1"), *events("ab"))
    assert (started(stack), held(stack)) == ("sa", {"b": "paused"})


def test_another_version_of_the_handler_is_tried_at_once(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    brakes.begin(Brake("fast", "handler.py", 20, 20, NOW, "all failed", code="another", retry_at=NOW + 60))
    dispatch(stack, *events("ab"))
    assert (started(stack), held(stack)) == ("a", {"b": "paused"})


def test_what_a_throttled_main_func_refuses_is_not_held_back_and_not_spent(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    brakes.set_budget(Budget(objects_per_day=100))
    brakes.begin(Brake("slow", since=NOW))
    stack.functions.takes = 0
    assert dispatch(stack, *events("a"), replace(events("b")[0], lane="slow")) == ["1"]
    assert (held(stack), brakes.spent(day_of(NOW)).objects) == ({}, 0)


def test_the_budget_of_a_day_holds_back_what_is_too_much(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    brakes.set_budget(Budget(objects_per_day=3))
    dispatch(stack, *events("abcde"))
    assert (started(stack), held(stack)) == ("abc", {"de": "budget"})
    assert brakes.spent(day_of(NOW)).objects == 3
    dispatch(stack, *events("f"), *events("g", records=[(5, None)]))
    assert (started(stack), held(stack)) == ("g", {"de": "budget", "f": "budget"})
    clock.now += DAY
    dispatch(stack, *events("hi"))
    assert started(stack) == "hi"


def test_the_budget_of_the_config_is_in_the_environment(
    stack: Stack, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPS_BYTES_PER_DAY", "1000")
    dispatch(stack, *events("abcde", object_size=400))
    assert (started(stack), held(stack)) == ("abc", {"de": "budget"})


def test_a_budget_that_an_operator_takes_back_is_the_configs_again(
    stack: Stack, clock: Clock, brakes: DynamoBrakes
) -> None:
    brakes.set_budget(Budget(objects_per_day=1))
    assert brakes.read().budget == Budget(objects_per_day=1)
    operator(clock).set_budget(Budget())
    assert brakes.read().budget is None
    dispatch(stack, *events("ab"))
    assert (started(stack), held(stack)) == ("ab", {})


def test_functions_that_may_not_read_brakes_start_all_objects_and_say_so(stack: Stack, dynamodb: Any) -> None:
    def refuse(name: str, _: bytes) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, name)

    dynamodb(refuse)
    assert dispatch(stack, *events("ab")) == []
    assert started(stack) == "ab"
    assert stack.said[0]["message"].startswith("brakes cannot be read, so all objects start: ")


def test_events_that_cannot_be_kept_come_again(stack: Stack, dynamodb: Any, clock: Clock, brakes: DynamoBrakes) -> None:
    brakes.begin(Brake("slow", since=NOW))
    dynamodb(refusing(b'"errors"'))
    assert dispatch(stack, *events("a"), replace(events("b")[0], lane="slow")) == ["2"]
    assert started(stack) == "a"


def test_records_come_again_from_the_first_one_that_a_brake_or_the_budget_could_not_keep(
    stack: Stack, dynamodb: Any, clock: Clock, brakes: DynamoBrakes
) -> None:
    brakes.set_budget(Budget(objects_per_day=1))
    brakes.begin(Brake("slow", since=NOW))
    dynamodb(refusing(b'"errors"'))
    assert dispatch(stack, *events("ab"), replace(events("c")[0], lane="slow")) == ["2"]
    assert started(stack) == "a"


def test_refused_records_come_again_if_the_budget_cannot_be_written_either(
    stack: Stack, dynamodb: Any, clock: Clock, brakes: DynamoBrakes
) -> None:
    brakes.set_budget(Budget(objects_per_day=100))
    brakes.begin(Brake("slow", since=NOW))
    stack.functions.takes = 0
    dynamodb(refusing(b'"-1"'))
    assert dispatch(stack, *events("a"), replace(events("b")[0], lane="slow")) == ["1"]


def test_refused_records_go_back_to_the_budget_of_the_day_that_counted_them(
    stack: Stack, clock: Clock, brakes: DynamoBrakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    brakes.set_budget(Budget(objects_per_day=100))
    stack.functions.takes = 0
    times = chain([NOW], repeat(NOW + DAY))
    monkeypatch.setattr(lambdas._site, "clock", lambda: next(times))
    assert dispatch(stack, *events("a")) == ["1"]
    assert [brakes.spent(day_of(each)).objects for each in (NOW, NOW + DAY)] == [0, 0]


def test_events_of_a_flood_share_items_below_the_limit_of_dynamodb() -> None:
    some = [object_event(f"{'k' * 800}{number}", lane="fast") for number in range(2000)]
    items = list(hold.items_of(kept_by(Brake("fast", since=NOW), some), NOW))
    assert sum(len(item.events) for item in items) == 2000
    assert max(len(msgspec.json.encode(item)) for item in items) < 300_000
    assert len(items) < 20
    assert len({item.request_id for item in items}) == len(items)


# ---- counts


def test_a_handler_whose_objects_fail_pauses_on_its_lane(
    stack: Stack, clock: Clock, brakes: DynamoBrakes, tmp_path: Any
) -> None:
    configure(stack, tmp_path, break_at=50)
    for number in range(WINDOW):
        assert brakes.read().brakes == []
        key = f"azure/{number}.gz"
        aws.client("s3").put_object(Bucket="example-logs", Key=key, Body=gzip.compress(b'{"n": 1}\n')[:-5])
        run(stack, object_event(key, bucket_name="example-logs", lane="fast", object_etag=""), request_id=f"r{number}")
    (brake,) = brakes.read().brakes
    assert (brake.lane, brake.handler, brake.reason) == ("fast", "handler.py", "20 of 20 objects failed")
    assert (len(stack.items), brake.code) == (WINDOW, code())
    good = stack.put("azure/good.gz", {"n": 1})
    clock.now += 10
    run(stack, good)
    assert brakes.read().brakes == []


def test_an_object_that_succeeds_soon_after_another_ends_the_pause_of_its_handler(
    stack: Stack, clock: Clock, brakes: DynamoBrakes, tmp_path: Any
) -> None:
    configure(stack, tmp_path, break_at=50)
    good = stack.put("azure/good.gz", {"n": 1})
    brakes.begin(Brake("fast", "handler.py", 20, 20, NOW + 1, "all failed", code=code(), retry_at=NOW + 61))
    run(stack, good)
    assert len(brakes.read().brakes) == 1  # it began before the pause
    clock.now += hold.CONTROLS_SECONDS / 2
    run(stack, stack.put("azure/better.gz", {"n": 1}), request_id="r2")
    assert brakes.read().brakes == []


def test_objects_that_aws_gave_up_on_count_as_failed(
    stack: Stack, clock: Clock, brakes: DynamoBrakes, tmp_path: Any
) -> None:
    configure(stack, tmp_path, break_at=50)
    for number in range(WINDOW):
        event = stack.put(f"azure/{number}.gz", {"n": "raise"})
        with pytest.raises(Exception, match="severity"):
            run(stack, event, request_id=f"r{number}")
        record = {"requestContext": {"requestId": f"r{number}", "condition": "RetriesExhausted"}}
        record["requestPayload"] = payload_of(event)
        record["responsePayload"] = {"errorType": "UnfinishedError", "errorMessage": "m"}
        stack.call(lambdas.reporter, {"Records": [{"Sns": {"Message": json.dumps(record)}}]})
    assert len(stack.items) == WINDOW
    (brake,) = brakes.read().brakes
    assert brake.reason == "20 of 20 objects failed"


def test_objects_that_succeed_cost_one_write_for_each_window_of_them(
    stack: Stack, dynamodb: Any, clock: Clock, brakes: DynamoBrakes, tmp_path: Any
) -> None:
    configure(stack, tmp_path, break_at=50)
    writes: list[bytes] = []
    dynamodb(lambda name, body: writes.append(body) if name == "UpdateItem" else None)
    for number in range(2 * WINDOW):
        run(stack, stack.put(f"azure/{number}.gz", {"n": 1}))
    assert sum(b'"count fast handler.py"' in body for body in writes) == 2 * 2  # counted, and begun anew
    assert brakes.read().brakes == []


def test_without_break_at_nothing_is_counted(stack: Stack, brakes: DynamoBrakes) -> None:
    run(stack, stack.put("azure/a.gz", {"n": 1}))
    items = aws.client("dynamodb").scan(TableName="ledger")["Items"]
    assert items
    assert all("bucket" in item for item in items)
