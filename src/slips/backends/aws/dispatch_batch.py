"""Computes how many records of a lane Dispatcher gets at once: as many as it can wait for in its time limit. Pure."""

from __future__ import annotations

from slips.config import LaneConfig

RECORDS = 100
"""Most records at once, unless `batch_size` is larger: a hundred asynchronous invocations take 3 s."""
SPARE = 60
"""Seconds of Dispatcher's time limit reserved for work beside its delays."""
DISPATCHER_SECONDS = 300 + SPARE
"""Time limit of Dispatcher. It covers the longest delay, which `slips limit` may set at any time: a limit of 5 s once
lost objects."""


def records_at_once(limit: LaneConfig) -> int:
    """Return `BatchSize` of the event source mapping: groups of `batch_size`, as many as Dispatcher can wait for.

    At least one group. If Dispatcher does not reach some records, AWS counts their batch as failed, and gives up on a
    batch after some failures.
    """
    groups = RECORDS // limit.batch_size
    if limit.delay:
        groups = min(groups, (DISPATCHER_SECONDS - SPARE) // limit.delay)
    return limit.batch_size * max(1, groups)
