"""Lines of pairs: quoted and bare values, words without one, keys that come again, numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from declared import both, both_in_turn, event_of
from slips.format import RecordLimits
from slips.parsing import KeyValue, iso


def door(**parts: Any) -> KeyValue:
    return KeyValue("door", "the door log of ACME", **parts)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ('a=1 b="x y" c=', {"a": "1", "b": "x y", "c": ""}),
        ("  a=1 \t b=2  ", {"a": "1", "b": "2"}),
        ("a=b=c d", {"a": "b=c", "d": True}),
        ('a="" b="c"d e="f', None),
        ('a="" b="c"d e="f"', {"a": "", "b": '"c"d', "e": "f"}),
        (r'a="x \" y\\" b=\n', {"a": 'x " y\\', "b": r"\n"}),
        ("a=1 b=2 a=3 a a=", {"a": ["1", "3", True, ""], "b": "2"}),
        ("msg='a b'", {"msg": "'a", "b'": True}),
        ("a=it's b=x\"y", {"a": "it's", "b": 'x"y'}),
        ("[UFW] SRC=10.0.0.1 DF", {"[UFW]": True, "SRC": "10.0.0.1", "DF": True}),
    ],
)
def test_pairs_are_cut_at_blanks_outside_quotes(line: str, event: dict[str, Any] | None) -> None:
    if event is None:
        assert both(door(), line) == ("RecordError", "'e' is '\"f'; expected a quote that ends it")
    else:
        assert event_of(door(), line)[0] == event


@pytest.mark.parametrize(
    ("parts", "line", "event"),
    [
        ({"separator": ";"}, 'a = 1 ;b="x; y" ; c d;; e=f g', {"a": "1", "b": "x; y", "c d": True, "e": "f g"}),
        ({"separator": ",", "assign": ":"}, "a:1, b: 2:3,c:", {"a": "1", "b": "2:3", "c": ""}),
        ({"separator": "|", "assign": ":"}, 'a:"b"|c:"d" e', {"a": "b", "c": '"d" e'}),
        ({"quotes": "\"'`"}, "a='x \"y' b=\"it's\" c=`d e`", {"a": 'x "y', "b": "it's", "c": "d e"}),
        ({"quotes": ""}, 'a="x y"', {"a": '"x', 'y"': True}),
        ({"escapes": "decode"}, r'a="x\"\n\x41\u00e9" b=\n c="\q"', {"a": 'x"\nAé', "b": r"\n", "c": r"\q"}),
        ({"escapes": "none"}, 'a="C:\\" b="\\x"', {"a": "C:\\", "b": "\\x"}),
        (
            {"doubled": True},
            'a="x ""y"" z" b="" c="""" d="" e',
            {"a": 'x "y" z', "b": "", "c": '"', "d": "", "e": True},
        ),
        (
            {"doubled": True, "separator": ",", "escapes": "keep"},
            r'a="\r,""b=""\",c",d="","e',
            {"a": r'\r,"b="\",c', "d": "", '"e': True},
        ),
        (
            {"spaced": True},
            'a=x y  z b-1= c="d e" f=g (h; i=1) j.k=l "m" n  ',
            {"a": "x y  z", "b-1": "", "c": "d e", "f": "g (h;", "i": "1)", "j.k": 'l "m" n'},
        ),
        ({"spaced": True}, r"word a=b c\=d =e f", {"word": True, "a": r"b c\=d =e f"}),
        ({"separator": "\t"}, "a=1 \tb= 2 c\tc=\td= ", {"a": "1", "b": "2 c", "c": "", "d": ""}),
    ],
)
def test_separators_quotes_and_escapes_are_as_declared(parts: dict[str, Any], line: str, event: dict[str, Any]) -> None:
    assert event_of(door(**parts), line)[0] == event


def test_numbers_and_absent_values_are_read_in_quotes_too() -> None:
    declared = door(integers="port bytes n", floats="took", absent=("-", "N/A"), message="{user}", time=iso("at"))
    line = 'port="443" bytes= took=0.5 user=N/A at=2018-06-11T12:00:00Z'
    event, _, at, message = event_of(declared, line)
    assert event == {"port": 443, "bytes": None, "took": 0.5, "user": None, "at": "2018-06-11T12:00:00Z"}
    assert (at, message) == (1528718400.0, None)
    assert event_of(declared, "n=1 n=- n=2")[0] == {"n": [1, None, 2]}
    assert event_of(declared, "n user=a")[0] == {"n": True, "user": "a"}
    assert both(declared, "port=x") == ("RecordError", "'port' is 'x'; expected an integer")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("some text", "line begins with 'some text'; expected pairs such as 'key=value'"),
        ("", "line begins with ''; expected pairs such as 'key=value'"),
        ("a=1 =2", "pair 2 has no key: '=2'"),
    ],
)
def test_a_line_that_has_no_pairs_is_bad(line: str, reason: str) -> None:
    assert both(door(), line) == ("RecordError", reason)


def test_a_line_with_more_pairs_than_allowed_is_bad() -> None:
    for line in ("a=1 " * 100, "a " * 100, " ".join(f"k{number}=" for number in range(100))):
        assert both(door(), line, RecordLimits(values=50))[0] == "RecordTooLarge"
        assert both(door(), line, RecordLimits(values=500))[0] != "RecordTooLarge"


# ---- Both readings


LINES = st.lists(
    st.sampled_from(["a", "b", "port", "=", ":", " ", "  ", ";", "\t", '"', "'", '="', '" ', "\\", "1", "-", "x y"]),
    max_size=14,
).map("".join)
DECLARED = [
    door(),
    door(integers="a port", floats="b", absent="-", quotes="\"'", escapes="decode"),
    door(separator=";", assign=":", integers="port"),
    door(separator="\t", absent="-"),
    door(quotes="", escapes="none"),
    door(spaced=True, integers="port", absent="-"),
    door(spaced=True, quotes="", assign=":"),
    door(doubled=True, escapes="none", integers="port"),
    door(doubled=True, separator=";", escapes="decode", quotes="\"'"),
]


@pytest.mark.parametrize("declared", DECLARED)
@given(lines=st.lists(LINES | st.text(), max_size=4))
def test_both_readings_of_arbitrary_lines_agree(declared: KeyValue, lines: list[str]) -> None:
    both_in_turn(declared, lines)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ('a::"x; y"; b:"1"', {"a": "x; y", "b": "1"}),
        ('a: :"x"', {"a": ':"x"'}),
        ('a:::"x"', {"a": '::"x"'}),
        ("a::x; b:1", {"a": ":x", "b": "1"}),
    ],
)
def test_the_character_behind_a_key_may_stand_twice_before_a_quote(line: str, event: dict[str, Any]) -> None:
    assert event_of(door(separator=";", assign=":"), line)[0] == event


def test_the_character_behind_a_key_may_not_stand_twice_between_blanks() -> None:
    assert event_of(door(), 'if a=="x"')[0] == {"if": True, "a": '="x"'}


HEADED = door(
    head=r"(?:<(?P<a>\d+)>)?(?:\[(?P<at>[^\]]*)\] ?)?", rest="said: port=", tail="]", integers="a port", absent="-"
)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("<5>[noon] b=1 port=443]", {"a": 5, "at": "noon", "b": "1", "port": 443}),
        ("<5>a=6 a=7", {"a": [5, 6, 7]}),
        ("[-] b=] ", {"at": None, "b": ""}),
        ("<5>]", {"a": 5}),
        ("b=1 said: c=2 said: no", {"b": "1", "said": "c=2 said: no"}),
        ("said:", {"said": ""}),
        ("b=1 port=443 said: x", None),
        ("said: x said=1", {"said": "x said=1"}),
        ("said=1 said: x", {"said": ["x", "1"]}),
        ("b=1", {"b": "1"}),
        ("<5> said: x", {"a": 5, "said": "x"}),
        ("b=1 unsaid: x", {"b": "1", "unsaid:": True, "x": True}),
    ],
)
def test_a_head_and_a_rest_are_fields_and_a_tail_belongs_to_none(line: str, event: dict[str, Any] | None) -> None:
    if event is None:
        assert both(HEADED, line) == ("RecordError", "'port' is '443 said: x'; expected an integer")
    else:
        assert event_of(HEADED, line)[0] == event


def test_a_rest_or_a_tail_needs_no_head() -> None:
    assert event_of(door(rest="text"), "a=1 text b c")[0] == {"a": "1", "text": "b c"}
    assert event_of(door(tail="]"), "a=1]")[0] == {"a": "1"}


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ('a="x said: y" said: z', {"a": "x said: y", "said": "z"}),
        ('a="x said: y" b=1', {"a": "x said: y", "b": "1"}),
        (r'a="x \" said: y" said: z', {"a": 'x " said: y', "said": "z"}),
        ('a=b="x said: y"', {"a": 'b="x', "said": 'y"'}),
        ('a=1 "x said: y"', {"a": "1", '"x': True, "said": 'y"'}),
        ('a=1 said: b="said: x"', {"a": "1", "said": 'b="said: x"'}),
    ],
)
def test_a_rest_begins_behind_a_quoted_value_not_within_it(line: str, event: dict[str, Any]) -> None:
    assert event_of(door(rest="said:"), line)[0] == event


def test_a_rest_of_other_separators_begins_behind_a_quoted_value() -> None:
    declared = door(rest="COMMAND=", separator=";")
    assert event_of(declared, 'a = "x ; COMMAND=y" ; COMMAND=ls ; b')[0] == {"a": "x ; COMMAND=y", "COMMAND": "ls ; b"}
    assert event_of(door(rest="said:", quotes=""), 'a="x said: y"')[0] == {"a": '"x', "said": 'y"'}


def test_a_line_that_begins_otherwise_than_the_head_is_bad() -> None:
    declared = door(head=r"\[(?P<at>[^\]]*)\]")
    expected = "line begins with 'a=1'; expected one that the pattern of the head matches"
    assert both(declared, "a=1") == ("RecordError", expected)


@given(
    lines=st.lists(
        st.lists(st.sampled_from(["<5>", "[", "]", "a=", "port=", " said: ", "b", "=", " ", "1", "-"]), max_size=9)
    )
)
def test_both_readings_of_lines_with_a_head_agree(lines: list[list[str]]) -> None:
    both_in_turn(HEADED, list(map("".join, lines)))


KEYS = st.from_regex(r'[^\s=";\\]+', fullmatch=True)


@given(st.dictionaries(KEYS, st.text(), min_size=1), st.sampled_from(" ;"))
@example({"a": '\\"'}, " ")
def test_generated_pairs_come_back(pairs: dict[str, str], separator: str) -> None:
    line = separator.join('{}="{}"'.format(key, re.sub(r'(["\\])', r"\\\1", value)) for key, value in pairs.items())
    assert event_of(door(separator=separator, escapes="decode"), line)[0] == pairs


# ---- Mistakes


@pytest.mark.parametrize(
    ("parts", "mistake"),
    [
        ({"separator": ""}, "separator is ''; expected one character that is no quote"),
        ({"separator": '"'}, "separator is '\"'; expected one character that is no quote"),
        ({"assign": "=="}, "assign is '=='; expected one character that is no quote"),
        ({"assign": " "}, "assign is ' '; expected another character than blanks and the separator"),
        ({"assign": ";", "separator": ";"}, "assign is ';'; expected another character"),
        ({"quotes": "«"}, "quotes is '«'; expected some of \" ' `, or none"),
        ({"integers": ("a b",)}, "integers: 'a b' cannot be a key of these lines; expected a list of keys"),
        ({"floats": ("a b=",), "separator": ";"}, "floats: 'a b=' cannot be a key of these lines"),
        ({"spaced": True, "separator": ";"}, "spaced is True, and separator ';'; expected a blank"),
        ({"rest": "="}, "rest: '=' has no name; expected a word such as 'message:'"),
        ({"tail": 5}, "tail is 5; expected a text such as ']'"),
        ({"head": "("}, "head '(': missing ), unterminated subpattern at position 0; expected one that Python reads"),
        ({"head": "(a+)+b"}, "head '(a+)+b': some lines would take hours: "),
        ({"escapes": True}, "escapes is True; expected 'keep', 'decode' or 'none'"),
        ({"integers": "a", "floats": "a"}, "floats: 'a' is among the integers, too"),
    ],
)
def test_a_mistake_in_a_declaration_is_told_when_it_is_made(parts: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=r"^format 'door': ") as caught:
        door(**parts)
    assert mistake in str(caught.value)
