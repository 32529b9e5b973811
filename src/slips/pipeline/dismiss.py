"""Dismiss: deletes error items, and messages that cannot be read, for good, without processing them.

Each is yielded first, and deleted when the caller asks for the next: by then the caller has kept the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from slips.model import ErrorItem
from slips.operations import Operations
from slips.pipeline.undelivered import Unreadable


class Revision(Struct, frozen=True):
    """A revision of an item, as an operator saw it: another revision of the item is another error."""

    request_id: str
    revision: int


class Changed(Struct, frozen=True):
    """An item that is not dismissed: it was changed or deleted after the operator saw it."""

    request_id: str


class Dismissal(Struct):
    """The counts of dismissed items and messages so far."""

    items: int = 0
    messages: int = 0


def dismiss(
    operations: Operations, revisions: Iterable[Revision], messages: Iterable[Unreadable], done: Dismissal
) -> Iterator[ErrorItem | Unreadable | Changed]:
    """Delete these revisions, then these messages, each after yielding it. `done` is right at each step."""
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
