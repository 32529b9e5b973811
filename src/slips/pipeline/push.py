"""The event pusher: puts object events, also those of messages that announce objects, on the lanes of their routing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from slips.envelope.arrivals import Message, messages
from slips.errors import EnvelopeError, StateError, StreamError, joined
from slips.model import LANES, Lane, ObjectEvent
from slips.routing import lane_for
from slips.site.protocols import Site

BATCH = 500
"""Most events put at once, which is the limit of `PutRecords` of Kinesis."""
AGAIN = "again@"
"""The beginning of the replay id of an object that a user asked for, done or not."""

_log = logging.getLogger("slips")


def push(events: Iterable[ObjectEvent], site: Site, lane: Lane | None = None) -> dict[str, int]:
    """Put each event on its lane, or on `lane`. Return the counts by `fast`, `slow` and `drop`.

    The ledger records each event that a routing rule drops. It is opened only for that, since most stacks have no such
    rule. Raises StreamError if a lane refuses events, StateError if the ledger cannot be written.
    """
    counts = {"fast": 0, "slow": 0, "drop": 0}
    waiting: dict[Lane, list[ObjectEvent]] = {lane: [] for lane in LANES}
    routing, streams = site.config.routing, site.streams

    def flush(full: Lane) -> None:
        batch, waiting[full] = waiting[full], []
        if batch:
            site.stream.put(full, batch)

    for event in events:
        routed = lane_for(routing, event)
        if routed == "drop":
            counts["drop"] += 1
            site.ledger.drop(event)
            continue
        chosen = lane or routed
        counts[chosen] += 1
        waiting[chosen].append(msgspec.structs.replace(event, lane=chosen, dest_stream=streams[chosen]))
        if len(waiting[chosen]) >= BATCH:
            flush(chosen)
    for each in LANES:
        flush(each)
    return counts


class Pushed(Struct):
    """The outcome of pushing an envelope."""

    counts: dict[str, int]
    """Counts of events by `fast`, `slow` and `drop`; `ignored` counts announcements other than of new objects."""
    staying: list[str] | None
    """Ids of the messages that stay in their queue, to be received again; None if they come from no queue."""


def push_messages(payload: Any, site: Site) -> Pushed:
    """Push the objects that an envelope announces, in any wrapping of AWS.

    If the messages come from no queue, their sender must try again. So this raises EnvelopeError for messages that
    cannot be read, when all others are pushed, and StreamError or StateError if a lane or the ledger refuses events.
    """
    received = messages(payload)
    problems = [each.problem for each in received if each.problem]
    for problem in problems:
        _log.error("cannot be read: %s", problem)
    events = [event for each in received for event in each.events]
    from_queue, refused, counts = any(each.id for each in received), False, dict[str, int]()
    try:
        counts = push(events, site)
    except (StreamError, StateError) as error:
        if not from_queue:
            raise
        _log.error("%s", error)
        refused = True
    counts["ignored"] = sum(each.ignored for each in received)
    _log.info("pushed", extra={"facts": counts})
    if from_queue:
        return Pushed(counts, _staying(received, payload.get("Records", [payload]), site, refused=refused))
    if problems:
        raise EnvelopeError(joined(problems))
    return Pushed(counts, None)


def _staying(received: Sequence[Message], records: Sequence[Any], site: Site, *, refused: bool) -> list[str]:
    """Return the ids of the messages that stay in their queue. `refused`: a lane or the ledger refused some event.

    Move messages that would be received in vain, unseen, until their queue deletes them, to the undelivered ones: at
    once if a message cannot be read, since the same bytes never become readable, else after some receives.
    """
    staying = []
    for message, record in zip(received, records, strict=True):
        waits = refused and bool(message.events)
        if not (waits or message.problem):
            continue
        moved = False
        # None if the config names no queue, and this one was mapped by hand.
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
