"""Error items as operators name them: by id, or by the options of a choice; and in groups of alike ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from msgspec import Struct, field

from slips.errors import UsageError
from slips.model import ErrorItem
from slips.ports import ErrorTable

Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Only what failed since then: 2h, 3d, or 2026-03-02T08:00:00Z."),
]
Prefix = Annotated[
    str | None, typer.Option("--prefix", metavar="PREFIX", help="Only objects whose key, or bucket/key, begins so.")
]
Type = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="Only this type of error, stage or kind: KeyError, handler, records."),
]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many, the oldest.")]


def find(errors: ErrorTable, text: str, where: str = "") -> ErrorItem:
    """The item whose id is `text` or, if there is one only, begins with it. Raises UsageError.

    `where` is the backend's, for that error's text.
    """
    item = errors.get(text)
    if item is not None:
        return item
    found = [each for each in errors.scan() if text and each.request_id.startswith(text)]
    if not found:
        raise UsageError(f"no error item {text!r}{where}; 'slips errors' lists those that exist")
    first = min(found, key=lambda each: len(each.request_id))
    # The parts of a long item are named after its first: id, id-2, id-3.
    if all(each.request_id.startswith(first.request_id) for each in found):
        return first
    shown = ", ".join(each.request_id for each in found[:3]) + (", ..." if len(found) > 3 else "")
    raise UsageError(f"{len(found)} error items begin with {text!r}: {shown}; expected more of the id")


class Group(Struct):
    """Alike errors: those of one fingerprint."""

    fingerprint: str
    stage: str
    error_type: str
    message: str
    """Of the first."""
    first: str
    last: str
    """When, RFC 3339."""
    request_ids: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of it."""
        about = {name: getattr(self, name) for name in self.__struct_fields__ if name != "request_ids"}
        return {"count": len(self.request_ids), **about, "request_ids": self.request_ids}


def group(items: Iterable[ErrorItem]) -> list[Group]:
    """The items by fingerprint, most frequent first. `items` come oldest first."""
    groups: dict[str, Group] = {}
    for item in items:
        known = groups.get(item.fingerprint)
        if known is None:
            known = groups[item.fingerprint] = Group(
                item.fingerprint, item.stage, item.error_type, item.message, item.failed_at, item.failed_at
            )
        known.last = item.failed_at
        known.request_ids.append(item.request_id)
    return sorted(groups.values(), key=lambda each: -len(each.request_ids))
