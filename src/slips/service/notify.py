"""Tells systemd about the service: ready, alive, reloading, stopping, and a line for `systemctl status`.

The protocol is a datagram for each message: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
Without NOTIFY_SOCKET in the environment nothing is sent. A message that cannot be sent is dropped: the next one, or
the watchdog, shows the state anyway, and the service must not wait for systemd.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from slips.printable import one_line, plural
from slips.service.observer import Observer

STATUS_SECONDS = 5.0
"""Least seconds between two lines for `systemctl status` that differ only in counts."""


class Notifier(Observer):
    """Sends the steps of the service to the socket that the environment names."""

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        status: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Send nothing yet. `status` returns a line about the service."""
        self._status, self._clock = status, clock
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        self._alive_every = watchdog_seconds(environment, os.getpid()) / 3
        """Seconds between two signs of life, three in each period of systemd; 0: it wants none."""
        self._alive_at = self._status_at = float("-inf")
        self._is_ready = False

    def looked(self) -> None:
        now, lines = self._clock(), list[str]()
        if not self._is_ready:  # the first turn comes when the handlers are loaded
            self._is_ready = True
            lines.append("READY=1")
        if self._alive_every and now - self._alive_at >= self._alive_every:
            self._alive_at = now
            lines.append("WATCHDOG=1")
        if self._socket is not None and now - self._status_at >= STATUS_SECONDS:
            self._status_at = now
            lines.append(f"STATUS={one_line(self._status())}")
        if lines:
            self.send(*lines)

    def reloaded(self, what: str) -> None:
        self._reload_ended(f"reloaded {what}")

    def not_reloaded(self, why: str) -> None:
        self._reload_ended(f"not reloaded: {why}")

    def _reload_ended(self, status: str) -> None:
        # For Type=notify-reload, too: systemd waits for both, the first with a time behind its signal.
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
        self.send("READY=1", f"STATUS={one_line(status)}")

    def stopping(self, running: int, seconds: float) -> None:
        self.send("STOPPING=1", f"STATUS=stopping: {plural(running, 'object')} at work, for {seconds:.0f} s")

    def send(self, *lines: str) -> None:
        """Send a message of these assignments; drop it if systemd does not take it now."""
        if self._socket is not None and self._address is not None:
            with suppress(OSError):
                self._socket.sendto("\n".join(lines).encode("utf-8", "replace"), self._address)


def watchdog_seconds(environment: Mapping[str, str], pid: int) -> float:
    """Return the period in which systemd wants a sign of life from process `pid`; 0 if it wants none."""
    wanted, of = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not wanted.isascii() or not wanted.isdigit() or of not in ("", str(pid)):
        return 0.0
    return int(wanted) / 1_000_000


def _address(name: str) -> str | None:
    """Return the address of the socket: a path, or behind `@` the name of an abstract one; None for any other."""
    if name.startswith("@"):
        return f"\0{name[1:]}"
    return name if name.startswith("/") else None
