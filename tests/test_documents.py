"""JSON documents of an object: one a line, one behind another, over lines, in arrays; whole and broken ones."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chains
from chains import Pieces, until_error
from slips.errors import DecompressionError, RecordError, RecordTooLarge, RecordTooLong
from slips.format import Bad, Record, RecordLimits, Rule
from slips.parsing.chain import compile_chain
from slips.parsing.json_text import load_json
from slips.parsing.readers import document_lines
from slips.parsing.readers.document_lines import LINE, LOOK, PIECE
from slips.parsing.readers.json_documents import WINDOW
from slips.parsing.readers.text import EMPTY, PADDING, original

LINES, WHOLE = ["s3-lines", "json"], ["s3-text", "json"]
CHAINS = [LINES, WHOLE]


def records(chain: list[str], content: bytes | Pieces, limits: RecordLimits | None = None) -> Iterator[Record]:
    raw = Pieces([content]) if isinstance(content, bytes) else content
    return compile_chain(chain, Path(), *([limits] if limits else [])).records(io.BufferedReader(raw, 1 << 17))


def cut(content: bytes, step: int) -> Pieces:
    return Pieces([content[at : at + step] for at in range(0, len(content), step)])


def shown(found: Iterable[Record]) -> list[Any]:
    """Events as they are, bad records by their bytes, filtered ones by their rule."""
    return [
        each.head if isinstance(each, Bad) else each.name if isinstance(each, Rule) else repr(each) for each in found
    ]


# ---- documents that are whole

HOSTILE = ["}{", '}{"k":', "\n{", "]", "[", "{", '"', "\\", ",", "\0", "é", "\u2028", "😀", "\ud800", "x" * 40]
texts = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3), max_size=4).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([2**70, 1.5]) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=4)
layouts: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 1}])
between = st.sampled_from([b"", b" ", b"\n", b"\r\n", b"\t\n\n", b"\xef\xbb\xbf", b"\n\0\0"])


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.tuples(objects | st.lists(objects, max_size=3), layouts, between), max_size=6), st.integers(1, 90))
def test_documents_are_read_as_json_loads_reads_each(parts: list[tuple[Any, dict[str, Any], bytes]], step: int) -> None:
    content, expected = b"", []
    for value, layout, gap in parts:
        content += json.dumps(value, **layout).encode() + gap
        expected += [repr(each) for each in value] or [EMPTY.name] if isinstance(value, list) else [repr(value)]
        expected += [PADDING.name] * (b"\0" in gap)
    assert shown(records(WHOLE, cut(content, step))) == expected


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.lists(objects | st.lists(objects, max_size=3), max_size=4), max_size=6), st.integers(1, 90))
def test_a_line_of_several_documents_has_a_record_for_each(lines: list[list[Any]], step: int) -> None:
    content = b"\n".join(b"".join(json.dumps(value).encode() for value in line) for line in lines)
    expected: list[str] = []
    for value in (value for line in lines for value in line):
        expected += [repr(each) for each in value] or [EMPTY.name] if isinstance(value, list) else [repr(value)]
    assert shown(records(LINES, cut(content, step))) == expected


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(objects, min_size=1, max_size=5), st.booleans(), st.booleans(), st.integers(1, 90))
def test_documents_over_several_lines_are_found_by_the_first_line(
    values: list[dict[str, Any]], array: bool, blank: bool, step: int
) -> None:
    values[0] = {"k": 1, **values[0]}
    text = json.dumps(values, indent=1) if array else "\n".join(json.dumps(value, indent=1) for value in values)
    content = b"\n \n" * blank + text.encode()
    assert shown(records(LINES, cut(content, step))) == [repr(value) for value in values]


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.sampled_from([b'{"a":', b"1", b"}", b"[", b"]", b",", b"\n", b'"', b"{", b"\0", b" ", b"\xff"])))
@pytest.mark.parametrize("chain", CHAINS)
def test_no_bytes_are_passed_over_in_silence(chain: list[str], parts: list[bytes]) -> None:
    content = b"".join(parts)
    found = list(records(chain, content))
    assert found or not content.strip(b" \n")
    assert shown(found) == shown(records(chain, cut(content, 1)))


@pytest.mark.parametrize(
    "size", [10, LINE - 20, LINE, *(pytest.param(size, marks=pytest.mark.slow) for size in (2 * LINE, 5 * LINE + 7))]
)
@pytest.mark.parametrize("end", [b"", b"\n", b'\n{"last":1}\n'])
def test_a_line_of_any_length_holds_documents(size: int, end: bytes) -> None:
    documents = [b'{"n":%d,"s":"}{"}' % number for number in range(size // 20 + 1)]
    content = b'{"first":1}\n' + b"".join(documents) + end
    expected = [{"first": 1}, *map(json.loads, documents), *([{"last": 1}] * (end > b"\n"))]
    assert list(records(LINES, content)) == expected
    assert list(records(LINES, content.removeprefix(b'{"first":1}\n'))) == expected[1:]
    assert list(records(WHOLE, content)) == expected


@pytest.mark.parametrize("size", [WINDOW - 12, WINDOW - 8, 4 * WINDOW, LOOK - 100, LOOK, 3 * LOOK])
@pytest.mark.parametrize("chain", CHAINS)
def test_a_document_over_lines_may_be_of_any_size_within_the_limits(chain: list[str], size: int) -> None:
    value = {"s": "x" * size, "v": [1]}
    content = b"\n".join([json.dumps(value, indent=1).encode()] * 2)
    assert list(records(chain, content)) == [value, value]


def test_a_long_array_over_lines_is_read_element_by_element() -> None:
    values = [{"n": number, "s": "x" * 100} for number in range(30_000)]
    assert list(records(LINES, json.dumps(values, indent=1).encode())) == values


# ---- broken documents


@pytest.mark.parametrize(
    ("content", "found"),
    [
        # A line that is broken is one bad record, and no other line is touched.
        (b'{"a":1\n{"a":2}', [b'{"a":1', {"a": 2}]),
        (b'{"a":\n{"a":2}\n{"a":3}', [b'{"a":', {"a": 2}, {"a": 3}]),
        (b'[{"a":1},\n{"a":2}\n{"a":3}', [{"a": 1}, b"[", {"a": 2}, {"a": 3}]),
        (b'{"a":"1\n2"}', [b'{"a":"1', b'2"}']),
        (b'{"a":1}{"b":}{"c":1}\n{"d":1}', [{"a": 1}, b'{"b":}{"c":1}', {"d": 1}]),
        (b'{"a":1}\n{\n"a":2\n}', [{"a": 1}, b"{", b'"a":2', b"}"]),
        (b'{"a":1} x\n{"a":2}', [b'{"a":1} x', {"a": 2}]),
        (b'x\n{\n"a":2\n}', [b"x", b"{", b'"a":2', b"}"]),
        (b'{"a":1}}\n{"a":2}', [b'{"a":1}}', {"a": 2}]),
        (b'{"a":1} }{"a":2}\n{"a":3}', [{"a": 1}, b'}{"a":2}', {"a": 3}]),
        (b'1 2\n"x"\n', [b"1 2", b'"x"']),
    ],
)
def test_a_broken_line_is_one_bad_record(content: bytes, found: list[Any]) -> None:
    got = list(records(LINES, content))
    assert [each.head if isinstance(each, Bad) else each for each in got] == found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        # A document that its next line does not go on, ends where one begins.
        (b'{\n "a": 1,\n "b": [\n{\n "a": 2\n}', [b'{\n "a": 1,\n "b": [', {"a": 2}]),
        (b'{\n "a": 1\n}}\n{\n "a": 2\n}', [{"a": 1}, b"}", {"a": 2}]),
        (b'{\n "a": 1\n}\ntext {"a":0}\n text\n{"a":2}', [{"a": 1}, b'text {"a":0}\n text', {"a": 2}]),
        (b'[\n{"a": 1},\n{"a": 2}\n[{"a":3}]', [{"a": 1}, {"a": 2}, b'[{"a":3}]', b"["]),
        (b'[\n{"a": 1}},\n{"a": 2}]\n{"a":3}', [{"a": 1}, b"},", {"a": 2}, b"]", {"a": 3}]),
        (b'{\n"a": "1\n2"\n}\n{"a": 2}', [b'{\n"a": "1\n2"\n}', {"a": 2}]),
        (b'{\n"a": 1\n}\n{"a": ', [{"a": 1}, b'{"a": ']),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_a_broken_document_ends_at_the_next_line_that_begins_as_one_does(
    content: bytes, found: list[Any], step: int
) -> None:
    got = list(records(WHOLE, cut(content, step)))
    assert [each.head if isinstance(each, Bad) else each for each in got] == found
    assert all("not JSON" in each.reason for each in got if isinstance(each, Bad))


@pytest.mark.parametrize("size", [10, 2_000, 1 << 16, 3 << 20])
def test_documents_behind_a_broken_one_of_any_size_arrive(size: int) -> None:
    broken = b'{\n "a": "' + b"x" * size + b'",\n "b": {\n'
    good = b'{\n "n": 1\n}\n'
    got = list(records(LINES, good + broken + good * 3))
    assert [type(each) for each in got] == [dict, Bad, dict, dict, dict]
    assert isinstance(got[1], Bad)
    assert got[1].size == len(broken.rstrip())


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("piece", [b"0", b"0 ", b'""', b"true", b"NaN", b'"a":{},'])
def test_values_one_behind_another_are_one_broken_line_of_any_length(chain: list[str], piece: bytes) -> None:
    line = piece * (LINE // len(piece))
    found = list(islice(records(chain, b'{"a":1}\n' + line + b'\n{"a":2}\n'), 5))
    assert [each.size if isinstance(each, Bad) else each for each in found] == [{"a": 1}, len(line), {"a": 2}]


@pytest.mark.parametrize("size", range(PIECE - 2, PIECE + 3))
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_that_ends_where_a_piece_does_is_read_alone(size: int, end: bytes) -> None:
    """A broken line of exactly a piece, with its line end, took the next line with it."""
    good = b'{"a":"%s"}' % (b"x" * (size - len(end) - 8))
    behind = [{"n": 2}, {"n": 3}] if end else []
    for line in (good, good[:-1] + b"]"):
        assert len(line + end) == size
        content = b'{"first":1}\n' + line + end + b"".join(b"%s\n" % json.dumps(each).encode() for each in behind)
        first, found, *others = records(LINES, content)
        assert (first, others) == ({"first": 1}, behind)
        if line is good:
            assert found == json.loads(good)
        else:
            assert isinstance(found, Bad)
            assert found.size == len(line)


LONG = b'{"long":"%s"}' % (b"x" * 50)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([LONG, LONG + LONG, LONG[:-1] + b"]", LONG + b"x", b"[" + LONG + b",1]", b"\0" + LONG])
        | st.sampled_from([b"", b" ", b'{"a":1}', b'{"a":1}{"b":2}', b"{", b"\0\0", b"[]", b"NaN", b'{"b":NaN}']),
        max_size=8,
    ),
    st.sampled_from([b"", b"\n"]),
)
def test_lines_longer_than_a_piece_are_read_as_shorter_ones_are(lines: list[bytes], end: bytes) -> None:
    content = b"\n".join([b'{"first":1}', *lines]) + end
    found = []
    for piece in (40, PIECE):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(document_lines, "PIECE", piece)
            stream: io.BufferedReader = io.BufferedReader(io.BytesIO(content))
            read = document_lines.LineDocumentRecords(stream, RecordLimits())
            found.append([(shown([each]), isinstance(each, dict) and read.raw_of(each)) for each in read.cut(stream)])
    assert found[0] == found[1]


def test_a_broken_line_has_the_error_of_the_whole_line() -> None:
    for line in (b'{"a": 1, }', b"{", b'{"a" 1}', b"nul", b"\x1f\x8b", b'{"a": "', b'{"a": 01}'):
        seen = chains.run(LINES, b'{"first": 1}\n' + line + b"\n")
        with pytest.raises(RecordError, match=r"^not JSON: ") as caught:
            load_json(line)
        assert seen.quarantined == [(2, str(caught.value))]


# ---- limits

SMALL = RecordLimits(bytes=100, values=10, depth=3)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize(
    ("large", "kind"),
    [
        (b'{"a":"%s"}' % (b"x" * 100), RecordTooLong),
        (b'{"a":[%s]}' % b",".join([b"1"] * 10), RecordTooLarge),
        (b'{"a":[[[]]]}', RecordTooLarge),
        (b'{"a":[%s]}' % b",".join([b"1"] * 1_000), RecordTooLong),
    ],
)
@pytest.mark.parametrize("gap", [b"", b"\n"])
@pytest.mark.parametrize("step", [1, 1000])
def test_a_document_beyond_the_limits_is_bad_and_the_others_arrive(
    chain: list[str], large: bytes, kind: type[Exception], gap: bytes, step: int
) -> None:
    good = b'{"a":[1,2,3]}'
    content = gap.join([good, large, good, large, good])
    found = list(records(chain, cut(content, step), SMALL))
    assert [isinstance(each, Bad) for each in found] == [False, True, False, True, False]
    for each in found:
        if isinstance(each, Bad):
            assert type(each.error()) is kind
            assert each.size == len(large)


@pytest.mark.parametrize(
    "broken", [b"}", b"]", b",", b":", b'"a":{},{},{},{},{},{},{},{}', b"a: [1,2,3,4,5,6,7,8,9,0,1,2]"]
)
@pytest.mark.parametrize("blanks", [0, 3 * WINDOW])
@pytest.mark.parametrize("step", [1, 1000])
def test_broken_text_is_bad_in_the_same_way_whatever_the_limits_are(broken: bytes, blanks: int, step: int) -> None:
    content = broken + b" " * blanks + b'\n{"a":1}' * 20
    found = list(islice(records(WHOLE, cut(content, step), SMALL), 50))
    assert [each.rstrip() for each in shown(found)] == [each.rstrip() for each in shown(records(WHOLE, content))]
    assert found[-20:] == [{"a": 1}] * 20


@pytest.mark.parametrize("step", [1, 1000])
def test_a_document_that_breaks_off_beyond_the_limits_keeps_its_bytes(step: int) -> None:
    content = b'{"a":[%s' % b",".join([b"1"] * 2_000)
    found = list(records(WHOLE, cut(content, step), SMALL))
    assert len(found) == 1
    assert isinstance(found[0], Bad)
    assert (found[0].size, found[0].head) == (len(content), content[: len(found[0].head)])
    assert found[0].head


@pytest.mark.parametrize("chain", CHAINS)
def test_elements_of_an_array_have_limits_of_their_own(chain: list[str]) -> None:
    content = b"[%s]" % b",".join([b'{"a":1}'] * 100)
    assert list(records(chain, content, SMALL)) == [{"a": 1}] * 100


@pytest.mark.slow
@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize(
    ("begin", "piece", "end"),
    [
        (b"", b'{"k":"%s"}' % (b"x" * 990), b""),
        (b"", b'{"k":"%s"}\n' % (b"x" * 990), b""),
        (b"", b'{\n"k":"%s"\n}\n' % (b"x" * 990), b""),
        (b"[", b'{"k":"%s"},' % (b"x" * 990), b"{}]"),
        (b"[\n", b'{\n"k":"%s"\n},\n' % (b"x" * 990), b"{}]"),
        (b'{"k":[', b'"%s",' % (b"x" * 990), b"1]}"),
        (b'{"k":"', b"x" * 1_000, b'"}'),
        (b'{"k":[\n', b'"%s",\n' % (b"x" * 990), b"1]}"),
    ],
)
def test_memory_does_not_grow_with_the_object(chain: list[str], begin: bytes, piece: bytes, end: bytes) -> None:
    pieces = Pieces([begin, *[piece * 1_000] * 20, end])
    tracemalloc.start()
    try:
        count = sum(1 for _ in records(chain, pieces, RecordLimits(bytes=1 << 20)))
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()
    assert count


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize(
    "content",
    [
        *(b'{"a":1}\n{"a":2}\n{"a":3', b'{"a":1}{"a":2}{"a":', b'[\n{"a":1},\n{"a":2},\n{"a":'),
        b'{\n"a":1}\n{"a":2}\n{"a":[\n{"b":1},\n{"b":',  # within the last one, lines begin as a document does
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_an_error_of_the_stream_comes_after_all_whole_documents_before_it(
    chain: list[str], content: bytes, step: int
) -> None:
    raised = DecompressionError("damaged")
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    found, error = until_error(records(chain, Pieces(pieces, raised)))
    assert error is raised
    assert found == [{"a": 1}, {"a": 2}]


# ---- what a quarantine shows


@pytest.mark.parametrize("chain", CHAINS)
def test_each_event_has_the_bytes_that_it_was_read_from(chain: list[str]) -> None:
    parts = [b'{"a": 1.0}', b'{ "b":2 }', b'{"c": NaN}', b'{"d":{"e":{"f":[[[[[[[[[1]]]]]]]]]}}}', b'{"g":"\xff"}']
    content = b" ".join(parts[:2]) + b"\n" + b"\n".join(parts[2:]) + b"\n[" + b" , ".join(parts) + b"]\n"
    cut_ = compile_chain(chain, Path())._cut(io.BufferedReader(io.BytesIO(content)))
    found = []
    for record in cut_:
        kept = original(cut_, record)
        assert isinstance(kept, Bad)
        found.append(kept.head)
    assert found == parts * 2


def test_records_are_numbered_document_by_document_by_a_reader_of_its_own() -> None:
    lines, whole = compile_chain(LINES, Path()), compile_chain(WHOLE, Path())
    assert (lines.names, lines.reader) == (("s3-lines", "json"), "json-lines/3")
    assert (whole.names, whole.reader) == (("s3-text", "json"), "json-documents/3")


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("sign", ["]", "}", ",", ":"])
@pytest.mark.parametrize("blanks", [b"", b" " * 50, b" " * 2000])
def test_what_begins_no_value_is_bad_once_however_small_the_limits_are(
    chain: list[str], sign: str, blanks: bytes
) -> None:
    content = sign.encode() + blanks + b"1,1,1,1" * 10
    for limits in (RecordLimits(values=3), RecordLimits(bytes=8), RecordLimits()):
        found = list(islice(records(chain, content, limits), 2))
        assert [(each.size, content.startswith(each.head)) for each in found if isinstance(each, Bad)] == [
            (len(content), True)
        ]


@pytest.mark.parametrize("content", ['{"k": "v' + "x" * 20, '[{"n": 1}, {"k": [1, 2', '[{"n": 1}, "long tex', "["])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("record_bytes", [10, 1000])
def test_a_document_that_never_closes_is_shown_by_its_bytes(content: str, encoding: str, record_bytes: int) -> None:
    rest = content[content.rfind(", {" if ", {" in content else ', "') + 2 :] if "," in content else content
    found = [
        each for each in records(WHOLE, content.encode(encoding), RecordLimits(record_bytes)) if isinstance(each, Bad)
    ]
    assert [(each.size, each.head) for each in found] == [(len(rest), rest.encode()[:record_bytes])]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_an_array_on_a_line_is_numbered_alike_with_contains(mark: str) -> None:
    content = f'{{"n":1}}\n{mark}[{{"n":2}},{{"n":3}}]\n{{"n":44}}\n'.encode()
    chain = compile_chain(LINES, Path(), contains=["44"])
    assert [meta.seq for meta, _ in chains.run_chain(chain, content).events] == [4]


BROKEN = [
    b'{"a":',
    b"1",
    b"}",
    b"[",
    b"]",
    b",",
    b"\n",
    b'"',
    b"{",
    b" ",
    b"null",
    b'{"b":2}',
    b"x",
    b"[1,2,3,4]",
    b"1e",
]


@settings(deadline=None)
@given(parts=st.lists(st.sampled_from(BROKEN), max_size=12), limits=st.sampled_from([(16, 3), (16, 500), (400, 3)]))
@pytest.mark.parametrize("chain", CHAINS)
def test_records_are_numbered_alike_whatever_the_limits_are(
    chain: list[str], parts: list[bytes], limits: tuple[int, int]
) -> None:
    content = b"".join(parts)
    small = RecordLimits(bytes=limits[0], values=limits[1])
    found = [each.head if isinstance(each, Bad) else each for each in records(chain, content)]
    alike = [each.head if isinstance(each, Bad) else each for each in records(chain, content, small)]
    assert len(found) == len(alike)
    for one, other in zip(found, alike, strict=True):
        assert one == other or (isinstance(other, bytes) and not isinstance(one, Rule))


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("values", [3, 1_000])
def test_a_mistake_behind_more_values_than_allowed_ends_a_document_as_any_other(chain: list[str], values: int) -> None:
    content = b'{\n"a":[%s],"b" 1}{"c":1}\n{"d":1}' % b",".join([b"1"] * 2_000)
    content = content if chain == WHOLE else content.replace(b"\n", b"", 1)
    found = list(records(chain, content, RecordLimits(values=values)))
    assert [type(each) for each in found] == [Bad, dict]


@pytest.mark.parametrize("digits", [WINDOW - 2, WINDOW - 1, WINDOW, WINDOW + 1])
def test_a_number_is_cut_nowhere(digits: int) -> None:
    content = b"1" * digits + b"e999\n2\n"
    sizes = [each.size for each in records(WHOLE, content) if isinstance(each, Bad)]
    assert sizes == [digits + 4, 1]


@pytest.mark.parametrize("marks", [2, 3, 10_000])
@pytest.mark.parametrize("chain", CHAINS)
def test_an_object_of_byte_order_marks_alone_is_no_success_without_records_and_rules(
    chain: list[str], marks: int
) -> None:
    seen = chains.run(chain, b"\xef\xbb\xbf" * marks)
    assert (seen.outcome.records, seen.outcome.delivered) == (1, 0)
    assert chains.run(chain, b"\xef\xbb\xbf").outcome.records == 0, "a single one is white space"


@pytest.mark.parametrize(
    "content", [b"[1", b"[", b'[{"a":1}', b'[{"a":1},', b"[1,]", b"[,]", b"[[", b'["a', b"[}", b"[x"]
)
@pytest.mark.parametrize("chain", CHAINS)
def test_whatever_is_bad_is_shown_by_some_bytes_of_the_object(chain: list[str], content: bytes) -> None:
    bad = [each for each in records(chain, content) if isinstance(each, Bad)]
    assert bad
    assert all(each.size and each.head and each.head in content for each in bad)


@pytest.mark.parametrize("gap", [b"", b" ", b"\n", b"\xef\xbb\xbf"])
def test_events_of_arrays_and_objects_one_behind_another_keep_their_bytes(gap: bytes) -> None:
    texts = [b'{"a": "\xc3\xa9"}', b'[ {"b":1} , 2, {"c" : [ ]}]', b"[]", b'["\xff"]', b'{"d":1}', b"[[1], [2]]"]
    cut_ = compile_chain(WHOLE, Path())._cut(io.BufferedReader(io.BytesIO(gap.join(texts))))
    kept = [original(cut_, record) for record in cut_]
    assert [each.head for each in kept if isinstance(each, Bad)] == [
        *(b'{"a": "\xc3\xa9"}', b'{"b":1}', b"2", b'{"c" : [ ]}', b'"\xff"', b'{"d":1}', b"[1]", b"[2]")
    ]
