"""The family of access logs: fields with a blank between them, some of them in quotes or in brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import compress, islice
from typing import Literal

from slips.errors import RecordError, RecordTooLarge
from slips.format import Event, RecordLimits
from slips.parsing.declare.lines import LineDeclaration, LineParser, Reading, ReadLine
from slips.parsing.escapes import unescaped
from slips.parsing.requests import add_request, check_requests, write_request
from slips.parsing.typed import Names, Run, Types, names_of, widened, write_cut, write_event
from slips.parsing.writer import Writer

Kind = Literal["bare", "quoted", "bracketed", "nothing"]
"""How a field is written in a line. `nothing` stands behind a blank at the end of a line."""
Shape = tuple[Kind, ...]

_COLUMN = re.compile(r'"([^"\s]+)"|\[([^\]\s]+)\]|([^\s":\[\]]+)(?::([^\s":\[\]]+))?')
# Within quotes, a quote ends the field only if a blank or the end of the line follows: some programs escape nothing.
_QUOTED = {
    True: re.compile(r'"([^"\\]*+(?:(?:\\.|"(?! |\Z))[^"\\]*+)*+)"( |\Z)', re.DOTALL),
    False: re.compile(r'"([^"]*+(?:"(?! |\Z)[^"]*+)*+)"( |\Z)'),
}
"""Patterns of a quoted field, by whether a backslash escapes the next character."""
_FURTHER = {
    escapes: re.compile(rf'{pattern.pattern.replace("( |", "(?: |")}|([^" ][^ ]*+)?+(?: |\Z)|(").*+', re.DOTALL)
    for escapes, pattern in _QUOTED.items()
}
"""Patterns of a field behind the last column: in quotes, bare, or all the rest behind a quote that never ends. To look
for fields in the rest, where each quote might have no end either, takes the square of the line."""
_BRACKETED = re.compile(r"\[([^\]]*+(?:\](?! |\Z)[^\]]*+)*+)\]( |\Z)")
_BARE = re.compile(r"([^ ]*+)( |\Z)")
_MOST_SHAPES, _MOST_ALIKE = 50, 4
"""Most fast functions of a declaration; and of those of lines with equally many quotes that are tried for a line."""
_FEW_EXTRA, _MOST_EXTRA, _MOST_FURTHER = 4, 50, 1_000
"""Most fields behind the last column of lines that always get a fast function, that may have one; and of those that
are read at all."""


_SHOWN_COLUMNS = 10
"""Most columns in the message about a line that has too few fields."""


@dataclass(frozen=True)
class Column:
    """A column as it is declared: how it is written, and the names of its field, or of host and port in it."""

    kind: Kind
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Quoted(LineDeclaration):
    """Lines of fields with a blank between them. Further fields behind the last column are kept as `column_<n>`.

    A field that begins with a quote ends with the first quote that a blank or the end of the line follows.
    """

    columns: str
    """The columns with blanks between, each written as in the lines: `ip [time] "request" status`. `host:port` makes
    two fields of the text before the last colon and the integer behind it."""
    optional: Names = ()
    """Names of the fields of the last columns, which older lines lack: they are None there."""
    requests: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Fields with an HTTP request line, and the names of three further fields for the word before its first blank, all
    between, and the word behind its last: `{"request": "method target protocol"}`. With fewer words all three are
    None."""
    escapes: Literal["keep", "decode", "none"] = "decode"
    """Whether values have the backslash escapes within quotes decoded, or kept as they are written. `none`: a backslash
    is a character like any other."""

    _functions: dict[Shape, ReadLine] = field(init=False, default_factory=dict, compare=False, repr=False)

    @cached_property
    def layout(self) -> tuple[Column, ...]:
        """The columns. Raises ValueError for one that cannot be read."""
        columns = []
        for text in self.columns.split():
            match = _COLUMN.fullmatch(text)
            if match is None:
                raise ValueError(f'columns: {text!r} is no column; expected time, "time", [time] or host:port')
            quoted, bracketed, name, port = match.groups()
            if quoted or bracketed:
                columns.append(Column("quoted" if quoted else "bracketed", (quoted or bracketed,)))
            else:
                columns.append(Column("bare", (name, port) if port else (name,)))
        return tuple(columns)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all fields, in the order of events."""
        names: list[str] = []
        for name in (name for column in self.layout for name in column.names):
            names += (name, *self.requests.get(name, "").split())
        return tuple(names)

    @cached_property
    def further_names(self) -> tuple[str, ...]:
        """The names of the fields behind the last column: `column_<n>`, by the position in the line."""
        names, begin = frozenset(self.names), len(self.layout)
        further = widened((), begin + _MOST_FURTHER)[begin:]
        return tuple(f"{name}_" if name in names else name for name in further)

    @cached_property
    def usual(self) -> re.Pattern[str]:
        """The pattern of the first columns that are written as they are declared, as many as there are: with a group
        for each."""
        first, *others = map(self._pattern_of, self.layout)
        return re.compile("".join([first, *(f"(?: {each}" for each in others), ")?+" * len(others)]), re.DOTALL)

    def _pattern_of(self, column: Column) -> str:
        if column.kind == "bare":
            return '((?!")[^ ]*+)'
        pattern = _BRACKETED if column.kind == "bracketed" else _QUOTED[self.escapes != "none"]
        return pattern.pattern.removesuffix(r"( |\Z)")

    @property
    def types(self) -> Types:
        declared, ports = super().types, (column.names[1] for column in self.layout if len(column.names) > 1)
        return replace(declared, integers=declared.integers.union(ports))

    @cached_property
    def least(self) -> int:
        """The least number of fields in a line."""
        optional = set(names_of(self.optional))
        return sum(not optional.issuperset(column.names) for column in self.layout)

    def known(self) -> Set[str]:
        return set(self.names)

    def check(self) -> None:
        if not isinstance(self.columns, str):
            raise ValueError(
                f"columns is {self.columns!r:.60}; expected one text, with blanks between columns, such as "
                "'ip [time] \"request\"'"
            )
        if not self.layout:
            raise ValueError("columns is empty; expected columns with blanks between, such as 'ip [time] \"request\"'")
        check_requests(
            self.requests,
            {name for column in self.layout for name in column.names if len(column.names) == 1},
            self.types,
        )
        if twice := [name for name in self.names if self.names.count(name) > 1]:
            raise ValueError(f"columns: {twice[0]!r} is there twice; expected each name once")
        last = tuple(name for column in self.layout[self.least :] for name in column.names)
        if last != names_of(self.optional):
            raise ValueError(f"optional is {' '.join(names_of(self.optional))!r}; expected the last columns, in order")
        if self.escapes not in ("keep", "decode", "none"):
            raise ValueError(f"escapes is {self.escapes!r}; expected 'keep', 'decode' or 'none'")
        super().check()

    def may_have_line_ends(self) -> bool:
        return self.escapes == "decode"

    def line_parser(self, limits: RecordLimits) -> LineParser:
        return _Lines(self, limits)

    def value_of(self, path: str, writer: Writer) -> str:
        return writer.fields.get(path) or f"event[{path!r}]"

    @property
    def has_all_functions(self) -> bool:
        """Whether no function for lines of another shape is made any more."""
        return len(self._functions) >= _MOST_SHAPES

    def function(self, shape: Shape) -> ReadLine | None:
        """Return a function that reads lines of a shape, and no others; None: too many."""
        if shape not in self._functions:
            if self.has_all_functions or len(shape) > len(self.layout) + _MOST_EXTRA:
                return None
            self._functions[shape] = self.line_function(
                lambda writer: _write_line(writer, self, shape), f"{len(shape)} fields"
            )
        return self._functions[shape]


class _Lines(LineParser):
    """Lines of one declaration. `fast` reads those of the shape that was seen last."""

    def __init__(self, declaration: Quoted, limits: RecordLimits) -> None:
        self._declaration = declaration
        self._types, self._escapes = declaration.types, declaration.escapes != "none"
        self._kinds = tuple(column.kind for column in declaration.layout)
        self._names = tuple(column.names[0] for column in declaration.layout)
        others = self._types.typed | declaration.requests.keys()
        self._are_texts = [len(column.names) == 1 and column.names[0] not in others for column in declaration.layout]
        self._most = min(limits.values, len(declaration.layout) + _MOST_FURTHER)
        self._by_quotes: dict[int, list[ReadLine]] = {}
        """The functions that were made last for odd lines, by the number of quotes that they expect, newest first."""
        self._odd: set[tuple[int, int]] = set()
        """The numbers of quotes and of blanks in odd lines of many fields."""
        fast = declaration.function(self._kinds)
        assert fast is not None  # noqa: S101 - the first one
        self.fast = self._usual = fast

    def read(self, line: str) -> Event:
        return self._event(self._cut(line))

    def retry(self, line: str, at: float) -> Reading:
        # The usual shape first: lines of hostile shapes between do not make usual ones slow.
        for other in [self._usual, *self._by_quotes.get(line.count('"'), [])]:
            if other is not self.fast and (reading := other(line, at)) is not None:
                self.fast = other
                return reading
        return None

    def odd(self, line: str) -> Event:
        head, at = self._head(line)
        further = line.count(" ", at)
        if _FEW_EXTRA < further < 4 * _MOST_FURTHER and further > (few := self._few(line)):
            event = self._wide(line, head, at, few)
            if event is not None:
                return event
        fields = self._cut(line, head, at)
        event = self._event(fields)
        shape = tuple(kind for kind, _ in fields)
        if function := self._declaration.function(shape):
            self.fast, alike = function, self._by_quotes.setdefault(2 * shape.count("quoted"), [])
            if function not in alike:
                alike[:] = [function, *alike[: _MOST_ALIKE - 1]]
        return event

    def _few(self, line: str) -> int:
        """Return the most fields behind the columns for which a line may get a fast function: for many of them, only
        the first line that has as many quotes and blanks. The function of that line has refused any other."""
        marks = line.count('"'), line.count(" ")
        if marks in self._odd or self._declaration.has_all_functions:
            return _FEW_EXTRA
        if len(self._odd) < _MOST_SHAPES:
            self._odd.add(marks)
        return _MOST_EXTRA

    def _head(self, line: str) -> tuple[list[tuple[Kind, str]], int]:
        """Return the first fields of a line that are written as usual, and where the next one begins. To find them by
        one pattern takes a fifth of the time of one after another."""
        usual = self._declaration.usual.match(line)
        if usual is None or usual.lastindex is None or usual.lastindex > self._most:
            return [], 0
        return [*zip(self._kinds, usual.groups()[: usual.lastindex], strict=False)], usual.end() + 1

    def _cut(self, line: str, head: Sequence[tuple[Kind, str]] = (), at: int = 0) -> list[tuple[Kind, str]]:
        """Return the fields of a line, and how each is written, behind those of its `head`. Raises RecordError."""
        columns, fields = self._declaration.layout, [*head]
        for kind, text, _ in self._fields(line, at, len(fields)):
            fields.append((kind, text))
            if len(fields) > self._most:
                raise self._too_large()
        if fields[-1] == ("bare", "") and len(fields) > len(columns):
            fields[-1] = ("nothing", "")
        return fields

    def _fields(self, line: str, at: int = 0, number: int = 0) -> Iterator[tuple[Kind, str, int]]:
        """Yield the fields of a line from a place on, how each is written, and where the next one begins; `number` are
        before the place. Raises RecordError."""
        columns, quoted = self._declaration.layout, _QUOTED[self._escapes]
        more = at <= len(line)
        while more:
            begin = line[at : at + 1]
            kind: Kind = "bare"
            pattern = _BARE
            if begin == '"':
                kind, pattern = "quoted", quoted
            elif begin == "[" and number < len(columns) and columns[number].kind == "bracketed":
                kind, pattern = "bracketed", _BRACKETED
            match = pattern.match(line, at)
            if match is None and kind == "bracketed":
                kind, match = "bare", _BARE.match(line, at)
            number += 1
            if match is None:
                raise _endless(line, at, number)
            at, more = match.end(), bool(match[2])
            yield kind, match[1], at if more else len(line) + 1

    def _wide(self, line: str, head: Sequence[tuple[Kind, str]], at: int, few: int) -> Event | None:
        """Read a line as `read` does, the fields behind its columns at once: one by one they would take as long as
        twenty times as many bytes of an ordinary line. Raises RecordError. None: a line with `few` such fields.

        `at`: where the field behind its `head` begins."""
        width, head = len(self._kinds), [*head]
        for kind, text, after in islice(self._fields(line, at, len(head)), width - len(head)):
            head.append((kind, text))
            at = after
        if not few < line.count(" ", at):
            return None
        ends = line[-1] == " "  # behind it there is nothing, which counts as a field
        if line.find('"', at) < 0:
            texts = line[at:].split(" ")
            count = len(texts)
        else:
            found = _FURTHER[self._escapes].findall(line, at)
            inside, bare, quotes = zip(*found, strict=True)
            count = len(found) - (not ends)  # the pattern matches the end of the line, too
            endless = next(compress(range(count), quotes), count)
            if endless < count and width + endless <= self._most:
                start = next(islice(_FURTHER[self._escapes].finditer(line, at), endless, None)).start()
                raise _endless(line, start, width + endless + 1)
            if self._declaration.escapes == "decode" and "\\" in line:
                inside = tuple(map(unescaped, inside))
            texts = [one or other for one, other in zip(inside, bare, strict=True)]
        if count <= few:
            return None
        if width + count > self._most:
            raise self._too_large()
        event = self._event(head)
        texts = texts[: count - ends]
        event |= zip(self._declaration.further_names, self._types.texts(texts), strict=False)
        return event

    def _too_large(self) -> RecordTooLarge:
        return RecordTooLarge(f"line has more than {self._most:,} fields; expected {len(self._declaration.layout)}")

    def _event(self, fields: list[tuple[Kind, str]]) -> Event:
        """Return the event of fields. Raises RecordError."""
        declaration, columns = self._declaration, self._declaration.layout
        if fields[-1][0] == "nothing":
            fields = fields[:-1]
        if len(fields) < declaration.least:
            raise RecordError(
                f"line has {len(fields)} field{'s' * (len(fields) != 1)}; expected {declaration.least}"
                f"{' or more' if declaration.least < len(columns) else ''}, such as {self._shown_columns()!r}"
            )
        event: Event = dict.fromkeys(declaration.names)
        if declaration.escapes == "decode":
            fields = [(kind, unescaped(text) if kind == "quoted" else text) for kind, text in fields]
        absent = self._types.absent
        for column, name, is_text, (_, text) in zip(columns, self._names, self._are_texts, fields, strict=False):
            if is_text:
                event[name] = None if text in absent else text
                continue
            value = text
            if len(column.names) > 1:
                value, event[column.names[1]] = self._host_and_port(column, value)
            event[name] = self._types.value(name, value)
            if name in declaration.requests:
                add_request(event, declaration.requests[name], text, self._types)
        if len(fields) > len(columns):
            texts = self._types.texts([text for _, text in fields[len(columns) :]])
            event |= zip(declaration.further_names, texts, strict=False)
        return event

    def _shown_columns(self) -> str:
        """Return the first columns as they are declared."""
        columns = self._declaration.columns.split()
        return " ".join(columns if len(columns) <= _SHOWN_COLUMNS else [*columns[:_SHOWN_COLUMNS], "…"])

    def _host_and_port(self, column: Column, text: str) -> tuple[str, int | None]:
        host, colon, port = text.rpartition(":")
        return (host, self._types.value(column.names[1], port)) if colon else (port, None)


def _endless(line: str, at: int, number: int) -> RecordError:
    return RecordError(f"field {number} is {line[at : at + 40]!r}; expected a quote that ends it")


def _write_line(writer: Writer, declaration: Quoted, shape: Shape) -> None:
    """Write the statements that read lines of a shape: they split at quotes, then what is between them at blanks."""
    if declaration.escapes == "decode":
        with writer.block("if '\\\\' in value:"):
            writer.line("raise ValueError")
    elif declaration.escapes == "keep":
        # Without one, no backslash escapes a quote. One character is found in a tenth of the time of two.
        with writer.block("""if '\\\\' in value and '\\\\"' in value:"""):
            writer.line("raise ValueError")
    fields = [writer.local(kind) for kind in shape]
    quotes = [at for at, kind in enumerate(shape) if kind == "quoted"]
    # Between the quotes: before the first quoted field, between each and the next, behind the last.
    between = [writer.local("between") for _ in range(len(quotes) + 1)]
    pieces = [between[0]]
    for at, piece in zip(quotes, between[1:], strict=True):
        pieces += (fields[at], piece)
    writer.line(f"""{", ".join(pieces)}, = value.split('"', {len(pieces)})""")
    cut = _Between(writer, declaration.types.longest_run(_bare(declaration, shape, fields)))
    empty, blank = cut.empty, cut.blank
    for number, (piece, begin, end) in enumerate(zip(between, [-1, *quotes], [*quotes, len(shape)], strict=True)):
        inside = range(begin + 1, end)
        cut.write(piece, [(shape[at], fields[at]) for at in inside], number > 0, end < len(shape))
    empty += (fields[at] for at, kind in enumerate(shape) if kind == "nothing")
    tests = [*empty, *(f"{piece} != ' '" for piece in blank)]
    if len(shape) > len(declaration.layout) and shape[-1] == "bare":
        tests.append(f"not {fields[-1]}")  # it would be `nothing`
    if tests:
        with writer.block(f"if {' or '.join(tests)}:"):
            writer.line("raise ValueError")
    _write_values(writer, declaration, shape, fields, cut.run)


def _bare(declaration: Quoted, shape: Shape, fields: list[str]) -> Iterator[tuple[str, str]]:
    """Yield name and local of each field of a shape; no name for one that is not bare, or more than one field."""
    for column, kind, local in zip(declaration.layout, shape, fields, strict=False):
        yield column.names[0] if column.kind == kind == "bare" and len(column.names) == 1 else "", local


class _Between:
    """Writes statements that cut the text between two quoted fields, or before the first or behind the last."""

    def __init__(self, writer: Writer, run: list[str]) -> None:
        self.empty: list[str] = []
        """The locals that must be empty."""
        self.blank: list[str] = []
        """The locals that must be a blank."""
        self.run: Run | None = None
        """The fields that are left uncut."""
        self._writer, self._run = writer, run

    def write(self, piece: str, fields: list[tuple[Kind, str]], led: bool, followed: bool) -> None:
        """Write the statements for the text in the local `piece`. `led`, `followed`: whether a quoted or bracketed
        field is before it and behind it."""
        writer = self._writer
        bracketed = [at for at, (kind, _) in enumerate(fields) if kind == "bracketed"]
        for at in reversed(bracketed):  # "a [b] c" to "a ", "b" and " c"
            before, inside, behind = piece, fields[at][1], writer.local("between")
            writer.line(f"{before}, {inside} = {piece}.rsplit('[', 1)")
            writer.line(f"{inside}, {behind} = {inside}.split(']', 1)")
            self.write(behind, fields[at + 1 :], True, followed)
            fields, followed = fields[:at], True
        if not fields:
            (self.blank if led and followed else self.empty).append(piece)
            return
        locals_ = [local for _, local in fields]
        if led:
            self.empty.append(writer.local("empty"))
            locals_.insert(0, self.empty[-1])
        if followed:
            self.empty.append(writer.local("empty"))
            locals_.append(self.empty[-1])
        self.run = write_cut(writer, piece, " ", locals_, self._run) or self.run


def _write_values(writer: Writer, declaration: Quoted, shape: Shape, fields: list[str], run: Run | None) -> None:
    """Write statements that make the event of the texts in the locals `fields`."""
    types, names, layout = declaration.types, declaration.names, declaration.layout
    further = declaration.further_names
    locals_: dict[str, str] = {}
    for at, (kind, local) in enumerate(zip(shape, fields, strict=True)):
        if kind == "nothing":
            continue
        if at >= len(layout):
            extra = further[at - len(layout)]
            names = (*names, extra)
            locals_[extra] = local
            continue
        column = layout[at]
        if column.kind == "bracketed" and kind == "bare":
            with writer.block(f"if {local}[:1] == '[':"):
                writer.line("raise ValueError")
        if len(column.names) > 1:
            colon, port = writer.local("colon"), writer.local("port")
            writer.line(f"{local}, {colon}, {port} = {local}.rpartition(':')")
            with writer.block(f"if not {colon}:"):
                writer.line(f"{local}, {port} = {port}, ''")
            locals_[column.names[1]] = port
        locals_[column.names[0]] = local
    types.write(writer, locals_.items(), run)
    ordered = {name: locals_[name] for name in names if name in locals_}
    requests = partial(_write_requests, writer, declaration, ordered) if declaration.requests else None
    write_event(writer, names, ordered, types, declaration.read_by_meaning, requests)


def _write_requests(writer: Writer, declaration: Quoted, locals_: Mapping[str, str]) -> None:
    for name, parts in declaration.requests.items():
        if name in locals_:
            write_request(writer, locals_[name], parts, declaration.types)
