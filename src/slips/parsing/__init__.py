"""From the bytes of an object to events: readers cut records, parsers refine them, a chain of both runs in one loop.

The names that declarations need are here: families of formats, notations of times, and required fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slips.format import Rule
    from slips.parsing.declare import (
        Cef,
        Columns,
        ContainerLog,
        Csv,
        Declaration,
        Json,
        KeyValue,
        Leef,
        Patterns,
        Quoted,
        Regex,
        Syslog,
    )
    from slips.parsing.meaning import Time, all_of, any_of, clf, epoch, iso, moment, stamp, written
    from slips.parsing.shapes import one_of

__all__ = [
    "Cef",
    "Columns",
    "ContainerLog",
    "Csv",
    "Declaration",
    "Json",
    "KeyValue",
    "Leef",
    "Patterns",
    "Quoted",
    "Regex",
    "Rule",
    "Syslog",
    "Time",
    "all_of",
    "any_of",
    "clf",
    "epoch",
    "iso",
    "moment",
    "one_of",
    "stamp",
    "written",
]


def __getattr__(name: str) -> object:
    """Import a family with the first format that is declared by it: who only reads lines needs none."""
    if name in __all__:
        from slips import format
        from slips.parsing import declare, meaning, shapes

        homes = [declare] if name in declare.__all__ else [shapes, meaning, format]
        return next(getattr(home, name) for home in homes if hasattr(home, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
