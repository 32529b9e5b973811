"""The counts of a session, which `cli.run` prints."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from slips.model import ObjectEvent, Outcome, is_to_the_end

RESULTS_MEMORY = 48 * 2**20
"""Most bytes of memory for the results of a session: some 100,000 small ones, or 16 MB of empty dicts in lists."""


class Summary(Struct):
    """The counts of a session: `objects` tried, of which `failed` ended in the error table.

    Records and events are those of objects that are done; the records of failed objects stand apart. `bytes` are those
    of all objects that were read.
    """

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
    """Paths that could not be listed, and events that wait for a bucket's directory that is away, as sentences."""
    notes: list[str] = field(default_factory=list)
    """Sentences for people about a session in which no object failed for these reasons."""
    left_alone: int = 0
    """Objects that are not pending because they are in the error table."""
    rules: dict[str, int] = field(default_factory=dict)
    """Number of filtered records by the rule that filtered them."""
    filtered_objects: dict[str, int] = field(default_factory=dict)
    """Number of objects that are no logs, by the rule that filtered them. They are not among `objects`."""
    results_left_out: int = 0
    """Number of results that are not in `results`, which keeps the first ones within RESULTS_MEMORY."""
    failed_records: int = 0
    """Records that the last attempts of failed objects read. They do not count as delivered: they are read again."""
    replayed_records: int = 0
    """Records, among `records`, that an earlier session had quarantined, read again."""
    interrupted: bool = False
    """Whether Ctrl-C or SIGTERM ended the session before all objects were concluded."""

    @property
    def is_clean(self) -> bool:
        """Whether no object failed, no record was quarantined, and all directories were listed."""
        return not (self.failed or self.quarantined or self.problems)

    def add(self, event: ObjectEvent, outcome: Outcome, *, is_part: bool = False) -> None:
        """Add the counts of an object that is done, or of its records that were quarantined before.

        `is_part`: the object goes on behind these records in another run, which counts the object.
        """
        if rule := outcome.filtered_by:
            self.filtered_objects[rule] = self.filtered_objects.get(rule, 0) + 1
            return
        self.objects += not is_part
        self.records += outcome.records
        self.replayed_records += 0 if is_to_the_end(event.records) else outcome.records
        self.delivered += outcome.delivered
        self.filtered += outcome.filtered
        self.quarantined += outcome.quarantined
        self.events += outcome.events
        self.bytes += outcome.bytes_in
        for rule, count in outcome.rules.items():
            self.rules[rule] = self.rules.get(rule, 0) + count

    def add_failed(self, outcome: Outcome) -> None:
        """Add an object that failed, with the counts of its last attempt."""
        self.objects += 1
        self.failed += 1
        self.failed_records += outcome.records
        self.bytes += outcome.bytes_in

    def keep_results(self, url: str, outcome: Outcome, room: int) -> int:
        """Add the results of an object that fit into `room` bytes of memory, and return the bytes that they take."""
        used = 0
        if not room:
            self.results_left_out += len(outcome.results)
            return 0
        for name, result in outcome.results.items():
            memory = _memory_of(result) + len(url)
            if used + memory > room:
                self.results_left_out += 1
            else:
                used += memory
                self.results.append({"object": url, "handler": name, "result": result})
        return used


def _memory_of(result: Any) -> int:
    """Estimate the bytes of memory of a result in `results`: 400 for the entry, 50 for each comma and bracket."""
    text = msgspec.json.encode(result)
    return 400 + len(text) + 50 * (text.count(b",") + text.count(b"[") + text.count(b"{"))
