"""Waits while another process keeps the state file locked, and names that process.

SQLite waits in C code, which Ctrl-C does not interrupt: so each of its waits is short, and this module repeats them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from slips.errors import StateError

SECONDS = 30.0
"""Most seconds that a command other than `run` and `up` waits."""
ATTEMPT = 1.0
"""Seconds that SQLite waits in one attempt: most commands write for milliseconds."""
PAUSE = 0.1
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)
_T = TypeVar("_T")


class Patience:
    """The time to wait for a locked state file: `seconds`, or no limit if None. Calls `tell` with each message."""

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
        """Repeat `act` until the file is not locked, and return its result.

        Raises StateError when the time is up, and any error of `act` but a locked file.
        """
        begun: float | None = None
        while True:
            try:
                done = act()
            except sqlite3.Error as error:
                if not is_locked(error):
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
    """Return the process that has locked a database for writing, if /proc names it: `process 4242 (sqlite3)`."""
    # Not by opening the files: closing one would release all locks that this process has on the file.
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


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another process has the file locked."""
    # The low byte is the code; the others are the kind, such as SQLITE_BUSY_RECOVERY. Python's own errors have none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED
