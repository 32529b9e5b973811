"""What sources announce of S3 is put on its lane by its content, and each source learns what becomes of it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import slips.service.intake
from slips.backends.machine.state import MachineState
from slips.config import Config, Mapping, Route
from slips.errors import LostStateError, StateError
from slips.model import ErrorItem, ObjectEvent, Outcome
from slips.service.intake import Intake
from slips.service.observer import Observer
from slips.service.sources import Arrival
from slips.site.machine import MachineSite

GUARD = 300.0


class Announcing:
    """A source that announces what a test gives it, and notes what it is told of that."""

    def __init__(self) -> None:
        self.name, self.is_exhausted = "s3://my-logs", False
        self.problems: dict[str, str] = {}
        self.arrivals: list[Arrival] = []
        self.told: list[str] = []

    def announce(self, *events: ObjectEvent, taken: Callable[[MachineState], None] | None = None) -> None:
        def tell(what: str) -> Callable[[], None]:
            return lambda: self.told.append(what)

        stored, concluded, released = map(tell, ("stored", "concluded", "released"))
        self.arrivals.append(Arrival(list(events), taken, stored, concluded, released))

    def open(self, wake: Callable[[], None]) -> None: ...

    def take(self) -> Sequence[Arrival]:
        taken, self.arrivals = self.arrivals, []
        return taken

    def close(self) -> None:
        self.told.append("closed")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    state = MachineState.open(tmp_path)
    yield state
    state.close()


@pytest.fixture
def source() -> Announcing:
    return Announcing()


@pytest.fixture
def intake(state: MachineState, source: Announcing, monkeypatch: pytest.MonkeyPatch) -> Intake:
    """Takes all that has arrived at once, however busy the machine is."""
    monkeypatch.setattr(slips.service.intake, "MOST_SECONDS", GUARD)
    config = Config(
        stack_name="test",
        routing=[Route(prefix="dropped/", dest="drop")],
        bucket_mapping={"my-logs": [Mapping("", ["s3-lines"])]},
    )
    return Intake(MachineSite(config, state), [source], Observer(), lambda: None, {})


def content(key: str, etag: str, version: str | None = None) -> ObjectEvent:
    return ObjectEvent(bucket_name="my-logs", object_key=key, object_etag=etag, object_version_id=version)


def on_lane(state: MachineState) -> list[tuple[str, str]]:
    return [(each.event.object_key, each.event.identity) for each in state.stream.take(100, {})]


def conclude(state: MachineState, intake: Intake) -> None:
    """The first event of the lane is done. The source is told in the next step."""
    delivery = state.stream.take(1, {})[0]
    state.ledger.finish(delivery.event, Outcome())
    state.acknowledge(delivery)
    intake.concluded(delivery.event)
    intake.take()


def test_a_newer_content_is_put_on_its_lane_while_the_older_one_is_at_work(
    state: MachineState, source: Announcing, intake: Intake
) -> None:
    source.announce(content("a", "1"))
    intake.take()
    source.announce(content("a", "2"))
    assert intake.take() == 1
    assert on_lane(state) == [("a", "1"), ("a", "2")]


def test_the_same_content_joins_the_event_that_waits(state: MachineState, source: Announcing, intake: Intake) -> None:
    source.announce(content("a", "1", "v1"))
    source.announce(content("a", "1", "v1"))
    assert intake.take() == 1
    assert source.told == ["stored", "stored"]
    conclude(state, intake)
    assert source.told[2:] == ["concluded", "concluded"]


def test_a_newer_content_of_an_object_in_the_error_table_runs(
    state: MachineState, source: Announcing, intake: Intake
) -> None:
    state.errors.put(ErrorItem(request_id="r", events=[content("a", "1")], failed_at="2026-01-01T00:00:00.000Z"))
    source.announce(content("a", "1"))
    source.announce(content("a", "2"))
    assert intake.take() == 1
    assert on_lane(state) == [("a", "2")]
    assert source.told == ["stored", "concluded", "stored"]


def test_what_is_settled_or_dropped_counts_as_concluded(
    state: MachineState, source: Announcing, intake: Intake
) -> None:
    state.ledger.finish(content("a", "1"), Outcome())
    source.announce(content("a", "1"), content("dropped/b", "1"))
    assert (intake.take(), on_lane(state)) == (0, [])
    assert source.told == ["stored", "concluded"]


def test_an_arrival_is_concluded_when_all_its_objects_are(
    state: MachineState, source: Announcing, intake: Intake
) -> None:
    source.announce(content("a", "1"), content("b", "1"))
    intake.take()
    conclude(state, intake)
    assert source.told == ["stored"]
    conclude(state, intake)
    assert source.told == ["stored", "concluded"]


def test_a_conclusion_is_told_when_the_state_can_be_read_again(
    state: MachineState, source: Announcing, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> int:
        raise StateError("state: disk failed")

    source.announce(content("a", "1"))
    intake.take()
    with monkeypatch.context() as failing:
        failing.setattr(state.stream, "count_of", unreadable)
        with pytest.raises(StateError):
            conclude(state, intake)
    assert source.told == ["stored"]
    intake.take()
    assert source.told == ["stored", "concluded"]


def test_an_arrival_that_a_removed_state_has_concluded_is_released(
    state: MachineState, source: Announcing, intake: Intake
) -> None:
    source.announce(content("a", "1"))
    intake.take()
    (delivery,) = state.stream.take(1, {})
    shutil.rmtree(state.directory)
    state.acknowledge(delivery)
    intake.concluded(delivery.event)
    with pytest.raises(LostStateError):
        intake.take()
    intake.close()
    assert source.told == ["stored", "released", "closed"]


def test_what_is_not_concluded_is_released_before_the_source_is_closed(
    state: MachineState, source: Announcing, intake: Intake
) -> None:
    source.announce(content("a", "1"))
    intake.take()
    intake.close()
    assert source.told == ["stored", "released", "closed"]


def test_an_arrival_is_stored_only_when_the_state_has_it(
    state: MachineState, source: Announcing, intake: Intake
) -> None:
    failures = [StateError("disk full")]

    def taken(state: MachineState) -> None:
        assert source.told == []
        if failures:
            raise failures.pop()

    source.announce(content("a", "1"), taken=taken)
    with pytest.raises(StateError, match="disk full"):
        intake.take()
    assert (source.told, on_lane(state)) == ([], [])
    assert intake.take() == 1
    assert source.told == ["stored"]


def test_all_sources_are_closed_at_once(state: MachineState, intake: Intake) -> None:
    together = threading.Barrier(3)

    class Slow(Announcing):
        def close(self) -> None:
            together.wait(GUARD)
            self.told.append("closed")

    slow = [Slow() for _ in range(3)]
    intake.replace(slow)
    intake.close()
    assert [each.told for each in slow] == [["closed"]] * 3


def test_a_source_that_cannot_be_closed_keeps_no_other_open_and_is_told(state: MachineState, intake: Intake) -> None:
    class Broken(Announcing):
        def close(self) -> None:
            raise ValueError("a fault")

    other = Announcing()
    intake.replace([Broken(), other])
    with pytest.raises(ValueError, match="a fault"):
        intake.close()
    assert other.told == ["closed"]


class Troubles(Observer):
    """Notes which sources cannot be used now."""

    def __init__(self) -> None:
        self.now: dict[str, str] = {}

    def troubled(self, where: str, why: str) -> None:
        self.now[where] = why

    def mended(self, where: str) -> None:
        del self.now[where]


def test_a_source_that_announces_without_end_keeps_no_other_one_waiting(
    state: MachineState, source: Announcing, intake: Intake
) -> None:
    other = Announcing()
    intake.replace([source, other])
    other.announce(content("other", "1"))
    for number in range(10):
        source.announce(content(str(number), "1"))
        intake.take()
    assert "other" in dict(on_lane(state))


def test_the_problem_of_a_source_that_the_config_no_longer_has_is_over(state: MachineState, source: Announcing) -> None:
    troubles, left_out = Troubles(), Announcing()
    intake = Intake(
        MachineSite(Config(stack_name="test", bucket_mapping={}), state),
        [source, left_out],
        troubles,
        lambda: None,
        {},
    )
    left_out.name = "webhook 127.0.0.1:1"
    left_out.problems = {left_out.name: "the port is in use"}
    source.problems = {source.name: "cannot be reached"}
    intake.take()
    assert list(troubles.now) == [source.name, left_out.name]
    intake.replace([source])
    assert list(troubles.now) == [source.name]
    source.problems = {}
    intake.take()
    assert troubles.now == {}


def test_each_part_of_a_source_that_fails_is_shown_and_is_mended_by_itself(
    state: MachineState, source: Announcing
) -> None:
    troubles = Troubles()
    intake = Intake(
        MachineSite(Config(stack_name="test", bucket_mapping={}), state), [source], troubles, lambda: None, {}
    )
    source.problems = {"listing of a/": "denied", "listing of b/": "denied"}
    intake.take()
    assert troubles.now == {"listing of a/": "denied", "listing of b/": "denied"}
    source.problems = {"listing of b/": "gone"}
    intake.take()
    assert troubles.now == {"listing of b/": "gone"}
    source.is_exhausted = True
    assert intake.problems == ["gone"]
