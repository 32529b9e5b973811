"""Arguments and options that choose error items, and the search for the items that a command line names."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from msgspec import Struct

from slips.cli.command import argument
from slips.cli.completion import error_ids
from slips.cli.context import config_at_hand
from slips.cli.usage import Number
from slips.config.needs import MAPPING
from slips.model import ErrorItem, ObjectEvent
from slips.operations import Group, Operations
from slips.pipeline import groups
from slips.pipeline.choose import Choice, named

_CHOOSING = (
    argument(
        "ids",
        metavar="ID",
        nargs=-1,
        shell_complete=error_ids,
        help="Only these: ids or fingerprints of groups, in full or how they begin.",
    ),
    click.option("--since", metavar="TIME", help="Only failures since then: 2h, 1h30m, 3d, or 2026-03-02T08:00:00Z."),
    click.option("--until", metavar="TIME", help="Only failures until then; a date is its beginning, in UTC."),
    click.option("--prefix", metavar="PREFIX", help="Only objects whose key, or bucket/key, begins so."),
    click.option(
        "--type", "type_", metavar="TYPE", help="Only this type of error, stage or kind: KeyError, handler, records."
    ),
)
limit_option = click.option("--limit", metavar="N", type=Number(1), help="At most so many, the oldest.")


class Asked(Struct, frozen=True):
    """The items that a command line asks for: `names` are texts as the user wrote them."""

    names: tuple[str, ...]
    conditions: Choice

    @property
    def is_all(self) -> bool:
        """Whether all items are asked for."""
        return not self.names and self.conditions == Choice()

    def choice(self, operations: Operations) -> Choice:
        """Return the choice with ids and fingerprints in full.

        Raises UsageError for a malformed time, and for a name that is of no item and no group, or of several.
        """
        self.conditions.of(())
        if not self.names:
            return self.conditions
        found = named(operations.errors, self.names, where(operations))
        about = self.conditions
        return Choice(about.since, about.prefix, about.type, about.until, found.ids, found.groups)


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Declare the argument and the options that choose items; the command gets them as `asked`."""

    @wraps(command)
    def asking(
        *args: Any,
        ids: tuple[str, ...],
        since: str | None,
        until: str | None,
        prefix: str | None,
        type_: str | None,
        **others: Any,
    ) -> None:
        command(*args, asked=Asked(ids, Choice(since, prefix, type_, until)), **others)

    declared: Callable[..., None] = asking
    for declare in reversed(_CHOOSING):
        declared = declare(declared)
    return declared


def latest(
    operations: Operations, text: str, mapping: Callable[[ObjectEvent], str] | None = None
) -> tuple[ErrorItem, Group | None]:
    """Return the item that `text` names; if it names a group, the latest item of it, and the group.

    Raises UsageError if it names nothing, or more than one.
    """
    return groups.latest(operations.errors, text, where(operations), mapping=mapping)


def by_mapping(ctx: click.Context, operations: Operations) -> Callable[[ObjectEvent], str]:
    """Return the function that names the mapping of an object; without a config that is right, its bucket."""
    return groups.by_mapping(config_at_hand(ctx, operations, MAPPING))


def where(operations: Operations) -> str:
    """Return the words behind "no errors" if the user could also mean the stack; else an empty text."""
    return " on this machine" if operations.has_twin else ""
