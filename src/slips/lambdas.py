"""The Lambda functions: each passes its payload to a station, on the site that its environment variables describe.

Their names are handler names in the template. Stations are imported, and clients, config and the user's code made, on
first use, and kept as long as AWS keeps the process: a function's cold start pays for nothing that it does not use.
"""

from __future__ import annotations

import gc
import os

IS_ON_AWS = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
if IS_ON_AWS:
    gc.disable()  # until the first invocation: looking for garbage in what stays takes a tenth of a cold start

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from slips import telemetry
from slips.errors import StateError, UnfinishedError, joined
from slips.model import LANES
from slips.site.function import LambdaSite

if TYPE_CHECKING:
    from slips.pipeline.hold import Gate
    from slips.pipeline.invocation import RunObserver
    from slips.pipeline.outcomes import Outcomes
    from slips.pipeline.process import Processor

REPORT_SECONDS = 60.0
"""Seconds that Reporter keeps, to write items of the records that it reads back from a stream."""
AUDIT_SECONDS = 15.0
"""Seconds before its time limit at which Audit stops, to go on in another invocation."""
DRAIN_SECONDS = 20.0
"""Seconds before its time limit at which Drain ends, and answers that there is more."""

_site = LambdaSite(os.environ)


class Context(Protocol):
    """The context object that AWS passes with each invocation."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


@contextmanager
def _metered(name: str, context: Context, *, spare_seconds: float = 0.0) -> Iterator[telemetry.Meter]:
    """Set up logs, metrics and the site's time limit for one invocation, and write the metrics at its end."""
    if IS_ON_AWS:
        _collect_garbage()
    telemetry.set_up(name, context.aws_request_id)
    _site.begin(lambda: context.get_remaining_time_in_millis() / 1000, spare_seconds)
    meter = telemetry.Meter(_site.stack)
    try:
        yield meter
    finally:
        meter.emit()


@lru_cache(maxsize=1)
def _collect_garbage() -> None:
    """Look for garbage from now on, but not in what is there already: it stays as long as the process."""
    gc.freeze()
    gc.enable()


def event_pusher(payload: Any, context: Context) -> dict[str, Any]:
    """Push the objects that an envelope announces to their lanes."""
    from slips.pipeline.push import push_messages

    with _metered("EventPusher", context):
        done = push_messages(payload, _site)
        return done.counts if done.staying is None else _failures(*done.staying)


def dispatcher(payload: Any, context: Context) -> dict[str, Any]:
    """Invoke MainFunc with a batch of a lane. The answer names the record from which AWS delivers again."""
    from slips.envelope.lane import lane_records
    from slips.pipeline.dispatch import dispatch

    with _metered("Dispatcher", context) as meter:
        gate, records = _gate(_site), lane_records(payload)
        try:
            free = gate.sort(records) if gate else records
        except StateError as error:
            telemetry.log.error("brakes cannot be read, so all objects start: %s", error)
            gate, free = None, records
        done = dispatch(
            free,
            invoker=_site.invoker,
            batch_size=_site.batch_size,
            delay=_site.delay,
            seconds_left=_site.seconds_left,
            sleep=_site.sleep,
        )
        facts = {"events": done.events, "invocations": done.invocations}
        if gate is not None and gate.has_something:
            retry_from = done.retry_from if done.problem else None
            try:
                gate.settle(retry_from=retry_from)
            except StateError as error:
                telemetry.log.error("not all held back: %s", error, extra={"facts": facts})
                return _failures(gate.again_from(retry_from))
            meter.held(gate.held, gate.why)
        if done.problem:
            telemetry.log.error("not all dispatched: %s", done.problem, extra={"facts": facts})
            return _failures(done.retry_from)
        telemetry.log.info("dispatched", extra={"facts": facts})
        return _failures()


@lru_cache(maxsize=1)
def _gate(site: LambdaSite) -> Gate | None:
    """Make the gate of this process, once; None if the function was deployed by a version before."""
    from slips.pipeline.hold import Gate

    return Gate(site) if site.has_brakes else None


def main_func(payload: Any, context: Context) -> dict[str, Any]:
    """Run the user's handlers on the objects of the payload's events."""
    from slips.envelope.lane import arguments
    from slips.pipeline.ended import SPENT_STATUS
    from slips.pipeline.invocation import Deadline, run_batch

    deadline = Deadline(context.get_remaining_time_in_millis() / 1000)
    processor = None
    try:
        with _metered("MainFunc", context) as meter:
            events = arguments(payload)
            processor = _processor(_site)
            _site.loader.forget_mistakes()
            with _outcomes(meter) as observer:
                done = run_batch(
                    events,
                    context.aws_request_id,
                    _site,
                    processor=processor,
                    deadline=deadline,
                    observer=observer,
                )
            return _plain(done)
    finally:
        deadline.cancel()
        if processor is not None and processor.is_spent:
            # An object left this process unfit for another: AWS starts a new one, and tries again in it.
            _site.exit(SPENT_STATUS)


@lru_cache(maxsize=1)
def _processor(site: LambdaSite) -> Processor:
    """Make the processor of this process, once."""
    from slips.pipeline.process import Processor

    return Processor(site)


@contextmanager
def _outcomes(meter: telemetry.Meter) -> Iterator[RunObserver]:
    """Count the runs of this block for the brakes, if a lane has some. If they cannot be written, no object fails."""
    from slips.brakes import break_at

    if not any(break_at(_site.config, lane) for lane in LANES):
        yield meter
        return
    from slips.pipeline.outcomes import CountedRuns

    outcomes = _counts(_site)
    outcomes.begin()
    try:
        yield CountedRuns(meter, outcomes)
    finally:
        _write(outcomes)


@lru_cache(maxsize=1)
def _counts(site: LambdaSite) -> Outcomes:
    """Make the counts of this process, once."""
    from slips.pipeline.outcomes import Outcomes

    return Outcomes(site)


def _write(outcomes: Outcomes) -> None:
    try:
        outcomes.write()
    except StateError as error:
        telemetry.log.error("brakes cannot be written: %s", error)


def reporter(payload: Any, context: Context) -> dict[str, Any]:
    """Write an error item for each unfinished event of an invocation that AWS gave up on."""
    from slips.brakes import break_at
    from slips.envelope.lost import unwrap
    from slips.pipeline.report import report_lost

    with _metered("Reporter", context, spare_seconds=REPORT_SECONDS) as meter:
        done = report_lost(unwrap(payload), _site)
        for item in done.items:
            meter.reported(item.events[0] if item.events else None, item.message)
        if any(break_at(_site.config, lane) for lane in LANES):
            outcomes = _counts(_site)
            for item in done.items:
                outcomes.reported(item)
            _write(outcomes)
        return {"items": len(done.items), "settled": done.settled}


def drain(payload: Any, context: Context) -> dict[str, Any]:
    """Put error items and undelivered messages back on their lanes; asked for `release`, held events alone."""
    if isinstance(payload, dict) and payload.get("release"):
        return _release(context)
    from slips.pipeline.drain import DrainRequest, DrainResult
    from slips.pipeline.drain import drain as drain_site

    with _metered("Drain", context, spare_seconds=DRAIN_SECONDS):
        done = DrainResult()
        for _ in drain_site(
            DrainRequest.of(payload), _site, done, is_late=lambda: _site.seconds_left() < DRAIN_SECONDS
        ):
            pass
        done.undelivered = done.undelivered or 0
        telemetry.log.info("drained", extra={"facts": _plain(done)})
        return _plain(done)


def audit(payload: Any, context: Context) -> dict[str, Any]:
    """Compare the mapped buckets with the ledger, and note the result for operators; asked to `continue`, the rest."""
    from slips.pipeline.audit_note import note_of
    from slips.pipeline.long_audit import go_on

    is_new = not (isinstance(payload, dict) and payload.get("continue"))
    with _metered("Audit", context, spare_seconds=AUDIT_SECONDS) as meter:
        found = go_on(_site, _site.ledger, is_new=is_new, seconds_left=_site.seconds_left, spare_seconds=AUDIT_SECONDS)
        if found is None:
            return {}
        note = note_of(found)
        _site.ledger.set_note(*note)
        total = found.total.found
        meter.audited(total.missing, total.failed)
        telemetry.log.info("audited", extra={"facts": total.to_dict()})
        if found.problems:  # the alarm of failed audits is the only one that says so
            raise UnfinishedError(f"the audit: not everything could be read: {joined(found.problems)}")
        return total.to_dict()


def _release(context: Context) -> dict[str, Any]:
    """Put held events back on their lanes that may start now, and count the pauses."""
    from slips.pipeline.release import release

    with _metered("Drain", context, spare_seconds=DRAIN_SECONDS) as meter:
        done = release(_site, is_late=lambda: _site.seconds_left() < DRAIN_SECONDS)
        meter.pauses([each.lane for each in done.pauses])
        plain = _plain(done)
        for problem in done.problems:
            telemetry.log.error("released but for items that cannot be read: %s", problem)
        if done.events or done.waiting:
            telemetry.log.info("released", extra={"facts": plain})
        return plain


def _failures(*identifiers: str) -> dict[str, Any]:
    """Name the messages of a queue, or the first record of a stream, that AWS is to deliver again."""
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def _plain(value: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain
