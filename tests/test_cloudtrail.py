"""CloudTrail through all spellings of its chain, and on real files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import chains
from chains import OBJECT
from slips.errors import ReaderError, RecordError
from slips.format import Event
from slips.formats import catalogue
from slips.model import MetaData

CALL = {
    "eventType": "AwsApiCall",
    "eventName": "StartLogging",
    "eventTime": "2023-07-19T21:33:41Z",
    "userIdentity": {"arn": "arn:aws:iam::123456789012:user/Mary_Major"},
    "sourceIPAddress": "192.0.2.0",
}


def parse(**changes: Any) -> tuple[MetaData, Event]:
    """What becomes of CALL, changed; a key that is changed to ... is left out."""
    event = {key: value for key, value in {**CALL, **changes}.items() if value is not ...}
    meta, parsed = chains.parse_by(catalogue()["cloudtrail"], event)
    assert isinstance(parsed, dict)
    return meta, parsed


def run(content: bytes, *chain: str) -> tuple[list[tuple[Any, Event]], list[str]]:
    """Events with what is known of them, and why records were quarantined."""
    seen = chains.run(chain, content)
    events = [((meta.seq, meta.tag, meta.timestamp, meta.message), event) for meta, event in seen.events]
    return events, [f"{seq}: {reason}" for seq, reason in seen.quarantined]


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({}, "AwsApiCall StartLogging by arn:aws:iam::123456789012:user/Mary_Major on 192.0.2.0"),
        ({"userIdentity": {"invokedBy": "AWS Internal"}}, "AwsApiCall StartLogging by AWS Internal on 192.0.2.0"),
        ({"userIdentity": {"arn": None}}, "AwsApiCall StartLogging by None on 192.0.2.0"),
        ({"userIdentity": None}, "AwsApiCall StartLogging by None on 192.0.2.0"),
        ({"userIdentity": "anonymous"}, "AwsApiCall StartLogging by None on 192.0.2.0"),
        ({"userIdentity": ...}, "AwsApiCall StartLogging by None on 192.0.2.0"),
        ({"userIdentity": None, "sourceIPAddress": ...}, "AwsApiCall StartLogging by None on None"),
        ({"userIdentity": None, "eventType": ...}, "None StartLogging by None on 192.0.2.0"),
        ({"userIdentity": None, "eventName": ...}, "AwsApiCall None by None on 192.0.2.0"),
    ],
)
def test_the_description_says_who_did_what_from_where(changes: dict[str, Any], description: str) -> None:
    meta, event = parse(**changes)
    assert event["description"] == meta.message == description


@pytest.mark.parametrize("name", ["cloudtrail", "cloudtrail-event"])
@pytest.mark.parametrize(
    ("identity", "caller"),
    [
        (
            {"type": "Root", "principalId": "1234", "arn": "arn:aws:iam::1234:root", "accountId": "1234"},
            "arn:aws:iam::1234:root",
        ),
        (
            {"type": "AssumedRole", "principalId": "AROA:ann", "arn": "arn:aws:sts::1234:assumed-role/ops/ann"},
            "arn:aws:sts::1234:assumed-role/ops/ann",
        ),
        (
            {"type": "FederatedUser", "principalId": "1234:ann", "arn": "arn:aws:sts::1234:federated-user/ann"},
            "arn:aws:sts::1234:federated-user/ann",
        ),
        ({"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}, "cloudtrail.amazonaws.com"),
        ({"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": "1234"}, "AIDAEXAMPLE"),
        ({"type": "AWSAccount", "principalId": "", "accountId": "1234"}, "1234"),
        ({"type": "IAMUser", "accountId": "1234", "accessKeyId": "", "userName": "HIDDEN"}, "HIDDEN"),
        ({"type": "SAMLUser", "principalId": "x=:ann@example.com", "userName": "ann@example.com"}, "ann@example.com"),
        ({"type": "WebIdentityUser", "principalId": "idp:app:ann", "userName": "ann"}, "ann"),
        ({"type": "IdentityCenterUser", "accountId": "1234", "onBehalfOf": {"userId": "9467"}}, "9467"),
    ],
)
def test_each_type_of_identity_has_a_caller_in_the_description(
    name: str, identity: dict[str, Any], caller: str
) -> None:
    meta, _ = chains.parse_by(catalogue()[name], {**CALL, "userIdentity": identity})
    assert meta.message == f"AwsApiCall StartLogging by {caller} on 192.0.2.0"


@pytest.mark.parametrize("kind", ["AwsApiCall", "AwsServiceEvent", "AwsConsoleSignIn", "AwsCloudTrailInsight"])
def test_the_tag_names_the_type(kind: str) -> None:
    assert parse(eventType=kind)[0].tag == f"aws.cloudtrail.{kind}"


@pytest.mark.parametrize("missing", [..., None, ""])
def test_an_event_without_a_time_has_that_of_its_object(missing: Any) -> None:
    assert parse()[0].timestamp == 1689802421.0
    assert parse(eventTime=missing)[0].timestamp == OBJECT.timestamp


@pytest.mark.parametrize("malformed", ["yesterday", 1689802421, 0, False, {}, "2023-13-01T00:00:00Z"])
def test_a_malformed_time_makes_a_bad_record(malformed: Any) -> None:
    with pytest.raises(RecordError, match="'eventTime' is "):
        parse(eventTime=malformed)


def test_a_record_without_type_and_name_is_bad_and_its_keys_are_named() -> None:
    with pytest.raises(
        RecordError, match=r"no 'eventType' or 'eventName' \(keys: eventTime, userIdentity, sourceIPAddress\)"
    ):
        parse(eventType=..., eventName=...)


TWO = json.dumps({"Records": [CALL, {**CALL, "eventName": "StopLogging"}, 3]}).encode()


@pytest.mark.parametrize("content", [TWO, json.dumps(json.loads(TWO), indent=4).encode(), TWO + b"\n" + TWO + b"\n"])
def test_all_spellings_of_the_chain_give_the_same(content: bytes) -> None:
    events, reasons = run(content, "cloudtrail")
    documents = content.count(b"Records")
    assert [known[0] for known, _ in events] == [1, 2, 4, 5][: 2 * documents]
    assert [reason.partition(" is ")[0] for reason in reasons] == ["3: element", "6: element"][:documents]
    for chain in (["s3-lines", "cloudtrail"], ["s3-text", "cloudtrail"], ["json-records:Records", "cloudtrail"]):
        assert run(content, *chain) == (events, reasons)


def test_events_may_be_lines_of_their_own() -> None:
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in json.loads(TWO)["Records"][:2])
    events, reasons = run(lines, "s3-lines", "json", "cloudtrail")
    assert (events, reasons) == (run(TWO, "cloudtrail")[0], [])


def test_a_digest_file_is_refused_with_its_keys() -> None:
    digest = b'{"awsAccountId": "123456789012", "digestStartTime": "2015-08-17T14:01:31Z", "logFiles": []}'
    with pytest.raises(ReaderError, match=r"no 'Records' array; .* keys: awsAccountId, digestStartTime, logFiles"):
        run(digest, "cloudtrail")


REAL = ["cloudtrail/*.json", "cloudtrail/*.gz", "cloudtrail-insight/1.jsonl", "_large/cloudtrail-invictus/*.gz"]
NOT_CLOUDTRAILS = {"47.json"}  # an export of OpenSearch, which wraps each event


def read(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.mark.parametrize("pattern", REAL)
def test_real_files_give_what_json_loads_does(logs: Path, pattern: str) -> None:
    paths = [path for path in sorted(logs.glob(pattern)) if path.name not in NOT_CLOUDTRAILS]
    paths = [path for path in paths if not path.name.startswith("expected-")]
    assert paths
    for path in paths:
        content = read(path)
        events, reasons = run(content, "cloudtrail")
        assert not reasons
        plain = [{key: value for key, value in event.items() if key != "description"} for _, event in events]
        assert plain == json.loads(content)["Records"], path
        assert [known[0] for known, _ in events] == [*range(1, len(plain) + 1)]


def test_real_lines_of_documents_give_all_their_records(logs: Path) -> None:
    content = read(logs / "cloudtrail/55.jsonl")
    records = [record for line in content.splitlines() for record in json.loads(line)["Records"]]
    events, reasons = run(content, "cloudtrail")
    # Its times are placeholders, such as "eventTime" and "...".
    assert len(events) + len(reasons) == len(records)
    assert all(" 'eventTime' is " in reason for reason in reasons)


@pytest.mark.parametrize("name", ["59.jsonl", "64.jsonl"])
def test_real_lines_of_events_give_an_event_each(logs: Path, name: str) -> None:
    content = read(logs / "cloudtrail" / name)
    events, reasons = run(content, "s3-lines", "json", "cloudtrail")
    assert (len(events), reasons) == (len(content.splitlines()), [])


def test_a_row_that_cloudtrail_lake_exports_has_its_booleans() -> None:
    header = b"eventTime,eventName,eventType,readOnly,managementEvent\n"
    row = b"2026-07-02 22:23:00.000,ListBuckets,AwsApiCall,true,false\n"
    ((meta, event),) = chains.run(["csv", "cloudtrail-event"], header + row).events
    assert (meta.timestamp, event["readOnly"], event["managementEvent"]) == (1783030980.0, True, False)
