"""The rows of a table, such as a Parquet file, whose columns are those of a declared format of lines."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from slips import times
from slips.errors import RecordError
from slips.format import Event, FormatOptions, Kind
from slips.parsing.declare.declaration import Declaration
from slips.parsing.declare.lines import LineDeclaration
from slips.parsing.meaning import Time, keys_of
from slips.parsing.writer import Writer

_NO_LETTERS = re.compile(r"[^a-z0-9]+")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]")


@dataclass(frozen=True, kw_only=True)
class Table(Declaration):
    """Events with the columns of `lines`: those that only differ in case and punctuation get the declared name.

    Texts are typed as the fields of lines are; values with a type keep it. Columns that are not declared stay.
    """

    lines: LineDeclaration
    takes: Kind = field(init=False, default="event")
    options: type[FormatOptions] | None = field(init=False, default=None)

    @classmethod
    def of(cls, lines: LineDeclaration) -> Table:
        """Return the declaration of tables for one of lines."""
        shared = {each.name for each in dataclasses.fields(Declaration) if each.init}
        given: dict[str, Any] = {name: getattr(lines, name) for name in shared}
        given["rules"] = tuple(rule for rule in lines.rules if rule not in lines.own_rules())
        given["chain"] = ()
        if lines.time is not None:
            given["time"] = msgspec.structs.replace(lines.time, read=_or_iso(lines.time))
        return cls(**given, lines=lines)

    def write(self, writer: Writer) -> None:
        writer.line(f"event = {writer.name('row', self.row())}(value)")

    def row(self) -> Callable[[Event], Event]:
        """Return the function that makes an event of a row. It raises RecordError for one without a known column."""
        known = {_plain_name(name): name for name in self.lines.columns_of_tables() or ()}
        types, name_of = self.lines.types, lru_cache(maxsize=10_000)(lambda key: known.get(_plain_name(key), ""))

        def row(value: Event) -> Event:
            event: Event = {}
            is_known = False
            for key, each in value.items():
                name = name_of(key)
                # Of columns with one declared name, that which is spelled so has it, else the first.
                if name and (name == key or (name not in value and name not in event)):
                    is_known = True
                else:
                    name = key
                # A time may be one where lines have a number.
                event[name] = types.value(name, each) if each.__class__ is str and not _ISO.match(each) else each
            if not is_known:
                raise RecordError(f"no column of {self.name} (keys: {keys_of(value)})")
            return event

        return row


def _plain_name(name: str) -> str:
    """Return a name without what writers of tables change: `cs(User-Agent)` is `cs_user_agent`."""
    return _NO_LETTERS.sub("_", name.lower()).strip("_")


def _or_iso(time: Time) -> Callable[..., float]:
    """Return the function that reads a time, and also reads ISO 8601, which times of tables are in."""

    def read(value: Any, **options: Any) -> float:
        if isinstance(value, str) and _ISO.match(value):
            return times.iso(value, options["name"])
        return time.read(value, **options)

    return read
