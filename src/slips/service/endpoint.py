"""The HTTP server for metrics and probes: /metrics, /healthz and /readyz, in one thread of its own.

Whatever connects, the service goes on: a request has seconds and a few kilobytes, connections are few, the longest open
one gives way to a new one, and only so many are accepted in a second. Nothing that a client sends is kept or shown.
"""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from slips.errors import UsageError

REQUEST_SECONDS = 5.0
"""Most seconds for a request to arrive, or for its answer to be taken."""
CLOSE_SECONDS = 5.0
"""Most seconds that `close` waits for the thread, which a page may keep."""
REQUEST_BYTES = 8192
CONNECTIONS = 16
"""Most connections at once."""
PAUSE = 0.005
"""Seconds between two connections that are accepted: a flood may take a few percent of a core from the supervisor."""
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


class Response(NamedTuple):
    """An HTTP answer."""

    status: HTTPStatus
    body: bytes
    type: str = TEXT
    headers: tuple[str, ...] = ()


Page = Callable[[str], Response]
"""Makes the answer of a path, given the request's `Accept` header. It runs in a thread, so it may wait for a file."""


def listen(address: str, option: str) -> socket.socket:
    """Return a socket that listens at `HOST:PORT`, `[::1]:PORT`, or on loopback at `PORT`. Raises UsageError."""
    host, port = _parsed(address, option)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{option}: {address}: {_reason(error)}; expected an address of this machine") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen()
    except OSError as error:
        listening.close()
        in_use = error.errno == errno.EADDRINUSE
        expected = "a free port; another 'slips up' may have it" if in_use else "an address of this machine"
        raise UsageError(f"{option}: {address}: {_reason(error)}; expected {expected}") from None
    listening.setblocking(False)
    return listening


def _parsed(address: str, option: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon:
        host = "127.0.0.1"
    bracketed = host.startswith("[") and host.endswith("]")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535
    if not is_port or not host or (":" in host and not bracketed):
        raise UsageError(
            f"{option}: {address!r} is no address; expected HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464"
        )
    return (host[1:-1] if bracketed else host), int(port)


def address_of(listening: socket.socket) -> str:
    """Return the address at which a socket listens: `127.0.0.1:9464`."""
    host, port, *_ = listening.getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


class Endpoint:
    """Answers GET and HEAD of `pages`, by path, on a listening socket, from `start` to `close`."""

    def __init__(
        self, listening: socket.socket, pages: dict[str, Page], *, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        self._listening, self._pages, self._request_seconds = listening, pages, request_seconds
        self._open: dict[asyncio.Task[None], socket.socket] = {}
        """The connections, the longest open one first."""
        self._loop = asyncio.new_event_loop()
        self._accepting: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Answer requests from now on."""
        self._accepting = self._loop.create_task(self._accept())
        self._thread.start()

    def close(self) -> None:
        """Answer no more requests, and free the port."""
        if self._accepting is None:
            self._listening.close()
            self._loop.close()
            return
        self._loop.call_soon_threadsafe(self._accepting.cancel)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        with self._listening:
            self._loop.run_until_complete(self._until_closed())
        self._loop.close()

    async def _until_closed(self) -> None:
        assert self._accepting is not None  # noqa: S101 - for mypy
        await asyncio.wait([self._accepting])
        for each in list(self._open):
            each.cancel()
        if self._open:
            await asyncio.wait(self._open)

    async def _accept(self) -> None:
        while True:
            try:
                connection, _ = await self._loop.sock_accept(self._listening)
            except OSError:  # the process has no descriptors left for now
                await asyncio.sleep(1)
                continue
            connection.setblocking(False)
            if len(self._open) >= CONNECTIONS:
                next(iter(self._open)).cancel()
            task = self._loop.create_task(self._serve(connection))
            self._open[task] = connection
            task.add_done_callback(lambda done: self._open.pop(done).close())
            await asyncio.sleep(PAUSE)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            async with asyncio.timeout(self._request_seconds):
                request = await self._head(connection)
            answer, is_head = await self._answer(request)
            async with asyncio.timeout(self._request_seconds):
                await self._loop.sock_sendall(connection, _written(answer, is_head=is_head))
        except OSError:  # the client is gone, or too slow: a TimeoutError is one
            return

    async def _head(self, connection: socket.socket) -> bytes:
        """Return the request up to the empty line that ends its headers; cut behind REQUEST_BYTES."""
        head = bytearray()
        while b"\r\n\r\n" not in head and len(head) <= REQUEST_BYTES:
            piece = await self._loop.sock_recv(connection, REQUEST_BYTES)
            if not piece:
                break
            head += piece
        return bytes(head)

    async def _answer(self, request: bytes) -> tuple[Response, bool]:
        head, ended, _ = request.partition(b"\r\n\r\n")
        if not ended:
            is_long = len(head) > REQUEST_BYTES
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if is_long else HTTPStatus.BAD_REQUEST
            return _plain(status), False
        line, *fields = head.decode("latin-1").split("\r\n")
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _plain(HTTPStatus.BAD_REQUEST), False
        method, path = words[0], words[1].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED)._replace(headers=("Allow: GET, HEAD",)), False
        page = self._pages.get(path)
        if page is None:
            listed = "".join(f"{each}\n" for each in self._pages).encode()
            return Response(HTTPStatus.OK if path == "/" else HTTPStatus.NOT_FOUND, listed), method == "HEAD"
        accept = next((f.partition(":")[2].strip() for f in fields if f.lower().startswith("accept:")), "")
        try:
            async with asyncio.timeout(self._request_seconds):
                answer = await self._loop.run_in_executor(None, page, accept)
        except TimeoutError:
            answer = _plain(HTTPStatus.SERVICE_UNAVAILABLE)
        return answer, method == "HEAD"


def json_answer(value: dict[str, Any]) -> Response:
    """Return the answer to a probe: 200 if its `ok` is true, else 503."""
    status = HTTPStatus.OK if value["ok"] else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(status, json.dumps(value).encode() + b"\n", JSON)


def _plain(status: HTTPStatus) -> Response:
    return Response(status, f"{status.phrase}\n".encode())


def _written(answer: Response, *, is_head: bool) -> bytes:
    lines = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        f"Content-Type: {answer.type}",
        f"Content-Length: {len(answer.body)}",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
        "Connection: close",
        *answer.headers,
    )
    head = "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"
    return head if is_head else head + answer.body
