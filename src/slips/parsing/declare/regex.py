"""The families of lines that a regular expression with named groups cuts, or the first of several that matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

from slips.errors import RecordError, foreign_record
from slips.format import Event, RecordLimits
from slips.parsing.declare.lines import LineDeclaration, LineParser, Reading, ReadLine
from slips.parsing.escapes import unescaped
from slips.parsing.linear import optional_groups, why_not_linear
from slips.parsing.requests import add_request, check_requests, write_request
from slips.parsing.typed import Names, names_of, write_event
from slips.parsing.writer import Writer

_SHOWN = 200
"""Most characters of a pattern in the message that refuses it."""


@dataclass(frozen=True, kw_only=True)
class Regex(LineDeclaration):
    """Lines that match a regular expression at their beginning; its named groups are the fields.

    A group that took no part in the match is None. A dot matches any character, line ends too. The pattern must take
    time in proportion to the line, on any line: `slips.parsing.linear` proves it.
    """

    pattern: str
    requests: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Groups with an HTTP request line, and the names of three further fields; see `Quoted`."""
    escaped: Names = ()
    """Names of groups whose backslash escapes are decoded."""
    whole: str = ""
    """The field that has the whole line, if any: the groups then need not take all that is in it."""

    leaves_out: ClassVar[bool] = False
    """Whether a group that took no part in the match is no field of the event."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The patterns, of which the first that matches a line cuts it."""
        return (self.pattern,)

    @property
    def expected(self) -> str:
        """Which lines are expected, in words, for the message about another one."""
        return f"that {'a' if self.leaves_out else 'the'} pattern matches"

    @cached_property
    def compiled(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(each, re.DOTALL) for each in self.sources)

    def fields_of(self, pattern: re.Pattern[str]) -> dict[str, tuple[str, ...]]:
        """Return the groups of a pattern, each with the fields that the parts of its request line have."""
        return {name: tuple(self.requests.get(name, "").split()) for name in pattern.groupindex}

    def names_of(self, pattern: re.Pattern[str]) -> tuple[str, ...]:
        """Return the names of the fields of lines that a pattern matches."""
        fields = self.fields_of(pattern)
        return (*fields, *(part for parts in fields.values() for part in parts), *filter(None, [self.whole]))

    def known(self) -> Set[str]:
        return {name for pattern in self.compiled for name in self.names_of(pattern)}

    def check(self) -> None:
        compiled = [pattern_of(each) for each in self.sources]
        if not any(each.groupindex for each in compiled):
            part = "patterns" if self.leaves_out else f"pattern {self.sources[0]!r}"
            raise ValueError(f"{part}: no group has a name; expected fields such as '(?P<status>[0-9]+)'")
        check_requests(self.requests, {name for pattern in self.compiled for name in pattern.groupindex}, self.types)
        if unknown := [name for name in names_of(self.escaped) if name not in self.known()]:
            raise ValueError(f"escaped: no group {unknown[0]!r}; expected one of {', '.join(sorted(self.known()))}")
        if not isinstance(self.whole, str):
            raise ValueError(f"whole is {self.whole!r:.60}; expected the name of a field")
        for pattern in self.compiled:
            names = self.names_of(pattern)
            if self.whole in pattern.groupindex:
                raise ValueError(f"whole: {self.whole!r} is a group, too; expected another name")
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"requests: {twice[0]!r} is a group, too; expected each name once")
        super().check()

    @cached_property
    def functions(self) -> tuple[ReadLine, ...]:
        """The functions that read lines, one for each pattern. Those behind the first return False for a line that
        their pattern does not match."""
        return tuple(_function(self, pattern, number == 0) for number, pattern in enumerate(self.compiled))

    def line_parser(self, limits: RecordLimits) -> LineParser:
        return _Matches(self)

    def value_of(self, path: str, writer: Writer) -> str:
        return writer.fields.get(path) or f"event.get({path!r})"


@dataclass(frozen=True, kw_only=True)
class Patterns(Regex):
    """Lines of several shapes, each with a regular expression as that of `Regex`: the first that matches cuts the line.

    A group that took no part in the match is no field of the event. Put what most lines are first.
    """

    pattern: str = field(init=False, default="", repr=False)
    patterns: tuple[str, ...]

    leaves_out: ClassVar[bool] = True

    @property
    def sources(self) -> tuple[str, ...]:
        return self.patterns

    def check(self) -> None:
        if not isinstance(self.patterns, tuple) or not self.patterns:
            raise ValueError(f"patterns is {self.patterns!r:.60}; expected a tuple of regular expressions")
        super().check()


class _Matches(LineParser):
    def __init__(self, declaration: Regex) -> None:
        self._declaration, self._types = declaration, declaration.types
        self._escaped = frozenset(names_of(declaration.escaped))
        self.fast, *others = declaration.functions
        self._others: list[Callable[[str, float], Reading | Literal[False]]] = [*others]
        self._first = declaration.compiled[0]
        self._unmatched: str | None = None
        """The last line of `retry`, if no pattern matches it."""

    def retry(self, line: str, at: float) -> Reading:
        if self._first.match(line):
            return None
        for function in self._others:
            if (reading := function(line, at)) is not False:
                return reading
        self._unmatched = line
        return None

    def odd(self, line: str) -> Event:
        unmatched, self._unmatched = self._unmatched, None
        if unmatched is line:
            raise self._foreign(line)
        return self.read(line)

    def read(self, line: str) -> Event:
        declaration, types = self._declaration, self._types
        for pattern in declaration.compiled:
            if match := pattern.match(line):
                break
        else:
            raise self._foreign(line)
        event: Event = dict.fromkeys(declaration.names_of(pattern))
        if declaration.whole:
            event[declaration.whole] = line
        for name, text in match.groupdict().items():
            if text is None:
                continue
            value = unescaped(text) if name in self._escaped else text
            event[name] = types.value(name, value)
            if name in declaration.requests:
                add_request(event, declaration.requests[name], value, types)
        return _without(event, match, declaration.fields_of(pattern)) if declaration.leaves_out else event

    def _foreign(self, line: str) -> RecordError:
        return foreign_record(f"line begins with {line[:60]!r}; expected one {self._declaration.expected}")


def _without(event: Event, match: re.Match[str], fields: Mapping[str, tuple[str, ...]]) -> Event:
    """Return an event without the fields of groups that took no part in a match."""
    for name, text in match.groupdict().items():
        if text is None:
            for each in (name, *fields[name]):
                del event[each]
    return event


def _function(declaration: Regex, pattern: re.Pattern[str], is_first: bool) -> ReadLine:
    """Make the function that reads lines of one pattern."""
    types, groups, fields = declaration.types, tuple(pattern.groupindex), declaration.fields_of(pattern)

    def write(writer: Writer) -> None:
        locals_ = {name: writer.local("group") for name in groups}
        if declaration.escaped:
            with writer.block("if '\\\\' in value:"):
                writer.line("raise ValueError")
        match = writer.local("match")
        writer.line(f"{match} = {writer.name('match', pattern.match)}(value)")
        with writer.block(f"if {match} is None:"):
            writer.line("raise ValueError" if is_first else "return False")
        if groups:
            writer.line(f"{', '.join(locals_.values())}, = {match}.group({', '.join(map(repr, groups))}),")
        if len(groups) > 1:
            writer.lines[-1] = writer.lines[-1].removesuffix(",")
        optional = optional_groups(pattern.pattern)
        types.write(writer, [(name, local) for name, local in locals_.items() if name not in optional])
        passed = {name: writer.local("passed") for name in groups if name in optional}
        for name, flag in passed.items():
            writer.line(f"{flag} = {locals_[name]} is None")
            if name in types.typed:
                with writer.block(f"if not {flag}:"):
                    types.write(writer, [(name, locals_[name])])

        def requests() -> None:
            for name, parts in declaration.requests.items():
                if name in locals_:
                    with writer.block(f"if {locals_[name]} is not None:"):
                        write_request(writer, locals_[name], parts, types)

        names = declaration.names_of(pattern)
        write_event(
            writer, names, locals_, types, declaration.read_by_meaning, requests if declaration.requests else None
        )
        if declaration.whole:
            writer.line(f"event[{declaration.whole!r}] = value")
        for name, flag in passed.items() if declaration.leaves_out else ():
            with writer.block(f"if {flag}:"):
                writer.line(f"del {', '.join(f'event[{each!r}]' for each in (name, *fields[name]))}")

    return declaration.line_function(write, f"{len(groups)} groups")


def pattern_of(pattern: str, part: str = "pattern") -> re.Pattern[str]:
    """Return a regular expression of a declaration, whose part is named `part`. Raises ValueError."""
    try:
        compiled = re.compile(pattern, re.DOTALL)
        if reason := why_not_linear(pattern):
            raise ValueError(f"{part} {pattern!r}: some lines would take hours: {reason}")
        return compiled
    except (TypeError, OverflowError, RecursionError, re.error) as error:
        reason = "groups are nested too deep" if isinstance(error, RecursionError) else str(error)
        shown = repr(pattern) if len(repr(pattern)) <= _SHOWN else f"{pattern[:_SHOWN]!r}…"
        raise ValueError(
            f"{part} {shown}: {reason}; expected one that Python reads, such as '(?P<status>[0-9]+)'"
        ) from None
