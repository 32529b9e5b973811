"""Decides when objects wait on their lanes: a handler fails, an operator pauses, a day's budget is spent. Pure.

In: counts of outcomes, the limits of the config, times as epoch seconds. Out: a Brake for each lane and handler, and a
Spent for each day, which a backend stores; a Pause for each reason why objects wait, which people see.

A brake counts the objects of one handler on one lane, so that other handlers go on. Of each WINDOW objects it counts
the failed ones: if they are as many as `break_at` says, the objects of that handler pause. After a while one of them is
tried, the canary: if it succeeds, all go on; if not, they wait twice as long. A handler that changed is tried at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Literal, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from slips.config import Config
from slips.config.schema import Limits
from slips.errors import MappingError, OverwrittenError, StorageError
from slips.model import ErrorItem, Lane, ObjectEvent, format_time, is_to_the_end
from slips.printable import plural

WINDOW = 20
"""Objects of a handler after which their failures are judged, and counted anew."""
BREAK_AT = 90
"""Percent of failed objects that pause a handler's objects in `slips up`, if the config does not say."""
CANARY_SECONDS = (60.0, 3600.0)
"""Seconds until the first canary. They double with each canary that fails, up to the last."""
DAY = 86_400
FAULTLESS = frozenset({StorageError.stage, MappingError.stage, OverwrittenError.stage})
"""Stages of failures that say nothing about a handler: no bytes came, or no mapping names a handler."""

Cause = Literal["failures", "operator", "objects_per_day", "bytes_per_day"]
Held = Literal["paused", "budget"]
HELD: frozenset[str] = frozenset({"paused", "budget"})
"""Stages of error items whose objects wait, and failed in nothing: the items of a stack that keep events of a lane."""


class Brake(Struct, frozen=True, omit_defaults=True):
    """The brake of a handler's objects on a lane, or of all objects of the lane, as it is stored."""

    lane: Lane
    handler: str = ""
    """The handler's path in the config; empty for all objects of the lane: only an operator pauses these."""
    tried: int = 0
    """Objects that ended since the last verdict; of a brake that is on, those that led to it."""
    failed: int = 0
    since: float | None = None
    """When the pause began; None: there is none."""
    reason: str = ""
    by: str = ""
    """The operator who paused; empty: slips itself."""
    code: str = ""
    """The version of handler and config that failed."""
    retry_at: float | None = None
    """When the next canary may run; None: an operator must resume."""
    canaries: int = 0
    """Canaries that failed."""

    @property
    def is_on(self) -> bool:
        """Whether objects wait."""
        return self.since is not None

    def counted(self, tried: int, failed: int, *, percent: int, now: float, code: str) -> Brake:
        """Return the brake after further objects ended, `failed` of them in failure; `percent` as in `break_at`."""
        if self.is_on:
            return self
        tried, failed = self.tried + tried, self.failed + failed
        if tried < WINDOW:
            return replace(self, tried=tried, failed=failed)
        if not percent or failed * 100 < percent * tried:
            return self.released()
        reason = f"{failed} of {plural(tried, 'object')} failed"
        retry_at = now + CANARY_SECONDS[0]
        return Brake(self.lane, self.handler, tried, failed, now, reason, code=code, retry_at=retry_at)

    def is_due(self, now: float, code: str) -> bool:
        """Whether one object may be tried now: the time has come, or the handler or the config changed."""
        if self.since is None or self.retry_at is None:
            return False
        # No canary waits longer than the last time: then the clock was set back.
        return not now < self.retry_at <= now + CANARY_SECONDS[1] or self.code != code

    def tried_again(self, now: float, code: str) -> Brake:
        """Return the brake when a canary starts: the next one waits, whatever becomes of this one."""
        first, last = CANARY_SECONDS
        wait = first if code != self.code else min(last, first * 2 ** min(self.canaries + 1, 32))
        canaries = 0 if code != self.code else self.canaries + 1
        return replace(self, code=code, canaries=canaries, retry_at=now + wait) if self.is_on else self

    def released(self) -> Brake:
        """Return the brake without a pause, and with nothing counted."""
        return Brake(self.lane, self.handler)

    @property
    def pause(self) -> Pause | None:
        """The pause that the brake stands for; None if there is none."""
        if self.since is None:
            return None
        cause: Cause = "failures" if self.handler else "operator"
        until = None if self.retry_at is None else format_time(self.retry_at)
        return Pause(self.lane, cause, format_time(self.since), self.reason, self.handler, until, self.by)


class Budget(Struct, frozen=True, omit_defaults=True):
    """The most that may start in a day; None: any number."""

    objects_per_day: int | None = None
    bytes_per_day: int | None = None

    @classmethod
    def of(cls, limits: Limits) -> Budget:
        """Return the budget of a config."""
        return cls(limits.objects_per_day, limits.bytes_per_day)

    @property
    def is_limited(self) -> bool:
        return self.objects_per_day is not None or self.bytes_per_day is not None


BUDGET_VARIABLES = {"objects_per_day": "SLIPS_OBJECTS_PER_DAY", "bytes_per_day": "SLIPS_BYTES_PER_DAY"}
"""Variables of the functions on AWS that have the budgets of the config."""


def budget_in(environment: Mapping[str, str]) -> Budget:
    """Return the budget that the variables of a function have."""
    known = {name: environment.get(variable) for name, variable in BUDGET_VARIABLES.items()}
    return Budget(**{name: int(value) for name, value in known.items() if value})


def variables_of(budget: Budget) -> dict[str, str]:
    """Return the variables for the budget of a config."""
    known = {variable: getattr(budget, name) for name, variable in BUDGET_VARIABLES.items()}
    return {variable: str(value) for variable, value in known.items() if value is not None}


class Spent(Struct, frozen=True, omit_defaults=True):
    """Counts of the objects that have started in a day (UTC)."""

    day: str
    """`2026-01-31`."""
    objects: int = 0
    bytes: int = 0
    """As stored."""
    granted: int = 0
    """How often an operator has let a whole budget more be spent on this day."""

    def over(self, budget: Budget) -> Cause | None:
        """Return the budget that is spent, so that no further object may start; None if there is none."""
        times = self.granted + 1
        if budget.objects_per_day is not None and self.objects >= times * budget.objects_per_day:
            return "objects_per_day"
        if budget.bytes_per_day is not None and self.bytes >= times * budget.bytes_per_day:
            return "bytes_per_day"
        return None

    def granted_again(self, budget: Budget) -> Spent:
        """Return it after an operator let as many budgets more be spent as let objects start again; none if they may.

        That is one, or several if more has started than the budget allows.
        """
        used = ((self.objects, budget.objects_per_day), (self.bytes, budget.bytes_per_day))
        return replace(self, granted=max(self.granted, *(0 if most is None else count // most for count, most in used)))

    def plus(self, objects: int, size: int) -> Spent:
        """Return it after further objects started."""
        return replace(self, objects=self.objects + objects, bytes=self.bytes + size)


class Pause(Struct, frozen=True, omit_defaults=True):
    """A reason why objects wait on a lane. Its JSON is in the outputs of `slips status` and `slips limit`."""

    lane: Lane
    cause: Cause
    since: str
    """RFC 3339; of a spent budget the beginning of the day."""
    reason: str
    handler: str = ""
    """The handler whose objects wait; empty: all objects of the lane do."""
    until: str | None = None
    """RFC 3339: when an object is tried again, or the next day begins; None: until an operator resumes the lane."""
    by: str = ""
    """The operator who paused the lane; empty: slips itself."""


Holder = tuple[Lane, str]
"""The brake of a handler on a lane, or (without a handler) the brake of the lane, or the budget."""


class Controls(Struct):
    """The state that a function must know before it starts objects."""

    brakes: list[Brake]
    """The brakes that are on."""
    budget: Budget | None = None
    """The budget that an operator set; None: the config's holds."""
    held: str = ""
    """A name of the latest events that a brake or a budget keeps in the error table; empty if there are none."""
    holders: frozenset[Holder] = frozenset()
    """Brakes and budgets that may keep held events in the error table; empty if a version before has noted them."""

    def brake(self, lane: Lane, handler: str) -> Brake | None:
        """Return the brake that keeps the objects of a handler on a lane; None if there is none."""
        found = {each.handler: each for each in self.brakes if each.lane == lane}
        return found.get("") or found.get(handler)


class SharedBrakes(Protocol):
    """Brakes that several functions share. Each method raises StateError if they cannot be read or written."""

    def read(self) -> Controls: ...

    def begin(self, brake: Brake) -> bool:
        """Put a brake on. Return False if the brake of that lane and handler is on already."""
        ...

    def replace(self, before: Brake, after: Brake) -> bool:
        """Change a brake that is on, or take it off. Return False if it is another one by now."""
        ...

    def note_held(self, holders: Collection[Holder]) -> None:
        """Note that the error table has further held events, and what holds them back."""
        ...

    def keep_held(self, before: Controls, holders: Collection[Holder]) -> None:
        """Note what holds all events of the error table back, unless further ones were noted since `before` was read.

        Nothing: the table has none.
        """
        ...

    def add(self, lane: Lane, handler: str, tried: int, failed: int, now: float) -> tuple[int, int]:
        """Add to the counts of a handler on a lane. Return the new counts: objects that ended, and that failed."""
        ...

    def reset(self, lane: Lane, handler: str, tried: int) -> None:
        """Count from the beginning, if there are still so many."""
        ...

    def spent(self, day: str) -> Spent:
        """Return the counts of a day."""
        ...

    def spend(self, day: str, objects: int, size: int, now: float, *, granted: int = 0) -> Spent:
        """Add to the counts of a day, and return the sums."""
        ...


def is_rest(event: ObjectEvent) -> bool:
    """Whether an event continues an object whose first part has started already: no budget counts it again."""
    return event.records is not None and event.replay is None and is_to_the_end(event.records)


def is_held(item: ErrorItem) -> bool:
    """Whether an item only keeps events that wait: they go back as they were, and are no replays."""
    return item.stage in HELD


def code_name(version: str, config: Config) -> str:
    """Return a name of a handler's version and the config: if one of them changes, its objects are tried again."""
    # `slips up` runs with a time limit that `slips run` has not.
    plain = replace(config, handler=replace(config.handler, timeout=None))
    return f"{version} {blake2b(msgspec.json.encode(plain), digest_size=8).hexdigest()}"


def day_of(now: float) -> str:
    """Return the day (UTC) of a time: `2026-01-31`."""
    return format_time(now)[:10]


def next_day(now: float) -> float:
    """Return the time at which the next day (UTC) begins."""
    return (now // DAY + 1) * DAY


def budget_pause(lane: Lane, spent: Spent, budget: Budget, now: float) -> Pause | None:
    """Return the pause of a lane by a spent budget; None if there is none."""
    cause = spent.over(budget)
    if cause is None:
        return None
    used = plural(spent.objects, "object") if cause == "objects_per_day" else plural(spent.bytes, "byte")
    most: int = getattr(budget, cause) * (spent.granted + 1)
    reason = f"{used} started today, 'limits.{cause}' allows {most:,}"
    return Pause(lane, cause, format_time(now // DAY * DAY), reason, until=format_time(next_day(now)))


def counts_against(stage: str, *, resources: bool = False) -> bool:
    """Whether a failed object counts against its handler. `resources`: its process lacked memory or was damaged."""
    return stage not in FAULTLESS and not resources


def break_at(config: Config, lane: Lane, default: int = 0) -> int:
    """Return the percent of failures that pause a handler's objects on a lane; 0: none do."""
    percent: int | None = getattr(config.backend.lane, lane).break_at
    return default if percent is None else percent


def sentence(pause: Pause) -> str:
    """Return a pause in words, behind the name of its lane: "paused for handler.py: 20 of 20 objects failed"."""
    whose = f" for objects of {pause.handler}" if pause.handler else ""
    by = f" by {pause.by}" if pause.by else ""
    reason = f": {pause.reason}" if pause.reason else ""
    return f"paused{whose}{by}{reason}"
