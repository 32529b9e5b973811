"""Event pusher: object events to the lane that routing gives them, and the messages of queues that announce objects."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from slips.envelope import Message, messages
from slips.errors import EnvelopeError, StateError, StreamError
from slips.model import LANES, Lane, ObjectEvent
from slips.pipeline.report import listed
from slips.routing import lane_for
from slips.site import Site

BATCH = 500
"""Events put at once: the most that a Kinesis `PutRecords` takes."""

_log = logging.getLogger("slips")


def push(events: Iterable[ObjectEvent], site: Site) -> dict[str, int]:
    """Puts each event on its lane. Counts by `fast`, `slow` and `drop`.

    A dropped event goes to the ledger: it is not lost, a rule said so. The ledger is asked for only then, as most
    stacks have no such rule. Raises StreamError if a lane refuses.
    """
    counts = {"fast": 0, "slow": 0, "drop": 0}
    waiting: dict[Lane, list[ObjectEvent]] = {lane: [] for lane in LANES}
    routing, streams = site.config.routing, site.streams

    def flush(lane: Lane) -> None:
        batch, waiting[lane] = waiting[lane], []
        if batch:
            site.stream.put(lane, batch)

    for event in events:
        lane = lane_for(routing, event)
        counts[lane] += 1
        if lane == "drop":
            site.ledger.drop(event)
            continue
        waiting[lane].append(msgspec.structs.replace(event, lane=lane, dest_stream=streams[lane]))
        if len(waiting[lane]) >= BATCH:
            flush(lane)
    for lane in LANES:
        flush(lane)
    return counts


class Pushed(Struct):
    """What became of an envelope."""

    counts: dict[str, int]
    """Its events by `fast`, `slow` and `drop`, and what it announces beside objects as `ignored`."""
    staying: list[str] | None
    """Ids of the messages that stay in their queue, to be received again; None if they are of no queue."""


def push_messages(payload: Any, site: Site) -> Pushed:
    """Pushes the objects that an envelope announces, whatever AWS wrapped it in.

    If the messages are of no queue, raises EnvelopeError for those that cannot be read, when all others are pushed, and
    StreamError or StateError if a lane or the ledger refuses: their sender tries again.
    """
    found = messages(payload)
    problems = [each.problem for each in found if each.problem]
    for problem in problems:
        _log.error("cannot be read: %s", problem)
    events = [event for each in found for event in each.events]
    from_queue, refused, counts = any(each.id for each in found), False, dict[str, int]()
    try:
        counts = push(events, site)
    except (StreamError, StateError) as error:
        if not from_queue:
            raise
        _log.error("%s", error)
        refused = True
    counts["ignored"] = sum(each.ignored for each in found)
    _log.info("pushed", extra={"facts": counts})
    if from_queue:
        return Pushed(counts, _staying(found, payload.get("Records", [payload]), site, refused=refused))
    if problems:
        raise EnvelopeError(listed(problems))
    return Pushed(counts, None)


def _staying(found: Sequence[Message], records: Sequence[Any], site: Site, *, refused: bool) -> list[str]:
    """Ids of the messages that stay in their queue. `refused`: some event was taken neither by a lane nor the ledger.

    A message that would come again in vain, unseen, until its queue lets go of it, is moved to the undelivered ones: at
    once if it cannot be read, as the same bytes never become readable, else after some receives.
    """
    staying = []
    for message, record in zip(found, records, strict=True):
        waits = refused and bool(message.events)
        if not (waits or message.problem):
            continue
        moved = False
        # None if the config has no queue, and somebody else mapped this one.
        if site.undelivered is not None:
            try:
                moved = site.undelivered.take_over(record, message.queue, message.receives if waits else None)
            except StateError as error:
                _log.error("cannot be moved to the undelivered messages: %s", error)
        if moved:
            _log.warning("message %s was moved to the undelivered ones", message.id)
        else:
            staying.append(message.id)
    return staying
