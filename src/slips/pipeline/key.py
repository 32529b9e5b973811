"""Which object an event names whose key may be quoted: that is only known where objects can be opened.

EventBridge's own events carry keys as they are, those of servers that stand for AWS carry them quoted.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from slips.envelope import unquoted
from slips.errors import StorageError
from slips.model import ObjectEvent
from slips.ports import ObjectStore


def as_stored(event: ObjectEvent, store: ObjectStore, is_mapped: Callable[[ObjectEvent], bool]) -> ObjectEvent:
    """The event under the key of its object: the key as given if an object is there, else unquoted if one is there.

    The event as it is if neither is. A key that is not mapped cannot be looked at, since the main func may not read it:
    then the unquoted one counts only if the announced content is there. Raises StorageError if a look fails.
    """
    as_given = msgspec.structs.replace(event, quoted=None)
    other = msgspec.structs.replace(as_given, object_key=unquoted(event.object_key))
    if is_mapped(event) and _holds(store, as_given):
        return as_given
    if not is_mapped(other):
        return event
    return other if _holds(store, other, known=not is_mapped(event)) else event


def _holds(store: ObjectStore, event: ObjectEvent, known: bool = False) -> bool:
    """Whether an object is there, of the announced content if that has to be `known`."""
    try:
        with store.open(event) as stored:
            return not known or stored.is_named(event.identity)
    except StorageError as error:
        if not error.missing:
            raise
        return False
