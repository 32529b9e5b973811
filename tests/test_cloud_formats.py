"""Azure AD, G Suite, GuardDuty and WAF: where times hide, what is tolerated and what is not understood."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

import chains
from chains import OBJECT, parse_by
from slips.errors import RecordError
from slips.format import Format, Rule
from slips.formats import catalogue, sample_files

FORMATS = catalogue()

TIME = "2018-06-11T12:00:00Z"
LATER = "2018-06-11T13:00:00Z"
NOON = 1528718400.0
ALL = [
    FORMATS["azure-ad-event"],
    FORMATS["azure-ad-audit"],
    FORMATS["azure-ad-risk-event"],
    FORMATS["g-suite-login"],
    FORMATS["guardduty"],
]


def waf(**changes: Any) -> dict[str, Any]:
    request = {
        "clientIp": "192.0.2.44",
        "country": "JP",
        "headers": [{"name": "Host", "value": "www.example.com"}],
        "uri": "/login",
        "args": "a=1",
        "httpVersion": "HTTP/1.1",
        "httpMethod": "POST",
    } | changes.pop("request", {})
    return {
        "timestamp": 1528718400250,
        "terminatingRuleId": "no-bots",
        "action": "BLOCK",
        "httpRequest": request,
    } | changes


# ---- times


FOREIGN: list[dict[str, Any]] = [{}, {"unexpected": {"column": [1]}}, {"id": None, "properties": None, "time": None}]


@pytest.mark.parametrize("format_", ALL, ids=lambda format_: format_.name)
@pytest.mark.parametrize("event", FOREIGN)
def test_an_event_without_its_time_has_that_of_the_object_and_stays_as_it_is(
    format_: Format, event: dict[str, Any]
) -> None:
    event = {**event, "kind": "k", "status": {}, "result": "success", "riskState": "atRisk", "severity": 8}
    meta, found = parse_by(format_, copy.deepcopy(event))
    assert (meta.tag, meta.timestamp) == (format_.tag, OBJECT.timestamp)
    assert found == event


@pytest.mark.parametrize("format_", ALL, ids=lambda format_: format_.name)
@pytest.mark.parametrize("event", FOREIGN)
def test_an_event_without_a_field_of_its_format_is_refused_unless_an_option_takes_it(
    format_: Format, event: dict[str, Any]
) -> None:
    with pytest.raises(RecordError, match=r"^no '\w+', '\w+', '\w+' or one of \d+ other fields \(keys: "):
        parse_by(format_, event)
    seen = chains.run(["s3-lines", "json", {format_.name: {"require": False}}], json.dumps(event).encode())
    assert [found for _, found in seen.events] == [event]


@pytest.mark.parametrize(
    ("format_", "event"),
    [
        (FORMATS["azure-ad-event"], {"signinDateTime": TIME, "createdDateTime": LATER, "time": LATER}),
        (FORMATS["azure-ad-event"], {"signinDateTime": "", "createdDateTime": TIME, "properties": {"time": LATER}}),
        (FORMATS["azure-ad-event"], {"createdDateTime": TIME, "properties": {"createdDateTime": LATER}}),
        (FORMATS["azure-ad-event"], {"time": LATER, "properties": {"createdDateTime": TIME}}),
        (FORMATS["azure-ad-event"], {"time": TIME, "properties": {"createdDateTime": None}}),
        (FORMATS["azure-ad-event"], {"time": TIME, "properties": "[]"}),
        (FORMATS["azure-ad-audit"], {"activityDate": TIME, "activityDateInMillis": 0, "createdDateTime": LATER}),
        (FORMATS["azure-ad-audit"], {"activityDateTime": TIME}),
        (FORMATS["azure-ad-audit"], {"time": LATER, "properties": {"activityDateTime": TIME}}),
        (
            FORMATS["azure-ad-risk-event"],
            {"riskEventDateTime": TIME, "createdDateTime": LATER, "closedDateTime": LATER},
        ),
        (FORMATS["azure-ad-risk-event"], {"activityDateTime": LATER, "detectedDateTime": TIME}),
        (FORMATS["azure-ad-risk-event"], {"time": LATER, "properties": {"detectedDateTime": TIME}}),
        (FORMATS["g-suite-login"], {"id": {"time": TIME}}),
        (FORMATS["guardduty"], {"createdAt": LATER, "updatedAt": TIME}),
    ],
)
def test_the_time_is_the_one_that_the_format_names_first(format_: Format, event: dict[str, Any]) -> None:
    meta, found = parse_by(format_, event)
    assert meta.timestamp == NOON
    assert found is event


@pytest.mark.parametrize("value", ["soon", 1528718400, 0, False, [], {}])
@pytest.mark.parametrize(
    ("format_", "field"),
    [
        (FORMATS["azure-ad-event"], "signinDateTime"),
        (FORMATS["azure-ad-event"], "time"),
        (FORMATS["azure-ad-audit"], "activityDate"),
        (FORMATS["azure-ad-risk-event"], "detectedDateTime"),
        (FORMATS["guardduty"], "updatedAt"),
    ],
)
def test_a_malformed_time_is_refused_with_its_field(format_: Format, field: str, value: object) -> None:
    with pytest.raises(RecordError, match=f"^'{field}' is "):
        parse_by(format_, {field: value})


@pytest.mark.parametrize("value", ["C03az79cb", 7, [], {"time": "soon"}, {"time": 0}])
def test_a_g_suite_id_that_has_no_time_in_it_is_refused(value: object) -> None:
    with pytest.raises(RecordError, match=r"^'id"):
        parse_by(FORMATS["g-suite-login"], {"id": value})


# ---- WAF


def test_a_request_gets_a_message_and_its_headers_as_an_object() -> None:
    meta, event = parse_by(FORMATS["aws-waf"], waf())
    assert (meta.tag, meta.timestamp) == ("aws.waf.log", NOON + 0.25)
    assert event["httpRequest"]["header"] == {"Host": "www.example.com"}
    assert event["httpRequest"]["headers"] == [{"name": "Host", "value": "www.example.com"}]
    assert event["message"] == meta.message == "BLOCK 192.0.2.44 POST www.example.com/login by no-bots"


def test_headers_of_one_name_cost_as_much_as_headers_of_many() -> None:
    headers = [{"name": "name", "value": "v" * 100}] * 200_000
    _, event = parse_by(FORMATS["aws-waf"], waf(request={"headers": headers}))  # the square of this would not end
    assert len(event["httpRequest"]["header"]["name"]) == 200_000 * len(", ") - 2 + 200_000 * 100


def test_headers_of_one_name_are_joined_and_names_keep_their_case() -> None:
    headers = [{"name": n, "value": v} for n, v in [("Via", "1"), ("via", "2"), ("Via", "3"), ("Via", "4")]]
    _, event = parse_by(FORMATS["aws-waf"], waf(request={"headers": headers}))
    assert event["httpRequest"]["header"] == {"Via": "1, 3, 4", "via": "2"}


@pytest.mark.parametrize("action", ["ALLOW", "BLOCK"])
def test_a_declared_rule_filters_requests_that_only_the_default_action_decided(action: str) -> None:
    _, found = parse_by(
        FORMATS["aws-waf"], waf(terminatingRuleId="Default_Action", action=action, request={"headers": 7})
    )
    assert isinstance(found, Rule)
    assert found in FORMATS["aws-waf"].rules


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (waf(request={"headers": None}), "BLOCK 192.0.2.44 POST /login by no-bots"),
        (waf(request={"headers": []}), "BLOCK 192.0.2.44 POST /login by no-bots"),
        (
            waf(request={"headers": [{"name": "host", "value": "b", "x": 1}]}),
            "BLOCK 192.0.2.44 POST b/login by no-bots",
        ),
        (waf(request={"uri": None}), "BLOCK 192.0.2.44 POST www.example.com/ by no-bots"),
        ({"httpRequest": {}}, "- - - / by -"),
    ],
)
def test_a_field_that_a_request_lacks_is_a_gap_in_its_message(event: dict[str, Any], message: str) -> None:
    meta, found = parse_by(FORMATS["aws-waf"], event)
    assert found["message"] == meta.message == message


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({}, "'httpRequest' is None; expected an object"),
        (waf(httpRequest=[]), r"'httpRequest' is \[\]; expected an object"),
        (waf(request={"headers": {"Host": "www.example.com"}}), "'httpRequest.headers' is .*; expected a list"),
        (waf(request={"headers": ["Host"]}), "'httpRequest.headers' is .*; expected a list"),
        (waf(request={"headers": [{"name": "Host"}]}), "'httpRequest.headers' is .*; expected a list"),
        (waf(request={"headers": [{"name": [], "value": ""}]}), "'httpRequest.headers' is .*; expected a list"),
        (waf(request={"headers": 7}), "'httpRequest.headers' is 7; expected a list"),
        (waf(timestamp="2018-06-11T12:00:00Z"), "'timestamp' is .*; expected milliseconds since 1970"),
        (waf(timestamp=1528718400250000), "'timestamp' is .*; expected milliseconds since 1970"),
    ],
)
def test_a_request_that_is_not_as_documented_is_refused(event: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError, match=f"^{reason}"):
        parse_by(FORMATS["aws-waf"], event)


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        (
            "defender-event",
            8,
            {
                "addresses": ["203.0.113.8"],
                "users": ["ben"],
                "hosts": ["pc7.example.com", "srv1.example.com"],
                "domains": ["c2.example.net"],
                "hashes": ["da39a3ee5e6b4b0d3255bfef95601890afd80709"],
            },
        ),
        (
            "m365-audit",
            6,
            {
                "addresses": ["203.0.113.25"],
                "users": ["ThreatIntel", "bounce@example.net", "ceo@example.net", "ann@example.com", "ben@example.com"],
                "hashes": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
            },
        ),
        ("gcp-lb", 6, {"addresses": ["198.51.100.7", "203.0.113.9"]}),
        (
            "gcp-scc",
            6,
            {
                "addresses": ["203.0.113.5", "10.0.0.4"],
                "users": ["postgres"],
                "domains": ["c2.example.net"],
                "hashes": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
            },
        ),
        (
            "defender-alert",
            10,
            {
                "addresses": ["10.0.0.9", "203.0.113.7", "203.0.113.25"],
                "users": ["cleo", "ann@example.com", "ceo@example.net"],
                "hosts": ["host9.example.com"],
                "domains": ["bad.example.net"],
                "hashes": ["da39a3ee5e6b4b0d3255bfef95601890afd80709"],
            },
        ),
        ("defender-alert", 11, {"addresses": ["203.0.113.26"]}),
        ("graph-activity", 6, {"addresses": ["192.0.2.9"], "users": ["u2"]}),
        ("azure-activity", 6, {"addresses": ["192.0.2.7", "203.0.113.25"], "users": ["cleo@example.com"]}),
        ("azure-resource", 10, {"addresses": ["192.0.2.8"], "users": ["dora@example.com"]}),
        (
            "ocsf",
            7,
            {
                "addresses": ["10.0.0.4", "10.0.0.9", "203.0.113.5"],
                "domains": ["c2.example.net", "www.example.com"],
                "hashes": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
            },
        ),
    ],
)
def test_a_record_names_all_its_entities(name: str, number: int, expected: dict[str, list[str]]) -> None:
    assert chains.entities_of(name, sample_files(name)[0].read_bytes(), number) == expected


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([{"name": "view"}, {"name": "edit"}], "drive view, edit by ann@example.com from -"),
        ([{"name": 5}, None, "view"], "drive 5 by ann@example.com from -"),
        ({"name": "view"}, "drive view by ann@example.com from -"),
    ],
)
def test_the_message_of_an_activity_of_workspace_names_its_events(events: Any, message: str) -> None:
    event = {"kind": "admin#reports#activity", "id": {"applicationName": "drive"}, "events": events}
    meta, _ = parse_by(FORMATS["google-workspace"], {**event, "actor": {"email": "ann@example.com"}})
    assert meta.message == message


def test_a_flow_of_azure_has_all_that_stands_around_it() -> None:
    line = "1772352000,198.51.100.4,10.5.16.4,28746,443,U,I,D,B,,,,"
    group = {"rule": "r", "ruleNew": 1, "flows": [{"mac": "m", "macNew": 2, "flowTuples": [line]}]}
    record = {"category": "c", "properties": {"Version": 2, "propertiesNew": 3, "flows": [group]}}
    ((_, event),) = chains.run(["azure-nsg-flow"], json.dumps({"records": [record]}).encode()).events
    around = {"rule": "r", "ruleNew": 1, "mac": "m", "macNew": 2, "recordVersion": 2, "recordPropertiesNew": 3}
    assert event.items() >= around.items()


def test_a_flow_of_a_virtual_network_has_all_that_stands_around_it() -> None:
    line = "1772352000000,198.51.100.4,10.5.16.4,28746,443,6,I,D,NX,0,0,0,0"
    group = {"rule": "r", "ruleNew": 1, "flowTuples": [line]}
    flow = {"aclID": "a", "aclNew": 2, "flowGroups": [group]}
    record = {"category": "c", "flowRecords": {"new": 3, "flows": [flow]}}
    ((_, event),) = chains.run(["azure-vnet-flow"], json.dumps({"records": [record]}).encode()).events
    around = {"rule": "r", "ruleNew": 1, "aclID": "a", "aclNew": 2, "recordCategory": "c", "recordNew": 3}
    assert event.items() >= around.items()
