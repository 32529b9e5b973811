"""Promises about the state directory of the version before."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from contents import rows, touched
from running import Project, project, quarantined, results
from slips.backends.machine.content import stamp_of, stamp_of_version_1
from slips.backends.machine.files import DAY
from slips.backends.machine.sqlite import FILE
from slips.config import Mapping, Route
from slips.config.backend import BackendConfig
from slips.config.backend import Embedded as EmbeddedConfig
from slips.service.messages import Progress
from slips.service.worker import Heartbeat

__all__ = ["project", "quarantined"]
STATES = Path(__file__).parent / "states"
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
    return left(project, "v1.sql", stamp_of_version_1)


@pytest.fixture
def version_2(project: Project) -> Project:
    """A state as slips of schema 2 has left it, with the same files; without the replay."""
    return left(project, "v2.sql", stamp_of)


def left(project: Project, state: str, stamp: Callable[[os.stat_result], str]) -> Project:
    text = (STATES / state).read_text()
    for key, body in FILES_OF_VERSION_1.items():
        path = project.put(key, body=body)
        text = text.replace(f"{{{key}}}", stamp(path.stat()))
    directory = project.config.state_directory
    directory.mkdir()
    connection = sqlite3.connect(directory / FILE)
    connection.executescript(text)
    connection.close()
    project.handler(HANDLER_OF_VERSION_1)
    project.configure(routing=[Route(prefix="debug/", dest="drop")])
    project.format("s3-lines", "json")
    return project


def test_objects_done_by_the_version_before_stay_done_and_waiting_ones_run(version_1: Project) -> None:
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


def test_a_state_of_schema_2_goes_on_where_it_was(version_2: Project) -> None:
    summary = version_2.run()
    assert results(summary) == {"waiting.log": [1, 2]}
    assert (summary.dropped, summary.left_alone, len(version_2.errors)) == (0, 1, 3)
    assert version_2.run().objects == 0
    assert dict(rows(version_2)) == {
        "debug/dropped.log": "dropped",
        "dismissed.log": "dismissed",
        "done.log": "done",
        "failed.log": "failed",
        "quarantined.log": "done",
        "replayed.log": "done",
        "waiting.log": "done",
    }


@pytest.mark.slow
def test_items_of_the_version_before_are_drained(version_1: Project) -> None:
    version_1.format("s3-lines")
    drained = version_1.drain()
    assert [each.lanes for each in drained] == [["fast"], ["fast"]]
    # Lines were numbered differently then.
    assert [len(each.notes) for each in drained] == [1, 0]
    assert "was cut by 's3-lines', now by 's3-lines/2': replayed whole" in drained[0].notes[0]
    whole = ['{"n": 1}', "bad", '{"n": 3}']
    assert results(version_1.run()) == {"quarantined.log": whole, "failed.log": ['{"n": 13}'], "waiting.log": mine}
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
