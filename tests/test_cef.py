"""Lines of CEF and LEEF: headers between bars, pairs with and without escapes, and a header of syslog before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains
from chains import OBJECT, parse_by
from declared import both, event_of
from slips.errors import RecordError, RecordTooLarge
from slips.format import Limited, RecordLimits
from slips.formats import catalogue
from slips.parsing import Cef, Declaration, Leef, written

FORMATS = catalogue()
CEF, LEEF = "CEF:0|Acme|Wall|2.1|deny|Denied|5|", "LEEF:1.0|Acme|Wall|2.1|deny|"
CEF_FIELDS = ("version", "deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "severity")
LEEF_FIELDS = ("version", "deviceVendor", "deviceProduct", "deviceVersion", "eventId")


def declared(name: str) -> Declaration:
    format_ = FORMATS[name]
    assert isinstance(format_, Declaration)
    return format_


def pairs_of(line: str) -> dict[str, Any]:
    """The fields of a line that its header, as in CEF and LEEF, does not have."""
    event = event_of(declared("cef" if "CEF:" in line else "leef"), line)[0]
    return {name: value for name, value in event.items() if name not in (*CEF_FIELDS, "eventId")}


@pytest.mark.parametrize(
    ("extension", "pairs"),
    [
        ("", {}),
        ("src=192.0.2.1 dst=198.51.100.1", {"src": "192.0.2.1", "dst": "198.51.100.1"}),
        ("msg=a text of words act=no", {"msg": "a text of words", "act": "no"}),
        ("msg=two  spaces  act=no ", {"msg": "two  spaces ", "act": "no"}),
        ("request=https://x/?a=b&c=d act=no", {"request": "https://x/?a=b&c=d", "act": "no"}),
        ("msg=a=b=c", {"msg": "a=b=c"}),
        (r"msg=a \= b act=c\\d", {"msg": "a = b", "act": "c\\d"}),
        (r"msg=a key\=b", {"msg": "a key=b"}),
        (r"msg=a\nb\rc path=C:\dir", {"msg": "a\nb\rc", "path": "C:\\dir"}),
        ("msg=a|b", {"msg": "a|b"}),
        ("msg= act=", {"msg": "", "act": ""}),
        ("cs1Label=Policy cs1=no web", {"cs1Label": "Policy", "cs1": "no web"}),
        ("ad.a[0]=x _b=y", {"ad.a[0]": "x", "_b": "y"}),
        ("src=1 src=2 src=3", {"src": ["1", "2", "3"]}),
        ("name=x severity=high", {"extension.name": "x", "extension.severity": "high"}),
        # semicolons between pairs
        ("src=1;dst=2;msg=two words", {"src": "1", "dst": "2", "msg": "two words"}),
        ("src=1;dst=2;act=;", {"src": "1", "dst": "2", "act": ""}),
        (r"own=a\=b;src=1;dst=2;src=3;", {"own": "a=b", "src": ["1", "3"], "dst": "2"}),
        ("src=1; dst=2; msg=a; b", {"src": "1", "dst": "2", "msg": "a; b"}),
        ("src=1; dst=2; act=no;", {"src": "1", "dst": "2", "act": "no"}),
        # and in values
        ("msg=a;dst=2", {"msg": "a;dst=2"}),
        ("request=/a;x=1;y=2;z=3", {"request": "/a;x=1;y=2;z=3"}),
        ("msg=a;b;src=1;dst=2", {"msg": "a;b;src=1;dst=2"}),
        ("src=1;dst=2;act=no;;", {"src": "1;dst=2;act=no;;"}),
        ("src=1; dst=2;", {"src": "1;", "dst": "2;"}),
        ("src=1; dst=2 act=no;", {"src": "1;", "dst": "2", "act": "no;"}),
        ("src=1 msg=a; act=no;", {"src": "1", "msg": "a;", "act": "no;"}),
        ("agent=Mozilla/5.0 (X11; Linux) src=1", {"agent": "Mozilla/5.0 (X11; Linux)", "src": "1"}),
    ],
)
def test_the_extension_of_cef_is_pairs_whose_values_have_spaces(extension: str, pairs: dict[str, Any]) -> None:
    assert pairs_of(CEF + extension) == pairs


def test_the_header_of_cef_has_escaped_bars() -> None:
    event = event_of(declared("cef"), r"CEF:0|a\|b|c\\|||n \= m|7|src=1")[0]
    assert [event[name] for name in CEF_FIELDS] == ["0", "a|b", "c\\", "", "", r"n \= m", "7"]
    assert event_of(declared("cef"), r"CEF:0|a|b|c|d|e|7")[0]["severity"] == "7"


@pytest.mark.parametrize(
    ("rest", "pairs"),
    [
        ("src=1\tmsg=a text=b", {"src": "1", "msg": "a text=b"}),
        ("src=1\t\tdst=2\t", {"src": "1", "dst": "2"}),
        (" src=1\t dst=2", {"src": "1", "dst": "2"}),
        ("src=1\tsrc=2", {"src": ["1", "2"]}),
        ("msg=a tab\tin it\tsrc=1", {"msg": "a tab\tin it", "src": "1"}),
        ("src=1#011dst=2", {"src": "1", "dst": "2"}),
        ("src=\tdst=2", {"src": "", "dst": "2"}),
        ("version=3", {"extension.version": "3"}),
        ("", {}),
    ],
)
def test_the_attributes_of_leef_are_pairs_with_tabs_between(rest: str, pairs: dict[str, Any]) -> None:
    assert pairs_of(LEEF + rest) == pairs


@pytest.mark.parametrize("delimiter", ["^", "x5E", "0x5e", r"\x5E"])
def test_leef_2_names_its_delimiter(delimiter: str) -> None:
    assert pairs_of(f"LEEF:2.0|A|W|2|deny|{delimiter}|src=1^msg=a\tb") == {"src": "1", "msg": "a\tb"}


@pytest.mark.parametrize("delimiter", ["", "|", "x09|", "0x9|", r"\t|", "\t|"])
def test_a_tab_is_the_usual_delimiter_of_leef_2(delimiter: str) -> None:
    assert pairs_of(f"LEEF:2.0|A|W|2|deny|{delimiter}src=1\tmsg=a|b") == {"src": "1", "msg": "a|b"}


@pytest.mark.parametrize("line", [CEF, LEEF])
@pytest.mark.parametrize(
    ("header", "fields", "seconds"),
    [
        ("", {}, OBJECT.timestamp),
        ("Jan 26 10:23:00 fw1 ", {"datetime": "Jan 26 10:23:00", "hostname": "fw1"}, 1516962180.0),
        ("Jan 26 10:23:00 ", {"datetime": "Jan 26 10:23:00"}, 1516962180.0),
        (
            "<134>2018-01-26T10:23:00Z fw1 ",
            {"datetime": "2018-01-26T10:23:00Z", "hostname": "fw1", "priority": 134, "facility": 16},
            1516962180.0,
        ),
        (
            "Jan 26 2018 10:23:00 fw1 wall[812]: ",
            {"datetime": "Jan 26 2018 10:23:00", "hostname": "fw1", "proc_name": "wall", "proc_id": "812"},
            1516962180.0,
        ),
        (
            "<14>1 2018-01-26T10:23:00Z fw1 wall - ID1 - ",
            {"datetime": "2018-01-26T10:23:00Z", "hostname": "fw1", "proc_name": "wall", "msg_id": "ID1"}
            | {"priority": 14, "facility": 1},
            1516962180.0,
        ),
        ("relay-7: ", {"header": "relay-7:"}, OBJECT.timestamp),
    ],
)
def test_a_header_of_syslog_gives_its_fields_and_the_time_that_the_line_lacks(
    line: str, header: str, fields: dict[str, Any], seconds: float
) -> None:
    declaration = declared("cef" if "CEF:" in line else "leef")
    event, _, timestamp, _ = event_of(declaration, f"{header}{line}src=1")
    assert timestamp == seconds
    event.pop("severity", None)
    names = CEF_FIELDS if "CEF:" in line else LEEF_FIELDS
    assert {name: value for name, value in event.items() if name not in names} == {**fields, "src": "1"}


@pytest.mark.parametrize("chain", ["s3-lines syslog", "s3-lines syslog-5424"])
def test_behind_syslog_a_line_without_a_time_has_that_of_the_header(chain: str) -> None:
    header = "Jan 26 10:23:00 fw1 " if chain.endswith("syslog") else "<14>1 2018-01-26T10:23:00Z fw1 wall - - - "
    meta, event = chains.parse([*chain.split(), "cef"], f"{header}{CEF}src=1\n".encode())
    assert (meta.timestamp, event["src"]) == (1516962180.0, "1")


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("rt=1528718400000 end=1 start=2", 1528718400.0),
        ("end=Jun 11 2018 12:00:00", 1528718400.0),
        ("start=Jun 11 2018 21:00:00.500 JST", 1528718400.5),
        ("rt= start=2018-06-11T12:00:00Z", 1528718400.0),
    ],
)
def test_the_time_of_cef_is_in_any_notation(time: str, seconds: float) -> None:
    assert event_of(declared("cef"), CEF + time)[2] == seconds


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "expected 'CEF:'"),
        ("CEF: a word", "expected 'CEF:'"),
        ("CEF:0|a|b|c|d", "header has 5 fields"),
        ("CEF:0|a|b|c|d|e\\", "header has"),
        (f"{CEF}no pair", "extension begins with 'no pair'"),
        (f"{CEF}rt=soon", "'rt' is 'soon'"),
        ("LEEF:", "expected 'LEEF:'"),
        ("LEEF:1.0|a|b", "header has 3 fields"),
        (f"{LEEF}no pair", "attributes begin with 'no pair'"),
        ("LEEF:2.0|a|b|c|d|^^|x=1", "delimiter is '^^'"),
    ],
)
def test_a_line_that_is_no_cef_or_leef_is_refused(line: str, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_by(FORMATS["leef" if line.startswith("LEEF") else "cef"], line)
    assert reason in str(caught.value)
    both(declared("leef" if line.startswith("LEEF") else "cef"), line)


@pytest.mark.parametrize(("name", "line", "between"), [("cef", CEF, " "), ("leef", LEEF, "\t")])
def test_a_line_of_more_pairs_than_values_are_allowed_is_refused(name: str, line: str, between: str) -> None:
    parse_few = Limited.bind(declared(name).parse, RecordLimits(values=30))
    assert parse_few(chains.new_meta(), line + between.join(["a=1"] * 30))
    with pytest.raises(RecordTooLarge, match="more than 30 values"):
        parse_few(chains.new_meta(), line + between.join(["a=1"] * 31))


def test_a_line_of_leef_may_have_no_more_parts_than_values_whatever_is_in_them() -> None:
    """16 MB of tabs took 128 MB before each of the parts was seen to be empty."""
    parse_few = Limited.bind(declared("leef").parse, RecordLimits(values=30))
    event = parse_few(chains.new_meta(), f"{LEEF}a=1{29 * chr(9)}")
    assert isinstance(event, dict)
    assert event["a"] == "1"
    with pytest.raises(RecordTooLarge, match="more than 30 values"):
        parse_few(chains.new_meta(), f"{LEEF}a=1{30 * chr(9)}")


def test_users_declare_a_product_that_writes_cef_or_leef() -> None:
    wall = Cef(
        "wall", "ACME Wall", tag="wall.{deviceEventClassId}", message="{act} {src}", integers="spt", absent="N/A"
    )
    event, tag, _, message = event_of(wall, f"{CEF}src=1 act=N/A spt=80")
    assert (event["spt"], event["act"], tag, message) == (80, None, "wall.deny", "None 1")
    assert both(wall, f"{CEF}src=1 spt=x") == ("RecordError", "'spt' is 'x'; expected an integer")
    dated = Leef("dated", "ACME Door", time=written("%d/%m/%Y %H:%M:%S", "devTime"))
    assert event_of(dated, f"{LEEF}devTime=11/06/2018 12:00:00")[2] == 1528718400.0


@pytest.mark.parametrize("family", [Cef, Leef])
def test_a_line_of_another_vendor_than_those_declared_is_foreign(family: type[Cef] | type[Leef]) -> None:
    line = CEF if family is Cef else LEEF
    assert event_of(family("wall", "ACME Wall", vendors="Umbrella Acme"), line)[0]["deviceVendor"] == "Acme"
    others = family("wall", "ACME Wall", vendors=("Other Inc.", "ACME"))
    assert both(others, line) == ("RecordError", "vendor is 'Acme'; expected 'Other Inc.' or 'ACME'")
    with pytest.raises(RecordError) as caught:
        event_of(others, line)
    assert caught.value.is_foreign


def test_of_several_bad_values_the_error_names_the_first_of_the_line() -> None:
    wall = Cef("wall", "ACME Wall", integers="spt", floats="took")
    assert both(wall, f"{CEF}took=x spt=y") == ("RecordError", "'took' is 'x'; expected a number")
    assert both(wall, f"{CEF}spt=y took=x") == ("RecordError", "'spt' is 'y'; expected an integer")


TEXT = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=9)
KEY = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.\[\]]{0,6}", fullmatch=True).filter(
    lambda key: key not in (*CEF_FIELDS, *LEEF_FIELDS, "rt", "end", "start", "devTime", "datetime")
)


def escaped(text: str, *characters: str) -> str:
    for character in ("\\", *characters):
        text = text.replace(character, f"\\{character}")
    return text


@pytest.mark.slow
@given(st.lists(TEXT, min_size=6, max_size=6), st.dictionaries(KEY, TEXT, max_size=4))
def test_a_line_of_cef_gives_back_what_it_was_made_of(header: list[str], pairs: dict[str, str]) -> None:
    pairs["msg"] = "blanks behind the last value are none of it"
    extension = " ".join(f"{key}={escaped(value, '=')}" for key, value in pairs.items()) + " "
    line = "|".join(["CEF:0", *(escaped(field, "|") for field in header), extension])
    event = event_of(declared("cef"), line)[0]
    assert [event.pop(name) for name in CEF_FIELDS] == ["0", *header]
    assert event == pairs


@pytest.mark.slow
@given(
    st.lists(TEXT.map(lambda text: text.replace("|", "")), min_size=4, max_size=4),
    st.dictionaries(KEY, TEXT.map(lambda text: text.replace("^", "")), max_size=4),
)
def test_a_line_of_leef_gives_back_what_it_was_made_of(header: list[str], pairs: dict[str, str]) -> None:
    line = "|".join(["LEEF:2.0", *header, "^", "^".join(f"{key}={value}" for key, value in pairs.items())])
    event = event_of(declared("leef"), line)[0]
    assert [event.pop(name) for name in LEEF_FIELDS] == ["2.0", *header]
    assert event == pairs


PIECES = st.sampled_from(
    [
        *"|=\\ ^\t:",
        "CEF:0|",
        "LEEF:2.0|",
        "a",
        "src=",
        " dst=",
        "name=",
        r"\=",
        r"\|",
        "Jan 26 10:23:00 fw1 ",
        "#011",
        "x5E|",
    ]
)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cef", "leef"])
@given(st.sampled_from(["", CEF, LEEF, "LEEF:2.0|A|W|2|deny|"]), st.lists(PIECES, max_size=12))
def test_any_line_is_read_alike_in_both_ways(name: str, start: str, pieces: list[str]) -> None:
    both(declared(name), start + "".join(pieces))
