"""As much of a deployed stack as operators see, of today and of 2018, in moto."""

from __future__ import annotations

import json
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.kinesis.models import kinesis_backends

import aws

VARIABLES: dict[str, dict[str, Any]] = {
    "Drain": {
        "SLIPS_ERROR_TABLE": {"Ref": "ErrorTable"},
        "SLIPS_FAST_STREAM_ARN": {"Fn::GetAtt": ["EventFastStream", "Arn"]},
        "SLIPS_SLOW_STREAM_ARN": {"Fn::GetAtt": ["EventSlowStream", "Arn"]},
        "SLIPS_UNDELIVERED_URL": {"Ref": "Undelivered"},
    },
    "MainFunc": {"SLIPS_LEDGER_TABLE": {"Ref": "Ledger"}},
    "FastDispatcher": {"SLIPS_MAIN_FUNC": "main", "SLIPS_DELAY": "0", "SLIPS_BATCH_SIZE": "10"},
    "SlowDispatcher": {"SLIPS_MAIN_FUNC": "main", "SLIPS_DELAY": "2", "SLIPS_BATCH_SIZE": "10"},
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
