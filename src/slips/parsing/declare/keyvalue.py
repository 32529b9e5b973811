"""The family of lines of pairs: `key=value`, as logfmt and many firewalls write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import msgspec

from slips.errors import RecordError, foreign_record
from slips.format import Event, RecordLimits, too_many_values
from slips.parsing.declare.lines import TYPED, LineDeclaration, LineParser
from slips.parsing.declare.regex import pattern_of
from slips.parsing.escapes import unescaped
from slips.parsing.typed import names_of
from slips.parsing.writer import Writer

_BLANKS = " \t\r\n"
_BLANK = f"[{_BLANKS}]"


@dataclass(frozen=True, kw_only=True)
class KeyValue(LineDeclaration):
    """Lines of pairs such as `user=ann msg="door open"`. A word without a value is True; a key that comes again has a
    list of its values.

    A value that begins with a quote ends with the next one, if the separator or the end of the line follows. With
    another separator than a blank, the character between key and value may stand there twice before a quote, as in
    `sys_message::"up"` of Check Point, some of whose names end with a colon.
    """

    head: str = ""
    """A regular expression of what is before the pairs, as the pattern of `Regex`; its named groups are fields, too."""
    rest: str | tuple[str, ...] = ()
    """Words that end the pairs, such as `message:`: what is behind the first of them is its value, as it is written.
    Within quoted values they are text."""
    tail: str = ""
    """A text at the end of lines that belongs to no pair, such as `]`."""

    separator: str = " "
    """The character between pairs, such as `;`, with blanks around it or none. A blank: any run of blanks."""
    assign: str = "="
    """The character between a key and its value."""
    quotes: str = '"'
    """The characters that quote values."""
    escapes: Literal["keep", "decode", "none"] = "decode"
    """Whether values have the backslash escapes within quotes decoded, or kept as they are written. `none`: a backslash
    is a character like any other."""
    doubled: bool = False
    """Whether a quote within a quoted value is written twice, as in CSV. Else a value ends with the first of the two.
    """

    spaced: bool = False
    """Whether bare values may have blanks in them, as in `agent=curl (Linux) action=blocked`: one goes on to the next
    word of letters, digits, `_`, `-` and `.` with the character of `assign` behind it."""

    def check(self) -> None:
        if self.spaced and self.separator != " ":
            raise ValueError(
                f"spaced is True, and separator {self.separator!r}; expected a blank, as others do not end at blanks"
            )
        for part in ("separator", "assign"):
            value = getattr(self, part)
            if not isinstance(value, str) or len(value) != 1 or value in "\"'\\":
                raise ValueError(f"{part} is {value!r}; expected one character that is no quote")
        if self.separator == self.assign or self.assign in _BLANKS:
            raise ValueError(f"assign is {self.assign!r}; expected another character than blanks and the separator")
        if not set(self.quotes) <= {'"', "'", "`"}:
            raise ValueError(f"quotes is {self.quotes!r}; expected some of \" ' `, or none")
        if self.escapes not in ("keep", "decode", "none"):
            raise ValueError(f"escapes is {self.escapes!r}; expected 'keep', 'decode' or 'none'")
        if not isinstance(self.tail, str):
            raise ValueError(f"tail is {self.tail!r}; expected a text such as ']'")
        if self.head:
            pattern_of(self.head, "head")
        for word in names_of(self.rest):
            if not word.rstrip(":="):
                raise ValueError(f"rest: {word!r} has no name; expected a word such as 'message:'")
        for part in TYPED:
            for name in names_of(getattr(self, part)):
                if not set(name).isdisjoint(self.ends + self.assign):
                    raise ValueError(f"{part}: {name!r} cannot be a key of these lines; expected a list of keys")
        super().check()

    def may_have_line_ends(self) -> bool:
        return self.escapes == "decode"

    def line_parser(self, limits: RecordLimits) -> LineParser:
        return _Headed(self, limits) if self.head or self.tail or self.rest else _Pairs(self, limits)

    @property
    def ends(self) -> str:
        """The characters that end a key without a value, and a bare value."""
        return _BLANKS if self.separator == " " else self.separator

    @property
    def blanks(self) -> str:
        """The characters that are dropped around keys and bare values."""
        return _BLANKS if self.separator == " " else _BLANKS.replace(self.separator, "")

    @cached_property
    def patterns(self) -> Mapping[str, re.Pattern[str]]:
        """Patterns of the parts of a line: what is before a pair, its key, its value, what ends it."""
        ends, assign = re.escape(self.ends), re.escape(self.assign)
        around = f"[{self.blanks}]*+" if self.separator != " " else ""
        bare = f"[^{ends}]*+"
        if self.spaced:
            bare = f"(?:[^{ends}]++|{self._within})*+"
        unquoted = f"((?![{self.quotes}]){bare})?+" if self.quotes else f"({bare})"
        twice = f"(?:{assign}(?=[{self.quotes}]))?+" if self.quotes and self.separator != " " else ""
        patterns = {
            "pair": rf"[{_BLANKS}{ends}]*+([^{assign}{ends}]*+)(?:({assign}){twice}{around}{unquoted})?+",
            "bare": bare,
            "end": rf"{around}(?:[{ends}]|\Z)",
        }
        for quote in self.quotes:
            escapes = self.escapes != "none"
            plain = rf"[^{quote}\\]*+" if escapes else f"[^{quote}]*+"
            odd = "|".join(([r"\\."] if escapes else []) + ([2 * quote] if self.doubled else []))
            inside = f"{plain}(?:(?:{odd}){plain})*+" if odd else plain
            patterns[quote] = f"{quote}({inside}){quote}"
        return {name: re.compile(pattern, re.DOTALL) for name, pattern in patterns.items()}

    @cached_property
    def pairs(self) -> re.Pattern[str]:
        """Pattern of an ordinary pair: key, value in each kind of quotes, bare value; or the rest of the line."""
        separator, assign, quotes = re.escape(self.separator), re.escape(self.assign), re.escape(self.quotes)
        if self.separator == " ":
            blanks, around, end = _BLANKS, "", f"[{_BLANKS}]++"
        else:
            blanks, around, end = "", f"[{self.blanks}]*+", separator
        quoted = "".join(rf"{around}{quote}([^{quote}\\]*+){quote}{around}|" for quote in self.quotes)
        bare = f"([^{separator}{quotes}{blanks}]*+)"
        if self.spaced:
            bare = f"((?:[^{quotes}{blanks}]++|{self._within})*+)"
        key = f"([^{assign}{separator}{quotes}{blanks}]++)"
        return re.compile(rf"{key}{assign}(?:{quoted}{bare})(?:{end}|\Z)|(.++)", re.DOTALL)

    @property
    def _within(self) -> str:
        """Pattern of blanks within a bare value."""
        return rf"[{_BLANKS}]++(?!\Z|[\w.-]++{re.escape(self.assign)})"

    @cached_property
    def begin_of_rest(self) -> re.Pattern[str]:
        """Pattern of a word of `rest`, its group, or of what may stand in front of one: a quoted value, a word."""
        stop = re.escape(_BLANKS + self.ends)
        words = "|".join(map(re.escape, sorted(names_of(self.rest))))
        around = f"[{self.blanks}]*+" if self.separator != " " else ""
        quoted = "|".join(self.patterns[quote].pattern.replace("(", "(?:", 1) for quote in self.quotes)
        value = rf"[^{re.escape(self.assign)}{stop}]++{around}{re.escape(self.assign)}{around}(?:{quoted})"
        before = rf"{value}(?={self.patterns['end'].pattern})|" if quoted else ""
        return re.compile(rf"(?<![^ ])({words})|{before}[^{stop}]++", re.DOTALL)

    def write_pairs(self, writer: Writer, limits: RecordLimits, line: str = "value") -> None:
        """Write statements that read ordinary lines, the local `line`: no key twice, no words without values, no
        escapes."""
        types = self.types
        pairs, key, text = writer.local("pairs"), writer.local("key"), writer.local("text")
        values = [writer.local("value") for _ in (*self.quotes, "bare")]
        value = " or ".join(values) + ("" if self.separator == " " else f".strip({self.blanks!r})")
        if types.absent:
            value = f"None if ({text} := {value}) in {types.absent!r} else {text}"
        with writer.block(f"if len({line}) > {2 * limits.values}:"):  # it might have too many pairs
            writer.line("raise ValueError")
        writer.line(f"{pairs} = {writer.name('pairs', self.pairs.findall)}({line})")
        name = key if self.separator == " " else f"{key}.strip({self.blanks!r})"
        writer.line(f"event = {{{name}: {value} for {key}, {', '.join(values)}, _ in {pairs}}}")
        # No key: that pair is the rest of a line that is not ordinary.
        with writer.block(f"if '' in event or len(event) != len({pairs}) or not {pairs}:"):
            writer.line("raise ValueError")
        for type_, names in ((int, types.integers), (float, types.floats)):
            decode = writer.name("decode", msgspec.json.Decoder(type_).decode)
            for name in sorted(names):
                local = writer.local("number")
                writer.line(f"{local} = event.get({name!r})")
                writer.line(f"if {local}: event[{name!r}] = {decode}({local})")
                writer.line(f"elif {local} is not None: event[{name!r}] = None")
        for name in sorted(types.booleans):
            local, by_text = writer.local("text"), writer.name("booleans", types.by_text)
            writer.line(f"{local} = event.get({name!r})")
            writer.line(f"if {local} is not None: event[{name!r}] = {by_text}.get({local}, {local})")


class _Pairs(LineParser):
    def __init__(self, declaration: KeyValue, limits: RecordLimits) -> None:
        self._declaration, self._limits = declaration, limits
        self._types = declaration.types
        self.fast = declaration.line_function(self._write, "pairs")

    def _write(self, writer: Writer) -> None:
        """Write the statements of `fast`."""
        self._declaration.write_pairs(writer, self._limits)

    def read(self, line: str) -> Event:
        blanks, match_pair, types = self._declaration.blanks, self._declaration.patterns["pair"].match, self._types
        event: dict[str, Any] = {}
        at, pairs, assigned = 0, 0, False
        while (pair := match_pair(line, at)) is not None and pair.end() > at:
            key, assign, text = pair.groups()
            begin, at = at, pair.end()
            key = key.rstrip(blanks)
            value: Any = True
            if assign:
                assigned = True
                if not key:
                    raise RecordError(f"pair {pairs + 1} has no key: {line[begin : begin + 40].lstrip()!r}")
                if text is None:
                    text, at = self._value(line, at, key)
                elif self._declaration.separator != " ":
                    text = text.rstrip(blanks)
                value = types.value(key, text) if key in types.typed else None if text in types.absent else text
            elif not key:
                break  # blanks at the end
            pairs += 1
            if pairs > self._limits.values:
                raise too_many_values(self._limits.values)
            if key not in event:
                event[key] = value
            elif isinstance(event[key], list):
                event[key].append(value)
            else:
                event[key] = [event[key], value]
        if not assigned:
            raise foreign_record(
                f"line begins with {line[:40]!r}; expected pairs such as 'key{self._declaration.assign}value'"
            )
        return event

    def odd(self, line: str) -> Event:
        event = self._ordinary(line)
        return self.read(line) if event is None else event

    def _ordinary(self, line: str) -> Event | None:
        """Read ordinary pairs, of which several may have the same key, in half the time of `read`. None: others."""
        if len(line) > 2 * self._limits.values or self._declaration.separator != " ":
            return None
        found = self._declaration.pairs.findall(line)
        if not found or not found[-1][0]:
            return None
        types, event, several = self._types, dict[str, Any](), set[str]()
        typed, absent = types.typed, types.absent
        for key, *values, _ in found:
            text = "".join(values)  # of which one is there
            value = types.value(key, text) if key in typed else None if text in absent else text
            if key not in event:
                event[key] = value
            elif key in several:
                event[key].append(value)
            else:
                several.add(key)
                event[key] = [event[key], value]
        return event

    def _value(self, line: str, at: int, key: str) -> tuple[str, int]:
        """Return the value that begins at a position of a line, and where it ends. Raises RecordError."""
        declaration, patterns = self._declaration, self._declaration.patterns
        quote = line[at : at + 1]
        if quote and quote in declaration.quotes:
            quoted = patterns[quote].match(line, at)
            if quoted is None:
                raise RecordError(f"{key[:60]!r} is {line[at : at + 40]!r}; expected a quote that ends it")
            if patterns["end"].match(line, quoted.end()):
                text = quoted[1].replace(2 * quote, quote) if declaration.doubled else quoted[1]
                return unescaped(text) if declaration.escapes == "decode" else text, quoted.end()
        bare = patterns["bare"].match(line, at)
        assert bare is not None  # noqa: S101 - it matches the empty text, too
        return bare[0].rstrip(declaration.blanks), bare.end()


class _Headed(_Pairs):
    """Reads what is before the pairs and behind them."""

    def __init__(self, declaration: KeyValue, limits: RecordLimits) -> None:
        self._match, self._words = re.compile(declaration.head, re.DOTALL).match, names_of(declaration.rest)
        super().__init__(declaration, limits)

    def _write(self, writer: Writer) -> None:
        around, line = writer.local("around"), writer.local("line")
        writer.line(f"{around}, {line} = {writer.name('cut', self._cut)}(value)")
        self._declaration.write_pairs(writer, self._limits, line)
        writer.line(f"event = {writer.name('joined', _joined)}({around}, event)")

    def read(self, line: str) -> Event:
        try:
            around, pairs = self._cut(line)
        except ValueError:
            raise foreign_record(
                f"line begins with {line[:60]!r}; expected one that the pattern of the head matches"
            ) from None
        return _joined(around, super().read(pairs) if pairs.strip(_BLANKS) else {})

    def odd(self, line: str) -> Event:
        with suppress(ValueError):
            around, pairs = self._cut(line)
            event = self._ordinary(pairs)
            if event is not None:
                return _joined(around, event)
        return self.read(line)

    def _cut(self, line: str) -> tuple[Event, str]:
        """Return the fields around the pairs, and these. Raises ValueError for a line that begins otherwise."""
        head = self._match(line)
        if head is None:
            raise ValueError
        fields: Event = {
            name: self._types.value(name, text) for name, text in head.groupdict().items() if text is not None
        }
        pairs = line[head.end() :].rstrip(_BLANKS).removesuffix(self._declaration.tail)
        found = self._begin_of_rest(pairs) if any(word in pairs for word in self._words) else None
        if found:
            at, word = found.start(), found[1]
            name = word.rstrip(":=")
            fields[name] = self._types.value(name, pairs[at + len(word) :].lstrip(_BLANKS))
            pairs = pairs[:at]
        return fields, pairs

    def _begin_of_rest(self, pairs: str) -> re.Match[str] | None:
        """Return the match of the first word that ends the pairs."""
        parts = self._declaration.begin_of_rest.finditer(pairs)
        return next((part for part in parts if part[1]), None)


def _joined(event: Event, pairs: Event) -> Event:
    """Return one event. A field that is the key of a pair, too, has a list of its values."""
    for name in event.keys() & pairs.keys():
        value = pairs.pop(name)
        event[name] = [event[name], *value] if isinstance(value, list) else [event[name], value]
    event.update(pairs)
    return event
