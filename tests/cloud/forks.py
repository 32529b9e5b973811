"""Forks the processes of execution environments from one that has imported what AWS's Python runtime has.

A process needs most of its start to import boto3, and to read the models of services; forked, it has both. It has
nothing of slips or of a user: the package is imported in each environment, from the beginning. `ForkServer` is the side
of the stand-in; the other is this file, run as a script that sees the runtime's modules and no virtual environment. Its
standard input is a socket, which gets an order for each environment, and with it two descriptors: the file for the
output, and a socket that gets the process id and, in the end, the exit status. It ends with the stand-in.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

ORDER_BYTES = 1 << 20
RUNTIME = "awslambdaric"
CLIENTS = ("dynamodb", "kinesis", "lambda", "s3", "sns", "sqs", "ssm")
"""Services whose models are read before."""


class Forked:
    """A process of the fork server, with as much of `subprocess.Popen` as an environment needs."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self._waiting = threading.Lock()
        self.pid = int(self._hear())
        self.returncode: int | None = None
        """The exit status, or the negated signal, once `wait` has returned in some thread."""

    def wait(self) -> int:
        with self._waiting:
            if self.returncode is None:
                self.returncode = int(self._hear())
                self._told.close()
            return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has ended, and `wait` has not heard so
                return

    def _hear(self) -> bytes:
        heard = self._told.recv(64)
        if not heard:
            raise RuntimeError("the process that forks environments has ended; its error output says why")
        return heard


class ForkServer:
    """`runtime` is a folder of the modules that AWS's runtime has."""

    def __init__(self, runtime: Path) -> None:
        self._lock = threading.Lock()
        self._orders, orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with orders:
            self._process = subprocess.Popen(
                [sys.executable, "-S", __file__],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(runtime), "LANG": "en_US.UTF-8", "TZ": ":UTC"},
                stdin=orders.fileno(),
                stdout=subprocess.DEVNULL,
            )

    def fork(self, handler: str, root: Path, variables: dict[str, str], output: IO[bytes], *, anew: bool) -> Forked:
        """A process that runs a handler of the package at `root`; `anew`, an interpreter that has imported nothing."""
        order = {"handler": handler, "root": str(root), "variables": variables, "anew": anew}
        ours, told = socket.socketpair()
        with told, self._lock:
            socket.send_fds(self._orders, [json.dumps(order).encode()], [output.fileno(), told.fileno()])
        return Forked(ours)

    def close(self) -> None:
        """Waits until the server has ended, and all environments before it."""
        self._orders.close()
        self._process.wait()


def main() -> None:
    """Returns in each environment once its handler has run, and in the server when all have ended."""
    del sys.path[0]  # the stand-in's own modules
    gc.disable()
    _import_runtime()
    gc.freeze()
    orders = socket.socket(fileno=os.dup(0))
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, ORDER_BYTES, 2)
        if not data:
            _reap(0)
            return
        if os.fork() == 0:
            orders.close()
            _keep(json.loads(data), *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        _reap(os.WNOHANG)


def _import_runtime() -> None:
    """Imports what takes long. The runtime itself reads a function's variables when it is imported."""
    import boto3
    import botocore.session

    # One loader for all sessions, which keeps the models that it has read.
    vars(botocore.session)["create_loader"] = functools.cache(botocore.session.create_loader)
    session = boto3.Session(region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    for service in CLIENTS:
        session.client(service)  # type: ignore[call-overload] # a literal of each service


def _keep(order: dict[str, Any], output: int, told: int) -> None:
    """Forks again, so that who waits for an environment has no other: returns in the environment alone."""
    process = os.fork()
    if process == 0:
        os.close(told)
        _become(order, output)
        return
    os.close(output)
    with socket.socket(fileno=told) as teller:
        teller.send(str(process).encode())
        _, status = os.waitpid(process, 0)
        teller.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(order: dict[str, Any], output: int) -> None:
    """Runs the handler until the process is killed."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(order["root"])
    own = {path.stem for path in Path().iterdir()}
    if order["anew"] or not own.isdisjoint(sys.modules):  # its own instead of the runtime's, as on AWS
        command = [sys.executable, "-S", "-m", RUNTIME, order["handler"]]
        os.execve(sys.executable, command, order["variables"])
    os.environ.clear()
    os.environ.update(order["variables"])
    sys.path.insert(0, order["root"])
    sys.argv[1:] = [order["handler"]]
    gc.enable()
    runpy.run_module(RUNTIME, run_name="__main__", alter_sys=True)


def _reap(options: int) -> None:
    """Takes note of the processes that have waited for an environment, or, without options, waits for all of them."""
    try:
        while os.waitpid(-1, options)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main()
