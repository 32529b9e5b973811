"""What comes out of `decode` for damaged objects: all bytes before the damage, then its error."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import sys
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

import slips.codec
from compressed import (
    COMPRESS,
    REFERENCE,
    TEXT,
    WHERE,
    Stored,
    damaged_behind,
    decompressed_bytewise,
    every_compression,
    lines,
    opened,
    read,
)
from slips.chunks import LongReads
from slips.codec import KEPT, KEPT_STEP, STEP
from slips.errors import DecompressionError, StorageError

pytestmark = pytest.mark.smoke

if sys.version_info >= (3, 14):
    pass
else:
    pass


@every_compression
def test_an_object_cut_anywhere_gives_its_beginning_then_the_error(name: str) -> None:
    stored = COMPRESS[name](TEXT)
    for cut in range(len(stored)):
        decoded = opened(stored[:cut])
        content, error = read(decoded)
        if not decoded.layers:
            assert cut < 10
            assert (content, error) == (stored[:cut], "")
            continue
        assert error == (
            f"{WHERE}: {name} data ends early after {len(content)} decompressed bytes; "
            "the object is cut off or still being written; deliver it again"
        )
        assert TEXT.startswith(content)
        if name in REFERENCE:
            assert content == decompressed_bytewise(name, stored[:cut])


@every_compression
def test_a_flipped_byte_is_an_error_or_changes_nothing(name: str) -> None:
    stored = COMPRESS[name](TEXT)
    for at in range(len(stored)):
        damaged = bytearray(stored)
        damaged[at] ^= 0x41
        decoded = opened(bytes(damaged))
        content, error = read(decoded)
        assert error or not decoded.layers or content == TEXT
        assert not error or error.startswith(f"{WHERE}: {name} data ")


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("damage", ["flipped", "zeros"])
def test_all_that_a_bytewise_reader_gets_out_of_a_damaged_object_is_given(name: str, damage: str) -> None:
    stored = COMPRESS[name](lines(1000))
    dice = random.Random(name)
    for at in dice.sample(range(10, len(stored) - 20), 8):
        broken = bytearray(stored)
        if damage == "zeros":  # what a power failure leaves behind
            broken[at:] = bytes(len(stored) - at)
        else:
            broken[at] ^= 1 << dice.randrange(8)
        content, error = read(opened(bytes(broken)))
        expected = decompressed_bytewise(name, bytes(broken))
        assert error
        # isal looks two symbols ahead
        assert len(content) >= len(expected) - 2
        assert content[: len(expected)] == expected[: len(content)]


@pytest.mark.parametrize(("name", "at"), [("gzip", -8), ("gzip", -1), ("zstd", -1), ("lz4", -1), ("xz", -20)])
def test_a_wrong_checksum_is_an_error_behind_all_bytes(name: str, at: int) -> None:
    text = lines(5000)
    stored = bytearray(COMPRESS[name](text))
    stored[at] ^= 1
    content, error = read(opened(bytes(stored)))
    assert content == text
    assert f"{name} data cannot be decompressed after {len(text)} decompressed bytes (" in error


def test_a_wrong_bz2_checksum_is_an_error() -> None:
    stored = bytearray(bz2.compress(TEXT))
    stored[-2] ^= 4
    assert "bz2 data cannot be decompressed" in read(opened(bytes(stored)))[1]


def test_objects_that_are_read_by_turns_give_all_bytes_before_their_damages() -> None:
    texts = [random.Random(number).randbytes(60_000 + 1_000 * number).hex().encode() for number in range(4)]
    read(opened(zlib.compress(texts[0], wbits=31)))  # its buffer is used again

    objects = [opened(damaged_behind(text), size=5_000) for text in texts]
    contents = [bytearray() for _ in texts]
    for _ in range(8):
        for content, decoded in zip(contents, objects, strict=True):
            content.extend(decoded.stream.read1(9_000))
    for content, decoded, text in zip(contents, objects, texts, strict=True):
        content.extend(read(decoded)[0])
        assert content == text


@pytest.mark.parametrize("extra", [0, 1, STEP // 2, STEP - 1])
def test_of_a_member_too_large_to_keep_a_damage_costs_little(extra: int) -> None:
    text = random.Random(1).randbytes(KEPT + STEP + extra).hex().encode()
    content, error = read(opened(damaged_behind(text)))
    assert text.startswith(content)
    assert len(content) >= len(text) - STEP - 1024
    assert "gzip data cannot be decompressed" in error


class Again(Stored):
    """Can be read again, by pieces of another size."""

    def again(self) -> Again:
        return Again(self._data.getvalue(), 4567)


@pytest.mark.parametrize("extra", [0, 1, KEPT_STEP - 1])
@pytest.mark.parametrize("before", [b"", b"a first member\n" * 4000])
def test_what_can_be_read_again_loses_no_byte_before_a_damage(before: bytes, extra: int) -> None:
    text = random.Random(1).randbytes(KEPT + STEP + extra).hex().encode()
    members = COMPRESS["gzip"](before) + bytes(700) if before else b""
    content, error = read(opened(Again(members + damaged_behind(text))))
    assert content == before + text
    assert "gzip data cannot be decompressed" in error


@pytest.mark.parametrize("name", REFERENCE)
def test_what_is_read_again_gives_all_that_a_bytewise_reader_gets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = COMPRESS[name](lines(1000))
    dice = random.Random(name)
    for at in dice.sample(range(10, len(stored) - 20), 8):
        broken = bytearray(stored)
        broken[at] ^= 1 << dice.randrange(8)
        expected = read(opened(bytes(broken)))
        with monkeypatch.context() as patch:
            patch.setattr(slips.codec, "KEPT", 0)
            assert read(opened(Again(bytes(broken)))) == expected


def test_a_layer_within_another_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = damaged_behind(random.Random(1).randbytes(KEPT + STEP).hex().encode())
    stored = Again(COMPRESS["zstd"](inner))
    monkeypatch.setattr(stored, "again", lambda: pytest.fail("read again"))
    assert "gzip data cannot be decompressed" in read(opened(stored))[1]


def test_of_a_member_too_large_to_read_again_a_damage_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slips.codec, "AGAIN", KEPT)
    text = random.Random(1).randbytes(KEPT + STEP).hex().encode()
    stored = Again(damaged_behind(text))
    monkeypatch.setattr(stored, "again", lambda: pytest.fail("read again"))
    content, error = read(opened(stored))
    assert text.startswith(content)
    assert len(content) >= len(text) - STEP - 1024
    assert "gzip data cannot be decompressed" in error


def test_an_error_of_reading_again_is_raised_in_place_of_the_damage() -> None:
    class Gone(Stored):
        def again(self) -> Stored:
            raise StorageError("the file has changed")

    decoded = opened(Gone(damaged_behind(random.Random(1).randbytes(KEPT).hex().encode())))
    with pytest.raises(StorageError, match="the file has changed"):
        read(decoded)


@pytest.mark.parametrize("size", [1 << 12, 1 << 17])
def test_long_reads_give_all_bytes_before_a_damage_then_the_error_each_time(size: int) -> None:
    text = lines(30_000)
    reads = LongReads(opened(damaged_behind(text)).stream, size)
    content = bytearray()
    while len(content) < len(text):
        content += reads.read()
    assert content == text
    for _ in range(2):
        with pytest.raises(DecompressionError, match="gzip data cannot be decompressed"):
            reads.read()


def test_an_error_that_a_raw_stream_raises_once_is_not_taken_for_the_end_by_long_reads() -> None:
    def pieces() -> Iterator[bytes]:
        yield from (b"a" * 100, b"b" * 100)
        raise StorageError("once")

    class Raw(io.RawIOBase):
        _pieces = pieces()

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any, /) -> int:
            piece = next(self._pieces, b"")
            buffer[: len(piece)] = piece
            return len(piece)

    reads = LongReads(io.BufferedReader(Raw(), 1 << 12), 1 << 12)
    assert reads.read() == b"a" * 100 + b"b" * 100
    with pytest.raises(StorageError, match="once"):
        reads.read()


@every_compression
@pytest.mark.parametrize("garbage", [b"x", b"a line\n" * 20, b"\x1f", b"\0\0\0\0x", b"\x1f\x8b\x09"])
@pytest.mark.parametrize("size", [1, sys.maxsize])
def test_bytes_behind_the_last_member_are_an_error_behind_the_content(name: str, garbage: bytes, size: int) -> None:
    content, error = read(opened(COMPRESS[name](TEXT) + garbage, size=size))
    assert content == TEXT
    assert f"{name} data is followed by something else after {len(TEXT)} decompressed bytes" in error


@pytest.mark.parametrize("padding", [4, 512, 300_000])
def test_zeros_behind_gzip_and_xz_members_are_padding(padding: int) -> None:
    for name in ("gzip", "xz"):
        stored = COMPRESS[name](TEXT) + bytes(padding)
        decoded = opened(stored * 2)
        assert read(decoded) == (TEXT * 2, "")
        assert decoded.bytes_in == 2 * len(stored)


@pytest.mark.parametrize("name", ["zstd", "bz2", "lz4"])
def test_zeros_behind_other_members_are_an_error(name: str) -> None:
    assert "followed by something else" in read(opened(COMPRESS[name](TEXT) + bytes(512)))[1]


@every_compression
def test_an_error_stays_so_that_damage_never_looks_like_the_end(name: str) -> None:
    stream = opened(COMPRESS[name](TEXT)[:-3]).stream
    for _ in range(3):
        with pytest.raises(DecompressionError, match="ends early"):
            stream.read()
        with pytest.raises(DecompressionError, match="ends early"):
            stream.readline()


def test_readline_gives_every_whole_line_before_the_damage_and_not_the_cut_one() -> None:
    text = lines(20_000)
    stored = gzip.compress(text)
    stored = stored[: len(stored) // 2]
    stream = opened(stored).stream
    got: list[bytes] = []
    with pytest.raises(DecompressionError):
        got.extend(iter(partial(stream.readline, 1 << 24), b""))
    *whole, _cut = zlib.decompressobj(31).decompress(stored).splitlines(keepends=True)
    assert got == whole


def test_read_never_gives_less_than_asked_before_a_damage_since_that_would_mean_the_end() -> None:
    stream = opened(gzip.compress(TEXT)[:-1]).stream
    assert stream.read(len(TEXT) - 1) == TEXT[:-1]
    with pytest.raises(DecompressionError):
        stream.read(100)
