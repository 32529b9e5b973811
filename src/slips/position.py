"""The position of a run within its object, in memory that outlives a worker: the supervisor reads it afterwards.

The loop over records writes two numbers for each record, at some 20 ns each, and a batch its first and last record. If
no supervisor reads the position, as on AWS, the numbers go to a plain list.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from enum import IntEnum
from typing import Protocol

RECV, BEHIND, STEP, FIRST, LAST = range(5)
"""Indexes of the cells: the record of the last call of `recv`, the last record that is finished, a Step, and the first
and last record of the batch that `recv_batch` has."""


class Step(IntEnum):
    """The step of a run."""

    OPENING = 0
    INIT = 1
    SETUP = 2
    RECORDS = 3
    RESULT = 4
    BATCH = 5


class Cells(Protocol):
    """Five numbers, at the indexes RECV, BEHIND, STEP, FIRST and LAST."""

    def __setitem__(self, index: int, value: int, /) -> None: ...


UNREAD: Cells = [0, 0, 0, 0, 0]
"""Cells for a run whose position no process reads."""
_CELLS = struct.Struct("=5Q")
_WORDS = {
    Step.OPENING: "while its object was opened",
    Step.INIT: "in __init__",
    Step.SETUP: "in setup",
    Step.RESULT: "in result",
}


class SharedCells:
    """Cells in a file: a process that inherits `descriptor` writes them, this process reads them."""

    def __init__(self) -> None:
        # Not mapped here: if the other process truncates the file, reading a mapping of it would kill this process.
        self.descriptor = _anonymous_file()

    def close(self) -> None:
        os.close(self.descriptor)

    def where(self) -> tuple[int | None, str]:
        """Return the record that `recv` is working on, or None, and the step of the run in words.

        In `recv_batch` the record is the first of the batch, and the words name the last.
        """
        read = os.pread(self.descriptor, _CELLS.size, 0)
        recv, behind, step, first, last = _CELLS.unpack(read.ljust(_CELLS.size, b"\0"))
        if step == Step.BATCH:
            return first, "in recv_batch" + (f", with all records to {last}" if last > first else "")
        if step == Step.RECORDS:
            if recv > behind:
                return recv, "in recv"
            return None, f"after record {behind}" if behind else "before the first record"
        return None, _WORDS.get(step, "at an unknown place")


def clear(cells: Cells) -> None:
    """Clear the cells when an object has ended, so that they name no record of it while another one is opened."""
    cells[RECV] = cells[BEHIND] = cells[STEP] = 0


def map_cells(descriptor: int) -> Cells:
    """Map the cells of `descriptor` into memory and close it: a handler that closes all descriptors leaves them intact.

    Before Python 3.13 the mapping holds a descriptor of its own. Writing to that falsifies the position at most: on
    Linux the file is sealed and cannot be truncated.
    """
    if sys.version_info >= (3, 13):
        mapped = mmap.mmap(descriptor, _CELLS.size, trackfd=False)
    else:
        mapped = mmap.mmap(descriptor, _CELLS.size)
    os.close(descriptor)
    return memoryview(mapped).cast("Q")


def _anonymous_file() -> int:
    """Create a file without a name, in memory if the system supports that, and return its descriptor."""
    if hasattr(os, "memfd_create"):
        import fcntl

        descriptor = os.memfd_create("slips-position", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.truncate(descriptor, _CELLS.size)
        # The system kills a process that writes to a mapping of a file behind the file's end.
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return descriptor
    import tempfile  # with `shutil` and compressions: a function on AWS has no supervisor

    with tempfile.TemporaryFile() as file:
        descriptor = os.dup(file.fileno())
    os.truncate(descriptor, _CELLS.size)
    return descriptor
