"""Reads snappy as Hadoop writes it: blocks without anything by which they could be known, so that a chain names it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO, cast

from slips.codec import BLOCK, Damage, snappy_block
from slips.errors import ReaderError
from slips.format import ArchiveMember, archive
from slips.parsing.readers.text import EMPTY

CHUNK = 32 + BLOCK + BLOCK // 6
"""Most stored bytes of a chunk: what snappy may make of BLOCK bytes that it cannot compress."""


@archive(
    "hadoop-snappy",
    summary="snappy as Hadoop and Amazon Data Firehose (HADOOP_SNAPPY) write it, for the formats behind",
    reference="https://docs.aws.amazon.com/firehose/latest/dev/create-transform.html",
    rules=(EMPTY,),
)
def hadoop_snappy(stream: BufferedReader) -> Iterator[ArchiveMember]:
    """Yield the content as the only member, without a name."""
    yield ArchiveMember("", cast("BinaryIO", _Blocks(stream)))


class _Blocks(io.RawIOBase):
    """The content of blocks: the size of the content, then chunks, each with its size. Raises ReaderError."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._left = 0
        """Bytes of the current block that are still to come."""
        self._done = 0

    def read(self, _size: int = -1, /) -> bytes:
        """Return the content of the next chunk, of any size; none at the end."""
        while not self._left:
            if not (size := self._stream.read(4)):
                return b""
            self._left = self._number(size, "block", 16 * BLOCK)
        data = self._stream.read(self._number(self._stream.read(4), "chunk", CHUNK))
        try:
            content = snappy_block(data)
        except Damage as damage:
            raise self._broken(str(damage)) from None
        if not content or len(content) > self._left:
            raise self._broken("a chunk has other content than its block tells")
        self._left -= len(content)
        self._done += len(content)
        return content

    def _number(self, data: bytes, what: str, most: int) -> int:
        number = int.from_bytes(data, "big")
        if len(data) < 4:
            raise self._broken("it ends early")
        if number > most:
            raise self._broken(f"a {what} of {number:,} bytes; at most {most:,} are read")
        return number

    def _broken(self, what: str) -> ReaderError:
        return ReaderError(
            f"hadoop-snappy: cannot be decompressed after {self._done:,} bytes: {what}; expected blocks of snappy, as "
            "Hadoop writes them, undamaged; if the object has another compression, leave 'hadoop-snappy' out"
        )
