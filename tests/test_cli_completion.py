"""Completion in shells: the real ones, where they are installed, read what `slips completion` prints and ask it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

import pytest

from projects import CONFIG, Project

pytestmark = [pytest.mark.once, pytest.mark.slow]

ASKING = {
    "bash": """\
eval "$COMPLETION"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_slips_completion slips 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """\
compdef() { : }
_describe() { print -l -- "${(@P)3}" }
compadd() { print -l -- "${(@P)5}" }
eval "$COMPLETION"
words=("$@"); CURRENT=$#
_slips_completion
""",
    "fish": """\
printf '%s' "$COMPLETION" | source
complete -C "$argv"
""",
}
"""For each shell a script that prints what it offers for the command line of its arguments, with COMPLETION read."""
COMMANDS = {"bash": ["bash", "--norc", "-c"], "zsh": ["zsh", "-f", "-c"], "fish": ["fish", "--no-config", "-c"]}


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which `slips` is the one that is tested."""
    directory = tmp_path_factory.mktemp("bin")
    program = directory / "slips"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m slips "$@"\n')
    program.chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"


@cache
def completion(shell: str) -> str:
    """What `slips completion` prints, for all command lines that are tried."""
    done = subprocess.run([sys.executable, "-m", "slips", "completion", shell], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def offered(shell: str, project: Project, path: str, *words: str) -> list[str]:
    """The words that a shell offers for the last of `words`."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    first = [] if shell == "fish" else [shell]
    done = subprocess.run(
        [*COMMANDS[shell], ASKING[shell], *first, *words],
        cwd=project.root,
        env={**os.environ, "PATH": path, "HOME": str(project.root), "COMPLETION": completion(shell)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return sorted(line.partition("\t")[0].partition(":")[0] for line in done.stdout.splitlines() if line)


CLOUDTRAIL = ["cloudtrail", "cloudtrail-digest", "cloudtrail-event", "cloudtrail-insight"]


@pytest.mark.parametrize("shell", ASKING)
def test_a_shell_completes_commands_options_and_values(shell: str, project: Project, path: str) -> None:
    for words, expected in {
        ("slips", "dr"): ["drain"],
        ("slips", "-v", "err"): ["error", "errors"],
        ("slips", "drain", "--d"): ["--dry-run"],
        ("slips", "drain", "--reg"): ["--region"],
        ("slips", "limit", "f"): ["fast"],
        ("slips", "error", "x", "-f", "c"): ["cjson"],
        ("slips", "formats", "cloudt"): CLOUDTRAIL,
        ("slips", "parse", "cloudt"): CLOUDTRAIL,
        ("slips", "help", "des"): ["destroy"],
        ("slips", "completion", "b"): ["bash"],
    }.items():
        assert offered(shell, project, path, *words) == expected, words


@pytest.mark.parametrize("shell", ["bash", "zsh"])  # click's script for fish cuts words at commas
def test_a_shell_completes_the_last_format_of_a_chain(shell: str, project: Project, path: str) -> None:
    assert offered(shell, project, path, "slips", "parse", "s3-lines,cloudt") == [
        f"s3-lines,{name}" for name in CLOUDTRAIL
    ]


@pytest.mark.parametrize("shell", ASKING)
def test_a_shell_completes_ids_of_errors_on_this_machine(shell: str, project: Project, path: str) -> None:
    for name in ("aa-1", "aa-2", "bb-1"):
        project.fail(name)
    for command in (("error",), ("drain", "bb-1"), ("test", "-r"), ("dismiss",)):
        assert offered(shell, project, path, "slips", *command, "aa") == ["aa-1", "aa-2"], command


@pytest.mark.parametrize("shell", ASKING)
def test_a_shell_completes_groups_of_errors_and_their_ids(shell: str, project: Project, path: str) -> None:
    for number in range(3):
        project.fail(f"f{number}", fingerprint="f00d")
    for command in (("error",), ("drain", "f1"), ("test", "-r"), ("dismiss",), ("errors",)):
        assert offered(shell, project, path, "slips", *command, "f") == ["f0", "f00d", "f1", "f2"], command
    assert offered(shell, project, path, "slips", "drain", "f00") == ["f00d"]


def test_ids_of_a_stack_are_not_looked_up(project: Project, path: str) -> None:
    project.fail("aa-1")
    assert offered("bash", project, path, "slips", "-s", "prod", "error", "aa") == []


@pytest.mark.parametrize("text", ["nonsense: 1\n", None])
def test_ids_need_a_config_and_a_state_and_make_neither(project: Project, path: str, text: str | None) -> None:
    if text is not None:
        project.config(text)
    assert offered("bash", project, path, "slips", "error", "a") == []
    assert not (project.root / "state").exists()
    project.config(CONFIG)
    project.fail("aa-1")
    assert (project.root / "state").is_dir()


@pytest.mark.parametrize("mistake", ["tags: 5\n", "description: yes\n"])
def test_ids_are_offered_without_a_word_about_the_rest_of_the_config(project: Project, mistake: str) -> None:
    project.fail("aa-1")
    project.config(CONFIG + mistake)
    environment = {"_SLIPS_COMPLETE": "bash_complete", "COMP_WORDS": "slips error aa", "COMP_CWORD": "2"}
    done = project.shell(**environment)
    assert (done.out, done.err) == ("plain,aa-1\n", "")


def test_a_file_is_left_to_the_shell(project: Project) -> None:
    environment = {"_SLIPS_COMPLETE": "bash_complete", "COMP_WORDS": "slips -c sl", "COMP_CWORD": "2"}
    assert project.shell(**environment).out == "file,sl\n"


def test_a_shell_that_is_not_known_is_refused(project: Project) -> None:
    done = project.slips("completion", "tcsh")
    assert (done.status, done.out) == (2, "")
    assert "SHELL tcsh: cannot be used; expected bash, zsh or fish" in done.err
