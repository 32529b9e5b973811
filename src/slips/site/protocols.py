"""The sites that stations see: each protocol names the ports that some of them need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from slips.config import Config, HandlerSpec
from slips.interface import Handler
from slips.model import HandlerCode, Lane, ObjectEvent
from slips.ports import ErrorTable, Ledger, ObjectStore, SharedLedger, Stream, Undelivered

if TYPE_CHECKING:
    from slips.envelope.lost import Batch


class Loader(Protocol):
    """Loads the user's handlers (see `HandlerLoader`)."""

    def handlers_of(self, spec: HandlerSpec) -> Sequence[type[Handler]]:
        """Return the handlers, ready to run. Raises UsageError if they cannot be used."""
        ...

    def args_of(self, spec: HandlerSpec) -> dict[str, Any]:
        """Return the args for the next object, with secrets in place of their placeholders. Raises UsageError."""
        ...


class HandlerSite(Protocol):
    """The ports for running handlers on an object."""

    @property
    def config(self) -> Config: ...

    @property
    def store(self) -> ObjectStore: ...

    @property
    def loader(self) -> Loader: ...


class Site(HandlerSite, Protocol):
    """The ports for all stations."""

    @property
    def stream(self) -> Stream: ...

    @property
    def streams(self) -> Mapping[Lane, str]:
        """The physical name of each lane's stream, which is `dest_stream` of the lane's events."""
        ...

    @property
    def errors(self) -> ErrorTable: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def undelivered(self) -> Undelivered | None:
        """The queue of messages that could not be delivered; None if the backend has no such queue."""
        ...

    def read_back(self, batch: Batch) -> Iterable[bytes]:
        """Yield the records of a batch of which AWS named only the place in a stream."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Make all changes of table, lanes and ledger in this block one change, if the site `is_atomic`."""
        ...

    @property
    def is_atomic(self) -> bool:
        """Whether `transaction` makes several changes one change."""
        ...

    def code_of(self, event: ObjectEvent) -> HandlerCode:
        """Return the handler of an object, for error items; empty if no mapping fits."""
        ...

    @property
    def clock(self) -> Callable[[], float]:
        """Returns epoch seconds."""
        ...

    @property
    def sleep(self) -> Callable[[float], None]: ...


class ListingSite(Site, Protocol):
    """A site whose buckets can be listed."""

    @property
    def directories(self) -> Mapping[str, Path]:
        """The directories of this machine that stand for buckets, by bucket."""
        ...

    @property
    def unlisted(self) -> Sequence[str]:
        """The paths that could not be listed so far, with reasons."""
        ...

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectEvent]:
        """Yield one event for each object whose key begins with `prefix`, in key order. Raises StorageError."""
        ...

    def beginnings(self, bucket: str) -> Sequence[str]:
        """Return how the keys of a bucket's objects begin: others in S3 are none of this site."""
        ...

    def is_unfinished(self, event: ObjectEvent) -> bool:
        """Whether a service leaves a listed object alone, since it is still being written."""
        ...


class SharedSite(Site, Protocol):
    """A site whose ledger several invocations share."""

    @property
    def ledger(self) -> SharedLedger: ...
