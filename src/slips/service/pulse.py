"""Writes the row by which a session shows other commands that it lives, and what it cannot use, until its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from slips.backends.machine.heartbeat import ServiceRow
from slips.errors import StateError
from slips.operations import ServiceCounts, ServiceTroubles
from slips.service.observer import Observer

BEAT_SECONDS = 2.0
"""Seconds between two heartbeats: so often `slips top` sees new counts."""
AGAIN_SECONDS = 30.0
"""Seconds until the next one, if the state could not be written: waiting for a locked one has held the session up."""
MOST_REASON = 1_000
"""Most characters of a reason in the row; the log has all of it."""

_log = logging.getLogger("slips")


class Pulse(Observer):
    """Writes `counts` into `row`. The supervisor's thread alone calls it, as it alone writes the state."""

    def __init__(
        self,
        row: ServiceRow,
        counts: ServiceCounts,
        command: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._row, self._counts, self._command, self._clock = row, counts, command, clock
        self._due = float("-inf")
        self._has_begun = False
        self._troubles = ServiceTroubles()

    def started(self, objects: int, size: int) -> None:
        self._write()

    def looked(self) -> None:
        if self._clock() >= self._due:
            self._write()

    def troubled(self, where: str, why: str) -> None:
        self._troubles.troubles[where] = why[:MOST_REASON]

    def mended(self, where: str) -> None:
        self._troubles.troubles.pop(where, None)

    def reloading(self, what: str) -> None:
        self._troubles.not_reloaded = f"{what}: still being loaded; the old code is used on meanwhile"[:MOST_REASON]

    def reloaded(self, what: str) -> None:
        self._troubles.not_reloaded = ""

    def not_reloaded(self, why: str) -> None:
        self._troubles.not_reloaded = why[:MOST_REASON]

    def end(self) -> None:
        """Remove the row, if it is there."""
        if self._has_begun:
            self._try(self._row.end)

    def _write(self) -> None:
        self._due = self._clock() + BEAT_SECONDS
        if self._has_begun:
            self._try(lambda: self._row.beat(self._counts, self._troubles))
        else:
            self._has_begun = self._try(lambda: self._row.begin(self._command))

    def _try(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except StateError as error:  # the supervisor shows this trouble itself, when it writes
            _log.debug("no heartbeat: %s", error)
            self._due = self._clock() + AGAIN_SECONDS
            return False
        return True
