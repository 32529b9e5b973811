"""Finds the object of an event of EventBridge, whose key may be URL-quoted. Only opening objects shows whether it is.

EventBridge on AWS sends keys as they are. Servers that stand in for AWS send them quoted. Keys in events of S3 itself
never come here: `envelope.s3` unquotes them.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from slips.envelope.s3 import unquoted
from slips.errors import StorageError
from slips.model import ObjectEvent
from slips.ports import ObjectStore


def as_stored(event: ObjectEvent, store: ObjectStore, is_mapped: Callable[[ObjectEvent], bool]) -> ObjectEvent:
    """Return the event with the key of an existing object: the key as given, else unquoted; else the event unchanged.

    If the key as given is not mapped, the role of MainFunc may not read it. Then the unquoted key counts only if the
    object there has the announced content. Raises StorageError if opening an object fails for another reason than a
    missing object.
    """
    as_given = msgspec.structs.replace(event, quoted=None)
    as_unquoted = msgspec.structs.replace(as_given, object_key=unquoted(event.object_key))
    if is_mapped(event) and _exists(store, as_given):
        return as_given
    if not is_mapped(as_unquoted):
        return event
    return as_unquoted if _exists(store, as_unquoted, same_content=not is_mapped(event)) else event


def _exists(store: ObjectStore, event: ObjectEvent, same_content: bool = False) -> bool:
    """Whether the object of `event` exists and, if `same_content`, has the announced content."""
    try:
        with store.open(event) as stored:
            return not same_content or stored.is_named(event.identity)
    except StorageError as error:
        if not error.missing:
            raise
        return False
