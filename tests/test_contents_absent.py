"""Promises about files that are away: absence is not deletion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from contents import EVENT, rows
from running import Project, project
from slips.backends.machine.files import DAY, Files
from slips.backends.machine.state import MachineState
from slips.backends.machine.stores import Stores
from slips.config import Mapping
from slips.config.backend import BackendConfig
from slips.config.backend import Embedded as EmbeddedConfig

__all__ = ["project"]


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
