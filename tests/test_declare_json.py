"""The types of fields in JSON: texts at declared paths become the numbers and booleans that they write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, json

from chains import run
from declared import both, event_of
from slips import testing
from slips.format import Event, Rule
from slips.interface import Handler
from slips.model import MetaData
from slips.parsing import Json, epoch
from slips.parsing.conversions import convert_fields, decimal_or_text

TYPED = Json(
    "typed",
    "texts that should be numbers",
    integers="a.b count",
    floats="c a.b.c b.c",
    booleans="a in.c",
    documents="b in",
    also_in=("in", "a"),
    require="a",
    tag="{count|c}",
)


def typed(event: Event, **parts: Any) -> Any:
    return event_of(Json("typed", "texts that should be numbers", **parts), event)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("200", 200), ("-5", -5), ("+5", 5), (" 7 ", 7), ("007", 7), ("9" * 40, int("9" * 40))),
        *((text, text) for text in ("", "-", "1.0", "1e3", "1_0", "٣", "0x1f", "N/A", "true", "9" * 5_000)),
    ],
)
def test_a_text_is_an_integer_if_it_writes_one_and_else_stays(text: str, value: Any) -> None:
    event = typed({"status": text}, integers="status")
    assert (event["status"], type(event["status"])) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("0.25", 0.25), ("-.5", -0.5), ("1e3", 1000.0), ("200", 200.0), ("-0", 0.0)),
        *((text, text) for text in ("", "nan", "inf", "1e999", "1,5", "0x1p3", "9" * 400)),
    ],
)
def test_a_text_is_a_float_if_it_writes_one_within_a_double_and_else_stays(text: str, value: Any) -> None:
    event = typed({"seconds": text}, floats="seconds")
    assert (event["seconds"], type(event["seconds"])) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("False", False), ("TRUE", True), *((text, text) for text in ("", "1", "yes", "true ", "x" * 99))],
)
def test_a_text_is_a_boolean_if_it_writes_one_and_else_stays(text: str, value: Any) -> None:
    assert typed({"ok": text}, booleans="ok")["ok"] is value


@pytest.mark.parametrize("value", [5, 5.0, 1e3, True, None, {}, {"x": "1"}, [[], {}]])
def test_a_value_that_is_no_text_stays_as_it_is(value: Any) -> None:
    event = typed({"v": value}, integers="v")
    assert json.encode(event) == json.encode({"v": value})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"b": "1", "c": null}', {"b": "1", "c": None}),
        (' [{"b": 1}]', [{"b": 1}]),
        *((text, text) for text in ("", "5", '"x"', "null", "{", '{"b": 1} x', "{\ud800}")),
    ],
)
def test_a_text_is_a_document_if_it_writes_an_object_or_an_array_and_else_stays(text: str, value: Any) -> None:
    assert typed({"v": text}, documents="v")["v"] == value


def test_other_paths_lead_into_documents_and_a_document_in_one_is_opened_once() -> None:
    inner = '{"n": "5", "v": "{}", "at": "1528718400"}'
    declared: dict[str, Any] = {"documents": "v", "integers": "v.n", "time": epoch("v.at"), "tag": "{v.n}"}
    assert typed({"v": inner}, **declared) == {"v": {"n": 5, "v": "{}", "at": "1528718400"}}
    arrays = typed({"v": ["{}", f"[{inner}]"]}, documents="v", integers="v.n")
    assert arrays["v"] == [{}, [{"n": 5, "v": "{}", "at": "1528718400"}]]
    _, tag, at, _ = event_of(Json("typed", "documents in texts", **declared), {"v": inner})
    assert (tag, at) == ("5", 1528718400.0)


def test_a_document_beyond_the_limits_is_a_bad_record() -> None:
    declared = Json("typed", "documents in texts", documents="v")
    assert both(declared, {"v": "[" * 1000})[0] == "RecordTooLarge"


def test_a_path_leads_through_objects_arrays_and_a_key_with_its_dots() -> None:
    event = {"a": [{"b": "1"}, {"b": ["2", "x", ["3"]]}, "4"], "a.b": "5", "b": "6"}
    assert typed(event, integers="a.b") == {"a": [{"b": 1}, {"b": [2, "x", [3]]}, "4"], "a.b": 5, "b": "6"}
    assert typed({"a": {".b": "1", "b": "2"}}, integers="a..b") == {"a": {".b": 1, "b": "2"}}


def test_a_path_counts_in_the_objects_of_also_in_too() -> None:
    event = {"n": "1", "detail": {"n": "2", "more": {"n": "3"}}}
    assert typed(event, integers="n", also_in="detail") == {"n": 1, "detail": {"n": 2, "more": {"n": "3"}}}


def test_tag_time_and_rules_read_the_converted_values() -> None:
    declared = Json(
        "typed",
        "texts that should be numbers",
        integers="status at",
        time=epoch("at"),
        tag="{status}",
        rules=(Rule("ok", "fine", when={"status": 200}),),
    )
    assert both(declared, {"status": "200"}) == ("filtered", "ok")
    assert event_of(declared, {"status": "0404", "at": "1528718400"})[:3] == (
        {"status": 404, "at": 1528718400},
        "404",
        1528718400.0,
    )


FILE = """
from slips.parsing import Json
TYPED = Json("typed", "texts that should be numbers", integers="status", booleans="ok")
"""


class Answer(Struct):
    status: int
    ok: bool | str | None = None


class Answers(Handler):
    event_type = Answer

    def recv(self, meta: MetaData, event: Any) -> None:
        assert isinstance(event, Answer)


CONTENTS = {
    "s3-lines, json": b'{"status": "200", "ok": "true"}\n{"status": "?"}\n{"status": 5, "ok": "?"}\n',
    "json-records:r": b'{"r": [{"status": "200", "ok": "true"}, {"status": "?"}, {"status": 5, "ok": "?"}]}',
    "csv": b"status,ok\n200,true\n?,\n5,?\n",
}


@pytest.mark.parametrize("chain", CONTENTS)
def test_a_chain_converts_texts_with_event_type_and_without(
    chain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "formats.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    steps = [*chain.split(", "), "formats.py:TYPED"]
    seen = run(steps, CONTENTS[chain], root=tmp_path)
    assert [event["status"] for _, event in seen.events] == [200, "?", 5]
    assert [event.get("ok") or None for _, event in seen.events] == [True, None, "?"]
    result = testing.run(Answers, steps, CONTENTS[chain])
    assert [event["status"] for event in result.events] == [200, 5]
    assert [each.seq for each in result.quarantine] == [2]


@pytest.mark.parametrize(
    ("parts", "mistake"),
    [
        ({"integers": "a, b"}, "integers: 'a, b' has commas; expected blanks between names"),
        ({"floats": 5}, "floats is 5; expected a text, or a tuple of texts"),
        ({"booleans": "a."}, "booleans: path is 'a.'; expected a field such as 'eventTime'"),
        ({"integers": "a b", "booleans": "b"}, "booleans: 'b' is among the integers, too; expected it in one of them"),
    ],
)
def test_a_mistake_in_a_type_is_told_when_it_is_made(parts: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=r"^format 'typed': ") as caught:
        typed({}, **parts)
    assert mistake in str(caught.value)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        ["1", "-2.5", "true", "x", "", '{"c": "5", "count": "7"}', ' ["1", {"c": "5"}, "[2]"]', "{", "\udc80{}"]
    )
)
KEYS = st.sampled_from(["a", "b", "c", "in", "count", "a.b", "a.b.c", "in.c"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


@given(event=st.dictionaries(KEYS, VALUES, max_size=5))
def test_both_readings_of_arbitrary_events_agree(event: Event) -> None:
    both(TYPED, event)


@given(integer=st.integers(), number=st.floats(allow_nan=False, allow_infinity=False), flag=st.booleans())
def test_generated_values_come_back_from_their_texts(integer: int, number: float, flag: bool) -> None:
    event = {"i": str(integer), "f": repr(number), "b": str(flag)}
    assert typed(event, integers="i", floats="f", booleans="b") == {"i": integer, "f": number, "b": flag}


def test_a_field_that_some_records_have_as_a_word_is_converted_where_it_is_a_number() -> None:
    event: Event = {"port": "443", "line": "-7", "proto": "TCP", "list": ["1"], "other": "1", "none": None}
    convert_fields(event, frozenset(("port", "line", "proto", "list", "none", "missing")))
    assert event == {"port": 443, "line": -7, "proto": "TCP", "list": ["1"], "other": "1", "none": None}
    convert_fields(event, frozenset(["other"]), decimal_or_text)
    assert event["other"] == 1.0
