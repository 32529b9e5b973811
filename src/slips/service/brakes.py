"""The brakes of a session: which objects must wait on their lanes, though workers are free.

In: the starts and ends of runs, and what operators change in the state meanwhile. Out: whether an object may start;
rows of the state; what observers show. Runs are counted in memory and written by the next step, so a supervisor that
dies forgets a few of them at most. Of a handler that fails seldom, nothing is written.

An operator who asks for certain objects gets them: drained ones and those named for `slips run` are no canaries, but
they run although their handler's objects pause, and end the pause if they succeed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from msgspec import Struct

from slips.backends.machine.lane_limits import budget_of
from slips.backends.machine.lanes import Delivery
from slips.brakes import (
    WINDOW,
    Brake,
    Budget,
    Cause,
    Pause,
    Spent,
    break_at,
    budget_pause,
    code_name,
    counts_against,
    day_of,
    is_rest,
    sentence,
)
from slips.model import LANES, Lane, ObjectEvent
from slips.pipeline.ended import Failure, Success, Superseded
from slips.printable import plural
from slips.service.observer import Observer
from slips.service.pending import Pending
from slips.service.turns import Turns
from slips.site.machine import MachineSite

LOOK_SECONDS = 0.5
"""Seconds after which a change that an operator made is seen."""
Key = tuple[Lane, str]
"""Lane and handler of a brake."""


class _Count(Struct):
    """Runs of a handler on a lane that are not written yet."""

    tried: int = 0
    failed: int = 0
    released: bool = False

    @property
    def is_telling(self) -> bool:
        """Whether it may change a brake."""
        return bool(self.failed) or self.released or self.tried >= WINDOW


class Brakes:
    """Decides whether objects may start, by the brakes in the state of a site."""

    def __init__(
        self,
        site: MachineSite,
        pending: Pending,
        observer: Observer,
        *,
        default: int = 0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read nothing yet. `default` is `break_at` in percent of lanes for which the config does not say."""
        self._site, self._pending, self._observer, self._default = site, pending, observer, default
        self._clock, self._monotonic = clock, monotonic
        self._on: dict[Key, Brake] = {}
        """Brakes that are on, by lane and handler."""
        self._budget, self._spent = Budget(), Spent("")
        self._counts: dict[Key, _Count] = {}
        self._started: dict[Key, Brake] = {}
        """Brakes whose canary has started, not written yet."""
        self._trials: dict[int, Key] = {}
        """Deliveries at work whose success ends the pause of their handler's objects."""
        self._canaries: set[int] = set()
        """The canaries among these deliveries."""
        self._codes: dict[str, str] = {}
        self._new_objects = self._new_bytes = 0
        self._looked: float | None = None
        self._shown: dict[tuple[Lane, str, Cause], Pause] = {}
        self._due: set[Key] = set()
        """Brakes whose canary may start."""
        self._newly_due: set[Key] = set()
        self._has_opened = False
        """Whether objects may start now that could not when the supervisor last asked."""

    def reload(self, site: MachineSite) -> None:
        """Use another config, or changed handlers, from now on: objects that pause are tried at once."""
        self._site, self._looked = site, None
        self._codes.clear()
        self._on = {key: msgspec.structs.replace(brake, code="") for key, brake in self._on.items()}

    # -- questions of the supervisor

    def allows(self, delivery: Delivery) -> bool:
        """Whether an object may start now. One that may not stays on its lane as it is."""
        if not self._on and self._over is None:
            return True
        event = delivery.event
        lane = _lane(event)
        if (lane, "") in self._on:
            return False
        if self._over is not None and self._pending.are_all_wanted and _is_first(delivery):
            return False
        key = (lane, self._handler(event))
        brake = self._on.get(key) if key[1] else None
        return brake is None or self._is_asked(event) or self._may_try(brake)

    @property
    def is_limited(self) -> bool:
        """Whether something keeps objects from starting."""
        return bool(self._on) or self._over is not None

    @property
    def is_on(self) -> bool:
        """Whether objects of a lane or a handler pause."""
        return bool(self._on)

    def look(self) -> None:
        """Read the state, at most every LOOK_SECONDS. Raises StateError."""
        now = self._monotonic()
        if self._looked is None or now - self._looked >= LOOK_SECONDS:
            self.write(all_of_it=True)
            if self._looked is None:
                self._forget_removed()
            self._read()
            self._looked = now

    def reconsider(self, turns: Turns) -> None:
        """Let those objects have their turns that may start now, and could not at the last call."""
        if self._has_opened:
            self._has_opened = False
            turns.look_again()
        for lane, _ in self._newly_due:
            turns.try_one(lane)
        self._newly_due = set()

    def started(self, delivery: Delivery) -> None:
        """Note that an object starts."""
        event = delivery.event
        self._spend(delivery, 1)
        if not self._on or not (handler := self._handler(event)):
            return
        key = (_lane(event), handler)
        if (brake := self._on.get(key)) is None:
            return
        self._trials[delivery.id] = key
        if not self._is_asked(event):
            self._canaries.add(delivery.id)
            self._on[key] = self._started[key] = brake.tried_again(self._clock(), self._code(event))
            self._due.discard(key)

    def returned(self, delivery: Delivery) -> None:
        """Note that an object was to start, but did not begin."""
        self.dropped(delivery)
        self._spend(delivery, -1)

    def _spend(self, delivery: Delivery, objects: int) -> None:
        """Count 1 object at its first start, or -1 if it did not begin."""
        if _is_first(delivery):
            size = objects * delivery.event.object_size
            self._new_objects += objects
            self._new_bytes += size
            self._spent = self._spent.plus(objects, size)

    def ended(self, delivery: Delivery, ended: Success | Failure | Superseded, *, is_final: bool) -> None:
        """Note that a run is concluded; `is_final`: no other attempt of it follows."""
        trial = self._trials.pop(delivery.id, None)
        self._canaries.discard(delivery.id)
        if isinstance(ended, Superseded) or not is_final:
            return
        event = delivery.event
        has_failed = isinstance(ended, Failure)
        if isinstance(ended, Failure) and not counts_against(ended.stage, resources=ended.resources):
            return
        if trial is not None:
            if not has_failed:
                self._counts.setdefault(trial, _Count()).released = True
            return
        if isinstance(ended, Success) and ended.rest is not None:
            return  # the last part counts the object
        if self._percent(_lane(event)) and (handler := self._handler(event)):
            count = self._counts.setdefault((_lane(event), handler), _Count())
            count.tried += 1
            count.failed += has_failed

    def dropped(self, delivery: Delivery) -> None:
        """Note that a run came to no end: its object stays on its lane."""
        self._trials.pop(delivery.id, None)
        self._canaries.discard(delivery.id)

    def write(self, *, all_of_it: bool = False) -> None:
        """Write what was counted and may change a brake, and show the changes; `all_of_it`: also what started today.

        Raises StateError: then the next call writes it.
        """
        counts = {key: each for key, each in self._counts.items() if each.is_telling}
        if not (counts or self._started or (all_of_it and (self._new_objects or self._new_bytes))):
            return
        state, now = self._site.state, self._clock()
        with state.transaction():
            for (lane, handler), brake in self._started.items():
                # An operator may have resumed the lane meanwhile.
                if state.brakes.get(lane, handler).is_on:
                    state.brakes.put(brake)
            for (lane, handler), count in counts.items():
                before = state.brakes.get(lane, handler)
                state.brakes.put(self._after(before, count, now))
            if self._new_objects or self._new_bytes:
                spent = state.brakes.spent(day_of(now))
                state.brakes.put_spent(spent.plus(self._new_objects, self._new_bytes))
        for key in counts:
            del self._counts[key]
        self._started.clear()
        self._new_objects = self._new_bytes = 0
        self._read()

    def note_waiting(self, problems: list[str]) -> None:
        """Add a sentence for each pause because of which objects still wait at the end of the session."""
        lanes = self._site.state.lanes()
        for pause in self._shown.values():
            if waiting := lanes[pause.lane].waiting:
                problems.append(
                    f"lane {pause.lane}: {sentence(pause)}; {plural(waiting, 'object')} on it; "
                    f"'slips limit {pause.lane} --resume' lets all start"
                )

    # -- the state

    def _forget_removed(self) -> None:
        """Release the brakes of handlers that the config does not have: no object of theirs could end the pause."""
        brakes, names = self._site.state.brakes, {spec.name for spec in self._site.config.handlers}
        for brake in brakes.all():
            if brake.handler and brake.handler not in names:
                brakes.put(brake.released())

    def _after(self, before: Brake, count: _Count, now: float) -> Brake:
        if count.released:
            before = before.released()
        percent, code = self._percent(before.lane), self._code_of(before.handler)
        return before.counted(count.tried, count.failed, percent=percent, now=now, code=code)

    def _read(self) -> None:
        state, now, before, over = self._site.state, self._clock(), self._on.keys(), self._over
        stored = {(each.lane, each.handler): each for each in state.brakes.all() if each.is_on}
        # A handler that was reloaded is to be tried, until its canary is written.
        fresh = {key for key, brake in self._on.items() if brake.is_on and not brake.code}
        self._on = {
            key: msgspec.structs.replace(brake, code="") if key in fresh else brake for key, brake in stored.items()
        }
        self._budget = budget_of(self._site.config, state)
        self._spent = state.brakes.spent(day_of(now)).plus(self._new_objects, self._new_bytes)
        due = {key for key, brake in self._on.items() if self._is_due(brake)}
        self._has_opened |= bool(before - self._on.keys() or (over and not self._over))
        self._newly_due |= due - self._due
        self._due = due
        self._show(now)

    def _show(self, now: float) -> None:
        """Show the pauses that are new, and those that have ended."""
        spent = [budget_pause(lane, self._spent, self._budget, now) for lane in LANES]
        found = [*(brake.pause for brake in self._on.values()), *spent]
        pauses = {(each.lane, each.handler, each.cause): each for each in found if each is not None}
        for lane, handler, _ in [key for key in self._shown if key not in pauses]:
            rest = next((sentence(each) for each in pauses.values() if each.lane == lane), "")
            why = f"objects of {handler} start again" if handler else "objects start again"
            self._observer.resumed(lane, why, rest)
        for pause in [pause for key, pause in pauses.items() if key not in self._shown]:
            self._observer.paused(pause.lane, sentence(pause))
        self._shown = pauses

    # -- answers

    @property
    def _over(self) -> str | None:
        return self._spent.over(self._budget) if self._budget.is_limited else None

    def _is_due(self, brake: Brake) -> bool:
        return brake.is_due(self._clock(), self._code_of(brake.handler))

    def _may_try(self, brake: Brake) -> bool:
        key = (brake.lane, brake.handler)
        is_trying = any(self._trials[each] == key for each in self._canaries)
        return not is_trying and self._is_due(brake)

    def _is_asked(self, event: ObjectEvent) -> bool:
        """Whether an operator asked for this very object, by its name or by a drain."""
        return event.replay is not None or not self._pending.are_all_wanted

    def _percent(self, lane: Lane) -> int:
        return break_at(self._site.config, lane, self._default)

    def _handler(self, event: ObjectEvent) -> str:
        return self._site.code_of(event).handler

    def _code(self, event: ObjectEvent) -> str:
        return self._code_of(self._handler(event))

    def _code_of(self, handler: str) -> str:
        """Return the version of a handler with its config: if one of them changes, its objects are tried again."""
        if handler not in self._codes:
            self._codes[handler] = code_name(self._site.loader.version_of(handler), self._site.config)
        return self._codes[handler]


def _lane(event: ObjectEvent) -> Lane:
    return event.lane or LANES[0]


def _is_first(delivery: Delivery) -> bool:
    """Whether the next start of an object is its first one: a budget counts no other, and keeps no other."""
    return not (delivery.attempts or delivery.excused or is_rest(delivery.event))
