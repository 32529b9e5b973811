"""LocalStack without Docker, on loopback only, as a process of its own.

Run as `python -m on_localstack.server PORT FOLDER MODULES`: FOLDER gets all its files, MODULES is the directory of the
Node packages. The process ends when its standard input does.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
SHUTDOWN_SECONDS = 5.0
"""Seconds for LocalStack's own shutdown, which waits long for kinesis-local, before the process ends by force."""


def settings(port: int, folder: Path) -> dict[str, str]:
    """The environment variables that LocalStack reads when it is imported."""
    return {
        "GATEWAY_LISTEN": f"{LOOPBACK}:{port}",
        "LOCALSTACK_HOST": f"{LOOPBACK}:{port}",
        "OVERRIDE_IN_DOCKER": "0",  # else it writes to /var/lib on a machine that looks like a container
        "DNS_ADDRESS": "0",  # no DNS server
        "DISABLE_EVENTS": "1",  # no usage statistics
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "FILESYSTEM_ROOT": str(folder / "root"),
        "CONFIG_DIR": str(folder / "config"),
        "LAMBDA_RETRY_BASE_DELAY": "5",  # seconds before a second attempt, and twice that before a third; AWS waits 60
        "KINESIS_LATENCY": "50",  # milliseconds for which a stream is being created or deleted
        "KINESIS_MOCK_VERSION": KINESIS_VERSION,
    }


KINESIS_VERSION = "installed"
"""LocalStack installs kinesis-local itself unless it finds this version in its folder."""


def bind_to_loopback() -> None:
    """Makes each socket of this process listen on loopback: parts of LocalStack bind all interfaces."""
    bind = socket.socket.bind

    def bind_here(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET and address[0] in ("", "0.0.0.0"):
            address = (LOOPBACK, *address[1:])
        if self.family == socket.AF_INET6 and address[0] in ("", "::"):
            address = ("::1", *address[1:])
        bind(self, address)

    socket.socket.bind = bind_here  # type: ignore[method-assign, assignment]


def provide_kinesis(modules: Path) -> None:
    """Links kinesis-local to the place where LocalStack looks for it."""
    from localstack import config

    place = Path(config.dirs.var_libs) / "kinesis-local" / KINESIS_VERSION
    place.mkdir(parents=True, exist_ok=True)
    (place / "node_modules").symlink_to(modules)


def provide_dynamodb(modules: Path) -> None:
    """Makes LocalStack start dynalite instead of DynamoDB Local, which it would download: no registry has it."""
    from localstack.services.dynamodb.server import DynamodbServer
    from localstack.utils.run import ShellCommandThread
    from localstack.utils.threads import TMP_THREADS

    def start(self: Any) -> Any:
        command = ["node", str(Path(__file__).with_name("dynalite.cjs")), str(modules / "dynalite"), str(self.port)]
        thread = ShellCommandThread(command, auto_restart=True, name="dynalite")
        TMP_THREADS.append(thread)
        thread.start()
        return thread

    DynamodbServer.do_start_thread = start


def end_with_standard_input() -> None:
    """Ends LocalStack when the run closes its end of standard input, or dies."""

    def watch() -> None:
        sys.stdin.read()
        threading.Timer(SHUTDOWN_SECONDS, os._exit, [1]).start()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def main(port: str, folder: str, modules: str) -> None:
    files = Path(folder)
    (files / "tmp").mkdir(parents=True)
    tempfile.tempdir = str(files / "tmp")
    os.environ.update(settings(int(port), files))
    os.environ["NODE_OPTIONS"] = f'--require="{Path(__file__).with_name("node.cjs")}"'
    bind_to_loopback()
    provide_kinesis(Path(modules))
    provide_dynamodb(Path(modules))
    from localstack.runtime.main import main as serve

    from on_localstack import executor

    executor.install(files)
    end_with_standard_input()
    serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
