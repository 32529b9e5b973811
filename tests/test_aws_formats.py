"""Formats of AWS that have functions of their own: whatever a record is, these refuse it in words or read it."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains
from slips.errors import RecordError
from slips.formats import catalogue, sample_files
from slips.model import MetaData
from slips.parsing import Declaration

REFINED = {
    name: each
    for name, each in catalogue().items()
    if isinstance(each, Declaration) and each.refine is not None and sample_files(name)[0].parent.name == "aws"
}
ODD: list[Any] = [
    None,
    "",
    "-",
    5,
    True,
    [],
    {},
    [{}],
    [None],
    {"findings": [5]},
    {"Data": [5, {"@Name": []}]},
    "a (b)",
    "{}",
]


def outcome(declared: Declaration, value: Any) -> None:
    with suppress(RecordError):
        declared.parse(chains.new_meta(), value)


@pytest.mark.parametrize("name", [name for name, each in REFINED.items() if each.takes == "text"])
@given(data=st.data())
def test_a_line_with_odd_fields_raises_no_other_error(name: str, data: st.DataObject) -> None:
    line = data.draw(st.sampled_from(sample_files(name)[0].read_text("utf-8").splitlines()))
    words = line.split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    words[at] = data.draw(st.sampled_from(["-", "", '"-"', '""', "x", "(", ")", "''", ",,", "\n", "[]", "5"]))
    outcome(REFINED[name], " ".join(words))


def test_a_request_that_is_absent_has_no_parts() -> None:
    line = b'192.0.2.7 - - [02/Jul/2026:22:23:00 +0000]"-" 400 - c6af9ac6\n'
    ((_, event),) = chains.run(["apigateway-access-clf"], line).events
    assert (event["request"], event["httpMethod"], event["resourcePath"], event["protocol"]) == (None, None, None, None)


@pytest.mark.parametrize("name", [name for name, each in REFINED.items() if each.takes == "event"])
@given(seed=st.integers(0, 10_000))
def test_an_event_with_odd_values_raises_no_other_error(name: str, seed: int) -> None:
    chosen = random.Random(seed)
    samples = [event for _, event in chains.run([name], sample_files(name)[0].read_bytes()).events]
    event = json.loads(json.dumps(chosen.choice(samples)))
    holder: Any = event
    while isinstance(holder, dict) and holder:
        key = chosen.choice(list(holder))
        inner = holder[key]
        if isinstance(inner, dict) and inner and chosen.random() < 0.7:
            holder = inner
            continue
        holder[key] = chosen.choice(ODD)
        break
    outcome(REFINED[name], event)


def test_findings_of_an_event_have_each_its_own_time() -> None:
    findings = [{"AwsAccountId": "1", "UpdatedAt": f"2026-07-02T22:23:0{n}Z"} for n in range(3)]
    record = json.dumps({"detail-type": "Security Hub Findings - Imported", "detail": {"findings": findings}}).encode()
    metas: list[MetaData] = [meta for meta, _ in chains.run(["securityhub-asff"], record).events]
    assert [(meta.seq, meta.index, meta.timestamp) for meta in metas] == [(1, n, 1_783_030_980.0 + n) for n in range(3)]
