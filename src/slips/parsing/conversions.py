"""Converts texts in JSON events at declared paths to the values that they write: `"200"`, `"true"`, `"{\\"a\\": 1}"`.

A text that writes no such value stays as it is, and so does a value that is no text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

from slips.errors import RecordError, RecordTooLarge
from slips.format import Event
from slips.parsing.json_text import load_json
from slips.parsing.meaning import check_path
from slips.parsing.typed import Names, booleans_by_text, decimal, integer, names_of
from slips.parsing.writer import Writer
from slips.paths import keys_of_path

Convert = Callable[[str], Any]


def integer_or_text(text: str) -> int | str:
    """Return the integer that a text writes, as `typed.integer` reads it; else the text."""
    try:
        return integer(text)
    except ValueError:
        return text


def decimal_or_text(text: str) -> float | str:
    """Return the number that a text writes, as `typed.decimal` reads it; else the text."""
    try:
        return decimal(text)
    except ValueError:
        return text


def boolean_or_text(words: tuple[str, ...] = ()) -> Convert:
    """Return a function that returns the boolean for which a text stands, as `booleans_by_text` has it; else the text.

    Raises ValueError.
    """
    booleans = booleans_by_text(words)
    return lambda text: booleans.get(text, text)


def convert_fields(event: Event, names: Set[str], convert: Convert = integer_or_text) -> None:
    """Convert the texts in fields of an event: for lines of text whose numbers some versions or parts write as words.

    A number that a declaration of lines names must be one, else the record is quarantined.
    """
    for name in names & event.keys():
        if (value := event[name]).__class__ is str:
            event[name] = convert(value)


def document_or_text(text: str) -> Any:
    """Return the object or array of a JSON document; else the text. Raises RecordTooLarge beyond the usual limits."""
    if text[:1] not in ("{", "[") and text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return load_json(text.encode("utf-8", "surrogateescape"))
    except RecordTooLarge:
        raise
    except (RecordError, UnicodeEncodeError):  # the latter for surrogates that the JSON around the text wrote
        return text


KINDS: Mapping[str, Convert] = {
    "documents": document_or_text,  # first: other paths lead into the documents
    "integers": integer_or_text,
    "floats": decimal_or_text,
    "booleans": boolean_or_text(),
}
"""The functions that convert texts, by the part of a declaration that names their paths."""


def conversions_of(parts: Mapping[str, Names], boolean_words: Names = ()) -> dict[str, Convert]:
    """Return the function for each path that the parts of a declaration name. Raises ValueError."""
    kinds = {**KINDS, "booleans": boolean_or_text(names_of(boolean_words))} if boolean_words else KINDS
    conversions: dict[str, Convert] = {}
    owners: dict[str, str] = {}
    for part, names in ((part, parts[part]) for part in kinds if part in parts):
        try:
            paths = [check_path(path) for path in names_of(names)]
        except ValueError as error:
            raise ValueError(f"{part}: {error}") from None
        for path in paths:
            if owners.setdefault(path, part) != part:
                raise ValueError(f"{part}: {path!r} is among the {owners[path]}, too; expected it in one of them")
            conversions[path] = kinds[part]
    return conversions


def converted(value: Any, keys: tuple[str, ...], convert: Convert) -> Any:
    """Return a value with the texts converted to which `keys` lead. Objects and arrays are changed in place.

    Keys lead through each element of an array; a text at their end is converted, and each text of an array there.
    """
    if value.__class__ is list:
        value[:] = [converted(each, keys, convert) for each in value]
    elif not keys:
        return convert(value) if value.__class__ is str else value
    elif value.__class__ is dict and keys[0] in value:
        value[keys[0]] = converted(value[keys[0]], keys[1:], convert)
    return value


def convert_at(event: Event, path: str, convert: Convert) -> None:
    """Convert the texts at a path of an event, and those of a key that has the dots of the path in it."""
    for keys in ways_of(path):
        converted(event, keys, convert)


def ways_of(path: str) -> Iterator[tuple[str, ...]]:
    """Yield the ways in which a dotted path leads to values: see `slips.parsing.meaning.value_at`."""
    keys = tuple(keys_of_path(path))
    yield keys
    if keys != (path,):
        yield (path,)


class _Ends:
    """The keys by which declared paths go on from an object, and the function for a text that is there itself."""

    def __init__(self) -> None:
        self.children: dict[str, _Ends] = {}
        self.convert: Convert | None = None

    def walks(self) -> tuple[Convert, Convert]:
        """Return two functions of a value here, each of which converts all texts in one pass and returns the value.

        The first one converts a text that is the value, and texts in an array that is; the second only those below.
        """
        children = [(key, child.walks()[0]) for key, child in self.children.items()]

        def below(value: Any) -> Any:
            if value.__class__ is dict:
                for key, walk in children:
                    if key in value:
                        value[key] = walk(value[key])
            elif value.__class__ is list:
                for each in value:
                    below(each)
            return value

        convert = self.convert
        if convert is None:
            return below, below

        def here(value: Any) -> Any:
            if value.__class__ is str:
                return below(convert(value))
            if value.__class__ is list:
                value[:] = map(here, value)
                return value
            return below(value)

        return here, below


def write_conversions(writer: Writer, conversions: Mapping[str, Convert], event: str) -> None:
    """Write statements that do what `convert_at` does for each path, to the dict in the local `event`.

    Each object on the way is looked up once, whatever the number of paths through it.
    """
    root = _Ends()
    for path, convert in conversions.items():
        for keys in ways_of(path):
            node = root
            for key in keys:
                node = node.children.setdefault(key, _Ends())
            node.convert = convert
    _write_children(writer, root, event)


def _write_children(writer: Writer, node: _Ends, holder: str) -> None:
    for key, child in node.children.items():
        value, test, convert = writer.local("part"), "if", child.convert
        is_document = convert is document_or_text
        here, below = child.walks()
        writer.line(f"{value} = {holder}.get({key!r})")
        if convert is not None:
            with writer.block(f"if {value}.__class__ is str:"):
                writer.line(f"{holder}[{key!r}] = {value} = {writer.name('convert', convert)}({value})")
                if is_document and child.children:
                    with writer.block(f"if {value}.__class__ is list:"):
                        writer.line(f"{writer.name('below', below)}({value})")
            test = "elif"
        in_list = f"{value}.__class__ is list:", f"{writer.name('here', here)}({value})"
        if is_document:
            with writer.block(f"elif {in_list[0]}"):
                writer.line(in_list[1])
            test = "if"
        if child.children:
            with writer.block(f"{test} {value}.__class__ is dict:"):
                _write_children(writer, child, value)
            test = "elif"
        if not is_document:
            with writer.block(f"{test} {in_list[0]}"):
                writer.line(in_list[1])
