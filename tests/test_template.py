"""Promises of the template: the stack that a config makes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from slips import config
from slips.backends.aws import FUNCTIONS
from slips.backends.aws.queue import LONGEST
from slips.config import Config, HandlerConfig, LaneConfig, Mapping, Route
from slips.config.backend import BackendConfig, Lanes, RoleArns, SnsTopic, SqsQueue
from slips.deploy import template
from slips.deploy.template import build
from templates import (
    CODE,
    CONFIGS,
    FULL,
    GIVEN,
    ORIGINAL,
    _stars,
    arn,
    changed,
    depends_on,
    granted,
    made,
    of_type,
    properties,
    references,
)

SCHEDULES = ("AuditSchedule", "AuditContinuation", "ReleaseRule")
pytestmark = pytest.mark.once


def variables(stack: template.Template, function: str) -> dict[str, Any]:
    found: dict[str, Any] = properties(stack, function)["Environment"]["Variables"]
    return found


# ---- as a whole


@pytest.mark.slow
@pytest.mark.xdist_group("cfn_lint")  # one process reads the schemas, once
@pytest.mark.parametrize("name", CONFIGS)
def test_cfn_lint_finds_nothing(name: str) -> None:
    import cfnlint.api  # type: ignore[import-untyped]
    from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

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
    limits = {"SLIPS_DELAY": "0", "SLIPS_BATCH_SIZE": "1"}
    dispatcher = {"SLIPS_MAIN_FUNC": arn("MainFunc")} | limits | ledger | errors
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


def test_the_budgets_of_the_config_are_variables_of_the_functions_that_heed_them() -> None:
    stack = made(ORIGINAL + "limits: {objects_per_day: 1000, bytes_per_day: 5GB}\n")
    for function in ("FastDispatcher", "SlowDispatcher", "Drain"):
        found = variables(stack, function)
        assert (found["SLIPS_OBJECTS_PER_DAY"], found["SLIPS_BYTES_PER_DAY"]) == ("1000", "5000000000")


def test_every_stack_looks_every_five_minutes_whether_held_objects_may_go_on_and_tells_of_pauses() -> None:
    """Also one whose lanes do not pause by themselves: an operator may pause them, and set a budget."""
    stack = made(ORIGINAL)
    assert properties(stack, "ReleaseRule")["ScheduleExpression"] == "rate(5 minutes)"
    (target,) = properties(stack, "ReleaseRule")["Targets"]
    assert (target["Arn"], json.loads(target["Input"])) == (arn("Drain"), {"release": True})
    assert properties(stack, "ReleaseRulePermission")["SourceArn"] == arn("ReleaseRule")
    assert properties(stack, "PausedAlarm")["MetricName"] == "Pauses"


def test_resources_that_the_config_does_not_ask_for_are_not_made() -> None:
    stack = made(ORIGINAL)
    main = properties(stack, "MainFunc")
    assert not {"ReservedConcurrentExecutions", "VpcConfig"} & set(main)
    assert main["Timeout"] == 900
    assert list(of_type(stack, "Events::Rule")) == ["ReleaseRule"]
    assert len(of_type(stack, "Lambda::EventSourceMapping")) == 2
    assert len(of_type(stack, "Lambda::Permission")) == 3
    for stream in of_type(stack, "Kinesis::Stream").values():
        assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
        assert "ShardCount" not in stream
    assert not any("AlarmActions" in alarm for alarm in of_type(stack, "CloudWatch::Alarm").values())


def test_resources_that_the_config_gives_are_not_made() -> None:
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
    found = of_type(made(yaml.safe_dump(data)), "Events::Rule")
    rules = {name: one for name, one in found.items() if name not in SCHEDULES}
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
def test_messages_that_a_subscription_cannot_deliver_are_kept(name: str) -> None:
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
        if rule in SCHEDULES:
            continue  # the next audit, or look, takes its place
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


# ---- any config


_names = st.from_regex(r"[A-Za-z0-9]{1,12}", fullmatch=True)
_buckets = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,20}[a-z0-9]", fullmatch=True)
_prefixes = st.text("ab/*?${}é ", max_size=6)
_mappings = st.builds(Mapping, prefix=_prefixes, format=st.just(["s3-lines"])) | st.builds(
    Mapping, pattern=st.text("ab/*\\${}", min_size=1, max_size=6), format=st.just(["s3-lines"])
)


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
        st.lists(_mappings, min_size=1, max_size=3),
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
