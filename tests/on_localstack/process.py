"""Starts LocalStack, and ends it with the run, however the run ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from on_localstack.environment import PLACE

START_SECONDS = 120.0
END_SECONDS = 30.0
"""Longer than `server.SHUTDOWN_SECONDS`, after which LocalStack ends by force."""


@contextlib.contextmanager
def localstack(python: Path, folder: Path) -> Iterator[str]:
    """Yields the endpoint of a new LocalStack. Its log is `localstack.log` in `folder`, its files in `state`."""
    port = _free_port()
    log = folder / "localstack.log"
    command = [str(python), "-m", "on_localstack.server", str(port), str(folder / "state"), str(PLACE / "node_modules")]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LOCALSTACK_"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**own, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches only the run, which then ends LocalStack
        )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _await(endpoint, process, log)
        yield endpoint
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until LocalStack answers. Raises RuntimeError with the end of its log if it does not."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{endpoint}/_localstack/health"):
            return
        time.sleep(0.2)
    raise RuntimeError(f"LocalStack did not start:\n{log.read_text(errors='replace')[-4_000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks LocalStack to end, then kills its processes that are left."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with contextlib.suppress(ProcessLookupError):  # none is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
