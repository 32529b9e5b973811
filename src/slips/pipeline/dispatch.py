"""Dispatcher: object events from a lane to the main func, in the order of the lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from slips.envelope import LaneRecord, encode
from slips.errors import InvokeError
from slips.model import ObjectEvent
from slips.ports import Invoker

PAYLOAD_BYTES = 100_000
"""Most of one invocation. Its on-failure record repeats the payload, and SNS takes 256 KB of that."""


class Dispatched(NamedTuple):
    """How far it came."""

    events: int
    """Given to the main func."""
    retry_from: str
    """Sequence number of the first record that has to come again, with all after it; if it has none: all have to."""
    problem: str
    """Why; empty if none has to."""


def dispatch(
    records: Iterable[LaneRecord], *, invoker: Invoker, delay: float, sleep: Callable[[float], None]
) -> Dispatched:
    """Starts the main func on all `records`, after `delay` seconds; stops where an invocation is not taken.

    What comes before that is never given twice: AWS delivers from `retry_from` on. A batch that is too long for one
    invocation waits once, as the time limit of the dispatcher is made for one delay.
    """
    given = 0
    for some in _invocations(records):
        first, events = some[0], [record.event for record in some if record.event is not None]
        if not events:
            return Dispatched(given, first.sequence_number, first.problem)
        if not given:
            sleep(delay)
        try:
            invoker.invoke(events)
        except InvokeError as error:
            return Dispatched(given, first.sequence_number, str(error))
        given += len(events)
    return Dispatched(given, "", "")


def _invocations(records: Iterable[LaneRecord]) -> Iterator[Sequence[LaneRecord]]:
    """The records by invocation; one that is no object event has its own."""
    some: list[LaneRecord] = []
    size = 0
    for record in records:
        length = _size(record.event)
        if some and (record.event is None or size + length > PAYLOAD_BYTES):
            yield some
            some, size = [], 0
        some.append(record)
        size += length
        if record.event is None:
            yield some
            some, size = [], 0
    if some:
        yield some


def _size(event: ObjectEvent | None) -> int:
    return 0 if event is None else len(encode(event)) + 1
