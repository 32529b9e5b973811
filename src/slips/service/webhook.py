"""Takes notifications of Ceph and MinIO by HTTP, and announces the objects in them to the session.

A sender gets 200 only when the state file has the events, so that they survive a power cut; else an error, for which it
sends again. Whatever connects, the service continues: requests are bounded in size, time and number, and nothing of a
request without the secret is read but its head.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
import threading
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from slips.envelope.arrivals import TEST_EVENT, messages
from slips.envelope.members import dig, parsed
from slips.errors import EnvelopeError, UsageError
from slips.model import ObjectEvent
from slips.printable import one_line
from slips.service.endpoint import listen
from slips.service.names import Names
from slips.service.retries import ClosedError, Retries, jitter
from slips.service.sources import Arrival, Inbox, problem_of

HEAD_BYTES, BODY_BYTES = 8 * 1024, 1024 * 1024
"""Most bytes of a request's head, and of its body: a notification has one kilobyte or two for each object."""
REQUEST_SECONDS = 10.0
"""Most seconds for a request to arrive, and for its answer to be taken."""
STORE_SECONDS = 8.0
"""Most seconds until the state has the events of a notification: Ceph waits for 10 by default."""
CONNECTIONS = 64
"""Most connections at once. The longest open one that has not shown the secret yet gives way to the next, so that
whoever has none keeps no sender out; if all have, the next is answered 503, and its sender sends again."""
CLOSE_SECONDS = 5.0
_CEPH = "ceph:s3"

Secret = Callable[[], str]
"""Returns the secret at present. Raises UsageError."""


class Request(NamedTuple):
    """The head of a request."""

    method: str
    target: str
    headers: dict[str, str]
    """By names in lower case."""


class Reply(NamedTuple):
    """An answer to a request, with a line of text that says why."""

    status: HTTPStatus
    why: str = ""
    has_body: bool = True


class _RefusedError(Exception):
    """A request is refused."""

    def __init__(self, status: HTTPStatus, why: str = "") -> None:
        super().__init__(why)
        self.answer = Reply(status, why)


class WebhookSource:
    """A Source that listens at one address, for notifications of all buckets of `names`."""

    is_exhausted = False

    def __init__(
        self,
        address: str,
        names: Names,
        secret: Secret | None,
        sync: Callable[[], None],
        *,
        store_seconds: float = STORE_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
        jitter: Callable[[float], float] = jitter,
    ) -> None:
        """`sync` makes what the state has survive a power cut. Raises OSError."""
        self.name, self._address, self._names, self._secret, self._sync = (
            f"webhook {address}",
            address,
            names,
            secret,
            sync,
        )
        self._store_seconds, self._request_seconds = store_seconds, request_seconds
        self._inbox = Inbox()
        self._retries = Retries(self._inbox.wait, jitter=jitter)
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._open: dict[asyncio.Task[Any], bool] = {}
        """The connections, the longest open one first, and whether each has passed the check of its head."""
        self._strangers: set[str] = set()
        """Buckets that the config does not have here, and that were told."""
        self._thread = threading.Thread(target=self._work, name="slips-webhook", daemon=True)
        self._secret_problem: str | None = None
        self.port = 0
        """The port at which it listens; 0: not yet."""

    @property
    def problem(self) -> str | None:
        return self._retries.problem or self._secret_problem

    @property
    def problems(self) -> dict[str, str]:
        return problem_of(self.name, self.problem)

    def open(self, wake: Callable[[], None]) -> None:
        self._inbox.open(wake)
        self._thread.start()

    def take(self) -> Sequence[Arrival]:
        return self._inbox.take()

    def close(self) -> None:
        """Free the port. Senders that wait for an answer get none, and send again."""
        self._inbox.close()
        if self._thread.is_alive():
            with suppress(RuntimeError):  # the loop has ended in the meantime
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(CLOSE_SECONDS)

    # -- the thread of this source

    def _work(self) -> None:
        try:
            with suppress(ClosedError), self._retries.call(self._listen) as listening:
                self.port = listening.getsockname()[1]
                self._loop.run_until_complete(self._serve(listening))
        finally:
            self._loop.close()

    def _listen(self) -> socket.socket:
        if self._secret is not None:
            self._secret()
        return listen(self._address, "backend.embedded.buckets: webhook")

    async def _serve(self, listening: socket.socket) -> None:
        server = await asyncio.start_server(self._connected, sock=listening, limit=HEAD_BYTES)
        await self._closing.wait()
        server.close()
        open_ones = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy
        self._open[task] = False
        has_room = len(self._open) <= CONNECTIONS or self._make_room(task)
        try:
            answer = await self._answer(reader, writer, task, has_room=has_room)
            async with asyncio.timeout(self._request_seconds):
                writer.write(_written(answer))
                await writer.drain()
        except (OSError, EOFError):  # the sender is gone, or too slow: a TimeoutError is an OSError
            pass
        except asyncio.CancelledError:
            if task in self._open:
                raise  # the service ends
        finally:
            self._open.pop(task, None)
            writer.close()

    def _make_room(self, newest: asyncio.Task[Any]) -> bool:
        """Close the longest open connection that has not passed the check. Return False if that is the newest one."""
        oldest = next((task for task, is_checked in self._open.items() if not is_checked), newest)
        if oldest is newest:
            return False
        del self._open[oldest]
        oldest.cancel()
        return True

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[Any], *, has_room: bool
    ) -> Reply:
        try:
            if not has_room:
                raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
            async with asyncio.timeout(self._request_seconds):
                request = await _head(reader)
                self._check(request)
                self._open[task] = True
                body = await _body(request, reader, writer)
        except _RefusedError as refused:
            return refused.answer
        if request.method != "POST":
            return Reply(HTTPStatus.OK, "notifications are taken here by POST", request.method != "HEAD")
        return await self._take(body)

    def _check(self, request: Request) -> None:
        """Refuse a request without the secret, or of a browser. Raises _RefusedError."""
        if "origin" in request.headers:  # a page that a person looks at must not announce objects
            raise _RefusedError(HTTPStatus.FORBIDDEN, "not for browsers")
        if self._secret is not None:
            try:
                secret = self._secret()
            except UsageError as error:
                self._secret_problem = str(error)
                raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the secret cannot be read here") from None
            self._secret_problem = None
            if not is_allowed(request, secret):
                raise _RefusedError(HTTPStatus.UNAUTHORIZED, "wrong secret, or none")
        if request.method not in ("POST", "GET", "HEAD"):
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "expected POST")

    async def _take(self, body: bytes) -> Reply:
        """Announce the objects in a notification, and wait until the state has them."""
        try:
            events, problem = self._read(body)
        except EnvelopeError as error:
            return Reply(HTTPStatus.BAD_REQUEST, str(error))
        if events:
            stored = asyncio.Event()
            arrival = Arrival(events, stored=lambda: self._soon(stored.set))
            if not self._inbox.offer(arrival):
                return Reply(HTTPStatus.SERVICE_UNAVAILABLE, "too many objects wait to be stored")
            try:
                async with asyncio.timeout(self._store_seconds):
                    await stored.wait()
                    await asyncio.to_thread(self._sync)
            except TimeoutError:
                return Reply(HTTPStatus.SERVICE_UNAVAILABLE, "the state cannot take the objects now")
            except OSError as error:
                return Reply(HTTPStatus.SERVICE_UNAVAILABLE, f"the state cannot take the objects now: {error.strerror}")
        return Reply(HTTPStatus.BAD_REQUEST, problem) if problem else Reply(HTTPStatus.OK)

    def _soon(self, act: Callable[[], None]) -> None:
        """Call `act` in the loop, unless the loop has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act)

    def _read(self, body: bytes) -> tuple[list[ObjectEvent], str]:
        """Return the events of a notification that are of this service, and what of it cannot be read.

        Raises EnvelopeError if nothing can.
        """
        payload = parsed(body, "body")
        if dig(payload, "Event") == TEST_EVENT:
            return [], ""
        if not isinstance(dig(payload, "Records"), list):
            raise EnvelopeError("body: no list 'Records'; a notification of S3, Ceph or MinIO was expected")
        found, problems = list[ObjectEvent](), list[str]()
        for record, message in zip(payload["Records"], messages(payload), strict=True):
            problems += [message.problem] * bool(message.problem)
            for event in message.events:
                named = self._names.of(event)
                if named is None:
                    self._tell_stranger(event.bucket_name)
                    continue
                given = _with_given_key(event, record)
                as_given = self._names.of(given) or []
                # Of one that is quoted, the prefix may be quoted, too.
                found += as_given or [_with_given_key(each, record) for each in named]
        return found, "; ".join(problems)

    def _tell_stranger(self, bucket: str) -> None:
        """Tell once of a bucket whose objects are ignored, as it is none of the config's."""
        if bucket not in self._strangers and len(self._strangers) < CONNECTIONS:
            self._strangers.add(bucket)
            note = (
                f"{self.name}: notifications of bucket '{one_line(bucket)}' are ignored; expected those of "
                f"{self._names.shown}; give it a name in 'backend.embedded.buckets', or end its notifications"
            )
            self._inbox.offer(Arrival([], note=note))


def is_allowed(request: Request, secret: str) -> bool:
    """Whether a request has the secret: as MinIO sends it, in `Authorization`, or as Ceph can, in the URL.

    `Authorization` may be the secret, `Bearer SECRET`, another word and the secret, or a user with it as password.
    """
    given = request.headers.get("authorization", "").strip()
    scheme, _, value = given.partition(" ")
    candidates = [given, value.strip()]
    if scheme.lower() == "basic":
        with suppress(Base64Error, ValueError):
            candidates.append(b64decode(value.strip(), validate=True).decode().partition(":")[2])
    with suppress(ValueError):
        candidates += parse_qs(urlsplit(request.target).query, max_num_fields=20).get("secret", [])
    wanted = secret.encode()
    # All are compared, each in constant time.
    return any([hmac.compare_digest(each.encode("utf-8", "surrogateescape"), wanted) for each in candidates])  # noqa: C419


def _with_given_key(event: ObjectEvent, record: Any) -> ObjectEvent:
    """Return an event of Ceph with the key as Ceph has sent it, which may be quoted or not: opening it decides."""
    given = dig(record, "s3", "object", "key")
    if dig(record, "eventSource") != _CEPH or given == event.object_key:
        return event
    return msgspec.structs.replace(event, object_key=given, quoted=True)


async def _head(reader: asyncio.StreamReader) -> Request:
    """Read the head of a request. Raises _RefusedError."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise _RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is too long") from None
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "no request of HTTP/1")
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        name = name.lower()
        if not colon or name != name.strip() or name in headers:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "a header is malformed, or there twice")
        headers[name] = value.strip()
    return Request(words[0], words[1], headers)


async def _body(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Read the body of a request, if it has one. Raises _RefusedError."""
    if request.method != "POST":
        return b""
    length = request.headers.get("content-length", "")
    if "transfer-encoding" in request.headers or not length:
        raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "expected Content-Length")
    if not (length.isascii() and length.isdigit()):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
    if len(length) > 9 or int(length) > BODY_BYTES:
        raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {BODY_BYTES:,} bytes")
    if request.headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return await reader.readexactly(int(length))


def _written(answer: Reply) -> bytes:
    body = f"{one_line(answer.why or answer.status.phrase)}\n".encode()
    lines = [
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append("Retry-After: 5")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        lines.append("WWW-Authenticate: Bearer")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + (body if answer.has_body else b"")
