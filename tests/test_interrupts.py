"""Ctrl-C and SIGTERM end a run between two objects: it says what was done, and the rest runs again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from importlib.abc import MetaPathFinder

import pytest

import slips
from projects import Project
from slips.__main__ import main
from slips.backends.machine.operations import MachineOperations
from slips.cli.drain import result_shown
from slips.config import load
from slips.pipeline.drain import DrainResult
from slips.service.interrupts import Interrupted, Interrupts

HANDLER = """\
import atexit, os, time
import slips.interface

def leave():
    print("leaving", flush=True)
    time.sleep(60)

class Slow(slips.interface.Handler):
    def recv(self, meta, event):
        if event["n"] == 2:
            atexit.register(leave)
            while not os.path.exists("begun"):
                time.sleep(0.01)
        if event["n"] == 3:
            open("begun", "w").close()
            print("begun", flush=True)
            time.sleep(600)
"""


def begun(project: Project, *args: str) -> subprocess.Popen[str]:
    """Starts a run that has finished one object, and is amid another."""
    project.handler(HANDLER)
    project.put("json/a", {"n": 1}, {"n": 1})
    project.put("json/b", {"n": 3})
    run = project.start("run", "--workers", "1", *args)
    wait_for("begun", run)
    return run


def wait_for(text: str, run: subprocess.Popen[str]) -> None:
    assert run.stderr is not None
    assert any(text in line for line in run.stderr), f"no {text!r} before the end"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_ended_by_a_signal_prints_what_was_done(
    project: Project, number: signal.Signals, status: int
) -> None:
    run = begun(project)
    os.kill(run.pid, number)
    out, err = run.communicate(timeout=300)
    assert (run.returncode, err) == (status, "slips: interrupted; what was not finished will be run again\n")
    assert "objects  1\nrecords  2 = 2 delivered + 0 filtered + 0 quarantined\n" in out
    assert project.slips("status", "--json").json["ledger"] == {"done": 1, "waiting": 1}


@pytest.mark.slow
def test_the_json_of_a_run_that_is_interrupted_says_so(project: Project) -> None:
    run = begun(project, "--json")
    os.killpg(run.pid, signal.SIGINT)  # as the terminal does for Ctrl-C
    out, _ = run.communicate(timeout=300)
    counts = json.loads(out)
    assert (run.returncode, counts["interrupted"], counts["objects"], counts["delivered"]) == (130, True, 1, 2)
    project.handler("import slips.interface\nclass H(slips.interface.Handler):\n    def recv(self, meta, event): ...\n")
    rest = project.slips("run", "--json").json
    assert (rest["interrupted"], rest["objects"], rest["delivered"]) == (False, 1, 1)
    assert project.slips("run").out.splitlines()[0] == "nothing to do"


@pytest.mark.slow
def test_a_run_that_is_interrupted_before_its_first_object_is_done_says_that(project: Project) -> None:
    project.handler(HANDLER)
    project.put("json/b", {"n": 3})
    run = project.start("run")
    wait_for("begun", run)
    os.killpg(run.pid, signal.SIGINT)
    out, _ = run.communicate(timeout=300)
    assert (run.returncode, out) == (130, "nothing was finished\n")


@pytest.mark.slow
def test_a_second_ctrl_c_while_workers_leave_takes_nothing_from_the_summary(project: Project) -> None:
    project.handler(HANDLER)
    project.put("json/a", {"n": 2})
    project.put("json/b", {"n": 3})
    run = project.start("-v", "run", "--workers", "2")
    wait_for("json/a: done", run)  # by a worker that is idle now, as the other has the other object
    os.kill(run.pid, signal.SIGINT)
    wait_for("leaving", run)
    os.kill(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=300)
    assert (run.returncode, out.splitlines()[0]) == (130, "objects  1")
    assert err.endswith("slips: interrupted; what was not finished will be run again\n")


def test_a_drain_that_is_interrupted_prints_what_was_drained(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*, json_: bool) -> str:
        with closing(project.state()) as state:
            operations = MachineOperations(load(project.root / "slips.yml"), state)
            done = DrainResult(drained=2, lanes={"fast": 2, "slow": 0})
            with pytest.raises(Interrupted), result_shown(done, operations, None, json_=json_):
                raise Interrupted(signal.SIGINT)
        return capsys.readouterr().out

    assert interrupted(json_=False) == "2 items drained: 2 on lane fast; 'slips run' processes them now\n"
    printed = json.loads(interrupted(json_=True))
    assert (printed["drained"], printed["interrupted"]) == (2, True)


class Steps:
    """Steps amid which signals come, before they are held or after."""

    def __init__(self, interrupts: Interrupts) -> None:
        self.interrupts, self.finished = interrupts, 0

    def take(self, *signals: signal.Signals, holds: bool) -> None:
        with self.interrupts.step() as hold:
            if holds:
                hold()
            for number in signals:
                os.kill(os.getpid(), number)
            self.finished += 1


def test_a_signal_amid_a_step_is_held_until_its_end_and_a_second_one_is_not() -> None:
    with Interrupts() as interrupts:
        steps = Steps(interrupts)
        steps.take(holds=True)
        with pytest.raises(Interrupted) as raised:
            steps.take(signal.SIGTERM, holds=True)
        assert (steps.finished, raised.value.exit_status) == (2, 143)
        with pytest.raises(Interrupted):
            steps.take(signal.SIGINT, holds=False)
        with pytest.raises(Interrupted):
            steps.take(signal.SIGINT, signal.SIGINT, holds=True)
        assert steps.finished == 2
        steps.take(holds=True)


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_the_commands_are_imported_ends_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Pressed(MetaPathFinder):
        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            if fullname == "slips.cli":
                raise KeyboardInterrupt

    monkeypatch.delattr(slips, "cli")
    monkeypatch.delitem(sys.modules, "slips.cli")
    monkeypatch.setattr(sys, "meta_path", [Pressed(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr()) == (130, ("", "slips: interrupted\n"))
