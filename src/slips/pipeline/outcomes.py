"""Counts how runs end, by lane and handler, for the brakes of a stack.

In: the ends of runs in this process. Out: counts in the ledger's table, and brakes that go on or off by these. A
process counts by itself until an object fails or WINDOW objects have ended, so that objects that succeed cost a write
for each WINDOW of them at most.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from slips.brakes import WINDOW, Brake, break_at, code_name, counts_against
from slips.model import LANES, ErrorItem, Lane, ObjectEvent
from slips.pipeline.ended import Failure, Success
from slips.pipeline.hold import CONTROLS_SECONDS, HoldingSite
from slips.pipeline.invocation import RunObserver


class _Ended(Struct):
    tried: int = 0
    failed: int = 0


class Outcomes:
    """The counts of one process."""

    def __init__(self, site: HoldingSite) -> None:
        self._site = site
        self._counts: dict[tuple[Lane, str], _Ended] = {}
        self._succeeded: set[tuple[Lane, str]] = set()
        """Handlers of which an object of this invocation succeeded."""
        self._begun = site.clock()
        self._looked: float | None = None
        self._on: set[tuple[Lane, str]] = set()
        """Lanes and handlers of the brakes that were on at the last look."""

    def begin(self) -> None:
        """Let an invocation begin: its objects are not those that were at work when a later pause began."""
        self._begun = self._site.clock()
        self._succeeded.clear()

    def add(self, event: ObjectEvent, *, has_failed: bool, is_part: bool = False) -> None:
        """Count an object that ended for good. `is_part`: it goes on in another run, which counts it."""
        key = (event.lane or LANES[0], self._site.code_of(event).handler)
        if not key[1] or not break_at(self._site.config, key[0]):
            return
        if not has_failed:
            self._succeeded.add(key)
        if not is_part:
            count = self._counts.setdefault(key, _Ended())
            count.tried += 1
            count.failed += has_failed

    def reported(self, item: ErrorItem) -> None:
        """Count the object of an error item that AWS gave up on."""
        if item.events and counts_against(item.stage) and item.stage not in ("dispatch", "push"):
            self.add(item.events[0], has_failed=True)

    def write(self) -> None:
        """Write what may change a brake. Raises StateError: then what was not written is written with the next."""
        self._release()
        for (lane, handler), count in list(self._counts.items()):
            if not count.failed and count.tried < WINDOW:
                continue
            now = self._site.clock()
            tried, failed = self._site.brakes.add(lane, handler, count.tried, count.failed, now)
            del self._counts[lane, handler]
            if tried < WINDOW:
                continue
            percent, code = break_at(self._site.config, lane), self._code(handler)
            brake = Brake(lane, handler).counted(tried, failed, percent=percent, now=now, code=code)
            if brake.is_on:
                self._site.brakes.begin(brake)
            self._site.brakes.reset(lane, handler, tried)

    def _release(self) -> None:
        """End the pauses of handlers of which an object succeeded that began later than the pause."""
        if not self._succeeded:
            return
        now = self._site.monotonic()
        # A brake that is younger than this has let no object start yet.
        is_fresh = self._looked is not None and now - self._looked < CONTROLS_SECONDS
        if is_fresh and not self._on & self._succeeded:
            return
        brakes = self._site.brakes.read().brakes
        self._looked, self._on = now, {(brake.lane, brake.handler) for brake in brakes}
        for brake in brakes:
            began_before = brake.since is not None and brake.since < self._begun
            if (brake.lane, brake.handler) in self._succeeded and began_before:
                self._site.brakes.replace(brake, brake.released())

    def _code(self, handler: str) -> str:
        return code_name(self._site.loader.version_of(handler), self._site.config)


class CountsRuns(Protocol):
    """Counts the ends of runs (see `Outcomes`)."""

    def add(self, event: ObjectEvent, *, has_failed: bool, is_part: bool = False) -> None: ...


class CountedRuns:
    """A RunObserver that counts for the brakes, and shows another observer all that it is shown."""

    def __init__(self, shown: RunObserver, outcomes: CountsRuns) -> None:
        self._shown, self._outcomes = shown, outcomes

    def succeeded(self, success: Success, items: int) -> None:
        self._outcomes.add(success.event, has_failed=False, is_part=success.rest is not None)
        self._shown.succeeded(success, items)

    def failed(self, failure: Failure, final: bool) -> None:
        if final and counts_against(failure.stage, resources=failure.resources):
            self._outcomes.add(failure.event, has_failed=True)
        self._shown.failed(failure, final)

    def passed_over(self, event: ObjectEvent, why: str) -> None:
        self._shown.passed_over(event, why)
