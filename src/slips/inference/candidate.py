"""A chain that may be of a log, with the score by which it is proposed before others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from slips.formats import breadths, catalogue
from slips.inference.containers import PARQUET
from slips.inference.likeness import likeness
from slips.inference.traits import NO_BREADTH, fields_of_any_line, is_general, is_notation
from slips.inference.trial import FEW, FirstRecords
from slips.step import Step, name_of, written

GENERAL, _OF_ANYTHING = 0.4, 0.8
"""The shares of the likeness that count of formats of no vendor, and of those that take any line: others come first."""
LEAST_LIKE = 0.12
"""The least likeness of a chain that is proposed."""
_FITS = 0.5
"""The least share of parsed records of a chain that is proposed."""
_REST = "more"
"""The field of what a parser of lines leaves in one piece, behind the parts that it names."""
_NARROWEST = 0.2
"""The least share of the score that counts of a format that accepts most records of other vendors."""


class Candidate(Struct):
    """A chain, and how well it fits a log."""

    format: str
    """The name of its last format."""
    trial: FirstRecords
    likeness: float
    archives: tuple[Step, ...] = ()
    """The archives around the log on which the trial was."""
    also: list[str] = []
    """Formats that cut the same values out of this log, under other names: no log tells which of them it is."""

    @property
    def steps(self) -> list[Step]:
        steps = self.trial.steps
        if self.archives and steps == [self.format]:
            steps = list(catalogue()[self.format].chain)
        return [*self.archives, *steps]

    @property
    def chain(self) -> str:
        """The value of `format` in a config: the name alone, if that stands for the chain."""
        return self.format if self.steps == [self.format] else f"[{', '.join(map(written, self.steps))}]"

    @property
    def score(self) -> float:
        usual = 0.9 if name_of(self.trial.steps[0]).startswith("json-records") else 1.0
        is_weighed = fields_of_any_line(self.format) or self.is_general  # in its likeness
        narrow = 1.0 if is_weighed or self.breadth <= NO_BREADTH else max(_NARROWEST, (1 - self.breadth) ** 2)
        return usual * narrow * self.trial.parsed**2 * (0.1 + 0.9 * self.likeness) * (0.6 + 0.4 * self.trial.times)

    @property
    def is_general(self) -> bool:
        """Whether the format is of no vendor."""
        return is_general(self.format)

    @property
    def breadth(self) -> float:
        """The share of other vendors' records that the format accepts."""
        return breadths().get(self.format, 0.0)

    @property
    def detail(self) -> float:
        """The mean number of values in an event: of two parsers of a line, the one that names more of it knows it.

        A rest of the line that has no name of its own is no knowledge, but a lack of it.
        """
        rests = sum(_REST in event and event[_REST] is not None for event in self.trial.events[:FEW])
        return (sum(map(len, self.values)) - 2 * rests) / max(1, len(self.values))

    @property
    def values(self) -> list[list[str]]:
        """The values of each event, sorted, as texts, without those that say that there is none."""
        return values_of(self.trial.events[:FEW])

    @property
    def parses_most(self) -> bool:
        return self.trial.parsed >= _FITS

    @property
    def fits(self) -> bool:
        return self.parses_most and (self.likeness >= LEAST_LIKE or self.format == PARQUET)

    @property
    def carried(self) -> list[str]:
        """The texts behind a header; none if the format is no header."""
        field = catalogue()[self.format].carries
        texts = (event.get(field) for event in self.trial.events) if field else ()
        return [text for text in texts if isinstance(text, str)]


def values_of(events: Sequence[Any]) -> list[list[str]]:
    """Return the values of each event, sorted, as texts, without those that say that there is none."""
    return [sorted(str(value) for value in event.values() if value not in (None, "", "-")) for event in events]


def weighed_likeness(name: str, events: Sequence[Any]) -> float:
    """Return how like events are to those of a format: the less, the more logs of other products are like it, too."""
    found = likeness(name, events)
    if anything := fields_of_any_line(name):
        # Of a format that takes any line, those count of which more comes.
        found *= _OF_ANYTHING * sum(not anything.issuperset(event) for event in events) / len(events)
    if is_notation(name):  # whatever fields it has, which each product names as it likes
        return max(found * GENERAL, LEAST_LIKE)
    return found * GENERAL if is_general(name) else found
