"""Directories that stand for buckets: each regular file below one is an object, its relative path the key.

A key never leads out of its bucket's directory, not by `..` and not by a link.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

from slips.config import Config
from slips.errors import StorageError
from slips.model import ObjectEvent, format_time, readable
from slips.ports import ObjectStore, StoredObject


class DirectoryStore:
    """An ObjectStore of `buckets`: name to directory."""

    def __init__(self, buckets: Mapping[str, Path]) -> None:
        self._buckets = {name: directory.resolve() for name, directory in buckets.items()}
        self.unlisted: list[str] = []
        """What `list` could not list, and why; it goes on with the rest."""

    @property
    def buckets(self) -> Mapping[str, Path]:
        """Name to resolved directory."""
        return self._buckets

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        """The file of the event's key."""
        path = self.path(event)
        with ExitStack() as stack:
            try:
                file = stack.enter_context(open(path, "rb", 0, opener=_open_at_once))
            except OSError as error:
                raise StorageError(f"{event.url}: {path}: {error.strerror}; expected a readable file") from error
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise StorageError(f"{event.url}: {path} is not a regular file; expected one")
            body = cast("BinaryIO", _Body(cast("BinaryIO", file), status.st_size, event.url))
            yield StoredObject(body, identity(status), status.st_size, status.st_mtime)

    def path(self, event: ObjectEvent) -> Path:
        """Where the event's object lies. Raises StorageError for a key that leads elsewhere."""
        directory = self._buckets.get(event.bucket_name)
        if directory is None:
            raise StorageError(
                f"{event.url}: bucket {event.bucket_name!r} has no directory; "
                "expected one in 'backend.embedded.buckets'"
            )
        try:
            path = (directory / event.object_key).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise StorageError(f"{event.url}: the key is no path: {error}") from error
        if not path.is_relative_to(directory) or path == directory:
            raise StorageError(f"{event.url}: the key leads out of {directory}; expected a file below it")
        return path

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        """One event per regular file whose key starts with `prefix`, in key order."""
        directory = self._buckets[bucket]
        start = directory / prefix.rpartition("/")[0]
        if start.resolve().is_relative_to(directory):
            yield from self._walk(bucket, directory, start, prefix)

    def event(self, bucket: str, key: str, status: os.stat_result) -> ObjectEvent:
        """The object event of a file."""
        return ObjectEvent(
            aws_region="local",
            event_time=format_time(status.st_mtime),
            event_name="ObjectCreated:Put",
            bucket_name=bucket,
            bucket_arn=f"arn:aws:s3:::{bucket}",
            object_key=key,
            object_size=status.st_size,
            object_etag=identity(status),
        )

    def _walk(self, bucket: str, root: Path, directory: Path, prefix: str) -> Iterator[ObjectEvent]:
        try:
            entries = sorted(os.scandir(directory), key=lambda e: e.name + "/" * e.is_dir(follow_symlinks=False))
        except OSError as error:
            if not isinstance(error, FileNotFoundError) or directory == root:
                self.unlisted.append(f"{directory}: {error.strerror}; expected a directory that can be listed")
            return
        for entry in entries:
            key = Path(entry.path).relative_to(root).as_posix()
            if entry.is_dir(follow_symlinks=False):
                if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                    yield from self._walk(bucket, root, Path(entry.path), prefix)
            elif key.startswith(prefix):
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    continue  # gone since it was listed, or a link to nothing: no object
                except OSError as error:
                    self.unlisted.append(f"{readable(entry.path)}: {error.strerror}; expected a file that can be read")
                    continue
                if not stat.S_ISREG(status.st_mode):
                    continue
                if _is_utf8(key):
                    yield self.event(bucket, key, status)
                else:
                    self.unlisted.append(
                        f"{readable(entry.path)}: the name is not UTF-8; expected one, as S3 keys are; rename the file"
                    )


class Stores:
    """An ObjectStore that reads each bucket where it is: in its directory if it has one, else in S3."""

    def __init__(self, config: Config, endpoint_url: str | None = None, region: str | None = None) -> None:
        embedded = config.backend.embedded
        buckets = embedded.buckets if embedded else {}
        self.directories = DirectoryStore({name: config.resolve(path) for name, path in buckets.items()})
        self._endpoint_url, self._region = endpoint_url, region

    def open(self, event: ObjectEvent) -> AbstractContextManager[StoredObject]:
        return self._of(event.bucket_name).open(event)

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        return self._of(bucket).list(bucket, prefix)

    def _of(self, bucket: str) -> ObjectStore:
        return self.directories if bucket in self.directories.buckets else self._s3

    @cached_property
    def _s3(self) -> ObjectStore:
        from slips.backends.aws.clients import Clients
        from slips.backends.aws.s3 import S3Store

        return S3Store(Clients(self._region, self._endpoint_url).s3)


def identity(status: os.stat_result) -> str:
    """What stands for an etag: it changes when the file is written, replaced, or grows."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def _open_at_once(path: str, flags: int) -> int:
    """Opens a pipe, too, without waiting for somebody to write into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _is_utf8(key: str) -> bool:
    return readable(key) == key


class _Body:
    """An open file whose read errors name the object; to end before its size is one."""

    def __init__(self, file: BinaryIO, size: int, where: str) -> None:
        self._file, self._left, self._where = file, size, where

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._file.read(size)
        except OSError as error:
            raise StorageError(f"{self._where}: reading failed: {error.strerror}") from error
        self._left -= len(data)
        if not data and size and self._left > 0:
            raise StorageError(
                f"{self._where}: the file ends {self._left:,} bytes before the size it had when it was opened; "
                "expected it to stay as it is while it is read"
            )
        return data
