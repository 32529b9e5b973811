"""Main func: a batch of object events, each its own run, concluded in the error table, the ledger and the lanes.

Each step may be done twice and none undoes another, so that an invocation which dies anywhere is made good by the next:
quarantine and continuation are written before the ledger says that the event is done.

An event that announces one content and finds another, or finds it under the unquoted key, settles what it read: that
content is claimed by itself, and the announced one ends as superseded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from msgspec import Struct, field

from slips.config import Route
from slips.errors import NoProgressError, StateError, StreamError, UnfinishedError
from slips.exceptions import describe
from slips.loop import Ticker
from slips.model import ObjectEvent, Outcome
from slips.pipeline.ended import Failure, Success, Superseded, by_itself
from slips.pipeline.items import report_failure, report_quarantine, run_ids
from slips.pipeline.process import Processor
from slips.pipeline.report import listed, take_back
from slips.ports import Claim, ErrorTable, SharedLedger, Stream
from slips.routing import lane_for

LEAST_MARGIN, MOST_MARGIN = 1.0, 60.0
"""Seconds kept for `result`, the quarantine and the lane before the limit: a tenth of the time, within these; a third
of it where that is less."""


class Deadline(Ticker):
    """Stops a run at a record boundary while there is still time to conclude it. `seconds` are left in all."""

    def __init__(self, seconds: float) -> None:
        margin = min(MOST_MARGIN, max(seconds / 10, min(LEAST_MARGIN, seconds / 3)))
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


class RunObserver(Protocol):
    """Told what became of each object event."""

    def succeeded(self, success: Success, items: int) -> None:
        """It is done, or a part of it is; `items` went to the error table for its bad records."""
        ...

    def failed(self, failure: Failure, final: bool) -> None: ...

    def passed_over(self, event: ObjectEvent, why: str) -> None:
        """`done` or `claimed`: a duplicate; `superseded`: what is there now is done or claimed by another event;
        `sent back`: to its lane, as the time is up."""
        ...


class BatchResult(Struct):
    """What became of a batch."""

    succeeded: int = 0
    failed: int = 0
    """Reported in the error table."""
    duplicates: int = 0
    superseded: int = 0
    """Overwritten before they were read, by what is done or in other hands."""
    sent_back: int = 0
    unfinished: list[str] = field(default_factory=list)
    """Why events are not finished that another attempt may finish."""

    @contextmanager
    def trying(self, event: ObjectEvent) -> Iterator[None]:
        """What a backend refuses for one event is told, and costs no other event anything."""
        try:
            yield
        except (StateError, StreamError) as error:
            self.unfinished.append(f"{event.url}: {error}")
        except Exception as error:  # noqa: BLE001 - it must not cost the others anything
            self.unfinished.append(f"{event.url}: {describe(error)}; this is a bug of slips, please report it")


def run_batch(
    events: Sequence[ObjectEvent],
    request_id: str,
    *,
    processor: Processor,
    ledger: SharedLedger,
    errors: ErrorTable,
    stream: Stream,
    deadline: Ticker,
    observer: RunObserver,
    routing: Sequence[Route] = (),
    code_version: str = "",
    clock: Callable[[], float] = time.time,
) -> BatchResult:
    """Every event is tried, whatever becomes of the others. Raises UnfinishedError if another attempt may help some.

    `routing` is asked again about objects whose keys turn out to be others than those that the events announced.
    """
    done = BatchResult()
    run = _Invocation(processor, ledger, errors, stream, deadline, observer, routing, code_version, clock, done)
    suspects: list[tuple[ObjectEvent, str]] = []
    begun = 0
    for number, (event, run_id) in enumerate(zip(events, run_ids(request_id, len(events)), strict=True)):
        with done.trying(event):
            claim = ledger.claim(event, run_id)
            if claim in ("done", "claimed"):
                observer.passed_over(event, claim)
                done.duplicates += 1
            elif claim == "again" and (rest := run.rest_of(event)) is not None:
                run.send_rest(event, *rest)
            elif (deadline.due or processor.is_spent) and number:
                run.send_back(event, run_id, again=claim == "again")
            elif claim == "again" and len(events) > 1:
                suspects.append((event, run_id))
            else:
                run.attempt(event, run_id, again=claim == "again", first=not begun)
                begun += 1
    # One of these may have taken the invocation down before: they come last, to cost the others nothing.
    for number, (event, run_id) in enumerate(suspects):
        with done.trying(event):
            if processor.is_spent and begun:
                done.unfinished.append(f"{event.url}: an object before it left the process unfit for another")
            elif deadline.due and number:
                done.unfinished.append(f"{event.url}: no time was left for it")
            else:
                run.attempt(event, run_id, again=True, first=not begun)
                begun += 1
    if done.unfinished:
        raise UnfinishedError(f"{len(done.unfinished)} of {len(events)} object events: {listed(done.unfinished)}")
    return done


class _Invocation:
    """What is done with one event, over the ports of an invocation."""

    def __init__(
        self,
        processor: Processor,
        ledger: SharedLedger,
        errors: ErrorTable,
        stream: Stream,
        deadline: Ticker,
        observer: RunObserver,
        routing: Sequence[Route],
        code_version: str,
        clock: Callable[[], float],
        done: BatchResult,
    ) -> None:
        self._processor, self._ledger, self._errors, self._stream = processor, ledger, errors, stream
        self._deadline, self._observer, self._code_version, self._clock = deadline, observer, code_version, clock
        self._routing, self._done = routing, done

    def send_back(self, event: ObjectEvent, run_id: str, *, again: bool) -> None:
        """The event goes to its lane again, not begun; whoever gets it there must not take it for a duplicate."""
        if again:
            take_back(self._errors, run_id, 1)
        self._ledger.release(event, run_id)
        self._stream.put(event.lane or "fast", [event])
        self._observer.passed_over(event, "sent back")
        self._done.sent_back += 1

    def attempt(self, event: ObjectEvent, run_id: str, *, again: bool, first: bool) -> None:
        """The event, claimed, through the processor; and its end. `again`: an attempt before may have left items."""
        if again:
            self._let_go(event, run_id)
        claims: list[Claim] = []

        def admit(found: ObjectEvent, _names: tuple[str, ...]) -> bool:
            """Whether the content that is there instead of the announced one is this run's to process."""
            read = by_itself(found)
            self._ledger.reading(event, read)
            claims.append(self._ledger.claim(read, run_id))
            if found.object_key != event.object_key and lane_for(self._routing, found) == "drop":
                if claims[0] in ("new", "again"):
                    self._ledger.drop(read)
                return False
            return claims[0] == "new" or (claims[0] == "again" and self.rest_of(read) is None)

        ended = self._processor.process(event, self._deadline, admit)
        read = by_itself(ended.event) if claims else event
        again = again or claims == ["again"]
        if isinstance(ended, Superseded):
            if claims == ["again"] and (rest := self.rest_of(read)) is not None:
                self.send_rest(read, *rest)
            else:
                self._observer.passed_over(event, "superseded")
                self._done.superseded += 1
        elif isinstance(ended, Success):
            self._conclude(read, run_id, ended, again)
        elif ended.error_type == NoProgressError.__name__ and not first:
            if claims:
                self._let_go(event, run_id)
            self.send_back(event, run_id, again=again)  # others used the time: alone it may get further
            return
        elif ended.retryable:
            self._keep(read, run_id, ended)
            return
        else:
            self._fail(read, run_id, ended, again)
        if read is not event:
            self._ledger.supersede(event)

    def _let_go(self, event: ObjectEvent, run_id: str) -> None:
        """Gives back the claim on what was read instead of the announced content: the next attempt may find other."""
        known = self._ledger.get(event)
        if known is not None and known.read is not None:
            self._ledger.release(known.read, run_id)
            self._ledger.reading(event, None)

    def rest_of(self, event: ObjectEvent) -> tuple[ObjectEvent, Outcome] | None:
        """What an attempt before has left to send, and what it had come to."""
        known = self._ledger.get(event)
        return (known.rest, known.outcome or Outcome()) if known is not None and known.rest is not None else None

    def send_rest(self, event: ObjectEvent, rest: ObjectEvent, outcome: Outcome) -> None:
        """The part is concluded; its continuation goes to the lane. Sent twice it is one entry of the ledger."""
        self._stream.put(event.lane or "fast", [rest])
        self._ledger.finish(event, outcome, "part")
        self._done.succeeded += 1

    def _conclude(self, event: ObjectEvent, run_id: str, success: Success, again: bool) -> None:
        """Bad records to the error table, the rest to the lane, and the ledger last."""
        items = 0
        for item in report_quarantine(success, run_id, 1, self._clock(), self._code_version):
            self._errors.put(item)
            items += 1
        if again:
            # An attempt that came further had more of them: their records are read again, by the rest.
            take_back(self._errors, run_id, items + 1)
        if success.rest is None:
            self._ledger.finish(event, success.outcome)
            self._done.succeeded += 1
        else:
            # From here on no attempt runs this part again: it might stop elsewhere, and two rests would overlap.
            self._ledger.stopped(event, success.rest, success.outcome)
            self.send_rest(event, success.rest, success.outcome)
        self._observer.succeeded(success, items)

    def _keep(self, event: ObjectEvent, run_id: str, failure: Failure) -> None:
        """The cause of a failure that may pass, to the ledger, should no attempt help."""
        item = report_failure(failure, run_id, 1, self._clock(), self._code_version)
        self._ledger.attempted(event, item)
        self._done.unfinished.append(failure.message)
        self._observer.failed(failure, final=False)

    def _fail(self, event: ObjectEvent, run_id: str, failure: Failure, again: bool) -> None:
        """A final failure to the error table."""
        self._errors.put(report_failure(failure, run_id, 1, self._clock(), self._code_version))
        if again:
            take_back(self._errors, run_id, 2)
        self._ledger.fail(event, failure.outcome, run_id)
        self._done.failed += 1
        self._observer.failed(failure, final=True)
