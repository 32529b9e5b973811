"""Event pusher: object events to the lane that routing gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from slips.config import Route
from slips.model import LANES, Lane, ObjectEvent
from slips.ports import Stream
from slips.routing import lane_for

BATCH = 500
"""Events put at once: the most that a Kinesis `PutRecords` takes."""


def push(
    events: Iterable[ObjectEvent],
    *,
    routing: Sequence[Route],
    stream: Stream,
    drop: Callable[[ObjectEvent], None],
    streams: Mapping[Lane, str],
) -> dict[str, int]:
    """Puts each event on its lane; `streams` are the physical names. Counts by `fast`, `slow` and `drop`.

    `drop` writes a dropped event to the ledger: it is not lost, a rule said so. Raises StreamError if a lane refuses.
    """
    counts = {"fast": 0, "slow": 0, "drop": 0}
    waiting: dict[Lane, list[ObjectEvent]] = {lane: [] for lane in LANES}

    def flush(lane: Lane) -> None:
        batch, waiting[lane] = waiting[lane], []
        if batch:
            stream.put(lane, batch)

    for event in events:
        lane = lane_for(routing, event)
        counts[lane] += 1
        if lane == "drop":
            drop(event)
            continue
        waiting[lane].append(msgspec.structs.replace(event, lane=lane, dest_stream=streams[lane]))
        if len(waiting[lane]) >= BATCH:
            flush(lane)
    for lane in LANES:
        flush(lane)
    return counts
