"""How many records of a lane one dispatcher is given: as many as it has the time to wait for. Pure."""

from __future__ import annotations

from slips.config import LaneConfig

RECORDS = 100
"""Most records for one dispatcher, unless MainFunc takes more at once: a hundred asynchronous invocations take 3 s."""
SPARE = 60
"""Seconds of a dispatcher's time limit that are not for its delays."""
DISPATCHER_SECONDS = 300 + SPARE
"""Time limit of a dispatcher: the longest delay, which `slips limit` may set at any time, fits. Objects were lost with
a limit of 5 s."""


def records_at_once(limit: LaneConfig) -> int:
    """The mapping's `BatchSize`: whole groups of `batch_size`, as many as a dispatcher can wait for, at least one.

    What a dispatcher does not come to is a failed batch to AWS, which gives it up after some of them.
    """
    groups = RECORDS // limit.batch_size
    if limit.delay:
        groups = min(groups, (DISPATCHER_SECONDS - SPARE) // limit.delay)
    return limit.batch_size * max(1, groups)
