"""The common part of families whose records are lines of text: types of fields, a fast reading beside a slow one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from slips.format import Event, Format, FormatOptions, MeaningOptions, RecordLimits, Rule
from slips.parsing.compile import Writer
from slips.parsing.declare.declaration import Declaration
from slips.parsing.meaning import parts_of
from slips.parsing.typed import Names, Types, names_of


class LineParser:
    """Makes events of lines. It may remember something of the object, such as its header.

    `fast` reads ordinary lines. It raises ValueError for any line of which it is not sure; `odd` then reads that line.
    """

    fast: Callable[[str], Event]

    def read(self, line: str) -> Event | Rule:
        """Read any line, slowly. Raises RecordError."""
        raise NotImplementedError

    def odd(self, line: str) -> Event | Rule:
        """Read a line that `fast` refused. May replace `fast`, if more lines like this one are to be expected."""
        return self.read(line)


@dataclass(frozen=True, kw_only=True)
class LineDeclaration(Declaration):
    """A format whose records are lines, with fields that are texts unless they are declared to be numbers.

    An `absent` text becomes None, in a field of numbers the empty text, too. A text that is no number, in a field of
    numbers, quarantines the record.
    """

    integers: Names = ()
    """Names of the fields that are integers, with blanks between."""
    floats: Names = ()
    """Names of the fields that are decimal numbers."""

    remembers = False
    """Whether a LineParser must begin anew with each object."""

    def with_options(self, options: FormatOptions) -> Format:
        """Return the format with the parts of its declaration that `options` name."""
        if not isinstance(options, MeaningOptions):
            return super().with_options(options)
        given: dict[str, Any] = {}
        for name in options.__struct_fields__:
            value = getattr(options, name)
            if value and name not in MeaningOptions.__struct_fields__:
                given[name] = tuple(value) if isinstance(value, list) else value
        meaning = {name: part for name, part in parts_of(options).items() if getattr(options, name)}
        return replace(self, **given, **meaning)

    @property
    def types(self) -> Types:
        return Types(frozenset(names_of(self.integers)), frozenset(names_of(self.floats)), self.absent_texts)

    def check(self) -> None:
        types, known = self.types, self.known()
        for part, names in (("integers", types.integers), ("floats", types.floats)):
            for name in sorted(names):
                if known is not None and name not in known:
                    raise ValueError(f"{part}: no field {name!r}; expected one of {', '.join(sorted(known))}")
        if both := sorted(types.integers & types.floats):
            raise ValueError(f"floats: {both[0]!r} is among the integers, too; expected it in one of them")

    @abstractmethod
    def line_parser(self, limits: RecordLimits) -> LineParser:
        """Make the parser of the lines of an object."""

    def write(self, writer: Writer) -> None:
        def make() -> LineParser:
            return self.line_parser(writer.limits)

        parser = writer.per_object("lines", make) if self.remembers else writer.name("lines", make())
        with writer.block("try:"):
            writer.line(f"event = {parser}.fast(value)")
        with writer.block("except ValueError:"):
            writer.line(f"event = {parser}.odd(value)")
        if self.remembers:
            writer.filters = True
            writer.line("if event.__class__ is dict:")
            writer.indent()
