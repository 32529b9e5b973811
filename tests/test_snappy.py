"""Snappy: frames and blocks of Java's library are told by their beginning, Hadoop's blocks are named by the chain."""

from __future__ import annotations

import gzip
import io
import random
import struct

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chains
from processing import EVENT, Make, Recorder, done, failed, make, root
from slips.codec import BLOCK, decode
from slips.errors import DecompressionError, ReaderError
from slips.parsing.readers.hadoop_snappy import CHUNK

__all__ = ["make", "root"]

LINES = b"".join(b'{"n":%d}\n' % n for n in range(20_000))
"""More than a frame has."""


def framed(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress(content))


def raw(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


def blocks(content: bytes, size: int = 32_768) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def by_java(content: bytes) -> bytes:
    """As snappy-java's SnappyOutputStream writes it."""
    return (
        b"\x82SNAPPY\0"
        + struct.pack(">II", 1, 1)
        + b"".join(struct.pack(">I", len(raw(each))) + raw(each) for each in blocks(content))
    )


def by_hadoop(content: bytes, size: int = 65_536) -> bytes:
    """As Hadoop's BlockCompressorStream writes it: each block has chunks."""
    made = b""
    for block in blocks(content, size):
        made += struct.pack(">I", len(block))
        made += b"".join(struct.pack(">I", len(raw(each))) + raw(each) for each in blocks(block, 20_000))
    return made


def content_of(stored: bytes) -> tuple[bytes, tuple[str, ...]]:
    decoded = decode(io.BytesIO(stored))
    return decoded.stream.read(), decoded.layers


@pytest.mark.smoke
@pytest.mark.parametrize("compress", [framed, by_java])
@pytest.mark.parametrize("content", [b"a", LINES, random.Random(1).randbytes(200_000)], ids=len)
def test_snappy_is_told_by_its_beginning(compress: type[bytes], content: bytes) -> None:
    assert content_of(compress(content)) == (content, ("snappy",))
    assert content_of(gzip.compress(compress(content))) == (content, ("gzip", "snappy"))


def test_frames_one_behind_another_with_padding_are_one_content() -> None:
    padding = b"\xfe\3\0\0abc\x80\0\0\0"
    assert content_of(framed(b"a") + padding + framed(b"b"))[0] == b"ab"


@pytest.mark.parametrize(
    "stored",
    [
        framed(LINES)[:-1],
        framed(LINES)[:-20_000],
        framed(b"abc")[:-1] + b"x",
        framed(b"a") + b"\x02\0\0\0",
        framed(b"a") + b"\0\xff\xff\xff",
        by_java(LINES)[:-1],
        by_java(b"a") + b"\0\0",
        b"\x82SNAPPY\0" + struct.pack(">II", 1, 1) + struct.pack(">I", BLOCK + 1),
        b"\x82SNAPPY\0" + struct.pack(">III", 1, 1, 5) + b"\xff\xff\xff\xff\x0f",
    ],
    ids=["cut", "cut more", "checksum", "kind", "long", "java cut", "java length", "java long", "java claim"],
)
def test_damage_is_an_error(stored: bytes) -> None:
    with pytest.raises(DecompressionError):
        content_of(stored)


def test_lines_before_a_damage_are_read(make: Make) -> None:
    failure = failed(make(framed(LINES)[:-1], ["json"]).process(EVENT))
    assert failure.stage == "decompression"
    assert len(Recorder.runs[0].events) > 10_000


# ---- of Hadoop


@pytest.mark.parametrize("content", [LINES, LINES[:9], gzip.compress(LINES)], ids=["long", "short", "gzip"])
def test_a_chain_that_names_hadoop_snappy_reads_it(make: Make, content: bytes) -> None:
    done(make(by_hadoop(content), ["hadoop-snappy", "json"]).process(EVENT))
    events = Recorder.runs[0].events
    assert [event["n"] for event in events] == list(range(len(events)))
    assert len(events) in (1, 20_000)
    assert {meta.member for meta in Recorder.runs[0].metas} == {None}


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60) | st.integers(1, 80).map(lambda cut: by_hadoop(LINES[:90], 40)[:cut]))
def test_what_is_no_snappy_of_hadoop_is_an_error(stored: bytes) -> None:
    try:
        outcome = chains.run(["hadoop-snappy", "s3-lines"], stored).outcome
    except (ReaderError, DecompressionError):
        return
    assert outcome.records or not stored


def test_the_error_of_hadoop_snappy_says_where_and_what_to_do() -> None:
    with pytest.raises(ReaderError, match=r"^s3://logs/sample: hadoop-snappy: cannot be decompressed after 90 bytes: "):
        chains.run(["hadoop-snappy", "s3-lines"], by_hadoop(LINES[:90]) + b"\0\0\0\1\0\0\0\1x")


def test_the_error_of_hadoop_snappy_names_its_limits() -> None:
    for sizes, why in (
        ((16 * BLOCK + 1, 9), f"a block of {16 * BLOCK + 1:,} bytes; at most {16 * BLOCK:,} are read"),
        ((BLOCK, CHUNK + 1), f"a chunk of {CHUNK + 1:,} bytes; at most {CHUNK:,} are read"),
    ):
        stored = by_hadoop(LINES[:90]) + struct.pack(">II", *sizes) + b"x" * 99
        with pytest.raises(ReaderError, match=f"hadoop-snappy: cannot be decompressed after 90 bytes: {why}"):
            chains.run(["hadoop-snappy", "s3-lines"], stored)
    content = random.Random(1).randbytes(1 << 16)
    assert len(raw(content)) <= 32 + len(content) + len(content) // 6
