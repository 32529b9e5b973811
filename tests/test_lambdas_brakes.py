"""Functions of a stack whose lanes pause: Dispatcher holds events back, MainFunc and Reporter count, Drain releases."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

import aws
from fakes import object_event
from invoked import Context, Stack, kinesis, payload_of, stack
from slips import lambdas, telemetry
from slips.backends.aws.brakes import DynamoBrakes
from slips.backends.aws.stack_brakes import StackBrakes
from slips.brakes import CANARY_SECONDS, DAY, WINDOW, Brake, Budget, code_name, day_of
from slips.config import PACKAGED, Config, LaneConfig
from slips.config.backend import BackendConfig, Lanes
from slips.envelope.lane import LaneRecord, arguments
from slips.errors import UnfinishedError
from slips.model import ErrorItem, ObjectEvent
from slips.object_states import ObjectCounter
from slips.pipeline import hold
from slips.site.function import ON_A_LANE_SECONDS

__all__ = ["stack"]
NOW = 1_790_000_000.0


class Clock:
    """The time of all functions."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        monkeypatch.setattr(lambdas._site, "clock", lambda: self.now, raising=False)
        monkeypatch.setattr(lambdas._site, "monotonic", lambda: self.now, raising=False)


@pytest.fixture
def clock(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(stack, monkeypatch)


@pytest.fixture
def brakes(stack: Stack) -> DynamoBrakes:
    return DynamoBrakes(aws.client("dynamodb"), "ledger")


@pytest.fixture
def dynamodb(stack: Stack) -> Iterator[Callable[[Callable[[str, bytes], None]], None]]:
    """Lets a function be called with the name and the body of each request to DynamoDB."""
    events, hooks = lambdas._site.clients.dynamodb.meta.events, list[Any]()

    def call(watch: Callable[[str, bytes], None]) -> None:
        def hook(model: Any, params: Any, **_: Any) -> None:
            watch(model.name, params["body"])

        events.register("before-call.dynamodb", hook)
        hooks.append(hook)

    yield call
    for hook in hooks:
        events.unregister("before-call.dynamodb", hook)


def configure(stack: Stack, tmp_path: Any, **lane: Any) -> None:
    """Lets both lanes have such limits."""
    config = msgspec.json.decode((tmp_path / PACKAGED).read_bytes(), type=Config)
    both = LaneConfig(**lane)
    (tmp_path / PACKAGED).write_bytes(
        msgspec.json.encode(replace(config, backend=BackendConfig(lane=Lanes(both, both))))
    )


def batch(*events: ObjectEvent) -> dict[str, Any]:
    return kinesis(*(json.dumps(event.to_dict()) for event in events))


def events(keys: Sequence[str], **about: Any) -> list[ObjectEvent]:
    return [object_event(f"azure/{key}", bucket_name="example-logs", lane="fast", **about) for key in keys]


def started(stack: Stack) -> str:
    """The keys that MainFunc was started with, since the last call."""
    found = [event.object_key for payload in stack.functions.payloads for event in arguments(json.loads(payload))]
    stack.functions.payloads.clear()
    return "".join(key.removeprefix("azure/") for key in found)


def dispatch(stack: Stack, *some: ObjectEvent) -> list[str]:
    """Numbers of the records that AWS delivers again."""
    answer = stack.call(lambdas.dispatcher, batch(*some))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def held(stack: Stack) -> dict[str, str]:
    """Stage by the keys of each item."""
    return {names(item.events): item.stage for item in stack.items}


def names(some: Sequence[ObjectEvent]) -> str:
    return "".join(event.object_key.removeprefix("azure/") for event in some)


def counted(stack: Stack) -> dict[str, int]:
    """The metrics of pauses."""
    return {name: line[name] for line in stack.metrics for name in telemetry.OF_PAUSES if name in line}


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


def code() -> str:
    site = lambdas._site
    return code_name(site.loader.version_of("handler.py"), site.config)


def test_a_canary_that_is_due_starts_alone_and_once(stack: Stack, clock: Clock, brakes: DynamoBrakes) -> None:
    brakes.begin(Brake("fast", "handler.py", 20, 20, NOW, "all failed", code=code(), retry_at=NOW + 60))
    clock.now += CANARY_SECONDS[0]
    dispatch(stack, *events("abc"))
    dispatch(stack, *events("d"))
    assert (started(stack), held(stack)) == ("a", {"bc": "paused", "d": "paused"})
    (brake,) = brakes.read().brakes
    assert brake.retry_at == clock.now + 120


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


def kept_by(brake: Brake, some: Sequence[ObjectEvent]) -> list[hold.Kept]:
    assert brake.pause is not None
    records = [LaneRecord(str(number), json.dumps(event.to_dict()).encode()) for number, event in enumerate(some)]
    return [hold.Kept(*each, brake.pause, brake.handler) for each in zip(records, some, strict=True)]


def test_events_of_a_flood_share_items_below_the_limit_of_dynamodb() -> None:
    some = [object_event(f"{'k' * 800}{number}", lane="fast") for number in range(2000)]
    items = list(hold.items_of(kept_by(Brake("fast", since=NOW), some), NOW))
    assert sum(len(item.events) for item in items) == 2000
    assert max(len(msgspec.json.encode(item)) for item in items) < 300_000
    assert len(items) < 20
    assert len({item.request_id for item in items}) == len(items)


# ---- counts


def run(stack: Stack, *objects: ObjectEvent, request_id: str = "r") -> None:
    stack.call(lambdas.main_func, payload_of(*objects), Context(request_id))


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
    assert all("bucket" in item for item in items)


# ---- release


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


def operator(clock: Clock) -> StackBrakes:
    deployed: Any = SimpleNamespace(
        variables=lambda _: {"SLIPS_LEDGER_TABLE": "ledger"}, clients=lambdas._site.clients, clock=lambda: clock.now
    )
    return StackBrakes(deployed)


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
