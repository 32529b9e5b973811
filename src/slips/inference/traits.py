"""Traits of formats on which depends which chains are tried for a log, and in which order they are proposed."""

from __future__ import annotations

from functools import cache

from slips.format import Format
from slips.formats import breadths, catalogue, entries
from slips.inference.likeness import fingerprints
from slips.inference.trial import RECORDS, try_chain
from slips.model import ObjectEvent
from slips.parsing import Declaration, Syslog
from slips.step import Step, name_of

NO_BREADTH = 0.1
"""The share of others' records that says nothing: formats of web servers accept each other's."""
_TOO_GENERAL = ("regex",)
"""Formats that any text fits."""
_READERS_OF_LINES = ("s3-lines", "s3-text", "multiline")
"""Readers that a format does without behind a header: the text behind it is one record, of however many lines."""
_NO_LOG = b"qqxz vvkq jjwq\nzzyx wqvj\nkkqz\n"
_OF_ANY_PROGRAM = (
    b"2026-11-29 08:00:00 qqxz vvkq\n2026-11-29T08:00:00Z zzyx wqvj\n192.0.2.7:41641 vvkq jjwq\n"
    b"Nov 29 08:00:00 qqxz zzyx: 2026-11-29T08:00:00.123Z vvkq jjwq\n"
)
"""Lines that begin as those of many programs: with a time, behind a header of syslog, too, or an address and a port."""
_NO_OBJECT = ObjectEvent(bucket_name="", object_key="")


def is_general(name: str) -> bool:
    """Whether a format is of no vendor."""
    return entries()[name].vendor == "generic"


def takes_text(name: str) -> bool:
    """Whether a format reads texts, and not objects of JSON or rows."""
    return catalogue()[name].takes == "text"


def is_loose(name: str) -> bool:
    """Whether a format is a header of whatever text, or takes any line."""
    return bool(catalogue()[name].carries or fields_of_any_line(name))


def is_notation(name: str) -> bool:
    """Whether a format of no vendor is a notation of lines, as CEF is, which lines of others do not have."""
    is_declared = isinstance(catalogue()[name], Declaration)  # unlike JSON and XML, which any program may write
    narrow = breadths().get(name, 0.0) <= NO_BREADTH
    return is_declared and narrow and is_general(name) and takes_text(name) and not is_loose(name)


@cache
def fields_of_any_line(name: str) -> frozenset[str]:
    """Return the fields that a format makes of lines that are of no log; none if it refuses such lines.

    For a product's format, the fields of lines as any program writes them are among these.
    """
    of_product = not is_general(name) and not catalogue()[name].carries
    content = _NO_LOG + _OF_ANY_PROGRAM if of_product else _NO_LOG
    trial = try_chain([name], content, _NO_OBJECT, RECORDS, whole=True)
    return frozenset(key for event in trial.events for key, value in event.items() if value is not None)


def is_parser(format_: Format) -> bool:
    """Whether a format makes events by which a log can be known."""
    return format_.name in fingerprints() and format_.name not in _TOO_GENERAL


def may_fit(format_: Format, is_json: bool) -> bool:
    """Whether a format is to be tried: parsers, those of JSON on JSON, and others on other texts."""
    if not is_parser(format_):
        return False
    steps = list(map(name_of, format_.chain))
    if (is_json and format_.takes_json) or not any(step == "s3-lines" or step.startswith("json-") for step in steps):
        return True
    of_json = next((at for at, step in enumerate(steps) if step == "json" or step.startswith("json-")), None)
    if of_json is not None and any(catalogue()[step].carries for step in steps[:of_json] if step in catalogue()):
        return True  # JSON behind a header that may be missing
    return (of_json is not None) == is_json


def may_follow_header(format_: Format, in_json: bool) -> bool:
    """Whether a format may stand behind a header, whose texts are JSON, or are not."""
    if not is_parser(format_) or name_of(format_.chain[0]) not in _READERS_OF_LINES:
        return False
    if isinstance(format_, Syslog) or (format_.carries and is_general(format_.name)):
        return False  # a header behind a header would have its fields again
    if format_.carries and name_of(format_.chain[0]) == "multiline":
        return False  # its records span lines, of which each would have the other header
    return (in_json and format_.takes_json) or (name_of(format_.chain[1]) == "json") == in_json


def steps_behind_header(format_: Format) -> tuple[Step, ...]:
    """Return the steps of a format behind a header: its usual chain without a reader."""
    return tuple(step for step in format_.chain if name_of(step) not in _READERS_OF_LINES)
