"""Decompresses stored bytes to content. The bytes decide which compression it is, never the object's name.

In: a forward-only object with `read`. Out: a buffered stream of the decompressed bytes, in flat memory. Damage must
never look like the end of the object, an I/O error never like damage, and no good byte before a damage may be lost.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, count
from typing import BinaryIO, Protocol, cast

from msgspec import Struct

from slips.chunks import READ, ChunkStream
from slips.errors import DecompressionError

PIECE = 32 * 1024  # stored bytes of a read: from 128 KB on, malloc would fetch memory from the system for each
STEP = 32 * 1024  # bytes in and out of a call: a failing call drops about as many; 4 KB costs a fifth of the speed
KEPT_STEP = 120 * 1024  # the same while what a call drops can be recovered; see PIECE
FIRST_STEP = 512  # bytes of a member's first call, four times as many each time: decoders copy what is behind its end
SMALL = 4096  # bytes of content below which pieces are gathered to STEP
KEPT = 2048 * 1024  # compressed bytes of a member kept in memory, to recover the output that a failing call drops
AGAIN = 1 << 30  # compressed bytes of a member that are read again to recover it, which takes some seconds
MEMBERS = 1 << 16  # members that may be of any size; a member costs up to 10 µs, so that further ones must hold content
MEMBER_BYTES = 64  # least bytes of content, on average, of further members: 64 bytes cost about as much time anyway
FRAME = (1 << 16) + (1 << 14)  # bytes of a frame of snappy: 64 KiB of content, which may not be compressible
BLOCK = 1 << 24  # most bytes of a block of snappy, whose content is in memory at once; writers use 32 or 256 KiB
WINDOW = 128 * 1024 * 1024  # most memory of a decoder: the default of `zstd -d`; `xz -9` needs 65 MiB

_SIGNATURES = {
    "gzip": (b"\x1f\x8b\x08",),
    "zstd": (b"\x28\xb5\x2f\xfd",),
    # block size, then π (a block) or √π (the end): text may well begin with "BZh1"
    "bz2": tuple(b"BZh%d" % n + digits for n in range(1, 10) for digits in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")),
    "xz": (b"\xfd7zXZ\0",),
    "lz4": (b"\x04\x22\x4d\x18",),
    "snappy": (b"\xff\x06\x00\x00sNaPpY", b"\x82SNAPPY\x00"),  # frames; blocks as Java's library writes them
}
_SIGNATURE_BYTES = 10  # of the longest signature
# Frames without content, the same in zstd and lz4. An object that begins with one is read as zstd: pzstd writes such.
_SKIPPABLE = tuple(bytes([n, 0x2A, 0x4D, 0x18]) for n in range(0x50, 0x60))


class CodecLimits(Struct, frozen=True):
    """Limits of the expansion of one object."""

    object_bytes: int | None = None
    """Most bytes of content; None: no limit."""
    expansion_ratio: int = 1000
    """Most decompressed bytes per stored byte, over all layers."""
    ratio_after: int = 100_000_000
    """Decompressed bytes before `expansion_ratio` is tested: a small object of equal lines is honest."""
    layers: int = 4
    """Most compressions on top of each other."""


class Decoded:
    """The content of an object as a stream, with its compressions and the bytes read so far."""

    stream: io.BufferedReader
    """The content. `readline` and `read1` return all bytes before a damage, then raise DecompressionError. The last
    33 KB before it may be missing if the damaged member has over 2 MB stored, or over 1 GB if `raw` is Rereadable; a
    member that is cut off loses none. `read(n)` raises if the damage is within its n bytes, since fewer bytes would
    mean the end. Errors of `raw.read` pass unchanged. After an error each further read raises the same error."""

    def __init__(self, raw: BinaryIO, limits: CodecLimits, where: str, whole: Decoded | None = None) -> None:
        self._limits, self._whole = limits, whole
        self._parts_out = 0
        """Decompressed bytes of all parts, those of layers between included."""
        self._layers = _Layers(raw, limits, where, whole)
        self._content = ChunkStream(self._layers.content())
        self.stream = io.BufferedReader(self._content, READ)

    def part(self, raw: BinaryIO, where: str) -> Decoded:
        """Decompress a part of the content, such as a member of an archive; `raw` has its bytes.

        The limits hold for all parts together, measured by the stored bytes of the whole object.
        """
        return Decoded(raw, self._limits, where, self._whole or self)

    def add_part(self, size: int) -> int:
        """Add decompressed bytes of a part. Return those of all parts."""
        self._parts_out += size
        return self._parts_out

    @property
    def bytes_in(self) -> int:
        """Stored bytes read so far, ahead of `stream`; all of them at its end."""
        return self._layers.bytes_in

    @property
    def bytes_out(self) -> int:
        """Decompressed bytes given to `stream` so far, its buffer included; all of them at its end.

        Of an archive whose parts were opened, the bytes of these.
        """
        return self._parts_out or self._content.bytes_out

    @property
    def layers(self) -> tuple[str, ...]:
        """The object's compressions, outermost first: `("gzip",)`; `()` for plain. Set by the first read."""
        return tuple(self._layers.names)


def decode(raw: BinaryIO, limits: CodecLimits = CodecLimits(), where: str = "") -> Decoded:  # noqa: B008 (frozen)
    """Decompress the content of `raw`: gzip, zstd, bz2, xz, lz4 or snappy, one compression on top of another, or plain.

    `where` begins the error texts, e.g. `s3://bucket/key`. No byte is read, and no error raised, before the caller
    reads `stream`. The caller closes `raw`. For the last bytes before a damage, a Rereadable one is read once more.
    """
    return Decoded(raw, limits, where)


class Rereadable(Protocol):
    """Stored bytes that can be read again."""

    def again(self) -> BinaryIO:
        """Return the same bytes from the first on, independent of this object."""
        ...


class _Layers:
    """The decompression of one object, layer by layer, the outermost first."""

    def __init__(self, raw: BinaryIO, limits: CodecLimits, where: str, whole: Decoded | None) -> None:
        self._raw = raw
        self._limits = limits
        self._where = where
        self._whole = whole
        """The object of which this is a part."""
        self.bytes_in = 0
        self.names: list[str] = []

    def content(self) -> Iterator[bytes]:
        source = ChunkStream(self._stored(), self._stored_again if hasattr(self._raw, "again") else None)
        while name := _compression(source.peek(_SIGNATURE_BYTES)):
            if len(self.names) == self._limits.layers:
                raise self._error(
                    f"{name} data below {', '.join(self.names)}; at most {self._limits.layers} compressions on top "
                    "of each other were expected (limits.layers); look at how the object is written"
                )
            self.names.append(name)
            # Bound every layer: a layer that expands without end may hold another one that yields no content.
            source = ChunkStream(self._bounded(_gathered(self._layer(name, source))))
        yield from source.rest() if self.names else self._bounded(source.rest())

    def _stored(self) -> Iterator[bytes]:
        while chunk := self._raw.read(PIECE):
            self.bytes_in += len(chunk)
            yield chunk

    def _stored_again(self) -> Iterator[bytes]:
        raw = cast("Rereadable", self._raw).again()
        return iter(lambda: raw.read(PIECE), b"")

    def _layer(self, name: str, source: ChunkStream) -> Iterator[bytes]:
        """Yield the content of the members of a compressed `source`, one after the other."""
        member = _member_of(name)
        signatures = _SIGNATURES[name] + (_SKIPPABLE if name in ("zstd", "lz4") else ())
        given = 0
        for members in count(1):
            try:
                for piece in member(source):
                    given += len(piece)
                    yield piece
            except _CutOff as damage:
                raise self._error(
                    f"{name} data ends early after {given} decompressed bytes; the object is cut off or still being "
                    "written; deliver it again"
                ) from damage
            except Damage as damage:
                raise self._error(
                    f"{name} data cannot be decompressed after {given} decompressed bytes ({damage}); undamaged data "
                    f"that needs no more than {WINDOW >> 20} MiB of memory was expected; deliver it again"
                ) from damage
            if members > MEMBERS and given < members * MEMBER_BYTES:
                raise self._error(
                    f"{members:,} members of {name} data hold {given:,} bytes in all; at least {MEMBER_BYTES} each, on "
                    f"average, were expected of more than {MEMBERS:,}; write fewer and larger ones"
                )
            if name in ("gzip", "xz"):
                source.skip_zeros()  # padding of tapes and block devices; gzip(1) and xz(1) skip it, too
            following = source.peek(_SIGNATURE_BYTES)
            if not following:
                return
            if not following.startswith(signatures):
                source.take(_SIGNATURE_BYTES)  # raises the error of the layer around, if that cut these bytes short
                raise self._error(
                    f"{name} data is followed by something else after {given} decompressed bytes; the end of the "
                    "object was expected; look at how it is written"
                )

    def _bounded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        limits, whole, size = self._limits, self._whole, 0
        for chunk in chunks:
            size = size + len(chunk) if whole is None else whole.add_part(len(chunk))
            stored = self.bytes_in if whole is None else whole.bytes_in
            if limits.object_bytes is not None and size > limits.object_bytes:
                if fitting := chunk[: limits.object_bytes - size]:
                    yield fitting
                raise self._error(
                    f"more than {limits.object_bytes} bytes of content; no more were expected (limits.object_bytes); "
                    "raise that limit if the object is honest"
                )
            if size > limits.ratio_after and size > limits.expansion_ratio * stored:
                raise self._error(
                    f"{stored} stored bytes expand to {size} and more; at most {limits.expansion_ratio} times "
                    "was expected (limits.expansion_ratio); raise that limit if the object is honest"
                )
            yield chunk

    def _error(self, text: str) -> DecompressionError:
        return DecompressionError(f"{self._where}: {text}" if self._where else text)


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield small pieces together, as those of small members are: each takes microseconds further on."""
    held = bytearray()
    try:
        for piece in pieces:
            if len(piece) >= SMALL:
                if held:
                    yield bytes(held)
                    held.clear()
                yield piece
                continue
            held += piece
            if len(held) >= STEP:
                yield bytes(held)
                held.clear()
    except Exception:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


class Damage(Exception):
    """A library refuses its input. Not to be confused with errors of reading that input."""


class _CutOff(Damage):
    """The input ends before the member does."""


class _Decompressor(Protocol):
    """A decompressor of one member (gzip), stream (bz2, xz) or frame (zstd, lz4), shaped as in the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _compression(start: bytes) -> str | None:
    """Return the compression of an object that begins with the bytes `start`; None: plain."""
    if start.startswith(_SKIPPABLE):
        return "zstd"
    return next((name for name, signatures in _SIGNATURES.items() if start.startswith(signatures)), None)


def _member_of(name: str) -> Callable[[ChunkStream], Iterator[bytes]]:
    """Return the function that yields the content of a source's next member, up to the member's end. It raises Damage.

    Libraries are imported here, when an object needs them: so cold starts of Lambda stay short.
    """
    if name == "gzip":
        from isal import igzip_lib

        # "NO_HDR": see _gzip_member; "VER": size and checksum are verified
        new = partial(igzip_lib.IgzipDecompressor, igzip_lib.DECOMP_GZIP_NO_HDR_VER)
        return partial(_gzip_member, new, cast("type[Exception]", igzip_lib.error))  # the stub says it is an instance
    if name == "bz2":
        import bz2

        return partial(_member, bz2.BZ2Decompressor, OSError)
    if name == "xz":
        import lzma

        return partial(_member, partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, WINDOW), lzma.LZMAError)
    if name == "lz4":
        import lz4.frame

        return partial(_member, lz4.frame.LZ4FrameDecompressor, RuntimeError)
    if name == "snappy":
        return _snappy_stream
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW.bit_length() - 1}
    return partial(_member, partial(zstd.ZstdDecompressor, options=options), zstd.ZstdError)


def _snappy_stream(source: ChunkStream) -> Iterator[bytes]:
    """Yield the content of frames of snappy, or of blocks with the header of Java's library, up to the end."""
    identifier = source.take(_SIGNATURE_BYTES)
    if identifier != _SIGNATURES["snappy"][0]:
        source.skip(16 - _SIGNATURE_BYTES)  # the rest of the magic, two versions
        while length := source.take(4):
            if len(length) < 4:
                raise _CutOff
            yield snappy_block(_whole(source, int.from_bytes(length, "big"), BLOCK))
        return
    import cramjam

    while head := source.take(4):
        kind, size = head[0], int.from_bytes(head[1:], "little")
        if len(head) < 4:
            raise _CutOff
        if kind <= 1:  # compressed, or as it is
            data = _whole(source, size, FRAME)
            try:
                yield bytes(cramjam.snappy.decompress(identifier + head + data))
            except cramjam.DecompressionError as error:
                raise Damage(str(error)) from error
        elif kind < 0x80:
            raise Damage(f"a chunk of kind {kind:#x} that may not be skipped")
        else:  # padding, or the identifier of a further stream
            _whole(source, size, 1 << 24)


def snappy_block(data: bytes) -> bytes:
    """Decompress a block of snappy, without frames. Raises Damage for one that is damaged or too large."""
    import cramjam

    try:
        if (size := cramjam.snappy.decompress_raw_len(data)) > BLOCK:
            raise Damage(f"a block of {size:,} bytes; at most {BLOCK:,} are read")
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise Damage(str(error)) from error


def _whole(source: ChunkStream, size: int, most: int) -> bytes:
    """Consume and return exactly `size` bytes."""
    if size > most:
        raise Damage(f"a chunk of {size:,} bytes; at most {most:,} are read")
    data = source.take(size)
    if len(data) < size:
        raise _CutOff
    return data


def _gzip_member(new: Callable[[], _Decompressor], damage: type[Exception], source: ChunkStream) -> Iterator[bytes]:
    # isal misreads a header that comes in two calls (https://github.com/intel/isa-l/issues/224): RFC 1952, section 2.3
    header = source.take(10)
    flags = header[3] if len(header) == 10 else 0
    if flags & 4:  # extra field
        source.skip(int.from_bytes(source.take(2), "little"))
    if flags:
        for _ in range((flags >> 3 & 1) + (flags >> 4 & 1)):  # name, comment
            source.skip_text()
        source.skip(flags & 2)  # checksum of the header: 2 bytes, announced by bit 2
    return _member(new, damage, source, is_isal=True)


_HASHED = bytes(hashlib.sha512().block_size)
_end_vectors = hashlib.sha512().update
"""Called with _HASHED, declares the upper halves of the vector registers unused, in 0.2 µs.

The checksum of isal leaves them in use where it has AVX-512. Each instruction of SSE, so most of CPython and msgspec,
is slower from then on: logs took an eighth to a quarter more time. The `vzeroupper` that ends it is no function of
Python's, but the last instruction of SHA-512 in OpenSSL, for which the hash is of no interest.
"""
_BUFFERS: deque[bytearray] = deque(maxlen=2)
"""Buffers for the input of members, of KEPT bytes: fresh memory for each member would cost more time than the copy."""


def _member(
    new: Callable[[], _Decompressor], damage: type[Exception], source: ChunkStream, *, is_isal: bool = False
) -> Iterator[bytes]:
    member, again = new(), source.bookmark()
    kept = _buffer()  # all input of the member, until there is more than KEPT
    most = AGAIN if again else KEPT
    fed = given = 0
    step, piece, last = FIRST_STEP, b"", b""
    while not member.eof:
        feeding = member.needs_input or not piece
        data = source.read(step) if feeding else b""
        if data:
            last = data
            fed += len(data)
            if fed <= KEPT:
                kept[fed - len(data) : fed] = data
        try:
            piece = member.decompress(data, step)
            if is_isal:
                _end_vectors(_HASHED)
        except damage as error:
            if fed <= most:
                size = fed - len(last)
                before = again(size) if again and fed > KEPT else _pieces(bytes(kept[:size]), STEP)
                if dropped := _dropped(new(), damage, chain(before, _pieces(last, 1)), given):
                    yield dropped
            raise Damage(str(error)) from error
        if piece:
            given += len(piece)
            yield piece
        elif feeding and not data:
            raise _CutOff  # not earlier: a decoder may need input and still hold output
        step = min(4 * step, KEPT_STEP if fed + KEPT_STEP <= most else STEP)
    _BUFFERS.append(kept)
    source.unread(member.unused_data or b"")


def _buffer() -> bytearray:
    try:
        return _BUFFERS.pop()
    except IndexError:
        return bytearray(KEPT)


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _dropped(member: _Decompressor, damage: type[Exception], feed: Iterator[bytes], given: int) -> bytes:
    """Return the output that a failing call dropped: decompress again, in smallest steps behind the `given` bytes.

    `feed` has all that the member was fed, and what the failing call got byte by byte.
    """
    dropped = b""
    data, piece = next(feed, b""), b""
    while (data or piece) and not member.eof:
        try:
            piece = member.decompress(data, min(given, STEP) or 1)
        except damage:
            break
        if given:
            given -= len(piece)
        else:
            dropped += piece
        data = b"" if piece else next(feed, b"")
    return dropped
