"""Readers: every way to cut an object into records. Records are numbered by the order in which these give them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BufferedReader

from slips.format import Record, TooLong, reader

HEAD = 4096
"""Bytes kept of a record that is too long, as a sample of it."""


@reader(
    "s3-lines",
    summary="each line is a record; only a line feed ends a line, blank lines are none",
    reference="https://jsonlines.org/",
)
def s3_lines(stream: BufferedReader, record_bytes: int, _parameter: str) -> Iterator[Record]:
    """Lines as bytes, with their line end. A line over `record_bytes` is passed over in flat memory."""
    for line in iter(partial(stream.readline, record_bytes + 2), b""):
        if len(line) > record_bytes and len(line.rstrip(b"\r\n")) > record_bytes:
            yield _pass_over(stream, line, record_bytes)
        elif not line.isspace():
            yield line


def _pass_over(stream: BufferedReader, line: bytes, record_bytes: int) -> TooLong:
    """Reads on to the end of a line of which `line` is the beginning."""
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
    """One record, or none for an object that is empty or blank."""
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
    """No records."""
    return iter(())
