"""A command imports what it uses: the modules that each start may read are named here, not timed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from slips.cli import app
from slips.cli.commands import COMMANDS, outline

GUARD = 300
"""Seconds after which a process that hangs fails its test."""
LISTING = {
    "slips",
    "slips.__main__",
    "slips.backends",
    "slips.backends.machine",
    "slips.backends.machine.private",
    "slips.cli",
    "slips.cli.commands",
    "slips.cli.options",
    "slips.cli.output",
    "slips.cli.usage",
    "slips.errors",
    "slips.model",
    "slips.print_streams",
    "slips.printable",
    "slips.service",
    "slips.service.interrupts",
}
"""What `slips --help` and a mistyped command need."""
ONLY_FOR_RUNS = {
    "slips.parsing.loop",
    "slips.parsing.run",
    "slips.pipeline.dispatch",
    "slips.pipeline.drain",
    "slips.pipeline.handlers",
    "slips.pipeline.process",
    "slips.pipeline.replay",
    "slips.service.pool",
    "slips.service.supervisor",
    "slips.service.worker",
}
ONLY_ON_AWS = {"boto3", "botocore", "ssl", "slips.backends.aws.clients", "slips.deploy", "slips.lambdas"}
LARGE = {"asyncio", "rich", "watchfiles", "uv", "xml"}


def imported(directory: Path, *args: str) -> set[str]:
    """The modules that a command imports, as the interpreter tells them."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "slips", *args],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=GUARD,
    )
    assert done.returncode in (0, 2), done.stderr[-2000:]
    rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()]
    return {row[-1].strip() for row in rows if len(row) == 3} | {"slips.__main__"}


def of_slips(modules: set[str]) -> set[str]:
    return {name for name in modules if name.split(".")[0] == "slips"}


@pytest.mark.parametrize("args", [["--help"], ["--version"], [], ["no-such-command"]])
def test_the_list_of_commands_imports_none_of_them(tmp_path: Path, args: list[str]) -> None:
    found = imported(tmp_path, *args)
    assert of_slips(found) <= LISTING
    assert not found & {*ONLY_ON_AWS, *LARGE, "yaml", "sqlite3"}


@pytest.mark.slow
def test_a_list_of_errors_imports_nothing_that_only_runs_need(tmp_path: Path) -> None:
    assert not of_slips(imported(tmp_path, "init", "demo")) & ONLY_FOR_RUNS
    for args in (["errors"], ["errors", "--json"], ["error", "none", "--help"], ["limit"], ["dismiss", "--help"]):
        found = imported(tmp_path / "demo", *args)
        assert not found & (ONLY_FOR_RUNS | ONLY_ON_AWS | LARGE), args


@pytest.mark.slow
def test_a_run_of_files_imports_nothing_that_only_buckets_in_s3_need(tmp_path: Path) -> None:
    imported(tmp_path, "init", "demo")
    assert not imported(tmp_path / "demo", "run") & ({"slips.service.webhook"} | ONLY_ON_AWS | LARGE)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_the_first_sentence_of_its_help(name: str) -> None:
    command = app.commands[name]
    assert command.name == name
    assert [outline(name).get_short_help_str(width) for width in (20, 45, 90)] == [
        command.get_short_help_str(width) for width in (20, 45, 90)
    ]
