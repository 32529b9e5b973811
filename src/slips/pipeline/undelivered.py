"""Undelivered messages, which even the reporter could not process: puts their events back, or finds unreadable ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

import msgspec
from msgspec import Struct

from slips.envelope.lost import Batch, unwrap
from slips.errors import EnvelopeError, GoneError, StreamError
from slips.model import LANES, ObjectEvent
from slips.pipeline.conclude import discard_left
from slips.pipeline.push import push
from slips.pipeline.report import events_of
from slips.ports import CONCLUDED, Ledger, LedgerEntry, Undelivered, entry_of
from slips.site.protocols import Site

STAYS = "undelivered message stays"
"""The beginning of notes about messages that cannot be read."""

BEGINNING = 60
"""Characters shown of a message that cannot be read, enough to recognize it."""


class Redelivered(Struct):
    """The outcome of redelivering one message."""

    events: int = 0
    """Number of events put back on a lane, or dropped by a rule."""
    note: str = ""
    """The reason why the message stays, for people; empty if it was deleted."""


def redeliver(queue: Undelivered, site: Site) -> Iterator[Redelivered]:
    """Put the events of each message on their lanes, then delete the message. Yield after each message.

    Events that are done, or in the error table, are not sent again. Messages that stay are visible again at once.
    Raises StreamError if a lane refuses events.
    """
    staying = []
    for receipt, text in queue.receive():
        content = _content_of(text, site.read_back)
        entries = [site.ledger.get(event) for event in content.events]
        for event, entry in zip(content.events, entries, strict=True):
            discard_left(event, entry, site)
        waiting = _unconcluded(content.events, entries, site.ledger)
        for lane in LANES:
            if of_lane := [event for event in waiting if event.lane == lane]:
                site.stream.put(lane, of_lane)
        push([event for event in waiting if event.lane is None], site)
        site.ledger.note_waiting(waiting)
        if content.problems:
            staying.append(receipt)
        else:
            queue.delete(receipt)
        note = "; ".join(f"{STAYS}: {each}" for each in content.problems)
        yield Redelivered(len(waiting), note + content.origin)
    # Not earlier: this loop would receive released messages again.
    queue.release(staying)


class _Content(NamedTuple):
    """The content of an undelivered message."""

    events: list[ObjectEvent]
    """The events that can be read."""
    problems: list[str]
    """The reasons of parts that cannot be read, or not now."""
    origin: str
    """The origin of the message, for people, if the message itself cannot be read."""


def _content_of(text: str, read_back: Callable[[Batch], Iterable[bytes]]) -> _Content:
    try:
        message = unwrap(text)
    except EnvelopeError as error:
        return _Content([], [str(error)], _origin(text))
    payload = events_of(message, read_back)
    problems = [*payload.problems, *(each.why for each in payload.gone)]
    return _Content(payload.events, problems, _origin(text) if message.problems else "")


class _MovedRecord(Struct):
    """A record of SQS in an undelivered message that EventPusher moved from its queue."""

    eventSourceARN: str = ""
    body: str = ""


class _MovedRecords(Struct):
    Records: list[_MovedRecord]


def _origin(text: str) -> str:
    """Return the queue that a message came from, if the text names it, and the message's beginning, for people."""
    queue, body = "", text
    with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        for record in msgspec.json.decode(text, type=_MovedRecords).Records[:1]:
            queue, body = record.eventSourceARN, record.body or text
    begins = f"begins {body[:BEGINNING]!r}{'…' if len(body) > BEGINNING else ''}"
    return f" (from {queue}; {begins})" if queue else f" ({begins})"


class Unreadable(Struct):
    """A message that would stay for ever: a part of it cannot be read, and all its readable events are concluded."""

    receipt: str
    text: str
    why: str

    def to_dict(self) -> dict[str, str]:
        """Return the JSON object that operators see."""
        return {"kind": "undelivered", "message": self.why, "body": self.text}


def unreadable(
    queue: Undelivered, *, read_back: Callable[[Batch], Iterable[bytes]], ledger: Ledger
) -> Iterator[Unreadable]:
    """Yield the messages that `redeliver` can never finish. Make all others receivable again at once."""
    staying = []
    for receipt, text in queue.receive():
        passing: list[Batch] = []

        def reading(batch: Batch, passing: list[Batch] = passing) -> Iterator[bytes]:
            try:
                yield from read_back(batch)
            except GoneError:
                raise
            except StreamError:
                passing.append(batch)  # the next attempt may read it
                raise

        content = _content_of(text, reading)
        entries = [ledger.get(event) for event in content.events]
        if content.problems and not passing and not _unconcluded(content.events, entries, ledger):
            yield Unreadable(receipt, text, "; ".join(content.problems) + content.origin)
        else:
            staying.append(receipt)
    queue.release(staying)


def _unconcluded(
    events: Iterable[ObjectEvent], entries: Iterable[LedgerEntry | None], ledger: Ledger
) -> list[ObjectEvent]:
    """Return the events that are not concluded, as replays; of a run that was stopped, only the continuation."""
    left = [entry.rest if entry and entry.rest else event for event, entry in zip(events, entries, strict=True)]
    both = [(event, _as_unclaimed_replay(event)) for event in left]
    return [replay for event, replay in both if not (_is_concluded(event, ledger) or _is_concluded(replay, ledger))]


def _as_unclaimed_replay(event: ObjectEvent) -> ObjectEvent:
    """Return the event as a replay, its id derived from the event, so that a dead invocation's claim does not block it.

    Events with the same ledger key become the same replay, whatever messages they came in: the ledger removes all but
    one as duplicates.
    """
    digest = hashlib.sha256(entry_of(event)).hexdigest()
    return msgspec.structs.replace(event, replay=f"undelivered@{digest[:16]}")


def _is_concluded(event: ObjectEvent, ledger: Ledger) -> bool:
    entry = ledger.get(event)
    return entry is not None and entry.status in CONCLUDED
