"""Reads the error table for the pages: groups with when they failed, and the bytes of a record for people to read."""

from __future__ import annotations

import base64
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from slips.console.drawing import BARS
from slips.console.wording import seconds_of, short_time
from slips.errors import UnreadableItemError
from slips.model import ErrorItem, Lane, ObjectEvent, Sample, format_time
from slips.operations import Group, grouped
from slips.pipeline.choose import readable
from slips.printable import plural

MOST_GROUPS = 200
"""Groups that a page shows, the most frequent."""
LEAST_SECONDS = 3_600.0
"""The shortest span of time of a sparkline."""
HEX_BYTES = 2_048
"""Bytes of a record that is no text that a page shows."""


class GroupView(Struct, frozen=True):
    """A group of alike errors, with the number of failures in each part of the span of all groups."""

    group: Group
    counts: list[int]
    label: str
    """The counts in words."""

    @property
    def mappings(self) -> str:
        """Number of items by the mapping of their objects."""
        known = self.group.mappings or {}
        return ", ".join(f"{name} {number:,}" for name, number in known.items()) or "no object is known"


class Survey(Struct, frozen=True):
    """All groups of an error table, most frequent first."""

    groups: list[GroupView]
    items: int
    lanes: dict[Lane, int]
    """Error items by the lane of their objects."""
    begin: float
    end: float
    """The span of time of the sparklines, epoch seconds."""
    problems: list[UnreadableItemError]
    """The error about items that cannot be read, if there are some."""


def survey(items: Iterable[ErrorItem], mapping: Callable[[ObjectEvent], str], now: float) -> Survey:
    """Group error items, oldest first, in one pass."""
    moments: dict[str, array[float]] = {}
    lanes: Counter[Lane] = Counter()
    problems: list[UnreadableItemError] = []

    def noting() -> Iterator[ErrorItem]:
        for item in readable(items, problems):
            at = seconds_of(item.failed_at)
            if at is not None:
                moments.setdefault(item.fingerprint, array("d")).append(at)
            lanes.update({lane for event in item.events if (lane := event.lane) is not None})
            yield item

    groups = grouped(noting(), mapping)
    begin = min((min(each) for each in moments.values()), default=now)
    begin = min(begin, now - LEAST_SECONDS)
    views = [_view(group, moments.get(group.fingerprint, array("d")), begin, now) for group in groups]
    return Survey(views, sum(group.count for group in groups), dict(lanes), begin, now, problems)


def _view(group: Group, moments: array[float], begin: float, end: float) -> GroupView:
    counts = [0] * BARS
    step = (end - begin) / BARS
    for at in moments:
        counts[min(BARS - 1, max(0, int((at - begin) / step)))] += 1
    most = max(counts)
    label = "the times of these failures are not known"
    if most:
        busiest = begin + counts.index(most) * step
        label = (
            f"{plural(len(moments), 'failure')} from {short_time(group.first)} to {short_time(group.last)}, "
            f"most of them from {short_time(format_time(busiest))} on: {most:,}"
        )
    return GroupView(group, counts, label)


def hex_dump(sample: Sample) -> str:
    """Return the exact bytes of a sample that is no text, in hexadecimal digits and ASCII; empty if it is text."""
    if sample.base64 is None:
        return ""
    data = base64.b64decode(sample.base64)
    shown = data[:HEX_BYTES]
    lines = []
    for at in range(0, len(shown), 16):
        row = shown[at : at + 16]
        digits = row.hex(" ")
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:06x}  {digits:<47}  {text}")
    if len(data) > len(shown):
        lines.append(f"… {len(data) - len(shown):,} bytes more")
    return "\n".join(lines)
