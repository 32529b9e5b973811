"""Runs the replays that a canary has put on their lanes, and nothing else that waits there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.errors import UsageError
from slips.model import ObjectEvent
from slips.service.observer import Observer
from slips.service.supervisor import Supervisor


def run_replays(
    config: Config,
    state: MachineState,
    events: Sequence[ObjectEvent],
    observer: Observer,
    *,
    endpoint_url: str | None = None,
    region: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> bool:
    """Run these events until they are concluded. Return False if another process runs objects of this state.

    `say` gets the reason for each event that stays on its lane. Raises as `Supervisor.run` does.
    """
    with ExitStack() as held:
        try:
            held.enter_context(state.exclusive())
        except UsageError:
            return False
        supervisor = Supervisor(config, state, observer, endpoint_url=endpoint_url, region=region)
        for problem in supervisor.run(replays=events).problems:
            say(problem)
    return True
