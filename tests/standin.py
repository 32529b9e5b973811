"""What the tests of the stand-in of AWS make in it: functions, roles, queues, stacks."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

from cloud import Cloud

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


def package(cloud: Cloud, text: str = PACKAGE, **others: str) -> dict[str, str]:
    """The place in S3 of the code: of `tiny.py`, and of other modules by their names."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, code in {"tiny": text, **others}.items():
            archive.writestr(f"{name}.py", code)
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
