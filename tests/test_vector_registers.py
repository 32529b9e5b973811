"""Decompressing leaves no vector register half in use: that would slow all code without AVX, such as CPython."""

from __future__ import annotations

import ctypes
import io
import mmap
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slips.codec import STEP, decode

XGETBV = b"\xb9\1\0\0\0\x0f\1\xd0\xc3"
"""`mov ecx, 1; xgetbv; ret`: returns the parts of the processor's state that are in use."""
UPPER_HALVES = 1 << 2 | 1 << 6
"""Of the registers of AVX, of those of AVX-512."""
TEXT = b"".join(b"%d\n" % random.Random(number).getrandbits(64) for number in range(20_000))


@pytest.fixture(scope="module")
def in_use() -> Iterator[Callable[[], int]]:
    """The upper halves that are in use."""
    cpu = Path("/proc/cpuinfo")
    if not cpu.exists() or "xgetbv1" not in cpu.read_text():
        pytest.skip("the processor does not tell which vector registers are in use")
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(XGETBV)
    held = ctypes.c_char.from_buffer(code)
    xgetbv = ctypes.CFUNCTYPE(ctypes.c_uint)(ctypes.addressof(held))
    yield lambda: xgetbv() & UPPER_HALVES
    del held  # the pages are freed behind the last test


def gzip(text: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=31)
    return compressor.compress(text) + compressor.flush()


def test_no_upper_half_is_in_use_behind_any_step_of_decompressing(in_use: Callable[[], int]) -> None:
    from isal import igzip_lib

    stored = gzip(TEXT)
    igzip_lib.decompress(stored, igzip_lib.DECOMP_GZIP)
    if not in_use():
        pytest.skip("isal has no checksum with AVX-512 here")
    stream = decode(io.BytesIO(stored)).stream
    seen = []
    while stream.read1(STEP):
        seen.append(in_use())
    assert len(seen) > 2
    assert not any(seen)
