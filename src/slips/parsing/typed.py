"""The types of the fields in text logs: integers, numbers, booleans, and texts that stand for no value, such as `-`.

Each type has a slow reading. Statements convert several numbers at once, by one call of a JSON decoder, which is
stricter than `int` and `float` and takes a third of their time; a boolean is looked up by its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from keyword import iskeyword
from typing import Any

import msgspec

from slips.errors import RecordError
from slips.parsing.writer import Writer

Names = str | Sequence[str]
"""Names of fields, as a text with blanks between, or as a sequence for names that have blanks."""

_INTEGER = re.compile(r"[ \t\r\n]*+[+-]?[0-9]++[ \t\r\n]*+")
_DECIMAL = re.compile(r"[ \t\r\n]*+[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?[ \t\r\n]*+")


def names_of(names: Names) -> tuple[str, ...]:
    """Return names as a tuple. Raises ValueError for a text with commas between names."""
    if not isinstance(names, str):
        return tuple(names)
    if "," in names:
        raise ValueError(
            f"{names!r:.60} has commas; expected blanks between names, or a tuple of names that have commas"
        )
    return tuple(names.split())


def integer(text: str) -> int:
    """Convert decimal digits, with a sign and blanks around if need be. Raises ValueError for `1_0`, `٣` or `1.0`."""
    if not (text.isascii() and text.isdecimal()) and not _INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def decimal(text: str) -> float:
    """Convert a decimal number to a float. Raises ValueError for other texts, `nan` and `inf`, and beyond a double."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    try:
        value = float(int(text) if _INTEGER.fullmatch(text) else text)  # `int`: "-0" is 0.0 to JSON decoders, too
    except OverflowError:
        raise ValueError from None
    if value in (float("inf"), float("-inf")):
        raise ValueError
    return value


_LONGEST_WORD = 10
"""Letters of a word that stands for a boolean: a longer one has thousands of spellings."""


@cache
def booleans_by_text(words: tuple[str, ...] = ()) -> Mapping[str, bool]:
    """Return the booleans by the texts that stand for them, in small and capital letters: `true` and `false`, and both
    words of pairs such as `yes/no`. Raises ValueError."""
    booleans: dict[str, bool] = {}
    for pair in ("true/false", *words):
        both = pair.split("/")
        if len(both) != 2 or not all(0 < len(word) <= _LONGEST_WORD for word in both):
            raise ValueError(
                f"boolean_words: {pair!r:.60} is no pair; expected a word for true and one for false, of at most "
                f"{_LONGEST_WORD} letters, such as 'yes/no'"
            )
        for word, value in zip(both, (True, False), strict=True):
            for letters in product(*({letter.lower(), letter.upper()} for letter in word)):
                if booleans.setdefault("".join(letters), value) is not value:
                    raise ValueError(f"boolean_words: {word!r} stands for true and false; expected it for one of them")
    return booleans


_READ = {int: integer, float: decimal}
_EXPECTED = {int: "an integer", float: "a number"}


@dataclass(frozen=True)
class Types:
    """The types of named fields. A field in none of the sets is a text; a field without a value is None."""

    integers: frozenset[str] = frozenset()
    floats: frozenset[str] = frozenset()
    booleans: frozenset[str] = frozenset()
    absent: tuple[str, ...] = ()
    """Texts that stand for no value. In a typed field the empty text does, too."""
    boolean_words: tuple[str, ...] = ()
    """Pairs of words that stand for true and false, beside these themselves: see `booleans_by_text`."""

    @cached_property
    def typed(self) -> frozenset[str]:
        """The names of the fields that are no texts."""
        return self.integers | self.floats | self.booleans

    def number_of(self, name: str) -> type[int] | type[float] | None:
        """Return the type of a field of numbers, which refuses other texts; None for any other field."""
        return int if name in self.integers else float if name in self.floats else None

    @cached_property
    def by_text(self) -> Mapping[str, bool | None]:
        """The values of the texts that have one in a field of booleans; any other text stays there."""
        return {**booleans_by_text(self.boolean_words), **dict.fromkeys(("", *self.absent))}

    def value(self, name: str, text: str) -> Any:
        """Return the value of a field. Raises RecordError."""
        if text in self.absent:
            return None
        if name not in self.typed:
            return text
        if name in self.booleans:
            return self.by_text.get(text, text)
        type_ = int if name in self.integers else float
        if not text:
            return None
        try:
            return _READ[type_](text)
        except ValueError:
            shown = text if len(text) <= 60 else f"{text[:56]}…"
            raise RecordError(f"{name!r} is {shown!r}; expected {_EXPECTED[type_]}") from None

    def texts(self, texts: Sequence[str]) -> Sequence[str | None]:
        """Return the values of fields that are texts."""
        absent = self.absent
        # Of thousands of fields, to look for one that is absent takes half the time of new values for all.
        return texts if frozenset(absent).isdisjoint(texts) else [None if text in absent else text for text in texts]

    def is_absent(self, local: str) -> str:
        """Return an expression: whether the text in a local stands for no value. There is such a text."""
        return f"{local} == {self.absent[0]!r}" if len(self.absent) == 1 else f"{local} in {self.absent!r}"

    def longest_run(self, fields: Iterable[tuple[str, str]]) -> list[str]:
        """Return the locals of the longest run of fields of numbers; `fields` are pairs of name and local."""
        runs: list[list[str]] = [[]]
        for name, local in fields:
            if self.number_of(name):
                runs[-1].append(local)
            else:
                runs.append([])
        longest = max(runs, key=len)
        return longest if len(longest) >= _SHORTEST_RUN else []

    def write(self, writer: Writer, fields: Iterable[tuple[str, str]], run: Run | None = None) -> None:
        """Write statements that convert the texts in locals; `fields` are pairs of name and local.

        Only typed fields change. The statements raise ValueError for what `value` refuses. Behind them the locals of
        `run` are bound, too.
        """
        fields = [*fields]
        self._write_numbers(writer, fields, run)
        if booleans := [local for name, local in fields if name in self.booleans]:
            by_text = writer.name("booleans", self.by_text)
            for local in booleans:
                writer.line(f"{local} = {by_text}.get({local}, {local})")

    def _write_numbers(self, writer: Writer, fields: Iterable[tuple[str, str]], run: Run | None) -> None:
        typed = [(local, type_) for name, local in fields if (type_ := self.number_of(name))]
        if not typed:
            return
        if any(_DECIMAL.fullmatch(text) for text in self.absent):  # a decoder takes it for a value
            self._write_each(writer, typed, run)
            return
        types: list[Any] = [type_ for _, type_ in typed]
        locals_ = [local for local, _ in typed]
        texts = [f"{{{local}}}" for local in locals_]
        if run is not None:
            # An array of its own in the array: no number beside it can pass for one of the run.
            within = slice(begin := locals_.index(run.locals_[0]), begin + len(run.locals_))
            joined = writer.local("joined")
            if run.separator != ",":
                with writer.block(f"if ',' in {run.text}:"):
                    writer.line("raise ValueError")
            writer.line(f"{joined} = {run.text}.replace({run.separator!r}, ',')")
            types[within], texts[within] = [_tuple_of(types[within])], [f"[{{{joined}}}]"]
            locals_[within] = [f"({', '.join(run.locals_)})"]
        decode = msgspec.json.Decoder(_tuple_of(types)).decode
        with writer.block("try:"):
            # No text can pass for two values or none: a comma in one makes the array too long, `[1,,2]` is no JSON.
            writer.line(f"{', '.join(locals_)}, = {writer.name('decode', decode)}(f'[{','.join(texts)}]')")
        with writer.block("except ValueError:"):
            self._write_each(writer, typed, run)

    def _write_each(
        self, writer: Writer, typed: Sequence[tuple[str, type[int] | type[float]]], run: Run | None
    ) -> None:
        """Write statements that convert one number after another; `typed` are pairs of local and type."""
        if run is not None:
            writer.line(f"{', '.join(run.locals_)}, = {run.text}.split({run.separator!r})")
        nothing = tuple(dict.fromkeys((None, "", *self.absent)))
        for local, type_ in typed:
            read = writer.name("read", _READ[type_])
            writer.line(f"{local} = None if {local} in {nothing!r} else {read}({local})")


def _tuple_of(types: Sequence[Any]) -> Any:
    # A mypy plugin would know that a tuple of types is a type; `Any` says so, too.
    return tuple.__class_getitem__(tuple(types))


@dataclass(frozen=True)
class Run:
    """Fields of numbers one behind another. They are converted from their one text: to cut it takes as long as to
    convert it, and no text of a number is wanted."""

    text: str
    """The local with the text."""
    separator: str
    locals_: tuple[str, ...]
    """The locals of the fields."""


_SHORTEST_RUN = 4
"""To leave less uncut costs more than it saves."""


def write_cut(writer: Writer, text: str, separator: str, locals_: Iterable[str], run: Sequence[str] = ()) -> Run | None:
    """Write statements that cut a text at its separators into the fields of locals, but for those of a run in it.

    The statements raise ValueError for another number of fields. If there is a run, its own number is left to
    `Types.write`.
    """
    fields = [*locals_]
    if not run or run[0] not in fields:
        writer.line(f"{', '.join(fields)}, = {text}.split({separator!r}, {len(fields)})")
        return None
    begin, rest = fields.index(run[0]), writer.local("run")
    behind = fields[begin + len(run) :]
    writer.line(f"{', '.join([*fields[:begin], rest])}, = {text}.split({separator!r}, {begin})")
    if behind:
        writer.line(f"{', '.join([rest, *behind])}, = {rest}.rsplit({separator!r}, {len(behind)})")
    return Run(rest, separator, tuple(run))


def widened(columns: Sequence[str], width: int) -> tuple[str, ...]:
    """Return the names of columns, all different, with `column_<n>` (1-based) for those up to `width` without a name.

    A column with no name, or that of one before it, has no name of its own.
    """
    taken, names = set(columns), dict[str, None]()
    for position, name in enumerate(columns, 1):
        names[name if name and name not in names else _free(f"column_{position}", taken)] = None
    further = _numbered(len(columns), width)
    return *names, *((_free(name, taken) for name in further) if _may_clash(taken) else further)


_NUMBERED: list[str] = []
"""`column_1`, `column_2` and so on: to make them for each line would take as long as all else."""
MOST_FIELDS = 10_000
"""Most fields of a line in families that number them."""


def _numbered(begin: int, end: int) -> list[str]:
    """Return the names `column_<n>` of the positions behind `begin` and up to `end`."""
    kept = min(end, MOST_FIELDS)
    if len(_NUMBERED) < kept:
        _NUMBERED.extend(map("column_{}".format, range(len(_NUMBERED) + 1, kept + 1)))
    return [*_NUMBERED[begin:kept], *map("column_{}".format, range(max(begin, kept) + 1, end + 1))]


def _may_clash(taken: set[str]) -> bool:
    return any(name.startswith("column_") for name in taken)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def write_event(
    writer: Writer,
    names: Sequence[str],
    locals_: Mapping[str, str],
    types: Types,
    read: Container[str] = (),
    first: Callable[[], None] | None = None,
) -> None:
    """Write statements that make an event of all `names`, with the values of the locals; others are None.

    The locals of the fields in `read` have these values behind the statements. `first` writes statements about `event`
    before, where they still have the texts.
    """
    wanted = [name for name in locals_ if name in read]
    if first is None and len(names) <= _MOST_SHARED and not any(map(_OBJECT.__contains__, names)):
        for name in wanted:
            _write_value(writer, name, locals_[name], types)
        _write_row(writer, names, {name: _value(name, local, types, wanted) for name, local in locals_.items()})
    else:
        # Copying a dict and replacing its values takes half the time of a dict display with so many keys.
        writer.line(f"event = {writer.name('new', dict.fromkeys(names).copy)}()")
        if first is not None:
            first()
        for name, local in locals_.items():
            if name in read:
                _write_value(writer, name, local, types)
                writer.line(f"event[{name!r}] = {local}")
            else:
                write_store(writer, name, local, types)
    writer.fields.update((name, locals_[name]) for name in wanted)


def _write_row(writer: Writer, names: Sequence[str], values: Mapping[str, str]) -> None:
    """Write statements that make an event of all `names`, with the values of expressions; others are None.

    The event is the `__dict__` of an object: it shares its table of keys with those of the other objects of its class,
    which takes half the time of a dict of its own, and half the memory.
    """
    row = writer.local("row")
    writer.line(f"{row} = {writer.name('Row', type('Row', (), {}))}()")
    for name in names:
        attribute, note = name, ""
        if not (name.isascii() and name.isidentifier()) or iskeyword(name):
            attribute, note = writer.local("field"), f"  # {name!r}"
            writer.attributes[attribute] = name
        writer.line(f"{row}.{attribute} = {values.get(name)}{note}")
    writer.line(f"event = {row}.__dict__")


_MOST_SHARED = 30
"""Most keys that the interpreter lets dicts share."""
_OBJECT = frozenset(dir(type("Row", (), {})))
"""Names that an object has an own meaning for, such as `__class__`."""


def _value(name: str, local: str, types: Types, has_value: Container[str]) -> str:
    """Return an expression for the value of a field, of which the local has the text, unless it has the value."""
    if not types.absent or name in has_value or name in types.typed:
        return local
    return f"None if {types.is_absent(local)} else {local}"


def _write_value(writer: Writer, name: str, local: str, types: Types) -> None:
    """Write a statement that puts None in place of an absent text in a local; typed fields have their values."""
    if types.absent and name not in types.typed:
        writer.line(f"if {types.is_absent(local)}: {local} = None")


def write_store(writer: Writer, name: str, local: str, types: Types) -> None:
    """Write a statement that puts the value in a local into `event`, which has None for the field."""
    store = f"event[{name!r}] = {local}"
    if name in types.typed or not types.absent:
        writer.line(store)
    else:
        writer.line(f"if not ({types.is_absent(local)}): {store}")
