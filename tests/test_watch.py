"""The source of a directory announces each file once it is at rest, and loses none that the kernel does not report."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from watchfiles._rust_notify import WatchfilesRustInternalError

from slips.backends.machine.state import MachineState
from slips.model import ObjectEvent
from slips.ports import SETTLED
from slips.service import watch
from slips.service.sources import Arrival
from slips.service.watch import DirectorySource, unwatchable

GUARD = 300.0
"""Seconds after which a test that waits fails."""
DAY = 86_400.0


class Place:
    """A directory with a source, and the time that both of its clocks show."""

    def __init__(self, root: Path, settle: float = 2.0, own: Path | None = None, *, is_known: bool = False) -> None:
        self.root = root
        self.time = 1_000_000.0
        self.source = DirectorySource(
            "logs",
            root,
            settle=settle,
            ledger_days=30,
            own=own,
            is_known=is_known,
            clock=lambda: self.time,
            now=lambda: self.time,
        )

    def put(self, key: str, text: str = "1\n", age: float = 0.0) -> Path:
        """Write a file, `age` seconds ago, and report it as the kernel does."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (self.time - age, self.time - age))
        self.source.touch({str(path)})
        return path

    def after(self, seconds: float) -> list[str]:
        """Return the keys that the source announces when so many seconds have passed."""
        self.time += seconds
        self.source.look()
        return [event.object_key for event in events(self.source)]

    def listed(self) -> list[str]:
        """Return the keys that a listing announces."""
        self.source._list()
        return [event.object_key for event in events(self.source)]


def events(source: DirectorySource) -> list[ObjectEvent]:
    return [event for arrival in source.take() for event in arrival.events]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "logs").mkdir()
    return Place(tmp_path / "logs")


def test_a_file_is_announced_when_size_and_time_have_rested(place: Place) -> None:
    path = place.put("sub/a")
    assert place.after(0) == []
    assert place.after(1.9) == []
    with path.open("a") as file:
        file.write("2\n")
    os.utime(path, (place.time, place.time))
    assert place.after(1.9) == []  # the time of rest began anew
    assert place.after(2.1) == ["sub/a"]
    assert place.after(10) == []


def test_a_file_that_was_renamed_into_place_is_announced_at_once_if_it_was_written_before(place: Place) -> None:
    written = place.put("a.tmp", age=60)
    assert place.after(0) == []
    path = written.rename(place.root / "a")
    place.source.touch({str(path)})
    assert place.after(0) == ["a"]


def test_without_settling_a_file_is_announced_as_soon_as_it_is_reported(tmp_path: Path) -> None:
    place = Place(tmp_path, settle=0)
    place.put("a")
    assert place.after(0) == ["a"]


def test_a_file_whose_time_lies_in_the_future_rests_by_the_clock_of_this_machine(place: Place) -> None:
    place.put("a", age=-3600)
    assert place.after(0) == []
    assert place.after(2.1) == ["a"]


def test_a_file_that_is_deleted_before_it_rests_is_forgotten(place: Place) -> None:
    path = place.put("a")
    assert place.after(0) == []
    path.unlink()
    place.source.touch({str(path)})
    assert place.after(5) == []
    assert place.source._settling == {}


@pytest.mark.parametrize("key", [".a", "sub/.a", ".sub/a", "a.tmp", "a.part", "state/state.sqlite3"])
def test_dotfiles_unfinished_files_and_the_state_are_left_alone(tmp_path: Path, key: str) -> None:
    place = Place(tmp_path, own=tmp_path / "state")
    place.put(key, age=60)
    place.put("b", age=60)
    assert place.after(0) == ["b"]
    assert place.listed() == ["b"]


def test_a_listing_finds_what_was_not_reported_and_is_repeated(place: Place) -> None:
    place.source._list_soon()
    assert place.after(0) == []
    (place.root / "a").write_text("1\n")
    os.utime(place.root / "a", (0, 0))
    assert place.after(watch.LIST_SECONDS - 1) == []
    assert place.after(2) == ["a"]


def test_the_files_of_a_directory_that_was_moved_in_are_announced(place: Place, tmp_path: Path) -> None:
    for key in ("new/a", "new/deep/b"):
        (tmp_path / key).parent.mkdir(exist_ok=True)
        (tmp_path / key).write_text("1\n")
        os.utime(tmp_path / key, (0, 0))
    (tmp_path / "new").rename(place.root / "in")
    place.source.touch({str(place.root / "in")})
    assert place.after(0) == ["in/a", "in/deep/b"]


def test_a_directory_that_was_moved_in_is_announced_while_it_is_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        for event in listing(bucket, prefix):
            announced.append([each.object_key for each in events(place.source)])
            yield event

    listing, announced = place.source._store.list, list[list[str]]()
    monkeypatch.setattr(watch, "BATCH", 2)
    monkeypatch.setattr(place.source._store, "list", listed)
    for name in "abcde":
        place.put(f"in/{name}", age=60)
    place.source._touched.clear()
    place.source.touch({str(place.root / "in")})
    assert place.after(0) == ["in/e"]
    assert announced == [[], [], ["in/a", "in/b"], [], ["in/c", "in/d"]]


def test_files_that_a_link_to_another_directory_leads_to_are_not_announced(place: Place, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a").write_text("1\n")
    os.utime(tmp_path / "outside/a", (0, 0))
    (place.root / "link").symlink_to(tmp_path / "outside")
    place.source.touch({str(place.root / "link"), str(place.root / "link/a")})
    assert place.after(0) == []


def test_more_changes_than_are_remembered_are_found_by_a_listing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_CHANGES", 10)
    for number in range(30):
        place.put(f"{number:02}")
    assert len(place.source._touched) <= 10
    assert place.after(0) == []
    assert len(place.source._settling) <= 10
    assert sorted({*place.after(2.1), *place.after(2.1)}) == [f"{number:02}" for number in range(30)]


def test_a_directory_that_goes_away_is_a_problem_and_is_listed_when_it_comes_back(place: Place) -> None:
    place.put("a", age=60)
    assert place.after(0) == ["a"]
    place.root.rename(place.root.with_name("unmounted"))
    assert place.after(1) == []
    assert place.source.is_away
    assert place.source.problem is not None
    assert place.source.problem.startswith("the directory cannot be opened")
    place.root.with_name("unmounted").rename(place.root)
    (place.root / "b").write_text("1\n")
    os.utime(place.root / "b", (0, 0))
    assert place.after(1) == ["a", "b"]
    state = [place.source.is_away, place.source.problem]
    assert state == [False, None]


def test_a_directory_without_files_is_away_only_if_it_had_some(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    fresh, known = Place(tmp_path / "new"), Place(tmp_path / "new", is_known=True)
    for place, is_away in ((fresh, False), (known, True)):
        place.after(0)
        assert place.source.is_away is is_away


def test_a_listing_in_parts_forgets_what_was_absent_for_the_days_of_the_ledger_and_nothing_else(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "BATCH", 2)
    keys = ["a", "b/c", "b0", "d", "é", "漢"]
    for key in keys:
        place.put(key, age=60)
    with closing(MachineState.open(tmp_path / "state")) as state:
        monkeypatch.setattr(state.files, "_clock", lambda: place.time)
        for event in events_of(place):
            state.ledger.drop(event)
        for key in ("b/c", "漢"):
            (place.root / key).unlink()
        take_listing(place, state)
        assert len(list(state.ledger.scan())) == 6
        place.time += 31 * DAY
        take_listing(place, state)
        left = {entry.key for entry in state.ledger.scan() if entry.status in SETTLED}
    assert left == {"a", "b0", "d", "é"}


def events_of(place: Place) -> list[ObjectEvent]:
    place.source._list()
    return events(place.source)


def take_listing(place: Place, state: MachineState) -> None:
    place.source._list()
    for arrival in place.source.take():
        if arrival.taken is not None:
            arrival.taken(state)


def test_a_part_of_a_listing_with_a_problem_forgets_nothing(place: Place, tmp_path: Path) -> None:
    place.put("a", age=60)
    with closing(MachineState.open(tmp_path / "state")) as state:
        for event in events_of(place):
            state.ledger.drop(event)
        (place.root / "a").unlink()
        (place.root / "loop").symlink_to("loop")
        take_listing(place, state)
        assert state.select("SELECT * FROM absent") == []
        assert "Too many levels" in next(each.note for each in [*place.source.take(), *notes(place)] if each.note)


def notes(place: Place) -> Iterator[Arrival]:
    place.source._noted.clear()
    place.source._list()
    yield from place.source.take()


# ---- the kernel, and where it reports nothing


def opened(source: DirectorySource) -> Iterator[str]:
    """Open a source, and yield what it announces and notes, until it is closed."""
    woken = threading.Semaphore(0)
    source.open(woken.release)
    while woken.acquire(timeout=GUARD):
        for arrival in source.take():
            yield from (event.object_key for event in arrival.events)
            if arrival.note:
                yield arrival.note


def test_a_file_that_the_kernel_reports_is_announced(tmp_path: Path) -> None:
    source = DirectorySource("logs", tmp_path, settle=0, ledger_days=30)
    (tmp_path / "a").write_text("1\n")
    announced = opened(source)
    assert next(announced) == "a"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b").write_text("1\n")
    assert "sub/b" in announced
    source.close()
    assert not any(thread.is_alive() for thread in source._threads)


FIRST_REPORT = """
import sys, threading
from pathlib import Path
from slips.service.watch import kernel_watch
try:
    print("watched", next(kernel_watch(Path(sys.argv[1]), threading.Event())))
except OSError as error:
    print(error)
"""


def first_report(root: Path, prepare: str, *options: str) -> str:
    """Return what becomes of a watch in a user namespace of its own, in which a shell has run `prepare` before."""
    start = ["unshare", "--user", *options, "sh", "-ec", f'{prepare}; exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*start, "true"], timeout=GUARD, check=False).returncode:
        pytest.skip("no user namespaces here")
    command = [*start, sys.executable, "-c", FIRST_REPORT, str(root)]
    return subprocess.run(command, timeout=GUARD, check=True, capture_output=True, text=True).stdout


def test_a_directory_with_more_directories_than_the_kernel_has_watches_is_not_watched(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    limited = first_report(tmp_path, "echo 1 > /proc/sys/user/max_inotify_watches", "--map-root-user")
    assert "OS file watch limit reached" in limited


def test_a_directory_that_may_not_be_read_keeps_no_others_from_being_watched(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    assert first_report(tmp_path, "true") == "watched set()\n"


def test_where_no_watches_are_left_the_directory_is_listed_instead_and_that_is_said(tmp_path: Path) -> None:
    def refused(root: Path, stop: threading.Event) -> Iterator[set[str]]:
        raise OSError(errno.ENOSPC, "OS file watch limit reached")
        yield

    source = DirectorySource("logs", tmp_path, settle=0, ledger_days=30, watch=refused)
    announced = opened(source)
    assert "OS file watch limit reached); listed every 10 s or so instead" in next(announced)
    (tmp_path / "a").write_text("1\n")
    source._list_soon()
    assert "a" in announced
    source.close()


def test_a_directory_is_listed_instead_when_the_thread_of_watchfiles_fails(place: Place) -> None:
    def runs_out(root: Path, stop: threading.Event) -> Iterator[set[str]]:
        yield set()
        raise WatchfilesRustInternalError("error in underlying watcher: bad descriptor")

    place.source._watch = runs_out
    place.source._gather()
    (note,) = [arrival.note for arrival in place.source.take()]
    assert "bad descriptor); listed every 10 s or so instead" in note


class Panic(BaseException):
    """The exception of Rust code that fails is no Exception."""


def test_a_directory_is_polled_until_it_is_watched_again_when_watchfiles_panics(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_once(root: Path, stop: threading.Event) -> Iterator[set[str]]:
        polled.append(place.source._polls)
        yield set()
        if len(polled) == 1:
            raise Panic("index out of bounds")
        stop.set()

    polled: list[bool] = []
    monkeypatch.setattr(watch, "WATCH_AGAIN_SECONDS", 0)
    place.source._watch = fails_once
    place.source._keep_gathering()
    (note,) = [arrival.note for arrival in place.source.take()]
    assert "index out of bounds); listed every 10 s or so instead" in note
    assert (polled, place.source._polls) == ([False, True], False)


def test_a_failed_watch_is_tried_again_soon_then_later_and_soon_again_when_one_has_held(place: Place) -> None:
    lasts, waits = iter([0, 0, 0, 0, 0, 0, 0, 300, 0]), list[float]()

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            return self.is_set()

    def fails(root: Path, stop: threading.Event) -> Iterator[set[str]]:
        yield set()
        if (seconds := next(lasts, None)) is None:
            stop.set()
            return
        place.time += seconds
        raise Panic("not UTF-8")

    place.source._stop, place.source._watch = Stop(), fails
    place.source._keep_gathering()
    assert waits[:9] == [10, 20, 40, 80, 160, 300, 300, 10, 20]


def test_a_directory_whose_changes_no_kernel_reports_is_not_watched_again_soon(place: Place) -> None:
    waits = list[float]()

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            self.set()
            return True

    (place.root.parent / "other").mkdir()
    (place.root / "link").symlink_to(place.root.parent / "other")
    place.source._stop = Stop()
    place.source._keep_gathering()
    assert waits == [300]


def test_a_name_that_is_not_utf_8_keeps_no_other_files_from_being_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "WATCH_AGAIN_SECONDS", 0)
    source = DirectorySource("logs", tmp_path, settle=0, ledger_days=30)
    (tmp_path / "a").write_text("1\n")
    announced = opened(source)
    assert next(announced) == "a"
    (tmp_path / os.fsdecode(b"bad\xff")).write_text("1\n")
    assert any("its changes are not reported any more" in said for said in announced)
    (tmp_path / "b").write_text("1\n")
    assert "b" in announced
    source.close()
    assert not any(thread.is_alive() for thread in source._threads)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("40 30 0:45 / {} rw,relatime shared:2 - nfs4 server:/export rw", "nfs4"),
        ("40 30 0:45 / {} rw,relatime - fuse.sshfs host:/ rw", "fuse.sshfs"),
        ("40 30 8:1 / {} rw,relatime shared:2 - ext4 /dev/sda1 rw", ""),
    ],
)
def test_a_file_system_that_other_machines_change_is_not_watched(tmp_path: Path, line: str, reason: str) -> None:
    mounts = tmp_path / "mountinfo"
    place = tmp_path / "with späce"
    root = "30 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"
    mounts.write_text("\n".join([root, line.format(str(place).replace(" ", r"\040")), "broken"]))
    assert (reason in unwatchable(place / "logs", mounts)) if reason else unwatchable(place / "logs", mounts) == ""
    assert unwatchable(tmp_path, mounts) == unwatchable(tmp_path, tmp_path / "absent") == ""


def followed(root: Path, *, late: bool) -> list[str]:
    """Watch a directory with a link to a directory, from the start or `late`, and return what the source notes."""
    place = Place(root, settle=0)
    link = root / "linked"
    if not late:
        link.symlink_to("..")

    def reports(root: Path, stop: threading.Event) -> Iterator[set[str]]:
        yield set()
        link.symlink_to("..")
        yield {str(link)}
        raise AssertionError("the link was followed")

    place.source._watch = reports
    place.source._gather()
    return [arrival.note for arrival in place.source.take()]


@pytest.mark.parametrize("late", [False, True])
def test_a_directory_with_a_link_to_a_directory_is_listed_often_as_a_watch_would_follow_the_link(
    tmp_path: Path, late: bool
) -> None:
    (note,) = followed(tmp_path, late=late)
    assert f"{tmp_path / 'linked'} is a link to a directory" in note
    assert "listed every 10 s or so instead" in note
