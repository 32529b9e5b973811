"""Runs a chain on the first records of a log, in memory, and keeps what the order of candidates depends on."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from slips.errors import SlipsError
from slips.format import Event
from slips.model import MetaData, ObjectEvent, Outcome
from slips.parsing.chain import compile_chain
from slips.parsing.run import Ticker
from slips.step import Step

if TYPE_CHECKING:
    from slips.parsing.run import Chain

RECORDS, FEW = 40, 8
"""Records on which each chain is tried, and those on which it is tried at first: most formats refuse these."""
_EARLIEST, _DAY = 631_152_000, 86_400
"""1990: no log is older; a day after the object, which a clock that is wrong may be ahead."""


class FirstRecords(Struct):
    """The outcome of the first records of a log."""

    steps: list[Step]
    records: int = 0
    filtered: int = 0
    bad: int = 0
    reason: str = ""
    """Of the first bad record, or of the error that ended the log."""
    ended: bool = False
    """Whether an error ended the log before all records that were wanted."""
    timed: int = 0
    """Events with a time of their own that is plausible."""
    metas: list[MetaData] = []
    events: list[Event] = []

    @property
    def parsed(self) -> float:
        """The share of the records of which an event came, or that a rule filtered: 0 to 1."""
        records = self.records + self.ended
        return max(0, self.records - self.bad) / records if records else 0.0

    @property
    def times(self) -> float:
        """The share of the events that have a plausible time of their own."""
        return self.timed / len(self.events) if self.events else float(self.filtered > 0)


class _Enough(Ticker):
    """Stops the loop behind a number of records."""

    due = True

    def __init__(self, records: int) -> None:
        self._records = records

    def tick(self, seq: int) -> bool:
        return seq >= self._records


def try_chain(
    steps: Sequence[Step],
    content: bytes,
    source: ObjectEvent,
    records: int,
    *,
    whole: bool,
    timezone: str | None = None,
) -> FirstRecords:
    """Run a chain on the first `records` of a log. If the content is not the `whole` log, it is cut off at its end.

    `timezone` is the zone of times that name none; without it, that is UTC.

    Raises nothing: whatever a parser raises is a reason.
    """
    trial = FirstRecords(list(steps))

    def recv(meta: MetaData, event: Any) -> None:
        trial.metas.append(meta)
        trial.events.append(event)
        trial.timed += meta.timestamp != source.timestamp and _EARLIEST <= meta.timestamp < latest

    def reject(_seq: int, _original: object, error: Exception) -> None:
        trial.bad += 1
        trial.reason = trial.reason or str(error)

    outcome, latest = Outcome(), max(source.timestamp, time.time()) + _DAY
    try:
        chain = _chain_of(steps) if timezone is None else compile_chain(steps, Path(), timezone=timezone, inline=False)
        chain.run(
            io.BufferedReader(io.BytesIO(content)),
            outcome,
            source=source,
            recv=recv,
            reject=reject,
            ticker=_Enough(records),
        )
    except (SlipsError, RecursionError) as error:
        trial.reason = trial.reason or str(error)
        trial.ended = whole
    trial.records, trial.filtered = outcome.records, outcome.filtered
    if not whole and trial.bad and outcome.records < records:  # the last record is cut off
        trial.bad -= 1
        trial.records -= 1
    return trial


def forget_chains() -> None:
    """Free the chains that were compiled: 12 MB, for a process that goes on with other work."""
    _catalogued.cache_clear()


def _chain_of(steps: Sequence[Step]) -> Chain:
    names = tuple(step for step in steps if isinstance(step, str) and "." not in step)
    if len(names) == len(steps):
        return _catalogued(names)
    return compile_chain(steps, Path(), inline=False)  # a file may change


@lru_cache(1024)
def _catalogued(names: tuple[str, ...]) -> Chain:
    """Compile a chain once: a log is tried on some 400, many of them twice, and to run one takes less time."""
    return compile_chain(names, Path(), inline=False)
