"""The row by which `slips up` shows that it lives, and what `slips status` says of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fakes import object_event
from projects import Project
from slips.backends.machine.heartbeat import SILENT_SECONDS, ServiceRow
from slips.backends.machine.state import RETRYING, MachineState
from slips.brakes import Pause
from slips.model import Lane
from slips.operations import LaneCounts, ServiceCounts
from slips.pipeline.overview import Processing
from slips.service.pulse import BEAT_SECONDS, Pulse

NOW = 1_772_000_000.0
NO_PROCESS = 2**22 + 1
"""Above the highest number that Linux gives a process."""


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    with closing(MachineState.open(tmp_path / "state")) as state:
        yield state


def test_a_service_is_there_from_its_start_to_its_end_with_its_latest_counts(state: MachineState) -> None:
    clock = Clock()
    row = ServiceRow(state, clock)
    assert row.get() is None
    row.begin("slips up")
    clock.now += 60
    counts = ServiceCounts(lanes={"fast": LaneCounts(done=3), "slow": LaneCounts(failed=1)}, delivered=7)
    row.beat(counts)
    clock.now += 2.5
    found = row.get()
    assert found is not None
    assert (found.pid, found.command, found.state) == (os.getpid(), "slips up", "running")
    assert (found.started, found.heartbeat) == ("2026-02-25T06:13:20.000Z", "2026-02-25T06:14:20.000Z")
    assert (found.silent_seconds, found.counts) == (2.5, counts)
    row.end()
    assert row.get() is None


def test_a_service_without_a_heartbeat_is_silent_while_its_process_is_there_and_gone_afterwards(
    state: MachineState,
) -> None:
    clock = Clock()
    row = ServiceRow(state, clock)
    row.begin("slips up")
    clock.now += SILENT_SECONDS
    found = row.get()
    assert found is not None
    assert found.state == "silent"
    state.execute("UPDATE service SET pid = ?", (NO_PROCESS,))
    found = row.get()
    assert found is not None
    assert found.state == "gone"


def test_a_clock_that_was_set_back_leaves_a_service_running(state: MachineState) -> None:
    clock = Clock()
    row = ServiceRow(state, clock)
    row.begin("slips up")
    clock.now -= 3600
    found = row.get()
    assert found is not None
    assert (found.state, found.silent_seconds) == ("running", 0.0)


def test_status_says_that_a_service_runs_hangs_or_is_gone(project: Project) -> None:
    with closing(MachineState.open(project.root / "state")) as state:
        assert "service" not in project.slips("status").out
        assert "service" not in project.slips("status", "--json").json
        state.service.begin("slips up \x1b[31m")
        done = project.slips("status")
        assert done.out.startswith(f"service: process {os.getpid()} (slips up \\x1b[31m) runs since 20")
        told = project.slips("status", "--json").json["service"]
        assert (told["pid"], told["state"], told["counts"]["lanes"]["slow"]["failed"]) == (os.getpid(), "running", 0)
        state.execute("UPDATE service SET heartbeat = heartbeat - 200")
        assert "hangs or is stopped: no sign of life for 3 min; " in project.slips("status").out
        state.execute("UPDATE service SET pid = ?", (NO_PROCESS,))
        assert "is gone, 3 min after its last sign of life; nothing is lost" in project.slips("status").out


def test_status_and_top_show_in_another_process_what_a_service_cannot_use(project: Project) -> None:
    clock = Clock()
    with closing(MachineState.open(project.root / "state")) as state:
        pulse = Pulse(state.service, ServiceCounts(delivered=7), "slips up", clock)
        pulse.started(0, 0)
        pulse.troubled("listing of my-logs", "S3 denies s3:ListBucket\x1b[31m")
        pulse.not_reloaded("handler.py: no handler class")
        clock.now += BEAT_SECONDS
        pulse.looked()
        for told in (
            project.slips("status", "--json").json["service"],
            project.slips("top", "--json", "--count", "1").json["service"],
        ):
            assert told["troubles"] == {"listing of my-logs": "S3 denies s3:ListBucket\x1b[31m"}
            assert told["not_reloaded"] == "handler.py: no handler class"
            assert told["counts"]["delivered"] == 7
        lines = project.slips("status").out.splitlines()[1:3]
        assert lines == [
            "  cannot use listing of my-logs: S3 denies s3:ListBucket\\x1b[31m; tried again until it is mended",
            "  not reloaded: handler.py: no handler class",
        ]
        assert "cannot use listing of my-logs: S3 denies" in project.slips("top", "--count", "1").out
        pulse.mended("listing of my-logs")
        pulse.reloaded("handler.py")
        clock.now += BEAT_SECONDS
        pulse.looked()
        assert "cannot use" not in project.slips("status").out
        assert "not reloaded" not in project.slips("status").out


def test_the_row_of_a_service_of_the_version_before_shows_no_troubles(state: MachineState) -> None:
    row = ServiceRow(state)
    row.begin("slips up")
    state.execute("UPDATE service SET counts = '{\"delivered\": 7}'")
    found = row.get()
    assert found is not None
    assert (found.counts.delivered, found.troubles, found.not_reloaded) == (7, {}, "")


def test_a_reason_of_any_length_takes_little_room_in_the_state(state: MachineState) -> None:
    clock = Clock()
    pulse = Pulse(state.service, ServiceCounts(), "slips up", clock)
    pulse.started(0, 0)
    pulse.troubled("workers", "x" * 10**6)
    pulse.not_reloaded("y" * 10**6)
    clock.now += BEAT_SECONDS
    pulse.looked()
    ((size,),) = state.select("SELECT LENGTH(counts) FROM service")
    assert size < 10_000


def test_lanes_are_counted_by_an_index_and_the_first_event_is_the_oldest(state: MachineState) -> None:
    state.stream.put("slow", [object_event("a"), object_event("b")])
    state.execute("UPDATE lane SET put_at = put_at - 100 * (key = 'a')")
    lanes = state.lanes()
    assert (lanes["fast"].waiting, lanes["fast"].oldest_seconds, lanes["slow"].waiting) == (0, None, 2)
    assert lanes["slow"].oldest_seconds is not None
    assert lanes["slow"].oldest_seconds >= 100
    ((*_, plan),) = state.select("EXPLAIN QUERY PLAN SELECT COUNT(*) FROM lane WHERE lane = ?", ("slow",))
    assert "COVERING INDEX lane_order" in plan
    ((*_, plan),) = state.select(f"EXPLAIN QUERY PLAN {RETRYING}", ("slow",))
    assert "lane_retrying" in plan


def test_an_event_counts_as_retrying_from_its_first_failed_attempt_until_it_leaves_its_lane(
    state: MachineState,
) -> None:
    state.stream.put("slow", [object_event("a"), object_event("b")])
    delivery, _ = state.stream.take(2, {})
    assert state.lanes()["slow"].retrying == 0
    state.stream.failed_attempt(delivery)
    state.stream.failed_attempt(delivery)
    lanes = state.lanes()
    assert (lanes["fast"].retrying, lanes["slow"].retrying, lanes["slow"].waiting) == (0, 1, 2)
    state.stream.acknowledge(delivery)
    assert (state.lanes()["slow"].retrying, state.lanes()["slow"].waiting) == (0, 1)


def test_objects_that_are_put_on_a_paused_lane_are_said_to_wait_for_its_resumption(project: Project) -> None:
    project.fail("r1")
    project.slips("limit", "slow", "--pause", "--reason", "the sink moves")
    ends = r"lane slow is paused by \S+: the sink moves \('slips limit slow --resume' ends it\)\n"
    for number, waits in ((1, "it waits"), (2, "they wait")):
        project.put(f"json/{number}", {"n": 1})
        out = project.slips("push", "s3://my-logs/", "--again").out
        assert re.search(f"put: {number} on lane slow; {waits}: {ends}", out)
        project.put("json/0", {"n": 1})
    assert project.slips("drain").out == "1 item drained: 1 on lane fast; 'slips run' processes it now\n"


def test_a_pause_of_one_handler_or_of_one_lane_of_two_is_said_beside_who_processes_the_rest() -> None:
    of_handler = Pause("slow", "failures", "2026-01-01T00:00:00Z", "20 of 20 objects failed", handler="a.py")
    whole = Pause("fast", "operator", "2026-01-01T00:00:00Z", "")
    both: dict[Lane, int] = {"fast": 1, "slow": 1}
    words = "lane slow is paused for objects of a.py: 20 of 20 objects failed ('slips limit slow --resume' ends it)"
    assert Processing("the stack", [of_handler]).of(2, both) == f"the stack processes them now, but {words}"
    assert Processing("the stack", [of_handler]).of(2, both, asked=True) == "the stack processes them now"
    assert Processing("the stack", [whole]).of(1, {"fast": 1, "slow": 0}, asked=True).startswith("it waits: ")
    words = "lane fast is paused ('slips limit fast --resume' ends it)"
    assert Processing("the stack", [whole]).of(2) == f"the stack processes them now, but {words}"
    assert Processing("the stack", [whole]).of(1, {"fast": 1, "slow": 0}) == f"it waits: {words}"
    assert Processing("the stack", [whole]).of(1, {"fast": 0, "slow": 1}) == "the stack processes it now"


def test_what_is_put_on_a_lane_beside_a_service_is_processed_by_that(project: Project) -> None:
    project.fail("r1")
    with closing(MachineState.open(project.root / "state")) as state:
        state.service.begin("slips up")
        out = project.slips("drain").out
        assert out == f"1 item drained: 1 on lane fast; the service, process {os.getpid()}, processes it now\n"
        project.put("json/b", {"n": 1})
        assert f"; the service, process {os.getpid()}, processes it now" in project.slips("push", "s3://my-logs/").out
        state.execute("UPDATE service SET heartbeat = heartbeat - 200")
        project.put("json/c", {"n": 1})
        assert "; 'slips run' processes it now" in project.slips("push", "s3://my-logs/").out
