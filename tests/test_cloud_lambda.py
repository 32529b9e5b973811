"""The stand-in of AWS: Lambda."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloud import Cloud
from standin import deploy, events, function, group, invoke, may, messages, package, queue, role, send, worker

pytest_plugins = ["cloud.plugin"]


def test_a_function_answers_and_its_process_is_used_again(cloud: Cloud) -> None:
    worker(cloud)
    assert invoke(cloud) == {"runs": 1}
    assert invoke(cloud) == {"runs": 2}
    assert [one["cold"] for one in cloud.invocations("worker")] == [True, False]


def test_a_function_sees_the_variables_of_aws_and_its_own(cloud: Cloud) -> None:
    worker(cloud, Environment={"Variables": {"COLOUR": "blue"}})
    seen = invoke(cloud, do="environment")
    assert (seen["COLOUR"], seen["AWS_LAMBDA_FUNCTION_NAME"]) == ("blue", "worker")
    assert (seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], seen["AWS_REGION"]) == ("256", "us-east-1")
    assert 0 < int(seen["left"]) <= 20_000


@pytest.mark.parametrize("anew", [False, True])
def test_a_function_sees_its_package_and_boto3_but_nothing_of_this_environment(cloud: Cloud, anew: bool) -> None:
    worker(cloud)
    with cloud.settings(anew=anew):
        assert invoke(cloud, do="import", name="botocore") == {"runs": 1}
        for name in ("msgspec", "slips", "cloud", "forks"):
            assert invoke(cloud, do="import", name=name)["errorType"] == "ModuleNotFoundError"


@pytest.mark.parametrize("anew", [False, True])
def test_a_module_of_the_package_hides_the_one_of_the_runtime(cloud: Cloud, anew: bool) -> None:
    own = "import jmespath\n\ndef act(event, context):\n    return jmespath.__file__"
    resources = {"Role": role(), "Group": group(), "Worker": function(package(cloud, own, jmespath=""))}
    assert deploy(cloud, resources)["StackStatus"] == "CREATE_COMPLETE", events(cloud)
    with cloud.settings(anew=anew):
        assert Path(invoke(cloud)).parent.name != "jmespath"


def test_a_process_has_nothing_of_another_one(cloud: Cloud) -> None:
    code = """
import os, sys

import boto3

def act(event, context):
    left = [os.environ.get("left"), getattr(boto3, "left", None)]
    os.environ["left"] = boto3.left = "behind"
    if event.get("do") == "exit":
        os._exit(3)
    files = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
    return {"left": left, "argv": sys.argv[1:], "files": files}
"""
    resources = {"Role": role(), "Group": group(), "Worker": function(package(cloud, code))}
    assert deploy(cloud, resources)["StackStatus"] == "CREATE_COMPLETE", events(cloud)
    assert invoke(cloud, do="exit")["errorType"] == "Runtime.ExitError"
    seen = invoke(cloud)
    assert (seen["left"], seen["argv"]) == ([None, None], ["tiny.act"])
    assert [Path(file).name.partition("-")[0] for file in seen["files"]] == ["null", "worker", "worker"]


@pytest.mark.parametrize(
    ("event", "kind", "message"),
    [
        ({"do": "fail"}, "ValueError", "as told"),
        ({"do": "exit"}, "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        ({"do": "eat", "megabytes": 600}, "Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed"),
    ],
)
def test_a_failed_run_is_told_as_lambda_tells_it(cloud: Cloud, event: dict[str, Any], kind: str, message: str) -> None:
    worker(cloud)
    answer = cloud.client("lambda").invoke(FunctionName="worker", Payload=json.dumps(event))
    told = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert told["errorType"] == kind
    assert told["errorMessage"].endswith(message)
    assert invoke(cloud) in ({"runs": 1}, {"runs": 2})


def test_a_run_over_its_time_limit_is_killed_once_its_grace_is_over(cloud: Cloud) -> None:
    worker(cloud, Timeout=1)
    with cloud.settings(grace=0.5):
        told = invoke(cloud, do="wait", path="/nowhere")
    assert told["errorType"] == "Sandbox.Timedout"
    assert told["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert invoke(cloud) == {"runs": 1}


def test_a_run_that_ends_within_its_grace_has_ended_well(cloud: Cloud, tmp_path: Path) -> None:
    worker(cloud, Timeout=1)
    send(cloud, do="wait", path=str(tmp_path / "go on"))
    while not cloud.running("worker"):
        time.sleep(0.01)
    time.sleep(1.5)
    (tmp_path / "go on").touch()
    cloud.wait_idle()
    assert [one["error"] for one in cloud.invocations("worker")] == [""]


def test_a_package_that_cannot_be_imported_fails_the_run(cloud: Cloud) -> None:
    worker(cloud, handler="missing.handler")
    assert invoke(cloud)["errorType"] == "Runtime.ImportModuleError"


def test_a_killed_process_fails_its_run(cloud: Cloud) -> None:
    worker(cloud)
    with cloud.settings(retry_delays=[3600, 3600]):
        send(cloud, do="wait", path="/nowhere")
        while not cloud.kill_running("worker"):
            time.sleep(0.01)
        while not cloud.invocations("worker"):
            time.sleep(0.01)
    assert cloud.invocations("worker")[0]["message"].endswith("signal: killed")


def test_payloads_have_limits(cloud: Cloud) -> None:
    worker(cloud)
    with pytest.raises(ClientError, match="RequestTooLargeException"):
        send(cloud, pad="x" * 1_100_000)
    assert invoke(cloud, pad="x" * 1_100_000) == {"runs": 1}
    with pytest.raises(ClientError, match="RequestTooLargeException"):
        invoke(cloud, pad="x" * 6_400_000)


def test_reserved_concurrency_throttles_callers_and_delays_events(cloud: Cloud, tmp_path: Path) -> None:
    worker(cloud, ReservedConcurrentExecutions=1)
    send(cloud, do="wait", path=str(tmp_path / "go on"))
    while not cloud.running("worker"):
        time.sleep(0.01)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        invoke(cloud)
    send(cloud)
    (tmp_path / "go on").touch()
    cloud.wait_idle()
    assert [(one["error"], one["attempt"]) for one in cloud.invocations()] == [("", 1), ("", 1)]


def test_an_event_is_tried_three_times_and_then_recorded_with_the_roles_rights(cloud: Cloud) -> None:
    target = queue(cloud, "failures")
    resources = {
        "Role": role(may("sqs:SendMessage", target)),
        "Group": group(),
        "Worker": function(package(cloud)),
        "Invoking": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Worker"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 2,
                "DestinationConfig": {"OnFailure": {"Destination": target}},
            },
        },
    }
    assert deploy(cloud, resources)["StackStatus"] == "CREATE_COMPLETE", events(cloud)
    send(cloud, do="fail", number=7)
    cloud.wait_idle()
    runs = cloud.invocations("worker")
    assert [one["attempt"] for one in runs] == [1, 2, 3]
    assert len({one["request_id"] for one in runs}) == 1
    (record,) = messages(cloud, "failures")
    assert record["requestContext"] == {
        "requestId": runs[0]["request_id"],
        "functionArn": f"arn:aws:lambda:us-east-1:{cloud.account}:function:worker:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == {"do": "fail", "number": 7}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert ("sqs:SendMessage", target) in [(action, resource) for _, action, resource in cloud.used()]


def test_an_event_too_old_is_recorded_without_a_run(cloud: Cloud) -> None:
    target = queue(cloud, "failures")
    worker(cloud, may("sqs:SendMessage", target), ReservedConcurrentExecutions=0)
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName="worker", DestinationConfig={"OnFailure": {"Destination": target}}
    )
    send(cloud, number=1)
    cloud.wait_idle()
    (record,) = messages(cloud, "failures")
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert cloud.invocations() == []


def test_prints_of_a_function_reach_cloudwatch_with_the_roles_rights(cloud: Cloud) -> None:
    worker(cloud)
    invoke(cloud, do="hello")
    cloud.wait_idle()
    told = cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/worker")["events"]
    lines = [event["message"] for event in told]
    assert lines[0].startswith("START RequestId: ")
    assert "run 1: hello" in lines
    assert "Max Memory Used: " in lines[-1]
    assert "run 1: hello" in cloud.logs("worker")
    assert {action for _, action, _ in cloud.used()} == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_in_the_json_format_lambda_tells_of_failed_runs_alone_if_that_is_asked(cloud: Cloud) -> None:
    worker(cloud, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    invoke(cloud, do="hello")
    invoke(cloud, do="fail")
    first, *raised, report = cloud.logs("worker").splitlines()
    assert first == "run 1: hello"
    # The runtime's own line about the exception is JSON, too.
    assert json.loads(raised[-1])["level"] == "ERROR"
    told = json.loads(report)
    assert (told["type"], told["record"]["status"]) == ("platform.report", "error")


def test_a_function_in_a_vpc_needs_the_network_actions(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    network = {"SubnetIds": [subnet], "SecurityGroupIds": []}
    resources = {"Role": role(), "Group": group(), "Worker": function(package(cloud), VpcConfig=network)}
    assert deploy(cloud, resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("permissions to call CreateNetworkInterface on EC2" in line for line in events(cloud))
    cloud.client("cloudformation").delete_stack(StackName="tiny")
    interfaces = [f"ec2:{verb}NetworkInterface" for verb in ("Create", "Delete")] + ["ec2:DescribeNetworkInterfaces"]
    addresses = [f"ec2:{verb}PrivateIpAddresses" for verb in ("Assign", "Unassign")] + ["ec2:DescribeSubnets"]
    resources["Role"] = role(may(interfaces + addresses, "*"))
    while cloud.client("cloudformation").list_stacks()["StackSummaries"][0]["StackStatus"] != "DELETE_COMPLETE":
        time.sleep(0.02)
    assert deploy(cloud, resources, change_set="second")["StackStatus"] == "CREATE_COMPLETE", events(cloud)
    cloud.client("lambda").delete_function(FunctionName="worker")
    assert {action for _, action, _ in cloud.used()} == {*interfaces, *addresses}
