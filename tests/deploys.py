"""An account in moto, or the stand-in of AWS, to deploy to and to destroy in, and a screen that remembers."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

import aws
from cloud import Cloud
from slips.cli.deploy import change, remove
from slips.cli.screen import Screen
from slips.config import Config, parse
from slips.deploy.account import Account
from slips.deploy.changes import Proposal, StackEvent, StackState
from slips.deploy.deployment import Deployment
from slips.deploy.package import Package

MARKS = [
    pytest.mark.once,
    pytest.mark.filterwarnings("ignore:Tried to parse"),  # what moto has no such resource for
]
REGION, ID = "ap-northeast-1", "123456789012"
TOPIC = f"arn:aws:sns:{REGION}:{ID}:seclog"
CONFIG = f"""\
stack_name: app
base: {{sam: {{code_bucket: my-code, code_prefix: functions}}}}
backend:
  sns_topics: [{{name: SecLog, arn: '{TOPIC}'}}]
handler: {{path: handler.py}}
bucket_mapping:
  my-logs: [{{prefix: a/, format: json}}]
"""
PACKAGE = Package(data=b"PK\x05\x06" + bytes(18), key="slips-1.zip", unzipped=1, largest=[("x", 1)], left_out=["a.pem"])
TINY: dict[str, Any] = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}}


class Seen(Screen):
    """Keeps what is shown, and answers what is asked."""

    def __init__(self, answer: bool | None = None) -> None:
        self.said: list[str] = []
        super().__init__(io.StringIO(), lambda text, _: self.said.append(text))
        self.answer = answer

    @property
    def can_ask(self) -> bool:
        return self.answer is not None

    def ask(self, question: str) -> bool:
        self.said.append(question)
        return bool(self.answer)

    @property
    def text(self) -> str:
        return "\n".join(self.said)


class Events(list[StackEvent]):
    """An Observer that keeps what it is called with."""

    def event(self, event: StackEvent) -> None:
        self.append(event)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    from moto.cloudformation.models import ChangeSet  # with all services that a stack may have
    from moto.cloudformation.parsing import OutputMap

    apply = ChangeSet.apply

    def with_outputs(change_set: ChangeSet) -> None:
        """moto forgets the outputs of a stack that a change set creates."""
        apply(change_set)
        stack = change_set.stack
        stack.output_map = OutputMap(stack.resource_map, change_set.template_dict, stack.stack_id)

    monkeypatch.setattr(ChangeSet, "apply", with_outputs)
    with aws.account():
        found = Account.connect(REGION)
        make_bucket("my-code")
        make_bucket("my-logs")
        found.sns.create_topic(Name="seclog")
        yield found


def make_bucket(name: str, region: str = REGION) -> None:
    client = boto3.client("s3", region_name=region)
    client.create_bucket(Bucket=name, CreateBucketConfiguration=cast("Any", {"LocationConstraint": region}))


def never(_: float) -> None:
    """A sleep for stacks that are ready at once."""
    raise AssertionError("waited")


STREAM = f"arn:aws:kinesis:{REGION}:{ID}:stream/s"
WITH_STREAM = CONFIG.replace("backend:\n", f"backend:\n  kinesis_stream_slow_arn: '{STREAM}'\n")


class Policies:
    """IAM, which has one policy that allows everything."""

    def __init__(self, arn: str) -> None:
        self.arn = arn

    def get_policy(self, PolicyArn: str) -> Any:
        if PolicyArn != self.arn:
            raise refusal("NoSuchEntity", operation="GetPolicy")
        return {"Policy": {"DefaultVersionId": "v1"}}

    def get_policy_version(self, PolicyArn: str, VersionId: str) -> Any:
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        return {"PolicyVersion": {"Document": {"Version": "2012-10-17", "Statement": [statement]}}}


def make_table(account: Account, name: str, key: str) -> None:
    account.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


class Denied:
    """A client that may not do anything."""

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            response: Any = {"Error": {"Code": "403", "Message": "Forbidden"}, "ResponseMetadata": {"HTTPHeaders": {}}}
            raise ClientError(response, name)

        return call


def refusal(code: str, message: str = "no", operation: str = "CreateChangeSet") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


STACK_ID = f"arn:aws:cloudformation:{REGION}:{ID}:stack/app/1"


class CloudFormation:
    """One stack: its status, the change set that it makes of anything, and what then happens, look by look."""

    def __init__(self, status: str | None = "CREATE_COMPLETE", *, looks: Sequence[Sequence[str]] = ()) -> None:
        self.status, self.number = status, 0
        self.looks = [list(look) for look in looks]
        self.events = [self.event("app CREATE_COMPLETE")]
        self.change_set: list[dict[str, Any]] = [{"Status": "CREATE_COMPLETE", "Changes": []}]
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.resources: dict[str, str] = {}
        self.body: Any = {}

    def event(self, text: str) -> dict[str, Any]:
        """`MainFunc CREATE_FAILED its reason`."""
        name, status, *reason = text.split(" ", 2)
        self.number += 1
        return {
            "EventId": str(self.number),
            "StackId": STACK_ID,
            "LogicalResourceId": name,
            "PhysicalResourceId": STACK_ID if name == "app" else name,
            "ResourceType": "AWS::CloudFormation::Stack" if name == "app" else "AWS::Lambda::Function",
            "ResourceStatus": status,
            **({"ResourceStatusReason": reason[0]} if reason else {}),
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):  # an operation that answers nothing
            return lambda **_: {}

        def call(**request: Any) -> Any:
            self.asked.append((name, request))
            return getattr(self, f"on_{name}")(**request)

        return call

    def operations(self) -> list[str]:
        return [name for name, _ in self.asked]

    def on_describe_stacks(self, **_: Any) -> Any:
        if self.status is None:
            raise refusal("ValidationError", "Stack with id app does not exist")
        return {"Stacks": [{"StackId": STACK_ID, "StackStatus": self.status, "StackStatusReason": "because"}]}

    def on_create_change_set(self, **_: Any) -> Any:
        return {"Id": "set", "StackId": STACK_ID}

    def on_describe_change_set(self, **request: Any) -> Any:
        number = int(request.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self.change_set) else {}
        return {**self.change_set[number], **more}

    def on_describe_stack_events(self, **request: Any) -> Any:
        """Two a page, the newest first."""
        is_busy = {"execute_change_set", "delete_stack"} & {*self.operations()} or self.status == "DELETE_IN_PROGRESS"
        if "NextToken" not in request and is_busy:
            self.events += map(self.event, self.looks.pop(0))
        at = int(request.get("NextToken", 0))
        newest = self.events[::-1]
        more = {"NextToken": str(at + 2)} if at + 2 < len(newest) else {}
        return {"StackEvents": newest[at : at + 2], **more}

    def on_list_stack_resources(self, **_: Any) -> Any:
        found = [
            {"LogicalResourceId": name, "PhysicalResourceId": id, "ResourceType": "T", "ResourceStatus": "OK"}
            for name, id in self.resources.items()
        ]
        return {"StackResourceSummaries": found}

    def on_get_template(self, **_: Any) -> Any:
        return {"TemplateBody": self.body}


def on(cloudformation: CloudFormation, functions: Any = None) -> Deployment:
    """A stack in that account; nobody waits."""
    account = Account(boto3.Session(), region=REGION, id=ID)
    account.cloudformation = cast("Any", cloudformation)
    account.functions = functions
    return Deployment(account, "app", clock=lambda: 1.0, sleep=lambda _: None)


NOW = StackState(STACK_ID, "UPDATE_COMPLETE", "", {})


def propose(stack: Deployment, state: StackState | None = NOW) -> Proposal | None:
    with stack.proposed(TINY, state, "my-code", "functions/app/") as plan:
        return plan


def deploy(account: Account, screen: Seen, text: str = CONFIG, *, yes: bool = True, **options: bool) -> Any:
    stack = Deployment(account, "app", sleep=briefly if account.endpoint_url else never)
    chosen: dict[str, Any] = {"wire": False, **options}
    return change(stack, parse(text), screen, lambda *_: PACKAGE, yes=yes, **chosen)


def destroy(account: Account, screen: Seen, config: Config | None = None, **options: bool) -> bool:
    stack = Deployment(account, "app", sleep=briefly if account.endpoint_url else never)
    chosen: dict[str, Any] = {"all_": False, "force": False, "yes": True, **options}
    return remove(stack, config, screen, **chosen)


def account_of(cloud: Cloud) -> Account:
    session = boto3.Session(aws_access_key_id="AKIAADMINISTRATOR", aws_secret_access_key="secret")
    return Account(session, region=cloud.region, endpoint_url=cloud.endpoint, id=cloud.account)


def briefly(_seconds: float) -> None:
    time.sleep(0.05)


@pytest.fixture
def config(cloud: Cloud) -> str:
    """A config whose buckets are there."""
    for bucket in ("my-code", "my-logs"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    return re.sub("sns_topics.*", "s3_direct: true", CONFIG)


TABLE: dict[str, Any] = {
    "Type": "AWS::DynamoDB::Table",
    "DeletionPolicy": "Retain",
    "Properties": {
        "KeySchema": [{"AttributeName": "request_id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "request_id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
}
HANDLE = "AWS::CloudFormation::WaitConditionHandle"
SMALL: dict[str, Any] = {
    "Resources": {
        "ErrorTable": TABLE,
        "Undelivered": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "MainFunc": {"Type": HANDLE, "Properties": {"Code": {"S3Bucket": "my-code", "S3Key": "f/app/1.zip"}}},
    },
    "Outputs": {
        "ErrorTableName": {"Value": {"Ref": "ErrorTable"}},
        "UndeliveredUrl": {"Value": {"Ref": "Undelivered"}},
    },
}
"""As much of a stack as destroy looks at."""


@pytest.fixture
def small(account: Account) -> StackState:
    """A deployed stack with a table and a queue."""
    stack = Deployment(account, "app", sleep=never)
    with stack.proposed(SMALL, None, "my-code", "f/app/") as plan:
        assert plan
        return stack.execute(plan, Events())
