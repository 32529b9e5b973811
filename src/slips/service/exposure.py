"""Shows a running service to other programs: its row in the state, metrics and probes over HTTP, and systemd.

In: the steps that the supervisor reports to `observers`. All that is shown is kept apart from the work: nothing here
waits, and what fails here is left out of the session.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.service.counters import Counters
from slips.service.endpoint import Endpoint
from slips.service.metrics import Metrics, pages, read_state
from slips.service.notify import Notifier
from slips.service.observer import Observer
from slips.service.probes import Probes
from slips.service.pulse import Pulse


class Exposure:
    """The observers of one service, from its start until `close`."""

    def __init__(
        self,
        state: MachineState,
        config: Callable[[], Config],
        command: str,
        *,
        listening: socket.socket | None = None,
        workers: Callable[[], int] = lambda: 0,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Show nothing yet. `config` and `workers` return those of the moment; `listening`: see `endpoint.listen`."""
        self._counters, self._probes = Counters(config), Probes()
        self._pulse = Pulse(state.service, self._counters.counts, command)
        notifier = Notifier(environment, self._status)
        self.observers: list[Observer] = [self._counters, self._probes, self._pulse, notifier]
        self._endpoint: Endpoint | None = None
        if listening is not None:
            directory = state.directory
            metrics = Metrics(self._counters, self._probes, lambda: read_state(directory), workers)
            self._endpoint = Endpoint(listening, pages(metrics, self._probes))

    def start(self) -> None:
        """Answer HTTP requests from now on."""
        if self._endpoint is not None:
            self._endpoint.start()

    def close(self) -> None:
        """Show nothing more."""
        self._pulse.end()
        if self._endpoint is not None:
            self._endpoint.close()

    def _status(self) -> str:
        """Return a line for `systemctl status`."""
        lanes, troubles = self._counters.counts.lanes.values(), list(self._counters.troubles)
        done, failed = sum(each.done for each in lanes), sum(each.failed for each in lanes)
        paused = [f"{lane} paused" for lane in list(self._counters.paused_now)]
        cannot = [f"cannot use {', '.join(troubles)}"] if troubles else []
        at_work = f"{self._counters.running:,} at work"
        return ", ".join([f"{done:,} objects done", f"{failed:,} failed", at_work, *paused, *cannot])
