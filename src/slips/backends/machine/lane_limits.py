"""The limits and the brakes of the lanes of one machine: a setting of the state, else the config.

`batch_size` objects of a lane start at once, and the next ones `delay` seconds later: the supervisor waits for that, as
Dispatcher does on a stack. Each object is a run of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from slips.backends.machine.sqlite import from_json, to_json
from slips.backends.machine.state import MachineState
from slips.brakes import Brake, Budget, Pause, budget_pause, day_of
from slips.config import Config, LaneConfig
from slips.model import LANES, Lane
from slips.operations import Budgets

_BUDGET = "limit.budget"
Clock = Callable[[], float]


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


def budget_of(config: Config, state: MachineState) -> Budget:
    """Return what may start in a day: what `slips limit` has set, else what the config says."""
    value = state.setting(_BUDGET)
    return Budget.of(config.limits) if value is None else from_json(value, Budget, "limits of a day")


def set_budget(config: Config, state: MachineState, budget: Budget) -> None:
    """Set what may start in a day for good. A budget equal to the config's lets the config decide again."""
    state.set(_BUDGET, None if budget == Budget.of(config.limits) else to_json(budget))


def budgets(config: Config, state: MachineState, clock: Clock = time.time) -> Budgets:
    """Return what may start in a day, and what has started today."""
    return Budgets(budget_of(config, state), state.brakes.spent(day_of(clock())))


def pauses(config: Config, state: MachineState, clock: Clock = time.time) -> list[Pause]:
    """Return why objects wait on their lanes."""
    now, today = clock(), budgets(config, state, clock)
    spent = [budget_pause(lane, today.spent, today.budget, now) for lane in LANES]
    return [each for each in [*(brake.pause for brake in state.brakes.all()), *spent] if each is not None]


def pause(state: MachineState, lane: Lane, reason: str, by: str, clock: Clock = time.time) -> None:
    """Let no further object of a lane start. A lane that an operator has paused gets the new reason."""
    with state.transaction():
        since = state.brakes.get(lane, "").since or clock()
        state.brakes.put(Brake(lane, since=since, reason=reason, by=by))


def resume(config: Config, state: MachineState, lane: Lane, clock: Clock = time.time) -> list[Pause]:
    """End all pauses of a lane, and return them. Of a spent budget, let one more be spent today."""
    with state.transaction():
        ended = [each for each in pauses(config, state, clock) if each.lane == lane]
        for brake in state.brakes.all():
            if brake.lane == lane:
                state.brakes.put(brake.released())
        today = budgets(config, state, clock)
        after = today.spent.granted_again(today.budget)
        if after != today.spent:
            state.brakes.put_spent(after)
        return ended
