"""The end of the run of one object: a Success, a Failure, or Superseded. `conclude` decides the consequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct, field

from slips.model import ObjectEvent, Outcome
from slips.pipeline.quarantine import Quarantined

SPENT_STATUS = 86
"""Exit status of a function whose process is unfit for another object: the ledger has the reason."""


class Success(Struct, tag=True):
    """The run finished the object, but for the records in `quarantine`."""

    event: ObjectEvent
    outcome: Outcome
    quarantine: list[Quarantined] = field(default_factory=list)
    rest: ObjectEvent | None = None
    """The continuation, if the run was stopped at a record boundary: the object event for what it did not reach."""
    reader: str = ""
    names: tuple[str, ...] = ()
    """Other identities of the content that was read."""


class Failure(Struct, tag=True):
    """The run did not finish the object: none of its records may be quarantined or marked done."""

    event: ObjectEvent
    stage: str
    error_type: str
    message: str
    retryable: bool
    traceback: str = ""
    seq: int | None = None
    """Number of the record at which a handler raised."""
    handler_event: dict[str, Any] | None = None
    """The log event that `recv` had when it raised, as short JSON."""
    handler_event_truncated: bool = False
    outcome: Outcome = field(default_factory=Outcome)
    names: tuple[str, ...] = ()
    """Other identities of the content that was read; none if the content is not certain."""
    resources: bool = False
    """Whether the process had no memory, descriptors or threads left, or was damaged: another may finish the object."""


class Superseded(Struct, tag=True):
    """No record was delivered: the object held other content than the announced, and that content needs no run."""

    event: ObjectEvent
    """Names the content that the object held."""
    names: tuple[str, ...] = ()
    """Other identities of that content."""


def by_itself(read: ObjectEvent) -> ObjectEvent:
    """Return the object event of content read in place of the announced one, which replays no item of that one."""
    return msgspec.structs.replace(read, replay=None)


Admit = Callable[[ObjectEvent, tuple[str, ...]], bool]
"""Decides whether content that is there in place of the announced one may run. Gets an object event with the identity
and key of that content, and its other identities."""
