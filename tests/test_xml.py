"""XML: each element of one name is a record, wherever blocks end, and no document expands."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import chains
from chains import OBJECT, Pieces, until_error
from processing import EVENT, Make, Recorder, StopAt, done, make, root
from slips.errors import DecompressionError, FormatError, ReaderError
from slips.format import Bad, Record, RecordLimits
from slips.parsing.chain import compile_chain
from slips.parsing.readers.lines import HEAD
from slips.parsing.readers.text import TextRecords
from slips.parsing.readers.xml_elements import BLOCK, TAG

__all__ = ["make", "root"]

ONE = '<Event a="1"><b>x &amp; y</b><c/></Event>'
ONE_EVENT = {"@a": "1", "b": "x & y", "c": None}


def events(content: str | bytes, chain: str = "xml-events", **limits: int) -> list[Any]:
    raw = content.encode() if isinstance(content, str) else content
    return [event for _, event in chains.run([chain], raw, limits=RecordLimits(**limits)).events]


def bad(content: str, **limits: int) -> list[tuple[int, str]]:
    return chains.run(["xml-events"], content.encode(), limits=RecordLimits(**limits)).quarantined


def stream_of(content: str) -> Any:
    return io.BufferedReader(io.BytesIO(content.encode()))


@pytest.mark.parametrize(
    "content",
    [
        ONE + ONE,
        f"{ONE}\n\n{ONE}\n",
        f'<?xml version="1.0"?>\n<Events>{ONE}<!-- <Event> -->{ONE}</Events>',
        f'<?xml version="1.0"?><x:Events xmlns:x="u"><Info>of all</Info>{ONE}{ONE}</x:Events>',
        f'<?xml version="1.0"?>{ONE}<?xml version="1.0"?>\ufeff{ONE}',
        f"<!DOCTYPE Events [<!ENTITY x 'y'>]><Events>{ONE}{ONE}</Events>",
    ],
)
def test_elements_are_records_whatever_is_around_them(content: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert events(content.encode(encoding)) == [ONE_EVENT, ONE_EVENT]


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("<Event/>", {}),
        ("<Event></Event>", {}),
        ("<Event>text</Event>", {"#text": "text"}),
        ("<Event a='>'> t </Event>", {"@a": ">", "#text": " t "}),
        ("<Event><a>1</a><a/><a>3</a></Event>", {"a": ["1", None, "3"]}),
        ("<Event><a b='1'>c</a></Event>", {"a": {"@b": "1", "#text": "c"}}),
        ("<Event>x<a/>y\n</Event>", {"a": None, "#text": "xy"}),
        ("<Event><![CDATA[<Event></Event>]]><!-- </Event> --></Event>", {"#text": "<Event></Event>"}),
        ("<n:Event xmlns:n='u'><n:a n:b='1'/></n:Event>", {"a": {"@b": "1"}}),
        ("<n:Event><n:a m:b='1' xml:lang='en'/></n:Event>", {"a": {"@b": "1", "@lang": "en"}}),
        ("<Event><Eventual>1</Eventual></Event>", {"Eventual": "1"}),
    ],
)
def test_an_element_is_an_object_of_its_children_attributes_and_text(element: str, expected: object) -> None:
    assert events(f"<r>{element}</r>") == [expected]


def test_the_name_of_the_elements_is_an_option_or_the_parameter() -> None:
    content = b"<rows><row><a>1</a></row></rows>"
    assert events(content, "xml-events:row") == [{"a": "1"}]
    assert [event for _, event in chains.run([{"xml-events": {"element": "row"}}], content).events] == [{"a": "1"}]
    with pytest.raises(FormatError, match="element"):
        compile_chain([{"xml-events": {"element": "a b"}}], Path())
    assert compile_chain([{"xml-events": {"element": "row"}}], Path()).reader == 'xml-events/2:Event {"element":"row"}'


def test_the_encoding_of_the_declaration_holds() -> None:
    declared = '<?xml version="1.0" encoding="windows-1252"?><Event>é€</Event>'
    assert events(declared.encode("windows-1252")) == [{"#text": "é€"}]
    with pytest.raises(ReaderError, match="the encoding 'x-odd' is not known"):
        events('<?xml version="1.0" encoding="x-odd"?><Event/>')


# ---- hostile and broken


def test_no_entity_is_expanded() -> None:
    lines = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    assert bad(f'<!DOCTYPE r [<!ENTITY l0 "lol">{lines}]><r><Event>&l9;</Event></r>') == [
        (1, "not XML: undefined entity: line 1, column 7")
    ]
    assert bad('<r><Event><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>&x;</Event></r>')[0][0] == 1


def test_a_broken_element_costs_no_other_element_anything() -> None:
    content = f"{ONE}<Event><a></Event>{ONE}<Event><b>{ONE}<Event><c"
    assert events(content) == [ONE_EVENT] * 3
    assert [seq for seq, _ in bad(content)] == [2, 4, 6]
    assert bad(content)[1:] == [
        (4, "element 'Event' does not end before the next one begins"),
        (6, "element 'Event' does not end"),
    ]


@pytest.mark.parametrize("stray", ["text", "</b></Event>", "<![CDATA[x]]>", "<", "a<b"])
def test_text_outside_of_elements_is_one_bad_record(stray: str) -> None:
    content = f"{ONE}\n{stray}\n{ONE}"
    assert [seq for seq, _ in bad(content)] == [2]
    assert events(content) == [ONE_EVENT] * 2


def test_text_outside_of_elements_is_shown_as_the_object_has_it() -> None:
    never = f"<!-- never {'x' * 9_000}"
    for content, shown in {
        "a<b": "a<b",
        never: never[:HEAD],
        f"{' ' * 9_000}x <y/> z ": "x <y/> z",
        "</b></Event>": "</b></Event>",
    }.items():
        (record,) = compile_chain(["xml-events"], Path()).records(stream_of(content))
        assert isinstance(record, Bad)
        assert record.head.decode() == shown
        assert record.size == len(content.strip())
        assert record.reason == f"text outside of the elements: {shown[:40]!r}"


@pytest.mark.parametrize("content", ["<!-- never", "<?xml never", f"<!-- never {ONE}"])
def test_a_comment_that_does_not_end_is_a_bad_record(content: str) -> None:
    assert [seq for seq, _ in bad(f"{ONE}{content}")] == [2]


def test_a_document_without_such_elements_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(ReaderError, match="no element 'Event'; there are 'rows', 'row'; expected the name"):
        events("<rows><row/></rows>")
    assert chains.run(["xml-events"], b"<Events/>").outcome.rules == {"no-records": 1}


def test_an_object_that_is_cut_off_gives_the_elements_before() -> None:
    stream: Any = io.BufferedReader(Pieces([ONE.encode(), b"<Event><a>"], DecompressionError("cut")))
    found, error = until_error(compile_chain(["xml-events"], Path()).records(stream))
    assert (found, str(error)) == ([ONE_EVENT], "cut")


def test_elements_beyond_the_limits_are_quarantined_and_the_others_read() -> None:
    long = f"<Event>{'x' * 3_000}</Event>"
    assert events(f"{long}{ONE}{long}", bytes=2_000) == [ONE_EVENT]
    assert "record has 3,015 bytes, over the limit of 2,000" in bad(f"{long}{ONE}", bytes=2_000)[0][1]
    tag = f"<Event a='{'x' * 3_000}'/>"
    assert "record has 3,013 bytes, over the limit of 2,000" in bad(f"{tag}{ONE}", bytes=2_000)[0][1]


def test_an_element_over_the_limit_is_too_long_however_it_is_read() -> None:
    content = f"<Event><b>{'x' * 2 * BLOCK}</b></Event>{ONE}"
    assert events(content, bytes=3 * BLOCK // 2) == [ONE_EVENT]
    assert f"record has {2 * BLOCK + 22:,} bytes" in bad(content, bytes=3 * BLOCK // 2)[0][1]
    attributes = " ".join(f'a{n}=""' for n in range(60))
    assert "more than 50 values" in bad(f"<Event {attributes}/>", values=50)[0][1]


@pytest.mark.parametrize("cut", range(4))
def test_a_comment_in_an_element_ends_wherever_blocks_end(cut: int) -> None:
    before, behind = "-->"[:cut], "-->"[cut:]
    pieces = [f"<Event a='1'><!-- </Event> {'x' * TAG}{before}".encode(), f"{behind}<b/></Event>{ONE}".encode()]
    found = chains.run(["xml-events"], Pieces(pieces))
    assert [event for _, event in found.events] == [{"@a": "1", "b": None}, ONE_EVENT]


@pytest.mark.parametrize("before", [0, TAG, BLOCK - 10])
@pytest.mark.parametrize("size", [TAG, TAG + 1, BLOCK + 1, 5 * BLOCK])
def test_a_long_tag_is_read_wherever_it_stands(before: int, size: int) -> None:
    value = "x>/" * size
    one = f"<Event a='{value[: size - 13]}'/>"
    content = f'{" " * before}<rows b="{value[:size]}">{one}{one}</rows>{one}'
    assert events(content) == [{"@a": value[: size - 13]}] * 3
    assert bad(content) == []
    assert bad(f"{one}{ONE}{one}", bytes=size) == []
    found = bad(f"{one}{ONE}", bytes=size - 1)
    assert [seq for seq, _ in found] == [1]
    assert f"record has {size:,} bytes, over the limit of {size - 1:,}" in found[0][1]


@pytest.mark.parametrize("broken", ["<Event a='{}><b/>", "<Event {}<b/>", '<Event a="{}"<b/>', "<Event a='{}"])
def test_a_long_tag_that_is_broken_is_one_bad_record(broken: str) -> None:
    content = broken.format("x" * 2 * BLOCK)
    assert bad(f"{content}{ONE}") == [(1, "element 'Event' does not end before the next one begins")]
    assert bad(content) == [(1, "element 'Event' does not end")]
    assert events(f"{content}{ONE}") == [ONE_EVENT]


def test_markup_over_its_limit_is_one_bad_record_that_says_so() -> None:
    entities = "<!ENTITY a 'b'>"
    fitting = f"<!DOCTYPE rows [{entities * (TAG // len(entities) - 2)}]>"
    assert bad(f"{fitting}<rows>{ONE}</rows>") == []
    found = bad(f"<!DOCTYPE rows [{entities * (TAG // len(entities) + 1)}]><rows>{ONE}</rows>")
    assert [seq for seq, _ in found] == [1]
    assert found[0][1].startswith('document type is broken, or over the limit of 65,536 bytes: "<!DOCTYPE rows [')
    found = bad(f"<rows a='{'x' * 2 * BLOCK}'>{ONE}", bytes=BLOCK)
    assert found == [(1, f'tag is broken, or over the limit of {BLOCK:,} bytes: "<rows a=\'{"x" * 31}"')]


def test_names_of_elements_around_may_have_any_letters() -> None:
    assert bad(f"<größe><ä:Event><b>2</b></ä:Event>{ONE}</größe>") == []
    assert events(f"<größe>{ONE}</größe>") == [ONE_EVENT]


def test_elements_beyond_other_limits_are_quarantined() -> None:
    assert "more than 100 values" in bad(f"<Event>{'<a/>' * 100}</Event>", values=100)[0][1]
    assert "too deep" in bad(f"<Event>{'<a>' * 300}{'</a>' * 300}</Event>")[0][1]


# ---- properties

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=5)
PIECES = st.sampled_from(
    [
        ONE,
        "<Event>",
        "</Event>",
        "<Event/>",
        "<a>",
        "</a>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x",
        "?>",
        "<",
        "\n",
        "é",
    ]
)


def nested(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from("xyz"), values, min_size=1, max_size=2)


def shape(record: Record) -> object:
    return (record.size, record.head, record.reason) if isinstance(record, Bad) else record


@settings(deadline=None, max_examples=150)
@given(st.lists(PIECES, max_size=12).map("".join), st.integers(1, 9), st.integers(20, 200))
@example("<Event>" * 3, 1, 20)
def test_records_are_the_same_wherever_blocks_end(content: str, size: int, limit: int) -> None:
    raw = content.encode()
    chain = compile_chain(["xml-events"], Path(), RecordLimits(bytes=limit))
    found = []
    for pieces in ([raw], [raw[at : at + size] for at in range(0, len(raw), size)]):
        stream: Any = io.BufferedReader(Pieces(pieces))
        records, error = until_error(chain.records(stream))
        found.append((list(map(shape, records)), str(error)))
    assert found[0] == found[1]


def element_of(value: Any, name: str) -> str:
    inner = "".join(element_of(each, key) for key, each in value.items()) if isinstance(value, dict) else escape(value)
    return f"<{name}>{inner}</{name}>"


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from("abc"), st.recursive(TEXTS, nested), min_size=1))
def test_what_is_written_as_elements_is_read_again(event: dict[str, Any]) -> None:
    assert events(f"<r>{element_of(event, 'Event')}</r>") == [event]


# ---- runs


def test_a_quarantine_has_the_bytes_of_the_object() -> None:
    stream: Any = io.BufferedReader(io.BytesIO(f"<r><Event>é</Event><Event>{'<x>'}</Event></r>".encode("utf-16")))
    records = compile_chain(["xml-events"], Path())._cut(stream)
    assert isinstance(records, TextRecords)
    shown = [records.original(record) for record in records]
    assert all(isinstance(each, Bad) for each in shown)
    assert [each.head.decode("utf-16-le") for each in shown if isinstance(each, Bad)] == [
        "<Event>é</Event>",
        "<Event><x></Event>",
    ]


def test_a_stopped_run_goes_on_behind_its_last_element(make: Make) -> None:
    content = "".join(f"<Event><n>{n}</n></Event>" for n in range(5)).encode()
    processor = make(content, ["xml-events"])
    first = done(processor.process(EVENT, StopAt(3)))
    assert first.rest is not None
    assert first.rest.records == [(4, None)]
    done(processor.process(replace(first.rest, object_etag=""), StopAt()))
    assert [event["n"] for run in Recorder.runs for event in run.events] == list("01234")


def test_texts_that_a_mapping_wants_are_looked_for_behind_escapes() -> None:
    chain = compile_chain(["xml-events"], Path(), contains=["x & y"])
    assert len(chains.run_chain(chain, f"{ONE}<Event>z</Event>".encode()).events) == 1


def test_ranges_of_elements_are_replayed() -> None:
    content = "".join(f"<Event><n>{n}</n></Event>" for n in range(1, 9)).encode()
    found = chains.run(["xml-events"], content, replace(OBJECT, records=[(2, 3), (7, 7)])).events
    assert [event["n"] for _, event in found] == ["2", "3", "7"]


# ---- an element in one text


@given(st.text() | st.text("<>/&;'\"= aE!?[]-\x00\udc80", max_size=40).map("<E>{}</E>".format))
def test_a_text_that_is_no_element_is_a_bad_record_whatever_it_is(text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    seen = chains.run(["s3-lines", "xml"], content)
    assert seen.outcome.balanced
    assert all(isinstance(event, dict) for _, event in seen.events)


def test_an_element_in_a_text_is_read_as_the_reader_of_elements_reads_it() -> None:
    content = b'<Event id="1"><a>x</a><a/><b c="d">y</b></Event>'
    assert chains.run(["xml"], content).events[0][1] == chains.run(["xml-events"], content).events[0][1]


def test_an_element_in_a_text_is_held_to_the_limits_of_a_record() -> None:
    deep = b"<a>" * 300 + b"</a>" * 300
    ((_, reason),) = chains.run(["xml"], deep).quarantined
    assert "too deep" in reason
    ((_, reason),) = chains.run(["xml"], b"<a>" + b"<b/>" * 60 + b"</a>", limits=RecordLimits(values=50)).quarantined
    assert "more than 50 values" in reason


def test_nul_bytes_alone_are_padding_and_byte_order_marks_are_nothing() -> None:
    outcome = chains.run(["xml-events"], f"{ONE}\0\0\n\ufeff{ONE}\ufeff\n".encode()).outcome
    assert (outcome.records, outcome.delivered, outcome.rules) == (3, 2, {"nul-padding": 1})
