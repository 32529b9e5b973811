"""The end of a JSON value of any size is found piece by piece, where the lenient decoder finds it in the whole text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slips.parsing.readers.json_syntax import DEEPEST, JsonSyntax

PARTS = [
    *(
        '{"a":',
        '"',
        "1",
        "-",
        "0",
        ".5",
        "e",
        "E+",
        "9" * 30,
        "]",
        "[",
        "{",
        "}",
        ",",
        ":",
        " ",
        "\n",
        "\\",
        "\\u00",
        "é",
    ),
    *(
        "true",
        "fals",
        "nul",
        "NaN",
        "-Infinity",
        "Inf",
        '"k":1,',
        "[1,2],",
        '{"x":{}}',
        "\ud800",
        "\x01",
        "\0",
        "\ufeff",
    ),
]
texts = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def decoded(text: str) -> int | None:
    """The end of the value at the beginning of a text, as the decoder of Python finds it; None if there is none."""
    try:
        return json.JSONDecoder().raw_decode(text)[1]
    except json.JSONDecodeError:
        return None


def fed(content: bytes, step: int) -> int | None:
    syntax, before = JsonSyntax(), 0
    for at in range(0, len(content), step):
        piece = content[at : at + step]
        if (end := syntax.feed(piece)) is not None:
            return before + end if syntax.is_sound else None
        before += len(piece)
    end = syntax.feed(b"", is_last=True)
    assert end is not None
    return before + end if syntax.is_sound else None


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
