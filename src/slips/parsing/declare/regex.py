"""The family of lines that a regular expression with named groups cuts."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property

from slips.errors import RecordError
from slips.format import Event, RecordLimits
from slips.parsing.compile import Writer
from slips.parsing.declare.lines import LineDeclaration, LineParser
from slips.parsing.linear import why_not_linear
from slips.parsing.typed import write_event


@dataclass(frozen=True, kw_only=True)
class Regex(LineDeclaration):
    """Lines that match a regular expression at their beginning; its named groups are the fields.

    A group that took no part in the match is None. A dot matches any character, line ends too. The pattern must take
    time in proportion to the line, on any line: `slips.parsing.linear` proves it.
    """

    pattern: str

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.DOTALL)

    def known(self) -> Set[str]:
        return set(self.compiled.groupindex)

    def check(self) -> None:
        try:
            if not self.compiled.groupindex:
                raise ValueError("no group has a name; expected fields such as '(?P<status>[0-9]+)'")
            if reason := why_not_linear(self.pattern):
                raise ValueError(f"some lines would take hours: {reason}")
        except (TypeError, re.error) as error:
            raise ValueError(
                f"pattern {self.pattern!r}: {error}; expected one that Python reads, such as '(?P<status>[0-9]+)'"
            ) from None
        except ValueError as error:
            raise ValueError(f"pattern {self.pattern!r}: {error}") from None
        super().check()

    def line_parser(self, limits: RecordLimits) -> LineParser:
        return _Matches(self)

    def value_of(self, path: str, writer: Writer) -> str:
        return writer.fields.get(path) or f"event[{path!r}]"


class _Matches(LineParser):
    def __init__(self, declaration: Regex) -> None:
        self._match, self._types = declaration.compiled.match, declaration.types
        names = tuple(declaration.compiled.groupindex)

        def write(writer: Writer) -> None:
            locals_ = {name: writer.local("group") for name in names}
            writer.line(f"match = {writer.name('match', self._match)}(value)")
            with writer.block("if match is None:"):
                writer.line("raise ValueError")
            writer.line(f"{', '.join(locals_.values())}, = match.group({', '.join(map(repr, names))}),")
            if len(names) > 1:
                writer.lines[-1] = writer.lines[-1].removesuffix(",")
            self._types.write(writer, locals_.items())
            write_event(writer, names, locals_, self._types, declaration.read_by_meaning)

        self.fast = declaration.line_function(write, "groups")

    def read(self, line: str) -> Event:
        match = self._match(line)
        if match is None:
            raise RecordError(f"line begins with {line[:60]!r}; expected one that the pattern matches")
        types = self._types
        return {name: None if text is None else types.value(name, text) for name, text in match.groupdict().items()}
