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


@pytest.mark.parametrize("insight", [5, True, {"value": "arn:a"}, "arn:a", None])
def test_an_insight_whose_attribution_has_no_list_names_no_caller(insight: Any) -> None:
    attributions = [{"attribute": "userIdentityArn", "insight": insight}]
    details = {"insightType": "ApiCallRateInsight", "insightContext": {"attributions": attributions}}
    content = json.dumps({"Records": [{"eventTime": "2026-07-02T22:23:00Z", "insightDetails": details}]}).encode()
    ((_, event),) = chains.run(["cloudtrail-insight"], content).events
    assert event["insightDetails"] == details
    assert "userIdentityArns" not in event


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        (
            "guardduty",
            8,
            {"addresses": ["203.0.113.70", "2001:db8::70"], "users": ["system:anonymous", "root"]},
        ),
        ("guardduty", 9, {"addresses": ["203.0.113.71"], "users": ["postgres"], "hosts": ["orders-1"]}),
        (
            "guardduty",
            10,
            {
                "addresses": ["10.0.0.12", "2001:db8::12"],
                "users": ["www-data"],
                "hosts": ["i-0a2"],
                "hashes": [
                    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
                ],
            },
        ),
        (
            "guardduty",
            11,
            {
                "addresses": ["203.0.113.72", "10.0.0.72", "198.51.100.72"],
                "users": ["ann"],
                "domains": ["c2.example.net"],
                "hashes": ["fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"],
            },
        ),
        (
            "securityhub-asff",
            7,
            {
                "addresses": ["198.51.100.9", "10.0.0.9", "2001:db8::9", "203.0.113.77"],
                "users": ["cleo", "ben"],
                "hosts": ["i-0a1", "AKIAEXAMPLE"],
                "domains": ["api.example.net", "c2.example.net"],
            },
        ),
    ],
)
def test_a_finding_names_all_its_entities(name: str, number: int, expected: dict[str, list[str]]) -> None:
    assert chains.entities_of(name, sample_files(name)[0].read_bytes(), number) == expected


def test_a_request_without_a_user_names_none() -> None:
    record = json.dumps({"audit_category": "FAILED_LOGIN", "audit_request_effective_user": "<NONE>"}).encode()
    ((meta, event),) = chains.run(["opensearch-audit"], record).events
    assert meta.entities.users == ()
    assert meta.message == "FAILED_LOGIN - - by - from -"
    assert event["audit_request_effective_user"] == "<NONE>"


def test_an_event_of_guardduty_that_is_no_finding_has_the_time_of_its_envelope() -> None:
    event = {"time": "2026-07-02T22:24:00Z", "detail": {"schemaVersion": "1.0", "scanStatus": "COMPLETED"}}
    ((meta, _),) = chains.run(["guardduty"], json.dumps(event).encode()).events
    assert meta.timestamp == 1783031040.0
