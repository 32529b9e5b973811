"""The stand-in of AWS: CloudFormation."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloud import Cloud
from standin import (
    PACKAGE,
    deploy,
    events,
    function,
    group,
    invoke,
    may,
    package,
    put,
    role,
    send,
    settled,
    stream_worker,
    worker,
)

pytest_plugins = ["cloud.plugin"]


def everything(code: dict[str, str], **changes: Any) -> dict[str, Any]:
    """One of each type that slips deploys and no other test here does."""
    queue_arn = {"Fn::GetAtt": ["Queue", "Arn"]}
    return {
        "Role": role(may("sqs:SendMessage", queue_arn)),
        "Group": group(),
        "Worker": function(
            code,
            Architectures=["arm64"],
            DeadLetterConfig={"TargetArn": queue_arn},
            LoggingConfig={"LogGroup": {"Ref": "Group"}, "LogFormat": "Text"},
        ),
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}},
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{**may("sqs:SendMessage", "*"), "Principal": "*"}],
                },
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
                "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "SSESpecification": {"SSEEnabled": True},
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.s3"]},
                "Targets": [{"Id": "worker", "Arn": {"Fn::GetAtt": ["Worker", "Arn"]}}],
            },
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}],
                "Statistic": "Maximum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 0,
                "ComparisonOperator": "GreaterThanThreshold",
            },
        },
        "Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": '{"widgets": []}'}},
        **changes,
    }


def test_a_stack_makes_what_its_template_says_and_deletes_it(cloud: Cloud) -> None:
    assert deploy(cloud, everything(package(cloud)))["StackStatus"] == "CREATE_COMPLETE", events(cloud)
    resources = cloud.client("cloudformation").describe_stack_resources(StackName="tiny")["StackResources"]
    names = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}
    table = cloud.client("dynamodb").describe_time_to_live(TableName=names["Table"])["TimeToLiveDescription"]
    assert table == {"AttributeName": "expires_at", "TimeToLiveStatus": "ENABLED"}
    config = cloud.client("lambda").get_function_configuration(FunctionName="worker")
    assert config["Architectures"] == ["arm64"]
    assert config["DeadLetterConfig"]["TargetArn"].endswith(names["Queue"].rpartition("/")[2])
    assert cloud.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["AlarmName"] == names["Alarm"]
    assert cloud.client("events").list_targets_by_rule(Rule=names["Rule"])["Targets"][0]["Id"] == "worker"
    identifier = resources[0]["StackId"]
    cloud.client("cloudformation").delete_stack(StackName="tiny")
    assert settled(cloud, identifier)["StackStatus"] == "DELETE_COMPLETE"
    assert cloud.client("dynamodb").list_tables()["TableNames"] == []
    assert cloud.client("iam").list_roles()["Roles"] == []
    with pytest.raises(ClientError, match="does not exist"):
        settled(cloud)


def change_set(cloud: Cloud, name: str, resources: dict[str, Any]) -> Any:
    """Make a change set of these resources, and return its description."""
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_change_set(
        StackName="tiny",
        ChangeSetName=name,
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_IAM"],
    )
    return cloudformation.describe_change_set(StackName="tiny", ChangeSetName=name)


def test_a_change_set_tells_what_is_replaced_and_an_update_does_it(cloud: Cloud) -> None:
    code = package(cloud)
    deploy(cloud, everything(code))
    changed = everything(code)
    changed["Queue"]["Properties"] |= {"QueueName": "renamed"}
    changed["Table"]["Properties"] |= {"DeletionProtectionEnabled": False}
    del changed["Dashboard"]
    told = change_set(cloud, "second", changed)
    changes = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in told["Changes"]}
    assert {name: one["Action"] for name, one in changes.items() if one["Action"] != "Modify"} == {
        "Dashboard": "Remove"
    }
    replaced = {name: one["Replacement"] for name, one in changes.items() if one["Action"] == "Modify"}
    assert replaced == dict.fromkeys(("Role", "Worker", "QueuePolicy", "Table", "Alarm"), "False") | {"Queue": "True"}
    cloud.client("cloudformation").execute_change_set(StackName="tiny", ChangeSetName="second")
    assert settled(cloud)["StackStatus"] == "UPDATE_COMPLETE", events(cloud)
    urls = cloud.client("sqs").list_queues()["QueueUrls"]
    assert [url.rpartition("/")[2] for url in urls] == ["renamed"]
    dead = cloud.client("lambda").get_function_configuration(FunctionName="worker")["DeadLetterConfig"]
    assert dead["TargetArn"].endswith(":renamed")


def test_a_change_set_without_changes_fails_with_awss_words(cloud: Cloud) -> None:
    resources = everything(package(cloud))
    deploy(cloud, resources)
    told = change_set(cloud, "same", resources)
    assert (told["Status"], told["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert told["StatusReason"].startswith("The submitted information didn't contain changes.")


def test_new_code_is_run_after_an_update(cloud: Cloud, tmp_path: Path) -> None:
    worker(cloud)
    send(cloud, do="wait", path=str(tmp_path / "go on"))
    while not cloud.running("worker"):
        time.sleep(0.01)
    code = package(cloud, PACKAGE.replace('{"runs": runs}', '{"new": runs}'))
    resources = {"Role": role(), "Group": group(), "Worker": function(code)}
    assert deploy(cloud, resources, kind="UPDATE")["StackStatus"] == "UPDATE_COMPLETE", events(cloud)
    (tmp_path / "go on").touch()
    cloud.wait_idle()
    assert invoke(cloud) == {"new": 1}


def test_a_failed_creation_rolls_back_and_tells_why(cloud: Cloud) -> None:
    cloud.fail_resource("Table", "Subscriber limit exceeded")
    stack = deploy(cloud, everything(package(cloud)))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    told = events(cloud)
    assert "Table CREATE_FAILED: Subscriber limit exceeded" in told
    assert any(
        line.startswith("tiny ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [Table].")
        for line in told
    )
    assert cloud.client("iam").list_roles()["Roles"] == []
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        deploy(cloud, everything(package(cloud)), kind="UPDATE")


def test_a_failed_update_leaves_the_former_state(cloud: Cloud) -> None:
    code = package(cloud)
    deploy(cloud, everything(code))
    queues = cloud.client("sqs").list_queues()["QueueUrls"]
    changed = everything(code, Second={"Type": "AWS::SNS::Topic"})
    changed["Worker"]["Properties"]["Timeout"] = 9
    changed["Queue"]["Properties"]["QueueName"] = "renamed"
    changed["Alarm"]["Properties"]["Threshold"] = 5
    changed["Dashboard"]["DependsOn"] = ["Worker", "Queue", "Second", "Alarm"]
    changed["Dashboard"]["Properties"]["DashboardBody"] = '{"widgets": [1]}'
    cloud.fail_resource("AWS::CloudWatch::Dashboard", "as told")
    assert deploy(cloud, changed, kind="UPDATE")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "Dashboard UPDATE_FAILED: as told" in events(cloud)
    assert cloud.client("lambda").get_function_configuration(FunctionName="worker")["Timeout"] == 20
    assert cloud.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["Threshold"] == 0
    assert cloud.client("sns").list_topics()["Topics"] == []
    assert cloud.client("sqs").list_queues()["QueueUrls"] == queues
    deploy(cloud, changed, kind="UPDATE", change_set="again")
    assert settled(cloud)["StackStatus"] == "UPDATE_COMPLETE"


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"Type": "AWS::SNS::Topik"}, "Unrecognized resource types"),
        ({"Type": "AWS::SNS::Topic", "Properties": {"Colour": "blue"}}, "unsupported property Colour"),
        (
            {"Type": "AWS::SNS::Topic", "Properties": {"FifoTopic": True}},
            "FifoTopic: the tests' stand-in of AWS lacks it",
        ),
        ({"Type": "AWS::SNS::Topic", "DependsOn": "Nothing"}, "Unresolved resource dependencies"),
    ],
)
def test_unknown_resources_and_properties_are_refused(cloud: Cloud, resource: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        deploy(cloud, {"Thing": resource})


def test_roles_need_a_capability(cloud: Cloud) -> None:
    body = json.dumps({"Resources": {"Role": role()}})
    with pytest.raises(ClientError, match="InsufficientCapabilities"):
        cloud.client("cloudformation").create_stack(StackName="tiny", TemplateBody=body)


def test_a_reset_leaves_an_empty_account(cloud: Cloud) -> None:
    stream_worker(cloud)
    put(cloud, "1")
    cloud.reset()
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    assert cloud.invocations() == []
    cloud.wait_idle()
