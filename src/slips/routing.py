"""Finds the lane of an object, and the mapping whose chain parses it. Pure: no I/O, no state."""

from __future__ import annotations

from collections import abc
from collections.abc import Sequence
from typing import Literal

from slips.config import Mapping, Route
from slips.model import Lane, ObjectEvent


def lane_for(routing: Sequence[Route], event: ObjectEvent) -> Lane | Literal["drop"]:
    """Return the lane of the first rule whose bucket and prefix fit, which may be `drop`. If no rule fits, `fast`."""
    for route in routing:
        if route.bucket is not None and route.bucket != event.bucket_name:
            continue
        if route.prefix is None or event.object_key.startswith(route.prefix):
            return route.dest
    return "fast"


def lanes_below(routing: Sequence[Route], bucket: str, prefix: str) -> list[tuple[Lane | Literal["drop"], str]]:
    """Return the lanes of the objects below `prefix`, each with the longer prefix for which it is.

    The first lane is that of all other objects, with an empty prefix.
    """
    reached: list[Route] = []
    for route in routing:
        if route.bucket in (None, bucket):
            reached.append(route)
            if prefix.startswith(route.prefix or ""):
                break
    rest = lane_for(routing, ObjectEvent(bucket_name=bucket, object_key=prefix))
    return [(rest, ""), *((each.dest, longer) for each in reached if (longer := _longer(each, prefix)))]


def mapping_for(bucket_mapping: abc.Mapping[str, Sequence[Mapping]], bucket: str, key: str) -> Mapping | None:
    """Return the mapping with the longest prefix of `key`; None if no mapping has a prefix of it."""
    fitting = (mapping for mapping in bucket_mapping.get(bucket, ()) if key.startswith(mapping.prefix))
    return max(fitting, key=lambda mapping: len(mapping.prefix), default=None)


def lane_again(routing: Sequence[Route], event: ObjectEvent) -> Lane:
    """Return the lane for an event that was on a lane before: its own, else the one in its stream's name.

    Else, that of `routing`. Events of the original slips have no `lane`; items of another stack name a stream that is
    not ours. If routing drops the object today, it did not drop it before: return `fast`.
    """
    if event.lane is not None:
        return event.lane
    # The last of the two words counts: the stream's name begins with that of the stack, which may contain one.
    fast, slow = event.dest_stream.rfind("EventFast"), event.dest_stream.rfind("EventSlow")
    if fast != slow:
        return "fast" if fast > slow else "slow"
    lane = lane_for(routing, event)
    return "fast" if lane == "drop" else lane


def _longer(route: Route, prefix: str) -> str:
    """Return the prefix of a rule for some of the objects below `prefix`; empty if it is for all or none of them."""
    found = route.prefix or ""
    return found if found != prefix and found.startswith(prefix) else ""
