"""Audits a stack of any size: part by part, in as many invocations as that takes, with a checkpoint between two.

In: the site of the function, and the checkpoint, which is a note beside the ledger. Out: the audit, once it is whole.
Memory is flat, and temporary space that of PART objects. Each part reads the ledger once, which costs most: so a part
is as long as a share of the invocation's time allows, and PARTS bound the price. At most one invocation is at work; if
it dies, the next one begins its part anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import NoReturn, Protocol

import msgspec
from msgspec import Struct

from slips.config import Config, Mapping
from slips.errors import StorageError, UnfinishedError
from slips.known import PAGE
from slips.model import ObjectEvent, format_time
from slips.pipeline.audit import DAY, Audit, AuditedBackend, audit
from slips.pipeline.audit_note import NOTED
from slips.pipeline.selection import Unlisted, mapped_places
from slips.printable import plural
from slips.site.protocols import ListingSite

PART, LEAST = 4_000_000, 125_000
"""Most objects of a part, and of the smallest one: after an invocation whose time was up, parts are half as long. A
million with as many entries takes 0.7 GB of temporary space."""
LISTING = 0.5
"""Most of an invocation's time for listing a part. Reading and comparing a ledger takes a fraction of that."""
PARTS = 48
"""Most invocations of one audit."""
CHECKPOINT = "audit checkpoint"
"""Name of the note."""
_log = logging.getLogger("slips")
_ADVICE = "let 'slips audit' do it on a machine, with 'backend.audit' unset"


class AuditCheckpoint(Struct, kw_only=True, omit_defaults=True):
    """The progress of an audit that has not ended."""

    config: str
    """A digest of the config with which the audit began."""
    at: float
    """When it began, epoch seconds."""
    invocations: int
    """Number of invocations that have begun a part."""
    until: float = 0.0
    """Epoch seconds until which an invocation is at work."""
    part: int
    """Objects of the next part, at most."""
    place: int = 0
    """Number of the listing in which the next part begins."""
    after: str = ""
    """The last key of that listing that has been audited."""
    audit: Audit | None = None
    """The audit of all parts so far, without hours."""


class Notes(Protocol):
    """Keeps the checkpoint."""

    def note(self, name: str) -> str | None: ...

    def exchange_note(self, name: str, before: str, after: str) -> bool: ...


class AuditingSite(ListingSite, AuditedBackend, Protocol):
    """The site of the function that audits."""

    def listed(self, bucket: str, prefix: str, after: str = "") -> Iterator[ObjectEvent]:
        """Yield the objects behind the key `after`."""
        ...


class _TimeIsUpError(Exception):
    """The invocation must end."""


class _AuditedPart:
    """An AuditedListing of at most `most` objects, behind those that have been audited.

    It has fewer if, after some page of it, `is_long` says so.
    """

    def __init__(
        self, site: AuditingSite, place: int, after: str, most: int, is_long: Callable[[], bool] = lambda: False
    ) -> None:
        self.only: list[str] = []
        self._site, self._places, self._most, self._is_long = site, mapped_places(site), most, is_long
        self.place, self.after = place, after
        """Where the next part begins."""

    @property
    def is_last(self) -> bool:
        """Whether no object is behind this part. Right when all of it was listed."""
        return self.place == len(self._places)

    def has(self, _bucket: str, _mapping: Mapping | None) -> bool:
        return True

    def listed(self, _site: ListingSite, progress: Callable[[int], None], unlisted: Unlisted) -> Iterator[ObjectEvent]:
        """Yield the objects; a place that cannot be listed is passed over."""
        number = 0
        while not self.is_last:
            try:
                for event in self._site.listed(*self._places[self.place], self.after):
                    number, self.after = number + 1, event.object_key
                    if number % PAGE == 0:
                        progress(PAGE)
                    yield event
                    if number == self._most or (number % PAGE == 0 and self._is_long()):
                        return
            except StorageError as error:
                unlisted(self._places[self.place], error)
            self.place, self.after = self.place + 1, ""


def go_on(
    site: AuditingSite, notes: Notes, *, is_new: bool, seconds_left: Callable[[], float], spare_seconds: float
) -> Audit | None:
    """Audit the next part. Return the whole audit if it was the last one; None if there is more, or nothing to do.

    `is_new`: begin an audit, unless one goes on. `spare_seconds` of the time are kept. Raises
    UnfinishedError if the audit cannot end, StateError.
    """
    text, config = notes.note(CHECKPOINT) or "", _digest(site.config)
    now = site.clock()
    if text:
        before = msgspec.json.decode(text, type=AuditCheckpoint)
        if is_new and now - before.at > DAY / 2:  # else AWS has invoked the function twice
            raise UnfinishedError(
                f"the audit of {format_time(before.at)} has not ended: the next one was due; it goes on; expected it "
                f"to end in a day; {_ADVICE}, if it never does"
            )
        if before.until > now:
            return None  # another invocation is at work
    elif is_new:
        before = AuditCheckpoint(config=config, at=now, invocations=0, part=PART)
    else:
        return None
    if before.config != config:
        # Of a deploy meanwhile: parts by other mappings do not add up.
        before = AuditCheckpoint(config=config, at=before.at, invocations=before.invocations, part=before.part)
    if before.invocations >= PARTS:
        _give_up(notes, text, f"was not whole after {PARTS} invocations")
    at_work = msgspec.structs.replace(before, invocations=before.invocations + 1, until=now + seconds_left())
    held = _text(at_work)
    if not notes.exchange_note(CHECKPOINT, text, held):
        return None  # another invocation was faster
    listed_by = (1 - LISTING) * seconds_left()
    part = _AuditedPart(site, before.place, before.after, before.part, lambda: seconds_left() < listed_by)

    def progress(_: int) -> None:
        if seconds_left() < spare_seconds:
            raise _TimeIsUpError

    try:
        found = audit(site, site, part, before=before.audit, progress=progress)
    except _TimeIsUpError:
        if before.part <= LEAST:
            _give_up(notes, held, f"got no further: one invocation cannot audit {plural(LEAST, 'object')}")
        _log.info("the time was up; %s at once from now on", plural(before.part // 2, "object"))
        smaller = msgspec.structs.replace(at_work, until=0.0, part=before.part // 2)
        notes.exchange_note(CHECKPOINT, held, _text(smaller))
        return None
    whole = found
    if before.audit is not None:
        whole = before.audit
        whole.plus(found)
    if part.is_last:
        notes.exchange_note(CHECKPOINT, held, "")
        return whole
    _log.info("audited %s so far; the rest follows in another invocation", plural(whole.total.found.objects, "object"))
    _shorten(whole)
    reached = msgspec.structs.replace(at_work, until=0.0, place=part.place, after=part.after, audit=whole)
    notes.exchange_note(CHECKPOINT, held, _text(reached))
    return None


def _give_up(notes: Notes, checkpoint: str, why: str) -> NoReturn:
    """Forget the checkpoint, and raise UnfinishedError."""
    notes.exchange_note(CHECKPOINT, checkpoint, "")
    raise UnfinishedError(f"the audit {why}; expected each to read a part of the listing and the ledger; {_ADVICE}")


def _shorten(whole: Audit) -> None:
    """Leave out what no note keeps: the checkpoint must fit into an item of DynamoDB."""
    for part in (whole.total, *whole.mappings):
        part.hours.clear()
    whole.objects = {state: named[:NOTED] for state, named in whole.objects.items()}
    whole.problems = whole.problems[:NOTED]


def _text(checkpoint: AuditCheckpoint) -> str:
    return msgspec.json.encode(checkpoint).decode()


def _digest(config: Config) -> str:
    return blake2b(msgspec.json.encode(config), digest_size=8).hexdigest()
