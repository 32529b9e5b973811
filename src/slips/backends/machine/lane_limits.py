"""The limits of the lanes of one machine: a setting of the state, else the config.

`delay` is the number of seconds between the starts of two objects of a lane; the supervisor waits for it. `batch_size`
is kept for the stack's sake alone: on one machine each object is a run of its own.
"""

from __future__ import annotations

from slips.backends.machine.state import MachineState
from slips.config import Config, LaneConfig
from slips.model import Lane


def lane_limit(config: Config, state: MachineState, lane: Lane) -> LaneConfig:
    """Return the limit of a lane: that set by `slips limit`, else that of the config."""
    by_config: LaneConfig = getattr(config.backend.lane, lane)
    delay, batch_size = (state.setting(f"limit.{lane}.{name}") for name in ("delay", "batch_size"))
    return LaneConfig(
        batch_size=by_config.batch_size if batch_size is None else int(batch_size),
        delay=by_config.delay if delay is None else int(delay),
    )


def set_lane_limit(config: Config, state: MachineState, lane: Lane, limit: LaneConfig) -> None:
    """Set the limit of a lane for good. A value equal to the config's lets the config decide again."""
    with state.transaction():
        for name in ("delay", "batch_size"):
            value = getattr(limit, name)
            as_configured = value == getattr(getattr(config.backend.lane, lane), name)
            state.set(f"limit.{lane}.{name}", None if as_configured else str(value))
