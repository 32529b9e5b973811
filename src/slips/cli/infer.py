"""The command `infer`, which proposes chains for a log that nobody has named."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any, BinaryIO

import click
from click.exceptions import Exit

from slips.cli.command import Command, argument
from slips.cli.context import json_option
from slips.cli.options import options
from slips.cli.output import print_json, say, show_text, table
from slips.cli.usage import FILE_TEXT
from slips.codec import CodecLimits, decode
from slips.errors import ObjectError, ReaderError, StorageError, UsageError
from slips.formats import entries
from slips.inference.containers import read_head
from slips.inference.rank import Candidate, Inferred, infer
from slips.model import ObjectEvent, format_time, nearest_time
from slips.printable import one_line, plural

SHOWN = 5
"""Chains that are shown; JSON has all that fit."""
_ALIKE = 0.3
"""The least likeness of a vendor's format that is proposed without a doubt."""


@click.command("infer", cls=Command, accepts=("verbose", "region", "endpoint_url"))
@argument("log", metavar="LOG", type=FILE_TEXT, help="A file, compressed or not; s3://bucket/key; - is standard input.")
@json_option
@click.pass_context
def infer_(ctx: click.Context, log: str, json_: bool) -> None:
    """Propose the formats of an unknown log, best first.

    Every format of the catalogue is tried on the first records, those of JSON also in the arrays of a document, and all
    behind headers such as syslog's. For each chain that fits you see how many records it parses, how many events have a
    plausible time of their own, and how like these are to events of the format. If none fits, the status is 1.

    \b
    Examples:
      slips infer unknown.log.gz
      slips infer s3://my-logs/some/key --json
    """
    with _opened(ctx, log) as (stream, changed):
        content, whole = head_of(stream, log)
    source = ObjectEvent(bucket_name="", object_key=log, event_time=format_time(changed))
    found = infer(content, source, whole=whole)
    if json_:
        print_json(
            {
                "log": log,
                "candidates": list(map(_to_dict, found.fitting)),
                "nearest": list(map(_to_dict, found.nearest)),
                "reason": found.reason,
                "part": found.part,
            }
        )
    else:
        _show(log, found)
    if not found.fitting:
        raise Exit(1)


def head_of(stream: BinaryIO, name: str) -> tuple[bytes, bool]:
    """Return the first bytes of a log, decompressed, and whether they are all. Raises UsageError if there are none."""
    try:
        head, whole = read_head(decode(stream, CodecLimits(), name).stream)
    except ReaderError as error:
        raise UsageError(f"{name}: {error}") from error
    except ObjectError as error:
        raise UsageError(str(error)) from error
    if not head.strip():
        raise UsageError(f"{name}: is empty; expected a log")
    return head, whole


def in_words(log: str, found: Inferred) -> str:
    """Return the format of a log with its share of parsed records; or that there is none, with the nearest ones."""
    if found.fitting:
        best = found.fitting[0]
        return (
            f"{log}: {best.chain}, which parses {_percent(best.trial.parsed)} of {plural(best.trial.records, 'record')}"
        )
    if found.reason:
        return f"{log}: no format: {found.reason}"
    nearest = ", ".join(
        f"{each.chain} ({_percent(each.trial.parsed)} parsed, {_percent(each.likeness)} like it)"
        for each in found.nearest
    )
    return f"{log}: no format; nearest: {nearest or 'none'}"


def _show(log: str, found: Inferred) -> None:
    """Print the chains that fit a log, and what to write for the best one; or the nearest ones."""
    if found.part:
        say(
            f"{one_line(log)}: its first line is longer than what is read of a log; looked at its first "
            f"{found.part:,} bytes"
        )
    if not found.fitting:
        show_text(one_line(in_words(log, found)))
        if not found.reason:
            show_text("next: 'slips formats --new VENDOR/PRODUCT --from LOG' declares one of your own")
        return
    table([("chain", "parsed", "times", "like it", ""), *map(_row, found.fitting[:SHOWN])], fitting=True)
    best = found.fitting[0]
    if best.trial.reason:
        say(one_line(f"{log}: {best.chain}: the first bad record: {best.trial.reason}"))
    if not best.trial.times:
        show_text("no record has a date and a clock that the chain reads: its events have the time of their object")
    if best.also:
        show_text(f"also: {', '.join(best.also)} (the same values of these records; you know which program wrote them)")
    if general := _of_no_vendor(best, found.fitting):
        show_text(f"{general}, of no vendor, finds the same values: write it if another program wrote the log")
    if best.likeness < _ALIKE and entries()[best.format].vendor != "generic":
        show_text(
            f"little of it is like {best.format}, so it may be of another product: "
            f"'slips parse {quote(best.chain)} LOG' shows what comes of it, "
            "'slips formats --new VENDOR/PRODUCT --from LOG' declares a format of your own"
        )
    if any(isinstance(step, dict) and "columns" in step.get("csv", {}) for step in best.steps):
        show_text("the log names no columns: give those of the chain their names")
    show_text("write into the config, with the prefix of such logs:\n  - prefix: logs/")
    show_text(one_line(f"    format: {best.chain}"))


def _of_no_vendor(best: Candidate, fitting: Sequence[Candidate]) -> str:
    """Return the format of no vendor that finds in a log what the best one, a vendor's, finds; else an empty text."""
    if entries()[best.format].vendor == "generic":
        return ""
    cut = best.trial.parsed, best.values
    equals = (each for each in fitting if (each.trial.parsed, each.values) == cut)
    return next((each.format for each in equals if entries()[each.format].vendor == "generic"), "")


def _row(each: Candidate) -> tuple[str, ...]:
    shares = _percent(each.trial.times), _percent(each.likeness)
    return each.chain, _parsed(each), *shares, entries()[each.format].summary


def _parsed(each: Candidate) -> str:
    return f"{_percent(each.trial.parsed)} of {each.trial.records}"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share in (0, 1) else f"{min(max(share, 0.01), 0.99):.0%}"


def _to_dict(each: Candidate) -> dict[str, Any]:
    trial = each.trial
    return {
        "format": each.format,
        "also": each.also,
        "chain": each.steps,
        "config": each.chain,
        "records": trial.records,
        "parsed": round(trial.parsed, 3),
        "times": round(trial.times, 3),
        "likeness": round(each.likeness, 3),
        "score": round(each.score, 3),
        "tags": sorted({meta.tag for meta in trial.metas}),
        "reason": trial.reason,
    }


@contextmanager
def _opened(ctx: click.Context, log: str) -> Iterator[tuple[BinaryIO, float]]:
    """Open a log. Yield its stream, and the epoch seconds of its last change. Raises UsageError."""
    if log == "-":
        yield sys.stdin.buffer, time.time()
    elif log.startswith("s3://"):
        bucket, _, key = log.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise UsageError(f"{log}: expected s3://bucket/key, the name of an object")
        from slips.backends.aws.clients import Clients
        from slips.backends.aws.s3 import S3Store

        given = options(ctx)
        store = S3Store(Clients(given.region, given.endpoint_url).s3)
        try:
            with store.open(ObjectEvent(bucket_name=bucket, object_key=key)) as stored:
                yield stored.body, time.time()
        except StorageError as error:
            raise UsageError(str(error)) from error
    else:
        path = Path(log)
        try:
            stream, changed = path.open("rb"), nearest_time(path.stat().st_mtime)
        except OSError as error:
            raise UsageError(f"{log}: {error.strerror}; expected a log file that can be read") from None
        with stream:
            yield stream, changed
