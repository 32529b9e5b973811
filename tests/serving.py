"""A server of this process on a free port, for a test that plays the other side of a connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

S = TypeVar("S", bound=ThreadingHTTPServer)


class Quiet(BaseHTTPRequestHandler):
    """Answers without a log, which would be all there is to see in the tests' output."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving(server: S) -> Iterator[S]:
    """Let a server answer until the end of the block."""
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
