"""The end of a JSON value of any size is found piece by piece, where the lenient decoder finds it in the whole text."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chains import run
from json_texts import nests, texts, values
from slips.parsing import json_text
from slips.parsing.json_syntax import DEEPEST, JsonSyntax
from slips.parsing.json_text import load_json, release_memory
from slips.parsing.readers.json_skip import skip_brackets


def decoded(text: str) -> int | None:
    """The end of the value at the beginning of a text, as the decoder of Python finds it; None if there is none."""
    try:
        return json.JSONDecoder().raw_decode(text)[1]
    except json.JSONDecodeError:
        return None


def fed(content: bytes, step: int) -> int | None:
    syntax = JsonSyntax()
    end = end_of(content, step, syntax)
    return end if syntax.is_sound else None


def end_of(content: bytes, step: int, syntax: JsonSyntax) -> int:
    """Where a value ends or breaks."""
    before = 0
    for at in range(0, len(content), step):
        piece = content[at : at + step]
        if (end := syntax.feed(piece)) is not None:
            return before + end
        before += len(piece)
    end = syntax.feed(b"", is_last=True)
    assert end is not None
    return before + end


@settings(max_examples=150, deadline=None)
@given(text=texts, step=st.integers(1, 40))
def test_arbitrary_text_ends_or_breaks_where_the_decoder_says(text: str, step: int) -> None:
    if text[:1] in (" ", "\n", ""):
        text = "{" + text
    end = decoded(text)
    content = text.encode("utf-8", "surrogatepass")
    expected = None if end is None else len(text[:end].encode("utf-8", "surrogatepass"))
    found = fed(content, step)
    if expected is not None and text[0] not in '{["' and found is None:
        return  # of a number or word with more behind it, the decoder takes the beginning
    assert found == expected


@settings(deadline=None)
@given(value=values, indent=st.sampled_from([None, 1]), step=st.integers(1, 90))
def test_a_value_ends_at_its_last_byte(value: Any, indent: int | None, step: int) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    assert fed((text + " {").encode("utf-8", "surrogatepass"), step) == len(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "text", ["7" * 200_000, "-0." + "7" * 200_000, "1e" + "7" * 200_000, '"' + "x" * 200_000 + '"']
)
def test_a_scalar_of_any_length_ends_where_it_ends(text: str) -> None:
    assert fed(f"{text},".encode(), 1_000) == len(text)
    assert fed(text.encode(), 1_000) == len(text)


def test_a_value_may_be_deeper_than_any_decoder_reads_but_not_without_bound() -> None:
    deep = b'{"a":' * 5_000 + b"1" + b"}" * 5_000
    assert fed(deep, 999) == len(deep)
    assert fed(b"[" * (DEEPEST + 1), 999) is None


# ---- leaps


class Tokens(JsonSyntax):
    """Reads token by token."""

    def __init__(self) -> None:
        super().__init__()
        self._leap = lambda data, at, expected, opened: (at, expected)


@settings(max_examples=300, deadline=None)
@given(content=nests, step=st.integers(20, 3_000))
def test_a_value_ends_or_breaks_where_it_does_token_by_token(content: bytes, step: int) -> None:
    for text in (content, content + b"1" + b"]" * 600):
        syntax, tokens = JsonSyntax(), Tokens()
        assert end_of(text, step, syntax) == end_of(text, step, tokens)
        assert syntax.is_sound == tokens.is_sound


@pytest.mark.parametrize(
    "unit", [b"[[[[]]]]", b'{"":{"":{"":{"":1}}}}', b"[NaN,[[[NaN]]]]", b"[1," * 2_000 + b"1" + b"]" * 2_000]
)
def test_most_of_a_value_is_passed_over_in_leaps(unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    step = JsonSyntax._step

    def counted(syntax: JsonSyntax, data: bytes, at: int, is_last: bool) -> int | None:
        nonlocal steps
        steps += 1
        return step(syntax, data, at, is_last)

    monkeypatch.setattr(JsonSyntax, "_step", counted)
    text = b"[%s]" % b",".join([unit] * (300_000 // len(unit)))
    assert fed(text, 1 << 15) == len(text)
    assert steps < 300


# ---- brackets


def behind_brackets(data: bytes, at: int, depth: int) -> tuple[int, int, bool]:
    """As `skip_brackets`, byte by byte."""
    in_string = False
    while at < len(data):
        byte = data[at : at + 1]
        if in_string and byte == b"\\":
            if at + 1 == len(data):
                break
            at += 1
        elif byte == b'"':
            in_string = not in_string
        elif not in_string:
            depth += (byte in (b"[", b"{")) - (byte in (b"]", b"}"))
        at += 1
        if not depth:
            break
    return at, depth, in_string


@settings(max_examples=300, deadline=None)
@given(content=nests, depth=st.sampled_from([1, 2, 50, 1_000]))
def test_brackets_are_skipped_up_to_the_last_that_closes(content: bytes, depth: int) -> None:
    for text in (content, content + b"]" * 2_000):
        assert skip_brackets(text, 0, depth) == behind_brackets(text, 0, depth)


# ---- garbage


class Cycle:
    """Refers to itself, so that only a search for garbage frees it."""

    alive = 0

    def __init__(self) -> None:
        self.itself = self
        Cycle.alive += 1

    def __del__(self) -> None:
        Cycle.alive -= 1


MANY = b'{"a":[%s]}' % b",".join([b"[[[]]]"] * 20_000)


@pytest.fixture
def _nothing_is_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.usefixtures("_nothing_is_frozen")
def test_many_arrays_are_not_looked_through_for_garbage() -> None:
    found = list[dict[str, int]]()

    def look(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            found.append(info)

    gc.callbacks.append(look)
    try:
        value = load_json(MANY)
    finally:
        gc.callbacks.remove(look)
    assert len(value["a"]) == 20_000
    assert len(found) <= 1
    assert gc.isenabled()


def test_what_is_frozen_stays_so() -> None:
    before = gc.get_freeze_count()
    assert before > 1_000, "as pytest_collection leaves it"
    load_json(MANY)
    assert gc.get_freeze_count() > 0.9 * before


@pytest.mark.usefixtures("_nothing_is_frozen")
def test_garbage_beside_many_arrays_is_found_later() -> None:
    Cycle.alive = 0
    most = 0
    for _ in range(120):
        for _ in range(600):
            Cycle()
        load_json(MANY)
        most = max(most, Cycle.alive)
    assert most < 60_000  # of 72,000


def test_who_looks_for_no_garbage_is_left_alone() -> None:
    gc.disable()
    try:
        load_json(MANY)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_values_from_all_over_two_long_texts_are_kept_with_their_memory_for_the_next() -> None:
    values = [load_json(b'{"n":%d,"a":[%s]}' % (n, b",".join([b"[%d]" % n] * 20_000)))["a"] for n in range(3)]
    for value, some in zip(values[1:], json_text._kept, strict=True):
        places = {id(each): at for at, each in enumerate(value)}
        gaps = [b - a for a, b in pairwise([0, *(places[id(each)] for each in some), len(value)])]
        assert max(gaps) < 20_000 // 100
    for few in (b"[" * 20 + b" " * 60_000 + b"]" * 20, b"[%s]" % b",".join([b'{"a":"%s"}' % (b"x" * 300)] * 255)):
        load_json(few)
        assert json_text._kept[1] == [], "a few large values would be most of the memory"
    release_memory()
    assert not json_text._kept


@pytest.mark.parametrize("chain", [["s3-lines", "json"], ["json-documents"]])
def test_the_memory_of_long_texts_is_free_behind_the_end_of_an_object(chain: list[str]) -> None:
    line = b'{"a":[%s]}' % b",".join([b"[1]"] * 20_000)
    assert len(run(chain, b"\n".join([line] * 3)).events) == 3
    assert not json_text._kept
