"""KMS keys behind what the config gives: the roles may use them, and what cannot work with AWS's own is refused."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec
import pytest
from botocore.exceptions import ClientError
from msgspec import inspect

from slips.config import Config, parse
from slips.config.declared import every_key, unwrap
from slips.deploy.account import Account
from slips.deploy.given import assumed
from slips.deploy.kms_keys import SeenKeys, read

REGION, ID = "ap-northeast-1", "123456789012"
TOPIC, DLQ, ALARMS = (f"arn:aws:sns:{REGION}:{ID}:{name}" for name in ("seclog", "dlq", "on-call"))
QUEUE, STREAM = f"arn:aws:sqs:{REGION}:{ID}:seclog", f"arn:aws:kinesis:{REGION}:{ID}:stream/fast"
TABLE = f"arn:aws:dynamodb:{REGION}:{ID}:table/errors"
NAME = "0f1e2d3c-0000-0000-0000-00000000000a"
KEY = f"arn:aws:kms:{REGION}:{ID}:key/{NAME}"
OURS = f"arn:aws:kms:{REGION}:{ID}:key/{NAME[:-1]}b"
"""A key that AWS manages in this account."""
GONE = f"arn:aws:kms:{REGION}:{ID}:key/{NAME[:-1]}c"
CONFIG = f"""\
stack_name: app
base: {{sam: {{code_bucket: my-code}}}}
backend:
  sns_topics: [{{name: SecLog, arn: '{TOPIC}'}}]
  sqs_queues: [{{name: Queued, arn: '{QUEUE}'}}]
  kinesis_stream_fast_arn: '{STREAM}'
  dynamodb_arn: '{TABLE}'
  dlq_sns_arn: '{DLQ}'
  alarm_sns_arn: '{ALARMS}'
handler: {{path: handler.py}}
bucket_mapping:
  my-logs: [{{prefix: a/, format: json}}]
"""


def denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)


class Kms:
    """Two keys, the customer's with an alias; whoever may not describe them is told so."""

    def __init__(self, policy: Any = None, *, refuses: bool = False) -> None:
        self.policy, self.refuses = policy or {}, refuses

    def describe_key(self, KeyId: str) -> Any:
        if self.refuses:
            raise denied("DescribeKey")
        if KeyId == GONE:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": "no"}}, "DescribeKey")
        arn = {"alias/mine": KEY, NAME: KEY, OURS.rpartition("/")[2]: OURS}.get(KeyId, KeyId)
        return {"KeyMetadata": {"Arn": arn, "KeyManager": "AWS" if arn == OURS else "CUSTOMER"}}

    def get_key_policy(self, KeyId: str, PolicyName: str) -> Any:
        assert (KeyId, PolicyName) == (KEY, "default"), "KMS takes no alias here"
        if self.refuses:
            raise denied("GetKeyPolicy")
        return {"Policy": json.dumps(self.policy)}


class Answers:
    """A client of any service that says with which key all that it has is encrypted."""

    def __init__(self, key: str, error: str = "") -> None:
        self.key, self.error = key, error

    def __getattr__(self, operation: str) -> Any:
        def call(**_: Any) -> Any:
            if self.error:
                camel = "".join(part.capitalize() for part in operation.split("_"))
                raise ClientError({"Error": {"Code": self.error, "Message": "no"}}, camel)
            return {
                "Attributes": {"KmsMasterKeyId": self.key} if self.key else {},
                "QueueUrl": "https://sqs",
                "StreamDescriptionSummary": {"EncryptionType": "KMS" if self.key else "NONE", "KeyId": self.key},
                "Table": {"SSEDescription": {"KMSMasterKeyArn": self.key}} if self.key else {},
            }

        return call


class Session:
    """Makes the clients of an account, by service."""

    def __init__(self, **clients: Any) -> None:
        self.clients = clients

    def client(self, service: str, **_: Any) -> Any:
        return self.clients.get(service, Answers(""))


def account(kms: Any = None, **clients: Any) -> Account:
    return Account(cast("Any", Session(kms=kms or Kms(), **clients)), region=REGION, id=ID)


def allow(*services: str, **about: Any) -> dict[str, Any]:
    """A key's policy."""
    principal = {"Service": [f"{service}.amazonaws.com" for service in services]}
    statement = {"Effect": "Allow", "Principal": principal, "Action": ["kms:GenerateDataKey*", "kms:Decrypt"], **about}
    return {"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]}


ALL = Kms(allow("s3", "cloudwatch"))


@pytest.mark.parametrize("named", [KEY, NAME, "alias/mine"])
def test_the_key_of_each_thing_that_roles_use_is_found_however_it_is_named(named: str) -> None:
    encrypted = {service: Answers(named) for service in ("kinesis", "dynamodb", "sns", "sqs")}
    found = read(parse(CONFIG), account(ALL, **encrypted))
    assert found == SeenKeys(dict.fromkeys((STREAM, TABLE, DLQ, QUEUE), KEY))


def test_resources_without_encryption_have_no_key() -> None:
    assert read(parse(CONFIG), account()) == SeenKeys()


@pytest.mark.parametrize(
    "named", [OURS, OURS.rpartition("/")[2], "alias/aws/x", f"arn:aws:kms:{REGION}:{ID}:alias/aws/x"]
)
def test_resources_with_a_key_of_aws_need_no_right(named: str) -> None:
    given = CONFIG.replace("sns_topics", "#").replace("sqs_queues", "#").replace("alarm_sns", "#")
    encrypted = {service: Answers(named) for service in ("kinesis", "dynamodb", "sns")}
    assert read(parse(given), account(**encrypted)) == SeenKeys()


@pytest.mark.parametrize("named", [OURS, OURS[-36:], "alias/aws/x"])
def test_targets_that_services_cannot_reach_with_a_key_of_aws_are_refused(named: str) -> None:
    kms = Kms(refuses=True) if named.startswith("alias") else Kms()
    found = read(parse(CONFIG), account(kms, sns=Answers(named), sqs=Answers(named)))
    assert (found.keys, found.notes) == ({}, [])
    assert [text.partition(",")[0] for text in found.problems] == [
        f"slips.yml: backend.sns_topics SecLog '{TOPIC}' is encrypted with AWS's own key",
        f"slips.yml: backend.sqs_queues Queued '{QUEUE}' is encrypted with AWS's own key",
        f"slips.yml: backend.alarm_sns_arn '{ALARMS}' is encrypted with AWS's own key",
    ]
    assert (
        "with which S3 cannot send to it; expected a key of yours whose policy lets s3.amazonaws" in found.problems[1]
    )
    assert "with which CloudWatch cannot send to it" in found.problems[2]


@pytest.mark.parametrize("named", [KEY, NAME])
def test_a_key_that_may_not_be_described_is_taken_for_the_customers(named: str) -> None:
    found = read(parse(CONFIG), account(Kms(refuses=True), kinesis=Answers(named)))
    assert found == SeenKeys({STREAM: KEY})


def test_the_key_of_every_resource_that_a_config_can_give_is_looked_at() -> None:
    declared = {path: unwrap(one.type)[1] for path, one in every_key(inspect.type_info(Config)) if "[]" not in path}
    given = {path: notes for path, notes in declared.items() if notes.get("home") == "stack"}
    for path, notes in given.items():
        if notes["arn"] != "iam":
            data: dict[str, Any] = msgspec.yaml.decode(CONFIG)
            data["backend"] = {path.removeprefix("backend."): notes["examples"][0]}
            encrypted = {service: Answers(KEY) for service in ("kinesis", "dynamodb", "sns")}
            assert read(parse(json.dumps(data)), account(**encrypted)) != SeenKeys(), path


def test_an_alias_that_may_not_be_resolved_is_told() -> None:
    found = read(parse(CONFIG), account(Kms(refuses=True), kinesis=Answers("alias/mine"), sns=Answers("alias/mine")))
    assert (found.keys, found.unknown) == ({}, [STREAM, DLQ])
    assert f"whether backend.kinesis_stream_fast_arn '{STREAM}' is encrypted with a key of yours" in found.notes[1]
    assert "AWS denies kms:DescribeKey" in found.notes[1]
    assert [note.split()[0] for note in found.notes] == [
        "backend.sns_topics",
        "whether",
        "whether",
        "backend.alarm_sns_arn",
    ]


def test_a_resource_that_aws_denies_reading_keeps_the_key_of_an_earlier_deploy() -> None:
    found = read(parse(CONFIG), account(kinesis=Answers("", "AccessDeniedException"), dynamodb=Answers(KEY)))
    assert found.unknown == [STREAM]
    assert "AWS denies kinesis:DescribeStreamSummary; expected it to be allowed to whoever deploys" in found.notes[0]
    assert found.or_as_before({STREAM: OURS, TABLE: OURS, QUEUE: OURS}) == {STREAM: OURS, TABLE: KEY}


def test_missing_resources_and_those_of_other_regions_are_no_problem_of_keys() -> None:
    gone = account(**{service: Answers("", "ResourceNotFoundException") for service in ("kinesis", "dynamodb", "sns")})
    assert read(parse(CONFIG), gone) == SeenKeys()
    elsewhere = parse(CONFIG.replace(REGION, "eu-west-1"))
    assert read(elsewhere, account(sns=Answers("alias/aws/sns"))) == SeenKeys()


@pytest.mark.parametrize(
    "policy",
    [
        allow("s3"),
        allow("events"),
        allow("s3", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::my-*"}}),
        allow("s3", Action="kms:*", Principal="*"),
    ],
)
def test_a_customers_key_that_lets_services_send_is_fine(policy: dict[str, Any]) -> None:
    assert read(parse(CONFIG), account(Kms(policy), sqs=Answers(KEY))) == SeenKeys({QUEUE: KEY})


@pytest.mark.parametrize(
    "policy",
    [
        allow(),
        allow("s3", Action="kms:Decrypt"),
        allow("s3", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::other"}}),
        allow("cloudwatch"),
        allow(Principal={"AWS": f"arn:aws:iam::{ID}:root"}, Action="kms:*"),
    ],
)
def test_a_customers_key_that_lets_no_service_send_is_told_with_the_statement(policy: dict[str, Any]) -> None:
    (note,) = read(parse(CONFIG), account(Kms(policy), sqs=Answers(KEY))).notes
    assert (
        f"backend.sqs_queues Queued '{QUEUE}' is encrypted with {KEY}, whose policy does not let s3.amazonaws.com or"
        in note
    )
    needed = {"Statement": [json.loads(note.partition("in that policy: ")[2])]}
    assert read(parse(CONFIG), account(Kms(needed), sqs=Answers(KEY))).notes == []


def test_a_policy_that_may_not_be_read_is_told_with_what_it_must_allow() -> None:
    topic, alarms = read(parse(CONFIG), account(Kms(refuses=True), sns=Answers(KEY))).notes
    needed = "do kms:GenerateDataKey and kms:Decrypt; see whether it does"
    assert f"'{TOPIC}' is encrypted with {KEY}, whose policy was not looked at: AWS denies kms:GetKeyPolicy" in topic
    assert f"expected it to let s3.amazonaws.com {needed}" in topic
    assert f"expected it to let cloudwatch.amazonaws.com {needed}" in alarms


def test_a_dry_run_says_what_it_assumes_of_keys() -> None:
    assumptions = [one for one in assumed(parse(CONFIG)) if "is assumed not to be encrypted with a key" in one]
    assert [one.split()[0] for one in assumptions] == [QUEUE, STREAM, TABLE, DLQ]


def test_a_named_key_that_is_not_there_is_refused_and_one_that_may_not_be_described_a_note() -> None:
    elsewhere = KEY.replace(REGION, "us-east-1")
    text = CONFIG.replace("backend:", f"backend:\n  kms_key_arns: ['{KEY}', '{GONE}', '{elsewhere}']")
    missing = f"slips.yml: backend.kms_key_arns '{GONE}' is not there; expected a key that exists; mend the ARN"
    assert read(parse(text), account()) == SeenKeys(problems=[missing])
    found = read(parse(text), account(Kms(refuses=True)))
    assert (found.problems, [note.split()[1] for note in found.notes]) == ([], [f"'{KEY}'", f"'{GONE}'"])
