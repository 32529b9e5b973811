"""Objects in every compression, whole and damaged, as S3 gives them, and what comes out of `decode` for them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import sys
import zlib
from collections.abc import Callable
from typing import BinaryIO, cast

import lz4.frame
import pytest

from slips.codec import CodecLimits, Decoded, decode
from slips.errors import DecompressionError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

WHERE = "s3://logs/a"


def lines(count: int) -> bytes:
    """Log lines that compress to about a fifth."""
    dice = random.Random(count)  # the same on every run
    users = (b"alice", b"bob", b"carol")
    return b"".join(
        b'{"n": %d, "user": "%s", "took": %d}\n' % (n, dice.choice(users), dice.randrange(10**9)) for n in range(count)
    )


TEXT = lines(15)


def compress_lz4(data: bytes) -> bytes:
    # linked blocks and all checksums, as the lz4 command line writes
    return cast(bytes, lz4.frame.compress(data, content_checksum=True, block_size=lz4.frame.BLOCKSIZE_MAX64KB))


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: True}),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lz4": compress_lz4,
}
REFERENCE: dict[
    str, Callable[[], zlib._Decompress | bz2.BZ2Decompressor | lzma.LZMADecompressor | zstd.ZstdDecompressor]
] = {
    "gzip": lambda: zlib.decompressobj(31),
    "bz2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
    "zstd": zstd.ZstdDecompressor,
}
every_compression = pytest.mark.parametrize("name", COMPRESS)


class Stored:
    """An object as S3 gives it: forward only, in pieces of any size; at its end, what may fail does."""

    def __init__(self, data: bytes, size: int = sys.maxsize, failure: Exception | None = None) -> None:
        self._data = io.BytesIO(data)
        self._size = size
        self._failure = failure

    def read(self, size: int) -> bytes:
        data = self._data.read(min(size, self._size))
        if not data and self._failure:
            raise self._failure
        return data


def opened(stored: bytes | Stored, limits: CodecLimits = CodecLimits(), size: int = sys.maxsize) -> Decoded:  # noqa: B008
    raw = stored if isinstance(stored, Stored) else Stored(stored, size)
    return decode(cast(BinaryIO, raw), limits, WHERE)


def read(decoded: Decoded) -> tuple[bytes, str]:
    """The bytes that are given, and the text of the error behind them, if there is one."""
    content = bytearray()
    try:
        while piece := decoded.stream.read1(1 << 16):
            content += piece
    except DecompressionError as error:
        return bytes(content), str(error)
    return bytes(content), ""


def damaged_behind(text: bytes) -> bytes:
    compressor = zlib.compressobj(1, wbits=31)
    return compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH) + b"\x07" * 9  # no such type of block


def decompressed_bytewise(name: str, stored: bytes) -> bytes:
    """The bytes that the standard library can get out of a damaged object at the very most."""
    content, member = bytearray(), REFERENCE[name]()
    try:
        for at in range(len(stored)):
            content += member.decompress(stored[at : at + 1])
    except (zlib.error, OSError, lzma.LZMAError, zstd.ZstdError):
        pass
    return bytes(content)
