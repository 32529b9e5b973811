"""Puts held events back on their lanes: those whose pause has ended, and one of those whose canary is due.

In: error items of stage `paused` and `budget`, and the brakes of the stack. Out: events on their lanes, as they were.
It runs every few minutes, and when an operator resumes a lane. Dispatcher holds back again what may still not start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct, field

from slips.brakes import Brake, Controls, Pause, Spent, budget_pause, code_name, day_of, is_held
from slips.model import LANES, ObjectEvent
from slips.pipeline.hold import HoldingSite, lane_of
from slips.pipeline.replay import replay
from slips.ports import Stream
from slips.site.protocols import Site

EVENTS = 20_000
"""Most events that one call puts back, so that those that arrive meanwhile are not far behind."""


class ReleasingSite(HoldingSite, Site, Protocol):
    """The site of the function that puts held events back."""

    @property
    def stream(self) -> Stream: ...


class Released(Struct):
    """The result of a release."""

    events: int = 0
    """Number of events put back on their lanes."""
    canaries: int = 0
    """Among them, those that are tried while their handler's objects pause."""
    waiting: int = 0
    """Number of events that stay in the error table."""
    pauses: list[Pause] = field(default_factory=list)
    """The pauses that hold now."""
    more: bool = False
    """Whether the time, or EVENTS, was up before all were looked at."""


def release(site: ReleasingSite, *, is_late: Callable[[], bool] = lambda: False) -> Released:
    """Put back the held events that may start now. Raises StateError and StreamError: those that are left stay."""
    controls, now, done = site.brakes.read(), site.clock(), Released()
    _forget_former_handlers(site, controls)
    budget = controls.budget or site.budget
    spent = site.brakes.spent(day_of(now)) if budget.is_limited else Spent(day_of(now))
    over = [budget_pause(lane, spent, budget, now) for lane in LANES]
    done.pauses = [each for each in [*(brake.pause for brake in controls.brakes), *over] if each is not None]
    if not controls.held:
        return done
    due: dict[Brake, list[ObjectEvent]] = {}
    """Events that wait because of a brake whose canary may run: enough to try another one than the last times."""
    for item in (each for each in site.errors.scan() if is_held(each)):
        if done.more or is_late() or done.events >= EVENTS:
            done.more = True
            done.waiting += len(item.events)
            continue
        lane = lane_of(item)
        if budget_pause(lane, spent, budget, now) is not None:
            done.waiting += len(item.events)
        # The handler by the config of today, as Dispatcher judges: a mapping may have another one since.
        elif (brake := controls.brake(lane, site.code_of(item.events[0]).handler)) is None or (
            brake.handler and all(event.replay is not None for event in item.events)
        ):
            replayed = replay(item, site)
            done.events += len(replayed.lanes)
            spent = spent.plus(len(item.events), sum(event.object_size for event in item.events))
        else:
            done.waiting += len(item.events)
            if brake.handler and brake.is_due(now, code_name(site.loader.version_of(brake.handler), site.config)):
                some = due.setdefault(brake, [])
                some += item.events[: brake.canaries + 1 - len(some)]
    for brake, some in due.items():
        # A copy: the item stays until the pause ends. If the canary has succeeded by then, the ledger says so.
        # Another one each time: an event that is done, or failed for good, is passed over, and ends no pause.
        site.stream.put(brake.lane, [some[brake.canaries % len(some)]])
        done.events, done.canaries = done.events + 1, done.canaries + 1
    if not done.waiting and not done.more:
        site.brakes.forget_held(controls.held)
    return done


def _forget_former_handlers(site: ReleasingSite, controls: Controls) -> None:
    """End the pauses of handlers that the config no longer names: no canary could."""
    handlers = {"", *(spec.name for spec in site.config.handlers)} if controls.brakes else set()
    for brake in [each for each in controls.brakes if each.handler not in handlers]:
        site.brakes.replace(brake, brake.released())
        controls.brakes.remove(brake)
