"""Dismiss: error items, and messages that cannot be read, out for good. Nothing of them is processed.

What goes is yielded first and deleted when the next is asked for: the caller has kept the evidence by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from slips.model import ErrorItem
from slips.operations import Operations
from slips.pipeline.undelivered import Unreadable


class Revision(Struct, frozen=True):
    """An item as people saw it: another revision of it is another error."""

    request_id: str
    revision: int


class Changed(Struct, frozen=True):
    """An item that stays: it was changed, or deleted, after people saw it."""

    request_id: str


class Dismissal(Struct):
    """What was dismissed so far."""

    items: int = 0
    messages: int = 0


def dismiss(
    operations: Operations, revisions: Iterable[Revision], messages: Iterable[Unreadable], done: Dismissal
) -> Iterator[ErrorItem | Unreadable | Changed]:
    """Takes out these revisions, then these messages, each after it was yielded. `done` is right whenever this ends."""
    for each in revisions:
        item = operations.errors.get(each.request_id)
        is_same = item is not None and item.revision == each.revision
        if item is not None and is_same:
            yield item
            is_same = operations.dismiss(item)
        if is_same:
            done.items += 1
        else:
            yield Changed(each.request_id)
    for message in messages:
        yield message
        assert operations.undelivered is not None  # noqa: S101 - for mypy: the message came from there
        operations.undelivered.delete(message.receipt)
        done.messages += 1
