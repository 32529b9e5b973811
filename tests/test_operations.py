"""The contract of Operations: one suite, run on a stack and on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

import aws
import stacks
from fakes import object_event
from projects import CONFIG
from slips.backends.aws.brakes import DynamoBrakes
from slips.backends.aws.clients import Clients
from slips.backends.aws.operations import StackOperations
from slips.backends.aws.stack import DeployedStack
from slips.backends.machine.lanes import SqliteStream
from slips.backends.machine.operations import MachineOperations
from slips.backends.machine.state import MachineState
from slips.brakes import Budget, day_of
from slips.config import LaneConfig, parse
from slips.errors import UsageError
from slips.kept_audit import KeptAudit
from slips.known import NOTHING
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, Outcome
from slips.operations import Operations, ReplayState, hourly
from slips.pipeline.audit import Audit, Found
from slips.pipeline.audit_note import note_of
from slips.pipeline.choose import Choice, Named, named
from slips.pipeline.dismiss import Changed, Dismissal, Revision, dismiss
from slips.ports import Stream
from slips.tally import LedgerTally

pytestmark = pytest.mark.once


class Place(NamedTuple):
    """Where the contract is tested: the operations, and the lanes behind them."""

    operations: Operations
    stream: Stream
    spend: Callable[[int, int], object]
    """Counts objects and bytes as started today."""


@pytest.fixture(params=["machine", "stack"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    if request.param == "machine":
        with closing(MachineState.open(tmp_path / "state")) as state:

            def spend(objects: int, size: int) -> None:
                state.brakes.put_spent(state.brakes.spent(day_of(time.time())).plus(objects, size))

            yield Place(MachineOperations(parse(CONFIG), state), state.stream, spend)
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with aws.account(**{"lambda": {"use_docker": False}}):
        stacks.deploy(stacks.template())
        stack = DeployedStack.find(Clients(aws.REGION), "test", sleep=lambda _: None)
        brakes = DynamoBrakes(stack.clients.dynamodb, stack.made["Ledger"])
        yield Place(
            StackOperations(stack),
            stack.stream,
            lambda objects, size: brakes.spend(day_of(time.time()), objects, size, time.time()),
        )


@pytest.fixture
def operations(place: Place) -> Operations:
    return place.operations


def item(request_id: str, **about: Any) -> ErrorItem:
    known = {"stage": "handler", "error_type": "KeyError", "message": f"m of {request_id}", "fingerprint": "f00d"}
    failed_at = f"2026-01-01T00:00:00.00{request_id[-1]}Z"
    return ErrorItem(
        request_id=request_id, **{"events": [object_event("a", lane="fast")], "failed_at": failed_at, **known, **about}
    )


def revisions(operations: Operations) -> dict[str, int]:
    return {each.request_id: each.revision for each in operations.errors.scan()}


# ---- status


def test_an_idle_place_has_both_lanes_and_no_errors(operations: Operations) -> None:
    status = operations.status(count_ledger=True)
    assert list(status.lanes) == list(LANES)
    assert (status.ledger, status.errors, status.groups) == ({}, {}, [])


def test_status_counts_items_by_kind_and_groups_them_by_fingerprint_most_frequent_first(
    operations: Operations,
) -> None:
    other = {"stage": "format", "error_type": "RecordError", "fingerprint": "beef", "kind": "records"}
    for each in (item("r1", **other), item("r3"), item("r2")):
        operations.errors.put(each)
    status = operations.status(count_ledger=False)
    assert status.errors == {"object": 2, "records": 1}
    assert [msgspec.to_builtins(group) for group in status.groups] == [
        {
            **{"count": 2, "fingerprint": "f00d", "stage": "handler", "error_type": "KeyError", "message": "m of r2"},
            **{"first": "2026-01-01T00:00:00.002Z", "last": "2026-01-01T00:00:00.003Z", "request_ids": ["r2", "r3"]},
        },
        {
            **{"count": 1, "fingerprint": "beef", "stage": "format", "error_type": "RecordError"},
            **{"message": "m of r1", "first": "2026-01-01T00:00:00.001Z", "last": "2026-01-01T00:00:00.001Z"},
            "request_ids": ["r1"],
        },
    ]


def test_status_counts_objects_by_what_the_ledger_says_of_them(operations: Operations) -> None:
    for number, key in enumerate("abc"):
        operations.ledger.claim(object_event(key), f"r{number}")
    operations.ledger.finish(object_event("a"), Outcome())
    operations.ledger.drop(object_event("b"))
    assert operations.status(count_ledger=True).ledger == {"claimed": 1, "done": 1, "dropped": 1}


def test_an_object_counts_once_however_many_contents_parts_and_replays_of_it_the_ledger_has(
    operations: Operations,
) -> None:
    ledger, errors = operations.ledger, operations.errors
    e2 = object_event("a", object_etag="e2")
    for event in (object_event("a"), replace(e2, records=[(5, None)]), replace(e2, records=[(2, 3)])):
        tuple(ledger.fail(event, Outcome(), "r1"))
    tuple(ledger.finish(e2, Outcome()))
    tuple(ledger.supersede(object_event("a", object_etag="e3")))
    tuple(ledger.fail(object_event("b"), Outcome(), "r2"))
    errors.put(item("r3", kind="records", events=[object_event("a", records=[(2, 3)])]))
    status = operations.status(count_ledger=True)
    assert status.ledger == {"done": 1, "taken_out": 1}
    assert (status.failed_objects, status.quarantined_objects) == (0, 1)
    for request_id, key in (("r4", "b"), ("r5", "a"), ("r6", "a")):
        errors.put(item(request_id, events=[object_event(key)]))
    errors.put(item("r7", kind="records", events=[object_event("c", records=[(5, None)])]))
    errors.put(item("r8", events=[]))
    status = operations.status(count_ledger=True)
    assert (status.ledger, status.failed_objects, status.quarantined_objects) == ({"failed": 3}, 3, 0)


def test_the_json_of_a_status_has_only_what_its_place_can_know(place: Place) -> None:
    place.stream.put("slow", [object_event("a", lane="slow")])
    found = msgspec.to_builtins(place.operations.status(count_ledger=False))
    of_errors = ["errors", "failed_objects", "quarantined_objects", "groups"]
    if place.operations.kind == "machine":
        waited = found["lanes"]["slow"].pop("oldest_seconds")
        assert waited >= 0
        assert found["lanes"] == {
            "fast": {"waiting": 0, "oldest_seconds": None, "retrying": 0},
            "slow": {"waiting": 1, "retrying": 0},
        }
        assert list(found) == ["lanes", "ledger", *of_errors]
    else:
        assert [list(lane) for lane in found["lanes"].values()] == [["waiting", "oldest_seconds", "arrived"]] * 2
        assert list(found) == [
            "lanes",
            "ledger",
            "undelivered",
            "alarms",
            "errors",
            "failed_objects",
            "quarantined_objects",
            "groups",
        ]
        assert (found["ledger"], found["undelivered"], found["alarms"]) == (None, 0, [])


def test_undelivered_messages_are_counted_where_there_can_be_some(operations: Operations) -> None:
    can_be = operations.undelivered is not None
    assert operations.count_undelivered() == (0 if can_be else None)
    assert can_be == (operations.kind == "stack")


# ---- audit


def test_listed_objects_come_with_what_is_known_of_them_in_the_order_of_the_listing(operations: Operations) -> None:
    tuple(operations.ledger.finish(object_event("b"), Outcome(records=2, delivered=2, etag="e1")))
    operations.errors.put(item("r1", events=[object_event("c")]))
    operations.errors.put(item("r2", events=[object_event("b", records=[(2, 2)])], kind="records"))
    listed = operations.known(object_event(key) for key in "abc")
    found = {event.object_key: known for event, known in listed}
    assert list(found) == ["a", "b", "c"]
    assert (found["a"], found["c"].is_stopped) == (NOTHING, True)
    (entry,) = found["b"].entries
    assert (entry.status, entry.content, entry.counts and entry.counts.records) == ("done", "listed", 2)
    assert (found["b"].is_stopped, found["b"].is_quarantined) == (False, True)
    assert listed.first_entry == entry.updated_at
    assert [listed.lag(lane) for lane in LANES] == [0.0, 0.0]


def test_an_object_that_was_pushed_waits_until_it_is_claimed_and_a_done_one_stays_done(place: Place) -> None:
    operations = place.operations
    new, done = object_event("a"), object_event("b")
    tuple(operations.ledger.finish(done, Outcome(etag="e1")))
    place.stream.put("fast", [new, done])
    operations.note_pushed([new, done])
    found = dict(zip("ab", [known for _, known in operations.known([new, done])], strict=True))
    assert found["a"].is_on_lane or [each.status for each in found["a"].entries] == ["waiting"]
    assert [each.status for each in found["b"].entries] == ["done"]
    assert operations.ledger.claim(new, "r1") == "new"


def test_the_tally_sums_the_records_of_what_is_done_once_and_tells_runs_that_do_not_add_up(
    operations: Operations,
) -> None:
    ledger = operations.ledger
    ended = Outcome(records=9, delivered=4, filtered=3, quarantined=2, events=5, bytes_in=100)
    tuple(ledger.finish(object_event("a"), ended))
    tuple(ledger.finish(object_event("b", records=[(1, 9)]), ended, "part"))
    tuple(ledger.finish(object_event("c"), replace(ended, delivered=5)))
    tuple(ledger.finish(object_event("d"), replace(ended, delivered=3)))
    tuple(ledger.finish(object_event("a", records=[(2, 3)], replay="r1@1"), ended))
    tuple(ledger.fail(object_event("e"), ended, "r1"))
    ledger.drop(object_event("f"))
    ledger.claim(object_event("g"), "r2")
    tuple(ledger.supersede(object_event("h")))
    tally = operations.tally(0.0)
    (hours, tally.hours) = (tally.hours, {})
    assert tally == LedgerTally(
        runs=4, records=36, delivered=16, filtered=12, quarantined=8, events=20, bytes_in=400, unbalanced=2, recent=7
    )
    assert sum(each.concluded for each in hours.values()) == 7
    assert sum(each.failed for each in hours.values()) == 1
    assert max(hours) - min(hours) <= 1
    assert operations.tally(4e9).recent == 0


def test_a_status_has_the_audit_that_was_kept_last(operations: Operations) -> None:
    assert operations.status(count_ledger=False).audit is UNSET
    made = Audit(name="test", start=0.0, start_by="first entry", at=1_772_000_000.0, problems=["/logs: is away"])
    made.total.found = Found(done=3, missing=2, failed=1)
    operations.set_note(*note_of(made))
    found = operations.status(count_ledger=False).audit
    assert isinstance(found, KeptAudit)
    assert (found.at, found.objects, found.done) == ("2026-02-25T06:13:20.000Z", 6, 3)
    assert found.words == "6 objects, of which 2 missing, 1 failed; 1 path could not be listed"


def test_a_glance_has_the_lanes_of_a_status_and_counts_errors_only_where_that_is_cheap(place: Place) -> None:
    place.stream.put("slow", [object_event("a", lane="slow")])
    for each in (item("r1"), item("r2", kind="records")):
        place.operations.errors.put(each)
    glance = place.operations.glance()
    on_machine = place.operations.kind == "machine"
    assert {lane: each.waiting for lane, each in glance.lanes.items()} == (
        {"fast": 0, "slow": 1} if on_machine else {"fast": None, "slow": None}
    )
    assert (glance.errors, glance.service) == (2 if on_machine else None, None)


def test_a_note_is_kept_until_it_is_replaced_or_deleted_and_is_no_entry_of_the_ledger(operations: Operations) -> None:
    assert operations.note("push 1") is None
    operations.set_note("push 1", "é")
    operations.set_note("push 1", "ü")
    assert (operations.note("push 1"), operations.note("push 2")) == ("ü", None)
    assert operations.status(count_ledger=True).ledger == {}
    assert list(operations.ledger.scan()) == []
    operations.set_note("push 1", None)
    assert operations.note("push 1") is None


# ---- limit


@pytest.mark.parametrize("lane", LANES)
def test_a_limit_that_is_set_is_the_limit_of_that_lane_alone(operations: Operations, lane: Lane) -> None:
    before = {each: operations.limit(each) for each in LANES}
    wanted = LaneConfig(delay=7, batch_size=3)
    operations.set_limit(lane, wanted)
    assert {each: operations.limit(each) for each in LANES} == {**before, lane: wanted}
    operations.set_limit(lane, before[lane])
    assert {each: operations.limit(each) for each in LANES} == before


@pytest.mark.parametrize(
    ("limit", "stack", "machine"),
    [
        (LaneConfig(batch_size=10), None, None),
        (LaneConfig(batch_size=10, delay=2), 18_000, 18_000),
        (LaneConfig(batch_size=10, delay=2, parallelization=3), 54_000, 18_000),
        (LaneConfig(delay=7), 514, 514),
    ],
)
def test_a_delay_lets_a_batch_through_on_this_machine_and_on_each_shard_of_a_stack(
    limit: LaneConfig, stack: int | None, machine: int | None
) -> None:
    assert (hourly(limit, "stack"), hourly(limit, "machine")) == (stack, machine)


# ---- dismiss, choose


def test_the_very_revision_is_dismissed_and_no_other(operations: Operations) -> None:
    for request_id in ("r1", "r1", "r2"):
        operations.errors.put(item(request_id))
    assert not operations.dismiss(replace(item("r1"), revision=1))
    assert revisions(operations) == {"r1": 2, "r2": 1}
    assert operations.dismiss(replace(item("r1"), revision=2))
    assert not operations.dismiss(replace(item("r1"), revision=2))
    assert revisions(operations) == {"r2": 1}


def test_an_item_goes_only_when_the_next_is_asked_for_and_one_that_changed_since_it_was_seen_stays(
    operations: Operations,
) -> None:
    for request_id in ("r1", "r2", "r2"):
        operations.errors.put(item(request_id))
    done = Dismissal()
    gone = dismiss(operations, [Revision("r1", 1), Revision("r2", 1), Revision("r3", 1)], [], done)
    assert next(gone) == replace(item("r1"), revision=1)
    assert (revisions(operations), done) == ({"r1": 1, "r2": 2}, Dismissal())
    assert list(gone) == [Changed("r2"), Changed("r3")]
    assert (revisions(operations), done) == ({"r2": 2}, Dismissal(items=1))


def test_an_item_is_found_by_how_its_id_begins_if_that_is_of_one_only(operations: Operations) -> None:
    for request_id in ("2a45", "2a45-2", "8b0", "8b1"):
        operations.errors.put(item(request_id))
    assert named(operations.errors, ["8b0", "2a"]) == Named(("8b0", "2a45"), ())
    for text in ("x", ""):
        with pytest.raises(UsageError, match=f"no error item '{text}'"):
            named(operations.errors, [text])
    with pytest.raises(UsageError, match="2 error items begin with '8b': 8b0, 8b1; expected more of the id"):
        named(operations.errors, ["8b"])


def test_a_group_is_found_by_its_fingerprint_or_how_that_begins_and_chosen_as_a_whole(operations: Operations) -> None:
    for each in (item("r1"), item("r2", fingerprint="beef"), item("r3")):
        operations.errors.put(each)
    assert named(operations.errors, ["f0"]) == Named((), ("f00d",))
    chosen = Choice(groups=("f00d",), until="2026-01-01T00:00:00.003Z").of_table(operations.errors)
    assert [each.request_id for each in chosen] == ["r1", "r3"]


def test_items_are_chosen_by_when_they_failed_where_and_how(operations: Operations) -> None:
    for each in (item("r1"), item("r2", error_type="TypeError"), item("r3", failed_at="2025-01-01T00:00:00.000Z")):
        operations.errors.put(each)
    choice = Choice(since="2026-01-01T00:00:00Z", prefix="my-logs/a", type="keyerror")
    assert [each.request_id for each in choice.of(operations.errors.scan())] == ["r1"]


# ---- replays


def end_run(place: Place, event: ObjectEvent, items: Sequence[ErrorItem] = ()) -> None:
    """Conclude the run of an event that waits, as the backend does."""
    operations = place.operations
    if operations.kind == "machine":
        stream = cast("SqliteStream", place.stream)
        run_id = stream.request_id(event)
        for each in items:
            operations.errors.put(replace(each, request_id=run_id))
        stream.acknowledge(next(each for each in stream.take(10, {}) if each.event == event))
        return
    operations.ledger.claim(event, run_id := f"run of {event.replay}")
    for each in items:
        operations.errors.put(replace(each, request_id=run_id))
    operations.ledger.finish(event, Outcome())


def test_a_replayed_event_waits_until_its_run_is_concluded_and_has_failed_if_the_run_has_an_error_item(
    place: Place,
) -> None:
    operations = place.operations
    good, bad, other = (object_event("a", lane="fast", replay=name) for name in ("r1@1", "r2@1", "r3@1"))
    place.stream.put("fast", [good, bad, other])
    names = {event.replay: operations.run_id(event) for event in (good, bad)}
    assert operations.replay_state(good, names["r1@1"]) == ReplayState("waiting")
    end_run(place, good)
    end_run(place, bad, [item("r9", kind="records")])
    assert operations.replay_state(good, names["r1@1"]).state == "succeeded"
    found = operations.replay_state(bad, names["r2@1"])
    assert (found.state, found.error and found.error.kind) == ("failed", "records")
    assert operations.replay_state(other, operations.run_id(other)).state == "waiting"


# ---- functions, logs


def test_functions_and_their_logs_are_a_stacks(operations: Operations) -> None:
    functions = operations.functions()
    assert functions == (
        ["FastDispatcher", "SlowDispatcher", "MainFunc", "Drain"] if operations.kind == "stack" else []
    )
    assert list(operations.logs(functions, 0.0)) == []


# ---- pauses


def test_a_paused_lane_shows_who_paused_it_and_why_until_it_is_resumed(operations: Operations) -> None:
    assert (operations.pauses(), operations.status(count_ledger=False).pauses) == ([], UNSET)
    operations.pause("slow", "the sink is being moved", "ann@ops")
    (found,) = operations.pauses()
    assert (found.lane, found.cause, found.handler) == ("slow", "operator", "")
    assert (found.reason, found.by, found.until) == ("the sink is being moved", "ann@ops", None)
    assert operations.status(count_ledger=False).pauses == [found]
    assert operations.resume("fast") == []
    assert operations.pauses() == [found]
    assert operations.resume("slow") == [found]
    assert (operations.pauses(), operations.resume("slow")) == ([], [])


def test_a_lane_that_is_paused_again_keeps_its_latest_reason(operations: Operations) -> None:
    for reason in ("first", "second"):
        operations.pause("fast", reason, "ann@ops")
    operations.pause("slow", "third", "bob@ops")
    assert [(each.lane, each.reason, each.by) for each in operations.pauses()] == [
        ("fast", "second", "ann@ops"),
        ("slow", "third", "bob@ops"),
    ]


def test_the_budget_of_a_day_is_the_configs_until_an_operator_sets_another(operations: Operations) -> None:
    found = operations.budgets()
    assert (found.budget, found.spent.objects, found.spent.bytes) == (Budget(), 0, 0)
    operations.set_budget(Budget(objects_per_day=5))
    assert operations.budgets().budget == Budget(5, None)
    operations.set_budget(Budget())
    assert operations.budgets().budget == Budget()


def test_a_spent_budget_pauses_both_lanes_and_a_resume_grants_another(place: Place) -> None:
    operations = place.operations
    operations.set_budget(Budget(objects_per_day=5))
    place.spend(5, 100)
    pauses = operations.pauses()
    assert [(each.lane, each.cause) for each in pauses] == [(lane, "objects_per_day") for lane in LANES]
    assert pauses[0].reason == "5 objects started today, 'limits.objects_per_day' allows 5"
    assert pauses[0].until is not None
    assert pauses[0].until.endswith("T00:00:00.000Z")
    assert operations.resume("fast") == pauses[:1]
    assert operations.pauses() == []
    place.spend(5, 100)
    assert len(operations.pauses()) == 2
    operations.set_budget(Budget(objects_per_day=6))
    assert operations.pauses() == []


def test_a_resume_grants_so_many_budgets_that_objects_start_again_though_far_more_have_started(place: Place) -> None:
    operations = place.operations
    place.spend(12, 4_500)
    operations.set_budget(Budget(objects_per_day=5, bytes_per_day=1_000))
    assert len(operations.resume("fast")) == 1
    assert (operations.pauses(), operations.budgets().spent.granted) == ([], 4)
    assert operations.budgets().lines == ["12 of 25 objects today", "4,500 of 5,000 bytes today"]


def test_brakes_are_no_entries_of_the_ledger(place: Place) -> None:
    operations = place.operations
    operations.pause("slow", "", "ann@ops")
    operations.set_budget(Budget(objects_per_day=5))
    place.spend(1, 1)
    assert list(operations.ledger.scan()) == []
    assert operations.status(count_ledger=True).ledger == {}


def test_objects_that_a_pause_keeps_in_the_error_table_wait_and_have_not_failed(operations: Operations) -> None:
    operations.errors.put(item("r1", stage="paused", error_type="LanePaused", events=[object_event("a")]))
    operations.errors.put(item("r2", stage="budget", error_type="BudgetSpent", events=[object_event("b")]))
    status = operations.status(count_ledger=True)
    assert (status.ledger, status.failed_objects, status.errors) == ({"waiting": 2}, 0, {"object": 2})
    assert operations.release() == 0
