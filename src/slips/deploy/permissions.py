"""The rights of each role: one table of rows `actions on resource`, and the ARNs of each resource for a config. Pure.

If a config has no resource for a row (no KMS key, no queue, no secret), the row is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from slips.config import Config, secrets
from slips.config.handler import Policy
from slips.config.notes import PSEUDO
from slips.deploy.resources.forms import sub

Resource = Literal[
    "its logs",
    "the streams",
    "the main func",
    "the error table",
    "the ledger",
    "the ledger, if routing drops",
    "the error topic",
    "the undelivered queue",
    "the undelivered queue, if queues are sources",
    "the source queues",
    "the mapped objects",
    "the mapped buckets",
    "the keys of buckets",
    "the keys of the streams",
    "the key of the error table",
    "the key of the error topic",
    "the keys of the source queues",
    "the named parameters",
    "the named secrets",
    "network interfaces",
    "traces",
]
Arns = Mapping[Resource, list[Any]]
"""The ARNs of each resource, as texts or CloudFormation functions; `[]` if the config has no such resource."""
Keys = Mapping[str, str]
"""The ARN of the customer's KMS key that encrypts a stream, table, topic or queue, by the ARN of that.

A producer of a stream makes data keys and its consumer decrypts; a topic's publisher does both; each use of a table
decrypts its table key. KMS keys that AWS manages serve all roles of their account, and need no permission.
https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""

_WRITE_LOGS: tuple[str, Resource] = ("logs:CreateLogStream PutLogEvents", "its logs")
_TRACE: tuple[str, Resource] = ("xray:PutTraceSegments PutTelemetryRecords", "traces")
_PUBLISH: tuple[str, Resource] = ("sns:Publish", "the error topic")
_USE_TOPICS_KEY: tuple[str, Resource] = ("kms:GenerateDataKey Decrypt", "the key of the error topic")

ROLES: dict[str, tuple[tuple[str, Resource], ...]] = {
    "EventPusherRole": (
        _WRITE_LOGS,
        ("kinesis:PutRecords", "the streams"),
        ("kms:GenerateDataKey", "the keys of the streams"),
        ("dynamodb:UpdateItem", "the ledger, if routing drops"),
        ("sqs:ReceiveMessage DeleteMessage GetQueueAttributes", "the source queues"),
        ("sqs:SendMessage", "the undelivered queue, if queues are sources"),
        ("kms:Decrypt", "the keys of the source queues"),
        _PUBLISH,
        _USE_TOPICS_KEY,
        _TRACE,
    ),
    "DispatcherRole": (
        _WRITE_LOGS,
        ("kinesis:DescribeStream DescribeStreamSummary GetRecords GetShardIterator ListShards", "the streams"),
        ("kms:Decrypt", "the keys of the streams"),
        ("lambda:InvokeFunction", "the main func"),
        # The brakes lie in the ledger's table; objects that may not start wait in the error table.
        ("dynamodb:GetItem UpdateItem", "the ledger"),
        ("dynamodb:UpdateItem", "the error table"),
        ("kms:Decrypt", "the key of the error table"),
        _PUBLISH,
        _USE_TOPICS_KEY,
        _TRACE,
    ),
    "MainFuncRole": (
        _WRITE_LOGS,
        ("s3:GetObject GetObjectVersion", "the mapped objects"),
        ("kms:Decrypt", "the keys of buckets"),
        ("kinesis:PutRecords", "the streams"),
        ("kms:GenerateDataKey", "the keys of the streams"),
        ("dynamodb:GetItem UpdateItem", "the ledger"),
        ("dynamodb:UpdateItem DeleteItem", "the error table"),
        ("kms:Decrypt", "the key of the error table"),
        ("ssm:GetParameters", "the named parameters"),
        ("secretsmanager:GetSecretValue", "the named secrets"),
        _PUBLISH,
        _USE_TOPICS_KEY,
        (
            "ec2:CreateNetworkInterface DescribeNetworkInterfaces DescribeSubnets DeleteNetworkInterface "
            "AssignPrivateIpAddresses UnassignPrivateIpAddresses",
            "network interfaces",
        ),
        _TRACE,
    ),
    "ReporterRole": (
        _WRITE_LOGS,
        ("kinesis:GetRecords GetShardIterator", "the streams"),
        ("kms:Decrypt", "the keys of the streams"),
        ("dynamodb:GetItem UpdateItem", "the ledger"),
        ("dynamodb:UpdateItem DeleteItem", "the error table"),
        ("kms:Decrypt", "the key of the error table"),
        ("sqs:SendMessage", "the undelivered queue"),
        _TRACE,
    ),
    "DrainRole": (
        _WRITE_LOGS,
        ("kinesis:PutRecords GetRecords GetShardIterator", "the streams"),
        ("kms:GenerateDataKey Decrypt", "the keys of the streams"),
        ("dynamodb:Scan BatchGetItem GetItem UpdateItem DeleteItem", "the error table"),
        ("kms:Decrypt", "the key of the error table"),
        ("dynamodb:GetItem UpdateItem", "the ledger"),
        ("sqs:ReceiveMessage DeleteMessage ChangeMessageVisibility", "the undelivered queue"),
        ("s3:GetObject GetObjectVersion", "the mapped objects"),
        ("kms:Decrypt", "the keys of buckets"),
        _TRACE,
    ),
    "AuditRole": (
        _WRITE_LOGS,
        ("s3:ListBucket", "the mapped buckets"),
        ("dynamodb:Scan GetItem UpdateItem", "the ledger"),
        ("dynamodb:Scan BatchGetItem", "the error table"),
        ("kms:Decrypt", "the key of the error table"),
        _TRACE,
    ),
}
"""The Lambda service itself uses a function's role to poll its source and to send failures on: these rows cover it."""

SETTINGS: dict[Resource, str] = {"traces": "Tracing", "network interfaces": "Network"}
"""Rights without which Lambda refuses any change of a function that has a setting, and the names of their policies.

Each is a resource beside the role, on which the functions depend. CloudFormation changes a role before its functions: a
right that left the role with the setting would be gone while the function still has the setting. A policy that leaves
the template is deleted when all updates are done; on deletion of the stack, it outlives the functions.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-policy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-monitor-stack.html"""


def statements(role: str, arns: Arns) -> list[dict[str, Any]]:
    """Return the policy in a role: one statement for each row that has a resource and belongs to no setting."""
    return [_allow(row, arns[resource]) for row, resource in _rows(role, arns) if resource not in SETTINGS]


def settings(role: str, arns: Arns) -> dict[str, dict[str, Any]]:
    """Return the policies beside a role, each of one statement, by the names of `SETTINGS`."""
    rows = ((row, resource) for row, resource in _rows(role, arns) if resource in SETTINGS)
    return {SETTINGS[resource]: _allow(row, arns[resource]) for row, resource in rows}


def _rows(role: str, arns: Arns) -> Iterator[tuple[str, Resource]]:
    """Yield the rows of a role whose resource the config has. Raises LookupError for a resource that `arns` lacks."""
    for row, resource in ROLES[role]:
        if resource not in arns:
            raise LookupError(f"{role}: '{row}' on '{resource}': no ARN; expected it in deploy/resources/roles.py")
        if arns[resource]:
            yield row, resource


def _allow(row: str, resources: list[Any]) -> dict[str, Any]:
    service, _, actions = row.partition(":")
    return {"Effect": "Allow", "Action": [f"{service}:{action}" for action in actions.split()], "Resource": resources}


def arns_of_config(config: Config, keys: Keys) -> dict[Resource, list[Any]]:
    """Return the ARNs of resources outside the stack that `config` names, and of their KMS `keys`."""
    named = list(dict.fromkeys(secrets.references([one.args for one in config.handlers])))
    backend = config.backend

    def keys_of(*arns: str | None) -> list[Any]:
        return list(dict.fromkeys(keys[arn] for arn in arns if arn and arn in keys))

    return {
        "the source queues": [queue.arn for queue in config.backend.sqs_queues],
        "the mapped objects": _unique(sub(f"arn:${{AWS::Partition}}:s3:::{path}*") for path in _prefixes(config)),
        "the keys of buckets": list(dict.fromkeys(config.backend.kms_key_arns)),
        "the keys of the streams": keys_of(backend.kinesis_stream_fast_arn, backend.kinesis_stream_slow_arn),
        "the key of the error table": keys_of(backend.dynamodb_arn),
        "the key of the error topic": keys_of(backend.dlq_sns_arn),
        "the keys of the source queues": keys_of(*(queue.arn for queue in backend.sqs_queues)),
        "the named parameters": _unique(_parameter(one.id) for one in named if one.service == "ssm"),
        "the named secrets": _unique(_secret(one.id) for one in named if one.service == "secretsmanager"),
        # AWS has no ARN for these actions: a function in a VPC makes its interfaces before they have a name.
        "network interfaces": ["*"] if config.handler.subnet_ids else [],
        "traces": ["*"] if config.handler.tracing else [],
    }


# ---- rights of the handler's own


def inline_policy(config: Config) -> list[dict[str, Any]]:
    """Build the policy `handler` from `handler.policies`; the list is empty if the config has managed ones only."""
    own = [_statement(policy) for policy in config.handler.policies if policy.arn is None]
    document = {"Version": "2012-10-17", "Statement": own}
    return [{"PolicyName": "handler", "PolicyDocument": document}] if own else []


def managed_policies(config: Config) -> list[Any]:
    """List the managed policies of `handler.policies`, each once."""
    return _unique(as_written(policy.arn) for policy in config.handler.policies if policy.arn is not None)


def _statement(policy: Policy) -> dict[str, Any]:
    if policy.actions is not None:
        return {"Effect": "Allow", "Action": policy.actions, "Resource": as_written(policy.resources)}
    statement = {
        "Sid": policy.sid,
        "Effect": policy.effect,
        "Action": policy.action,
        "NotAction": policy.not_action,
        "Resource": as_written(policy.resource),
        "NotResource": as_written(policy.not_resource),
        "Condition": as_written(policy.condition),
    }
    return {key: value for key, value in statement.items() if value is not None}


def as_written(value: Any) -> Any:
    """Let CloudFormation fill in pseudo parameters of texts, in lists and mappings, too; IAM's variables stay."""
    match value:
        case str() if any(f"${{{name}}}" in value for name in PSEUDO):
            return sub(re.sub(rf"\$\{{(?!({'|'.join(PSEUDO)})\}})", "${!", value))
        case list():
            return [as_written(each) for each in value]
        case dict():
            return {key: as_written(each) for key, each in value.items()}
    return value


# ---- ARNs of resources in the config


def _prefixes(config: Config) -> Iterator[str]:
    """Yield `bucket/beginning` of the keys of each mapping, quoted for a policy, without those that another covers."""
    for bucket, mappings in config.bucket_mapping.items():
        kept: list[str] = []
        for prefix in sorted(mapping.beginning for mapping in mappings):
            if not kept or not prefix.startswith(kept[-1]):
                kept.append(prefix)
        yield from (f"{bucket}/{_verbatim(prefix)}" for prefix in kept)


def _verbatim(text: str) -> str:
    """Quote `text` for a policy, so that it has no wildcards: in IAM, `${*}` is a literal star.

    The `!` keeps CloudFormation's `Fn::Sub` from reading it as a variable.
    """
    return "".join(f"${{!{char}}}" if char in "*?$" else char for char in text)


def _parameter(name: str) -> Any:
    """Return the ARN of a parameter, without the `:3` or `:label` that selects a version."""
    if name.startswith("arn:"):
        return ":".join(name.split(":")[:6])
    return sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/" + secrets.parameter(name))


def _secret(name: str) -> Any:
    """Return the ARN of a secret. Secrets Manager appends six random characters, which the given ARN may lack."""
    if name.startswith("arn:"):
        return name if re.search("-[A-Za-z0-9]{6}$", name) else f"{name}-??????"
    return sub("arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:" + name + "-??????")


def _unique(arns: Iterator[Any]) -> list[Any]:
    """Return ARNs without repetitions. A list, since dictionaries cannot be keys of a dict."""
    unique: list[Any] = []
    for arn in arns:
        if arn not in unique:
            unique.append(arn)
    return unique
