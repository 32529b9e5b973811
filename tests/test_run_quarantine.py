"""Promises of `run` about quarantine and replay."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence

import pytest

from running import FORMAT, GUARD, Project, project, quarantined, results
from slips.backends.machine.sqlite import FILE
from slips.config.backend import BackendConfig
from slips.config.backend import Embedded as EmbeddedConfig
from slips.errors import SlipsError
from slips.model import Lane, ObjectEvent, Outcome
from slips.pipeline.replay import replay
from slips.ports import Stream
from slips.service.summary import Summary
from slips.site.machine import MachineSite

__all__ = ["project", "quarantined"]


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
def test_records_still_bad_go_back_to_the_error_table(quarantined: Project) -> None:
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
    assert "was cut by 's3-lines/2', now by 's3-text': replayed whole" in drained.notes[0]
    assert results(quarantined.run()) == {"a": ["1\nbad 2\n3\nbad 4\n5"]}
    assert quarantined.errors == []


@pytest.mark.slow
def test_a_failed_object_leaves_no_quarantine(quarantined: Project) -> None:
    quarantined.put("c", "bad 1", "2", "raise it")
    summary = quarantined.run()
    assert (summary.failed, summary.records, summary.quarantined, summary.failed_records) == (1, 0, 0, 2)
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
    process = project.start("RLIMIT_FSIZE", str(size + 40_000))
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
