"""One execution environment: a real `awslambdaric` process behind a Runtime API of its own.

The process sees the package and what AWS's runtime has (boto3 and its dependencies), nothing of this virtual
environment, so that a dependency missing from the package shows. `forks.py` starts it.
Source: "Lambda runtime API", AWS Lambda Developer Guide.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from cloud.forks import ForkServer

RUNTIME_MODULES = (
    *("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"),
)
INIT_SECONDS = 300.0
"""AWS gives 10; a busy machine may need longer. Only a function that hangs while it is imported waits so long."""
WATCH_SECONDS = 0.05


def link_runtime(folder: Path) -> Path:
    """A directory of links to what AWS's Python runtime contains."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME_MODULES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name}: not installed; the tests' Lambda runtime needs it; run 'make test'")
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


@dataclass(frozen=True)
class Outcome:
    """`error` is the error type, empty when the function answered; `body` what the caller gets."""

    body: bytes
    error: str = ""
    message: str = ""


@dataclass(frozen=True)
class _Exited:
    status: int


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed process breaks its connection; any other error is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Environment:
    """Serves one invocation at a time; `name` tells it apart from the others of its function."""

    def __init__(
        self,
        forks: ForkServer,
        name: str,
        handler: str,
        root: Path,
        variables: dict[str, str],
        memory: int,
        output: Path,
        *,
        anew: bool,
    ) -> None:
        self.name = name
        self._memory = memory
        self._requests: queue.Queue[tuple[str, bytes, float, str] | None] = queue.Queue()
        self._happened: queue.Queue[Outcome | _Exited | None] = queue.Queue()
        self._output = output
        self._read = 0
        self.peak = 0
        """Bytes of memory at most, as seen."""
        self._server = _Server(("127.0.0.1", 0), self._api())
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        temporary = output.with_suffix(".tmp")
        temporary.mkdir()
        given = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(temporary),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(root),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
        }
        with output.open("ab") as out:
            self._process = forks.fork(handler, root, {**given, **variables}, out, anew=anew)
        self._watched = psutil.Process(self._process.pid)
        threading.Thread(target=self._wait, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def start(self) -> Outcome | None:
        """Waits until the handler is imported; an Outcome if it cannot be."""
        try:
            happened = self._happened.get(timeout=INIT_SECONDS)
        except queue.Empty:
            self.stop()
            return _failure("Sandbox.Timedout", f"Error: init took over {INIT_SECONDS:.0f} seconds")
        return self._exited(happened.status, "") if isinstance(happened, _Exited) else happened

    def invoke(self, request: str, payload: bytes, seconds: float, grace: float, arn: str) -> Outcome:
        """`seconds` from now the time is over, and `grace` seconds later the process is killed."""
        deadline = time.time() + seconds
        self._requests.put((request, payload, deadline, arn))
        killed = time.monotonic() + seconds + grace
        while True:
            try:
                happened = self._happened.get(timeout=max(0.001, min(WATCH_SECONDS, killed - time.monotonic())))
            except queue.Empty:
                if time.monotonic() >= killed:
                    self.stop()
                    return _failure("Sandbox.Timedout", f"Error: Task timed out after {seconds:.2f} seconds", request)
                self._watch()
                continue
            self._watch()
            if isinstance(happened, Outcome):
                return happened
            if isinstance(happened, _Exited):
                return self._exited(happened.status, request)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._requests.put(None)
        self._server.shutdown()
        self._server.server_close()

    def kill(self) -> None:
        self._process.kill()

    def new_output(self) -> list[str]:
        """Lines that the process wrote since the last call."""
        with self._output.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        return data.decode(errors="replace").splitlines()

    def _wait(self) -> None:
        self._happened.put(_Exited(self._process.wait()))

    def _watch(self) -> None:
        try:
            used = self._watched.memory_info().rss
        except psutil.NoSuchProcess:
            return
        self.peak = max(self.peak, used)
        if used > self._memory * 1024 * 1024:
            self._process.kill()

    def _exited(self, status: int, request: str) -> Outcome:
        if status < 0 and self.peak > self._memory * 1024 * 1024:
            return _failure("Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed", request)
        how = "signal: killed" if status == -9 else f"signal: {-status}" if status < 0 else f"exit status {status}"
        text = (
            f"Error: Runtime exited with error: {how}" if status else "Error: Runtime exited without providing a reason"
        )
        return _failure("Runtime.ExitError", text, request)

    def _api(self) -> type[BaseHTTPRequestHandler]:
        environment = self

        class Api(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:
                """The platform's own lines are enough."""

            def do_GET(self) -> None:
                environment._happened.put(None)  # ready for the next invocation
                work = environment._requests.get()
                if work is None:
                    self.close_connection = True
                    return
                request, payload, deadline, arn = work
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", request)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(deadline * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
                self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def do_POST(self) -> None:
                body = self._body()
                environment._happened.put(Outcome(body) if self.path.endswith("/response") else _told(body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _body(self) -> bytes:
                if "Content-Length" in self.headers:
                    return self.rfile.read(int(self.headers["Content-Length"]))
                body = b""
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

        return Api


def _told(body: bytes) -> Outcome:
    error = json.loads(body)
    return Outcome(body, error.get("errorType") or "Unhandled", error.get("errorMessage") or "")


def _failure(kind: str, message: str, request: str = "") -> Outcome:
    text = f"RequestId: {request} {message}" if request else message
    return Outcome(json.dumps({"errorType": kind, "errorMessage": text}).encode(), kind, text)
