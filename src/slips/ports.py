"""What the stations need from the world, as narrow protocols. Backends fill them; tests fake them.

Every implementation passes the one contract suite in `tests/test_ports.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Literal, Protocol

from msgspec import Struct

from slips.model import ErrorItem, Lane, ObjectEvent, Outcome, Range


class StoredObject(Struct):
    """An object opened for reading. `body` gives its stored bytes, forward only."""

    body: BinaryIO
    etag: str
    size: int
    last_modified: float
    """Epoch seconds."""
    version_id: str | None = None
    names: tuple[str, ...] = ()
    """Identities of this content other than its own: what a listing announces that does not read it, first."""

    @property
    def identity(self) -> str:
        """Identity of this content of the key: the version id, else the etag."""
        return self.version_id or self.etag

    def is_named(self, identity: str) -> bool:
        """Whether an identity that was announced or stored is one of this very content."""
        return identity in (self.identity, self.etag) or identity in self.names


class ObjectStore(Protocol):
    """Reads objects out of buckets."""

    def open(self, event: ObjectEvent) -> AbstractContextManager[StoredObject]:
        """The object that `event` names: its version if it has one, else the current content.

        Raises StorageError if it is `missing` or cannot be read; reading `body` may raise it too.
        """
        ...

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        """One event per object under `prefix`, in key order, through all pages."""
        ...


class Stream(Protocol):
    """Carries object events on two lanes."""

    def put(self, lane: Lane, events: Sequence[ObjectEvent]) -> None:
        """All accepted, or StreamError with those that were not."""
        ...


class Invoker(Protocol):
    """Starts the main func on a batch of object events."""

    def invoke(self, events: Sequence[bytes]) -> None:
        """Starts a run of events, each given as its JSON. Raises InvokeError if they are not accepted."""
        ...


class ErrorTable(Protocol):
    """Error items, until people deal with them."""

    def put(self, item: ErrorItem) -> None:
        """Stores `item`; one with the same request id is replaced and the revision grows."""
        ...

    def get(self, request_id: str) -> ErrorItem | None: ...

    def scan(self) -> Iterator[ErrorItem]:
        """All items, oldest failure first, in flat memory."""
        ...

    def delete(self, request_id: str, revision: int) -> bool:
        """Deletes that very revision; False if it is no longer the stored one."""
        ...

    def discard(self, request_id: str) -> bool:
        """Deletes the item, whatever its revision: a later run has made it untrue. Whether there was one."""
        ...


Status = Literal["claimed", "waiting", "done", "part", "dropped", "dismissed", "failed", "superseded"]
"""What the ledger says of an object event. `claimed`: a request runs it; `waiting`: it is back on its lane, unclaimed;
`part`: it was stopped in time, and the rest is an event of its own; `dropped`: by a routing rule; `dismissed`: people
took its error item out; `failed`: it has an error item; `superseded`: other content than the announced was read, which
has an entry of its own."""
SETTLED: frozenset[Status] = frozenset({"done", "part", "dropped", "dismissed"})
"""An event that is settled never runs again: a claim is refused, a listing does not put it on a lane."""
CONCLUDED: frozenset[Status] = SETTLED | {"failed", "superseded"}
"""An event that is concluded owes nothing: it needs no further error item, and no delivery of its own accord. But it
runs again if it is asked for or announced once more: that is what these two and SETTLED differ in."""


class LedgerEntry(Struct, omit_defaults=True):
    """What became of one object event."""

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
    """Why the latest attempt failed, if the ledger is shared and there may be another."""
    rest: ObjectEvent | None = None
    """What is still to be sent, if the run was stopped in time and the ledger is shared."""
    read: ObjectEvent | None = None
    """The content that the holder of the claim found instead of the announced one, if the ledger is shared."""


Claim = Literal["new", "again", "done", "claimed"]
"""`new`: take it; `again`: take it, an attempt before ended without a word, or behind `stopped`; `done`: it is done
already; `claimed`: another request has it at this moment."""


class Ledger(Protocol):
    """What became of each object event, keyed by bucket, key, identity, `records` and `replay`."""

    def claim(self, event: ObjectEvent, request_id: str) -> Claim:
        """Takes the event for this request; a retry of the same request takes over its own claim."""
        ...

    def finish(self, event: ObjectEvent, outcome: Outcome, status: Literal["done", "part"] = "done") -> None:
        """The event is done, or a part of it is and a further event carries the rest."""
        ...

    def fail(self, event: ObjectEvent, outcome: Outcome, request_id: str) -> None:
        """The event ended in the error table, as the item `request_id`. That request gets it no more, others may."""
        ...

    def drop(self, event: ObjectEvent) -> None:
        """A routing rule dropped the event."""
        ...

    def supersede(self, event: ObjectEvent) -> None:
        """Other content than the announced was read, and is settled by itself. The announced may come back."""
        ...

    def get(self, event: ObjectEvent) -> LedgerEntry | None:
        """What is known of the event."""
        ...

    def scan(self) -> Iterator[LedgerEntry]: ...


class SharedLedger(Ledger, Protocol):
    """A ledger that stations in several places share: what one learnt of an event the next one needs."""

    def attempted(self, event: ObjectEvent, item: ErrorItem) -> None:
        """One attempt failed as `item` says, and the holder of the claim will try again or be given up."""
        ...

    def reading(self, event: ObjectEvent, read: ObjectEvent | None) -> None:
        """The holder of the claim found `read` in the place of `event`, and is about to claim that; None: no more."""
        ...

    def stopped(self, event: ObjectEvent, rest: ObjectEvent, outcome: Outcome) -> None:
        """The run was stopped in time and all of it is concluded but for `rest`: nobody may run that part again."""
        ...

    def release(self, event: ObjectEvent, request_id: str) -> None:
        """Gives back the claim that this request may have from an attempt before: the next request may take it."""
        ...


class Undelivered(Protocol):
    """What even the reporter could not take, as AWS wrapped it."""

    def receive(self) -> Iterator[tuple[str, str]]:
        """Receipt and text of each message; one that is not deleted comes again later."""
        ...

    def take_over(self, record: Any, source: str, receives: int | None) -> bool:
        """Moves a message here that another queue, with the ARN `source`, delivered as `record`. False: it stays there.

        `receives`: how often it was delivered, as it may do better next time; None: it never will. Raises StateError.
        """
        ...

    def delete(self, receipt: str) -> None: ...

    def release(self, receipts: Sequence[str]) -> bool:
        """Lets these messages be received again at once; False: some come again later, as without it."""
        ...
