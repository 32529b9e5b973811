"""The state that a backend has of listed objects: what `slips audit` compares a listing with. Plain data, no I/O.

A backend fills `KnownObjects` from its ledger, its lanes and its error table; `pipeline.audit` decides by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from slips.errors import StateError
from slips.model import Lane, ObjectEvent, Range, is_to_the_end
from slips.ports import Status

PAGE = 1_000
"""Most listed objects that are compared at once, which is a page of a listing of S3."""
_ETAG = re.compile(r"[0-9a-f]{32}(?:-[0-9]+)?")


class RecordCounts(Struct):
    """Numbers of records, from the independent counters of the runs. Its other fields are not decoded."""

    records: int = 0
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0

    def add(self, other: RecordCounts) -> None:
        """Add the counts of another run."""
        self.records += other.records
        self.delivered += other.delivered
        self.filtered += other.filtered
        self.quarantined += other.quarantined

    @property
    def is_balanced(self) -> bool:
        """Whether every record is accounted for."""
        return self.records == self.delivered + self.filtered + self.quarantined


class RunCounts(RecordCounts):
    """The record counts of a ledger entry's outcome, with the etag of the content that was read."""

    etag: str = ""


Content = Literal["listed", "perhaps", "other"]
"""The content that an entry is of: that which the listing shows, perhaps that, or another."""


class KnownEntry(NamedTuple):
    """A ledger entry of an object, without what only runs need."""

    content: Content
    records: list[Range] | None
    is_replay: bool
    status: Status
    updated_at: float
    """Epoch seconds."""
    counts: RecordCounts | None

    @property
    def is_of_object(self) -> bool:
        """Whether the entry says what became of its object: not that of a few records, or of content never read."""
        return is_to_the_end(self.records) and self.status != "superseded"


class StoredEntry(NamedTuple):
    """A ledger entry of any object, without what only runs need."""

    bucket: str
    key: str
    identity: str
    records: list[Range] | None
    is_replay: bool
    status: Status
    updated_at: float
    counts: RunCounts | None


class Known(NamedTuple):
    """The state that a backend has of one listed object."""

    entries: Sequence[KnownEntry] = ()
    is_stopped: bool = False
    """Whether an error item stops the object."""
    is_quarantined: bool = False
    """Whether an error item has bad records of it."""
    is_on_lane: bool = False

    @property
    def listed(self) -> list[KnownEntry]:
        """The entries of the content that the listing shows; if none certainly is, those that perhaps are."""
        kinds: tuple[Content, ...] = ("listed", "perhaps")
        return next((found for kind in kinds if (found := [each for each in self.entries if each.content == kind])), [])

    def with_entry(self, entry: KnownEntry) -> Known:
        """Return the state with one more ledger entry."""
        return self._replace(entries=[*self.entries, entry])

    def with_item(self, records: list[Range] | None, *, is_held: bool = False) -> Known:
        """Return the state with an error item of these records: an item that replays a few does not stop the object.

        `is_held`: the item only keeps an event of a lane that pauses.
        """
        if is_held:
            return self._replace(is_on_lane=True) if is_to_the_end(records) else self
        return self._replace(is_stopped=True) if is_to_the_end(records) else self._replace(is_quarantined=True)


NOTHING = Known()


class KnownObjects(Protocol):
    """Listed objects with their state, as of a moment after all of them were listed."""

    first_entry: float | None
    """Time of the first ledger entry, epoch seconds; None if the ledger is empty."""

    @property
    def problems(self) -> Sequence[str]:
        """About error items that cannot be read: their objects may not be told."""
        ...

    def lag(self, lane: Lane) -> float:
        """Return the greatest age in seconds of an object that may be on a lane unseen; 0 if lanes can be read."""
        ...

    def __iter__(self) -> Iterator[tuple[ObjectEvent, Known]]:
        """Yield each listed object with its state, in the order of the listing. Raises StateError."""
        ...


def pages(listed: Iterable[ObjectEvent]) -> Iterator[list[ObjectEvent]]:
    """Yield listed objects in pages of PAGE at most."""
    left = iter(listed)
    while page := list(islice(left, PAGE)):
        yield page


def by_page(
    listed: Iterable[ObjectEvent], known_of: Callable[[str, Sequence[ObjectEvent]], Mapping[str, Known]]
) -> Iterator[tuple[ObjectEvent, Known]]:
    """Yield listed objects with their state, which `known_of` returns by key for a page of a bucket."""
    for bucket, events in groupby(listed, attrgetter("bucket_name")):
        for page in pages(events):
            found = known_of(bucket, page)
            yield from ((event, found.get(event.object_key, NOTHING)) for event in page)


def ranges_of(text: str | None) -> list[Range] | None:
    """Decode ranges of records, as a table stores them; None for none."""
    return msgspec.json.decode(text, type=list[Range]) if text else None


def counts_of(outcome: str | None) -> RunCounts | None:
    """Decode the counts of an outcome, as a ledger stores it. Raises StateError if slips cannot have written it."""
    try:
        return _COUNTS.decode(outcome) if outcome else None
    except msgspec.MsgspecError as error:
        raise StateError(
            f"ledger, {outcome!r:.80}: {error}; expected what slips wrote; put back a copy, or delete the row"
        ) from error


_COUNTS = msgspec.json.Decoder(RunCounts)


def content_of(listed: ObjectEvent, names: Collection[str], identity: str, etag: str, updated_at: float) -> Content:
    """Return whether a ledger entry is of the content that a listing shows.

    `names`: identities of the listed content. `identity` and `etag` are those of the entry. A listing of S3 names no
    version: an entry that has a version id and no etag may be of the listed content if it is not older than that.
    """
    if identity in names or etag in names:
        return "listed"
    if etag or _ETAG.fullmatch(identity) or "@" in identity or "@" in listed.object_etag:
        return "other"
    return "perhaps" if updated_at >= listed.timestamp else "other"
