"""Puts existing objects on lanes: those that an audit misses, or all of a prefix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, Protocol

from slips.errors import StreamError
from slips.model import LANES, Lane, ObjectEvent
from slips.pipeline.push import BATCH, push
from slips.site import Site

LaneChoice = Literal["routed", "fast", "slow"]
LANE_CHOICES: tuple[LaneChoice, ...] = ("routed", *LANES)
"""The lane of pushed objects: that of the config's routing, or one for all."""


class PushedNoter(Protocol):
    """The part of Operations that pushing uses."""

    def note_pushed(self, events: Sequence[ObjectEvent]) -> None: ...


def put(events: Iterable[ObjectEvent], site: Site, backend: PushedNoter, lane: LaneChoice) -> Iterator[dict[str, int]]:
    """Put events on lanes, some at a time, and yield the counts of these by `fast`, `slow` and `drop`.

    All yielded events are on their lanes, and an audit finds them waiting. Raises StreamError if a lane refuses events,
    StateError.
    """
    left = iter(events)
    chosen: Lane | None = None if lane == "routed" else lane
    while batch := list(islice(left, BATCH)):
        try:
            counts = push(batch, site, chosen)
        except StreamError as error:
            refused = {(each.bucket_name, each.object_key) for each in error.rejected}
            backend.note_pushed([each for each in batch if (each.bucket_name, each.object_key) not in refused])
            raise
        backend.note_pushed(batch)
        yield counts
