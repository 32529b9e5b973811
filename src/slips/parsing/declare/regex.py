"""The families of lines that a regular expression with named groups cuts, or the first of several that matches."""

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
        if not pattern_of(self.pattern).groupindex:
            raise ValueError(
                f"pattern {self.pattern!r}: no group has a name; expected fields such as '(?P<status>[0-9]+)'"
            )
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


@dataclass(frozen=True, kw_only=True)
class Patterns(LineDeclaration):
    """Lines of several shapes, each with a regular expression as that of `Regex`: the first that matches cuts the line.

    A group that took no part in the match is no field of the event. Put what most lines are first.
    """

    patterns: tuple[str, ...]

    @cached_property
    def compiled(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(pattern, re.DOTALL) for pattern in self.patterns)

    def known(self) -> Set[str]:
        return {name for pattern in self.compiled for name in pattern.groupindex}

    def check(self) -> None:
        if not isinstance(self.patterns, tuple) or not self.patterns:
            raise ValueError(f"patterns is {self.patterns!r:.60}; expected a tuple of regular expressions")
        for pattern in self.patterns:
            pattern_of(pattern)
        if not self.known():
            raise ValueError("patterns: no group has a name; expected fields such as '(?P<status>[0-9]+)'")
        super().check()

    def line_parser(self, limits: RecordLimits) -> LineParser:
        return _FirstMatch(self)


class _FirstMatch(LineParser):
    def __init__(self, declaration: Patterns) -> None:
        self._matches, self._types = [pattern.match for pattern in declaration.compiled], declaration.types
        self.fast = declaration.calling_function(self._cut)

    def _cut(self, line: str) -> Event:
        for match in self._matches:
            if found := match(line):
                types = self._types
                return {name: types.value(name, text) for name, text in found.groupdict().items() if text is not None}
        raise ValueError

    def read(self, line: str) -> Event:
        try:
            return self._cut(line)
        except ValueError:
            raise RecordError(f"line begins with {line[:60]!r}; expected one that a pattern matches") from None


def pattern_of(pattern: str, part: str = "pattern") -> re.Pattern[str]:
    """Return a regular expression of a declaration, whose part is named `part`. Raises ValueError."""
    try:
        compiled = re.compile(pattern, re.DOTALL)
        if reason := why_not_linear(pattern):
            raise ValueError(f"{part} {pattern!r}: some lines would take hours: {reason}")
        return compiled
    except (TypeError, re.error) as error:
        raise ValueError(
            f"{part} {pattern!r}: {error}; expected one that Python reads, such as '(?P<status>[0-9]+)'"
        ) from None
