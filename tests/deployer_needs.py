"""The deployer's policy of docs/aws.md, and the rights that it takes to make a stack and to run the commands.

CloudFormation makes the stack with the deployer's rights. A `Waiver` names those that no template here needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple

from deployer_configs import ACCOUNT, BUCKET, CODE, KEY, REGION, STACK, TEMPLATES, arn_of, given, touched
from deployer_rights import Need, permissions, resources
from documents import BLOCK, ROOT

PAGE = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")


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
