"""What makes a file new: its content, by a hash. Not its times, not that it is away, not what was announced."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from contents import EVENT, rows, touched
from running import FORMAT, Project, project, quarantined, results
from slips.backends.machine.content import stamp_of
from slips.backends.machine.directory import DirectoryStore
from slips.backends.machine.state import MachineState
from slips.backends.machine.stores import Stores
from slips.errors import DecompressionError, StorageError
from slips.model import ObjectEvent, Outcome

__all__ = ["project", "quarantined"]

# ---- the same bytes under the same key are the same object


def copied_away_and_back(path: Path) -> None:
    shutil.copy2(path, path.parent.parent / "aside")
    path.unlink()
    shutil.copy2(path.parent.parent / "aside", path)


def restored_without_times(path: Path) -> None:
    body = path.read_bytes()
    path.unlink()
    path.write_bytes(body)


def edited_and_back(path: Path) -> None:
    body = path.read_bytes()
    path.write_bytes(b"!")
    path.write_bytes(body)


SAME = [touched, copied_away_and_back, restored_without_times, edited_and_back]


@pytest.mark.slow
@pytest.mark.parametrize("change", SAME)
def test_a_file_with_the_same_bytes_is_not_processed_again(project: Project, change: Callable[[Path], None]) -> None:
    path = project.put("a.log", "1")
    project.run()
    change(path)
    summary = project.run()
    assert (summary.objects, summary.skipped, summary.is_clean) == (0, 1, True)
    assert (rows(project), project.waiting()) == ([("a.log", "done")], [])
    assert project.run().skipped == 0, "its new times are known now"


@pytest.mark.slow
@pytest.mark.parametrize("change", SAME)
def test_a_quarantine_of_a_file_with_the_same_bytes_is_replayed(
    quarantined: Project, change: Callable[[Path], None]
) -> None:
    (quarantined.root / "formats.py").write_text(FORMAT.replace("bad", "worse"))
    change(quarantined.bucket / "a")
    assert quarantined.run().objects == 0
    (drained,) = quarantined.drain()
    assert (drained.lanes, drained.notes) == (["fast"], [])
    assert results(quarantined.run()) == {"a": ["bad 2", "bad 4"]}
    assert quarantined.errors == []


def test_a_dismissed_object_that_is_touched_stays_dismissed(project: Project) -> None:
    path = project.put("a.log", body=b"\x1f\x8b\x08 damaged")
    project.run()
    state = project.state()
    (item,) = state.errors.scan()
    assert state.dismiss(item)
    state.close()
    touched(path)
    assert (project.run().objects, rows(project)) == (0, [("a.log", "dismissed")])


@pytest.mark.slow
def test_an_object_that_kills_its_worker_is_identified_by_content_too(project: Project) -> None:
    path = project.put("a.log", "exit 3")
    project.run()
    (item,) = project.errors
    with Stores(project.config).open(EVENT_A) as stored:
        assert (item.error_type, item.events[0].object_etag) == ("WorkerDied", stored.etag)
    state = project.state()
    state.dismiss(item)
    state.close()
    touched(path)
    assert (project.run().objects, rows(project)) == (0, [("a.log", "dismissed")])


@pytest.mark.slow
def test_the_same_bytes_under_another_key_are_another_object(project: Project) -> None:
    project.put("a.log", "1")
    project.run()
    shutil.copy2(project.bucket / "a.log", project.bucket / "b.log")
    (project.bucket / "a.log").rename(project.bucket / "c.log")
    assert results(project.run()) == {"b.log": ["1"], "c.log": ["1"]}


@pytest.mark.slow
def test_other_bytes_of_the_same_size_and_times_are_another_object(project: Project) -> None:
    path = project.put("a.log", "1")
    before = path.stat()
    project.run()
    with path.open("r+b") as file:
        file.write(b"2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert results(project.run()) == {"a.log": ["2"]}


@pytest.mark.slow
def test_a_named_object_that_is_done_and_touched_runs_again_only_if_it_is_asked_for(project: Project) -> None:
    path = project.put("a.log", "1")
    project.run()
    touched(path)
    assert (project.run(path).objects, project.run(path, again=True).objects) == (0, 1)
    assert rows(project) == [("a.log", "done")]


IDS = """
import slips.interface


class Ids(slips.interface.Handler):
    def setup(self, args):
        self.ids = []

    def recv(self, meta, event):
        self.ids.append(meta.record_id)

    def result(self):
        return self.ids
"""


@pytest.mark.slow
def test_record_ids_of_a_file_name_its_content_and_outlive_a_touch(project: Project) -> None:
    project.handler(IDS)
    path = project.put("a.log", "1", "2")
    first = results(project.run())["a.log"]
    assert [each.rpartition("@")[0] for each in first] == ["my-logs/a.log"] * 2
    assert len(first[0].rpartition("@")[2].partition("#")[0]) * 4 >= 128
    touched(path)
    assert results(project.run(path, again=True))["a.log"] == first
    project.put("a.log", "1", "2", "3")
    assert not set(results(project.run())["a.log"]) & set(first)


# ---- what was read is what is done


def event_of(project: Project, key: str = "a.log") -> ObjectEvent:
    state = project.state()
    (event,) = [
        state.files.identified(each) for each in Stores(project.config).list("my-logs") if each.object_key == key
    ]
    state.close()
    return replace(event, lane="fast")


@pytest.mark.slow
@pytest.mark.parametrize("is_known", [False, True], ids=["announced by its times", "announced by its hash"])
def test_a_file_that_is_replaced_before_it_is_read_and_comes_back_is_processed(
    project: Project, is_known: bool
) -> None:
    path = project.put("a.log", "raise first" if is_known else "first")
    if is_known:
        project.run()
    announced = event_of(project)
    first = path.read_bytes()
    path.write_bytes(b"second\n")
    project.put_on_lane(announced)
    assert results(project.run()) == {"a.log": ["second"]}
    assert rows(project) == [("a.log", "done"), ("a.log", "superseded")]
    path.write_bytes(first)
    assert project.run().objects == 1
    assert ("raise first" if is_known else "first") in path.read_text()


@pytest.mark.slow
def test_a_failed_content_that_was_replaced_ends_as_superseded_with_its_item(project: Project) -> None:
    path = project.put("a.log", "raise first")
    project.run()
    assert rows(project) == [("a.log", "failed")]
    path.write_bytes(b"second\n")
    assert results(project.run(str(path))) == {"a.log": ["second"]}
    assert rows(project) == [("a.log", "done"), ("a.log", "superseded")]
    assert project.errors == []


@pytest.mark.slow
def test_an_event_whose_file_was_replaced_by_what_is_done_delivers_nothing_again(project: Project) -> None:
    path = project.put("a.log", "second")
    project.run()
    path.write_bytes(b"first\n")
    announced = event_of(project)
    path.write_bytes(b"second\n")
    project.put_on_lane(announced)
    summary = project.run()
    assert (summary.objects, summary.skipped, project.waiting()) == (0, 1, [])
    path.write_bytes(b"first\n")
    assert results(project.run()) == {"a.log": ["first"]}


@pytest.mark.slow
def test_two_events_that_turn_out_to_be_of_one_content_are_one_run_at_once_too(project: Project) -> None:
    path = project.put("a.log", "nap 0.3")
    first = event_of(project)
    touched(path)
    project.put_on_lane(first, event_of(project))
    summary = project.run(workers=2)
    assert (summary.objects, project.lines("done")) == (1, ["a.log\t1"])
    assert ("a.log", "done") in rows(project)
    assert project.waiting() == []


def test_an_error_item_names_the_content_that_was_read(project: Project) -> None:
    path = project.put("a.log", "first")
    announced = event_of(project)
    path.write_bytes(b"\x1f\x8b\x08 damaged")
    project.put_on_lane(announced)
    project.run()
    (item,) = project.errors
    with Stores(project.config).open(EVENT_A) as stored:
        assert item.events[0].object_etag == stored.etag
    assert rows(project) == [("a.log", "failed"), ("a.log", "superseded")]


EVENT_A = replace(EVENT, object_key="a.log")


@pytest.mark.slow
def test_a_drained_object_that_was_replaced_by_what_is_done_is_not_delivered_again(project: Project) -> None:
    path = project.put("a.log", "raise first")
    project.run()
    path.write_bytes(b"second\n")
    assert project.run(path).objects == 1
    assert project.errors == []
    path.write_bytes(b"raise first\n")
    project.run(path)
    path.write_bytes(b"second\n")
    project.drain()
    assert (project.run().skipped, project.lines("done")) == (1, ["a.log\t1"])


# ---- a file that changes while it is read


def appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more\n")


def overwritten_with_the_same_times(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"X")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [appended, touched, overwritten_with_the_same_times])
def test_a_file_that_changes_while_it_is_open_is_an_error_that_may_pass(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"body")
    os.utime(path, ns=(0, 0))
    with (
        pytest.raises(StorageError, match="s3://my-logs/a: the file changed while it was read"),
        DirectoryStore({"my-logs": tmp_path}).open(EVENT),
    ):
        change(path)


def test_a_body_gives_no_byte_behind_the_size_of_its_file_when_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"body")

    def read(*sizes: int) -> None:
        with DirectoryStore({"my-logs": tmp_path}).open(EVENT) as stored:
            appended(path)
            for size in sizes:
                got.append(stored.body.read(size))

    for sizes, given in (((4, 1), [b"body"]), ((9,), []), ((-1,), []), ((4,), [b"body"])):
        path.write_bytes(b"body")
        got: list[bytes] = []
        with pytest.raises(StorageError, match="changed while it was read"):
            read(*sizes)
        assert got == given


def test_a_body_is_read_on_from_its_own_place_whoever_moves_the_file_s_position(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"body")
    before = {int(each.name) for each in Path("/dev/fd").iterdir()}
    with DirectoryStore({"my-logs": tmp_path}).open(EVENT) as stored:
        assert stored.body.read(2) == b"bo"
        for each in {int(each.name) for each in Path("/dev/fd").iterdir()} - before:
            with suppress(OSError):
                os.lseek(each, 0, os.SEEK_SET)
        assert (stored.body.read(9), stored.body.read(9)) == (b"dy", b"")


def test_a_damage_of_a_file_that_changed_meanwhile_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"body")

    def read() -> None:
        with DirectoryStore({"my-logs": tmp_path}).open(EVENT):
            appended(path)
            raise DecompressionError("cut off")

    with pytest.raises(StorageError, match="changed while it was read"):
        read()


def renamed(path: Path) -> None:
    path.rename(path.with_name("b"))


@pytest.mark.parametrize("change", [renamed, Path.unlink, lambda path: path.chmod(0o600)], ids=["mv", "rm", "chmod"])
def test_a_file_that_is_moved_removed_or_protected_while_it_is_open_keeps_its_content(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    (tmp_path / "a").write_bytes(b"body")
    with DirectoryStore({"my-logs": tmp_path}).open(EVENT) as stored:
        change(tmp_path / "a")
        assert stored.body.read() == b"body"


def in_an_hour() -> float:
    return time.time() + 3600


def test_a_file_is_not_hashed_again_while_its_stamp_is_known(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"body")
    hashed: list[int] = []
    store = DirectoryStore({"my-logs": tmp_path}, hashing=hashed.append, clock=in_an_hour)
    with store.open(EVENT) as stored:
        known = {stored.names[0]: stored.etag}
    assert hashed == [4]
    again = DirectoryStore({"my-logs": tmp_path}, lambda _, stamp: known.get(stamp), hashed.append, clock=in_an_hour)
    with again.open(EVENT) as stored:
        assert (stored.etag, stored.body.read()) == (known[stored.names[0]], b"body")
    touched(tmp_path / "a")
    with again.open(EVENT) as stored:
        assert stored.etag in known.values()
    assert hashed == [4, 4]


# ---- a file that changed a moment ago


FINE, COARSE = 1_700_000_000_123_456_789, 1_700_000_000_000_000_000


def changed_at(ns: int) -> Callable[[int], os.stat_result]:
    """The status of open files that were all changed last at this time, in nanoseconds."""

    def status(file: int) -> os.stat_result:
        found = os.fstat(file)
        times = {"st_atime_ns": ns, "st_mtime_ns": ns, "st_ctime_ns": ns}
        times |= {"st_atime": ns / 1e9, "st_mtime": ns / 1e9, "st_ctime": ns / 1e9}  # type: ignore[dict-item]
        return os.stat_result(tuple(found)[:10], times)

    return status


@pytest.mark.parametrize(
    ("ns", "age", "is_remembered"),
    [
        (FINE, 0.001, False),
        (FINE, 0.019, False),
        (FINE, 0.021, True),
        (COARSE, 0.021, False),
        (COARSE, 1.9, False),
        (COARSE, 2.01, False),
        (COARSE, 2.03, True),
        (FINE, -1, False),
        (COARSE, -1, False),
    ],
)
def test_the_hash_of_a_file_is_remembered_once_no_change_can_leave_its_times(
    tmp_path: Path, ns: int, age: float, is_remembered: bool
) -> None:
    (tmp_path / "a").write_bytes(b"body")
    status = changed_at(ns)
    store = DirectoryStore({"my-logs": tmp_path}, status=status, clock=lambda: ns / 1e9 + age)
    state = MachineState.open(tmp_path / "state")
    with (tmp_path / "a").open() as file:
        listed = replace(EVENT, object_etag=stamp_of(status(file.fileno())))
    state.stream.put("fast", [listed])
    (delivery,) = state.stream.take(1, {})
    with store.open(listed) as stored:
        read = replace(listed, object_etag=stored.etag)
        state.ledger.finish(read, Outcome())
        state.identify(read, stored.names)
        state.take_off_lane(delivery, read, stored.names)
    found = state.files.identified(listed)
    assert found.object_etag == (stored.etag if is_remembered else listed.object_etag)
    assert (state.is_pending(found), [entry.status for entry in state.ledger.scan()]) == (not is_remembered, ["done"])
    state.close()


@pytest.mark.parametrize(("ns", "age"), [(FINE, 0.001), (COARSE, 1.9)])
def test_a_young_file_that_changes_while_it_is_read_is_noticed_though_its_times_stay(
    tmp_path: Path, ns: int, age: float
) -> None:
    (tmp_path / "a").write_bytes(b"body")
    store = DirectoryStore({"my-logs": tmp_path}, status=changed_at(ns), clock=lambda: ns / 1e9 + age)
    with pytest.raises(StorageError, match="changed while it was read"), store.open(EVENT):
        (tmp_path / "a").write_bytes(b"BODY")
    with store.open(EVENT) as stored:
        assert stored.body.read() == b"BODY"


@pytest.mark.slow
def test_a_change_that_the_times_do_not_show_is_processed_if_it_is_asked_for(project: Project) -> None:
    path = project.put("a.log", "1")
    project.run()
    state = project.state()
    ((_, known),) = state.files.known("my-logs", "a.log").items()
    project.put("a.log", "2")
    state.files.remember("my-logs", "a.log", stamp_of(path.stat()), known)
    state.close()
    assert project.run().objects == 0
    assert results(project.run(path, again=True)) == {"a.log": ["2"]}
    assert (rows(project), project.run().objects) == ([("a.log", "done"), ("a.log", "done")], 0)
    path.write_bytes(b"1\n")
    assert project.run().objects == 0, "both contents are known for what they are"
