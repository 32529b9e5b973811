"""Ends a wait for workers early: called by threads of sources, and by signals."""

from __future__ import annotations

import os
from contextlib import suppress


class Wake:
    """A pipe that becomes readable when this object is called."""

    def __init__(self) -> None:
        self.descriptor, self._writing = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._writing, False)

    def __call__(self) -> None:
        """End the wait that is going on, or the next one."""
        with suppress(BlockingIOError):  # the pipe is full of calls that were not seen yet
            os.write(self._writing, b"\0")

    def clear(self) -> None:
        """Forget the calls so far."""
        with suppress(BlockingIOError):
            while os.read(self.descriptor, 4096):
                pass

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self._writing)
