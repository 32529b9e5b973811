"""The stand-in of AWS: event source mappings, and what services deliver by themselves."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloud import Cloud
from standin import (
    KINESIS,
    deploy,
    events,
    function,
    group,
    may,
    messages,
    package,
    put,
    queue,
    role,
    stream_worker,
    worker,
)

pytest_plugins = ["cloud.plugin"]


# ---- mappings


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


# ---- deliveries


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
def test_a_message_that_a_topic_cannot_deliver_goes_to_the_redrive_queue(cloud: Cloud, missing: str) -> None:
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
