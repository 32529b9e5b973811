"""A small project on the embedded backend, and the commands run in it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import forked
from slips.backends.machine.state import MachineState
from slips.cli import app, main
from slips.model import ErrorItem, ObjectEvent

CONFIG = """\
stack_name: test
backend:
  embedded:
    path: state
    buckets:
      my-logs: logs
handler:
  path: handler.py
  args: {limit: 5}
routing:
  - {prefix: slow/, dest: slow}
  - {prefix: dropped/, dest: drop}
bucket_mapping:
  my-logs:
    - prefix: json/
      format: [s3-lines, json]
    - prefix: slow/
      format: json
    - prefix: dropped/
      format: json
"""

HANDLER = """\
import slips.interface

class Count(slips.interface.Handler):
    def setup(self, args):
        self.limit, self.seen = args["limit"], 0

    def recv(self, meta, event):
        if event.get("n", 0) > self.limit:
            raise KeyError("severity")
        self.seen += 1

    def result(self):
        return {"seen": self.seen}
"""


class Done:
    """A command that has ended: its output and exit status."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"<{self.status}\n{self.out}\n---\n{self.err}>"


class Project:
    """A directory with a config, a handler, and one bucket."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bucket = root / "logs"
        self.bucket.mkdir()
        self.config(CONFIG)
        self.handler(HANDLER)

    def config(self, text: str) -> None:
        (self.root / "slips.yml").write_text(text)

    def handler(self, text: str) -> None:
        (self.root / "handler.py").write_text(text)

    def put(self, key: str, *records: Any) -> Path:
        """An object of JSON lines; bytes are written as they are."""
        path = self.bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in records))
        return path

    def slips(self, *args: str, stdin: bytes = b"") -> Done:
        """A command in this process."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.root)
            result = CliRunner().invoke(app, args, input=stdin, catch_exceptions=False, prog_name="slips")
        return Done(result.exit_code, result.stdout, result.stderr)

    def shell(self, *args: str, **environment: str) -> Done:
        """A command as users run it: in a process of its own, its output in pipes."""
        command = [sys.executable, "-m", "slips", *args]
        result = forked.run(command, cwd=self.root, env={**os.environ, **environment})
        return Done(result.returncode, result.stdout, result.stderr)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """A command that goes on while the test does, in a process group of its own, its output in pipes."""
        return forked.Popen(
            [sys.executable, "-m", "slips", *args],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def terminal(self, *args: str, typed: bytes = b"", **environment: str) -> str:
        """Runs a command on a terminal on which `typed` was typed ahead. Returns all that the terminal shows."""
        terminal, end = pty.openpty()
        os.write(terminal, typed)
        with forked.Popen[bytes](
            [sys.executable, "-m", "slips", *args],
            cwd=self.root,
            env={**os.environ, "TERM": "xterm-256color", **environment},
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
        ):
            os.close(end)
            return _read_to_end(terminal)

    def on_terminal(self, *args: str, typed: bytes = b"", **environment: str) -> str:
        """As `terminal`, in this process: for commands that start no others, which would not write to the terminal."""
        terminal, end = pty.openpty()
        os.write(terminal, typed)
        with (
            ThreadPoolExecutor(1) as reader,
            os.fdopen(end, encoding="utf-8") as stdin,
            os.fdopen(os.dup(end), "w", encoding="utf-8") as stdout,
            os.fdopen(os.dup(end), "w", encoding="utf-8") as stderr,
            pytest.MonkeyPatch.context() as patch,
        ):
            shown = reader.submit(_read_to_end, terminal)
            for name, stream in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
                patch.setattr(sys, name, stream)
            patch.setattr(sys, "argv", ["slips", *args])
            for name, value in {"TERM": "xterm-256color", **environment}.items():
                patch.setenv(name, value)
            patch.chdir(self.root)
            with suppress(SystemExit):
                main()
        return shown.result()

    def state(self) -> MachineState:
        """Opens the state; the caller closes it."""
        return MachineState.open(self.root / "state")

    def fail(self, request_id: str, key: str = "json/a", **about: Any) -> ErrorItem:
        """Puts an error item into the state, and returns it."""
        event = ObjectEvent(bucket_name="my-logs", object_key=key, object_size=1179, lane="fast")
        item = ErrorItem(
            request_id=request_id,
            **{
                "events": [event],
                "stage": "handler",
                "error_type": "KeyError",
                "message": f"s3://my-logs/{key}: record 7: Count.recv raised KeyError: 'severity'",
                "failed_at": "2018-03-29T16:35:15.768Z",
                "fingerprint": "f00d",
                **about,
            },
        )
        state = self.state()
        state.errors.put(item)
        state.close()
        return item

    def errors(self) -> list[str]:
        """Lists the ids in the error table."""
        state = self.state()
        ids = [item.request_id for item in state.errors.scan()]
        state.close()
        return ids


def _read_to_end(terminal: int) -> str:
    """The output of a pseudo terminal until no process has its other end."""
    shown = b""
    with suppress(OSError):  # the end, on Linux
        while data := os.read(terminal, 4096):
            shown += data
    os.close(terminal)
    return shown.decode()
