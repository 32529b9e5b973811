"""The contract of the ports Stream, ErrorTable and Ledger: one suite, run on every implementation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import pytest
from msgspec.structs import replace

import aws
import fakes
from fakes import AWKWARD_KEYS
from slips.backends.aws import error_table
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.kinesis import KinesisStream
from slips.backends.aws.ledger import DynamoLedger
from slips.backends.machine.state import MachineState
from slips.envelope.lane import decode
from slips.errors import StateError, UsageError
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, Outcome, Sample
from slips.pipeline.conclude import Conclusion, write
from slips.ports import EarlierItem, ErrorTable, Ledger, SharedLedger, Stream


@pytest.fixture
def account() -> Iterator[None]:
    with aws.account():
        yield


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    opened = MachineState.open(tmp_path / "state")
    yield opened
    opened.close()


EVENT = ObjectEvent(bucket_name="my-logs", object_key="k+ é", object_etag="e1", object_size=7, lane="slow")


def item(request_id: str, failed_at: str = "2026-01-01T00:00:00.000Z") -> ErrorItem:
    return ErrorItem(
        request_id=request_id,
        events=[EVENT],
        failed_at=failed_at,
        message="m",
        samples=[Sample.of(1, "bad", b"\xff\x00", 2)],
    )


# ---- Stream


class Carrier(NamedTuple):
    """A Stream, and a look at what is on a lane."""

    stream: Stream
    waiting: Callable[[Lane], list[ObjectEvent]]


@pytest.fixture(params=["embedded", "kinesis", "memory"])
def carrier(request: pytest.FixtureRequest) -> Carrier:
    if request.param == "memory":
        memory = fakes.Streams()
        return Carrier(memory, lambda lane: memory.lanes[lane])
    if request.param == "embedded":
        state: MachineState = request.getfixturevalue("state")
        return Carrier(
            state.stream, lambda lane: [one.event for one in state.stream.take(9999, {}) if one.event.lane == lane]
        )
    request.getfixturevalue("account")
    arns = aws.make_streams(shards=2)
    return Carrier(
        KinesisStream(aws.client("kinesis"), arns),
        lambda lane: [decode(record["Data"]) for record in aws.records_of(arns[lane])],
    )


@pytest.mark.parametrize("lane", LANES)
def test_events_put_on_a_lane_are_on_it_unchanged_and_on_no_other(carrier: Carrier, lane: Lane) -> None:
    events = [replace(EVENT, lane=lane, object_key=key, records=[(1, 2), (9, None)]) for key in AWKWARD_KEYS]
    carrier.stream.put(lane, events)
    assert sorted(carrier.waiting(lane), key=by_key) == sorted(events, key=by_key)
    assert carrier.waiting("slow" if lane == "fast" else "fast") == []


def test_nothing_put_is_nothing_there(carrier: Carrier) -> None:
    carrier.stream.put("fast", [])
    assert carrier.waiting("fast") == []


def test_any_number_of_events_is_put_at_once(carrier: Carrier) -> None:
    events = [replace(EVENT, lane="fast", object_key=f"{number:04}") for number in range(1100)]
    carrier.stream.put("fast", events)
    assert sorted(carrier.waiting("fast"), key=by_key) == events


def by_key(event: ObjectEvent) -> str:
    return event.object_key


# ---- ErrorTable


class Tables(NamedTuple):
    """An ErrorTable and a Ledger that know each other. `many` items are more than one page."""

    errors: ErrorTable
    ledger: Ledger
    many: int


class SharedTables(NamedTuple):
    errors: ErrorTable
    ledger: SharedLedger
    many: int


def shared(name: str, request: pytest.FixtureRequest) -> SharedTables:
    if name == "memory":
        memory = fakes.Errors()
        return SharedTables(memory, fakes.Ledger(), 10)
    request.getfixturevalue("account")
    aws.make_tables()
    client = aws.client("dynamodb")
    errors = DynamoErrors(client, "errors")
    return SharedTables(errors, DynamoLedger(client, "ledger"), error_table.BATCH + 5)


@pytest.fixture(params=["embedded", "dynamodb", "memory"])
def tables(request: pytest.FixtureRequest) -> Tables:
    if request.param == "embedded":
        state: MachineState = request.getfixturevalue("state")
        return Tables(state.errors, state.ledger, 505)
    return Tables(*shared(request.param, request))


@pytest.fixture(params=["dynamodb", "memory"])
def shared_tables(request: pytest.FixtureRequest) -> SharedTables:
    return shared(request.param, request)


def test_an_error_item_comes_back_as_it_was_put(tables: Tables) -> None:
    tables.errors.put(item("r1"))
    assert tables.errors.get("r1") == item("r1")
    assert tables.errors.get("r2") is None
    assert tables.errors.get("") is None


def test_an_item_need_not_name_an_object(tables: Tables) -> None:
    none = replace(item("r1"), events=[], samples=[])
    tables.errors.put(none)
    assert tables.errors.get("r1") == none
    assert list(tables.errors.scan()) == [none]


@pytest.mark.slow
@pytest.mark.parametrize("request_id", ["", *AWKWARD_KEYS, "x" * 1000], ids=lambda name: name[:12] or "empty")
def test_an_id_may_be_any_text(tables: Tables, request_id: str) -> None:
    request_id = f"id {request_id}"
    tables.errors.put(item(request_id))
    assert tables.errors.get(request_id) == item(request_id)
    assert [each.request_id for each in tables.errors.scan()] == [request_id]
    assert tables.errors.delete(request_id, 1)


def test_an_item_put_again_is_replaced_and_its_revision_grows(tables: Tables) -> None:
    for message in ("first", "second", "third"):
        tables.errors.put(replace(item("r1"), message=message, revision=40))
    assert [(each.message, each.revision) for each in tables.errors.scan()] == [("third", 3)]


@pytest.mark.slow
def test_error_items_are_scanned_oldest_first_through_all_pages(tables: Tables) -> None:
    for number in range(tables.many):
        tables.errors.put(item(f"r{number:04d}", f"2026-01-01T00:00:00.{999 - number:03d}Z"))
    scanned = [each.request_id for each in tables.errors.scan()]
    assert scanned == [f"r{number:04d}" for number in reversed(range(tables.many))]


@pytest.mark.slow
def test_items_deleted_during_a_scan_do_not_hide_others(tables: Tables) -> None:
    for number in range(tables.many):
        tables.errors.put(item(f"r{number:04d}"))
    deleted = sum(tables.errors.delete(each.request_id, each.revision) for each in tables.errors.scan())
    assert (deleted, list(tables.errors.scan())) == (tables.many, [])


@pytest.mark.slow
def test_an_item_that_goes_during_a_scan_is_passed_over(tables: Tables) -> None:
    for number in range(tables.many):
        tables.errors.put(item(f"r{number:04d}"))
    scan = tables.errors.scan()
    next(scan)
    assert tables.errors.delete(f"r{tables.many - 1:04d}", 1)
    assert f"r{tables.many - 1:04d}" not in {each.request_id for each in scan}


def test_delete_takes_only_the_revision_that_it_names(tables: Tables) -> None:
    tables.errors.put(item("r1"))
    tables.errors.put(item("r1"))
    assert not tables.errors.delete("r1", 1)
    stored = tables.errors.get("r1")
    assert stored is not None
    assert stored.revision == 2
    assert tables.errors.delete("r1", 2)
    assert not tables.errors.delete("r1", 2)
    assert not tables.errors.delete("never there", 1)


# ---- Ledger


def conclude(
    tables: Tables | SharedTables,
    event: ObjectEvent,
    status: Literal["done", "part", "superseded"] = "done",
    records: int = 0,
) -> None:
    """Writes that a run of the event ended so; one that is superseded read other content."""
    read = replace(event, object_etag="e2", replay=None) if status == "superseded" else event
    site = fakes.FakeSite(errors=tables.errors, ledger=cast("SharedLedger", tables.ledger))
    write(Conclusion(event, read, status, "r9", Outcome(records=records, delivered=records)), site)


def test_a_claim_is_for_one_request_and_a_retry_takes_over_its_own(tables: Tables) -> None:
    assert tables.ledger.claim(EVENT, "r1") == "new"
    assert tables.ledger.claim(EVENT, "r2") == "claimed"
    assert tables.ledger.claim(EVENT, "r1") == "again"


def test_a_claim_given_back_is_anybodys_but_only_its_holder_can_give_it_back(tables: Tables) -> None:
    ledger = tables.ledger
    ledger.release(EVENT, "r1")
    assert ledger.get(EVENT) is None
    ledger.claim(EVENT, "r1")
    ledger.release(EVENT, "r2")
    assert ledger.claim(EVENT, "r2") == "claimed"
    ledger.release(EVENT, "r1")
    assert ledger.claim(EVENT, "r2") == "new"
    ledger.finish(EVENT, Outcome())
    ledger.release(EVENT, "r2")
    assert ledger.claim(EVENT, "r3") == "done"


DIFFERENT: list[dict[str, Any]] = [
    {"object_etag": "e2"},
    {"object_version_id": "v2"},
    {"object_key": "k  é"},
    {"bucket_name": "other-logs"},
    {"records": [(1, 2)]},
    {"records": [(1, None)]},
    {"replay": "r0@1"},
]


@pytest.mark.parametrize("different", DIFFERENT, ids=str)
def test_a_done_event_is_not_claimed_again_but_other_content_records_or_replays_are(
    tables: Tables, different: dict[str, Any]
) -> None:
    tables.ledger.claim(EVENT, "r1")
    tables.ledger.finish(EVENT, Outcome(records=3, delivered=3))
    assert tables.ledger.claim(EVENT, "r2") == "done"
    assert tables.ledger.claim(EVENT, "r1") == "done"
    assert tables.ledger.claim(replace(EVENT, lane="fast", dest_stream="elsewhere", reader="x"), "r2") == "done"
    assert tables.ledger.claim(replace(EVENT, **different), "r2") == "new"


def test_dropped_events_and_those_continued_by_a_rest_are_not_claimed_again(tables: Tables) -> None:
    tables.ledger.drop(EVENT)
    part = replace(EVENT, object_key="part")
    tables.ledger.claim(part, "r1")
    tables.ledger.finish(part, Outcome(), "part")
    assert [tables.ledger.claim(each, "r2") for each in (EVENT, part)] == ["done", "done"]


def test_an_event_that_is_filtered_as_a_whole_is_not_claimed_again(tables: Tables) -> None:
    tables.ledger.claim(EVENT, "r1")
    tables.ledger.finish(EVENT, Outcome(filtered_by="folder-marker"), "filtered")
    known = tables.ledger.get(EVENT)
    assert known is not None
    assert (known.status, known.outcome) == ("filtered", Outcome(filtered_by="folder-marker"))
    assert tables.ledger.claim(EVENT, "r2") == "done"


def test_a_failed_event_may_be_claimed_again_but_not_by_the_request_that_reported_it(tables: Tables) -> None:
    tables.ledger.claim(EVENT, "r1")
    tables.ledger.fail(EVENT, Outcome(), "r1")
    assert tables.ledger.claim(EVENT, "r1") == "done"
    assert tables.ledger.claim(EVENT, "r2") == "new"
    assert tables.ledger.claim(EVENT, "r1") == "claimed"


def test_a_superseded_event_may_be_claimed_again_and_is_not_done(tables: Tables) -> None:
    tables.ledger.claim(EVENT, "r1")
    tables.ledger.supersede(EVENT)
    known = tables.ledger.get(EVENT)
    assert known is not None
    assert known.status == "superseded"
    assert tables.ledger.claim(EVENT, "r1") == "new"
    tables.ledger.supersede(EVENT)
    assert tables.ledger.claim(EVENT, "r2") == "new"


def test_a_replay_of_the_whole_makes_the_object_done(tables: Tables) -> None:
    again = replace(EVENT, replay="r1@1")
    tables.ledger.fail(EVENT, Outcome(), "r1")
    tables.ledger.claim(again, "r2")
    conclude(tables, again, records=1)
    assert [tables.ledger.claim(each, "r3") for each in (EVENT, again)] == ["done", "done"]


def test_a_replay_of_some_records_does_not(tables: Tables) -> None:
    tables.ledger.fail(EVENT, Outcome(), "r1")
    conclude(tables, replace(EVENT, records=[(2, 2), (7, 9)], replay="r1@1"), records=4)
    assert tables.ledger.claim(EVENT, "r3") == "new"


def test_the_ledger_tells_what_it_knows_of_an_event(tables: Tables) -> None:
    event = replace(EVENT, records=[(2, 4), (9, None)], replay="r0@3")
    assert tables.ledger.get(event) is None
    tables.ledger.claim(event, "r1")
    known = tables.ledger.get(event)
    assert known is not None
    assert (known.bucket, known.key, known.identity) == ("my-logs", "k+ é", "e1")
    assert (known.status, known.request_id) == ("claimed", "r1")
    assert (known.records, known.replay, known.item) == ([(2, 4), (9, None)], "r0@3", None)
    outcome = Outcome(records=3, delivered=1, filtered=1, quarantined=1, rules={"noise": 1}, results={"H": {"n": 1}})
    tables.ledger.finish(event, outcome, "part")
    known = tables.ledger.get(event)
    assert known is not None
    assert (known.status, known.outcome) == ("part", outcome)
    assert tables.ledger.get(EVENT) is None


@pytest.mark.slow
def test_the_ledger_keeps_counts_and_is_scanned_whole(tables: Tables) -> None:
    for number in range(tables.many):
        tables.ledger.finish(replace(EVENT, object_key=f"k{number}"), Outcome(records=number))
    entries = list(tables.ledger.scan())
    assert sum(entry.outcome.records for entry in entries if entry.outcome) == tables.many * (tables.many - 1) // 2
    assert {entry.status for entry in entries} == {"done"}


# ---- SharedLedger


@pytest.mark.parametrize("status", ["done", "part", "failed", "superseded"])
def test_a_concluded_entry_keeps_the_id_of_the_run(shared_tables: SharedTables, status: str) -> None:
    ledger = shared_tables.ledger
    ledger.claim(EVENT, "r1")
    match status:
        case "done" | "part":
            ledger.finish(EVENT, Outcome(), cast("Any", status))
        case "failed":
            ledger.fail(EVENT, Outcome(), "r1")
        case _:
            ledger.supersede(EVENT)
    known = ledger.get(EVENT)
    assert known is not None
    assert (known.status, known.request_id) == (status, "r1")


def test_the_cause_of_an_attempt_is_kept_until_the_event_is_concluded(shared_tables: SharedTables) -> None:
    ledger = shared_tables.ledger
    ledger.claim(EVENT, "r1")
    ledger.attempted(EVENT, item("r1"))
    known = ledger.get(EVENT)
    assert known is not None
    assert (known.status, known.item) == ("claimed", item("r1"))
    assert ledger.claim(EVENT, "r2") == "claimed"
    assert ledger.claim(EVENT, "r1") == "again"
    ledger.finish(EVENT, Outcome())
    known = ledger.get(EVENT)
    assert known is not None
    assert known.item is None


@pytest.mark.slow
def test_content_found_in_the_place_of_an_event_is_kept_until_the_event_is_concluded(
    shared_tables: SharedTables,
) -> None:
    ledger, other = shared_tables.ledger, replace(EVENT, object_etag="e2")

    def found() -> ObjectEvent | None:
        known = ledger.get(EVENT)
        assert known is not None
        return known.read

    ledger.claim(EVENT, "r1")
    ledger.reading(EVENT, other)
    assert found() == other
    ledger.reading(EVENT, None)
    assert found() is None
    ledger.reading(EVENT, other)
    ledger.supersede(EVENT)
    assert found() is None


def test_an_item_of_what_was_superseded_goes(shared_tables: SharedTables) -> None:
    shared_tables.errors.put(item("r1"))
    shared_tables.ledger.fail(EVENT, Outcome(), "r1")
    conclude(shared_tables, EVENT, "superseded")
    assert list(shared_tables.errors.scan()) == []


def test_a_superseded_replay_ends_the_failed_run_that_it_replays(shared_tables: SharedTables) -> None:
    again = replace(EVENT, replay="r1@1")
    shared_tables.ledger.fail(EVENT, Outcome(), "r1")
    shared_tables.ledger.claim(again, "r2")
    conclude(shared_tables, again, "superseded")
    assert [entry.status for entry in shared_tables.ledger.scan()] == ["superseded", "superseded"]


def test_a_superseded_replay_leaves_alone_a_run_of_the_object_that_is_under_way(shared_tables: SharedTables) -> None:
    again = replace(EVENT, replay="r1@1")
    shared_tables.ledger.claim(EVENT, "r3")
    shared_tables.ledger.claim(again, "r2")
    conclude(shared_tables, again, "superseded")
    assert sorted(entry.status for entry in shared_tables.ledger.scan()) == ["claimed", "superseded"]


def test_the_rest_of_a_run_that_was_stopped_is_there_for_whoever_claims_the_event_next(
    shared_tables: SharedTables,
) -> None:
    ledger, rest = shared_tables.ledger, replace(EVENT, records=[(7, None)])
    ledger.claim(EVENT, "r1")
    ledger.stopped(EVENT, rest, Outcome(records=6, delivered=6))
    ledger.release(EVENT, "r1")
    assert ledger.claim(EVENT, "r2") == "again"
    known = ledger.get(EVENT)
    assert known is not None
    assert (known.rest, known.outcome) == (rest, Outcome(records=6, delivered=6))
    ledger.finish(EVENT, Outcome(records=6, delivered=6), "part")
    known = ledger.get(EVENT)
    assert known is not None
    assert (known.status, known.rest) == ("part", None)


@pytest.mark.parametrize("replay", [None, "r0@1"])
def test_the_last_part_makes_the_whole_done(shared_tables: SharedTables, replay: str | None) -> None:
    ledger = shared_tables.ledger
    whole = replace(EVENT, replay=replay)
    conclude(shared_tables, whole, "part", records=5)
    conclude(shared_tables, replace(whole, records=[(6, None)]), "part", records=5)
    assert ledger.get(whole).status == "part"  # type: ignore[union-attr]
    conclude(shared_tables, replace(whole, records=[(11, None)]), records=2)
    assert [ledger.claim(each, "r9") for each in (whole, EVENT)] == ["done", "done"]


def test_an_error_item_goes_when_its_event_is_done_after_all(shared_tables: SharedTables) -> None:
    errors, ledger = shared_tables.errors, shared_tables.ledger
    for _ in range(2):
        errors.put(item("r1"))
        ledger.fail(EVENT, Outcome(), "r1")
    assert errors.get("r1") is not None
    write(
        Conclusion(EVENT, EVENT, "failed", "r2", items=[item("r2")]),
        fakes.FakeSite(errors=errors, ledger=ledger),
    )
    assert [each.request_id for each in errors.scan()] == ["r2"]
    errors.put(item("unrelated"))
    ledger.claim(EVENT, "r3")
    conclude(shared_tables, EVENT)
    assert [each.request_id for each in errors.scan()] == ["unrelated"]


def test_an_entry_names_items_until_they_are_discarded(shared_tables: SharedTables) -> None:
    ledger = shared_tables.ledger
    ledger.fail(EVENT, Outcome(), "r1")
    ledger.claim(EVENT, "r2")
    assert left(ledger) == [], "the run may yet fail to conclude the event"
    for _ in range(2):
        assert items(ledger.fail(EVENT, Outcome(), "r2")) >= {"r1"}
    assert ledger.claim(EVENT, "r2") == "left"
    assert left(ledger) == ["r1"]
    ledger.discarded(EarlierItem("r1", EVENT))
    assert ledger.claim(EVENT, "r2") == "done"
    ledger.claim(EVENT, "r3")
    for _ in range(2):
        assert items(ledger.finish(EVENT, Outcome())) == {"r2"}
    assert left(ledger) == ["r2"]
    ledger.discarded(EarlierItem("r2", EVENT))
    assert ledger.claim(EVENT, "r4") == "done"
    assert left(ledger) == []


def left(ledger: SharedLedger) -> list[str]:
    known = ledger.get(EVENT)
    assert known is not None
    return known.left


def items(earlier: Iterable[EarlierItem]) -> set[str]:
    return {each.request_id for each in earlier}


def test_a_request_that_claims_again_has_its_own_item_to_itself(shared_tables: SharedTables) -> None:
    ledger = shared_tables.ledger
    ledger.fail(EVENT, Outcome(), "r1")
    ledger.claim(EVENT, "r2")
    ledger.release(EVENT, "r2")
    assert ledger.claim(EVENT, "r1") == "again"
    ledger.finish(EVENT, Outcome())
    assert left(ledger) == [], "an item r1 is of bad records now"


def test_an_event_that_failed_names_the_item_of_its_replay(shared_tables: SharedTables) -> None:
    ledger = shared_tables.ledger
    ledger.fail_replay(EVENT, "r0")
    assert ledger.get(EVENT) is None
    ledger.fail(EVENT, Outcome(), "r1")
    assert items(ledger.fail_replay(EVENT, "r2")) == {"r1"}
    assert left(ledger) == ["r1"]
    assert items(ledger.finish(EVENT, Outcome(), run_id="r2")) == {"r1", "r2"}
    assert left(ledger) == ["r1"], "the run r2 has ended anew"
    ledger.fail_replay(EVENT, "r3")
    assert left(ledger) == ["r1"], "the event is settled"


# ---- what only the embedded backend promises


def test_events_come_out_of_their_lane_in_the_order_they_were_put_fast_lane_first(state: MachineState) -> None:
    one, two, three = (replace(EVENT, object_key=key) for key in "abc")
    state.stream.put("slow", [one, two])
    state.stream.put("fast", [three])
    assert [each.event.object_key for each in state.stream.take(10, {})] == ["c", "a", "b"]


def test_an_event_stays_in_its_lane_until_it_is_acknowledged(state: MachineState) -> None:
    state.stream.put("fast", [EVENT])
    (first,) = state.stream.take(10, {})
    (again,) = state.stream.take(10, {})
    assert (first.event, first.request_id) == (EVENT, again.request_id)
    state.stream.acknowledge(first)
    assert state.stream.take(10, {}) == []


def test_a_transaction_that_fails_leaves_nothing(state: MachineState) -> None:
    def fail_late() -> None:
        with state.transaction():
            state.stream.put("fast", [EVENT])
            state.errors.put(item("r1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_late()
    assert state.stream.take(1, {}) == []
    assert state.errors.get("r1") is None


def test_a_second_supervisor_is_refused_with_the_name_of_the_first(state: MachineState) -> None:
    other = MachineState.open(state.directory)
    with (
        state.exclusive(),
        pytest.raises(UsageError, match=f"in use by process {os.getpid()}"),
        other.exclusive(),
    ):
        pass
    with other.exclusive():
        pass


def test_claims_of_a_dead_supervisor_are_freed(state: MachineState) -> None:
    state.ledger.claim(EVENT, "r1")
    with state.exclusive():
        assert state.ledger.claim(EVENT, "r2") == "new"


def test_a_state_of_another_version_is_refused(state: MachineState) -> None:
    state.execute("PRAGMA user_version=99")
    with pytest.raises(StateError, match="another version of slips"):
        MachineState.open(state.directory)


def test_a_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match="expected a directory"):
        MachineState.open(tmp_path / "state")
