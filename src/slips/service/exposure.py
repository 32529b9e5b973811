"""Shows a running service to other programs: its row in the state, metrics and probes over HTTP, and systemd.

In: the steps that the supervisor reports to `observers`. All that is shown is kept apart from the work: nothing here
waits, and what fails here is left out of the session.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.printable import plural
from slips.service.counters import Counters
from slips.service.endpoint import Endpoint
from slips.service.metrics import Metrics, pages, read_state
from slips.service.notify import Notifier
from slips.service.observer import Observer
from slips.service.probes import Probes
from slips.service.pulse import Pulse


@contextmanager
def exposed(
    state: MachineState,
    config: Config,
    current: Callable[[], Config],
    *,
    command: str,
    listening: socket.socket | None = None,
    workers: Callable[[], int] = lambda: 0,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[list[Observer]]:
    """Return the observers that show a service until the end of the block.

    `current` returns the config of the moment, `workers` the number of worker processes; `listening`: see
    `endpoint.listen`.
    """
    counters, probes = Counters(config, current), Probes()
    pulse = Pulse(state.service, counters.counts, command)
    notifier = Notifier(environment, lambda: status_line(counters))
    with ExitStack() as opened:
        opened.callback(pulse.end)
        if listening is not None:
            directory = state.directory
            metrics = Metrics(counters, probes, lambda: read_state(directory), workers)
            endpoint = Endpoint(listening, pages(metrics, probes))
            endpoint.start()
            opened.callback(endpoint.close)
        yield [counters, probes, pulse, notifier]


def status_line(counters: Counters) -> str:
    """Return a line about a service for `systemctl status`."""
    lanes = counters.counts.lanes.values()
    done, failed = plural(sum(each.done for each in lanes), "object"), sum(each.failed for each in lanes)
    paused = [f"lane {lane} paused" for lane in counters.paused_now]
    cannot = [f"cannot use {', '.join(counters.troubles)}"] if counters.troubles else []
    return ", ".join([f"{done} done, {failed:,} failed, {counters.running:,} at work", *paused, *cannot])
