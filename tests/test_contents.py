"""What makes a file new: its content, by a hash. Not its times, not that it is away, not what was announced."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from running import FORMAT, Project, project, quarantined, results
from slips.backends.machine.content import stamp_of, stamp_of_version_1
from slips.backends.machine.directory import DirectoryStore, Stores
from slips.backends.machine.files import DAY, Files
from slips.backends.machine.sqlite import FILE
from slips.backends.machine.state import MachineState
from slips.config import BackendConfig, Mapping, Route
from slips.config import Embedded as EmbeddedConfig
from slips.errors import DecompressionError, StorageError
from slips.model import ObjectEvent, Outcome
from slips.service.messages import Progress
from slips.service.worker import Heartbeat

__all__ = ["project", "quarantined"]
STATES = Path(__file__).parent / "states"
EVENT = ObjectEvent(bucket_name="my-logs", object_key="a")


def rows(project: Project) -> list[tuple[str, str]]:
    """Key and status of every row of the ledger."""
    state = project.state()
    try:
        return sorted((row.key, row.status) for row in state.ledger.scan())
    finally:
        state.close()


# ---- the same bytes under the same key are the same object


def touched(path: Path) -> None:
    os.utime(path)


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
def test_what_takes_its_worker_down_is_known_by_its_content_too(project: Project) -> None:
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


def test_what_failed_is_the_content_that_was_read(project: Project) -> None:
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


# ---- absence is not deletion


@pytest.mark.slow
def test_a_file_that_was_away_for_a_run_is_not_processed_again(project: Project) -> None:
    path = project.put("a.log", "1")
    project.put("b.log", "2")
    project.run()
    aside = path.rename(project.root / "aside")
    assert project.run().notes == []
    assert rows(project) == [("a.log", "done"), ("b.log", "done")]
    aside.rename(path)
    assert project.run().objects == 0


def test_an_emptied_bucket_is_told_and_nothing_of_it_forgotten(project: Project) -> None:
    for key in ("a.log", "sub/b.log"):
        project.put(key, "1")
    project.put("c.log", body=b"\x1f\x8b\x08 damaged")
    project.run()
    state = project.state()
    (item,) = state.errors.scan()
    state.dismiss(item)
    state.close()
    project.bucket.rename(project.root / "share")
    project.bucket.mkdir()
    for _ in range(2):
        summary = project.run()
        assert summary.notes == [
            f"bucket 'my-logs': {project.bucket} is empty, though 3 of its objects are known; expected files; "
            "if it is a share, mount it; files that were deleted are forgotten when they have been absent for 90 days "
            "('backend.ledger_days')"
        ]
        assert summary.is_clean
    project.bucket.rmdir()
    (note,) = project.run().notes
    assert note.startswith(f"bucket 'my-logs': {project.bucket} cannot be listed, though 3 of its objects are known")
    (project.root / "share").rename(project.bucket)
    summary = project.run()
    assert (summary.objects, summary.notes, project.errors) == (0, [], [])


def put_five_on_the_lane(project: Project) -> None:
    """As a `run` leaves them that is killed before it concludes one."""
    for number in range(5):
        project.put(f"{number}.log", "1")
    project.put_on_lane(*Stores(project.config).list("my-logs"))


def emptied(bucket: Path) -> None:
    bucket.rename(bucket.parent / "share")
    bucket.mkdir()


def gone(bucket: Path) -> None:
    bucket.rename(bucket.parent / "share")


def come_back(bucket: Path) -> None:
    if bucket.exists():
        bucket.rmdir()
    (bucket.parent / "share").rename(bucket)


@pytest.mark.parametrize("leave", [emptied, gone])
def test_events_of_a_bucket_that_is_away_wait_and_run_when_it_is_back(
    project: Project, leave: Callable[[Path], None]
) -> None:
    put_five_on_the_lane(project)
    leave(project.bucket)
    for _ in range(2):
        summary = project.run()
        assert (summary.objects, summary.is_clean, project.errors) == (0, False, [])
        assert summary.problems[-1].startswith("bucket 'my-logs': 5 of its object events stay on their lanes: ")
        assert project.waiting() == [(f"{number}.log", 0) for number in range(5)]
    come_back(project.bucket)
    summary = project.run()
    assert (summary.objects, summary.is_clean, project.waiting()) == (5, True, [])


@pytest.mark.slow
@pytest.mark.parametrize("leave", ["p.rename(p.parent / 'share')", "p.rename(p.parent / 'share'); p.mkdir()"])
def test_events_of_a_bucket_that_goes_away_during_a_run_wait_without_losing_an_attempt(
    project: Project, leave: str
) -> None:
    put_five_on_the_lane(project)
    project.put("0.log", "leave")
    (project.root / "other").mkdir()
    (project.root / "other" / "z.log").write_text("1\n")
    embedded = EmbeddedConfig(path="state", buckets={"my-logs": "bucket", "other": "other"})
    mappings = {name: [Mapping("", ["s3-lines"])] for name in ("my-logs", "other")}
    project.configure(backend=BackendConfig(embedded=embedded), bucket_mapping=mappings)
    project.handler(
        "from pathlib import Path\n"
        "import slips.interface\n\n"
        "class Leave(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n"
        "        if event['message'] == 'leave':\n"
        f"            p = Path({str(project.bucket)!r}); {leave}\n"
    )
    summary = project.run()
    assert (summary.objects, summary.failed, project.errors) == (2, 0, []), "the first, and that of the other bucket"
    assert "4 of its object events stay on their lanes" in summary.problems[-1]
    assert project.waiting() == [(f"{number}.log", 0) for number in range(1, 5)]
    come_back(project.bucket)
    summary = project.run()
    assert (summary.objects, summary.is_clean, project.waiting()) == (4, True, [])


def test_a_single_file_that_is_missing_is_an_error_item(project: Project) -> None:
    put_five_on_the_lane(project)
    (project.bucket / "2.log").unlink()
    assert (project.run().failed, [item.attempts for item in project.errors]) == (1, [3])


def test_events_of_files_that_were_absent_for_so_many_days_are_tried(project: Project) -> None:
    put_five_on_the_lane(project)
    emptied(project.bucket)
    project.run()
    state = project.state()
    state.execute("UPDATE absent SET since = since - ?", (91 * DAY,))
    state.close()
    assert (project.run().failed, project.waiting()) == (5, [])


class Clock:
    now = 1.5e9

    def __call__(self) -> float:
        return self.now


def test_a_file_is_forgotten_when_it_has_been_absent_for_so_many_days_at_two_listings(tmp_path: Path) -> None:
    clock = Clock()
    state = MachineState.open(tmp_path / "state")
    files = Files(state, clock)
    state.ledger.drop(EVENT)
    state.ledger.drop(replace(EVENT, object_key="b"))
    files.remember("my-logs", "a", "stamp", "hash")

    def known_after(days: float, *keys: str) -> list[str]:
        clock.now += days * DAY
        files.listed("my-logs", set(keys), 7)
        return [entry.key for entry in state.ledger.scan()]

    assert known_after(1000, "b") == ["a", "b"], "one listing forgets nothing"
    assert known_after(6.9, "b") == ["a", "b"]
    assert known_after(0, "a", "b") == ["a", "b"]
    assert known_after(1000, "b") == ["a", "b"], "it was there in between"
    assert known_after(7.1, "b") == ["b"]
    assert files.known("my-logs", "a") == {}
    assert known_after(1000, "b") == ["b"], "what exists is never forgotten"
    assert state.select("SELECT * FROM absent") == []
    state.close()


def test_other_buckets_are_not_touched_by_a_listing(tmp_path: Path) -> None:
    clock = Clock()
    state = MachineState.open(tmp_path / "state")
    files = Files(state, clock)
    state.ledger.drop(replace(EVENT, bucket_name="other-logs"))
    for _ in range(3):
        files.listed("my-logs", set(), 1)
        clock.now += 1000 * DAY
    assert len(list(state.ledger.scan())) == 1
    state.close()


# ---- a state directory of the version before


HANDLER_OF_VERSION_1 = """
import slips.interface


class H(slips.interface.Handler):
    def setup(self, args):
        self.got = []

    def recv(self, meta, event):
        self.got.append(event.get("n", event.get("message")))

    def result(self):
        return self.got
"""
FILES_OF_VERSION_1 = {
    "done.log": b'{"n": 1}\n',
    "quarantined.log": b'{"n": 1}\nbad\n{"n": 3}\n',
    "failed.log": b'{"n": 13}\n',
    "dismissed.log": b'{"n": 13}\n{}\n',
    "debug/dropped.log": b"{}\n",
    "replayed.log": b'{"n": 1}\nbad\n{"n": 3}\n',
    "waiting.log": b'{"n": 1}\n{"n": 2}\n',
}


@pytest.fixture
def version_1(project: Project) -> Project:
    """A state as slips of schema 1 has left it, with the files that it knows."""
    text = (STATES / "v1.sql").read_text()
    for key, body in FILES_OF_VERSION_1.items():
        path = project.put(key, body=body)
        text = text.replace(f"{{{key}}}", stamp_of_version_1(path.stat()))
    directory = project.config.state_directory
    directory.mkdir()
    connection = sqlite3.connect(directory / FILE)
    connection.executescript(text)
    connection.close()
    project.handler(HANDLER_OF_VERSION_1)
    project.configure(routing=[Route(prefix="debug/", dest="drop")])
    project.format("s3-lines", "json")
    return project


def test_what_the_version_before_had_done_is_done_and_what_waited_runs(version_1: Project) -> None:
    summary = version_1.run()
    assert results(summary) == {"waiting.log": [1, 2]}
    assert (summary.dropped, summary.left_alone, len(version_1.errors)) == (0, 1, 2)
    assert version_1.run().objects == 0
    assert dict(rows(version_1)) == {
        "debug/dropped.log": "dropped",
        "dismissed.log": "dismissed",
        "done.log": "done",
        "failed.log": "failed",
        "quarantined.log": "done",
        "replayed.log": "done",
        "waiting.log": "done",
    }
    assert len(rows(version_1)) == 7, "the replay that was concluded has left"


@pytest.mark.slow
def test_items_of_the_version_before_are_drained(version_1: Project) -> None:
    version_1.format("s3-lines")
    drained = version_1.drain()
    assert [(each.lanes, each.notes) for each in drained] == [(["fast"], []), (["fast"], [])]
    assert results(version_1.run()) == {"quarantined.log": ["bad"], "failed.log": ['{"n": 13}'], "waiting.log": mine}
    assert version_1.errors == []
    # What was read is known by its content from now on.
    for key in ("quarantined.log", "failed.log", "waiting.log"):
        touched(version_1.bucket / key)
    assert version_1.run().objects == 0


mine: Any = ['{"n": 1}', '{"n": 2}']


@pytest.mark.slow
@pytest.mark.parametrize("key", ["done.log", "dismissed.log"])
def test_rows_of_the_version_before_count_while_size_times_and_inode_match(version_1: Project, key: str) -> None:
    version_1.run()
    touched(version_1.bucket / key)
    assert list(results(version_1.run())) == [key]


def test_records_of_the_version_before_are_not_replayed_out_of_other_content(version_1: Project) -> None:
    version_1.put("quarantined.log", "{}", "{}", "{}")
    first = version_1.drain()[0]
    assert (first.lanes, "object overwritten" in first.notes[0]) == ([], True)


def test_a_state_of_the_version_before_is_migrated_whole_or_not_at_all(version_1: Project) -> None:
    connection = sqlite3.connect(version_1.config.state_directory / FILE)
    connection.execute("CREATE TABLE absent (x)")
    connection.commit()
    with pytest.raises(Exception, match="already exists"):
        version_1.state()
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'file'").fetchall() == []
    connection.close()


def test_the_config_says_how_long_absent_files_are_remembered(project: Project) -> None:
    embedded = EmbeddedConfig(path="state", buckets={"my-logs": "bucket"})
    project.configure(backend=BackendConfig(embedded=embedded, ledger_days=1))
    path = project.put("a.log", "1")
    project.put("b.log", "1")
    project.run()
    path.unlink()
    project.run()
    state = project.state()
    state.execute("UPDATE absent SET since = since - ?", (2 * DAY,))
    state.close()
    project.run()
    assert rows(project) == [("b.log", "done")]


@pytest.mark.slow
def test_objects_that_are_not_read_are_known_by_size_and_times(project: Project) -> None:
    project.configure(bucket_mapping={"my-logs": [Mapping("", ["ignore"])]})
    path = project.put("a.log", "1")
    for _ in range(3):
        assert project.run().objects == 1
        assert project.run().objects == 0
        assert rows(project) == [("a.log", "done")]
        touched(path)


@pytest.mark.slow
def test_an_item_goes_when_content_that_is_done_comes_back(project: Project) -> None:
    path = project.put("a.log", "1")
    project.run()
    path.write_bytes(b"\x1f\x8b\x08 damaged")
    project.run()
    path.write_bytes(b"1\n")
    assert (project.run(path).skipped, project.errors) == (1, [])


@pytest.mark.slow
def test_a_replay_that_a_lane_has_twice_is_one_run(quarantined: Project) -> None:
    """The version before left it so if a drain was killed in between."""
    (item,) = quarantined.errors
    replay = replace(item.events[0], replay=f"{item.request_id}@1", lane="fast")
    quarantined.put_on_lane(replay, replay)
    summary = quarantined.run()
    assert (summary.objects, summary.duplicates) == (1, 1)
    assert rows(quarantined) == [("a", "done"), ("b", "done")]


def test_a_worker_tells_how_far_it_is_with_a_hash() -> None:
    said: list[object] = []
    heart = Heartbeat(said.append, [0, 0, 0])
    heart.due = True
    heart.hashing(5)
    assert said[0] == Progress(0, 5)
