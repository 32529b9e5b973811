"""The daily audit of `slips up`: when it begins, what it says, and what is left for operators."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from projects import CONFIG, Project
from slips.backends.machine.state import MachineState
from slips.config import Config, load
from slips.kept_audit import LAST
from slips.model import Outcome
from slips.pipeline.audit import DAY
from slips.service.daily_audit import DailyAudit
from slips.site.function import ON_A_LANE_SECONDS
from slips.site.machine import MachineSite


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.config(CONFIG.replace("backend:\n", "backend:\n  audit: daily\n"))
    project.put("json/a", {"n": 1})
    return project


@pytest.fixture
def config(project: Project) -> Config:
    return load(project.root / "slips.yml")


@pytest.fixture
def state(project: Project, config: Config) -> Iterator[MachineState]:
    """The state, in which the object is done."""
    opened = project.state()
    for event in MachineSite(config, opened).listed("my-logs", ""):
        tuple(opened.ledger.finish(event, Outcome()))
    yield opened
    opened.close()


def at_once(work: Callable[[], None]) -> None:
    work()


def test_an_audit_begins_a_day_after_the_start_says_what_is_missing_and_is_noted(
    project: Project, state: MachineState, config: Config
) -> None:
    clock = Clock()
    audits = DailyAudit(state, run=at_once, clock=clock)
    state.execute("UPDATE ledger SET updated_at = updated_at - 50000")
    path = project.put("json/b", {"n": 1})
    os.utime(path, (time.time() - ON_A_LANE_SECONDS - 60,) * 2)
    assert (audits.look(config), state.setting(f"note.{LAST}")) == ("", None)
    clock.now += DAY
    assert audits.look(config) == ""
    assert audits.look(config) == (
        "the daily audit: 1 object missing; 'slips audit' shows which, '--repair' puts back what is missing"
    )
    note = json.loads(state.setting(f"note.{LAST}") or "")
    assert (note["total"]["done"], note["total"]["missing"]) == (1, 1)
    assert project.slips("audit", "--last", "--json").json == note
    assert audits.look(config) == "", "the next one is due tomorrow"


def test_an_object_on_its_way_is_not_missing_and_nothing_is_said(
    project: Project, state: MachineState, config: Config
) -> None:
    clock = Clock()
    audits = DailyAudit(state, run=at_once, clock=clock)
    project.put("json/b", {"n": 1})
    clock.now += DAY
    assert [audits.look(config), audits.look(config)] == ["", ""]
    assert json.loads(state.setting(f"note.{LAST}") or "")["total"]["reasons"] == {"unseen": 1}


def test_the_next_audit_is_a_day_after_the_last_also_if_the_service_was_started_anew(
    state: MachineState, config: Config
) -> None:
    begun: list[Callable[[], None]] = []
    clock = Clock()
    state.set(f"note.{LAST}", json.dumps({"at": "2026-01-01T00:00:00.000Z"}))
    audits = DailyAudit(state, run=begun.append, clock=clock)
    audits.look(config)
    audits.look(config)
    assert len(begun) == 1, "one at a time"


def test_a_clock_that_was_years_ahead_delays_the_next_audit_by_a_day(state: MachineState, config: Config) -> None:
    clock = Clock()
    clock.now += 3650 * DAY
    audits = DailyAudit(state, run=at_once, clock=clock)
    clock.now -= 3650 * DAY
    audits.look(config)
    clock.now += DAY
    audits.look(config)
    assert state.setting(f"note.{LAST}") is not None


def test_without_the_key_there_is_no_audit(project: Project, state: MachineState) -> None:
    project.config(CONFIG)
    clock = Clock()
    audits = DailyAudit(state, run=at_once, clock=clock)
    clock.now += 2 * DAY
    audits.look(load(project.root / "slips.yml"))
    assert state.setting(f"note.{LAST}") is None


def test_an_audit_that_cannot_end_says_why_and_one_of_a_stopped_service_says_nothing(
    state: MachineState, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    audits = DailyAudit(state, run=at_once, clock=clock)

    def broken(*_: object) -> None:
        raise ZeroDivisionError("by a mistake")

    monkeypatch.setattr(audits, "_compared", broken)
    clock.now += DAY
    audits.look(config)
    assert audits.look(config).startswith("the daily audit did not end: ZeroDivisionError: by a mistake; this is a bug")
    monkeypatch.undo()
    monkeypatch.setattr("slips.pipeline.selection.PAGE", 1)
    audits.stop()
    clock.now += DAY
    audits.look(config)
    assert (audits.look(config), state.setting(f"note.{LAST}")) == ("", None)
