"""How a run is told to people: what it does as it goes, and what it came to."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from msgspec import Struct, field

from slips.model import ObjectEvent, Outcome
from slips.pipeline.ended import Failure

RESULTS_MEMORY = 48 * 2**20
"""Bytes that the results which a run shows may take: some 100,000 small ones, or 16 MB of empty objects in lists."""


class Summary(Struct):
    """What a run came to. `objects` were tried, of which `failed` ended in the error table; the record counters are
    those of their last attempts."""

    objects: int = 0
    failed: int = 0
    skipped: int = 0
    dropped: int = 0
    duplicates: int = 0
    records: int = 0
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0
    events: int = 0
    bytes: int = 0
    seconds: float = 0.0
    results: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What could not be listed, and how many events wait for a bucket's directory that is away."""
    notes: list[str] = field(default_factory=list)
    """Notes for people, though nothing failed."""
    left_alone: int = 0
    """Objects that are not pending because they are in the error table."""
    rules: dict[str, int] = field(default_factory=dict)
    """Filtered records by the rule that filtered them."""
    results_left_out: int = 0
    """How many are not in `results`, which keeps the first of them, within RESULTS_MEMORY."""

    @property
    def is_clean(self) -> bool:
        """Nothing failed, was quarantined, or could not be listed."""
        return not (self.failed or self.quarantined or self.problems)

    def add(self, outcome: Outcome) -> None:
        """Counts one object."""
        self.objects += 1
        self.records += outcome.records
        self.delivered += outcome.delivered
        self.filtered += outcome.filtered
        self.quarantined += outcome.quarantined
        self.events += outcome.events
        self.bytes += outcome.bytes_in
        for rule, count in outcome.rules.items():
            self.rules[rule] = self.rules.get(rule, 0) + count

    def keep_results(self, url: str, outcome: Outcome, room: int) -> int:
        """Adds an object's results as far as they take no more than `room` bytes of memory; gives what they take."""
        taken = 0
        for name, result in outcome.results.items():
            each = _memory_of(result) + len(url)
            if taken + each > room:
                self.results_left_out += 1
            else:
                taken += each
                self.results.append({"object": url, "handler": name, "result": result})
        return taken


def _memory_of(result: Any) -> int:
    """Bytes that a result takes in a list of them, roughly: 400 for the entry, 50 for each comma and bracket."""
    text = msgspec.json.encode(result)
    return 400 + len(text) + 50 * (text.count(b",") + text.count(b"[") + text.count(b"{"))


class Observer(Protocol):
    """Hears how a run goes, for people."""

    def started(self, objects: int, size: int) -> None:
        """So many events wait in the lanes, with so many stored bytes."""
        ...

    def progress(self, event: ObjectEvent, seq: int) -> None: ...

    def hashing(self, event: ObjectEvent, done: int) -> None:
        """Called with the number of bytes of a file that were read for its hash."""
        ...

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None: ...

    def failed(self, failure: Failure, attempt: int, final: bool) -> None: ...

    def ended(self, event: ObjectEvent, why: str) -> None:
        """Nothing was to be done: a duplicate."""
        ...

    def warned(self, text: str) -> None:
        """The run goes on, but not as it was asked to."""
        ...
