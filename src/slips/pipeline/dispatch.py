"""Dispatcher: object events from a lane to the main func, in the order of the lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from slips.envelope import LaneRecord
from slips.errors import InvokeError
from slips.ports import Invoker

PAYLOAD_BYTES = 100_000
"""Most of one invocation. Its on-failure record repeats the payload, and SNS takes 256 KB of that."""
SECONDS_TO_END = 20.0
"""Of the time limit, kept to tell AWS how far it came, even if an invocation is taken only at the second attempt."""


class Dispatched(NamedTuple):
    """How far it came."""

    events: int
    """Given to the main func."""
    retry_from: str
    """Sequence number of the first record that has to come again, with all after it; if it has none: all have to."""
    problem: str
    """Why; empty if none has to."""
    invocations: int = 0
    """Of the main func, that were taken."""


def dispatch(
    records: Iterable[LaneRecord],
    *,
    invoker: Invoker,
    batch_size: int,
    delay: float,
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None],
) -> Dispatched:
    """Starts the main func on each `batch_size` of `records`, `delay` seconds before each.

    Stops where an invocation is not taken, or where the time is up: AWS delivers again from `retry_from` on, and what
    comes before that is never given twice. The first group is given in any case, so that each attempt gets further. A
    group that is too long for one invocation becomes several, after one delay.
    """
    given = taken = 0
    for group in _groups(records, batch_size):
        waited = False
        for some in _invocations(group):
            first, events = some[0], [record.data for record in some if record.data]
            if not events:
                return Dispatched(given, first.sequence_number, first.problem, taken)
            wait = 0 if waited else delay
            if taken and seconds_left() < wait + SECONDS_TO_END:
                return Dispatched(given, first.sequence_number, "no time was left for the rest of the batch", taken)
            if not waited:
                sleep(delay)
                waited = True
            try:
                invoker.invoke(events)
            except InvokeError as error:
                return Dispatched(given, first.sequence_number, str(error), taken)
            given, taken = given + len(events), taken + 1
    return Dispatched(given, "", "", taken)


def _groups(records: Iterable[LaneRecord], size: int) -> Iterator[Sequence[LaneRecord]]:
    """The records, `size` at a time."""
    rest = iter(records)
    while group := list(islice(rest, size)):
        yield group


def _invocations(records: Iterable[LaneRecord]) -> Iterator[Sequence[LaneRecord]]:
    """A group by what fits into one invocation; one that is no object event has its own."""
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
