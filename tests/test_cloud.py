"""The stand-in of AWS: its fidelity where slips relies on it, rights and faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError, ResponseStreamingError

from cloud import Cloud, allows
from cloud.client import PATIENCE
from cloud.faults import Fault, Faults
from standin import call, deploy, function, group, may, messages, package, role, worker

pytest_plugins = ["cloud.plugin"]
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


# ---- rights


def test_a_policy_is_judged_offline() -> None:
    document = {"Statement": [may("s3:Get*", "arn:aws:s3:::logs/azure/*"), {**may("*", "*/secret*"), "Effect": "Deny"}]}
    assert allows(document, "s3:GetObject", "arn:aws:s3:::logs/azure/a.gz")
    assert not allows(document, "s3:PutObject", "arn:aws:s3:::logs/azure/a.gz")
    assert not allows(document, "s3:GetObject", "arn:aws:s3:::logs/other/a.gz")
    assert not allows(json.dumps(document), "s3:GetObject", "arn:aws:s3:::logs/azure/secret.gz")
    quoted = {
        "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/${*}${?}${$}/*"}
    }
    assert allows(quoted, "s3:GetObject", "arn:aws:s3:::logs/*?$/a")
    assert not allows(quoted, "s3:GetObject", "arn:aws:s3:::logs/ab$/a")


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


# ---- faults


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


def test_a_held_call_goes_on_when_the_faults_are_cleared_before_it_waits() -> None:
    faults = Faults()
    faults.add(Fault("kinesis", "CreateStream", hold=True))
    struck = faults.strike("kinesis", "CreateStream", ["arn"], "")
    faults.clear()
    assert struck
    _, cleared = struck
    assert cleared.is_set()


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
