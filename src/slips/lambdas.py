"""The functions on AWS: what each is invoked with goes to its station, on the site that its environment describes.

The names are the handlers' names in the template. Clients, config and the user's code are made on first use, and kept
while AWS keeps the process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from slips import telemetry
from slips.envelope import arguments, lane_records, unwrap
from slips.pipeline.dispatch import dispatch
from slips.pipeline.drain import DrainRequest, DrainResult
from slips.pipeline.drain import drain as drain_site
from slips.pipeline.invocation import Deadline, run_batch
from slips.pipeline.process import Processor
from slips.pipeline.push import push_messages
from slips.pipeline.report import SPENT_STATUS, report_lost
from slips.site import LambdaSite

REPORT_SECONDS = 60.0
"""Reporter keeps them to write down what it read back from a stream."""
DRAIN_SECONDS = 20.0
"""Drain ends when less is left, and says that there is more."""

_site = LambdaSite(os.environ)


class Context(Protocol):
    """What AWS says about an invocation."""

    aws_request_id: str
    function_name: str

    def get_remaining_time_in_millis(self) -> int: ...


@contextmanager
def _metered(name: str, context: Context, *, spare_seconds: float = 0.0) -> Iterator[telemetry.Meter]:
    """Logs and metrics of one invocation, and its time limit for the site."""
    telemetry.set_up(name, context.aws_request_id)
    _site.begin(lambda: context.get_remaining_time_in_millis() / 1000, spare_seconds)
    meter = telemetry.Meter(_site.stack)
    try:
        yield meter
    finally:
        meter.emit()


def event_pusher(payload: Any, context: Context) -> dict[str, Any]:
    """Objects that were created, in whatever envelope, to their lanes."""
    with _metered("EventPusher", context):
        done = push_messages(payload, _site)
        return done.counts if done.staying is None else _failures(*done.staying)


def dispatcher(payload: Any, context: Context) -> dict[str, Any]:
    """A batch of a lane to the main func. AWS delivers again what it is told of."""
    with _metered("Dispatcher", context):
        done = dispatch(
            lane_records(payload),
            invoker=_site.invoker,
            batch_size=_site.batch_size,
            delay=_site.delay,
            seconds_left=_site.seconds_left,
            sleep=_site.sleep,
        )
        facts = {"events": done.events, "invocations": done.invocations}
        if done.problem:
            telemetry.log.error("not all dispatched: %s", done.problem, extra={"facts": facts})
            return _failures(done.retry_from)
        telemetry.log.info("dispatched", extra={"facts": facts})
        return _failures()


def main_func(payload: Any, context: Context) -> dict[str, Any]:
    """Object events through their chains to the user's handlers."""
    deadline = Deadline(context.get_remaining_time_in_millis() / 1000)
    processor = None
    try:
        with _metered("MainFunc", context) as meter:
            processor = _processor(_site)
            done = run_batch(
                arguments(payload),
                context.aws_request_id,
                processor=processor,
                ledger=_site.ledger,
                errors=_site.errors,
                stream=_site.stream,
                deadline=deadline,
                observer=meter,
                routing=_site.config.routing,
                code_version=_site.code_version,
            )
            return _plain(done)
    finally:
        deadline.cancel()
        if processor is not None and processor.is_spent:
            # An object left this process unfit for another: AWS starts a new one, and tries again in it.
            _site.exit(SPENT_STATUS)


@lru_cache(maxsize=1)
def _processor(site: LambdaSite) -> Processor:
    """The processor of this process. Asks for the secrets, once, before any object event is claimed."""
    site.args()
    return Processor(site)


def reporter(payload: Any, context: Context) -> dict[str, Any]:
    """An invocation that was given up, to the error table."""
    with _metered("Reporter", context, spare_seconds=REPORT_SECONDS) as meter:
        done = report_lost(unwrap(payload), _site)
        for item in done.items:
            meter.reported(item.events[0] if item.events else None, item.message)
        return {"items": len(done.items), "settled": done.settled}


def drain(payload: Any, context: Context) -> dict[str, Any]:
    """Error items, and what nobody could deliver, back on their lanes."""
    with _metered("Drain", context, spare_seconds=DRAIN_SECONDS):
        done = DrainResult()
        for _ in drain_site(
            DrainRequest.of(payload), _site, done, is_late=lambda: _site.seconds_left() < DRAIN_SECONDS
        ):
            pass
        done.undelivered = done.undelivered or 0
        telemetry.log.info("drained", extra={"facts": _plain(done)})
        return _plain(done)


def _failures(*identifiers: str) -> dict[str, Any]:
    """What AWS is to deliver again of a queue, or from where on of a stream."""
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def _plain(value: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain
