"""`slips deploy` and `slips destroy`: what is looked at first, what is shown, and what is left if it fails."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import boto3
import botocore.exceptions as boto
import msgspec
import pytest
import typer
import yaml
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from moto.cloudformation.models import ChangeSet
from moto.cloudformation.parsing import OutputMap

import aws
from cloud import Cloud
from cloud.client import PATIENCE
from deployed import CONFIG as DEPLOYED
from deployed import Deployed
from projects import HANDLER, Project
from slips.backends.aws.refusals import calls
from slips.cli.deploy import change, remove
from slips.cli.screen import DeployView, EventLines, ResourceBar, Screen
from slips.config import Config, parse
from slips.deploy import deploy as deploying
from slips.deploy import destroy as destroying
from slips.deploy import shards
from slips.deploy.account import Account
from slips.deploy.changes import Change, Proposal, StackEvent, StackResource, StackState
from slips.deploy.checks import check_account, check_config, read_given
from slips.deploy.deployment import INLINE, Deployment
from slips.deploy.given import Given
from slips.deploy.keys import SeenKeys
from slips.deploy.limits import LaneSetting, LimitChanges
from slips.deploy.package import Package
from slips.deploy.template import to_yaml
from slips.deploy.uploads import UploadedCode, upload, uploaded
from slips.errors import ConfigError, SlipsError, UsageError

pytest_plugins = ["cloud.plugin"]
pytestmark = [
    pytest.mark.once,
    pytest.mark.filterwarnings("ignore:Tried to parse"),  # what moto has no such resource for
]

REGION, ID = "ap-northeast-1", "123456789012"
TOPIC = f"arn:aws:sns:{REGION}:{ID}:seclog"
CONFIG = f"""\
stack_name: app
base: {{sam: {{code_bucket: my-code, code_prefix: functions}}}}
backend:
  sns_topics: [{{name: SecLog, arn: '{TOPIC}'}}]
handler: {{path: handler.py}}
bucket_mapping:
  my-logs: [{{prefix: a/, format: json}}]
"""
PACKAGE = Package(data=b"PK\x05\x06" + bytes(18), key="slips-1.zip", unzipped=1, largest=[("x", 1)], left_out=["a.pem"])
TINY: dict[str, Any] = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}}


class Seen(Screen):
    """Keeps what is shown, and answers what is asked."""

    def __init__(self, answer: bool | None = None) -> None:
        self.said: list[str] = []
        super().__init__(io.StringIO(), lambda text, _: self.said.append(text))
        self.answer = answer

    @property
    def can_ask(self) -> bool:
        return self.answer is not None

    def ask(self, question: str) -> bool:
        self.said.append(question)
        return bool(self.answer)

    @property
    def text(self) -> str:
        return "\n".join(self.said)


class Events(list[StackEvent]):
    """An Observer that remembers."""

    def event(self, event: StackEvent) -> None:
        self.append(event)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    apply = ChangeSet.apply

    def with_outputs(change_set: ChangeSet) -> None:
        """moto forgets the outputs of a stack that a change set creates."""
        apply(change_set)
        stack = change_set.stack
        stack.output_map = OutputMap(stack.resource_map, change_set.template_dict, stack.stack_id)

    monkeypatch.setattr(ChangeSet, "apply", with_outputs)
    with aws.account():
        found = Account.connect(REGION)
        make_bucket("my-code")
        make_bucket("my-logs")
        found.sns.create_topic(Name="seclog")
        yield found


def make_bucket(name: str, region: str = REGION) -> None:
    client = boto3.client("s3", region_name=region)
    client.create_bucket(Bucket=name, CreateBucketConfiguration=cast("Any", {"LocationConstraint": region}))


def problems(config: str, account: Account | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check_account(parse(config), account) if account else check_config(parse(config))
    return caught.value.problems


def never(_: float) -> None:
    """A sleep for stacks that are ready at once."""
    raise AssertionError("waited")


# ---- what is looked at before anything is made


def test_what_aws_would_refuse_half_way_is_told_before_anything_is_made() -> None:
    prefixes = ", ".join(f"{{prefix: application-{number:03}/year=2026/, format: json}}" for number in range(250))
    roles = problems(CONFIG.replace("{prefix: a/, format: json}", prefixes))
    assert [text.split()[1] for text in roles] == ["MainFuncRole", "DrainRole"]
    assert "expected 10,240 at most" in roles[0]
    buckets = "".join(f"  logs-{number}: [{{prefix: '', format: json}}]\n" for number in range(60))
    (direct,) = problems(CONFIG.replace("sns_topics: ", "s3_direct: true\n  sns_topics: ") + buckets)
    assert "backend.s3_direct: 61 buckets; expected 45 at most" in direct
    small = "environment: {AWS_REGION: x}"
    here = CONFIG.replace("backend:\n", "backend:\n  embedded: {}\n")
    (own,) = problems(here.replace("path: handler.py", f"path: handler.py, {small}"))
    assert "handler.environment: AWS_REGION is Lambda's own" in own
    rights = f"policies: [{{actions: s3:PutObject, resources: ['arn:aws:s3:::{'x' * 10_000}']}}]"
    (policies,) = problems(CONFIG.replace("path: handler.py", f"path: handler.py, {rights}"))
    assert "MainFuncRole would have policies of about 1" in policies
    assert "put rights of 'handler.policies' into a managed policy and name its ARN there" in policies
    managed = ", ".join(f"arn:aws:iam::aws:policy/P{number}" for number in range(26))
    (many,) = problems(CONFIG.replace("path: handler.py", f"path: handler.py, policies: [{managed}]"))
    assert "handler.policies: 26 managed policies; expected 25 at most" in many
    large = f"environment: {{A: {'x' * 5000}}}"
    (long,) = problems(CONFIG.replace("path: handler.py", f"path: handler.py, {large}"))
    assert "handler.environment: 5,001 bytes; expected 3,300 at most" in long


def test_rights_that_a_setting_needs_count_among_those_of_their_role() -> None:
    rights = f"policies: [{{actions: s3:PutObject, resources: ['arn:aws:s3:::{'x' * 10_000}']}}]"
    sizes = []
    for tracing in ("false", "true"):
        (told,) = problems(CONFIG.replace("path: handler.py", f"path: handler.py, tracing: {tracing}, {rights}"))
        found = re.search(r"MainFuncRole would have policies of about ([\d,]+) characters", told)
        assert found
        sizes.append(int(found[1].replace(",", "")))
    assert sizes[1] - sizes[0] > len("xray:PutTraceSegments xray:PutTelemetryRecords")


def test_all_that_keeps_a_config_from_being_deployed_is_told_at_once() -> None:
    config = CONFIG.replace("my-code", "''").replace("123456789012", "1234xxxxxx")
    found = problems(config)
    assert [text.partition(";")[0] for text in found] == [
        f"slips.yml: 'arn:aws:sns:{REGION}:1234xxxxxx:seclog' is a placeholder",
        "slips.yml: no base.sam.code_bucket",
    ]
    assert "nothing tells the stack of new objects" in problems(CONFIG.replace("sns_topics", "#"))[0]
    check_config(parse(CONFIG))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arn", "told"),
    [
        ("arn:aws:sns:us-east-1:123456789012:seclog", "deploy with --region us-east-1"),
        ("arn:aws:sns:ap-northeast-1:999999999999:seclog", "credentials of its account"),
        ("arn:aws-cn:sns:ap-northeast-1:123456789012:seclog", "is not of account 123456789012"),
        ("arn:aws:sns:ap-northeast-1:123456789012:other", "is not there"),
    ],
)
def test_a_topic_elsewhere_or_nowhere_is_an_error(account: Account, arn: str, told: str) -> None:
    (found,) = problems(CONFIG.replace(TOPIC, arn), account)
    assert found.startswith(f"slips.yml: backend.sns_topics SecLog '{arn}'")
    assert told in found


@pytest.mark.slow
@pytest.mark.parametrize(
    "key",
    [
        f"sqs_queues: [{{name: Q, arn: 'arn:aws:sqs:{REGION}:{ID}:q'}}]",
        f"kinesis_stream_fast_arn: 'arn:aws:kinesis:{REGION}:{ID}:stream/s'",
        f"dynamodb_arn: 'arn:aws:dynamodb:{REGION}:{ID}:table/t'",
    ],
)
def test_whatever_else_is_named_and_not_there_is_an_error(account: Account, key: str) -> None:
    (found,) = problems(CONFIG.replace("backend:\n", f"backend:\n  {key}\n"), account)
    assert "is not there; expected one that exists" in found


@pytest.mark.slow
def test_a_table_that_is_no_error_table_is_an_error(account: Account) -> None:
    config = CONFIG.replace("backend:\n", f"backend:\n  dynamodb_arn: 'arn:aws:dynamodb:{REGION}:{ID}:table/t'\n")
    make_table(account, "t", "id")
    assert "has the key id; expected 'request_id' alone" in problems(config, account)[0]
    account.dynamodb.delete_table(TableName="t")
    make_table(account, "t", "request_id")
    assert check_account(parse(config), account) == []


WITH_QUEUE = CONFIG.replace(
    "backend:\n", f"backend:\n  sqs_queues: [{{name: Q, arn: 'arn:aws:sqs:{REGION}:{ID}:q'}}]\n"
)
PAGE = "<!DOCTYPE html>\n<html><head><title>500 Internal\nError</title></head>\n<body>oops</body></html>\n"
LOOKED_AT = f"backend.sqs_queues Q 'arn:aws:sqs:{REGION}:{ID}:q' "
DEAD = f"arn:aws:sqs:{REGION}:{ID}:dead"


def redriven(receives: Any) -> str:
    return json.dumps({"deadLetterTargetArn": DEAD, "maxReceiveCount": receives})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"VisibilityTimeout": "180", "RedrivePolicy": redriven(5)}, []),
        ({"VisibilityTimeout": "180"}, ["has no redrive policy: the stack's queue Undelivered takes"]),
        ({"VisibilityTimeout": "30", "RedrivePolicy": redriven("9")}, ["has a visibility timeout of 30 s: while"]),
        ({"VisibilityTimeout": "180", "RedrivePolicy": redriven(1)}, ["gives a message up after 1 receive, and"]),
        (
            {"VisibilityTimeout": "180", "RedrivePolicy": redriven(5), "MessageRetentionPeriod": "3600"},
            ["keeps messages for 1 h: those that wait longer"],
        ),
        (
            {"VisibilityTimeout": "180", "RedrivePolicy": redriven(5), "MessageRetentionPeriod": "600"},
            ["keeps messages for 10 min: those that wait longer"],
        ),
        ({}, ["has a visibility timeout of 30 s: while", "has no redrive policy: "]),
    ],
)
def test_what_of_a_queue_costs_messages_or_receives_is_told(
    account: Account, attributes: dict[str, str], told: list[str]
) -> None:
    account.sqs.create_queue(QueueName="dead")
    account.sqs.create_queue(QueueName="q", Attributes=cast("Any", attributes))
    notes = check_account(parse(WITH_QUEUE), account)
    assert [note.startswith(LOOKED_AT + each) for note, each in zip(notes, told, strict=True)] == [True] * len(told)


@pytest.mark.slow
def test_a_queue_whose_visibility_timeout_lambda_refuses_is_an_error(account: Account) -> None:
    url = account.sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "29"})["QueueUrl"]
    (found,) = problems(WITH_QUEUE, account)
    assert found.startswith(f"slips.yml: {LOOKED_AT}has a visibility timeout of 29 s; expected 30 s at least")
    assert f"set-queue-attributes --queue-url {url} --attributes VisibilityTimeout=180'" in found


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "500", "Message": PAGE}}, "PutRecords"),
        ResponseParserError(f"Unable to parse response (mismatched tag), invalid XML received:\n{PAGE.encode()!r}"),
    ],
)
def test_of_a_page_that_answers_in_place_of_aws_its_title_is_told(error: Exception) -> None:
    with pytest.raises(SlipsError) as told, calls("queue Q"):
        raise error
    assert "a page of HTML, '500 Internal Error'" in str(told.value)
    assert "oops" not in str(told.value)
    assert "\n" not in str(told.value)


STREAM = f"arn:aws:kinesis:{REGION}:{ID}:stream/s"
WITH_STREAM = CONFIG.replace("backend:\n", f"backend:\n  kinesis_stream_slow_arn: '{STREAM}'\n")


@pytest.mark.slow
def test_the_retention_of_a_given_stream_is_read_and_told_if_it_is_short(account: Account) -> None:
    account.kinesis.create_stream(StreamName="s", ShardCount=1)
    given, (note,) = read_given(parse(WITH_STREAM), account)
    assert given.retention(STREAM) == 24
    assert note.startswith(f"backend.kinesis_stream_slow_arn '{STREAM}' keeps events for 24 h")
    assert "become error items after 12 h" in note
    account.kinesis.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=168)
    assert read_given(parse(WITH_STREAM), account) == (Given({STREAM: 168}), [])


def test_of_a_stream_that_may_not_be_looked_at_the_least_is_assumed_and_told(account: Account) -> None:
    account.kinesis = cast("Any", Denied())
    given, (note,) = read_given(parse(WITH_STREAM), account)
    assert given.retention(STREAM) == 24
    assert note.endswith("is assumed to keep events for 24 h")


class Policies:
    """IAM, which has one policy that allows everything."""

    def __init__(self, arn: str) -> None:
        self.arn = arn

    def get_policy(self, PolicyArn: str) -> Any:
        if PolicyArn != self.arn:
            raise refusal("NoSuchEntity", operation="GetPolicy")
        return {"Policy": {"DefaultVersionId": "v1"}}

    def get_policy_version(self, PolicyArn: str, VersionId: str) -> Any:
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        return {"PolicyVersion": {"Document": {"Version": "2012-10-17", "Statement": [statement]}}}


@pytest.mark.slow
@pytest.mark.parametrize("owner", [ID, "aws", "${AWS::AccountId}"])
def test_managed_policies_are_those_of_the_account_or_of_aws(account: Account, owner: str) -> None:
    def named(policy: str) -> str:
        rights = f"path: handler.py, policies: ['{policy}']"
        return CONFIG.replace("path: handler.py", rights) + f"permissions_boundary: '{policy}'\n"

    account.iam = Policies(f"arn:aws:iam::{owner.replace('${AWS::AccountId}', ID)}:policy/P")
    assert check_account(parse(named(f"arn:${{AWS::Partition}}:iam::{owner}:policy/P")), account) == []
    for other in ("arn:aws:iam::999999999999:policy/P", f"arn:aws-cn:iam::{owner}:policy/P"):
        assert [text.partition(";")[0] for text in problems(named(other), account)] == [
            f"slips.yml: {key} '{other}' is not of account {ID}, where the stack is"
            for key in ("handler.policies", "permissions_boundary")
        ]


@pytest.mark.slow
def test_a_boundary_that_is_not_there_or_too_narrow_is_refused_before_anything_changes(account: Account) -> None:
    arn = f"arn:aws:iam::{ID}:policy/P"
    bounded = f"{CONFIG}permissions_boundary: {arn}\n"
    assert problems(bounded, account) == [
        f"slips.yml: permissions_boundary '{arn}' is not there; expected a policy that exists; make it, or mend the ARN"
    ]
    narrow = {"Effect": "Allow", "Action": ["logs:*", "s3:*"], "Resource": "*"}
    account.iam.create_policy(PolicyName="P", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": narrow}))
    first, *others = problems(bounded, account)
    assert first.startswith(
        f"slips.yml: permissions_boundary '{arn}' does not allow kinesis:PutRecords, sns:Publish for EventPusherRole; "
    )
    assert len(others) == 4


@pytest.mark.slow
def test_a_given_role_that_is_not_there_is_refused_and_one_that_may_not_be_read_a_note(account: Account) -> None:
    arn = f"arn:aws:iam::{ID}:role/path/Main"
    given = CONFIG.replace("path: handler.py", f"path: handler.py, role_arn: '{arn}'")
    assert problems(given, account) == [
        f"slips.yml: handler.role_arn '{arn}' is not there; expected one that exists; make it, or mend the ARN"
    ]
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    account.iam.create_role(RoleName="Main", Path="/path/", AssumeRolePolicyDocument=document)
    assert check_account(parse(given), account) == []
    assert problems(given.replace("path/Main", "Main"), account) == [
        f"slips.yml: handler.role_arn 'arn:aws:iam::{ID}:role/Main' is not there, but '{arn}' is; expected one that "
        "exists; mend it"
    ]
    account.iam = cast("Any", Denied())
    (note,) = check_account(parse(given), account)
    assert note.startswith(f"handler.role_arn '{arn}' was not looked at: AWS denies ")


def layered(layer: str) -> str:
    return CONFIG.replace("path: handler.py", f"path: handler.py, layers: ['{layer}']")


@pytest.mark.slow
def test_a_layer_that_lambda_cannot_use_is_an_error(account: Account) -> None:
    far = "arn:aws:lambda:us-east-1:999999999999:layer:tools:1"
    (elsewhere,) = problems(layered(far).replace("backend:\n", "backend:\n  embedded: {}\n"), account)
    assert elsewhere == (
        f"slips.yml: handler.layers '{far}' is of us-east-1; expected one of {REGION}, where the stack is; deploy with "
        f"--region us-east-1, or name one of {REGION}"
    )
    nowhere = f"arn:aws:lambda:{REGION}:{ID}:layer:tools:1"
    account.functions = cast("Any", Layers(refusal("ResourceNotFoundException")))
    assert problems(layered(nowhere), account) == [
        f"slips.yml: handler.layers '{nowhere}' is not there; expected a version that exists; mend the ARN"
    ]


class Layers:
    """Lambda, which knows one layer, or answers with an error."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[str]()

    def get_layer_version_by_arn(self, Arn: str) -> Any:
        self.asked.append(Arn)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.slow
def test_a_layer_of_any_account_is_used_and_told_if_it_is_for_other_functions(account: Account) -> None:
    layer = "arn:aws:lambda:${AWS::Region}:999999999999:layer:tools:1"
    functions = Layers({"CompatibleRuntimes": ["python3.12", "python3.13"], "CompatibleArchitectures": ["x86_64"]})
    account.functions = cast("Any", functions)
    assert check_account(parse(layered(layer)), account) == [
        f"handler.layers '{layer}' is for x86_64; expected one for arm64, which the functions have; see whether it "
        "works"
    ]
    assert functions.asked == [layer.replace("${AWS::Region}", REGION)]
    account.functions = cast("Any", Layers({}))
    assert check_account(parse(layered(layer)), account) == []
    account.functions = cast("Any", Denied())
    (note,) = check_account(parse(layered(layer)), account)
    assert note == f"handler.layers '{layer}' was not looked at: AWS denies get_layer_version_by_arn"


def make_table(account: Account, name: str, key: str) -> None:
    account.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def test_a_code_bucket_elsewhere_or_nowhere_is_an_error(account: Account) -> None:
    assert "'nowhere' is not there" in problems(CONFIG.replace("my-code", "nowhere"), account)[0]
    make_bucket("far", "eu-west-1")
    assert "is in eu-west-1; expected one in ap-northeast-1" in problems(CONFIG.replace("my-code", "far"), account)[0]


@pytest.mark.slow
def test_a_mapped_bucket_that_is_not_there_is_an_error(account: Account) -> None:
    assert problems(CONFIG.replace("my-logs", "my-other"), account) == [
        "slips.yml: bucket_mapping 'my-other' is not there; expected a bucket; make it, or mend the name"
    ]


@pytest.mark.parametrize("name", ["My-logs", "my_logs"])
def test_a_mapped_bucket_with_a_name_that_s3_refuses_is_an_error(name: str) -> None:
    (found,) = problems(CONFIG.replace("my-logs", name))
    assert found.startswith(f"slips.yml: bucket_mapping '{name}': S3 takes no such name")


class Denied:
    """A client that may not do anything."""

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            response: Any = {"Error": {"Code": "403", "Message": "Forbidden"}, "ResponseMetadata": {"HTTPHeaders": {}}}
            raise ClientError(response, name)

        return call


@pytest.mark.slow
def test_a_code_bucket_of_others_is_an_error(account: Account) -> None:
    account.s3 = cast("Any", Denied())
    assert "AWS denies s3:ListBucket" in problems(CONFIG, account)[0]


@pytest.mark.slow
def test_what_may_not_be_looked_at_is_told_and_is_no_error(account: Account) -> None:
    account.sns = cast("Any", Denied())
    (note,) = check_account(parse(CONFIG), account)
    assert "was not looked at" in note


@pytest.mark.slow
def test_what_cannot_work_with_its_key_is_told_with_all_else(account: Account) -> None:
    with pytest.raises(ConfigError) as caught:
        check_account(parse(CONFIG.replace("my-logs", "my-other")), account, SeenKeys(problems=["slips.yml: its key"]))
    assert len(caught.value.problems) == 2
    assert caught.value.problems[1] == "slips.yml: its key"
    assert check_account(parse(CONFIG), account, SeenKeys(notes=["so"])) == ["so"]


# ---- who deploys


def test_without_credentials_region_or_profile_it_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = "ACCESS_KEY_ID SECRET_ACCESS_KEY SESSION_TOKEN REGION DEFAULT_REGION PROFILE".split()
    for name in names:
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("CONFIG", "SHARED_CREDENTIALS"):
        monkeypatch.setenv(f"AWS_{name}_FILE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"no region; expected one .* give --region"):
        Account.connect()
    with pytest.raises(UsageError, match=r"no AWS credentials .* AWS_PROFILE"):
        Account.connect(REGION)
    with pytest.raises(UsageError, match="mend --endpoint-url"):
        Account.connect(REGION, "nonsense")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UsageError, match=r"nobody.* mend AWS_PROFILE"):
        Account.connect(REGION)


def refusal(code: str, message: str = "no", operation: str = "CreateChangeSet") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(
    ("error", "told", "status"),
    [
        (refusal("ExpiredToken"), "credentials have expired; expected valid ones; 'aws sso login --profile me'", 2),
        (refusal("InvalidClientTokenId"), "AWS does not know these credentials", 2),
        (
            refusal("AccessDenied", "User: x is not authorized to perform: cloudformation:CreateChangeSet on y"),
            "AWS denies cloudformation:CreateChangeSet: ",
            1,
        ),
        (refusal("403", operation="HeadObject"), "AWS denies s3:GetObject: ", 1),
        (refusal("Throttling", "Rate exceeded"), "AWS refuses CreateChangeSet: Throttling: Rate exceeded", 1),
        (boto.UnauthorizedSSOTokenError(), "the SSO session has ended", 2),
        (boto.SSOTokenLoadError(error_msg="x"), "'aws sso login --profile me' renews", 2),
        (
            boto.EndpointConnectionError(endpoint_url="http://x"),
            "look at the network, the region and --endpoint-url",
            1,
        ),
        (boto.ReadTimeoutError(endpoint_url="http://x"), "cannot be reached", 1),
        (boto.InvalidRegionError(region_name="m a r s"), "expected AWS settings that can be used", 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_aws_refuses_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str, status: int
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "me")
    with pytest.raises(SlipsError) as caught, calls("stack 'app'"):
        raise error
    assert str(caught.value).startswith("stack 'app': ")
    assert told in str(caught.value)
    assert caught.value.exit_status == status


# ---- a stack that answers as a test wants, where moto cannot


STACK_ID = f"arn:aws:cloudformation:{REGION}:{ID}:stack/app/1"


class CloudFormation:
    """One stack: its status, the change set that it makes of anything, and what then happens, look by look."""

    def __init__(self, status: str | None = "CREATE_COMPLETE", *, looks: Sequence[Sequence[str]] = ()) -> None:
        self.status, self.number = status, 0
        self.looks = [list(look) for look in looks]
        self.events = [self.event("app CREATE_COMPLETE")]
        self.change_set: list[dict[str, Any]] = [{"Status": "CREATE_COMPLETE", "Changes": []}]
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.resources: dict[str, str] = {}
        self.body: Any = {}

    def event(self, text: str) -> dict[str, Any]:
        """`MainFunc CREATE_FAILED its reason`."""
        name, status, *reason = text.split(" ", 2)
        self.number += 1
        return {
            "EventId": str(self.number),
            "StackId": STACK_ID,
            "LogicalResourceId": name,
            "PhysicalResourceId": STACK_ID if name == "app" else name,
            "ResourceType": "AWS::CloudFormation::Stack" if name == "app" else "AWS::Lambda::Function",
            "ResourceStatus": status,
            **({"ResourceStatusReason": reason[0]} if reason else {}),
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):  # an operation that answers nothing
            return lambda **_: {}

        def call(**request: Any) -> Any:
            self.asked.append((name, request))
            return getattr(self, f"on_{name}")(**request)

        return call

    def operations(self) -> list[str]:
        return [name for name, _ in self.asked]

    def on_describe_stacks(self, **_: Any) -> Any:
        if self.status is None:
            raise refusal("ValidationError", "Stack with id app does not exist")
        return {"Stacks": [{"StackId": STACK_ID, "StackStatus": self.status, "StackStatusReason": "because"}]}

    def on_create_change_set(self, **_: Any) -> Any:
        return {"Id": "set", "StackId": STACK_ID}

    def on_describe_change_set(self, **request: Any) -> Any:
        number = int(request.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self.change_set) else {}
        return {**self.change_set[number], **more}

    def on_describe_stack_events(self, **request: Any) -> Any:
        """Two a page, the newest first."""
        is_busy = {"execute_change_set", "delete_stack"} & {*self.operations()} or self.status == "DELETE_IN_PROGRESS"
        if "NextToken" not in request and is_busy:
            self.events += map(self.event, self.looks.pop(0))
        at = int(request.get("NextToken", 0))
        newest = self.events[::-1]
        more = {"NextToken": str(at + 2)} if at + 2 < len(newest) else {}
        return {"StackEvents": newest[at : at + 2], **more}

    def on_list_stack_resources(self, **_: Any) -> Any:
        found = [
            {"LogicalResourceId": name, "PhysicalResourceId": id, "ResourceType": "T", "ResourceStatus": "OK"}
            for name, id in self.resources.items()
        ]
        return {"StackResourceSummaries": found}

    def on_get_template(self, **_: Any) -> Any:
        return {"TemplateBody": self.body}


def on(cloudformation: CloudFormation, functions: Any = None) -> Deployment:
    """A stack in that account; nobody waits."""
    account = Account(boto3.Session(), region=REGION, id=ID)
    account.cloudformation = cast("Any", cloudformation)
    account.functions = functions
    return Deployment(account, "app", clock=lambda: 1.0, sleep=lambda _: None)


NOW = StackState(STACK_ID, "UPDATE_COMPLETE", "", {})


def propose(stack: Deployment, state: StackState | None = NOW) -> Proposal | None:
    with stack.proposed(TINY, state, "my-code", "functions/app/") as plan:
        return plan


def execute(stack: Deployment, state: StackState | None = NOW) -> Events:
    seen = Events()
    with stack.proposed(TINY, state, "my-code", "functions/app/") as plan:
        assert plan
        stack.execute(plan, seen)
    return seen


def test_each_event_is_shown_once_in_order_and_none_of_before() -> None:
    looks = [[], ["app UPDATE_IN_PROGRESS", "A UPDATE_IN_PROGRESS", "B UPDATE_IN_PROGRESS"], ["B UPDATE_COMPLETE"]]
    looks += [[], ["A UPDATE_COMPLETE", "app UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"], ["app UPDATE_COMPLETE"]]
    seen = execute(on(CloudFormation(looks=looks)))
    assert [(event.name, event.status) for event in seen] == [tuple(text.split()) for look in looks for text in look]


def test_a_failed_update_names_the_causes_and_says_that_the_former_state_stands() -> None:
    looks = [
        [
            "MainFunc UPDATE_FAILED ReservedConcurrentExecutions is too much",
            "Ledger UPDATE_FAILED Resource update cancelled",
            "app UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed",
        ],
        ["app UPDATE_ROLLBACK_COMPLETE"],
    ]
    cloudformation = CloudFormation(looks=looks)
    with pytest.raises(SlipsError) as caught:
        execute(on(cloudformation))
    assert str(caught.value).splitlines() == [
        "stack 'app': UPDATE_ROLLBACK_COMPLETE; the former state stands",
        "MainFunc (AWS::Lambda::Function): ReservedConcurrentExecutions is too much",
        "lower 'handler.concurrency', or raise the quota, then run 'slips deploy' again",
    ]
    assert caught.value.exit_status == 1


def test_who_can_no_longer_look_is_told_that_aws_goes_on() -> None:
    class Expired(CloudFormation):
        def on_describe_stack_events(self, **request: Any) -> Any:
            if "execute_change_set" in self.operations():
                raise refusal("ExpiredToken")
            return super().on_describe_stack_events(**request)

    with pytest.raises(UsageError, match=r"credentials have expired.*AWS goes on with the stack"):
        execute(on(Expired()))


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        ("ROLLBACK_COMPLETE", None, "nothing is deployed; the next 'slips deploy' clears away what is left"),
        ("UPDATE_ROLLBACK_FAILED", NOW, "the former state could not be restored"),
    ],
)
def test_how_a_failure_ended_is_told(status: str, kind: StackState | None, told: str) -> None:
    cloudformation = CloudFormation(looks=[["A CREATE_FAILED it broke", f"app {status}"]])
    with pytest.raises(SlipsError, match=re.escape(f"{status}; {told}")):
        execute(on(cloudformation), kind)


def test_of_a_role_that_cannot_be_assumed_nothing_is_guessed() -> None:
    reason = "The role defined for the function cannot be assumed by Lambda."
    with pytest.raises(SlipsError) as caught:
        execute(on(CloudFormation(looks=[[f"MainFunc UPDATE_FAILED {reason}", "app UPDATE_ROLLBACK_COMPLETE"]])))
    assert str(caught.value).splitlines()[1:] == [
        f"MainFunc (AWS::Lambda::Function): {reason}",
        "see that the role exists and that its trust policy names lambda.amazonaws.com, then run 'slips deploy' again",
    ]


@pytest.mark.parametrize("call", ["PutTraceSegments on XRAY", "CreateNetworkInterface on EC2"])
def test_of_a_new_right_that_lambda_does_not_see_yet_the_delay_is_told(call: str) -> None:
    reason = f"The provided execution role does not have permissions to call {call}"
    with pytest.raises(SlipsError, match="see that the role has that right; AWS may need a minute to see a new one"):
        execute(on(CloudFormation(looks=[[f"MainFunc UPDATE_FAILED {reason}", "app UPDATE_ROLLBACK_COMPLETE"]])))


def test_a_failure_without_a_resource_has_the_stacks_reason() -> None:
    cloudformation = CloudFormation(looks=[["app UPDATE_ROLLBACK_COMPLETE it was late"]])
    with pytest.raises(SlipsError, match="it was late"):
        execute(on(cloudformation))


@pytest.mark.parametrize(
    "reason", ["The submitted information didn't contain changes.", "No updates are to be performed."]
)
def test_no_changes_leave_no_change_set(reason: str) -> None:
    cloudformation = CloudFormation()
    cloudformation.change_set = [{"Status": "FAILED", "StatusReason": reason}]
    assert propose(on(cloudformation)) is None
    assert cloudformation.operations()[-1] == "delete_change_set"
    assert "delete_stack" not in cloudformation.operations()


def tagged(tags: dict[str, str]) -> dict[str, Any]:
    """A template that wants a stack with these tags."""
    return {**TINY, "Metadata": {"Tags": tags}}


@pytest.mark.parametrize(
    ("wanted", "former", "now", "asked", "told"),
    [
        ({}, {}, {}, None, []),
        ({}, {}, {"team": "others"}, None, []),
        ({"team": "a"}, {"team": "a"}, {"team": "a", "cost": "1"}, None, []),
        ({"team": "a"}, {}, {}, {"team": "a"}, ["team: (none) → a"]),
        ({"team": "b"}, {"team": "a"}, {"team": "a", "cost": "1"}, {"team": "b", "cost": "1"}, ["team: a → b"]),
        ({"team": "b"}, {}, {"team": "others"}, {"team": "b"}, ["team: others → b"]),
        ({}, {"team": "a"}, {"team": "a", "cost": "1"}, {"cost": "1"}, ["team: a → (none)"]),
        ({}, {"team": "a"}, {"team": "a"}, {}, ["team: a → (none)"]),
    ],
)
def test_a_stack_has_the_tags_of_its_config_and_keeps_those_that_others_gave_it(
    wanted: dict[str, str], former: dict[str, str], now: dict[str, str], asked: dict[str, str] | None, told: list[str]
) -> None:
    cloudformation = CloudFormation()
    cloudformation.body = tagged(former)
    state = StackState(STACK_ID, "UPDATE_COMPLETE", "", {}, tags=now)
    with on(cloudformation).proposed(tagged(wanted), state, "my-code", "functions/app/") as plan:
        assert plan
        assert plan.tags == told
    (request,) = [about for name, about in cloudformation.asked if name == "create_change_set"]
    given = {one["Key"]: one["Value"] for one in request["Tags"]} if "Tags" in request else None
    assert given == asked


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (TINY, TINY),
        (to_yaml(TINY), TINY),  # printed by `deploy --dry-run`, deployed by another tool
        ("Resources: {Queue: !Sub '${Name}'}", {}),
        ("Resources: [", {}),
        ("", {}),
    ],
)
def test_the_template_of_a_stack_is_read_as_json_and_as_yaml(body: Any, read: dict[str, Any]) -> None:
    cloudformation = CloudFormation()
    cloudformation.body = body
    assert on(cloudformation).template() == read


def test_a_new_stack_is_made_with_its_tags() -> None:
    cloudformation = CloudFormation(None)
    with on(cloudformation).proposed(tagged({"team": "a"}), None, "my-code", "functions/app/") as plan:
        assert plan
        assert plan.tags == ["team: (none) → a"]
    (request,) = [about for name, about in cloudformation.asked if name == "create_change_set"]
    assert request["Tags"] == [{"Key": "team", "Value": "a"}]


def test_tags_that_aws_gives_itself_are_none_of_the_stack() -> None:
    class Tagged(CloudFormation):
        def on_describe_stacks(self, **_: Any) -> Any:
            (stack,) = super().on_describe_stacks()["Stacks"]
            return {"Stacks": [{**stack, "Tags": [{"Key": "aws:x", "Value": "y"}, {"Key": "team", "Value": "a"}]}]}

    state = on(Tagged()).state()
    assert state
    assert state.tags == {"team": "a"}


def test_a_change_set_that_cannot_be_made_is_told_and_deleted() -> None:
    cloudformation = CloudFormation()
    cloudformation.change_set = [{"Status": "FAILED", "StatusReason": "Role x is not authorized to y"}]
    with pytest.raises(SlipsError, match=r"the change set failed: Role x .*give the user or role"):
        propose(on(cloudformation))
    assert cloudformation.operations()[-1] == "delete_change_set"


def test_what_is_not_executed_leaves_nothing_not_even_if_something_breaks() -> None:
    cloudformation = CloudFormation(None)
    with pytest.raises(KeyboardInterrupt), on(cloudformation).proposed(TINY, None, "b", ""):
        raise KeyboardInterrupt
    assert cloudformation.operations()[-2:] == ["delete_change_set", "delete_stack"]
    update = CloudFormation()
    propose(on(update))
    assert update.operations()[-1] == "delete_change_set"


def test_what_is_executed_is_not_deleted() -> None:
    cloudformation = CloudFormation(looks=[["app CREATE_COMPLETE"]])
    execute(on(cloudformation), None)
    assert "delete_change_set" not in cloudformation.operations()


def test_changes_are_read_from_all_pages_with_what_they_are() -> None:
    def of(name: str, action: str = "Modify", replacement: str = "False", *targets: dict[str, Any]) -> dict[str, Any]:
        details = [{"Target": target} for target in targets]
        about = {"Action": action, "LogicalResourceId": name, "ResourceType": "T", "Replacement": replacement}
        return {"Type": "Resource", "ResourceChange": {**about, "Details": details}}

    code = {"Attribute": "Properties", "Name": "Code", "Path": "/Properties/Code/S3Key"}
    memory = {"Attribute": "Properties", "Name": "MemorySize", "Path": "/Properties/MemorySize"}
    memory |= {"BeforeValue": "512", "AfterValue": "1024"}
    secret = {"Attribute": "Properties", "Name": "Environment", "Path": "/Properties/Environment/Variables/TOKEN"}
    secret |= {"BeforeValue": "old", "AfterValue": "s3cret"}
    later = {**memory, "AfterValue": "{{changeSet:KNOWN_AFTER_APPLY}}"}
    long = {"Attribute": "Properties", "Name": "DashboardBody", "BeforeValue": "x" * 50, "AfterValue": "y"}
    cloudformation = CloudFormation()
    cloudformation.change_set = [
        {"Status": "CREATE_COMPLETE", "Changes": [of("A", "Add"), of("B", "Modify", "False", code, code)]},
        {"Status": "CREATE_COMPLETE", "Changes": [of("C", "Modify", "True", memory), of("D", "Remove")]},
        {
            "Status": "CREATE_COMPLETE",
            "Changes": [of("E", "Modify", "Conditional", long), of("F", "Modify", "False", {"Attribute": "Tags"})],
        },
        {
            "Status": "CREATE_COMPLETE",
            "Changes": [of("G", "Modify", "False", secret, later)],
        },
    ]
    plan = propose(on(cloudformation))
    assert plan
    assert plan.changes == [
        Change("Add", "A", "T", [], ""),
        Change("Modify", "B", "T", ["code"], ""),
        Change("Modify", "C", "T", ["MemorySize: 512 → 1024"], "yes"),
        Change("Remove", "D", "T", [], ""),
        Change("Modify", "E", "T", ["DashboardBody"], "maybe"),
        Change("Modify", "F", "T", ["tags"], ""),
        Change("Modify", "G", "T", ["Environment.Variables.TOKEN", "MemorySize"], ""),
    ]


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"])
def test_a_first_creation_that_failed_is_cleared_away(status: str) -> None:
    assert not StackState(STACK_ID, status, "", {}).is_deployed
    cloudformation, seen = CloudFormation(status, looks=[["app DELETE_IN_PROGRESS"], ["app DELETE_COMPLETE"]]), Events()
    assert on(cloudformation).prepare(seen) is None
    assert ("delete_stack", {"StackName": STACK_ID}) in cloudformation.asked
    assert [event.status for event in seen] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("UPDATE_IN_PROGRESS", "another change is under way"),
        ("UPDATE_ROLLBACK_FAILED", "choose 'Continue update rollback'"),
        ("DELETE_FAILED", "run 'slips destroy' again"),
    ],
)
def test_a_stack_that_cannot_be_changed_is_left_alone(status: str, told: str) -> None:
    cloudformation = CloudFormation(status)
    with pytest.raises(SlipsError, match=told):
        on(cloudformation).prepare(Events())
    assert cloudformation.operations() == ["describe_stacks"]


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"]
)
def test_a_stack_at_rest_is_changed(status: str) -> None:
    state = on(CloudFormation(status)).prepare(Events())
    assert state
    assert (state.status, state.is_deployed) == (status, status != "REVIEW_IN_PROGRESS")


def test_what_cannot_be_deleted_is_named() -> None:
    cloudformation = CloudFormation(looks=[["Role DELETE_FAILED it is in use", "app DELETE_FAILED"]])
    with pytest.raises(SlipsError, match=r"DELETE_FAILED; what is named is left(.|\n)*Role .*it is in use"):
        on(cloudformation).delete(STACK_ID, Events())


def test_a_deletion_that_goes_on_is_followed_to_its_end_and_one_that_has_ended_is_done() -> None:
    seen = Events()
    going = CloudFormation("DELETE_IN_PROGRESS", looks=[["app DELETE_IN_PROGRESS"], [], ["app DELETE_COMPLETE"]])
    on(going).delete(STACK_ID, seen)
    assert [event.status for event in seen] == ["DELETE_COMPLETE"]
    assert "delete_stack" not in going.operations()
    for status in ("DELETE_COMPLETE", None):
        gone = CloudFormation(status)
        on(gone).delete(STACK_ID, Events())
        assert "delete_stack" not in gone.operations()


def test_termination_protection_is_told() -> None:
    class Protected(CloudFormation):
        def on_delete_stack(self, **_: Any) -> Any:
            raise refusal("ValidationError", "TerminationProtection is enabled")

    with pytest.raises(SlipsError, match="without termination protection"):
        on(Protected()).delete(STACK_ID, Events())


# ---- what `slips limit` changed


class Functions:
    """The functions and mappings as they run; `changes` are what was changed of them, in order."""

    def __init__(self, delay: str, batch_size: int, records: int) -> None:
        self.variables = {"SLIPS_DELAY": delay, "SLIPS_BATCH_SIZE": str(batch_size), "SLIPS_STACK": "app"}
        self.records, self.timeout, self.changes = records, 960, list[str]()

    def get_function_configuration(self, FunctionName: str) -> Any:
        assert FunctionName == "app-Fast"
        return {"Environment": {"Variables": self.variables}}

    def update_function_configuration(self, FunctionName: str, Environment: Any, Timeout: int) -> None:
        self.variables, self.timeout = Environment["Variables"], Timeout
        self.changes.append("function")

    def get_event_source_mapping(self, UUID: str) -> Any:
        assert UUID == "uuid"
        return {"BatchSize": self.records}

    def update_event_source_mapping(self, UUID: str, BatchSize: int) -> None:
        self.records = BatchSize
        self.changes.append("mapping")


def lanes(delay: int, batch_size: int, records: int) -> dict[str, Any]:
    variables = {"SLIPS_DELAY": str(delay), "SLIPS_BATCH_SIZE": str(batch_size)}
    properties = {"Environment": {"Variables": variables}, "Timeout": 360}
    function = {"Type": "AWS::Lambda::Function", "Properties": properties}
    mapping = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"BatchSize": records}}
    return {"Resources": {"FastDispatcher": function, "FastDispatcherMapping": mapping}}


def limited(functions: Functions, former: dict[str, Any]) -> LimitChanges:
    cloudformation = CloudFormation()
    cloudformation.body, cloudformation.resources = (
        former,
        {"FastDispatcher": "app-Fast", "FastDispatcherMapping": "uuid"},
    )
    return LimitChanges(on(cloudformation, functions))


def test_what_limit_changed_is_shown_and_set_back_and_nothing_else() -> None:
    functions = Functions("50.0", 20, 120)
    limits = limited(functions, lanes(0, 1, 100))
    found = limits.changed(lanes(0, 1, 100))
    assert list(map(str, found)) == [
        "lane fast: delay 50 set by 'slips limit', back to 0",
        "lane fast: batch size 20 set by 'slips limit', back to 1",
        "lane fast: records at once 120 set by 'slips limit', back to 100",
    ]
    limits.restore(found)
    assert functions.variables == {"SLIPS_DELAY": "0", "SLIPS_BATCH_SIZE": "1", "SLIPS_STACK": "app"}
    assert (functions.records, functions.timeout) == (100, 360)
    assert limits.changed(lanes(0, 1, 100)) == []


@pytest.mark.parametrize(
    ("now", "then", "order"),
    [((0, 1, 100), (60, 1, 5), ["mapping", "function"]), ((60, 1, 5), (0, 1, 100), ["function", "mapping"])],
)
def test_a_dispatcher_never_has_more_records_than_time_while_limits_are_set_back(
    now: tuple[int, int, int], then: tuple[int, int, int], order: list[str]
) -> None:
    functions = Functions(str(now[0]), *now[1:])
    limits = limited(functions, lanes(*then))
    limits.restore(limits.changed(lanes(*then)))
    assert functions.changes == order


def test_records_become_fewer_before_a_deploy_makes_a_dispatcher_wait_longer_and_never_more() -> None:
    functions = Functions("0", 1, 100)
    limits = limited(functions, lanes(0, 1, 100))
    limits.make_room(lanes(60, 1, 5))
    assert (functions.records, functions.variables["SLIPS_DELAY"]) == (5, "0")
    limits.make_room(lanes(0, 1, 100))
    assert functions.records == 5


def test_what_the_config_changes_is_no_doing_of_limit() -> None:
    assert limited(Functions("0", 1, 100), lanes(0, 1, 100)).changed(lanes(7, 10, 90)) == []
    assert limited(Functions("7", 10, 90), lanes(0, 1, 100)).changed(lanes(7, 10, 90)) == []


def test_a_stack_that_slips_did_not_write_has_no_such_settings() -> None:
    assert limited(Functions("5", 20, 100), {}).changed(lanes(0, 1, 100)) == []


def test_a_batch_size_that_limit_set_on_a_stack_of_the_version_before_is_set_back() -> None:
    former = lanes(0, 100, 100)
    del former["Resources"]["FastDispatcher"]["Properties"]["Environment"]["Variables"]["SLIPS_BATCH_SIZE"]
    functions = Functions("0", 100, 20)
    (found,) = limited(functions, former).changed(lanes(0, 100, 100))
    assert (found.what, found.now, found.then) == ("records at once", 20, 100)


# ---- uploads


@pytest.mark.slow
def test_a_package_is_uploaded_once(account: Account) -> None:
    data = bytes(9 * 2**20)  # in parts
    assert upload(account, "my-code", "k", data)
    assert account.s3.get_object(Bucket="my-code", Key="k")["Body"].read() == data
    assert not upload(account, "my-code", "k", data)


@pytest.mark.slow
def test_who_may_not_look_whether_a_package_is_there_uploads_it(account: Account) -> None:
    class Blind(Denied):
        def __init__(self) -> None:
            self.put: list[str] = []

        def upload_fileobj(self, data: Any, bucket: str, key: str) -> None:
            self.put.append(f"{bucket}/{key}")

    account.s3 = blind = cast("Any", Blind())
    assert upload(account, "my-code", "k", b"x")
    assert blind.put == ["my-code/k"]


@pytest.mark.slow
def test_a_long_template_goes_by_the_code_bucket(account: Account) -> None:
    template = {**TINY, "Metadata": {"long": "x" * INLINE}}
    stack = Deployment(account, "app", sleep=never)
    with stack.proposed(template, None, "my-code", "functions/app/") as plan:
        assert plan
        stack.execute(plan, Events())
    assert stack.template() == template
    (one,) = account.s3.list_objects_v2(Bucket="my-code")["Contents"]
    assert one["Key"].startswith("functions/app/template-")


# ---- below the commands


class Steps:
    """An observer of deploy and destroy that remembers its calls: the method, or the stage of `enter`."""

    def __init__(self) -> None:
        self.seen = list[str]()

    def __getattr__(self, name: str) -> Any:
        def remember(*given: Any, **_: Any) -> Any:
            self.seen.append(given[0] if name == "enter" else name)
            return nullcontext(Events())

        return remember


@pytest.mark.slow
def test_a_deploy_calls_its_observer_step_by_step_and_returns_what_it_did(account: Account) -> None:
    class Created(CloudFormation):
        """No stack, until its change set is executed."""

        def on_execute_change_set(self, **_: Any) -> Any:
            self.status = "CREATE_COMPLETE"
            return {}

    steps = Steps()
    account.cloudformation = cast("Any", Created(None, looks=[["app CREATE_COMPLETE"]]))
    deployment = Deployment(account, "app", sleep=never)
    done = deploying.deploy(deployment, parse(CONFIG), lambda *_: PACKAGE, cast("Any", steps), ask=lambda: True)
    steps.seen = [step for step in steps.seen if step != "warn"]
    assert steps.seen == [
        *("checking", "packed", "clearing", "follow", "proposing", "propose", "uploaded", "changing", "follow"),
        *("changed", "wired", "deployed"),
    ]
    assert (done.status, done.declined, done.left_out) == ("CREATE_COMPLETE", False, ["a.pem"])


@pytest.mark.slow
def test_a_destroy_calls_its_observer_step_by_step(account: Account, small: StackState) -> None:
    steps = Steps()
    assert destroying.destroy(Deployment(account, "app", sleep=never), parse(CONFIG), cast("Any", steps))
    steps_taken = "proposing propose dismantling unwired deleting follow deleted"
    assert steps.seen == [*steps_taken.split(), "left", "left"], "the table and the code"


def test_deploy_and_destroy_need_neither_the_cli_nor_its_libraries() -> None:
    code = (
        "import sys, slips.deploy.deploy, slips.deploy.destroy; print({'slips.cli', 'typer', 'rich'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


# ---- the commands


def deploy(account: Account, screen: Seen, text: str = CONFIG, *, yes: bool = True, **options: bool) -> Any:
    stack = Deployment(account, "app", sleep=briefly if account.endpoint_url else never)
    chosen: dict[str, Any] = {"wire": False, **options}
    return change(stack, parse(text), screen, lambda *_: PACKAGE, yes=yes, **chosen)


def destroy(account: Account, screen: Seen, config: Config | None = None, **options: bool) -> bool:
    stack = Deployment(account, "app", sleep=briefly if account.endpoint_url else never)
    chosen: dict[str, Any] = {"all_": False, "force": False, "yes": True, **options}
    return remove(stack, config, screen, **chosen)


def account_of(cloud: Cloud) -> Account:
    session = boto3.Session(aws_access_key_id="AKIAADMINISTRATOR", aws_secret_access_key="secret")
    return Account(session, region=cloud.region, endpoint_url=cloud.endpoint, id=cloud.account)


def briefly(_seconds: float) -> None:
    time.sleep(0.05)


def in_cloud(cloud: Cloud, config: str, screen: Seen) -> Any:
    """A deploy to the stand-in that fails and rolls back as AWS does."""
    stack = Deployment(account_of(cloud), "app", sleep=briefly)
    return change(stack, parse(config), screen, lambda *_: PACKAGE, yes=True, wire=False)


@pytest.fixture
def config(cloud: Cloud) -> str:
    """A config whose buckets are there."""
    for bucket in ("my-code", "my-logs"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    return re.sub("sns_topics.*", "s3_direct: true", CONFIG)


def test_from_the_first_deploy_to_the_table_that_is_left(cloud: Cloud, config: str) -> None:
    account = account_of(cloud)
    first = Seen(answer=False)  # -y does not ask
    done = deploy(account, first, config)
    assert (done.status, done.outputs["ErrorTableName"][:15]) == ("CREATE_COMPLETE", "app-ErrorTable-")
    assert done.left_out == ["a.pem"]
    assert "  + MainFunc " in first.text
    assert "uploaded s3://my-code/functions/app/slips-1.zip" in first.said
    assert "CREATE_COMPLETE  app  AWS::CloudFormation::Stack" in first.said
    assert "bucket my-logs: warning: nothing tells the stack of new objects under 'a/'" in first.text

    again = Seen()
    done = deploy(account, again, config)
    assert f"stack 'app' in {cloud.region} of account {cloud.account}: no changes" in again.said
    assert (done.changes, "uploaded" in again.text) == ([], False)

    table = done.outputs["ErrorTableName"]
    gone = Seen()
    assert destroy(account, gone, parse(config))
    assert f"kept: error table {table}" in gone.said
    assert account.dynamodb.list_tables()["TableNames"] == [table]
    assert "nothing to destroy" in (empty := Seen(), destroy(account, empty))[0].text

    declined = Seen(answer=False)
    assert deploy(account, declined, config, yes=False).declined
    arn = f"arn:aws:dynamodb:{cloud.region}:{cloud.account}:table/{table}"
    assert f"warning: error table {arn} of a former stack is still there" in declined.text
    assert Deployment(account, "app").state() is None


@pytest.mark.slow
def test_a_lane_gives_up_by_the_retention_of_the_stream_that_it_is_given(account: Account) -> None:
    account.kinesis.create_stream(StreamName="s", ShardCount=1)
    account.kinesis.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=48)
    cloudformation = CloudFormation(None)
    account.cloudformation = cast("Any", cloudformation)
    assert deploy(account, Seen(answer=False), WITH_STREAM, yes=False).declined
    (proposed,) = [request for name, request in cloudformation.asked if name == "create_change_set"]
    mapping = json.loads(proposed["TemplateBody"])["Resources"]["SlowDispatcherMapping"]
    assert mapping["Properties"]["MaximumRecordAgeInSeconds"] == 36 * 3600


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["AWS::Kinesis::Stream", "AWS::SQS::Queue"])
def test_a_change_that_loses_what_waits_is_made_only_if_it_is_asked_for(account: Account, kind: str) -> None:
    cloudformation = CloudFormation(looks=[["app UPDATE_COMPLETE"]])
    gone = {"Action": "Remove", "LogicalResourceId": "Waiting", "ResourceType": kind}
    cloudformation.change_set[0]["Changes"] = [{"Type": "Resource", "ResourceChange": gone}]
    account.cloudformation = cast("Any", cloudformation)
    for screen, yes in [(Seen(), True), (Seen(answer=True), True), (Seen(), False)]:
        with pytest.raises(UsageError, match="what still waits in Waiting would be lost, and nobody is asked"):
            deploy(account, screen, yes=yes)
        assert "  - Waiting  " in screen.text
    assert deploy(account, Seen(answer=False), yes=False).declined
    assert "execute_change_set" not in cloudformation.operations()
    assert cloudformation.operations().count("delete_change_set") == 4
    assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 0
    deploy(account, Seen(), lose_waiting=True)
    assert "execute_change_set" in cloudformation.operations()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (1, "expected 2 to 8, as EventFastStream has 4, which AWS halves or doubles at once; deploy with 2 first"),
        (9, "expected 2 to 8, as EventFastStream has 4, which AWS halves or doubles at once; deploy with 8 first"),
        (2, ""),
        (8, ""),
    ],
)
def test_a_change_of_shards_that_aws_would_refuse_is_told_before_anything_changes(
    account: Account, wanted: int, told: str
) -> None:
    account.kinesis.create_stream(StreamName="f", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    cloudformation = CloudFormation()
    cloudformation.resources = {"EventFastStream": "f"}
    cloudformation.body = {"Resources": {"EventFastStream": {"Type": "AWS::Kinesis::Stream"}}}
    account.cloudformation = cast("Any", cloudformation)
    config = CONFIG.replace("backend:\n", f"backend:\n  stream_shards: {wanted}\n")
    if not told:
        assert deploy(account, Seen(answer=False), config, yes=False).declined
        return
    with pytest.raises(ConfigError, match=rf"slips.yml: backend.stream_shards: {wanted}; {told}"):
        deploy(account, Seen(), config)
    assert "create_change_set" not in cloudformation.operations()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "now", "wanted", "is_fine"),
    [(5, 5, 2, False), (5, 5, 3, True), (1, 1, 3, False), (1, 1, 2, True), (1, 4, 1, True), (4, 1, 4, True)],
)
def test_shards_are_halved_or_doubled_at_most_from_those_that_are_open(
    account: Account, before: int, now: int, wanted: int, is_fine: bool
) -> None:
    account.kinesis.create_stream(StreamName="s", ShardCount=now)
    cloudformation = CloudFormation()
    cloudformation.resources = {"EventSlowStream": "s"}
    former = {"Resources": {"EventSlowStream": {"Properties": {"ShardCount": before}}}}
    stack = on(cloudformation)
    stack.account.kinesis = account.kinesis
    config = parse(CONFIG.replace("backend:\n", f"backend:\n  stream_shards: {wanted}\n"))
    with nullcontext() if is_fine else pytest.raises(ConfigError, match=f"as EventSlowStream has {now},"):
        shards.check(config, stack, former)


def test_a_changed_tag_replaces_nothing(cloud: Cloud, config: str) -> None:
    account = account_of(cloud)
    stack = Deployment(account, "app")
    done = deploy(account, Seen(), f"tags: {{team: a}}\n{config}")
    assert (done.tags, stack.resources()["Ledger"].kind) == (["team: (none) → a"], "AWS::DynamoDB::Table")
    before, seen = stack.resources(), Seen()
    done = deploy(account, seen, f"tags: {{team: b}}\n{config}")
    assert {(one.action, *one.what, one.replaced) for one in done.changes} == {("Modify", "tags", "")}
    assert {one.name for one in done.changes} >= {"ErrorTable", "MainFuncLogs", "FastDispatcherMapping", "DrainRole"}
    assert "  ~ tags of the stack and of all in it that has tags: team: a → b" in seen.said
    assert stack.resources() == before
    state = stack.state()
    assert state
    assert state.tags == {"team": "b"}
    assert deploy(account, Seen(), config).tags == ["team: b → (none)"]
    assert deploy(account, Seen(), config).changes == []


def test_the_pace_that_a_delay_leaves_is_told(account: Account) -> None:
    account.cloudformation = cast("Any", CloudFormation(None))
    screen = Seen(answer=False)
    lane = "  lane: {slow: {batch_size: 2, delay: 20}}\n"
    deploy(account, screen, CONFIG.replace("backend:\n", f"backend:\n{lane}"), yes=False)
    assert (
        "lane slow: at most 360 objects an hour and shard (batch_size 2, parallelization 1, delay 20 s)" in screen.said
    )
    assert "lane fast" not in screen.text


@pytest.mark.slow
def test_the_keys_that_deploy_saw_stay_if_a_later_deploy_may_not_look(account: Account) -> None:
    account.kinesis.create_stream(StreamName="fast", ShardCount=1)
    key = account.kms.create_key()["KeyMetadata"]["Arn"]
    account.kinesis.start_stream_encryption(StreamName="fast", EncryptionType="KMS", KeyId=key)
    given = CONFIG.replace(
        "backend:\n", f"backend:\n  kinesis_stream_fast_arn: arn:aws:kinesis:{REGION}:{ID}:stream/fast\n"
    )
    deploy(account, Seen(), given)
    stack = Deployment(account, "app")
    granted = {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [key]}
    before = stack.template()["Resources"]["DispatcherRole"]
    assert granted in before["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    account.kinesis = cast("Any", Denied())
    deploy(account, later := Seen(), given.replace("a/", "b/"))
    assert "is encrypted with a key of yours is unknown" in later.text
    assert stack.template()["Resources"]["DispatcherRole"] == before


def test_a_first_creation_that_failed_leaves_nothing_in_the_way_of_the_next(cloud: Cloud, config: str) -> None:
    cloud.fail_resource("MainFunc", "it broke")
    with pytest.raises(SlipsError, match=r"ROLLBACK_COMPLETE; nothing is deployed(.|\n)*MainFunc .*: it broke"):
        in_cloud(cloud, config, Seen())
    screen = Seen()
    assert in_cloud(cloud, config, screen).status == "CREATE_COMPLETE"
    assert "DELETE_COMPLETE  app  AWS::CloudFormation::Stack" in screen.said


def test_a_redeploy_leaves_the_streams_as_the_stack_has_them(cloud: Cloud, config: str) -> None:
    in_cloud(cloud, config.replace("s3_direct: true", "{s3_direct: true, stream_shards: 2}"), Seen())
    assert "no changes" in (same := Seen(), in_cloud(cloud, config, same))[0].text
    screen = Seen()
    in_cloud(cloud, config.replace("s3_direct: true", "{s3_direct: true, stream_retention_hours: 48}"), screen)
    streams = [line.split()[1] for line in screen.said if line.startswith("  ~") and "AWS::Kinesis::Stream" in line]
    assert streams == ["EventFastStream", "EventSlowStream"]


def test_after_a_failed_change_the_former_state_stands_and_the_next_deploy_goes_on(cloud: Cloud, config: str) -> None:
    in_cloud(cloud, config, Seen())
    more = config.replace("handler.py}", "handler.py, memory_size: 2048}")
    cloud.fail_resource("MainFunc", "it broke")
    with pytest.raises(SlipsError, match="UPDATE_ROLLBACK_COMPLETE; the former state stands"):
        in_cloud(cloud, more, Seen())
    assert "no changes" in (same := Seen(), in_cloud(cloud, config, same))[0].text
    screen = Seen()
    assert in_cloud(cloud, more, screen).status == "UPDATE_COMPLETE"
    assert [line.split()[1:] for line in screen.said if line.startswith("  ~")] == [
        ["MainFunc", "AWS::Lambda::Function", "MemorySize"]
    ]


def test_the_functions_run_with_the_limits_of_the_config_after_a_deploy(cloud: Cloud, config: str) -> None:
    done, functions = in_cloud(cloud, config, Seen()), cloud.client("lambda")
    mapping = functions.list_event_source_mappings(EventSourceArn=done.outputs["FastStreamArn"])["EventSourceMappings"][
        0
    ]
    name, uuid = mapping["FunctionArn"].rpartition(":")[2], mapping["UUID"]
    before = functions.get_function_configuration(FunctionName=name)
    variables = {**before["Environment"]["Variables"], "SLIPS_DELAY": "7"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables}, Timeout=900)
    functions.update_event_source_mapping(UUID=uuid, BatchSize=9)

    screen = Seen()
    assert len(in_cloud(cloud, config, screen).settings) == 2
    assert "  ~ lane fast: delay 7 set by 'slips limit', back to 0" in screen.said
    after = functions.get_function_configuration(FunctionName=name)
    assert (after["Environment"], after["Timeout"]) == (before["Environment"], before["Timeout"])
    assert functions.get_event_source_mapping(UUID=uuid)["BatchSize"] == mapping["BatchSize"]
    assert "no changes" in (again := Seen(), in_cloud(cloud, config, again))[0].text


TABLE: dict[str, Any] = {
    "Type": "AWS::DynamoDB::Table",
    "DeletionPolicy": "Retain",
    "Properties": {
        "KeySchema": [{"AttributeName": "request_id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "request_id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
}
HANDLE = "AWS::CloudFormation::WaitConditionHandle"
SMALL: dict[str, Any] = {
    "Resources": {
        "ErrorTable": TABLE,
        "Undelivered": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "MainFunc": {"Type": HANDLE, "Properties": {"Code": {"S3Bucket": "my-code", "S3Key": "f/app/1.zip"}}},
    },
    "Outputs": {
        "ErrorTableName": {"Value": {"Ref": "ErrorTable"}},
        "UndeliveredUrl": {"Value": {"Ref": "Undelivered"}},
    },
}
"""As much of a stack as destroy looks at."""


@pytest.fixture
def small(account: Account) -> StackState:
    """A deployed stack with a table and a queue."""
    stack = Deployment(account, "app", sleep=never)
    with stack.proposed(SMALL, None, "my-code", "f/app/") as plan:
        assert plan
        return stack.execute(plan, Events())


@pytest.mark.slow
def test_destroy_refuses_while_error_items_exist_unless_forced(account: Account, small: StackState) -> None:
    table = small.outputs["ErrorTableName"]
    account.dynamodb.put_item(TableName=table, Item={"request_id": {"S": "1"}})
    account.sqs.send_message(QueueUrl=small.outputs["UndeliveredUrl"], MessageBody="{}")
    with pytest.raises(UsageError, match="1 error item and 1 undelivered event would stay unprocessed"):
        destroy(account, Seen())
    assert Deployment(account, "app").state()
    assert destroy(account, Seen(), force=True)
    assert account.dynamodb.list_tables()["TableNames"] == [table]


@pytest.mark.slow
def test_destroy_all_deletes_the_table_and_the_code_of_this_stack_alone(account: Account, small: StackState) -> None:
    for key in ("f/app/1.zip", "f/app/2.zip", "f/app-2/1.zip", "f/1.zip"):
        account.s3.put_object(Bucket="my-code", Key=key)
    screen = Seen()
    assert destroy(account, screen, all_=True)
    assert account.dynamodb.list_tables()["TableNames"] == []
    left = [one["Key"] for one in account.s3.list_objects_v2(Bucket="my-code")["Contents"]]
    assert left == ["f/1.zip", "f/app-2/1.zip"]
    assert f"deleted table {small.outputs['ErrorTableName']}" in screen.said


class Killed(BaseException):
    """The end of the process: no code of it runs any more."""


@contextmanager
def dying(account: Account, last: int) -> Iterator[None]:
    """In this block the account's call number `last` ends the process before AWS gets it."""
    left = last

    def count(**_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    clients: list[Any] = [account.cloudformation, account.s3, account.dynamodb, account.sqs]
    for client in clients:
        client.meta.events.register("before-call", count)
    try:
        yield
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", count)


OURS = {"Id": f"slips-app-{'0' * 12}", "TopicArn": TOPIC, "Events": ["s3:ObjectCreated:*"]}


@pytest.mark.slow
def test_destroy_all_that_was_killed_between_any_two_calls_is_made_good_by_the_next(account: Account) -> None:
    for last in range(1, 100):
        stack = Deployment(account, "app", sleep=never)
        with stack.proposed(SMALL, None, "my-code", "f/app/") as plan:
            assert plan
            stack.execute(plan, Events())
        for key in ("f/app/1.zip", "f/app/2.zip"):
            account.s3.put_object(Bucket="my-code", Key=key)
        account.s3.put_bucket_notification_configuration(
            Bucket="my-logs", NotificationConfiguration=cast("Any", {"TopicConfigurations": [OURS]})
        )
        try:
            with dying(account, last):
                destroy(account, Seen(), parse(CONFIG), all_=True)
        except Killed:
            assert destroy(account, Seen(), parse(CONFIG), all_=True)
            ended = False
        else:
            ended = True
        assert stack.state() is None
        assert account.dynamodb.list_tables()["TableNames"] == []
        assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 0
        assert "TopicConfigurations" not in account.s3.get_bucket_notification_configuration(Bucket="my-logs")
        if ended:
            break
    assert last > 12, "it was killed at so many calls"


@pytest.mark.slow
def test_destroy_all_takes_what_is_gone_for_done(account: Account, small: StackState) -> None:
    account.dynamodb.delete_table(TableName=small.outputs["ErrorTableName"])
    account.s3.delete_bucket(Bucket="my-code")
    account.s3.delete_bucket(Bucket="my-logs")
    assert destroy(account, screen := Seen(), parse(CONFIG), all_=True)
    assert f"table {small.outputs['ErrorTableName']} is gone already" in screen.said
    assert Deployment(account, "app").state() is None
    again = Seen()
    assert destroy(account, again, all_=True)
    assert "nothing to destroy" in again.text


@pytest.mark.slow
def test_destroy_of_a_stack_that_is_protected_deletes_nothing(account: Account, small: StackState) -> None:
    class Protected(Deployment):
        def state(self, stack_id: str | None = None) -> StackState | None:
            state = super().state(stack_id)
            return msgspec.structs.replace(state, protected=True) if state else None

    account.s3.put_object(Bucket="my-code", Key="f/app/1.zip")
    stack = Protected(account, "app", sleep=never)
    with pytest.raises(SlipsError, match="expected one without termination protection"):
        remove(stack, parse(CONFIG), Seen(), all_=True, force=True, yes=True)
    assert Deployment(account, "app").state() == small
    assert account.dynamodb.list_tables()["TableNames"] == [small.outputs["ErrorTableName"]]
    assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 1


@pytest.mark.slow
def test_destroy_all_deletes_the_code_and_the_table_while_the_stack_tells_where_they_are(
    account: Account, small: StackState
) -> None:
    account.s3.put_object(Bucket="my-code", Key="f/app/1.zip")
    screen = Seen()
    destroy(account, screen, all_=True)
    said = [one.split(" ", 2)[:2] for one in screen.said]
    assert said.index(["deleted", "1"]) < said.index(["deleted", "table"])
    assert said.index(["deleted", "table"]) < min(at for at, one in enumerate(said) if one[0].startswith("DELETE_"))


@pytest.mark.slow
def test_destroy_tells_how_to_go_on_with_the_table_and_where_the_code_remains(
    account: Account, small: StackState
) -> None:
    screen = Seen()
    destroy(account, screen)
    arn = f"arn:aws:dynamodb:{REGION}:{ID}:table/{small.outputs['ErrorTableName']}"
    assert f"for a new stack to go on with it, set backend.dynamodb_arn: {arn}" in screen.said
    assert "kept: the uploaded code, s3://my-code/f/app/1.zip" in screen.said
    assert f"  kept: ErrorTable  AWS::DynamoDB::Table  {small.outputs['ErrorTableName']}" in screen.said


@pytest.mark.slow
def test_destroy_all_leaves_a_folder_that_others_use(account: Account) -> None:
    template = json.loads(json.dumps(SMALL).replace("f/app/", "f/"))
    stack = Deployment(account, "app", sleep=never)
    with stack.proposed(template, None, "my-code", "f/") as plan:
        assert plan
        stack.execute(plan, Events())
    account.s3.put_object(Bucket="my-code", Key="f/1.zip")
    screen = Seen()
    destroy(account, screen, all_=True)
    assert "kept: the uploaded code, s3://my-code/f/1.zip" in screen.said
    assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 1


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ({"S3Bucket": "b", "S3Key": "f/k.zip"}, UploadedCode("b", "f/k.zip")),
        ({"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}, UploadedCode("given", "k.zip")),
        ({"S3Bucket": {"Fn::Sub": "cdk-assets-${AWS::Region}"}, "S3Key": "k.zip"}, None),
        ({"ZipFile": "..."}, None),
    ],
    ids=["deploy", "package", "CDK", "other"],
)
def test_the_code_is_found_however_the_stack_was_deployed(code: Any, found: UploadedCode | None) -> None:
    template = {"Resources": {"MainFunc": {"Properties": {"Code": code}}}}
    assert uploaded(template, {"CodeBucket": "given", "CodeKey": "k.zip"}) == found


@pytest.mark.slow
def test_destroy_asks_and_a_no_destroys_nothing(account: Account, small: StackState) -> None:
    screen = Seen(answer=False)
    assert not destroy(account, screen, yes=False)
    assert screen.said[-2:] == ["Destroy?", "nothing was changed"]
    with pytest.raises(UsageError, match="add -y to destroy it"):
        destroy(account, Seen(), yes=False)
    assert Deployment(account, "app").state() == small


@pytest.mark.slow
def test_destroy_takes_away_the_notifications_that_wire_added(account: Account, small: StackState) -> None:
    theirs = {"Id": "theirs", "TopicArn": TOPIC, "Events": ["s3:ObjectRemoved:*"]}
    ours = {"Id": f"slips-app-{'0' * 12}", "TopicArn": TOPIC, "Events": ["s3:ObjectCreated:*"]}
    account.s3.put_bucket_notification_configuration(
        Bucket="my-logs", NotificationConfiguration=cast("Any", {"TopicConfigurations": [theirs, ours]})
    )
    destroy(account, Seen(), parse(CONFIG))
    left = account.s3.get_bucket_notification_configuration(Bucket="my-logs")["TopicConfigurations"]
    assert [one["Id"] for one in left] == ["theirs"]


def test_destroy_knows_the_buckets_that_were_wired_without_the_config(cloud: Cloud, config: str) -> None:
    account = account_of(cloud)
    deploy(account, Seen(), config, wire=True)
    assert "LambdaFunctionConfigurations" in account.s3.get_bucket_notification_configuration(Bucket="my-logs")
    screen = Seen()
    assert destroy(account, screen)
    assert "LambdaFunctionConfigurations" not in account.s3.get_bucket_notification_configuration(Bucket="my-logs")
    assert "bucket my-logs: took away notification 'slips-app-" in screen.text
    assert "DELETE_SKIPPED" not in screen.text


@pytest.mark.slow
@pytest.mark.parametrize("source", ["eventbridge", "s3_direct"])
def test_destroy_tells_that_eventbridge_stays_on_where_the_stack_used_it(
    cloud: Cloud, config: str, source: str
) -> None:
    account = account_of(cloud)
    if source == "s3_direct":
        account.s3.put_bucket_notification_configuration(
            Bucket="my-logs", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    deploy(account, Seen(), config.replace("s3_direct", source), wire=True)
    assert destroy(account, screen := Seen())
    told = "bucket my-logs: left: EventBridge, which rules of others may use by now"
    assert (told in screen.text) is (source == "eventbridge")
    assert "EventBridgeConfiguration" in account.s3.get_bucket_notification_configuration(Bucket="my-logs")


@pytest.mark.parametrize("all_", [True, False])
def test_destroy_names_the_code_that_a_stack_left_which_is_gone(account: Account, all_: bool) -> None:
    config = parse(CONFIG)
    account.s3.put_object(Bucket="my-code", Key="functions/app-2/1.zip")
    assert destroy(account, none := Seen(), config, all_=all_)
    assert "code" not in none.text
    account.s3.put_object(Bucket="my-code", Key="functions/app/1.zip")
    assert destroy(account, screen := Seen(), config, all_=all_)
    command = f"aws s3 rm --recursive --region {REGION} s3://my-code/functions/app/"
    assert screen.said[-1] == (
        f"uploaded code of a former stack is still there, s3://my-code/functions/app/; to delete it: {command}"
    )
    assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 2


def test_code_in_another_region_is_not_of_a_stack_that_is_gone_here(account: Account) -> None:
    make_bucket("their-code", "eu-central-1")
    account.s3.put_object(Bucket="their-code", Key="functions/app/1.zip")
    destroy(account, screen := Seen(), parse(CONFIG.replace("my-code", "their-code")), all_=True)
    assert "their-code" not in screen.text


class WithoutOutputs(Deployment):
    """A stack as it looks when AWS tells none of its outputs."""

    def state(self, stack_id: str | None = None) -> StackState | None:
        state = super().state(stack_id)
        return msgspec.structs.replace(state, outputs={}) if state else None


def test_a_bucket_that_left_the_mapping_is_told_until_wire_takes_its_notification_away(
    cloud: Cloud, config: str
) -> None:
    account, other = account_of(cloud), config.replace("my-logs", "my-other")
    account.s3.create_bucket(Bucket="my-other")
    deploy(account, Seen(), config, wire=True)
    for _ in range(2):
        deploy(account, told := Seen(), other)
        assert "bucket my-logs: warning: is not mapped any more, and still notifies the stack" in told.text
    deploy(account, gone := Seen(), other, wire=True)
    assert "bucket my-logs: took away notification" in gone.text
    deploy(account, quiet := Seen(), other, wire=True)
    assert "my-logs" not in quiet.text
    assert "bucket my-other: nothing to add: new objects under 'a/' reach the stack already" in quiet.said
    stack = WithoutOutputs(account, "app", sleep=briefly)
    blind = change(stack, parse(other), told := Seen(), lambda *_: PACKAGE, yes=True, wire=True)
    assert "bucket my-other: warning: whether it notifies stack 'app' is unknown" in told.text
    assert (blind.falls_short(wire=True), blind.falls_short(wire=False)) == (True, False)


def test_destroy_says_what_becomes_of_tables_that_others_left_or_gave(account: Account, small: StackState) -> None:
    make_table(account, "app-ErrorTable-0123456789AB", "request_id")
    screen = Seen()
    assert destroy(account, screen, all_=True)
    arn = f"arn:aws:dynamodb:{REGION}:{ID}:table/app-ErrorTable-0123456789AB"
    (line,) = [one for one in screen.said if "of a former stack" in one]
    assert line.startswith(f"kept: error table {arn} ")
    assert f"set backend.dynamodb_arn: {arn}; to delete it: aws dynamodb delete-table --region {REGION}" in line
    assert line.endswith("--table-name app-ErrorTable-0123456789AB")
    assert "DELETE_SKIPPED" not in screen.text


@pytest.mark.slow
def test_destroy_all_keeps_a_table_that_the_config_gave(account: Account) -> None:
    template = {**SMALL, "Resources": {k: one for k, one in SMALL["Resources"].items() if k != "ErrorTable"}}
    template["Outputs"] = {**SMALL["Outputs"], "ErrorTableName": {"Value": "mine"}}
    make_table(account, "mine", "request_id")
    stack = Deployment(account, "app", sleep=never)
    with stack.proposed(template, None, "my-code", "f/app/") as plan:
        assert plan
        stack.execute(plan, Events())
    screen = Seen()
    assert destroy(account, screen, all_=True)
    assert "kept: error table mine, which backend.dynamodb_arn named: the stack did not make it" in screen.said
    assert account.dynamodb.list_tables()["TableNames"] == ["mine"]


class HalfDeleted(Deployment):
    """A stack whose deletion failed after its table was gone."""

    def state(self, stack_id: str | None = None) -> StackState | None:
        state = super().state(stack_id)
        return msgspec.structs.replace(state, status="DELETE_FAILED") if state else None

    def resources(self, stack_id: str | None = None) -> dict[str, StackResource]:
        return {name: one for name, one in super().resources(stack_id).items() if name != "ErrorTable"}

    def delete(self, stack_id: str, observer: Any) -> None:
        self.account.cloudformation.delete_stack(StackName=stack_id)


def test_a_table_that_a_deletion_which_failed_took_along_is_not_said_to_be_kept(
    account: Account, small: StackState
) -> None:
    account.dynamodb.delete_table(TableName=small.outputs["ErrorTableName"])
    screen = Seen()
    assert remove(HalfDeleted(account, "app", sleep=never), parse(CONFIG), screen, all_=True, force=False, yes=True)
    assert "kept: error table" not in screen.text


# ---- who interrupts it


class Impatient(Seen):
    """Answers no question, but goes."""

    def ask(self, question: str) -> bool:
        raise KeyboardInterrupt


def interrupted(screen: Seen, call: Callable[[], object]) -> str:
    with pytest.raises(typer.Exit) as caught:
        call()
    assert caught.value.exit_code == 130
    return screen.said[-1]


@pytest.mark.slow
def test_who_goes_at_the_question_has_changed_nothing(account: Account, small: StackState) -> None:
    screen = Impatient(answer=True)
    assert interrupted(screen, lambda: destroy(account, screen, yes=False)) == "interrupted: nothing was deleted"
    assert interrupted(screen, lambda: deploy(account, screen, yes=False)) == "interrupted: nothing was deployed"
    assert Deployment(account, "app").state() == small


@pytest.mark.parametrize(("typed", "status", "said"), [(b"n\n", 1, ""), (b"", 130, "interrupted: ")])
def test_output_in_a_pipe_is_asked_on_standard_error(
    cloud: Cloud, tmp_path: Path, typed: bytes, status: int, said: str
) -> None:
    for bucket in ("code", "my-logs"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("sns").create_topic(Name="logs")
    project = Deployed(cloud, tmp_path, re.sub("    - {prefix: own.*\n", "", DEPLOYED))
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "slips", "deploy"],
        cwd=tmp_path,
        env={**os.environ, **cloud.environment()},
        stdin=end,
        stdout=subprocess.PIPE,
        stderr=end,
        start_new_session=True,
    ) as process:
        os.close(end)
        with os.fdopen(
            terminal, "r+b", buffering=0
        ) as keys:  # closed, it ends a process that still waits for an answer
            shown = b""
            while b"Deploy? [y/N]:" not in shown:
                assert select.select([keys], [], [], PATIENCE)[0], shown
                shown += keys.read(1024)
            if typed:
                keys.write(typed)
            else:
                process.send_signal(signal.SIGINT)  # as the terminal does for Ctrl-C
            assert process.stdout is not None
            out = process.stdout.read().decode()
    assert process.returncode == status
    assert out.splitlines()[-1].strip().startswith(f"{said}nothing was ")
    assert "Deploy?" not in out
    assert Deployment(account_of(cloud), project.stack).state() is None


@pytest.mark.slow
def test_who_interrupts_the_package_has_changed_nothing(account: Account) -> None:
    def build(*_: Any) -> Package:
        raise KeyboardInterrupt

    screen, stack = Seen(), Deployment(account, "app", sleep=never)
    said = interrupted(screen, lambda: change(stack, parse(CONFIG), screen, build, yes=True, wire=False))
    assert said == "interrupted: nothing was changed"


def test_who_no_longer_follows_is_told_that_aws_goes_on_and_what_to_do(cloud: Cloud, config: str) -> None:
    def leave(_: float) -> None:
        if "_IN_PROGRESS" in screen.said[-1] or "_COMPLETE" in screen.said[-1]:
            raise KeyboardInterrupt
        time.sleep(0.02)

    cloud.fault("kinesis", "CreateStream", hold=True)  # else all may be over before the first look
    screen, stack = Seen(), Deployment(account_of(cloud), "app", sleep=leave)
    said = interrupted(screen, lambda: change(stack, parse(config), screen, lambda *_: PACKAGE, yes=True, wire=False))
    assert said.startswith("interrupted: AWS goes on with stack 'app', which nobody follows now; 'slips deploy' says")
    cloud.clear_faults()
    while (state := stack.state()) and state.status.endswith("_IN_PROGRESS"):
        time.sleep(0.02)
    assert state
    assert state.status == "CREATE_COMPLETE"
    cloud.fault("kinesis", "DeleteStream", hold=True)
    said = interrupted(screen, lambda: remove(stack, None, screen, all_=True, force=False, yes=True))
    assert said.startswith(
        "interrupted: AWS goes on to delete stack 'app', which nobody follows now; 'slips destroy --a"
    )
    state = stack.state()
    assert state
    assert state.status == "DELETE_IN_PROGRESS"

    def mend(_: float) -> None:
        cloud.clear_faults()
        time.sleep(0.02)

    again = Seen()
    assert remove(Deployment(account_of(cloud), "app", sleep=mend), None, again, all_=True, force=False, yes=True)
    assert "DELETE_COMPLETE  app  AWS::CloudFormation::Stack" in again.said
    assert stack.state() is None


# ---- how it looks


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


CHANGES = [
    Change("Remove", "Old", "T", [], ""),
    Change("Modify", "Stream", "AWS::Kinesis::Stream", ["Name"], "yes"),
    Change("Modify", "MainFunc", "T", ["code"], ""),
    Change("Add", "New", "T", [], ""),
]


def propose_on(screen: Screen, proposal: Proposal, settings: Sequence[LaneSetting]) -> None:
    """Shows what would change."""
    DeployView(screen, on(CloudFormation()), parse(CONFIG), wire=False).propose(proposal, settings)


def test_a_plan_is_a_line_for_each_resource_and_setting() -> None:
    screen = Seen()
    setting = LaneSetting("fast", "delay", 5, 0, "app-Fast")
    propose_on(screen, Proposal("UPDATE", "id", "set", CHANGES), [setting])
    assert screen.said == [
        f"stack 'app' in {REGION} of account {ID}: 4 changes",
        "  + New       T",
        "  ~ MainFunc  T                     code",
        "  ~ Stream    AWS::Kinesis::Stream  REPLACED: Name  (object events that still wait on it are lost with it: "
        "let no more arrive, and wait until 'slips status' shows its lane idle)",
        "  - Old       T",
        "  ~ lane fast: delay 5 set by 'slips limit', back to 0",
    ]


def test_a_changed_tag_is_one_line_however_much_has_it() -> None:
    screen = Seen()
    changes = [Change("Modify", name, "T", ["tags"], "") for name in ("Ledger", "MainFunc", "Drain")]
    changes.append(Change("Modify", "Reporter", "T", ["code", "tags"], ""))
    propose_on(screen, Proposal("UPDATE", "id", "set", changes, ["cost: 1 → (none)", "team: a → b"]), [])
    assert screen.said == [
        f"stack 'app' in {REGION} of account {ID}: 4 changes",
        "  ~ Reporter  T  code, tags",
        "  ~ tags of the stack and of all in it that has tags: cost: 1 → (none), team: a → b",
    ]


def test_what_is_made_anew_is_red_on_a_terminal_and_only_there() -> None:
    said: list[tuple[str, str | None]] = []
    for stream in (Terminal(), io.StringIO()):
        screen = Screen(stream, lambda text, color: said.append((text, color)))
        propose_on(screen, Proposal("UPDATE", "id", "set", CHANGES), [])
    half = len(said) // 2
    assert [text for text, color in said[:half] if color == "red"] == [
        text for text, _ in said[:half] if "REPLACED" in text
    ]
    assert "red" in {color for _, color in said[:half]}
    assert {color for _, color in said[half:]} == {None}


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ("168 → 24", "object events that have waited on it for over 24 h are lost: see 'slips status' first"),
        ("24 → 168", ""),
    ],
)
def test_what_is_lost_with_a_shorter_retention_is_told(hours: str, told: str) -> None:
    what = ["ShardCount: 2 → 1", f"RetentionPeriodHours: {hours}"]
    assert Change("Modify", "EventSlowStream", "AWS::Kinesis::Stream", what, "").loses == told


def test_what_is_lost_with_a_resource_that_goes_is_told() -> None:
    said: list[tuple[str, str | None]] = []
    changes = [
        Change("Remove", "EventSlowStream", "AWS::Kinesis::Stream", [], ""),
        Change("Modify", "Undelivered", "AWS::SQS::Queue", ["QueueName"], "maybe"),
        Change("Modify", "EventFastStream", "AWS::Kinesis::Stream", ["ShardCount"], ""),
        Change("Add", "Undelivered2", "AWS::SQS::Queue", [], ""),
    ]
    screen = Screen(Terminal(), lambda text, color: said.append((text, color)))
    propose_on(screen, Proposal("UPDATE", "id", "set", changes), [])
    told = [(text, color) for text, color in said if "are lost with it" in text]
    assert [("EventSlowStream" in text, "Undelivered " in text) for text, _ in told] == [(False, True), (True, False)]
    assert {color for _, color in told} == {"red"}


def test_a_pipe_sees_a_line_for_each_change_of_a_resource() -> None:
    screen = Seen()
    with EventLines(screen) as seen:
        for status in ("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_FAILED"):
            seen.event(StackEvent("1", "A", "T", status, "its reason", is_stack=False))
    assert screen.said == ["CREATE_IN_PROGRESS  A  T", "CREATE_FAILED  A  T: its reason"]


@pytest.mark.slow
def test_a_terminal_sees_what_is_at_hand_and_what_failed() -> None:
    stream = Terminal()
    with ResourceBar(Screen(stream, lambda text, _: print(text)), 3) as bar:
        for text in ("A CREATE_IN_PROGRESS", "B CREATE_IN_PROGRESS", "A CREATE_COMPLETE", "B CREATE_FAILED [red]no"):
            name, status, *reason = text.split(" ", 2)
            bar.event(StackEvent("1", name, "T", status, " ".join(reason), is_stack=False))
        bar.event(StackEvent("2", "app", "T", "ROLLBACK_IN_PROGRESS", "", is_stack=True))
    assert "CREATE_FAILED  B  T: [red]no" in stream.getvalue()
    assert "2/3" in stream.getvalue()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path)
    found.config(CONFIG)
    found.handler(HANDLER)
    return found


def test_a_dry_run_prints_the_template_without_credentials_or_network(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("called somebody")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    done = project.slips("deploy", "--dry-run")
    assert (done.status, done.err) == (0, "")
    template = yaml.safe_load(done.out)
    code = {"S3Bucket": "my-code", "S3Key": "functions/app/slips-HASH.zip"}
    assert template["Resources"]["MainFunc"]["Properties"]["Code"] == code
    assert done.out.startswith("# slips-HASH.zip stands for the package: ")
    assert project.slips("deploy", "--dry-run", "--json").json == template


def test_a_dry_run_says_what_it_assumes_of_given_streams(project: Project) -> None:
    project.config(WITH_STREAM)
    said = project.slips("deploy", "--dry-run").out
    assert f"# lane slow: {STREAM} is assumed to keep events for 24 h: they are given up after 12 h" in said
    assert "lane fast" not in said


@pytest.mark.parametrize(
    ("embedded", "options", "command"),
    [(False, (), "slips"), (True, (), "slips --aws"), (True, ("-s", "other"), "slips -s other")],
)
def test_what_to_do_next_is_told_so_that_it_is_about_the_stack(
    cloud: Cloud, tmp_path: Path, embedded: bool, options: tuple[str, ...], command: str
) -> None:
    for bucket in ("code", "my-logs"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("sns").create_topic(Name="logs")
    config = re.sub("    - {prefix: own.*\n", "", DEPLOYED)
    if embedded:
        config = config.replace("backend:\n", "backend:\n  embedded: {path: .slips, buckets: {my-logs: logs}}\n")
    project = Deployed(cloud, tmp_path, config)
    said = project.slips("deploy", "-y", *options).out.splitlines()[-1]
    assert said.startswith(f"'{command} status' shows how it goes, '{command} errors' what failed, '{command} logs -f'")


@pytest.mark.slow
def test_a_config_that_cannot_be_deployed_ends_with_status_2_before_anybody_is_called(project: Project) -> None:
    project.config(CONFIG.replace("123456789012", "1234xxxxxx"))
    done = project.shell("deploy", AWS_PROFILE="nobody")
    assert (done.status, done.out) == (2, "")
    assert "is a placeholder" in done.err


def test_a_dry_run_of_a_handler_that_cannot_run_prints_no_template(project: Project) -> None:
    project.handler("def (:\n")
    done = project.slips("deploy", "--dry-run")
    assert (done.status, done.out) == (2, "")
    assert "handler.py:1: invalid syntax" in done.err
