"""Promises of `slips deploy` to those who watch: how it looks, and what an interrupt leaves."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.exceptions import Exit

from cloud import Cloud
from cloud.client import PATIENCE
from deployed import CONFIG as DEPLOYED
from deployed import Deployed
from deploys import (
    CONFIG,
    ID,
    MARKS,
    PACKAGE,
    REGION,
    STREAM,
    WITH_STREAM,
    CloudFormation,
    Seen,
    account,
    account_of,
    config,
    deploy,
    destroy,
    never,
    on,
    small,
)
from projects import HANDLER, Project
from slips.cli.deploy import change, remove
from slips.cli.screen import DeployView, EventLines, Screen
from slips.config import parse
from slips.deploy.account import Account
from slips.deploy.changes import Change, Proposal, StackEvent, StackState
from slips.deploy.deployment import Deployment
from slips.deploy.limit_changes import LaneSetting
from slips.deploy.package import Package

__all__ = ["account", "config", "small"]
pytest_plugins = ["cloud.plugin"]
pytestmark = MARKS


# ---- who interrupts it


class Impatient(Seen):
    """Answers no question, but goes."""

    def ask(self, question: str) -> bool:
        raise KeyboardInterrupt


def interrupted(screen: Seen, call: Callable[[], object]) -> str:
    with pytest.raises(Exit) as caught:
        call()
    assert caught.value.exit_code == 130
    return screen.said[-1]


@pytest.mark.slow
def test_an_interrupt_at_the_question_changes_nothing(account: Account, small: StackState) -> None:
    screen = Impatient(answer=True)
    assert interrupted(screen, lambda: destroy(account, screen, yes=False)) == "interrupted: nothing was deleted"
    assert interrupted(screen, lambda: deploy(account, screen, yes=False)) == "interrupted: nothing was deployed"
    assert Deployment(account, "app").state() == small


def pressed_until_ended(process: subprocess.Popen[bytes]) -> None:
    """Interrupts a process as Ctrl-C does, again if need be.

    The first signal may come between the prompt and the call that reads the answer, which then waits on. One that comes
    while Python ends would end it with another status: so a busy machine gets some seconds.
    """
    end = time.monotonic() + PATIENCE
    while process.poll() is None:
        assert time.monotonic() < end
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


@pytest.mark.parametrize(("typed", "status", "said"), [(b"n\n", 1, ""), (b"", 130, "interrupted: ")])
def test_output_in_a_pipe_is_asked_on_standard_error(
    cloud: Cloud, tmp_path: Path, typed: bytes, status: int, said: str
) -> None:
    for bucket in ("code", "my-logs"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("sns").create_topic(Name="logs")
    project = Deployed(cloud, tmp_path, re.sub("    - {prefix: own.*\n", "", DEPLOYED))
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "slips", "deploy"],
        cwd=tmp_path,
        env={**os.environ, **cloud.environment()},
        stdin=end,
        stdout=subprocess.PIPE,
        stderr=end,
        start_new_session=True,
    ) as process:
        os.close(end)
        with os.fdopen(
            terminal, "r+b", buffering=0
        ) as keys:  # closed, it ends a process that still waits for an answer
            shown = b""
            while b"Deploy? [y/N]:" not in shown:
                assert select.select([keys], [], [], PATIENCE)[0], shown
                shown += keys.read(1024)
            if typed:
                keys.write(typed)
            else:
                pressed_until_ended(process)
            assert process.stdout is not None
            out = process.stdout.read().decode()
    assert process.returncode == status
    assert out.splitlines()[-1].strip().startswith(f"{said}nothing was ")
    assert "Deploy?" not in out
    assert Deployment(account_of(cloud), project.stack).state() is None


@pytest.mark.slow
def test_an_interrupt_of_the_packaging_changes_nothing(account: Account) -> None:
    def build(*_: Any) -> Package:
        raise KeyboardInterrupt

    screen, stack = Seen(), Deployment(account, "app", sleep=never)
    said = interrupted(screen, lambda: change(stack, parse(CONFIG), screen, build, yes=True, wire=False))
    assert said == "interrupted: nothing was changed"


def test_an_interrupt_during_a_change_says_that_aws_continues_and_how_to_follow(cloud: Cloud, config: str) -> None:
    def leave(_: float) -> None:
        if "_IN_PROGRESS" in screen.said[-1] or "_COMPLETE" in screen.said[-1]:
            raise KeyboardInterrupt
        time.sleep(0.02)

    cloud.fault("kinesis", "CreateStream", hold=True)  # else all may be over before the first look
    screen, stack = Seen(), Deployment(account_of(cloud), "app", sleep=leave)
    said = interrupted(screen, lambda: change(stack, parse(config), screen, lambda *_: PACKAGE, yes=True, wire=False))
    assert said.startswith("interrupted: AWS goes on with stack 'app', which nobody follows now; 'slips deploy' says")
    cloud.clear_faults()
    while (state := stack.state()) and state.status.endswith("_IN_PROGRESS"):
        time.sleep(0.02)
    assert state
    assert state.status == "CREATE_COMPLETE"
    cloud.fault("kinesis", "DeleteStream", hold=True)
    said = interrupted(screen, lambda: remove(stack, None, screen, all_=True, force=False, yes=True))
    assert said.startswith(
        "interrupted: AWS goes on to delete stack 'app', which nobody follows now; 'slips destroy --a"
    )
    state = stack.state()
    assert state
    assert state.status == "DELETE_IN_PROGRESS"

    def mend(_: float) -> None:
        cloud.clear_faults()
        time.sleep(0.02)

    again = Seen()
    assert remove(Deployment(account_of(cloud), "app", sleep=mend), None, again, all_=True, force=False, yes=True)
    assert "DELETE_COMPLETE  app  AWS::CloudFormation::Stack" in again.said
    assert stack.state() is None


# ---- how it looks


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


CHANGES = [
    Change("Remove", "Old", "T", [], ""),
    Change("Modify", "Stream", "AWS::Kinesis::Stream", ["Name"], "yes"),
    Change("Modify", "MainFunc", "T", ["code"], ""),
    Change("Add", "New", "T", [], ""),
]


def propose_on(screen: Screen, proposal: Proposal, settings: Sequence[LaneSetting]) -> None:
    """Shows what would change."""
    DeployView(screen, on(CloudFormation()), parse(CONFIG), wire=False).propose(proposal, settings)


def test_a_plan_is_a_line_for_each_resource_and_setting() -> None:
    screen = Seen()
    setting = LaneSetting("fast", "delay", 5, 0, "app-Fast")
    propose_on(screen, Proposal("UPDATE", "id", "set", CHANGES), [setting])
    assert screen.said == [
        f"stack 'app' in {REGION} of account {ID}: 4 changes",
        "  + New       T",
        "  ~ MainFunc  T                     code",
        "  ~ Stream    AWS::Kinesis::Stream  REPLACED: Name  (object events that still wait on it are lost with it: "
        "let no more arrive, and wait until 'slips status' shows its lane idle)",
        "  - Old       T",
        "  ~ lane fast: delay 5 set by 'slips limit', back to 0",
    ]


def test_a_changed_tag_is_one_line_however_much_has_it() -> None:
    screen = Seen()
    changes = [Change("Modify", name, "T", ["tags"], "") for name in ("Ledger", "MainFunc", "Drain")]
    changes.append(Change("Modify", "Reporter", "T", ["code", "tags"], ""))
    propose_on(screen, Proposal("UPDATE", "id", "set", changes, ["cost: 1 → (none)", "team: a → b"]), [])
    assert screen.said == [
        f"stack 'app' in {REGION} of account {ID}: 4 changes",
        "  ~ Reporter  T  code, tags",
        "  ~ tags of the stack and of all in it that has tags: cost: 1 → (none), team: a → b",
    ]


def test_replaced_resources_are_red_only_on_a_terminal() -> None:
    said: list[tuple[str, str | None]] = []
    for stream in (Terminal(), io.StringIO()):
        screen = Screen(stream, lambda text, color: said.append((text, color)))
        propose_on(screen, Proposal("UPDATE", "id", "set", CHANGES), [])
    half = len(said) // 2
    assert [text for text, color in said[:half] if color == "red"] == [
        text for text, _ in said[:half] if "REPLACED" in text
    ]
    assert "red" in {color for _, color in said[:half]}
    assert {color for _, color in said[half:]} == {None}


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ("168 → 24", "object events that have waited on it for over 24 h are lost: see 'slips status' first"),
        ("24 → 168", ""),
    ],
)
def test_a_change_names_the_events_that_a_shorter_retention_deletes(hours: str, told: str) -> None:
    what = ["ShardCount: 2 → 1", f"RetentionPeriodHours: {hours}"]
    assert Change("Modify", "EventSlowStream", "AWS::Kinesis::Stream", what, "").loses == told


def test_a_proposal_names_the_data_lost_with_a_removed_resource() -> None:
    said: list[tuple[str, str | None]] = []
    changes = [
        Change("Remove", "EventSlowStream", "AWS::Kinesis::Stream", [], ""),
        Change("Modify", "Undelivered", "AWS::SQS::Queue", ["QueueName"], "maybe"),
        Change("Modify", "EventFastStream", "AWS::Kinesis::Stream", ["ShardCount"], ""),
        Change("Add", "Undelivered2", "AWS::SQS::Queue", [], ""),
    ]
    screen = Screen(Terminal(), lambda text, color: said.append((text, color)))
    propose_on(screen, Proposal("UPDATE", "id", "set", changes), [])
    told = [(text, color) for text, color in said if "are lost with it" in text]
    assert [("EventSlowStream" in text, "Undelivered " in text) for text, _ in told] == [(False, True), (True, False)]
    assert {color for _, color in told} == {"red"}


def test_a_pipe_sees_a_line_for_each_change_of_a_resource() -> None:
    screen = Seen()
    with EventLines(screen) as seen:
        for status in ("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_FAILED"):
            seen.event(StackEvent("1", "A", "T", status, "its reason", is_stack=False))
    assert screen.said == ["CREATE_IN_PROGRESS  A  T", "CREATE_FAILED  A  T: its reason"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path)
    found.config(CONFIG)
    found.handler(HANDLER)
    return found


def test_a_dry_run_prints_the_template_without_credentials_or_network(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("called somebody")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    done = project.slips("deploy", "--dry-run")
    assert (done.status, done.err) == (0, "")
    template = yaml.safe_load(done.out)
    code = {"S3Bucket": "my-code", "S3Key": "functions/app/slips-HASH.zip"}
    assert template["Resources"]["MainFunc"]["Properties"]["Code"] == code
    assert done.out.startswith("# slips-HASH.zip stands for the package: ")
    assert project.slips("deploy", "--dry-run", "--json").json == template


def test_a_dry_run_warns_of_what_a_deploy_would_refuse_and_prints_the_template(project: Project) -> None:
    project.config(CONFIG.replace("my-code", "''").replace("sns_topics", "#"))
    for options in ((), ("--json",)):
        done = project.slips("deploy", "--dry-run", *options)
        assert done.status == 0
        assert "MainFunc" in yaml.safe_load(done.out)["Resources"]
        warned = done.err.splitlines()
        assert [line.partition(";")[0] for line in warned] == [
            "slips: warning: 'slips deploy' refuses this config: slips.yml: no base.sam.code_bucket",
            "slips: warning: 'slips deploy' refuses this config: slips.yml: nothing tells the stack of new objects",
        ]


def test_a_dry_run_says_what_it_assumes_of_given_streams(project: Project) -> None:
    project.config(WITH_STREAM)
    said = project.slips("deploy", "--dry-run").out
    assert f"# lane slow: {STREAM} is assumed to keep events for 24 h: they are given up after 12 h" in said
    assert "lane fast" not in said


@pytest.mark.parametrize(
    ("embedded", "options", "command"),
    [(False, (), "slips"), (True, (), "slips --aws"), (True, ("-s", "other"), "slips -s other")],
)
def test_the_next_commands_shown_are_about_the_stack(
    cloud: Cloud, tmp_path: Path, embedded: bool, options: tuple[str, ...], command: str
) -> None:
    for bucket in ("code", "my-logs"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("sns").create_topic(Name="logs")
    config = re.sub("    - {prefix: own.*\n", "", DEPLOYED)
    if embedded:
        config = config.replace("backend:\n", "backend:\n  embedded: {path: .slips, buckets: {my-logs: logs}}\n")
    project = Deployed(cloud, tmp_path, config)
    said = project.slips("deploy", "-y", *options).out.splitlines()[-1]
    assert said.startswith(f"'{command} status' shows how it goes, '{command} errors' what failed, '{command} logs -f'")


@pytest.mark.slow
def test_a_config_that_cannot_be_deployed_ends_with_status_2_before_anybody_is_called(project: Project) -> None:
    project.config(CONFIG.replace("123456789012", "1234xxxxxx"))
    done = project.shell("deploy", AWS_PROFILE="nobody")
    assert (done.status, done.out) == (2, "")
    assert "is a placeholder" in done.err


def test_a_dry_run_of_a_handler_that_cannot_run_prints_no_template(project: Project) -> None:
    project.handler("def (:\n")
    done = project.slips("deploy", "--dry-run")
    assert (done.status, done.out) == (2, "")
    assert "handler.py:1: invalid syntax" in done.err
