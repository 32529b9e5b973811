"""Lines of fields with a separator: columns that are declared or named by a header, numbers, CSV in one line."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import chains
from chains import new_meta
from declared import both, both_in_turn, event_of, read_slowly
from slips.format import Limited, PerObject, RecordLimits
from slips.parsing import Columns, Csv, epoch, iso
from slips.parsing.declare.columns import ColumnsOptions


def door(**parts: Any) -> Columns:
    return Columns("door", "the door log of ACME", **{"columns": "time door user", **parts})


def table(**parts: Any) -> Csv:
    return Csv("table", "a table of ACME", **{"columns": "time door user", **parts})


def events(declaration: Columns, *lines: str) -> list[Any]:
    """The events of the lines of an object; of another line the kind of its outcome."""
    found = both_in_turn(declaration, lines)
    return [eval(each[0]) if len(each) == 4 else each[0] for each in found]


# ---- Fields


def test_fields_have_the_names_of_the_columns() -> None:
    assert event_of(door(), "1 north ann")[0] == {"time": "1", "door": "north", "user": "ann"}
    assert event_of(door(separator="|"), "1|north door|")[0] == {"time": "1", "door": "north door", "user": ""}
    assert event_of(door(separator=", "), "1, a,b, c")[0] == {"time": "1", "door": "a,b", "user": "c"}
    assert event_of(door(separator=""), " 1  north\tann ")[0] == {"time": "1", "door": "north", "user": "ann"}
    assert event_of(door(columns=("the time",)), "1")[0] == {"the time": "1"}


ODD_NAMES = ("class", "None", "__class__", "__dict__", "s-ip", "\ufb01", "fi", "9", "a.b", "\udcff", "self", "Ärger")


@pytest.mark.parametrize("left_out", [(), ("__class__", "__dict__")])
@pytest.mark.parametrize("further", [0, 16, 17, 18, 19, 20])
def test_a_column_may_have_any_name(left_out: tuple[str, ...], further: int) -> None:
    names = [name for name in (*ODD_NAMES, *map("n{}".format, range(further))) if name not in left_out]
    line = " ".join(map(str, range(len(names))))
    event, *_ = event_of(door(columns=tuple(names)), line)
    assert [*event.items()] == [(name, str(number)) for number, name in enumerate(names)]


@pytest.mark.parametrize("names", ["b", "b c", "b c d e"])
def test_an_absent_text_that_writes_a_number_is_no_number_whatever_stands_beside_it(names: str) -> None:
    declared = door(columns="a b c d e", absent=("-1", "-"), integers=names)
    values = dict.fromkeys(names.split(), 7)
    for beside in ("7", "-"):
        last = 7 if "e" in values else "7"
        expected = {"a": "x", "b": None, "c": None, "d": None, "e": None if beside == "-" else last}
        assert event_of(declared, f"x -1 -1 -1 {beside}")[0] == expected


def test_a_changed_event_changes_no_other() -> None:
    parse: Any = PerObject.begin(Limited.bind(door().parse, RecordLimits()))
    first, second = (parse(new_meta(), line) for line in ("1 a b", "2 c d"))
    first["more"], first["door"] = "x", "y"
    del first["time"]
    third = parse(new_meta(), "3 e f")
    assert [first, second, third] == [
        {"door": "y", "user": "b", "more": "x"},
        {"time": "2", "door": "c", "user": "d"},
        {"time": "3", "door": "e", "user": "f"},
    ]


def test_further_fields_are_kept_by_their_number() -> None:
    assert event_of(door(), "1 a b c d")[0] == {"time": "1", "door": "a", "user": "b", "column_4": "c", "column_5": "d"}
    crossed = door(columns="column_3 a")
    assert event_of(crossed, "1 2 3")[0] == {"column_3": "1", "a": "2", "column_3_": "3"}


def test_white_space_around_fields_that_are_padded_is_no_part_of_them() -> None:
    padded = door(padded=True, separator="|", integers="time", absent="", message="{door}")
    assert event_of(padded, " 1 |north door  |\t") == (
        {"time": 1, "door": "north door", "user": None},
        "door",
        *event_of(padded, "1|north door|")[2:],
    )
    assert event_of(table(padded=True), '1 , "a" ,"b "')[0] == {"time": "1", "door": "a", "user": "b"}
    assert event_of(table(padded=True), '1, "a, a", b')[0] == {"time": "1", "door": "a, a", "user": "b"}
    assert both(table(padded=True), '1, "a, b')[0] == "RecordError"


def test_a_line_with_too_few_fields_is_bad_and_optional_columns_may_be_missing() -> None:
    assert both(door(), "1 a") == ("RecordError", "line has 2 fields; expected 3")
    older = door(optional="door user")
    assert event_of(older, "1")[0] == {"time": "1", "door": None, "user": None}
    assert event_of(older, "1 a")[0] == {"time": "1", "door": "a", "user": None}
    assert both(door(optional="user"), "1") == ("RecordError", "line has 1 field; expected 2 or more")


def test_lines_of_changing_width_are_read_as_if_each_stood_alone() -> None:
    lines = ["1 a b", "1 a", "1 a b c", "1", "", "1 a b", "1 a b c"] * 3
    declared = door(optional="user")
    assert both_in_turn(declared, lines) == [both(declared, line) for line in lines]


def test_the_first_line_of_each_width_below_a_header_alone_is_read_slowly() -> None:
    widths = ["1 a b", "2 a b c", "3 a b c d"]
    headers = ["door user time", "user time door"]
    lines = [*widths * 3, headers[0], *widths * 3, headers[1], *widths * 3]
    parser = door(header="time door user").line_parser(RecordLimits())
    assert read_slowly(parser, lines) == [*widths[1:], headers[0], *widths[1:], headers[1], *widths[1:]]


# ---- Numbers and absent values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("007", 7),
        ("\t5 ", 5),
        ("-", None),
        ("none", None),
        ("", None),
        (str(2**70), 2**70),
        *(
            (text, "'time' is {!r}; expected an integer")
            for text in ("1_0", "٣", "1.0", "1,2", "x", "1e3", "[1]", "\udc80")
        ),
        ("9" * 5000, f"'time' is '{'9' * 56}…'; expected an integer"),
    ],
)
def test_an_integer_is_decimal_digits(text: str, value: Any) -> None:
    declared = door(columns="time door", integers="time", absent=("-", "none"), separator="|")
    if isinstance(value, str):
        assert both(declared, f"{text}|a") == ("RecordError", value.format(text))
    else:
        assert event_of(declared, f"{text}|-")[0] == {"time": value, "door": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, float(text)) for text in ("0.25", "-1", "1e3", ".5", "5.", "+1.5", "007", " 1.5\t", "1e-400")),
        ("-0", 0.0),
        ("-", None),
        ("", None),
        *((text, "'time' is {!r}; expected a number") for text in ("nan", "inf", "1e400", "1_0", "x", "1,2", "0x1")),
        (
            "1" + "0" * 308 + "0",
            "'time' is '10000000000000000000000000000000000000000000000000000000…'; expected a number",
        ),
    ],
)
def test_a_float_is_a_decimal_number_within_a_double(text: str, value: Any) -> None:
    declared = door(columns="time door", floats="time", absent="-", separator="|")
    if isinstance(value, str):
        assert both(declared, f"{text}|a") == ("RecordError", value.format(text))
    else:
        assert repr(event_of(declared, f"{text}|a")[0]) == repr({"time": value, "door": "a"})


def test_a_comma_in_a_number_moves_no_other_number() -> None:
    declared = door(columns="a b c", integers="a b c", separator="|")
    for line in ("1,2||3", "1,2|3", "|1,2|3", "1|2,3|", "1,2,3||"):
        assert both(declared, line)[0] == "RecordError"


def test_the_message_and_the_time_are_made_of_the_fields() -> None:
    declared = door(integers="time", time=epoch("time"), message="{user} at {door}", tag="door.{door}", absent="-")
    assert event_of(declared, "1528718400 north ann")[1:] == ("door.north", 1528718400.0, "ann at north")
    assert event_of(declared, "1528718400 - -")[1:] == ("door.None", 1528718400.0, "None at None")
    assert both(declared, "999999999999999999999 a b")[0] == "RecordError"
    assert both(declared, "-1 a b")[2] == "-1.0"


# ---- Headers


HEADED = door(header="time door user floor", integers="time floor", absent="-", time=epoch("time"), message="{user}")


def test_a_header_names_the_columns_of_the_lines_below_wherever_it_is() -> None:
    assert events(HEADED, "1 a b", "user time", "b 1", "user time", "c 2", "floor door", "- d", "- d extra") == [
        {"time": 1, "door": "a", "user": "b"},
        "filtered",
        {"user": "b", "time": 1},
        "filtered",
        {"user": "c", "time": 2},
        "filtered",
        {"floor": None, "door": "d"},
        {"floor": None, "door": "d", "column_3": "extra"},
    ]


def test_a_header_without_numbers_is_told_from_values() -> None:
    assert events(HEADED, "user door", "ann north", "door user", "door2 ann", "user unknown") == [
        "filtered",
        {"user": "ann", "door": "north"},
        "filtered",
        {"door": "door2", "user": "ann"},
        "filtered",
    ]


def test_a_header_may_have_new_names_and_a_name_twice() -> None:
    assert events(HEADED, "time since user time", "1 2 b 3") == [
        "filtered",
        {"time": 1, "since": "2", "user": "b", "column_4": "3"},
    ]


def test_a_line_of_values_is_no_header() -> None:
    assert events(HEADED, "1 door user", "x y z") == [{"time": 1, "door": "door", "user": "user"}, "RecordError"]


def test_a_format_with_headers_alone_refuses_lines_before_the_first() -> None:
    found = both_in_turn(door(columns="", header="time door user"), ["1 a", "time door", "1 a"])
    assert found[0] == ("RecordError", "line has 2 fields; expected a line before it that names the columns")
    assert found[2][0] == "{'time': '1', 'door': 'a'}"


@pytest.mark.parametrize("integers", ["", "time"])
def test_a_header_for_people_is_filtered_and_names_no_columns(integers: str) -> None:
    declared = table(headings="the time", integers=integers, padded=True)
    first = 1 if integers else "1"
    event = {"time": first, "door": "north", "user": "ann"}
    lines = ['"The", door that opened,who', "1,north,ann", "TIME ,door,who", "1,north,ann", "1,2"]
    assert events(declared, *lines) == ["filtered", event, "filtered", event, "RecordError"]
    assert [rule.name for rule in declared.rules] == ["header"]


def test_an_option_names_the_columns_of_lines_without_a_header() -> None:
    declared = HEADED.with_options(ColumnsOptions(columns=["user", "time"]))
    assert isinstance(declared, Columns)
    assert events(declared, "ann 1", "time user", "2 bob") == [
        {"user": "ann", "time": 1},
        "filtered",
        {"time": 2, "user": "bob"},
    ]
    with pytest.raises(ValueError, match="message: no field 'user'"):
        door(message="{user}").with_options(ColumnsOptions(columns=["time"]))


SAID = {
    "directive": "#fields",
    "typed": "#types",
    "kinds": {"count": "integer", "interval": "float", "bool": "boolean"},
    "titled": "#path",
    "tag": "zeek.{_path|'table'}",
}


def test_a_log_may_say_the_types_of_its_columns_and_the_name_of_its_table() -> None:
    declared = door(columns="user door", integers="door", booleans="user", boolean_words="T/F", absent="-", **SAID)
    lines = [
        "ann 1",
        "T -",
        "#path door",
        "#fields user door took",
        "#types string bool interval",
        "T F 1.5",
        "ann x -",
    ]
    found = both_in_turn(declared, [*lines, "ann T soon", "#path other", "#fields door user", "7 F", "north F"])
    events = [eval(each[0]) for each in found if len(each) == 4]
    assert events == [
        {"user": "ann", "door": 1},
        {"user": True, "door": None},
        {"user": "T", "door": False, "took": 1.5, "_path": "door"},
        {"user": "ann", "door": "x", "took": None, "_path": "door"},
        {"door": 7, "user": False, "_path": "other"},
    ]
    assert [each[1] for each in found if len(each) == 4] == ["zeek.table"] * 2 + ["zeek.door"] * 2 + ["zeek.other"]
    assert found[7] == ("RecordError", "'took' is 'soon'; expected a number")
    assert found[11] == ("RecordError", "'door' is 'north'; expected an integer")


def test_columns_that_were_chosen_may_lack_typed_fields_and_those_of_a_message_with_a_default() -> None:
    declared = door(columns="time door user", integers="door", message="{user|'-'} {door|'?'}")
    chosen = declared.with_options(ColumnsOptions(columns=["time", "user"]))
    assert isinstance(chosen, Columns)
    assert events(chosen, "1 ann") == [{"time": "1", "user": "ann"}]
    realtime = {"cloudfront-realtime": {"columns": ["timestamp", "c-ip", "sc-status"]}}
    ((meta, event),) = chains.run([realtime], b"1772352000.5\t192.0.2.7\t200\n").events
    assert event == {"timestamp": 1772352000.5, "c-ip": "192.0.2.7", "sc-status": 200}
    assert (meta.timestamp, meta.message) == (1772352000.5, "200 - http://- from 192.0.2.7")


# ---- Directives


W3C = door(directive="#Fields:", integers="time", absent="-", separator="\t", optional="user", message="{user}")


def test_a_directive_names_the_columns_of_the_lines_below_and_no_line_like_it_is_a_row() -> None:
    lines = [
        "1\ta\tb",
        "#Version: 1.0",
        "#Fields: user time",
        "b\t1",
        "#Date:\ta",
        "#x\ty\tz",
        "-\t2\tmore",
        "#Fields: a",
    ]
    assert events(W3C, *lines, "1") == [
        {"time": 1, "door": "a", "user": "b"},
        "filtered",
        "filtered",
        {"user": "b", "time": 1},
        "filtered",
        "filtered",
        {"user": None, "time": 2, "column_3": "more"},
        "filtered",
        {"a": "1"},
    ]


def test_numbers_tell_the_columns_of_as_many_fields() -> None:
    declared = door(columns="user time", others=("time user", "door user floor"), integers="time")
    assert events(declared, "ann 1", "2 bob", "ann bob", "north ann 3") == [
        {"user": "ann", "time": 1},
        {"time": 2, "user": "bob"},
        "RecordError",
        {"door": "north", "user": "ann", "floor": "3"},
    ]


def test_a_row_between_two_lists_of_columns_has_the_narrower_and_a_field_more() -> None:
    declared = door(columns="time door user floor", others=("door user",))
    assert events(declared, "north ann 2", "north ann") == [
        {"door": "north", "user": "ann", "column_3": "2"},
        {"door": "north", "user": "ann"},
    ]


def test_of_exact_lists_a_row_has_that_of_as_many_fields_and_none_between_two() -> None:
    declared = door(columns="time door user floor", others=("time", "time door"), exact=True, integers="time floor")
    rows = ["1", "1 north", "1 north ann 2", "1 north ann 2 more"]
    assert events(declared, *rows) == [
        {"time": 1},
        {"time": 1, "door": "north"},
        {"time": 1, "door": "north", "user": "ann", "floor": 2},
        {"time": 1, "door": "north", "user": "ann", "floor": 2, "column_5": "more"},
    ]
    assert both(declared, "1 north ann") == ("RecordError", "line has 3 fields; expected 1, 2, 4 or more")
    assert both(declared, "1 north ann two") == ("RecordError", "'floor' is 'two'; expected an integer")


def test_rows_without_a_date_have_that_of_the_last_line_that_gives_one() -> None:
    declared = door(directive="#Fields:", dated="#Date:")
    lines = ["#Date: 2026-11-29 08:00:00", "#Fields: time user", "1 ann", "2 bob", "#Date: 2026-11-30", "3 ann"]
    lines += ["#Fields: date time", "2026-12-01 4"]
    assert events(declared, *lines) == [
        "filtered",
        "filtered",
        {"time": "1", "user": "ann", "date": "2026-11-29"},
        {"time": "2", "user": "bob", "date": "2026-11-29"},
        "filtered",
        {"time": "3", "user": "ann", "date": "2026-11-30"},
        "filtered",
        {"date": "2026-12-01", "time": "4"},
    ]


def test_rows_that_get_a_date_and_rows_of_any_list_are_read_by_a_function() -> None:
    dated = door(directive="#Fields:", dated="#Date:", time=iso(("date", "time")))
    head = ["#Date: 2026-11-29", "#Fields: time user"]
    rows = ["08:00:00 ann", "08:00:01 bob", "#Date: 2026-11-30", "08:00:02 ann", "08:00:03 bob"]
    slow = read_slowly(dated.line_parser(RecordLimits()), [*head, *rows])
    assert slow == [*head, "#Date: 2026-11-30"]
    numbered = door(columns="user time", others=("time user",), integers="time")
    assert read_slowly(numbered.line_parser(RecordLimits()), ["ann 1", "2 bob", "3 bob", "ann 4", "5 bob"]) == ["2 bob"]


def test_rows_are_read_by_a_function_whatever_stands_for_no_value() -> None:
    for absent in ("-", ""):
        parser = door(optional="user", absent=absent).line_parser(RecordLimits())
        assert read_slowly(parser, ["1 a b", "1 a", "1 a b", "2 b"]) == ["1 a"]


def test_any_number_of_dates_takes_one_function() -> None:
    dated = door(directive="#Fields:", dated="#Date:", time=iso(("date", "time")))
    parser = dated.line_parser(RecordLimits())
    for day in range(1, 29):
        read_slowly(parser, [f"#Date: 2026-02-{day:02}", "#Fields: time user", "08:00:00 ann", "08:00:01 bob"])
    assert len(dated._rows) == 3, "those of the columns, and of two fields without and with a date"


def test_the_number_of_fields_tells_the_columns_before_a_header() -> None:
    declared = door(others=("door", "user door", "time door user floor rule"), directive="#Fields:")
    lines = [
        "north",
        "ann north",
        "1 north ann",
        "1 north ann 2",
        "1 north ann 2 rule",
        "ann north",
        "#Fields: a b",
        "x y z",
    ]
    assert events(declared, *lines) == [
        {"door": "north"},
        {"user": "ann", "door": "north"},
        {"time": "1", "door": "north", "user": "ann"},
        {"time": "1", "door": "north", "user": "ann", "column_4": "2"},
        {"time": "1", "door": "north", "user": "ann", "floor": "2", "rule": "rule"},
        {"user": "ann", "door": "north"},
        "filtered",
        {"a": "x", "b": "y", "column_3": "z"},
    ]


def test_a_directive_of_csv_may_have_the_separator_between_names() -> None:
    declared = table(directive="#Fields:")
    assert events(declared, "#Fields: a,the b", '1,"2,3"', "#Fields: c d", "1,2") == [
        "filtered",
        {"a": "1", "the b": "2,3"},
        "filtered",
        {"c": "1", "d": "2"},
    ]


def test_a_blank_behind_a_directive_is_no_name_where_the_separator_is_a_blank() -> None:
    declared = table(directive="#Fields:", separator=" ")
    found = events(declared, "#Fields: door time", '"north gate" 1', "#Fields:  time  user ", "2 ann")
    assert found == ["filtered", {"door": "north gate", "time": "1"}, "filtered", {"time": "2", "user": "ann"}]


def test_a_format_with_directives_alone_refuses_lines_before_the_first() -> None:
    found = both_in_turn(door(columns="", directive="#Fields:"), ["1 a", "#Fields:", "1 a", "#Fields: time door", "1"])
    assert found[0] == ("RecordError", "line has 2 fields; expected a line before it that names the columns")
    assert found[2] == found[0]
    assert found[4] == ("RecordError", "line has 1 field; expected 2, or a line before it that names the columns")


def test_a_directive_with_more_columns_than_allowed_is_bad() -> None:
    assert both(W3C, f"#Fields: {'a ' * 100}", RecordLimits(values=50))[0] == "RecordTooLarge"


# ---- CSV


def test_a_field_in_quotes_has_separators_and_quotes() -> None:
    assert event_of(table(), '1,"north, ""upper""",ann')[0] == {"time": "1", "door": 'north, "upper"', "user": "ann"}
    assert event_of(table(), '1,no"rth,a"')[0] == {"time": "1", "door": 'no"rth', "user": 'a"'}
    assert event_of(table(separator="\t"), '1\t"a\tb"\t')[0] == {"time": "1", "door": "a\tb", "user": ""}


def test_a_line_that_ends_within_quotes_is_bad() -> None:
    expected = ("RecordError", "line ends within quotes, with '1,a,\"b'; expected a quote that ends them")
    assert both(table(), '1,a,"b') == expected


def test_numbers_in_quotes_are_numbers() -> None:
    declared = table(integers="time", absent="-", header="time door user")
    assert events(declared, '"1","-","a"', '"user","time"', '"x","5"') == [
        {"time": 1, "door": None, "user": "a"},
        "filtered",
        {"user": "x", "time": 5},
    ]


# ---- Limits


@pytest.mark.parametrize("declared", [door(), door(separator=""), table(), door(header="time door user")])
@pytest.mark.parametrize("text", ["{0}", '"a"{0}', "1{0}2{0}3"])
def test_a_line_with_more_fields_than_allowed_is_bad(declared: Columns, text: str) -> None:
    line = text.format(declared.separator or "x ") * 100
    assert both(declared, line, RecordLimits(values=50))[0] == "RecordTooLarge"
    assert both(declared, line, RecordLimits(values=500))[0] != "RecordTooLarge"


@pytest.mark.parametrize(("declared", "between"), [(door(), " "), (table(), ",")])
def test_a_line_of_ten_thousand_fields_is_read_and_of_more_is_bad(declared: Columns, between: str) -> None:
    event = event_of(declared, between.join("1ab" + "x" * 9_997))[0]
    assert (len(event), event["column_10000"]) == (10_000, "x")
    assert both(declared, between.join("1ab" + "x" * 9_998)) == (
        "RecordTooLarge",
        "line has more than 10,000 fields; expected fewer",
    )


# ---- Both readings


VALUES = st.text("ab1-.,_\"' |\t\xa0\udc80[]{}", max_size=6)
WORDS = st.sampled_from(
    [
        "#Fields: user time",
        "#Fields: date time",
        "#Fields:",
        "#Date: 2026-11-29",
        "#Date: -",
        "#Date:",
        "#",
        "time",
        "door",
        "user",
        "floor",
        "other",
        "1",
        "2.5",
        "-",
        "",
        "01",
        "1,2",
        '"a"',
        '"',
        "time2",
    ]
)


@st.composite
def lines_of(draw: st.DrawFn, separator: str) -> list[str]:
    fields = st.lists(WORDS | VALUES, max_size=5)
    return draw(st.lists(fields.map((separator or "  ").join) | st.text(max_size=20), max_size=8))


DECLARED = [
    HEADED,
    door(header="time door user floor", absent="-", optional="user"),
    door(integers="time", floats="door", optional="user", separator=""),
    table(header="time door user floor", integers="time", floats="floor", absent=("-", ""), message="{user}"),
    table(separator="|", integers="user", time=epoch("user")),
    W3C,
    door(padded=True, separator="|", header="time door user", integers="time", absent=""),
    table(padded=True, optional="user", floats="door"),
    table(directive="#Fields:", header="time door user floor", integers="time"),
    door(others=("door", "door time user floor"), integers="time", message="{user|'-'}"),
    table(others=("door", "door time"), directive="#Fields:", integers="time"),
    door(directive="#Fields:", dated="#Date:", absent="-", integers="time", message="{date|'none'} {user|'-'}"),
    door(directive="#Fields:", dated="#Date:", time=iso(("date", "time")), others=("door",), separator=""),
    door(columns="user time", others=("time user", "door user floor", "door"), integers="time", message="{user}"),
    door(columns="time door user floor", others=("time", "time door"), exact=True, integers="time"),
    table(columns="time user a b", others=("time", "time user"), exact=True, directive="#Fields:", integers="time b"),
]


@pytest.mark.parametrize("declared", DECLARED)
@settings(max_examples=settings().max_examples // 3)  # of 14 declarations, which share most of the code
@given(data=st.data())
def test_both_readings_of_arbitrary_lines_agree(declared: Columns, data: st.DataObject) -> None:
    both_in_turn(declared, data.draw(lines_of(declared.separator)))


def test_a_line_that_only_a_later_list_fits_leaves_the_next_one_to_the_first() -> None:
    declared = door(others=("door", "door time user floor"), integers="time")
    both_in_turn(declared, ["#Fields: #Fields: #Fields: #Fields: #Fields:", "1 #Fields: user time #Fields:"])
    narrower = door(columns="time door user", others=("door time user floor",), integers="time")
    both_in_turn(narrower, ["1 x y z", "5 7 y z"])


NUMBERED = door(columns="text integer float", integers="integer", floats="float", separator="\x1f")


@given(
    st.text(st.characters(exclude_characters="\x1f")),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
@example("", 0, -0.0)
def test_generated_fields_come_back_from_columns(text: str, integer: int, number: float) -> None:
    event, *_ = event_of(NUMBERED, f"{text}\x1f{integer}\x1f{number!r}")
    assert event == {"text": text, "integer": integer, "float": number}


@given(st.lists(st.text(st.characters(exclude_characters="\r\n\0")), min_size=3, max_size=3))
def test_generated_fields_come_back_from_csv(fields: list[str]) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="", quoting=csv.QUOTE_ALL).writerow(fields)
    assert list(event_of(table(), written.getvalue())[0].values()) == fields


# ---- Mistakes


@pytest.mark.parametrize(
    ("parts", "mistake"),
    [
        ({"columns": "a,b"}, "'a,b' has commas; expected blanks between names, or a tuple of names that have commas"),
        ({"columns": "a b", "integers": "a, b"}, "'a, b' has commas; expected blanks between names"),
        ({"columns": ""}, "columns is empty; expected names with blanks between, such as 'time host status'"),
        ({"columns": "a b a"}, "columns: 'a' is there twice; expected each name once"),
        ({"headings": "Time"}, "headings: 'Time' cannot be the first field of a header; expected small letters"),
        ({"header": "time 5th"}, "header: '5th' cannot be told from a value; expected a name such as 'srcaddr'"),
        ({"header": "time none", "absent": "none"}, "header: 'none' cannot be told from a value"),
        ({"dated": "#Date:"}, "dated is '#Date:'; expected a line that begins as that of the directive, '#Date:'"),
        ({"optional": "door"}, "optional is 'door'; expected the last columns, in their order"),
        ({"integers": "tme"}, "integers: no field 'tme'; expected one of door, time, user"),
        (
            {"floats": "time", "integers": "time"},
            "floats: 'time' is among the integers, too; expected it in one of them",
        ),
        ({"message": "{usr}"}, "message: no field 'usr'; expected one of door, time, user"),
        ({"separator": None}, "separator is None; expected one character"),
        ({"others": ("time time",)}, "others: 'time time' is no list of columns; expected texts with each name once"),
        ({"others": ("a b c",)}, "others: two lists have as many names; expected another number in each"),
        ({"exact": True}, "exact is True, and others empty; expected further lists of columns"),
        ({"others": ("a",), "optional": "user"}, "optional is given, and others; expected one of these"),
        ({"directive": "Fields:"}, "directive is 'Fields:'; expected the beginning of a line, such as '#Fields:'"),
    ],
)
def test_a_mistake_in_a_declaration_is_told_when_it_is_made(parts: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=r"^format 'door': ") as caught:
        door(**parts)
    assert mistake in str(caught.value)


@pytest.mark.parametrize("separator", ["", '"', "\n", ", ", 5])
def test_a_separator_of_csv_is_one_character_and_no_quote(separator: Any) -> None:
    with pytest.raises(ValueError, match="separator is"):
        table(separator=separator)
