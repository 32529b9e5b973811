"""What comes out of `decode` for whole and hostile objects: bytes in, bytes out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import subprocess
import sys
import tracemalloc
import zlib
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import slips.codec
from compressed import (
    COMPRESS,
    TEXT,
    WHERE,
    Stored,
    every_compression,
    lines,
    opened,
    read,
)
from slips.chunks import READ, ChunkStream
from slips.codec import FIRST_STEP, MEMBER_BYTES, MEMBERS, STEP, CodecLimits, _member_of, decode
from slips.errors import DecompressionError, StorageError

pytestmark = pytest.mark.smoke

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# whole objects


@every_compression
@pytest.mark.parametrize("size", [1, 7, 1000, sys.maxsize])
def test_content_is_what_was_compressed_however_the_object_arrives(name: str, size: int) -> None:
    stored = COMPRESS[name](TEXT)
    decoded = opened(stored, size=size)
    assert read(decoded) == (TEXT, "")
    assert decoded.layers == (name,)
    assert (decoded.bytes_in, decoded.bytes_out) == (len(stored), len(TEXT))


@every_compression
@pytest.mark.parametrize("size", [1, 7, sys.maxsize])
def test_members_behind_each_other_are_one_content(name: str, size: int) -> None:
    compress = COMPRESS[name]
    stored = compress(TEXT) + compress(b"") + compress(b"more\n") + compress(TEXT) + compress(b"")
    assert read(opened(stored, size=size)) == (TEXT + b"more\n" + TEXT, "")


@every_compression
def test_many_tiny_members_are_one_content(name: str) -> None:
    assert read(opened(COMPRESS[name](b"line\n") * 3000)) == (b"line\n" * 3000, "")


@every_compression
def test_tiny_members_come_together_and_none_is_lost_before_an_error(name: str) -> None:
    member = COMPRESS[name](b"line\n")
    raw: Any = opened(member * 3000).stream.raw
    assert raw.read() == b"line\n" * 3000
    content, error = read(opened(member * 300 + member[:-3]))
    assert content.startswith(b"line\n" * 300)
    assert "data ends early" in error
    content, error = read(opened(member * 300 + COMPRESS[name](bytes(STEP)) + b"no member"))
    assert content == b"line\n" * 300 + bytes(STEP)
    assert "followed by something else" in error


@pytest.mark.parametrize(
    ("name", "member", "most"),
    [
        *((name, compress(b""), 1 << 10) for name, compress in COMPRESS.items()),
        ("zstd", b"\x50\x2a\x4d\x18" + bytes(4), 1 << 10),
        pytest.param("gzip", gzip.compress(b"", mtime=0), MEMBERS, marks=pytest.mark.slow),
    ],
)
def test_members_without_content_are_refused_above_a_number(
    name: str, member: bytes, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slips.codec, "MEMBERS", most)
    text = COMPRESS[name](TEXT)
    few = len(TEXT) // MEMBER_BYTES  # as many as the text makes up for
    assert read(opened(text + member * (most - 1))) == (TEXT, "")
    content, error = read(opened(text + member * (most + few)))
    assert content == TEXT
    assert error == (
        f"{WHERE}: {most + 1:,} members of {name} data hold {len(TEXT):,} bytes in all; at least {MEMBER_BYTES} "
        f"each, on average, were expected of more than {most:,}; write fewer and larger ones"
    )


@pytest.mark.slow
def test_members_of_a_line_each_may_be_any_number() -> None:
    line = b"x" * (MEMBER_BYTES - 1) + b"\n"
    content, error = read(opened(gzip.compress(line, mtime=0) * (MEMBERS + 1000)))
    assert (len(content), error) == ((MEMBERS + 1000) * len(line), "")


@every_compression
def test_bytes_behind_a_tiny_member_are_not_copied_for_it(name: str) -> None:
    source = _CountingSource(iter([COMPRESS[name](b"line\n") * 1000]))
    member = _member_of(name)
    while source.peek(1):
        assert b"".join(member(source)) == b"line\n"
    assert source.given < 1000 * 2 * FIRST_STEP


@pytest.mark.parametrize("flag", [8, 16])
def test_a_long_gzip_name_or_comment_is_passed_over_at_once(flag: int) -> None:
    empty = gzip.compress(TEXT, mtime=0)
    header = empty[:3] + bytes([flag]) + empty[4:10] + b"n" * 100_000 + b"\0"
    source = _CountingSource(iter([header + empty[10:]]))
    assert b"".join(_member_of("gzip")(source)) == TEXT
    assert source.reads < 20


class _CountingSource(ChunkStream):
    """Counts what is read of it, put back or not."""

    reads = given = 0

    def read(self, size: int = READ, /) -> bytes:
        data = super().read(size)
        self.reads += 1
        self.given += len(data)
        return data


@every_compression
def test_nothing_compressed_is_empty_content(name: str) -> None:
    decoded = opened(COMPRESS[name](b""))
    assert (read(decoded), decoded.layers) == ((b"", ""), (name,))


@every_compression
def test_lines_are_read_across_all_inner_boundaries(name: str) -> None:
    text = lines(12_000)  # more than a buffer, more than a block
    stream = opened(COMPRESS[name](text)).stream
    assert list(iter(partial(stream.readline, 1 << 24), b"")) == text.splitlines(keepends=True)


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"a",
        b"\n",
        TEXT,
        b"\x1f\x8b",
        b"\x1f\x8b is no gzip\n",
        b"BZh9 begins this line\n",
        b"PK\x03\x04",
        b"\x28\xb5\x2f",
        b"\xfd7zXZ",
        b"P*M is no frame\n",
        b"\0" * 600,
    ],
)
def test_content_without_a_whole_signature_is_plain(plain: bytes) -> None:
    for size in (1, sys.maxsize):
        decoded = opened(plain, size=size)
        assert (read(decoded), decoded.layers) == ((plain, ""), ())
        assert decoded.bytes_in == decoded.bytes_out == len(plain)


@pytest.mark.parametrize("flags", range(32))
def test_gzip_headers_may_have_any_fields_and_may_be_cut_anywhere(flags: int) -> None:
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(5) + b"\x03"
    header += struct.pack("<H", 300) + bytes(range(1, 101)) * 3 if flags & 4 else b""
    header += b"app.log\0" if flags & 8 else b""
    header += b"a comment\0" if flags & 16 else b""
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF) if flags & 2 else b""
    member = header + zlib.compress(TEXT, wbits=-15) + struct.pack("<II", zlib.crc32(TEXT), len(TEXT))
    for size in (1, 11, sys.maxsize):
        assert read(opened(member * 2, size=size)) == (TEXT * 2, "")
    for cut in range(3, len(header)):
        assert "gzip data ends early after 0 decompressed bytes" in read(opened(member[:cut]))[1]


SKIPPABLE = b"\x5a\x2a\x4d\x18" + struct.pack("<I", 6) + b"hidden"
EMPTY_SKIPPABLE = b"\x50\x2a\x4d\x18" + bytes(4)


@pytest.mark.parametrize("size", [1, sys.maxsize])
def test_skippable_frames_have_no_content(size: int) -> None:
    zstd, lz4_ = COMPRESS["zstd"](TEXT), COMPRESS["lz4"](TEXT)
    assert read(opened(SKIPPABLE + zstd + EMPTY_SKIPPABLE + zstd + SKIPPABLE, size=size)) == (TEXT * 2, "")
    assert read(opened(lz4_ + EMPTY_SKIPPABLE + lz4_ + SKIPPABLE, size=size)) == (TEXT * 2, "")
    assert read(opened(SKIPPABLE, size=size)) == (b"", "")
    for cut in range(4, len(SKIPPABLE)):
        assert "zstd data ends early" in read(opened(SKIPPABLE[:cut], size=size))[1]


@pytest.mark.parametrize("level", [1, 12])
@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("size", [True, False])
@pytest.mark.parametrize("text", [b"", b"x", b"x" * 400_000, lines(8000), random.Random(0).randbytes(300_000)])
def test_zstd_frames_of_every_shape_are_read(level: int, checksum: bool, size: bool, text: bytes) -> None:
    parameter = zstd.CompressionParameter
    options: dict[int, int] = {
        parameter.compression_level: level,
        parameter.checksum_flag: checksum,
        parameter.content_size_flag: size,
    }
    one = zstd.compress(text, options=options)
    flushed = zstd.ZstdCompressor(options=options)
    blocks = flushed.compress(text, flushed.FLUSH_BLOCK) + flushed.compress(text)
    assert read(opened(one + blocks + flushed.flush(), size=999)) == (text * 3, "")


# compressed more than once


@pytest.mark.parametrize("outer", COMPRESS)
@pytest.mark.parametrize("inner", COMPRESS)
def test_layers_are_found_one_below_the_other(outer: str, inner: str) -> None:
    stored = COMPRESS[outer](COMPRESS[inner](TEXT))
    for size in (1, 13, sys.maxsize):
        decoded = opened(stored, size=size)
        assert read(decoded) == (TEXT, "")
        assert decoded.layers == (outer, inner)
        assert (decoded.bytes_in, decoded.bytes_out) == (len(stored), len(TEXT))


@pytest.mark.parametrize("outer", COMPRESS)
@pytest.mark.parametrize("inner", COMPRESS)
def test_of_two_layers_the_error_names_the_damaged_one(outer: str, inner: str) -> None:
    whole = COMPRESS[inner](TEXT)
    stored = COMPRESS[outer](whole)
    for cut in range(10, len(stored), 9):
        assert f"{outer} data ends early" in read(opened(stored[:cut]))[1]
    for cut in range(10, len(whole), 15):
        content, error = read(opened(COMPRESS[outer](whole[:cut])))
        assert TEXT.startswith(content)
        assert f"{inner} data ends early" in error


def test_an_outer_damage_behind_the_whole_inner_content_is_an_error() -> None:
    stored = bytearray(gzip.compress(gzip.compress(TEXT)))
    stored[-8] ^= 1
    content, error = read(opened(bytes(stored)))
    assert content == TEXT
    assert "gzip data cannot be decompressed" in error


def test_more_layers_than_allowed_are_an_error() -> None:
    stored = TEXT
    for _ in range(4):
        stored = gzip.compress(stored)
    assert read(opened(stored)) == (TEXT, "")
    assert read(opened(bz2.compress(stored))) == (
        b"",
        f"{WHERE}: gzip data below bz2, gzip, gzip, gzip; at most 4 compressions on top of each other were expected "
        "(limits.layers); look at how the object is written",
    )
    assert "limits.layers" in read(opened(gzip.compress(TEXT), CodecLimits(layers=0)))[1]


# bombs


@pytest.mark.parametrize("name", ["", *COMPRESS])
@pytest.mark.parametrize("limit", [0, 1, 1000, STEP, len(lines(3000)) - 1])
def test_content_ends_with_an_error_at_the_limit_of_bytes(name: str, limit: int) -> None:
    text = lines(3000)
    stored = COMPRESS[name](text) if name else text
    content, error = read(opened(stored, CodecLimits(object_bytes=limit)))
    assert content == text[:limit]
    assert error == (
        f"{WHERE}: more than {limit} bytes of content; no more were expected (limits.object_bytes); "
        "raise that limit if the object is honest"
    )
    assert read(opened(stored, CodecLimits(object_bytes=len(text)))) == (text, "")


def bomb(name: str, size: int) -> bytes:
    return COMPRESS[name](bytes(size))


SMALL = CodecLimits(expansion_ratio=100, ratio_after=1_000_000)


@every_compression
def test_an_object_that_expands_beyond_the_ratio_is_an_error(name: str) -> None:
    stored = bomb(name, 5_000_000)
    decoded = opened(stored, SMALL)
    content, error = read(decoded)
    assert len(content) <= max(SMALL.ratio_after, SMALL.expansion_ratio * len(stored))
    assert f"{WHERE}: {decoded.bytes_in} stored bytes expand to " in error
    assert "at most 100 times was expected (limits.expansion_ratio)" in error


@every_compression
def test_memory_stays_flat_however_far_an_object_expands(name: str) -> None:
    stored = bomb(name, 20_000_000)
    tracemalloc.start()
    try:
        stream = opened(stored).stream
        assert sum(map(len, iter(partial(stream.read1, 1 << 16), b""))) == 20_000_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000  # `xz -6` keeps a window of 8 MiB, and the first object of a process makes a buffer of 2


def test_the_ratio_counts_over_all_layers() -> None:
    limits = CodecLimits(expansion_ratio=1000, ratio_after=1_000_000)
    assert read(opened(bomb("lz4", 20_000_000), limits))[1] == ""  # lz4 reaches 255 times at the most
    assert "limits.expansion_ratio" in read(opened(gzip.compress(bomb("lz4", 20_000_000)), limits))[1]


def test_a_layer_that_expands_without_content_is_a_bomb_too() -> None:
    nothing = (b"\x5a\x2a\x4d\x18" + struct.pack("<I", 92) + bytes(92)) * 11_000
    assert read(opened(nothing, SMALL)) == (b"", "")
    content, error = read(opened(gzip.compress(nothing), SMALL))
    assert content == b""
    assert "limits.expansion_ratio" in error


def test_small_objects_may_expand_as_they_like() -> None:
    assert read(opened(bomb("zstd", 900_000), SMALL)) == (bytes(900_000), "")


def test_a_window_that_needs_too_much_memory_is_an_error() -> None:
    long = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 28})
    xz = lzma.LZMACompressor(filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}])
    for compressor in (long, xz):
        content, error = read(opened(compressor.compress(TEXT) + compressor.flush()))
        assert content == b""
        assert "that needs no more than 128 MiB of memory was expected" in error


def test_the_strongest_settings_of_the_command_lines_are_read() -> None:
    long = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})  # zstd --long, zstd --ultra -22
    assert read(opened(long.compress(TEXT) + long.flush())) == (TEXT, "")
    assert read(opened(lzma.compress(TEXT, preset=9 | lzma.PRESET_EXTREME))) == (TEXT, "")


# errors that are none of the object


@pytest.mark.parametrize("failure", [OSError("connection reset"), StorageError("gone"), EOFError(), RuntimeError("x")])
@pytest.mark.parametrize("name", ["", *COMPRESS])
def test_an_error_of_reading_passes_unchanged_and_stays(name: str, failure: Exception) -> None:
    stored = COMPRESS[name](TEXT) if name else TEXT
    for size in (0, 1, 5, len(stored) // 2, len(stored)):
        stream = opened(Stored(stored[:size], failure=failure)).stream
        for _ in range(2):
            with pytest.raises(type(failure)) as raised:
                stream.read()
            assert raised.value is failure


def test_nothing_is_read_before_the_stream_is() -> None:
    decoded = opened(Stored(b"", failure=OSError()))
    assert (decoded.layers, decoded.bytes_in, decoded.bytes_out) == ((), 0, 0)


def test_error_texts_begin_with_where_if_it_is_known() -> None:
    with pytest.raises(DecompressionError, match=r"^gzip data ends early"):
        decode(io.BytesIO(gzip.compress(TEXT)[:-1])).stream.read()


def test_libraries_are_imported_only_for_objects_that_need_them() -> None:
    libraries = {"isal", "backports", "compression", "bz2", "lzma", "lz4"}
    code = f"import sys, slips.codec; print({libraries} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"set()\n"


# anything at all


@pytest.mark.slow
@given(st.binary(max_size=200), st.sampled_from(["", *COMPRESS]))
@example(b"\x28\xb5\x2f\xfd\xff", "")
@example(b"\x1f\x8b\x08\xff", "")
@settings(max_examples=300, deadline=None)
def test_of_random_bytes_nothing_but_decompression_errors_comes(noise: bytes, name: str) -> None:
    beginning = COMPRESS[name](TEXT)[:12] if name else b""
    read(opened(beginning + noise))


@pytest.mark.slow
@given(
    st.sampled_from(list(COMPRESS)),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000), st.binary(max_size=8)), max_size=4),
    st.integers(1, 5000),
)
@settings(max_examples=300, deadline=None)
def test_of_mutated_objects_nothing_but_decompression_errors_comes(
    name: str, mutations: list[tuple[int, int, bytes]], size: int
) -> None:
    stored = COMPRESS[name](TEXT) * 2
    for begin, length, patch in mutations:
        at = begin % len(stored)
        stored = stored[:at] + patch + stored[at + length % 9 :]
    read(opened(stored, size=size))
