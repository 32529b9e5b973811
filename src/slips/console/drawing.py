"""Draws small pictures as SVG, in which colours are classes: the policy of the pages forbids inline styles."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

BARS = 24
"""Bars of a sparkline."""
_BAR, _HEIGHT = 5, 22


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
