"""Whose turn it is: no lane starves, no long object holds short ones up, and each object has its turn once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from fakes import config_of, object_event
from slips.backends.machine.lane_limits import set_lane_limit
from slips.backends.machine.lanes import Delivery
from slips.backends.machine.state import MachineState
from slips.config import LaneConfig
from slips.model import Lane
from slips.service import turns
from slips.service.turns import LARGE, Turns


class Lanes:
    """The lanes of a state, and the turns of their objects by a clock that stands still."""

    def __init__(self, state: MachineState) -> None:
        self.state, self.config = state, config_of()
        self.time = 100.0
        self.refused: set[str] = set()
        self.deal(1)

    def deal(self, workers: int, *, keeps_one: bool = False) -> None:
        """Begin anew with so many workers."""
        self.turns = Turns(
            self.config,
            self.state,
            lambda delivery: delivery.event.object_key not in self.refused,
            workers=workers,
            keeps_one=keeps_one,
            clock=lambda: self.time,
        )

    def put(self, keys: str, lane: Lane = "fast", size: int = 1) -> None:
        self.state.stream.put(lane, [object_event(key, lane, object_size=size) for key in keys])

    def start(self) -> Delivery | None:
        """Start the next object, as the supervisor does."""
        self.turns.refill()
        delivery = self.turns.next(lambda _: True) if self.turns.can_start() else None
        if delivery is not None:
            self.turns.started(delivery)
        return delivery

    def end(self, delivery: Delivery) -> None:
        self.state.acknowledge(delivery)
        self.turns.over(delivery)

    def order(self, most: int = 100) -> str:
        """Return the keys in their order, if each object ends before the next one starts."""
        keys = ""
        while len(keys) < most and (delivery := self.start()):
            keys += delivery.event.object_key
            self.end(delivery)
        return keys

    def at_once(self, most: int) -> list[Delivery]:
        """Return what starts on so many free workers, none of which ends."""
        return [delivery for _ in range(most) if (delivery := self.start()) is not None]


@pytest.fixture
def lanes(tmp_path: Path) -> Iterator[Lanes]:
    with closing(MachineState.open(tmp_path / "state")) as state:
        yield Lanes(state)


def keys(deliveries: list[Delivery]) -> str:
    return "".join(each.event.object_key for each in deliveries)


def test_the_slow_lane_has_every_fifth_turn_while_the_fast_one_is_full(lanes: Lanes) -> None:
    lanes.put("abcdefghijkl")
    lanes.put("XYZ", "slow")
    assert lanes.order() == "abcdXefghYijklZ"


def test_large_objects_and_the_slow_lane_take_turns(lanes: Lanes) -> None:
    lanes.put("AB", size=LARGE)
    lanes.put("XYZ", "slow")
    assert lanes.order() == "AXBYZ"


def test_long_objects_have_a_quarter_of_the_workers_while_short_ones_wait(lanes: Lanes) -> None:
    lanes.deal(8)
    lanes.put("abcdefghijklmnopqrstuvw")
    lanes.put("ABCDE", size=LARGE)
    lanes.put("XYZ", "slow")
    started = lanes.at_once(8)
    for _ in range(10):
        lanes.end(next(each for each in started if each.event.object_key.islower()))
        started = [each for each in started if each.id in lanes.turns._known] + lanes.at_once(1)
    assert sum(each.event.object_key.isupper() for each in started) == 2


@pytest.mark.parametrize(("lane", "size"), [("slow", 1), ("fast", LARGE)])
def test_one_of_several_workers_of_a_service_is_kept_for_short_objects(lanes: Lanes, lane: Lane, size: int) -> None:
    lanes.deal(3, keeps_one=True)
    lanes.put("ABCDE", lane, size)
    assert keys(lanes.at_once(3)) == "AB"
    lanes.put("a")
    lanes.time += turns.LOOK_SECONDS
    assert keys(lanes.at_once(3)) == "a"


def test_all_workers_of_a_run_take_long_objects(lanes: Lanes) -> None:
    lanes.deal(3)
    lanes.put("ABCDE", "slow")
    assert keys(lanes.at_once(3)) == "ABC"


def test_the_only_worker_of_a_service_takes_long_objects_too(lanes: Lanes) -> None:
    lanes.deal(1, keeps_one=True)
    lanes.put("AB", "slow")
    assert keys(lanes.at_once(1)) == "A"


def test_a_short_object_is_found_behind_more_large_ones_than_are_kept_at_hand(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "AT_HAND", 4)
    monkeypatch.setattr(turns, "MOST_LARGE", 4)
    lanes.deal(1)
    lanes.put("ABCDEFGHIJKL", size=LARGE)
    lanes.put("a")
    assert keys(lanes.at_once(1)) == "a"
    assert lanes.turns.count <= 4
    for each in list(lanes.turns.at_work.values()):
        lanes.end(each)
    assert lanes.order() == "ABCDEFGHIJKL"
    assert lanes.turns.is_over


def test_two_events_of_an_object_never_run_at_once(lanes: Lanes) -> None:
    lanes.deal(3)
    lanes.put("aab")
    first, other = lanes.at_once(3)
    assert keys([first, other]) == "ab"
    lanes.end(first)
    assert keys(lanes.at_once(3)) == "a"


def test_a_failed_object_has_its_turn_again_when_its_time_has_come_and_before_others(lanes: Lanes) -> None:
    lanes.put("abc")
    failed = lanes.start()
    assert failed is not None
    lanes.turns.again(failed, 30.0)
    assert lanes.turns.seconds_left() == 30.0
    assert lanes.order(1) == "b"
    lanes.time += 30.0
    assert lanes.order() == "ac"


def test_failed_objects_beyond_those_kept_at_hand_have_their_turn_later(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_RETRIES", 2)
    lanes.put("abcdef")
    for _ in range(6):
        failed = lanes.start()
        assert failed is not None
        lanes.turns.again(failed, 30.0)
    assert len(lanes.turns._retries) == 2
    assert not lanes.turns.is_over
    lanes.time += 30.0
    assert sorted(lanes.order()) == list("abcdef")


def test_an_object_that_may_not_start_stays_on_its_lane_until_it_may(lanes: Lanes) -> None:
    lanes.put("ab")
    lanes.refused = {"a"}
    assert lanes.order() == "b"
    assert lanes.turns.is_over
    lanes.refused = set()
    assert lanes.order() == ""
    lanes.turns.look_again()
    assert lanes.order() == "a"


def test_an_object_at_hand_that_may_not_start_any_more_stays_on_its_lane(lanes: Lanes) -> None:
    lanes.put("ab")
    lanes.turns.refill()
    lanes.refused = {"a"}
    assert lanes.order() == "b"
    lanes.refused = set()
    lanes.turns.look_again()
    assert lanes.order() == "a"


def test_an_object_that_could_not_begin_is_the_next_one(lanes: Lanes) -> None:
    lanes.put("ab")
    delivery = lanes.start()
    assert delivery is not None
    lanes.turns.give_back(delivery)
    assert lanes.order() == "ab"


def test_what_another_command_puts_on_an_empty_lane_is_found(lanes: Lanes) -> None:
    lanes.put("ab")
    busy = lanes.start()
    assert busy is not None
    lanes.put("X", "slow")
    lanes.time += turns.LOOK_SECONDS
    assert keys(lanes.at_once(3)) == "bX"


def test_a_new_delay_of_a_lane_is_kept_from_then_on(lanes: Lanes) -> None:
    lanes.put("abc")
    assert lanes.order(1) == "a"
    set_lane_limit(lanes.config, lanes.state, "fast", LaneConfig(delay=5))
    lanes.time += turns.LOOK_SECONDS
    assert lanes.order() == ""
    assert lanes.turns.seconds_left() == pytest.approx(5 - turns.LOOK_SECONDS)
    lanes.time += 5
    assert lanes.order() == "b"


def test_a_batch_starts_at_once_and_the_next_one_after_the_delay(lanes: Lanes) -> None:
    set_lane_limit(lanes.config, lanes.state, "fast", LaneConfig(delay=5, batch_size=2))
    lanes.put("abcdef")
    assert lanes.order() == "ab"
    lanes.time += 5
    assert lanes.order(1) == "c"
    lanes.time += 3
    assert lanes.order() == "d"
    assert lanes.turns.seconds_left() == 2
    lanes.time += 2
    assert lanes.order() == "ef"


def test_a_lane_that_waits_for_its_delay_holds_up_no_other(lanes: Lanes) -> None:
    lanes.config = replace(lanes.config)
    set_lane_limit(lanes.config, lanes.state, "fast", LaneConfig(delay=300))
    lanes.put("abc")
    lanes.put("XY", "slow")
    assert lanes.order() == "aXY"


def test_nothing_is_kept_of_objects_that_are_concluded(lanes: Lanes) -> None:
    lanes.put("abcdefgh" * 40)
    assert len(lanes.order(1000)) == 320
    kept = (lanes.turns._known, lanes.turns._long, lanes.turns.at_work, lanes.turns._retries)
    assert [len(each) for each in kept] == [0, 0, 0, 0]
