"""Promises of the template about roles: who may do what."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from slips import config
from slips.deploy import permissions, template
from slips.deploy.given import Given
from slips.deploy.permissions import ROLES
from slips.deploy.template import build
from templates import CODE, FULL, ORIGINAL, _stars, arn, depends_on, granted, made, of_type, statements

pytestmark = pytest.mark.once
STREAMS = [arn("EventFastStream"), arn("EventSlowStream")]
TABLE, LEDGER = [arn("ErrorTable")], [arn("Ledger")]
OBJECTS = [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{path}*"} for path in ("my-logs/app/", "my.logs/")]
KEYS = ["arn:aws:kms:eu-central-1:123456789012:key/0f1e2d3c-0000-0000-0000-000000000000"]
TOPIC, QUEUE = [{"Ref": "ErrorNotify"}], [arn("Undelivered")]
SOURCE = ["arn:aws:sqs:eu-central-1:123456789012:logs"]
ACCOUNT = "${AWS::Region}:${AWS::AccountId}"
FULL_RIGHTS: dict[str, dict[str, list[Any]]] = {
    "EventPusherRole": {
        "kinesis:PutRecords": STREAMS,
        "dynamodb:UpdateItem": LEDGER,
        "sns:Publish": TOPIC,
        "sqs:ReceiveMessage": SOURCE,
        "sqs:DeleteMessage": SOURCE,
        "sqs:SendMessage": QUEUE,
        "sqs:GetQueueAttributes": SOURCE,
    },
    "DispatcherRole": {
        "kinesis:DescribeStream": STREAMS,
        "kinesis:DescribeStreamSummary": STREAMS,
        "kinesis:GetRecords": STREAMS,
        "kinesis:GetShardIterator": STREAMS,
        "kinesis:ListShards": STREAMS,
        "lambda:InvokeFunction": [arn("MainFunc")],
        "dynamodb:GetItem": LEDGER,
        "dynamodb:UpdateItem": LEDGER + TABLE,
        "sns:Publish": TOPIC,
    },
    "MainFuncRole": {
        "s3:GetObject": OBJECTS,
        "s3:GetObjectVersion": OBJECTS,
        "kms:Decrypt": KEYS,
        "kinesis:PutRecords": STREAMS,
        "dynamodb:GetItem": LEDGER,
        "dynamodb:UpdateItem": LEDGER + TABLE,
        "dynamodb:DeleteItem": TABLE,
        "sns:Publish": TOPIC,
        "ssm:GetParameters": [{"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:{ACCOUNT}:parameter/team/token"}],
        "secretsmanager:GetSecretValue": [
            {"Fn::Sub": f"arn:${{AWS::Partition}}:secretsmanager:{ACCOUNT}:secret:db-??????"}
        ],
        "ec2:CreateNetworkInterface": ["*"],
        "ec2:DescribeNetworkInterfaces": ["*"],
        "ec2:DescribeSubnets": ["*"],
        "ec2:DeleteNetworkInterface": ["*"],
        "ec2:AssignPrivateIpAddresses": ["*"],
        "ec2:UnassignPrivateIpAddresses": ["*"],
    },
    "ReporterRole": {
        "dynamodb:UpdateItem": LEDGER + TABLE,
        "dynamodb:DeleteItem": TABLE,
        "dynamodb:GetItem": LEDGER,
        "kinesis:GetRecords": STREAMS,
        "kinesis:GetShardIterator": STREAMS,
        "sqs:SendMessage": QUEUE,
    },
    "DrainRole": {
        "dynamodb:Scan": TABLE,
        "dynamodb:BatchGetItem": TABLE,
        "dynamodb:GetItem": TABLE + LEDGER,
        "dynamodb:UpdateItem": TABLE + LEDGER,
        "dynamodb:DeleteItem": TABLE,
        "kinesis:PutRecords": STREAMS,
        "kinesis:GetRecords": STREAMS,
        "kinesis:GetShardIterator": STREAMS,
        "sqs:ReceiveMessage": QUEUE,
        "sqs:DeleteMessage": QUEUE,
        "sqs:ChangeMessageVisibility": QUEUE,
        "s3:GetObject": OBJECTS,
        "s3:GetObjectVersion": OBJECTS,
        "kms:Decrypt": KEYS,
    },
    "AuditRole": {
        "s3:ListBucket": [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}"} for name in ("my-logs", "my.logs")],
        "dynamodb:Scan": LEDGER + TABLE,
        "dynamodb:GetItem": LEDGER,
        "dynamodb:UpdateItem": LEDGER,
        "dynamodb:BatchGetItem": TABLE,
    },
}
"""Rights of all roles with every key of the config set, beside those on their own logs and to write traces."""


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_this_and_nothing_else(role: str) -> None:
    stack = made(FULL)
    actions = {action for one in statements(stack, role) for action in one["Action"]}
    rights = {action: granted(stack, role, action) for action in actions}
    logs = [rights.pop(f"logs:{action}") for action in ("CreateLogStream", "PutLogEvents")]
    functions = [name for name, one in of_type(stack, "Lambda::Function").items() if one["Role"] == arn(role)]
    traces = [rights.pop(f"xray:{action}") for action in ("PutTraceSegments", "PutTelemetryRecords")]
    assert traces == [["*"], ["*"]]
    group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group"
    assert logs == [[{"Fn::Sub": f"{group}:${{{name}Logs}}:*"} for name in functions]] * 2
    assert rights == FULL_RIGHTS[role]


_BASE = "arn:aws:{}:eu-central-1:123456789012:{}".format
ENCRYPTED = {
    _BASE("kinesis", "stream/fast"): _BASE("kms", "key/fast"),
    _BASE("kinesis", "stream/slow"): _BASE("kms", "key/slow"),
    _BASE("dynamodb", "table/errors"): _BASE("kms", "key/table"),
    _BASE("sns", "dlq"): _BASE("kms", "key/dlq"),
    _BASE("sqs", "logs"): _BASE("kms", "key/queue"),
    _BASE("sns", "logs"): _BASE("kms", "key/source"),
}
"""What a config may give, and the customer's keys that encrypt it."""
ALL_GIVEN = dict(
    zip(("kinesis_stream_fast_arn", "kinesis_stream_slow_arn", "dynamodb_arn", "dlq_sns_arn"), ENCRYPTED, strict=False)
)
GENERATE, DECRYPT = "kms:GenerateDataKey", "kms:Decrypt"
KEY_RIGHTS: dict[str, dict[str, list[str]]] = {
    "EventPusherRole": {GENERATE: ["fast", "slow", "dlq"], DECRYPT: ["queue", "dlq"]},
    "DispatcherRole": {GENERATE: ["dlq"], DECRYPT: ["fast", "slow", "table", "dlq"]},
    "MainFuncRole": {GENERATE: ["fast", "slow", "dlq"], DECRYPT: ["table", "dlq"]},
    "ReporterRole": {DECRYPT: ["fast", "slow", "table"]},
    "DrainRole": {GENERATE: ["fast", "slow"], DECRYPT: ["fast", "slow", "table"]},
    "AuditRole": {DECRYPT: ["table"]},
}
"""By role and action, the keys of `ENCRYPTED`."""


def with_keys(keys: dict[str, str]) -> template.Template:
    data = yaml.safe_load(FULL)
    data["backend"] |= ALL_GIVEN | {"kms_key_arns": []}
    return build(config.parse(yaml.safe_dump(data)), CODE, given=Given(keys=keys))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_use_the_keys_of_what_it_uses_and_no_other(role: str) -> None:
    stack = with_keys(ENCRYPTED)
    for action in (GENERATE, DECRYPT):
        named = KEY_RIGHTS[role].get(action, [])
        assert granted(stack, role, action) == [_BASE("kms", f"key/{name}") for name in named]


def test_keys_change_statements_of_roles_and_no_resource_of_another_type() -> None:
    stack, without = with_keys(ENCRYPTED), with_keys({})
    changed = [name for name, one in stack["Resources"].items() if one != without["Resources"][name]]
    assert changed == list(ROLES)
    assert (stack["Metadata"][template.KEYS], template.KEYS in without["Metadata"]) == (ENCRYPTED, False)


def test_functions_depend_on_the_rights_that_their_settings_need() -> None:
    stack = made(FULL)
    needed = depends_on(stack)
    for name, function in of_type(stack, "Lambda::Function").items():
        role = function["Role"]["Fn::GetAtt"][0]
        network = {f"{role}Network"} if "VpcConfig" in function else set()
        assert {one for one in needed[name] if one.startswith(role)} == {role, f"{role}Tracing", *network}
    rights = {f"{role}Tracing": "xray" for role in ROLES} | {"MainFuncRoleNetwork": "ec2"}
    services = {
        name: {action.partition(":")[0] for one in policy["PolicyDocument"]["Statement"] for action in one["Action"]}
        for name, policy in of_type(stack, "IAM::Policy").items()
    }
    assert services == {name: {service} for name, service in rights.items()}
    in_roles = json.dumps(of_type(stack, "IAM::Role"))
    assert not [service for service in rights.values() if f'"{service}:' in in_roles]
    assert not of_type(made(ORIGINAL), "IAM::Policy")


def test_rights_for_sources_that_the_config_lacks_are_not_granted() -> None:
    stack = made(ORIGINAL)
    actions = {
        role: {action for one in statements(stack, role) for action in one["Action"]}
        for role in ROLES
        if role != "AuditRole"
    }
    assert {"sqs", "dynamodb"}.isdisjoint(action.partition(":")[0] for action in actions["EventPusherRole"])
    services = {action.partition(":")[0] for action in actions["MainFuncRole"]}
    assert services == {"logs", "s3", "kinesis", "dynamodb", "sns"}


def test_no_role_has_a_star_where_an_arn_exists() -> None:
    assert _stars(made(FULL)) == []


DIRECT_CONFIG = """\
stack_name: app
backend: {s3_direct: true}
handler: {path: handler.py}
bucket_mapping:
  my-logs:
"""


def test_a_prefix_means_itself_in_a_policy() -> None:
    text = ORIGINAL.replace("logs/g_suite/", '"a*b?/${x}"')
    resources = granted(made(text), "MainFuncRole", "s3:GetObject")
    assert resources[0] == {"Fn::Sub": "arn:${AWS::Partition}:s3:::mizutani-test/a${!*}b${!?}/${!$}{x}*"}


def test_a_pattern_grants_what_begins_as_its_keys_do() -> None:
    mappings = """\
    - {pattern: 'AWSLogs/*/CloudTrail/**', format: cloudtrail}
    - {pattern: 'AWSLogs/1/**', format: json}
    - {pattern: 'a\\*b*/c', format: json}
    - {prefix: z/, format: json}
"""
    text = DIRECT_CONFIG + mappings
    assert granted(made(text), "MainFuncRole", "s3:GetObject") == [
        {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::my-logs/{beginning}*"} for beginning in ("AWSLogs/", "a${!*}b", "z/")
    ]


@pytest.mark.parametrize(
    ("placeholder", "action", "resource"),
    [
        ("{{ssm:/a/b}}", "ssm:GetParameters", {"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:{ACCOUNT}:parameter/a/b"}),
        ("{{ssm:plain:3}}", "ssm:GetParameters", {"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:{ACCOUNT}:parameter/plain"}),
        ("{{ssm:arn:aws:ssm:r:1:parameter/x:3}}", "ssm:GetParameters", "arn:aws:ssm:r:1:parameter/x"),
        (
            "{{secretsmanager:arn:aws:secretsmanager:r:1:secret:db-AbCdEf:key}}",
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:r:1:secret:db-AbCdEf",
        ),
        (
            "{{secretsmanager:arn:aws:secretsmanager:r:1:secret:database:key}}",
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:r:1:secret:database-??????",
        ),
    ],
)
def test_a_secret_opens_itself_only(placeholder: str, action: str, resource: Any) -> None:
    stack = made(ORIGINAL.replace("value1", f'"{placeholder}"'))
    assert granted(stack, "MainFuncRole", action) == [resource]


def test_the_role_of_the_main_func_reads_the_secrets_of_each_handler_that_runs() -> None:
    text = ORIGINAL.replace("value1", '"{{ssm:/a}}"')
    own = "      handler: {path: b.py, args: {b: '{{ssm:/b}}', c: ['{{secretsmanager:c}}']}}\n"
    a, b = ({"Fn::Sub": f"arn:${{AWS::Partition}}:ssm:{ACCOUNT}:parameter/{name}"} for name in "ab")
    text = text.replace("g-suite-login]\n", f"g-suite-login]\n{own}")
    assert granted(made(text), "MainFuncRole", "ssm:GetParameters") == [a, b]
    assert len(granted(made(text), "MainFuncRole", "secretsmanager:GetSecretValue")) == 1
    text = text.replace("azure-ad-event]\n", f"azure-ad-event]\n{own}")
    assert granted(made(text), "MainFuncRole", "ssm:GetParameters") == [b], "the default handler never runs"


def test_a_row_on_a_resource_without_an_arn_is_told_with_the_place_to_add_it() -> None:
    with pytest.raises(LookupError) as told:
        permissions.statements("ReporterRole", {"its logs": ["arn"], "the streams": []})
    assert str(told.value) == (
        "ReporterRole: 'kms:Decrypt' on 'the keys of the streams': no ARN; expected it in deploy/resources/roles.py"
    )
