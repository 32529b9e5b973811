"""The permit to begin an object that a worker was given ahead: either the worker gets it, or the supervisor does.

It is a byte in a pipe that both can read. A worker that is stopped, or dead, need not answer for it.
"""

from __future__ import annotations

import os
import select
from typing import BinaryIO

_GO, _VOID = b"g", b"v"


class Permit:
    """The supervisor's side. The pipe holds one byte at most, since `issue` needs an empty one."""

    def __init__(self) -> None:
        self.descriptor, self._giving = os.pipe()
        self._poll = select.poll()
        self._poll.register(self.descriptor, select.POLLIN)

    @property
    def is_there(self) -> bool:
        """Whether the worker has not read the last byte yet."""
        return bool(self._poll.poll(0))

    def issue(self) -> None:
        """Let the worker begin the object that it is given next."""
        os.write(self._giving, _GO)

    def revoke(self) -> bool:
        """Let the worker leave that object out. Return False if it has begun it.

        Never waits: this process reads its own byte if the worker has read the other one.
        """
        os.write(self._giving, _VOID)
        return os.read(self.descriptor, 1) == _GO

    def close(self) -> None:
        """Release the pipe."""
        os.close(self.descriptor)
        os.close(self._giving)


def has_permit(permits: BinaryIO) -> bool:
    """Whether the worker may begin the object that it was given ahead. Reads unbuffered from the pipe of a Permit."""
    return permits.read(1) == _GO
