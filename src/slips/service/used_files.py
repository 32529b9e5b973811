"""The files of the user that a session runs by: config, handlers and what these import. Shows when they change."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

REST_SECONDS = 0.3
"""Seconds that changed files must stay as they are, before they are loaded: an editor may still be writing."""
MOST_SECONDS = 5.0
"""Most seconds to wait for that."""

_Stamp = tuple[int, int, int] | None


class UsedFiles:
    """The files in use, and how they were when they were loaded."""

    def __init__(self, files: Iterable[Path | str], clock: Callable[[], float] = time.monotonic) -> None:
        """Take the files as they are now for loaded."""
        self._clock = clock
        self._loaded: dict[str, _Stamp] = {}
        self._seen: dict[str, _Stamp] = {}
        self._since = self._first = 0.0
        self.add(files)

    def add(self, files: Iterable[Path | str], since: float | None = None) -> None:
        """Add files that are in use, too, as they are now. Those that changed `since` (epoch seconds) are to be loaded.

        A file is added only when it is reported, a moment after it was read.
        """
        for file in map(str, files):
            if file not in self._loaded:
                stamp = _stamp(file)
                is_newer = since is not None and stamp is not None and stamp[0] > since * 1e9
                self._loaded[file] = None if is_newer else stamp

    @property
    def is_changed(self) -> bool:
        """Whether files are other than they were loaded."""
        seen = {file: _stamp(file) for file in self._loaded}
        if seen == self._loaded:
            self._seen = {}
            return False
        now = self._clock()
        if not self._seen:
            self._first = now
        if seen != self._seen:
            self._seen, self._since = seen, now
        return True

    @property
    def is_at_rest(self) -> bool:
        """Whether the changed files have stayed as they are for a moment, so that they can be loaded."""
        now = self._clock()
        return now - self._since >= REST_SECONDS or now - self._first >= MOST_SECONDS

    def load(self) -> list[str]:
        """Take the files as they are for loaded, and return the changed ones.

        What Python keeps of them compiled is deleted: it knows a file by size and second, so a change within the second
        would not count.
        """
        changed = [file for file, stamp in self._seen.items() if self._loaded[file] != stamp]
        for file in changed:
            self._loaded[file] = self._seen[file]
            if file.endswith(".py"):
                with suppress(OSError, NotImplementedError):
                    os.unlink(importlib.util.cache_from_source(file))  # noqa: PTH108
        self._seen = {}
        return changed


def _stamp(file: str) -> _Stamp:
    try:
        status = os.stat(file)  # noqa: PTH116 - looked at before each object
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
