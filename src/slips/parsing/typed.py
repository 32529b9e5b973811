"""The types of the fields in text logs: integers, numbers, and texts that stand for no value, such as `-`.

Each type has a slow reading, and statements that convert several fields at once: one call of a JSON decoder, which is
stricter than `int` and `float` and takes a third of their time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from slips.errors import RecordError
from slips.parsing.compile import Writer

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
    if not _INTEGER.fullmatch(text):
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


_READ = {int: integer, float: decimal}
_EXPECTED = {int: "an integer", float: "a number"}


@dataclass(frozen=True)
class Types:
    """The types of named fields. A field in neither set is a text; a field without a value is None."""

    integers: frozenset[str] = frozenset()
    floats: frozenset[str] = frozenset()
    absent: tuple[str, ...] = ()
    """Texts that stand for no value. In a typed field the empty text does, too."""

    def of(self, name: str) -> type[int] | type[float] | None:
        """Return the type of a field; None for a text."""
        return int if name in self.integers else float if name in self.floats else None

    def value(self, name: str, text: str) -> Any:
        """Return the value of a field. Raises RecordError."""
        if text in self.absent:
            return None
        type_ = self.of(name)
        if type_ is None:
            return text
        if not text:
            return None
        try:
            return _READ[type_](text)
        except ValueError:
            shown = text if len(text) <= 60 else f"{text[:56]}…"
            raise RecordError(f"{name!r} is {shown!r}; expected {_EXPECTED[type_]}") from None

    def texts(self, texts: Iterable[str]) -> Iterable[str | None]:
        """Return the values of fields that are texts."""
        return (None if text in self.absent else text for text in texts) if self.absent else texts

    def is_absent(self, local: str) -> str:
        """Return an expression: whether the text in a local stands for no value. There is such a text."""
        return f"{local} == {self.absent[0]!r}" if len(self.absent) == 1 else f"{local} in {self.absent!r}"

    def write(self, writer: Writer, fields: Iterable[tuple[str, str]]) -> None:
        """Write statements that convert the texts in locals; `fields` are pairs of name and local.

        Only typed fields change. The statements raise ValueError for what `value` refuses.
        """
        typed = [(local, type_) for name, local in fields if (type_ := self.of(name))]
        if not typed:
            return
        # A mypy plugin would know that a tuple of types is a type; `Any` says so, too.
        decode = msgspec.json.Decoder(tuple.__class_getitem__(tuple(type_ for _, type_ in typed))).decode
        locals_, inside = ", ".join(local for local, _ in typed), ",".join(f"{{{local}}}" for local, _ in typed)
        with writer.block("try:"):
            # No text can pass for two values or none: a comma in one makes the array too long, `[1,,2]` is no JSON.
            writer.line(f"{locals_}, = {writer.name('decode', decode)}(f'[{inside}]')")
        with writer.block("except ValueError:"):
            nothing = tuple(dict.fromkeys((None, "", *self.absent)))
            for local, type_ in typed:
                read = writer.name("read", _READ[type_])
                writer.line(f"{local} = None if {local} in {nothing!r} else {read}({local})")


def widened(columns: Sequence[str], width: int) -> tuple[str, ...]:
    """Return the names of columns, all different, with `column_<n>` (1-based) for those up to `width` without a name.

    A column with no name, or that of one before it, has no name of its own.
    """
    taken, names = set(columns), dict[str, None]()
    for position, name in enumerate(columns, 1):
        names[name if name and name not in names else _free(f"column_{position}", taken)] = None
    further = map("column_{}".format, range(len(columns) + 1, width + 1))
    return *names, *((_free(name, taken) for name in further) if _may_clash(taken) else further)


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
    first: Callable[[], None] = lambda: None,
) -> None:
    """Write statements that make an event of all `names`, with the values of the locals; others are None.

    The locals of the fields in `read` have these values behind the statements. `first` writes statements about `event`
    before, where they still have the texts. Copying a dict and replacing its values takes half the time of a dict
    display with more than 15 keys.
    """
    writer.line(f"event = {writer.name('new', dict.fromkeys(names).copy)}()")
    first()
    for name, local in locals_.items():
        if name not in read:
            write_store(writer, name, local, types)
            continue
        if types.absent and not types.of(name):
            writer.line(f"if {types.is_absent(local)}: {local} = None")
        writer.line(f"event[{name!r}] = {local}")
        writer.fields[name] = local


def write_store(writer: Writer, name: str, local: str, types: Types) -> None:
    """Write a statement that puts the value in a local into `event`, which has None for the field."""
    store = f"event[{name!r}] = {local}"
    if types.of(name) or not types.absent:
        writer.line(store)
    else:
        writer.line(f"if not ({types.is_absent(local)}): {store}")
