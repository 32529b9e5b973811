"""Readers that cut an object into lines, into one record, or into none.

The order in which a reader yields records numbers them. Longer readers have modules of their own: `containers` (JSON
arrays), `tables` (CSV).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BufferedReader

from slips.format import Record, TooLong, reader

HEAD = 4096
"""Bytes kept as a sample of a record that is too long."""


@reader(
    "s3-lines",
    summary="each line is a record; only a line feed ends a line, blank lines are none",
    reference="https://jsonlines.org/",
)
def s3_lines(stream: BufferedReader, record_bytes: int, _parameter: str) -> Iterator[Record]:
    """Yield lines as bytes, with their line end. Skip a line over `record_bytes` in flat memory: it becomes TooLong."""
    for line in iter(partial(stream.readline, record_bytes + 2), b""):
        if len(line) > record_bytes and len(line.rstrip(b"\r\n")) > record_bytes:
            yield _skip_line(stream, line, record_bytes)
        elif not line.isspace():
            yield line


def _skip_line(stream: BufferedReader, line: bytes, record_bytes: int) -> TooLong:
    """Read to the end of a line that begins with `line`, and return the record that stands for it."""
    size, head, last = len(line), line[:HEAD], line
    del line
    while last and not last.endswith(b"\n"):
        last = stream.readline(1 << 16)
        size += len(last)
    return TooLong(size - last.endswith(b"\n"), record_bytes, head)


@reader(
    "s3-text",
    summary="the whole object is one record",
    reference="https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingObjects.html",
)
def s3_text(stream: BufferedReader, record_bytes: int, _parameter: str) -> Iterator[Record]:
    """Yield the object as one record; none if the object is empty or blank."""
    text = stream.read(record_bytes + 1)
    if len(text) > record_bytes:
        size = len(text)
        while chunk := stream.read(1 << 16):
            size += len(chunk)
        yield TooLong(size, record_bytes, text[:HEAD])
    elif text and not text.isspace():
        yield text


@reader(
    "ignore",
    summary="takes objects and does nothing with them",
    reference="https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingObjects.html",
    gives="nothing",
)
def ignore(_stream: BufferedReader, _record_bytes: int, _parameter: str) -> Iterator[Record]:
    """Yield no records, and read no byte of the object."""
    return iter(())
