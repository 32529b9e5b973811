"""The families of formats whose lines are fields with a separator between them: `Columns`, and `Csv` with quotes."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from slips.errors import RecordError, RecordTooLarge
from slips.format import Event, Format, FormatOptions, RecordLimits, Rule, a_key, too_many_values
from slips.parsing.declare.declaration import DeclarationOptions
from slips.parsing.declare.lines import LineDeclaration, LineParser, Reading, ReadLine
from slips.parsing.readers.fields import ends_in_quotes, has_too_many_fields
from slips.parsing.typed import MOST_FIELDS, Names, names_of, widened, write_cut, write_event
from slips.parsing.writer import Writer
from slips.printable import plural

csv.field_size_limit(2**31 - 1)  # for the whole process; readers limit the length of records instead

HEADER = Rule("header", "lines that name the columns of the lines below them")
DIRECTIVE = Rule("directive", "lines that say something of the log itself, such as the columns of the lines below them")

_NAME = re.compile(r"[^\W\d][^\s,;|\"]*")
"""A field of a header: no number begins so."""
_MOST_COLUMNS = 1_000
"""Wider rows have no fast function: a generated one would take seconds to compile."""
_LONGEST_TITLE = 100
_KINDS = {"integers": "integer", "floats": "float", "booleans": "boolean"}
_MOST_ROWS = 200
"""Most fast functions of a declaration, so that memory is bounded if each object has another header."""


class ColumnsOptions(DeclarationOptions, frozen=True):
    """The options of formats whose lines are fields with a separator between them."""

    columns: Annotated[
        list[Annotated[str, Meta(min_length=1)]],
        a_key("Names of the columns, in place of the usual ones; of lines before a header.", ["time", "user"]),
    ] = msgspec.field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Columns(LineDeclaration):
    """Lines of fields with a separator between them, and no quotes.

    Further fields behind the last column are kept as `column_<n>`, 1-based: vendors append columns. A line of more than
    10,000 fields is bad.
    """

    columns: Names = ()
    """Names of the columns, with blanks between; of lines before the first header, if the format has headers."""
    others: tuple[str, ...] = ()
    """Further lists of columns of lines before the first header: a line takes that of as many names, else
    the longest that it has fields for. It takes none whose numbers its fields do not write, if another one fits."""
    exact: bool = False
    """Whether these lists are of versions of a log, which the number of fields tells: a line takes that of as many
    names, or the longest if it has more fields, and is bad if it has another number."""
    header: Names = ()
    """Names by which a header is known: a line of names, at least half of them from these. It names the columns of the
    lines below, wherever in an object it is, and is filtered under the rule `header`."""
    headings: Names = ()
    """Texts, in small letters, of which one is the first field of a header whose names are for people, and no columns:
    a line that begins so is filtered under the rule `header`, and the columns stay what they are."""
    directive: str = ""
    """The beginning of a line that names the columns of the lines below it, with blanks between: `#Fields:` in W3C
    extended logs. All lines with its first character at their beginning are filtered under the rule `directive`."""
    dated: str = ""
    """The beginning of a line with a date, `#Date:`: rows below it have it as `date`, if they have no such field."""
    typed: str = ""
    """The beginning of a line with the types of the columns that a directive has named, `#types`: each counts that is
    in `kinds`, and none of the declaration."""
    kinds: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Words of such a line, and what they mean: `integer`, `float` or `boolean`."""
    titled: str = ""
    """The beginning of a line with the name of the table, `#path`: rows below it have that as the field `_path`."""
    title: str = ""
    """The name of the table whose rows these are, if the log has said it."""
    optional: Names = ()
    """Names of the last columns, which older lines lack: they are None there."""
    padded: bool = False
    """Whether white space around fields is no part of them."""
    spared: Names = ()
    """Fields that lines may lack, though tag, message or entities name them: columns were chosen without them."""
    separator: str = " "
    """The text between fields; empty for any run of white space, also at the ends of the line."""

    quote: ClassVar[str] = ""
    options: type[FormatOptions] | None = field(init=False, default=ColumnsOptions)
    _rows: dict[tuple[tuple[str, ...], int, bool], Callable[..., Reading]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    """Functions that read rows, by the columns, the number of fields, and whether they take a date, too."""
    _tables: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Columns] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    """Declarations of tables whose name or types the log says, by name, columns and types."""

    @property
    def remembers(self) -> bool:  # type: ignore[override]  # of the class it is an attribute
        return self.names_columns or bool(self.headings)

    @property
    def names_columns(self) -> bool:
        """Whether lines of a log may name the columns of the lines below them."""
        return bool(self.header or self.directive)

    def own_rules(self) -> tuple[Rule, ...]:
        return (*((HEADER,) if self.header or self.headings else ()), *((DIRECTIVE,) if self.directive else ()))

    def known(self) -> Set[str] | None:
        # With directives, the log names its columns.
        return None if self.directive else {*self.columns_of_tables(), *names_of(self.spared)}

    def columns_of_tables(self) -> Set[str]:
        return {
            *names_of(self.columns),
            *names_of(self.header),
            *(name for each in self.others for name in each.split()),
        }

    @property
    def by_width(self) -> dict[int, list[tuple[str, ...]]]:
        """The lists of columns of lines before the first header, by the number of fields."""
        lists: dict[int, list[tuple[str, ...]]] = {}
        for names in map(names_of, (self.columns, *self.others) if self.others else ()):
            lists.setdefault(len(names), []).append(names)
        return lists

    def fits(self, names: tuple[str, ...], fields: list[str]) -> bool:
        """Whether each field of a line is of its column's type."""
        try:
            for name, text in zip(names, fields, strict=False):
                self.types.value(name, text)
        except RecordError:
            return False
        return True

    def check(self) -> None:
        columns, optional, header = names_of(self.columns), names_of(self.optional), names_of(self.header)
        if not columns and not self.names_columns:
            raise ValueError("columns is empty; expected names with blanks between, such as 'time host status'")
        for part, names in (("columns", columns), ("header", header)):
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{part}: {twice[0]!r} is there twice; expected each name once")
        if not isinstance(self.others, tuple):
            raise ValueError(f"others is {self.others!r:.60}; expected a tuple of lists of columns")
        for other in self.others:
            if not isinstance(other, str) or len(set(names_of(other))) < len(names_of(other)):
                raise ValueError(f"others: {other!r:.60} is no list of columns; expected texts with each name once")
        if any(self._are_alike(lists) for lists in self.by_width.values()):
            raise ValueError("others: two lists have as many names; expected another number in each")
        if self.others and optional:
            raise ValueError("optional is given, and others; expected one of these")
        if self.exact and not self.others:
            raise ValueError("exact is True, and others empty; expected further lists of columns")
        if self.dated and (not self.directive or self.dated[:1] != self.directive[:1]):
            raise ValueError(f"dated is {self.dated!r}; expected a line that begins as that of the directive, '#Date:'")
        if not isinstance(self.kinds, Mapping) or not all(kind in _KINDS.values() for kind in self.kinds.values()):
            raise ValueError(
                f"kinds is {self.kinds!r:.60}; expected words, each with 'integer', 'float' or 'boolean', such as "
                "{'count': 'integer'}"
            )
        for part in ("typed", "titled"):
            line = getattr(self, part)
            if line and (not self.directive or line[:1] != self.directive[:1]):
                raise ValueError(f"{part} is {line!r}; expected a line that begins as that of the directive, '#types'")
        if optional and columns[-len(optional) :] != optional:
            raise ValueError(f"optional is {' '.join(optional)!r}; expected the last columns, in their order")
        for name in header:
            if not _NAME.fullmatch(name) or name in self.absent_texts:
                raise ValueError(f"header: {name!r} cannot be told from a value; expected a name such as 'srcaddr'")
        for text in names_of(self.headings):
            if text != text.lower() or text in self.absent_texts:
                raise ValueError(f"headings: {text!r} cannot be the first field of a header; expected small letters")
        if not isinstance(self.directive, str) or self.directive[:1].isalnum():
            raise ValueError(f"directive is {self.directive!r}; expected the beginning of a line, such as '#Fields:'")
        if not isinstance(self.separator, str) or (len(self.separator) > 1 and self.quote):
            raise ValueError(f"separator is {self.separator!r}; expected one character")
        super().check()

    def _are_alike(self, lists: list[tuple[str, ...]]) -> bool:
        """Whether no number tells of which list of columns a line is, as two have their numbers in the same places."""
        numbers = {tuple(self.types.number_of(name) is None for name in names) for names in lists}
        return len(numbers) < len(lists)

    def with_options(self, options: FormatOptions) -> Format:
        declared = super().with_options(options)
        if isinstance(declared, Columns) and isinstance(options, ColumnsOptions) and options.columns:
            return replace(
                declared,
                columns=tuple(options.columns),
                optional=(),
                others=(),
                exact=False,
                integers=self._of_columns(self.integers, options.columns),
                floats=self._of_columns(self.floats, options.columns),
                booleans=self._of_columns(self.booleans, options.columns),
                spared=(
                    *declared.meaning.spared,
                    *(path for paths in self.entities.values() for path in names_of(paths)),
                ),
            )
        return declared

    def _of_columns(self, typed: Names, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the typed fields that lines of chosen columns, or below a header, can have."""
        known = {*columns, *names_of(self.header)}
        return tuple(name for name in names_of(typed) if self.directive or name in known)

    @property
    def title_field(self) -> str:
        return f"_{self.titled[1:]}"

    def table(self, title: str, columns: tuple[str, ...], kinds: tuple[str, ...]) -> Columns:
        """Return the declaration of a table whose name and types the log says; either may be empty."""
        key = (title, columns, kinds)
        if key not in self._tables:
            if len(self._tables) >= _MOST_ROWS or len(columns) > _MOST_COLUMNS:
                return self
            said: dict[str, Any] = {}
            if title:
                said["title"] = title
            if kinds and len(kinds) == len(columns):
                for part, kind in _KINDS.items():
                    named = zip(columns, kinds, strict=True)
                    said[part] = tuple(dict.fromkeys(name for name, word in named if self.kinds.get(word) == kind))
            self._tables[key] = replace(self, **said) if said else self
        return self._tables[key]

    def line_parser(self, limits: RecordLimits) -> LineParser:
        return _Rows(self, limits, names_of(self.columns))

    def value_of(self, path: str, writer: Writer) -> str:
        if path in writer.fields:
            return writer.fields[path]
        is_sure = path in names_of(self.columns) and not self.names_columns and not self.others
        return f"event[{path!r}]" if is_sure else f"event.get({path!r})"

    def cut(self, line: str, limits: RecordLimits) -> list[str]:
        """Return the fields of a line. Raises RecordError."""
        most = min(limits.values, MOST_FIELDS)
        if len(line) >= most and len(line.split(self.separator or None, most)) > most:
            raise _too_wide(most, limits)
        return self.unpadded(line.split(self.separator or None))

    def unpadded(self, fields: list[str]) -> list[str]:
        """Return fields as they are meant: without white space around them, if the format pads them."""
        return [field.strip() for field in fields] if self.padded else fields

    def names_in(self, text: str) -> list[str]:
        """Return the names of a directive: of CSV, they may have the separator between them."""
        if self.quote and self.separator != " " and self.separator in text:
            return [name.strip() for name in text.split(self.separator)]
        return text.split()

    def is_header(self, fields: list[str]) -> bool:
        """Whether the fields of a line are names, at least half of them known."""
        header = frozenset(names_of(self.header))
        known = sum(map(header.__contains__, fields))
        return known > 0 and known * 2 >= len(fields) and all(map(_NAME.fullmatch, fields))

    def is_heading(self, fields: list[str]) -> bool:
        """Whether the fields of a line are names for people."""
        return bool(fields) and fields[0].strip().lower() in names_of(self.headings)

    def write_cut(self, writer: Writer, most: int) -> str:
        """Return an expression for the fields of `value`: for more than `most`, it may return that many and one."""
        return f"value.split({self.separator or None!r}, {most})"

    def write_unpadded(self, fields: str) -> str:
        """Return an expression for `unpadded` of the fields of an expression."""
        return f"[field.strip() for field in {fields}]" if self.padded else fields

    def row(self, columns: tuple[str, ...], width: int, date: str = "") -> ReadLine:
        """Return a function that reads rows of `width` fields, and no other lines. They have this `date` besides."""
        known = (columns, width, bool(date))
        if known not in self._rows:
            if len(self._rows) >= _MOST_ROWS or not 0 < width <= _MOST_COLUMNS:
                return _refuse
            self._rows[known] = self._write_row(columns, width, ("date",) if date else ())
        return partial(self._rows[known], date=date) if date else self._rows[known]

    def _write_row(self, columns: tuple[str, ...], width: int, given: tuple[str, ...]) -> ReadLine:
        """Write the function. `given`: the fields that it takes as arguments, behind line and time."""
        types, names = self.types, widened(columns, width)

        def write(writer: Writer) -> None:
            locals_ = {name: writer.local("field") for name in names[:width]}
            if self.directive:
                with writer.block(f"if value[:1] == {self.directive[0]!r}:"):
                    writer.line("raise ValueError")
            run = None
            if len(self.separator) == 1 and not self.quote and not self.padded:
                run = write_cut(writer, "value", self.separator, locals_.values(), types.longest_run(locals_.items()))
            else:
                fields = self.write_unpadded(f"({self.write_cut(writer, width)})")
                writer.line(f"{', '.join(locals_.values())}, = {fields}")
            if self.header and not any(map(types.number_of, locals_)):  # a field of numbers would refuse a header
                header = writer.name("header", frozenset(names_of(self.header)))
                with writer.block(f"if not {header}.isdisjoint(({', '.join(locals_.values())},)):"):
                    writer.line("raise ValueError")
            if self.headings and not any(map(types.number_of, locals_)):
                headings = writer.name("headings", frozenset(names_of(self.headings)))
                with writer.block(f"if {locals_[names[0]]}.strip().lower() in {headings}:"):
                    writer.line("raise ValueError")
            types.write(writer, locals_.items(), run)
            all_of_them = {**locals_, **dict(zip(given, given, strict=True))}
            write_event(writer, (*names, *given), all_of_them, types, self.read_by_meaning)
            if self.title:
                writer.line(f"event[{self.title_field!r}] = {self.title!r}")

        return self.line_function(write, f"{width} fields", *given)


@dataclass(frozen=True, kw_only=True)
class Csv(Columns):
    """Lines of fields with a separator between them, in quotes where these contain it: CSV without line ends in fields.

    A field that begins with a quote ends with the next single quote; a doubled one stands for itself. For tables whose
    header or fields span lines there is the reader `csv`.
    """

    separator: str = ","

    quote: ClassVar[str] = '"'

    def check(self) -> None:
        if self.separator in ("", '"', "\r", "\n"):
            raise ValueError(f"separator is {self.separator!r}; expected one character that is no quote")
        super().check()

    def cut(self, line: str, limits: RecordLimits) -> list[str]:
        most = min(limits.values, MOST_FIELDS)
        if has_too_many_fields(line, self.separator, most):
            raise _too_wide(most, limits)
        return self.unpadded(self.cut_quoted(line) if '"' in line else line.split(self.separator))

    def cut_quoted(self, line: str) -> list[str]:
        """Return the fields of a line that has quotes. Raises RecordError."""
        if ends_in_quotes(self._unspaced(line), self.separator):
            raise RecordError(f"line ends within quotes, with {line[-40:]!r}; expected a quote that ends them")
        try:
            return next(csv.reader([line], delimiter=self.separator, skipinitialspace=self.padded), [])
        except csv.Error as error:
            reason = str(error).partition(" - ")[0]  # then follows advice for programmers, which differs by Python
            raise RecordError(f"not CSV: {reason}") from None

    def _unspaced(self, line: str) -> str:
        """Return a line without the blanks before fields, if these are padded: behind them a quote may begin."""
        return re.sub(rf"(?:^|(?<={re.escape(self.separator)})) +", "", line) if self.padded else line

    def write_cut(self, writer: Writer, most: int) -> str:
        cut = writer.name("cut", self.cut_quoted)
        return f"""value.split({self.separator!r}, {most}) if '"' not in value else {cut}(value)"""


class _Rows(LineParser):
    """The lines of an object, with the columns of its last header."""

    def __init__(self, declaration: Columns, limits: RecordLimits, columns: tuple[str, ...]) -> None:
        self._declaration, self._limits, self._columns = declaration, limits, columns
        self._base, self._title = declaration, ""
        self._least = len(columns) - len(names_of(declaration.optional))
        self._by_width = declaration.by_width
        """The columns of lines of a number of fields, before the first header."""
        self.fast = declaration.row(columns, len(columns))
        self._separator = declaration.separator or " "
        self._date = ""
        """The date of the last line that gives one to the rows below it."""
        self._by_separators = {len(columns) - 1: self.fast}
        """The function that read rows of the columns last, by the number of separators in the row."""

    def read(self, line: str) -> Event | Rule:
        return self._directive(line) or self._read(self._declaration.cut(line, self._limits))

    def _directive(self, line: str) -> Rule | None:
        """Return the rule for a line that is no row but says something of the rows; None for any other."""
        directive = self._declaration.directive
        if not directive or line[:1] != directive[0]:
            return None
        if (dated := self._declaration.dated) and line.startswith(dated):
            self._date = line[len(dated) :].strip()[:10]
        if (titled := self._base.titled) and line.startswith(titled):
            self._title = line[len(titled) :].strip()[:_LONGEST_TITLE]
        if (typed := self._base.typed) and line.startswith(typed):
            self._declaration = self._base.table(self._title, self._columns, tuple(line[len(typed) :].split()))
        if line.startswith(directive):
            names = self._declaration.names_in(line[len(directive) :])
            if len(names) > self._limits.values:
                raise too_many_values(self._limits.values)
            self._columns = widened(names, len(names))
            self._least, self._by_width = len(names), {}
            if self._base.titled or self._base.typed:
                self._declaration = self._base.table(self._title, self._columns, ())
        return DIRECTIVE

    def _read(self, fields: list[str]) -> Event | Rule:
        declaration = self._declaration
        if declaration.headings and declaration.is_heading(fields):
            return HEADER
        if declaration.header and declaration.is_header(fields):
            self._columns = widened(fields, len(fields))
            self._least, self._by_width = len(fields), {}
            return HEADER
        columns, types = self._columns_of(fields), declaration.types
        if len(fields) < min(self._least, len(columns)) or not columns:
            raise RecordError(self._too_few(fields))
        if declaration.exact and self._by_width and len(columns) < len(fields) < max(self._by_width):
            raise RecordError(self._too_few(fields))
        event: Event = dict.fromkeys(columns)
        event |= zip(columns, types.texts(fields[: len(columns)]), strict=False)
        typed = types.typed
        event |= {name: types.value(name, text) for name, text in zip(columns, fields, strict=False) if name in typed}
        if len(fields) > len(columns):
            names = widened(columns, len(fields))[len(columns) :]
            event |= zip(names, types.texts(fields[len(columns) :]), strict=True)
        if declaration.title:
            event[declaration.title_field] = declaration.title
        if self._date and "date" not in event:
            event["date"] = self._date
        return event

    def _columns_of(self, fields: list[str]) -> tuple[str, ...]:
        """Return the columns of a row: of the widest lists that it has fields for, the first that these fit."""
        lists = self._lists_of(len(fields))
        if len(lists) == 1:
            return lists[0]
        return next((names for names in lists if self._declaration.fits(names, fields)), lists[0])

    def _lists_of(self, width: int) -> list[tuple[str, ...]]:
        """Return the lists of columns that a row of a number of fields may have, the widest first."""
        widths = sorted((each for each in self._by_width if each <= width), reverse=True)
        if self._declaration.exact:
            del widths[1:]
        return [names for each in widths for names in self._by_width[each]] or [self._columns]

    def retry(self, line: str, at: float) -> Reading:
        other = self._by_separators.get(line.count(self._separator))
        if other is not None and other is not self.fast and (reading := other(line, at)) is not None:
            self.fast = other
            return reading
        return None

    def odd(self, line: str) -> Event | Rule:
        directive = self._directive(line)
        fields = [] if directive else self._declaration.cut(line, self._limits)
        event: Event | Rule = directive or self._read(fields)
        width = len(self._columns) if isinstance(event, Rule) else len(fields)
        columns = self._columns if isinstance(event, Rule) else self._columns_of(fields)
        self.fast = self._function_for(columns, width)
        if isinstance(event, Rule):
            self._by_separators = {}
        if self.fast is not _refuse and len(self._by_separators) < _MOST_ROWS:
            self._by_separators[width - 1 if isinstance(event, Rule) else line.count(self._separator)] = self.fast
        return event

    def _function_for(self, columns: tuple[str, ...], width: int) -> ReadLine:
        """Return a function that reads rows of `width` fields with these columns."""
        lists = self._lists_of(width)
        # The function of another list than the first would take lines that are of the first.
        return _first_of([self._row(each, width) for each in lists[: lists.index(columns) + 1]])

    def _row(self, columns: tuple[str, ...], width: int) -> ReadLine:
        date = "" if "date" in columns else self._date
        if date and date in self._declaration.absent_texts:
            return _refuse  # a date that stands for no value stays as it is, which the function would not do
        return self._declaration.row(columns, width, date)

    def _too_few(self, fields: list[str]) -> str:
        header = "a line before it that names the columns" if self._declaration.names_columns else ""
        least = min(self._least, *self._by_width) if self._by_width else self._least
        expected = f"{least}{' or more' if least < len(self._columns) else ''}" if self._columns else ""
        if self._by_width and self._declaration.exact:
            expected = f"{', '.join(map(str, sorted(self._by_width)))} or more"
        return f"line has {plural(len(fields), 'field')}; expected {', or '.join(filter(None, (expected, header)))}"


def _too_wide(most: int, limits: RecordLimits) -> RecordError:
    if most == limits.values:
        return too_many_values(most)
    return RecordTooLarge(f"line has more than {most:,} fields; expected fewer")


def _first_of(functions: Sequence[ReadLine]) -> ReadLine:
    """Return a function that reads a line by the first of some functions that does not refuse it."""
    if len(functions) == 1 or _refuse in functions:
        return functions[0] if len(functions) == 1 else _refuse

    def read(line: str, at: float) -> Reading:
        for function in functions:
            if (reading := function(line, at)) is not None:
                return reading
        return None

    return read


def _refuse(_line: str, _at: float) -> None:
    """Read no line: all are odd."""
