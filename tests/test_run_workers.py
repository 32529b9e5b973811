"""Promises of `run` about its worker processes, and its memory."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from running import FORMAT, GUARD, Project, eventually, gone, project, results
from slips.config import HandlerConfig
from slips.config.schema import Limits
from slips.pipeline.conclude import ATTEMPTS
from slips.service.supervisor import Supervisor
from slips.service.worker_process import RELEASE_SECONDS, STOP_SECONDS, Worker, end_all

__all__ = ["project"]


# ---- workers


@pytest.mark.slow
def test_several_workers_run_at_once_and_one_object_is_one_workers(project: Project) -> None:
    for key in ("1 2 3", "2 3 1", "3 1 2"):
        project.put(key, f"meet {key}")
    for number in range(30):
        project.put(f"more {number}", "1")
    summary = project.run(workers=3)
    assert (summary.objects, summary.failed) == (33, 0)
    assert len(set(project.lines("here 1") + project.lines("here 2") + project.lines("here 3"))) == 3
    assert max(Counter(project.lines("done")).values()) == 1


@pytest.mark.slow
def test_as_many_workers_as_the_config_says(project: Project) -> None:
    project.configure(handler=HandlerConfig(path="handler.py", concurrency=3))
    for key in ("1 2 3", "2 3 1", "3 1 2"):
        project.put(key, f"meet {key}")
    state = project.state()
    with state.exclusive():
        assert Supervisor(project.config, state, project.watch).run().objects == 3
    state.close()


def test_an_idle_worker_may_finish_what_its_handler_left_to_the_end(project: Project) -> None:
    project.handler(
        "import atexit, time\nfrom pathlib import Path\nimport slips.interface\n"
        "def end():\n    time.sleep(0.2)\n    (Path(__file__).parent / 'end').touch()\n"
        "atexit.register(end)\n"
        "class A(slips.interface.Handler):\n    def recv(self, meta, event): pass\n"
    )
    project.put("a", "1")
    project.run()
    assert (project.root / "end").exists()


def test_workers_that_do_not_end_are_killed_together_after_the_time_of_one() -> None:
    class Late(Worker):
        """Ends in so many seconds of a clock that only waits advance."""

        def __init__(self, seconds: float) -> None:
            self.end, self.did = seconds, list[str]()

        def dismiss(self) -> None:
            self.did.append("dismissed")

        def ends_within(self, seconds: float) -> bool:
            now[0] = min(now[0] + seconds, max(now[0], self.end))
            return now[0] >= self.end

        def kill(self, why: str, now: float) -> None:
            self.did.append("killed")

        def release(self) -> str:
            self.did.append("released")
            return ""

    now = [0.0]
    late, soon = [Late(GUARD) for _ in range(8)], Late(STOP_SECONDS / 2)
    end_all([*late, soon], clock=lambda: now[0])
    assert now == [STOP_SECONDS]
    assert [each.did for each in late] == [["dismissed", "killed", "released"]] * 8
    assert soon.did == ["dismissed", "released"]


def test_a_killed_process_that_the_system_does_not_end_is_left_behind() -> None:
    class Stuck:
        """A process that waits for a dead share: no signal ends it."""

        stdin = io.BytesIO()

        def wait(self, timeout: float) -> int:
            waited.append(timeout)
            raise subprocess.TimeoutExpired("worker", timeout)

    class Closes:
        def close(self) -> None:
            closed.append("closed")

    waited, closed = list[float](), list[str]()
    worker = Worker.__new__(Worker)
    worker._process, worker._killed = cast("Any", Stuck()), ""
    worker.answers, worker._cells, worker._lifeline = cast("Any", Closes()), cast("Any", Closes()), os.pipe()[0]
    worker._permit = cast("Any", Closes())
    assert worker.release() == "was killed, and the system has not ended its process within 0.5 s"
    assert (waited, closed) == ([RELEASE_SECONDS], ["closed"] * 3)


def wait_until_gone(*pids: int) -> None:
    eventually(lambda: all(map(gone, pids)), "a worker outlives its supervisor")


@pytest.mark.parametrize("action", ["spin", "hold", "wait for-ever"])
def test_workers_end_soon_after_their_supervisor_is_killed(project: Project, action: str) -> None:
    project.put("a", action)
    process = project.start()
    (pid,) = project.wait_for_begun()
    process.kill()
    process.communicate()
    wait_until_gone(pid)


@pytest.mark.slow
def test_a_supervisor_that_is_killed_costs_its_objects_no_attempt(project: Project) -> None:
    project.put("a", "wait go-on")
    for times in range(1, ATTEMPTS + 2):
        process = project.start()
        project.wait_for_begun(times)
        process.kill()
        process.communicate()
        assert project.waiting() == [("a", 0)]
    (project.root / "go-on").touch()
    assert results(project.run()) == {"a": ["wait go-on"]}
    assert (project.errors, project.waiting()) == ([], [])


@pytest.mark.slow
def test_attempts_outlive_their_supervisor(project: Project) -> None:
    project.put("a", "raise it")
    project.put("b", "wait go-on")
    process = project.start()
    eventually(lambda: len(project.lines("tried")) == 2, "there was no second attempt")
    process.kill()
    process.communicate()
    # The second may have died with the supervisor, the first not.
    (failed,) = (attempts for key, attempts in project.waiting() if key == "a")
    assert failed in (1, 2)
    (project.root / "go-on").touch()
    assert project.run().failed == 1
    assert [item.attempts for item in project.errors] == [3]
    assert len(project.lines("tried")) == 2 + (3 - failed)


@pytest.mark.slow
def test_an_interrupted_run_ends_its_workers_and_loses_nothing(project: Project) -> None:
    project.put("a", "wait go-on")
    process = project.start()
    (pid,) = project.wait_for_begun()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=GUARD)
    assert gone(pid)
    (project.root / "go-on").touch()
    assert results(project.run()) == {"a": ["wait go-on"]}


@pytest.mark.slow
def test_killed_at_any_moment_no_object_is_lost_and_none_is_done_that_was_not(project: Project) -> None:
    project.format("s3-lines", "formats.py:words")
    (project.root / "formats.py").write_text(FORMAT)
    good = {f"{number:02} good": 1 + number % 5 for number in range(40)}
    for key, count in good.items():
        project.put(key, "nap 0.1", *["x"] * (count - 1))
    bad = [f"{number:02} bad" for number in range(0, 40, 5)]
    for key in bad:
        project.put(key, "nap 0.05", "bad", "x", "bad")
    raising = [f"{number:02} raises" for number in range(0, 40, 7)]
    for key in raising:
        project.put(key, "x", "raise")
    damaged = [f"{number:02} damaged" for number in range(0, 40, 7)]
    for key in damaged:
        project.put(key, body=gzip.compress(b"x\n" * 1000)[:-5])
    project.put("99 waits", "wait go-on")  # so that no run ends by itself
    expected = good | dict.fromkeys(bad, 2) | {"99 waits": 1}

    def finished() -> dict[str, int]:
        return {key: int(count) for key, count in (line.split("\t") for line in project.lines("done"))}

    chance = random.Random(2018)
    for _ in range(16):
        process = project.start(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.05, 1.0))
        workers = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.kill()
        assert process.wait() == -signal.SIGKILL
        wait_until_gone(*workers)
        for key, status in project.ledger.items():
            assert status != "done" or finished()[key] == expected[key]
    (project.root / "go-on").touch()
    process = project.start()
    out, err = process.communicate(timeout=GUARD)
    assert process.returncode == 0, err
    assert json.loads(out)["objects"] >= 1
    assert finished() == expected
    assert {key for key, status in project.ledger.items() if status == "done"} == set(expected)
    items = {(item.kind, item.events[0].object_key): item for item in project.errors}
    assert len(items) == len(project.errors)
    assert {key for kind, key in items if kind == "object"} == {*raising, *damaged}
    assert {key for kind, key in items if kind == "records"} == set(bad)
    assert all(items["object", key].attempts == ATTEMPTS for key in raising)
    assert all(items["object", key].attempts == 1 for key in damaged)
    assert all(items["records", key].records == [(2, 2), (4, 4)] for key in bad)
    assert (project.waiting(), project.run().objects) == ([], 0)


# ---- memory is bounded (promise 7)


PEAK = """
import slips.interface

class Peak(slips.interface.Handler):
    def recv(self, meta, event): pass
    def result(self):
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
"""


@pytest.fixture
def peak(project: Project) -> Callable[[], int]:
    """Peak memory of a worker that processes the pending object, in bytes; the supervisor's own is not in it."""
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc here")
    project.handler(PEAK)

    def measure() -> int:
        (value,) = results(project.run()).values()
        return int(value)

    return measure


@pytest.mark.slow
def test_a_line_of_100_megabytes_is_quarantined_in_flat_memory(project: Project, peak: Callable[[], int]) -> None:
    project.put("tiny", "1")
    tiny = peak()
    with project.put("giant", "1").open("ab") as file:
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n2\n")
    giant = peak()
    assert giant - tiny < 40_000_000
    (item,) = project.errors
    assert (item.kind, item.records, item.error_type) == ("records", [(2, 2)], "RecordTooLong")
    assert "100,000,000 bytes, over the limit of 16,777,216" in item.message
    assert len(item.samples[0].raw) < 10_000
    project.configure(limits=Limits(record_bytes=1000))
    project.drain()
    assert project.run().quarantined == 1


@pytest.mark.once
@pytest.mark.slow
def test_many_bad_records_between_good_ones_are_kept_in_flat_memory(project: Project, peak: Callable[[], int]) -> None:
    project.format("s3-lines", "json")
    project.put("tiny", "{}")
    tiny = peak()
    project.put("bad", body=b"{}\n7\n" * 300_000)
    before = psutil.Process().memory_info().rss
    assert peak() - tiny < 40_000_000
    assert psutil.Process().memory_info().rss - before < 60_000_000
    items = project.errors
    assert (len(items), sum(len(item.records) for item in items)) == (300, 300_000)
