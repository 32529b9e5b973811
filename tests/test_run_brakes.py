"""Objects wait on their lanes while their handler fails, an operator pauses, or the budget of the day is spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from fakes import config_of, object_event
from slips.backends.machine import lane_limits
from slips.backends.machine.state import MachineState
from slips.brakes import BREAK_AT, CANARY_SECONDS, DAY, WINDOW, Budget, Pause, day_of
from slips.config import LaneConfig, Mapping
from slips.config.backend import BackendConfig, Embedded, Lanes
from slips.config.handler import MappingHandler
from slips.config.schema import Limits
from slips.model import LANES, Lane, ObjectEvent, Outcome
from slips.pipeline.ended import Failure, Success
from slips.service.messages import Task
from slips.service.observer import Observer
from slips.service.pool import Pool
from slips.service.summary import Summary
from slips.service.supervisor import Supervisor
from slips.service.up import with_time_limit

NOW = 1_790_000_000.0
Ends = Callable[[ObjectEvent], str]
"""Returns the stage at which the run of an object fails, empty if it succeeds; with AGAIN another attempt follows."""
AGAIN = ", again"


class Crew:
    """A pool with one worker, whose runs end as they should."""

    def __init__(self, ends: Ends) -> None:
        self._ends, self._task = ends, cast("Task | None", None)
        self.given: list[str] = []

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    def free(self, _waiting: int) -> object | None:
        return None if self._task else self

    def give(self, _worker: object, task: Task) -> None:
        self._task = task
        self.given.append(task.event.object_key)

    def wait(self, _timeout: float) -> Iterator[tuple[Any, Any]]:
        if self._task is not None:
            event, self._task = self._task.event, None
            stage = self._ends(event)
            again, stage = stage.endswith(AGAIN), stage.removesuffix(AGAIN)
            yield self, Failure(event, stage, "E", "m", retryable=again) if stage else Success(event, Outcome())

    def close(self) -> None:
        """Nothing."""


class Watch(Observer):
    """Keeps the pauses that it is shown."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def paused(self, lane: Lane, why: str) -> None:
        self.seen.append(f"{lane} {why}")

    def resumed(self, lane: Lane, why: str, rest: str = "") -> None:
        self.seen.append(f"{lane} resumed: {why}" + (f"; still {rest}" if rest else ""))


class Scene:
    """Objects in S3 that no worker opens: two handlers, for keys `a/` and `b/`."""

    def __init__(self, root: Path) -> None:
        self.root, self.watch, self.now = root, Watch(), NOW
        for name in ("a", "b"):
            (root / f"{name}.py").write_text(name)
        self.config = replace(
            config_of(),
            backend=BackendConfig(embedded=Embedded(path=str(root / "state"))),
            bucket_mapping={
                "my-logs": [Mapping(f"{name}/", ["s3-lines"], handler=MappingHandler(f"{name}.py")) for name in "ab"]
            },
            file=str(root / "slips.yml"),
        )
        self.fails: Ends = lambda event: "handler" if event.object_key.startswith("a/") else ""
        self._made = 0

    def configure(self, *, limits: Limits | None = None, **lane: Any) -> None:
        both = LaneConfig(**lane)
        backend = replace(self.config.backend, lane=Lanes(both, both))
        self.config = replace(self.config, backend=backend, limits=limits or Limits())

    def put(self, name: str, count: int, lane: Lane = "fast", **about: Any) -> None:
        events = [object_event(f"{name}/{self._made + number}", lane, **about) for number in range(count)]
        self._made += count
        with closing(self.state()) as state:
            state.stream.put(lane, events)

    def state(self) -> MachineState:
        return MachineState.open(self.root / "state")

    def run(self, *, break_at: int = BREAK_AT, **about: Any) -> Crew:
        self.crew = Crew(self.fails)
        with closing(self.state()) as state, state.exclusive():
            pool = cast("Pool", self.crew)
            supervisor = Supervisor(
                self.config,
                state,
                self.watch,
                workers=1,
                pool=pool,
                break_at=break_at,
                now=lambda: self.now,
                pause=lambda _: 0.0,
            )
            self.summary: Summary = supervisor.run(**about)
        return self.crew

    @property
    def failed(self) -> int:
        with closing(self.state()) as state:
            return len(list(state.errors.scan()))

    @property
    def waiting(self) -> list[tuple[str, int]]:
        """Names and failed attempts of what waits."""
        with closing(self.state()) as state:
            return [(each.event.object_key[0], each.attempts) for each in state.stream.take(10_000, {})]

    @property
    def pauses(self) -> list[Pause]:
        with closing(self.state()) as state:
            return lane_limits.pauses(self.config, state)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_handler_that_fails_always_pauses_its_objects_and_no_others(scene: Scene) -> None:
    scene.put("a", 100)
    scene.put("b", 100)
    crew = scene.run()
    assert (scene.failed, scene.waiting) == (WINDOW, [("a", 0)] * 80)
    assert sum(key.startswith("b") for key in crew.given) == 100
    (pause,) = scene.pauses
    assert (pause.lane, pause.handler, pause.cause) == ("fast", "a.py", "failures")
    assert scene.watch.seen == ["fast paused for objects of a.py: 20 of 20 objects failed"]
    assert scene.summary.problems == [
        "lane fast: paused for objects of a.py: 20 of 20 objects failed; 80 objects on it; "
        "'slips limit fast --resume' lets all start"
    ]
    assert not scene.summary.is_clean


def test_a_handler_pauses_on_the_lane_where_it_fails(scene: Scene) -> None:
    scene.fails = lambda event: "handler" if event.lane == "slow" else ""
    scene.put("a", 40, "slow")
    scene.put("a", 40, "fast")
    scene.run()
    assert [(each.lane, each.handler) for each in scene.pauses] == [("slow", "a.py")]
    assert len(scene.waiting) == 20


def test_by_default_a_run_that_somebody_waits_for_pauses_nothing(scene: Scene) -> None:
    scene.put("a", 40)
    scene.run(break_at=0)
    assert (scene.failed, scene.waiting, scene.pauses) == (40, [], [])


@pytest.mark.parametrize(("percent", "failed"), [(50, 10), (60, 100), (0, 100)])
def test_the_config_says_at_which_share_a_lane_breaks(scene: Scene, percent: int, failed: int) -> None:
    scene.configure(break_at=percent)
    scene.fails = lambda event: "handler" if int(event.object_key[2:]) % 2 else ""
    scene.put("a", 200)
    scene.run(break_at=0)
    assert scene.failed == failed


@pytest.mark.parametrize("stage", ["storage", "mapping", "replay"])
def test_objects_that_cannot_be_read_pause_no_handler(scene: Scene, stage: str) -> None:
    scene.fails = lambda _: stage
    scene.put("a", 40)
    scene.run()
    assert (scene.failed, scene.pauses) == (40, [])


def test_a_pause_survives_its_session_and_what_comes_meanwhile_waits(scene: Scene) -> None:
    scene.put("a", 30)
    scene.run()
    scene.put("a", 5)
    scene.put("b", 5)
    assert [key[0] for key in scene.run().given] == ["b"] * 5
    assert (scene.failed, len(scene.waiting)) == (WINDOW, 15)


def test_counts_of_failures_survive_their_session(scene: Scene) -> None:
    for _ in range(5):
        scene.put("a", 5)
        scene.run()
    assert (scene.failed, len(scene.waiting)) == (WINDOW, 5)


def test_after_a_while_one_object_is_tried_and_if_it_fails_the_others_wait_twice_as_long(scene: Scene) -> None:
    scene.put("a", 30)
    scene.run()
    scene.now += CANARY_SECONDS[0]
    assert len(scene.run().given) == 1
    assert (scene.failed, len(scene.waiting)) == (WINDOW + 1, 9)
    scene.now += CANARY_SECONDS[0]
    assert scene.run().given == []
    scene.now += CANARY_SECONDS[0]
    assert len(scene.run().given) == 1


def test_a_canary_that_succeeds_lets_all_objects_start(scene: Scene) -> None:
    scene.put("a", 30)
    scene.run()
    scene.now += CANARY_SECONDS[0]
    scene.fails = lambda _: ""
    assert len(scene.run().given) == 10
    assert (scene.failed, scene.waiting, scene.pauses) == (WINDOW, [], [])
    assert scene.watch.seen[-1] == "fast resumed: objects of a.py start again"
    assert scene.summary.is_clean


def test_a_pause_that_ends_beside_another_one_is_no_new_pause(scene: Scene) -> None:
    scene.fails = lambda _: "handler"
    scene.put("a", 30)
    scene.put("b", 30)
    scene.run()
    scene.now += CANARY_SECONDS[0]
    scene.fails = lambda event: "handler" if event.object_key.startswith("b/") else ""
    scene.watch.seen.clear()
    scene.run()
    assert scene.watch.seen == [
        "fast paused for objects of a.py: 20 of 20 objects failed",
        "fast paused for objects of b.py: 20 of 20 objects failed",
        "fast resumed: objects of a.py start again; still paused for objects of b.py: 20 of 20 objects failed",
    ]


def test_the_pause_of_a_handler_that_the_config_no_longer_has_is_over(scene: Scene) -> None:
    scene.fails = lambda _: "handler"
    scene.put("a", 30)
    scene.put("b", 30)
    scene.run()
    (scene.root / "c.py").write_text("c")
    mappings = [
        Mapping("a/", ["s3-lines"], handler=MappingHandler("c.py")),
        *scene.config.bucket_mapping["my-logs"][1:],
    ]
    scene.config = replace(scene.config, bucket_mapping={"my-logs": mappings})
    assert [each.handler for each in scene.pauses] == ["a.py", "b.py"], "no session has seen the config"
    scene.fails = lambda _: ""
    scene.run()
    assert scene.pauses == []
    assert scene.waiting == []


@pytest.mark.parametrize("change", ["handler", "config"])
def test_a_changed_handler_or_config_is_tried_at_once(scene: Scene, change: str) -> None:
    scene.put("a", 30)
    scene.run()
    if change == "handler":
        (scene.root / "a.py").write_text("mended")
    else:
        scene.configure(delay=0, batch_size=2)
    assert len(scene.run().given) == 1  # it fails as before
    assert scene.run().given == []


def test_a_drained_object_runs_in_spite_of_the_pause_of_its_handler_and_ends_it_if_it_succeeds(scene: Scene) -> None:
    scene.put("a", 30)
    scene.run()
    scene.put("a", 1, replay="r@1")
    assert len(scene.run().given) == 1
    assert scene.pauses
    scene.put("a", 1, replay="r@1")
    scene.fails = lambda _: ""
    assert len(scene.run().given) == 11
    assert scene.pauses == []


def pause(scene: Scene, lane: Lane) -> None:
    with closing(scene.state()) as state:
        lane_limits.pause(state, lane, "the sink moves", "ann@ops")


def test_a_drained_object_that_fails_again_is_no_canary_and_runs_once(scene: Scene) -> None:
    scene.put("a", WINDOW)
    scene.run()
    scene.put("a", 1, replay="r@1")
    scene.now += CANARY_SECONDS[0]
    (before,) = scene.pauses
    assert len(scene.run().given) == 1
    scene.now += 24 * 3600
    assert scene.run().given == []
    assert (scene.pauses, scene.failed, scene.waiting) == ([before], WINDOW + 1, [])


def test_a_lane_that_an_operator_paused_starts_nothing_until_it_is_resumed(scene: Scene) -> None:
    pause(scene, "slow")
    for lane in LANES:
        scene.put("b", 3, lane)
    scene.put("b", 1, "slow", replay="r@1")
    assert len(scene.run().given) == 3
    assert scene.watch.seen == ["slow paused by ann@ops: the sink moves"]
    with closing(scene.state()) as state:
        lane_limits.resume(scene.config, state, "slow")
    assert len(scene.run().given) == 4


def test_a_lane_that_is_paused_and_resumed_while_a_session_runs_stops_and_goes_on(scene: Scene) -> None:
    moments = iter([*[0.0] * 4, *(number * 10.0 for number in range(1, 1000))])

    def ends(event: ObjectEvent) -> str:
        if event.object_key.endswith("/1"):
            pause(scene, "fast")
        if event.lane == "slow" and not scene.watch.seen[-1].startswith("fast resumed"):
            with closing(scene.state()) as state:
                assert lane_limits.resume(scene.config, state, "fast")
        return ""

    scene.fails = ends
    scene.put("b", 30)
    scene.put("b", 2, "slow")
    with closing(scene.state()) as state, state.exclusive():
        crew = Crew(ends)
        supervisor = Supervisor(scene.config, state, scene.watch, workers=1, pool=cast("Pool", crew))
        supervisor.session.brakes._monotonic = lambda: next(moments)
        supervisor.run()
    assert len(crew.given) == 32
    assert scene.watch.seen == [
        "fast paused by ann@ops: the sink moves",
        "fast resumed: objects start again",
    ]
    assert scene.waiting == []


def test_of_a_flood_as_many_objects_start_in_a_day_as_the_budget_allows(scene: Scene) -> None:
    scene.configure(limits=Limits(objects_per_day=10))
    scene.put("b", 25)
    assert len(scene.run().given) == 10
    assert scene.run().given == []
    assert scene.watch.seen[0] == "fast paused: 10 objects started today, 'limits.objects_per_day' allows 10"
    assert scene.summary.problems[0].startswith("lane fast: paused: 10 objects started today, ")
    scene.now += DAY
    assert len(scene.run().given) == 10
    scene.configure(limits=Limits(objects_per_day=12))
    assert len(scene.run().given) == 2


def test_what_has_started_before_a_budget_is_set_counts(scene: Scene) -> None:
    scene.put("b", 7, object_size=300)
    assert len(scene.run().given) == 7
    with closing(scene.state()) as state:
        spent = state.brakes.spent(day_of(scene.now))
    assert (spent.objects, spent.bytes) == (7, 2_100)
    scene.configure(limits=Limits(objects_per_day=10))
    scene.put("c", 7)
    assert len(scene.run().given) == 3


def test_a_budget_of_bytes_counts_stored_bytes(scene: Scene) -> None:
    scene.configure(limits=Limits(bytes_per_day=1000))
    scene.put("b", 25, object_size=300)
    assert len(scene.run().given) == 4


def test_a_resume_lets_a_spent_budget_be_spent_once_more(scene: Scene) -> None:
    scene.configure(limits=Limits(objects_per_day=10))
    scene.now = time.time()
    scene.put("b", 25)
    scene.run()
    with closing(scene.state()) as state:
        assert lane_limits.resume(scene.config, state, "fast")
    assert len(scene.run().given) == 10
    with closing(scene.state()) as state:
        lane_limits.set_budget(scene.config, state, Budget(objects_per_day=100))
    assert len(scene.run().given) == 5


def test_further_parts_of_a_started_object_are_not_kept_by_a_spent_budget(scene: Scene) -> None:
    scene.configure(limits=Limits(objects_per_day=1))
    scene.put("b", 2)
    scene.put("b", 1, records=[(5, None)])
    assert len(scene.run().given) == 2
    assert len(scene.waiting) == 1


def test_further_attempts_of_a_started_object_are_not_kept_by_a_spent_budget(scene: Scene) -> None:
    scene.configure(limits=Limits(objects_per_day=2))
    scene.put("b", 3)
    stages = iter([f"handler{AGAIN}", f"handler{AGAIN}"])
    scene.fails = lambda event: next(stages, "") if event.object_key == "b/1" else ""
    assert scene.run().given == ["b/0", "b/1", "b/1", "b/1"]
    assert (scene.summary.objects, scene.waiting) == (2, [("b", 0)])


def test_objects_that_a_user_names_run_in_spite_of_a_spent_budget_and_count(scene: Scene, tmp_path: Path) -> None:
    scene.configure(limits=Limits(objects_per_day=2))
    scene.put("b", 3)
    scene.run()
    with closing(scene.state()) as state:
        (left,) = [each.event for each in state.stream.take(10, {})]
    assert scene.run(replays=[left]).given == [left.object_key]
    with closing(scene.state()) as state:
        assert state.brakes.spent("2026-09-21").objects == 3


def test_a_service_has_the_time_limit_of_aws_if_the_config_has_none() -> None:
    assert with_time_limit(config_of()).handler.timeout == 900
    config = config_of()
    own = replace(config, handler=replace(config.handler, timeout=5))
    assert with_time_limit(own) == own


def test_the_state_keeps_what_has_started_on_the_latest_day_alone(scene: Scene) -> None:
    for _ in range(3):
        scene.put("b", 1)
        scene.run()
        scene.now += DAY
    with closing(scene.state()) as state:
        days = [(day, count) for day, count in state.select("SELECT day, objects FROM spent")]
    assert days == [(day_of(NOW + 2 * DAY), 1)]
