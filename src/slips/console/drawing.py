"""Draws small pictures as SVG, in which colours are classes: the policy of the pages forbids inline styles."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from slips.console.objects import Calendar
from slips.printable import plural

BARS = 24
"""Bars of a sparkline."""
_BAR, _HEIGHT = 5, 22
_CELL, _LEFT, _TOP = 18, 84, 16


def sparkline(counts: Sequence[int], label: str) -> Markup:
    """Draw a bar for each count. `label` says the same in words."""
    most = max(counts, default=0) or 1
    bars = Markup().join(
        Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(
            number * _BAR, _HEIGHT - (height := max(2, round(each / most * _HEIGHT))), _BAR - 1, height
        )
        for number, each in enumerate(counts)
        if each
    )
    width = len(counts) * _BAR
    base = Markup('<path class="base" d="M0 {0}H{1}"/>').format(_HEIGHT + 0.5, width)
    return Markup(
        '<svg class="spark" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}{4}</svg>'
    ).format(width, _HEIGHT + 1, label, base, bars)


def shares(parts: Sequence[tuple[str, int]], label: str) -> Markup:
    """Draw a bar of the shares of classes of CSS in their sum."""
    total = sum(number for _, number in parts) or 1
    drawn, at = Markup(), 0.0
    for name, number in parts:
        width = number / total * 1_000
        if number:
            width = max(width, 4)  # what is there is seen
            drawn += Markup('<rect class="{}" x="{:.1f}" width="{:.1f}" height="10"/>').format(name, at, width)
        at += width if number else 0
    return Markup(
        '<svg class="shares" viewBox="0 0 {0:.1f} 10" preserveAspectRatio="none" role="img" aria-label="{1}">{2}</svg>'
    ).format(max(at, 1_000), label, drawn)


def heat(calendar: Calendar) -> Markup:
    """Draw a map of days and hours: the more objects, the darker; hours in which some are bad are marked."""
    most, cells = calendar.most, []
    for row, (day, hours) in enumerate(calendar.days):
        y = _TOP + row * _CELL
        cells.append(Markup('<text x="0" y="{}">{}</text>').format(y + 12, day))
        for column, hour in enumerate(hours):
            more = f", {hour.bad:,} bad" if hour.bad else ""
            title = f"{day} {column:02}:00: {plural(hour.objects, 'object')}{more}"
            name = f"shade-{hour.level(most)}" + (" bad" if hour.bad else "")
            cells.append(
                Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>').format(
                    name, _LEFT + column * _CELL, y, _CELL - 3, _CELL - 3, title
                )
            )
    heads = [
        Markup('<text x="{}" y="10">{:02}</text>').format(_LEFT + column * _CELL, column) for column in range(0, 24, 3)
    ]
    objects = sum(hour.objects for _, hours in calendar.days for hour in hours)
    bad = sum(hour.bad for _, hours in calendar.days for hour in hours)
    label = f"{plural(objects, 'object')} on {plural(len(calendar.days), 'day')}, {bad:,} bad; a table follows"
    return Markup(
        '<svg class="heat" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}{4}</svg>'
    ).format(_LEFT + 24 * _CELL, _TOP + len(calendar.days) * _CELL, label, Markup().join(heads), Markup().join(cells))
