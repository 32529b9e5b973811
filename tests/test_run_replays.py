"""Promises of the run that `drain --canary` makes on this machine: the canary's events and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

import pytest

from running import Project, project
from serving_up import Script, Scripted, configure, serve
from slips.backends.machine.operations import MachineOperations
from slips.model import ErrorItem
from slips.pipeline.canary import Canary, CanaryGroup, SenderHere
from slips.pipeline.drain import DrainRequest, DrainResult
from slips.service.replays import run_replays
from slips.site.machine import MachineSite

__all__ = ["project"]


class Drain(NamedTuple):
    """A drain with a canary on this machine."""

    canary: Canary
    site: MachineSite
    done: DrainResult


@contextmanager
def drain_of(project: Project, number: int) -> Iterator[Drain]:
    """Open the state, and send the canary."""
    state = project.state()
    site, operations = MachineSite(project.config, state), MachineOperations(project.config, state)
    done = DrainResult()
    canary = Canary(operations, SenderHere(site, operations, done), number, sleep=lambda _: None)
    list(canary.send(DrainRequest(), done.note_absent))
    yield Drain(canary, site, done)
    state.close()


def outcomes(project: Project, drain: Drain, said: list[str]) -> list[tuple[int, ...]]:
    """Run the canary here. Of each group: chosen, sent, succeeded, failed, timed out."""
    found = drain.canary.outcomes(
        600, lambda events: run_replays(project.config, drain.site.state, events, project.watch, say=said.append)
    )
    groups = [each for each in found if isinstance(each, CanaryGroup)]
    return sorted((each.count, each.sent, each.succeeded, each.failed, each.timed_out) for each in groups)


def failed(project: Project, *keys: str) -> list[ErrorItem]:
    """Fail these objects, and return their items."""
    for key in keys:
        project.put(key, f"raise {key[0] * 3}")
    project.run()
    return project.errors


@pytest.mark.slow
def test_the_canary_runs_and_nothing_else_that_waits_on_the_lanes(project: Project) -> None:
    failed(project, "a1", "a2", "b1")
    project.put("a1", "mended")
    project.put("a2", "mended")
    project.put("new", "not for this run")
    with drain_of(project, 1) as drain:
        (left,) = project.errors
        project.put_on_lane(*left.events)
        said: list[str] = []
        # `raise aaa` and `raise bbb` are errors of two groups.
        assert outcomes(project, drain, said) == [(1, 1, 0, 1, 0), (2, 1, 1, 0, 0)]
    (other,) = (event.object_key for event in left.events)
    assert (said, [key for key, _ in project.waiting()]) == ([], [other])
    assert project.lines("done") == ["a1\t1" if other == "a2" else "a2\t1"]
    assert sorted(item.events[0].object_key for item in project.errors) == [other, "b1"]


@pytest.mark.slow
def test_another_run_on_the_state_is_waited_for_and_then_helped_out(project: Project) -> None:
    failed(project, "a1")
    project.put("a1", "mended")
    with drain_of(project, 1) as drain:
        with closing(project.state()) as other, other.exclusive():
            assert run_replays(project.config, drain.site.state, drain.canary.waiting, project.watch) is False
            assert project.lines("done") == []
        assert outcomes(project, drain, []) == [(1, 1, 1, 0, 0)]


@pytest.mark.slow
def test_the_outcome_of_another_runs_work_is_found(project: Project) -> None:
    failed(project, "a1", "b1")
    project.put("a1", "mended")
    with drain_of(project, 1) as drain:
        project.run()
        assert outcomes(project, drain, []) == [(1, 1, 0, 1, 0), (1, 1, 1, 0, 0)]


@pytest.mark.slow
def test_the_attempts_of_a_canary_beside_a_service_follow_each_other_at_once_and_those_of_others_do_not(
    project: Project,
) -> None:
    failed(project, "a1")
    project.put("new", "raise it")
    configure(project)
    found: list[tuple[int, ...]] = []

    def script(shown: Scripted) -> Script:
        yield lambda: shown.words("attempt")
        with drain_of(project, 1) as drain:
            yield lambda: shown.words("failed")
            found.extend(outcomes(project, drain, []))

    shown = serve(project, script, pause=3600)
    assert found == [(1, 1, 0, 1, 0)]
    assert shown.words("attempt") == ["new", "a1", "a1"]


@pytest.mark.slow
def test_an_event_whose_directory_is_away_stays_on_its_lane_has_no_outcome_and_the_reason_is_told(
    project: Project,
) -> None:
    failed(project, "a1")
    project.bucket.rename(project.root / "away")
    with drain_of(project, 1) as drain:
        said: list[str] = []
        assert outcomes(project, drain, said) == [(1, 1, 0, 0, 1)]
    assert ["1 of its object events stay on their lanes" in each for each in said] == [True]
    assert [key for key, _ in project.waiting()] == ["a1"]
