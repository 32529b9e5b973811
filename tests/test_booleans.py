"""Fields of text lines that are true or false: declared in each family, looked up by their text, nothing lost."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import chains
from declared import both, both_in_turn, event_of, read_slowly
from slips import testing
from slips.format import RecordLimits
from slips.interface import Handler
from slips.parsing import Cef, Columns, Csv, Declaration, Json, KeyValue, Leef, Patterns, Quoted, Regex
from slips.parsing.chain import check_chain
from slips.parsing.compile import body_of
from slips.parsing.declare.columns import ColumnsOptions
from slips.parsing.declare.lines import LineDeclaration
from slips.parsing.declare.table import Table

BOOLEANS: dict[str, Any] = {"booleans": "open alarm", "boolean_words": "yes/no 1/0"}
"""Each line has `open`, `user`, `n`, `took` and `alarm`."""
NUMBERS: dict[str, Any] = {"integers": "n", "floats": "took", "absent": "-"}
PATTERN = r"(?P<open>\S*) (?P<user>\S*) (?P<n>\S*) (?P<took>\S*)(?: (?P<alarm>\S*))?"
CEF = "CEF:0|Acme|Gate|1|9|forced|8|"
LEEF = "LEEF:1.0|Acme|Gate|1|9|"
FAMILIES: dict[str, tuple[Any, dict[str, Any], str]] = {
    # the family, what it needs, and a line with braces for its values
    "columns": (Columns, {"columns": "open user n took alarm"}, "{} {} {} {} {}"),
    "a run of numbers": (
        Columns,
        {"columns": "open a b n took alarm user", "integers": "a b n"},
        "{0} 1 2 {2} {3} {4} {1}",
    ),
    "csv": (Csv, {"columns": "open user n took alarm"}, '"{}",{},{},{},"{}"'),
    "padded": (Csv, {"columns": "open user n took alarm", "padded": True}, "{} , {},{} ,{}, {} "),
    "a directive": (Columns, {"directive": "#F:", "columns": "open user n took alarm"}, "{} {} {} {} {}"),
    "a header": (Columns, {"header": "open user n took alarm", "columns": "open user n took alarm"}, "{} {} {} {} {}"),
    "quoted": (Quoted, {"columns": '"open" user n [took] alarm'}, '"{}" {} {} [{}] {}'),
    "escapes": (Quoted, {"columns": 'x "open" user n took alarm'}, r'"\x22" "{}" {} {} {} {}'),
    "key-value": (KeyValue, {}, 'open={} user={} n={} took="{}" alarm="{}"'),
    "semicolons": (KeyValue, {"separator": ";"}, "open={} ;user={};n={};took={}; alarm = {}"),
    "a head": (KeyValue, {"head": r"<(?P<open>\S*)> ", "rest": "alarm:"}, "<{}> user={} n={} took={} alarm: {}"),
    "regex": (Regex, {"pattern": PATTERN}, "{} {} {} {} {}"),
    "patterns": (Patterns, {"patterns": (PATTERN, "(?P<x>!)")}, "{} {} {} {} {}"),
    "cef": (Cef, {}, CEF + "open={} user={} n={} took={} alarm={}"),
    "leef": (Leef, {}, LEEF + "open={}\tuser={}\tn={}\ttook={}\talarm={}"),
}
NAMES = ("open", "user", "n", "took", "alarm")


def door(family: str, **parts: Any) -> LineDeclaration:
    kind, needed, _ = FAMILIES[family]
    declared: LineDeclaration = kind("door", "the door log of ACME", **{**NUMBERS, **BOOLEANS, **needed, **parts})
    return declared


DECLARED = {family: door(family) for family in FAMILIES}
WITHOUT_ABSENT = {family: door(family, absent=()) for family in FAMILIES}


def values(family: str, *texts: str, of: Any = DECLARED) -> list[Any]:
    event = event_of(of[family], FAMILIES[family][2].format(*texts))[0]
    return [event[name] for name in NAMES]


# ---- In every family


@pytest.mark.parametrize("of", [DECLARED, WITHOUT_ABSENT], ids=["absent", "no absent"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_declared_field_is_true_or_false_and_others_stay_what_they_are(family: str, of: Any) -> None:
    assert values(family, "true", "yes", "1", "0.5", "No", of=of) == [True, "yes", 1, 0.5, False]
    assert values(family, "0", "true", "0", "1", "TRUE", of=of) == [False, "true", 0, 1.0, True]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", ["True", "tRuE", "YES", "yEs", "1"])
def test_a_word_is_known_in_small_and_capital_letters(family: str, text: str) -> None:
    assert values(family, text, "ann", "7", "1", text)[::4] == [True, True]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", ["maybe", "y", "2", "01", "trues", "ｔｒｕｅ", "\udc80", "١", "None", "x" * 5_000])
def test_a_text_that_is_no_boolean_stays_and_quarantines_nothing(family: str, text: str) -> None:
    assert values(family, text, "ann", "7", "1", text) == [text, "ann", 7, 1.0, text]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_field_without_a_value_is_absent(family: str) -> None:
    assert values(family, "-", "-", "-", "-", "-") == [None] * 5
    assert values(family, "", "ann", "7", "1", "") == [None, "ann", 7, 1.0, None]
    assert values(family, "", "ann", "7", "1", "-", of=WITHOUT_ABSENT) == [None, "ann", 7, 1.0, "-"]


@pytest.mark.parametrize("family", FAMILIES)
def test_without_words_of_their_own_booleans_are_true_and_false_alone(family: str) -> None:
    plain = {family: door(family, boolean_words=())}
    assert values(family, "true", "ann", "7", "1", "FALSE", of=plain) == [True, "ann", 7, 1.0, False]
    assert values(family, "yes", "ann", "7", "1", "0", of=plain) == ["yes", "ann", 7, 1.0, "0"]


@pytest.mark.parametrize("family", [each for each in FAMILIES if each != "escapes"])  # which are read slowly
def test_ordinary_lines_with_booleans_are_read_by_the_fast_function(family: str) -> None:
    lines = [FAMILIES[family][2].format(*each) for each in (["yes", "a", "1", "2", "no"], ["-", "b", "1", "2", "x"])]
    assert read_slowly(DECLARED[family].line_parser(RecordLimits()), lines * 3) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_format_without_booleans_has_no_statement_for_them(family: str) -> None:
    assert any("booleans_" in line for line in body_of(DECLARED[family]).lines) is (family not in CALLED)
    assert not any("booleans_" in line for line in body_of(door(family, booleans=())).lines)


CALLED = ("cef", "leef")
"""Families whose ordinary lines are read by a function that is not generated."""

WORDS = ("true", "False", "yes", "NO", "1", "0", "-", "", "x", "٣", "open", "alarm", "n=", "alarm: ", "#F: ")
PIECES = st.sampled_from([*WORDS, *' "\\=;,[]|\t'])
TEXTS = st.lists(PIECES, max_size=4).map("".join) | st.sampled_from(["true", "no", "1", "-"])


@pytest.mark.parametrize("of", [DECLARED, WITHOUT_ABSENT], ids=["absent", "no absent"])
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=settings().max_examples // 4)  # of 30 cases, which share most of the code
@given(lines=st.lists(st.lists(TEXTS, min_size=5, max_size=5) | st.lists(PIECES, max_size=12).map("".join), max_size=5))
@example(lines=[["true", "open", "n", "took", "alarm"], ["1", "user", "0", "0", "no"]])
def test_both_readings_of_lines_with_booleans_agree(family: str, of: Any, lines: list[Any]) -> None:
    form = FAMILIES[family][2]
    both_in_turn(of[family], [each if isinstance(each, str) else form.format(*each) for each in lines])


# ---- Where families differ


def test_a_header_or_a_heading_is_none_below_columns_of_booleans() -> None:
    headed = Columns("door", "s", columns="open user", header="open user", booleans="open user")
    found = both_in_turn(headed, ["true ann", "user open", "ann false", "open user extra", "true true 1"])
    assert [eval(each[0]) if len(each) == 4 else each[0] for each in found] == [
        {"open": True, "user": "ann"},
        "filtered",
        {"user": "ann", "open": False},
        "filtered",
        {"open": True, "user": True, "extra": "1"},
    ]
    people = Csv("door", "s", columns="open user", headings="open true", booleans="open")
    found = both_in_turn(people, ["true,ann", "Open,Who", "false,bob", "TRUE,who"])
    assert [each[0] for each in found] == ["filtered", "filtered", repr({"open": False, "user": "bob"}), "filtered"]


def test_booleans_tell_no_lists_of_columns_apart_as_they_refuse_no_text() -> None:
    with pytest.raises(ValueError, match="others: two lists have as many names"):
        Columns("door", "s", columns="user open", others=("open user",), booleans="open")
    declared = Columns("door", "s", columns="user n", others=("open n user",), booleans="open", integers="n")
    found = both_in_turn(declared, ["ann 1", "true 1 ann", "ann x"])
    assert [each[0] for each in found][:2] == ["{'user': 'ann', 'n': 1}", "{'open': True, 'n': 1, 'user': 'ann'}"]


def test_columns_that_were_chosen_keep_those_of_their_booleans() -> None:
    declared = DECLARED["columns"].with_options(ColumnsOptions(columns=["user", "alarm"]))
    assert isinstance(declared, Columns)
    assert event_of(declared, "ann no")[0] == {"user": "ann", "alarm": False}


def test_a_key_that_comes_again_and_a_word_without_a_value_are_booleans_too() -> None:
    assert event_of(DECLARED["key-value"], "open=yes open=x open=- open")[0] == {"open": [True, "x", None, True]}
    assert event_of(DECLARED["a head"], "<1> open=no user=a")[0] == {"open": [True, False], "user": "a"}
    assert event_of(DECLARED["cef"], f"{CEF}open=yes open=x")[0]["open"] == [True, "x"]


def test_a_group_that_took_no_part_is_absent() -> None:
    assert event_of(DECLARED["regex"], "yes ann 7 1")[0]["alarm"] is None
    assert "alarm" not in event_of(DECLARED["patterns"], "yes ann 7 1")[0]


def test_parts_of_a_request_may_be_booleans_and_a_request_may_not() -> None:
    declared = Quoted("door", "s", columns='"a" b', requests={"a": "x y z"}, booleans="z")
    assert event_of(declared, '"k l true" b')[0] == {"a": "k l true", "x": "k", "y": "l", "z": True, "b": "b"}
    needed: dict[Any, dict[str, Any]] = {Quoted: {"columns": '"a" b'}, Regex: {"pattern": "(?P<a>.*)"}}
    for family, part in itertools.product(needed, ("booleans", "integers")):
        parts = {**needed[family], "requests": {"a": "x y z"}, part: "a"}
        with pytest.raises(ValueError, match="requests: 'a' is declared to be no text; expected a column of texts"):
            family("door", "s", **parts)


def test_booleans_are_in_tag_and_message() -> None:
    declared = Columns("door", "s", columns="open user", booleans="open", tag="door.{open}", message="{user} {open}")
    assert event_of(declared, "TRUE ann")[1::2] == ("door.True", "ann true")
    assert event_of(declared, " ann")[1::2] == ("door.None", "ann None")


def test_rows_of_a_table_have_the_booleans_of_the_lines() -> None:
    table = Table.of(DECLARED["columns"])
    assert event_of(table, {"Open": "yes", "user": "no", "alarm": True})[0] == {
        "open": True,
        "user": "no",
        "alarm": True,
    }


def test_json_has_the_same_words() -> None:
    declared = Json("door", "s", booleans="open in.alarm", boolean_words="yes/no 1/0")
    event = {"open": "Yes", "in": [{"alarm": "0"}, {"alarm": "maybe"}], "user": "no"}
    assert event_of(declared, event)[0] == {"open": True, "in": [{"alarm": False}, {"alarm": "maybe"}], "user": "no"}
    assert event_of(declared, {"open": ""})[0] == {"open": ""}


@given(st.dictionaries(st.sampled_from(["open", "user"]), TEXTS | st.lists(TEXTS, max_size=2)))
def test_both_readings_of_json_with_words_agree(event: dict[str, Any]) -> None:
    both(Json("door", "s", booleans="open", boolean_words="yes/no 1/0"), event)


# ---- In a config


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ({"regex": {"pattern": r"(?P<open>\S+) (?P<user>\S+)"}}, "Y true"),
        ({"key-value": {"separator": ";"}}, "open=Y;user=true"),
        ({"logfmt": {}}, "open=y user=true"),
        ({"access-log": {"columns": '"open" user'}}, '"Y" true'),
        ({"grok": {"pattern": "%{WORD:open} %{WORD:user}"}}, "y true"),
    ],
)
def test_options_of_a_config_say_which_fields_are_booleans(step: dict[str, Any], line: str) -> None:
    ((name, options),) = step.items()
    options = {**options, "booleans": ["open"], "boolean_words": "Y/N"}
    ((_, event),) = chains.run([{name: options}], f"{line}\n".encode()).events
    assert event == {"open": True, "user": "true"}


def test_a_pattern_of_grok_says_which_fields_are_booleans() -> None:
    ((_, event),) = chains.run([{"grok": {"pattern": "%{WORD:open:boolean} %{WORD:user}"}}], b"false true\n").events
    assert event == {"open": False, "user": "true"}


class Opened(msgspec.Struct):
    """A type that a handler wants its events in."""

    open: bool
    alarm: bool | None = None


class Doors(Handler):
    event_type = Opened

    def setup(self, args: Any) -> None:
        self.seen: list[Any] = []

    def recv(self, meta: Any, event: Opened) -> None:
        self.seen.append((event.open, event.alarm))

    def result(self) -> Any:
        return self.seen


@pytest.mark.parametrize(
    ("step", "lines"),
    [
        ({"key-value": {}}, b"open=no alarm=\nopen=maybe\nopen=yes alarm=no\n"),
        ({"regex": {"pattern": r"(?P<open>\w+) (?P<alarm>\w*)"}}, b"no \nmaybe \nyes no\n"),
    ],
)
def test_a_handler_gets_booleans_in_its_own_type(step: Any, lines: bytes) -> None:
    ((name, options),) = step.items()
    chain = [{name: {**options, "booleans": ["open", "alarm"], "boolean_words": ["yes/no"]}}]
    seen = testing.run(Doors, chain, lines)
    assert seen.result == [[False, None], [True, False]]
    assert [each.seq for each in seen.quarantine] == [2]


# ---- Mistakes


@pytest.mark.parametrize(
    ("parts", "mistake"),
    [
        ({"booleans": "opn"}, "booleans: no field 'opn'; expected one of alarm, n, open, took, user"),
        ({"booleans": "a, b"}, "'a, b' has commas; expected blanks between names"),
        ({"booleans": "n"}, "booleans: 'n' is among the integers, too; expected it in one of them"),
        ({"booleans": "took"}, "booleans: 'took' is among the floats, too; expected it in one of them"),
        ({"boolean_words": "yes"}, "boolean_words: 'yes' is no pair; expected a word for true and one for false"),
        ({"boolean_words": "yes/no/maybe"}, "boolean_words: 'yes/no/maybe' is no pair; expected"),
        ({"boolean_words": "yes/"}, "boolean_words: 'yes/' is no pair; expected"),
        ({"boolean_words": f"{'x' * 11}/no"}, "of at most 10 letters, such as 'yes/no'"),
        ({"boolean_words": "x/X"}, "boolean_words: 'X' stands for true and false; expected it for one of them"),
        ({"boolean_words": "1/0 0/1"}, "boolean_words: '0' stands for true and false; expected it for one of them"),
        ({"boolean_words": "x/-"}, "boolean_words: '-' is absent, too; expected a word that stands for a boolean"),
        ({"boolean_words": 5}, "boolean_words is 5; expected a text, or a tuple of texts"),
    ],
)
def test_a_mistake_in_booleans_is_told_when_they_are_declared(parts: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=r"^format 'door': ") as caught:
        door("columns", **parts)
    assert mistake in str(caught.value)


@pytest.mark.parametrize("kinds", [5, {"bool": "flag"}, {"bool": []}])
def test_what_words_of_a_line_of_types_mean_is_a_type(kinds: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^format 'door': kinds is .*; expected words, each with 'integer', 'float' or"
    ):
        Columns("door", "s", directive="#F:", typed="#T", kinds=kinds)


def test_mistakes_in_the_options_of_a_config_name_the_option() -> None:
    (told,) = check_chain([{"regex": {"pattern": "(?P<a>.)", "booleans": "b"}}], Path())
    assert told.startswith("format 'regex': booleans: no field 'b'; expected one of a")
    (told,) = check_chain([{"key-value": {"boolean_words": "yes"}}], Path())
    assert told.startswith("format 'key-value': boolean_words: 'yes' is no pair")


def test_declarations_of_lines_that_have_no_typed_fields_have_no_booleans_either() -> None:
    """Every family that can name fields of numbers can name those of booleans."""
    kinds: list[type[Declaration]] = [Json, *(kind for kind, _, _ in FAMILIES.values())]
    for kind in kinds:
        assert {"integers", "floats", "booleans", "boolean_words"} <= {each.name for each in dataclasses.fields(kind)}
