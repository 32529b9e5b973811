"""A stream of chunks that can peek and take bytes back, for decoders that must not read behind the end of a member.

An error of reading passes unchanged, and is raised again by each further read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from slips.errors import DecompressionError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

READ = 128 * 1024  # bytes per read of the stored object, and in the buffer that lines are cut from
_ZEROS = re.compile(rb"\0*+")


class ChunkStream(io.RawIOBase):
    """Chunks, none of them empty, as a raw stream that can peek.

    If an iterator of chunks raises, each further read raises the same error: a generator that raised would look ended.
    """

    def __init__(self, chunks: Iterator[bytes], again: Callable[[], Iterator[bytes]] | None = None) -> None:
        """`again` returns the same chunks, or other ones of the same bytes, from the first on."""
        self.bytes_out = 0  # of `read` and `readinto`
        self._chunks, self._again = chunks, again
        self._pulled = 0
        self._chunk = b""
        self._at = 0
        self._error: BaseException | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = READ, /) -> bytes:
        """Return some bytes, at most `size`; none at the end."""
        if self._at == len(self._chunk):
            self._chunk, self._at = self._next(), 0
        data = self._chunk[self._at : self._at + size]
        self._at += len(data)
        self.bytes_out += len(data)
        return data

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer: fewer bytes come only at the end or before an error, which the next call raises."""
        target, filled = memoryview(buffer), 0
        try:
            while filled < len(target) and self._has_more():
                part = memoryview(self._chunk)[self._at : self._at + len(target) - filled]
                target[filled : filled + len(part)] = part
                self._at += len(part)
                filled += len(part)
        except Exception:
            if not filled:
                raise
        self.bytes_out += filled
        return filled

    def bookmark(self) -> Callable[[int], Iterator[bytes]] | None:
        """Return what yields so many bytes from here on once more, whenever it is called; None if none can."""
        again, at = self._again, self._pulled - len(self._chunk) + self._at
        return None if again is None else lambda size: ChunkStream(again()).part(at, size)

    def part(self, at: int, size: int) -> Iterator[bytes]:
        """Skip `at` bytes and yield the `size` bytes behind them, fewer only at the end."""
        self.skip(at)
        while size and (data := self.read(min(size, READ))):
            size -= len(data)
            yield data

    def rest(self) -> Iterator[bytes]:
        return iter(self.read, b"")

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes without consuming them; fewer only at the end or before an error."""
        if len(self._chunk) - self._at < size:
            data = self._chunk[self._at :]
            try:
                while len(data) < size and (chunk := self._next()):
                    data += chunk
            except DecompressionError:
                if not data:
                    raise
            self._chunk, self._at = data, 0
        return self._chunk[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """Consume and return the next `size` bytes, fewer only at the end. For many bytes use `skip`."""
        taken = self._chunk[self._at : self._at + size]
        self._at += len(taken)
        self.bytes_out += len(taken)
        while len(taken) < size and (data := self.read(size - len(taken))):
            taken += data
        return taken

    def skip(self, size: int) -> None:
        """Consume `size` bytes, fewer only at the end."""
        while size and self._has_more():
            passed = min(size, len(self._chunk) - self._at)
            self._at += passed
            size -= passed

    def skip_text(self) -> None:
        """Consume a text up to and including the zero byte that ends it, or up to the end."""
        while self._has_more():
            position = self._chunk.find(b"\0", self._at)
            self._at = position + 1 or len(self._chunk)
            if position >= 0:
                return

    def skip_zeros(self) -> None:
        """Consume zero bytes."""
        if self._at < len(self._chunk) and self._chunk[self._at]:
            return  # in a tenth of the time
        while self._has_more():
            zeros = _ZEROS.match(self._chunk, self._at)
            assert zeros is not None  # noqa: S101 - the pattern matches no bytes, too
            self._at = zeros.end()
            if self._at < len(self._chunk):
                return

    def unread(self, data: bytes) -> None:
        """Put back `data`, the last bytes read."""
        if len(data) <= self._at:
            self._at -= len(data)
        else:  # a decoder kept bytes of earlier chunks, too
            self._chunk, self._at = data + self._chunk[self._at :], 0

    def _has_more(self) -> bool:
        """Whether a byte follows. If so, that byte is in the current chunk."""
        if self._at == len(self._chunk):
            self._chunk, self._at = self._next(), 0
        return self._chunk != b""

    def _next(self) -> bytes:
        if self._error is not None:
            raise self._error
        try:
            chunk = next(self._chunks, b"")
        except BaseException as error:
            self._error = error
            raise
        self._pulled += len(chunk)
        return chunk


class LongReads:
    """Reads a buffered stream block by block, past its buffer, from which each block would be copied once more."""

    def __init__(self, stream: io.BufferedReader, size: int) -> None:
        """A block has a half of `size` bytes to twice as many, fewer only at the end or before an error. The buffer of
        the stream has at most `size` bytes."""
        self._stream, self._size = stream, size
        self._is_buffered = True
        """Whether the buffer may have bytes."""
        self._error: Exception | None = None
        """The error behind the block that was read last; the next read raises it."""

    def read(self) -> bytes:
        """Return the next block; none at the end."""
        if self._error is not None:
            raise self._error
        if self._is_buffered:
            self._is_buffered = False
            block = self._stream.read1(self._size)
        else:
            block = self._stream.raw.read(self._size) or b""
        return self._longer(block) if 0 < len(block) < self._size // 2 else block

    def readline(self, size: int) -> bytes:
        """Return the rest of a line, at most `size` bytes; none at the end."""
        self._is_buffered = True
        return self._stream.readline(size)

    def _longer(self, block: bytes) -> bytes:
        parts, missing = [block], self._size // 2 - len(block)
        try:
            while missing > 0 and (part := self._stream.raw.read(self._size)):
                parts.append(part)
                missing -= len(part)
        except Exception as error:  # noqa: BLE001 - raised by the next read
            self._error = error
        return b"".join(parts)
