"""Looks into the account on LocalStack: its resources, and the records that the handler delivered."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3

from on_localstack import project

REGION = "us-east-1"
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}
"""LocalStack takes any credentials."""

_LISTS = (
    ("cloudformation", "list_stacks", "StackSummaries", "StackName"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "EventSourceArn"),
    ("kinesis", "list_streams", "StreamNames", ""),
    ("dynamodb", "list_tables", "TableNames", ""),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    ("sqs", "list_queues", "QueueUrls", ""),
    ("events", "list_rules", "Rules", "Name"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("ssm", "describe_parameters", "Parameters", "Name"),
    ("s3", "list_buckets", "Buckets", "Name"),
)
"""Service, operation, key of the list in its answer, key of the name in an element; empty where elements are names."""


class Account:
    """The account of the run, behind LocalStack's endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._clients: dict[str, Any] = {}

    def environment(self) -> dict[str, str]:
        """Variables for a command: this process's, with LocalStack's credentials as the only settings of AWS."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**own, **VARIABLES}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            session: Any = boto3.Session(
                aws_access_key_id=VARIABLES["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=VARIABLES["AWS_SECRET_ACCESS_KEY"],
                region_name=REGION,
            )
            self._clients[service] = session.client(service, endpoint_url=self.endpoint)
        return self._clients[service]

    def prepare(self) -> str:
        """Makes the buckets, the secret and the topic that a user has before slips. Returns the topic's ARN."""
        for bucket in (project.LOGS, project.CODE, project.DELIVERED):
            self.client("s3").create_bucket(Bucket=bucket)
        self.client("ssm").put_parameter(Name=project.TOKEN, Value="s3cret", Type="SecureString")
        arn = str(self.client("sns").create_topic(Name=project.TOPIC)["TopicArn"])
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{project.LOGS}"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
        return arn

    def put(self, key: str, body: bytes) -> None:
        self.client("s3").put_object(Bucket=project.LOGS, Key=key, Body=body)

    def resources(self) -> set[str]:
        """All resources of the account, except for the objects of the log bucket and of the handler's."""
        found = {f"{service} {name}" for service, name in self._names()}
        found |= {f"s3 s3://{project.CODE}/{key}" for key in self._keys(project.CODE)}
        configuration = self.client("s3").get_bucket_notification_configuration(Bucket=project.LOGS)
        notified = {key for key in configuration if key != "ResponseMetadata"}
        return found | {f"s3 {kind} of {project.LOGS}" for kind in notified}

    def _names(self) -> Iterator[tuple[str, str]]:
        for service, operation, key, name in _LISTS:
            client = self.client(service)
            paged = client.can_paginate(operation)
            for page in client.get_paginator(operation).paginate() if paged else [getattr(client, operation)()]:
                for each in page.get(key, ()):
                    if not _is_gone(each):
                        yield service, f"{operation.partition('_')[2]}: {each[name] if name else each}"

    def _keys(self, bucket: str) -> Iterator[str]:
        for page in self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page.get("Contents", ()):
                yield each["Key"]

    def delivered(self) -> tuple[dict[str, Counter[int]], bool]:
        """How often each record was delivered, by key of S3, and whether each run of the handler knew the secret."""
        found: dict[str, Counter[int]] = {}
        secret = True
        for key in self._keys(project.DELIVERED):
            run = json.loads(self.client("s3").get_object(Bucket=project.DELIVERED, Key=key)["Body"].read())
            secret = secret and run["secret"]
            if run["seen"]:
                found.setdefault(run["key"], Counter()).update(run["seen"])
        return found, secret


def _is_gone(resource: Any) -> bool:
    """Whether a list names a deleted resource: a stack, kept for the record, or a mapping, until its reader ends."""
    return isinstance(resource, dict) and (
        resource.get("StackStatus") == "DELETE_COMPLETE" or resource.get("State") == "Deleting"
    )
