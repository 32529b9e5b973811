"""Operators' commands on a stack: the same output as on this machine, by the stack's name alone."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from moto.awslambda_simple.models import lambda_simple_backends

import aws
from fakes import object_event
from projects import CONFIG, Done, Project
from slips.backends.aws import cloudwatch
from slips.backends.aws import logs as aws_logs
from slips.backends.aws import operations as aws_operations
from slips.backends.aws.clients import Clients
from slips.backends.aws.ledger import LEDGER_DAYS
from slips.backends.aws.limits import LaneLimits
from slips.backends.aws.operations import StackOperations
from slips.backends.aws.s3 import S3Store
from slips.backends.aws.stack import DeployedStack
from slips.cli import drain, logs
from slips.cli.progress import Tally
from slips.config import LaneConfig, parse
from slips.envelope import unwrap
from slips.errors import SlipsError, StreamError, UsageError
from slips.model import ErrorItem, ObjectEvent, Outcome, Sample, format_time
from slips.operations import Alarm, LaneStatus, LogLine
from slips.pipeline import drain as station
from slips.pipeline.drain import DrainRequest, DrainResult
from slips.service import supervisor
from slips.service.messages import Frames, Opened, Progress, Ready, Setup, Task, frame
from slips.service.worker import serve
from slips.site import StackSite, WorkerSite
from stacks import VARIABLES, deploy, template, template_of_2018

pytestmark = pytest.mark.once

REGION, ACCOUNT = "us-east-1", "123456789012"
CLIENTS = Clients(REGION)
"""Shared, as making a client takes its time; a test that replaces one has a copy."""
ON_AWS = CONFIG.replace(CONFIG[CONFIG.index("backend:") : CONFIG.index("handler:")], "")
"""The same project without `backend.embedded`."""
OLD = ObjectEvent(
    aws_region="ap-northeast-1",
    event_time="2018-04-05T12:00:16.587Z",
    event_name="ObjectCreated:Put",
    bucket_name="my-logs",
    bucket_arn="arn:aws:s3:::my-logs",
    object_key="slow/a+b",
    object_size=1779,
    object_etag="fd8fff47866aface4ba9457bba303975",
    dest_stream="slam-xxxx-EventSlowStream-WVPZDN4SDQW0",
)


class Cloud:
    """A stack called `test`, and a project that is about it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.clients = copy(CLIENTS)
        self.s3 = boto3.client("s3", region_name=REGION)
        self.s3.create_bucket(Bucket="my-logs")

    def deploy(self, body: dict[str, Any], name: str = "test") -> None:
        deploy(body, name)

    def stack(self, name: str = "test") -> DeployedStack:
        return DeployedStack.find(self.clients, name, sleep=lambda _: None)

    def slips(self, *args: str) -> Done:
        return self.project.slips(*args)

    def fail(self, request_id: str, key: str = "json/a", **about: Any) -> ErrorItem:
        """An item in the error tables of the stack and of this machine."""
        item = self.project.fail(request_id, key, **about)
        self.stack().errors.put(item)
        return item

    def fail_in_2018(self, request_id: str, *events: ObjectEvent) -> None:
        argument = json.dumps([event.to_dict() for event in events])
        self.clients.dynamodb.put_item(
            TableName=self.stack().made["ErrorTable"],
            Item={"request_id": {"S": request_id}, "argument": {"S": argument}},
        )

    def errors(self) -> list[str]:
        return [item.request_id for item in self.stack().errors.scan()]

    def put(self, key: str, *records: Any) -> dict[str, Any]:
        body = b"".join(json.dumps(each).encode() + b"\n" for each in records)
        return dict(self.s3.put_object(Bucket="my-logs", Key=key, Body=body))

    def on_lane(self, lane: str) -> list[dict[str, Any]]:
        """The object events on a stream."""
        kinesis, name = self.clients.kinesis, self.stack().streams[lane]  # type: ignore[index]
        (shard,) = kinesis.list_shards(StreamName=name)["Shards"]
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return [json.loads(each["Data"]) for each in kinesis.get_records(ShardIterator=iterator)["Records"]]

    def say(self, function: str, *said: tuple[float, str], stream: str = "one") -> None:
        """Lines in the log of a function, each with its time in epoch seconds."""
        group = self.stack().made[f"{function}Logs"]
        client = boto3.client("logs", region_name=REGION)
        client.create_log_stream(logGroupName=group, logStreamName=stream)
        client.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": int(when * 1000), "message": text} for when, text in said],
        )

    def answer(self, *results: dict[str, Any]) -> None:
        """What functions will answer, one by one."""
        lambda_simple_backends[ACCOUNT][REGION].lambda_simple_results_queue[:] = [json.dumps(each) for each in results]


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def bare(tmp_path: Path, credentials: None) -> Iterator[Cloud]:
    """AWS without a stack."""
    project = Project(tmp_path)
    project.config(ON_AWS)
    with aws.account(**{"lambda": {"use_docker": False}}):
        yield Cloud(project)


@pytest.fixture
def cloud(bare: Cloud) -> Cloud:
    bare.deploy(template())
    return bare


@pytest.fixture
def cloud_of_2018(bare: Cloud) -> Cloud:
    bare.deploy(template_of_2018())
    return bare


def refusal(code: str, message: str = "no", operation: str = "Call") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


# ---- which backend, and which stack


@pytest.mark.slow
def test_every_command_prints_on_the_stack_what_it_prints_on_this_machine(cloud: Cloud) -> None:
    cloud.fail("2a45-1", seq=7, traceback="Traceback\n  here\nKeyError: 'x'\n")
    cloud.fail("2a45-2", key="slow/é \x1b[31m", failed_at="2019-01-01T00:00:00.000Z", fingerprint="beef")
    cloud.fail("8b0b", kind="records", records=[(1, 2), (7, 7)], samples=[Sample(1, "bad", "raw")], stage="parse")
    cloud.fail("8b0b-2", kind="records", records=[(9, None)], stage="parse")
    commands = [
        ["errors"],
        ["errors", "--json"],
        ["errors", "--group"],
        ["errors", "--since", "2018-06-01T00:00:00Z", "--prefix", "my-logs/slow/"],
        ["errors", "--limit", "1"],
        ["error", "2a45-1"],
        ["error", "8b"],
        ["error", "2a4"],
        ["error", "none"],
        ["error", "8b0b", "-f", "cjson"],
        ["drain", "--dry-run", "--type", "records"],
        ["drain", "--dry-run", "8b0b"],
        ["dismiss", "--type", "records"],
        ["dismiss", "none", "-y"],
    ]
    on_stack = [cloud.slips(*command) for command in commands]
    cloud.project.config(CONFIG)
    for command, there in zip(commands, on_stack, strict=True):
        here = cloud.slips(*command)
        assert (there.status, there.out, there.err) == (here.status, here.out, here.err), command


@pytest.mark.slow
def test_embedded_means_this_machine_unless_aws_or_a_stack_is_asked_for(cloud: Cloud) -> None:
    cloud.stack().errors.put(ErrorItem(request_id="far", events=[OLD]))
    cloud.project.config(CONFIG)
    assert cloud.slips("errors").out == "no errors\n"
    for args in (["--aws", "errors"], ["-s", "test", "errors"], ["errors", "-s", "test"], ["-s", "test", "errors"]):
        assert "  far  " in cloud.slips(*args).out, args


def test_two_stacks_in_one_command_are_refused(cloud: Cloud) -> None:
    assert cloud.slips("-s", "test", "errors", "-s", "test").status == 0
    done = cloud.slips("-s", "test", "errors", "-s", "other")
    assert (done.status, done.out) == (2, "")
    assert done.err == "slips: -s: 'test' before the command and 'other' behind it; expected one of them\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["errors"], ["error", "r1"], ["status"], ["limit", "fast"], ["logs"], ["drain"]], ids=" ".join
)
def test_s_works_without_a_config_file(cloud: Cloud, command: list[str]) -> None:
    cloud.fail("r1")
    cloud.answer({"drained": 1, "lanes": {"fast": 1}, "kept": 0, "notes": [], "undelivered": 0, "more": False})
    (cloud.project.root / "slips.yml").unlink()
    done = cloud.slips(*command, "-s", "test")
    assert (done.status, done.err) == (0, "")
    assert cloud.slips(*command).status == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["test", "-r", "r1"], "'test' needs its handler and 'bucket_mapping'"),
        (["sample"], "'sample' needs its 'bucket_mapping'"),
        (["check"], "it is what 'check' checks"),
    ],
    ids=["test", "sample", "check"],
)
def test_what_needs_the_config_says_so(cloud: Cloud, command: list[str], why: str) -> None:
    (cloud.project.root / "slips.yml").unlink()
    done = cloud.slips("-s", "test", *command)
    assert done.status == 2
    assert f"no slips.yml and no config.yml; expected one of them, or another with -c FILE: {why}; " in done.err


def test_check_shows_where_the_stack_finds_its_buckets(project: Project) -> None:
    assert "bucket my-logs: logs\n" in project.slips("check").out
    assert "bucket my-logs: s3://my-logs\n" in project.slips("--aws", "check").out
    assert project.slips("--aws", "check", "--json").json["buckets"] == {"my-logs": "s3://my-logs"}


@pytest.mark.slow
def test_a_stack_that_is_not_there_is_wrong_input_and_names_the_region(bare: Cloud) -> None:
    for command in (["errors"], ["status"], ["limit", "fast"], ["logs"], ["drain"], ["test", "-r", "x"]):
        done = bare.slips("--region", "eu-west-1", *command)
        assert (done.status, done.out) == (2, ""), command
        assert "stack 'test': ValidationError" in done.err
        assert "expected a stack that is deployed in eu-west-1" in done.err


@pytest.mark.slow
def test_a_name_that_is_no_stacks_is_wrong_input_without_a_config_too(bare: Cloud) -> None:
    (bare.project.root / "slips.yml").unlink()
    for command in (["errors"], ["error", "x"], ["status"], ["limit", "fast"], ["drain"], ["dismiss", "x"]):
        for args in ([*command, "-s", "typo"], ["-s", "typo", *command]):
            done = bare.slips(*args)
            assert (done.status, done.out) == (2, ""), args
            assert "stack 'typo': ValidationError: " in done.err
            assert f"expected a stack that is deployed in {REGION}; look at its name (-s" in done.err


def test_run_is_of_this_machine_and_says_so(project: Project) -> None:
    for args in (["-s", "test", "run"], ["--aws", "run"]):
        done = project.slips(*args)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("slips: run: always works on this machine; expected neither -s nor --aws")


def test_a_server_that_is_not_there_is_failed_work_that_names_it(credentials: None) -> None:
    with pytest.raises(SlipsError, match=r"stack 'x': cannot be reached: .*127\.0\.0\.1:9.*look at") as raised:
        DeployedStack.find(
            clients(cloudformation=Pages(EndpointConnectionError(endpoint_url="http://127.0.0.1:9"))), "x"
        )
    assert raised.value.exit_status == 1


def test_no_region_is_wrong_input(bare: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    done = bare.slips("errors")
    assert done.status == 2
    assert "AWS: no region; expected one" in done.err


class Pages:
    """A client whose only pages are these, or this error."""

    def __init__(self, *pages: Any) -> None:
        self._pages = pages

    def get_paginator(self, _: str) -> Pages:
        return self

    def paginate(self, **_: Any) -> Iterator[Any]:
        for page in self._pages:
            if isinstance(page, Exception):
                raise page
            yield page


def clients(**fakes: Any) -> Clients:
    made = Clients(REGION)
    for name, fake in fakes.items():
        setattr(made, name, fake)
    return made


def resource(name: str, status: str = "CREATE_COMPLETE", **about: str) -> dict[str, Any]:
    known = {"LogicalResourceId": name, "PhysicalResourceId": f"physical-{name}", "ResourceStatus": status}
    return {"ResourceType": "AWS::Lambda::Function", **known, **about}


def test_the_resources_come_from_all_pages_and_what_the_stack_let_go_is_not_its_own() -> None:
    first = [resource(f"R{number}") for number in range(100)]
    second = [resource("Drain"), resource("ErrorTable", "DELETE_SKIPPED"), resource("MainFunc")]
    environment = {"Variables": {"SLIPS_ERROR_TABLE": "given-by-the-config"}}
    asked: list[str] = []

    class Functions:
        def get_function_configuration(self, *, FunctionName: str) -> Any:
            asked.append(FunctionName)
            return {"Environment": environment}

    pages = [{"StackResourceSummaries": each} for each in (first, second)]
    stack = DeployedStack.find(clients(cloudformation=Pages(*pages), functions=Functions(), dynamodb=None), "test")
    assert stack.errors._table == "given-by-the-config"
    assert asked == ["physical-Drain"]
    assert StackOperations(stack).functions() == ["MainFunc", "Drain"]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (
            refusal("AccessDenied", "User x is not authorized to perform: cloudformation:ListStackResources"),
            1,
            "denies",
        ),
        (refusal("AccessDeniedException", "no", "ListStackResources"), 1, "denies ListStackResources"),
        (refusal("AccessDenied"), 1, r"that permission \('What the deployer may do' in docs/aws.md lists all\), or"),
        (refusal("ExpiredToken"), 2, "renews those of SSO"),
        (refusal("Throttling", "Rate exceeded"), 1, "AWS refuses Call: Throttling: Rate exceeded"),
        (NoCredentialsError(), 2, "no AWS credentials"),
    ],
    ids=["denied", "denied, unnamed", "denied, with all that is needed", "expired", "throttled", "no credentials"],
)
def test_what_aws_refuses_is_told_with_what_to_do(error: Exception, status: int, text: str) -> None:
    with pytest.raises(SlipsError, match=text) as raised:
        DeployedStack.find(clients(cloudformation=Pages(error)), "test")
    assert raised.value.exit_status == status
    assert str(raised.value).startswith("stack 'test': ")


class Unfinished(Pages):
    """CloudFormation, with a stack in this state."""

    def __init__(self, status: str | Exception, *resources: str) -> None:
        super().__init__({"StackResourceSummaries": [resource(name) for name in resources]})
        self._status = status

    def describe_stacks(self, *, StackName: str) -> Any:
        if isinstance(self._status, Exception):
            raise self._status
        return {"Stacks": [{"StackName": StackName, "StackStatus": self._status}]}


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("ROLLBACK_COMPLETE", r"is ROLLBACK_COMPLETE: its creation failed; .*'slips deploy' makes it anew"),
        ("CREATE_IN_PROGRESS", r"is CREATE_IN_PROGRESS: it is being created; .*; wait"),
        ("DELETE_FAILED", r"is DELETE_FAILED: .*'slips destroy' deletes the rest"),
        ("CREATE_COMPLETE", r"has no error table; expected"),
        (refusal("AccessDenied"), r"has no error table; expected"),
    ],
)
def test_a_stack_that_is_not_whole_says_in_which_state_it_is(status: str | Exception, text: str) -> None:
    stack = DeployedStack.find(clients(cloudformation=Unfinished(status, "Role")), "test")
    operations = StackOperations(stack)
    with pytest.raises(UsageError, match=f"stack 'test':? {text}"):
        list(stack.errors.scan())
    if isinstance(status, str) and status != "CREATE_COMPLETE":
        for ask in (lambda: operations.limit("fast"), operations.functions, lambda: operations.drain({})):
            with pytest.raises(UsageError, match=f"is {status}: "):
                ask()


# ---- large and old tables


@pytest.mark.slow
def test_a_table_of_many_pages_is_listed_whole_and_in_order(cloud: Cloud) -> None:
    errors = cloud.stack().errors
    for number in range(250):  # about 4 MB, a page of DynamoDB is 1 MB
        item = ErrorItem(
            request_id=f"r{number}",
            events=[OLD],
            failed_at=f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000Z",
            traceback="x" * 16_000,
        )
        errors.put(item)
    listed = [line.split()[1] for line in cloud.slips("errors").out.splitlines()]
    assert listed == [f"r{number}" for number in range(250)]


@pytest.mark.slow
def test_items_of_2018_are_listed_with_the_time_of_their_event_and_drained_to_their_lane(cloud: Cloud) -> None:
    cloud.fail_in_2018("2a45219e-336f", OLD)
    cloud.put("slow/a b", {"n": 1})
    done = cloud.slips("errors")
    assert done.out.startswith("2018-04-05T12:00:16.587Z:  2a45219e-336f  my-logs          slow/a+b (1779 byte)  ")
    argument = json.dumps([OLD.to_dict()], indent=4)
    assert cloud.slips("error", "2a45").out.startswith(f"RequestID: 2a45219e-336f\nArgument:\n{argument}\n")
    assert cloud.slips("drain").out == "1 item drained: 1 on lane slow; the stack processes them now\n"
    assert cloud.errors() == []
    (event,) = cloud.on_lane("slow")
    assert (event["object_key"], event["dest_stream"]) == ("slow/a b", cloud.stack().streams["slow"])


@pytest.mark.slow
def test_an_item_that_cannot_be_read_holds_up_no_other_and_is_named(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", failed_at="2019-01-01T00:00:00.000Z")
    cloud.fail_in_2018("empty")
    table = cloud.stack().made["ErrorTable"]
    for name, attributes in {"bare": {}, "odd": {"failed_at": {"S": "2018-12-01"}, "item": {"S": "{"}}}.items():
        cloud.clients.dynamodb.put_item(TableName=table, Item={"request_id": {"S": name}, **attributes})
    done = cloud.slips("errors")
    assert [line.split()[1] for line in done.out.splitlines()] == ["r1", "r2"]
    assert done.status == 1
    assert [name for name in ("empty", "bare", "odd") if f"error item '{name}': " in done.err] == [
        "empty",
        "bare",
        "odd",
    ]
    assert cloud.slips("drain").out == "2 items drained: 2 on lane fast; the stack processes them now\n"
    assert cloud.slips("error", "odd").status == 1


@pytest.mark.slow
def test_a_stack_of_2018_is_operated_and_what_it_lacks_is_said_when_it_is_needed(cloud_of_2018: Cloud) -> None:
    cloud = cloud_of_2018
    cloud.fail_in_2018("old", OLD)
    assert "  old  " in cloud.slips("errors").out
    done = cloud.slips("status")
    assert (done.status, "undelivered" in done.out) == (0, False)
    ledger = cloud.slips("status", "--ledger")
    assert (ledger.status, "has no ledger; expected 'Ledger', which stacks of 2018 lack" in ledger.err) == (2, True)
    limit = cloud.slips("limit", "fast")
    assert (limit.status, "unlike those of 2018" in limit.err) == (2, True)
    remote = cloud.slips("drain", "--remote", "old")
    assert (remote.status, "has no Drain function of this version" in remote.err) == (2, True)
    assert cloud.slips("drain", "--json").json == {
        "drained": 1,
        "lanes": {"fast": 0, "slow": 1},
        "kept": 0,
        "notes": [],
    }


# ---- drain


def test_drained_items_are_on_the_streams_and_gone_from_the_table(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", events=[ObjectEvent(bucket_name="my-logs", object_key="slow/b", lane="slow")])
    done = cloud.slips("drain", "--json")
    assert done.json == {"drained": 2, "lanes": {"fast": 1, "slow": 1}, "kept": 0, "notes": [], "undelivered": 0}
    assert cloud.errors() == []
    (fast,), (slow,) = cloud.on_lane("fast"), cloud.on_lane("slow")
    assert (fast["object_key"], fast["replay"], slow["object_key"]) == ("json/a", "r1@1", "slow/b")


def undelivered(cloud: Cloud, *bodies: Any) -> str:
    url = cloud.stack().made["Undelivered"]
    for body in bodies:
        cloud.clients.sqs.send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body))
    return url


def test_errors_tells_of_undelivered_messages_beside_its_list(cloud: Cloud) -> None:
    url = undelivered(cloud, "x", "y")
    note = "slips: 2 undelivered messages besides: 'slips drain' takes them up, 'slips status' counts them\n"
    for args, out in [([], "no errors\n"), (["--json"], "[]\n"), (["--group"], "no errors\n")]:
        done = cloud.slips("errors", *args)
        assert (done.status, done.out, done.err) == (0, out, note)
    cloud.fail("r1")
    done = cloud.slips("errors", "--json")
    assert (len(done.json), done.err) == (1, note)
    cloud.clients.sqs.delete_queue(QueueUrl=url)
    done = cloud.slips("errors")
    assert (done.status, done.out.count("r1"), done.err) == (0, 1, "")


def s3_event(key: str) -> dict[str, Any]:
    about = {"bucket": {"name": "my-logs"}, "object": {"key": key, "size": 1, "eTag": "e"}}
    return {"Records": [{"eventName": "ObjectCreated:Put", "eventTime": "2026-01-01T00:00:00.000Z", "s3": about}]}


@pytest.mark.slow
def test_drain_empties_the_undelivered_queue_and_keeps_what_cannot_be_read(cloud: Cloud) -> None:
    url = undelivered(cloud, s3_event("json/lost"), "nonsense")
    dry = cloud.slips("drain", "--dry-run")
    assert dry.err == "slips: about 2 undelivered messages would be put back, too\n"
    assert dry.out == "nothing to drain\n"
    done = cloud.slips("drain")
    assert done.out == "1 undelivered object event put back; the stack processes them now\n"
    assert "undelivered message stays: " in done.err
    (event,) = cloud.on_lane("fast")
    assert event["object_key"] == "json/lost"
    waiting = cloud.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert int(waiting["ApproximateNumberOfMessages"]) + int(waiting["ApproximateNumberOfMessagesNotVisible"]) == 1


@pytest.mark.slow
def test_a_drain_of_chosen_items_leaves_the_undelivered_queue_alone(cloud: Cloud) -> None:
    cloud.fail("r1")
    undelivered(cloud, s3_event("json/lost"))
    assert "undelivered" not in cloud.slips("drain", "r1", "--json").json
    assert cloud.slips("drain", "--since", "2h").out == "nothing to drain\n"
    assert [event["object_key"] for event in cloud.on_lane("fast")] == ["json/a"]


def test_a_lane_that_refuses_ends_drain_which_then_says_what_it_did(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.fail("r1")
    cloud.fail("r2", events=[ObjectEvent(bucket_name="my-logs", object_key="slow/b", lane="slow")])
    cloud.fail("r3", failed_at="2019-01-01T00:00:00.000Z")
    cloud.clients.kinesis.delete_stream(StreamName=cloud.stack().streams["slow"])
    done, deployed = DrainResult(), cloud.stack()
    site = StackSite(parse(ON_AWS), deployed)
    site.store = S3Store(cloud.clients.s3)
    stack = StackOperations(deployed)
    with pytest.raises(StreamError, match="lane slow"), drain.told(done, stack, False, False):
        list(station.drain(DrainRequest(), site, done))
    assert cloud.errors() == ["r2", "r3"]
    assert capsys.readouterr().out == "1 item drained: 1 on lane fast; the stack processes them now\n"


def test_without_a_config_the_function_drains_what_is_chosen(cloud: Cloud) -> None:
    done = {"drained": 2, "lanes": {"fast": 2, "slow": 0}, "kept": 1, "notes": ["a note"], "undelivered": 3}
    cloud.answer({**done, "more": False})
    (cloud.project.root / "slips.yml").unlink()
    told = cloud.slips("drain", "-s", "test")
    assert told.out == (
        "2 items drained: 2 on lane fast; the stack processes them now\n"
        "3 undelivered object events put back; the stack processes them now\n"
        "1 item kept: 'slips dismiss' takes out what cannot be replayed\n"
    )
    assert told.err == "slips: a note\n"


def test_a_config_with_mistakes_keeps_the_function_from_nothing(cloud: Cloud) -> None:
    cloud.project.config("nonsense: [")
    cloud.answer(result(1))
    assert cloud.slips("drain", "--remote", "-s", "test").out.startswith("1 item drained")
    assert cloud.slips("drain", "-s", "test").status == 2


@pytest.mark.slow
def test_the_config_of_another_stack_does_not_drain_this_one(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.deploy(template(), "other")
    cloud.project.config(ON_AWS.replace("stack_name: test", "stack_name: other"))
    cloud.answer({"drained": 7, "lanes": {"fast": 7}, "kept": 0, "notes": [], "undelivered": 0, "more": False})
    assert "7 items drained" in cloud.slips("drain", "-s", "test").out
    assert "1 item drained" in cloud.slips("-c", "slips.yml", "drain", "-s", "test").out


def test_remote_needs_a_stack(cloud: Cloud) -> None:
    cloud.project.config(CONFIG)
    done = cloud.slips("drain", "--remote")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("slips: --remote: this machine has no Drain function; expected a stack")


class FakeDrain:
    """The Drain function: answers one by one; `asked` is what it was asked."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def invoke(self, *, FunctionName: str, Payload: str) -> Any:
        self.asked.append(json.loads(Payload))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        body = BytesIO(json.dumps(answer).encode())
        return {"Payload": body, **({"FunctionError": "Unhandled"} if "errorMessage" in answer else {})}


def remote(cloud: Cloud, function: FakeDrain, request: DrainRequest) -> DrainResult:
    cloud.clients.patient_functions = function  # type: ignore[assignment]
    done = DrainResult()
    list(station.drain_remotely(request, StackOperations(cloud.stack()), done))
    return done


def result(drained: int, *, kept: int = 0, more: bool = False, notes: tuple[str, ...] = ()) -> dict[str, Any]:
    about = {"drained": drained, "lanes": {"fast": drained, "slow": 0}, "kept": kept, "undelivered": 0}
    return {**about, "notes": list(notes), "more": more}


@pytest.mark.slow
def test_the_function_is_called_again_while_there_is_more(cloud: Cloud) -> None:
    for request_id in ("r1", "r2"):
        cloud.fail(request_id)
    function = FakeDrain(result(3, kept=1, more=True, notes=("kept x",)), result(2, kept=1, notes=("kept x", "y")))
    chosen = DrainRequest(since="2h", prefix="my-logs/", type="KeyError", limit=7)
    report = remote(cloud, function, chosen)
    asked = {"since": "2h", "prefix": "my-logs/", "type": "KeyError", "dry_run": False}
    assert function.asked == [{**asked, "limit": 7}, {**asked, "limit": 4}]
    assert (report.drained, report.lanes["fast"], report.kept, report.notes) == (5, 5, 1, ["kept x", "y"])


def test_the_function_gets_whole_ids_and_again_only_those_that_are_left(cloud: Cloud) -> None:
    cloud.fail("2a45-1")
    cloud.fail("8b0b-1")

    class Deleting(FakeDrain):
        def invoke(self, **request: Any) -> Any:
            cloud.stack().errors.discard("2a45-1")
            return super().invoke(**request)

    function = Deleting(result(1, more=True), result(1))
    remote(cloud, function, DrainRequest(drain.whole(["2a", "8b0b-1"], StackOperations(cloud.stack()))))
    assert [each["ids"] for each in function.asked] == [["2a45-1", "8b0b-1"], ["8b0b-1"]]
    last = Deleting(result(1, more=True))
    cloud.fail("2a45-1")
    remote(cloud, last, DrainRequest(["2a45-1"]))
    assert [each["ids"] for each in last.asked] == [["2a45-1"]], "a request without ids would be for everything"


def test_a_dry_run_asks_the_function_once(cloud: Cloud) -> None:
    function = FakeDrain(result(3, more=True))
    report = remote(cloud, function, DrainRequest(dry_run=True))
    assert function.asked == [{"dry_run": True}]
    assert report.notes == ["the function's time was up: there are more"]


@pytest.mark.slow
def test_a_function_that_gets_no_further_or_fails_is_failed_work(cloud: Cloud) -> None:
    everything = DrainRequest()
    with pytest.raises(SlipsError, match="gets no further"):
        remote(cloud, FakeDrain(result(0, kept=3, more=True)), everything)
    with pytest.raises(SlipsError, match="failed: no bucket; expected it to drain"):
        remote(cloud, FakeDrain({"errorMessage": "no bucket"}), everything)
    with pytest.raises(SlipsError, match="denies lambda:InvokeFunction"):
        remote(cloud, FakeDrain(refusal("AccessDeniedException", "no", "Invoke")), everything)
    with pytest.raises(UsageError, match="--since: 'soon' is no time"):
        remote(cloud, FakeDrain(), DrainRequest(since="soon"))


def test_a_pipe_hears_of_a_long_drain_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    tally = Tally("items drained", lambda: now)
    for _ in range(2500):
        now += 0.01
        tally.add(1)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["1,001", "2,001"]


# ---- dismiss


@pytest.mark.slow
def test_on_a_stack_dismissed_items_leave_the_table_and_no_other(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", key="slow/b")
    cloud.fail_in_2018("old", OLD)
    listed = cloud.slips("errors", "--json", "--prefix", "slow/").json
    (cloud.project.root / "slips.yml").unlink()
    done = cloud.slips("dismiss", "-s", "test", "--prefix", "slow/", "--json", "-y")
    assert (done.status, done.json) == (0, listed)
    assert [each["request_id"] for each in listed] == ["r2", "old"]
    assert cloud.errors() == ["r1"]


def test_an_item_that_cannot_be_read_keeps_no_other_from_being_dismissed(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail_in_2018("empty")
    done = cloud.slips("dismiss", "--all", "-y")
    assert (done.status, done.out.splitlines()[-1]) == (1, "1 item dismissed")
    assert "error item 'empty': " in done.err


def test_undelivered_messages_that_cannot_be_read_are_dismissed_and_no_others(cloud: Cloud) -> None:
    url = undelivered(cloud, s3_event("json/lost"), "nonsense\x1b")
    done = cloud.slips("dismiss", "--undelivered", "--json", "-y")
    (message,) = done.json
    assert (message["kind"], message["body"]) == ("undelivered", "nonsense\x1b")
    assert f"slips: undelivered message: {message['message']}\n" == done.err
    waiting = cloud.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert int(waiting["ApproximateNumberOfMessages"]) + int(waiting["ApproximateNumberOfMessagesNotVisible"]) == 1


def test_a_message_of_which_something_is_still_to_be_done_is_not_dismissed(cloud: Cloud) -> None:
    half = s3_event("json/lost")
    half["Records"].append({"nonsense": 1})
    undelivered(cloud, half)
    assert cloud.slips("dismiss", "--undelivered", "-y").out == "nothing to dismiss\n"
    (event,) = unwrap(half).events
    cloud.stack().ledger.finish(event, Outcome())
    assert cloud.slips("dismiss", "--undelivered", "-y").out.endswith("1 undelivered message dismissed\n")


@pytest.mark.slow
def test_a_message_that_drain_could_not_read_is_dismissed_right_after(cloud: Cloud) -> None:
    undelivered(cloud, "nonsense")
    drained = cloud.slips("drain").err
    assert "undelivered message stays" in drained
    assert drained.endswith("slips: 'slips dismiss --undelivered' takes out the messages that cannot be read\n")
    assert cloud.slips("dismiss", "--undelivered").status == 2  # nobody to ask
    done = cloud.slips("dismiss", "--undelivered", "-y")
    assert (done.status, done.out.splitlines()[-1]) == (0, "1 undelivered message dismissed")


@pytest.mark.slow
def test_messages_that_somebody_looks_at_are_said_to_be_hidden(cloud: Cloud) -> None:
    url = undelivered(cloud, "nonsense")
    cloud.clients.sqs.receive_message(QueueUrl=url)
    done = cloud.slips("dismiss", "--undelivered", "-y")
    assert (done.status, done.out) == (0, "nothing to dismiss\n")
    assert "what another command looks at is hidden for 5 minutes" in done.err


# ---- status


@pytest.mark.slow
def test_status_says_what_is_known_of_a_stack(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", kind="records", fingerprint="beef", message="other")
    undelivered(cloud, "x", "y")
    stack = cloud.stack()
    stack.ledger.finish(OLD, Outcome(records=1, delivered=1))
    done = cloud.slips("status")
    assert done.out.startswith(
        "lane fast: idle: nothing arrived or was dispatched in the last 5 min\n"
        "lane slow: idle: nothing arrived or was dispatched in the last 5 min\n"
        "ledger: not counted; '--ledger' reads all of it\n"
        "errors: 1 of objects, 1 of records\n"
        "undelivered: 2 messages; 'slips drain' puts back what it can read of them, and says why the rest stays; "
        "'slips dismiss --undelivered' takes that out\n"
        "alarms: none is on\n"
        "     1  f00d  handler KeyError: "
    )
    assert "ledger: 1 done\n" in cloud.slips("status", "--ledger").out
    told = cloud.slips("status", "--json").json
    assert list(told) == ["lanes", "ledger", "undelivered", "alarms", "errors", "groups"]
    assert (told["errors"], told["undelivered"], told["ledger"]) == ({"object": 1, "records": 1}, 2, None)


def test_the_lag_is_the_latest_iterator_age_and_arrivals_are_summed(cloud: Cloud) -> None:
    asked: list[Any] = []

    class CloudWatch:
        def get_metric_data(self, **request: Any) -> Any:
            asked.append(request)
            values = {"fast_age": [35_200.0, 1.0], "fast_new": [2.0, 3.0], "slow_age": [], "slow_new": []}
            return {"MetricDataResults": [{"Id": name, "Values": each} for name, each in values.items()]}

    cloud.clients.cloudwatch = CloudWatch()  # type: ignore[assignment]
    stack = DeployedStack.find(cloud.clients, "test", clock=lambda: 1_000_000.0)
    lanes = StackOperations(stack).status(count_ledger=False).lanes
    assert lanes["fast"] == LaneStatus(waiting=None, oldest_seconds=35.2, arrived=5)
    assert lanes["slow"] == LaneStatus(waiting=None, oldest_seconds=None, arrived=0)
    assert (asked[0]["StartTime"], asked[0]["EndTime"]) == ("1970-01-12T13:41:40.000Z", "1970-01-12T13:46:40.000Z")
    names = [each["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for each in asked[0]["MetricDataQueries"]]
    assert names[:2] == [stack.made["FastDispatcher"], stack.streams["fast"]]


class Alarms:
    """CloudWatch, in which alarms with these names are on; it may refuse to say so."""

    def __init__(self, *on: str, refusal: ClientError | None = None) -> None:
        self.on, self.refusal, self.asked = on, refusal, list[int]()

    def get_paginator(self, operation: str) -> Alarms:
        assert operation == "describe_alarms"
        return self

    def paginate(self, *, AlarmNames: Sequence[str], StateValue: str) -> Iterator[Any]:
        assert StateValue == "ALARM"
        if self.refusal:
            raise self.refusal
        self.asked.append(len(AlarmNames))
        for name in AlarmNames:
            since = datetime(2026, 1, 1 + (name == "A1"), tzinfo=UTC)
            yield {"MetricAlarms": [{"AlarmName": name, "StateUpdatedTimestamp": since}] if name in self.on else []}


def alarms_on(watch: Alarms) -> list[Alarm] | None:
    stack = DeployedStack(clients(cloudwatch=watch), "test", {}, [f"A{number}" for number in range(130)])
    return cloudwatch.alarms_on(stack)


def test_any_number_of_alarms_is_asked_for_and_the_longest_on_is_first() -> None:
    watch = Alarms("A1", "A120")
    assert [one.name for one in alarms_on(watch) or ()] == ["A120", "A1"]
    assert watch.asked == [100, 30]


def test_the_alarms_are_those_that_the_stack_made() -> None:
    found = [resource(name, ResourceType="AWS::CloudWatch::Alarm") for name in ("LostAlarm", "Other")]
    made = [*found, resource("Role"), resource("Gone", "DELETE_COMPLETE", ResourceType="AWS::CloudWatch::Alarm")]
    watch = Alarms("physical-LostAlarm", "physical-Gone", "Other")
    stack = DeployedStack.find(
        clients(cloudformation=Pages({"StackResourceSummaries": made}), cloudwatch=watch), "test"
    )
    assert cloudwatch.alarms_on(stack) == [Alarm("physical-LostAlarm", "2026-01-01T00:00:00.000Z", "")]


def test_status_shows_alarms_that_are_on_with_what_could_steer_a_terminal_spelled_out(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = {"name": "LostAlarm", "since": "2026-01-01T00:00:00.000Z", "description": "Look \x1b[31m\nhere."}
    monkeypatch.setattr(aws_operations, "alarms_on", lambda _: [Alarm(**on)])
    assert cloud.slips("status").out.partition("undelivered: none\n")[2] == (
        "alarms: 1 on\n  LostAlarm, since 2026-01-01T00:00:00.000Z: Look \\x1b[31m\\nhere.\n"
    )
    assert cloud.slips("status", "--json").json["alarms"] == [on]


def test_alarms_that_may_not_be_read_are_unknown_and_fail_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alarms_on(Alarms(refusal=refusal("AccessDenied"))) is None
    with pytest.raises(SlipsError, match="Throttling"):
        alarms_on(Alarms(refusal=refusal("Throttling")))
    monkeypatch.setattr(aws_operations, "alarms_on", lambda _: None)
    for args in ([], ["--json"]):
        done = cloud.slips("status", *args)
        assert (done.status, done.err) == (
            0,
            "slips: alarms are unknown: AWS denies cloudwatch:DescribeAlarms; expected it to be allowed; allow it\n",
        )
    assert done.json["alarms"] is None


def test_what_operators_drop_is_remembered_as_long_as_the_stack_remembers(bare: Cloud) -> None:
    for days, known in (("7", 7), (None, LEDGER_DAYS)):
        body, name = template(), f"days-{days}"
        variables = {**VARIABLES["Drain"], **({"SLIPS_LEDGER_DAYS": days} if days else {})}
        body["Resources"]["Drain"]["Properties"]["Environment"] = {"Variables": variables}
        bare.deploy(body, name)
        stack = DeployedStack.find(bare.clients, name, clock=lambda: 1_000_000.0)
        stack.ledger.drop(object_event("a"))
        (item,) = bare.clients.dynamodb.scan(TableName=stack.made["Ledger"])["Items"]
        assert item["expires_at"] == {"N": str(1_000_000 + known * 86_400)}


# ---- limit


def settings(cloud: Cloud, function: str = "FastDispatcher") -> tuple[str, str | None, int, int]:
    """Delay, batch size, the function's time limit, and the records that its mapping gives it."""
    name = cloud.stack().made[function]
    known = cloud.clients.functions.get_function_configuration(FunctionName=name)
    (mapping,) = cloud.clients.functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    variables = known["Environment"]["Variables"]
    assert variables["SLIPS_MAIN_FUNC"] == "main"
    return variables["SLIPS_DELAY"], variables.get("SLIPS_BATCH_SIZE"), known["Timeout"], mapping["BatchSize"]


@pytest.mark.slow
def test_limit_shows_and_sets_the_lane_it_is_asked_for(cloud: Cloud) -> None:
    pace = "pace:       at most 18,000 objects an hour and shard\n"
    assert cloud.slips("limit", "slow").out == "delay:      2\nbatch_size: 10\n" + pace
    done = cloud.slips("limit", "fast", "-d", "5")
    pace = "pace:       at most 7,200 objects an hour and shard\n"
    assert done.out == "delay:      0 -> 5\nbatch_size: 10\n" + pace
    assert done.err == (
        "slips: it holds until the next 'slips deploy', which sets it back to 'backend.lane' of the config\n"
    )
    assert settings(cloud) == ("5", "10", 65, 100)
    done = cloud.slips("limit", "fast", "-d", "100", "-b", "20", "--json")
    before = {"delay": 5, "batch_size": 10}
    assert done.json == {"lane": "fast", "delay": 100, "batch_size": 20, "before": before}
    assert settings(cloud) == ("100", "20", 160, 60)
    assert settings(cloud, "SlowDispatcher") == ("2", "10", 60, 100)


@pytest.mark.slow
def test_limit_sets_what_the_mapping_gives_on_a_stack_of_the_version_before(bare: Cloud) -> None:
    body = template()
    before = {"SLIPS_MAIN_FUNC": "main", "SLIPS_DELAY": "0"}
    body["Resources"]["FastDispatcher"]["Properties"]["Environment"] = {"Variables": before}
    body["Resources"]["FastDispatcherMapping"]["Properties"]["BatchSize"] = 7
    bare.deploy(body)
    assert bare.slips("limit", "fast").out == "delay:      0\nbatch_size: 7\n"
    done = bare.slips("limit", "fast", "-d", "3", "-b", "4")
    assert done.out.startswith("delay:      0 -> 3\nbatch_size: 7 -> 4\npace: ")
    assert settings(bare) == ("3", None, 63, 4)


def test_setting_what_is_set_changes_nothing_and_says_nothing(cloud: Cloud) -> None:
    done = cloud.slips("limit", "fast", "-d", "0", "-b", "10")
    assert (done.status, done.out, done.err) == (0, "delay:      0\nbatch_size: 10\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("args", [["-d", "301"], ["-d", "-1"], ["-b", "0"], ["-b", "10001"], ["-d", "x"]], ids=" ".join)
def test_a_limit_out_of_range_is_wrong_input(cloud: Cloud, args: list[str]) -> None:
    assert cloud.slips("limit", "fast", *args).status == 2
    assert settings(cloud)[0] == "0"
    assert cloud.slips("limit", "middle").status == 2


def test_the_longest_delay_is_waited_once_a_batch_however_large_and_the_function_has_the_time(cloud: Cloud) -> None:
    assert cloud.slips("limit", "fast", "-d", "300", "-b", "10000").status == 0
    assert settings(cloud) == ("300", "10000", 360, 10_000)


def test_a_dispatcher_never_has_more_records_than_time_while_a_limit_is_set(credentials: None) -> None:
    order: list[tuple[str, int]] = []

    class Functions(FakeFunctions):
        def update_function_configuration(self, **request: Any) -> None:
            super().update_function_configuration(**request)
            order.append(("delay", int(request["Environment"]["Variables"]["SLIPS_DELAY"])))

        def update_event_source_mapping(self, **request: Any) -> None:
            self.records = request["BatchSize"]
            order.append(("records", self.records))

        def get_event_source_mapping(self, **_: Any) -> Any:
            return {"State": "Enabled"}

    functions = Functions(Variables={"SLIPS_DELAY": "0", "SLIPS_BATCH_SIZE": "1"})
    functions.conflicts, functions.records = 0, 100
    stack = DeployedStack(clients(functions=functions), "test", {"FastDispatcher": "fast"}, sleep=lambda _: None)
    limits = LaneLimits(stack)
    limits.set("fast", LaneConfig(batch_size=1, delay=60))
    limits.set("fast", LaneConfig(batch_size=1, delay=0))
    assert order == [("records", 5), ("delay", 60), ("delay", 0), ("records", 100)]


class FakeFunctions(Pages):
    """Lambda with one dispatcher, whose environment somebody else changes once, and that AWS is busy with a while."""

    def __init__(self, **environment: Any) -> None:
        super().__init__()
        self.records = 1
        self.environment: dict[str, Any] = environment or {"Variables": {"SLIPS_DELAY": "0"}}
        self.revision, self.busy, self.conflicts, self.status = 1, 0, 1, "Successful"

    def paginate(self, **_: Any) -> Iterator[Any]:
        mapping = {"UUID": "u", "BatchSize": self.records, "EventSourceArn": "arn:aws:kinesis:x"}
        yield {"EventSourceMappings": [mapping]}

    def get_function_configuration(self, **_: Any) -> Any:
        self.busy = max(0, self.busy - 1)
        status = "InProgress" if self.busy else self.status
        about = {"RevisionId": str(self.revision), "Timeout": 900, "LastUpdateStatus": status}
        return {**about, "Environment": self.environment, "LastUpdateStatusReason": "no such key"}

    def update_function_configuration(self, **request: Any) -> None:
        if self.conflicts:
            self.conflicts -= 1
            self.revision += 1
            self.environment["Variables"]["THEIRS"] = "1"
        if request["RevisionId"] != str(self.revision):
            raise refusal("PreconditionFailedException")
        assert request["Timeout"] == 900
        self.environment, self.busy = request["Environment"], 3


def limited(functions: FakeFunctions) -> list[float]:
    """Sets a delay; how long was slept."""
    slept: list[float] = []
    stack = DeployedStack(clients(functions=functions), "test", {"FastDispatcher": "fast"}, sleep=slept.append)
    LaneLimits(stack).set("fast", LaneConfig(batch_size=1, delay=5))
    return slept


def test_a_change_by_somebody_else_in_between_is_not_lost(credentials: None) -> None:
    functions = FakeFunctions()
    assert limited(functions) == [2, 0.5, 0.5]
    assert functions.environment == {"Variables": {"SLIPS_DELAY": "5", "THEIRS": "1"}}


def test_a_limit_that_cannot_be_set_is_failed_work(credentials: None) -> None:
    always = FakeFunctions()
    always.conflicts = 99
    with pytest.raises(SlipsError, match="is being changed by others all the time"):
        limited(always)
    failing = FakeFunctions()
    failing.status = "Failed"
    with pytest.raises(SlipsError, match="AWS could not change it: no such key"):
        limited(failing)


def test_an_environment_that_cannot_be_read_is_not_replaced(credentials: None) -> None:
    functions = FakeFunctions(Error={"ErrorCode": "AccessDenied", "Message": "no kms:Decrypt"})
    with pytest.raises(SlipsError, match="its environment cannot be read: no kms:Decrypt"):
        limited(functions)


NOTING = """\
import slips.interface
from pathlib import Path

class Noting(slips.interface.Handler):
    def recv(self, meta, event):
        self.key = meta.source.object_key

    def result(self):
        with (Path(__file__).parent / "done").open("a") as file:
            file.write(f"{self.key}\\n")
"""


def noted(project: Project) -> list[str]:
    """Keys of the objects that are done, in order."""
    return (project.root / "done").read_text().splitlines()


@pytest.mark.slow
def test_on_this_machine_run_starts_the_objects_of_a_lane_apart_and_holds_up_no_other(project: Project) -> None:
    project.handler(NOTING)
    for key in ("slow/1", "slow/2", *(f"json/{number:03}" for number in range(70))):
        project.put(key, {"n": 1})
    done = project.slips("limit", "slow", "-d", "300", "-b", "7")
    assert done.out == "delay:      0 -> 300\nbatch_size: 1 -> 7\npace:       at most 12 objects an hour\n"
    assert "it holds here until it is set again" in done.err
    (project.root / "done").touch()
    with subprocess.Popen([sys.executable, "-m", "slips", "run"], cwd=project.root, stderr=subprocess.PIPE) as run:
        while len(noted(project)) < 71 and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
    assert run.returncode == 130
    assert Counter(key.partition("/")[0] for key in noted(project)) == {"json": 70, "slow": 1}
    project.slips("limit", "slow", "-d", "1")
    project.put("slow/3", {"n": 1})
    assert project.slips("run", "--json").json["seconds"] >= 1
    assert len(set(noted(project))) == 73


@pytest.mark.slow
def test_a_delayed_fast_lane_does_not_hold_up_the_slow_one(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "AT_HAND", 1)
    project.handler(NOTING)
    for key in ("slow/1", *(f"json/{number}" for number in range(2))):
        project.put(key, {"n": 1})
    project.slips("limit", "fast", "-d", "5")
    assert project.slips("run", "--json").json["seconds"] >= 5
    first, second, last = noted(project)
    assert {first, second} == {"slow/1", "json/0"}
    assert last == "json/1"


def test_on_this_machine_the_config_gives_the_default_and_setting_it_back_gives_it_back(project: Project) -> None:
    lanes = CONFIG.replace("  embedded:", "  lane: {slow: {delay: 3, batch_size: 4}}\n  embedded:")
    project.config(lanes)
    assert (
        project.slips("limit", "slow").out
        == "delay:      3\nbatch_size: 4\npace:       at most 1,200 objects an hour\n"
    )
    project.slips("limit", "slow", "-d", "9")
    project.config(lanes.replace("batch_size: 4", "batch_size: 5"))
    assert project.slips("limit", "slow", "--json").json["batch_size"] == 5
    assert project.slips("limit", "slow", "-d", "3").out.startswith("delay:      9 -> 3\nbatch_size: 5\n")
    project.config(lanes.replace("delay: 3", "delay: 8"))
    assert project.slips("limit", "slow").out.startswith("delay:      8\nbatch_size: 4\n")


# ---- test and sample


def version_of(cloud: Cloud, key: str, *records: Any) -> str:
    return str(cloud.put(key, *records)["VersionId"])


@pytest.mark.slow
def test_the_very_version_that_failed_is_tested(cloud: Cloud) -> None:
    cloud.s3.put_bucket_versioning(Bucket="my-logs", VersioningConfiguration={"Status": "Enabled"})
    failed = version_of(cloud, "json/a", {"n": 6})
    version_of(cloud, "json/a", {"n": 1})
    event = ObjectEvent(bucket_name="my-logs", object_key="json/a", object_version_id=failed, lane="fast")
    cloud.stack().errors.put(ErrorItem(request_id="r1", events=[event]))
    cloud.stack().errors.put(
        ErrorItem(request_id="r2", events=[msgspec.structs.replace(event, object_version_id=None)])
    )
    done = cloud.slips("test", "-r", "r1")
    assert done.status == 1
    assert "KeyError: 'severity'" in done.err
    assert cloud.slips("test", "-r", "r2").status == 0
    assert cloud.errors() == ["r1", "r2"]


@pytest.mark.slow
def test_without_versions_an_overwritten_object_is_warned_of(cloud: Cloud) -> None:
    etag = cloud.put("json/a", {"n": 1})["ETag"].strip('"')
    event = ObjectEvent(bucket_name="my-logs", object_key="json/a", object_etag=etag, lane="fast")
    cloud.stack().errors.put(ErrorItem(request_id="r1", events=[event]))
    assert "overwritten" not in cloud.slips("test", "-r", "r1").err
    cloud.put("json/a", {"n": 2})
    done = cloud.slips("test", "-r", "r1")
    assert done.status == 0
    assert "WARNING" in done.err
    assert f"s3://my-logs/json/a was overwritten since it failed (etag {etag}, now " in done.err


def test_on_the_stack_a_directory_that_stands_for_a_bucket_is_not_read(cloud: Cloud) -> None:
    cloud.project.config(CONFIG)
    cloud.project.put("json/here", {"n": 1})
    cloud.put("json/there", {"n": 1})
    assert [each["object_key"] for each in cloud.slips("--aws", "sample").json] == ["json/there"]
    assert [each["object_key"] for each in cloud.slips("sample").json] == ["json/here"]


def test_samples_name_the_lane_and_its_stream(cloud: Cloud) -> None:
    cloud.put("json/a", {"n": 1})
    cloud.put("slow/b", {"n": 1})
    streams = cloud.stack().streams
    found = {each["object_key"]: each for each in cloud.slips("sample").json}
    assert (found["json/a"]["lane"], found["json/a"]["dest_stream"]) == ("fast", streams["fast"])
    assert (found["slow/b"]["lane"], found["slow/b"]["dest_stream"]) == ("slow", streams["slow"])


def test_samples_are_there_before_the_stack_is(bare: Cloud) -> None:
    bare.put("json/a", {"n": 1})
    done = bare.slips("sample")
    assert (done.status, done.json[0]["dest_stream"]) == (0, "")
    assert "'dest_stream' is left empty: stack 'test'" in done.err
    assert bare.slips("sample", "-s", "test").status == 2


# ---- secrets on this machine

SECRET = "hunter2"
WITH_SECRET = ON_AWS.replace("args: {limit: 5}", "args: {limit: '{{ssm:/test/limit}}'}")
TELLING = """\
import slips.interface

class Telling(slips.interface.Handler):
    def setup(self, args):
        self.length = len(args["limit"])

    def recv(self, meta, event): ...

    def result(self):
        return self.length
"""


@pytest.fixture
def secret(cloud: Cloud) -> Cloud:
    ssm = boto3.client("ssm", region_name=REGION)
    ssm.put_parameter(Name="/test/limit", Value=SECRET, Type="SecureString")
    cloud.project.config(WITH_SECRET)
    cloud.project.handler(TELLING)
    cloud.put("json/a", {"n": 1})
    return cloud


@pytest.mark.slow
def test_test_resolves_secrets_and_never_shows_them(secret: Cloud) -> None:
    secret.fail("r1")
    done = secret.slips("-v", "test", "-r", "r1")
    assert done.status == 0
    assert f"result of Telling: {len(SECRET)}\n" in done.out
    assert "credentials" not in done.err
    assert SECRET not in done.out + done.err


@pytest.mark.slow
def test_a_secret_that_cannot_be_read_is_wrong_input(secret: Cloud) -> None:
    secret.fail("r1")
    secret.project.config(WITH_SECRET.replace("/test/limit", "/test/none"))
    done = secret.slips("test", "-r", "r1")
    assert done.status == 2
    assert "handler.args: {{ssm:/test/none}}: no such parameter" in done.err
    assert secret.slips("test", "-r", "r1", "-a", "limit=abc").status == 0


def served(project: Project, text: str) -> list[Any]:
    """What a worker answers to one object of the config."""
    (project.root / "slips.yml").write_text(text)
    config = parse(text, str(project.root / "slips.yml"))
    commands = frame(Setup(msgspec.to_builtins(config), str(project.root / "handler.py"), None, REGION))
    commands += frame(Task(ObjectEvent(bucket_name="my-logs", object_key="json/a")))
    answers = BytesIO()
    serve(BytesIO(commands), answers, [0, 0, 0])
    return [each for each in Frames().feed(answers.getvalue()) if not isinstance(each, Progress | Opened)]


def test_a_worker_resolves_secrets_before_the_first_object(secret: Cloud) -> None:
    ready, success = served(secret.project, WITH_SECRET)
    assert ready.problem is None
    assert success.outcome.results == {"Telling": len(SECRET)}
    (unready,) = served(secret.project, WITH_SECRET.replace("/test/limit", "/test/none"))
    assert isinstance(unready, Ready)
    assert "no such parameter" in (unready.problem or "")


@pytest.mark.slow
def test_a_worker_keeps_the_libraries_of_aws_quiet_before_the_handler_can_set_their_level(secret: Cloud) -> None:
    logging.getLogger("boto3").setLevel(logging.NOTSET)
    secret.project.handler("import logging\nlogging.getLogger('botocore').setLevel(logging.DEBUG)\n" + TELLING)
    served(secret.project, WITH_SECRET)
    levels = [logging.getLogger(name).level for name in ("boto3", "botocore")]
    logging.getLogger("botocore").setLevel(logging.WARNING)
    assert levels == [logging.WARNING, logging.DEBUG]


@pytest.mark.slow
def test_without_placeholders_aws_is_not_asked() -> None:
    config = parse(ON_AWS)
    assert WorkerSite(config, endpoint_url="no URL at all").args() is config.handler.args


# ---- logs

T = 1_772_000_000.0


def recently() -> float:
    """A time that `slips logs` shows without `--since`, however long the tests before took."""
    return int(time.time()) - 100.0


"""CloudWatch takes nothing that is old, or of the future."""


def test_the_logs_of_all_functions_are_merged_by_time(cloud: Cloud) -> None:
    now = recently()
    cloud.say("MainFunc", (now, "hello 1"), (now + 2, "END"))
    cloud.say("FastDispatcher", (now + 1, '{"level": "INFO", "message": "s3://b/k: done", "object": "s3://b/k"}'))
    lines = cloud.slips("logs").out.splitlines()
    assert [line.split()[-1] for line in lines] == ["1", "done", "END"]
    assert lines[1] == f"{format_time(now + 1)} INFO     FastDispatcher s3://b/k: done"


@pytest.mark.slow
def test_lambdas_own_lines_are_shown_of_runs_that_failed_or_if_they_are_asked_for(cloud: Cloud) -> None:
    usual = ["INIT_START Runtime", "START RequestId: 1", "END RequestId: 1", "REPORT RequestId: 1\tDuration: 1 ms"]
    failed = "REPORT RequestId: 2\tDuration: 900000 ms\tStatus: timeout"
    now = recently()
    cloud.say("MainFunc", *((now + number, text) for number, text in enumerate([*usual, failed])))
    assert cloud.slips("logs").out == (
        f"{format_time(now + 4)}          MainFunc       REPORT RequestId: 2  Duration: 900000 ms  Status: timeout\n"
    )
    for args in (["logs", "-v"], ["-v", "logs"], ["logs", "--filter", "Request"], ["logs", "--json"]):
        assert "REPORT RequestId: 1" in cloud.slips(*args).out, args


def test_columns_stay_in_line_and_times_are_readable() -> None:
    value = {"level": "WARNING", "message": "a\tb", "first_timestamp": T, "last_timestamp": None, "timestamp": "t"}
    line = LogLine("1", T, "MainFunc", "")
    assert logs.readable_line(line, value) == (
        "2026-02-25T06:13:20.000Z WARNING  MainFunc       a  b  first_timestamp=2026-02-25T06:13:20.000Z"
    )
    odd = logs.readable_line(line, {"level": "INFO", "message": "", "first_timestamp": 1e300})
    assert odd == "2026-02-25T06:13:20.000Z INFO     MainFunc         first_timestamp=1e300"


@pytest.mark.slow
def test_logs_of_one_function_go_by_any_spelling_of_its_name(cloud: Cloud) -> None:
    now = recently()
    cloud.say("MainFunc", (now, "main"))
    cloud.say("Drain", (now, "drain"))
    for name in ("main-func", "MainFunc", "mainfunc", "MAIN_FUNC"):
        assert cloud.slips("logs", name).out.count("\n") == 1, name
    done = cloud.slips("logs", "handler")
    assert done.status == 2
    assert "has no function 'handler'; expected one of: FastDispatcher, SlowDispatcher, MainFunc, Drain\n" in done.err


@pytest.mark.slow
def test_logs_keep_to_since_and_filter(cloud: Cloud) -> None:
    now = recently()
    cloud.say("MainFunc", (now - 100, "old"), (now, "new KeyError"), (now + 1, "new"))
    since = ["--since", format_time(now)]
    assert cloud.slips("logs", *since).out.count("new") == 2
    assert "old" not in cloud.slips("logs", *since).out
    assert cloud.slips("logs", *since, "--filter", "KeyError").out.count("\n") == 1
    assert cloud.slips("logs", "--since", "soon").status == 2


@pytest.mark.slow
def test_more_lines_than_a_page_holds_are_all_shown(cloud: Cloud) -> None:
    now = recently()
    for part in range(2):
        said = [(now + part, f"line {number}") for number in range(6_000)]
        cloud.say("MainFunc", *said, stream=f"s{part}")
    assert cloud.slips("logs", "MainFunc").out.count("\n") == 12_000


def test_a_text_to_filter_by_is_quoted_for_cloudwatch(credentials: None) -> None:
    asked: list[Any] = []

    class Logs(Pages):
        def paginate(self, **request: Any) -> Iterator[Any]:
            asked.append(request["filterPattern"])
            return iter(())

    stack = DeployedStack(clients(logs=Logs()), "test", {"MainFunc": "m", "MainFuncLogs": "g"})
    assert list(aws_logs.logs(stack, ["MainFunc"], 0, 'a "b" \\')) == []
    assert asked == ['"a \\"b\\" \\\\"']


def test_a_function_that_has_said_nothing_yet_has_no_lines(cloud_of_2018: Cloud) -> None:
    done = cloud_of_2018.slips("logs")
    assert (done.status, done.out, done.err) == (0, "", "")


def test_json_lines_are_readable_with_their_traceback_and_cannot_steer_a_terminal() -> None:
    value = {
        **{"timestamp": "t", "level": "ERROR", "logger": "slips", "function": "MainFunc", "request_id": "r"},
        **{"message": "failed: \x1b[31m", "object": "s3://b/k", "stage": "handler", "rules": {}},
        "traceback": "Traceback\n  File x\nKeyError: \x1b\n",
    }
    line = LogLine("1", T, "MainFunc", json.dumps(value))
    assert logs.readable_line(line, value) == (
        "2026-02-25T06:13:20.000Z ERROR    MainFunc       failed: \\x1b[31m  s3://b/k  stage=handler\n"
        "    Traceback\n      File x\n    KeyError: \\x1b"
    )


def test_an_objects_line_is_shown_without_the_metrics_that_repeat_it(cloud: Cloud) -> None:
    now, line = recently(), {"level": "INFO", "message": "done", "object": "s3://b/k", "records": 2}
    metrics = {"_aws": {"CloudWatchMetrics": []}, "Stack": "s", "Lane": "fast", "Records": 2, "Duration": 12.5}
    cloud.say("MainFunc", (now, json.dumps(line | metrics)))
    (shown,) = cloud.slips("logs").out.splitlines()
    assert shown.split()[1:] == ["INFO", "MainFunc", "done", "s3://b/k", "records=2", "Lane=fast", "Duration=12.5"]


def test_what_lambda_says_of_runs_in_its_json_format_is_shown_of_those_that_failed(cloud: Cloud) -> None:
    now = recently()
    reports = [
        {"time": "x", "type": "platform.report", "record": {"requestId": each, "metrics": {"durationMs": 5}, **status}}
        for each, status in (("r1", {"status": "success"}), ("r2", {"status": "timeout"}), ("r3", {}))
    ]
    raised = {"level": "ERROR", "errorType": "KeyError", "errorMessage": "'x'", "stackTrace": ["  File a\n", "    b\n"]}
    cloud.say("MainFunc", *((now + number, json.dumps(each)) for number, each in enumerate([*reports, raised])))
    assert [" ".join(line.split()[1:]) for line in cloud.slips("logs").out.splitlines()] == [
        "MainFunc platform.report requestId=r2 status=timeout durationMs=5",
        "ERROR MainFunc KeyError: 'x'",
        "a",
        "",
    ]
    assert "requestId=r1" in cloud.slips("logs", "-v").out


def test_metrics_are_shown_as_json_only(cloud: Cloud) -> None:
    now = recently()
    cloud.say("MainFunc", (now, '{"_aws": {}, "Objects": 1}'), (now + 1, "{no JSON"), (now + 2, '["a"]'))
    assert [line.split()[-1] for line in cloud.slips("logs").out.splitlines()] == ["JSON", '["a"]']
    told = [json.loads(line) for line in cloud.slips("logs", "--json").out.splitlines()]
    assert [each["message"] for each in told] == [{"_aws": {}, "Objects": 1}, "{no JSON", '["a"]']
    assert told[0]["time"] == format_time(now)


def test_this_machine_has_no_logs_of_functions(project: Project) -> None:
    done = project.slips("logs")
    assert (done.status, done.out) == (2, "")
    assert "this machine has no functions" in done.err


def test_following_shows_each_line_once_also_those_that_come_late() -> None:
    looks = [
        [LogLine("a", T, "F", "a"), LogLine("b", T + 20, "F", "b")],
        [LogLine("late", T + 5, "F", "late"), LogLine("b", T + 20, "F", "b"), LogLine("c", T + 90, "F", "c")],
        [LogLine("c", T + 90, "F", "c")],
    ]
    begun: list[float] = []

    def read(since: float) -> list[LogLine]:
        begun.append(since)
        return looks[len(begun) - 1]

    def sleep(_: float) -> None:
        if len(begun) == len(looks):
            raise KeyboardInterrupt

    shown: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        shown.extend(line.id for line in collected(aws_logs.following(read, T, sleep), shown))
    assert shown == ["a", "b", "late", "c"]
    assert begun == [T, T, T + 60]


def collected(lines: Iterator[LogLine], shown: list[str]) -> Iterator[LogLine]:
    for line in lines:
        shown.append(line.id)
        yield from ()


def test_ctrl_c_is_the_proper_end_of_following(capsys: pytest.CaptureFixture[str]) -> None:
    def lines() -> Iterator[LogLine]:
        yield LogLine("a", T, "Drain", "hello")
        raise KeyboardInterrupt

    logs.show(lines(), False, endless=True)
    assert capsys.readouterr().out == "2026-02-25T06:13:20.000Z          Drain          hello\n"
    with pytest.raises(KeyboardInterrupt):
        logs.show(lines(), False, endless=False)
