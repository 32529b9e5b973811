"""Formats of lines of several shapes: the first that takes a line makes its event, or tells why none can."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains import new_meta
from slips.errors import RecordError
from slips.format import Event, Limited, Parse, RecordLimits, Rule
from slips.model import MetaData
from slips.parsing import Columns, Json, KeyValue, Regex, iso, one_of

DOOR = one_of(
    "door",
    "JSON, pairs or text",
    "https://example.com",
    Json("door.json", "JSON", time=iso("t"), tag="door.json", require="door"),
    KeyValue("door.pairs", "pairs", head=r"(?=t=)", time=iso("t"), tag="door.pairs", message="{door}"),
    Regex("door.text", "text", tag="door.text", pattern=r"door (?P<door>\d+)"),
    tag="door.{json|pairs|text}",
)


def parse(text: str, limits: RecordLimits | None = None) -> tuple[Any, str, float]:
    assert DOOR.parse is not None
    bound: Parse = Limited.bind(DOOR.parse, limits or RecordLimits())
    meta = new_meta()
    event = bound(meta, text)
    return event, meta.tag, meta.timestamp


def test_a_line_is_of_the_first_shape_that_takes_it() -> None:
    at = new_meta().timestamp
    assert parse(' {"door": 7, "t": "2018-06-11T12:00:00Z"}') == (
        {"door": 7, "t": "2018-06-11T12:00:00Z"},
        "door.json",
        1528718400.0,
    )
    assert parse("t=2018-06-11T12:00:00Z door=7")[1:] == ("door.pairs", 1528718400.0)
    assert parse("door 7") == ({"door": "7"}, "door.text", at)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"door": 7, "t": "noon"}', "'t' is 'noon'; expected a time such as"),
        ('{"t": "2018-06-11T12:00:00Z"}', "no 'door'"),
        ("{door", "not JSON"),
        ("t=noon", "'t' is 'noon'; expected a time such as"),
        ("window 7", "line begins with 'window 7'; expected one that the pattern matches"),
    ],
)
def test_a_line_of_no_shape_is_refused_by_the_one_that_knew_its_beginning(text: str, error: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse(text)
    assert error in str(caught.value)


def refuse(_meta: MetaData, _event: Event) -> None:
    raise RecordError("line begins with a word that is refused")


def test_the_words_of_an_error_do_not_decide_which_shape_knew_the_beginning() -> None:
    known = Regex("known", "s", tag="known", pattern=r"door (?P<n>\d+)", refine=refuse)
    shapes = one_of("x", "s", "https://example.com", known, Columns("other", "s", columns="a b", integers="a"), tag="x")
    assert shapes.parse is not None
    with pytest.raises(RecordError, match=r"^line begins with a word that is refused$"):
        shapes.parse(new_meta(), "door 7")


def test_a_shape_gets_nothing_of_what_the_shapes_before_it_made_of_the_line() -> None:
    first = Json("first", "s", tag="first", integers="n", time=iso("t"), message="{n}", refine=refuse)
    both = one_of("x", "s", "https://example.com", first, Json("second", "s", tag="second"), tag="x")
    assert both.parse is not None
    meta, line = new_meta(), {"n": "7", "t": "2018-06-11T12:00:00Z"}
    assert both.parse(meta, json.dumps(line)) == line
    assert (meta.tag, meta.message, meta.timestamp) == ("second", None, new_meta().timestamp)


def test_a_format_of_shapes_has_their_rules_and_its_own_entities() -> None:
    rules = [Rule("a", "a", when={"x": 1}), Rule("b", "b", when={"x": 2})]
    shapes = [Json(f"j{at}", "s", tag="t", rules=(rule, rules[0])) for at, rule in enumerate(rules)]
    made = one_of("x", "s", "https://example.com", *shapes, tag="x", entities={"users": "name"})
    assert (made.rules, made.entities) == (tuple(rules), {"users": "name"})


def test_limits_count_for_json_as_well() -> None:
    with pytest.raises(RecordError, match="more than 3 values"):
        parse('{"door": [1, 2, 3, 4]}', RecordLimits(values=3))


@given(st.text() | st.text(max_size=20).map(lambda text: "{" + text))
def test_any_text_is_an_event_or_a_record_error(text: str) -> None:
    try:
        event, tag, _ = parse(text)
    except RecordError:
        return
    assert isinstance(event, dict)
    assert tag.startswith("door.")


def test_the_message_of_a_record_of_several_lines_is_in_one_line() -> None:
    text = Regex("door.text", "text", pattern=r"door (?P<door>.*)", message="{door}")
    doors = one_of("door", "text", "https://example.com", text, tag="door.text", chain=("multiline", "door"))
    assert doors.parse is not None
    bound: Parse = Limited.bind(doors.parse, RecordLimits())
    meta = new_meta()
    assert bound(meta, "door 7\n  is open") == {"door": "7\n  is open"}
    assert meta.message == "7 is open"


def test_a_shape_that_remembers_its_object_is_refused() -> None:
    table = Columns("table", "s", columns="a b", header="a b")
    with pytest.raises(ValueError, match="format 'x': 'table' remembers its object's lines"):
        one_of("x", "s", "", table, tag="x")
