"""A worker is given its next object before it has ended another: what that changes for none of the two."""

from __future__ import annotations

import itertools
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
from msgspec.structs import replace

from fakes import config_of, object_event
from running import GUARD, HANDLER, LIMIT, Project, hanging, project, results
from serving_up import Script, Scripted, configure, serve
from slips.backends.machine import lane_limits
from slips.backends.machine.state import MachineState
from slips.config import HandlerConfig, LaneConfig
from slips.config.backend import BackendConfig, Embedded
from slips.config.schema import Limits
from slips.model import Lane, ObjectEvent, Outcome
from slips.pipeline.ended import Success
from slips.service.messages import Task
from slips.service.observer import Observer
from slips.service.permits import Permit, has_permit
from slips.service.pool import Pool
from slips.service.summary import Summary
from slips.service.supervisor import Supervisor
from slips.service.turns import LARGE
from slips.service.worker_process import AHEAD_BYTES, AHEAD_SECONDS, Worker

__all__ = ["project"]

OTHER = """
import slips.interface
from pathlib import Path

class Other(slips.interface.Handler):
    def recv(self, meta, event):
        with (Path(__file__).parent / "done").open("a") as file:
            file.write(f"other {meta.source.object_key}\\n")
"""


# ---- the permit


def test_a_permit_is_the_workers_or_the_supervisors_and_never_of_both() -> None:
    permit = Permit()
    with os.fdopen(os.dup(permit.descriptor), "rb", buffering=0) as worker:
        permit.issue()
        assert permit.is_there
        assert has_permit(worker)
        assert not permit.is_there
        assert not permit.revoke(), "the worker has begun"
        assert not permit.is_there, "nothing is left that would be read for the next object"
        permit.issue()
        assert permit.revoke()
        assert permit.is_there, "the worker has yet to learn it"
        assert not has_permit(worker)
        assert not permit.is_there
    permit.close()


# ---- which objects are given ahead


class Crew:
    """A pool whose workers take one object ahead. At each wait one of them ends its object, unless it `holds` it."""

    def __init__(self, count: int) -> None:
        self._tasks: list[list[Task]] = [[] for _ in range(count)]
        self.holds = False
        self.has_begun = False
        """Whether the workers have begun what they were given ahead."""
        self.given: list[int] = []
        """The worker of each object, by its number."""
        self.ahead: list[str] = []
        """Keys of the objects that were given ahead."""
        self.returned: list[str] = []

    @property
    def is_busy(self) -> bool:
        return any(self._tasks)

    def free(self, _waiting: int) -> int | None:
        with_room = [number for number, tasks in enumerate(self._tasks) if len(tasks) < 2]
        return min(with_room, key=lambda number: len(self._tasks[number]), default=None)

    def give(self, worker: int, task: Task) -> None:
        self.given.append(worker)
        if self._tasks[worker]:
            self.ahead.append(task.event.object_key)
        self._tasks[worker].append(task)

    def take_back(self, worker: int) -> bool:
        if self.has_begun:
            return False
        self.returned.append(self._tasks[worker].pop().event.object_key)
        return True

    def wait(self, _timeout: float) -> Iterator[tuple[Any, Any]]:
        busy = [number for number, tasks in enumerate(self._tasks) if tasks and not self.holds]
        for number in busy[:1]:
            yield number, Success(self._tasks[number].pop(0).event, Outcome())

    def close(self) -> None: ...


class Begun(Observer):
    """Keeps the keys of the objects that were shown to begin."""

    def __init__(self) -> None:
        self.keys = ""

    def given(self, event: ObjectEvent) -> None:
        self.keys += event.object_key


class Bench:
    """A supervisor, step by step, with a Crew."""

    def __init__(self, root: Path) -> None:
        embedded = Embedded(path=str(root / "state"), buckets={})
        self.config = replace(config_of(), backend=BackendConfig(embedded=embedded))
        self.state = MachineState.open(root / "state")
        self.crew, self.shown = Crew(1), Begun()

    def put(self, keys: str, lane: Lane = "fast", size: int = 1) -> None:
        self.state.stream.put(lane, [object_event(key, lane, object_size=size) for key in keys])

    def supervisor(self, workers: int = 1) -> Supervisor:
        self.crew = Crew(workers)
        pool = cast("Pool", self.crew)
        return Supervisor(self.config, self.state, self.shown, workers=workers, pool=pool, endless=True)

    def until(self, supervisor: Supervisor, what: Callable[[], object]) -> None:
        """Take steps until it is so: the supervisor looks at the state some times a second."""
        end = time.monotonic() + GUARD
        while not what():
            assert time.monotonic() < end
            supervisor.step()

    def waiting(self) -> list[tuple[str, int]]:
        return [(each.event.object_key, each.attempts) for each in self.state.stream.take(100, {})]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    with made.state.exclusive():
        yield made
    made.state.close()


def test_a_busy_worker_is_given_one_object_ahead_and_each_is_shown_when_it_begins(bench: Bench) -> None:
    bench.put("abcd")
    supervisor = bench.supervisor()
    bench.crew.holds = True
    supervisor.step()
    supervisor.step()
    assert (bench.shown.keys, bench.crew.ahead, supervisor.running) == ("a", ["b"], 1)
    bench.crew.holds = False
    supervisor.step()
    assert (bench.shown.keys, bench.crew.ahead) == ("ab", ["b"])
    supervisor.step()
    assert (bench.shown.keys, bench.crew.ahead) == ("abc", ["b", "c"])


def test_idle_workers_get_objects_before_busy_ones(bench: Bench) -> None:
    bench.put("abcd")
    bench.supervisor(workers=2).step()
    assert bench.crew.given == [0, 1, 0, 1]


def test_no_long_object_is_given_ahead_nor_a_short_one_in_the_turn_of_a_long_one(bench: Bench) -> None:
    bench.put("ab", "slow")
    bench.put("c", size=LARGE)
    bench.put("123456789")
    supervisor = bench.supervisor()
    bench.until(supervisor, lambda: supervisor.is_over)
    assert sorted(bench.shown.keys) == sorted("abc123456789")
    assert bench.crew.ahead, "short ones are given ahead"
    assert not set(bench.crew.ahead) & set("abc")
    assert max(map(bench.shown.keys.index, "ac")) < bench.shown.keys.index("9"), "long ones have their turns"


def test_what_was_given_ahead_comes_back_while_nothing_may_start(bench: Bench) -> None:
    """As when the handler has changed, and when the service stops."""
    bench.put("abc")
    supervisor = bench.supervisor()
    bench.crew.holds = True
    supervisor.step()
    supervisor.step(starts=False)
    assert (bench.crew.returned, bench.shown.keys) == (["b"], "a")
    bench.crew.holds = False
    bench.until(supervisor, lambda: supervisor.is_over)
    assert bench.shown.keys == "abc", "it is the next one again"


def test_an_object_that_its_worker_has_begun_does_not_come_back(bench: Bench) -> None:
    bench.put("ab")
    supervisor = bench.supervisor()
    bench.crew.holds, bench.crew.has_begun = True, True
    supervisor.step()
    supervisor.step(starts=False)
    bench.crew.holds = False
    supervisor.step(starts=False)
    supervisor.step(starts=False)
    assert (bench.shown.keys, bench.waiting()) == ("ab", [])


def pause(bench: Bench) -> None:
    lane_limits.pause(bench.state, "fast", reason="", by="x")


def slow_down(bench: Bench) -> None:
    lane_limits.set_lane_limit(bench.config, bench.state, "fast", LaneConfig(batch_size=1, delay=3600))


@pytest.mark.parametrize("hold", [pause, slow_down])
def test_what_was_given_ahead_comes_back_when_its_lane_pauses_or_gets_a_limit(
    bench: Bench, hold: Callable[[Bench], None]
) -> None:
    bench.put("abc")
    supervisor = bench.supervisor()
    bench.crew.holds = True
    supervisor.step()
    hold(bench)
    bench.until(supervisor, lambda: bench.crew.returned)
    bench.crew.holds = False
    for _ in range(3):
        supervisor.step()
    assert (bench.shown.keys, bench.waiting()) == ("a", [("b", 0), ("c", 0)])


def test_a_budget_counts_what_was_given_ahead_and_not_what_has_come_back(bench: Bench) -> None:
    bench.config = replace(bench.config, limits=Limits(objects_per_day=2))
    bench.put("abc")
    supervisor = bench.supervisor()
    bench.crew.holds = True
    supervisor.step()
    supervisor.step(starts=False)
    assert bench.crew.returned == ["b"]
    bench.crew.holds = False
    for _ in range(5):
        supervisor.step()
    assert (bench.shown.keys, bench.waiting()) == ("ab", [("c", 0)])


# ---- worker processes


class Noted(Pool):
    """A pool of processes that keeps what was given ahead. All objects are quick, by a clock that stands still."""

    def __init__(self, project: Project, workers: int = 1) -> None:
        self.ahead: list[str] = []
        self.behind: defaultdict[str, set[str]] = defaultdict(set)
        """The object given ahead, by the one behind which it was."""
        self.begun: set[int] = set()
        """Numbers of the workers that have got an object."""
        self.seconds: Iterator[float] = itertools.repeat(0.0)
        super().__init__(
            project.config, workers, endpoint_url=None, region=None, warn=print, clock=lambda: next(self.seconds)
        )

    def give(self, worker: Worker, task: Task) -> None:
        if worker.task:
            self.ahead.append(task.event.object_key)
            self.behind[worker.task.event.object_key].add(task.event.object_key)
        self.begun.add(id(worker))
        super().give(worker, task)


def ticks(clock: Callable[[], float]) -> Iterator[float]:
    """Yield the times of a clock."""
    while True:
        yield clock()


def run(project: Project, pool: Noted, workers: int = 1) -> Summary:
    """Run all objects, in the order in which they were put."""
    state = project.state()
    with state.exclusive():
        summary = Supervisor(
            project.config, state, project.watch, workers=workers, pool=pool, pause=lambda _: 0.0
        ).run()
    state.close()
    return summary


@pytest.mark.slow
@pytest.mark.parametrize("deed", ["kill 9", "exit 3", "garbage"])
def test_a_worker_that_dies_costs_the_object_that_it_was_given_ahead_no_attempt(project: Project, deed: str) -> None:
    for key, record in {"a": "good", "b": deed, "c": "good", "d": "good"}.items():
        project.put(key, record)
    pool = Noted(project)
    assert results(run(project, pool)) == {"a": ["good"], "c": ["good"], "d": ["good"]}
    assert "c" in pool.ahead
    assert project.watch.failures == [("b", 1, False), ("b", 2, False), ("b", 3, True)]
    assert project.lines("done").count("c\t1") == 1 or deed == "garbage", "only garbage may hide that it has ended"


@pytest.mark.slow
def test_a_worker_that_is_stopped_keeps_nothing_that_it_was_given_ahead(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped by nobody's hand but its own, and answers for nothing: the permit is in a pipe."""
    project.configure(handler=HandlerConfig(path="handler.py", timeout=LIMIT))
    project.put("a", "good")
    project.put("b", "stop-once")
    project.put("c", "good")
    project.handler(HANDLER.replace('case "spin":', STOP_ONCE))
    pool = Noted(project)

    def hangs() -> bool:
        return "c" in pool.ahead and any(map(is_stopped, project.lines("begun")))

    pool.seconds = ticks(hanging(monkeypatch, hangs))
    assert results(run(project, pool)) == {"a": ["good"], "b": ["stop-once"], "c": ["good"]}
    assert pool.ahead[0] == "c"
    assert project.watch.failures == [("b", 1, False)]


def is_stopped(pid: str) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(int(pid)).status() == psutil.STATUS_STOPPED
    return False


STOP_ONCE = """case "stop-once":
                if first_time("stop"):
                    note("begun", os.getpid())
                    os.kill(os.getpid(), signal.SIGSTOP)
            case "spin":"""


ALONE = {"a": "good", "b": "hang-once", "c": "good"}
FIRST = {"1": "meet 1 2", "2": "meet 2 1"}
"""An object for each of two workers: to a worker that had none, none is given ahead."""
LAST = {"x": "wait go", "c": "good", "d": "good"}
"""If `x` has a worker of its own, `c` or `d` is given ahead behind `b`; else `x` is."""
HANG_ONCE = """case "hang-once":
                if first_time("hang"):
                    note("begun", os.getpid())
                    {hang}
            case "spin":"""
NOTED = """        do, _, what = message.partition(" ")
        note("ran", f"{self.key} {os.getpid()}")
"""
HANGS = {
    "an endless loop": "while True: pass",
    "a call of C": "time.sleep(3600)",
    "a call of C that holds Python's lock": "ctypes.PyDLL(None).sleep(3600)",
}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("hang", HANGS.values(), ids=HANGS)
def test_an_object_that_hangs_costs_itself_one_attempt_and_what_was_given_ahead_behind_it_none(
    project: Project, monkeypatch: pytest.MonkeyPatch, hang: str, workers: int
) -> None:
    """If there is another worker, it runs what comes back before the time limit of `b`; else the next worker does."""
    project.configure(handler=HandlerConfig(path="handler.py", timeout=LIMIT))
    handler = HANDLER.replace('        do, _, what = message.partition(" ")\n', NOTED)
    project.handler(handler.replace('case "spin":', HANG_ONCE.format(hang=hang)))
    for key, record in (FIRST | {"b": "hang-once"} | LAST if workers == 2 else ALONE).items():
        project.put(key, record)
    pool = Noted(project, workers)

    others = {"1", "2", *LAST} if workers == 2 else set[str]()
    passes = hanging(monkeypatch, lambda: others <= {line[0] for line in project.lines("done")})

    def clock() -> float:
        if not (pool.behind["b"] and any(line.startswith("b ") for line in project.lines("ran"))):
            return 0.0
        (project.root / "go").touch()
        return 2 * AHEAD_SECONDS + passes()  # behind what takes so long no other waits

    pool.seconds = ticks(clock)
    summary = run(project, pool, workers)
    assert (summary.failed, project.watch.failures) == (0, [("b", 1, False)])
    ran = [(line[0], line[2:]) for line in project.lines("ran")]
    (hung, _) = [process for key, process in ran if key == "b"]
    behind = [process for key, process in ran if key in pool.behind["b"]]
    assert len(behind) == len(pool.behind["b"]), "each ran once"
    assert hung not in behind


@pytest.mark.slow
def test_a_long_object_loses_what_was_given_ahead_behind_it_to_another_worker(project: Project) -> None:
    """`a` ends when `c` and `d` have ended, one of which is behind it at first, or behind `b`.

    If `b` was behind `a`, which has no say in that, the other worker has ended both by the time when `b` begins.
    """
    for key, record in FIRST.items():
        project.put(key, record)
    project.put("a", "wait ended-c", "wait ended-d")
    project.put("b", "wait go")
    for key in "cd":
        project.put(key, f"write {project.root}/ended-{key} x")
    pool = Noted(project, 2)

    def seconds() -> Iterator[float]:
        for number in itertools.count():
            is_behind = {"c", "d"} & set(pool.ahead) or {"c", "d"} <= {line[0] for line in project.lines("done")}
            if is_behind and len(project.lines("begun")) >= 2:  # `a` begins to wait a second time
                (project.root / "go").touch()
                yield 0.3 * number
            else:
                yield 0.0

    pool.seconds = seconds()
    summary = run(project, pool, 2)
    assert (summary.objects, summary.failed) == (6, 0)


@pytest.mark.slow
def test_a_process_that_is_fit_for_no_other_object_does_not_begin_what_it_was_given_ahead(project: Project) -> None:
    project.handler(
        "import os\nimport slips.interface\n"
        "class A(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n"
        "        if event['message'] == 'harm': os.environ.clear()\n"
        "    def result(self): return 'PATH' in os.environ\n"
    )
    for key, record in {"a": "good", "b": "harm", "c": "good"}.items():
        project.put(key, record)
    pool = Noted(project)
    assert results(run(project, pool)) == {"a": True, "b": False, "c": True}
    assert "c" in pool.ahead
    assert project.watch.failures == []


@pytest.mark.slow
def test_an_object_whose_message_is_too_long_for_a_busy_worker_is_sent_when_it_is_idle(project: Project) -> None:
    for key in "abc":
        project.put(key, "good")
    state = project.state()
    with state.transaction():
        for number in range(AHEAD_BYTES // 32):
            state.ledger.finish(object_event("c", object_etag=f"{number:032}"), Outcome())
    state.close()
    pool = Noted(project)
    assert results(run(project, pool)) == {key: ["good"] for key in "abc"}
    assert pool.ahead == ["c"]


@pytest.mark.slow
@pytest.mark.once
def test_an_object_that_was_given_ahead_runs_with_the_changed_handler(project: Project) -> None:
    configure(project)
    for key, record in {"a": "good", "b": "wait go-on", "c": "good"}.items():
        project.put(key, record)
    pool = Noted(project)

    def script(shown: Scripted) -> Script:
        yield lambda: "c" in pool.ahead and project.lines("begun")
        project.handler(OTHER)
        yield lambda: shown.words("reloaded")
        (project.root / "go-on").touch()
        yield lambda: "c" in shown.done

    serve(project, script, workers=1, pool=pool)
    assert project.lines("done") == ["a\t1", "b\t1", "other c"]
