"""Finds the lane of an object, and the mapping whose chain parses it. Pure: no I/O, no state."""

from __future__ import annotations

from collections import abc
from collections.abc import Iterable, Sequence
from typing import Literal

from slips.config import Mapping, Route
from slips.model import Lane, ObjectEvent
from slips.not_logs import NotLog, rule_of
from slips.pattern import Pattern, always, below, covers, runs, shares


def lane_for(routing: Sequence[Route], event: ObjectEvent) -> Lane | Literal["drop"]:
    """Return the lane of the first rule whose bucket and keys fit, which may be `drop`. If no rule fits, `fast`."""
    for route in routing:
        if route.bucket in (None, event.bucket_name) and route.keys.fits(event.object_key):
            return route.dest
    return "fast"


def lanes_of(routing: Sequence[Route], bucket: str, keys: Pattern) -> list[tuple[Lane | Literal["drop"], str]]:
    """Return the lanes of the objects that `keys` fits, each with the prefix or pattern of the rule it comes from.

    The first lane is that of all other objects, without a prefix.
    """
    partly: list[tuple[Lane | Literal["drop"], str]] = []
    for route in routing:
        if route.bucket not in (None, bucket):
            continue
        if covers([route.keys], keys):
            return [(route.dest, ""), *partly]
        if shares(route.keys, keys):
            partly.append((route.dest, route.written))
    return [("fast", ""), *partly]


def unmapped_below(routing: Sequence[Route], bucket: str, mappings: Sequence[Mapping]) -> list[str]:
    """Return the beginnings of patterns below which an object may become an error item, as no mapping fits it.

    S3 announces all that lies below them: what no mapping fits, routing must drop. A pattern without a wildcard is the
    key of one object, and nothing lies below it.
    """
    routes = [route for route in routing if route.bucket in (None, bucket)]
    patterns = [*(one.keys for one in mappings), *(one.keys for one in routes)]

    def is_expected(fits: list[bool]) -> bool:
        first = next((route for route, fit in zip(routes, fits[len(mappings) :], strict=True) if fit), None)
        return any(fits[: len(mappings)]) or (first is not None and first.dest == "drop")

    beginnings = dict.fromkeys(
        one.beginning for one in mappings if one.pattern is not None and len(runs(one.pattern)) > 1
    )
    return [each for each in beginnings if always(below(each), patterns, is_expected) is not True]


def mapping_for(bucket_mapping: abc.Mapping[str, Sequence[Mapping]], bucket: str, key: str) -> Mapping | None:
    """Return the mapping that fits `key` with the most literal characters; None if no mapping fits.

    On a tie, a prefix wins over a pattern, then the first of the list.
    """
    return _best(mapping for mapping in bucket_mapping.get(bucket, ()) if mapping.keys.fits(key))


def assigned(bucket_mapping: abc.Mapping[str, Sequence[Mapping]], event: ObjectEvent) -> Mapping | NotLog | None:
    """Return the mapping of an object, or the rule that filters it; None if it is mapped by nothing.

    An object that is no log belongs to the mapping that asks for it: others that fit its key do not count.
    """
    rule = rule_of(event.object_key, event.object_size)
    if rule is None:
        return mapping_for(bucket_mapping, event.bucket_name, event.object_key)
    mappings = bucket_mapping.get(event.bucket_name, ())
    return (
        _best(
            one
            for one in mappings
            if one.keys.fits(event.object_key) and rule.is_asked_for(one.literals, one.format_names)
        )
        or rule
    )


def _best(fitting: Iterable[Mapping]) -> Mapping | None:
    return max(fitting, key=rank, default=None)  # the first of those that rank alike


def rank(mapping: Mapping) -> tuple[int, bool]:
    """Rank a mapping among those that fit a key: the highest wins."""
    return mapping.keys.literals, mapping.pattern is None


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
