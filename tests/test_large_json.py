"""A large JSON text is looked through before it is decoded, so that this happens once, and never in vain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chains import run
from json_texts import nests, texts, values
from slips.errors import RecordError
from slips.format import Event, RecordLimits
from slips.parsing import json_text
from slips.parsing.json_brackets import is_text_deeper
from slips.parsing.json_strict import strict_end
from slips.parsing.json_text import is_deeper, load_json
from slips.parsing.readers import document_lines

LENGTHS = [0, 1 << 30]
"""Of a text that is looked through before it is decoded: any, and none."""


def loaded(text: bytes, limits: RecordLimits) -> str:
    """The value of a text, or why it has none."""
    try:
        return repr(load_json(text, limits))
    except RecordError as error:
        return f"{type(error).__name__}: {error}"


@settings(max_examples=500, deadline=None)
@given(
    text=texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | nests,
    closing=st.sampled_from([b"", b"1]", b"}", b'"x"}]', b",]"]),
    limits=st.sampled_from([RecordLimits(), RecordLimits(depth=4, values=9)]),
)
def test_a_text_is_read_the_same_whether_or_not_it_is_looked_through_first(
    text: bytes, closing: bytes, limits: RecordLimits
) -> None:
    text = text.replace(b"7" * 5_000, b"7")  # of that many digits and a break behind them, either may be told
    found = set[str]()
    for length in LENGTHS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_text, "LARGE", length)
            found.add(loaded(text + closing, limits))
    assert len(found) == 1, found


@settings(max_examples=500, deadline=None)
@given(text=texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | nests, is_end=st.booleans())
def test_the_first_document_spans_lines_or_not_however_that_is_found_out(text: bytes, is_end: bool) -> None:
    for body in (b"{" + text, b'{"a":[' + text + b"1]}", b"[" + text.replace(b",", b",\n") + b"1]"):
        found = set[bool | None]()
        for length in LENGTHS:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(document_lines, "LARGE", length)
                found.add(document_lines._spans_lines(body, is_end=is_end))
        assert len(found) == 1, found


lines = st.lists(nests.map(lambda text: text[1:]) | texts.map(lambda text: text.encode("utf-8", "replace")), max_size=4)


@settings(max_examples=500, deadline=None)
@given(lines.map(b"\n".join), st.lists(st.sampled_from([b"{", b"[", b"", b" "]), min_size=2, max_size=2))
def test_a_broken_document_has_the_same_reason_whoever_finds_it(text: bytes, begins: list[bytes]) -> None:
    text = text.replace(b"7" * 5_000, b"7")
    content = b'{"a":' + text + b"\n" + begins[0] + text + b"\n" + begins[1] + b'"b":1}'
    found = list[tuple[list[Event], list[tuple[int, str]]]]()
    for length in LENGTHS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_text, "LARGE", length)
            seen = run(["json-documents"], content)
            found.append(([event for _, event in seen.events], seen.quarantined))
    assert repr(found[0]) == repr(found[1])  # NaN is unlike itself


@pytest.mark.parametrize("break_", [b"", b"]", b",}", b"nul}", b'"', b'"\xff\x01"}', b"]} x", b'"\\x"}', b" \r\n"])
def test_the_words_for_a_large_text_that_breaks_at_its_end_need_no_decoder_of_the_whole(
    break_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b'{"\xc3\xa9":[%s' % (b'{"a":{"b":[1,"x"]}},' * 10_000) + break_
    with pytest.raises(json.JSONDecodeError) as expected:
        json.JSONDecoder().decode(text.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))
    monkeypatch.setattr(json_text, "_load_leniently", None)
    with pytest.raises(RecordError) as error:
        load_json(text)
    assert str(error.value).endswith(f"(char {expected.value.pos})") or "trailing comma" in str(error.value)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (b'{"a":1}', 7),
        (b'{"a":1} \n', 7),
        (b'{"a":1} \n {"b":2}', 7),
        (b'{"a":1}x', 7),
        (b'{"a":"\xff\\u12f4"}}', 15),
        (b'{"a":1', None),
        (b'{"a":"', None),
        (b'{"a":01}', 0),
        (b'{"a":NaN}', 0),
        (b"[" * 100_000, 0),
    ],
)
def test_the_end_of_an_object_of_strict_json_is_known_without_a_decoder(text: bytes, end: int | None) -> None:
    assert strict_end(text) == end


strings = st.text(alphabet='[{]}"\\,:ab', max_size=9)
nested = st.recursive(
    st.integers() | strings, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4)
)


@settings(max_examples=500, deadline=None)
@given(value=values | nested, most=st.integers(1, 6), junk=st.sampled_from([b"", b" []", b"]", b"][[[[[[[", b'"[[[[']))
def test_a_text_is_as_deep_as_its_value(value: Any, most: int, junk: bytes) -> None:
    text = json.dumps([value] * 3).encode()
    assert is_text_deeper(text + junk, most) == is_deeper([value] * 3, most)


UNITS = {b"[1,": b"]", b'{"a":': b"}", b'[{"[{":': b"}]", b'{"]":1,"a":[[],': b"]}"}


@pytest.mark.parametrize("depth", [1, 6, 40, 250])
@pytest.mark.parametrize("unit", UNITS)
def test_levels_are_counted_across_the_pieces_of_a_large_text(unit: bytes, depth: int) -> None:
    nested = unit * depth + b"0" + UNITS[unit] * depth
    text = b"[" + b",".join([nested] * (200_000 // len(nested))) + b"]"
    levels = depth * len(UNITS[unit]) + 1 + (b"[]" in unit)
    assert not is_text_deeper(text, levels)
    assert is_text_deeper(text, levels - 1)
    assert not is_text_deeper(text[:-2], levels)
