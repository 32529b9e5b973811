"""Opens the unknown logs that a user names: a file, an object in S3, or all below a directory or a prefix."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
from msgspec import Struct

from slips.cli.options import options
from slips.cli.output import say
from slips.cli.progress import counting
from slips.codec import CodecLimits, decode
from slips.errors import ObjectError, ReaderError, StorageError, UsageError
from slips.inference.containers import Head, read_head
from slips.inference.kinds import LISTED, Sorted, sort_by_kind
from slips.model import ObjectEvent, nearest_time
from slips.printable import one_line

if TYPE_CHECKING:
    from slips.backends.aws.s3 import S3Store

STDIN = "-"


class Folder(Struct):
    """The logs below a directory or a prefix."""

    bucket: str
    """Its name in S3; empty for a directory."""
    objects: list[ObjectEvent]
    """The logs that have bytes, LISTED at most."""
    is_all: bool
    """Whether there are no more."""
    open: Callable[[ObjectEvent], AbstractContextManager[tuple[BinaryIO, str]]]
    """Opens one of the objects, and names it for messages. Raises UsageError and ObjectError."""
    unlisted: Sequence[str] = ()
    """Why parts of the directory could not be listed."""

    def head(self, each: ObjectEvent) -> Head:
        """Return the beginning of a log. Raises UsageError, ObjectError."""
        with self.open(each) as (stream, name):
            return _decoded(stream, name)


def is_folder(log: str) -> bool:
    """Whether a log is a directory, or a bucket, or a prefix in one that ends with a slash."""
    if log.startswith("s3://"):
        return log.endswith("/") or "/" not in log.removeprefix("s3://")
    return log != STDIN and Path(log).is_dir()


@contextmanager
def opened(ctx: click.Context, log: str) -> Iterator[tuple[BinaryIO, float]]:
    """Open a log. Yield its stream, and the epoch seconds of its last change. Raises UsageError."""
    if log == STDIN:
        yield sys.stdin.buffer, time.time()
    elif log.startswith("s3://"):
        bucket, _, key = log.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise UsageError(f"{log}: expected s3://bucket/key, the name of an object")
        try:
            with _s3_store(ctx).open(ObjectEvent(bucket_name=bucket, object_key=key)) as stored:
                yield stored.body, time.time()
        except StorageError as error:
            raise UsageError(str(error)) from error
    else:
        with _file(Path(log)) as stream:
            yield stream, nearest_time(os.fstat(stream.fileno()).st_mtime)


def head_of(stream: BinaryIO, name: str) -> Head:
    """Return the beginning of a log. Raises UsageError if there is none."""
    head = _decoded(stream, name)
    if not head.content.strip():
        raise UsageError(f"{name}: is empty; expected a log")
    return head


def kinds_in(ctx: click.Context, name: str) -> tuple[Folder, Sorted]:
    """Sort the logs of a folder by their kinds. Raises UsageError if it cannot be listed, or has none."""
    folder = _folder_of(ctx, name)
    with counting("files opened") as tell:
        found = sort_by_kind(folder.objects, folder.head, tell)
    if not found.kinds:
        raise UsageError(f"{name}: all its files are blank; expected a folder with logs")
    return folder, found


def _decoded(stream: BinaryIO, name: str) -> Head:
    try:
        return read_head(decode(stream, CodecLimits(), name).stream)
    except ReaderError as error:
        raise UsageError(f"{name}: {error}") from error
    except ObjectError as error:
        raise UsageError(str(error)) from error


def _folder_of(ctx: click.Context, name: str) -> Folder:
    is_in_s3 = name.startswith("s3://")
    listed, bucket, open_, unlisted = _in_s3(ctx, name) if is_in_s3 else _on_this_machine(Path(name))
    try:
        objects = list(islice(listed, LISTED + 1))
    except StorageError as error:
        raise UsageError(str(error)) from error
    for problem in unlisted:
        say(one_line(problem))
    logs = [each for each in objects[:LISTED] if each.object_size and not each.object_key.endswith("/")]
    if not logs:
        raise UsageError(f"{name}: no file that has bytes; expected a folder with logs")
    return Folder(bucket, logs, len(objects) <= LISTED, open_, list(unlisted))


_Listed = tuple[
    Iterator[ObjectEvent],
    str,
    Callable[[ObjectEvent], AbstractContextManager[tuple[BinaryIO, str]]],
    Sequence[str],
]
"""The objects of a folder, its bucket, how to open one, and problems of the listing, which come as it goes on."""


def _in_s3(ctx: click.Context, name: str) -> _Listed:
    bucket, _, prefix = name.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{name}: expected s3://bucket/prefix/, the name of a bucket")
    store = _s3_store(ctx)

    @contextmanager
    def open_(each: ObjectEvent) -> Iterator[tuple[BinaryIO, str]]:
        with store.open(each) as stored:
            yield stored.body, each.url

    return store.list(bucket, prefix), bucket, open_, ()


def _on_this_machine(folder: Path) -> _Listed:
    from slips.backends.machine.directory import DirectoryStore

    @contextmanager
    def open_(each: ObjectEvent) -> Iterator[tuple[BinaryIO, str]]:
        path = folder / each.object_key
        with _file(path) as stream:
            yield stream, str(path)

    store = DirectoryStore({"": folder})
    return store.list(""), "", open_, store.unlisted


def _file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; expected a log file that can be read") from None


def _s3_store(ctx: click.Context) -> S3Store:
    """Return the store of objects in S3, by the options of the command."""
    from slips.backends.aws.clients import Clients
    from slips.backends.aws.s3 import S3Store

    given = options(ctx)
    return S3Store(Clients(given.region, given.endpoint_url).s3)
