"""Stored bytes → content, told by what the bytes are, never by the object's name.

In: a forward-only object with `read`. Out: a buffered stream of its decompressed bytes, in flat memory. Three things
must never happen: damage that looks like the end of the object, an I/O error that looks like damage, and a good byte
in front of a damage that is not given.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, cast

from msgspec import Struct

from slips.errors import DecompressionError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

READ = 128 * 1024  # bytes per read of the stored object, and in the buffer that lines are cut from
FEED = 32 * 1024  # compressed bytes per call: libraries copy what follows a member, so large ones punish tiny members
STEP = 32 * 1024  # decompressed bytes per call: a failing call drops this much; 4 KB would be a fifth slower
KEPT = 1024 * 1024  # compressed bytes of a member that are kept to get back what a failing call dropped
MEMORY = 128 * 1024 * 1024  # for the decoder's window: what `zstd -d` grants unasked; `xz -9` needs 65 MiB

_SIGNATURES = {
    "gzip": (b"\x1f\x8b\x08",),
    "zstd": (b"\x28\xb5\x2f\xfd",),
    # "BZh", block size, then π (a block) or √π (the end): text may well start with "BZh1"
    "bzip2": tuple(b"BZh%d" % n + bytes.fromhex(m) for n in range(1, 10) for m in ("314159265359", "177245385090")),
    "xz": (b"\xfd7zXZ\0",),
    "lz4": (b"\x04\x22\x4d\x18",),
}
_SIGNATURE_BYTES = 10  # the longest
# Frames without content, the same in zstd and lz4. One in front is taken for zstd: pzstd writes them there.
_SKIPPABLE = tuple(bytes([n]) + b"\x2a\x4d\x18" for n in range(0x50, 0x60))


class CodecLimits(Struct, frozen=True):
    """How far an object may expand."""

    object_bytes: int | None = None
    """Most bytes of content; None: no limit."""
    expansion_ratio: int = 1000
    """Most decompressed bytes per stored byte, over all layers."""
    ratio_after: int = 100_000_000
    """Decompressed bytes that are free of that test: short runs of alike bytes are honest."""
    layers: int = 4
    """Most compressions of one object on top of each other."""


class Decoded:
    """An object's content, and what is known of it so far."""

    stream: io.BufferedReader
    """The content. Its reads raise DecompressionError behind the last good byte (a line that the damage cuts is not
    given), and what `raw.read` raises as it is. An error stays: further reads raise it again."""

    def __init__(self, raw: BinaryIO, limits: CodecLimits, where: str) -> None:
        self._layers = _Layers(raw, limits, where)
        self._reader = _Reader(self._layers.content())
        self.stream = _Stream(self._reader, READ)

    @property
    def bytes_in(self) -> int:
        """Stored bytes read so far; all of them at the end of `stream`."""
        return self._layers.bytes_in

    @property
    def bytes_out(self) -> int:
        """Decompressed bytes that `stream` took so far, its buffer (128 KB) included; all of them at its end."""
        return self._reader.bytes_out

    @property
    def layers(self) -> tuple[str, ...]:
        """The compressions found, outermost first: `("gzip",)`, `()` for plain. Known from the first read on."""
        return tuple(self._layers.names)


def decode(raw: BinaryIO, limits: CodecLimits = CodecLimits(), where: str = "") -> Decoded:  # noqa: B008 (frozen)
    """The content of `raw`: gzip, zstd, bzip2, xz, lz4 frames, several on top of each other, or plain.

    `where` opens the error texts, e.g. `s3://bucket/key`. Nothing is read, or raised, before `stream` is read;
    `raw` stays the caller's to close.
    """
    return Decoded(raw, limits, where)


class _Decompressor(Protocol):
    """One member (gzip), stream (bzip2, xz) or frame (lz4): how `bz2.BZ2Decompressor` looks, and all others here."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Library(NamedTuple):
    new: Callable[[], _Decompressor]
    damage: type[Exception]
    """What it raises for damaged data."""
    padding: bytes = b""
    """What may lie between and behind members: tapes and block devices fill up with zeros."""


def _library(name: str) -> _Library:
    """Imports what this compression needs, no other: cold starts stay small."""
    if name == "gzip":
        from isal import igzip_lib

        new = partial(igzip_lib.IgzipDecompressor, flag=igzip_lib.DECOMP_GZIP)
        return _Library(new, cast(type[Exception], igzip_lib.error), b"\0")  # its stub calls the class an instance
    if name == "bzip2":
        import bz2

        return _Library(bz2.BZ2Decompressor, OSError)
    if name == "xz":
        import lzma

        return _Library(partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=MEMORY), lzma.LZMAError, b"\0")
    import lz4.frame

    return _Library(lz4.frame.LZ4FrameDecompressor, RuntimeError)


class _Damage(Exception):
    """A library refused its input; kept apart from the OSError of a read."""


class _Layers:
    """One object on its way through its compressions. It counts, names and raises; the generators do the work."""

    def __init__(self, raw: BinaryIO, limits: CodecLimits, where: str) -> None:
        self._raw = raw
        self._limits = limits
        self._where = where
        self.bytes_in = 0
        self.names: list[str] = []

    def content(self) -> Iterator[bytes]:
        """The decompressed object, in chunks that are never empty."""
        source = _Source(self._stored())
        while name := _compression(source.peek(_SIGNATURE_BYTES)):
            self.names.append(name)
            if len(self.names) > self._limits.layers:
                raise self._error(
                    f"compressed more than {self._limits.layers} times ({', '.join(self.names)}); "
                    "an object of log records was expected; look at how it is written"
                )
            # every layer is bounded: a bomb may hide in one whose content decompresses to nothing
            source = _Source(self._bounded(self._zstd(source) if name == "zstd" else self._members(name, source)))
        yield from source.rest() if self.names else self._bounded(source.rest())

    def _stored(self) -> Iterator[bytes]:
        while chunk := self._raw.read(READ):
            self.bytes_in += len(chunk)
            yield chunk

    def _bounded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        limits, size = self._limits, 0
        for chunk in chunks:
            size += len(chunk)
            if limits.object_bytes is not None and size > limits.object_bytes:
                yield chunk[: len(chunk) - (size - limits.object_bytes)]
                raise self._error(
                    f"holds more than {limits.object_bytes} bytes; no more was expected (limits.object_bytes); "
                    "raise that limit if the object is honest"
                )
            if size > limits.ratio_after and size > limits.expansion_ratio * self.bytes_in:
                raise self._error(
                    f"expands to {size} bytes and more from {self.bytes_in} stored bytes; at most "
                    f"{limits.expansion_ratio} times was expected (limits.expansion_ratio); "
                    "raise that limit if the object is honest"
                )
            yield chunk

    def _members(self, name: str, source: _Source) -> Iterator[bytes]:
        """What the members of a gzip, bzip2, xz or lz4 object hold."""
        library = _library(name)
        given = 0
        while True:
            member, before, kept = library.new(), given, list[bytes]()
            try:
                for piece in _pieces(member, library.damage, _kept(source, kept), STEP):
                    given += len(piece)
                    yield piece
            except _Damage as damage:
                for piece in _dropped(library, kept, given - before):
                    given += len(piece)
                    yield piece
                raise self._damaged(name, given, damage) from damage
            if not member.eof:
                raise self._cut_off(name, given, source)
            source.unread(member.unused_data or b"")
            source.strip(library.padding)
            following = source.peek(_SIGNATURE_BYTES)
            if not following:
                return
            if _compression(following) != name and not (name == "lz4" and following.startswith(_SKIPPABLE)):
                raise self._followed(name, given)

    def _zstd(self, source: _Source) -> Iterator[bytes]:
        """What the frames of a zstd object hold."""
        import zstandard

        decompressor = zstandard.ZstdDecompressor(max_window_size=MEMORY)
        given = 0
        while magic := source.peek(4):
            if magic in _SKIPPABLE:
                size = source.take(8)[4:]
                if len(size) < 4 or not source.drop(int.from_bytes(size, "little")):
                    raise self._cut_off("zstd", given, source)
                continue
            if magic not in _SIGNATURES["zstd"]:
                raise self._followed("zstd", given)
            frame = decompressor.decompressobj()
            for part in _zstd_parts(source):
                try:
                    piece = frame.decompress(part)
                except zstandard.ZstdError as error:
                    raise self._damaged("zstd", given, error) from error
                if piece:
                    given += len(piece)
                    yield piece
            if not frame.eof:
                raise self._cut_off("zstd", given, source)

    def _cut_off(self, name: str, given: int, source: _Source) -> DecompressionError:
        source.peek(1)  # raises if it ended early because an outer layer is damaged
        return self._error(
            f"{name} data ends early after {given} decompressed bytes; "
            "the object is cut off or still being written; deliver it again"
        )

    def _damaged(self, name: str, given: int, error: Exception) -> DecompressionError:
        return self._error(
            f"{name} data cannot be decompressed after {given} decompressed bytes ({error}); "
            f"undamaged data that needs no window above {MEMORY >> 20} MiB was expected; deliver it again"
        )

    def _followed(self, name: str, given: int) -> DecompressionError:
        return self._error(
            f"{name} data is followed by bytes that are no {name} data, after {given} decompressed bytes; "
            "the end of the object was expected; look at how it is written"
        )

    def _error(self, text: str) -> DecompressionError:
        return DecompressionError(f"{self._where}: {text}" if self._where else text)


def _compression(start: bytes) -> str | None:
    """What an object that begins with these bytes is compressed with; None: plain."""
    if start.startswith(_SKIPPABLE):
        return "zstd"
    return next((name for name, signatures in _SIGNATURES.items() if start.startswith(signatures)), None)


def _pieces(
    member: _Decompressor, damage: type[Exception], feed: Iterable[bytes], step: int
) -> Iterator[bytes]:
    """What `member` makes of `feed`, at most `step` bytes at a time, until either ends. Raises _Damage."""
    data, piece, feed = b"", b"", iter(feed)
    while not member.eof:
        # after a full piece more may wait inside, whatever `needs_input` says; it would be lost if new data were damaged
        data = next(feed, b"") if member.needs_input and len(piece) < step else b""
        try:
            piece = member.decompress(data, step)
        except damage as error:
            raise _Damage(str(error)) from error
        if piece:
            yield piece
        elif not data:
            return


def _kept(source: _Source, kept: list[bytes]) -> Iterator[bytes]:
    """Compressed bytes for one member; `kept` holds them too, as long as they are few, and else nothing."""
    size = 0
    while data := source.read(FEED):
        size += len(data)
        if size <= KEPT:
            kept.append(data)
        else:
            kept.clear()
        yield data


def _dropped(library: _Library, kept: list[bytes], given: int) -> Iterator[bytes]:
    """What the call that failed had decompressed before it met the damage: the same again, in the smallest steps."""
    if not kept:
        return
    single = (kept[-1][at : at + 1] for at in range(len(kept[-1])))
    try:
        for piece in _pieces(library.new(), library.damage, chain(kept[:-1], single), 256):
            if len(piece) > given:
                yield piece[given:]
            given = max(0, given - len(piece))
    except _Damage:
        return


def _zstd_parts(source: _Source) -> Iterator[bytes]:
    """One zstd frame as its header and its blocks (RFC 8878, 3.1.1), less where the input ends.

    `zstandard` either bounds what a call gives or tells where a frame ends, not both. A block gives 128 KB at most.
    """
    import zstandard

    start = source.take(5)
    if len(start) < 5:
        return
    yield start + source.take(zstandard.frame_header_size(start) - 5)
    checksum, last = 4 * (start[4] >> 2 & 1), 0
    while not last and (header := source.take(3)):
        word = int.from_bytes(header, "little")
        last, kind, size = word & 1, word >> 1 & 3, word >> 3
        yield header + source.take((1 if kind == 1 else size) + checksum * last)  # kind 1: one byte, repeated


class _Source:
    """Chunks, to be read in any sizes, looked at first, and put back."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._at = 0

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end or before a damage; they stay."""
        if len(self._chunk) - self._at < size:
            parts = [self._chunk[self._at :]]
            have = len(parts[0])
            try:
                while have < size and (chunk := next(self._chunks, b"")):
                    parts.append(chunk)
                    have += len(chunk)
            except DecompressionError as error:
                if not have:
                    raise
                self._chunks = _raising(error)  # for whoever reads that far
            self._chunk, self._at = b"".join(parts), 0
        return self._chunk[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end or before a damage."""
        data = self.peek(size)
        self._at += len(data)
        return data

    def read(self, size: int) -> bytes:
        """Some bytes, at most `size`; none at the end."""
        if self._at == len(self._chunk):
            self._chunk, self._at = next(self._chunks, b""), 0
        data = self._chunk[self._at : self._at + size]
        self._at += len(data)
        return data

    def unread(self, data: bytes) -> None:
        """Puts back `data`, the last bytes read."""
        if len(data) <= self._at:
            self._at -= len(data)
        else:
            self._chunk, self._at = data + self._chunk[self._at :], 0

    def drop(self, size: int) -> bool:
        """Passes over `size` bytes; False if there are fewer."""
        while size and (data := self.read(min(size, FEED))):
            size -= len(data)
        return not size

    def strip(self, padding: bytes) -> None:
        """Passes over the bytes in front that are in `padding`."""
        while data := self.read(FEED):
            if rest := data.lstrip(padding):
                return self.unread(rest)

    def rest(self) -> Iterator[bytes]:
        """All that follows, in chunks as they come."""
        if self._at < len(self._chunk):
            yield self._chunk[self._at :]
        yield from self._chunks


def _raising(error: DecompressionError) -> Iterator[bytes]:
    raise error
    yield b""


class _Reader(io.RawIOBase):
    """Chunks as a raw stream. Its error stays: a generator that raised would look ended to who reads on."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.bytes_out = 0
        self._chunks = chunks
        self._chunk = memoryview(b"")
        self._error: BaseException | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if not self._chunk:
            if self._error:
                raise self._error
            try:
                self._chunk = memoryview(next(self._chunks, b""))
            except BaseException as error:
                self._error = error
                raise
        target = memoryview(buffer)
        size = min(len(target), len(self._chunk))
        target[:size] = self._chunk[:size]
        self._chunk = self._chunk[size:]
        self.bytes_out += size
        return size


class _Stream(io.BufferedReader):
    """Gives what was read before a damage: the inherited methods drop it, where they read more than once."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = -1 if size is None else size
        pieces: list[bytes] = []
        try:
            while wanted and (piece := self.read1(min(wanted, READ) if wanted > 0 else READ)):
                pieces.append(piece)
                wanted -= len(piece)
        except DecompressionError:
            if not pieces:
                raise  # else the next read does: the error stays
        return b"".join(pieces)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self.readinto1(buffer)
