"""Elements of JSON documents: what `json.loads` would say of the whole, in flat memory, wherever blocks end."""

from __future__ import annotations

import io
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chains
from chains import Pieces, until_error, values_in
from slips.errors import DecompressionError, ReaderError, RecordTooLarge, StorageError
from slips.format import Bad, Record, RecordLimits, TooLong
from slips.model import fingerprint
from slips.parsing.json_text import LEVELS
from slips.parsing.readers.elements import read_elements
from slips.parsing.readers.json_runs import KEYS, JsonRuns
from slips.parsing.readers.json_stream import BLOCK
from slips.parsing.readers.lines import HEAD
from slips.parsing.readers.text import EMPTY, PADDING


def elements(
    content: bytes | Pieces,
    path: str = "Records",
    *,
    record_bytes: int = 1 << 20,
    values: int = RecordLimits().values,
    depth: int = RecordLimits().depth,
    block: int = BLOCK,
) -> Iterator[Record]:
    raw = Pieces([content]) if isinstance(content, bytes) else content
    return read_elements(io.BufferedReader(raw), RecordLimits(record_bytes, values, depth), path, block)


def document(*items: str) -> bytes:
    return f'{{"Records":[{",".join(items)}]}}'.encode()


class Pairs(list[tuple[str, Any]]):
    """An object of the reference, with all its keys: one may stand there twice."""


def reference(content: bytes, path: str = "Records") -> list[Any]:
    """The elements by `json.loads`. Raises ValueError for what it refuses, and for documents without the array."""
    text = content.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder(object_pairs_hook=Pairs)
    found: list[Any] = []
    while text := text.lstrip(" \t\r\n"):
        if text.startswith("\ufeff"):
            text = text[1:]
            continue
        value, end = decoder.raw_decode(text)
        values = [value]
        for name in [name for name in path.split(".") if name]:
            if not all(isinstance(each, Pairs) for each in values):
                raise ValueError("no object")
            inner = [[held for key, held in each if key == name] for each in values]
            if not all(inner):
                raise ValueError("no such key")
            values = [each for some in inner for each in some]
        if not all(type(each) is list for each in values):
            raise ValueError("no array")
        found += [plain(each) for array in values for each in array]
        text = text[end:]
    return found


def plain(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {key: plain(each) for key, each in value}
    return [plain(each) for each in value] if isinstance(value, list) else value


def shown(records: Iterable[Record]) -> list[str]:
    """Records as texts, which tell `1` from `True`, `0.0` from `-0.0`, and call all NaN alike; none of no records."""
    return ["bad" if isinstance(each, Bad) else repr(each) for each in records if each != EMPTY]


def wanted(values: Iterable[Any]) -> list[str]:
    """What `shown` says of these elements: those that are no objects are bad records."""
    return [repr(each) if isinstance(each, dict) else "bad" for each in values]


# ---- the same as json.loads

HOSTILE = ['},{"k":', '},{"id":', "}", "]", "[", "{", '"', "\\", '\\"', ",", ":", "]}", '{"Records":[', "\n", "\0", "é"]
HOSTILE += ["\u2028", "日本", "😀", "\ud800", "\udfff", "\udc80", "\ufeff", "Records", "x" * 40]
texts = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3), max_size=4).map("".join)
keys = st.sampled_from(["k", "id", "Records", "a", ""]) | texts
numbers = st.integers() | st.sampled_from([2**63, -(2**64), 10**40]) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=6,
)
alike = st.builds(lambda k, rest: {"k": k, **rest}, values, st.dictionaries(keys, values, max_size=3))
arrays: st.SearchStrategy[Any] = (
    st.lists(alike | values, max_size=6)
    | st.lists(alike, max_size=8)
    | st.lists(st.dictionaries(keys, values, max_size=3), max_size=8)
)
layouts: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"separators": (",", ":")},
        {"separators": (" , ", " :\t")},
        {"separators": ("\r\n,", ": "), "indent": 1},
        {"indent": 0},
        {"indent": 4},
        {},
    ]
)


@st.composite
def documents(draw: st.DrawFn, path: Sequence[str] = ("Records",)) -> bytes:
    value: Any = draw(arrays)
    for name in reversed(path):
        others = draw(st.dictionaries(keys, values, max_size=3))
        others.pop(name, None)
        items = [*others.items(), (name, value)]
        value = dict(draw(st.permutations(items)))
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), **draw(layouts))
    return text.encode("utf-8", "surrogatepass")


blocks = st.integers(1, 80) | st.just(BLOCK)
between = st.sampled_from([b"", b"\n", b"\r\n", b" \t", b"\xef\xbb\xbf"])


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.tuples(between, documents()), max_size=3), between, blocks, st.integers(1, 100))
def test_documents_are_read_as_json_loads_reads_them(
    parts: list[tuple[bytes, bytes]], end: bytes, block: int, step: int
) -> None:
    content = b"".join(gap + text for gap, text in parts) + end
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    assert shown(elements(Pieces(pieces), block=block)) == wanted(reference(content))


@pytest.mark.slow
@pytest.mark.parametrize("path", ["detail.items", "."])
@settings(deadline=None)
@given(st.data(), blocks)
def test_the_array_is_found_by_its_path(path: str, data: st.DataObject, block: int) -> None:
    content = data.draw(documents([name for name in path.split(".") if name]))
    assert shown(elements(content, path, block=block)) == wanted(reference(content, path))


@pytest.mark.slow
@settings(deadline=None)
@given(documents(), st.data(), blocks)
def test_content_that_json_loads_refuses_is_an_error_or_has_a_bad_element(
    content: bytes, data: st.DataObject, block: int
) -> None:
    at = data.draw(st.integers(0, len(content) - 1))
    removed = data.draw(st.integers(0, 3))
    inserted = data.draw(
        st.sampled_from([b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"x", b"\xff", b"\x01"])
    )
    mutated = content[:at] + inserted + content[at + removed :]
    # A value that is passed over is looked into if it is within a block.
    found, error = until_error(elements(mutated, block=max(block, len(mutated))))
    try:
        expected = reference(mutated)
    except ValueError:
        broken = [each for each in found if isinstance(each, Bad) and "not JSON" in each.reason]
        assert broken or isinstance(error, ReaderError)
    else:
        assert (error, shown(found)) == (None, wanted(expected))


TRICKY = b"""\xef\xbb\xbf { "before" : [ {"k": "},{\\"k\\":"}, "]}" ],
"Records":[{"k":1,"in":[{"k":2},{"k":3}]},{"k":"},{\\"k\\":\\\\"},{"k":{"k":{"k":[]}}} ,
\t{"k":"\xc3\xa9\\ud83d\\ude00\xf0\x9f\x98\x80"},{"k":NaN},{"k":"\\ud800"},{"k":"\xff"},{"other":1},{"k":-0.0},
[{"k":1},{"k":2}],{"k":123456789012345678901234567890},null,"},{\\"k\\":",{},{"k":true}],"after":{"Records":[{"k":0}]}}
{"Records":[]}{"Records":[{"k":1},{"k":2}]}\r
{"Records":[{"k":[{"k":1},{"k":2}]},{"k":3},{"k":[1]}]}
"""


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_elements_are_the_same_wherever_blocks_end(step: int) -> None:
    expected = wanted(reference(TRICKY))
    assert len(expected) == 20
    pieces = [TRICKY[at : at + step] for at in range(0, len(TRICKY), step)]
    for block in range(1, len(TRICKY) + 2):
        assert shown(elements(Pieces(pieces), block=block)) == expected, f"blocks of {block}"


def test_boundaries_are_guessed_right_in_long_documents() -> None:
    hostile = {"k": '},{"k":', "inner": [{"k": "]}"}, {"k": [{"k": 1}]}], "\\": '"'}
    layouts: list[dict[str, Any]] = [{"separators": (",", ":")}, {"indent": 2}, {}]
    for layout in layouts:
        items: list[Any] = [{"k": number, **({"x": hostile} if number % 7 == 0 else {})} for number in range(20_000)]
        items[7_000:7_000] = [1, "},{", [{"k": 1}, {"k": 2}], None]
        content = json.dumps({"Records": items}, **layout).encode()
        assert shown(elements(content)) == wanted(items)


@pytest.mark.parametrize("block", [64, 500, BLOCK])
def test_the_first_run_is_not_cut_at_an_object_within_an_element_that_begins_alike(block: int) -> None:
    """The first boundary is guessed by the first key, which objects in an array of the element have, too."""
    inner = [{"id": number, "text": "},{"} for number in range(9)]
    items = [{"id": number, "parts": inner, "more": {"id": inner}} for number in range(40)]
    for separators in ((",", ":"), (", ", ": ")):
        content = json.dumps({"Records": items}, separators=separators).encode()
        assert list(elements(content, block=block)) == items


def test_short_documents_follow_each_other_in_long_objects() -> None:
    texts = [json.dumps({"n": [1], "Records": [{"k": number}] * (number % 40), "m": {}}) for number in range(2_000)]
    expected = [{"k": number} for number in range(2_000) for _ in range(number % 40)]
    for separator in ("\n", ""):
        assert list(elements(separator.join(texts).encode())) == expected


# ---- documents and objects


@pytest.mark.parametrize("content", [b"", b" \r\n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_a_blank_object_has_no_records(content: bytes) -> None:
    assert list(elements(content)) == []


@pytest.mark.parametrize("content", [b'{"Records":[]}', b'{"Records": [ ] }\n', b'{"Records":[]}{"Records":[]}'])
def test_an_object_without_elements_is_filtered_by_a_rule(content: bytes) -> None:
    assert list(elements(content)) == [EMPTY]


@pytest.mark.parametrize("block", [1, BLOCK])
def test_nul_bytes_between_documents_are_padding(block: int) -> None:
    content = b"\0" * 100_000 + b'{"Records":[{"a":1}]}' + b"\0" * 9 + b'{"Records":[{"a":2}]}\n' + b"\0" * 9
    assert list(elements(content, block=block)) == [PADDING, {"a": 1}, PADDING, {"a": 2}, PADDING]


def test_a_key_that_stands_twice_gives_the_elements_of_both() -> None:
    assert list(elements(b'{"Records":[{"a":1}],"x":1,"Records":[{"a":2}]}')) == [{"a": 1}, {"a": 2}]


def test_a_document_with_more_keys_beside_the_array_than_values_are_allowed_is_refused() -> None:
    def content(keys: int) -> bytes:
        return b"{%s}" % b",".join([b'"a":1'] * keys + [b'"Records":[{}]'])

    assert list(elements(content(10), values=10)) == [{}]
    with pytest.raises(ReaderError, match=r"^more than 10 keys beside the array; expected a few; raise 'limits"):
        list(elements(content(11), values=10))


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        (b"{}", "Records", "no 'Records' array; expected {\"Records\": […]}; keys: none (at byte 2)"),
        (b'{"a":1,"b":[],"a b":{}}', "Records", "no 'Records' array; expected {\"Records\": […]}; keys: a, b, a b ("),
        (b'{"records":[]}', "Records", "keys: records ("),
        (b'{"Records":[{}]}\n{"x":[{}]}', "Records", "keys: x (after record 1, byte 27)"),
        (b'{"d":{"a":1}}', "d.e", "no 'd.e' array; expected {\"d\": {\"e\": […]}}; keys of 'd': a ("),
        (b'{"e":[]}', "d.e", 'no \'d.e\' array; expected {"d": {"e": […]}}; keys: e ('),
        (b'{"d":[]}', "d.e", "'d' is an array; expected {\"e\": […]} ("),
        (b'{"Records":{}}', "Records", "'Records' is an object; expected […] ("),
        (b'{"Records":"[]"}', "Records", "'Records' is a string; expected […] ("),
        (b'{"Records":null}', "Records", "'Records' is null; expected […] ("),
        (b'{"Records":-1}', "Records", "'Records' is a number; expected […] ("),
        (b'{"Records":x}', "Records", "'Records' is not JSON; expected […] ("),
        (b"[]", "Records", 'the document is an array; expected {"Records": […]}'),
        (b"{}", ".", "the document is an object; expected […]"),
        (b"hello", "Records", 'the document is not JSON; expected {"Records": […]}'),
        (b"\x1f\x8b\x08\x00", "Records", 'the document is not JSON; expected {"Records": […]}'),
        (b'{"Records":', "Records", "not JSON: it ends; expected a value (at byte 11)"),
        (b'{"Records":[{}]]', "Records", "not JSON: found ']'; expected ',' or '}' (after record 1, byte 15)"),
        (b'{"Records":[{}] "x":1}', "Records", "not JSON: found '\"'; expected ',' or '}' ("),
        (b"{Records:[]}", "Records", "not JSON: found 'R'; expected a key ("),
        (b'{"Records":[],}', "Records", "not JSON: found '}'; expected a key ("),
        (
            b'{"Records":[{}]}]',
            "Records",
            'the document is not JSON; expected {"Records": […]} (after record 1, byte 16)',
        ),
    ],
)
def test_a_document_without_the_array_says_what_it_has(content: bytes, path: str, message: str) -> None:
    _, error = until_error(elements(content, path))
    assert isinstance(error, ReaderError)
    assert message in str(error)


@pytest.mark.parametrize("content", [b"hello", b"\x1f\x8b\x08\x00", b"[]"])
def test_a_document_that_is_none_from_its_first_byte_on_names_no_place(content: bytes) -> None:
    _, error = until_error(elements(content, "Records"))
    assert str(error).endswith('; expected {"Records": […]}')


def test_documents_that_end_too_soon_are_alike_errors_whether_or_not_they_have_a_whole_record() -> None:
    errors = [until_error(elements(content))[1] for content in (b'{"Records":[{"a":', b'{"Records":[{},{"a":')]
    assert [str(error).partition("(")[2] for error in errors] == ["at byte 17)", "after record 1, byte 20)"]
    assert len({fingerprint("reader", "ReaderError", str(error)) for error in errors}) == 1


def test_an_empty_path_is_the_document_too() -> None:
    assert list(elements(b'[{"a":1}]', "")) == [{"a": 1}]


def test_an_error_names_some_keys_of_many_and_none_in_full_length() -> None:
    content = json.dumps({f"{number}{'x' * 1_000 * (number % 9)}": 1 for number in range(1_000)}).encode()
    _, error = until_error(elements(content))
    assert len(str(error)) < KEYS * 50
    assert str(error).partition(" (")[0].endswith(", …")


# ---- bad elements


@pytest.mark.parametrize("raw", [b"1", b"null", b"true", b'"text"', b'["a",{"b":1}]', b"NaN", b"-Infinity", b'"\xff"'])
def test_an_element_that_is_no_object_is_bad_and_reading_goes_on(raw: bytes) -> None:
    first, bad, last = elements(b'{"Records":[{"a":1},' + raw + b',{"a":2}]}')
    assert (first, last) == ({"a": 1}, {"a": 2})
    assert isinstance(bad, Bad)
    assert (bad.size, bad.head) == (len(raw), raw)
    assert str(bad.error()).endswith("; expected an object")


@pytest.mark.parametrize("units", [[b"1"], [b"null", b'"x"'], [b"1", b'"\xff"'], [b'"\xff"', b'{"a":"\xff"}']])
def test_elements_of_any_kinds_by_turns_cost_as_much_as_objects(units: list[bytes]) -> None:
    def calls(*units: bytes) -> int:
        count = 0

        def profile(*_: object) -> None:
            nonlocal count
            count += 1

        content = b'{"Records":[' + b",".join(units * (2000 // len(units))) + b"]}"
        sys.setprofile(profile)
        try:
            assert len(list(elements(content))) == 2000
        finally:
            sys.setprofile(None)
        return count

    assert calls(*units) < 4 * calls(b"{}")  # one by one, 20 times as many, and each looked 16 KB ahead


@pytest.mark.parametrize(
    "long", [b"[" * 50_000 + b"]" * 50_000, b"[" + b"{}," * 50_000 + b"{}]", b"[" + b'["]"],' * 50_000 + b"1]"]
)
def test_brackets_are_not_passed_over_one_by_one(long: bytes) -> None:
    calls = 0

    def profile(*_: object) -> None:
        nonlocal calls
        calls += 1

    content = b'{"a":' + long + b',"Records":[{"b":1}]}'
    sys.setprofile(profile)
    try:
        assert list(elements(content)) == [{"b": 1}]
    finally:
        sys.setprofile(None)
    assert calls < 10_000


def test_bad_records_never_reach_a_parser(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def anything(meta, event):\n    return {'got': repr(event)}\n")
    pieces = Pieces([document("1", '{"a":2}', "[{}]", f'"{"x" * 100}"')])
    seen = chains.run(["json-records", "mine.py:anything"], pieces, root=tmp_path, limits=RecordLimits(bytes=50))
    assert [(meta.seq, event) for meta, event in seen.events] == [(2, {"got": "{'a': 2}"})]
    assert [seq for seq, _ in seen.quarantined] == [1, 3, 4]
    assert seen.quarantined[2][1].startswith("record has 102 bytes, over the limit of 50")


@pytest.mark.slow
@pytest.mark.parametrize("depth", [LEVELS - 1, LEVELS, LEVELS + 1, 11, 12, 13, 300, 5_000])
@pytest.mark.parametrize("odd", ["", r'"\ud800"', "NaN"])
@pytest.mark.parametrize("block", [1, 100, BLOCK])
def test_an_element_beyond_the_depth_is_bad_wherever_blocks_end(depth: int, odd: str, block: int) -> None:
    deep = '{"a":' * (depth - 1) + "[" + odd + "]" + "}" * (depth - 1)
    many = 50 if block > 1 else 1  # byte by byte, many would take minutes
    content = document(*['{"a":{"b":1}}'] * many, deep, '{"a":"[[[[[[[[[[[["}', *[deep] * many, '{"a":{"b":1}}')
    found = list(elements(content, depth=12, block=block))
    fits = depth <= 12
    assert [isinstance(each, dict) for each in found] == [True] * many + [fits, True] + [fits] * many + [True]
    for each in found:
        if isinstance(each, Bad):
            assert type(each.error()) is RecordTooLarge
            assert each.reason == "record is nested more than 12 levels deep; raise 'limits.record_depth' to take it"


@pytest.mark.slow
@pytest.mark.parametrize("number", [9, 10, 11, 500, 20_000])
@pytest.mark.parametrize("each", ["{}", "1", '""', '"[,{,"', '{"a":[]}', "\n{ }", "[\t1 ]"])
@pytest.mark.parametrize("block", [7, BLOCK])
def test_an_element_of_more_values_than_the_limit_is_bad_wherever_blocks_end(
    number: int, each: str, block: int
) -> None:
    most = 11
    large = '{"a":[' + ",".join([each] * number) + "]}"
    small = ['{"a":1,"b":[2,"3"]}'] * 20
    found = list(elements(document(*small, large, *small), values=most, block=block))
    fits = values_in(json.loads(large)) <= most
    assert [type(one) for one in found] == [dict] * 20 + [dict if fits else Bad] + [dict] * 20


@pytest.mark.parametrize("raw", ['{"a":' + "[" * 5_000 + "]" * 5_000 + "}", '{"a":' + "9" * 5_000 + "}"])
def test_a_value_that_python_cannot_hold_is_bad_and_reading_continues(raw: str) -> None:
    items = ['{"a":1}'] * 5_000
    found = list(elements(document(*items, raw, *items)))
    assert [isinstance(each, Bad) for each in found] == [False] * 5_000 + [True] + [False] * 5_000


@pytest.mark.parametrize("depth", [5_000, 50_000])
def test_skipped_values_may_be_nested_to_any_depth(depth: int) -> None:
    content = b'{"too deep":' + b"[" * depth + b"]" * depth + b',"Records":[{"a":1}]}'
    assert list(elements(content)) == [{"a": 1}]


BROKEN = ["tru", "00.00", '{"a":tru}', '{"a" 1}', '{"a":1,}', "{,}", '{"a":01}', '{"a":"\n"}', "'a'", '"\\x"', "[1,,2]"]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("before", [0, 1, 3, 5_000])
@pytest.mark.parametrize("block", [7, BLOCK])
def test_an_element_that_is_no_json_is_bad_and_reading_goes_on(broken: str, before: int, block: int) -> None:
    items = [f'{{"a":{number}}}' for number in range(before)]
    content = document(*items, broken, '{"a":-1}', broken, broken, *items)
    found = list(elements(content, block=block))
    whole = [{"a": number} for number in range(before)]
    assert found[:before] == whole
    assert found[before + 1] == {"a": -1}
    assert found[before + 4 :] == whole
    for at in (0, 2, 3):
        bad = found[before + at]
        assert isinstance(bad, Bad)
        assert (bad.size, bad.head) == (len(broken), broken.encode())
        assert "not JSON" in bad.reason


@pytest.mark.parametrize(
    ("items", "raws"),
    [
        (['{"a":1}', "", '{"a":2}'], [b","]),
        (['{"a":1}', '{"a":2}', ""], [b"]"]),
        (['{"a":1} x', '{"a":2}'], [b"x"]),
        (['{"a":1}{"a":0}', '{"a":2}'], [b'{"a":0}']),
        (['{"a":1}:1:"x"', '{"a":2}'], [b':1:"x"']),
        (['{"a":1}', "1 2", '{"a":2}'], [b"1", b"2"]),
    ],
)
@pytest.mark.parametrize("block", [1, BLOCK])
def test_what_is_no_element_between_two_is_bad_and_reading_goes_on(
    items: list[str], raws: list[bytes], block: int
) -> None:
    found = list(elements(document(*items), block=block))
    assert [each for each in found if isinstance(each, dict)] == [{"a": 1}, {"a": 2}]
    assert [each.head for each in found if isinstance(each, Bad)] == raws


@pytest.mark.parametrize("broken", ['{"a":1}}', '{"a":1', '"a', "[1", "[1}}", "}"])
@pytest.mark.parametrize("before", [0, 1, 3, 5_000])
def test_brackets_out_of_balance_end_the_object_after_the_elements_before_them(broken: str, before: int) -> None:
    items = [f'{{"a":{number}}}' for number in range(before)]
    found, error = until_error(elements(document(*items, broken)))
    assert found[:before] == [{"a": number} for number in range(before)]
    assert isinstance(error, ReaderError)
    assert "not JSON" in str(error)


def test_a_cut_off_document_gives_all_elements_that_are_whole() -> None:
    items = ['{"a":1}', '{"b":["}",{}]}', '"c"', "12", '{"d":"\\"\\\\"}']
    content = b' {"x":[1],"Records":[' + ",".join(items).encode() + b'],"y":2}'
    ends = [content.index(item.encode()) + len(item) for item in items]
    ends[3] += 1  # where a number ends is known by what follows it
    for cut in range(2, len(content)):
        for block in (1, 7, BLOCK):
            found, error = until_error(elements(content[:cut], block=block))
            assert len(found) == sum(end <= cut for end in ends), content[:cut]
            assert isinstance(error, ReaderError)
            assert f"({f'after record {len(found)},' if found else 'at'} byte {cut}" in str(error)


@pytest.mark.parametrize("kind", [DecompressionError, StorageError])
def test_an_error_of_the_stream_comes_after_all_whole_elements_before_it(kind: type[Exception]) -> None:
    items = [f'{{"a":{number}}}' for number in range(30)]
    content = document(*items)
    for cut in range(len(content) + 1):
        whole = sum(content.index(item.encode()) + len(item) <= cut for item in items)
        for step in (1, 10, len(content)):
            pieces = [content[at : min(at + step, cut)] for at in range(0, cut, step)]
            for block in (5, BLOCK):
                raised = kind("damaged")
                found, error = until_error(elements(Pieces(pieces, raised), block=block))
                assert len(found) == whole
                assert error is raised


# ---- limits


@pytest.mark.parametrize("size", [20, 21, 22, 23, 100, 5_000, 40_000])
@pytest.mark.parametrize("block", [1, 16, 50, BLOCK])
def test_an_element_over_the_limit_is_too_long_and_reading_goes_on(size: int, block: int) -> None:
    limit = 22
    filler = (b'\\"}{' * size)[: (size - 8) // 4 * 4]
    long = b'{"k":"' + filler.ljust(size - 8, b"x") + b'"}'
    assert len(long) == size
    short = b'{"k":"","n":12345678}'
    content = b'{"Records":[' + b",".join([short, short, long, short, long, short]) + b"]}"
    found = list(elements(content, record_bytes=limit, block=block))
    assert len(found) == 6
    for position, each in enumerate(found):
        if position not in (2, 4) or size <= limit:
            assert isinstance(each, dict)
        else:
            assert isinstance(each, TooLong)
            assert each.size == len(long)
            assert long.startswith(each.head)
            assert each.head


@pytest.mark.parametrize(
    "raw", [b'"%s"' % (b"x" * 50), b"[%s]" % b",".join([b"{}"] * 20), b"1" * 50, b'"%s"' % (b"\\\n" * 25)]
)
def test_an_element_of_any_kind_may_be_too_long(raw: bytes) -> None:
    found = list(elements(b'{"Records":[{},%s,{}]}' % raw, record_bytes=40))
    assert [type(each) for each in found] == [dict, TooLong, dict]


def peak_of(pieces: Iterable[bytes], check: Callable[[Iterator[Record]], None], record_bytes: int) -> int:
    """Most bytes that reading took, over what there was before."""
    tracemalloc.start()
    try:
        check(elements(Pieces(pieces), record_bytes=record_bytes))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MEGABYTE = b'{"k":"%s"},' % (b"x" * 990) * 1_000


def test_memory_does_not_grow_with_the_document() -> None:
    def check(records: Iterator[Record]) -> None:
        assert sum(1 for _ in records) == 20_001

    assert peak_of([b'{"Records":[', *[MEGABYTE] * 20, b"{}]}"], check, 1 << 20) < 3_000_000


@pytest.mark.slow
def test_values_that_are_no_records_are_skipped_in_flat_memory() -> None:
    def check(records: Iterator[Record]) -> None:
        first, long, last = records
        assert (first, last) == ({"a": 1}, {"a": 2})
        assert isinstance(long, TooLong)
        assert long.size == 20 * len(MEGABYTE) + 4

    beside, within = [*[MEGABYTE] * 20, b"{}]"], [b"\\u00e9}" * 100_000] * 30
    pieces = [b'{"before":[', *beside, b',"text":"', *within, b'","Records":[{"a":1},[']
    pieces += [*beside, b',{"a":2}],"after":[', *beside, b"}"]
    assert peak_of(pieces, check, 100_000) < 3_000_000


@pytest.mark.parametrize("block", [1, 7, BLOCK])
@pytest.mark.parametrize("junk", ["x y", ': a  "b"\n c', '{"b": 1} \t{"c": 2}', "x" + " " * 9000 + "y"])
def test_what_is_no_element_is_shown_by_its_bytes(junk: str, block: int) -> None:
    found = [each for each in elements(document('{"a": 1} ' + junk + "\n"), block=block) if isinstance(each, Bad)]
    assert [(each.size, each.head) for each in found] == [(len(junk), junk.encode()[:HEAD])]


def test_runs_of_elements_are_cut_across_blocks_and_no_byte_is_decoded_twice() -> None:
    raw = b",".join(b'{"a": %d, "b": "%s"}' % (n, b"x" * (n % 700)) for n in range(3_000))
    text = JsonRuns(io.BufferedReader(Pieces([b"[", raw, b"]"])), RecordLimits(), 1 << 15)
    sizes: list[int] = []

    def decode(run: bytes) -> Any:
        sizes.append(len(run) - 2)
        return msgspec.json.decode(run)

    text.decode_run = decode
    found: list[Any] = list(text.elements(""))
    assert [each["a"] for each in found] == list(range(3_000))
    assert max(sizes) <= 1 << 15
    assert len(raw) - 2_000 < sum(sizes) + len(sizes) <= len(raw)
