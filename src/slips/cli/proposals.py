"""The proposals of `infer`, for a log and for each kind of log in a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from shlex import quote
from typing import Any

from slips.cli.output import say, show_text, table
from slips.formats import entries
from slips.inference.candidate import Candidate
from slips.inference.kinds import LISTED, Kind, Sorted
from slips.inference.rank import Inferred
from slips.printable import one_line, plural

_NAME_TIME = "; name a field with the option 'time', and how it is written with 'time_format', if the records have one"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/*-]*")
"""A prefix or a pattern that YAML reads as it is."""
_WIDEST = 60
"""Most characters of a chain that stands in the line of its numbers."""
_ALIKE = 0.3
"""The least likeness of a vendor's format that is proposed without a doubt."""


def in_words(log: str, found: Inferred) -> str:
    """Return the format of a log with its share of parsed records; or that there is none, with the nearest ones."""
    if found.fitting:
        best = found.fitting[0]
        return (
            f"{log}: {best.chain}, which parses {_percent(best.trial.parsed)} of {plural(best.trial.records, 'record')}"
        )
    if found.is_unread:
        return f"{log}: cannot be read: {found.reason.partition(f'{log}: ')[2] or found.reason}"
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
        "damage": found.damage,
        "unlike": list(found.unlike),
    }


def say_damage(log: str, found: Inferred) -> None:
    """Say that a log is damaged, so that chains were tried on what is before that."""
    if found.damage:
        say(one_line(f"{log}: damaged; looked at what is before that: {found.damage.removeprefix(f'{log}: ')}"))


def show_proposals(log: str, found: Inferred, most: int) -> None:
    """Print the chains that fit a log, `most` of them, with what there is to say of the best; or the nearest ones."""
    if found.part:
        say(
            f"{one_line(log)}: its first line is longer than what is read of a log; looked at its first "
            f"{found.part:,} bytes"
        )
    say_damage(log, found)
    if not found.fitting:
        show_text(one_line(in_words(log, found)))
        if not found.reason:
            show_text(
                "next: 'slips formats --new VENDOR/PRODUCT --from LOG' declares one of your own; for lines of fixed "
                "widths, or of a shape of their own, write '{regex: {pattern: …}}' with a named group for each field"
            )
        return
    table([("chain", "parsed", "times", "like it", ""), *map(_row, found.fitting[:most])], fitting=True, widest=_WIDEST)
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
    if found.unlike:
        show_text(
            one_line(
                f"the chain does not read {plural(len(found.unlike), 'other file')} of the archive, such as "
                f"{found.unlike[0]!r}: "
                "its records would be quarantined; put each kind of log into an archive of its own"
            )
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


def say_left_out(folder: str, found: Sorted, *, is_all: bool) -> None:
    """Say which files of a folder were not looked at."""
    if beyond := len(found.left_out):
        say(
            f"{one_line(folder)}: {plural(beyond, 'file')} of other names left out, such as "
            f"{one_line(found.left_out[0].object_key)}; name a folder with fewer kinds"
        )
    if not is_all:
        say(f"{one_line(folder)}: has more than {LISTED:,} files, of which the first {LISTED:,} were looked at")


def mapping_of(kind: Kind) -> Iterator[str]:
    """Yield the lines of the mappings for a kind of log; none if no chain fits it."""
    if kind.best is None:
        return
    selectors = [("prefix", kind.prefix)] if kind.prefix is not None else [("pattern", each) for each in kind.patterns]
    for name, value in selectors:
        quoted = json.dumps(value, ensure_ascii=not value.isprintable())
        yield f"  - {name}: {value if _PLAIN.fullmatch(value) else quoted}"
        yield f"    format: {kind.best.chain}"


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
