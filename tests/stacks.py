"""As much of a deployed stack as operators see, of today and of the original slips, in moto; and its project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import copy
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.kinesis.models import kinesis_backends

import aws
from projects import CONFIG, Done, Project
from slips.backends.aws.clients import Clients
from slips.backends.aws.stack import DeployedStack
from slips.model import ErrorItem, ObjectEvent

VARIABLES: dict[str, dict[str, Any]] = {
    "Drain": {
        "SLIPS_ERROR_TABLE": {"Ref": "ErrorTable"},
        "SLIPS_FAST_STREAM_ARN": {"Fn::GetAtt": ["EventFastStream", "Arn"]},
        "SLIPS_SLOW_STREAM_ARN": {"Fn::GetAtt": ["EventSlowStream", "Arn"]},
        "SLIPS_UNDELIVERED_URL": {"Ref": "Undelivered"},
    },
    "MainFunc": {"SLIPS_LEDGER_TABLE": {"Ref": "Ledger"}},
    "FastDispatcher": {
        "SLIPS_MAIN_FUNC": "main",
        "SLIPS_LEDGER_TABLE": {"Ref": "Ledger"},
        "SLIPS_DELAY": "0",
        "SLIPS_BATCH_SIZE": "10",
    },
    "SlowDispatcher": {
        "SLIPS_MAIN_FUNC": "main",
        "SLIPS_LEDGER_TABLE": {"Ref": "Ledger"},
        "SLIPS_DELAY": "2",
        "SLIPS_BATCH_SIZE": "10",
    },
}


def table(key: str) -> dict[str, Any]:
    properties = {
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return {"Type": "AWS::DynamoDB::Table", "Properties": properties}


def template() -> dict[str, Any]:
    """As much of a stack as operators see."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    resources: dict[str, Any] = {
        "ErrorTable": table("request_id"),
        "Ledger": table("entry"),
        "Undelivered": {"Type": "AWS::SQS::Queue"},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}},
        },
    }
    for name, variables in VARIABLES.items():
        resources[name] = {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": {"ZipFile": "pass"},
                "Handler": "index.x",
                "Runtime": "python3.13",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Timeout": 60,
                "Environment": {"Variables": variables},
            },
        }
        resources[f"{name}Logs"] = {"Type": "AWS::Logs::LogGroup"}
    for lane in ("Fast", "Slow"):
        resources[f"Event{lane}Stream"] = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}
        resources[f"{lane}DispatcherMapping"] = {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Ref": f"{lane}Dispatcher"},
                "EventSourceArn": {"Fn::GetAtt": [f"Event{lane}Stream", "Arn"]},
                "BatchSize": 100,
                "StartingPosition": "TRIM_HORIZON",
            },
        }
    return {"Resources": resources}


def template_of_2018() -> dict[str, Any]:
    """One that knows neither ledger, nor queue, nor today's variables."""
    made = template()
    for name in ("Ledger", "Undelivered", *(f"{name}Logs" for name in VARIABLES)):
        del made["Resources"][name]
    for name in VARIABLES:
        made["Resources"][name]["Properties"]["Environment"] = {"Variables": {"ERROR_TABLE": "x"}}
    return made


def deploy(body: dict[str, Any], name: str = "test") -> None:
    """Makes a stack of this template. Nothing takes from its streams."""
    aws.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_IAM"]
    )
    for stream in kinesis_backends[DEFAULT_ACCOUNT_ID][aws.REGION].streams.values():
        stream.lambda_event_source_mappings.clear()  # moto would run the function, in Docker


REGION, ACCOUNT = "us-east-1", "123456789012"
CLIENTS = Clients(REGION)
"""Shared, as making a client takes its time; a test that replaces one has a copy."""
ON_AWS = CONFIG.replace(CONFIG[CONFIG.index("backend:") : CONFIG.index("handler:")], "")
"""The same project without `backend.embedded`."""
OLD = ObjectEvent(
    aws_region="ap-northeast-1",
    event_time="2018-04-05T12:00:16.587Z",
    event_name="ObjectCreated:Put",
    bucket_name="my-logs",
    bucket_arn="arn:aws:s3:::my-logs",
    object_key="slow/a+b",
    object_size=1779,
    object_etag="fd8fff47866aface4ba9457bba303975",
    dest_stream="slam-xxxx-EventSlowStream-WVPZDN4SDQW0",
)


class Cloud:
    """A stack called `test`, and a project that is about it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.clients = copy(CLIENTS)
        self.s3 = boto3.client("s3", region_name=REGION)
        self.s3.create_bucket(Bucket="my-logs")

    def deploy(self, body: dict[str, Any], name: str = "test") -> None:
        deploy(body, name)

    def stack(self, name: str = "test") -> DeployedStack:
        return DeployedStack.find(self.clients, name, sleep=lambda _: None)

    def slips(self, *args: str) -> Done:
        return self.project.slips(*args)

    def fail(self, request_id: str, key: str = "json/a", **about: Any) -> ErrorItem:
        """An item in the error tables of the stack and of this machine."""
        item = self.project.fail(request_id, key, **about)
        self.stack().errors.put(item)
        return item

    def fail_in_2018(self, request_id: str, *events: ObjectEvent) -> None:
        argument = json.dumps([event.to_dict() for event in events])
        self.clients.dynamodb.put_item(
            TableName=self.stack().made["ErrorTable"],
            Item={"request_id": {"S": request_id}, "argument": {"S": argument}},
        )

    def errors(self) -> list[str]:
        return [item.request_id for item in self.stack().errors.scan()]

    def put(self, key: str, *records: Any) -> dict[str, Any]:
        body = b"".join(json.dumps(each).encode() + b"\n" for each in records)
        return dict(self.s3.put_object(Bucket="my-logs", Key=key, Body=body))

    def on_lane(self, lane: str) -> list[dict[str, Any]]:
        """The object events on a stream."""
        kinesis, name = self.clients.kinesis, self.stack().streams[lane]  # type: ignore[index]
        (shard,) = kinesis.list_shards(StreamName=name)["Shards"]
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return [json.loads(each["Data"]) for each in kinesis.get_records(ShardIterator=iterator)["Records"]]

    def say(self, function: str, *said: tuple[float, str], stream: str = "one") -> None:
        """Lines in the log of a function, each with its time in epoch seconds."""
        group = self.stack().made[f"{function}Logs"]
        client = boto3.client("logs", region_name=REGION)
        client.create_log_stream(logGroupName=group, logStreamName=stream)
        client.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": int(when * 1000), "message": text} for when, text in said],
        )

    def answer(self, *results: dict[str, Any]) -> None:
        """What functions will answer, one by one."""
        lambda_simple_backends[ACCOUNT][REGION].lambda_simple_results_queue[:] = [json.dumps(each) for each in results]


def refusal(code: str, message: str = "no", operation: str = "Call") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class Pages:
    """A client whose only pages are these, or this error."""

    def __init__(self, *pages: Any) -> None:
        self._pages = pages

    def get_paginator(self, _: str) -> Pages:
        return self

    def paginate(self, **_: Any) -> Iterator[Any]:
        for page in self._pages:
            if isinstance(page, Exception):
                raise page
            yield page


def clients(**fakes: Any) -> Clients:
    made = Clients(REGION)
    for name, fake in fakes.items():
        setattr(made, name, fake)
    return made


def resource(name: str, status: str = "CREATE_COMPLETE", **about: str) -> dict[str, Any]:
    known = {"LogicalResourceId": name, "PhysicalResourceId": f"physical-{name}", "ResourceStatus": status}
    return {"ResourceType": "AWS::Lambda::Function", **known, **about}


def undelivered(cloud: Cloud, *bodies: Any) -> str:
    url = cloud.stack().made["Undelivered"]
    for body in bodies:
        cloud.clients.sqs.send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body))
    return url


def s3_event(key: str) -> dict[str, Any]:
    about = {"bucket": {"name": "my-logs"}, "object": {"key": key, "size": 1, "eTag": "e"}}
    return {"Records": [{"eventName": "ObjectCreated:Put", "eventTime": "2026-01-01T00:00:00.000Z", "s3": about}]}
