"""Arguments and options that choose error items, and the search for an item by the id on a command line."""

from __future__ import annotations

import click

from slips.cli.command import argument
from slips.cli.usage import Number
from slips.errors import UsageError
from slips.model import ErrorItem
from slips.operations import Operations
from slips.pipeline import choose

ids_argument = argument("ids", metavar="ID", nargs=-1, help="Only these, whole ids or how they begin.")
since_option = click.option(
    "--since", metavar="TIME", help="Only failures since then: 2h, 3d, or 2026-03-02T08:00:00Z."
)
prefix_option = click.option("--prefix", metavar="PREFIX", help="Only objects whose key, or bucket/key, begins so.")
type_option = click.option(
    "--type", "type_", metavar="TYPE", help="Only this type of error, stage or kind: KeyError, handler, records."
)
limit_option = click.option("--limit", metavar="N", type=Number(1), help="At most so many, the oldest.")


def find(operations: Operations, text: str) -> ErrorItem:
    """Return the item whose id is, or begins with, `text`. Raises UsageError if there is none, or more than one."""
    item = choose.find(operations.errors, text)
    if item is None:
        raise UsageError(f"no error item {text!r}{where(operations)}; 'slips errors' lists those that exist")
    return item


def where(operations: Operations) -> str:
    """Return the words behind "no errors" if the user could also mean the stack; else an empty text."""
    return " on this machine" if operations.has_twin else ""
