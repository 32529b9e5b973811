"""The short way to an object: repeats for a further object of a bucket the request by which botocore got one.

botocore spends a millisecond of CPU on each request: it resolves the endpoint, calls hooks, builds, signs, parses. All
that is settled for a bucket once one of its objects was read: address, region and headers. Only the key, the time and
the credentials change. A `Shortcut` learns the former from the request that botocore has sent. It never decides what an
error means: if an answer is no plain success, botocore asks again, with its retries, redirects and errors.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError
from msgspec import Struct

from slips.backends.aws.connections import Answer, Connections, NotPlainError, Origin
from slips.backends.aws.signing import (
    ALGORITHM,
    SIGNED,
    SIGNED_WITH_TOKEN,
    Scope,
    query_of,
    quoted,
    signature_headers,
)
from slips.model import ObjectEvent

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_s3 import S3Client

MOST_FAILURES = 3
"""Times in a row that botocore reads what the shortcut could not, until the bucket is left to botocore."""


class Address(Struct, frozen=True):
    """Where the objects of a bucket are, and how requests are signed there."""

    origin: Origin
    base: str
    """The path up to the key: `/`, or `/bucket/`."""
    scope: Scope
    agent: str
    """The header `User-Agent`."""


class Shortcut:
    """Gets objects of buckets of which the client has got one before. Any number of threads may use it."""

    def __init__(self, keys: Callable[[], ReadOnlyCredentials | None], ca_bundle: Callable[[], str | None]) -> None:
        """`keys` returns the credentials for the next request. `ca_bundle`: a file of certificates; None: the usual."""
        self._keys = keys
        self._connections = Connections(lambda: _context(ca_bundle()))
        self._addresses: dict[str, Address] = {}
        self._failures: dict[str, int] = {}
        self._sent = _Sent()

    def watch(self, client: S3Client) -> None:
        """Learn from requests of `client` that go over the network: hooks that answer by themselves come first."""
        client.meta.events.register_last("before-send", self._watched)

    def _watched(self, request: Any, event_name: str, **_: Any) -> None:
        if event_name.endswith(".GetObject"):
            self._sent.request = request

    def get(self, event: ObjectEvent) -> Answer | None:
        """Return the answer for the object of `event`; None if botocore must be asked."""
        self._sent.has_failed, self._sent.request = False, None
        address = self._addresses.get(event.bucket_name)
        if address is None or not event.object_key:  # without a key, the request would list the bucket
            return None
        try:
            keys = self._keys()
            if keys is None or not keys.secret_key:
                return None
            answer = self._connections.get(address.origin, _request(address, event, keys))
            if b"etag" not in answer.headers:
                answer.body.close()
                raise NotPlainError("no ETag")
        except (OSError, ValueError, BotoCoreError):
            # Whatever it was, botocore meets it again, or does better.
            self._sent.has_failed = True
            return None
        self._failures.pop(event.bucket_name, None)
        return answer

    def learn(self, event: ObjectEvent) -> None:
        """Note how botocore has just got the object of `event`, in this thread."""
        bucket, request = event.bucket_name, self._sent.request
        if self._sent.has_failed:
            self._failures[bucket] = self._failures.get(bucket, 0) + 1
        address = None if request is None else _address(request, event)
        if address is None or self._failures.get(bucket, 0) >= MOST_FAILURES:
            self._addresses.pop(bucket, None)
        else:
            self._addresses[bucket] = address


class _Sent(threading.local):
    """The last request that botocore sent in this thread, and whether the shortcut had failed before."""

    request: Any = None
    has_failed = False


def _request(address: Address, event: ObjectEvent, keys: ReadOnlyCredentials) -> bytes:
    path, query = address.base + quoted(event.object_key), query_of(event.object_version_id)
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return (
        f"GET {path}{'?' if query else ''}{query} HTTP/1.1\r\nHost: {address.scope.host}\r\n"
        f"User-Agent: {address.agent}\r\nAccept-Encoding: identity\r\n"
        f"{signature_headers(keys, address.scope, path, query, at)}\r\n"
    ).encode("ascii")


def _address(request: Any, event: ObjectEvent) -> Address | None:
    """Return the address by which botocore got an object; None if its request had more in it than others need."""
    from botocore.utils import get_environ_proxies

    url = urlsplit(request.url)
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    key, query = quoted(event.object_key), query_of(event.object_version_id)
    algorithm, _, rest = headers.get("authorization", "").partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    credential = parts.get("Credential", "").split("/")
    if (
        algorithm != ALGORITHM
        or parts.get("SignedHeaders") not in (SIGNED, SIGNED_WITH_TOKEN)
        or len(credential) != 5
        or not url.path.endswith(key)
        or url.query != query
        or url.hostname is None
        or get_environ_proxies(request.url)
    ):
        return None
    _, _, region, service, _ = credential
    is_secure = url.scheme == "https"
    usual = 443 if is_secure else 80
    port = url.port or usual
    name = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    host = name if port == usual else f"{name}:{port}"
    return Address(
        Origin(is_secure, url.hostname, port),
        url.path.removesuffix(key),
        Scope(host, region, service, headers["x-amz-content-sha256"]),
        headers.get("user-agent", ""),
    )


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _context(ca_bundle: str | None) -> ssl.SSLContext:
    from botocore.httpsession import get_cert_path

    return ssl.create_default_context(cafile=ca_bundle or get_cert_path(True))
