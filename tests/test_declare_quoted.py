"""Access logs: fields with a blank between them, in quotes and brackets where these contain one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chains import run
from declared import both, both_in_turn, event_of, read_slowly
from slips.format import RecordLimits
from slips.parsing import KeyValue, Quoted, iso
from slips.parsing.escapes import unescaped


def door(**parts: Any) -> Quoted:
    return Quoted("door", "the door log of ACME", **{"columns": 'ip [time] "request" status', **parts})


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('::1 [10/Oct 13:55] "GET / 1" 200', ["::1", "10/Oct 13:55", "GET / 1", "200"]),
        ('- - - "-"', ["-", "-", "-", "-"]),
        (' [] "" ', ["", "", "", ""]),
        ('a [b] "c" "d e"', ["a", "b", "c", "d e"]),
        ('"a b" [c [d]e] "f "g"h" i', ["a b", "c [d]e", 'f "g"h', "i"]),
        ('[a [b c] d "e"', ["[a", "b c", "d", "e"]),
        ('[a [b] "c"x" d', ["[a", "b", 'c"x', "d"]),
        ('a [b] "c \\" \\\\" d', ["a", "b", 'c " \\', "d"]),
    ],
)
def test_a_field_ends_with_its_quote_or_bracket_before_a_blank(line: str, values: list[str | None]) -> None:
    assert list(event_of(door(), line)[0].values()) == values


def test_a_quote_that_never_ends_is_bad() -> None:
    expected = ("RecordError", "field 3 is '\"c d'; expected a quote that ends it")
    assert both(door(), 'a [b] "c d') == expected
    assert both(door(), 'a [b] "c d\\"')[0] == "RecordError"


def test_further_fields_are_kept_and_a_blank_at_the_end_is_none() -> None:
    event = event_of(door(), 'a [b] "c" d e "f g" [h i] ')[0]
    assert [*event.items()][4:] == [("column_5", "e"), ("column_6", "f g"), ("column_7", "[h"), ("column_8", "i]")]
    assert event_of(door(columns="column_2"), "a b")[0] == {"column_2": "a", "column_2_": "b"}


def test_a_line_with_too_few_fields_is_bad_and_optional_columns_may_be_missing() -> None:
    assert both(door(), 'a [b] "c"') == (
        "RecordError",
        "line has 3 fields; expected 4, such as 'ip [time] \"request\" status'",
    )
    older = door(optional="request status", absent="-")
    assert event_of(older, "a [b]")[0] == {"ip": "a", "time": "b", "request": None, "status": None}
    assert both(older, "a") == (
        "RecordError",
        "line has 1 field; expected 2 or more, such as 'ip [time] \"request\" status'",
    )


def test_host_and_port_are_two_fields() -> None:
    declared = door(columns="client:port to:toport", absent="-", floats="to")
    assert event_of(declared, "10.0.0.1:80 -")[0] == {"client": "10.0.0.1", "port": 80, "to": None, "toport": None}
    assert event_of(declared, "[::1]:80 5")[0] == {"client": "[::1]", "port": 80, "to": 5.0, "toport": None}
    assert event_of(declared, "unix: -:")[0] == {"client": "unix", "port": None, "to": None, "toport": None}
    assert both(declared, "a:b -") == ("RecordError", "'port' is 'b'; expected an integer")


@pytest.mark.parametrize("absent", ["- - - ", ("-", "- - - ")])
def test_a_request_line_that_stands_for_none_has_no_parts(absent: Any) -> None:
    declared = door(columns='"request" status', requests={"request": "method target protocol"}, absent=absent)
    nothing = dict.fromkeys(["request", "method", "target", "protocol"])
    assert event_of(declared, '"- - - " 200')[0] == nothing | {"status": "200"}
    assert event_of(declared, '"- -  -" 200')[0]["target"] == "- "


def test_a_request_line_is_cut_at_its_first_and_last_blank() -> None:
    names = ("request", "method", "target", "protocol")
    declared = door(columns='"request" status', requests={"request": " ".join(names[1:])}, absent="-")
    for request, parts in {
        "GET /a b HTTP/1.1": ("GET", "/a b", "HTTP/1.1"),
        "- http://10.0.0.30:80- -": (None, "http://10.0.0.30:80-", None),
        "- http://10.0.0.30:80- ": (None, "http://10.0.0.30:80-", ""),
        "GET /": (None, None, None),
        r"\q\y": (None, None, None),
        "  ": ("", "", ""),
    }.items():
        event = event_of(declared, f'"{request}" 200')[0]
        assert event == dict(
            zip(["request", "method", "target", "protocol", "status"], (request, *parts, "200"), strict=True)
        )
    assert event_of(declared, "- 200")[0] == dict.fromkeys(["request", "method", "target", "protocol"]) | {
        "status": "200"
    }


@pytest.mark.parametrize(("escapes", "value"), [("keep", 'a\\" \\x22\\n'), ("decode", 'a" "\n'), ("none", "a\\")])
def test_escapes_are_kept_decoded_or_no_escapes(escapes: str, value: str) -> None:
    declared = door(columns='"a" "b"', optional="b", escapes=escapes)
    assert event_of(declared, '"a\\" \\x22\\n"')[0]["a"] == value


def test_a_declaration_decodes_escapes_by_default_as_the_formats_of_the_config_do() -> None:
    line = r'- - - [29/Nov/2026:08:00:00 +0000] "a\x22" 200 1'
    ((_, event),) = run(["access-log"], line.encode()).events
    declared = door(columns='client ident user [time] "request" status bytes')
    assert event["request"] == event_of(declared, line)[0]["request"] == 'a"'
    for chain in ("key-value", "logfmt"):
        ((_, event),) = run([chain], rb'a="\x22"').events
        assert event == event_of(KeyValue("pairs", "pairs"), r'a="\x22"')[0] == {"a": '"'}


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        (r"\x22\xc3\xa9\xff", '"é\udcff'),
        (r"\u00e9\ud83d\ude00", "é😀"),
        (r"\ud83d", "\ud83d"),
        (r"\\x22 \t\q", "\\x22 \t\\q"),
        ("\\", "\\"),
        ("no escape", "no escape"),
    ],
)
def test_an_escape_is_what_its_program_replaced(text: str, decoded: str) -> None:
    assert unescaped(text) == decoded


ESCAPES = st.lists(
    st.sampled_from(
        [*"\\nrtbfv\"'/xu04d\0\1\2\ufffe", r"\\\\", r"\n", r"\x5cn", r"\x00", r"\u0000", r"\ud83d", r"\xc3\xa9", r"\q"]
    ),
    max_size=9,
).map("".join)


@given(ESCAPES)
def test_many_escapes_are_decoded_as_a_few_are(text: str) -> None:
    many = " ".join([text] * 20)
    assert unescaped(many + r" \n" * 21) == " ".join([unescaped(text)] * 20) + " \n" * 21


def test_message_time_and_numbers_are_made_of_the_fields() -> None:
    declared = door(integers="status", time=iso("time"), message="{ip} {request} {status}", absent="-")
    line = '- [2018-06-11T12:00:00Z] "GET" 200'
    assert event_of(declared, line)[1:] == ("door", 1528718400.0, "None GET 200")
    assert both(declared, line + "x") == ("RecordError", "'status' is '200x'; expected an integer")


def test_lines_of_changing_shape_are_read_as_if_each_stood_alone() -> None:
    declared = door(optional="request status", absent="-")
    lines = [
        'a [b] "c" d',
        'a - "c" d',
        "a b - d",
        '"a" [b] - "d"',
        "a [b]",
        'a [b] "c" d e',
        'a [b] "c" d "e"',
        "a b ",
    ]
    turns = [lines[number * step % 8] for step in (1, 3, 5) for number in range(24)]
    assert both_in_turn(declared, turns) == [both(declared, line) for line in turns]


def test_a_blank_that_ends_a_line_begins_no_field_behind_a_line_with_one_more_either() -> None:
    lines = ['a [b] "c" d e', 'a [b] "c" d ']
    assert both_in_turn(door(), lines) == [both(door(), line) for line in lines]


def test_the_first_line_of_each_shape_alone_is_read_slowly() -> None:
    usual, *others = ['a [b] "c d" e', 'a [b] "c d" e f', 'a - "c d" e f', '"a" [b] c d']
    assert read_slowly(door().line_parser(RecordLimits()), [usual, *others] * 9) == others


def test_lines_of_hostile_shapes_do_not_make_usual_ones_slow() -> None:
    """Any client may write such shapes, each with as many quotes as a usual line has: it must not slow down others."""
    usual = 'a [b] "c d" e'
    lines = [line for number in range(1, 99) for line in (f"{usual}{' x' * number}", usual)]
    slow = read_slowly(door().line_parser(RecordLimits()), lines)
    assert usual not in slow
    assert len(slow) == 98


def test_a_line_with_more_fields_than_allowed_is_bad() -> None:
    for line in ("a " * 100, '"" ' * 100):
        assert both(door(), line, RecordLimits(values=50))[0] == "RecordTooLarge"
        assert both(door(), line, RecordLimits(values=500))[0] != "RecordTooLarge"
    expected = ("RecordTooLarge", "line has more than 1,004 fields; expected 4")
    assert both(door(), "a " * 1005) == expected
    assert both(door(), "a " * 1003 + "a")[0] != "RecordTooLarge"


# ---- Both readings


PIECES = st.sampled_from(
    ["a", "-", "1", ":", '"', "[", "]", " ", '" "', "] ", " [", '" ', ' "', "\\", '\\"', "[a b]", '"a b"']
)
LINES = st.lists(PIECES, max_size=14).map("".join)
DECLARED = [
    door(),
    door(columns='a:b [c] "d"', optional="c d", requests={"d": "e f g"}, absent=("-", "")),
    door(columns='"a" "b" [c] [d] "e"', optional="b c d e", escapes="decode", absent="-"),
    door(columns="[a] b [c] d", optional="c d", escapes="none", integers="b"),
]


@pytest.mark.parametrize("declared", DECLARED)
@given(lines=st.lists(LINES, max_size=6))
def test_both_readings_of_arbitrary_lines_agree(declared: Quoted, lines: list[str]) -> None:
    both_in_turn(declared, lines)


WIDE = st.lists(
    st.tuples(
        st.sampled_from([" a", ' "a"', ' "a b"', " ", ' ""', ' "', " [a b]", ' "a\\"', ' a"', "x"]), st.integers(1, 600)
    ),
    max_size=4,
).map(lambda pieces: "".join(piece * times for piece, times in pieces))


@pytest.mark.parametrize("declared", DECLARED)
@given(line=LINES, wide=WIDE, limit=st.sampled_from([RecordLimits(), RecordLimits(values=90)]))
@example("a [b] c d", " a" * 999 + " ", RecordLimits())
@example("a [b] c d", " a" * 1000 + " ", RecordLimits())
@example("a [b] c d", ' "a"' * 1000, RecordLimits())
@example("a [b] c d", ' "a"' * 1000 + ' "', RecordLimits())
@example("a [b] c d", ' "a"' * 999 + ' "', RecordLimits())
@example("a [b] c d", ' ""' * 60, RecordLimits())
def test_both_readings_of_lines_of_many_fields_agree(
    declared: Quoted, line: str, wide: str, limit: RecordLimits
) -> None:
    both(declared, line + wide, limit)


TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from('"\\[] -'))


@given(st.from_regex(r'[^" ][^ ]*', fullmatch=True), TEXT, TEXT, st.integers())
@example("a", '"', "\\", 0)
def test_generated_fields_come_back(bare: str, bracketed: str, quoted: str, number: int) -> None:
    declared = door(escapes="decode", integers="status")
    written = re.sub(r'(["\\])', r"\\\1", quoted)
    bracketed = bracketed.replace("]", "")
    event = event_of(declared, f'{bare} [{bracketed}] "{written}" {number}')[0]
    assert list(event.values()) == [bare, bracketed, quoted, number]


# ---- Mistakes


@pytest.mark.parametrize(
    ("parts", "mistake"),
    [
        ({"columns": ["ip", "[time]"]}, "columns is ['ip', '[time]']; expected one text, with blanks between columns"),
        ({"requests": "request"}, "requests is 'request'; expected a column, and names of its three parts, such as"),
        ({"requests": {"request": ("a", "b", "c")}}, "requests is {'request': ('a', 'b', 'c')}; expected a column"),
        ({"columns": ""}, "columns is empty; expected columns with blanks between, such as 'ip [time] \"request\"'"),
        ({"columns": 'a "b'}, 'columns: \'"b\' is no column; expected time, "time", [time] or host:port'),
        ({"columns": "a:b a"}, "columns: 'a' is there twice; expected each name once"),
        ({"optional": "request"}, "optional is 'request'; expected the last columns, in order"),
        ({"requests": {"request": "method"}}, "requests: 'request' is 'method'; expected a column, and three names"),
        ({"requests": {"req": "a b c"}}, "requests: 'req' is 'a b c'; expected a column, and three names"),
        ({"requests": {"request": "a b ip"}}, "columns: 'ip' is there twice"),
        ({"escapes": "yes"}, "escapes is 'yes'; expected 'keep', 'decode' or 'none'"),
        ({"integers": "stat"}, "integers: no field 'stat'; expected one of ip, request, status, time"),
        ({"time": iso("at")}, "time: no field 'at'; expected one of ip, request, status, time"),
    ],
)
def test_a_mistake_in_a_declaration_is_told_when_it_is_made(parts: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=r"^format 'door': ") as caught:
        door(**parts)
    assert mistake in str(caught.value)
