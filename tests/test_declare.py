"""The meaning of a declaration: its time, tag, message, required fields, rules; and the mistakes in one."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from chains import OBJECT, new_meta
from declared import both, event_of
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import (
    Cef,
    Columns,
    Csv,
    Json,
    KeyValue,
    Leef,
    Patterns,
    Quoted,
    Regex,
    Rule,
    Syslog,
    all_of,
    any_of,
    clf,
    epoch,
    iso,
    moment,
    stamp,
    written,
)
from slips.parsing.declare import DeclarationOptions

NOON = 1528718400.0  # 2018-06-11T12:00:00Z


def acme(**parts: Any) -> Json:
    return Json("acme", "the door log of ACME", **parts)


# ---- Times


@pytest.mark.parametrize("event", [{}, {"at": None}, {"at": ""}, {"in": {"at": None}}, {"in": ""}, {"in": {}}])
def test_an_event_without_a_time_has_that_of_its_object(event: Event) -> None:
    assert event_of(acme(time=iso("at", "in.at")), event)[2] == OBJECT.timestamp


@pytest.mark.parametrize(
    "event",
    [
        {"at": "2018-06-11T12:00:00Z"},
        {"at": "2018-06-11T12:00:00Z", "in": {"at": "1999-01-01T00:00:00Z"}},
        {"at": "", "in": {"at": "2018-06-11T12:00:00Z"}},
        {"in": {"at": "2018-06-11T12:00:00Z"}, "in.at": "1999-01-01T00:00:00Z"},
        {"in": {"at": None}, "in.at": "2018-06-11T12:00:00Z"},
        {"in": 5, "in.at": "2018-06-11T12:00:00Z"},
        {"date": "2018-06-11", "clock": "12:00:00"},
        {"date": "2018-06-11", "clock": "", "last": "2018-06-11T12:00:00Z"},
    ],
)
def test_the_time_is_the_first_of_the_fields_that_have_one(event: Event) -> None:
    assert event_of(acme(time=iso("at", "in.at", ("date", "clock"), "last")), event)[2] == NOON


@pytest.mark.parametrize("value", ["soon", 5, True, [], {}, "1770123112345"])
def test_a_malformed_time_quarantines_the_record_and_names_its_field(value: Any) -> None:
    kind, text = both(acme(time=iso("in.at")), {"in": {"at": value}})
    assert kind == "RecordError"
    assert text.startswith(f"'in.at' is {value!r}; expected a time")


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"in": []}, "'in' is []; expected an object with the 'deep.at'"),
        ({"in": {"deep": 5}}, "'in.deep' is 5; expected an object with the 'at'"),
        ({"in": "x" * 999}, f"'in' is '{'x' * 59}; expected an object with the 'deep.at'"),
    ],
)
def test_a_value_in_place_of_the_object_that_has_the_time_quarantines_the_record(event: Event, error: str) -> None:
    assert both(acme(time=iso("at", "in.deep.at")), event) == ("RecordError", error)
    assert event_of(acme(time=iso("at", "in.deep.at")), {**event, "at": "2018-06-11T12:00:00Z"})[2] == NOON


@pytest.mark.parametrize(
    ("time", "value"),
    [
        (epoch("t"), 1528718400),
        (epoch("t"), "1528718400.0"),
        (epoch("t", unit="ms"), 1528718400000),
        (epoch("t", unit="us"), "1528718400000000"),
        (epoch("t", unit="ns"), 1528718400000000000),
        (epoch("t", unit="any"), 1528718400),
        (epoch("t", unit="any"), 1528718400000.0),
        (epoch("t", unit="any"), "1528718400000000"),
        (epoch("t", unit="any"), 1528718400000000000),
        (moment("t"), "1528718400000"),
        (moment("t"), 1528718400),
        (moment("t"), "2018-06-11 12:00:00"),
        (moment("t"), "20180611T120000Z"),
        (clf("t"), "11/Jun/2018:12:00:00 +0000"),
        (written("%d.%m.%Y %H:%M", "t"), "11.06.2018 12:00"),
        (stamp("t"), "11/Jun/2018:12:00:00 +0000"),
    ],
)
def test_a_time_is_read_in_its_notation(time: Any, value: Any) -> None:
    assert event_of(acme(time=time), {"t": value})[2] == NOON


@pytest.mark.parametrize("form", ["%H:%M", "%a %d.%m %H:%M", "%Q", "", None, "%d.%m.%Y %z %"])
def test_a_format_of_times_that_cannot_be_or_has_no_year_is_a_mistake(form: Any) -> None:
    with pytest.raises(ValueError, match=r"^time is written as .*; expected one such as '%d\.%m\.%Y %H:%M:%S'$"):
        written(form, "t")


def test_a_form_without_a_year_is_refused_before_a_time_is_read_by_it() -> None:
    # A warning is one of Python 3.13 and later, where `strptime` reads a day without a year.
    with warnings.catch_warnings(action="error"), pytest.raises(ValueError, match="it has no year"):
        written("%d.%m %H:%M", "t")


@pytest.mark.parametrize("unit", ["any", "s", "ms", "us", "ns"])
def test_zero_is_a_time(unit: str) -> None:
    assert event_of(acme(time=epoch("t", unit=unit)), {"t": 0})[2] == 0.0


@pytest.mark.parametrize("per_second", [1, 1_000, 1_000_000, 1_000_000_000])
@pytest.mark.parametrize("kind", [int, str])
def test_a_number_without_a_unit_has_the_one_of_its_size(per_second: int, kind: type) -> None:
    assert event_of(acme(time=epoch("t")), {"t": kind(1528718400 * per_second)})[2] == NOON


UNITS = {
    "s": (1, "seconds"),
    "ms": (10**3, "milliseconds"),
    "us": (10**6, "microseconds"),
    "ns": (10**9, "nanoseconds"),
}


@pytest.mark.parametrize(("unit", "other"), [*itertools.permutations(UNITS, 2)])
@pytest.mark.parametrize("kind", [int, str])
def test_a_number_in_another_unit_than_declared_is_bad_and_the_error_names_its_unit(
    unit: str, other: str, kind: type
) -> None:
    value = kind(1528718400 * UNITS[other][0])
    found = both(acme(time=epoch("t", unit=unit)), {"t": value})
    expected = f"'t' is {value!r}; expected {UNITS[unit][1]} since 1970, and these seem to be {UNITS[other][1]}"
    assert found == ("RecordError", expected)


@pytest.mark.parametrize(("value", "seconds"), [(300_000, 300.0), (-1_000, -1.0), (631_151_999_000, 631_151_999.0)])
def test_a_clock_that_was_never_set_is_believed(value: int, seconds: float) -> None:
    assert event_of(acme(time=epoch("t", unit="ms")), {"t": value})[2] == seconds


# ---- Texts


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("{a} {in.b}", "1 x"),
        ("{in.c}", "true"),
        ("{in.c} {a}", "true 1"),
        ("{missing}", None),
        ("{missing} {null}", "None None"),
        ("{missing|null|a}", "1"),
        ("{missing|'-'} {empty|'none'}", "- none"),
        ("{empty}{{a}}'\"\\ {in}", '{a}\'"\\ {"b": "x", ".b": "y", "c": true}'),
        ("{list}", "x, 2, false"),
        ("to {list}{' of ' list}", "to x, 2, false of x, 2, false"),
        ("{inner[].x}", "ä"),
        ("{inner[].y|steps[].name}!", "one, 2, false!"),
        ("{steps[].in.by}{' or ' steps[].none}", "u, v"),
        ("{in.steps[].parts[].name}", "p, q"),
        ("{steps[].in}", '[{"by": "u"}]'),
        ("{in[].b|a[].b|list[].b|steps[].b}", None),
        ("{odd[]}", "o"),
        ("{inner}!", '[{"x": ["ä"]}]!'),
        ("{with space}|{ a }", "s|1"),
        ("only text {{}}", "only text {}"),
        ("{dots.in.key}", "d"),
        ("{zero|a}", "0"),
        ("{.top} {in..b}", "t y"),
        ("{a}{' by ' missing}{' from ' in.b}", "1 from x"),
        ("{a}{' by ' missing|empty|none}", "1"),
        ("{a}{ ' 0x'zero | a }", "1 0x0"),
        ("{'no ' zero}", "no 0"),
        ("{'no ' missing}", ""),
        ("{'is ' no}", "is false"),
        ("{missing|in.b ': '}{a}", "x: 1"),
        ("{missing ': '}{a}", "1"),
        ("{'(' a ')'}{'(' missing ')'} {zero'0'}", "(1) 00"),
        ("{lines}", "one two"),
        ("{a}: {lines}", "1: one two"),
    ],
)
def test_a_message_has_the_values_of_the_fields_in_braces(message: str, text: str | None) -> None:
    value = {
        "a": 1,
        "in": {"b": "x", ".b": "y", "c": True},
        ".top": "t",
        "null": None,
        "empty": "",
        "with space": "s",
        "dots.in.key": "d",
        "zero": 0,
        "no": False,
        "none": [],
        "lines": "one\r\n  two\n",
        "list": ["x", 2, False],
        "inner": [{"x": ["ä"]}],
        "steps": [{"name": "one", "in": {"by": "u"}}, "x", {"name": ""}, {"name": 2, "in.by": "v"}, {"name": False}],
        "in.steps": [{"parts": [{"name": "p"}, None]}, {"parts": [{"name": "q"}]}, {"parts": {"name": "r"}}],
        "odd[]": "o",
    }
    assert event_of(acme(message=message), value)[3] == text


@pytest.mark.parametrize("inside", ["'by '", "'by ' a|'-'", "'by ' 'and ' a", "a|'-' ' by'", "a ' by' ' and'"])
def test_a_text_beside_no_field_or_beside_a_default_is_refused(inside: str) -> None:
    with pytest.raises(ValueError, match=r"template .* expected"):
        acme(message=f"{{{inside}}}")


def test_an_absent_text_in_a_list_is_left_out_of_the_message() -> None:
    value = {"steps": [{"by": "-"}, {"by": "ann"}], "none": [{"by": "-"}]}
    assert event_of(acme(message="{steps[].by}", absent="-"), value)[3] == "ann"
    assert event_of(acme(message="{none[].by|'nobody'}", absent="-"), value)[3] == "nobody"


def test_a_tag_has_fields_too_and_is_the_name_without_one() -> None:
    assert event_of(acme(tag="acme.{kind}"), {"kind": "door"})[1] == "acme.door"
    assert event_of(acme(tag="{kind}"), {})[1] == "None"
    assert event_of(acme(), {})[1] == "acme"
    assert acme().tag == "acme"


def test_the_message_is_added_to_the_event_as_the_field_that_adds_names() -> None:
    event, _, _, message = event_of(acme(message="{a}!", adds="message"), {"a": 1, "message": "of the vendor"})
    assert event == {"a": 1, "message": "1!"}
    assert message == "1!"


def test_an_absent_text_stays_in_the_event_of_json_and_counts_as_missing() -> None:
    declared = acme(absent="-", time=iso("at", "then"), message="{a|b}", require=any_of("a", "b"))
    event = {"a": "-", "b": "x", "at": "-", "then": "2018-06-11T12:00:00Z"}
    assert event_of(declared, event) == (event, "acme", NOON, "x")
    assert both(declared, {"a": "-"}) == ("RecordError", "no 'a' or 'b' (keys: a)")


# ---- Required fields and rules


@pytest.mark.parametrize(
    ("event", "missing"),
    [
        ({"id": 1}, None),
        ({"id": 0, "a": ""}, None),
        ({"in": {"id": 1}}, None),
        ({"a": 1, "b": 2}, None),
        ({"id": None}, "no 'id', 'in.id', 'a' or 'b' (keys: id)"),
        ({"in": {"id": None}, "a": 1}, "no 'id', 'in.id', 'a' or 'b' (keys: in, a)"),
        ({}, "no 'id', 'in.id', 'a' or 'b' (keys: )"),
    ],
)
def test_a_record_without_the_required_fields_is_refused(event: Event, missing: str | None) -> None:
    found = both(acme(require=any_of("id", "in.id", all_of("a", "b"))), event)
    assert found[:2] == (("RecordError", missing) if missing else (repr(event), "acme"))


def test_the_first_missing_field_is_named_where_all_are_required() -> None:
    assert both(acme(require=all_of("a", any_of("b", "c"))), {"a": 1})[1] == "no 'b' or 'c' (keys: a)"
    assert both(acme(require="a"), {"b": 1})[1] == "no 'a' (keys: b)"


def test_a_document_with_such_records_in_an_array_says_what_reads_them() -> None:
    assert both(acme(require=all_of("a", "in.b")), {"page": 1, "results": [{"a": 1, "in": {"b": 2}}]})[1] == (
        "no 'a' (keys: page, results); "
        "'results' has an array of such records, which 'json-records:results' in the chain reads"
    )
    assert both(acme(require="a"), {"results": [{"b": 1}], "more": [1], "none": []})[1] == (
        "no 'a' (keys: results, more, none)"
    )


def test_an_error_about_required_fields_stays_short() -> None:
    declared = acme(require=any_of(*(f"field_{number}" for number in range(99))))
    _, text = both(declared, {f"{number}{'x' * 1_000}": 1 for number in range(1_000)})
    assert text.startswith("no 'field_0', 'field_1', 'field_2' or one of 96 other fields (keys: 0xxx")
    assert len(text) < 300


def test_an_option_takes_records_without_the_required_fields() -> None:
    declared = acme(require="id", tag="acme.{kind}")
    lenient = declared.with_options(DeclarationOptions(require=False))
    assert isinstance(lenient, Json)
    assert event_of(lenient, {"kind": "x"})[1] == "acme.x"
    assert declared.with_options(DeclarationOptions()) is declared
    assert declared.options is DeclarationOptions


def test_a_declaration_that_requires_no_field_has_no_option_for_it() -> None:
    assert acme().options is None


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        ({"action": "ping"}, "noise"),
        ({"action": "pong", "in": {"level": 1}}, "noise"),
        ({"action": "open", "in": {"level": 0}}, "debug"),
        ({"action": "open", "in": {"level": 1}}, None),
        ({"action": ["ping"]}, None),
        ({"note": "x" * 11}, "long"),
    ],
)
def test_the_first_rule_whose_condition_holds_filters_the_record(event: Event, rule: str | None) -> None:
    declared = acme(
        time=iso("at"),
        rules=(
            Rule("noise", "signs of life", when={"action": ("ping", "pong")}),
            Rule("debug", "debug logs", when={"action": "open", "in.level": 0}),
            Rule("long", "long notes", when=lambda event: len(event.get("note", "")) > 10),
        ),
    )
    assert (both(declared, event)[:2] == ("filtered", rule)) is (rule is not None)


# ---- Refining


def test_refine_is_called_last_with_an_event_that_it_may_change() -> None:
    def refine(meta: MetaData, event: Event) -> None:
        meta.message = f"{meta.message} in {meta.tag} at {meta.timestamp}"
        event["more"] = True

    declared = acme(time=iso("at"), message="{a}", adds="text", refine=refine)
    event = {"a": 1, "at": "2018-06-11T12:00:00Z"}
    assert event_of(declared, event)[0] == {"a": 1, "at": "2018-06-11T12:00:00Z", "text": "1", "more": True}
    assert event_of(declared, {"a": 1, "at": "2018-06-11T12:00:00Z"})[3] == f"1 in acme at {NOON}"


QUIET = Rule("quiet", "no sound")


@pytest.mark.parametrize(
    ("refine", "found"),
    [
        (lambda _meta, _event: QUIET, ("filtered", "quiet")),
        (lambda _meta, event: [event, event], ("[{'a': 1}, {'a': 1}]", "acme")),
        (lambda _meta, _event: {"other": 1}, ("{'other': 1}", "acme")),
    ],
)
def test_refine_may_return_a_rule_or_other_events(refine: Callable[[MetaData, Event], Any], found: Any) -> None:
    assert both(acme(refine=refine, rules=(QUIET,)), {"a": 1})[:2] == found


# ---- Mistakes


@pytest.mark.parametrize(
    ("parts", "mistake"),
    [
        ({"message": "{a"}, "template '{a' has a '{' without its pair; expected '{field}', or '{{' for the brace"),
        ({"tag": "a}"}, "template 'a}' has a '}' without its pair; expected '{field}', or '}}' for the brace itself"),
        ({"message": "{}"}, "template '{}' has '{}'; expected a field, as in '{user.name}'"),
        ({"message": "{a...b}"}, "template '{a...b}' has '{a...b}'; expected a field"),
        (
            {"message": "{[].name}"},
            "template '{[].name}' has '{[].name}'; expected the field with the list in front of '[]'",
        ),
        ({"message": "{a[].[].b}"}, "expected the field with the list in front of '[]', as in '{events[].name}'"),
        (
            {"tag": "{a[].b}"},
            "tag: 'a[].b' names the values in a list; expected a field with one value; only the message",
        ),
        ({"time": iso("a[].b")}, "time: 'a[].b' names the values in a list; expected a field with one value"),
        ({"require": "a[].b"}, "require: 'a[].b' names the values in a list; expected a field with one value"),
        ({"message": "{'-'}"}, "expected a field"),
        ({"message": "{a|}"}, "expected a field"),
        ({"message": 5}, "template is 5; expected a text"),
        ({"time": "at"}, "time is 'at'; expected iso('field'), epoch('field') or another notation"),
        ({"require": 5}, "require is 5; expected a field, any_of('field', …) or all_of('field', …)"),
        ({"require": "a."}, "path is 'a.'; expected a field such as 'eventTime'"),
        ({"adds": "message"}, "adds is 'message', and there is no message to add; expected 'message', too"),
        ({"refine": "function"}, "refine is 'function'; expected a function of meta and event"),
        (
            {"refine": lambda event: event},
            "refine takes other arguments; expected a function of two: refine(meta, event)",
        ),
        ({"rules": (Rule("r", "s", when={"a": 1}))}, "; expected a tuple such as (Rule(…),)"),
        ({"rules": ["r"]}, "rules is ['r']; expected a tuple such as (Rule(…),)"),
        ({"chain": ("acme")}, "chain is 'acme'; expected a tuple such as ('s3-lines', 'acme')"),
        ({"chain": ("s3-lines", "json")}, "chain ends with 'json'; expected 'acme', the format itself, at the end"),
        ({"rules": (Rule("r", "s"),)}, "rule 'r' has no condition; expected Rule(…, when={'field': value})"),
        ({"rules": (Rule("r", "s", when={}),)}, "rule 'r' has an empty condition; expected {'field': value}"),
        ({"rules": (Rule("r", "s", when=5),)}, "rule 'r' has when=5; expected {'field': value} or a function"),  # type: ignore[arg-type]
    ],
)
def test_a_mistake_in_a_declaration_is_told_when_it_is_made(parts: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=r"^format 'acme': ") as caught:
        acme(**parts)
    assert mistake in str(caught.value)


@pytest.mark.parametrize(
    ("make", "mistake"),
    [
        (lambda: Json("a b", "s"), "format 'a b': name is no word; expected letters, digits, '-', '_' and '.'"),
        (lambda: Json("", "s"), "format '': name is no word"),
        (
            lambda: KeyValue("a", "s", message="{b[].c}"),
            "message: 'b[].c' names the values in a list; expected a field",
        ),
        (lambda: Json("a", ""), "format 'a': summary is empty; expected a line that says which logs these are"),
        (iso, "time names no field; expected one or more, as in iso('eventTime')"),
        (lambda: iso(""), "path is ''; expected a field such as 'eventTime'"),
        (lambda: epoch("t", unit="minutes"), "unit is 'minutes'; expected one of 's', 'ms', 'us', 'ns', or 'any'"),
        (lambda: epoch("t", "ms"), "'ms' is a unit and no field; expected unit='ms'"),
        (any_of, "require names no field; expected one or more"),
        (lambda: all_of("a", 5), "path is 5; expected a field"),  # type: ignore[arg-type]
    ],
)
def test_a_mistake_in_a_part_is_told_when_it_is_made(make: Callable[[], object], mistake: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is below
        make()
    assert mistake in str(caught.value)


# ---- The generated function


FAMILIES: dict[Any, dict[str, Any]] = {
    Json: {},
    Columns: {"columns": "a b"},
    Csv: {"columns": "a b"},
    Quoted: {"columns": 'a [b] "c"'},
    KeyValue: {},
    Patterns: {"patterns": ("(?P<a>x)", "(?P<b>y)")},
    Regex: {"pattern": "(?P<a>x)"},
    Syslog: {},
    Cef: {},
    Leef: {},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_part_of_a_wrong_kind_raises_a_value_error_alone(family: Any) -> None:
    parts = [each.name for each in dataclasses.fields(family) if each.init]
    odd: list[Any] = [5, None, True, b"x", ["x"], [5], {"a": 5}, {5: "a"}, object(), "", "x", 1.5, {"a"}, lambda: 1]
    for part, value in itertools.product(parts, odd):
        with contextlib.suppress(ValueError):
            family(**{"name": "acme", "summary": "s", **FAMILIES[family], part: value})


def test_a_declaration_is_equal_to_one_that_says_the_same() -> None:
    one, same = (acme(time=epoch("t", unit="ms"), require=any_of("a"), message="{a}") for _ in range(2))
    assert (one, hash(one)) == (same, hash(same))
    assert one != acme(time=epoch("t", unit="us"), require=any_of("a"), message="{a}")


def test_a_text_of_the_author_is_never_source() -> None:
    hostile = "'\"\\'''\n#%s%d{{}}{{x}}\udc80\u2028'); raise SystemExit(('"
    declared = acme(
        tag=hostile,
        message=hostile + "{a}" + hostile,
        time=iso(hostile.replace(".", "")),
        absent=(hostile,),
        require=any_of(hostile, "a"),
        adds=hostile,
        rules=(Rule(hostile, hostile, when={hostile: hostile}),),
    )
    shown = hostile.replace("{{", "{").replace("}}", "}")
    event, tag, _, message = event_of(declared, {"a": 1})
    assert event == {"a": 1, hostile: f"{shown}1{shown}"}
    assert (tag, message) == (shown, f"{shown}1{shown}")
    assert both(declared, {hostile: "2018-06-11T12:00:00Z"})[2] == repr(NOON)


def test_a_traceback_shows_the_generated_line() -> None:
    with pytest.raises(RecordError) as caught:
        acme(require="id").parse(new_meta(), {})
    assert "raise refuse_1(event)" in "".join(traceback.format_exception(caught.value))


def test_a_format_is_written_when_it_is_first_used() -> None:
    """A function on AWS pays for the formats that it runs."""
    declared = acme(require="id")
    assert "_default" not in vars(declared.parse)
    declared.parse(new_meta(), {"id": 1})
    assert "_default" in vars(declared.parse)
