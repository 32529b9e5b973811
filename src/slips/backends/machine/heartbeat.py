"""The row of the state file by which `slips up` shows other commands that it lives, and what it has done.

Only the service writes the row. Whoever reads it may be in another container, so the time of the last heartbeat decides
whether the service runs; its process id only tells a process that hangs from one that is gone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import msgspec

from slips.backends.machine.sqlite import Database, from_json, to_json
from slips.model import format_time
from slips.operations import Service, ServiceCounts, ServiceTroubles

SILENT_SECONDS = 15.0
"""Seconds without a heartbeat after which a service is taken to hang, or to be gone."""


class _Shown(ServiceCounts):
    """The JSON of the column `counts`: a service's counts, and its troubles, of which versions before know nothing."""

    troubles: dict[str, str] = msgspec.field(default_factory=dict)
    not_reloaded: str = ""

    @property
    def counts(self) -> ServiceCounts:
        return ServiceCounts(*(getattr(self, name) for name in ServiceCounts.__struct_fields__))


class ServiceRow:
    """The row of the one service of a state. `clock` returns epoch seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock

    def begin(self, command: str) -> None:
        """Record that this process is the service now, in place of one that was killed."""
        now = self._clock()
        self._database.execute(
            "INSERT OR REPLACE INTO service (id, pid, command, started, heartbeat, counts) VALUES (1, ?, ?, ?, ?, ?)",
            (os.getpid(), command, now, now, to_json(ServiceCounts())),
        )

    def beat(self, counts: ServiceCounts, troubles: ServiceTroubles | None = None) -> None:
        """Record that the service lives, with its counts so far, and with what it cannot use now."""
        # In one column: the versions before and behind this one read of its JSON what they know.
        shown = msgspec.to_builtins(counts) | msgspec.to_builtins(troubles or ServiceTroubles())
        self._database.execute("UPDATE service SET heartbeat = ?, counts = ?", (self._clock(), to_json(shown)))

    def end(self) -> None:
        """Record that the service has stopped."""
        self._database.execute("DELETE FROM service")

    def get(self) -> Service | None:
        """Return the service; None if none was started, or it has stopped."""
        for pid, command, started, heartbeat, counts in self._database.select(
            "SELECT pid, command, started, heartbeat, counts FROM service"
        ):
            silent = max(0.0, round(self._clock() - heartbeat, 3))
            shown = from_json(counts, _Shown, "service")
            return Service(
                pid,
                command,
                format_time(started),
                format_time(heartbeat),
                silent,
                "running" if silent < SILENT_SECONDS else "silent" if _exists(pid) else "gone",
                shown.counts,
                shown.troubles,
                shown.not_reloaded,
            )
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
