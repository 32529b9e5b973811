"""Serves the console until a signal ends it: binds the port, prints the URL with the token, and answers requests."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from slips.console.acts import JOIN_SECONDS
from slips.console.app import Console, make_app
from slips.console.desk import Desk
from slips.console.guard import Guard, Keys
from slips.console.pages import url
from slips.errors import UsageError
from slips.printable import one_line

LAST_SECONDS = 3
"""Seconds that open requests have to end."""


def serve(desk: Desk, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the console, and return once SIGINT or SIGTERM came. Raises UsageError if it cannot listen there."""
    with _listening(host, port) as listener:
        number = listener.getsockname()[1]
        keys = Keys.new()
        console = Console(desk, keys)
        guard = Guard(make_app(console), keys, hosts=names_of(host), cookie=f"slips_console_{number}")
        config = uvicorn.Config(
            guard,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=LAST_SECONDS,
        )
        server = _Server(config, desk.closing)
        with _ended_by_signals(server):
            say(f"console of {console.name}: {url(f'http://{written(host)}:{number}/', token=keys.token)}")
            if not is_loopback(host):
                say(
                    f"warning: {host} is no loopback address: whoever can read the network sees the token and the "
                    "logs; a tunnel ('ssh -L') does not need --host"
                )
            server.run(sockets=[listener])
        desk.closing.set()
        console.acts.wait(JOIN_SECONDS)


class _Server(uvicorn.Server):
    """A server that sets `closing` as soon as a signal comes: the processes that pages wait for end then."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self._closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._closing.set()
        super().handle_exit(sig, frame)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=64)
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or "that is no name of a host"
        raise UsageError(
            f"{one_line(host)}:{port}: cannot listen there: {reason}; expected a free port of this machine; "
            "name another with --port, or 0 for any that is free"
        ) from None
    with listener:
        yield listener


@contextmanager
def _ended_by_signals(server: _Server) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the server, and nothing more: uvicorn raises them again when it has ended."""

    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def written(host: str) -> str:
    """Return a host as it stands in a URL: an address of IPv6 in brackets; that of all interfaces as loopback."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return f"[{address}]" if address.version == 6 else str(address)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def names_of(host: str) -> set[str]:
    """Return the names under which browsers may ask for a console on `host`, beside those of loopback.

    One that listens on all interfaces answers to every address, as no name of a foreign site is one, and to the name
    of this machine.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return {host}
    return {"*", socket.gethostname(), socket.getfqdn()} if address.is_unspecified else {written(host)}
