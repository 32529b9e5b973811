"""Promises of `run`: real files, real worker processes, and everything that can go wrong with them."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from msgspec.structs import replace

from slips.backends.machine.directory import Stores
from slips.backends.machine.lanes import SqliteStream
from slips.backends.machine.sqlite import FILE
from slips.backends.machine.state import MachineState
from slips.config import BackendConfig, Config, HandlerConfig, Limits, Mapping, Route
from slips.config import Embedded as EmbeddedConfig
from slips.errors import SlipsError, StateError, UsageError
from slips.model import ErrorItem, Lane, ObjectEvent, Outcome
from slips.pipeline.conclude import ATTEMPTS
from slips.pipeline.ended import Failure
from slips.pipeline.replay import Replayed, replay
from slips.ports import Stream
from slips.service.pool import GAP_SECONDS, Awake
from slips.service.summary import Summary
from slips.service.supervisor import LOOK_SECONDS, Supervisor
from slips.site import MachineSite

GUARD = 600.0
"""Seconds after which something is taken for hung."""

# What this handler does is written in the objects.
HANDLER = '''
import ctypes, os, re, signal, subprocess, sys, time
from pathlib import Path

import slips.interface

HERE = Path(__file__).parent


def note(name, text):
    """Adds a line to a file, at once and whole."""
    file = os.open(HERE / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{text}\\n".encode("utf-8", "surrogateescape"))
    os.close(file)


def first_time(what):
    try:
        os.close(os.open(HERE / f"once {what}".replace("/", "-"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def wait_for(name):
    while not (HERE / name).exists():
        time.sleep(0.01)


class Scripted(slips.interface.Handler):
    def setup(self, args):
        self.messages = []
        self.key = ""

    def recv(self, meta, event):
        self.key = meta.source.object_key
        message = event["message"]
        self.messages.append(message)
        do, _, what = message.partition(" ")
        match do:
            case "raise":
                note("tried", self.key)
                raise ValueError(f"told to raise {what}")
            case "raise-once":
                if first_time(what):
                    raise ValueError("only once")
            case "exit":
                os._exit(int(what))
            case "kill":
                os.kill(os.getpid(), int(what))
            case "nap":
                time.sleep(float(what.split()[0]))
            case "spin":
                note("begun", os.getpid())
                while True:
                    pass
            case "hold":
                note("begun", os.getpid())
                re.match(r"(a|aa)+$", "a" * 60 + "b")  # holds Python's lock for years
            case "wait":
                note("begun", os.getpid())
                wait_for(what)
            case "meet":
                me, *others = what.split()
                note(f"here {me}", os.getpid())
                for other in others:
                    wait_for(f"here {other}")
            case "write":
                path, _, text = what.partition(" ")
                if first_time(what):
                    with open(path, "a") as file:
                        file.write(f"{text}\\n")
            case "garbage":
                for number in range(3, 64):
                    try:
                        os.write(number, b"\\0\\0\\0\\5hello")
                    except OSError:
                        pass
            case "giant":
                for number in range(3, 64):
                    try:
                        os.write(number, b"\\0\\0\\0\\0\\x35\\xa4\\xe9\\0")
                    except OSError:
                        pass
                time.sleep(3600)
            case "forge":
                # A part of a message as only the worker writes them: its token is in a closure.
                import gc
                answer = next(o for o in gc.get_objects() if type(o).__name__ == "Heartbeat")._answer
                cells = dict(zip(answer.__code__.co_freevars, answer.__closure__))
                pipe, token = cells["answers"].cell_contents, cells["token"].cell_contents
                if first_time("forge"):
                    os.write(pipe.fileno(), token + b"\\x35\\xa4\\xe9\\0")
                    time.sleep(3600)
            case "close":
                os.closerange(3, 64)
            case "orphan":
                if os.fork() == 0:
                    note("orphan", os.getpid())
                    time.sleep(50)
                    os._exit(0)
                os._exit(9)

    def result(self):
        note("done", f"{self.key}\\t{len(self.messages)}")
        return self.messages
'''

DRIVER = """
import resource, signal, sys

import msgspec

from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.errors import SlipsError
from slips.service.supervisor import Supervisor


class Quiet:
    def started(self, objects, size): ...
    def progress(self, event, seq): ...
    def hashing(self, event, done): ...
    def succeeded(self, event, outcome): ...
    def failed(self, failure, attempt, final): ...
    def ended(self, event, why): ...
    def warned(self, text): ...


signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
with open(sys.argv[1], "rb") as file:
    config = msgspec.json.decode(file.read(), type=Config)
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    state = MachineState.open(config.state_directory)
    with state.exclusive():
        print(msgspec.json.encode(Supervisor(config, state, Quiet(), workers=2).run()).decode())
except SlipsError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_status)
"""


class Watch:
    """An Observer that remembers."""

    def __init__(self) -> None:
        self.began: list[tuple[int, int]] = []
        self.failures: list[tuple[str, int, bool]] = []
        self.warnings: list[str] = []

    def started(self, objects: int, size: int) -> None:
        self.began.append((objects, size))

    def progress(self, event: ObjectEvent, seq: int) -> None: ...

    def hashing(self, event: ObjectEvent, done: int) -> None: ...

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None: ...

    def failed(self, failure: Failure, attempt: int, final: bool) -> None:
        self.failures.append((failure.event.object_key, attempt, final))

    def ended(self, event: ObjectEvent, why: str) -> None: ...

    def warned(self, text: str) -> None:
        self.warnings.append(text)


class Project:
    """A bucket's directory, a handler and a state on this machine."""

    def __init__(self, root: Path) -> None:
        self.root, self.bucket = root, root / "bucket"
        self.bucket.mkdir()
        self.watch = Watch()
        self.handler(HANDLER)
        self.config = Config(
            stack_name="test",
            handler=HandlerConfig(path="handler.py"),
            backend=BackendConfig(embedded=EmbeddedConfig(path="state", buckets={"my-logs": "bucket"})),
            bucket_mapping={"my-logs": [Mapping("", ["s3-lines"])]},
            file=str(root / "slips.yml"),
        )

    def configure(self, **changes: Any) -> None:
        self.config = replace(self.config, **changes)

    def format(self, *names: str) -> None:
        self.configure(bucket_mapping={"my-logs": [Mapping("", list(names))]})

    def handler(self, text: str) -> None:
        (self.root / "handler.py").write_text(text)

    def put(self, key: str, *records: str, body: bytes | None = None) -> Path:
        path = self.bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("".join(f"{record}\n" for record in records).encode() if body is None else body)
        return path

    def state(self) -> MachineState:
        return MachineState.open(self.config.state_directory)

    def run(
        self,
        *paths: Path | str,
        again: bool = False,
        workers: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> Summary:
        state = self.state()
        try:
            with state.exclusive():
                supervisor = Supervisor(self.config, state, self.watch, workers=workers, clock=clock)
                return supervisor.run([str(path) for path in paths], again=again)
        finally:
            state.close()

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """A `run` in a process of its own."""
        file = self.root / "config.json"
        file.write_bytes(msgspec.json.encode(self.config))
        command = [sys.executable, "-c", DRIVER, str(file), *args]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen(command, text=True, **pipes)

    def drain(self, through: Callable[[SqliteStream], Stream] = lambda stream: stream) -> list[Replayed]:
        state = self.state()
        try:
            site = MachineSite(self.config, state)
            site.stream = through(state.stream)
            return [replay(item, site) for item in list(state.errors.scan())]
        finally:
            state.close()

    @property
    def errors(self) -> list[ErrorItem]:
        state = self.state()
        try:
            return list(state.errors.scan())
        finally:
            state.close()

    @property
    def ledger(self) -> dict[str, str]:
        """Status by key of what was run whole and not as a replay."""
        state = self.state()
        try:
            return {one.key: one.status for one in state.ledger.scan() if not one.records and not one.replay}
        finally:
            state.close()

    def put_on_lane(self, *events: ObjectEvent) -> None:
        state = self.state()
        state.stream.put("fast", events)
        state.close()

    def waiting(self) -> list[tuple[str, int]]:
        """Key and failed attempts of what is in the lanes."""
        state = self.state()
        try:
            return [(each.event.object_key, each.attempts) for each in state.stream.take(10_000, {})]
        finally:
            state.close()

    def lines(self, name: str) -> list[str]:
        """What handlers noted."""
        path = self.root / name
        return path.read_text().splitlines() if path.exists() else []

    def wait_for_begun(self, times: int = 1) -> list[int]:
        """The workers whose handlers have begun something long."""
        eventually(lambda: len(self.lines("begun")) >= times, "the handler did not begin")
        return [int(pid) for pid in self.lines("begun")]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    def hung(*_: object) -> None:
        raise TimeoutError("the run hangs")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(int(GUARD))
    yield Project(tmp_path)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def eventually(what: Callable[[], Any], why: str) -> Any:
    """Waits until `what()` is true."""
    end = time.monotonic() + GUARD
    while not (value := what()):
        assert time.monotonic() < end, why
        time.sleep(0.01)
    return value


def results(summary: Summary) -> dict[str, Any]:
    """What handlers returned, by key."""
    return {each["object"].removeprefix("s3://my-logs/"): each["result"] for each in summary.results}


# ---- what is pending


def test_a_run_takes_what_is_new_and_a_second_run_does_nothing(project: Project) -> None:
    project.put("a.log", "1", "2")
    project.put("sub/b.log", "3")
    project.put("empty.log")
    summary = project.run()
    assert results(summary) == {"a.log": ["1", "2"], "sub/b.log": ["3"], "empty.log": []}
    assert (summary.records, summary.delivered, summary.events, summary.bytes) == (3, 3, 3, 6)
    assert project.watch.began == [(3, 6)]
    assert summary.is_clean
    again = project.run()
    assert (again.objects, again.results, again.skipped) == (0, [], 0)
    assert project.ledger == dict.fromkeys(["a.log", "sub/b.log", "empty.log"], "done")


@pytest.mark.slow
def test_a_file_that_was_rewritten_grew_or_was_replaced_runs_again_and_no_other(project: Project) -> None:
    for key in ("rewritten", "grown", "replaced", "same"):
        os.utime(project.put(key, "old"), ns=(0, 1_522_341_315_768_000_000))
    project.run()
    old = (project.bucket / "replaced").stat()
    project.put("rewritten", "new")
    os.utime(project.bucket / "rewritten", ns=(0, old.st_mtime_ns + 1))
    with (project.bucket / "grown").open("a") as file:
        file.write("more\n")
    os.utime(project.bucket / "grown", ns=(0, (project.bucket / "same").stat().st_mtime_ns))
    other = project.put("other", "abc")
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    other.rename(project.bucket / "replaced")
    assert results(project.run()) == {"rewritten": ["new"], "grown": ["old", "more"], "replaced": ["abc"]}
    assert project.run().objects == 0


def test_a_file_that_changes_between_listing_and_reading_runs_once_as_it_is(project: Project) -> None:
    later = project.put("b.log", "old")
    project.put("a.log", f"write {later} new")
    assert results(project.run())["b.log"] == ["old", "new"]
    assert project.run().objects == 0


def test_a_file_that_changes_while_it_is_read_runs_again(project: Project) -> None:
    path = project.bucket / "a.log"
    project.put("a.log", f"write {path} more")
    assert results(project.run()) == {"a.log": [f"write {path} more", "more"]}
    assert project.watch.failures == [("a.log", 1, False)]
    assert project.run().objects == 0


def test_a_file_that_never_rests_is_an_error_that_says_so(project: Project) -> None:
    path = project.bucket / "a.log"
    project.put("a.log", *(f"write {path} {number}" for number in range(9)))
    project.handler(HANDLER.replace("if first_time(what):", "if True:"))
    assert project.run().failed == 1
    (item,) = project.errors
    assert (item.stage, item.attempts) == ("storage", 3)
    assert "the file changed while it was read; expected it to stay as it is" in item.message


@pytest.mark.slow
def test_an_object_in_the_error_table_is_left_alone_whatever_becomes_of_its_file(project: Project) -> None:
    project.put("a.log", body=b"\x1f\x8b\x08 damaged")
    assert project.run().failed == 1
    second = project.run()
    assert (second.objects, second.left_alone, second.is_clean) == (0, 1, True)
    project.put("a.log", "mended")
    assert (project.run().objects, len(project.errors)) == (0, 1)
    project.drain()
    assert results(project.run()) == {"a.log": ["mended"]}
    assert project.errors == []
    assert project.run().objects == 0


def test_a_bucket_whose_directory_is_away_is_told_and_nothing_of_it_forgotten(project: Project) -> None:
    project.put("a.log", "1")
    project.run()
    project.bucket.rename(project.root / "unmounted")
    summary = project.run()
    assert not summary.is_clean
    assert summary.problems[0].startswith(f"{project.bucket}: No such file or directory; expected a directory")
    (project.root / "unmounted").rename(project.bucket)
    assert project.run().objects == 0


@pytest.mark.slow
def test_what_cannot_be_listed_is_told_and_the_rest_is_processed(project: Project) -> None:
    project.put("sub/good.log", "1")
    (project.bucket / "sub/loop").symlink_to("loop")
    with open(os.fsencode(project.bucket) + b"/sub/bad\xff", "wb"):  # noqa: PTH123 - a name that Path would hide
        pass
    for paths in [(), (project.bucket / "sub",)]:
        summary = project.run(*paths, again=bool(paths))
        assert results(summary) == {"sub/good.log": ["1"]}
        assert len(summary.problems) == 2
        assert not summary.is_clean


def test_what_routing_drops_is_counted_once_and_not_run(project: Project) -> None:
    project.configure(routing=[Route(prefix="debug/", dest="drop"), Route(prefix="slow/", dest="slow")])
    for key in ("debug/a.log", "debug/b.log", "slow/c.log", "d.log"):
        project.put(key, "1")
    summary = project.run()
    assert (summary.dropped, sorted(results(summary))) == (2, ["d.log", "slow/c.log"])
    assert project.ledger["debug/a.log"] == "dropped"
    second = project.run()
    assert (second.dropped, second.objects) == (0, 0)
    assert project.run("s3://my-logs/debug/").skipped == 2


def test_the_fast_lane_comes_first(project: Project) -> None:
    project.configure(routing=[Route(prefix="a", dest="slow")])
    for key in ("a1", "a2", "b1", "b2"):
        project.put(key, "1")
    project.run()
    assert [line.split("\t")[0] for line in project.lines("done")] == ["b1", "b2", "a1", "a2"]


@pytest.mark.slow
def test_the_same_object_twice_in_a_lane_is_run_once(project: Project) -> None:
    project.put("a.log", "1")
    (event,) = Stores(project.config).list("my-logs")
    project.put_on_lane(event, replace(event, lane="fast"), event)
    summary = project.run(workers=3)
    assert (summary.objects, summary.duplicates, project.lines("done")) == (1, 2, ["a.log\t1"])


@pytest.mark.slow
def test_what_is_no_file_any_more_is_an_error_that_says_so(project: Project) -> None:
    for key in ("directory", "gone", "pipe"):
        project.put(key, "1").unlink()
        project.put_on_lane(ObjectEvent(bucket_name="my-logs", object_key=key))
    (project.bucket / "directory").mkdir()
    os.mkfifo(project.bucket / "pipe")
    assert project.run(workers=2).failed == 3
    items = {item.events[0].object_key: item for item in project.errors}
    assert {(item.stage, item.attempts) for item in items.values()} == {("storage", 3)}
    assert "Is a directory" in items["directory"].message
    assert "No such file or directory" in items["gone"].message
    assert "not a regular file" in items["pipe"].message


AWKWARD_KEYS = [
    "a+b c.log",
    "a%2Bb.log",
    "a%20b/100%.log",
    "é/ü=漢字 🎉.log",
    "u\u2028v\u0085w.log",
    "quote'\"`$(x)\\.log",
    " leading and trailing ",
    "-c",
    "..hidden/...",
    "new\nline\ttab",
    "/".join(["x" * 200] * 5),
    "n" * 255,
]


@pytest.mark.slow
def test_keys_are_what_files_are_called_whatever_is_in_them(project: Project) -> None:
    for key in AWKWARD_KEYS:
        project.put(key, f"nap 0 {key!r}")
    summary = project.run(workers=2)
    assert {each["object"] for each in summary.results} == {f"s3://my-logs/{key}" for key in AWKWARD_KEYS}
    assert sorted(line for line in (project.root / "done").read_text().split("\t1\n") if line) == sorted(AWKWARD_KEYS)
    named = project.run(*(f"s3://my-logs/{key}" for key in AWKWARD_KEYS))
    assert (named.objects, named.skipped) == (0, len(AWKWARD_KEYS))
    by_path = project.run(*(project.bucket / key for key in AWKWARD_KEYS), again=True)
    assert (by_path.objects, by_path.failed) == (len(AWKWARD_KEYS), 0)


# ---- what is named


@pytest.fixture
def tree(project: Project) -> Project:
    for key in ("a", "a.d/1", "a.d/2", "ab", "b/1"):
        project.put(key, "x")
    return project


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("a", ["a"]),
        ("a.d", ["a.d/1", "a.d/2"]),
        ("a.d/", ["a.d/1", "a.d/2"]),
        ("a.d/../b", ["b/1"]),
        ("", ["a", "a.d/1", "a.d/2", "ab", "b/1"]),
        ("s3://my-logs/a", ["a"]),
        ("s3://my-logs/a.", ["a.d/1", "a.d/2"]),
        ("s3://my-logs/a.d/", ["a.d/1", "a.d/2"]),
        ("s3://my-logs/ab", ["ab"]),
        ("s3://my-logs/b", ["b/1"]),
        ("s3://my-logs", ["a", "a.d/1", "a.d/2", "ab", "b/1"]),
        ("s3://my-logs/", ["a", "a.d/1", "a.d/2", "ab", "b/1"]),
    ],
)
def test_a_path_names_a_file_a_directory_an_exact_key_or_a_prefix_and_nothing_else_is_touched(
    tree: Project, path: str, keys: list[str]
) -> None:
    summary = tree.run(path if path.startswith("s3:") else f"{tree.bucket}/{path}")
    assert sorted(results(summary)) == keys
    assert sorted(tree.ledger) == keys
    assert tree.watch.began == [(len(keys), 2 * len(keys))]


@pytest.mark.slow
def test_named_objects_that_are_done_are_skipped_unless_again(tree: Project) -> None:
    tree.run(tree.bucket / "a.d")
    summary = tree.run(tree.bucket / "a.d", tree.bucket / "b", "s3://my-logs/a.d/1")
    assert (sorted(results(summary)), summary.skipped) == (["b/1"], 2)
    again = tree.run(tree.bucket / "a.d", again=True)
    assert (sorted(results(again)), again.skipped, again.duplicates) == (["a.d/1", "a.d/2"], 0, 0)
    again = tree.run(tree.bucket / "a.d/1", again=True)
    assert sorted(results(again)) == ["a.d/1"]
    assert sorted(results(tree.run())) == ["a", "ab"]


@pytest.mark.slow
def test_a_named_run_leaves_what_waits_in_a_lane_and_in_the_error_table(tree: Project) -> None:
    tree.put("damaged", body=b"\x1f\x8b\x08 damaged")
    tree.run(tree.bucket / "damaged")
    events = {event.object_key: event for event in Stores(tree.config).list("my-logs")}
    tree.put_on_lane(events["a.d/1"], events["ab"])
    assert sorted(results(tree.run(tree.bucket / "ab"))) == ["ab"]
    assert tree.waiting() == [("a.d/1", 0)]
    assert len(tree.errors) == 1


@pytest.mark.slow
def test_a_named_object_that_is_mended_leaves_the_error_table(project: Project) -> None:
    path = project.put("a.log", body=b"\x1f\x8b\x08 damaged")
    project.run()
    project.put("a.log", "mended")
    assert results(project.run(path)) == {"a.log": ["mended"]}
    assert project.errors == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/etc/hostname", "belongs to no bucket; expected a path below a directory"),
        ("bucket/none.log", "No such file or directory; expected a file or directory below"),
        ("bucket/" + "n" * 300, "File name too long; expected a file or directory below"),
        ("bucket/loop", "Too many levels of symbolic links; expected a file or directory below"),
        ("bucket/hollow", "no object there"),
        ("s3://my-logs/none", "no object there"),
        ("s3://", "no bucket; expected s3://bucket/key-or-prefix"),
        ("s3:///a", "no bucket; expected s3://bucket/key-or-prefix"),
    ],
)
def test_a_path_that_names_nothing_is_a_usage_error_and_nothing_is_run(tree: Project, path: str, message: str) -> None:
    (tree.bucket / "hollow").mkdir()
    (tree.bucket / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match=message):
        tree.run(tree.bucket / "a", path if "://" in path else tree.root / path)
    assert (tree.ledger, tree.waiting()) == ({}, [])


# ---- handlers that fail


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


def test_what_a_retry_cannot_mend_is_reported_at_once(project: Project) -> None:
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
@pytest.mark.parametrize("action", ["garbage", "giant", "close"])
def test_a_handler_that_spoils_the_pipes_of_its_worker_costs_its_object_only(project: Project, action: str) -> None:
    project.put("a", "good")
    project.put("b", action)
    project.put("c", "good")
    summary = project.run()
    assert results(summary) == {"a": ["good"], "c": ["good"]}
    (item,) = project.errors
    assert (item.events[0].object_key, item.attempts) == ("b", 3)


@pytest.mark.slow
def test_a_message_that_does_not_end_costs_an_attempt_without_a_timeout(project: Project) -> None:
    project.put("a", "forge")
    assert results(project.run()) == {"a": ["forge"]}
    assert project.watch.failures == [("a", 1, False)]


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
    process = project.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))
    _, err = process.communicate(timeout=GUARD)
    assert (process.returncode, "Traceback" in err, "bug of slips" in err) == (2, False, False)
    assert f"may open {files} files at once" in err
    assert results(project.run()) == {"a": ["good"]}


@pytest.mark.slow
def test_a_low_limit_of_open_files_means_fewer_workers(project: Project) -> None:
    for number in range(9):
        project.put(f"{number}", "good")
    process = project.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (36, 36)))
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


def test_what_handlers_print_goes_to_standard_error_and_what_they_read_is_empty(
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


def wait_until_gone(*pids: int) -> None:
    eventually(lambda: all(map(gone, pids)), "a worker outlives its supervisor")


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


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


# ---- the state


@pytest.mark.slow
def test_a_second_run_on_a_state_is_refused_and_names_the_first(project: Project) -> None:
    project.put("a", "1")
    state = project.state()
    with state.exclusive():
        process = project.start()
        _, err = process.communicate(timeout=GUARD)
    state.close()
    assert process.returncode == 2
    assert f"in use by process {os.getpid()}" in err
    assert results(project.run()) == {"a": ["1"]}


def test_a_state_directory_below_a_file_is_a_clear_error(project: Project) -> None:
    project.put("a", "1")
    (project.root / "file").touch()
    project.configure(backend=BackendConfig(embedded=EmbeddedConfig(path="file/state", buckets={"my-logs": "bucket"})))
    process = project.start()
    _, err = process.communicate(timeout=GUARD)
    assert process.returncode == 1
    assert "the state cannot be used" in err
    assert "backend.embedded.path" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_disk_that_fills_up_at_any_moment_is_a_clear_error_and_loses_nothing(project: Project) -> None:
    keys = [f"{number:02}" for number in range(40)]
    for key in keys:
        project.put(key, "1")
    project.put("raises", "raise")
    (project.root / "state").mkdir()
    limits = [0, 4_096, 30_000, 40_000, 50_000, 70_000, 100_000, 200_000, 300_000]
    for limit in limits:
        process = project.start(str(limit))
        _, err = process.communicate(timeout=GUARD)
        assert process.returncode == 1, (limit, err)
        assert "the state cannot be used" in err, (limit, err)
        assert "Traceback" not in err, (limit, err)
    project.run()
    done = Counter(line.split("\t")[0] for line in project.lines("done"))
    assert sorted(done) == keys
    assert {key for key, status in project.ledger.items() if status == "done"} == set(keys)
    assert [item.events[0].object_key for item in project.errors] == ["raises"]
    assert (project.waiting(), project.run().objects) == ([], 0)


def test_a_state_file_that_is_none_is_a_clear_error(project: Project) -> None:
    (project.root / "state").mkdir()
    (project.root / "state" / FILE).write_bytes(b"this is not a database" * 1000)
    with pytest.raises(StateError, match="the state cannot be used: file is not a database"):
        project.run()


@pytest.mark.slow
def test_a_state_file_that_is_damaged_is_a_clear_error_wherever_it_is(project: Project) -> None:
    for number in range(300):
        project.put(f"{number:04} {'x' * 100}")
    project.run(workers=2)
    project.put("new", "1")
    file = project.root / "state" / FILE
    state = project.state()
    state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    state.close()
    whole = file.read_bytes()
    size = 4096
    clear = 0
    for page in range(1, len(whole) // size, max(1, len(whole) // size // 12)):
        file.write_bytes(whole[: page * size] + b"\xa5" * size + whole[(page + 1) * size :])
        try:
            project.run()
        except StateError as error:
            assert "the state cannot be used" in str(error)  # noqa: PT017 - some pages are not read: no error then
            clear += 1
        for name in (f"{FILE}-wal", f"{FILE}-shm"):
            (file.parent / name).unlink(missing_ok=True)
    assert clear > 3
    file.write_bytes(whole)
    assert results(project.run()) == {"new": ["1"]}


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
def test_a_million_bad_records_between_good_ones_are_kept_in_flat_memory(
    project: Project, peak: Callable[[], int]
) -> None:
    project.format("s3-lines", "json")
    project.put("tiny", "{}")
    tiny = peak()
    project.put("bad", body=b"{}\n[]\n" * 1_000_000)
    before = psutil.Process().memory_info().rss
    assert peak() - tiny < 40_000_000
    assert psutil.Process().memory_info().rss - before < 60_000_000
    items = project.errors
    assert (len(items), sum(len(item.records) for item in items)) == (1000, 1_000_000)


# ---- quarantine and replay (promise 4)

FORMAT = """
from slips.errors import RecordError
from slips.format import parser


@parser("words", summary="knows all but bad ones", reference="", takes="text")
def words(meta, text):
    if text.startswith("bad"):
        raise RecordError(f"{text!r} is not a word")
    return {"message": text}
"""


@pytest.fixture
def quarantined(project: Project) -> Project:
    """Records 2 and 4 of `a` are in the error table; `b` is done."""
    (project.root / "formats.py").write_text(FORMAT)
    project.format("s3-lines", "formats.py:words")
    project.put("a", "1", "bad 2", "3", "bad 4", "5")
    project.put("b", "1")
    summary = project.run()
    assert (summary.objects, summary.failed, summary.quarantined, summary.delivered) == (2, 0, 2, 4)
    assert [(item.kind, item.records) for item in project.errors] == [("records", [(2, 2), (4, 4)])]
    return project


@pytest.mark.slow
def test_a_quarantine_is_replayed_with_just_its_records(quarantined: Project) -> None:
    (quarantined.root / "formats.py").write_text(FORMAT.replace("bad", "worse"))
    (drained,) = quarantined.drain()
    assert (drained.lanes, drained.notes, quarantined.errors) == (["fast"], [], [])
    summary = quarantined.run()
    assert results(summary) == {"a": ["bad 2", "bad 4"]}
    assert (summary.records, summary.objects, quarantined.errors) == (2, 1, [])
    assert quarantined.run().objects == 0


class DiesAfterPut:
    """A Stream whose process is killed when a lane has what was put on it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def put(self, lane: Lane, events: Sequence[ObjectEvent]) -> None:
        self._stream.put(lane, events)
        os._exit(9)


@pytest.mark.slow
def test_a_drain_that_is_killed_in_between_leaves_the_item_or_its_replay_never_both(quarantined: Project) -> None:
    # Not by a fork: this process may have threads, whose locks a fork copies.
    child = multiprocessing.get_context("spawn").Process(target=quarantined.drain, args=(DiesAfterPut,))
    child.start()
    child.join()
    assert child.exitcode == 9
    assert (len(quarantined.errors), quarantined.waiting()) == (1, [])
    quarantined.drain()
    assert (len(quarantined.errors), quarantined.waiting()) == (0, [("a", 0)])


def test_an_item_that_somebody_else_drains_meanwhile_is_sent_once(quarantined: Project) -> None:
    (item,) = quarantined.errors
    quarantined.drain()
    state = quarantined.state()
    drained = replay(item, MachineSite(quarantined.config, state))
    state.close()
    assert (drained.lanes, quarantined.waiting()) == ([], [("a", 0)])


@pytest.mark.slow
def test_a_replay_that_is_concluded_leaves_no_row_in_the_ledger(quarantined: Project) -> None:
    quarantined.put("c", "raise it")
    quarantined.run()
    for text in (FORMAT.replace("bad", "bad 4"), FORMAT.replace("bad", "worse")):
        (quarantined.root / "formats.py").write_text(text)
        quarantined.drain()
        quarantined.run()
        quarantined.run(quarantined.bucket / "b", again=True)
        state = quarantined.state()
        rows = {(row.key, row.status): (row.records, row.replay) for row in state.ledger.scan()}
        state.close()
        assert rows == dict.fromkeys([("a", "done"), ("b", "done"), ("c", "failed")], (None, None))


@pytest.mark.slow
def test_what_is_still_bad_goes_back_to_the_error_table(quarantined: Project) -> None:
    (quarantined.root / "formats.py").write_text(FORMAT.replace('startswith("bad")', 'startswith("bad 4")'))
    for _ in range(2):
        quarantined.drain()
        quarantined.run()
        (item,) = quarantined.errors
        assert (item.records, item.events[0].records, item.samples[0].raw) == ([(4, 4)], [(4, 4)], "bad 4")
    assert [line.split("\t") for line in quarantined.lines("done")] == [["a", "3"], ["b", "1"], ["a", "1"], ["", "0"]]


@pytest.mark.slow
def test_a_replayed_quarantine_survives_a_supervisor_that_is_killed(quarantined: Project) -> None:
    (quarantined.root / "formats.py").write_text(FORMAT.replace("bad", "worse"))
    quarantined.put("0", "wait go-on")
    quarantined.drain()
    assert quarantined.waiting() == [("a", 0)]
    process = quarantined.start()
    quarantined.wait_for_begun()
    process.kill()
    process.communicate()
    (quarantined.root / "go-on").touch()
    quarantined.run()
    assert quarantined.errors == []
    assert "a\t2" in quarantined.lines("done")


@pytest.mark.slow
def test_records_of_an_overwritten_object_are_not_replayed_and_their_item_says_so(quarantined: Project) -> None:
    quarantined.put("a", "other", "content", "of", "the", "same", "key")
    (drained,) = quarantined.drain()
    assert (drained.lanes, "object overwritten" in drained.notes[0]) == ([], True)
    assert quarantined.waiting() == []
    (item,) = quarantined.errors
    assert (item.error_type, item.records) == ("OverwrittenError", [(2, 2), (4, 4)])
    assert "object overwritten" in item.message
    assert item.samples[0].raw == "bad 2"
    assert len(results(quarantined.run())["a"]) == 6
    quarantined.drain()
    assert [each.request_id for each in quarantined.errors] == [item.request_id]


@pytest.mark.slow
def test_an_object_overwritten_between_drain_and_run_keeps_its_item_too(quarantined: Project) -> None:
    quarantined.drain()
    quarantined.put("a", "other", "content")
    quarantined.run()
    (item,) = quarantined.errors
    assert (item.kind, item.error_type, item.records) == ("records", "OverwrittenError", [(2, 2), (4, 4)])
    (drained,) = quarantined.drain()
    assert (drained.lanes, "object overwritten" in drained.notes[0]) == ([], True)
    assert [each.error_type for each in quarantined.errors] == ["OverwrittenError"]


@pytest.mark.slow
def test_with_another_reader_the_whole_object_is_replayed_and_drain_says_so(quarantined: Project) -> None:
    quarantined.format("s3-text")
    (drained,) = quarantined.drain()
    assert "was cut by 's3-lines', now by 's3-text': replayed whole" in drained.notes[0]
    assert results(quarantined.run()) == {"a": ["1\nbad 2\n3\nbad 4\n5"]}
    assert quarantined.errors == []


@pytest.mark.slow
def test_a_failed_object_leaves_no_quarantine(quarantined: Project) -> None:
    quarantined.put("c", "bad 1", "2", "raise it")
    summary = quarantined.run()
    assert (summary.failed, summary.records, summary.quarantined) == (1, 2, 1)
    assert [item.kind for item in quarantined.errors if item.events[0].object_key == "c"] == ["object"]


@pytest.mark.slow
def test_a_drained_object_that_fails_again_is_again_in_the_error_table(project: Project) -> None:
    project.put("a", body=b"\x1f\x8b\x08 damaged")
    project.run()
    (first,) = project.errors
    project.drain()
    assert project.errors == []
    assert project.run().failed == 1
    (second,) = project.errors
    assert second.request_id != first.request_id
    assert second.events[0].replay == f"{first.request_id}@1"


@pytest.mark.slow
def test_records_of_a_quarantine_that_cannot_be_written_are_not_lost(project: Project) -> None:
    """The disk is full when the quarantine is to be written: the object is not done, and the next run has it."""
    project.format("s3-lines", "json")
    project.put("a", body=b'{"message": "1"}\nbad\n' * 2_000)
    project.state().close()
    size = (project.root / "state" / FILE).stat().st_size
    process = project.start(str(size + 40_000))
    _, err = process.communicate(timeout=GUARD)
    assert (process.returncode, "the state cannot be used" in err) == (1, True)
    assert (project.errors, project.waiting()) == ([], [("a", 0)])
    summary = project.run()
    assert (summary.objects, summary.quarantined, len(project.errors)) == (1, 2_000, 2)


def test_every_error_of_a_run_is_one_of_slips(project: Project) -> None:
    embedded = EmbeddedConfig(path="bucket/a/state", buckets={"my-logs": "bucket"})
    project.configure(backend=BackendConfig(embedded=embedded))
    project.put("a", "1")
    with pytest.raises(SlipsError):
        project.run()


def test_results_beyond_a_bound_are_left_out_of_a_summary_and_counted() -> None:
    summary, room = Summary(), 100_000
    for number in range(300):
        room -= summary.keep_results(f"s3://b/{number}", Outcome(results={"A": number, "B": [{}] * 10}), room)
    assert room >= 0
    assert len(summary.results) + summary.results_left_out == 600
    assert 60 < len(summary.results) < 200
    assert summary.results[:2] == [
        {"object": "s3://b/0", "handler": "A", "result": 0},
        {"object": "s3://b/0", "handler": "B", "result": [{}] * 10},
    ]
    assert {each["object"] for each in summary.results[-2:]} <= {f"s3://b/{number}" for number in range(40, 110)}
