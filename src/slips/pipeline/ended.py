"""How the run of one object ended: a Success, a Failure, or Superseded. What follows from it is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct, field

from slips.model import ObjectEvent, Outcome
from slips.pipeline.quarantine import Quarantined


class Success(Struct, tag=True):
    """The object is done, but for the records in `quarantine`."""

    event: ObjectEvent
    outcome: Outcome
    quarantine: list[Quarantined] = field(default_factory=list)
    rest: ObjectEvent | None = None
    """What is still to be done, if the run was stopped at a record boundary."""
    reader: str = ""
    names: tuple[str, ...] = ()
    """Other identities of the content that was read."""


class Failure(Struct, tag=True):
    """The object is not done; nothing of it may be quarantined or marked."""

    event: ObjectEvent
    stage: str
    error_type: str
    message: str
    retryable: bool
    traceback: str = ""
    seq: int | None = None
    """The record at which a handler raised."""
    handler_event: dict[str, Any] | None = None
    """The event that `recv` had when it raised, as short JSON."""
    handler_event_truncated: bool = False
    outcome: Outcome = field(default_factory=Outcome)
    names: tuple[str, ...] = ()
    """Other identities of the content that was read, as far as that is certain."""
    resources: bool = False
    """The process had no memory, descriptors or threads left, or was damaged: the object may do well in another."""


class Superseded(Struct, tag=True):
    """Nothing was delivered: other content than the announced was there, and needs no run of its own."""

    event: ObjectEvent
    """With the identity that was read."""
    names: tuple[str, ...] = ()


def by_itself(read: ObjectEvent) -> ObjectEvent:
    """The event of content that was read where another was announced: it is no replay of the other."""
    return msgspec.structs.replace(read, replay=None)


Admit = Callable[[ObjectEvent, tuple[str, ...]], bool]
"""Asked about an event with the identity and key that were read, if others were announced, and the other names of what
was read: whether that content may run."""
