"""Forked processes of slips are as real ones, for all that tests see of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import forked
from projects import Project
from running import eventually, gone

SLIPS = [sys.executable, "-m", "slips"]
HANDLER = """\
import os, signal, sys
import slips.interface

class Tell(slips.interface.Handler):
    def recv(self, meta, event):
        open("told", "a").write(repr([
            os.getcwd(), os.environ["OWN"], os.umask(0o27), os.getpgid(0) == os.getpgrp(), sys.argv, sys.orig_argv,
            sys.path, sys.stdin.name, sys.stdout.encoding, sys.stderr.errors, sys.stdout.line_buffering,
            sorted(os.listdir("/proc/self/fd")), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGPIPE),
            signal.pthread_sigmask(signal.SIG_BLOCK, []), os.getsid(0), sys.modules["__main__"].__name__,
        ]))
"""


@pytest.fixture(params=["forked", "real"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(forked, "real", request.param == "real")
    kind: str = request.param
    return kind


def started(project: Project, *args: str, **options: Any) -> forked.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return forked.Popen([*SLIPS, *args], cwd=project.root, text=True, **{**pipes, **options})


@pytest.mark.parametrize(
    "command", ["errors", "check", "run -", "nothing", "test -p my-logs/json/a logs/json/a", "--help"]
)
def test_a_forked_command_ends_and_prints_as_a_real_one(
    project: Project, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    project.put("json/a", {"n": 1}, {"n": 9})
    done = []
    for real in (False, True):
        monkeypatch.setattr(forked, "real", real)
        with started(project, *command.split()) as process:
            done.append((*process.communicate("typed\n"), process.returncode))
            assert ("forked" if process._status else "real") == ("real" if real else "forked")
    assert done[0] == done[1]


def test_a_forked_worker_of_a_forked_command_is_given_what_a_real_one_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.handler(HANDLER)
    project.put("json/a", {"n": 1})
    told = []
    before = os.umask(0o27)
    try:
        for real in (False, True):
            monkeypatch.setattr(forked, "real", real)
            with started(project, "run", "--again", "logs", env={**os.environ, "OWN": "mine ü"}) as process:
                out, err = process.communicate()
            assert process.returncode == 0, out + err
            told.append((project.root / "told").read_text())
            (project.root / "told").unlink()
    finally:
        os.umask(before)
    assert told[0] == told[1]
    assert told[0].startswith(f"['{project.root}', 'mine ü', 23, True, ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_process_gets_signals_alone_in_its_session(project: Project, kind: str, number: int) -> None:
    with started(project, "up", start_new_session=True) as process:
        assert process.poll() is None
        assert process.stderr is not None
        process.stderr.readline()
        assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        os.killpg(process.pid, number)
        assert process.wait() == process.poll() == (-9 if number == signal.SIGKILL else 0)


def test_a_variable_that_python_reads_at_its_start_has_a_real_process(project: Project) -> None:
    with started(project, "--version", env={**os.environ, "PYTHONUTF8": "0"}) as process:
        process.communicate()
        assert process._status is None


def test_the_server_ends_with_the_process_of_the_tests(tmp_path: Path) -> None:
    program = (
        "import forked, os, sys; forked.run([sys.executable, '-m', 'slips', '--version']);"
        "print(forked._server.pid, flush=True); os._exit(0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    server = int(done.stdout)
    eventually(lambda: gone(server), "the server lives on")
