"""The state file of one machine: who may read it, and what happens while another process has it locked."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from projects import Project
from slips.backends.machine.patience import Patience
from slips.backends.machine.sqlite import FILE
from slips.backends.machine.state import MachineState
from slips.brakes import Spent
from slips.errors import StateError
from slips.model import ErrorItem, ObjectEvent, Sample

GUARD = 300.0
"""Seconds after which something hangs."""
EVENT = ObjectEvent(bucket_name="my-logs", object_key="json/a", lane="fast")


def modes(directory: Path) -> dict[str, str]:
    """The mode of each file in a directory, and of the directory itself."""
    found = {each.name: each.stat() for each in directory.iterdir()} | {".": directory.stat()}
    return {name: f"{stat.S_IMODE(status.st_mode):o}" for name, status in found.items()}


PRIVATE = {".": "700", FILE: "600", f"{FILE}-wal": "600", f"{FILE}-shm": "600", "lock": "600"}


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


# ---- who may read it


@pytest.mark.parametrize("mask", [0, 0o022, 0o077, 0o277])
def test_the_state_is_its_owners_only_whatever_the_umask(
    tmp_path: Path, mask: int, umask: Callable[[int], int]
) -> None:
    umask(mask)
    with closing(MachineState.open(tmp_path / "state")) as state, state.exclusive():
        state.stream.put("fast", [EVENT])
        assert modes(tmp_path / "state") == PRIVATE


def test_a_state_that_others_could_read_is_made_private_with_all_that_a_killed_run_has_left(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    program = (
        "import os, sys, pathlib, slips.backends.machine.state as e\n"
        "state = e.MachineState.open(pathlib.Path(sys.argv[1]))\n"
        "with state.exclusive(): state.set('a', 'b'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(directory)], check=True)
    for path in directory.iterdir():
        path.chmod(0o644)
    directory.chmod(0o755)
    with closing(MachineState.open(directory)) as state:
        assert state.setting("a") == "b"
        assert modes(directory) == PRIVATE


def test_a_directory_that_holds_other_things_keeps_its_mode_which_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    tmp_path.chmod(0o755)
    told: list[str] = []
    for _ in range(2):
        with closing(MachineState.open(tmp_path, Patience(tell=told.append))) as state, state.exclusive():
            state.set("a", "b")
            assert modes(tmp_path) == {**PRIVATE, ".": "755", "photos": modes(tmp_path)["photos"]}
    (text,) = told
    assert text.startswith(f"{tmp_path}: holds other files, too")


def test_files_of_errors_and_samples_are_their_owners_only_if_they_are_new(
    project: Project, umask: Callable[[int], int]
) -> None:
    umask(0)
    project.put("json/a", {"n": 1})
    project.fail("r1", kind="records", samples=[Sample(1, "bad", "password=hunter2")])
    (project.root / "known").touch(0o644)
    for path, command in (("e1", ("error", "r1", "-o")), ("s1", ("sample", "--out")), ("known", ("error", "r1", "-o"))):
        assert project.slips(*command, path).status == 0
    found = modes(project.root)
    assert (found["e1"], found["s1"], found["known"]) == ("600", "600", "644")
    assert "hunter2" in (project.root / "known").read_text()


def open_as_nobody(directory: Path) -> None:
    """Ends with 0 if the state of another user is refused with the words that say so."""
    os.seteuid(65534)
    try:
        MachineState.open(directory)
    except StateError as error:
        sys.exit(0 if f"({FILE}: of another user); expected a directory" in str(error) else f"other words: {error}")
    sys.exit("was opened")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_state_of_another_user_is_an_error_that_names_its_files() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        directory = Path(name) / "state"
        MachineState.open(directory).close()
        directory.chmod(0o755)
        child = multiprocessing.get_context("spawn").Process(target=open_as_nobody, args=(directory,))
        child.start()
        child.join()
        assert child.exitcode == 0


# ---- locked by another process


class Locker:
    """Another program that locks the state file."""

    def __init__(self, directory: Path, statement: str = "BEGIN EXCLUSIVE") -> None:
        self.connection = sqlite3.connect(directory / FILE, isolation_level=None, check_same_thread=False)
        for each in statement.split(";"):
            self.connection.execute(each)

    def go(self) -> None:
        self.connection.close()


@pytest.fixture
def state_directory(tmp_path: Path) -> Path:
    MachineState.open(tmp_path / "state").close()
    return tmp_path / "state"


class Time:
    """A clock that only sleeping moves; `at` is called when it has moved so far."""

    def __init__(self, at: float = 1e9, call: Callable[[], None] = lambda: None) -> None:
        self.now, self._at, self._call = 0.0, at, call

    def sleep(self, seconds: float) -> None:
        self.now += 10 if seconds else 0
        if self.now >= self._at:
            self._at = 1e9
            self._call()


def patience(time: Time, told: list[str], seconds: float | None = 30.0) -> Patience:
    return Patience(seconds, tell=told.append, clock=lambda: time.now, sleep=time.sleep)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [30.0, None])
def test_a_locked_state_is_told_waited_for_and_then_used(state_directory: Path, seconds: float | None) -> None:
    told: list[str] = []
    locker = Locker(state_directory)
    with closing(MachineState.open(state_directory, patience(Time(20, locker.go), told, seconds))) as state:
        state.errors.put(ErrorItem(request_id="r1", events=[EVENT]))
        assert [item.request_id for item in state.errors.scan()] == ["r1"]
    waiting, free = told
    assert waiting.startswith(f"{state_directory / FILE}: locked by ")
    assert "waiting" in waiting
    assert "nothing is lost" in waiting
    assert free == f"{state_directory / FILE}: free again; going on"


@pytest.mark.slow
def test_a_state_that_stays_locked_is_an_error_that_says_so_and_what_was_done_is_undone(state_directory: Path) -> None:
    told: list[str] = []
    with closing(MachineState.open(state_directory, patience(Time(), told))) as state:
        locker = Locker(state_directory)
        with pytest.raises(StateError, match=r"locked by .* for more than 30 s; expected it to be free by then"):
            state.stream.put("fast", [EVENT])
        assert state.stream.waiting() == (0, 0), "reading waits for no writer"
        locker.go()
        state.stream.put("fast", [EVENT])
        assert state.stream.waiting() == (1, 0)


def test_commands_that_only_read_do_not_wait_for_a_writer(project: Project) -> None:
    project.fail("r1")
    locker = Locker(project.root / "state")
    for command in (["errors"], ["error", "r1"], ["status"], ["drain", "--dry-run"]):
        done = project.slips(*command)
        assert (done.status, "locked" in done.err) == (0, False), command
    locker.go()


@pytest.mark.slow
@pytest.mark.parametrize("statement", ["PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE; DELETE FROM setting"])
def test_a_program_that_shuts_readers_out_is_waited_for_too(state_directory: Path, statement: str) -> None:
    told: list[str] = []
    locker = Locker(state_directory, statement)
    with closing(MachineState.open(state_directory, patience(Time(20, locker.go), told))) as state:
        assert state.stream.waiting() == (0, 0)
    assert len(told) == 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the system does not tell who locks what")
def test_the_process_that_has_the_lock_is_named(state_directory: Path) -> None:
    program = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(state_directory / FILE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        told: list[str] = []
        with (
            closing(MachineState.open(state_directory, patience(Time(), told))) as state,
            pytest.raises(StateError, match=rf"locked by process {process.pid} \(python"),
        ):
            state.set("a", "b")
        process.kill()
    assert f"locked by process {process.pid} (python" in told[0]


def waiting(project: Project) -> tuple[subprocess.Popen[str], Locker]:
    """A run that waits for its state, which is locked."""
    project.put("json/a", {"n": 1})
    project.fail("r1", key="other")
    locker = Locker(project.root / "state")
    run = project.start("run")
    assert run.stderr is not None
    assert "locked by" in run.stderr.readline()
    return run, locker


@pytest.mark.slow
def test_a_run_waits_until_the_state_is_free_and_goes_on(project: Project) -> None:
    run, locker = waiting(project)
    locker.go()
    out, err = run.communicate(timeout=GUARD)
    assert (run.returncode, err) == (0, f"slips: {project.root / 'state' / FILE}: free again; going on\n")
    assert "1 = 1 delivered" in out


@pytest.mark.slow
def test_a_state_that_is_locked_while_a_run_goes_on_costs_nothing(project: Project) -> None:
    project.handler(
        "import slips.interface, sys\n"
        "class Slow(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n"
        "        print('begun', flush=True)\n"
        "        while not __import__('os').path.exists('go'): pass\n"
    )
    for key in "ab":
        project.put(f"json/{key}", {"n": 1})
    run = project.start("run")
    assert run.stderr is not None
    assert "begun" in run.stderr.readline()
    locker = Locker(project.root / "state")
    (project.root / "go").touch()
    assert any("locked by" in line for line in run.stderr)
    locker.go()
    out, err = run.communicate(timeout=GUARD)
    assert run.returncode == 0, err
    assert "2 = 2 delivered" in out


@pytest.mark.slow
def test_ctrl_c_ends_the_wait_of_a_run_and_nothing_is_lost(project: Project) -> None:
    run, locker = waiting(project)
    os.killpg(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=GUARD)
    assert (run.returncode, err) == (130, "slips: interrupted; what was not finished will be run again\n")
    locker.go()
    assert project.slips("run").status == 0


@pytest.mark.slow
def test_a_state_that_cannot_be_opened_for_want_of_descriptors_says_so(project: Project) -> None:
    project.slips("run")
    command = ["sh", "-c", 'ulimit -n 5; exec "$0" -m slips errors', sys.executable]
    ended = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Too many open files: raise the limit with 'ulimit -n'" in ended.stderr


def test_more_bytes_than_sqlite_counts_are_spent_as_the_most_that_it_does(tmp_path: Path) -> None:
    """An event of a former version, on its lane, may have any size."""
    with closing(MachineState.open(tmp_path)) as state:
        state.brakes.put_spent(Spent("2026-03-01", 1, 2**70))
        assert state.brakes.spent("2026-03-01") == Spent("2026-03-01", 1, 2**63 - 1)


# ---- rows that slips has not written


def damage(project: Project, statement: str) -> None:
    with closing(sqlite3.connect(project.root / "state" / FILE, isolation_level=None)) as connection:
        connection.execute(statement)


def test_an_item_that_cannot_be_read_is_told_behind_all_others(project: Project) -> None:
    for request_id in ("11111111", "22222222", "33333333"):
        project.fail(request_id)
    damage(project, "UPDATE error SET item = '{\"request_id\": 1' WHERE request_id = '22222222'")
    done = project.slips("errors")
    assert [line.split()[1] for line in done.out.splitlines()] == ["11111111", "33333333"]
    assert done.status == 1
    assert done.err.startswith("slips: error item '22222222': ")
    assert "expected what slips wrote; put back a copy of state.sqlite3, or delete the row in it" in done.err
    assert "error item '22222222': " in project.slips("error", "22222222").err
    drained = project.slips("drain")
    assert drained.status == 1
    assert "error item '22222222': " in drained.err
    assert [line.split()[1] for line in project.slips("errors").out.splitlines()] == []


@pytest.mark.parametrize(
    ("statement", "command", "where"),
    [
        ("UPDATE ledger SET outcome = '{\"records\": []}'", "audit", "ledger, "),
        ("INSERT INTO setting (name, value) VALUES ('limit.budget', '[')", "status", "limits of a day: "),
    ],
)
def test_another_row_that_cannot_be_read_is_named(project: Project, statement: str, command: str, where: str) -> None:
    project.put("json/a", {"a": 1})
    project.slips("run")
    damage(project, statement)
    done = project.slips(command)
    assert (done.status, done.err.count("bug of slips")) == (1, 0), done.err
    assert where in done.err


# ---- listed objects


class Counting(MachineState):
    """Counts its queries."""

    queries = 0

    def select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        self.queries += 1
        return super().select(statement, parameters)


def test_listed_objects_are_looked_up_together(tmp_path: Path) -> None:
    with closing(Counting.open(tmp_path / "state")) as state:
        asked = []
        for keys in ("a", "abcdef"):
            before = state.queries
            found = list(state.listed(replace(EVENT, object_key=key, object_etag="1-2-3@4") for key in keys))
            assert ["".join(one.event.object_key for one in found), *{one.is_pending for one in found}] == [keys, True]
            asked.append(state.queries - before)
    assert asked == [4, 4]


def test_a_file_whose_stamp_has_no_entry_is_identified_by_one_query(tmp_path: Path) -> None:
    with closing(Counting.open(tmp_path / "state")) as state:
        before = state.queries
        state.identify(replace(EVENT, object_etag="0" * 32), ("1-2-3@4", "1-2-3"))
        assert state.queries - before == 1
