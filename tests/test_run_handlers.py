"""Promises of `run` about handlers that fail, crash and hang."""

from __future__ import annotations

import gzip
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, cast

import pytest

from fakes import object_event
from running import GUARD, HANDLER, LIMIT, Project, Watch, eventually, gone, hanging, project, results
from slips.config import Config, HandlerConfig
from slips.errors import NoProgressError, UsageError
from slips.model import ObjectEvent, Outcome
from slips.pipeline.conclude import ATTEMPTS
from slips.pipeline.ended import Failure
from slips.service.counters import Counters
from slips.service.pool import GAP_SECONDS, Awake, Pool
from slips.service.summary import Summary
from slips.service.supervisor import LOOK_SECONDS, Supervisor
from slips.service.worker import Heartbeat
from slips.service.worker_process import GLIBC, Worker

__all__ = ["project"]


HANGS = """
import ctypes, os, signal, time
from pathlib import Path

import slips.interface

HERE = Path(__file__).parent


def hang(how):
    try:
        os.close(os.open(HERE / "once", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(each, signal.SIG_IGN)
    if how == "C":
        ctypes.PyDLL(None).sleep(3600)  # holds Python's lock
    if how == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(3600)


class Hangs(slips.interface.Handler):
    how = (HERE / "bucket" / "a").read_text().strip()

    def setup(self, args):
        if self.how == "setup":
            hang(self.how)

    def recv(self, meta, event):
        if self.how in ("C", "stop"):
            hang(self.how)

    def result(self):
        if self.how == "result":
            hang(self.how)
        return "done"
"""


def test_a_handler_that_raises_once_is_tried_again_and_leaves_no_error(project: Project) -> None:
    project.put("a.log", "before", "raise-once a", "after")
    summary = project.run()
    assert results(summary) == {"a.log": ["before", "raise-once a", "after"]}
    assert project.watch.failures == [("a.log", 1, False)]
    assert (summary.objects, summary.failed, summary.records, project.errors) == (1, 0, 3, [])


def test_after_three_attempts_there_is_an_item_with_the_users_line_in_its_traceback(project: Project) -> None:
    project.put("a.log", "before", "raise it", "after")
    project.put("b.log", "good")
    summary = project.run()
    assert (summary.objects, summary.failed, results(summary)) == (2, 1, {"b.log": ["good"]})
    (item,) = project.errors
    assert (item.kind, item.stage, item.error_type, item.attempts, item.seq) == (
        "object",
        "handler",
        "ValueError",
        3,
        2,
    )
    assert item.message == "s3://my-logs/a.log: record 2: Scripted.recv raised ValueError: told to raise it"
    line = HANDLER[: HANDLER.index("raise ValueError(f")].count("\n") + 1
    assert f'handler.py", line {line}, in recv' in item.traceback
    assert [event.object_key for event in item.events] == ["a.log"]
    assert item.code_version
    assert len(project.lines("tried")) == ATTEMPTS
    assert project.watch.failures == [("a.log", 1, False), ("a.log", 2, False), ("a.log", 3, True)]
    assert project.ledger == {"a.log": "failed", "b.log": "done"}


@pytest.mark.parametrize(
    ("name", "own"), [("MALLOC_TRIM_THRESHOLD_", "4096"), ("GLIBC_TUNABLES", "glibc.pthread.rseq=1")]
)
@pytest.mark.parametrize("is_own", [True, False])
def test_a_worker_has_the_settings_of_glibc_that_the_user_has_or_else_its_own(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, own: str, is_own: bool
) -> None:
    monkeypatch.delenv(name, raising=False)
    if is_own:
        monkeypatch.setenv(name, own)
    project.handler(f"""
import os
import slips.interface

class Tells(slips.interface.Handler):
    def recv(self, meta, event):
        pass

    def result(self):
        return os.environ["{name}"]
""")
    project.put("a.log", "1")
    assert results(project.run()) == {"a.log": own if is_own else GLIBC[name]}


def test_an_error_that_a_retry_cannot_mend_is_reported_at_once(project: Project) -> None:
    project.put("damaged.gz", body=gzip.compress(b"1\n2\n")[:-4])
    project.put("good.log", "1")
    summary = project.run()
    assert (summary.failed, results(summary)) == (1, {"good.log": ["1"]})
    (item,) = project.errors
    assert (item.stage, item.attempts) == ("decompression", 1)


@pytest.mark.slow
def test_a_handler_that_ends_its_process_costs_its_object_three_attempts_and_no_other_anything(
    project: Project,
) -> None:
    project.put("b-exit", "1", "exit 7")
    project.put("c-kill", f"kill {signal.SIGKILL.value}")
    project.put("d-segv", f"kill {signal.SIGSEGV.value}")
    for key in ("a", "c", "d", "e"):
        project.put(key, "good")
    summary = project.run(workers=2)
    assert results(summary) == {key: ["good"] for key in "acde"}
    assert (summary.objects, summary.failed) == (7, 3)
    items = {item.events[0].object_key: item for item in project.errors}
    assert {(item.stage, item.error_type, item.attempts) for item in items.values()} == {("worker", "WorkerDied", 3)}
    assert "/b-exit: record 2: the handler ended its process with exit status 7 in recv" in items["b-exit"].message
    assert {key: item.seq for key, item in items.items()} == {"b-exit": 2, "c-kill": 1, "d-segv": 1}
    assert "was killed by signal 9" in items["c-kill"].message
    assert "was killed by signal 11" in items["d-segv"].message
    assert Counter(key for key, _, _ in project.watch.failures) == {"b-exit": 3, "c-kill": 3, "d-segv": 3}


@pytest.mark.slow
def test_a_handler_that_hangs_is_killed_and_one_that_is_slow_is_not(project: Project) -> None:
    project.configure(handler=HandlerConfig(path="handler.py", timeout=4))
    project.put("hangs", "1", "nap 3600")
    project.put("slow", *["nap 0.4"] * 12)
    summary = project.run(workers=2)
    assert list(results(summary)) == ["slow"]
    (item,) = project.errors
    assert (item.stage, item.error_type, item.attempts) == ("worker", "WorkerTimeout", 3)
    assert "/hangs: record 2: the handler gave no sign of life for longer than 'handler.timeout'" in item.message
    assert (item.message.endswith("killed in recv"), item.seq) == (True, 2)


@pytest.mark.slow
def test_a_run_that_takes_longer_than_its_time_goes_on_behind_its_last_record_in_another(project: Project) -> None:
    project.configure(handler=HandlerConfig(path="handler.py", timeout=1))
    project.put("long", *["nap 0.3"] * 10)
    summary = project.run(workers=2, clock=lambda: 0.0)  # a busy machine must not make a nap a hang
    parts = [each["result"] for each in summary.results]
    assert len(parts) > 1
    assert parts == [["nap 0.3"] * len(part) for part in parts]
    assert (sum(map(len, parts)), len(project.lines("done"))) == (10, len(parts))
    assert (summary.objects, summary.records, summary.delivered, summary.replayed_records) == (1, 10, 10, 0)
    assert (project.errors, project.waiting(), project.ledger) == ([], [], {"long": "done"})
    assert project.run().objects == 0


@pytest.mark.slow
@pytest.mark.parametrize("method", ["setup", "result", "C"])
def test_a_handler_that_hangs_wherever_it_does_costs_its_object_one_attempt(
    project: Project, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """It also ignores every signal that a process can ignore."""
    project.configure(handler=HandlerConfig(path="handler.py", timeout=LIMIT))
    project.handler(HANGS)
    project.put("a", method)
    clock = hanging(monkeypatch, (project.root / "once").exists)
    assert (results(project.run(clock=clock)), project.errors) == ({"a": "done"}, [])
    assert project.watch.failures == [("a", 1, False)]


def test_a_worker_that_is_stopped_alone_costs_its_object_one_attempt(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.configure(handler=HandlerConfig(path="handler.py", timeout=LIMIT))
    project.handler(HANGS)
    project.put("a", "stop")
    clock = hanging(monkeypatch, (project.root / "once").exists)
    assert (results(project.run(clock=clock)), project.errors) == ({"a": "done"}, [])
    assert project.watch.failures == [("a", 1, False)]


def test_a_beat_stops_a_run_whose_time_is_up_and_begins_anew_with_the_next() -> None:
    heart = Heartbeat(lambda _: None, [0, 0, 0], 3)
    for _ in range(2):
        heart.begin()
        heart.beat(1.0)
        heart.beat(3600.0)  # the process was stopped meanwhile
        assert not heart.tick(1)
        heart.beat(1.0)
        assert heart.tick(2)
        with pytest.raises(NoProgressError, match="no progress: the time limit came at record 3, before"):
            heart.passed(3)


def test_a_beat_without_a_limit_stops_no_run() -> None:
    heart = Heartbeat(lambda _: None, [0, 0, 0])
    for _ in range(2000):
        heart.beat(1.0)
    assert not heart.tick(1)


@pytest.mark.slow
@pytest.mark.parametrize("action", ["garbage", "giant", "close"])
def test_a_handler_that_spoils_the_pipes_of_its_worker_costs_its_object_only(project: Project, action: str) -> None:
    project.put("a", "good")
    project.put("b", action)
    project.put("c", "good")
    summary = project.run()
    assert results(summary) == {"a": ["good"], "c": ["good"]}
    (item,) = project.errors
    assert (item.events[0].object_key, item.attempts) == ("b", 3)


def test_a_worker_that_closes_its_pipe_and_lives_on_keeps_no_others_from_their_objects(project: Project) -> None:
    """The clock stands still, so that it is not killed, until an object has begun and ended since."""

    class Order(Watch):
        done_before: list[str]

        def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
            super().failed(event, failure, attempt, final)
            self.done_before = project.lines("done")
            self.message = failure.message

    def clock() -> float:
        return next(seconds) if "c\t1" in project.lines("done") else 0.0

    seconds = map(float, count(1))
    project.put("a", "hang-up")
    project.put("b", "wait hung up")
    project.put("c", "good")
    watch, state = Order(), project.state()
    with state.exclusive():
        summary = Supervisor(project.config, state, watch, workers=2, clock=clock).run()
    state.close()
    assert results(summary) == {"a": ["hang-up"], "b": ["wait hung up"], "c": ["good"]}
    assert watch.done_before == ["b\t1", "c\t1"]
    assert "the handler closed the pipe of its worker and was killed in recv" in watch.message


@pytest.mark.slow
def test_a_message_that_does_not_end_costs_an_attempt_without_a_timeout(project: Project) -> None:
    project.put("a", "forge")
    assert results(project.run()) == {"a": ["forge"]}
    assert project.watch.failures == [("a", 1, False)]


class Unending:
    """A process that does not end when it is killed, as one that waits for a dead share: it is only stopped."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGSTOP)


def has_ended(child: int) -> bool:
    """Whether all threads of a child process have ended: without its first one it is a zombie that still runs."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


class WithUnending(Pool):
    """A pool whose first `count` workers do not end when they are killed."""

    def __init__(self, project: Project, count: int, workers: int, clock: Callable[[], float]) -> None:
        self._left = count
        config, warn = project.config, project.watch.warned
        super().__init__(config, workers, endpoint_url=None, region=None, warn=warn, clock=clock)

    def _started(self, config: Config, broken: dict[str, str]) -> Worker | None:
        worker = super()._started(config, broken)
        if worker is not None and self._left:
            self._left -= 1
            worker._process = cast("Any", Unending(worker._process))
        return worker


BLOCKS = """case "block-once":
                note("began", self.key)
                if first_time(what):
                    note("begun", os.getpid())
                    wait_for("answer")
            case "spin":"""


def run_with_unending(project: Project, count: int, clock: Callable[[], float]) -> Summary:
    state = project.state()
    with state.exclusive():
        pool = WithUnending(project, count, 1, clock)
        summary = Supervisor(project.config, state, project.watch, workers=1, pool=pool, pause=lambda _: 0.0).run()
    state.close()
    return summary


@pytest.mark.slow
def test_a_killed_worker_that_does_not_end_gives_its_object_back_and_cannot_conclude_it_later(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slips.service.worker_process.LOST_SECONDS", 1.0)
    monkeypatch.setattr("slips.service.pool.GAP_SECONDS", GUARD)
    project.configure(handler=HandlerConfig(path="handler.py", timeout=LIMIT))
    project.handler(HANDLER.replace('case "spin":', BLOCKS))
    project.put("a", "block-once a")
    project.put("b", "wait late")

    def clock() -> float:
        begun = project.lines("begun")
        if project.watch.failures and begun:
            (project.root / "answer").touch()
            with suppress(ProcessLookupError):
                os.kill(int(begun[0]), signal.SIGCONT)
            if gone(int(begun[0])):
                (project.root / "late").touch()
        elif begun:
            looks.append(1)
        return len(looks) * LIMIT / 2

    looks: list[int] = []
    summary = run_with_unending(project, 1, clock)
    assert results(summary) == {"a": ["block-once a"], "b": ["wait late"]}
    assert (project.errors, project.watch.failures) == ([], [("a", 1, False)])
    assert (project.lines("began"), project.lines("done").count("a\t1")) == (["a"] * 2, 1)
    (pid, *_) = project.lines("begun")
    (warning,) = project.watch.warnings
    assert warning.startswith(f"the worker with process id {pid} was killed, and does not end: it waits for a device")


@pytest.mark.slow
@pytest.mark.real_processes  # whose end is looked for among the children of this one
def test_no_more_workers_that_do_not_end_are_left_behind_than_workers_are_wanted(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each keeps its memory: on a share that is dead for days, they would be hundreds."""
    monkeypatch.setattr("slips.service.worker_process.LOST_SECONDS", 1.0)
    monkeypatch.setattr("slips.service.pool.GAP_SECONDS", GUARD)
    project.configure(handler=HandlerConfig(path="handler.py", timeout=LIMIT))
    project.handler(HANDLER.replace('case "spin":', BLOCKS))
    project.put("a", "block-once a", "block-once again")
    looks: list[int] = []
    both: list[str] = []
    killed: list[int] = []

    def clock() -> float:
        """Return a time that goes on while the latest attempt blocks."""
        begun = project.lines("begun")
        if len(begun) > len(project.watch.failures):
            looks.append(1)
        both.extend(begun[1:])
        if len(both) > 10 and not killed:
            assert project.watch.failures == [("a", 1, False)]
            killed.extend(map(int, reversed(begun)))
            for pid in killed:  # the one that was left behind last: until then there is no room for the other
                os.kill(pid, signal.SIGKILL)
                eventually(partial(has_ended, pid), "a worker that is killed ends")
        return len(looks) * LIMIT / 2

    assert results(run_with_unending(project, 2, clock)) == {"a": ["block-once a", "block-once again"]}
    assert project.watch.failures == [("a", 1, False), ("a", 2, False)]
    assert len(project.watch.warnings) == 1


def test_a_clock_stands_still_while_its_process_does() -> None:
    clock = iter((0.0, 0.25, 0.5, 3600.5, 3600.75))
    awake = Awake(lambda: next(clock))
    for _ in range(4):
        awake.look()
    assert awake.seconds == 0.5 + GAP_SECONDS + 0.25


def test_a_short_stop_of_the_run_counts_no_more_than_a_wait_for_its_workers() -> None:
    """With a time-out of 1 s, three stops of 2 s are no silence of a worker that says something every 0.2 s."""
    clock = iter((0.0, 2.0, 4.0, 6.0))
    awake = Awake(lambda: next(clock))
    for _ in range(3):
        awake.look()
    assert LOOK_SECONDS <= GAP_SECONDS
    assert awake.seconds < 1


def test_a_machine_that_is_suspended_is_no_silence_of_a_worker(project: Project) -> None:
    """The clock of the supervisor jumps when the handler has begun, and would be far beyond the time-out."""
    project.configure(handler=HandlerConfig(path="handler.py", timeout=60))
    project.put("a", "wait go")

    def clock() -> float:
        begun = len(project.lines("begun"))
        if begun:
            (project.root / "go").touch()
        return time.monotonic() + 3600 * begun

    assert results(project.run(clock=clock)) == {"a": ["wait go"]}
    assert project.watch.failures == []


def dying_import(dies: str) -> str:
    """A handler whose process is killed at its import number `n`, from 1, where `dies` is true."""
    start = (
        "note('imports', 1)\n"
        "n = len((HERE / 'imports').read_text().splitlines())\n"
        f"if {dies}: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    head, class_, body = HANDLER.partition("class Scripted")
    return head + start + class_ + body


@pytest.mark.slow
@pytest.mark.parametrize("dies", ["n == 1", "n < 3", "n == 2"])
def test_a_worker_that_dies_while_it_starts_is_started_again(project: Project, dies: str) -> None:
    project.handler(dying_import(dies))
    project.put("a", "exit 7")
    project.put("b", "good")
    summary = project.run()
    assert (results(summary), summary.failed) == ({"b": ["good"]}, 1)
    assert [failure[1] for failure in project.watch.failures] == [1, 2, 3]


@pytest.mark.slow
def test_a_run_goes_on_with_the_workers_that_could_be_started(project: Project) -> None:
    project.handler(dying_import("not first_time('import')"))
    for number in range(4):
        project.put(f"{number}", "wait go")

    def clock() -> float:
        if project.watch.warnings:
            (project.root / "go").touch()
        return time.monotonic()

    assert len(results(project.run(workers=4, clock=clock))) == 4
    assert "was killed by signal 9; expected it to import without that; going on with" in project.watch.warnings[0]
    assert project.watch.failures == []


@pytest.mark.slow
def test_a_worker_that_dies_at_each_start_ends_the_run_and_costs_no_object_anything(project: Project) -> None:
    project.handler(dying_import("True"))
    project.put("a", "good")
    with pytest.raises(UsageError, match="importing the handler was killed by signal 9"):
        project.run(workers=4)
    assert project.waiting() == [("a", 0)]
    project.handler(HANDLER)
    assert results(project.run()) == {"a": ["good"]}


@pytest.mark.slow
@pytest.mark.parametrize(("files", "said"), [(10, "state"), (16, "ulimit -n"), (24, "ulimit -n")])
def test_too_few_open_files_are_told_with_the_limit_and_nothing_is_lost(
    project: Project, files: int, said: str
) -> None:
    project.put("a", "good")
    process = project.start("RLIMIT_NOFILE", str(files))
    _, err = process.communicate(timeout=GUARD)
    assert (process.returncode, "Traceback" in err, "bug of slips" in err) == (2, False, False)
    assert f"may open {files} files at once" in err
    assert results(project.run()) == {"a": ["good"]}


@pytest.mark.slow
def test_a_low_limit_of_open_files_means_fewer_workers(project: Project) -> None:
    for number in range(9):
        project.put(f"{number}", "good")
    process = project.start("RLIMIT_NOFILE", "36")
    out, err = process.communicate(timeout=GUARD)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["objects"] == 9


@pytest.mark.slow
def test_a_dead_worker_is_noticed_though_a_child_of_its_handler_lives_on(project: Project) -> None:
    project.put("a", "orphan")
    project.put("b", "good")
    try:
        summary = project.run()
    finally:
        for pid in project.lines("orphan"):
            os.kill(int(pid), signal.SIGKILL)
    assert (results(summary), [item.events[0].object_key for item in project.errors]) == ({"b": ["good"]}, ["a"])


BAD_HANDLERS = {
    "syntax error": ("class Mine(:\n", r"handler.py:1: importing the handler raised SyntaxError"),
    "no handler": ("import slips.interface\n", "no class derived from slips.interface.Handler"),
    "sys.exit": ("import sys\n\nsys.exit(0)\n", r"handler.py:3: importing the handler raised SystemExit"),
    "os._exit": ("import os\nos._exit(0)\n", "importing the handler ended its process with exit status 0"),
    "raises": ("x = 1\nx.nothing\n", r"handler.py:2: importing the handler raised AttributeError"),
    "base": ("class E(BaseException): pass\n\nraise E('x')\n", r"handler.py:3: importing the handler raised E: x"),
    "import": ("import no_such_module_\n", r"handler.py:1: importing the handler raised ModuleNotFoundError"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", BAD_HANDLERS)
def test_a_handler_file_that_cannot_be_used_ends_the_run_before_anything_is_taken(project: Project, kind: str) -> None:
    text, message = BAD_HANDLERS[kind]
    project.handler(text)
    project.put("a", "1")
    with pytest.raises(UsageError, match=message) as caught:
        project.run()
    assert caught.value.exit_status == 2
    assert (project.errors, project.ledger) == ([], {})
    project.handler(HANDLER)
    assert results(project.run()) == {"a": ["1"]}


CHATTY = """
import os, subprocess, sys
import slips.interface

print("at import")

class Chatty(slips.interface.Handler):
    def __init__(self):
        print("in __init__", flush=True)

    def recv(self, meta, event):
        print("printed \\udcff é")
        sys.stdout.write("written to stdout\\n")
        sys.__stdout__.write("written to __stdout__\\n")
        sys.__stdout__.flush()
        os.write(1, b"\\x00\\x00\\x00\\x02written to 1\\n")
        subprocess.run(["echo", "from a subprocess"])
        os.system("echo from a shell")
        cat = subprocess.run(["cat"], capture_output=True)
        self.input = [sys.stdin.read(), os.read(0, 10).decode(), cat.stdout.decode()]
        try:
            input()
        except EOFError:
            self.input.append("EOF")

    def result(self):
        return self.input
"""


def test_prints_of_handlers_go_to_standard_error_and_their_input_is_empty(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    project.handler(CHATTY)
    project.put("a", "1")
    project.put("b", "1")
    assert results(project.run()) == {key: ["", "", "", "EOF"] for key in "ab"}
    out, err = capfd.readouterr()
    assert out == ""
    for text in ("at import", "in __init__", "printed \\udcff é", "to stdout", "to __stdout__", "to 1", "from a"):
        assert text in err
    assert err.count("from a subprocess") == err.count("from a shell") == 2


RESULTS = """
import datetime, slips.interface

class Odd: pass

class A(slips.interface.Handler):
    def recv(self, meta, event): self.number = int(event["message"])
    def result(self):
        loop = []
        loop.append(loop)
        all = [{1, 1}, b"\\xff", datetime.date(2018, 3, 29), "\\udcff", loop, Odd(), 10**100, float("nan")]
        return all[self.number]
"""


def test_results_that_are_not_json_are_made_so(project: Project) -> None:
    project.handler(RESULTS)
    for number in range(8):
        project.put(str(number), str(number))
    summary = project.run()
    found = results(summary)
    assert (summary.objects, summary.failed) == (8, 0)
    odd = found.pop("5")
    assert odd.startswith("<handler.Odd object")
    assert found == {
        "0": [1],
        "1": "/w==",
        "2": "2018-03-29",
        "3": "'\\udcff'",
        "4": "[[...]]",
        "6": 10**100,
        "7": None,
    }
    json.dumps(summary.results)


def test_environment_of_the_config_is_the_handlers(project: Project) -> None:
    project.handler(
        "import os\nimport slips.interface\nLEVEL = os.environ['LEVEL']\n"
        "class A(slips.interface.Handler):\n"
        "    def setup(self, args): self.args = args\n"
        "    def recv(self, meta, event): pass\n"
        "    def result(self): return [LEVEL, self.args, 'HOME' in os.environ]\n"
    )
    project.configure(handler=HandlerConfig(path="handler.py", environment={"LEVEL": "é"}, args={"n": [1, None]}))
    project.put("a", "1")
    assert results(project.run()) == {"a": ["é", {"n": [1, None]}, True]}


def test_an_object_of_many_parts_counts_once_and_each_of_its_records(project: Project) -> None:
    counters = Counters(project.config, lambda: project.config)
    event, outcome = object_event("a", lane="fast"), Outcome(records=3, delivered=3)
    for _ in range(2):
        counters.continued(event, outcome)
    counters.succeeded(event, outcome)
    assert (counters.counts.lanes["fast"].done, counters.counts.delivered) == (1, 9)
