"""The dispatcher: starts the main func on the object events of a lane, in the order of the lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from slips.envelope.lane import LaneRecord
from slips.errors import InvokeError
from slips.ports import Invoker

PAYLOAD_BYTES = 100_000
"""Most bytes of one invocation's payload. An on-failure record repeats the payload, and SNS allows 256 KB."""
SECONDS_TO_END = 20.0
"""Seconds of the time limit kept for the answer to AWS, even if an invocation needs a second attempt."""


class Dispatched(NamedTuple):
    """The outcome of dispatching a batch of records."""

    events: int
    """Number of events given to the main func."""
    retry_from: str
    """First sequence number that AWS must deliver again, with all behind it; empty means the whole batch."""
    problem: str
    """The reason to deliver records again; empty if there is none to deliver."""
    invocations: int = 0
    """Number of accepted invocations of the main func."""


def dispatch(
    records: Iterable[LaneRecord],
    *,
    invoker: Invoker,
    batch_size: int,
    delay: float,
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None],
) -> Dispatched:
    """Start the main func on each group of `batch_size` records, after waiting `delay` seconds before each group.

    Stops at an invocation that is not accepted, or when the time is up: AWS delivers again from `retry_from` on, and no
    record before that is given twice. The first group is given in any case, so that each attempt makes progress. A
    group that is too long for one invocation becomes several invocations, after one delay.
    """
    given = taken = 0
    for group in _groups(records, batch_size):
        waited = False
        for some in _invocations(group):
            first, texts = some[0], [record.data for record in some if record.data]
            if not texts:
                return Dispatched(given, first.sequence_number, first.problem, taken)
            wait = 0 if waited else delay
            if taken and seconds_left() < wait + SECONDS_TO_END:
                return Dispatched(given, first.sequence_number, "no time was left for the rest of the batch", taken)
            if not waited:
                sleep(delay)
                waited = True
            try:
                invoker.invoke(texts)
            except InvokeError as error:
                return Dispatched(given, first.sequence_number, str(error), taken)
            given, taken = given + len(texts), taken + 1
    return Dispatched(given, "", "", taken)


def _groups(records: Iterable[LaneRecord], size: int) -> Iterator[Sequence[LaneRecord]]:
    """Yield the records, `size` at a time."""
    rest = iter(records)
    while group := list(islice(rest, size)):
        yield group


def _invocations(records: Iterable[LaneRecord]) -> Iterator[Sequence[LaneRecord]]:
    """Divide a group into the payloads of invocations. A record that is no object event is a part of its own."""
    some: list[LaneRecord] = []
    size = 0
    for record in records:
        length = len(record.data) + 1
        if some and (record.problem or size + length > PAYLOAD_BYTES):
            yield some
            some, size = [], 0
        some.append(record)
        size += length
        if record.problem:
            yield some
            some, size = [], 0
    if some:
        yield some
