"""Waits while another process keeps the state file locked, and names that process.

SQLite itself waits in C code, where Ctrl-C does not reach: it waits shortly, again and again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from slips.errors import StateError

SECONDS = 30.0
"""How long a command waits that is not a run."""
ATTEMPT = 1.0
"""Seconds that SQLite waits in one attempt: other commands write for milliseconds."""
PAUSE = 0.1
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)
_T = TypeVar("_T")


class Patience:
    """How long to wait for a state file: `seconds`, or without end if that is None; `tell` gets each message."""

    def __init__(
        self,
        seconds: float | None = SECONDS,
        *,
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds, self.tell, self._clock, self._sleep = seconds, tell, clock, sleep

    def until_free(self, file: Path, act: Callable[[], _T]) -> _T:
        """Calls `act` until it finds the file unlocked. Raises StateError when the time is up, and errors of `act`."""
        begun: float | None = None
        while True:
            try:
                done = act()
            except sqlite3.Error as error:
                if not _is_locked(error):
                    raise
                if begun is None:
                    begun = self._clock()
                    limit = "" if self._seconds is None else f" for {self._seconds:.0f} s at most"
                    self.tell(f"{file}: locked by {holder(file)}; waiting{limit} until it is free; nothing is lost")
                elif self._seconds is not None and self._clock() - begun >= self._seconds:
                    raise StateError(
                        f"{file}: locked by {holder(file)} for more than {self._seconds:.0f} s; expected it to be free "
                        "by then; nothing is lost: end what locks it, or wait for its end, and run this again"
                    ) from error
                self._sleep(PAUSE)
            else:
                if begun is not None:
                    self.tell(f"{file}: free again; going on")
                return done


def holder(file: Path) -> str:
    """The process that has locked a database for writing, as far as the system tells: `process 4242 (sqlite3)`."""
    # Read from /proc, which opens none of the files: closing one would give up all locks that this process has on it.
    try:
        places = {str(each.stat().st_ino) for each in (file, Path(f"{file}-shm")) if each.exists()}
        locks = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        locks = []
    for lock in locks:
        # 3: POSIX  ADVISORY  WRITE 4242 fe:00:1837 120 120
        if len(lock) == 8 and lock[1] == "POSIX" and lock[3] == "WRITE" and lock[5].rpartition(":")[2] in places:
            try:
                name = Path(f"/proc/{lock[4]}/comm").read_text(encoding="utf-8", errors="replace").strip()
            except OSError:
                continue
            return f"process {lock[4]} ({name})"
    return f"another process ('lsof {file}' names those that have it open)"


def _is_locked(error: sqlite3.Error) -> bool:
    # The low byte; above it is the kind, such as SQLITE_BUSY_RECOVERY. Errors of the module itself have no code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED
