"""Arrays of JSON whose elements are lines, as audit logs of MySQL: whole, or cut off anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains

objects = st.dictionaries(
    st.text(max_size=3),
    st.none() | st.integers() | st.text('ab],[}{\\" ', max_size=9) | st.lists(st.booleans()),
    max_size=3,
)


def events(content: str, chain: list[str]) -> list[Any]:
    seen = chains.run(chain, content.encode())
    assert not seen.quarantined
    return [event for _, event in seen.events]


@given(st.lists(objects, max_size=5), st.sampled_from([",\n", "\t,\n", "\n,\n", ","]), st.data())
def test_the_elements_of_an_array_are_read_wherever_it_is_cut_between_them(
    values: list[Any], between: str, data: st.DataObject
) -> None:
    texts = [json.dumps(each) for each in values]
    begin = data.draw(st.sampled_from(["[", "[\n", "", "\n"]))
    end = data.draw(st.sampled_from(["]", "\n]\n", ",", ",\n", ""]))
    assert events(begin + between.join(texts) + end, ["s3-lines", "json-elements"]) == values


@pytest.mark.parametrize("first", [0, 1, 2, 3])
@pytest.mark.parametrize("last", [3, 4, 5])
@pytest.mark.parametrize("indent", [None, 2])
def test_an_audit_log_of_mysql_is_read_whole_and_cut_off_at_any_line(first: int, last: int, indent: int | None) -> None:
    records = [
        {
            "timestamp": f"2026-11-29 08:00:0{id_}",
            "id": id_,
            "class": "general",
            "event": "status",
            "login": {"user": "ann"},
        }
        for id_ in range(5)
    ]
    lines = ["[", *(f"{json.dumps(each, indent=indent)}," for each in records), "]"]
    kept = [json.loads(each.removesuffix(",")) for each in lines[first : last + 1] if each not in "[]"]
    assert events("\n".join(lines[first : last + 1]), ["mysql-audit"]) == kept


def test_a_text_with_anything_else_beside_its_objects_is_quarantined() -> None:
    content = b'{"a": 1} {"b": 2}\n{"a": 1},,\n[{"a": 1}, 2]\n{"a": [1]\n{"a": 1}]]\n'
    seen = chains.run(["s3-lines", "json-elements"], content)
    assert [event for _, event in seen.events] == [{"a": 1}]
    assert [seq for seq, _ in seen.quarantined] == [1, 3, 4, 5]
