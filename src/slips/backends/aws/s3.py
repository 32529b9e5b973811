"""S3 as an ObjectStore: streams objects, and requests the rest of a body again if the connection breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from urllib3.exceptions import HTTPError

from slips.backends.aws.answers import code, reason
from slips.backends.aws.kms_keys import explained_key, trouble_of
from slips.errors import StorageError
from slips.model import ObjectEvent, format_time
from slips.ports import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MISSING = {"NoSuchKey", "NoSuchVersion", "404", "AccessDenied", "403"}
"""Codes for an object that does not exist. Without the right to list the bucket, S3 answers `AccessDenied` instead."""
RESUMES = 5
"""Most times that the rest of one object's body is requested again."""


class S3Store:
    """An ObjectStore on S3 or a compatible server."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        """Open the object of `event` for reading, in flat memory. Raises StorageError, also while the body is read.

        If the connection breaks off, the rest of the body is requested again, of the same content.
        """
        request: dict[str, Any] = {"Bucket": event.bucket_name, "Key": event.object_key}
        if event.object_version_id:
            request["VersionId"] = event.object_version_id
        try:
            response = self._client.get_object(**request)
        except (ClientError, BotoCoreError) as error:
            missing = isinstance(error, ClientError) and code(error) in MISSING and trouble_of(error) is None
            raise StorageError(_reason(error, event.url), missing=missing) from error
        body = _ResumingBody(self._client, request, response, event.url)
        try:
            yield StoredObject(
                cast("BinaryIO", body),
                response["ETag"].strip('"'),
                response["ContentLength"],
                version_id=_version(response.get("VersionId")),
            )
        finally:
            body.close()

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        """Yield one event per object, in key order. Raises StorageError."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        region = self._client.meta.region_name
        try:
            for page in pages:
                for each in page.get("Contents", []):
                    yield ObjectEvent(
                        aws_region=region,
                        event_time=format_time(each["LastModified"].timestamp()),
                        event_name="ObjectCreated:Put",
                        bucket_name=bucket,
                        bucket_arn=f"arn:aws:s3:::{bucket}",
                        object_key=each["Key"],
                        object_size=each["Size"],
                        object_etag=each["ETag"].strip('"'),
                    )
        except (ClientError, BotoCoreError) as error:
            raise StorageError(_reason(error, f"s3://{bucket}/{prefix}")) from error


class _ResumingBody:
    """The stored bytes of an object. It requests the rest again if the connection breaks off."""

    def __init__(self, client: S3Client, request: dict[str, Any], response: Any, where: str) -> None:
        self._client, self._request, self._where = client, request, where
        self._stream = response["Body"]
        self._etag, self._size = response["ETag"], response["ContentLength"]
        self._at = 0
        self._resumes = RESUMES

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

    def close(self) -> None:
        self._stream.close()

    def _resume(self, cause: Exception) -> None:
        self._stream.close()
        if self._resumes == 0:
            raise StorageError(f"{self._where}: reading broke off at byte {self._at:,}: {cause}") from cause
        self._resumes -= 1
        try:
            response = self._client.get_object(**self._request, Range=f"bytes={self._at}-", IfMatch=self._etag)
        except (ClientError, BotoCoreError) as error:
            where = f"{self._where}: reading broke off at byte {self._at:,}"
            raise StorageError(_reason(error, where)) from error
        self._stream = response["Body"]


def _version(version_id: str | None) -> str | None:
    # S3 sends no version id for a bucket that never had versioning, and "null" for one whose versioning is suspended.
    return version_id if version_id and version_id != "null" else None


def _reason(error: ClientError | BotoCoreError, where: str) -> str:
    if not isinstance(error, ClientError):
        return f"{where}: S3 cannot be used: {reason(error)}"
    if about_key := explained_key(error, where):
        return about_key
    # The code means both to a role that may not list the bucket.
    hint = "; the object is gone, or this role may not read it" if code(error) == "AccessDenied" else ""
    return f"{where}: S3 answers {reason(error)}{hint}"
