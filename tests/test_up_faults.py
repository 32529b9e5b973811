"""Faults that befall `slips up`: whatever is killed, stopped, full or changed, no record is lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from siege import Siege, besieged, flood
from slips.brakes import DAY, WINDOW
from slips.model import LANES

pytestmark = [pytest.mark.slow, pytest.mark.once]


def under_kills(siege: Siege, times: int) -> None:
    """Let objects arrive, while processes are killed and stand still."""
    number = itertools.count()

    def put() -> None:
        for _ in range(3):
            key = f"{siege.random.choice(['fast', 'slow'])}/{next(number)}"
            siege.put(key, siege.random.randint(1, 60), nap=siege.random.choice([0, 0.005, 0.01]))

    def stop_worker() -> None:
        with siege.stopped("worker"):
            siege.sleep(0.3)

    def stop_supervisor() -> None:
        with siege.stopped("supervisor"):
            siege.sleep(0.3)

    def kill_worker() -> None:
        siege.wait_for_more()
        siege.kill("worker")

    def kill_supervisor() -> None:
        siege.wait_for_more()
        siege.kill("supervisor")

    def kill_group() -> None:
        siege.wait_for_more()
        siege.kill("group")

    siege.start()
    siege.happen(
        [put, put, put, stop_worker, stop_supervisor, kill_worker, kill_worker, kill_supervisor, kill_group], times
    )
    put()
    siege.wait()
    assert siege.stop() == 0
    siege.check()


def under_changes(siege: Siege, times: int) -> None:
    """Let files change in all ways in which files change, while they are read."""
    number = itertools.count()

    def put() -> None:
        siege.put(f"a/{next(number)}", siege.random.randint(2, 60), nap=siege.random.choice([0, 0.002]))

    def put_in_pieces() -> None:
        siege.put(f"a/{next(number)}", siege.random.randint(2, 60), pieces=siege.random.randint(2, 6))

    def on_one(act: Callable[[str], object]) -> None:
        if siege.objects:
            act(siege.random.choice(sorted(siege.objects)))

    def overwrite() -> None:
        on_one(lambda key: siege.put(key, siege.random.randint(2, 60), nap=0.001))

    def rewrite() -> None:
        on_one(lambda key: siege.put(key, siege.random.randint(2, 60), pieces=3))

    def grow() -> None:
        on_one(siege.grow)

    def truncate() -> None:
        on_one(siege.truncate)

    def rename() -> None:
        on_one(siege.rename)

    def touch() -> None:
        on_one(lambda key: (siege.bucket / key).touch())

    siege.start()
    siege.happen([put, put, put_in_pieces, overwrite, rewrite, grow, truncate, rename, touch], times)
    siege.put("last")
    siege.wait()
    assert siege.stop() == 0
    siege.check()


def under_brakes(siege: Siege, times: int) -> None:
    """Let a handler fail for some time, operators pause lanes and set budgets, while processes are killed."""
    number = itertools.count()

    def put() -> None:
        for _ in range(10):
            key = f"{siege.random.choice(['fast', 'slow'])}/{next(number)}"
            siege.put(key, siege.random.randint(1, 5), nap=siege.random.choice([0, 0.01]))

    def pause() -> None:
        siege.pause(siege.random.choice(LANES))

    def resume() -> None:
        siege.resume(siege.random.choice(LANES))

    def let_start() -> None:
        siege.let_start(siege.random.choice([5, 30, None]))

    def kill() -> None:
        siege.kill(siege.random.choice(["worker", "supervisor", "group"]))

    siege.start()
    acts = [put, put, put, put, siege.break_down, siege.recover, pause, resume, let_start, kill]
    siege.happen(acts, times, most=0.5)
    siege.recover()
    for lane in LANES:
        siege.resume(lane)
    siege.let_start(None)
    put()
    siege.wait()
    assert siege.stop() == 0
    siege.check()


def names(what: str, count: int = WINDOW) -> list[str]:
    return [f"{what}/{number}" for number in range(count)]


def started(siege: Siege, what: str) -> set[str]:
    return {key for key, _, _ in siege.seen() if key.startswith(what)}


SEEDS = range(1, 21)


def test_what_a_handler_that_fails_holds_starts_by_itself_when_it_works_again_whatever_is_killed(
    tmp_path: Path,
) -> None:
    with besieged(tmp_path) as siege:
        siege.start()
        siege.break_down()
        for key in names("first"):
            siege.put(key, 1)
        siege.until(lambda: [each.cause for each in siege.pauses()] == ["failures"], "no brake is on")
        siege.kill("group")
        for key in names("held"):
            siege.put(key, 1)
        siege.until(lambda: {*names("held")} <= {*siege.unfinished()}, "not all are found")
        siege.until_told("objects failed")  # the brake is on behind the kill, too
        with siege.operations() as operations, closing(siege.state()) as state:
            (brake,) = [each for each in state.brakes.all() if each.is_on]
            assert len(siege.failed() & {*names("held")}) <= brake.canaries + 1, operations.pauses()
        siege.kill("supervisor")
        siege.recover()
        siege.wait()
        assert siege.pauses() == []
        assert siege.stop() == 0
        siege.check()


def test_what_an_operator_or_a_budget_holds_waits_through_kills_and_nothing_else_does(tmp_path: Path) -> None:
    with besieged(tmp_path) as siege:
        siege.start()
        siege.pause("slow")
        siege.until_told("lane slow: paused by a siege")
        for key in names("slow", 5) + names("fast", 5):
            siege.put(key)
        siege.kill("group")
        siege.until(lambda: set(siege.unfinished()) == {*names("slow", 5)}, "not all of the fast lane is done")
        assert started(siege, "slow") == set()
        siege.resume("slow")
        siege.wait()

        siege.let_start(2)
        siege.kill("supervisor")  # the next one reads the budget before it starts anything
        for key in names("flood", 9):
            siege.put(key, 1)
        siege.until_told("'limits.objects_per_day' allows")
        siege.kill("supervisor")
        siege.until_told("'limits.objects_per_day' allows")
        assert len(started(siege, "flood")) < 9
        siege.let_start(None)
        siege.wait()
        assert siege.stop() == 0
        siege.check()


@pytest.mark.soak(seconds=30)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_brake_of_many_loses_a_record(tmp_path: Path, seed: int) -> None:
    with besieged(tmp_path, seed) as siege:
        under_brakes(siege, 80)


def test_no_kill_at_any_instant_loses_a_record(tmp_path: Path) -> None:
    with besieged(tmp_path, 2) as siege:
        under_kills(siege, 10)


def test_no_change_of_a_file_that_is_read_loses_a_record(tmp_path: Path) -> None:
    with besieged(tmp_path, 1) as siege:
        under_changes(siege, 30)


@pytest.mark.soak(seconds=30)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_kill_of_many_loses_a_record(tmp_path: Path, seed: int) -> None:
    with besieged(tmp_path, seed) as siege:
        under_kills(siege, 60)


@pytest.mark.soak(seconds=25)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_change_of_many_loses_a_record(tmp_path: Path, seed: int) -> None:
    with besieged(tmp_path, seed) as siege:
        under_changes(siege, 200)


@pytest.mark.soak(seconds=240)
def test_a_hundred_thousand_objects_in_one_directory_survive_kills_in_flat_memory(tmp_path: Path) -> None:
    with besieged(tmp_path) as siege:
        flood(siege, 100_000, seconds=3_600)


def test_a_full_disk_and_a_locked_or_read_only_state_cost_no_record(tmp_path: Path) -> None:
    with besieged(tmp_path) as siege:
        siege.put("before")
        siege.start()
        siege.wait()
        for number, fault in enumerate((siege.full, siege.locked, siege.read_only, siege.full)):
            with fault():
                for _ in range(5):
                    siege.put(f"during/{number}/{siege.random.random()}")
                    siege.sleep(0.2)
            siege.wait()
        assert siege.stop() == 0
        siege.check()


def test_a_clock_that_jumps_costs_no_record_and_keeps_no_canary_waiting(tmp_path: Path) -> None:
    with besieged(tmp_path) as siege:
        siege.jump.write_text(str(400 * DAY))
        siege.start()
        siege.break_down()
        for key in names("held"):
            siege.put(key, 1)
        siege.until(lambda: bool(siege.pauses()), "no brake is on")
        for seconds in (0, 400 * DAY, -400 * DAY):
            siege.jump.write_text(str(seconds))
            siege.put(f"at/{seconds}")
            siege.recover()
            siege.wait()
        assert siege.stop() == 0
        siege.check()


def test_a_second_service_on_a_state_is_refused_by_name_and_disturbs_nothing(tmp_path: Path) -> None:
    with besieged(tmp_path) as siege:
        siege.start()
        siege.put("a", nap=0.01)
        siege.wait()
        second = siege.slips("up")
        assert second.returncode == 2
        assert f"in use by process {siege.service.pid if siege.service else 0}" in second.stderr
        assert siege.stop() == 0
        siege.check()
