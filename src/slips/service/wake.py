"""Ends a wait for workers early: called by threads of sources, and by signals."""

from __future__ import annotations

import os
import threading
from contextlib import suppress


class Wake:
    """A pipe that becomes readable when this object is called."""

    def __init__(self) -> None:
        self.descriptor, self._writing = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._writing, False)
        self._lock = threading.RLock()  # a signal may come within a call
        self._is_closed = False

    def __call__(self) -> None:
        """End the wait that is going on, or the next one. Do nothing once it is closed."""
        with self._lock:
            if not self._is_closed:
                with suppress(BlockingIOError):  # the pipe is full of calls that were not seen yet
                    os.write(self._writing, b"\0")

    def clear(self) -> None:
        """Forget the calls so far."""
        with suppress(BlockingIOError):
            while os.read(self.descriptor, 4096):
                pass

    def close(self) -> None:
        """Free the pipe. Another file may get its descriptors, so a source that ends late must not write into it."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self.descriptor)
                os.close(self._writing)
