"""`infer` on a directory, or on a prefix of a bucket in S3: a proposal for each kind of log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
from click.exceptions import Exit

from slips.cli.output import print_json, say, show_text
from slips.cli.progress import counting
from slips.cli.proposals import head_of, s3_store, show_proposals, to_dict
from slips.errors import StorageError, UsageError
from slips.inference.kinds import LISTED, Head, Kind, sort_by_kind
from slips.model import ObjectEvent
from slips.printable import one_line, plural

_SHOWN = 3
"""Chains of each kind that are shown."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/*-]*")
"""A prefix or a pattern that YAML reads as it is."""


def infer_kinds(ctx: click.Context, folder: str, *, json_: bool) -> None:
    """Propose the formats of each kind of log in a folder. Exit with status 1 if no chain fits any of them."""
    objects, head, is_all = _listed(ctx, folder)
    if not objects:
        raise UsageError(f"{folder}: no file that has bytes; expected a folder with logs")
    with counting("files opened") as tell:
        found = sort_by_kind(objects, head, tell)
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
        print_json({"log": folder, "files": len(objects), "left_out": beyond, "listed_all": is_all, "kinds": kinds})
    else:
        _show(found.kinds)
        if beyond:
            say(
                f"{one_line(folder)}: {plural(beyond, 'file')} of other names left out, such as "
                f"{one_line(found.left_out[0].object_key)}; name a folder with fewer kinds"
            )
        if not is_all:
            say(f"{one_line(folder)}: has more than {LISTED:,} files, of which the first {LISTED:,} were looked at")
    if not any(kind.best for kind in found.kinds):
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


def mapping_of(kind: Kind) -> Iterator[str]:
    """Yield the lines of the mappings for a kind of log; none if no chain fits it."""
    if kind.best is None:
        return
    selectors = [("prefix", kind.prefix)] if kind.prefix is not None else [("pattern", each) for each in kind.patterns]
    for name, value in selectors:
        yield f"  - {name}: {value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)}"
        yield f"    format: {kind.best.chain}"


def _listed(ctx: click.Context, folder: str) -> tuple[list[ObjectEvent], Head, bool]:
    """Return the objects of a folder, how to read one, and whether these are all. Raises UsageError."""
    listed, head = _in_s3(ctx, folder) if folder.startswith("s3://") else _on_this_machine(Path(folder))
    try:
        objects = list(islice(listed, LISTED + 1))
    except StorageError as error:
        raise UsageError(str(error)) from error
    logs = [each for each in objects[:LISTED] if each.object_size and not each.object_key.endswith("/")]
    return logs, head, len(objects) <= LISTED


def _in_s3(ctx: click.Context, folder: str) -> tuple[Iterator[ObjectEvent], Head]:
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{folder}: expected s3://bucket/prefix/, the name of a bucket")
    store = s3_store(ctx)

    def head(each: ObjectEvent) -> tuple[bytes, bool]:
        with store.open(each) as stored:
            return head_of(stored.body, each.url)

    return store.list(bucket, prefix), head


def _on_this_machine(folder: Path) -> tuple[Iterator[ObjectEvent], Head]:
    from slips.backends.machine.directory import DirectoryStore

    def head(each: ObjectEvent) -> tuple[bytes, bool]:
        path = folder / each.object_key
        try:
            stream = path.open("rb")
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}; expected a log file that can be read") from None
        with stream:
            return head_of(stream, str(path))

    def listed() -> Iterator[ObjectEvent]:
        store = DirectoryStore({"": folder})
        yield from store.list("")
        for problem in store.unlisted:
            say(one_line(problem))

    return listed(), head
