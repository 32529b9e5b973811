"""Counts what a service has done since its start: for its row in the state, and for metrics.

All are plain numbers, so that counting an object costs microseconds; `metrics` names them when somebody asks.
Only the supervisor's thread counts; other threads read.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct, field

from slips.config import Config
from slips.model import LANES, Lane, ObjectEvent, Outcome
from slips.operations import LaneCounts, ServiceCounts
from slips.pipeline.ended import Failure
from slips.routing import mapping_for
from slips.service.observer import Observer

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
"""Upper ends of the buckets in which objects are counted by the seconds of their run; a last bucket has no end."""
MOST_NAMES = 1_000
"""Most mappings, and most sources, that are counted apart: reloading the config for months must not fill the memory."""


class MappingName(NamedTuple):
    """A mapping as the config writes it, never a key: there is no end of keys."""

    bucket: str
    mapping: str
    """The prefix or pattern."""


OTHER = MappingName("(other)", "(other)")
"""The name of objects that no mapping fits, and of mappings beyond MOST_NAMES."""


class MappingCounts(Struct):
    """Concluded objects of one mapping, and the records of those that are done."""

    done: int = 0
    failed: int = 0
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0


class SourceCounts(Struct):
    """Objects that one source has announced: those put on a lane, and those that routing dropped."""

    arrived: int = 0
    dropped: int = 0


class Durations(Struct):
    """Seconds of runs, by bucket."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a run."""
        self.buckets[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds


class Counters(Observer):
    """Counts the steps of a session."""

    def __init__(
        self, config: Config, current: Callable[[], Config], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Count nothing yet. `current` returns the config of the moment, by whose mappings objects are counted."""
        self._current, self._clock = current, clock
        self.counts = ServiceCounts()
        self.durations: dict[Lane, Durations] = {lane: Durations() for lane in LANES}
        self.mappings: dict[MappingName, MappingCounts] = {}
        self.sources: dict[str, SourceCounts] = {}
        self.warnings = self.reloads = self.refused_reloads = 0
        self.pauses: dict[Lane, int] = dict.fromkeys(LANES, 0)
        self.paused_now: dict[Lane, str] = {}
        """The lanes that are paused, with the reasons."""
        self.troubles: dict[str, str] = {}
        """The sources, or the state, that cannot be used now, with the reasons."""
        self._begun: dict[tuple[str, str], float] = {}
        """When each object that is at work was given to its worker."""
        for bucket, mappings in config.bucket_mapping.items():
            for each in mappings:  # a series that is there from the start, as 0, lets `rate` see the first failure
                self._mapping(MappingName(bucket, each.written))

    @property
    def running(self) -> int:
        """The number of objects that are at work."""
        return len(self._begun)

    def given(self, event: ObjectEvent) -> None:
        self._begun[_object(event)] = self._clock()

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None:
        if outcome.filtered_by:
            self._run_ended(event)
            self._lane(event).filtered += 1
            return
        self._lane(event).done += 1
        self._mapping(self._name(event)).done += 1
        self.continued(event, outcome)

    def continued(self, event: ObjectEvent, outcome: Outcome) -> None:
        self._run_ended(event)
        counts, of_mapping = self.counts, self._mapping(self._name(event))
        counts.bytes += outcome.bytes_in
        counts.events += outcome.events
        for each in (counts, of_mapping):
            each.delivered += outcome.delivered
            each.filtered += outcome.filtered
            each.quarantined += outcome.quarantined

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        self._run_ended(event)
        if not final:
            self._lane(event).retried += 1
            return
        self._lane(event).failed += 1
        self._mapping(self._name(failure.event)).failed += 1
        self.counts.bytes += failure.outcome.bytes_in

    def ended(self, event: ObjectEvent, why: str) -> None:
        self._begun.pop(_object(event), None)
        self._lane(event).skipped += 1

    def warned(self, text: str) -> None:
        self.warnings += 1

    def arrived(self, source: str, pushed: int, dropped: int) -> None:
        if source not in self.sources and len(self.sources) >= MOST_NAMES:
            source = OTHER.mapping
        counts = self.sources.setdefault(source, SourceCounts())
        counts.arrived += pushed
        counts.dropped += dropped

    def troubled(self, where: str, why: str) -> None:
        self.troubles[where] = why

    def mended(self, where: str) -> None:
        self.troubles.pop(where, None)

    def reloaded(self, what: str) -> None:
        self.reloads += 1

    def not_reloaded(self, why: str) -> None:
        self.refused_reloads += 1

    def paused(self, lane: Lane, why: str) -> None:
        self.pauses[lane] += 1
        self.paused_now[lane] = why

    def resumed(self, lane: Lane, why: str, rest: str = "") -> None:
        self.paused_now.pop(lane, None)
        if rest:
            self.paused_now[lane] = rest

    def _run_ended(self, event: ObjectEvent) -> None:
        begun = self._begun.pop(_object(event), None)
        if begun is not None:
            self.durations[event.lane or LANES[0]].add(self._clock() - begun)

    def _lane(self, event: ObjectEvent) -> LaneCounts:
        return self.counts.lanes[event.lane or LANES[0]]

    def _name(self, event: ObjectEvent) -> MappingName:
        mapping = mapping_for(self._current().bucket_mapping, event.bucket_name, event.object_key)
        return OTHER if mapping is None else MappingName(event.bucket_name, mapping.written)

    def _mapping(self, name: MappingName) -> MappingCounts:
        if name not in self.mappings and len(self.mappings) >= MOST_NAMES:
            name = OTHER
        return self.mappings.setdefault(name, MappingCounts())


def _object(event: ObjectEvent) -> tuple[str, str]:
    return (event.bucket_name, event.object_key)
