"""Promises of `slips deploy`: uploads, and what becomes of a stack from deploy to deploy."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext
from typing import Any, cast

import pytest

from cloud import Cloud
from deploys import (
    CONFIG,
    ID,
    MARKS,
    PACKAGE,
    REGION,
    TINY,
    WITH_STREAM,
    CloudFormation,
    Denied,
    Events,
    Seen,
    account,
    account_of,
    briefly,
    config,
    deploy,
    destroy,
    never,
    on,
    small,
)
from slips.cli.deploy import change
from slips.config import parse
from slips.deploy import deploy as deploying
from slips.deploy import destroy as destroying
from slips.deploy import shards
from slips.deploy.account import Account
from slips.deploy.changes import StackState
from slips.deploy.deployment import INLINE, Deployment
from slips.deploy.uploads import upload
from slips.errors import ConfigError, SlipsError, UsageError

__all__ = ["account", "config", "small"]
pytest_plugins = ["cloud.plugin"]
pytestmark = MARKS


# ---- uploads


@pytest.mark.slow
def test_a_package_is_uploaded_once(account: Account) -> None:
    data = bytes(9 * 2**20)  # in parts
    assert upload(account, "my-code", "k", data)
    assert account.s3.get_object(Bucket="my-code", Key="k")["Body"].read() == data
    assert not upload(account, "my-code", "k", data)


@pytest.mark.slow
def test_a_package_is_uploaded_if_aws_denies_the_check_for_an_earlier_one(account: Account) -> None:
    class Blind(Denied):
        def __init__(self) -> None:
            self.put: list[str] = []

        def upload_fileobj(self, data: Any, bucket: str, key: str) -> None:
            self.put.append(f"{bucket}/{key}")

    account.s3 = blind = cast("Any", Blind())
    assert upload(account, "my-code", "k", b"x")
    assert blind.put == ["my-code/k"]


@pytest.mark.slow
def test_a_long_template_goes_by_the_code_bucket(account: Account) -> None:
    template = {**TINY, "Metadata": {"long": "x" * INLINE}}
    stack = Deployment(account, "app", sleep=never)
    with stack.proposed(template, None, "my-code", "functions/app/") as plan:
        assert plan
        stack.execute(plan, Events())
    assert stack.template() == template
    (one,) = account.s3.list_objects_v2(Bucket="my-code")["Contents"]
    assert one["Key"].startswith("functions/app/template-")


# ---- below the commands


class Steps:
    """An observer of deploy and destroy that remembers its calls: the method, or the stage of `enter`."""

    def __init__(self) -> None:
        self.seen = list[str]()

    def __getattr__(self, name: str) -> Any:
        def remember(*given: Any, **_: Any) -> Any:
            self.seen.append(given[0] if name == "enter" else name)
            return nullcontext(Events())

        return remember


@pytest.mark.slow
def test_a_deploy_calls_its_observer_step_by_step_and_returns_what_it_did(account: Account) -> None:
    class Created(CloudFormation):
        """No stack, until its change set is executed."""

        def on_execute_change_set(self, **_: Any) -> Any:
            self.status = "CREATE_COMPLETE"
            return {}

    steps = Steps()
    account.cloudformation = cast("Any", Created(None, looks=[["app CREATE_COMPLETE"]]))
    deployment = Deployment(account, "app", sleep=never)
    done = deploying.deploy(deployment, parse(CONFIG), lambda *_: PACKAGE, cast("Any", steps), ask=lambda: True)
    steps.seen = [step for step in steps.seen if step != "warn"]
    assert steps.seen == [
        *("checking", "packed", "clearing", "follow", "proposing", "propose", "uploaded", "changing", "follow"),
        *("changed", "wired", "deployed"),
    ]
    assert (done.status, done.declined, done.left_out) == ("CREATE_COMPLETE", False, ["a.pem"])


@pytest.mark.slow
def test_a_destroy_calls_its_observer_step_by_step(account: Account, small: StackState) -> None:
    steps = Steps()
    assert destroying.destroy(Deployment(account, "app", sleep=never), parse(CONFIG), cast("Any", steps))
    steps_taken = "proposing propose dismantling unwired deleting follow deleted"
    assert steps.seen == [*steps_taken.split(), "left", "left"], "the table and the code"


def test_deploy_and_destroy_need_neither_the_cli_nor_its_libraries() -> None:
    code = (
        "import sys, slips.deploy.deploy, slips.deploy.destroy; print({'slips.cli', 'click', 'rich'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


# ---- the commands


def in_cloud(cloud: Cloud, config: str, screen: Seen) -> Any:
    """A deploy to the stand-in that fails and rolls back as AWS does."""
    stack = Deployment(account_of(cloud), "app", sleep=briefly)
    return change(stack, parse(config), screen, lambda *_: PACKAGE, yes=True, wire=False)


def test_from_the_first_deploy_to_the_table_that_is_left(cloud: Cloud, config: str) -> None:
    account = account_of(cloud)
    first = Seen(answer=False)  # -y does not ask
    done = deploy(account, first, config)
    assert (done.status, done.outputs["ErrorTableName"][:15]) == ("CREATE_COMPLETE", "app-ErrorTable-")
    assert done.left_out == ["a.pem"]
    assert "  + MainFunc " in first.text
    assert "uploaded s3://my-code/functions/app/slips-1.zip" in first.said
    assert "CREATE_COMPLETE  app  AWS::CloudFormation::Stack" in first.said
    assert "bucket my-logs: warning: nothing tells the stack of new objects under 'a/'" in first.text

    again = Seen()
    done = deploy(account, again, config)
    assert f"stack 'app' in {cloud.region} of account {cloud.account}: no changes" in again.said
    assert (done.changes, "uploaded" in again.text) == ([], False)

    table = done.outputs["ErrorTableName"]
    gone = Seen()
    assert destroy(account, gone, parse(config))
    assert f"kept: error table {table}" in gone.said
    assert account.dynamodb.list_tables()["TableNames"] == [table]
    assert "nothing to destroy" in (empty := Seen(), destroy(account, empty))[0].text

    declined = Seen(answer=False)
    assert deploy(account, declined, config, yes=False).declined
    arn = f"arn:aws:dynamodb:{cloud.region}:{cloud.account}:table/{table}"
    assert f"warning: error table {arn} of a former stack is still there" in declined.text
    assert Deployment(account, "app").state() is None


@pytest.mark.slow
def test_a_lane_gives_up_by_the_retention_of_the_stream_that_it_is_given(account: Account) -> None:
    account.kinesis.create_stream(StreamName="s", ShardCount=1)
    account.kinesis.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=48)
    cloudformation = CloudFormation(None)
    account.cloudformation = cast("Any", cloudformation)
    assert deploy(account, Seen(answer=False), WITH_STREAM, yes=False).declined
    (proposed,) = [request for name, request in cloudformation.asked if name == "create_change_set"]
    mapping = json.loads(proposed["TemplateBody"])["Resources"]["SlowDispatcherMapping"]
    assert mapping["Properties"]["MaximumRecordAgeInSeconds"] == 36 * 3600


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["AWS::Kinesis::Stream", "AWS::SQS::Queue"])
def test_a_change_that_loses_what_waits_is_made_only_if_it_is_asked_for(account: Account, kind: str) -> None:
    cloudformation = CloudFormation(looks=[["app UPDATE_COMPLETE"]])
    gone = {"Action": "Remove", "LogicalResourceId": "Waiting", "ResourceType": kind}
    cloudformation.change_set[0]["Changes"] = [{"Type": "Resource", "ResourceChange": gone}]
    account.cloudformation = cast("Any", cloudformation)
    for screen, yes in [(Seen(), True), (Seen(answer=True), True), (Seen(), False)]:
        with pytest.raises(UsageError, match="what still waits in Waiting would be lost, and nobody is asked"):
            deploy(account, screen, yes=yes)
        assert "  - Waiting  " in screen.text
    assert deploy(account, Seen(answer=False), yes=False).declined
    assert "execute_change_set" not in cloudformation.operations()
    assert cloudformation.operations().count("delete_change_set") == 4
    assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 0
    deploy(account, Seen(), lose_waiting=True)
    assert "execute_change_set" in cloudformation.operations()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (1, "expected 2 to 8, as EventFastStream has 4, which AWS halves or doubles at once; deploy with 2 first"),
        (9, "expected 2 to 8, as EventFastStream has 4, which AWS halves or doubles at once; deploy with 8 first"),
        (2, ""),
        (8, ""),
    ],
)
def test_a_change_of_shards_that_aws_would_refuse_is_told_before_anything_changes(
    account: Account, wanted: int, told: str
) -> None:
    account.kinesis.create_stream(StreamName="f", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    cloudformation = CloudFormation()
    cloudformation.resources = {"EventFastStream": "f"}
    cloudformation.body = {"Resources": {"EventFastStream": {"Type": "AWS::Kinesis::Stream"}}}
    account.cloudformation = cast("Any", cloudformation)
    config = CONFIG.replace("backend:\n", f"backend:\n  stream_shards: {wanted}\n")
    if not told:
        assert deploy(account, Seen(answer=False), config, yes=False).declined
        return
    with pytest.raises(ConfigError, match=rf"slips.yml: backend.stream_shards: {wanted}; {told}"):
        deploy(account, Seen(), config)
    assert "create_change_set" not in cloudformation.operations()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "now", "wanted", "is_fine"),
    [(5, 5, 2, False), (5, 5, 3, True), (1, 1, 3, False), (1, 1, 2, True), (1, 4, 1, True), (4, 1, 4, True)],
)
def test_shards_are_halved_or_doubled_at_most_from_those_that_are_open(
    account: Account, before: int, now: int, wanted: int, is_fine: bool
) -> None:
    account.kinesis.create_stream(StreamName="s", ShardCount=now)
    cloudformation = CloudFormation()
    cloudformation.resources = {"EventSlowStream": "s"}
    former = {"Resources": {"EventSlowStream": {"Properties": {"ShardCount": before}}}}
    stack = on(cloudformation)
    stack.account.kinesis = account.kinesis
    config = parse(CONFIG.replace("backend:\n", f"backend:\n  stream_shards: {wanted}\n"))
    with nullcontext() if is_fine else pytest.raises(ConfigError, match=f"as EventSlowStream has {now},"):
        shards.check(config, stack, former)


def test_a_changed_tag_replaces_nothing(cloud: Cloud, config: str) -> None:
    account = account_of(cloud)
    stack = Deployment(account, "app")
    done = deploy(account, Seen(), f"tags: {{team: a}}\n{config}")
    assert (done.tags, stack.resources()["Ledger"].kind) == (["team: (none) → a"], "AWS::DynamoDB::Table")
    before, seen = stack.resources(), Seen()
    done = deploy(account, seen, f"tags: {{team: b}}\n{config}")
    assert {(one.action, *one.what, one.replaced) for one in done.changes} == {("Modify", "tags", "")}
    assert {one.name for one in done.changes} >= {"ErrorTable", "MainFuncLogs", "FastDispatcherMapping", "DrainRole"}
    assert "  ~ tags of the stack and of all in it that has tags: team: a → b" in seen.said
    assert stack.resources() == before
    state = stack.state()
    assert state
    assert state.tags == {"team": "b"}
    assert deploy(account, Seen(), config).tags == ["team: b → (none)"]
    assert deploy(account, Seen(), config).changes == []


def test_the_pace_that_a_delay_leaves_is_told(account: Account) -> None:
    account.cloudformation = cast("Any", CloudFormation(None))
    screen = Seen(answer=False)
    lane = "  lane: {slow: {batch_size: 2, delay: 20}}\n"
    deploy(account, screen, CONFIG.replace("backend:\n", f"backend:\n{lane}"), yes=False)
    assert (
        "lane slow: at most 360 objects an hour and shard (batch_size 2, parallelization 1, delay 20 s)" in screen.said
    )
    assert "lane fast" not in screen.text


@pytest.mark.slow
def test_the_keys_that_deploy_saw_stay_if_a_later_deploy_may_not_look(account: Account) -> None:
    account.kinesis.create_stream(StreamName="fast", ShardCount=1)
    key = account.kms.create_key()["KeyMetadata"]["Arn"]
    account.kinesis.start_stream_encryption(StreamName="fast", EncryptionType="KMS", KeyId=key)
    given = CONFIG.replace(
        "backend:\n", f"backend:\n  kinesis_stream_fast_arn: arn:aws:kinesis:{REGION}:{ID}:stream/fast\n"
    )
    deploy(account, Seen(), given)
    stack = Deployment(account, "app")
    granted = {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [key]}
    before = stack.template()["Resources"]["DispatcherRole"]
    assert granted in before["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    account.kinesis = cast("Any", Denied())
    deploy(account, later := Seen(), given.replace("a/", "b/"))
    assert "is encrypted with a key of yours is unknown" in later.text
    assert stack.template()["Resources"]["DispatcherRole"] == before


def test_a_first_creation_that_failed_leaves_nothing_in_the_way_of_the_next(cloud: Cloud, config: str) -> None:
    cloud.fail_resource("MainFunc", "it broke")
    with pytest.raises(SlipsError, match=r"ROLLBACK_COMPLETE; nothing is deployed(.|\n)*MainFunc .*: it broke"):
        in_cloud(cloud, config, Seen())
    screen = Seen()
    assert in_cloud(cloud, config, screen).status == "CREATE_COMPLETE"
    assert "DELETE_COMPLETE  app  AWS::CloudFormation::Stack" in screen.said


def test_a_redeploy_leaves_the_streams_as_the_stack_has_them(cloud: Cloud, config: str) -> None:
    in_cloud(cloud, config.replace("s3_direct: true", "{s3_direct: true, stream_shards: 2}"), Seen())
    assert "no changes" in (same := Seen(), in_cloud(cloud, config, same))[0].text
    screen = Seen()
    in_cloud(cloud, config.replace("s3_direct: true", "{s3_direct: true, stream_retention_hours: 48}"), screen)
    streams = [line.split()[1] for line in screen.said if line.startswith("  ~") and "AWS::Kinesis::Stream" in line]
    assert streams == ["EventFastStream", "EventSlowStream"]


def test_after_a_failed_change_the_former_state_stands_and_the_next_deploy_goes_on(cloud: Cloud, config: str) -> None:
    in_cloud(cloud, config, Seen())
    more = config.replace("handler.py}", "handler.py, memory_size: 2048}")
    cloud.fail_resource("MainFunc", "it broke")
    with pytest.raises(SlipsError, match="UPDATE_ROLLBACK_COMPLETE; the former state stands"):
        in_cloud(cloud, more, Seen())
    assert "no changes" in (same := Seen(), in_cloud(cloud, config, same))[0].text
    screen = Seen()
    assert in_cloud(cloud, more, screen).status == "UPDATE_COMPLETE"
    assert [line.split()[1:] for line in screen.said if line.startswith("  ~")] == [
        ["MainFunc", "AWS::Lambda::Function", "MemorySize"]
    ]


def test_the_functions_run_with_the_limits_of_the_config_after_a_deploy(cloud: Cloud, config: str) -> None:
    done, functions = in_cloud(cloud, config, Seen()), cloud.client("lambda")
    mapping = functions.list_event_source_mappings(EventSourceArn=done.outputs["FastStreamArn"])["EventSourceMappings"][
        0
    ]
    name, uuid = mapping["FunctionArn"].rpartition(":")[2], mapping["UUID"]
    before = functions.get_function_configuration(FunctionName=name)
    variables = {**before["Environment"]["Variables"], "SLIPS_DELAY": "7"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables}, Timeout=900)
    functions.update_event_source_mapping(UUID=uuid, BatchSize=9)

    screen = Seen()
    assert len(in_cloud(cloud, config, screen).settings) == 2
    assert "  ~ lane fast: delay 7 set by 'slips limit', back to 0" in screen.said
    after = functions.get_function_configuration(FunctionName=name)
    assert (after["Environment"], after["Timeout"]) == (before["Environment"], before["Timeout"])
    assert functions.get_event_source_mapping(UUID=uuid)["BatchSize"] == mapping["BatchSize"]
    assert "no changes" in (again := Seen(), in_cloud(cloud, config, again))[0].text
