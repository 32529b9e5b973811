"""Rows of tables: what RFC 4180 says, and what is made of everything that it does not."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import chains
from chains import Pieces, run_chain, until_error
from slips.errors import DecompressionError, ReaderError, RecordTooLarge
from slips.format import Bad, Record, RecordLimits, TooLong
from slips.parsing.chain import compile_chain
from slips.parsing.readers.rows import DELIMITERS
from slips.parsing.readers.text import EMPTY
from slips.step import Step


def rows(
    content: bytes | Pieces, delimiter: str = ",", record_bytes: int = 1 << 20, values: int = RecordLimits().values
) -> Iterator[Record]:
    raw = Pieces([content]) if isinstance(content, bytes) else content
    return compile_chain([f"csv:{delimiter}"], Path(), RecordLimits(record_bytes, values)).records(
        io.BufferedReader(raw, 1 << 17)
    )


def reference(text: str, delimiter: str) -> list[list[str] | None]:
    """The rows by the grammar in the docstring of the reader, character by character; None for an endless quote."""
    found: list[list[str] | None] = []
    row: list[str] = []
    field, state, position, began = "", "start", 0, 0
    while position < len(text):
        char = text[position]
        ends = text[position:].startswith(("\n", "\r\n")) or text[position:] == "\r"
        if state == "quoted" and char == '"':
            state = "after"
        elif state == "quoted":
            field += char
        elif state == "after" and char == '"':
            field, state = field + '"', "quoted"
        elif ends:
            if delimiter in text[began:position] or text[began:position].strip(" \t\r\n\x0b\x0c"):
                found.append([*row, field])
            position += char == "\r" and text[position:] != "\r"
            row, field, state, began = [], "", "start", position + 1
        elif char == delimiter:
            row, field, state = [*row, field], "", "start"
        elif state == "start" and char == '"':
            state = "quoted"
        else:
            field, state = field + char, "plain"
        position += 1
    if state == "quoted":
        return [*found, None]
    if delimiter in text[began:] or text[began:].strip(" \t\r\n\x0b\x0c"):
        found.append([*row, field])
    return found


def values(record: Record) -> list[str] | None:
    return list(record.values()) if isinstance(record, dict) else None


def found_in(records: Iterator[Record]) -> list[list[str] | None]:
    """The rows; none if the table is said to have none."""
    found = list(records)
    return [] if found == [EMPTY] else [values(each) for each in found]


SIGNS = [
    ",",
    ";",
    "\t",
    " ",
    '"',
    '""',
    '","',
    "\n",
    "\r\n",
    "\r",
    "x\0",
    "\x0b",
    "\x0c",
    "\x85",
    "\u2028",
    "é",
    "日本",
]
texts = st.lists(st.sampled_from(SIGNS) | st.sampled_from("abc"), max_size=30).map("".join)


@pytest.mark.slow
@settings(deadline=None)
@given(texts, st.sampled_from([",", ";", "\t", " ", "é"]), st.integers(1, 40))
@example('"a"b"c,""x\n', ",", 1)
@example('\r\r\n"a\r', ",", 1)
@example("\t\n \n", "\t", 1)
@example("\t\n \n", " ", 1)
def test_rows_are_what_the_grammar_says(text: str, delimiter: str, step: int) -> None:
    content = f"header\n{text}".encode()
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    assert found_in(rows(Pieces(pieces), delimiter)) == reference(text, delimiter)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.lists(texts, min_size=2, max_size=4), max_size=6), st.sampled_from(["excel", "unix"]))
def test_tables_written_by_the_standard_library_are_read_back(table: list[list[str]], dialect: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, dialect).writerows([["a", "b"], *table])
    assert found_in(rows(written.getvalue().encode())) == table


# ---- names


@pytest.mark.parametrize(
    ("header", "row", "event"),
    [
        ("a,b", "1,2", {"a": "1", "b": "2"}),
        ("a,b", "1", {"a": "1"}),
        ("a,b", "1,2,3,4", {"a": "1", "b": "2", "column_3": "3", "column_4": "4"}),
        ("a,,b,a,", "1,2,3,4,5", {"a": "1", "column_2": "2", "b": "3", "column_4": "4", "column_5": "5"}),
        ("column_2,", "1,2", {"column_2": "1", "column_2_": "2"}),
        (",column_1", "1,2", {"column_1_": "1", "column_1": "2"}),
        ("column_3,a", "1,2,3", {"column_3": "1", "a": "2", "column_3_": "3"}),
        (' a ,"b ""c"""', "1, 2 ", {" a ": "1", 'b "c"': " 2 "}),
        ('"two\nlines",b', "1,2", {"two\nlines": "1", "b": "2"}),
        ("\ufeffa,b", "\ufeff1,2", {"a": "1", "b": "2"}),
        ('\ufeff"a",b', "1,2", {"a": "1", "b": "2"}),
        ("\n\r\n  \na,b", "1,2", {"a": "1", "b": "2"}),
        ("a,b\r", "1,2\r", {"a": "1", "b": "2"}),
    ],
)
def test_each_column_has_a_name_of_its_own(header: str, row: str, event: dict[str, str]) -> None:
    assert list(rows(f"{header}\n{row}\n".encode())) == [event]


def test_a_row_is_not_named_after_a_longer_one_before_it() -> None:
    assert list(rows(b"a\n1,2\n3\n")) == [{"a": "1", "column_2": "2"}, {"a": "3"}]


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\r", b"\xff\xfe\n\0"])
def test_a_blank_table_has_no_records(content: bytes) -> None:
    assert list(rows(content)) == []


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"a,b\n\r\n  \n", b",", b'""', b"#Version: 1.0\n#Fields: a b\n"])
def test_a_table_with_a_header_and_no_rows_is_filtered_by_a_rule(content: bytes) -> None:
    assert list(rows(content)) == [EMPTY]


# ---- W3C extended logs


W3C = """#Version: 1.0
#Fields: date time cs-uri
2026-11-28{0}08:00:00{0}/a

2026-11-28{0}08:00:01{0}"/b{0}c"
#Software: another
#Fields: date s-ip
2026-11-29{0}192.0.2.1
# a remark
2026-11-29{0}192.0.2.2
"""


@pytest.mark.parametrize(("delimiter", "sign"), [("tab", "\t"), ("space", " "), (",", ",")])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_fields_of_a_w3c_log_name_the_columns_below_them(delimiter: str, sign: str, mark: str, end: str) -> None:
    content = mark + W3C.format(sign).replace("\n", end)
    assert list(rows(content.encode(), delimiter)) == [
        {"date": "2026-11-28", "time": "08:00:00", "cs-uri": "/a"},
        {"date": "2026-11-28", "time": "08:00:01", "cs-uri": f"/b{sign}c"},
        {"date": "2026-11-29", "s-ip": "192.0.2.1"},
        {"date": "2026-11-29", "s-ip": "192.0.2.2"},
    ]


def test_a_directive_of_two_words_may_stand_before_the_fields() -> None:
    content = b"#Version: 1.5\n#Time Format: Local\n#Fields: date action\n2026-11-28 DROP\n"
    assert list(rows(content, "space")) == [{"date": "2026-11-28", "action": "DROP"}]


def test_fields_may_have_between_them_what_rows_have() -> None:
    assert list(rows(b"#Fields: a, b\n1,2\n")) == [{"a,": "1", "b": "2"}]
    assert list(rows(b"#Fields:a,b\n1,2\n")) == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(("blank", "named"), [(b" ", "space"), (b"\t", "tab")])
def test_a_row_of_w3c_with_blanks_in_place_of_the_delimiter_is_refused_with_what_to_write(
    blank: bytes, named: str
) -> None:
    content = b"#Fields: date time c-ip\n" + blank.join((b"2026-11-29", b"08:00:00", b"192.0.2.7")) + b"\n"
    seen = chains.run(["csv"], content)
    assert seen.events == []
    ((_, reason),) = seen.quarantined
    assert reason.startswith("the row has no ',' between its fields, as many as '#Fields:' names, but blanks")
    assert f"write 'csv:{named}', or" in reason
    assert len(chains.run([f"csv:{named}"], content).events) == 1


@pytest.mark.parametrize("first", ["#time,b", "#Version: 1.0,b", "# Fields: a,b"])
def test_a_header_that_begins_with_a_hash_is_one(first: str) -> None:
    content = f"{first}\n1,2\n#3,4\n".encode()
    names = first.split(",")
    assert list(rows(content)) == [dict(zip(names, row, strict=True)) for row in (("1", "2"), ("#3", "4"))]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"#Fields: " + b"a" * 1_000 + b" b\n1 2\n", "'#Fields:': record has 1,011 bytes, over the limit of 1,000"),
        (b"#Fields: " + b"a " * 101 + b"\n1 2\n", "'#Fields:': record has more than 100 values"),
        (b"#Fields:a" + b",b" * 101 + b"\n1,2\n", "'#Fields:': record has more than 100 values"),
        ("#Fields: \U0001f600{}\n1 2\n".format("b" * 700).encode(), "'#Fields:': record is a text of 711 characters"),
        (b"#A: " + b"a" * 600 + b"\n#B: " + b"b" * 600 + b"\n#Fields: c\n", "2 lines begin as directives of a W3C log"),
    ],
)
def test_directives_beyond_the_limits_end_the_object(content: bytes, why: str) -> None:
    before = b"#Version: 1.0\n#Fields: a b\n1 2\n" if content.startswith(b"#Fields") else b""
    found, error = until_error(rows(before + content, " " if b"," not in content else ",", 1_000, 100))
    assert len(found) == len(before.splitlines()[2:])
    assert isinstance(error, ReaderError)
    assert f"csv: the header cannot be read: {why}" in str(error)


def test_directives_take_no_memory_for_each() -> None:
    pieces = Pieces([b"#A: " + b"a" * 60_000 + b"\n"] * 99 + [b"a,b\n1,2\n"])
    tracemalloc.start()
    try:
        _, error = until_error(rows(pieces, record_bytes=100_000))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert "directives" in str(error)


def test_columns_of_the_config_stand_against_those_of_a_w3c_log() -> None:
    chain = compile_chain([{"csv": {"columns": ["x", "y"]}}], Path())
    content = b"#Fields: a b\n1,2\n#Date: x\n3,4\n"
    assert list(chain.records(io.BufferedReader(io.BytesIO(content)))) == [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]


@pytest.mark.parametrize(("delimiter", "sign"), [*DELIMITERS.items(), (":", ":"), ("^", "^"), ("]", "]"), ("", ",")])
def test_the_parameter_is_the_delimiter(delimiter: str, sign: str) -> None:
    assert list(rows(f'a{sign}b\n"1{sign}"{sign}2\n'.encode(), delimiter)) == [{"a": f"1{sign}", "b": "2"}]


@pytest.mark.parametrize("delimiter", ["comma", ",,", '"', "\n", "\r"])
def test_a_text_that_cannot_be_a_delimiter_is_refused(delimiter: str) -> None:
    with pytest.raises(ReaderError, match="cannot be the delimiter; expected one character, or one of tab, semicolon"):
        list(rows(b"a,b\n1,2\n", delimiter))


def test_bytes_that_are_not_utf8_survive() -> None:
    (event,) = rows(b'a,b\n\xff\xfe,"\xe3\x81"\n')
    assert isinstance(event, dict)
    assert [value.encode("utf-8", "surrogateescape") for value in event.values()] == [b"\xff\xfe", b"\xe3\x81"]


# ---- limits


@pytest.mark.parametrize("quote", [b"", b'"'])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("size", [19, 20, 21, 22, 23, 24, 25, 1_000, 200_000])
def test_a_row_over_the_limit_is_too_long_and_reading_goes_on(size: int, end: bytes, quote: bytes) -> None:
    row = quote + b"x" * (size - 2 - 2 * len(quote)) + quote + b",y"
    if quote:
        row = row[:5] + b"\n" + row[6:]
    short = b"1,2" + end if end else b""
    found = list(rows(b"a,b\n1,2\n" + row + end + short, record_bytes=22))
    assert len(found) == 2 + bool(end)
    assert found[0] == {"a": "1", "b": "2"}
    assert found[2:] == [{"a": "1", "b": "2"}] * bool(end)
    if size <= 22:
        assert values(found[1]) == [row[len(quote) : -2 - len(quote)].decode(), "y"]
    else:
        assert isinstance(found[1], TooLong)
        assert found[1].size == size + (end == b"\r\n")
        assert (row + end).startswith(found[1].head)
        assert found[1].head


def test_a_row_that_begins_with_many_spaces_is_not_cut() -> None:
    found = list(rows(b"a,b\n" + b" " * 100 + b"1,2\n3,4\n", record_bytes=22))
    assert [type(each) for each in found] == [TooLong, dict]


def test_a_field_may_be_as_long_as_a_record() -> None:
    long = "x," * 150_000
    assert list(rows(f'a,b\n"{long}",2\n'.encode())) == [{"a": long, "b": "2"}]


@pytest.mark.parametrize("size", [1, 1_000, 200_000])
def test_a_quote_that_never_ends_makes_one_bad_record_of_the_rest(size: int) -> None:
    first, bad = rows(b'a,b\n1,2\n"' + b"x,y\n" * size)
    assert first == {"a": "1", "b": "2"}
    assert isinstance(bad, Bad)
    assert (bad.size, bad.head) == (1 + 4 * size, b'"x,y\n')
    assert not isinstance(bad, TooLong)
    assert "a quote that never ends" in bad.reason


@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize(
    ("start", "commas"),
    [
        ("", 9),
        ('""', 9),
        ('"a""b,,,,,,,,,,,,,"', 9),
        ('"a\nb,,,,,,\n,,,,,,"', 9),
        ('1,2,"a\n,,,"",,,,\n"",,,,\n,,\n",3,"b\n,,,\n,,"', 5),
        ('a"b,', 8),
    ],
)
def test_a_row_of_more_fields_than_the_limit_is_bad_and_reading_goes_on(start: str, commas: int, over: int) -> None:
    row = start + "," * (commas + over)
    first, last = rows(f"a,b\n{row}\n1,2\n".encode(), values=10)
    assert last == {"a": "1", "b": "2"}
    if over:
        assert isinstance(first, Bad)
        assert type(first.error()) is RecordTooLarge
        assert first.reason == "record has more than 10 values; raise 'limits.record_values' to take it"
    else:
        (fields,) = csv.reader(io.StringIO(row))
        assert values(first) == fields
        assert len(fields) == 10


@pytest.mark.parametrize("header", [b'a,"b\n1,2\n', b"x" * 100 + b"\n1,2\n"])
def test_a_header_that_cannot_be_read_ends_the_object(header: bytes) -> None:
    with pytest.raises(ReaderError, match="csv: the header cannot be read: r"):
        list(rows(header, record_bytes=50))


def test_an_error_of_the_stream_comes_after_all_whole_rows_before_it() -> None:
    content = b'a,b\n1,2\n"3\n,",4\n5,"6\n7,8\n'
    for cut, count in ((4, 0), (7, 0), (8, 1), (12, 1), (16, 2), (len(content), 2)):
        for step in (1, 100):
            pieces = [content[at : min(at + step, cut)] for at in range(0, cut, step)]
            raised = DecompressionError("damaged")
            found, error = until_error(rows(Pieces(pieces, raised)))
            assert (len(found), error) == (count, raised)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "line", "count"),
    [
        (b"", b'"%s",%s\n' % (b"x" * 500, b"y" * 500), 20_001),
        (b'"', b"%s\n" % (b"x" * 1_000), 2),
        (b'"\n', b"x" * 1_000, 2),
    ],
)
def test_memory_does_not_grow_with_the_table_nor_with_a_row(start: bytes, line: bytes, count: int) -> None:
    pieces = [b"a,b\n1,2\n", start, *[line * 100] * 200]
    tracemalloc.start()
    try:
        found = sum(1 for _ in rows(Pieces(pieces), record_bytes=200_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == count
    assert peak < 2_000_000


@pytest.mark.slow
def test_a_row_of_many_short_lines_takes_no_memory_for_each() -> None:
    """Beside what `csv` keeps, the lines behind a quote that never ends took twelve times their bytes."""
    size = 2_000_000
    pieces = [b'a,b\n"', *[b"a,b\n" * (size // 80)] * 20]
    tracemalloc.start()
    try:
        assert [type(row) for row in rows(Pieces(pieces), record_bytes=2 * size)] == [Bad]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * size


signs = st.lists(
    st.sampled_from([",", '"', '""', "\n", "\r\n", "x", "§", "\u00c2", "x" * 30, '"' * 30]), max_size=12
).map("".join)


@settings(deadline=None)
@given(signs, st.sampled_from([",", "§"]), st.sampled_from([8, 12, 20]))
@example("x" * 30 + '",1\n1,2\n3,4\n', ",", 12)
def test_a_row_ends_where_it_ends_within_any_limit(text: str, delimiter: str, record_bytes: int) -> None:
    content = (f"a{delimiter}b\n" + text).encode()
    few = [each for each in rows(content, delimiter, record_bytes) if isinstance(each, Bad | dict)]
    many = [each for each in rows(content, delimiter) if isinstance(each, Bad | dict)]
    assert len(few) == len(many)
    assert all(one == other for one, other in zip(few, many, strict=True) if isinstance(one, dict))


@pytest.mark.parametrize("at", range(-4, 5))
@pytest.mark.parametrize("sign", ["§", '"', '""', '"""', '§"', '"§', '"§"'])
def test_a_long_row_ends_where_it_ends_wherever_blocks_do(sign: str, at: int) -> None:
    content = ("a§b\n" + '"' + "x" * 20 + "y" * ((1 << 16) - 8 + at) + sign + "z\n" + '1§2\n"3"§4\n').encode()
    assert len(list(rows(content, "§", 12))) == len(list(rows(content, "§")))


@pytest.mark.parametrize("before", ["s3-lines", "s3-text"])
@pytest.mark.parametrize("table", ["csv:tab", {"csv": {"delimiter": "\t", "columns": ["a", "b"]}}])
def test_a_table_behind_a_reader_of_text_is_read_as_the_table_alone(before: str, table: Step) -> None:
    content = b'1\t2\n3\t"4\n5"\n'
    alone, behind = compile_chain([table], Path()), compile_chain([before, table], Path())
    assert behind.reader == alone.reader
    assert run_chain(behind, content).events == run_chain(alone, content).events != []
