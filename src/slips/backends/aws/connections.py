"""HTTP/1.1 connections for plain GET requests, kept open for the next one.

`Connections.get` returns only whole and ordinary answers: status 200, with a length. For anything else it raises an
OSError, and the caller asks botocore, which knows all that HTTP and S3 may answer.
"""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import BinaryIO, NamedTuple, cast

CONNECT_SECONDS, READ_SECONDS = 5, 60
"""As in `clients` and by default in botocore."""
KEPT = 32
"""Most idle connections."""
IDLE_SECONDS = 4.0
"""Longest time that a connection is kept idle: before S3, or a gateway on the way, forgets it."""
LONGEST_LINE, MOST_HEADERS = 16_384, 100
_BUFFER = 64 * 1024


class NotPlainError(OSError):
    """The answer is no 200 with a length."""


class Origin(NamedTuple):
    """A server: scheme, host and port of a URL."""

    is_secure: bool
    host: str
    port: int


class Connections:
    """Connections to any servers. `context` makes the settings of TLS, once it is needed."""

    def __init__(self, context: Callable[[], ssl.SSLContext], clock: Callable[[], float] = monotonic) -> None:
        self._make_context, self._clock = context, clock
        self._context: ssl.SSLContext | None = None
        self._idle: dict[Origin, deque[tuple[float, Connection]]] = {}

    def get(self, origin: Origin, request: bytes) -> Answer:
        """Send `request`, a whole GET, and return its answer, whose body is to be closed. Raises OSError."""
        while (kept := self._kept(origin)) is not None:
            try:
                return kept.get(request)
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                continue  # a server may close an idle connection at any time
        return Connection(self, origin, self._secure if origin.is_secure else None).get(request)

    def keep(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to the end."""
        idle = self._idle.setdefault(connection.origin, deque())
        idle.append((self._clock(), connection))
        while len(idle) > KEPT:
            idle.popleft()[1].close()

    def _kept(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        while idle:
            try:
                since, connection = idle.pop()
            except IndexError:  # another thread was faster
                return None
            if self._clock() - since < IDLE_SECONDS:
                return connection
            connection.close()
        return None

    @property
    def _secure(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._make_context()
        return self._context


class Connection:
    """A connection to one server, for one request at a time."""

    def __init__(self, owner: Connections, origin: Origin, context: ssl.SSLContext | None) -> None:
        self.origin, self._owner = origin, owner
        self._socket = socket.create_connection((origin.host, origin.port), CONNECT_SECONDS)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if context is not None:
                self._socket = context.wrap_socket(self._socket, server_hostname=origin.host)
            self._socket.settimeout(READ_SECONDS)
            self.file = cast("BinaryIO", self._socket.makefile("rb", _BUFFER))
        except BaseException:
            self._socket.close()
            raise

    def get(self, request: bytes) -> Answer:
        try:
            self._socket.sendall(request)
            return self._answer()
        except BaseException:
            self.close()
            raise

    def _answer(self) -> Answer:
        line = self.file.readline(LONGEST_LINE)
        if not line:
            raise ConnectionResetError("closed without an answer")
        if not line.startswith(b"HTTP/1.1 200 "):
            raise NotPlainError(line)
        headers: dict[bytes, bytes] = {}
        while (line := self.file.readline(LONGEST_LINE)) not in (b"\r\n", b"\n"):
            name, colon, value = line.partition(b":")
            name = name.lower()
            if not colon or not line.endswith(b"\n") or len(headers) == MOST_HEADERS:
                raise NotPlainError(line)
            if name in headers and name == b"content-length":
                raise NotPlainError("two lengths")
            headers[name] = value.strip()
        length = headers.get(b"content-length", b"")
        if not length.isdigit() or b"transfer-encoding" in headers:
            raise NotPlainError("no length")
        is_last = headers.get(b"connection", b"keep-alive").lower() != b"keep-alive"
        return Answer(headers, Content(self, int(length), None if is_last else self._owner.keep))

    def close(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
        self._socket.close()


class Content:
    """The body of an answer, of `left` bytes. Once it is read and closed, the connection is kept for others."""

    def __init__(self, connection: Connection, left: int, keep: Callable[[Connection], None] | None) -> None:
        self._connection: Connection | None = connection
        self._file, self._keep = connection.file, keep
        self.left = left

    def read(self, size: int | None = None) -> bytes:
        """Read `size` bytes, all that are left by default; fewer only if the connection ends early."""
        wanted = self.left if size is None or size < 0 or size > self.left else size
        if not wanted:
            return b""
        data = self._file.read(wanted)
        self.left -= len(data)
        return data

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self.left or self._keep is None:
            connection.close()
        else:
            self._keep(connection)


class Answer(NamedTuple):
    """Headers by names in lower case, and the body."""

    headers: dict[bytes, bytes]
    body: Content
