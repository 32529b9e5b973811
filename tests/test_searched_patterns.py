"""Searches of the formats take time in proportion to a text, whatever the text: shown by the shape of each pattern.

A search tries its pattern at each place. It takes the square of a text if an attempt runs through a long part of it,
fails behind it, and the part has places where further attempts begin: `\\w+=` in a long word, `<[^>]*>` in `<<<<<`. So
in no pattern may a repetition be followed by what can fail, if what begins the pattern may stand in what is repeated.
"""

from __future__ import annotations

import ast
import io
import pkgutil
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from re import _compiler as compiler  # type: ignore[attr-defined]
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

import slips.formats
import slips.parsing
from slips import times
from slips.format import RecordLimits
from slips.formats import catalogue
from slips.parsing import json_text
from slips.parsing.contains import Contains
from slips.parsing.declare import quoted
from slips.parsing.readers import fields
from slips.parsing.readers.xml_elements import XmlRecords

METHODS = {"search", "finditer", "findall", "sub", "subn", "split"}
MOST = 64
"""A repetition of at most so many is none: each place takes so many characters at most."""
ALPHABET = "".join(map(chr, range(0x180))) + "٣中\u2003\u2028\ud800\udc80€😀"
REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
SETS = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
Item = tuple[Any, Any]


class Shape:
    """The shape of one pattern."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self._is_bytes = isinstance(pattern.pattern, bytes)
        self._flags = pattern.flags & ~re.DEBUG
        self._tree = parser.parse(pattern.pattern, self._flags & ~re.UNICODE if self._is_bytes else self._flags)
        self._items = list(self._tree)

    def slow_repetition(self) -> str:
        """Return the characters of a repetition that makes searches slow; an empty text: there is none."""
        return next(self._slow(self._items, [], []), "")

    def _slow(
        self,
        items: Sequence[Item],
        before: list[Item],
        behind: list[Item],
        caught: frozenset[str] = frozenset(),
    ) -> Iterator[str]:
        """Yield the characters of each slow repetition of `items`, which stand between others.

        A run of `caught` characters is passed over at once if `items` do not match.
        """
        for at, (code, value) in enumerate(items):
            start, rest = [*before, *items[:at]], [*items[at + 1 :], *behind]
            if code in REPEATS:
                _least, most, inner = value
                characters = self._characters(inner)
                is_slow = most > MOST and characters and self._may_fail(rest) and self._begins_within(start, characters)
                if is_slow and not characters <= caught:
                    yield "".join(sorted(characters))
                yield from self._slow(list(inner), start, [*inner, *rest] if most > 1 else rest, caught)
            elif code is op.SUBPATTERN:
                yield from self._slow(list(value[-1]), start, rest, caught)
            elif code is op.ATOMIC_GROUP:
                yield from self._slow(list(value), start, rest, caught)
            elif code is op.BRANCH:
                for number, branch in enumerate(value[1], 1):
                    catching = value[1][number:] if not start and not self._may_fail(rest) else []
                    further = caught.union(*(self._all_of(list(each)) for each in catching))
                    yield from self._slow(list(branch), start, rest, further)
            elif code in (op.ASSERT, op.ASSERT_NOT) and value[0] > 0:
                yield from self._slow(list(value[1]), start, rest)
            elif code is op.GROUPREF_EXISTS:
                for branch in filter(None, value[1:]):
                    yield from self._slow(list(branch), start, rest)

    def _all_of(self, items: Sequence[Item]) -> frozenset[str]:
        """Return the characters of which items take all that follow each other, at least one."""
        if len(items) == 1 and items[0][0] is op.SUBPATTERN:
            return self._all_of(list(items[0][1][-1]))
        if len(items) == 1 and items[0][0] in REPEATS:
            least, most, inner = items[0][1]
            if least <= 1 and most is op.MAXREPEAT and len(inner) == 1 and inner[0][0] in SETS:
                return self._set(inner[0])
        return frozenset()

    def _begins_within(self, items: Sequence[Item], characters: frozenset[str]) -> bool:
        """Whether a match may begin in a run of `characters`, and `items` match there."""
        return self._fit(items, characters) and not self._is_held(items, characters)

    def _is_held(self, items: Sequence[Item], characters: frozenset[str]) -> bool:
        """Whether the items at the begin of a pattern allow no place behind one of `characters`."""
        for code, value in items:
            if code is op.AT:
                if value is op.AT_BOUNDARY:
                    return len({bool(re.match(r"\w", each)) for each in characters}) == 1
            elif code in (op.ASSERT, op.ASSERT_NOT) and value[0] < 0:
                inner = list(value[1])
                if code is op.ASSERT and not self._fit(inner, characters):
                    return True
                is_of_one = code is op.ASSERT_NOT and len(inner) == 1 and inner[0][0] in SETS
                if is_of_one and characters <= self._set(inner[0]):
                    return True
            elif code is op.SUBPATTERN:
                return self._is_held(list(value[-1]), characters)
            elif code not in (op.ASSERT, op.ASSERT_NOT):
                return False
        return False

    def _fit(self, items: Any, characters: frozenset[str]) -> bool:
        return all(self._fits(item, characters) for item in items)

    def _fits(self, item: Item, characters: frozenset[str]) -> bool:
        """Whether some text that the item matches is of `characters` alone."""
        code, value = item
        if code in SETS:
            return bool(self._set(item) & characters)
        if code in REPEATS:
            return value[0] == 0 or self._fit(value[2], characters)
        if code is op.SUBPATTERN:
            return self._fit(value[-1], characters)
        if code is op.ATOMIC_GROUP:
            return self._fit(value, characters)
        if code is op.BRANCH:
            return any(self._fit(branch, characters) for branch in value[1])
        if code is op.AT and value in (op.AT_BEGINNING, op.AT_BEGINNING_STRING):
            return bool(self._flags & re.MULTILINE) and value is op.AT_BEGINNING and "\n" in characters
        return True

    def _may_fail(self, items: Sequence[Item]) -> bool:
        """Whether items may match at some place not at all."""
        for code, value in items:
            if code in REPEATS and value[0] == 0:
                continue
            if code is op.SUBPATTERN and not self._may_fail(list(value[-1])):
                continue
            if code is op.BRANCH and not all(self._may_fail(list(branch)) for branch in value[1]):
                continue
            return True
        return False

    def _characters(self, items: Any) -> frozenset[str]:
        """Return all characters that items may match."""
        found: frozenset[str] = frozenset()
        for code, value in items:
            if code in SETS:
                found |= self._set((code, value))
            elif code in REPEATS:
                found |= self._characters(value[2])
            elif code is op.SUBPATTERN:
                found |= self._characters(value[-1])
            elif code is op.ATOMIC_GROUP:
                found |= self._characters(value)
            elif code is op.BRANCH:
                for branch in value[1]:
                    found |= self._characters(branch)
        return found

    def _set(self, item: Item) -> frozenset[str]:
        return _set_of(repr(item), self._flags, self._is_bytes, _Held(item, self._tree.state))


class _Held(tuple[Any, ...]):
    """An item and the state of its pattern, for the cache all equal: the text of the item is the key."""

    def __new__(cls, *parts: Any) -> _Held:
        return super().__new__(cls, parts)

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@cache
def _set_of(_text: str, flags: int, is_bytes: bool, held: _Held) -> frozenset[str]:
    """Return the characters of ALPHABET that an item matches."""
    item, state = held
    compiled = compiler.compile(parser.SubPattern(state, [item]), flags & ~re.UNICODE if is_bytes else flags)
    if is_bytes:
        return frozenset(each for each in map(chr, range(256)) if compiled.match(each.encode("latin-1")))
    return frozenset(each for each in ALPHABET if compiled.match(each))


def modules() -> Iterator[ModuleType]:
    """The modules of formats, and of what parses them."""
    yield times
    for package in (slips.formats, slips.parsing):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield import_module(info.name)


def searches() -> Iterator[tuple[str, ModuleType, ast.expr, ast.AST]]:
    """Each search: `module: expression`, the module, the expression that is searched with, the tree of the module.

    `split` is one of a text, unless a pattern of the module is known by the name before it.
    """
    for module in modules():
        tree = ast.parse(Path(str(module.__file__)).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                name = f"{module.__name__.removeprefix('slips.')}: {ast.unparse(node.value)}"
                if node.attr != "split" or any(named(node.value, module, tree)):
                    yield name, module, node.value, tree


def named(expression: ast.expr, module: ModuleType, tree: ast.AST) -> Iterator[re.Pattern[Any]]:
    """Yield the patterns of a module that a name in it may stand for: its own, or those over which a loop runs."""
    if not isinstance(expression, ast.Name):
        return
    names = [expression]
    if not hasattr(module, expression.id):
        for node in ast.walk(tree):
            if not isinstance(node, ast.For | ast.comprehension) or expression not in ast.walk(node):
                continue
            if ast.unparse(node.target) == expression.id:
                names += [each for each in ast.walk(node.iter) if isinstance(each, ast.Name)]
    for name in names:
        value = getattr(module, name.id, None)
        yield from (each for each in (value if isinstance(value, tuple) else [value]) if isinstance(each, re.Pattern))


def of_formats(attribute: str) -> list[re.Pattern[Any]]:
    """Patterns that a family makes for its formats."""
    found = {getattr(each, attribute, None) for each in catalogue().values()}
    return sorted((each for each in found if isinstance(each, re.Pattern)), key=lambda each: str(each.pattern))


def made() -> dict[str, list[re.Pattern[Any]]]:
    """Patterns that are made when they are needed, by the expression that searches with them."""
    contains = Contains(["a/\n\u00e4"], RecordLimits())
    return {
        "parsing.contains: self._doubtful": [contains._doubtful],
        "parsing.contains: self._doubtful_text": [contains._doubtful_text],
        "parsing.declare.cef: declaration.begins": of_formats("begins"),
        "parsing.declare.keyvalue: self._declaration.begin_of_rest": of_formats("begin_of_rest"),
        "parsing.declare.keyvalue: self._declaration.pairs": of_formats("pairs"),
        "parsing.declare.keyvalue: self.pairs": of_formats("pairs"),
        "parsing.declare.quoted: _FURTHER[self._escapes]": [*quoted._FURTHER.values()],
        "parsing.json_text: _numbers_or_tokens(sys.get_int_max_str_digits())": [json_text._numbers_or_tokens(4_300)],
        "parsing.readers.fields: _quoted(delimiter)": [fields._quoted(",")],
        "parsing.readers.xml_elements: self._inside": [
            XmlRecords(io.BufferedReader(io.BytesIO()), RecordLimits(), "Event")._inside
        ],
        "parsing.search: re.compile(b'\\\\}[ \\\\t\\\\r]*+[{\\\\[]')": [re.compile(rb"\}[ \t\r]*+[{\[]")],
    }


OTHERS = {
    "formats.apache.httpd: re": "a word of a line's format, which the mapping has",
    "formats.checkpoint.log_exporter: re": "one place before a digit",
    "formats.generic.grok: re": "a pattern of the mapping",
    "formats.nginx.access: re": "a line's format, which the mapping has, and one character",
    "formats.nginx.log_format: place": "a line's format, which the mapping has",
    "formats.rails.log: re": "one place between two letters",
    "parsing.chain: slips.formats": "the catalogue",
    "parsing.declare.columns: re": "blanks of which a search takes all",
    "parsing.readers.binary: re": "a constant",
    "parsing.readers.segments: head": "600 characters of a line",
}
"""Other searches, and why no long text makes them slow."""
EXCEPTIONS = {
    "formats.apache.httpd: _SECURITY": "a tag that has no end matches all of the rest",
    "formats.beyondtrust.remote_access: _PAIR": "what follows matches all that a name ends with: '=', ';', the end",
    "formats.cisco.messages: _ENDED": "looked for once, and what may fail is optional",
    "formats.juniper.netscreen: _PAIR": "a quote ends at the next one, so that only the last can lack its end",
    "formats.vmware.structured: _PAIR": "as of netscreen",
    "formats.watchguard.firebox: _PAIR": "a quote within quotes is behind a backslash, the first one behind '='",
    "parsing.declare.keyvalue: self._declaration.begin_of_rest": "as before",
    "parsing.declare.quoted: _FURTHER[self._escapes]": "something matches at each place: at a quote, all of the rest",
    "parsing.json_text: _TOKENS": "texts that a decoder has taken, in which each quote has its other one",
    "parsing.json_text: _numbers_or_tokens(sys.get_int_max_str_digits())": "as before",
    "parsing.readers.json_skip: _STRINGS": "a quote that has no other one matches all of the rest",
}
"""Searches whose shape alone does not show that they are linear, and what does."""


@pytest.fixture(scope="module")
def searched() -> dict[str, list[re.Pattern[Any]]]:
    """The patterns of all searches, by `module: expression`."""
    found = made()
    for name, module, expression, tree in searches():
        if name not in found and name not in OTHERS:
            found[name] = list(named(expression, module, tree))
    return found


def test_each_search_is_of_a_known_pattern(searched: dict[str, list[re.Pattern[Any]]]) -> None:
    assert len(searched) > 90
    assert [name for name, found in searched.items() if not found] == []
    used = {name for name, *_ in searches()}
    assert {*made(), *OTHERS} - used == set()


def test_no_search_runs_again_through_what_it_has_run_through(searched: dict[str, list[re.Pattern[Any]]]) -> None:
    slow = {name for name, found in searched.items() if any(Shape(each).slow_repetition() for each in found)}
    assert slow - EXCEPTIONS.keys() == set()
    assert EXCEPTIONS.keys() - slow == set(), "its shape shows it now"


@pytest.mark.parametrize(
    "pattern",
    [
        r"\w+=",
        r"\b.*foo",
        r"[A-Z]\w*: ",
        r"<[^>]*>",
        r"\[(?:a|[^\]])*\]",
        r"\s+$",
        r"(?<=a)[ab]+c",
        r"(?<!a)[ab]+c",
        r"a|(?:b\w*c)",
        r"(?=.*a)b",
        r"(?m)^\s*a",
        r"(?:a\w* )?\w+;",
        r'"[^"\\]*+(?:\\.[^"\\]*+)*+"',
        r"\w{1,200} ",
        rb"\w+=",
    ],
)
def test_a_search_that_takes_the_square_of_a_text_is_found(pattern: str | bytes) -> None:
    assert Shape(re.compile(pattern)).slow_repetition()


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?<!\w)\w+=",
        r"\b\w+=",
        r"^.*foo",
        r"\A\s*a",
        r"key=(\w+)",
        r'="[^"]*"',
        r", \w+=",
        r"<[^>]*+(>)?",
        r"(?<=;)\w+=",
        r"([^= ]++)=([^ ]*+)(?: |\Z)|(.++)",
        r"\w{1,60}=",
        r"\d+(?:\.\d+)?",
    ],
)
def test_a_search_that_takes_no_square_is_none(pattern: str) -> None:
    assert not Shape(re.compile(pattern, re.DOTALL)).slow_repetition()
