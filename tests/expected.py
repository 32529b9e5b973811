"""The rules that a model holds each backend to: what may become of content, and which objects may start or wait.

They know no backend. `test_model` tells the stories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct, field

from slips.brakes import Pause, day_of, is_rest
from slips.model import LANES, Lane, ObjectEvent, format_time
from worlds import WINDOW, Clock, Version

State = Literal["unknown", "waiting", "done", "failed", "dismissed", "dropped", "lost"]
OF_HANDLERS = ("handler", "decompression")
"""Stages at which the objects of a story fail, and that count for a handler's brake."""


class Model(Struct):
    """The truths about the present content of each key. It knows no backend."""

    settles_dismissed: bool
    present: dict[str, Version] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    """The state of each version that is or was present."""
    excused: set[int] = field(default_factory=set)
    """Versions that some run may have failed."""
    announced: set[int] = field(default_factory=set)
    dismissed: set[int] = field(default_factory=set)
    """Versions of which an operator has dismissed an item that stopped them."""

    def put(self, version: Version) -> None:
        self.present[version.key] = version
        if version.content == "damaged":
            self.excused.add(version.number)

    def after_a_run(self, version: Version, *, is_down: bool) -> State:
        return "failed" if version.content == "damaged" or is_down else "done"

    def allows(self, version: Version, now: State) -> bool:
        """Whether the backend may have brought a version to a state by itself, or by a fault that it must endure."""
        before = self.states[version.number]
        if now == before:
            return True
        allowed: dict[State, set[State]] = {
            "unknown": {"waiting", "done", "failed", "dropped"},
            "waiting": {"done", "failed", "dropped", "dismissed"},
            "done": set(),
            "failed": {"waiting", "done"},
            "dismissed": set() if self.settles_dismissed else {"waiting", "done", "failed"},
            "dropped": set(),
            "lost": set(),
        }
        if (now == "failed" and version.number not in self.excused) or (
            now == "dismissed" and version.number not in self.dismissed
        ):
            return False
        return now in allowed[before]


class Brakes:
    """The rules of pauses and budgets: a Watch, which fails at an object that may not start."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.paused: set[Lane] = set()
        """The lanes that an operator has paused."""
        self.budget: int | None = None
        self.granted = 0
        """How often an operator let a whole budget more be spent on this day."""
        self.day = ""
        self.known: set[tuple[str, ...]] = set()
        """The events whose objects have started: no further attempt of one is a start."""
        self.started = 0
        """Number of objects that have started on this day while there was a budget."""
        self.is_exact = True
        """Whether no process has died on this day before it wrote what had started."""
        self.is_blind = False
        """Whether processes need not know yet what an operator did."""
        self.canaries: set[Pause] = set()
        """The pauses by failures, as they were shown, for which the time of a canary had come that has started."""
        self.changed: set[Lane] = set()
        """The lanes whose handler or config has changed, so that an object may be tried at once."""
        self.next_canaries: dict[tuple[Lane, str], str | None] = {}
        """When the next canary of each pause by failures may start, by the lane and the beginning of the pause."""
        self.tried: set[Lane] = set()
        """The lanes of which an object that is no replay may have started since the last check."""
        self.failed: Counter[Lane] = Counter()
        """How many objects of each lane have failed since one of it succeeded."""

    def starts(self, event: ObjectEvent, pauses: Sequence[Pause]) -> None:
        lane = event.lane or LANES[0]
        if event.replay is None:
            self.tried.add(lane)
        if self.is_blind:
            return
        assert lane not in self.paused, f"{event} starts on a lane that is paused"
        self._spend(event)
        for pause in pauses:
            if (pause.lane, pause.cause) == (lane, "failures") and event.replay is None:
                if self._is_due(pause):
                    assert pause not in self.canaries, f"{event} starts beside the canary of {pause}"
                    self.canaries.add(pause)
                else:
                    assert lane in self.changed, f"{event} starts too early: {pause}"
                    self.changed.discard(lane)

    def _spend(self, event: ObjectEvent) -> None:
        if day_of(self.clock()) != self.day:
            self.day, self.granted, self.is_exact, self.started = day_of(self.clock()), 0, True, 0
        name = (event.object_key, event.identity, event.replay or "", str(event.records))
        is_first = name not in self.known and not is_rest(event)
        self.known.add(name)
        if self.budget is not None and self.is_exact and is_first:
            self.started += 1
            most = self.budget * (1 + self.granted)
            assert self.started <= most, f"{event} starts beyond a budget of {most}"

    def ends(self, lane: Lane, stage: str) -> None:
        if not stage:
            self.failed[lane] = 0
        elif stage in OF_HANDLERS:
            self.failed[lane] += 1

    def forget(self, lanes: Iterable[Lane] = LANES) -> None:
        """Expect nothing of what was counted and tried: an operator has resumed lanes, or the code has changed."""
        for lane in lanes:
            self.canaries = {each for each in self.canaries if each.lane != lane}
            del self.failed[lane]

    def die(self) -> None:
        """Let a process die: what it had only counted is forgotten, and a canary that it chose may not have started."""
        self.is_exact = False
        self.tried |= set(LANES)
        self.forget()

    def check(self, pauses: Sequence[Pause]) -> None:
        """Check that what fails on and on pauses, and that only a canary puts the next canary off."""
        next_canaries = {(each.lane, each.since): each.until for each in pauses if each.cause == "failures"}
        for (lane, since), until in next_canaries.items():
            before = self.next_canaries.get((lane, since), until)
            assert until == before or lane in self.tried, f"the canary of {lane} at {before} was used up by a replay"
        self.next_canaries = next_canaries
        self.tried.clear()
        for lane in LANES:
            if any((each.lane, each.cause) == (lane, "failures") for each in pauses):
                self.failed[lane] = 0
            assert self.failed[lane] < 2 * WINDOW, f"{self.failed[lane]} objects of {lane} failed, and it goes on"

    def check_waits(self, events: Iterable[ObjectEvent], pauses: Sequence[Pause]) -> None:
        """Check that each of these events, with which the backend does nothing, has a reason to wait."""
        for event in events:
            reasons = [each for each in pauses if each.lane == (event.lane or LANES[0])]
            assert any(self._holds(each, event) for each in reasons), f"{event} waits for nothing: {pauses}"

    def _holds(self, pause: Pause, event: ObjectEvent) -> bool:
        match pause.cause:
            case "operator":
                return pause.lane in self.paused
            case "failures":
                return event.replay is None and not self._is_due(pause)
            case _:
                return not is_rest(event)

    def _is_due(self, pause: Pause) -> bool:
        return pause.until is not None and pause.until <= format_time(self.clock())
