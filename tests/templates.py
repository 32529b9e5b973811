"""Templates of some configs, and what tests look at in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

import original
from slips import config
from slips.deploy import template
from slips.deploy.template import Code, build

CODE = Code("my-code", "functions/0f1e2d3c.zip")
ORIGINAL = original.CONFIG.replace("1234xxxxxx", "123456789012")
"""The original's README, with a real account number."""
GIVEN = """\
stack_name: given
backend:
  sns_topics: [{name: Logs, arn: "arn:aws:sns:eu-central-1:123456789012:logs"}]
  role_arn:
    event_pusher: arn:aws:iam::123456789012:role/Pusher
    dispatcher: arn:aws:iam::123456789012:role/Dispatcher
    reporter: arn:aws:iam::123456789012:role/Reporter
    drain: arn:aws:iam::123456789012:role/Drain
  kinesis_stream_fast_arn: arn:aws:kinesis:eu-central-1:123456789012:stream/fast
  kinesis_stream_slow_arn: arn:aws:kinesis:eu-central-1:123456789012:stream/slow
  dynamodb_arn: arn:aws:dynamodb:eu-central-1:123456789012:table/Errors
  dlq_sns_arn: arn:aws:sns:eu-central-1:123456789012:failures
handler: {path: handler.py, role_arn: "arn:aws:iam::123456789012:role/Main"}
bucket_mapping: {my-logs: [{prefix: "", format: [s3-lines, json]}]}
"""
FULL = """\
stack_name: full
tags: {team: security, "cost center": "4711"}
permissions_boundary: arn:aws:iam::123456789012:policy/Boundary
backend:
  sns_topics:
    - {name: Logs, arn: "arn:aws:sns:eu-central-1:123456789012:logs"}
    - {name: Trails, arn: "arn:aws:sns:eu-central-1:123456789012:trails"}
  sqs_queues: [{name: Queued, arn: "arn:aws:sqs:eu-central-1:123456789012:logs"}]
  eventbridge: true
  audit: daily
  s3_direct: true
  alarm_sns_arn: arn:aws:sns:eu-central-1:123456789012:on-call
  stream_shards: 3
  log_retention_days: 90
  kms_key_arns: ["arn:aws:kms:eu-central-1:123456789012:key/0f1e2d3c-0000-0000-0000-000000000000"]
  lane: {fast: {batch_size: 10}, slow: {batch_size: 70, delay: 240, parallelization: 4, batch_window: 5}}
handler:
  path: src/handler.py
  args:
    token: "{{ssm:/team/token}}"
    deep: [{password: "{{secretsmanager:db:password}}"}]
  concurrency: 7
  security_group_ids: [sg-0a1b2c3d4e5f67890]
  subnet_ids: [subnet-0a1b2c3d4e5f67890, subnet-1a1b2c3d4e5f67890]
  memory_size: 2048
  timeout: 300
  runtime: python3.12
  architecture: x86_64
  environment: {LOG_LEVEL: DEBUG, PRICE: "${5}"}
  policies:
    - {actions: s3:PutObject, resources: "arn:aws:s3:::out/*"}
    - arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess
  layers: ["arn:aws:lambda:eu-central-1:017000801446:layer:tools:7"]
  tracing: true
routing:
  - {bucket: my-logs, prefix: debug/, dest: drop}
  - {prefix: bulk/, dest: slow}
bucket_mapping:
  my-logs: [{prefix: app/, format: [s3-lines, json]}, {prefix: app/web/, format: [s3-lines, json]}]
  my.logs: [{prefix: "", format: [s3-lines, json]}]
"""
CONFIGS = {"original": ORIGINAL, "given": GIVEN, "full": FULL}


def made(text: str) -> template.Template:
    return build(config.parse(text), CODE)


def changed(text: str, **backend: Any) -> template.Template:
    """The template of a config with other keys under `backend`."""
    data = yaml.safe_load(text)
    data.setdefault("backend", {}).update(backend)
    return made(yaml.safe_dump(data))


def of_type(stack: template.Template, kind: str) -> dict[str, Any]:
    """Properties of all resources of a type, by logical name."""
    found = stack["Resources"].items()
    return {name: one["Properties"] for name, one in found if one["Type"] == f"AWS::{kind}"}


def properties(stack: template.Template, name: str) -> dict[str, Any]:
    found: dict[str, Any] = stack["Resources"][name]["Properties"]
    return found


def arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def statements(stack: template.Template, role: str) -> list[dict[str, Any]]:
    """The statements of slips' own policies, in the role and beside it."""
    (policy,) = [one for one in properties(stack, role)["Policies"] if one["PolicyName"] == "slips"]
    beside = [one for one in of_type(stack, "IAM::Policy").values() if one["Roles"] == [{"Ref": role}]]
    return [statement for one in (policy, *beside) for statement in one["PolicyDocument"]["Statement"]]


def granted(stack: template.Template, role: str, action: str) -> list[Any]:
    """The resources on which a role may do something."""
    return [each for one in statements(stack, role) if action in one["Action"] for each in one["Resource"]]


def references(value: Any) -> Iterator[str]:
    """Logical names that a part of the template refers to, and pseudo parameters."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from (name.partition(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text))
        case dict():
            for each in value.values():
                yield from references(each)
        case list():
            for each in value:
                yield from references(each)


def depends_on(stack: template.Template) -> dict[str, set[str]]:
    """For each resource, those that must be there before."""
    return {
        name: {*one.get("DependsOn", ()), *references(one["Properties"])} - {""}
        for name, one in stack["Resources"].items()
    }


def _stars(stack: template.Template) -> list[str]:
    """Grants that are wider than an ARN has to be."""
    wide = []
    for role in of_type(stack, "IAM::Role"):
        for one in statements(stack, role):
            for resource in one["Resource"]:
                text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
                outside = re.sub(r"\$\{[^}]*\}", "", text)
                service = one["Action"][0].partition(":")[0]
                if "*" in outside and not (
                    (service in ("ec2", "xray") and text == "*")
                    or (service == "logs" and outside.endswith(":log-group::*"))
                    or (service == "s3" and re.fullmatch(r"arn::s3:::[^*/]+/[^*]*\*", outside))
                ):
                    wide.append(f"{role}: {one['Action']} on {resource}")
            wide += [f"{role}: {action}" for action in one["Action"] if "*" in action]
    return wide
