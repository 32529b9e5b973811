"""Searches blocks of bytes for the texts of a prefilter, as fast as this machine can.

CPython looks for one byte with vector instructions, for more of them byte by byte. The `strstr` of glibc on x86-64 has
such instructions for texts of any length, and takes a sixth of the time. It stops at NUL bytes, which hardly a log has.
Where it is not to be had, CPython searches, to the same result.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache

Find = Callable[[int], int]
"""Returns the first place in a block at or behind a position, -1 if there is none."""

_several = re.compile(rb"\}[ \t\r]*+[{\[]").search
_PAIRS = (b"}{", b"}[", b"} ")
"""One of them is in any bytes without tabs and carriage returns that `_several` matches."""


def holds_several(line: bytes) -> bool:
    """Whether a line holds several JSON documents, or a text that looks so."""
    return _several(line) is not None


class Block:
    """Bytes that are searched for several texts."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def find(self, text: bytes, at: int) -> int:
        """Return the first place of a text at or behind a position, -1 if there is none."""
        return self.data.find(text, at)

    def several(self) -> Find:
        """Return what finds lines that hold several JSON documents, or a text that looks so."""
        return self._find_several

    def _find_several(self, at: int) -> int:
        found = _several(self.data, at)
        return found.start() if found else -1


class _VectorBlock(Block):
    """Searched by `strstr`."""

    def __init__(self, data: bytes, address_of: _Strings, strstr: _StringsAt) -> None:
        super().__init__(data)
        self._strstr = strstr
        self._begin = address_of(data, b"")
        nul = data.find(b"\0")
        self._end = len(data) if nul < 0 else nul
        """Where `strstr` stops: one more NUL byte is behind the bytes."""

    def find(self, text: bytes, at: int) -> int:
        data = self.data
        if at > self._end or b"\0" in text:
            return data.find(text, at)
        place = self._strstr(self._begin + at, text)
        if place is not None:
            return place - self._begin
        return -1 if self._end == len(data) else data.find(text, self._end)

    def several(self) -> Find:
        data = self.data
        if b"\t" in data or b"\r" in data or any(self.find(pair, 0) >= 0 for pair in _PAIRS):
            return self._find_several
        return lambda _at: -1


_Strings = Callable[[bytes, bytes], int]
"""`strstr`, in a block: for the empty text, it returns the address of the block."""
_StringsAt = Callable[[int, bytes], int | None]
"""`strstr` from an address on: it returns the address of the text, None if that is not there."""


def blocks() -> Callable[[bytes], Block]:
    """Return what makes the Block of bytes, as fast as this machine can search."""
    strings = _strings()
    return Block if strings is None else lambda data: _VectorBlock(data, *strings)


@cache
def _strings() -> tuple[_Strings, _StringsAt] | None:
    """Return `strstr` for blocks and for addresses, None unless it is the one with vector instructions."""
    try:
        if os.uname().machine != "x86_64" or not os.confstr("CS_GNU_LIBC_VERSION"):
            return None
        from ctypes import PyDLL, c_char_p, c_void_p  # takes 2 ms, which other runs need not spend

        library = PyDLL(None)  # as a part of CPython: no other thread runs in between
    except (ValueError, OSError, ImportError):  # another C library, or a Python that was made without libffi
        return None
    in_block, in_memory = library["strstr"], library["strstr"]
    in_block.argtypes, in_memory.argtypes = (c_char_p, c_char_p), (c_void_p, c_char_p)
    in_block.restype = in_memory.restype = c_void_p
    return in_block, in_memory
