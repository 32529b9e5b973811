"""`Cloud`, which tests hold: starts the stand-in of AWS, orders faults, waits for rest, and reads what happened."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cloud.access import ACCOUNT, REGION
from cloud.faults import Fault

__all__ = ["Cloud"]

PATIENCE = 300.0
"""Seconds after which the stand-in is taken for hung. Nothing takes that long unless it never ends."""


class Cloud:
    """One AWS account in one region, until the `with` block ends.

    `folder` gets the functions' output and the server's log. Times in settings are seconds; see `functions.Settings`.
    """

    account = ACCOUNT
    region = REGION

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.endpoint, self.folder = endpoint, folder
        self._clients: dict[str, Any] = {}

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder: Path, **settings: Any) -> Iterator[Cloud]:
        here = Path(__file__).parents[1]
        command = [sys.executable, "-m", "cloud.server", str(folder), json.dumps(settings)]
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**_own_environment(), "PYTHONPATH": str(here)},
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError(f"the stand-in of AWS did not start: {(folder / 'server.log').read_text()}")
            yield cls(f"http://127.0.0.1:{int(port)}", folder)
        finally:
            process.stdin.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()

    def environment(self, role: str = "") -> dict[str, str]:
        """Variables under which any AWS SDK talks to this account: as the administrator, or as a role (an ARN)."""
        admin = {"AWS_ACCESS_KEY_ID": "AKIAADMINISTRATOR", "AWS_SECRET_ACCESS_KEY": "secret"}
        given = self._ask("credentials", role=role) if role else admin
        return {**given, "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}

    def client(self, service: str, role: str = "") -> Any:
        """A boto3 client, of the administrator or of a role (an ARN)."""
        if (service + role) not in self._clients:
            given = self.environment(role)
            session: Any = boto3.Session(
                aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=given.get("AWS_SESSION_TOKEN"),
                region_name=REGION,
            )
            self._clients[service + role] = session.client(
                service,
                endpoint_url=self.endpoint,
                config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE),
            )
        return self._clients[service + role]

    def fault(self, service: str, operation: str, **effect: Any) -> None:
        """Orders a fault; `faults.Fault` has the effects. `service` is the signing name: `s3`, `monitoring`, …"""
        self._ask("fault", **dataclasses.asdict(Fault(service, operation, **effect)))

    def clear_faults(self) -> None:
        self._ask("clear_faults")

    def fail_resource(self, resource: str, reason: str, *, times: int = 1) -> None:
        """The next time CloudFormation makes or changes this resource (logical id or type), it fails."""
        self._ask("fail_resource", resource=resource, reason=reason, times=times)

    def wait_idle(self) -> None:
        """Waits until mapped streams and queues are read, no function runs or is queued, all deliveries are done."""
        left = self._ask("wait_idle", timeout=PATIENCE)
        if left:
            raise TimeoutError(f"not idle after {PATIENCE} s: {', '.join(left)}; see {self.folder / 'server.log'}")

    def used(self) -> list[tuple[str, str, str]]:
        """(role, action, resource) of every call that a role was allowed."""
        return [(role, action, resource) for role, action, resource in self._ask("used")]

    def denied(self) -> list[tuple[str, str, str]]:
        """(role, action, resource) of every call that was refused."""
        return [(role, action, resource) for role, action, resource in self._ask("denied")]

    def invocations(self, function: str = "") -> list[dict[str, Any]]:
        """Runs of the functions whose name contains this, each a `functions.Invocation`, as they ended."""
        found: list[dict[str, Any]] = self._ask("invocations", function=function)
        return found

    def logs(self, function: str) -> str:
        """Returns the output of a function (its whole name), with the platform's lines."""
        return str(self._ask("logs", function=function))

    def running(self, function: str) -> int:
        return int(self._ask("running", function=function))

    def kill_running(self, function: str) -> int:
        """Kills the processes of a function that are at work; returns how many."""
        return int(self._ask("kill_running", function=function))

    @contextlib.contextmanager
    def settings(self, **changes: Any) -> Iterator[None]:
        """Other `functions.Settings`, but for `workers`, until the `with` block ends."""
        before = self._ask("settings", **changes)
        try:
            yield
        finally:
            self._ask("settings", **before)

    def reset(self) -> None:
        """An empty account again."""
        self._ask("reset")

    def _ask(self, what: str, **arguments: Any) -> Any:
        request = urllib.request.Request(f"{self.endpoint}/_cloud/{what}", json.dumps(arguments).encode())
        with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:
            return json.loads(answer.read())


def _own_environment() -> Mapping[str, str]:
    """This process's, without the user's AWS settings."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))}
