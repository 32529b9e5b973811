"""Error items as users name them on a command line: by id, or by the options of a choice."""

from __future__ import annotations

from typing import Annotated

import typer

from slips.errors import UsageError
from slips.model import ErrorItem
from slips.operations import Operations
from slips.pipeline import choose

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


def find(operations: Operations, text: str) -> ErrorItem:
    """The item whose id is `text` or begins with it. Raises UsageError if there is none, or more than one."""
    item = choose.find(operations.errors, text)
    if item is None:
        raise UsageError(f"no error item {text!r}{where(operations)}; 'slips errors' lists those that exist")
    return item


def where(operations: Operations) -> str:
    """What stands behind "no errors" where the stack could be meant, too."""
    return " on this machine" if operations.has_twin else ""
