"""Answers the probes of whatever supervises the service: is it alive, and is it ready?

The supervisor's thread reports its steps, the threads of `endpoint` ask. Alive: the supervisor's loop turns. Ready:
also that it has started, does not stop, and can use its state and its sources.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from slips.service.observer import Observer

ALIVE_SECONDS = 60.0
"""Most seconds without a turn of the loop. It turns several times a second, but may wait for a state that is locked."""


class Probes(Observer):
    """Observes the steps that decide about life and readiness. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turned = clock()
        self._is_started = self._is_stopping = False
        self._troubles: dict[str, str] = {}
        self._reload = ""

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last turn of the supervisor's loop."""
        return max(0.0, self._clock() - self._turned)

    def alive(self) -> dict[str, Any]:
        """Return whether the supervisor is alive, with the reason if it is not, as JSON."""
        silent = self.silent_seconds
        reasons = [f"the supervisor has not turned for {silent:.0f} s"] * (silent > ALIVE_SECONDS)
        return {"ok": not reasons, "reasons": reasons, "last_turn_seconds": round(silent, 3)}

    def ready(self) -> dict[str, Any]:
        """Return whether the service takes objects, with the reasons if it does not, as JSON.

        A changed config or handler that cannot be used, or not yet, is a warning: the old one goes on.
        """
        reasons: list[str] = list(self.alive()["reasons"])
        if not self._is_started:
            reasons.append("the service is starting")
        if self._is_stopping:
            reasons.append("the service is stopping")
        reasons += [f"{where}: {why}" for where, why in list(self._troubles.items())]
        return {"ok": not reasons, "reasons": reasons, "warnings": [self._reload] if self._reload else []}

    def looked(self) -> None:
        self._is_started = True  # the first turn comes when the handlers are loaded
        self._turned = self._clock()

    def troubled(self, where: str, why: str) -> None:
        self._troubles[where] = why

    def mended(self, where: str) -> None:
        self._troubles.pop(where, None)

    def reloading(self, what: str) -> None:
        self._reload = f"{what}: still being loaded; the old code is used on meanwhile"

    def reloaded(self, what: str) -> None:
        self._reload = ""

    def not_reloaded(self, why: str) -> None:
        self._reload = why

    def stopping(self, running: int, seconds: float) -> None:
        self._is_stopping = True
