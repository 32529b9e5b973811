"""The rules by which objects wait on their lanes: pauses of handlers, canaries, budgets of a day."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from slips.brakes import (
    CANARY_SECONDS,
    DAY,
    WINDOW,
    Brake,
    Budget,
    Spent,
    budget_pause,
    counts_against,
    day_of,
    next_day,
    sentence,
)

OUTCOMES = st.lists(st.booleans(), max_size=6 * WINDOW)
NOW = 1_790_000_000.0


def after(outcomes: list[bool], percent: int = 90, brake: Brake = Brake("fast", "h.py")) -> Brake:  # noqa: B008
    """The brake after objects ended one by one; true is a failure."""
    for failed in outcomes:
        brake = brake.counted(1, int(failed), percent=percent, now=NOW, code="v1")
    return brake


@given(OUTCOMES, st.integers(1, 100))
def test_a_brake_goes_on_only_if_a_window_of_objects_failed_as_often_as_it_breaks_at(
    outcomes: list[bool], percent: int
) -> None:
    windows = [outcomes[at : at + WINDOW] for at in range(0, len(outcomes), WINDOW)]
    broken = any(len(each) == WINDOW and sum(each) * 100 >= percent * WINDOW for each in windows)
    assert after(outcomes, percent).is_on == broken


@given(OUTCOMES)
def test_a_brake_that_is_off_by_config_never_goes_on(outcomes: list[bool]) -> None:
    assert not after(outcomes, percent=0).is_on


def test_a_handler_that_begins_to_fail_within_a_block_fails_on_37_objects_at_most() -> None:
    """The figure of docs/service.md."""
    failed = []
    for succeeded in range(WINDOW):
        outcomes = [False] * succeeded
        while not after(outcomes, percent=90).is_on:
            outcomes.append(True)
        failed.append(sum(outcomes))
    assert max(failed) == 37


@given(st.lists(st.booleans(), max_size=WINDOW - 1))
def test_fewer_objects_than_a_window_are_no_verdict(outcomes: list[bool]) -> None:
    assert not after(outcomes, percent=1).is_on


@given(OUTCOMES)
def test_a_handler_that_fails_always_pauses_after_two_windows_at_most_whatever_came_before(
    outcomes: list[bool],
) -> None:
    assert after([*outcomes, *[True] * 2 * WINDOW]).is_on


@given(OUTCOMES, st.data())
def test_counts_in_steps_come_to_no_later_verdict_than_one_by_one(outcomes: list[bool], data: st.DataObject) -> None:
    """A function on AWS adds what it counted since its last verdict at once."""
    brake, at = Brake("fast", "h.py"), 0
    while at < len(outcomes):
        step = outcomes[at : at + data.draw(st.integers(1, WINDOW))]
        brake = brake.counted(len(step), sum(step), percent=100, now=NOW, code="v1")
        at += len(step)
    assert not brake.is_on or any(outcomes)
    assert brake.is_on or brake.tried < WINDOW


def paused() -> Brake:
    return after([True] * WINDOW)


def test_a_pause_says_how_many_objects_failed_and_when_one_is_tried() -> None:
    pause = paused().pause
    assert pause is not None
    assert (pause.lane, pause.cause, pause.handler, pause.by) == ("fast", "failures", "h.py", "")
    assert pause.reason == "20 of 20 objects failed"
    assert (pause.since, pause.until) == ("2026-09-21T14:13:20.000Z", "2026-09-21T14:14:20.000Z")
    assert sentence(pause) == "paused for objects of h.py: 20 of 20 objects failed"


def test_a_canary_is_due_after_a_while_or_when_the_handler_changed() -> None:
    brake = paused()
    assert not brake.is_due(NOW + CANARY_SECONDS[0] - 1, "v1")
    assert brake.is_due(NOW + CANARY_SECONDS[0], "v1")
    assert brake.is_due(NOW, "v2")


def test_a_canary_is_due_if_the_clock_was_set_back_so_that_it_would_wait_longer_than_any_does() -> None:
    brake = paused()
    assert brake.retry_at is not None
    assert not brake.is_due(brake.retry_at - CANARY_SECONDS[1], "v1")
    long_ago = brake.retry_at - 400 * DAY
    assert brake.is_due(long_ago, "v1")
    again = brake.tried_again(long_ago, "v1")
    assert not again.is_due(long_ago, "v1")


def test_each_canary_that_fails_doubles_the_time_until_the_next_up_to_a_bound() -> None:
    brake, now, waits = paused(), NOW, []
    for _ in range(10):
        assert brake.retry_at is not None
        waits.append(brake.retry_at - now)
        now = brake.retry_at
        brake = brake.tried_again(now, "v1")
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    assert brake.tried_again(now, "v1").is_on


def test_a_changed_handler_is_tried_once_and_then_waits_from_the_beginning() -> None:
    brake = paused()
    for _ in range(5):
        brake = brake.tried_again(NOW, "v1")
    brake = brake.tried_again(NOW, "v2")
    assert not brake.is_due(NOW + CANARY_SECONDS[0] - 1, "v2")
    assert brake.is_due(NOW + CANARY_SECONDS[0], "v2")


def test_outcomes_of_objects_that_ran_when_the_pause_began_change_nothing() -> None:
    brake = paused()
    assert after([True, False] * WINDOW, brake=brake) == brake


def test_a_pause_by_an_operator_has_no_canary() -> None:
    brake = Brake("slow", since=NOW, reason="maintenance", by="ann@ops")
    assert not brake.is_due(NOW + 10 * DAY, "v2")
    assert brake.pause is not None
    assert sentence(brake.pause) == "paused by ann@ops: maintenance"


def test_a_brake_survives_being_stored() -> None:
    for brake in (paused(), paused().tried_again(NOW, "v2"), Brake("slow")):
        assert msgspec.json.decode(msgspec.json.encode(brake), type=Brake) == brake


@pytest.mark.parametrize("stage", ["handler", "format", "reader", "decompression", "worker", "process", "accounting"])
def test_failures_of_handlers_chains_and_workers_count(stage: str) -> None:
    assert counts_against(stage)


@pytest.mark.parametrize("stage", ["storage", "mapping", "replay"])
def test_a_source_that_is_away_a_missing_mapping_and_an_overwritten_object_are_no_fault_of_a_handler(
    stage: str,
) -> None:
    assert not counts_against(stage)


def test_a_process_without_resources_is_no_fault_of_a_handler() -> None:
    assert not counts_against("handler", resources=True)


AMOUNTS = st.integers(0, 10**12)
BUDGETS = st.builds(Budget, st.none() | st.integers(1, 10**9), st.none() | st.integers(1, 10**12))


@given(AMOUNTS, AMOUNTS, st.integers(0, 3), BUDGETS)
def test_a_budget_is_spent_when_as_much_has_started_as_it_allows_with_what_was_granted(
    objects: int, size: int, granted: int, budget: Budget
) -> None:
    spent = Spent("2026-01-31", objects, size, granted)
    cause = spent.over(budget)
    by_objects = budget.objects_per_day is not None and objects >= budget.objects_per_day * (granted + 1)
    by_bytes = budget.bytes_per_day is not None and size >= budget.bytes_per_day * (granted + 1)
    assert (cause is not None) == (by_objects or by_bytes)
    assert (budget_pause("fast", spent, budget, NOW) is None) == (cause is None)


@given(AMOUNTS, AMOUNTS, st.integers(0, 3), BUDGETS)
def test_what_is_granted_lets_objects_start_again_and_never_more_than_one_budget(
    objects: int, size: int, granted: int, budget: Budget
) -> None:
    spent = Spent("2026-01-31", objects, size, granted)
    after = spent.granted_again(budget)
    assert after.over(budget) is None
    assert (after == spent) == (spent.over(budget) is None)
    if after != spent:
        assert replace(after, granted=after.granted - 1).over(budget) is not None


@given(st.floats(0, 4_000_000_000))
def test_a_day_ends_when_the_next_one_begins(now: float) -> None:
    assert day_of(next_day(now)) > day_of(now)
    assert day_of(next_day(now) - 0.01) == day_of(now)
    assert now < next_day(now) <= now + DAY
