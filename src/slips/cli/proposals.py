"""The proposals of `infer`, for a log and for each kind of log in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from slips.cli.options import options
from slips.cli.output import say, show_text, table
from slips.codec import CodecLimits, decode
from slips.errors import ObjectError, ReaderError, UsageError
from slips.formats import entries
from slips.inference.candidate import Candidate
from slips.inference.containers import read_head
from slips.inference.rank import Inferred
from slips.printable import one_line, plural

if TYPE_CHECKING:
    from slips.backends.aws.s3 import S3Store

_NAME_TIME = "; name a field with the option 'time', and how it is written with 'time_format', if the records have one"
_ALIKE = 0.3
"""The least likeness of a vendor's format that is proposed without a doubt."""


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


def s3_store(ctx: click.Context) -> S3Store:
    """Return the store of objects in S3, by the options of the command."""
    from slips.backends.aws.clients import Clients
    from slips.backends.aws.s3 import S3Store

    given = options(ctx)
    return S3Store(Clients(given.region, given.endpoint_url).s3)


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


def to_dict(found: Inferred) -> dict[str, Any]:
    """Return proposals as JSON has them."""
    return {
        "candidates": list(map(_to_dict, found.fitting)),
        "nearest": list(map(_to_dict, found.nearest)),
        "reason": found.reason,
        "zoneless": found.zoneless,
        "part": found.part,
    }


def show_proposals(log: str, found: Inferred, most: int) -> None:
    """Print the chains that fit a log, `most` of them, with what there is to say of the best; or the nearest ones."""
    if found.part:
        say(
            f"{one_line(log)}: its first line is longer than what is read of a log; looked at its first "
            f"{found.part:,} bytes"
        )
    if not found.fitting:
        show_text(one_line(in_words(log, found)))
        if not found.reason:
            show_text(
                "next: 'slips formats --new VENDOR/PRODUCT --from LOG' declares one of your own; for lines of fixed "
                "widths, or of a shape of their own, write '{regex: {pattern: …}}' with a named group for each field"
            )
        return
    table([("chain", "parsed", "times", "like it", ""), *map(_row, found.fitting[:most])], fitting=True)
    best = found.fitting[0]
    if best.trial.reason:
        say(one_line(f"{log}: {best.chain}: the first bad record: {best.trial.reason}"))
    if not best.trial.times:
        show_text(
            "no record has a date and a clock that the chain reads: its events have the time of their object"
            + (_NAME_TIME if best.format in ("csv", "json", "logfmt") else "")
        )
    if found.zoneless:
        show_text(
            "its times name no zone and are read as UTC: if they are of another one, write it into the mapping, too, "
            "such as 'timezone: Europe/Berlin'"
        )
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
