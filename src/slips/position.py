"""Where a run is within its object, in memory that outlives the process: a supervisor reads it of a dead worker.

The loop over records writes two numbers for each record, which costs some 20 ns each; a list does where nobody reads.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import sys
import tempfile
from enum import IntEnum
from typing import Protocol

RECV, BEHIND, PLACE = range(3)
"""The cells: the record that `recv` was last called with, the last record that was left behind, and a Place."""


class Place(IntEnum):
    """The step that a run is at, but for single records."""

    OPENING = 0
    INIT = 1
    SETUP = 2
    RECORDS = 3
    RESULT = 4


class Cells(Protocol):
    """Three numbers, by RECV, BEHIND and PLACE."""

    def __setitem__(self, index: int, value: int, /) -> None: ...


UNREAD: Cells = [0, 0, 0]
"""Where no process reads them."""
_CELLS = struct.Struct("=3Q")
_WORDS = {
    Place.OPENING: "while its object was opened",
    Place.INIT: "in __init__",
    Place.SETUP: "in setup",
    Place.RESULT: "in result",
}


class SharedCells:
    """Cells that a process started with `descriptor` fills, and this one reads."""

    def __init__(self) -> None:
        # Not mapped here: a mapping of a file that the other process cut off would kill this one.
        self.descriptor = _anonymous_file()
        self.reset()

    def reset(self) -> None:
        """Another object begins."""
        os.pwrite(self.descriptor, bytes(_CELLS.size), 0)

    def close(self) -> None:
        os.close(self.descriptor)

    def where(self) -> tuple[int | None, str]:
        """The record that is in `recv`, if one is; and in words where the run is."""
        read = os.pread(self.descriptor, _CELLS.size, 0)
        recv, behind, place = _CELLS.unpack(read.ljust(_CELLS.size, b"\0"))
        if place == Place.RECORDS:
            if recv > behind:
                return recv, "in recv"
            return None, f"after record {behind}" if behind else "before the first record"
        return None, _WORDS.get(place, "at an unknown place")


def map_cells(descriptor: int) -> Cells:
    """The cells behind `descriptor`, which is closed: a handler that closes all that it finds leaves them as they are.

    Before Python 3.13 the mapping holds a descriptor of its own. One who writes there makes a wrong place at most:
    on Linux the file is sealed, and cannot be cut off.
    """
    if sys.version_info >= (3, 13):
        mapped = mmap.mmap(descriptor, _CELLS.size, trackfd=False)
    else:
        mapped = mmap.mmap(descriptor, _CELLS.size)
    os.close(descriptor)
    return memoryview(mapped).cast("Q")


def _anonymous_file() -> int:
    """A descriptor of a file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        made = os.memfd_create("slips-position", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.truncate(made, _CELLS.size)
        # A process that maps a file which gets shorter is killed when it writes there.
        fcntl.fcntl(made, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return made
    with tempfile.TemporaryFile() as file:
        made = os.dup(file.fileno())
    os.truncate(made, _CELLS.size)
    return made
