"""`slips push`: what is put on which lane, how it continues, and what it costs the next run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from fakes import FakeSite, Streams, object_event
from projects import CONFIG, Project
from slips.backends.machine.operations import MachineOperations
from slips.backends.machine.state import MachineState
from slips.config import parse
from slips.errors import StorageError, StreamError
from slips.event_file import EventFile
from slips.known import KnownObjects
from slips.model import ObjectEvent
from slips.pipeline.backfill import Passing, Reached, Wanted, backfill, checkpoint_of, choose, put
from slips.pipeline.push import AGAIN, BATCH
from slips.pipeline.selection import Selection

WANTED = Wanted(paths=("s3://my-logs/",))


class Notes:
    """As much of Operations as a backfill uses."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}
        self.pushed: list[str] = []

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None]) -> KnownObjects:
        raise NotImplementedError

    def on_lanes(self, listed: Iterable[ObjectEvent], *, again: bool) -> Iterator[tuple[ObjectEvent, bool]]:
        return ((event, False) for event in listed)

    def note_pushed(self, events: Sequence[ObjectEvent]) -> None:
        self.pushed += [each.object_key for each in events]

    def note(self, name: str) -> str | None:
        return self.notes.get(name)

    def set_note(self, name: str, text: str | None) -> None:
        if text is None:
            self.notes.pop(name, None)
        else:
            self.notes[name] = text


class Clock:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
def kept() -> Iterator[EventFile]:
    with EventFile() as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def keys(number: int) -> list[str]:
    return [f"{each:04}" for each in range(number)]


# ---- the station


def test_the_lane_that_is_asked_for_is_that_of_all_and_routed_is_that_of_routing() -> None:
    lanes, events = Streams(), [object_event("a", lane=None), object_event("b", lane=None)]
    site = FakeSite(stream=lanes)
    assert list(put(events, site, Notes(), "slow")) == [{"fast": 0, "slow": 2, "drop": 0}]
    assert list(put(events, site, Notes(), "routed")) == [{"fast": 2, "slow": 0, "drop": 0}]
    assert [[each.lane for each in lanes.lanes[lane]] for lane in ("fast", "slow")] == [["fast"] * 2, ["slow"] * 2]


def test_what_a_lane_has_accepted_is_noted_and_nothing_that_it_refused(kept: EventFile) -> None:
    lanes, notes = Streams(), Notes()
    lanes.faults["put 0001"] = 1
    kept.extend(object_event(key) for key in keys(3))
    with pytest.raises(StreamError):
        list(backfill(kept, "push 1", WANTED, FakeSite(stream=lanes), notes))
    assert notes.pushed == ["0000", "0002"]
    assert notes.notes == {}, "the batch is put again as a whole"


def test_a_checkpoint_moves_with_each_batch_and_goes_at_the_end(kept: EventFile) -> None:
    notes, site = Notes(), FakeSite(clock=Clock())
    kept.extend(object_event(key) for key in keys(BATCH + 1))
    steps = backfill(kept, "push 1", WANTED, site, notes, before=7)
    next(steps)
    expected = Reached(WANTED, "my-logs", f"{BATCH - 1:04}", put=7 + BATCH, at=1_000.0)
    assert checkpoint_of("push 1", site, notes) == expected
    assert list(steps) == [{"fast": 0, "slow": 1, "drop": 0}]
    assert notes.notes == {}


def test_a_checkpoint_of_last_week_is_too_old(kept: EventFile) -> None:
    notes, clock = Notes(), Clock()
    site = FakeSite(clock=clock)
    kept.extend(object_event(key) for key in keys(1))
    next(backfill(kept, "push 1", WANTED, site, notes))
    clock.now += 8 * 86_400
    assert checkpoint_of("push 1", site, notes) is None


class Prefixes(FakeSite):
    """A site whose bucket is listed by prefix; the listings of some are denied."""

    directories: ClassVar[dict[str, Path]] = {}
    unlisted: ClassVar[list[str]] = []
    denied: tuple[str, ...] = ()

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectEvent]:
        yield object_event(f"{prefix}1", lane=None)
        if prefix in self.denied:
            raise StorageError(f"{prefix}: denied")
        yield object_event(f"{prefix}2", lane=None)

    def beginnings(self, bucket: str) -> Sequence[str]:
        return [""]

    def is_unfinished(self, event: ObjectEvent) -> bool:
        return False


def test_a_backfill_that_goes_on_puts_what_could_not_be_listed_before_its_checkpoint_and_nothing_else_twice(
    kept: EventFile,
) -> None:
    site, notes, places = Prefixes(clock=Clock()), Notes(), [("my-logs", prefix) for prefix in ("a/", "b/", "c/")]
    site.denied, unlisted = ("a/",), list[tuple[str, str]]()

    def chosen(after: Reached | None) -> list[str]:
        found = choose(
            WANTED,
            Selection(places),
            site,
            notes,
            Passing(),
            after=after,
            unlisted=lambda place, _: unlisted.append(place),
        )
        return [event.object_key for event in found]

    assert chosen(None) == ["a/1", "b/1", "b/2", "c/1", "c/2"]
    assert unlisted == [("my-logs", "a/")]
    kept.extend(object_event(key) for key in ("a/1", "b/1"))
    next(backfill(kept, "push 1", WANTED, site, notes, unlisted=unlisted))
    reached = checkpoint_of("push 1", site, notes)
    site.denied = ()
    assert chosen(reached) == ["a/1", "a/2", "b/2", "c/1", "c/2"]


def test_a_rate_spreads_the_batches_over_time(kept: EventFile) -> None:
    clock, lanes = Clock(), Streams()
    kept.extend(object_event(key) for key in keys(25))
    site = FakeSite(stream=lanes, sleep=clock.sleep)
    counts = backfill(kept, "push 1", WANTED, site, Notes(), rate=10, monotonic=clock)
    assert [sum(each.values()) for each in counts] == [10, 10, 5]
    assert clock.slept == [1.0, 1.0, 0.5]


def test_objects_that_are_put_again_are_replays_of_their_own(kept: EventFile) -> None:
    lanes = Streams()
    kept.extend([object_event("a")])
    wanted = Wanted(paths=("s3://my-logs/",), again=True)
    list(backfill(kept, "push 1", wanted, FakeSite(stream=lanes), Notes()))
    (event,) = lanes.lanes["slow"]
    assert (event.replay or "").startswith(AGAIN)


# ---- what waits already


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    with closing(MachineState.open(tmp_path / "state")) as state:
        yield state


def listed(key: str, etag: str) -> ObjectEvent:
    return object_event(key, lane=None, object_etag=etag)


def test_an_object_in_s3_waits_if_the_content_that_is_listed_does(state: MachineState) -> None:
    operations = MachineOperations(parse(CONFIG), state)
    state.stream.put("slow", [listed("same", "1" * 32), listed("other", "1" * 32)])
    state.stream.put("slow", [object_event("version", object_etag="1" * 32, object_version_id="v1")])
    state.stream.put("slow", [object_event("part", object_etag="1" * 32, records=[(3, None)])])
    keys = ["same", "other", "version", "part", "none"]
    events = [listed(key, "2" * 32 if key == "other" else "1" * 32) for key in keys]
    found = {event.object_key: waits for event, waits in operations.on_lanes(events, again=False)}
    assert found == {"same": True, "other": False, "version": True, "part": False, "none": False}


def test_a_file_waits_whatever_content_of_it_does(state: MachineState) -> None:
    operations = MachineOperations(parse(CONFIG), state)
    state.stream.put("slow", [listed("a", "1-2-3@4"), listed("b", "5e3d")])
    events = [listed("a", "9-9-9@9"), listed("b", "8-8-8@8"), listed("c", "8-8-8@8")]
    assert [waits for _, waits in operations.on_lanes(events, again=False)] == [True, True, False]


def test_an_object_waits_for_one_who_asks_for_it_again_unless_the_ledger_may_cut_that_run(state: MachineState) -> None:
    operations = MachineOperations(parse(CONFIG), state)
    events = [listed(key, "1") for key in ("new", "done", "asked")]
    for event in events[1:]:
        state.ledger.dismiss(event)
    state.stream.put("slow", [*events, object_event("asked", object_etag="1", replay="again@7")])
    assert [waits for _, waits in operations.on_lanes(events, again=True)] == [True, False, True]


def test_an_object_that_waits_is_not_put_again_and_one_that_is_done_is(project: Project) -> None:
    project.put("json/a", {"n": 1})
    assert project.slips("push", "logs", "--json").json["objects"] == 1
    assert project.slips("push", "logs", "--again").out == "nothing to put\nnot put: 1 waiting already\n"
    assert project.slips("run", "--json").json["records"] == 1
    for expected in (1, 0):
        assert project.slips("push", "logs", "--again", "--json").json["objects"] == expected
    assert project.slips("run", "--json").json["records"] == 1


def test_objects_that_are_done_are_counted_with_the_option_that_processes_them_again(project: Project) -> None:
    for name in ("a", "b"):
        project.put(f"json/{name}", {"n": 1})
    project.slips("run")
    project.put("json/b", {"n": 3})
    project.put("json/c", {"n": 1})
    words = "1 of these done already: no run processes them again; with --again each gets a run of its own"
    assert words in project.slips("push", "logs", "--dry-run").out.splitlines()
    assert project.slips("push", "logs", "--dry-run", "--json").json["done"] == 1
    assert words in project.slips("push", "logs").out.splitlines()
    assert project.slips("run", "--json").json["records"] == 2
    assert "done already" not in project.slips("push", "logs", "--again").out


def test_objects_in_s3_are_done_by_the_content_that_is_listed(state: MachineState) -> None:
    operations = MachineOperations(parse(CONFIG), state)
    state.ledger.dismiss(listed("done", "1" * 32))
    state.ledger.dismiss(listed("changed", "1" * 32))
    events = [listed("done", "1" * 32), listed("changed", "2" * 32), listed("new", "1" * 32)]
    assert operations.count_done(events) == 1


def test_files_that_are_unfinished_by_their_name_are_put_only_if_they_are_named(project: Project) -> None:
    for name in ("a", ".h.log", "n.log.tmp", "part.log.part", ".d/x.log"):
        project.put(f"json/{name}", {"n": 1})
    for path in ("logs/json", "s3://my-logs/json/", "logs/json/.d"):
        passed = project.slips("push", path, "--dry-run", "--json").json["passed"]
        assert passed == {"unfinished": 1 if path.endswith(".d") else 4}
    out = project.slips("push", "logs/json").out
    assert out.endswith("\nnot put: 4 hidden or unfinished by their names\n")
    for path in ("logs/json/n.log.tmp", "s3://my-logs/json/.h.log"):
        assert project.slips("push", path, "--json").json["objects"] == 1


# ---- the command


@pytest.mark.slow
def test_existing_objects_wait_on_the_slow_lane_and_are_delivered_once_however_often_they_are_pushed(
    project: Project,
) -> None:
    for key in ("json/a", "json/b", "other/c", "dropped/d", "json/ELBAccessLogTestFile"):
        project.put(key, {"n": 1})
    done = project.slips("push", "s3://my-logs/", "--json")
    assert done.status == 0
    assert (done.json["objects"], done.json["lanes"]) == (2, {"fast": 0, "slow": 2})
    assert done.json["passed"] == {"dropped": 1, "filtered": 1, "unmapped": 1}
    done = project.slips("push", "logs/json", "--json").json
    assert (done["objects"], done["passed"]) == (0, {"filtered": 1, "waiting": 2})
    assert (
        project.slips("push", "logs/json").out == "nothing to put\nnot put: 1 filtered, as no logs, 2 waiting already\n"
    )
    assert project.slips("status", "--json").json["lanes"]["slow"]["waiting"] == 2
    ran = project.slips("run", "--json").json
    assert (ran["objects"] - ran["failed"], ran["records"]) == (2, 2)
    assert project.slips("push", "logs/json/a", "--json").json["objects"] == 1
    # What waits is cut by the ledger, what a user asked for again is not.
    assert project.slips("push", "logs/json/a", "--again", "--json").json["objects"] == 1
    assert project.slips("push", "logs/json/a", "--again", "--json").json["passed"] == {"waiting": 1}
    assert project.slips("run", "--json").json["records"] == 1


def test_only_missing_pushes_what_neither_ledger_lanes_nor_error_table_know(project: Project) -> None:
    project.put("json/a", {"n": 1})
    project.slips("run")
    project.put("json/b", {"n": 1})
    old = project.put("json/c", {"n": 1})
    os.utime(old, (0, 0))
    done = project.slips("push", "s3://my-logs/json/", "--only-missing", "--json").json
    assert (done["objects"], done["passed"]) == (2, {"known": 1})
    assert project.slips("push", "s3://my-logs/json/", "--only-missing", "--json").json["passed"] == {"known": 3}


def test_times_and_a_limit_choose_the_objects(project: Project) -> None:
    for number in range(4):
        path = project.put(f"json/{number}", {"n": 1})
        os.utime(path, (time.time() - number * 86_400 - 60,) * 2)
    pushed = project.slips("push", "s3://my-logs/json/", "--since", "3d", "--until", "1d", "--dry-run", "--json").json
    assert (pushed["objects"], pushed["passed"]) == (2, {"earlier": 1, "later": 1})
    assert project.slips("push", "s3://my-logs/json/", "--limit", "3", "--json").json["objects"] == 3


def test_a_key_is_that_object_alone_and_else_the_prefix_of_some(project: Project) -> None:
    for key in ("json/a", "json/ab"):
        project.put(key, {"n": 1})
    for path, expected in (("s3://my-logs/json/a", 1), ("logs/json/a", 1), ("s3://my-logs/json/", 2), ("logs", 2)):
        assert project.slips("push", path, "--dry-run", "--json").json["objects"] == expected


def test_a_dry_run_counts_objects_and_bytes_and_changes_nothing(project: Project) -> None:
    project.put("json/a", {"n": 1})
    done = project.slips("push", "s3://my-logs/json/", "--dry-run")
    assert (done.status, done.out) == (0, "1 object of 9 bytes would be put on lane slow\n")
    assert project.slips("status", "--json").json["lanes"]["slow"]["waiting"] == 0


@pytest.mark.slow
def test_a_push_that_was_stopped_continues_where_it_was_and_puts_each_object_once(project: Project) -> None:
    for key in keys(30):
        project.put(f"json/{key}", {"n": 1})
    command = ["push", "s3://my-logs/json/", "--rate", "2"]
    started = project.start(*command)
    waiting = 0
    while not waiting:
        assert started.poll() is None
        time.sleep(0.05)
        if (project.root / "state" / "state.sqlite3").exists():
            waiting = project.slips("status", "--json").json["lanes"]["slow"]["waiting"]
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=300)
    assert (started.returncode, "the same command continues behind it" in err) == (130, True)
    waiting = project.slips("status", "--json").json["lanes"]["slow"]["waiting"]
    assert 0 < waiting < 30
    other = project.slips("push", "s3://my-logs/json/0000", "--rate", "1000")
    assert "continues" not in other.err, "another command has another checkpoint"
    done = project.slips("push", "s3://my-logs/json/", "--rate", "1000", "--json")
    assert f"continues behind s3://my-logs/json/{waiting - 1:04}: {waiting} were put before" in done.err
    assert (done.json["objects"], done.json["before"]) == (30 - waiting, waiting)
    assert project.slips("status", "--json").json["lanes"]["slow"]["waiting"] == 30
    assert "continues" not in project.slips("push", "s3://my-logs/json/").err


def test_a_restart_forgets_how_far_the_former_push_came_also_if_it_puts_nothing(
    project: Project, state: MachineState
) -> None:
    path = "s3://my-logs/json/"
    wanted = Wanted(paths=(path,))
    operations, name = MachineOperations(parse(CONFIG), state), wanted.name(None, None)
    reached = Reached(wanted, "my-logs", "json/0001", put=2, at=time.time())
    operations.set_note(name, msgspec.json.encode(reached).decode())
    assert "no object there" in project.slips("push", path, "--restart", "--dry-run").err
    assert operations.note(name) is not None, "a dry run changes nothing"
    assert "no object there" in project.slips("push", path, "--restart").err
    assert operations.note(name) is None


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "PATH: missing; expected s3://bucket/key-or-prefix, or files or directories below a bucket's"),
        (["s3://none/"], "s3://none/: bucket 'none' has no mapping; expected one of: my-logs"),
        (["s3://my-logs/none/"], "s3://my-logs/none/: no object there; expected a file, or a directory or prefix"),
        (["logs", "--lane", "middle"], "--lane middle: cannot be used; expected routed, fast or slow"),
        (["logs", "--since", "soon"], "--since: 'soon'"),
        (["logs", "--since", "1d", "--until", "2d"], "--since: '1d' is later than --until '2d'"),
        (["logs", "--rate", "0"], "--rate 0: out of range; expected a number from 1"),
        (["logs", "--again", "--only-missing"], "--again: what is missing was never done"),
    ],
)
def test_wrong_arguments_are_said_with_what_was_expected(project: Project, args: list[str], words: str) -> None:
    done = project.slips("push", *args)
    assert done.status == 2
    assert words in done.err


def test_objects_without_a_mapping_are_not_put_and_are_counted(project: Project) -> None:
    project.put("other/a", {"n": 1})
    done = project.slips("push", "s3://my-logs/other/")
    assert (done.status, done.out) == (0, "nothing to put\nnot put: 1 without a mapping\n")
