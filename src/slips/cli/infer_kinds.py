"""`infer` on a directory, or on a prefix of a bucket in S3: a proposal for each kind of log."""

from __future__ import annotations

import click
from click.exceptions import Exit

from slips.cli.output import print_json, show_text
from slips.cli.proposals import mapping_of, say_left_out, show_proposals, to_dict
from slips.cli.unknown_logs import kinds_in
from slips.inference.kinds import Kind
from slips.printable import one_line, plural

_SHOWN = 3
"""Chains of each kind that are shown."""


def infer_kinds(ctx: click.Context, folder: str, *, json_: bool) -> None:
    """Propose the formats of each kind of log in a folder.

    Exit with status 1 if no chain fits any of them, or if not all of the folder could be listed and read.
    """
    logs, found = kinds_in(ctx, folder)
    beyond = len(found.left_out)
    if json_:
        kinds = [
            {
                "files": len(kind.objects),
                "bytes": sum(each.object_size or 0 for each in kind.objects),
                "example": kind.example.object_key,
                "prefix": kind.prefix,
                "patterns": kind.patterns,
                **to_dict(kind.found),
            }
            for kind in found.kinds
        ]
        about = {"files": len(logs.objects), "left_out": beyond, "listed_all": logs.is_all}
        print_json({"log": folder, **about, "unlisted": list(logs.unlisted), "kinds": kinds})
    else:
        _show(found.kinds)
        say_left_out(folder, found, is_all=logs.is_all)
    is_part = logs.unlisted or any(kind.found.is_unread for kind in found.kinds)
    if is_part or not any(kind.best for kind in found.kinds):
        raise Exit(1)


def _show(kinds: list[Kind]) -> None:
    """Print a table for each kind, and what to write into the config for all of them."""
    for kind in kinds:
        size = plural(sum(each.object_size or 0 for each in kind.objects), "byte")
        names = f"{kind.shapes[0]}{f' and {len(kind.shapes) - 1} more' if kind.shapes[1:] else ''}"
        show_text(
            one_line(f"{names}: {plural(len(kind.objects), 'file')}, {size}; looked at {kind.example.object_key}")
        )
        show_proposals(kind.example.object_key, kind.found, _SHOWN)
        show_text("")
    lines = [line for kind in kinds for line in mapping_of(kind)]
    if lines:
        show_text("write into the config, below the bucket of these logs:")
        for line in lines:
            show_text(one_line(line))
