"""What `slips up` tells systemd, on a socket as systemd has it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from slips.service.notify import STATUS_SECONDS, Notifier, watchdog_seconds

GUARD = 300.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Systemd:
    """The socket of systemd, and the name that it has in the environment."""

    def __init__(self, name: str) -> None:
        self.environment = {"NOTIFY_SOCKET": name}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(GUARD)
        self.socket.bind(f"\0{name[1:]}" if name.startswith("@") else name)

    def message(self) -> list[str]:
        """The lines of the next message."""
        return self.socket.recv(65_536).decode().split("\n")

    @property
    def is_quiet(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(1)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(GUARD)
        return False


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@slips-test-{os.getpid()}"
    made = Systemd(name)
    with closing(made.socket):
        yield made


def test_systemd_hears_that_the_service_is_ready_and_that_it_stops(systemd: Systemd) -> None:
    notifier = Notifier(systemd.environment, lambda: "3 done\n\x1b[31m")
    notifier.started(0, 0)
    assert systemd.is_quiet, "its handlers are being loaded"
    notifier.looked()
    assert systemd.message() == ["READY=1", "STATUS=3 done\\n\\x1b[31m"]
    notifier.stopping(2, 30.0)
    assert systemd.message() == ["STOPPING=1", "STATUS=stopping: 2 objects at work, for 30 s"]
    notifier.stopping(1, 30.0)
    assert systemd.message() == ["STOPPING=1", "STATUS=stopping: 1 object at work, for 30 s"]


def test_the_loop_feeds_the_watchdog_three_times_in_each_of_its_periods(systemd: Systemd) -> None:
    clock = Clock()
    notifier = Notifier({**systemd.environment, "WATCHDOG_USEC": "30000000"}, clock=clock)
    notifier.looked()
    assert "WATCHDOG=1" in systemd.message()
    clock.now += 9.9
    notifier.looked()
    assert "WATCHDOG=1" not in systemd.message()
    clock.now += 0.2
    notifier.looked()
    assert systemd.message() == ["WATCHDOG=1"]
    notifier.looked()
    assert systemd.is_quiet


def test_the_line_for_systemctl_status_follows_the_counts_not_each_turn(systemd: Systemd) -> None:
    clock, counts = Clock(), [1]
    notifier = Notifier(systemd.environment, lambda: f"{counts[0]} done", clock)
    notifier.looked()
    assert systemd.message() == ["READY=1", "STATUS=1 done"]
    counts[0] = 2
    notifier.looked()
    assert systemd.is_quiet
    clock.now += STATUS_SECONDS
    notifier.looked()
    assert systemd.message() == ["STATUS=2 done"]


def test_a_reload_ends_for_systemd_whether_the_files_can_be_used_or_not(systemd: Systemd) -> None:
    notifier = Notifier(systemd.environment)
    notifier.reloaded("handler.py")
    assert [line.partition("=")[0] for line in systemd.message()] == ["RELOADING", "MONOTONIC_USEC"]
    assert systemd.message() == ["READY=1", "STATUS=reloaded handler.py"]
    notifier.not_reloaded("handler.py:1: no class")
    systemd.message()
    assert systemd.message() == ["READY=1", "STATUS=not reloaded: handler.py:1: no class"]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({"WATCHDOG_USEC": "-1"}, 0),
    ],
)
def test_the_watchdog_is_of_this_process_only(environment: dict[str, str], seconds: float) -> None:
    assert watchdog_seconds(environment, 7) == seconds


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/at/all", "@slips-no-such-socket", "/" + "x" * 300])
def test_a_socket_that_is_not_there_changes_nothing(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1"})
    notifier.looked()
    notifier.stopping(0, 0.0)


def test_a_systemd_that_does_not_read_keeps_nothing_waiting(systemd: Systemd) -> None:
    notifier = Notifier(systemd.environment)
    for _ in range(1_000):
        notifier.stopping(0, 0.0)
    assert systemd.message()[0] == "STOPPING=1"
