"""`slips top`: what it reads how often, the rates it shows, and what it prints on a terminal and in a pipe."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from fakes import object_event
from projects import CONFIG, Project
from slips.backends.machine.operations import MachineOperations
from slips.backends.machine.state import MachineState
from slips.config import parse
from slips.errors import StateError
from slips.model import Lane, Outcome
from slips.operations import LaneCounts, Operations, Service, ServiceCounts
from slips.pipeline import overview as module
from slips.pipeline.overview import Counting, Rates, overview

pytestmark = pytest.mark.once
GUARD = 300.0


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    with closing(MachineState.open(tmp_path / "state")) as state:
        yield state


@pytest.fixture
def operations(state: MachineState) -> MachineOperations:
    return MachineOperations(parse(CONFIG), state)


def service(second: int, fast: int = 0, records: int = 0, **about: Any) -> Service:
    counts = ServiceCounts(lanes={"fast": LaneCounts(done=fast), "slow": LaneCounts(failed=fast)}, delivered=records)
    usual: dict[str, Any] = {"pid": 1, "command": "slips up", "started": "2026-01-01T00:00:00.000Z", "state": "running"}
    heartbeat = f"2026-01-01T00:{second // 60:02}:{second % 60:02}.000Z"
    return Service(**{**usual, "heartbeat": heartbeat, "silent_seconds": 0.0, "counts": counts, **about})


# ---- rates


def test_rates_are_of_the_last_two_heartbeats_and_of_the_last_minute() -> None:
    rates = Rates()
    assert (rates.of("fast"), rates.records()) == ((None, None), None)
    for second, done in ((0, 1000), (10, 1000), (40, 1300), (70, 1600), (72, 1700)):
        rates.look(service(second, done, done * 10))
    assert rates.of("fast") == (50.0, round(700 / 62, 3))
    assert rates.of("slow") == rates.of("fast"), "failed objects are concluded ones"
    assert rates.records() == round(7000 / 62, 3)


def test_a_heartbeat_seen_twice_or_of_a_clock_set_back_makes_no_rate() -> None:
    rates = Rates()
    for second in (10, 10, 5):
        rates.look(service(second, second))
    assert rates.of("fast") == (None, None)


def test_rates_begin_anew_with_another_service_and_end_with_it() -> None:
    rates = Rates()
    rates.look(service(0, 500))
    rates.look(service(2, 600))
    rates.look(service(4, 0, started="2026-01-01T00:00:03.000Z"))
    assert rates.of("fast") == (None, None)
    rates.look(service(6, 10, started="2026-01-01T00:00:03.000Z"))
    assert rates.of("fast") == (5.0, 5.0)
    rates.look(service(6, 10, started="2026-01-01T00:00:03.000Z", state="silent"))
    assert rates.of("fast") == (None, None)
    rates.look(None)
    assert rates.of("fast") == (None, None)


# ---- counting


class Ticking:
    """A clock by which each call takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def opening(operations: Operations) -> Callable[[], AbstractContextManager[Operations]]:
    @contextmanager
    def opened() -> Iterator[Operations]:
        yield operations

    return opened


def test_objects_are_counted_in_a_small_share_of_the_time(
    operations: MachineOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    counting = Counting(opening(operations), count_ledger=True, clock=Ticking())

    class Changed:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...
        def notify_all(self) -> None: ...
        def wait_for(self, predicate: Callable[[], Any], wait: float) -> Any:
            waits.append(wait)
            return predicate()

    monkeypatch.setattr(counting, "_changed", Changed())
    assert counting._count(operations)
    assert waits == [19.0], "19 s of rest for the second that the count took"
    monkeypatch.setattr(module, "SHARE", 0.5)
    counting._count(operations)
    assert waits[1] == module.LEAST["machine"]
    counting.close()
    assert not counting._count(operations)


def test_a_count_comes_with_its_age_and_the_error_that_ended_the_counting_is_raised(
    tmp_path: Path, operations: MachineOperations
) -> None:
    def own() -> AbstractContextManager[Operations]:  # a connection of the thread that counts
        @contextmanager
        def opened() -> Iterator[Operations]:
            with closing(MachineState.open(tmp_path / "state")) as state:
                yield MachineOperations(parse(CONFIG), state)

        return opened()

    counting = Counting(own, count_ledger=True)
    assert counting.latest() is None
    counting.start()
    found = counting.latest(GUARD)
    counting.close()
    assert found is not None
    assert (found[0].ledger, found[1] >= 0) == ({}, True)

    def refused() -> AbstractContextManager[Operations]:
        raise StateError("no state")

    broken = Counting(refused, count_ledger=True)
    broken.start()
    with pytest.raises(StateError, match="no state"):
        broken.latest(GUARD)


def test_an_overview_reads_no_entry_and_no_item_but_in_the_count(
    state: MachineState, operations: MachineOperations
) -> None:
    state.stream.put("fast", [object_event("a")])
    state.service.begin("slips up")
    read: list[str] = []
    state._connection.set_trace_callback(read.append)
    found = overview(operations, Rates(), None, 1_772_000_000.0)
    assert (found.time, found.lanes["fast"].waiting, found.objects) == ("2026-02-25T06:13:20.000Z", 1, None)
    assert not [each for each in read if " ledger" in each or "item" in each or "event" in each], read


# ---- the command


def beat(project: Project, **done: int) -> None:
    """Let a service of this very process show that it lives."""
    with closing(project.state()) as state:
        state.service.begin("slips up")
        lanes = {cast("Lane", lane): LaneCounts(done=count) for lane, count in done.items()}
        state.service.beat(ServiceCounts(lanes={"fast": LaneCounts(), "slow": LaneCounts(), **lanes}))


def test_a_pipe_gets_a_line_each_time(project: Project) -> None:
    project.fail("r1")
    with closing(project.state()) as state:
        state.ledger.finish(object_event("json/b"), Outcome())
    done = project.slips("top", "--count", "2", "--interval", "100ms")
    time, line = done.out.splitlines()[0].split("  ", 1)
    assert (done.status, done.out.count("\n"), line) == (
        0,
        2,
        "fast 0 waiting; slow 0 waiting; 1 done, 1 failed; 1 error",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    beat(project)
    assert project.slips("top", "--count", "1").out.endswith("; 1 error; running\n")


def test_json_is_an_object_each_time_with_groups_but_not_their_ids(project: Project) -> None:
    for number in range(3):
        project.fail(f"r{number}")
    beat(project, slow=7)
    done = project.slips("top", "--json", "--count", "2", "--interval", "0.1")
    first, second = map(json.loads, done.out.splitlines())
    assert first["time"] < second["time"]
    assert (first["backend"], first["name"], first["errors"], first["objects"]) == ("machine", "test", 3, {"failed": 1})
    assert first["groups"] == [
        {
            **{"count": 3, "fingerprint": "f00d", "stage": "handler", "error_type": "KeyError"},
            "message": "s3://my-logs/json/a: record 7: Count.recv raised KeyError: 'severity'",
            **{"first": "2018-03-29T16:35:15.768Z", "last": "2018-03-29T16:35:15.768Z"},
        }
    ]
    assert first["service"]["pid"] == os.getpid()
    assert first["lanes"]["slow"]["counts"]["done"] == 7
    assert (first["lanes"]["fast"]["per_second"], first["records_per_second"]) == (None, None)
    assert "alarms" not in first


def test_a_paused_lane_is_shown_at_once(project: Project) -> None:
    with closing(project.state()) as state:
        MachineOperations(parse(CONFIG), state).pause("slow", "too much\x1b[31m", "me")
    (pause,) = project.slips("top", "--json", "--count", "1").json["pauses"]
    assert (pause["lane"], pause["reason"]) == ("slow", "too much\x1b[31m")
    assert re.search(r"; paused slow since 20\S+Z: too much\\x1b\[31m\n", project.slips("top", "--count", "1").out)


@pytest.mark.parametrize("interval", ["", "soon", "0", "99ms", "-1", "nan", "inf", "1.5.ms"])
def test_an_interval_that_cannot_be_used_is_refused(project: Project, interval: str) -> None:
    done = project.slips("top", "--interval", interval)
    assert (done.status, done.out) == (2, "")
    assert f"slips: --interval: {interval!r} " in done.err


@pytest.mark.slow
def test_q_ends_the_screen_and_leaves_the_terminal_as_it_was(project: Project) -> None:
    project.fail("r1", message="\x1b[31m[red]odd[/red]")
    beat(project, fast=1234)
    shown = project.terminal("top", "--interval", "1m", "--count", "2", typed=b"xq", COLUMNS="150", LINES="40")
    screen = shown.partition("\x1b[?1049h")[2].partition("\x1b[?1049l")[0]
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen)
    assert "slips top   test (this machine)" in text
    assert f"service  process {os.getpid()} (slips up) runs since 20" in text
    assert re.search(r"fast +0 +1,234 +0 +0\s", text)
    assert "1 item" in text
    assert "f00d" in text or "are being counted" in text
    assert "Traceback" not in shown


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_proper_end(project: Project, number: int) -> None:
    with project.start("top", "--interval", "100ms") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=GUARD)
    assert (process.returncode, err) == (0, "")
