"""The main func: claims, processes and concludes each object event of a batch, as a run of its own.

To claim an event is to write into the ledger that this invocation runs it, so that no other does meanwhile. To conclude
it is to write the consequences of its run, so that it needs no further delivery.

If a run reads other content than its event announces, or reads it under the unquoted key, the run claims and concludes
the content that it read, and the announced content ends as superseded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from msgspec import Struct, field

from slips.errors import NoProgressError, StateError, StreamError, UnfinishedError, joined
from slips.exceptions import describe
from slips.model import ObjectEvent, Outcome
from slips.parsing.run import Ticker
from slips.pipeline.conclude import Conclusion, conclude, concluded_event, discard_left, judge, take_back, write
from slips.pipeline.ended import Failure, Success, Superseded, by_itself
from slips.pipeline.items import report_failure, run_ids
from slips.pipeline.process import Processor
from slips.ports import Claim
from slips.printable import plural
from slips.routing import lane_again, lane_for
from slips.site.protocols import SharedSite

LEAST_MARGIN, MOST_MARGIN = 1.0, 60.0
"""Bounds of the seconds kept before the time limit, for `result`, the quarantine and the lane: a tenth of the time; of
very short times a third."""


class Deadline(Ticker):
    """Stops a run at a record boundary while there is time to conclude it. `seconds` are left in all."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        margin = min(MOST_MARGIN, max(seconds / 10, min(LEAST_MARGIN, seconds / 3)))
        self._timer = threading.Timer(max(0.0, seconds - margin), self._ring)
        self._timer.daemon = True
        self._timer.start()

    def tick(self, _seq: int) -> bool:
        return True

    def passed(self, seq: int) -> None:
        raise NoProgressError.at(seq)

    def cancel(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    def _ring(self) -> None:
        self.due = True


class RunObserver(Protocol):
    """Shows the end of each object event's run."""

    def succeeded(self, success: Success, items: int) -> None:
        """Show that an object, or a part of it, is done. `items` counts the error items of its bad records."""
        ...

    def failed(self, failure: Failure, final: bool) -> None: ...

    def passed_over(self, event: ObjectEvent, why: str) -> None:
        """Show that an event was not run. `done` or `claimed`: it is a duplicate; `superseded`: the present content is
        done, or claimed by another event; `sent back`: it is on its lane again, as the time was up.
        """
        ...


class BatchResult(Struct):
    """The counts of a batch of object events."""

    succeeded: int = 0
    failed: int = 0
    """Events with an error item."""
    duplicates: int = 0
    superseded: int = 0
    """Events whose object was overwritten before it was read, by content that is done or claimed by another event."""
    sent_back: int = 0
    unfinished: list[str] = field(default_factory=list)
    """The reasons of unfinished events, which another attempt may finish."""

    @contextmanager
    def trying(self, event: ObjectEvent) -> Iterator[None]:
        """Add an error of this block to `unfinished`, so that the event's failure costs no other event anything."""
        try:
            yield
        except (StateError, StreamError) as error:
            self.unfinished.append(f"{event.url}: {error}")
        except Exception as error:  # noqa: BLE001 - must not cost the other events anything
            self.unfinished.append(f"{event.url}: {describe(error)}; this is a bug of slips, please report it")


def run_batch(
    events: Sequence[ObjectEvent],
    request_id: str,
    site: SharedSite,
    *,
    processor: Processor,
    deadline: Ticker,
    observer: RunObserver,
) -> BatchResult:
    """Run every event, also after one failed. Raises UnfinishedError if another attempt may finish some events.

    Meanwhile the objects of the next events are fetched.
    """
    with processor.expecting(events if len(events) > 1 else ()):
        return _run_all(events, request_id, site, processor=processor, deadline=deadline, observer=observer)


def _run_all(
    events: Sequence[ObjectEvent],
    request_id: str,
    site: SharedSite,
    *,
    processor: Processor,
    deadline: Ticker,
    observer: RunObserver,
) -> BatchResult:
    done = BatchResult()
    run = _Invocation(site, processor, deadline, observer, done)
    suspects: list[tuple[ObjectEvent, str]] = []
    suspected: set[str] = set()
    begun = 0
    for number, (event, run_id) in enumerate(_in_order(events, request_id, site, suspected)):
        with done.trying(event):
            claim = run.claim(event, run_id)
            if claim in ("done", "claimed"):
                observer.passed_over(event, claim)
                done.duplicates += 1
            elif claim == "again" and (stopped := run.stopped(event, event, run_id)) is not None:
                run.conclude(stopped)
            elif (deadline.due or processor.is_spent) and number:
                run.send_back(event, run_id, again=claim == "again")
            elif claim == "again" and len(events) > 1:
                suspects.append((event, run_id))
                suspected.add(site.code_of(event).handler)
            else:
                run.attempt(event, run_id, again=claim == "again", alone=not begun)
                begun += 1
    # One of these events may have ended an earlier invocation. They run last, behind the other events.
    for number, (event, run_id) in enumerate(suspects):
        with done.trying(event):
            if processor.is_spent and begun:
                done.unfinished.append(f"{event.url}: an object before it left the process unfit for another")
            elif deadline.due and number:
                done.unfinished.append(f"{event.url}: no time was left for it")
            else:
                run.attempt(event, run_id, again=True, alone=not begun)
                begun += 1
    if done.unfinished:
        raise UnfinishedError(
            f"{len(done.unfinished)} of {plural(len(events), 'object event')}: {joined(done.unfinished)}"
        )
    return done


def _in_order(
    events: Sequence[ObjectEvent], request_id: str, site: SharedSite, suspected: set[str]
) -> Iterator[tuple[ObjectEvent, str]]:
    """Yield events with the ids of their runs; those of handlers that are `suspected` by then come last."""
    later: list[tuple[ObjectEvent, str]] = []
    for event, run_id in zip(events, run_ids(request_id, len(events)), strict=True):
        if suspected and site.code_of(event).handler in suspected:
            later.append((event, run_id))
        else:
            yield event, run_id
    yield from later


class _Invocation:
    """Runs one event after another on a site, and counts the outcomes in `done`."""

    def __init__(
        self, site: SharedSite, processor: Processor, deadline: Ticker, observer: RunObserver, done: BatchResult
    ) -> None:
        self._site, self._ledger, self._processor = site, site.ledger, processor
        self._deadline, self._observer, self._done = deadline, observer, done

    def claim(self, event: ObjectEvent, run_id: str) -> Claim:
        """Claim an event. If it needs no run, delete what an interrupted attempt has left of earlier error items."""
        claim = self._ledger.claim(event, run_id)
        if claim != "left":
            return claim
        discard_left(event, self._ledger.get(event), self._site)
        return "done"

    def send_back(self, event: ObjectEvent, run_id: str, *, again: bool) -> None:
        """Put the event on its lane again, without a claim, so that its next invocation does not see a duplicate."""
        if again:
            take_back(self._site.errors, run_id, 1)
        self._ledger.release(event, run_id)
        self._site.stream.put(lane_again(self._site.config.routing, event), [event])
        self._observer.passed_over(event, "sent back")
        self._done.sent_back += 1

    def attempt(self, event: ObjectEvent, run_id: str, *, again: bool, alone: bool) -> None:
        """Run an event that is claimed, and conclude it. `again`: an earlier attempt may have left error items."""
        if again:
            self._let_go(event, run_id)
        claims: list[Claim] = []

        def admit(found: ObjectEvent, _names: tuple[str, ...]) -> bool:
            """Claim the content that the run opened in place of the announced one. Return whether to process it."""
            read = by_itself(found)
            self._ledger.reading(event, read)
            claims.append(self.claim(read, run_id))
            # Only the announced key was routed before: a routing rule may drop the other key.
            if found.object_key != event.object_key and lane_for(self._site.config.routing, found) == "drop":
                if claims[0] in ("new", "again"):
                    self._ledger.drop(read)
                return False
            return claims[0] == "new" or (claims[0] == "again" and self.stopped(event, read, run_id) is None)

        ended = self._processor.process(event, self._deadline, admit)
        again = again or claims == ["again"]
        verdict = judge(ended, alone=alone) if isinstance(ended, Failure) else "final"
        if verdict == "postponed":
            if claims:
                self._let_go(event, run_id)
            self.send_back(event, run_id, again=again)
        elif isinstance(ended, Failure) and verdict != "final":
            self._keep(concluded_event(event, ended, has_claimed=bool(claims)), run_id, ended)
        else:
            conclusion = conclude(event, ended, self._site, run_id, has_claimed=bool(claims), is_repeated=again)
            if isinstance(ended, Superseded) and claims == ["again"]:
                conclusion = self.stopped(event, conclusion.read, run_id) or conclusion
            self.conclude(conclusion, ended)

    def stopped(self, announced: ObjectEvent, read: ObjectEvent, run_id: str) -> Conclusion | None:
        """Return the conclusion of an earlier attempt that was stopped in time, but did not send its continuation."""
        entry = self._ledger.get(read)
        if entry is None or entry.rest is None:
            return None
        outcome = entry.outcome or Outcome()
        return Conclusion(announced, read, "part", run_id, outcome, rest=entry.rest, is_rest_kept=True)

    def conclude(self, conclusion: Conclusion, ended: Success | Failure | Superseded | None = None) -> None:
        """Write and count a conclusion. Show the observer how the run `ended`, if this attempt ran it."""
        items = write(conclusion, self._site)
        if conclusion.status == "superseded":
            self._done.superseded += 1
            self._observer.passed_over(conclusion.announced, "superseded")
        elif conclusion.status == "failed":
            self._done.failed += 1
        else:
            self._done.succeeded += 1
        if isinstance(ended, Failure):
            self._observer.failed(ended, final=True)
        elif isinstance(ended, Success):
            self._observer.succeeded(ended, items)

    def _let_go(self, event: ObjectEvent, run_id: str) -> None:
        """Release the claim on content read in place of the announced one: the next attempt may read yet another."""
        entry = self._ledger.get(event)
        if entry is not None and entry.read is not None:
            self._ledger.release(entry.read, run_id)
            self._ledger.reading(event, None)

    def _keep(self, event: ObjectEvent, run_id: str, failure: Failure) -> None:
        """Record the cause of a failure that may pass in the ledger, for the reporter, in case no attempt succeeds."""
        item = report_failure(failure, run_id, 1, self._site.clock(), self._site.code_of(failure.event))
        self._ledger.attempted(event, item)
        self._done.unfinished.append(failure.message)
        self._observer.failed(failure, final=False)
