"""Puts held events back on their lanes: those whose pause has ended, and one of those whose canary is due.

In: error items of stage `paused` and `budget`, and the brakes of the stack. Out: events on their lanes, as they were.
It runs every few minutes, and when an operator resumes a lane. Dispatcher holds back again what may still not start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct, field

from slips.brakes import Brake, Controls, Holder, Pause, Spent, budget_pause, code_name, day_of, is_held
from slips.errors import UnreadableItemError
from slips.model import LANES, Lane, ObjectEvent
from slips.pipeline.choose import readable
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
    waiting: int | None = 0
    """Number of events that were read, and stay in the error table; None: the table was not read, as all must wait."""
    pauses: list[Pause] = field(default_factory=list)
    """The pauses that hold now."""
    more: bool = False
    """Whether the time, or EVENTS, was up before all were looked at."""
    problems: list[str] = field(default_factory=list)
    """About items that cannot be read."""


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
    if not _may_go_on(controls, {each.lane for each in over if each is not None}, site):
        done.waiting = None
        return done
    waiting = 0
    holders: set[Holder] = set()
    unreadable: list[UnreadableItemError] = []
    due: dict[Brake, list[ObjectEvent]] = {}
    """Events that wait because of a brake whose canary may run: enough to try another one than the last times."""
    for item in (each for each in readable(site.errors.scan(), unreadable) if is_held(each)):
        if is_late() or done.events >= EVENTS:
            done.more = True
            break
        lane = lane_of(item)
        if budget_pause(lane, spent, budget, now) is not None:
            waiting += len(item.events)
            holders.add((lane, ""))
        # The handler by the config of today, as Dispatcher judges: a mapping may have another one since.
        elif (brake := controls.brake(lane, site.code_of(item.events[0]).handler)) is None or (
            brake.handler and all(event.replay is not None for event in item.events)
        ):
            replayed = replay(item, site)
            done.events += len(replayed.lanes)
            spent = spent.plus(len(item.events), sum(event.object_size for event in item.events))
        else:
            waiting += len(item.events)
            holders.add((lane, brake.handler))
            if brake.handler and brake.is_due(now, _code(brake, site)):
                some = due.setdefault(brake, [])
                # A replay is no canary. The version before kept replays and other events in one item.
                tried = [event for event in item.events if event.replay is None]
                some += tried[: brake.canaries + 1 - len(some)]
    for brake, some in due.items():
        # A copy: the item stays until the pause ends. If the canary has succeeded by then, the ledger says so.
        # Another one each time: an event that is done, or failed for good, is passed over, and ends no pause.
        site.stream.put(brake.lane, [some[brake.canaries % len(some)]])
        done.events, done.canaries = done.events + 1, done.canaries + 1
    done.waiting, done.problems = waiting, [str(each) for each in unreadable]
    if not (done.more or done.problems) and (not holders or holders != controls.holders):
        site.brakes.keep_held(controls, holders)
    return done


def _may_go_on(controls: Controls, over: set[Lane], site: ReleasingSite) -> bool:
    """Whether some held events may start now, by what holds them back. `over`: the lanes whose budget is spent."""
    for lane, handler in controls.holders:
        brake = controls.brake(lane, handler)
        is_free = brake is None or brake.is_due(site.clock(), _code(brake, site))
        if lane not in over and is_free:
            return True
    return not controls.holders


def _code(brake: Brake, site: ReleasingSite) -> str:
    return code_name(site.loader.version_of(brake.handler), site.config) if brake.handler else brake.code


def _forget_former_handlers(site: ReleasingSite, controls: Controls) -> None:
    """End the pauses of handlers that the config no longer names: no canary could."""
    handlers = {"", *(spec.name for spec in site.config.handlers)} if controls.brakes else set()
    for brake in [each for each in controls.brakes if each.handler not in handlers]:
        site.brakes.replace(brake, brake.released())
        controls.brakes.remove(brake)
