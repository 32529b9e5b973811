"""The stack's template: a config in, CloudFormation out. What it says is looked at; cfn-lint knows AWS's schemas."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

import cfnlint.api  # type: ignore[import-untyped]
import pytest
import yaml
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

import original
import picture
from slips import config
from slips.backends.aws import FUNCTIONS
from slips.backends.aws.queue import LONGEST
from slips.config import (
    BackendConfig,
    Config,
    HandlerConfig,
    LaneConfig,
    Lanes,
    Mapping,
    RoleArns,
    Route,
    SnsTopic,
    SqsQueue,
)
from slips.deploy import age, template
from slips.deploy.given import Given
from slips.deploy.permissions import ROLES
from slips.deploy.template import Code, build

pytestmark = pytest.mark.once

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


def variables(stack: template.Template, function: str) -> dict[str, Any]:
    found: dict[str, Any] = properties(stack, function)["Environment"]["Variables"]
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


# ---- as a whole


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_cfn_lint_finds_nothing(name: str) -> None:
    text = template.to_json(made(CONFIGS[name]))
    found = cfnlint.api.lint(text, config=ManualArgs(regions=["ap-northeast-1", "eu-central-1", "us-east-1"]))
    assert [f"{one.rule.id} {one.message} {one.path}" for one in found] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_config_gives_the_same_text(name: str) -> None:
    program = dedent("""
        import sys
        from slips import config
        from slips.deploy.template import Code, build, to_yaml
        sys.stdout.buffer.write(to_yaml(build(config.parse(sys.stdin.read()), Code("a", "b"))).encode())
    """)
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=CONFIGS[name].encode(),
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


@pytest.mark.parametrize("name", CONFIGS)
def test_yaml_and_json_say_the_same_and_refer_to_nothing(name: str) -> None:
    stack = made(CONFIGS[name])
    text = template.to_yaml(stack)
    assert yaml.safe_load(text) == json.loads(template.to_json(stack)) == stack
    assert not [token for token in yaml.scan(text) if isinstance(token, yaml.AliasToken | yaml.AnchorToken)]
    assert list(yaml.safe_load(text)["Resources"]) == list(stack["Resources"])


@pytest.mark.parametrize("description", ["日本語, é", "next\x85line", "a\u2028b\u2029c", "two\nlines", "- a: {b}"])
def test_any_text_survives_yaml(description: str) -> None:
    stack = {**made(ORIGINAL), "Description": description}
    assert yaml.load(template.to_yaml(stack), Loader=yaml.CSafeLoader) == stack
    assert ("日本語" in template.to_yaml(stack)) == ("日本語" in description)


def test_the_template_of_a_usual_stack_fits_into_a_request() -> None:
    assert len(template.to_json(made(ORIGINAL)).encode()) < 51_200


def test_the_stack_has_the_original_names() -> None:
    names = (
        "EventPusher FastDispatcher SlowDispatcher MainFunc Reporter Drain EventFastStream EventSlowStream ErrorTable "
        "ErrorNotify EventPusherRole DispatcherRole MainFuncRole ReporterRole DrainRole SlipsDashboard"
    )
    assert {"Ledger", "Undelivered", *names.split()} <= set(made(ORIGINAL)["Resources"])
    assert set(FUNCTIONS) == set(of_type(made(ORIGINAL), "Lambda::Function"))


def test_no_name_is_fixed_but_the_dashboards() -> None:
    kinds = {
        "Lambda::Function": "FunctionName",
        "IAM::Role": "RoleName",
        "DynamoDB::Table": "TableName",
        "Kinesis::Stream": "Name",
        "SNS::Topic": "TopicName",
        "SQS::Queue": "QueueName",
        "Logs::LogGroup": "LogGroupName",
        "CloudWatch::Alarm": "AlarmName",
        "Events::Rule": "Name",
    }
    stack = made(FULL)
    for kind, key in kinds.items():
        assert of_type(stack, kind)
        assert not [name for name, one in of_type(stack, kind).items() if key in one]
    assert properties(stack, "SlipsDashboard")["DashboardName"] == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}


@pytest.mark.parametrize("name", CONFIGS)
def test_outputs_tell_what_the_stack_uses_made_or_given(name: str) -> None:
    outputs = {key: one["Value"] for key, one in made(CONFIGS[name])["Outputs"].items()}
    assert outputs["UndeliveredUrl"] == {"Ref": "Undelivered"}
    if name == "given":
        assert outputs["FastStreamArn"] == "arn:aws:kinesis:eu-central-1:123456789012:stream/fast"
        assert outputs["ErrorTableName"] == "Errors"
        assert outputs["ErrorNotifyArn"] == "arn:aws:sns:eu-central-1:123456789012:failures"
    else:
        assert outputs["FastStreamArn"] == arn("EventFastStream")
        assert outputs["ErrorTableName"] == {"Ref": "ErrorTable"}
        assert outputs["ErrorNotifyArn"] == {"Ref": "ErrorNotify"}


@pytest.mark.parametrize(
    ("given", "said"),
    [("", "slips: "), ("x" * 2000, "x" * 1024), ("é" * 1000, "é" * 512), ("a" + "é" * 1000, "a" + "é" * 511)],
)
def test_the_description_fits(given: str, said: str) -> None:
    data = {**yaml.safe_load(ORIGINAL), "description": given}
    description = made(yaml.safe_dump(data))["Description"]
    assert description.startswith(said)
    assert len(description.encode()) <= 1024


# ---- what the config says


def test_the_original_keys_are_honoured() -> None:
    stack = made(FULL)
    main = properties(stack, "MainFunc")
    assert main["ReservedConcurrentExecutions"] == 7
    assert main["VpcConfig"] == {
        "SubnetIds": ["subnet-0a1b2c3d4e5f67890", "subnet-1a1b2c3d4e5f67890"],
        "SecurityGroupIds": ["sg-0a1b2c3d4e5f67890"],
    }
    assert (main["MemorySize"], main["Timeout"]) == (2048, 300)
    # Slow: a dispatcher has the time for one delay only, so it is given what one MainFunc takes.
    for lane, batch_size, records, at_once, window in (("Fast", "10", 100, 1, 0), ("Slow", "70", 70, 4, 5)):
        assert variables(stack, f"{lane}Dispatcher")["SLIPS_BATCH_SIZE"] == batch_size
        mapping = properties(stack, f"{lane}DispatcherMapping")
        assert (mapping["BatchSize"], mapping["ParallelizationFactor"]) == (records, at_once)
        assert mapping["MaximumBatchingWindowInSeconds"] == window
    assert variables(stack, "FastDispatcher")["SLIPS_DELAY"] == "0"
    assert variables(stack, "SlowDispatcher")["SLIPS_DELAY"] == "240"
    for topic in ("Logs", "Trails"):
        subscription = properties(stack, f"Topic{topic}Subscription")
        assert subscription["TopicArn"] == f"arn:aws:sns:eu-central-1:123456789012:{topic.lower()}"
        assert subscription["Endpoint"] == arn("EventPusher")
        assert properties(stack, f"Topic{topic}Permission")["SourceArn"] == subscription["TopicArn"]
    assert made(ORIGINAL)["Description"] == "this is my app"


def test_the_added_keys_are_honoured() -> None:
    stack = made(FULL)
    for function in of_type(stack, "Lambda::Function").values():
        assert (function["Runtime"], function["Architectures"]) == ("python3.12", ["x86_64"])
        assert function["Code"] == {"S3Bucket": CODE.bucket, "S3Key": CODE.key}
    assert variables(stack, "MainFunc")["PRICE"] == "${5}"
    for stream in of_type(stack, "Kinesis::Stream").values():
        assert (stream["ShardCount"], stream["StreamModeDetails"]) == (3, {"StreamMode": "PROVISIONED"})
    for group in of_type(stack, "Logs::LogGroup").values():
        assert group["RetentionInDays"] == 90
    assert properties(stack, "QueueQueuedMapping")["EventSourceArn"] == "arn:aws:sqs:eu-central-1:123456789012:logs"
    pattern = properties(stack, "ObjectCreatedRule1")["EventPattern"]
    assert pattern["source"] == ["aws.s3"]
    assert pattern["detail"]["bucket"]["name"] == ["my-logs", "my.logs"]


def streams_of(stack: template.Template) -> list[tuple[str, int | None, int]]:
    """Mode, shards and hours of retention of each stream."""
    return [
        (one["StreamModeDetails"]["StreamMode"], one.get("ShardCount"), one["RetentionPeriodHours"])
        for one in of_type(stack, "Kinesis::Stream").values()
    ]


def test_a_week_of_retention_is_for_streams_where_it_costs_cents() -> None:
    assert streams_of(made(ORIGINAL)) == [("ON_DEMAND", None, 168)] * 2
    assert streams_of(changed(ORIGINAL, stream_shards=1)) == [("PROVISIONED", 1, 24)] * 2
    assert streams_of(changed(ORIGINAL, stream_shards=0, stream_retention_hours=48)) == [("ON_DEMAND", None, 48)] * 2


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ({}, ("PROVISIONED", 2, 168)),
        ({"stream_shards": 4}, ("PROVISIONED", 4, 168)),
        ({"stream_shards": 0}, ("ON_DEMAND", None, 168)),
        ({"stream_retention_hours": 24}, ("PROVISIONED", 2, 24)),
    ],
)
def test_a_redeploy_changes_nothing_of_a_stream_that_the_config_does_not_ask_for(
    backend: dict[str, Any], expected: tuple[str, int | None, int]
) -> None:
    before = changed(ORIGINAL, stream_shards=2, stream_retention_hours=168)
    data = yaml.safe_load(ORIGINAL)
    data["backend"].update(backend)
    after = build(config.parse(yaml.safe_dump(data)), CODE, deployed=before)
    assert streams_of(after) == [expected] * 2


def test_a_stream_whose_template_names_no_retention_keeps_the_day_that_aws_gives_it() -> None:
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}
    former = {"Resources": {"EventFastStream": stream, "EventSlowStream": stream}}
    after = build(config.parse(ORIGINAL), CODE, deployed=former)
    assert streams_of(after) == [("PROVISIONED", 1, 24)] * 2


def test_a_variable_of_the_handler_does_not_replace_one_of_the_stack() -> None:
    text = FULL.replace("LOG_LEVEL: DEBUG", "SLIPS_STACK: mine, SLIPS_ERROR_TABLE: mine")
    assert "mine" not in variables(made(text), "MainFunc").values()
    assert "PRICE" not in variables(made(text), "Reporter")


def test_all_functions_are_of_one_package() -> None:
    handlers = {name: one["Handler"] for name, one in of_type(made(ORIGINAL), "Lambda::Function").items()}
    assert handlers == {
        "EventPusher": "slips.lambdas.event_pusher",
        "FastDispatcher": "slips.lambdas.dispatcher",
        "SlowDispatcher": "slips.lambdas.dispatcher",
        "MainFunc": "slips.lambdas.main_func",
        "Reporter": "slips.lambdas.reporter",
        "Drain": "slips.lambdas.drain",
    }


def test_a_function_gets_the_variables_that_it_reads() -> None:
    streams = {"SLIPS_FAST_STREAM_ARN": arn("EventFastStream"), "SLIPS_SLOW_STREAM_ARN": arn("EventSlowStream")}
    ledger, errors = {"SLIPS_LEDGER_TABLE": {"Ref": "Ledger"}}, {"SLIPS_ERROR_TABLE": {"Ref": "ErrorTable"}}
    dispatcher = {"SLIPS_MAIN_FUNC": arn("MainFunc"), "SLIPS_DELAY": "0", "SLIPS_BATCH_SIZE": "1"}
    expected: dict[str, dict[str, Any]] = {
        "EventPusher": streams,
        "FastDispatcher": dispatcher,
        "SlowDispatcher": dispatcher,
        "MainFunc": streams | ledger | errors,
        "Reporter": ledger | errors,
        "Drain": streams
        | ledger
        | errors
        | {"SLIPS_UNDELIVERED_URL": {"Ref": "Undelivered"}, "SLIPS_LEDGER_DAYS": "90"},
    }
    stack = made(ORIGINAL)
    for function, own in expected.items():
        all_have = {"SLIPS_STACK": {"Ref": "AWS::StackName"}, "SLIPS_LOG_LEVEL": "info"}
        assert variables(stack, function) == all_have | own
    assert variables(changed(ORIGINAL, log_level="error"), "Reporter")["SLIPS_LOG_LEVEL"] == "error"
    assert variables(made(FULL), "EventPusher")["SLIPS_LEDGER_TABLE"] == {"Ref": "Ledger"}


def test_what_is_not_asked_for_is_not_made() -> None:
    stack = made(ORIGINAL)
    main = properties(stack, "MainFunc")
    assert not {"ReservedConcurrentExecutions", "VpcConfig"} & set(main)
    assert main["Timeout"] == 900
    assert not of_type(stack, "Events::Rule")
    assert len(of_type(stack, "Lambda::EventSourceMapping")) == 2
    assert len(of_type(stack, "Lambda::Permission")) == 2
    for stream in of_type(stack, "Kinesis::Stream").values():
        assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
        assert "ShardCount" not in stream
    assert not any("AlarmActions" in alarm for alarm in of_type(stack, "CloudWatch::Alarm").values())


def test_what_the_config_gives_is_not_made() -> None:
    stack = made(GIVEN.replace("handler: {", "handler: {tracing: true, "))
    for kind in ("IAM::Role", "IAM::Policy", "Kinesis::Stream", "SNS::Topic", "SNS::TopicPolicy"):
        assert not of_type(stack, kind), kind
    assert list(of_type(stack, "DynamoDB::Table")) == ["Ledger"]
    assert properties(stack, "MainFunc")["Role"] == "arn:aws:iam::123456789012:role/Main"
    assert properties(stack, "SlowDispatcher")["Role"] == "arn:aws:iam::123456789012:role/Dispatcher"
    assert properties(stack, "ReporterSubscription")["TopicArn"] == "arn:aws:sns:eu-central-1:123456789012:failures"
    assert variables(stack, "Drain")["SLIPS_ERROR_TABLE"] == "Errors"
    for lane in ("fast", "slow"):
        stream = f"arn:aws:kinesis:eu-central-1:123456789012:stream/{lane}"
        assert properties(stack, f"{lane.title()}DispatcherMapping")["EventSourceArn"] == stream
        assert variables(stack, "EventPusher")[f"SLIPS_{lane.upper()}_STREAM_ARN"] == stream


def test_roles_may_use_what_is_given() -> None:
    backend = yaml.safe_load(GIVEN)["backend"]
    stack = changed(GIVEN, role_arn={})
    streams = [backend["kinesis_stream_fast_arn"], backend["kinesis_stream_slow_arn"]]
    assert granted(stack, "EventPusherRole", "kinesis:PutRecords") == streams
    assert granted(stack, "DrainRole", "dynamodb:Scan") == [backend["dynamodb_arn"]]
    assert granted(stack, "DispatcherRole", "sns:Publish") == [backend["dlq_sns_arn"]]


def test_buckets_with_alike_names_have_permissions_of_their_own() -> None:
    buckets = [one["SourceArn"] for one in of_type(made(FULL), "Lambda::Permission").values() if "SourceAccount" in one]
    assert buckets == [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}"} for name in ("my-logs", "my.logs")]


def test_many_buckets_take_several_rules() -> None:
    data = yaml.safe_load(FULL)
    names = [f"bucket-{number:02}-{'x' * 50}" for number in range(60)]
    data["bucket_mapping"] = {name: [{"prefix": "", "format": ["s3-lines", "json"]}] for name in names}
    rules = of_type(made(yaml.safe_dump(data)), "Events::Rule")
    assert [name for rule in rules.values() for name in rule["EventPattern"]["detail"]["bucket"]["name"]] == names
    assert all(len(json.dumps(rule["EventPattern"])) <= 2048 for rule in rules.values())


# ---- no hop can drop an event


def test_every_async_function_has_an_on_failure_route() -> None:
    routes = {
        one["FunctionName"]["Ref"]: one["DestinationConfig"]["OnFailure"]["Destination"]
        for one in of_type(made(FULL), "Lambda::EventInvokeConfig").values()
    }
    topic = {"Ref": "ErrorNotify"}
    assert routes == {"EventPusher": topic, "MainFunc": topic, "Reporter": arn("Undelivered")}
    for one in of_type(made(FULL), "Lambda::EventInvokeConfig").values():
        assert (one["MaximumRetryAttempts"], one["MaximumEventAgeInSeconds"]) == (2, 21600)
        assert one["Qualifier"] == "$LATEST"


def test_every_lane_reports_the_batches_it_gives_up() -> None:
    stack = made(FULL)
    for lane in ("Fast", "Slow"):
        mapping = properties(stack, f"{lane}DispatcherMapping")
        assert mapping["FunctionName"] == {"Ref": f"{lane}Dispatcher"}
        assert mapping["EventSourceArn"] == arn(f"Event{lane}Stream")
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["MaximumRetryAttempts"] > 0
        assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Ref": "ErrorNotify"}


@pytest.mark.parametrize("name", CONFIGS)
def test_what_a_subscription_cannot_deliver_is_kept(name: str) -> None:
    stack = made(CONFIGS[name])
    (policy,) = of_type(stack, "SQS::QueuePolicy").values()
    admitted = [
        source
        for one in policy["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow"
        for source in one["Condition"]["ArnEquals"]["aws:SourceArn"]
    ]
    for subscription in of_type(stack, "SNS::Subscription").values():
        assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": arn("Undelivered")}
        assert subscription["TopicArn"] in admitted
    for rule, one in of_type(stack, "Events::Rule").items():
        assert one["Targets"][0]["DeadLetterConfig"] == {"Arn": arn("Undelivered")}
        assert arn(rule) in admitted
    assert properties(stack, "Undelivered")["MessageRetentionPeriod"] == 14 * 86400


@pytest.mark.parametrize("name", CONFIGS)
def test_nothing_arrives_before_what_catches_its_failure(name: str) -> None:
    stack = made(CONFIGS[name])
    before = depends_on(stack)
    for subscription, one in of_type(stack, "SNS::Subscription").items():
        function = one["Endpoint"]["Fn::GetAtt"][0]
        assert {f"{function}Invoke", "UndeliveredPolicy"} <= before[subscription]
    for lane in ("Fast", "Slow"):
        assert {"MainFuncInvoke", "ReporterSubscription"} <= before[f"{lane}DispatcherMapping"]


def test_a_queue_with_the_usual_visibility_timeout_can_be_a_source() -> None:
    assert properties(made(FULL), "EventPusher")["Timeout"] <= 30


def test_the_undelivered_queue_takes_whatever_a_queue_may_hold() -> None:
    stack = made(FULL)
    assert properties(stack, "Undelivered")["MaximumMessageSize"] == LONGEST
    assert variables(stack, "EventPusher")["SLIPS_UNDELIVERED_URL"] == {"Ref": "Undelivered"}


def test_dispatchers_outlast_the_longest_delay() -> None:
    for lane in ("Fast", "Slow"):
        assert properties(made(ORIGINAL), f"{lane}Dispatcher")["Timeout"] >= 300 + 60


# ---- at rest


def test_everything_is_encrypted_at_rest() -> None:
    stack = made(FULL)
    for table in of_type(stack, "DynamoDB::Table").values():
        assert table["SSESpecification"] == {"SSEEnabled": True}
    for stream in of_type(stack, "Kinesis::Stream").values():
        assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert properties(stack, "ErrorNotify")["KmsMasterKeyId"] == "alias/aws/sns"
    assert properties(stack, "Undelivered")["SqsManagedSseEnabled"] is True


def test_nothing_goes_to_the_stack_unencrypted() -> None:
    stack = made(FULL)
    for kind in ("SNS::TopicPolicy", "SQS::QueuePolicy"):
        (policy,) = of_type(stack, kind).values()
        (denied,) = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
        assert denied["Principal"] == "*"
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_error_table_outlives_its_stack() -> None:
    resources = made(ORIGINAL)["Resources"]
    kept = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    assert kept.items() <= resources["ErrorTable"].items()
    assert [name for name, one in resources.items() if "DeletionPolicy" in one] == ["ErrorTable"]
    table = resources["ErrorTable"]["Properties"]
    assert table["KeySchema"] == [{"AttributeName": "request_id", "KeyType": "HASH"}]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_the_ledger_forgets() -> None:
    ledger = properties(made(ORIGINAL), "Ledger")
    assert ledger["KeySchema"] == [{"AttributeName": "entry", "KeyType": "HASH"}]
    assert ledger["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert ledger["BillingMode"] == "PAY_PER_REQUEST"


# ---- who may do what

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
    "DispatcherRole": {GENERATE: ["dlq"], DECRYPT: ["fast", "slow", "dlq"]},
    "MainFuncRole": {GENERATE: ["fast", "slow", "dlq"], DECRYPT: ["table", "dlq"]},
    "ReporterRole": {DECRYPT: ["fast", "slow", "table"]},
    "DrainRole": {GENERATE: ["fast", "slow"], DECRYPT: ["fast", "slow", "table"]},
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


def test_what_the_config_has_none_of_is_not_granted() -> None:
    stack = made(ORIGINAL)
    actions = {role: {action for one in statements(stack, role) for action in one["Action"]} for role in ROLES}
    assert {"sqs", "dynamodb"}.isdisjoint(action.partition(":")[0] for action in actions["EventPusherRole"])
    services = {action.partition(":")[0] for action in actions["MainFuncRole"]}
    assert services == {"logs", "s3", "kinesis", "dynamodb", "sns"}


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


def test_no_role_has_a_star_where_an_arn_exists() -> None:
    assert _stars(made(FULL)) == []


def test_a_prefix_means_itself_in_a_policy() -> None:
    text = ORIGINAL.replace("logs/g_suite/", '"a*b?/${x}"')
    resources = granted(made(text), "MainFuncRole", "s3:GetObject")
    assert resources[0] == {"Fn::Sub": "arn:${AWS::Partition}:s3:::mizutani-test/a${!*}b${!?}/${!$}{x}*"}


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


# ---- what people look at


def test_every_function_writes_to_a_log_group_of_the_stack() -> None:
    stack = made(ORIGINAL)
    for function in of_type(stack, "Lambda::Function").values():
        # Lambda's own lines about each run that goes well would cost as much as ours; ours all come through.
        logging = function["LoggingConfig"]
        levels = logging["SystemLogLevel"], logging["ApplicationLogLevel"]
        assert (logging["LogFormat"], levels) == ("JSON", ("WARN", "DEBUG"))
    assert {name: properties(stack, name)["LoggingConfig"]["LogGroup"] for name in FUNCTIONS} == {
        name: {"Ref": f"{name}Logs"} for name in FUNCTIONS
    }
    assert {one["RetentionInDays"] for one in of_type(stack, "Logs::LogGroup").values()} == {30}


def test_alarms_tell_whom_the_config_names() -> None:
    alarms = of_type(made(FULL), "CloudWatch::Alarm")
    assert {tuple(one["AlarmActions"]) for one in alarms.values()} == {
        ("arn:aws:sns:eu-central-1:123456789012:on-call",)
    }
    for one in alarms.values():
        assert one["TreatMissingData"] == "notBreaching"


def test_there_is_an_alarm_for_each_way_to_fail() -> None:
    alarms = of_type(made(ORIGINAL), "CloudWatch::Alarm")
    watched = {
        re.search(r'"MetricName": "(\w+)"', json.dumps(one))[1]: name  # type: ignore[index]
        for name, one in alarms.items()
    }
    assert set(watched) == {
        "ErrorItems",
        "Quarantined",
        "IteratorAge",
        "IncomingRecords",
        "Throttles",
        "AsyncEventAge",
        "ApproximateNumberOfMessagesVisible",
        "DestinationDeliveryFailures",
    }
    for function in FUNCTIONS:
        assert f"{function}ThrottledAlarm" in alarms


def test_alarms_have_a_threshold_of_their_own() -> None:
    alarms = of_type(made(ORIGINAL), "CloudWatch::Alarm")
    thresholds = {name: one["Threshold"] for name, one in alarms.items() if one["Threshold"]}
    assert thresholds == {
        "QuarantineAlarm": 1,
        "FastDispatcherLateAlarm": 3_600_000,
        "SlowDispatcherLateAlarm": 86_400_000,
        "MainFuncWaitsAlarm": 3 * 3_600_000,
    }
    assert all(one["ComparisonOperator"] == "GreaterThanThreshold" for one in alarms.values())


@pytest.mark.parametrize("hours", [24, 48, 168, 8760])
def test_a_lane_alarms_in_time_to_be_mended_and_gives_up_in_time_to_be_read_back(hours: int) -> None:
    streams = {f"arn:aws:kinesis:eu-central-1:123456789012:stream/{lane}": hours for lane in ("fast", "slow")}
    stack = build(config.parse(GIVEN), CODE, given=Given(streams))
    for lane in ("Fast", "Slow"):
        most = properties(stack, f"{lane}DispatcherMapping")["MaximumRecordAgeInSeconds"]
        reporter = properties(stack, "ReporterInvoke")["MaximumEventAgeInSeconds"]
        assert 60 <= most <= 604_800  # what Lambda takes
        assert most + 2 * reporter <= hours * 3600
        alarm = properties(stack, f"{lane}DispatcherLateAlarm")
        assert alarm["Threshold"] <= most * 1000 / 2
        assert f"over {alarm['Threshold'] // 3_600_000} h" in alarm["AlarmDescription"]


def test_a_stream_that_nobody_has_read_is_taken_for_one_of_a_day_and_ones_own_for_what_it_is() -> None:
    given = made(GIVEN)
    assert properties(given, "SlowDispatcherMapping")["MaximumRecordAgeInSeconds"] == age.most(24) == 12 * 3600
    own = made(ORIGINAL)
    hours = properties(own, "EventSlowStream")["RetentionPeriodHours"]
    assert properties(own, "SlowDispatcherMapping")["MaximumRecordAgeInSeconds"] == age.most(hours) == 156 * 3600
    cheap = changed(ORIGINAL, stream_shards=1)
    assert properties(cheap, "SlowDispatcherMapping")["MaximumRecordAgeInSeconds"] == age.most(24)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_lane_on_which_objects_arrive_and_whose_dispatcher_is_not_invoked_alarms(name: str) -> None:
    stack = made(CONFIGS[name])
    for lane in ("Fast", "Slow"):
        alarm = properties(stack, f"{lane}DispatcherStoppedAlarm")
        result, *inputs = alarm["Metrics"]
        assert result["Expression"] == "IF(FILL(m1, 0) > 0 AND FILL(m2, 0) == 0, 1, 0)"
        stream = lane.lower() if name == "given" else {"Ref": f"Event{lane}Stream"}
        metrics = [each["MetricStat"]["Metric"] for each in inputs]
        assert [(each["MetricName"], each["Dimensions"][0]["Value"]) for each in metrics] == [
            ("IncomingRecords", stream),
            ("Invocations", {"Ref": f"{lane}Dispatcher"}),
        ]
        # What arrives in the first period is dispatched in the second at the latest, however long it is delayed.
        assert alarm["EvaluationPeriods"] == 2
        longest_delay = properties(stack, f"{lane}Dispatcher")["Timeout"]
        assert all(each["MetricStat"]["Period"] > 300 + longest_delay for each in inputs)


def test_a_queue_whose_messages_wait_alarms_long_before_they_expire() -> None:
    alarm = properties(made(FULL), "QueueQueuedWaitsAlarm")
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateAgeOfOldestMessage", 3600)
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "logs"}]


def test_a_limit_that_was_asked_for_does_not_alarm() -> None:
    alarms = of_type(made(FULL), "CloudWatch::Alarm")
    assert "MainFuncThrottledAlarm" not in alarms
    assert "MainFuncWaitsAlarm" in alarms


def test_a_stack_without_a_dashboard_names_none() -> None:
    stack = changed(ORIGINAL, dashboard=False)
    assert not of_type(stack, "CloudWatch::Dashboard")
    assert "DashboardName" not in stack["Outputs"]


def test_the_dashboard_is_json_of_the_deployed_region() -> None:
    stack = made(FULL)
    body = json.loads(properties(stack, "SlipsDashboard")["DashboardBody"]["Fn::Sub"])
    first, *graphs = (widget["properties"] for widget in body["widgets"])
    assert len(first["alarms"]) == len(of_type(stack, "CloudWatch::Alarm"))
    assert {graph["region"] for graph in graphs} == {"${AWS::Region}"}
    places = [(widget["x"], widget["y"]) for widget in body["widgets"]]
    assert len(set(places)) == len(places)


# ---- the picture


def _texts(drawing: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", CONFIGS)
def test_the_picture_shows_what_the_template_makes(name: str) -> None:
    stack = made(CONFIGS[name])
    texts = _texts(picture.draw(stack))
    for kind in ("Lambda::Function", "Kinesis::Stream", "DynamoDB::Table", "SNS::Topic", "SQS::Queue"):
        assert set(of_type(stack, kind)) <= set(texts)


def test_the_picture_shows_what_the_config_gives() -> None:
    texts = _texts(picture.draw(made(GIVEN)))
    assert {"logs", "fast", "slow", "failures", "Errors"} <= set(texts)
    assert "EventFastStream" not in texts
    full = _texts(picture.draw(made(FULL)))
    assert {"trails", "your queue", "rule for 2 buckets", "2 buckets, directly", "stream, 3 shards"} <= set(full)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_picture_changes_with_each_resource(name: str) -> None:
    stack = made(CONFIGS[name])
    whole = picture.draw(stack)
    for resource in stack["Resources"]:
        rest = {key: one for key, one in stack["Resources"].items() if key != resource}
        assert picture.draw({**stack, "Resources": rest}) != whole, resource


@pytest.mark.parametrize("name", CONFIGS)
def test_the_picture_changes_with_each_failure_route(name: str) -> None:
    stack = made(CONFIGS[name])
    dashed = picture.draw(stack).count('class="arrow fails"')
    for function in ("EventPusher", "MainFunc", "Reporter"):
        rest = {key: one for key, one in stack["Resources"].items() if key != f"{function}Invoke"}
        assert picture.draw({**stack, "Resources": rest}).count('class="arrow fails"') == dashed - 1


def test_the_picture_stays_within_its_frame_and_boxes_apart() -> None:
    data = yaml.safe_load(FULL)
    topics = [{"name": f"T{number}", "arn": f"arn:aws:sns:eu-central-1:123456789012:t{number}"} for number in range(9)]
    data["backend"]["sns_topics"] = topics
    drawing = ElementTree.fromstring(picture.draw(made(yaml.safe_dump(data))))
    width, height = map(float, drawing.attrib["viewBox"].split()[2:])
    boxes = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for group in drawing.iter("{http://www.w3.org/2000/svg}g")
        for rect in group.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(boxes) == 9 + 3 + 12
    for x, y, wide, high in boxes:
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height - 70
        others = [one for one in boxes if one != (x, y, wide, high)]
        assert len(others) == len(boxes) - 1
        assert not [one for one in others if abs(one[0] - x) < wide and abs(one[1] - y) < high]


# ---- any config

_names = st.from_regex(r"[A-Za-z0-9]{1,12}", fullmatch=True)
_buckets = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,20}[a-z0-9]", fullmatch=True)
_prefixes = st.text("ab/*?${}é ", max_size=6)


def _maybe(value: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, value])


def _role(name: str) -> st.SearchStrategy[str | None]:
    return _maybe(f"arn:aws:iam::123456789012:role/{name}")


CONFIG = st.builds(
    Config,
    stack_name=st.just("any"),
    description=st.text(max_size=20),
    backend=st.builds(
        BackendConfig,
        sns_topics=st.lists(_names, max_size=3, unique=True).map(
            lambda names: [SnsTopic(name, f"arn:aws:sns:eu-central-1:123456789012:{name}") for name in names]
        ),
        sqs_queues=st.lists(_names, max_size=3, unique=True).map(
            lambda names: [SqsQueue(name, f"arn:aws:sqs:eu-central-1:123456789012:{name}") for name in names]
        ),
        eventbridge=st.booleans(),
        s3_direct=st.booleans(),
        role_arn=st.builds(RoleArns, _role("a"), _role("b"), _role("c"), _role("d")),
        kinesis_stream_fast_arn=_maybe("arn:aws:kinesis:eu-central-1:123456789012:stream/one"),
        kinesis_stream_slow_arn=_maybe("arn:aws:kinesis:eu-central-1:123456789012:stream/one"),
        dynamodb_arn=_maybe("arn:aws:dynamodb:eu-central-1:123456789012:table/Errors"),
        dlq_sns_arn=_maybe("arn:aws:sns:eu-central-1:123456789012:failures"),
        alarm_sns_arn=_maybe("arn:aws:sns:eu-central-1:123456789012:on-call"),
        stream_shards=st.sampled_from([None, 1]),
        lane=st.builds(Lanes, st.just(LaneConfig(5, 3)), st.just(LaneConfig(1, 0))),
    ),
    handler=st.builds(
        HandlerConfig,
        path=st.just("handler.py"),
        args=st.dictionaries(_names, st.sampled_from(["x", "{{ssm:a}}", "{{secretsmanager:b:c}}"]), max_size=3),
        role_arn=_role("e"),
        concurrency=st.sampled_from([None, 1]),
        subnet_ids=st.sampled_from([[], ["subnet-0a1b2c3d"]]),
    ),
    routing=st.lists(st.builds(Route, dest=st.sampled_from(["fast", "slow", "drop"])), max_size=2),
    bucket_mapping=st.dictionaries(
        _buckets,
        st.lists(st.builds(Mapping, prefix=_prefixes, format=st.just(["s3-lines"])), min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    ),
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(CONFIG)
def test_any_config_gives_a_sound_template(any_config: Config) -> None:
    stack = build(any_config, CODE)
    resources = stack["Resources"]
    pseudo = {"AWS::StackName", "AWS::Region", "AWS::AccountId", "AWS::Partition"}
    before = depends_on(stack)
    assert {name for names in before.values() for name in names} | set(references(stack["Outputs"])) <= pseudo | {
        *resources
    }
    list(TopologicalSorter(before).static_order())
    assert all(re.fullmatch("[A-Za-z0-9]{1,255}", name) for name in resources)
    assert len(resources) <= 500
    assert _stars(stack) == []
    assert yaml.load(template.to_yaml(stack), Loader=yaml.CSafeLoader) == stack
    for name in ("EventPusher", "MainFunc", "Reporter"):
        assert f"{name}Invoke" in resources
