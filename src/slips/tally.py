"""The sums over a ledger: runs, records, events, and how many entries were concluded when."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field

from slips.ports import CONCLUDED, Finished, LedgerEntry


class HourCounts(Struct):
    """Ledger entries that were concluded within one hour."""

    concluded: int = 0
    failed: int = 0
    """The part of `concluded` that ended in the error table."""


class LedgerTally(Struct, kw_only=True):
    """The sums over a ledger. Records are those of runs that are over and did not fail, replays left out.

    A replay reads records again that the entry of its object has counted already.
    """

    runs: int = 0
    records: int = 0
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0
    events: int = 0
    bytes_in: int = 0
    unbalanced: int = 0
    """Runs whose counters do not add up: sums alone would hide two that cancel out."""
    recent: int = 0
    """Entries concluded since the time that `Operations.tally` was asked for."""
    hours: dict[int, HourCounts] = field(default_factory=dict)
    """By the number of the hour since the epoch."""

    def add(self, entry: LedgerEntry, recent: float) -> None:
        """Add a ledger entry. `recent` are the epoch seconds from which on an entry counts as recent."""
        if entry.status not in CONCLUDED or entry.status == "superseded":
            return
        hour = self.hours.setdefault(int(entry.updated_at // 3600), HourCounts())
        hour.concluded += 1
        hour.failed += entry.status == "failed"
        self.recent += entry.updated_at >= recent
        outcome = entry.outcome
        if outcome is None or entry.replay is not None or entry.status not in COUNTED:
            return
        self.runs += 1
        self.records += outcome.records
        self.delivered += outcome.delivered
        self.filtered += outcome.filtered
        self.quarantined += outcome.quarantined
        self.events += outcome.events
        self.bytes_in += outcome.bytes_in
        self.unbalanced += not outcome.balanced


COUNTED: tuple[Finished, ...] = ("done", "filtered", "part")
"""The states of the entries whose records count."""


def tallied(
    entries: Iterable[LedgerEntry], recent: float, progress: Callable[[int], None] = lambda _: None
) -> LedgerTally:
    """Sum up ledger entries, in flat memory, as `Operations.tally` does."""
    tally = LedgerTally()
    for number, entry in enumerate(entries, 1):
        if number % 1_000 == 0:
            progress(1_000)
        tally.add(entry, recent)
    return tally
