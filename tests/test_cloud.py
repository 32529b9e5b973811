"""The tests' stand-in of AWS does what AWS does, where slips relies on it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError, ResponseStreamingError

from cloud import Cloud, allows
from cloud.client import PATIENCE

pytest_plugins = ["cloud.plugin"]

PACKAGE = """
import json, os, signal, sys, time

import boto3

runs = 0


def act(event, context):
    "Does what the event, or an SNS message in it, says."
    global runs
    runs += 1
    for record in event.get("Records", []):
        event = json.loads(record["Sns"]["Message"]) if "Sns" in record else event
    print(f"run {runs}: {event.get('do')}")
    match event.get("do"):
        case "fail":
            raise ValueError("as told")
        case "exit":
            os._exit(3)
        case "wait":
            while not os.path.exists(event["path"]):
                time.sleep(0.01)
        case "eat":
            held = bytes(range(256)) * (event["megabytes"] * 4096)
            time.sleep(1)
            return len(held)
        case "import":
            __import__(event["name"])
        case "call":
            client = boto3.client(event["service"])
            made = getattr(client, event["method"])(**event.get("args", {}))
            if "Body" in made:
                return made["Body"].read().decode()
            made.pop("ResponseMetadata", None)
            return json.loads(json.dumps(made, default=str))
        case "environment":
            return dict(os.environ) | {"left": str(context.get_remaining_time_in_millis())}
    return {"runs": runs}


def batch(event, context):
    "Fails the records that say so: alone, or the whole batch."
    failed = []
    for record in event["Records"]:
        import base64

        if "kinesis" in record:
            identifier, text = record["kinesis"]["sequenceNumber"], base64.b64decode(record["kinesis"]["data"]).decode()
        else:
            identifier, text = record["messageId"], record["body"]
        if text == "poison":
            failed.append({"itemIdentifier": identifier})
        if text == "crash":
            raise ValueError("crash")
    return {"batchItemFailures": failed}
"""
LOGS = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
KINESIS = [
    f"kinesis:{call}" for call in "DescribeStream DescribeStreamSummary GetRecords GetShardIterator ListShards".split()
]


def package(cloud: Cloud, text: str = PACKAGE) -> dict[str, str]:
    """The code's place in S3."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("tiny.py", text)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="code")
    key = f"{hash(text)}.zip"
    s3.put_object(Bucket="code", Key=key, Body=data.getvalue())
    return {"S3Bucket": "code", "S3Key": key}


def role(*statements: dict[str, Any]) -> dict[str, Any]:
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [LOGS, *statements]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trusted]},
            "Policies": [{"PolicyName": "own", "PolicyDocument": document}],
        },
    }


def function(code: dict[str, str], handler: str = "tiny.act", **more: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": "worker",
            "Code": code,
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Handler": handler,
            "Runtime": "python3.13",
            "MemorySize": 256,
            "Timeout": 20,
            **more,
        },
    }


def group(name: str = "worker") -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/aws/lambda/{name}", "RetentionInDays": 3}}


def may(action: str | list[str], resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def deploy(
    cloud: Cloud, resources: dict[str, Any], *, kind: str = "CREATE", change_set: str = "first"
) -> dict[str, Any]:
    """By change set; the stack as it is in the end."""
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_change_set(
        StackName="tiny",
        ChangeSetName=change_set,
        ChangeSetType=kind,
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    cloudformation.execute_change_set(StackName="tiny", ChangeSetName=change_set)
    return settled(cloud)


def settled(cloud: Cloud, name: str = "tiny") -> dict[str, Any]:
    while True:
        stack: dict[str, Any] = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack
        time.sleep(0.02)


def worker(cloud: Cloud, *statements: dict[str, Any], handler: str = "tiny.act", **more: Any) -> None:
    """A stack of one function."""
    resources = {"Role": role(*statements), "Group": group(), "Worker": function(package(cloud), handler, **more)}
    stack = deploy(cloud, resources)
    assert stack["StackStatus"] == "CREATE_COMPLETE", events(cloud)


def events(cloud: Cloud, name: str = "tiny") -> list[str]:
    """Oldest first, as `logical id STATUS: reason`."""
    told = cloud.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return [
        f"{one['LogicalResourceId']} {one['ResourceStatus']}: {one.get('ResourceStatusReason', '')}"
        for one in reversed(told)
    ]


def invoke(cloud: Cloud, **event: Any) -> Any:
    answer = cloud.client("lambda").invoke(FunctionName="worker", Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


def call(cloud: Cloud, service: str, method: str, **args: Any) -> Any:
    """An API call that the function makes, with its role."""
    return invoke(cloud, do="call", service=service, method=method, args=args)


def send(cloud: Cloud, **event: Any) -> None:
    cloud.client("lambda").invoke(FunctionName="worker", InvocationType="Event", Payload=json.dumps(event))


def messages(cloud: Cloud, queue: str) -> list[Any]:
    """Takes all messages out of a queue."""
    sqs, found = cloud.client("sqs"), []
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    while taken := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        for message in taken:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def queue(cloud: Cloud, name: str) -> str:
    """A new queue that admits SNS; its ARN."""
    arn = f"arn:aws:sqs:us-east-1:{cloud.account}:{name}"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy})
    return arn


STARTER = """
import pathlib, sys, time
from cloud import Cloud
with Cloud.start(pathlib.Path(sys.argv[1])) as cloud:
    print(cloud.endpoint, flush=True)
    time.sleep(3600)
"""


@pytest.mark.cloud  # starts one of its own, without the fixture
def test_the_servers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.PIPE,
    )
    with starter:
        assert starter.stdout is not None
        assert starter.stdout.readline().startswith(b"http://127.0.0.1:")
        servers = psutil.Process(starter.pid).children()
        starter.kill()
    assert servers
    assert psutil.wait_procs(servers, timeout=PATIENCE)[1] == []


# --- Lambda ---


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


def test_a_function_sees_its_package_and_boto3_but_nothing_of_this_environment(cloud: Cloud) -> None:
    worker(cloud)
    assert invoke(cloud, do="import", name="botocore") == {"runs": 1}
    assert invoke(cloud, do="import", name="msgspec")["errorType"] == "ModuleNotFoundError"
    assert invoke(cloud, do="import", name="slips")["errorType"] == "ModuleNotFoundError"


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


def test_what_a_function_prints_reaches_cloudwatch_with_the_roles_rights(cloud: Cloud) -> None:
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


# --- rights ---


def test_a_policy_is_judged_offline() -> None:
    document = {"Statement": [may("s3:Get*", "arn:aws:s3:::logs/azure/*"), {**may("*", "*/secret*"), "Effect": "Deny"}]}
    assert allows(document, "s3:GetObject", "arn:aws:s3:::logs/azure/a.gz")
    assert not allows(document, "s3:PutObject", "arn:aws:s3:::logs/azure/a.gz")
    assert not allows(document, "s3:GetObject", "arn:aws:s3:::logs/other/a.gz")
    assert not allows(json.dumps(document), "s3:GetObject", "arn:aws:s3:::logs/azure/secret.gz")


@pytest.fixture
def things(cloud: Cloud) -> None:
    """Two of each kind, `mine` and `other`."""
    for name in ("mine", "other"):
        cloud.client("kinesis").create_stream(StreamName=name, ShardCount=1)
        cloud.client("dynamodb").create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        cloud.client("sns").create_topic(Name=name)
        cloud.client("sqs").create_queue(QueueName=name)
        cloud.client("s3").create_bucket(Bucket=name)
        cloud.client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        cloud.client("s3").put_object(Bucket=name, Key="a", Body=b"text")
        cloud.client("ssm").put_parameter(Name=f"/p/{name}", Value="v", Type="String")
        cloud.client("secretsmanager").create_secret(Name=name, SecretString="v")


RECORDS = {"StreamName": "NAME", "Records": [{"Data": "1", "PartitionKey": "k"}]}
KEY = {"id": {"S": "1"}}
SEND = {"QueueUrl": "http://x/123456789012/NAME", "MessageBody": "m"}
SECRET = "secretsmanager:{}:secret:mine-*"
CALLS: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("kinesis:PutRecords", "kinesis:{}:stream/mine", "kinesis", "put_records", RECORDS),
    (
        "dynamodb:GetItem",
        "dynamodb:{}:table/mine",
        "dynamodb",
        "get_item",
        {"TableName": "NAME", "Key": {"id": {"S": "1"}}},
    ),
    (
        "dynamodb:BatchGetItem",
        "dynamodb:{}:table/mine",
        "dynamodb",
        "batch_get_item",
        {"RequestItems": {"NAME": {"Keys": [KEY]}}},
    ),
    ("sns:Publish", "sns:{}:mine", "sns", "publish", {"TopicArn": "arn:aws:sns:{}:NAME", "Message": "m"}),
    (
        "sqs:SendMessage",
        "sqs:{}:mine",
        "sqs",
        "send_message",
        {"QueueUrl": "http://x/123456789012/NAME", "MessageBody": "m"},
    ),
    ("s3:GetObject", "s3:::mine/a", "s3", "get_object", {"Bucket": "NAME", "Key": "a"}),
    ("ssm:GetParameter", "ssm:{}:parameter/p/mine", "ssm", "get_parameter", {"Name": "/p/NAME"}),
    (
        "secretsmanager:GetSecretValue",
        "secretsmanager:{}:secret:mine-*",
        "secretsmanager",
        "get_secret_value",
        {"SecretId": "NAME"},
    ),
]


@pytest.mark.usefixtures("things")
def test_a_role_may_call_what_its_policy_names_and_nothing_beside_it(cloud: Cloud) -> None:
    place = f"us-east-1:{cloud.account}"
    worker(cloud, *[may(action, f"arn:aws:{resource.format(place)}") for action, resource, *_ in CALLS])
    for _, _, service, method, args in CALLS:
        text = json.dumps(args)
        for name in ("mine", "other"):
            told = call(cloud, service, method, **json.loads(text.replace("NAME", name).replace("{}:", f"{place}:")))
            assert ("is not authorized to perform" in str(told)) == (name == "other"), (method, name, told)
    assert {action for _, action, _ in cloud.used()} >= {action for action, *_ in CALLS}
    assert [action for _, action, _ in cloud.denied()] == [action for action, *_ in CALLS]


@pytest.mark.usefixtures("things")
def test_a_role_may_do_no_more_than_its_boundary_allows(cloud: Cloud) -> None:
    document = {"Version": "2012-10-17", "Statement": [may("s3:GetObject*", "*")]}
    bound = cloud.client("iam").create_policy(PolicyName="bound", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    bounded = role(may("s3:*", "arn:aws:s3:::mine/*"))
    bounded["Properties"]["PermissionsBoundary"] = bound
    deploy(cloud, {"Role": bounded, "Group": group(), "Worker": function(package(cloud), "tiny.act")})
    assert call(cloud, "s3", "get_object", Bucket="mine", Key="a") == "text"
    assert "s3:PutObject" in call(cloud, "s3", "put_object", Bucket="mine", Key="b")["errorMessage"]


@pytest.mark.usefixtures("things")
def test_versions_and_missing_objects_need_rights_of_their_own(cloud: Cloud) -> None:
    worker(cloud, may("s3:GetObject", "arn:aws:s3:::mine/*"))
    version = cloud.client("s3").head_object(Bucket="mine", Key="a")["VersionId"]
    assert call(cloud, "s3", "get_object", Bucket="mine", Key="a") == "text"
    told = call(cloud, "s3", "get_object", Bucket="mine", Key="a", VersionId=version)
    assert "s3:GetObjectVersion" in told["errorMessage"]
    assert "s3:ListBucket" in call(cloud, "s3", "get_object", Bucket="mine", Key="missing")["errorMessage"]


def test_an_object_under_a_key_of_ones_own_needs_that_key(cloud: Cloud) -> None:
    key = cloud.client("kms").create_key()["KeyMetadata"]
    cloud.client("s3").create_bucket(Bucket="mine")
    sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["KeyId"]}
    cloud.client("s3").put_object(Bucket="mine", Key="a", Body=b"text", **sealed)
    worker(cloud, may("s3:GetObject", "arn:aws:s3:::mine/*"))
    assert "kms:Decrypt" in call(cloud, "s3", "get_object", Bucket="mine", Key="a")["errorMessage"]
    assert [(action, resource) for _, action, resource in cloud.denied()] == [("kms:Decrypt", key["Arn"])]


# --- faults ---


@pytest.mark.usefixtures("things")
def test_faults_strike_the_calls_they_name_as_often_as_ordered(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    cloud.fault("s3", "GetObject", error="SlowDown", status=503, resource="mine/a", times=2)
    assert s3.get_object(Bucket="other", Key="a")["Body"].read() == b"text"
    for _ in range(2):
        with pytest.raises(ClientError, match="SlowDown") as raised:
            s3.get_object(Bucket="mine", Key="a")
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert s3.get_object(Bucket="mine", Key="a")["Body"].read() == b"text"
    cloud.fault("dynamodb", "GetItem", error="ProvisionedThroughputExceededException", times=None)
    for _ in range(3):
        with pytest.raises(ClientError, match="ProvisionedThroughputExceededException"):
            cloud.client("dynamodb").get_item(TableName="mine", Key={"id": {"S": "1"}})
    cloud.clear_faults()
    cloud.client("dynamodb").get_item(TableName="mine", Key={"id": {"S": "1"}})
    cloud.fault("sns", "Publish", error="InternalError", status=500)
    with pytest.raises(ClientError, match="InternalError"):
        cloud.client("sns").publish(TopicArn=f"arn:aws:sns:us-east-1:{cloud.account}:mine", Message="m")


@pytest.mark.usefixtures("things")
def test_a_body_can_break_off(cloud: Cloud) -> None:
    cloud.fault("s3", "GetObject", cut=2)
    with pytest.raises(ResponseStreamingError):
        cloud.client("s3").get_object(Bucket="mine", Key="a")["Body"].read()


@pytest.mark.usefixtures("things")
def test_records_can_be_refused_in_part(cloud: Cloud) -> None:
    cloud.fault("kinesis", "PutRecords", refuse=1)
    records = [{"Data": text, "PartitionKey": "k"} for text in (b"1", b"2")]
    answer = cloud.client("kinesis").put_records(StreamName="mine", Records=records)
    assert answer["FailedRecordCount"] == 1
    assert answer["Records"][0]["ErrorCode"] == "ProvisionedThroughputExceededException"
    assert len(answer["Records"][1]["SequenceNumber"]) == 56


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize(("moment", "taken"), [("before", 0), ("after", 1)])
def test_a_function_can_be_killed_around_a_call(cloud: Cloud, moment: Any, taken: int) -> None:
    worker(cloud, may("sqs:SendMessage", "*"))
    cloud.fault("sqs", "SendMessage", kill=moment, caller="worker")
    told = call(cloud, "sqs", "send_message", QueueUrl=f"http://x/{cloud.account}/mine", MessageBody="1")
    assert told["errorType"] == "Runtime.ExitError"
    assert len(messages(cloud, "mine")) == taken


# --- mappings ---


def stream_worker(cloud: Cloud, *, shards: int = 1, **more: Any) -> None:
    target = queue(cloud, "failures")
    stream = {"Fn::GetAtt": ["Stream", "Arn"]}
    mapping = {
        "FunctionName": {"Ref": "Worker"},
        "EventSourceArn": stream,
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRetryAttempts": 1,
        "DestinationConfig": {"OnFailure": {"Destination": target}},
        **more,
    }
    resources = {
        "Role": role(may(KINESIS, stream), may("sqs:SendMessage", target)),
        "Group": group(),
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "lane", "ShardCount": shards}},
        "Worker": function(package(cloud), "tiny.batch"),
        "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
    }
    stack = deploy(cloud, resources)
    assert stack["StackStatus"] == "CREATE_COMPLETE", events(cloud)


def put(cloud: Cloud, *texts: str) -> list[str]:
    records = [{"Data": text.encode(), "PartitionKey": "k"} for text in texts]
    made = cloud.client("kinesis").put_records(StreamName="lane", Records=records)["Records"]
    return [record["SequenceNumber"] for record in made]


def batches(cloud: Cloud) -> list[list[str]]:
    """Sequence numbers of each run."""
    runs = (json.loads(one["payload"])["Records"] for one in cloud.invocations("worker"))
    return [[record["kinesis"]["sequenceNumber"] for record in run] for run in runs]


def test_a_stream_is_read_in_order_with_all_five_rights(cloud: Cloud) -> None:
    stream_worker(cloud, BatchSize=2)
    a, b, c = put(cloud, "1", "2", "3")
    cloud.wait_idle()
    assert [number for batch in batches(cloud) for number in batch] == [a, b, c]
    assert max(len(batch) for batch in batches(cloud)) <= 2
    assert {action for _, action, _ in cloud.used()} >= set(KINESIS)
    assert messages(cloud, "failures") == []


def test_a_batch_is_retried_from_its_lowest_failed_record_then_given_up(cloud: Cloud) -> None:
    stream_worker(cloud)
    good, bad, between, after = put(cloud, "1", "poison", "3", "poison")
    cloud.wait_idle()
    assert batches(cloud) == [[good, bad, between, after], [bad, between, after]]
    (record,) = messages(cloud, "failures")
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    info = record["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == (bad, after, 3)
    assert (info["shardId"], info["streamArn"].rpartition("/")[2]) == ("shardId-000000000000", "lane")


def test_bisecting_leaves_only_the_bad_record_behind(cloud: Cloud) -> None:
    stream_worker(cloud, BisectBatchOnFunctionError=True)
    _, _, bad, after = put(cloud, "1", "2", "crash", "4")
    cloud.wait_idle()
    (record,) = messages(cloud, "failures")
    info = record["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"]) == (bad, bad)
    assert batches(cloud)[-1] == [after]


def test_a_mapping_can_be_changed_stopped_and_resumed(cloud: Cloud) -> None:
    stream_worker(cloud, shards=2)
    lambda_ = cloud.client("lambda")
    (mapping,) = lambda_.list_event_source_mappings(FunctionName="worker")["EventSourceMappings"]
    first = put(cloud, "1")
    cloud.wait_idle()
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False, BatchSize=1)
    rest = put(cloud, "2", "3")
    cloud.wait_idle()
    assert batches(cloud) == [first]
    assert lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)["BatchSize"] == 1
    cloud.wait_idle()
    assert batches(cloud) == [first, [rest[0]], [rest[1]]]


def test_a_mapping_from_the_latest_leaves_what_lies_there(cloud: Cloud) -> None:
    resources = {
        "Role": role(may(KINESIS, {"Fn::GetAtt": ["Stream", "Arn"]})),
        "Group": group(),
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "lane", "ShardCount": 1}},
        "Worker": function(package(cloud), "tiny.batch"),
    }
    deploy(cloud, resources)
    put(cloud, "1")
    arn = f"arn:aws:kinesis:us-east-1:{cloud.account}:stream/lane"
    cloud.client("lambda").create_event_source_mapping(
        FunctionName="worker", EventSourceArn=arn, StartingPosition="LATEST"
    )
    cloud.wait_idle()
    later = put(cloud, "2")
    cloud.wait_idle()
    assert batches(cloud) == [later]


def test_queued_messages_are_taken_one_by_one(cloud: Cloud) -> None:
    queue(cloud, "inbox")
    arn = f"arn:aws:sqs:us-east-1:{cloud.account}:inbox"
    rights = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    worker(cloud, may(rights, arn), handler="tiny.batch")
    made = cloud.client("lambda").create_event_source_mapping(
        FunctionName="worker", EventSourceArn=arn, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName="inbox")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="1")
    cloud.wait_idle()
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    while len(cloud.invocations("worker")) < 3:
        time.sleep(0.01)
    cloud.client("lambda").delete_event_source_mapping(UUID=made["UUID"])
    bodies = [json.loads(one["payload"])["Records"][0]["body"] for one in cloud.invocations("worker")]
    assert bodies[:3] == ["1", "poison", "poison"]
    assert {action for _, action, _ in cloud.used()} >= set(rights)


# --- deliveries ---


def topic_worker(cloud: Cloud, *, permitted: bool) -> str:
    """A topic in front of the worker, a queue for what it cannot have; the topic's ARN."""
    dead = queue(cloud, "dead")
    topic = {"Ref": "Topic"}
    resources: dict[str, Any] = {
        "Role": role(),
        "Group": group(),
        "Worker": function(package(cloud)),
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "created"}},
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": topic,
                "Protocol": "lambda",
                "Endpoint": {"Fn::GetAtt": ["Worker", "Arn"]},
                "RedrivePolicy": {"deadLetterTargetArn": dead},
                "FilterPolicy": {"kind": [{"exists": False}]},
            },
        },
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [topic],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "s3.amazonaws.com"},
                            "Action": "sns:Publish",
                            "Resource": topic,
                            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::logs"}},
                        }
                    ],
                },
            },
        },
    }
    if permitted:
        resources["Permission"] = {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Worker"},
                "Action": "lambda:InvokeFunction",
                "Principal": "sns.amazonaws.com",
                "SourceArn": topic,
            },
        }
    assert deploy(cloud, resources)["StackStatus"] == "CREATE_COMPLETE", events(cloud)
    return f"arn:aws:sns:us-east-1:{cloud.account}:created"


def test_a_topic_runs_the_function_that_permits_it(cloud: Cloud) -> None:
    topic = topic_worker(cloud, permitted=True)
    sns = cloud.client("sns")
    sns.publish(TopicArn=topic, Message='{"do": "one"}')
    kind = {"kind": {"DataType": "String", "StringValue": "noise"}}
    sns.publish(TopicArn=topic, Message='{"do": "two"}', MessageAttributes=kind)
    cloud.wait_idle()
    (run,) = cloud.invocations("worker")
    record = json.loads(run["payload"])["Records"][0]
    assert record["EventSource"] == "aws:sns"
    assert record["Sns"]["Message"] == '{"do": "one"}'
    assert record["Sns"]["TopicArn"] == topic


@pytest.mark.parametrize("missing", ["permission", "function"])
def test_what_a_topic_cannot_deliver_goes_to_the_redrive_queue(cloud: Cloud, missing: str) -> None:
    topic = topic_worker(cloud, permitted=missing == "function")
    if missing == "function":
        cloud.client("lambda").delete_function(FunctionName="worker")
    cloud.client("sns").publish(TopicArn=topic, Message="lost?")
    cloud.wait_idle()
    assert cloud.invocations("worker") == []
    (dead,) = messages(cloud, "dead")
    assert (dead["Type"], dead["TopicArn"], dead["Message"]) == ("Notification", topic, "lost?")


def test_an_object_put_travels_by_its_topic_to_the_function(cloud: Cloud) -> None:
    topic = topic_worker(cloud, permitted=True)
    s3 = cloud.client("s3")
    told = {"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}
    for bucket in ("logs", "strange"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket="logs", NotificationConfiguration=told)
    with pytest.raises(ClientError, match="Unable to validate the following destination configurations"):
        s3.put_bucket_notification_configuration(Bucket="strange", NotificationConfiguration=told)
    s3.put_object(Bucket="logs", Key="dir/a b+é", Body=b"1")
    assert s3.head_object(Bucket="logs", Key="dir/a b+é")["ContentLength"] == 1
    cloud.wait_idle()
    messages_seen = [
        json.loads(json.loads(run["payload"])["Records"][0]["Sns"]["Message"]) for run in cloud.invocations()
    ]
    records = [message["Records"][0] for message in messages_seen if "Records" in message]
    assert [record["s3"]["bucket"]["name"] for record in records] == ["logs"]
    assert records[0]["s3"]["object"]["key"] == "dir%2Fa+b%2B%C3%A9"
    assert records[0]["s3"]["object"]["sequencer"]


def test_a_bucket_tells_functions_queues_and_event_bridge(cloud: Cloud) -> None:
    worker(cloud)
    inbox = queue(cloud, "inbox")
    lambda_, arn = cloud.client("lambda"), f"arn:aws:lambda:us-east-1:{cloud.account}:function:worker"
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"]}
    rule = cloud.client("events").put_rule(Name="rule", EventPattern=json.dumps(pattern))["RuleArn"]
    cloud.client("events").put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": arn}])
    for service, source in (("s3", "arn:aws:s3:::logs"), ("events", rule)):
        lambda_.add_permission(
            FunctionName="worker",
            StatementId=service,
            Action="lambda:InvokeFunction",
            Principal=f"{service}.amazonaws.com",
            SourceArn=source,
        )
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="logs")
    created = ["s3:ObjectCreated:*"]
    s3.put_bucket_notification_configuration(
        Bucket="logs",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": created}],
            "QueueConfigurations": [{"QueueArn": inbox, "Events": created}],
            "EventBridgeConfiguration": {},
        },
    )
    s3.put_object(Bucket="logs", Key="a", Body=b"1")
    cloud.wait_idle()
    payloads = [json.loads(run["payload"]) for run in cloud.invocations("worker")]
    assert sorted(payload.get("detail-type", "direct") for payload in payloads) == ["Object Created", "direct"]
    assert [m["Records"][0]["s3"]["object"]["key"] for m in messages(cloud, "inbox") if "Records" in m] == ["a"]


# --- CloudFormation ---


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


def test_a_change_set_tells_what_is_replaced_and_an_update_does_it(cloud: Cloud) -> None:
    code = package(cloud)
    deploy(cloud, everything(code))
    changed = everything(code)
    changed["Queue"]["Properties"] |= {"QueueName": "renamed"}
    changed["Table"]["Properties"] |= {"DeletionProtectionEnabled": False}
    del changed["Dashboard"]
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_change_set(
        StackName="tiny",
        ChangeSetName="second",
        TemplateBody=json.dumps({"Resources": changed}),
        Capabilities=["CAPABILITY_IAM"],
    )
    told = cloudformation.describe_change_set(StackName="tiny", ChangeSetName="second")
    changes = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in told["Changes"]}
    assert {name: one["Action"] for name, one in changes.items() if one["Action"] != "Modify"} == {
        "Dashboard": "Remove"
    }
    replaced = {name: one["Replacement"] for name, one in changes.items() if one["Action"] == "Modify"}
    assert replaced == dict.fromkeys(("Role", "Worker", "QueuePolicy", "Table", "Alarm"), "False") | {"Queue": "True"}
    cloudformation.execute_change_set(StackName="tiny", ChangeSetName="second")
    assert settled(cloud)["StackStatus"] == "UPDATE_COMPLETE", events(cloud)
    urls = cloud.client("sqs").list_queues()["QueueUrls"]
    assert [url.rpartition("/")[2] for url in urls] == ["renamed"]
    dead = cloud.client("lambda").get_function_configuration(FunctionName="worker")["DeadLetterConfig"]
    assert dead["TargetArn"].endswith(":renamed")


def test_a_change_set_without_changes_fails_with_awss_words(cloud: Cloud) -> None:
    resources = everything(package(cloud))
    deploy(cloud, resources)
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_change_set(
        StackName="tiny",
        ChangeSetName="same",
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_IAM"],
    )
    told = cloudformation.describe_change_set(StackName="tiny", ChangeSetName="same")
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
def test_what_is_not_known_is_refused_loudly(cloud: Cloud, resource: dict[str, Any], message: str) -> None:
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
