"""The common part of families whose records are lines of text: types of fields, a fast reading beside a slow one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Set
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from slips.format import Event, Format, FormatOptions, MeaningOptions, RecordLimits, Rule
from slips.parsing.declare.declaration import Declaration
from slips.parsing.generated import make_function
from slips.parsing.meaning import parts_of
from slips.parsing.statements import write_meaning
from slips.parsing.typed import Names, Types, booleans_by_text, names_of
from slips.parsing.writer import Writer

Reading = tuple[Event, float, str, str | None] | tuple[Rule, None, None, None] | None
"""Event, time, tag and message of a line, or the Rule that filters it. None: a line for another function."""
TYPED = ("integers", "floats", "booleans")
"""The parts of a declaration that name fields of a type."""
ReadLine = Callable[[str, float], Reading]
"""`(line, at)` to its Reading, where `at` is the object's event time. Raises RecordError."""


class LineParser:
    """Makes events of lines. It may remember something of the object, such as its header."""

    fast: ReadLine
    """Reads ordinary lines, and returns None for any line of which it is not sure. `line_function` makes it."""

    def read(self, line: str) -> Event | Rule:
        """Read any line, slowly. Raises RecordError."""
        raise NotImplementedError

    def retry(self, line: str, at: float) -> Reading:
        """Read a line that `fast` refused by a function that was `fast` before."""
        return None

    def odd(self, line: str) -> Event | Rule:
        """Read a line that `fast` and `retry` refused. May replace `fast`, if more lines like it are to be expected."""
        return self.read(line)


@dataclass(frozen=True, kw_only=True)
class LineDeclaration(Declaration):
    """A format whose records are lines, with fields that are texts unless they are declared to be of another type.

    An `absent` text becomes None, in a field of another type the empty text, too. A text that is no number, in a field
    of numbers, quarantines the record. A text that is no boolean, in a field of booleans, stays.
    """

    integers: Names = ()
    """Names of the fields that are integers, with blanks between."""
    floats: Names = ()
    """Names of the fields that are decimal numbers."""
    booleans: Names = ()
    """Names of the fields that are true or false, as they are written in small or capital letters."""
    boolean_words: Names = ()
    """Pairs of words that stand for true and false in these fields, too, with blanks between: `yes/no 1/0`."""

    remembers = False
    """Whether a LineParser must begin anew with each object."""

    def with_options(self, options: FormatOptions) -> Format:
        """Return the format with the parts of its declaration that `options` name."""
        if not isinstance(options, MeaningOptions):
            return super().with_options(options)
        parts = parts_of(options)
        given: dict[str, Any] = {}
        for name in options.__struct_fields__:
            value = getattr(options, name)
            if value and name not in parts and name in self.__dataclass_fields__:  # the others are part of a part
                given[name] = tuple(value) if isinstance(value, list) else value
        meaning = {name: part for name, part in parts.items() if getattr(options, name)}
        return replace(self, **given, **meaning)

    @cached_property
    def types(self) -> Types:
        """The types of its fields: made once, as they are looked at for each row of a table with several widths."""
        integers, floats, booleans = (frozenset(names_of(getattr(self, part))) for part in TYPED)
        return Types(integers, floats, booleans, self.absent_texts, names_of(self.boolean_words))

    def check(self) -> None:
        types, known = self.types, self.known()
        owners: dict[str, str] = {}
        for part in TYPED:
            for name in sorted(getattr(types, part)):
                if known is not None and name not in known:
                    raise ValueError(f"{part}: no field {name!r}; expected one of {', '.join(sorted(known))}")
                if owners.setdefault(name, part) != part:
                    raise ValueError(f"{part}: {name!r} is among the {owners[name]}, too; expected it in one of them")
        if absent := sorted(booleans_by_text(types.boolean_words).keys() & {*types.absent}):
            raise ValueError(f"boolean_words: {absent[0]!r} is absent, too; expected a word that stands for a boolean")

    def columns_of_tables(self) -> Set[str] | None:
        """Return the names of the columns that a table of such records has; None if these are not declared."""
        return self.known()

    @abstractmethod
    def line_parser(self, limits: RecordLimits) -> LineParser:
        """Make the parser of the lines of an object."""

    @cached_property
    def read_by_meaning(self) -> frozenset[str]:
        """The paths of the fields that time, tag, message, `require` and rules read."""
        return frozenset(path for _, path in self.meaning.paths)

    def write(self, writer: Writer) -> None:
        """Write the statements of the first function for lines, a call of which takes a tenth of the time of a line,
        and calls of the functions for other lines."""
        first = self.line_parser(writer.limits)
        if self.remembers:
            parser = writer.per_object("lines", lambda: self.line_parser(writer.limits))
        else:
            parser = writer.name("lines", first)
        read, writer.message = writer.local("read"), writer.local("message")
        write: Callable[[Writer], None] | None = getattr(first.fast, "write", None)
        with ExitStack() as otherwise:
            if write is not None:
                with writer.block(f"if {parser}.fast is {writer.name('usual', first.fast)}:"):
                    with writer.block("try:"):
                        write(writer)
                    with writer.block("except ValueError:"):
                        writer.line(f"event, {read} = None, {parser}.retry(value, at)")
                otherwise.enter_context(writer.block("else:"))
            writer.line(f"event, {read} = None, {parser}.fast(value, at) or {parser}.retry(value, at)")
        with writer.block("if event is None:"):
            odd = writer.name("odd", self._read_odd)
            writer.line(f"event, at, tag, {writer.message} = {read} or {odd}({parser}, value, at)")
        writer.line("else:")
        writer.indent()
        writer.filters = self.remembers

    def _read_odd(self, parser: LineParser, line: str, at: float) -> Reading:
        """Read a line that the functions of a parser refused. Raises RecordError."""
        event = parser.odd(line)
        return (event, None, None, None) if isinstance(event, Rule) else self._read_event(event, at)

    @cached_property
    def _read_event(self) -> Callable[[Event, float], Reading]:
        """The function that reads time, tag and message of an event."""
        writer = Writer(RecordLimits())
        self._write_reading(writer)
        return make_function("event", "event, at", writer.lines, writer.names, f"{self.name}, odd lines")

    def line_function(self, write: Callable[[Writer], None], origin: str, *further: str) -> ReadLine:
        """Make the function that reads ordinary lines. `write` writes statements that bind the local `event` from
        `value`, or raise ValueError, and never bind `value`; the meaning of the fields follows, with no call and no
        look into the event. The function has `write` as an attribute.

        `further`: parameters behind those of a ReadLine, which these statements read."""
        writer = Writer(RecordLimits())
        with writer.block("try:"):
            write(writer)
        with writer.block("except ValueError:"):
            writer.line("return None")
        self._write_reading(writer)
        origin = f"{self.name}, {origin}"
        parameters = ", ".join(("value", "at", *further))
        function: Any = make_function("line", parameters, writer.lines, writer.names, origin, writer.attributes)
        function.write = write
        read: ReadLine = function
        return read

    def _write_reading(self, writer: Writer) -> None:
        """Write statements that return the Reading of the local `event`."""
        with writer.nested():
            message, _ = write_meaning(self, writer)
            writer.line(f"return event, at, tag, {message}")
        if writer.filters:
            writer.line("return event, None, None, None")

    def calling_function(self, read: Callable[[Any], Event]) -> ReadLine:
        """Make the function that reads ordinary lines by a call of `read`, which raises ValueError for others."""
        return self.line_function(lambda writer: writer.line(f"event = {writer.name('read', read)}(value)"), "lines")
