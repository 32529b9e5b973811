"""Promises of `slips deploy` before it makes anything: what AWS would refuse is told, and who deploys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import botocore.exceptions as boto
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from deploys import (
    CONFIG,
    ID,
    MARKS,
    REGION,
    STREAM,
    TOPIC,
    WITH_STREAM,
    Denied,
    Policies,
    account,
    config,
    make_bucket,
    make_table,
    refusal,
    small,
)
from slips.backends.aws.refusals import calls
from slips.config import parse
from slips.deploy.account import Account
from slips.deploy.checks import check_account, check_config, read_given
from slips.deploy.given import Given
from slips.deploy.kms_keys import SeenKeys
from slips.errors import ConfigError, SlipsError, UsageError

__all__ = ["account", "config", "small"]
pytest_plugins = ["cloud.plugin"]
pytestmark = MARKS


def problems(config: str, account: Account | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check_account(parse(config), account) if account else check_config(parse(config))
    return caught.value.problems


# ---- what is looked at before anything is made


def test_sizes_that_aws_would_refuse_half_way_are_named_before_a_deploy() -> None:
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
def test_settings_of_a_queue_that_cost_messages_or_receives_are_notes(
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


@pytest.mark.slow
@pytest.mark.parametrize("owner", [ID, "aws", "${AWS::AccountId}"])
def test_managed_policies_are_those_of_the_account_or_of_aws(account: Account, owner: str) -> None:
    def named(policy: str) -> str:
        rights = f"path: handler.py, policies: ['{policy}']"
        # For this machine, too: else `check` refuses the account already.
        embedded = CONFIG.replace("path: handler.py", rights).replace("backend:\n", "backend:\n  embedded: {}\n")
        return f"{embedded}permissions_boundary: '{policy}'\n"

    account.iam = Policies(f"arn:aws:iam::{owner.replace('${AWS::AccountId}', ID)}:policy/P")
    assert check_account(parse(named(f"arn:${{AWS::Partition}}:iam::{owner}:policy/P")), account) == []
    for other in ("arn:aws:iam::999999999999:policy/P", f"arn:aws-cn:iam::{owner}:policy/P"):
        assert [text.partition(";")[0] for text in problems(named(other), account)] == [
            f"slips.yml: {key} '{other}' is not of account {ID}, where the stack is"
            for key in ("permissions_boundary", "handler.policies")
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


@pytest.mark.slow
def test_a_code_bucket_of_others_is_an_error(account: Account) -> None:
    account.s3 = cast("Any", Denied())
    assert "AWS denies s3:ListBucket" in problems(CONFIG, account)[0]


@pytest.mark.slow
def test_a_resource_that_aws_denies_reading_is_a_note_and_no_error(account: Account) -> None:
    account.sns = cast("Any", Denied())
    (note,) = check_account(parse(CONFIG), account)
    assert "was not looked at" in note


@pytest.mark.slow
def test_problems_with_keys_are_listed_with_all_other_problems(account: Account) -> None:
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


@pytest.mark.parametrize(
    ("error", "told", "status"),
    [
        (refusal("ExpiredToken"), "credentials have expired; expected valid ones; 'aws sso login --profile me'", 2),
        (refusal("TokenRefreshRequired"), "credentials have expired; expected valid ones", 2),
        (refusal("InvalidClientTokenId"), "AWS does not know these credentials", 2),
        (refusal("InvalidSignatureException"), "AWS does not know these credentials", 2),
        (refusal("RequestTimeTooSkewed"), "and a right clock", 2),
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
def test_a_refusal_of_aws_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str, status: int
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "me")
    with pytest.raises(SlipsError) as caught, calls("stack 'app'"):
        raise error
    assert str(caught.value).startswith("stack 'app': ")
    assert told in str(caught.value)
    assert caught.value.exit_status == status
