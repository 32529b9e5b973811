"""Reads directories as buckets: each regular file below a directory is an object, its relative path the key.

A key never leads out of its bucket's directory, neither by `..` nor by a link.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from slips.backends.machine.content import hash_of, is_young, names_of, names_of_young, stamp_of
from slips.backends.machine.tree import Tree
from slips.errors import GONE, ObjectError, StorageError
from slips.model import ObjectEvent, format_time, nearest_time, readable
from slips.ports import StoredObject

MOST_PROBLEMS = 1_000
"""Most problems of a listing that are kept: a bucket full of odd entries fills neither memory nor screen."""
UNFINISHED = (".tmp", ".part")
"""Ends of the names of files that are still being written."""

KnownHash = Callable[[ObjectEvent, str], str | None]
"""`(event, stamp)` to the hash of the event's file, if the file with that stamp was read before; else None."""


def is_unfinished(key: str) -> bool:
    """Whether `slips up` leaves a file alone: a dotfile, or a file that is still being written."""
    return key.endswith(UNFINISHED) or key.startswith(".") or "/." in key


def _no_hash(_event: ObjectEvent, _stamp: str) -> str | None:
    return None


def _no_progress(_done: int) -> None:
    return None


class DirectoryStore:
    """An ObjectStore of `buckets`: name to directory. An etag is a hash of the stored bytes, in a listing a stamp.

    `known` saves reading a file again for its hash. `hashing` is called now and then with the number of bytes read for
    a hash. `status` and `clock` return the status of an open file and the present time.
    """

    def __init__(
        self,
        buckets: Mapping[str, Path],
        known: KnownHash | None = None,
        hashing: Callable[[int], None] = _no_progress,
        *,
        status: Callable[[int], os.stat_result] = os.fstat,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._known, self._hashing = known or _no_hash, hashing
        self._status, self._clock = status, clock
        self._trees = {name: Tree(directory) for name, directory in buckets.items()}
        self.buckets: Mapping[str, Path] = {name: tree.root for name, tree in self._trees.items()}
        """Name to resolved directory."""
        self.unlisted: list[str] = []
        """The paths that `list` could not list, with reasons. The listing continues with the rest."""

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        """Open the file of the event's key for reading. Raises StorageError.

        Also raises StorageError at the end of the block, if the file changed since it was opened.
        """
        with os.fdopen(self._open(event), "rb", 0) as opened:
            file = cast("BinaryIO", opened)
            status = self._status(file.fileno())
            young = is_young(status, self._clock())
            stamp = stamp_of(status)
            try:
                etag = self._known(event, stamp) or hash_of(file, self._hashing)
            except OSError as error:
                raise StorageError(f"{event.url}: reading failed: {error.strerror}") from error
            body = cast("BinaryIO", _FileBody(file, status.st_size, event.url))
            names = names_of_young(stamp) if young else names_of(stamp)
            try:
                yield StoredObject(body, etag, status.st_size, names=names)
            except ObjectError as error:
                self._refuse_changed(event, file, status, etag, young, error)
                raise
            self._refuse_changed(event, file, status, etag, young)

    def _refuse_changed(
        self,
        event: ObjectEvent,
        file: BinaryIO,
        before: os.stat_result,
        etag: str,
        young: bool,
        cause: Exception | None = None,
    ) -> None:
        """Raise StorageError if a file changed since `before`: the bytes read may be of two contents."""
        now = self._status(file.fileno())
        same = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        # If times cannot decide, the bytes do: renaming a file, or changing its rights, changes its ctime, too, and a
        # young file may change without new times.
        unsure = young or now.st_ctime_ns != before.st_ctime_ns
        if not same or (unsure and hash_of(file, self._hashing) != etag):
            raise StorageError(
                f"{event.url}: the file changed while it was read; expected it to stay as it is; it is read again, and "
                "a file should be moved into its bucket when it is complete"
            ) from cause

    def _open(self, event: ObjectEvent) -> int:
        tree = self._trees.get(event.bucket_name)
        if tree is None:
            raise StorageError(
                f"{event.url}: bucket {event.bucket_name!r} has no directory; "
                "expected one in 'backend.embedded.buckets'"
            )
        try:
            return tree.open(event.object_key)
        except ValueError as error:
            raise StorageError(f"{event.url}: {error}; expected the path of a file below {tree.root}") from error
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise StorageError(f"{event.url}: {error.strerror}; expected a file below it") from error
            path = tree.shown(event.object_key)
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            expected = f"expected the file, which was there before; {GONE}" if missing else "expected a readable file"
            text = f"{event.url}: {path}: {error.strerror}; {expected}"
            raise StorageError(text, missing=missing) from error

    def expect(self, events: Sequence[ObjectEvent]) -> None:
        """Do nothing: a file opens without waiting, and must not change from then on."""

    def holds_entries(self, bucket: str) -> bool | None:
        """Whether a bucket's directory has entries; None if the directory cannot be reached now."""
        root = self._trees[bucket].root
        try:
            with os.scandir(root) as entries:
                return next(entries, None) is not None
        except PermissionError:  # a directory that may not be listed can still have files that may be opened
            return True if os.access(root, os.X_OK) else None
        except OSError:
            return None

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        """Yield one event per regular file whose key starts with `prefix`, in key order. Add problems to `unlisted`."""
        tree = self._trees[bucket]
        for key, entry in tree.walk(prefix, self._tell):
            status = self._file(tree, key, entry)
            if status is None:
                continue
            if fault := _fault_of(key):
                self._tell(f"{tree.shown(key)}: {fault}")
            else:
                yield self.event(bucket, key, status)

    def find(self, bucket: str, key: str) -> ObjectEvent | None:
        """Return the event of the file with this key, as `list` yields it; None if there is no such file now."""
        tree = self._trees[bucket]
        entry = tree.entry(key)
        status = self._file(tree, key, entry) if entry is not None and not _fault_of(key) else None
        return None if status is None else self.event(bucket, key, status)

    def hash_of_listed(self, event: ObjectEvent, progress: Callable[[int], None]) -> str | None:
        """Read a listed file, and return the hash of its bytes; None if it changed since, or cannot be read.

        Calls `progress` now and then with the number of bytes read.
        """
        try:
            with os.fdopen(self._open(event), "rb", 0) as opened:
                hash_ = hash_of(cast("BinaryIO", opened), progress)
                return hash_ if stamp_of(self._status(opened.fileno())) == event.object_etag else None
        except (StorageError, OSError):
            return None

    def is_directory(self, bucket: str, key: str) -> bool:
        """Whether the key is that of a directory, reached without following links."""
        entry = self._trees[bucket].entry(key)
        return entry is not None and stat.S_ISDIR(entry.st_mode)

    def _file(self, tree: Tree, key: str, entry: os.stat_result) -> os.stat_result | None:
        """Return the status of a regular file, or of the one that a link leads to; None for any other entry."""
        if not stat.S_ISLNK(entry.st_mode):
            return entry if stat.S_ISREG(entry.st_mode) else None
        try:
            target = tree.status(key)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.EXDEV:
                self._tell(f"{tree.shown(key)}: {error.strerror}; expected a file that can be read")
                return None
            # A link out of the bucket is listed, so that opening it makes an error item, which operators see.
            return entry if os.path.isfile(tree.root / key) else None  # noqa: PTH113 - Path's raises
        return target if stat.S_ISREG(target.st_mode) else None

    def _tell(self, problem: str) -> None:
        if len(self.unlisted) < MOST_PROBLEMS:
            self.unlisted.append(problem)
        elif len(self.unlisted) == MOST_PROBLEMS:
            self.unlisted.append(f"there is more that cannot be listed: only {MOST_PROBLEMS:,} problems are shown")

    def event(self, bucket: str, key: str, status: os.stat_result) -> ObjectEvent:
        """Return the object event of a file, with the file's stamp as etag."""
        return ObjectEvent(
            aws_region="local",
            event_time=format_time(nearest_time(status.st_mtime)),
            event_name="ObjectCreated:Put",
            bucket_name=bucket,
            bucket_arn=f"arn:aws:s3:::{bucket}",
            object_key=key,
            object_size=status.st_size,
            object_etag=stamp_of(status),
        )


def _fault_of(key: str) -> str:
    """Return why a file of this name cannot be an object, whose key is UTF-8; empty if it can."""
    if not key.isascii() and (encoding := sys.getfilesystemencoding()) != "utf-8":
        return f"names are read as {encoding} here, by the locale; expected UTF-8, as S3 keys are; set PYTHONUTF8=1"
    return "" if readable(key) == key else "the name is not UTF-8; expected one, as S3 keys are; rename the file"


class _FileBody:
    """The bytes of an open file, up to the size that the file had when it was opened. Read errors name the object.

    This object keeps its own position: a handler, or a child process of one, may move that of the descriptor.
    """

    def __init__(self, file: BinaryIO, size: int, where: str) -> None:
        self._file, self._size, self._where = file, size, where
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._at
        try:
            data = os.pread(self._file.fileno(), size if size >= 0 else left + 1, self._at)
        except OSError as error:
            raise StorageError(f"{self._where}: reading failed: {error.strerror}") from error
        if len(data) > left or (not data and size and left):
            ends = "goes on behind the size" if data else f"ends {left:,} bytes before the size"
            raise StorageError(
                f"{self._where}: the file {ends} it had when it was opened; "
                "expected it to stay as it is while it is read"
            )
        self._at += len(data)
        return data

    def again(self) -> _FileBody:
        """Return the same bytes from the first on; see `codec.Rereadable`."""
        return _FileBody(self._file, self._size, self._where)
