"""S3 as an ObjectStore: streams objects, and requests the rest of a body again if the connection breaks off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from msgspec import Struct
from urllib3.exceptions import HTTPError

from slips.backends.aws.ahead import Ahead
from slips.backends.aws.answers import code, message, reason
from slips.backends.aws.kms_keys import explained_key, trouble_of
from slips.backends.aws.throttles import passes
from slips.errors import StorageError
from slips.model import ObjectEvent, format_time
from slips.ports import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

    from slips.backends.aws.shortcut import Shortcut

MISSING = {"NoSuchKey", "NoSuchVersion", "404", "AccessDenied", "403"}
"""Codes for an object that does not exist. Without the right to list the bucket, S3 answers `AccessDenied` instead."""
FAULTS = {"InternalError", "ServiceUnavailable", "500", "502", "503", "504"}
"""Codes for which no object of a bucket can be read now, beside those of credentials. Too many requests are none: those
for objects have another limit."""
RESUMES, RESUMED_BYTES = 5, 64 * 1024 * 1024
"""Most times that the rest of one object's body is requested again, and once more for each so many bytes: a large
object takes hours. RESUMES times at most without a byte in between."""


class Page(Struct, frozen=True):
    """One page of a listing."""

    events: list[ObjectEvent]
    next: str
    """Token of the next page; empty behind the last."""


class S3Store:
    """An ObjectStore on S3 or a compatible server."""

    def __init__(
        self, client: S3Client, shortcut: Shortcut | None = None, names: Mapping[str, str] | None = None
    ) -> None:
        """Make a store that uses `client`, and opens objects by the `shortcut` where that serves.

        `names` has the names in S3 of buckets that events name otherwise.
        """
        self._client, self._shortcut, self._names = client, shortcut, names or {}
        self._ahead = Ahead(self._open_now)

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        """Open the object of `event` for reading, in flat memory. Raises StorageError, also while the body is read.

        If the connection breaks off, the rest of the body is requested again, of the same content.
        """
        fetched = self._ahead.take(event)
        if fetched is not None:
            yield fetched
            return
        with self._open_now(event) as stored:
            yield stored

    def expect(self, events: Sequence[ObjectEvent]) -> None:
        """Fetch the next objects ahead (see `Ahead`)."""
        self._ahead.expect(events)

    @contextmanager
    def _open_now(self, event: ObjectEvent) -> Iterator[StoredObject]:
        body, etag, size, version_id = self._get(event)
        resuming = _ResumingBody(self._client, event, self._request(event), body, etag, size)
        try:
            yield StoredObject(cast("BinaryIO", resuming), etag.strip('"'), size, version_id=_version(version_id))
        finally:
            resuming.close()

    def _get(self, event: ObjectEvent) -> tuple[_Body, str, int, str | None]:
        """Return body, ETag, size and version id of an object."""
        if self._shortcut is not None and (answer := self._shortcut.get(event)) is not None:
            version_id = answer.headers.get(b"x-amz-version-id")
            etag = answer.headers[b"etag"].decode("latin-1")
            return answer.body, etag, answer.body.left, version_id.decode("latin-1") if version_id else None
        try:
            response = self._client.get_object(**self._request(event))
        except (ClientError, BotoCoreError) as error:
            missing = isinstance(error, ClientError) and code(error) in MISSING and trouble_of(error) is None
            raise StorageError(_reason(error, event.url), missing=missing) from error
        if self._shortcut is not None:
            self._shortcut.learn(event)
        return cast("_Body", response["Body"]), response["ETag"], response["ContentLength"], response.get("VersionId")

    def list(self, bucket: str, prefix: str = "", *, after: str = "") -> Iterator[ObjectEvent]:
        """Yield one event per object, in key order, from the key behind `after` on. Raises StorageError."""
        page = self.page(bucket, prefix, after=after)
        yield from page.events
        while page.next:
            page = self.page(bucket, prefix, then=page.next)
            yield from page.events

    def page(self, bucket: str, prefix: str = "", *, after: str = "", then: str = "") -> Page:
        """Return one page of a listing, from the key behind `after` on, or the one behind another (`then`).

        Raises StorageError.
        """
        start = {"ContinuationToken": then} if then else {"StartAfter": after} if after else {}
        answer = self._list(bucket, prefix, **start)
        region, real = self._client.meta.region_name, self._names.get(bucket, bucket)
        events = [
            ObjectEvent(
                aws_region=region,
                event_time=format_time(each["LastModified"].timestamp()),
                event_name="ObjectCreated:Put",
                bucket_name=bucket,
                bucket_arn=f"arn:aws:s3:::{real}",
                object_key=each["Key"],
                object_size=each["Size"],
                object_etag=each["ETag"].strip('"'),
            )
            for each in answer.get("Contents", [])
        ]
        return Page(events, _next(answer, f"s3://{bucket}/{prefix}", then))

    def folders(self, bucket: str, prefix: str = "") -> Sequence[str]:
        """Return the beginnings of keys up to the first slash behind `prefix`. Raises StorageError."""
        found, then = list[str](), ""
        while True:
            answer = self._list(bucket, prefix, Delimiter="/", **({"ContinuationToken": then} if then else {}))
            found += [each["Prefix"] for each in answer.get("CommonPrefixes", [])]
            then = _next(answer, f"s3://{bucket}/{prefix}", then)
            if not then:
                return found

    def _list(self, bucket: str, prefix: str, **request: Any) -> ListObjectsV2OutputTypeDef:
        real = self._names.get(bucket, bucket)
        try:
            return self._client.list_objects_v2(Bucket=real, Prefix=prefix, **request)
        except (ClientError, BotoCoreError) as error:
            text = _reason(error, f"s3://{bucket}/{prefix}", is_listing=True)
            raise StorageError(text, passing=passes(error), away=_is_away(error)) from error

    def _request(self, event: ObjectEvent) -> dict[str, Any]:
        bucket = self._names.get(event.bucket_name, event.bucket_name)
        request = {"Bucket": bucket, "Key": event.object_key}
        return request | {"VersionId": event.object_version_id} if event.object_version_id else request


class _Body(Protocol):
    """A body as botocore, or a connection of our own, returns it."""

    def read(self, size: int | None = None, /) -> bytes: ...

    def close(self) -> None: ...


class _ResumingBody:
    """The stored bytes of an object. It requests the rest again if the connection breaks off."""

    def __init__(
        self, client: S3Client, event: ObjectEvent, request: dict[str, Any], body: _Body, etag: str, size: int
    ) -> None:
        self._client, self._event, self._request = client, event, request
        self._stream, self._etag, self._size = body, etag, size
        self._at, self._resumed_at = 0, -1
        self._resumes, self._in_vain = RESUMES + size // RESUMED_BYTES, 0
        self._again: _ResumingBody | None = None
        """The same content, as it is read for the second time."""

    def read(self, size: int = -1) -> bytes:
        while True:
            try:
                data = bytes(self._stream.read(None if size < 0 else size))
            except (HTTPClientError, BotoCoreError, HTTPError, OSError) as error:
                self._resume(error)
                continue
            if not data and size != 0 and self._at < self._size:
                self._resume(EOFError(f"ended after {self._at:,} of {self._size:,} bytes"))
                continue
            self._at += len(data)
            return data

    def again(self) -> BinaryIO:
        """Request the same content from its first byte on; see `codec.Rereadable`. Raises StorageError."""
        where = f"{self._event.url}: reading it again, up to a damage"
        try:
            response = self._client.get_object(**self._request, IfMatch=self._etag)
        except (ClientError, BotoCoreError) as error:
            raise StorageError(_reason(error, where)) from error
        body = cast("_Body", response["Body"])
        self._again = _ResumingBody(self._client, self._event, self._request, body, self._etag, self._size)
        return cast("BinaryIO", self._again)

    def close(self) -> None:
        self._stream.close()
        if self._again is not None:
            self._again.close()

    def _resume(self, cause: Exception) -> None:
        self._stream.close()
        where = f"{self._event.url}: reading broke off at byte {self._at:,}"
        self._in_vain = self._in_vain + 1 if self._at == self._resumed_at else 0
        if self._resumes == 0 or self._in_vain == RESUMES:
            raise StorageError(f"{where}: {cause}") from cause
        self._resumes, self._resumed_at = self._resumes - 1, self._at
        request = self._request | {"Range": f"bytes={self._at}-", "IfMatch": self._etag}
        try:
            response = self._client.get_object(**request)
        except (ClientError, BotoCoreError) as error:
            raise StorageError(_reason(error, where)) from error
        self._stream = cast("_Body", response["Body"])
        status, left = response["ResponseMetadata"]["HTTPStatusCode"], response["ContentLength"]
        if (status, left, response["ETag"]) != (206, self._size - self._at, self._etag):
            raise StorageError(
                f"{where}: S3 answers with status {status} and {left:,} bytes of {response['ETag']}; expected 206 and "
                f"the other {self._size - self._at:,} bytes of {self._etag}; look at the server, which should honour "
                "Range and If-Match"
            ) from cause


def _next(answer: ListObjectsV2OutputTypeDef, where: str, asked: str) -> str:
    """Return the token of the page behind an answer, which was asked for by another one; empty behind the last.

    Raises StorageError if there is no way on: an end there would leave out keys in silence, the same page never ends.
    """
    if not answer.get("IsTruncated"):
        return ""
    token = answer.get("NextContinuationToken", "")
    if token in ("", asked):
        raise StorageError(
            f"{where}: S3 answers that more keys follow, with {'no' if not token else 'the same'} continuation token; "
            "expected a server that knows ListObjectsV2; look at its version"
        )
    return token


def _is_away(error: ClientError | BotoCoreError) -> bool:
    if not isinstance(error, ClientError):
        return True
    from slips.backends.aws.s3_advice import OF_CREDENTIALS  # only errors need it

    return code(error) in FAULTS or code(error) in OF_CREDENTIALS


def _version(version_id: str | None) -> str | None:
    # S3 sends no version id for a bucket that never had versioning, and "null" for one whose versioning is suspended.
    return version_id if version_id and version_id != "null" else None


def _reason(error: ClientError | BotoCoreError, where: str, *, is_listing: bool = False) -> str:
    """Return the text of an error of a listing, or of a request for an object."""
    if not isinstance(error, ClientError):
        from slips.backends.aws.refusals import explained  # only errors need it

        return explained(error, where, "s3") or f"{where}: S3 cannot be used: {reason(error)}"
    if about_key := explained_key(error, where):
        return about_key
    from slips.backends.aws.s3_advice import advice_on_listing, advice_on_object

    advice = (advice_on_listing if is_listing else advice_on_object)(code(error), message(error))
    return f"{where}: S3 answers {reason(error)}{f'; {advice}' if advice else ''}"
