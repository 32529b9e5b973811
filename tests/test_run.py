"""Promises of `run`: what is pending and what is named is run, and the state keeps it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from running import GUARD, HANDLER, Project, project, results
from slips.backends.machine.sqlite import FILE
from slips.backends.machine.stores import Stores
from slips.config import Route
from slips.config.backend import BackendConfig
from slips.config.backend import Embedded as EmbeddedConfig
from slips.errors import LostStateError, StateError, UsageError
from slips.model import ObjectEvent, Outcome

__all__ = ["project"]


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


def test_a_run_whose_state_is_removed_says_so_and_starts_no_further_object(project: Project) -> None:
    state = project.config.state_directory
    project.put("a.log", "1", f"remove {state}")
    project.put("b.log", "2")
    with pytest.raises(LostStateError, match=f"{state / FILE}: was removed while it was in use; expected"):
        project.run()
    assert not state.exists()
    assert set(project.lines("done")) <= {"a.log\t2"}


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
def test_an_object_in_the_error_table_is_left_alone_until_its_file_changes(project: Project) -> None:
    path = project.put("a.log", body=b"\x1f\x8b\x08 damaged")
    assert project.run().failed == 1
    second = project.run()
    assert (second.objects, second.left_alone, second.is_clean) == (0, 1, True)
    path.write_bytes(b"\x1f\x8b\x08 damaged again")
    assert (project.run().failed, len(project.errors)) == (1, 1)
    assert project.run().left_alone == 1
    project.put("a.log", "mended")
    assert results(project.run()) == {"a.log": ["mended"]}
    assert project.errors == []
    assert (again := project.run()).objects == again.left_alone == 0


@pytest.mark.slow
@pytest.mark.parametrize("change", [lambda path: os.utime(path, (0, 0)), lambda path: path.chmod(0o640)])
def test_an_object_in_the_error_table_whose_file_is_only_touched_is_tried_once_more(
    project: Project, change: Callable[[Path], None]
) -> None:
    path = project.put("a.log", body=b"\x1f\x8b\x08 damaged")
    project.run()
    change(path)
    assert [project.run().failed for _ in range(3)] == [1, 0, 0]
    assert len(project.errors) == 1


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
def test_paths_that_cannot_be_listed_are_problems_and_the_rest_is_processed(project: Project) -> None:
    project.put("sub/good.log", "1")
    (project.bucket / "sub/loop").symlink_to("loop")
    with open(os.fsencode(project.bucket) + b"/sub/bad\xff", "wb"):  # noqa: PTH123 - a name that Path would hide
        pass
    for paths in [(), (project.bucket / "sub",)]:
        summary = project.run(*paths, again=bool(paths))
        assert results(summary) == {"sub/good.log": ["1"]}
        assert len(summary.problems) == 2
        assert not summary.is_clean


def test_objects_that_routing_drops_are_counted_once_and_not_run(project: Project) -> None:
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
@pytest.mark.parametrize("change", ["touched", "rewritten"])
def test_a_file_that_changed_while_its_second_event_waited_is_read_once_more(
    project: Project, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`slips up` puts no third event on the lane: the one that waits is to read the file as it is then."""
    path = project.put("a.log", "1")
    store = Stores(project.config)
    (event,) = store.list("my-logs")
    project.put_on_lane(event, event)
    changed: list[ObjectEvent] = []

    def change_once(event: ObjectEvent, _outcome: Outcome) -> None:
        if not changed:
            path.touch() if change == "touched" else project.put("a.log", "2", "3")
        changed.append(event)

    monkeypatch.setattr(project.watch, "succeeded", change_once)
    summary = project.run()
    assert project.lines("done") == (["a.log\t1"] if change == "touched" else ["a.log\t1", "a.log\t2"])
    assert (summary.duplicates, summary.skipped) == (1, int(change == "touched"))
    with closing(project.state()) as state:
        assert all(one.is_settled for one in state.listed(store.list("my-logs")))


@pytest.mark.slow
def test_an_object_that_is_no_file_any_more_is_an_error_that_says_so(project: Project) -> None:
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
        process = project.start("RLIMIT_FSIZE", str(limit))
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
