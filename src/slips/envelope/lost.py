"""Decodes payloads of Reporter and Drain: on-failure records and dead letters around the payload of a lost invocation.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from slips.envelope.arrivals import Arrivals
from slips.envelope.cause import Cause, of_dead_letter, of_failure
from slips.envelope.lane import of_kinesis
from slips.envelope.members import loose, need
from slips.envelope.object_event import checked, from_json
from slips.errors import EnvelopeError
from slips.model import ObjectEvent


class Batch(Struct):
    """Records of a lane that an event source mapping gave up on. Its on-failure record names only their place."""

    stream_arn: str
    shard_id: str
    first: str
    """First sequence number; `first` and `last` are both inclusive."""
    last: str
    size: int
    first_arrival: str = ""


class Unwrapped(Struct):
    """The content of a payload, without its wrappings."""

    events: list[ObjectEvent]
    batches: list[Batch]
    cause: Cause | None
    """The innermost cause, nearest to the events."""
    ignored: int
    problems: list[str] = []
    """The reasons why parts of the payload cannot be read. If there are any, the whole payload must be kept."""


def unwrap(payload: Any) -> Unwrapped:
    """Unwrap object events from JSON texts, deliveries, dead letters and on-failure records, nested in any order.

    A part that cannot be read becomes a problem, and hides no other part. Raises `EnvelopeError` if no part can be
    read, or if the payload has no object event.
    """
    lost = _Lost()
    lost.read(payload, "payload")
    if not (lost.events or lost.batches or lost.ignored):
        none = "payload: no object event in it; at least one was expected"
        raise EnvelopeError("; ".join(lost.problems) or none)
    return Unwrapped(lost.events, lost.batches, lost.cause, lost.ignored, lost.problems)


class _Lost(Arrivals):
    """Collects arrivals, and what only lost invocations have: records of lanes, payloads of MainFunc, failures."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []
        self.cause: Cause | None = None

    def read_other(self, value: Any, where: str, depth: int) -> None:
        if isinstance(value, list):
            for number, item in enumerate(value, 1):
                try:
                    self.events.append(from_json(item, f"{where}: item {number}"))
                except EnvelopeError as error:
                    self.problems.append(str(error))
        elif isinstance(value, dict) and "requestContext" in value:
            self._read_failure(value, where, depth)
        elif isinstance(value, dict) and "bucket_name" in value:
            self.events.append(from_json(value, where))
        elif isinstance(value, dict) and "Body" in value:  # an SQS message in the form of `ReceiveMessage`
            self.read_delivery(value, "Body", where, depth)
        else:
            super().read_other(value, where, depth)

    def read_other_record(self, record: dict[str, Any], where: str) -> None:
        if "kinesis" in record:
            self.events.append(of_kinesis(record, where))
        else:
            super().read_other_record(record, where)

    def read_delivery(self, message: dict[str, Any], name: str, where: str, depth: int) -> None:
        self.cause = of_dead_letter(message) or self.cause
        super().read_delivery(message, name, where, depth)

    def _read_failure(self, record: dict[str, Any], where: str, depth: int) -> None:
        self.cause = of_failure(record)
        if record.get("KinesisBatchInfo") is not None:
            self.batches.append(_batch(need(record, "KinesisBatchInfo", dict, where), f"{where}.KinesisBatchInfo"))
        elif record.get("requestPayload") is not None:
            self.read(record["requestPayload"], f"{where}.requestPayload", depth + 1)
        else:
            raise EnvelopeError(
                f"{where}: no 'requestPayload'; one was expected: Lambda leaves it out of a record longer than 256 KB; "
                f"look for request '{self.cause.request_id}' in the log of '{self.cause.function}'"
            )


def _batch(info: dict[str, Any], where: str) -> Batch:
    batch = Batch(
        stream_arn=need(info, "streamArn", str, where),
        shard_id=need(info, "shardId", str, where),
        first=need(info, "startSequenceNumber", str, where),
        last=need(info, "endSequenceNumber", str, where),
        size=need(info, "batchSize", int, where),
        first_arrival=loose(info, "approximateArrivalOfFirstRecord"),
    )
    return checked(batch, where)
