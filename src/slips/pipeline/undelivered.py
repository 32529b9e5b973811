"""Undelivered messages: what even the reporter could not take, back on its lanes, or told apart as unreadable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec
from msgspec import Struct

from slips.envelope import Batch, unwrap
from slips.errors import EnvelopeError, GoneError, StreamError
from slips.model import LANES, ObjectEvent
from slips.pipeline.push import push
from slips.pipeline.report import events_of
from slips.ports import CONCLUDED, Ledger, Undelivered
from slips.site import Site

STAYS = "undelivered message stays"
"""How the notes about messages begin that cannot be read."""

BEGINNING = 60
"""Characters of a message that cannot be read: enough to know it by."""


class Redelivered(Struct):
    """What became of one message that nobody could deliver."""

    events: int = 0
    """Back on a lane, or dropped by a rule."""
    note: str = ""
    """Why it stays, for people."""


def redeliver(queue: Undelivered, site: Site) -> Iterator[Redelivered]:
    """The object events of each message to their lanes, then the message is deleted; yields after each.

    Events that are done, or in the error table, are not sent again. Whoever looks next sees what stays at once.
    Raises StreamError if a lane refuses.
    """
    staying = []
    for receipt, text in queue.receive():
        try:
            found = unwrap(text)
            read = events_of(found, site.read_back)
        except EnvelopeError as error:
            staying.append(receipt)
            yield Redelivered(note=f"{STAYS}: {error}{_origin(text)}")
            continue
        problems = [*read.problems, *(each.why for each in read.gone)]
        waiting = _unsettled(read.events, site.ledger)
        for lane in LANES:
            if known := [event for event in waiting if event.lane == lane]:
                site.stream.put(lane, known)
        push([event for event in waiting if event.lane is None], site)
        if problems:
            staying.append(receipt)
        else:
            queue.delete(receipt)
        note = "; ".join(f"{STAYS}: {each}" for each in problems)
        yield Redelivered(len(waiting), f"{note}{_origin(text) if found.problems else ''}")
    # Not before: what is released comes again, also to this loop.
    queue.release(staying)


class _Kept(Struct):
    """One record of what EventPusher keeps of a message of a queue: a delivery of SQS."""

    eventSourceARN: str = ""
    body: str = ""


class _Delivery(Struct):
    Records: list[_Kept]


def _origin(text: str) -> str:
    """The queue that a message was in, if that is known, and how the message begins: so that people can find it."""
    queue, body = "", text
    with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        for kept in msgspec.json.decode(text, type=_Delivery).Records[:1]:
            queue, body = kept.eventSourceARN, kept.body or text
    begins = f"begins {body[:BEGINNING]!r}{'…' if len(body) > BEGINNING else ''}"
    return f" (from {queue}; {begins})" if queue else f" ({begins})"


class Unreadable(Struct):
    """A message that stays for ever: something in it cannot be read, and nothing else in it is still to be done."""

    receipt: str
    text: str
    why: str


def unreadable(
    queue: Undelivered, *, read_back: Callable[[Batch], Iterable[bytes]], ledger: Ledger
) -> Iterator[Unreadable]:
    """The messages of which `redeliver` has nothing left to put back. The others can be received again at once."""
    staying = []
    for receipt, text in queue.receive():
        passing: list[Batch] = []

        def reading(batch: Batch, passing: list[Batch] = passing) -> Iterator[bytes]:
            try:
                yield from read_back(batch)
            except GoneError:
                raise
            except StreamError:
                passing.append(batch)  # the next reading may find it
                raise

        try:
            found = unwrap(text)
            read = events_of(found, reading)
            events, problems = read.events, [*read.problems, *(each.why for each in read.gone)]
            origin = _origin(text) if found.problems else ""
        except EnvelopeError as error:
            events, problems, origin = [], [str(error)], _origin(text)
        if problems and not passing and not _unsettled(events, ledger):
            yield Unreadable(receipt, text, f"{'; '.join(problems)}{origin}")
        else:
            staying.append(receipt)
    queue.release(staying)


def _unsettled(events: Iterable[ObjectEvent], ledger: Ledger) -> list[ObjectEvent]:
    """Those that are still to be done, as replays; of one that was stopped in time only the rest."""
    known = [ledger.get(event) for event in events]
    left = [entry.rest if entry and entry.rest else event for event, entry in zip(events, known, strict=True)]
    both = [(event, _as_nobodys(event)) for event in left]
    return [again for event, again in both if not (_is_concluded(event, ledger) or _is_concluded(again, ledger))]


def _as_nobodys(event: ObjectEvent) -> ObjectEvent:
    """The event as a replay, which no claim of an invocation that died blocks.

    All events that are one to the ledger are the same replay, whenever and in however many messages they came: the
    ledger cuts all but one.
    """
    what = [event.bucket_name, event.object_key, event.identity, event.records, event.replay]
    digest = hashlib.sha256(msgspec.json.encode(what)).hexdigest()
    return msgspec.structs.replace(event, replay=f"undelivered@{digest[:16]}")


def _is_concluded(event: ObjectEvent, ledger: Ledger) -> bool:
    known = ledger.get(event)
    return known is not None and known.status in CONCLUDED
