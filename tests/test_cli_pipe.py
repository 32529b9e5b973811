"""Readers that go away: a command that changes something finishes it, a command that only shows something ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cloud import Cloud
from deploys import PACKAGE, account_of, briefly, config
from projects import Project
from slips.cli import app
from slips.cli.command import Command
from slips.cli.deploy import _show, change, remove
from slips.cli.output import show_text, unread_output_dropped
from slips.cli.screen import Screen
from slips.config import parse
from slips.deploy.deployment import Deployment

__all__ = ["config"]

pytest_plugins = ["cloud.plugin"]
GONE = "slips: the reader of standard output is gone; '{}' goes on, and prints there no more\n"
PRINTING = """\
import sys
import slips.interface

class Chatty(slips.interface.Handler):
    def recv(self, meta, event):
        print("begun", flush=True)
        print("begun", flush=True, file=sys.stderr)
"""


def unread(project: Project, *args: str) -> tuple[int, str]:
    """A command whose output has no reader from the beginning: its exit status and standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "slips", *args], cwd=project.root, stdout=writer, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.slow
def test_run_finishes_without_a_reader_of_its_summary(project: Project) -> None:
    project.put("json/a", {"n": 1})
    assert unread(project, "run") == (0, GONE.format("run"))
    assert project.slips("status", "--json").json["ledger"]["done"] == 1
    project.put("json/b", {"n": 9})
    status, told = unread(project, "run")
    assert (status, told.endswith(GONE.format("run"))) == (1, True), "the status of the work"


@pytest.mark.slow
def test_prints_of_a_handler_into_a_closed_pipe_do_not_fail_its_object(project: Project) -> None:
    project.handler(PRINTING)
    for number in range(20):
        project.put(f"json/{number}", *({"n": 1} for _ in range(50)))
    with subprocess.Popen(
        [sys.executable, "-m", "slips", "run"], cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    assert process.returncode == 0
    assert project.errors() == []
    assert project.slips("status", "--json").json["ledger"]["done"] == 20


@pytest.mark.slow
def test_drain_finishes_without_a_reader(project: Project) -> None:
    for number in range(5):
        project.put(f"json/{number}", {"n": 1})
        project.fail(f"r{number}", key=f"json/{number}")
    assert unread(project, "drain") == (0, GONE.format("drain"))
    assert project.errors() == []


@pytest.mark.slow
def test_dismiss_keeps_the_items_whose_evidence_has_no_reader(project: Project) -> None:
    for number in range(5):
        project.fail(f"r{number}")
    status, told = unread(project, "dismiss", "--all", "--json", "-y")
    assert (status, "Traceback" in told) == (1, False)
    assert told.splitlines()[-1] == "slips: the reader of standard output is gone; 0 items dismissed; the rest stays"
    assert len(project.errors()) >= 4, "the item whose evidence was on its way may be gone"


@pytest.mark.slow
def test_dismiss_deletes_no_item_that_it_shows_to_no_reader(project: Project) -> None:
    project.fail("r1")
    told = "slips: the reader of standard output is gone; 0 items dismissed; the rest stays\n"
    assert unread(project, "dismiss", "r1", "-y") == (1, told)
    assert len(project.errors()) == 1


@pytest.mark.parametrize("command", ["errors", "status", "formats"])
@pytest.mark.slow
def test_a_command_that_only_shows_ends_quietly_without_a_reader(project: Project, command: str) -> None:
    assert unread(project, command) == (1, "")


def test_the_commands_that_go_on_are_those_that_change_something() -> None:
    finishing = {name for name, each in app.commands.items() if isinstance(each, Command) and each.finishes}
    assert finishing == {"run", "drain", "deploy", "destroy", "package", "limit"}


def test_output_before_the_reader_goes_away_arrives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(sys, "stdout", os.fdopen(writer, "w"))
    with unread_output_dropped("deploy"):
        show_text("é first", flush=True)
        assert os.read(reader, 100).decode() == "é first\n"
        os.close(reader)
        show_text("second", flush=True)
        show_text("third", flush=True)
    sys.stdout.close()
    assert capsys.readouterr().err == GONE.format("deploy")


def test_a_stack_is_made_and_deleted_without_a_reader(
    cloud: Cloud,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(sys, "stdout", os.fdopen(writer, "w"))
    stack = Deployment(account_of(cloud), "app", sleep=briefly)
    with unread_output_dropped("deploy"):
        screen = Screen(sys.stdout, _show)
        screen.say("stack 'app'")
        os.read(reader, 100)
        os.close(reader)
        change(stack, parse(config), screen, lambda *_: PACKAGE, yes=True, wire=False)
    assert (state := stack.state())
    assert state.status == "CREATE_COMPLETE"
    with unread_output_dropped("destroy"):
        assert remove(stack, None, Screen(sys.stdout, _show), all_=True, force=False, yes=True)
    assert stack.state() is None
    sys.stdout.close()
    assert [*map(GONE.format, ("deploy", "destroy"))] == capsys.readouterr().err.splitlines(keepends=True)
