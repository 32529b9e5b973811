"""Ports of loopback for services that a test starts, and whose port their config or a command has to name."""

from __future__ import annotations

import random
import socket
from contextlib import closing, suppress

OURS = range(10_000, 32_000)
"""Ports that no system gives to a socket by itself: Linux does from 32768 on, others from 49152."""
_CHANCE = random.SystemRandom()


def free_port() -> int:
    """Return a port that is free, and that stays so until the service takes it.

    One that the system gave to a socket of ours, and got back, may meanwhile be given to a server of another test.
    """
    while True:
        port = _CHANCE.choice(OURS)
        with suppress(OSError), closing(socket.create_server(("127.0.0.1", port))):
            return port
