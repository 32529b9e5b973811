"""Each declared format, compiled, makes of any value what the plain reading of its declaration makes of it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import json

from declared import DECLARED, alike, both, paths_of
from for_each import for_each
from slips.format import Event, Rule
from slips.formats import sample_files
from slips.parsing import Declaration, Json, Time, all_of, any_of, epoch, iso, moment
from slips.paths import keys_of_path

pytestmark = pytest.mark.xdist_group("readings")  # which take longer to make than all values to read

FIRST = 20
"""Lines, or objects, of each real log that every family reads."""
PARTS = 12
"""Most parts into which these are divided among the formats of a family: together they read all, each a twelfth."""

EXAMPLES = 50
"""Values for each format. They are made once for all: to make one takes far longer than to read it in both ways."""

ODD = Json(
    "odd",
    "all that a declaration can say, at once",
    tag="odd.{a.b}.{c|a|'none'}",
    time=moment("t", "a.t", ("d", "e"), "a.b.c"),
    message="{a} {a.b|c} {t} {a..b|.c}",
    require=any_of("a", all_of("c", "t"), "a.b.c"),
    absent=("-", "null"),
    rules=(Rule("one", "one", when={"a.b": ("-", 1), "c": 2}), Rule("two", "two", when=lambda event: len(event) > 4)),
    adds="message",
)
ALL = {**DECLARED, "odd": ODD, "times": Json("times", "times", time=epoch("t", "a.t", unit="any"), message="{a}")}

TIMES = [
    *("2018-06-11T12:00:00Z", "2018-06-11 12:00:00", "2018-06-11", "12:00:00", "20180611", "20180611T12Z", "", "-"),
    *("20180611x12:00:00Z", "20180611012:00:00Z", "2018W241T12:00Z"),  # Python reads any character for the `T`
    *("1528718400", "1528718400123", "0001528718400", "٣528718400123", "²528718400123", "-1", "1e9", "nan"),
    *(0, -1, 1528718400123, 1528718400.5, 10**20, "0001-01-01T00:00:00+14:00", "2018-06-11T12:00:00+23:59"),
]
T = TypeVar("T")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(TIMES)


def examples(strategy: st.SearchStrategy[T]) -> list[T]:
    found: list[T] = []

    @settings(max_examples=EXAMPLES)
    @given(strategy)
    def keep(value: T) -> None:
        found.append(value)

    keep()
    return found


@cache
def any_bytes() -> list[bytes]:
    return examples(st.binary())


KEYS = st.integers(0, 2**16)
FLAT = st.dictionaries(KEYS, LEAVES, max_size=3)
SHAPES = st.dictionaries(KEYS, LEAVES | FLAT | st.dictionaries(KEYS, FLAT, max_size=2), max_size=5)
"""Objects whose keys are numbers."""


@cache
def shapes() -> list[dict[int, Any]]:
    return examples(SHAPES)


def keys_in(declaration: Declaration) -> list[str]:
    """The keys of the fields that a declaration names, of objects that hold them, and of another field."""
    paths = {*paths_of(declaration), "other"}
    return sorted({*paths, *(key for path in paths for key in keys_of_path(path))})


def named(value: Any, keys: list[str]) -> Any:
    """A value whose objects have these keys, each instead of some numbers."""
    if not isinstance(value, dict):
        return value
    return {keys[number % len(keys)]: named(each, keys) for number, each in value.items()}


@pytest.mark.parametrize("time", [iso, moment, epoch, partial(epoch, unit="ms"), partial(epoch, unit="any")])
@pytest.mark.parametrize("value", [*TIMES, None, True, [], {}, "x" * 999, "9" * 5_000])
def test_a_time_in_any_notation_is_read_alike(time: Callable[[str], Time], value: Any) -> None:
    both(Json("time", "a time", time=time("t")), {"t": value})


@for_each("name", [name for name, each in ALL.items() if each.takes == "event"])
def test_any_event_is_read_alike(name: str) -> None:
    keys = keys_in(ALL[name])
    for shape in shapes():
        both(ALL[name], named(shape, keys))


@settings(max_examples=300)
@given(SHAPES)
def test_any_event_of_a_declaration_that_says_all_is_read_alike(shape: dict[int, Any]) -> None:
    both(ODD, named(shape, keys_in(ODD)))


@for_each("name", [name for name, each in ALL.items() if each.takes == "text" and each.raw])
def test_any_bytes_are_read_alike(name: str) -> None:
    for raw in any_bytes():
        both(ALL[name], raw)


@for_each("name", [name for name, each in ALL.items() if each.takes == "text" and not each.raw])
def test_any_text_is_read_alike(name: str) -> None:
    for raw in any_bytes():
        both(ALL[name], raw.decode("utf-8", "surrogateescape"))


@for_each("name", DECLARED)
def test_the_sample_of_a_format_is_read_alike(name: str) -> None:
    for value in values_of(DECLARED[name], sample_files(name)[0].read_bytes()):
        both(DECLARED[name], value)


@pytest.fixture(scope="module")
def real(logs: Path) -> dict[str, list[bytes]]:
    """The first lines of each real log as they are, and as far as they have JSON objects, each of these as JSON.

    Of the files that are a format's own, `test_real_logs` reads all.
    """
    files = [path for path in sorted(logs.glob("*/*")) if path.is_file() and "_large" not in path.parts]
    contents = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in files]
    return {
        "lines": [line for content in contents for line in content.splitlines(keepends=True)[:FIRST]],
        "objects": [json.encode(event) for content in contents for event in islice(objects_in(content), FIRST)],
    }


@pytest.mark.slow
@for_each("name", DECLARED)
def test_real_logs_of_any_vendor_are_read_alike(name: str, real: dict[str, list[bytes]]) -> None:
    declared = DECLARED[name]
    family = [each.name for each in DECLARED.values() if type(each) is type(declared)]
    number, parts = family.index(name), min(len(family), PARTS)
    for raw in real["objects" if declared.takes == "event" else "lines"][number % parts :: parts]:
        if declared.takes == "event":
            alike(declared, json.decode(raw), json.decode(raw))
        else:
            both(declared, text_of(declared, raw))


def values_of(declaration: Declaration, content: bytes) -> Iterator[Any]:
    """The lines of a file as a format reads them: texts, or JSON objects; of a document of JSON, the objects in it."""
    if declaration.takes == "event":
        yield from objects_in(content)
    else:
        yield from (text_of(declaration, line) for line in content.splitlines(keepends=True))


def text_of(declaration: Declaration, line: bytes) -> str | bytes:
    return line if declaration.raw else line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")


def objects_in(content: bytes) -> Iterator[Event]:
    for text in (content, *content.splitlines()):
        try:
            value = json.decode(text)
        except ValueError:
            continue
        for each in [value, *value.values()] if isinstance(value, dict) else [value]:
            for event in each if isinstance(each, list) else [each]:
                if isinstance(event, dict):
                    yield event
