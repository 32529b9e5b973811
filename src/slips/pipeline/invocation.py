"""Main func: a batch of object events, each its own run, concluded in the error table, the ledger and the lanes.

Each step may be done twice and none undoes another, so that an invocation which dies anywhere is made good by the next:
quarantine and continuation are written before the ledger says that the event is done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct, field

from slips.chain import Ticker
from slips.errors import NoProgressError, StateError, StreamError, UnfinishedError
from slips.model import ErrorItem, ObjectEvent
from slips.pipeline.process import Failure, Processor, Success
from slips.pipeline.report import listed, report_failure, report_quarantine, run_ids
from slips.ports import ErrorTable, SharedLedger, Stream

LEAST_MARGIN, MOST_MARGIN = 1.0, 60.0
"""Seconds kept for `result`, the quarantine and the lane before the limit: a tenth of the time, within these."""


class Deadline(Ticker):
    """Stops a run at a record boundary while there is still time to conclude it. `seconds` are left in all."""

    def __init__(self, seconds: float) -> None:
        margin = min(MOST_MARGIN, max(LEAST_MARGIN, seconds / 10))
        self._timer = threading.Timer(max(0.0, seconds - margin), self._ring)
        self._timer.daemon = True
        self._timer.start()

    def tick(self, _seq: int) -> bool:
        return True

    def passed(self, seq: int) -> None:
        raise NoProgressError(
            f"no progress: the time limit came at record {seq}, before those to be processed; expected more time; "
            "raise 'handler.timeout' or 'handler.memory_size'"
        )

    def cancel(self) -> None:
        """It is not needed any more."""
        self._timer.cancel()

    def _ring(self) -> None:
        self.due = True


class Observer(Protocol):
    """Told what became of each object event."""

    def succeeded(self, success: Success, items: int) -> None:
        """It is done, or a part of it is; `items` went to the error table for its bad records."""
        ...

    def failed(self, failure: Failure, final: bool) -> None: ...

    def passed_over(self, event: ObjectEvent, why: str) -> None:
        """`done` or `claimed`: a duplicate; `sent back`: to its lane, as the time is up."""
        ...


class Batch(Struct):
    """What became of a batch."""

    succeeded: int = 0
    failed: int = 0
    """Reported in the error table."""
    duplicates: int = 0
    sent_back: int = 0
    unfinished: list[str] = field(default_factory=list)
    """Why events are not finished that another attempt may finish."""


def run_batch(
    events: Sequence[ObjectEvent],
    request_id: str,
    *,
    processor: Processor,
    ledger: SharedLedger,
    errors: ErrorTable,
    stream: Stream,
    deadline: Ticker,
    observer: Observer,
    code_version: str = "",
    clock: Callable[[], float] = time.time,
) -> Batch:
    """Every event is tried, whatever becomes of the others. Raises UnfinishedError if another attempt may help some."""
    done = Batch()
    for event, run_id in zip(events, run_ids(request_id, len(events)), strict=True):
        run = _Run(event, run_id, ledger, errors, stream, observer, code_version, clock)
        try:
            if deadline.due and event is not events[0]:
                run.send_back()
                done.sent_back += 1
            elif (claim := ledger.claim(event, run_id)) != "new":
                observer.passed_over(event, claim)
                done.duplicates += 1
            elif isinstance(ended := processor.process(event, deadline), Success):
                run.conclude(ended)
                done.succeeded += 1
            elif run.is_reported(ended):
                done.failed += 1
            else:
                done.unfinished.append(ended.message)
        except (StateError, StreamError) as error:
            done.unfinished.append(f"{event.url}: {error}")
    if done.unfinished:
        raise UnfinishedError(f"{len(done.unfinished)} of {len(events)} object events: {listed(done.unfinished)}")
    return done


class _Run:
    """The end of one event's run."""

    def __init__(
        self,
        event: ObjectEvent,
        run_id: str,
        ledger: SharedLedger,
        errors: ErrorTable,
        stream: Stream,
        observer: Observer,
        code_version: str,
        clock: Callable[[], float],
    ) -> None:
        self._event, self._run_id = event, run_id
        self._ledger, self._errors, self._stream = ledger, errors, stream
        self._observer, self._code_version, self._clock = observer, code_version, clock

    def send_back(self) -> None:
        """The event goes to its lane again, not begun; whoever gets it there must not take it for a duplicate."""
        self._ledger.release(self._event, self._run_id)
        self._stream.put(self._event.lane or "fast", [self._event])
        self._observer.passed_over(self._event, "sent back")

    def conclude(self, success: Success) -> None:
        """Bad records to the error table, the rest to the lane, and the ledger last."""
        items = 0
        for item in report_quarantine(success, self._run_id, 1, self._clock(), self._code_version):
            self._errors.put(item)
            items += 1
        if success.rest is not None:
            self._stream.put(self._event.lane or "fast", [success.rest])
        self._ledger.finish(self._event, success.outcome, "done" if success.rest is None else "part")
        self._observer.succeeded(success, items)

    def is_reported(self, failure: Failure) -> bool:
        """Whether the failure is final. Else the ledger keeps it for the reporter, should no attempt help."""
        item: ErrorItem = report_failure(failure, self._run_id, 1, self._clock(), self._code_version)
        if failure.retryable:
            self._ledger.attempted(self._event, item)
        else:
            self._errors.put(item)
            self._ledger.fail(self._event, failure.outcome, self._run_id)
        self._observer.failed(failure, not failure.retryable)
        return not failure.retryable
