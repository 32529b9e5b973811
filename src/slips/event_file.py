"""Keeps listed objects in a temporary file, in order: millions of them in flat memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

import msgspec

from slips.errors import StateError
from slips.model import ObjectEvent

_BUFFER = 1 << 20
_Row = tuple[str, str, str, str, int, str, str]


class EventFile:
    """Object events of a listing, in a file that vanishes when it is closed. Only the fields of listings are kept."""

    def __init__(self) -> None:
        self.count = self.size = 0
        """Number of events, and the stored bytes of their objects."""
        with _explained():
            self._file = tempfile.TemporaryFile(buffering=_BUFFER)  # noqa: SIM115 - closed by `close`

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the file."""
        with _explained():
            self._file.close()

    def add(self, event: ObjectEvent) -> None:
        """Append an event. Raises StateError."""
        row: _Row = (
            event.bucket_name,
            event.object_key,
            event.event_time,
            event.object_etag,
            event.object_size,
            event.aws_region,
            event.bucket_arn,
        )
        with _explained():
            self._file.write(msgspec.json.encode(row) + b"\n")
        self.count += 1
        self.size += event.object_size

    def extend(self, events: Iterable[ObjectEvent]) -> None:
        """Append events. Raises StateError."""
        for event in events:
            self.add(event)

    def __iter__(self) -> Iterator[ObjectEvent]:
        """Yield all events, in order. Raises StateError."""
        decoder = msgspec.json.Decoder(_Row)
        with _explained():
            self._file.seek(0)
            for line in self._file:
                bucket, key, time, etag, size, region, arn = decoder.decode(line)
                yield ObjectEvent(
                    aws_region=region,
                    event_time=time,
                    event_name="ObjectCreated:Put",
                    bucket_name=bucket,
                    bucket_arn=arn,
                    object_key=key,
                    object_size=size,
                    object_etag=etag,
                )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"{tempfile.gettempdir()}: a listing cannot be kept: {error.strerror}; expected free space for a temporary "
            "file; name a directory that has some in the environment variable TMPDIR"
        ) from error
