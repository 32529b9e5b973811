"""Lines of VMware products with one element of structured data of RFC 5424, whose enterprise number is VMware's."""

from __future__ import annotations

import re

from slips.format import Event

ELEMENT = r"(?:[^\]\\]|\\.)*"
"""All behind the name of the element, up to its bracket."""
_PAIR = re.compile(r' ([^ ="]+)="([^"\\]*+(?:\\.[^"\\]*+)*+)"')
_ESCAPE = re.compile(r'\\(["\\\]])')


def add_pairs(event: Event) -> None:
    """Add the pairs of the element, which the field `data` has, in place of it. Values without a text are None."""
    for name, text in _PAIR.findall(event.pop("data")):
        event.setdefault(name, _ESCAPE.sub(r"\1", text) or None)


def head_of(program: str) -> str:
    """Return the pattern of a line of a program up to its structured data: with and without `<PRI>1`."""
    return (
        r"(?:<(?P<priority>\d{1,3})>)?(?:1 )?(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)) "
        rf"(?P<hostname>[^ ]+) (?P<program>{program}) (?P<pid>\d{{1,10}}|-) (?P<msg_id>[^ ]+) "
    )
