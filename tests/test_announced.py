"""What the state knows of objects that S3 lists or announces: their contents, and which of them are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from slips.backends.machine.absent import Absences, Absent
from slips.backends.machine.state import MachineState
from slips.model import ErrorItem, ObjectEvent, Outcome

DAY = 86_400.0


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    state = MachineState.open(tmp_path)
    yield state
    state.close()


def content(key: str, etag: str, version: str | None = None) -> ObjectEvent:
    return ObjectEvent(bucket_name="my-logs", object_key=key, object_etag=etag, object_version_id=version)


def item(event: ObjectEvent) -> ErrorItem:
    return ErrorItem(request_id="r", events=[event], failed_at="2026-01-01T00:00:00.000Z")


def compared(state: MachineState, *events: ObjectEvent) -> tuple[list[ObjectEvent], list[ObjectEvent], int]:
    found = state.announced.compare(events)
    return found.new, found.waiting, found.failed


def test_a_content_that_the_state_does_not_have_is_new_once(state: MachineState) -> None:
    a, b = content("a", "1"), content("b", "1")
    assert compared(state, a, b, a) == ([a, b], [], 0)


def test_a_content_that_is_done_is_not_new_and_another_of_the_key_is(state: MachineState) -> None:
    state.ledger.finish(content("a", "1"), Outcome())
    state.ledger.drop(content("b", "1"))
    changed = content("a", "2")
    assert compared(state, content("a", "1"), content("b", "1"), changed) == ([changed], [], 0)


def test_a_content_that_a_queue_announced_by_its_version_is_known_to_a_listing_by_its_etag(state: MachineState) -> None:
    state.ledger.finish(content("a", "1", "v1"), Outcome(identity="v1", etag="1"))
    assert compared(state, content("a", "1")) == ([], [], 0)
    same_bytes = content("a", "1", "v2")
    assert compared(state, same_bytes) == ([same_bytes], [], 0)


def test_a_content_joins_only_an_event_of_the_same_content(state: MachineState) -> None:
    state.stream.put("fast", [content("a", "1", "v1")])
    listed, other = content("a", "1"), content("a", "2", "v2")
    assert compared(state, listed, other) == ([other], [listed], 0)


def test_a_content_in_the_error_table_waits_for_people_and_a_newer_one_does_not(state: MachineState) -> None:
    state.errors.put(item(content("a", "1", "v1")))
    newer = content("a", "2")
    assert compared(state, content("a", "1"), content("a", "1", "v1"), newer) == ([newer], [], 2)


def test_records_of_an_object_and_its_replays_are_not_the_object(state: MachineState) -> None:
    a = content("a", "1")
    state.stream.put("fast", [replace(a, records=[(1, 2)])])
    state.ledger.finish(replace(a, records=[(1, 2)]), Outcome())
    state.errors.put(replace_kind(item(replace(a, records=[(3, 3)]))))
    assert compared(state, a) == ([a], [], 0)


def replace_kind(given: ErrorItem) -> ErrorItem:
    return replace(given, kind="records")


def test_objects_of_several_buckets_and_thousands_of_keys_are_compared_together(state: MachineState) -> None:
    events = [content(f"{number:05}", "1") for number in range(2_500)]
    other = [replace(event, bucket_name="other") for event in events]
    for event in events[::2]:
        state.ledger.finish(event, Outcome())
    assert compared(state, *events, *other) == (events[1::2] + other, [], 0)


# ---- objects that are gone


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0 * DAY

    def __call__(self) -> float:
        return self.now


def listed(state: MachineState, clock: Clock, *keys: str, prefix: str = "", days: int = 10) -> list[Absences]:
    """What a listing changes, when it is written."""
    absent = Absent(state, clock)
    changes = list(absent.changes("my-logs", prefix, "", None, set(keys), days))
    for each in changes:
        absent.write("my-logs", each)
    return changes


def known(state: MachineState) -> list[str]:
    return [entry.key for entry in state.ledger.scan()]


def test_an_object_is_forgotten_when_it_is_absent_from_listings_that_are_days_apart(state: MachineState) -> None:
    clock = Clock()
    for key in "abc":
        state.ledger.finish(content(key, "1"), Outcome())
    assert listed(state, clock, "a", "b", "c") == []
    assert listed(state, clock, "a", "c") == [Absences(["b"], [], [])]
    clock.now += 9 * DAY
    assert listed(state, clock, "a", "c") == []
    clock.now += 2 * DAY
    assert listed(state, clock, "a", "c") == [Absences([], [], ["b"])]
    assert known(state) == ["a", "c"]


def test_an_object_that_is_back_is_not_forgotten(state: MachineState) -> None:
    clock = Clock()
    state.ledger.finish(content("a", "1"), Outcome())
    listed(state, clock)
    clock.now += 11 * DAY
    assert listed(state, clock, "a") == [Absences([], ["a"], [])]
    assert listed(state, clock) == [Absences(["a"], [], [])]
    assert known(state) == ["a"]


def test_an_object_that_waits_or_failed_is_not_forgotten(state: MachineState) -> None:
    clock = Clock()
    for key in "abc":
        state.ledger.finish(content(key, "1"), Outcome())
    state.stream.put("fast", [content("a", "2")])
    state.errors.put(item(content("b", "2")))
    listed(state, clock)
    clock.now += 11 * DAY
    listed(state, clock)
    assert known(state) == ["a", "b"]


def test_keys_outside_of_what_was_listed_are_not_absent(state: MachineState) -> None:
    clock = Clock()
    for key in ("a/1", "b/1", "b/2", "b/3", "c/1"):
        state.ledger.finish(content(key, "1"), Outcome())
    state.ledger.finish(replace(content("b/4", "1"), bucket_name="other"), Outcome())
    assert listed(state, clock, "b/1", "b/3", prefix="b/") == [Absences(["b/2"], [], [])]
    page = Absent(state, clock).changes("my-logs", "", "a/1", "b/1", set(), 10)
    assert list(page) == [Absences(["b/1"], [], [])]
