"""No role may do more or less than it needs: one run of the stack uses every permission, on every resource it names.

The stand-in of AWS refuses what a role's policy does not allow and records what it is used for. A permission that is
taken away refuses a call of the recorded run, in which nothing was refused: that run would have ended differently.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import quote_plus

import pytest

from cloud import Cloud, allows
from deployed import Deployed
from slips.backends.aws.brakes import DynamoBrakes
from slips.backends.aws.error_table import DynamoErrors
from slips.brakes import Brake
from slips.deploy.permissions import ROLES
from slips.model import ErrorItem

pytest_plugins = ["cloud.plugin"]
pytestmark = pytest.mark.xdist_group("permissions")

CONFIG = """\
stack_name: rights
permissions_boundary: arn:aws:iam::123456789012:policy/boundary
base:
  sam: {code_bucket: code}
backend:
  sns_topics:
    - {name: Logs, arn: "arn:aws:sns:us-east-1:123456789012:logs"}
  sqs_queues:
    - {name: Queued, arn: "arn:aws:sqs:us-east-1:123456789012:logs"}
  kinesis_stream_fast_arn: "arn:aws:kinesis:us-east-1:123456789012:stream/fast"
  kinesis_stream_slow_arn: "arn:aws:kinesis:us-east-1:123456789012:stream/slow"
  dynamodb_arn: "arn:aws:dynamodb:us-east-1:123456789012:table/errors"
  dlq_sns_arn: "arn:aws:sns:us-east-1:123456789012:failed"
  kms_key_arns: [KEY]
  audit: daily
handler:
  path: src/handler.py
  args: {token: "{{ssm:/rights/token}}", password: "{{secretsmanager:rights:password}}"}
  runtime: RUNTIME
  architecture: ARCHITECTURE
  timeout: 60
  subnet_ids: [SUBNET]
  security_group_ids: [GROUP]
  tracing: true
  policies:
    - {actions: s3:PutObject, resources: "arn:${AWS::Partition}:s3:::out-${AWS::AccountId}/*"}
    - arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/managed
routing:
  - {prefix: slow/, dest: slow}
  - {prefix: dropped/, dest: drop}
bucket_mapping:
  my-logs:
    - {prefix: "", format: [s3-lines, json]}
"""

HANDLER = """\
import time

import boto3
import slips.interface


class Collect(slips.interface.Handler):
    def setup(self, args):
        self.args, self.seen = args, []

    def recv(self, meta, event):
        if "bug" in event:
            raise KeyError(event["bug"])
        if "copy" in event:
            boto3.client("s3").put_object(Bucket="out-123456789012", Key=event["copy"], Body=b"copy")
        time.sleep(event.get("seconds", 0))
        self.seen.append(meta.seq)

    def result(self):
        return {"seen": self.seen, "secrets": self.args == {"token": "s3cret", "password": "pa55"}}
"""

REFUSED = {"error": "ValidationException", "times": None}
"""A fault that no client tries to overcome."""
LIMIT = 6
"""Seconds; the main func stops a second before that."""
LONG = [{"seconds": 0.1}] * 55
"""Records that take longer."""


class Stack(Deployed):
    """The stack that uses all that needs a permission, encrypted, and what of the account its tests look at."""

    @property
    def errors(self) -> DynamoErrors:
        return DynamoErrors(self.cloud.client("dynamodb"), "errors")

    @cached_property
    def policies(self) -> dict[str, dict[str, Any]]:
        """The whole policy of each role, as IAM has it."""
        iam = self.cloud.client("iam")
        found = {}
        for role in ROLES:
            name = self.physical(role)
            own = ["handler"] if role == "MainFuncRole" else []
            beside = ["network", "tracing"] if role == "MainFuncRole" else ["tracing"]
            assert sorted(iam.list_role_policies(RoleName=name)["PolicyNames"]) == sorted(["slips", *own, *beside])
            attached = [one["PolicyName"] for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]]
            assert attached == ["managed"] * len(own)
            documents = [self._policy(role, each) for each in ("slips", *beside)]
            found[role] = {"Statement": [statement for each in documents for statement in each["Statement"]]}
        return found

    def _policy(self, role: str, name: str) -> dict[str, Any]:
        found = self.cloud.client("iam").get_role_policy(RoleName=self.physical(role), PolicyName=name)
        document: dict[str, Any] = found["PolicyDocument"]
        return document

    @contextmanager
    def without(self, role: str, action: str) -> Iterator[None]:
        """The role may not do this, on any resource, until the block ends."""
        whole = self._policy(role, "slips")
        less = copy.deepcopy(whole)
        for statement in less["Statement"]:
            statement["Action"] = [each for each in statement["Action"] if each != action]
        less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
        assert less != whole, "it never could"
        self._set_policy(role, less)
        try:
            yield
        finally:
            self._set_policy(role, whole)

    def _set_policy(self, role: str, policy: dict[str, Any]) -> None:
        self.cloud.client("iam").put_role_policy(
            RoleName=self.physical(role), PolicyName="slips", PolicyDocument=json.dumps(policy)
        )

    def change_main_func(self, **settings: Any) -> None:
        self.cloud.client("lambda").update_function_configuration(FunctionName=self.physical("MainFunc"), **settings)

    def drain(self, **request: Any) -> dict[str, Any]:
        """What the function Drain answers."""
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.physical("Drain"), Payload=json.dumps(request).encode()
        )
        told: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, told
        return told

    def announce_again(self, key: str) -> None:
        """S3's notification of an upload once more."""
        told = [json.loads(call["payload"]) for call in self.cloud.invocations("EventPusher")]
        texts = [record["Sns"]["Message"] for each in told for record in each["Records"] if "Sns" in record]
        text = next(each for each in texts if f'"key": "{quote_plus(key)}"' in each)
        self.cloud.client("sns").publish(TopicArn="arn:aws:sns:us-east-1:123456789012:logs", Message=text)

    def item(self, key: str) -> ErrorItem:
        """The one error item of an object."""
        (found,) = [item for item in self.items if item.events[0].object_key == key]
        return found


def _account(cloud: Cloud) -> dict[str, str]:
    """What a user has before the stack: buckets, topics and queue, keys, secrets, a network. Placeholders of CONFIG."""
    _given(cloud)
    s3, sns, sqs, ec2 = (cloud.client(service) for service in ("s3", "sns", "sqs", "ec2"))
    for bucket in ("my-logs", "code", "out-123456789012"):
        s3.create_bucket(Bucket=bucket)
    iam = cloud.client("iam")
    for name, action in (("boundary", "*"), ("managed", "sts:GetCallerIdentity")):
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
        iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))
    topic = sns.create_topic(Name="logs")["TopicArn"]
    url = sqs.create_queue(QueueName="logs", Attributes={"KmsMasterKeyId": _key(cloud)})["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=_admits("sns:Publish", topic))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _admits("sqs:SendMessage", queue)})
    s3.put_bucket_notification_configuration(
        Bucket="my-logs",
        NotificationConfiguration={
            "TopicConfigurations": [{"TopicArn": topic, **_created(each)} for each in ("fast/", "slow/", "dropped/")],
            "QueueConfigurations": [{"QueueArn": queue, **_created("queued/")}],
        },
    )
    cloud.client("ssm").put_parameter(Name="/rights/token", Value="s3cret", Type="SecureString")
    cloud.client("secretsmanager").create_secret(Name="rights", SecretString=json.dumps({"password": "pa55"}))
    key = _key(cloud)
    cloud.client("kms").create_alias(AliasName="alias/rights", TargetKeyId=key)
    return {
        "KEY": key,
        "SUBNET": ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        "GROUP": ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"],
    }


def _given(cloud: Cloud) -> None:
    """What the stack would make and the config gives instead, each with a key of its own."""
    kinesis = cloud.client("kinesis")
    for lane in ("fast", "slow"):
        kinesis.create_stream(StreamName=lane, ShardCount=1)
        kinesis.start_stream_encryption(StreamName=lane, EncryptionType="KMS", KeyId=_key(cloud))
    cloud.client("dynamodb").create_table(
        TableName="errors",
        KeySchema=[{"AttributeName": "request_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "request_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": _key(cloud)},
    )
    cloud.client("sns").create_topic(Name="failed", Attributes={"KmsMasterKeyId": _key(cloud)})


def _key(cloud: Cloud) -> str:
    """A new key of the customer's."""
    return str(cloud.client("kms").create_key()["KeyMetadata"]["Arn"])


def _admits(action: str, resource: str) -> str:
    """A policy by which S3 may tell of new objects."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::my-logs"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _created(prefix: str) -> dict[str, Any]:
    rule = {"Name": "prefix", "Value": prefix}
    return {"Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": [rule]}}}


Use = tuple[str, str]
"""An action, and the ARN that it touched."""


@pytest.fixture(scope="module")
def deployment(cloud_server: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests here."""
    cloud_server.reset()
    config = CONFIG
    for placeholder, value in _account(cloud_server).items():
        config = config.replace(placeholder, value)
    project = Stack(cloud_server, tmp_path_factory.mktemp("rights"), config, HANDLER)
    project.deploy()
    yield project
    cloud_server.reset()


@pytest.fixture(scope="module")
def uses(deployment: Stack) -> dict[str, list[Use]]:
    """What each role did in a run that needs all of its permissions, and of which nothing was refused."""
    _some_hops_are_down(deployment)
    _objects_without_versions(deployment)
    _objects_with_versions(deployment)
    _drained(deployment)
    _objects_too_long(deployment)
    _a_message_that_cannot_be_read(deployment)
    _audited(deployment)
    _a_lane_that_pauses(deployment)
    assert deployment.cloud.denied() == []
    names = {deployment.physical(role): role for role in ROLES}
    found: dict[str, list[Use]] = {role: [] for role in ROLES}
    for arn, action, resource in deployment.cloud.used():
        found[names[arn.rpartition("/")[2]]].append((action, resource))
    return found


@pytest.fixture
def stack(deployment: Stack, uses: dict[str, list[Use]]) -> Stack:
    """The stack behind that run."""
    return deployment


def _some_hops_are_down(stack: Stack) -> None:
    """Neither the event pusher, the dispatchers nor the reporter get on: all that they were given is undelivered."""
    stack.cloud.fault("lambda", "Invoke", caller="Dispatcher", **REFUSED)
    for caller in ("EventPusher", "Reporter"):
        stack.cloud.fault("dynamodb", "UpdateItem", caller=caller, **REFUSED)
    for lane in ("fast", "slow", "dropped"):
        stack.put("my-logs", f"{lane}/stuck.log", [{"n": 1}])
    stack.settle()
    assert stack.undelivered() == 3
    assert stack.items == []
    stack.cloud.clear_faults()


def _objects_without_versions(stack: Stack) -> None:
    """Whole, dropped, bad in part; and two that fail, each announced twice."""
    stack.put("my-logs", "queued/whole.log", [{"n": 1}])
    stack.put("my-logs", "dropped/whole.log", [{"n": 1}])
    stack.put("my-logs", "fast/changed.log", b'{"n": 1}\nno JSON\n')
    stack.put("my-logs", "slow/broken.gz", b"\x1f\x8b\x08\x00broken")
    stack.put("my-logs", "fast/bug.log", [{"bug": 1}])
    stack.settle()
    for key in ("slow/broken.gz", "fast/bug.log"):
        before = stack.item(key).request_id
        stack.announce_again(key)
        stack.settle()
        assert stack.item(key).request_id != before, "the newer failure takes the place of the older"
    assert ("dropped/whole.log", "dropped") in [(entry.key, entry.status) for entry in stack.entries]


def _objects_with_versions(stack: Stack) -> None:
    """One in place of another whose bad record is still kept, one that is encrypted and bad in part."""
    stack.s3.put_bucket_versioning(Bucket="my-logs", VersioningConfiguration={"Status": "Enabled"})
    stack.put("my-logs", "fast/changed.log", [{"n": 1}, {"n": 2}])
    sealed: dict[str, Any] = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/rights"}
    stack.s3.put_object(Bucket="my-logs", Key="slow/sealed.log", Body=b'{"n": 1}\nno JSON\n', **sealed)
    stack.settle()
    assert stack.item("slow/sealed.log").events[0].object_version_id


def _drained(stack: Stack) -> None:
    """One item, then all: what was never delivered, and what has other content now, too."""
    assert stack.drain(ids=[stack.item("fast/bug.log").request_id])["lanes"] == {"fast": 1, "slow": 0}
    stack.settle()
    done = stack.drain()
    assert (done["drained"], done["kept"], done["undelivered"]) == (3, 1, 3)
    stack.settle()
    assert stack.undelivered() == 0
    assert stack.item("fast/changed.log").error_type == "OverwrittenError"
    delivered = stack.delivered()
    assert delivered["my-logs/fast/stuck.log"] == delivered["my-logs/slow/stuck.log"] == [1]
    assert ("dropped/stuck.log", "dropped") in [(entry.key, entry.status) for entry in stack.entries]
    results = [each for entry in stack.entries if entry.outcome for each in entry.outcome.results.values()]
    assert all(each["secrets"] for each in results)


def _objects_too_long(stack: Stack) -> None:
    """More than one invocation can do, once short ones have started the function: that takes time of its own.

    The function is in another subnet now: Lambda makes its interfaces with its role, and takes away those it had.
    """
    subnet = stack.cloud.client("ec2").describe_subnets()["Subnets"][1]["SubnetId"]
    stack.change_main_func(Timeout=LIMIT, VpcConfig={"SubnetIds": [subnet], "SecurityGroupIds": []})
    phases: dict[str, list[Any]] = {"short": [{"n": 1}], "long": LONG}
    for name, records in phases.items():
        for lane in ("fast", "slow"):
            stack.put("my-logs", f"{lane}/{name}.log", records)
        stack.settle()
    delivered, entries = stack.delivered(), stack.entries
    for key in ("fast/long.log", "slow/long.log"):
        assert delivered.get(f"my-logs/{key}") == list(range(1, len(LONG) + 1)), stack.items
        assert any(entry.key == key and entry.records for entry in entries), "it was never continued"
    stack.change_main_func(Timeout=60)


def _a_message_that_cannot_be_read(stack: Stack) -> None:
    """In the user's queue, which has no redrive policy: it is moved to the undelivered ones, where drain leaves it."""
    sqs = stack.cloud.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="logs")["QueueUrl"], MessageBody="junk")
    stack.settle()
    assert stack.undelivered() == 1
    assert "begins 'junk'" in stack.drain()["notes"][-1]
    stack.settle()
    assert stack.undelivered() == 1
    sqs.purge_queue(QueueUrl=stack.physical("Undelivered"))


def _audited(stack: Stack) -> None:
    """All objects of the bucket: some are done, one is in the error table, some are too new to be missing."""
    stack.s3.put_object(Bucket="my-logs", Key="nobody/announces.log", Body=b"{}")
    answer = stack.cloud.client("lambda").invoke(FunctionName=stack.physical("Audit"), Payload=b"{}")
    found = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, found
    assert found["done"] > 0
    assert found["waiting"] > 0
    assert found["objects"] == sum(count for state, count in found.items() if state != "objects")
    stack.s3.delete_object(Bucket="my-logs", Key="nobody/announces.log")


def _a_lane_that_pauses(stack: Stack) -> None:
    """What arrives meanwhile waits in the error table, and goes on when the pause ends."""
    brakes, paused = DynamoBrakes(stack.cloud.client("dynamodb"), stack.physical("Ledger")), Brake("fast", since=0.0)
    assert brakes.begin(paused)
    stack.start_anew("FastDispatcher")
    stack.put("my-logs", "fast/waits.log", [{"n": 1}])
    stack.settle()
    assert [item.stage for item in stack.items if item.events[0].object_key == "fast/waits.log"] == ["paused"]
    assert brakes.replace(paused, paused.released())
    stack.start_anew("FastDispatcher")
    assert stack.drain(release=True)["events"] == 1
    stack.settle()
    assert stack.delivered()["my-logs/fast/waits.log"] == [1]


GRANTED = [
    pytest.param(role, row, f"{service}:{action}", id=f"{role}-{service}:{action}-{resource.replace(' ', '_')}")
    for role, rows in ROLES.items()
    for row, (actions, resource) in enumerate(rows)
    for service, _, names in [actions.partition(":")]
    for action in names.split()
]
"""Role, row of the table, action."""


@pytest.mark.parametrize(("role", "row", "action"), GRANTED)
def test_without_any_one_permission_the_run_would_have_been_refused_something(
    stack: Stack, uses: dict[str, list[Use]], role: str, row: int, action: str
) -> None:
    policy = stack.policies[role]
    for resource in policy["Statement"][row]["Resource"]:
        assert _refused(_less(policy, row, action, resource), uses[role]), f"spare: {action} on {resource}"


def test_roles_may_do_what_the_table_says_and_no_more(stack: Stack) -> None:
    for role, rows in ROLES.items():
        policy = [(" ".join(each["Action"]), each["Effect"]) for each in stack.policies[role]["Statement"]]
        table = [(actions.replace(" ", f" {actions.partition(':')[0]}:"), "Allow") for actions, _ in rows]
        assert policy == table


def test_a_permission_that_nothing_uses_is_found(stack: Stack, uses: dict[str, list[Use]]) -> None:
    policy = copy.deepcopy(stack.policies["ReporterRole"])
    spare = {"Effect": "Allow", "Action": ["sqs:PurgeQueue"], "Resource": ["arn:aws:sqs:us-east-1:123456789012:logs"]}
    policy["Statement"].append(spare)
    assert _refused(_less(policy, -1, spare["Action"][0], spare["Resource"][0]), uses["ReporterRole"]) == []


def _less(policy: dict[str, Any], row: int, action: str, resource: str) -> dict[str, Any]:
    """A policy without an action on one of the resources of a statement."""
    less = copy.deepcopy(policy)
    statement = less["Statement"].pop(row)
    pairs = [(each, arn) for each in statement["Action"] for arn in statement["Resource"]]
    pairs.remove((action, resource))
    less["Statement"] += [{"Effect": "Allow", "Action": each, "Resource": arn} for each, arn in pairs]
    return less


def _refused(policy: dict[str, Any], uses: Sequence[Use]) -> list[Use]:
    return [(action, resource) for action, resource in uses if not allows(policy, action, resource)]


def test_a_handler_may_do_what_its_policies_say_and_nothing_beside_it(stack: Stack) -> None:
    iam, role = stack.cloud.client("iam"), stack.physical("MainFuncRole")
    stack.put("my-logs", "fast/copied.log", [{"copy": "a"}])
    stack.settle()
    assert stack.delivered()["my-logs/fast/copied.log"] == [1]
    assert stack.s3.get_object(Bucket="out-123456789012", Key="a")["Body"].read() == b"copy"
    policy = iam.get_role_policy(RoleName=role, PolicyName="handler")["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName="handler")
    stack.put("my-logs", "fast/refused copy.log", [{"copy": "b"}])
    stack.settle()
    iam.put_role_policy(RoleName=role, PolicyName="handler", PolicyDocument=json.dumps(policy))
    item = stack.item("fast/refused copy.log")
    assert (item.stage, "s3:PutObject" in item.message) == ("handler", True)
    assert [one["Key"] for one in stack.s3.list_objects_v2(Bucket="out-123456789012")["Contents"]] == ["a"]


def test_every_role_has_the_boundary(stack: Stack) -> None:
    iam = stack.cloud.client("iam")
    bounds = [iam.get_role(RoleName=stack.physical(role))["Role"]["PermissionsBoundary"] for role in ROLES]
    assert {one["PermissionsBoundaryArn"] for one in bounds} == {"arn:aws:iam::123456789012:policy/boundary"}


def test_a_pusher_that_may_not_write_the_ledger_makes_an_item_of_what_it_should_drop(stack: Stack) -> None:
    with stack.without("EventPusherRole", "dynamodb:UpdateItem"):
        stack.put("my-logs", "dropped/refused.log", [{"n": 1}])
        stack.settle()
    item = stack.item("dropped/refused.log")
    assert item.stage == "push"
    assert "AWS denies" in item.message


def test_dispatchers_that_may_not_invoke_make_an_item_of_what_they_should_start(stack: Stack) -> None:
    with stack.without("DispatcherRole", "lambda:InvokeFunction"):
        stack.put("my-logs", "slow/refused.log", [{"n": 1}])
        stack.settle()
    assert stack.item("slow/refused.log").stage == "dispatch"
    assert "AWS denies" in stack.cloud.logs(stack.physical("SlowDispatcher"))


def test_a_main_func_that_may_not_read_versions_makes_an_item_of_each_object(stack: Stack) -> None:
    with stack.without("MainFuncRole", "s3:GetObjectVersion"):
        stack.put("my-logs", "fast/refused.log", [{"n": 1}])
        stack.settle()
    item = stack.item("fast/refused.log")
    assert item.stage == "storage"
    assert "AccessDenied" in item.message


def test_failures_are_undelivered_if_the_reporter_may_not_write(stack: Stack) -> None:
    with stack.without("ReporterRole", "dynamodb:UpdateItem"):
        stack.put("my-logs", "fast/unreported.log", [{"bug": 1}])
        stack.settle()
    assert all(item.events[0].object_key != "fast/unreported.log" for item in stack.items)
    queue = stack.cloud.client("sqs")
    (message,) = queue.receive_message(QueueUrl=stack.physical("Undelivered"))["Messages"]
    assert "fast/unreported.log" in message["Body"]
    assert "AWS denies" in message["Body"]
    queue.delete_message(QueueUrl=stack.physical("Undelivered"), ReceiptHandle=message["ReceiptHandle"])


def test_a_drain_that_may_not_read_versions_keeps_the_item_and_says_why(stack: Stack) -> None:
    stack.put("my-logs", "fast/partly.log", b'{"n": 1}\nno JSON\n')
    stack.settle()
    ids = [stack.item("fast/partly.log").request_id]
    with stack.without("DrainRole", "s3:GetObjectVersion"):
        refused = stack.drain(ids=ids)
    assert (refused["drained"], refused["kept"]) == (0, 1)
    assert "AccessDenied" in refused["notes"][0]
    assert stack.drain(ids=ids)["drained"] == 1
    stack.settle()
