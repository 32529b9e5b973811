"""The lane that an object takes, and the mapping that says how to parse it. Pure: no I/O, no state."""

from __future__ import annotations

from collections import abc
from collections.abc import Sequence
from typing import Literal

from slips.config import Mapping, Route
from slips.model import Lane, ObjectEvent


def lane_for(routing: Sequence[Route], event: ObjectEvent) -> Lane | Literal["drop"]:
    """The lane of an object, or `drop`: that of the first rule whose bucket and prefix fit. If no rule fits, `fast`."""
    for route in routing:
        if route.bucket is not None and route.bucket != event.bucket_name:
            continue
        if route.prefix is None or event.object_key.startswith(route.prefix):
            return route.dest
    return "fast"


def mapping_for(bucket_mapping: abc.Mapping[str, Sequence[Mapping]], bucket: str, key: str) -> Mapping | None:
    """The mapping with the longest prefix of `key`; None if no mapping has a prefix of it."""
    fitting = (mapping for mapping in bucket_mapping.get(bucket, ()) if key.startswith(mapping.prefix))
    return max(fitting, key=lambda mapping: len(mapping.prefix), default=None)


def lane_of_item(event: ObjectEvent, routing: Sequence[Route]) -> Lane:
    """The lane on which to replay an event: its own, else the one in its stream's name, else that of `routing`.

    Items of another stack name a stream that is not ours; items of 2018 have no `lane`. If routing drops the object
    today, it did not when the object failed: the event takes `fast`.
    """
    if event.lane is not None:
        return event.lane
    # The stack's own name comes first in a stream's and may hold either word: the last one counts.
    fast, slow = event.dest_stream.rfind("EventFast"), event.dest_stream.rfind("EventSlow")
    if fast != slow:
        return "fast" if fast > slow else "slow"
    lane = lane_for(routing, event)
    return "fast" if lane == "drop" else lane
