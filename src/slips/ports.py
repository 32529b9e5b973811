"""The ports: narrow protocols through which stations reach the world. Backends fill the ports; tests fake them.

Every implementation passes the one contract suite in `tests/test_ports.py` and `tests/test_object_stores.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from slips.model import ErrorItem, Lane, ObjectEvent, Outcome, Range


class StoredObject(Struct):
    """An object opened for reading. `body` has the stored bytes, forward only."""

    body: BinaryIO
    etag: str
    size: int
    version_id: str | None = None
    names: tuple[str, ...] = ()
    """Further identities of this content. The first is the one that a listing announces without reading the object."""

    @property
    def identity(self) -> str:
        """Identity of this content of the key: the version id, else the etag."""
        return self.version_id or self.etag

    def is_named(self, identity: str) -> bool:
        """Whether an identity, announced or stored, is one of this very content."""
        return identity in (self.identity, self.etag) or identity in self.names


class ObjectStore(Protocol):
    """Reads objects out of buckets."""

    def open(self, event: ObjectEvent) -> AbstractContextManager[StoredObject]:
        """Open the object that `event` names: its version if the event has one, else the current content.

        Raises StorageError if the object is `missing` or cannot be read. Reading `body` may raise StorageError, too.
        """
        ...

    def expect(self, events: Sequence[ObjectEvent]) -> None:
        """Prepare for opening the objects of `events` next, in this order; of none: for opening no more.

        Never raises because of an object: the errors of an object are those of `open`.
        """
        ...

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        """Yield one event per object under `prefix`, in key order, through all pages. Raises StorageError."""
        ...


class Stream(Protocol):
    """Carries object events on two lanes."""

    def put(self, lane: Lane, events: Sequence[ObjectEvent]) -> None:
        """Put all events on a lane. Raises StreamError with the events that the lane refused."""
        ...


class Invoker(Protocol):
    """Starts the main func on a batch of object events."""

    def invoke(self, events: Sequence[bytes]) -> None:
        """Start the main func on events, each encoded as JSON. Raises InvokeError if the events are not accepted."""
        ...


class ErrorTable(Protocol):
    """The error items that are not yet drained or dismissed."""

    def put(self, item: ErrorItem) -> None:
        """Store `item`. If an item has the same request id, replace it and increase the revision."""
        ...

    def get(self, request_id: str) -> ErrorItem | None: ...

    def scan(self) -> Iterator[ErrorItem]:
        """Yield all items, oldest failure first, in flat memory."""
        ...

    def delete(self, request_id: str, revision: int) -> bool:
        """Delete this very revision of an item. Return False if another revision is stored, or none."""
        ...

    def discard(self, request_id: str) -> bool:
        """Delete any revision of an item that a later run has made obsolete. Return whether there was one."""
        ...


Status = Literal["claimed", "waiting", "done", "filtered", "part", "dropped", "dismissed", "failed", "superseded"]
"""The state of an object event in the ledger. `claimed`: a request runs the event; `waiting`: the event is back on its
lane, unclaimed; `filtered`: the object is no log, and the outcome names the rule in `filtered_by`; `part`: the run was
stopped in time, and its continuation is an event of its own; `dropped`: by a routing rule; `dismissed`: an operator
deleted the error item; `failed`: the event has an error item; `superseded`: the run read other content than the
announced, which has an entry of its own."""
Finished = Literal["done", "filtered", "part"]
"""The state of an event whose run is over, and did not fail."""
SETTLED: frozenset[Status] = frozenset({"done", "filtered", "part", "dropped", "dismissed"})
"""An event is settled if it must never run again: a claim is refused, a listing does not put it on a lane."""
CONCLUDED: frozenset[Status] = SETTLED | {"failed", "superseded"}
"""An event is concluded if it needs no further error item and no further delivery. Unlike a settled event, a failed or
superseded one runs again if it is requested or announced once more."""


class LedgerEntry(Struct, omit_defaults=True):
    """The ledger's entry of one object event."""

    bucket: str
    key: str
    identity: str
    status: Status
    updated_at: float = 0.0
    """Epoch seconds."""
    request_id: str = ""
    outcome: Outcome | None = None
    records: list[Range] | None = None
    replay: str | None = None
    item: ErrorItem | None = None
    """The error item of the latest attempt, if the ledger is shared and another attempt may follow."""
    rest: ObjectEvent | None = None
    """The continuation, which must still be put on a lane, if the run was stopped and the ledger is shared."""
    read: ObjectEvent | None = None
    """The content that the claim's holder read instead of the announced one, if the ledger is shared."""
    left: list[str] = []
    """Ids of error items that the conclusion of the event has made obsolete, and that may not be deleted yet."""


Claim = Literal["new", "again", "done", "left", "claimed"]
"""The answer to a claim, by which a request reserves the run of an event for itself. `new`: run the event; `again`: run
the event, an earlier attempt ended without a conclusion or behind `stopped`; `done`: the event needs no run; `left`:
likewise, but its entry has error items `left`, which are to be deleted; `claimed`: another request runs the event at
this moment."""


class EarlierItem(NamedTuple):
    """An error item of an earlier run, with its one object event."""

    request_id: str
    event: ObjectEvent


def entry_of(event: ObjectEvent) -> bytes:
    """Return the key of the event's entry in every ledger, as JSON. Of two uploads only the contents count."""
    return msgspec.json.encode([event.bucket_name, event.object_key, event.identity, event.records, event.replay])


class Ledger(Protocol):
    """The state of each object event, by `entry_of` the event: claimed while it runs, then concluded.

    `finish`, `fail` and `supersede` write that entry alone, and return the earlier error items of the object that the
    ledger can find: the caller decides which of them the run has made obsolete.
    """

    def claim(self, event: ObjectEvent, request_id: str) -> Claim:
        """Claim the event for this request. A retry of the same request continues its own claim.

        Refused: an event that is settled, that another request has claimed, or that this very request has failed.
        """
        ...

    def release(self, event: ObjectEvent, request_id: str) -> None:
        """Release the claim that this request may have from an earlier attempt, so that the next request can claim."""
        ...

    def stopped(self, event: ObjectEvent, rest: ObjectEvent, outcome: Outcome) -> None:
        """Record that the run was stopped in time, and is concluded but for `rest`: its part must never run again."""
        ...

    def finish(
        self, event: ObjectEvent, outcome: Outcome | None, status: Finished = "done", *, run_id: str = ""
    ) -> Iterable[EarlierItem]:
        """Record that the event is done or filtered, or that a part is done and a further event is its continuation.

        If `outcome` is None, the counts stay as they are. `run_id`: the run, if it has not claimed the event; an item
        of this id is of the run's bad records from now on.
        """
        ...

    def fail(self, event: ObjectEvent, outcome: Outcome, request_id: str) -> Iterable[EarlierItem]:
        """Record that the event ended in the error table, as the item `request_id`.

        That request cannot claim the event again; another request can.
        """
        ...

    def fail_replay(self, event: ObjectEvent, request_id: str) -> Iterable[EarlierItem]:
        """Record, for a failed event, the item of its replay, which failed, too, as the event's latest item."""
        ...

    def discarded(self, item: EarlierItem) -> None:
        """Record that an earlier error item is deleted. Until then the entry of its event names it."""
        ...

    def drop(self, event: ObjectEvent) -> None:
        """Record that a routing rule dropped the event."""
        ...

    def note_waiting(self, events: Sequence[ObjectEvent]) -> None:
        """Record that events are on their lanes, if those cannot be read. Entries that exist stay as they are."""
        ...

    def supersede(self, event: ObjectEvent, *, only: Status | None = None) -> Iterable[EarlierItem]:
        """Record that the run read other content than the announced, which has an entry of its own.

        The announced content can be announced again. `only`: write nothing unless the event has this status.
        """
        ...

    def get(self, event: ObjectEvent) -> LedgerEntry | None:
        """Return the entry of the event; None if there is none."""
        ...

    def scan(self) -> Iterator[LedgerEntry]: ...


class SharedLedger(Ledger, Protocol):
    """A ledger that several functions share: each records its findings about an event for the next one.

    The entry of a concluded event keeps the request id of its run, which error items of that run have, too.
    """

    def attempted(self, event: ObjectEvent, item: ErrorItem) -> None:
        """Record `item` for an attempt that failed. The claim's holder tries again, or AWS gives up on the event."""
        ...

    def reading(self, event: ObjectEvent, read: ObjectEvent | None) -> None:
        """Record that the claim's holder read `read` in place of `event`, and will claim `read`; None: remove that."""
        ...


class Undelivered(Protocol):
    """The messages that even the reporter could not process, as AWS wrapped them."""

    def receive(self) -> Iterator[tuple[str, str]]:
        """Yield receipt and text of each message. A message that is not deleted reappears later."""
        ...

    def take_over(self, record: Any, source: str, receives: int | None) -> bool:
        """Move the message `record` of another queue, with the ARN `source`, to this queue. Return False if it stays.

        `receives` is the number of its deliveries, if a further one may help; None: no further delivery helps. Raises
        StateError.
        """
        ...

    def delete(self, receipt: str) -> None: ...

    def release(self, receipts: Sequence[str]) -> bool:
        """Make these messages receivable again at once. Return False if some reappear only later."""
        ...
