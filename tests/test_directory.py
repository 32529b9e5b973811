"""Directories that stand for buckets, with all that may lie in one, and with somebody who changes it meanwhile."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from msgspec.structs import replace

from projects import Project
from slips.backends.machine.directory import MOST_PROBLEMS, DirectoryStore
from slips.backends.machine.state import MachineState
from slips.errors import StorageError
from slips.model import ObjectEvent, format_time, nearest_time

if TYPE_CHECKING:
    from slips.codec import Rereadable

OUTSIDE = b"outside"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A bucket's directory with `elsewhere/secret` beside it."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_bytes(OUTSIDE)
    (tmp_path / "bucket").mkdir()
    yield tmp_path / "bucket"
    # Python's own way to remove a tree is not made for deep ones.
    subprocess.run(["rm", "-rf", str(tmp_path / "bucket")], check=True)


@pytest.fixture
def far_times() -> Iterator[Path]:
    """A directory on a file system that keeps any modification time; ext4 ends in the year 2446."""
    if not Path("/dev/shm").is_dir():
        pytest.skip("there is no tmpfs")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


def nest(root: Path, depth: int) -> None:
    """`root/d/d/…/last` and `root/z`."""
    nest_at(os.open(root, os.O_RDONLY), depth)
    (root / "z").write_text("z")


def nest_at(at: int, depth: int) -> None:
    for _ in range(depth):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("last", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


def touch(path: Path, mtime: float) -> None:
    """`os.utime` counts in nanoseconds, of which 64 bits do not reach so far."""
    subprocess.run(["touch", "-d", f"@{mtime:.1f}", str(path)], check=True)


def descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def store_of(root: Path) -> DirectoryStore:
    return DirectoryStore({"b": root})


def keys_of(store: DirectoryStore, prefix: str = "") -> list[str]:
    return [event.object_key for event in store.list("b", prefix)]


def read(store: DirectoryStore, key: str) -> bytes:
    with store.open(ObjectEvent(bucket_name="b", object_key=key)) as stored:
        return stored.body.read()


# ---- depth, and odd entries


def test_a_file_is_read_again_from_its_beginning_whatever_was_read_of_it(root: Path) -> None:
    (root / "file").write_bytes(b"0123456789")
    with store_of(root).open(ObjectEvent(bucket_name="b", object_key="file")) as stored:
        assert stored.body.read(4) == b"0123"
        again = cast("Rereadable", stored.body).again()
        assert (again.read(6), stored.body.read(3), again.read(9)) == (b"012345", b"456", b"6789")


def test_a_thousand_nested_directories_are_listed_and_their_file_is_opened_with_few_descriptors(root: Path) -> None:
    nest(root, 1_000)
    store = store_of(root)
    deep = "d/" * 1_000 + "last"
    before, most, found = descriptors(), 0, []
    for event in store.list("b"):
        found.append(event.object_key)
        most = max(most, descriptors())
    assert (found, store.unlisted) == ([deep, "z"], [])
    assert most <= before + 1
    assert read(store, deep) == b""
    assert keys_of(store, "d/" * 500) == [deep]
    assert descriptors() == before


@pytest.mark.slow
def test_directories_too_deep_for_a_path_are_one_problem_and_the_rest_is_listed(root: Path) -> None:
    nest(root, 5_000)
    store = store_of(root)
    assert keys_of(store) == ["z"]
    (problem,) = store.unlisted
    assert "its key would have more than 4,096 bytes" in problem
    assert len(problem) < 700


def test_keys_come_in_the_order_of_s3_from_directories_left_one_or_several_at_a_time(root: Path) -> None:
    keys = sorted(["a/b/c/1", "a/b/c/2", "a/b-1", "a/b.1", "a-1", "a.1", "a/b/z", "a/z", "b/c/d/e/f", "c", "é", "漢"])
    for key in keys:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).touch()
    for prefix in ("", "a", "a/", "a/b", "a/b/c/", "a/b/c/2", "b/c/d", "nothing", "nothing/", "c/", "../", "./", "/"):
        store = store_of(root)
        assert keys_of(store, prefix) == [key for key in keys if key.startswith(prefix)], prefix
        assert store.unlisted == []


def test_a_store_with_odd_entries_lists_the_files_and_tells_what_it_could_not(root: Path) -> None:
    (root / "file").write_text("1")
    (root / "new\nline\x1b").write_text("1")
    (root / "File").write_text("1")
    (root / "to-itself").symlink_to("to-itself")
    (root / "ring-1").symlink_to("ring-2")
    (root / "ring-2").symlink_to("ring-1")
    for number in range(42):
        (root / f"chain-{number}").symlink_to(f"chain-{number + 1}")
    (root / "chain-42").symlink_to("file")
    (root / "to-nothing").symlink_to("nothing")
    (root / "to-a-pipe").symlink_to("pipe")
    (root / "to-a-directory").symlink_to("sub")
    (root / "sub").mkdir()
    (root / "sub" / "file").write_text("1")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(root / "socket"))
    with open(os.fsencode(root) + b"/bad\xff", "wb"):  # noqa: PTH123 - a name that Path would hide
        pass
    store = store_of(root)
    resolved = [f"chain-{number}" for number in range(3, 43)]
    assert keys_of(store) == sorted(["File", "file", "new\nline\x1b", "sub/file", *resolved])
    assert [problem.partition(": ")[0].rpartition("/")[2] for problem in store.unlisted] == [
        "bad\\udcff",
        *("chain-0", "chain-1", "chain-2", "ring-1", "ring-2", "to-itself"),
    ]
    assert all("Too many levels of symbolic links; expected a file" in each for each in store.unlisted[1:])
    for key in ("to-itself", "chain-0"):
        with pytest.raises(StorageError, match="Too many levels of symbolic links; expected a readable file"):
            read(store, key)


def test_only_so_many_problems_are_told(root: Path) -> None:
    for number in range(MOST_PROBLEMS + 5):
        (root / f"loop-{number}").symlink_to(f"loop-{number}")
    (root / "z").touch()
    store = store_of(root)
    assert keys_of(store) == ["z"]
    assert len(store.unlisted) == MOST_PROBLEMS + 1
    assert "there is more that cannot be listed" in store.unlisted[-1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_directory_that_may_not_be_listed_is_told(root: Path) -> None:
    (root / "closed").mkdir(0)
    (root / "z").touch()
    store = store_of(root)
    assert keys_of(store) == ["z"]
    assert "closed: Permission denied" in store.unlisted[0]


@pytest.mark.parametrize("mtime", [-(2**62), -1e12, -1.5, 2**38, 1e15, 2**62])
def test_a_file_of_any_modification_time_is_an_object_with_a_time_that_can_be_written(
    far_times: Path, mtime: float
) -> None:
    (far_times / "a").write_text("1")
    touch(far_times / "a", mtime)
    (event,) = store_of(far_times).list("b")
    assert len(event.event_time) == len("2018-03-29T16:35:15.768Z")
    assert event.timestamp == nearest_time((far_times / "a").stat().st_mtime)


def test_times_are_written_with_four_digits_of_the_year_and_milliseconds_cut() -> None:
    assert format_time(nearest_time(-1e300)) == "0001-01-01T00:00:00.000Z"
    assert format_time(nearest_time(1e300)) == "9999-12-31T23:59:59.000Z"
    assert format_time(1522341315.7689) == "2018-03-29T16:35:15.768Z"
    assert format_time(-0.001) == "1969-12-31T23:59:59.999Z"


@pytest.mark.slow
def test_files_of_far_times_are_run_and_parsed(far_times: Path, tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.config((project.root / "slips.yml").read_text().replace("my-logs: logs", f"my-logs: {far_times}"))
    (far_times / "json").mkdir()
    for name, mtime in (("a", 10**14), ("b", 0), ("c", -(10**14))):
        (far_times / "json" / name).write_text('{"n": 1}\n')
        touch(far_times / "json" / name, mtime)
    done = project.slips("run", "--json")
    assert (done.status, done.json["objects"], done.json["delivered"], done.json["problems"]) == (0, 3, 3, [])
    assert project.slips("parse", "s3-lines,json", str(far_times / "json" / "a")).status == 0


@pytest.mark.slow
def test_a_run_processes_all_but_the_odd_entries_each_of_which_is_one_problem_or_item(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.put("json/a", {"n": 1})
    project.put("json/z", {"n": 1})
    (project.bucket / "json" / "to-a").symlink_to("a")
    (project.bucket / "json" / "loop").symlink_to("loop")
    (project.bucket / "json" / "out").symlink_to("/etc/passwd")
    os.mkfifo(project.bucket / "json" / "pipe")
    at = os.open(project.bucket / "json", os.O_RDONLY)
    nest_at(at, 1_000)
    try:
        for _ in range(2):
            done = project.slips("run", "--json").json
            assert [problem.partition(": ")[0].rpartition("/")[2] for problem in done["problems"]] == ["loop"]
        state = project.state()
        ended = {entry.key: entry.status for entry in state.ledger.scan()}
        state.close()
        deep = f"json/{'d/' * 1_000}last"
        assert ended == {"json/a": "done", "json/z": "done", "json/to-a": "done", "json/out": "failed", deep: "done"}
        assert project.slips("run", f"s3://my-logs/{deep}", "--again").status == 0
    finally:
        subprocess.run(["rm", "-rf", str(project.bucket)], check=True)


def test_sizes_whose_sum_passes_63_bits_are_summed(tmp_path: Path) -> None:
    state = MachineState.open(tmp_path)
    event = ObjectEvent(bucket_name="b", object_key="k", lane="fast")
    sizes = [2**63 - 1, 2**63 - 1, 2**80, 10**400]
    for count, size in enumerate(sizes, 1):
        state.stream.put("fast", [replace(event, object_size=size)])
        waiting, total = state.stream.waiting()
        assert waiting == count
        assert total >= min(sum(sizes[:count]), 2**1000)
    state.close()


# ---- links


def test_a_link_to_a_file_within_the_bucket_is_an_object(root: Path) -> None:
    (root / "logs").mkdir()
    (root / "logs" / "1.log").write_text("one")
    (root / "logs" / "current").symlink_to("1.log")
    (root / "absolute").symlink_to(root / "logs" / "1.log")
    (root / "around").symlink_to("../bucket/logs/current")
    (root / "directory").symlink_to("logs")
    store = store_of(root)
    assert keys_of(store) == ["absolute", "around", "logs/1.log", "logs/current"]
    for key in [*keys_of(store), "directory/1.log", "directory/current"]:
        assert read(store, key) == b"one"
    assert {event.object_size for event in store.list("b")} == {3}
    assert store.unlisted == []


def test_the_directory_of_a_bucket_may_itself_be_behind_links(root: Path) -> None:
    (root / "a").write_text("1")
    (root.parent / "link").symlink_to(root.parent)
    (root.parent / "current").symlink_to("link/bucket")
    store = store_of(root.parent / "current")
    assert (keys_of(store), read(store, "a")) == (["a"], b"1")


def test_a_link_to_a_file_outside_is_listed_so_that_opening_it_is_an_error(root: Path) -> None:
    (root / "out").symlink_to("../elsewhere/secret")
    (root / "out-directory").symlink_to("../elsewhere")
    store = store_of(root)
    (event,) = store.list("b")
    assert (event.object_key, event.object_size) == ("out", len("../elsewhere/secret")), "nothing of the file is told"
    for key in ("out", "out-directory/secret"):
        with pytest.raises(StorageError, match=r"the key leads out of .*; expected a file below it"):
            read(store, key)


@pytest.mark.parametrize(
    "key", ["", ".", "..", "a/", "/a", "a//b", "a/.", "./a", "d/./a", "d/../a", "../bucket/a", "a\0b", "\ud800"]
)
def test_a_key_that_is_no_path_of_a_file_is_refused_and_lists_nothing(root: Path, key: str) -> None:
    (root / "d").mkdir()
    for name in ("a", "d/a"):
        (root / name).write_text("1")
    store = store_of(root)
    with pytest.raises(StorageError, match=r"can be no file's name; expected the path of a file below"):
        read(store, key)
    assert keys_of(store, f"{key}/") == []


# ---- somebody who changes it meanwhile


@pytest.fixture
def swapped(root: Path) -> Iterator[Path]:
    """A bucket in which `sub` is by turns a directory and a link to one outside that has the same names."""
    (root / "sub" / "in").mkdir(parents=True)
    (root.parent / "elsewhere" / "in").mkdir()
    for place, body in ((root / "sub", b"i"), (root.parent / "elsewhere", OUTSIDE)):
        (place / "file").write_bytes(body)
        (place / "in" / "file").write_bytes(body)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (root / "sub").rename(root / "aside")
            (root / "sub").symlink_to("../elsewhere")
            (root / "sub").unlink()
            (root / "aside").rename(root / "sub")

    swapper = threading.Thread(target=swap)
    swapper.start()
    yield root
    stop.set()
    swapper.join()


def test_a_directory_swapped_for_a_link_never_shows_what_is_outside(swapped: Path) -> None:
    store = store_of(swapped)
    seen = set()
    for _ in range(3_000):
        for key in ("sub/file", "sub/in/file"):
            try:
                seen.add(read(store, key))
            except StorageError:
                continue
    assert seen <= {b"i"}


def test_a_listing_while_a_directory_is_swapped_tells_of_nothing_outside(swapped: Path) -> None:
    store = store_of(swapped)
    found = [event for _ in range(500) for prefix in ("", "sub/", "sub/in/") for event in store.list("b", prefix)]
    assert {event.object_size for event in found} <= {1, len("../elsewhere")}


def test_a_directory_that_is_moved_out_during_a_walk_does_not_lead_the_walk_out(root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    for key in ("a/b/1", "a/b/2", "a/z", "z"):
        (root / key).write_text("1")
    (root.parent / "elsewhere" / "z").write_bytes(OUTSIDE)
    store = store_of(root)
    listing = store.list("b")
    assert next(listing).object_key == "a/b/1"
    (root / "a" / "b").rename(root.parent / "elsewhere" / "b")
    found = {event.object_key: event.object_size for event in listing}
    assert found == {"a/b/2": 1, "a/z": 1, "z": 1}


def test_a_directory_that_goes_during_a_walk_does_not_end_it(root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    for key in ("a/b/1", "a/b/2", "a/z", "z"):
        (root / key).write_text("1")
    store = store_of(root)
    listing = store.list("b")
    assert next(listing).object_key == "a/b/1"
    (root / "a").rename(root.parent / "gone")
    (root.parent / "gone" / "b").rename(root.parent / "gone-too")
    assert [event.object_key for event in listing] == ["a/b/2", "z"]
    assert len(store.unlisted) == 1
