"""Configs that between them have every key, their templates, and the ARNs of what these make and touch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import inspect

from slips.config import Config
from slips.config.declared import keys_of, unwrap
from templates import CONFIGS, made, references

STACK, REGION, ACCOUNT = "my-stack", "ap-northeast-1", "123456789012"
CODE, BUCKET = "my-code", "my-logs"


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
