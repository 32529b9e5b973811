"""Forks the processes of slips that tests start from one that has imported slips: a start then costs no imports.

`Popen` is that of the standard library: what it starts is `python -m slips` or a worker, forked if that makes no
difference to the test, else a real start. A forked process has the working directory, variables, descriptors, group and
umask of a real one. It differs in this: the server is its parent, /proc shows the variables and the command of the
server, and what Python and libc read of variables when they start is that of the server. So a test of these is marked
`real_processes`, as one that is marked `smoke` has real ones, and so has coverage.

The server is this file in a process without threads, started at the first use. It takes an order from each connection
to its socket, answers with the process id and, in the end, the exit status, and ends with the process of the tests.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any, AnyStr
from uuid import uuid4

from slips.service import worker_process

MODULES = ("slips", "slips.service.worker")
PREPARED = ("slips.cli", "slips.service")
"""Packages whose modules the server imports."""
AT_START = ("PYTHON", "COVERAGE", "LANG", "LC_", "LD_", "MALLOC_", "GLIBC_")
"""How variables begin that a process reads only when it starts."""
ORDER_BYTES = 128 << 10
PARAMETERS = (
    "args executable preexec_fn close_fds pass_fds cwd env startupinfo creationflags shell p2cread p2cwrite c2pread"
    " c2pwrite errread errwrite restore_signals gid gids uid umask start_new_session process_group"
).split()
"""The arguments of `_execute_child` that `Popen.__init__` gives, in Python 3.11 to 3.14."""
UNUSUAL: dict[str, Any] = {"preexec_fn": None, "shell": False, "gid": None, "gids": None, "uid": None, "umask": -1}
PROGRAM = "import sys; sys.path.insert(0, {folder!r}); import forked; del sys.path[0]; forked.main({listener})"

real = False
"""Whether the current test has real processes."""
_variables = dict(os.environ)
"""The variables of the server: of this process before any test."""
_address = ""
_session = 0
_server: subprocess.Popen[bytes] | None = None
_starting = Lock()


class Popen(subprocess.Popen[AnyStr]):
    """A process that is forked by the server, or a real one."""

    _status: socket.socket | None = None
    """Gets the exit status of a forked process."""

    def _execute_child(self, *given: Any) -> None:
        asked: dict[str, Any] = dict(zip(PARAMETERS, given, strict=True))
        order = _order(asked)
        if order is None:
            super()._execute_child(*given)  # type: ignore[misc] # not public
            return
        streams = zip(("p2cread", "c2pwrite", "errwrite"), range(3), strict=True)
        descriptors: list[int] = [own if asked[name] == -1 else asked[name] for name, own in streams]
        status = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            status.connect(_address)
            socket.send_fds(status, [order], [*descriptors, *asked["pass_fds"]])
            self.pid = int(_heard(status))
        except BaseException:
            status.close()
            raise
        self._status = status
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        vars(subprocess.Popen)["_close_pipe_fds"](self, *(asked[name] for name in pipes))

    def _internal_poll(self, *given: Any, **options: Any) -> int | None:
        if self._status is None:
            polled: int | None = super()._internal_poll(*given, **options)  # type: ignore[misc] # not public
            return polled
        with suppress(subprocess.TimeoutExpired):
            self._wait(0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self._status is None:
            waited: int = super()._wait(timeout)  # type: ignore[misc] # not public
            return waited
        lock: Lock = vars(self)["_waitpid_lock"]
        if not lock.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        try:
            if self.returncode is None:
                poll = select.poll()
                poll.register(self._status, select.POLLIN)
                if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
                self.returncode = int(_heard(self._status))
                self._status.close()
            return self.returncode
        finally:
            lock.release()


def run(command: Sequence[str], *, timeout: float | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """`subprocess.run` with captured output, as text."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with Popen[str](command, **{**pipes, **options}) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def fork_workers() -> None:
    """Let the supervisors in this process, and in those forked from it, start their workers by the server."""
    vars(worker_process)["subprocess"] = SimpleNamespace(**{**vars(subprocess), "Popen": Popen})


def stop() -> None:
    """End the server."""
    global _server  # noqa: PLW0603 - one for this process
    if _server is not None:
        _server.communicate()
        _server = None


def _order(asked: Mapping[str, Any]) -> bytes | None:
    """The order for the server to fork; None if the process must be a real one."""
    command = [os.fspath(each) for each in asked["args"]] if isinstance(asked["args"], (list, tuple)) else []
    safe = command[1:2] == ["-P"]
    module, *args = command[2 + safe :] if len(command) > 2 + safe else [""]
    variables = dict(os.environ if asked["env"] is None else asked["env"])
    if (
        real
        or sys.platform != "linux"
        or command[:1] != [sys.executable]
        or command[1 + safe : 2 + safe] != ["-m"]
        or module not in MODULES
        or any(asked[name] != usual for name, usual in UNUSUAL.items())
        or asked["executable"] is not None
        or asked["process_group"] not in (None, -1)
        or not (asked["close_fds"] and asked["restore_signals"])
        or not all(type(each) is str for pair in variables.items() for each in pair)
        or _at_start(variables) != _at_start(_variables)
        or any(name.startswith("COVERAGE") for name in variables)
    ):
        return None
    _start()
    if not asked["start_new_session"] and os.getsid(0) != _session:
        return None
    about = {
        "module": module,
        "args": args,
        "command": command,
        "safe": safe,
        "directory": os.path.join(os.getcwd(), asked["cwd"] or ""),  # noqa: PTH109, PTH118 - as it is, with its links
        "variables": variables,
        "group": None if asked["start_new_session"] else os.getpgid(0),
        "umask": _umask(),
        "descriptors": [0, 1, 2, *asked["pass_fds"]],
    }
    order = json.dumps(about).encode()
    return order if len(order) < ORDER_BYTES else None


def _at_start(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that a process reads when it starts, but those that every worker has."""
    ours = worker_process.GLIBC
    return {k: v for k, v in variables.items() if k.startswith(AT_START) and ours.get(k) != v}


def _umask() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 8) for line in status if line.startswith("Umask:"))


def _heard(status: socket.socket) -> bytes:
    heard = status.recv(64)
    if not heard:
        raise RuntimeError("the process that forks those of slips has ended; its error output says why")
    return heard


def _start() -> None:
    """Start the server if there is none. It takes the orders that have come before it was ready."""
    global _address, _session, _server  # noqa: PLW0603 - one for this process
    with _starting:
        if _address:
            return
        address = f"\0slips-{uuid4()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(address)
            listener.listen(128)
            number = listener.fileno()
            program = PROGRAM.format(folder=str(Path(__file__).parent), listener=number)
            _server = subprocess.Popen(
                [sys.executable, "-P", "-c", program],
                cwd="/",
                env=_variables,
                stdin=subprocess.PIPE,  # which ends with this process
                stdout=subprocess.DEVNULL,
                pass_fds=[number],
            )
        _address, _session = address, os.getsid(0)


def main(listener: int) -> None:
    """Returns in the server when the process of the tests has ended, and in each process that it forks at its end."""
    global _address, _session
    orders = socket.socket(fileno=listener)
    _address, _session = orders.getsockname().decode(), os.getsid(0)
    for name in PREPARED:
        package = importlib.import_module(name)
        for each in pkgutil.iter_modules(package.__path__, f"{name}."):
            importlib.import_module(each.name)
    del sys.modules["slips.service.worker"], vars(sys.modules["slips.service"])["worker"]  # it is a main module
    fork_workers()
    gc.collect()
    gc.freeze()
    if (taken := _serve(orders)) is not None:
        del sys.modules[__name__]
        _become(*taken)


def _serve(orders: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Return an order, and its descriptors, in the process that was forked for it; None if there will be no more."""
    living: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(orders, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready == 0:
                return None
            if ready != orders.fileno():
                poll.unregister(ready)
                pid, asker = living.pop(ready)
                os.close(ready)
                with asker, suppress(OSError):  # who asked for it has ended
                    asker.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                continue
            asker, _address = orders.accept()
            data, descriptors, _, _ = socket.recv_fds(asker, ORDER_BYTES, 64)
            if not data or struct.unpack("3i", asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1] != (
                os.getuid()
            ):
                asker.close()
                continue
            pid = os.fork()
            if pid == 0:
                for each in (orders, asker, *(other for _, other in living.values())):
                    each.detach()  # closed with all other descriptors
                return json.loads(data), descriptors
            for descriptor in descriptors:
                os.close(descriptor)
            ending = os.pidfd_open(pid)
            living[ending] = pid, asker
            poll.register(ending, select.POLLIN)
            with suppress(OSError):
                asker.send(str(pid).encode())


def _become(order: dict[str, Any], given: list[int]) -> None:
    """Do what Python does before and while it runs the module."""
    if order["group"] is None:
        os.setsid()
    else:
        os.setpgid(0, order["group"])
    os.umask(order["umask"])
    _place(given, order["descriptors"])
    os.environ.clear()
    os.environ.update(order["variables"])
    time.tzset()
    os.chdir(order["directory"])
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)
        stream = open(  # noqa: SIM115 - of the process
            number,
            "w" if number else "r",
            buffering=1 if number == 2 else -1,
            encoding=before.encoding,
            errors=before.errors,
            newline="\n",
            closefd=False,
        )
        stream.buffer.raw.name = f"<{name}>"  # type: ignore[attr-defined] # typeshed: a reader or a writer
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    if not order["safe"]:
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as Python does
    sys.orig_argv[:] = order["command"]
    sys.argv[:] = ["-m", *order["args"]]
    vars(runpy)["_run_module_as_main"](order["module"])


def _place(given: Sequence[int], wanted: Sequence[int]) -> None:
    """Let each descriptor have the number that is wanted, and close all others."""
    beyond = max(wanted) + 1
    for number, descriptor in zip(wanted, [fcntl.fcntl(each, fcntl.F_DUPFD, beyond) for each in given], strict=True):
        os.dup2(descriptor, number)
    kept = sorted(wanted)
    for low, high in zip(kept, [*kept[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(low + 1, high)
