"""Promises of `slips destroy`: what it deletes, what it leaves, and what it says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import msgspec
import pytest

from cloud import Cloud
from deploys import (
    CONFIG,
    ID,
    MARKS,
    PACKAGE,
    REGION,
    SMALL,
    TOPIC,
    Events,
    Seen,
    account,
    account_of,
    briefly,
    config,
    deploy,
    destroy,
    make_bucket,
    make_table,
    never,
    small,
)
from slips.cli.deploy import change, remove
from slips.config import parse
from slips.deploy.account import Account
from slips.deploy.changes import StackResource, StackState
from slips.deploy.deployment import Deployment
from slips.deploy.uploads import UploadedCode, uploaded
from slips.errors import SlipsError, UsageError

__all__ = ["account", "config", "small"]
pytest_plugins = ["cloud.plugin"]
pytestmark = MARKS


@pytest.mark.slow
def test_destroy_refuses_while_error_items_exist_unless_forced(account: Account, small: StackState) -> None:
    table = small.outputs["ErrorTableName"]
    account.dynamodb.put_item(TableName=table, Item={"request_id": {"S": "1"}})
    account.sqs.send_message(QueueUrl=small.outputs["UndeliveredUrl"], MessageBody="{}")
    with pytest.raises(UsageError, match="1 error item and 1 undelivered event would stay unprocessed"):
        destroy(account, Seen())
    assert Deployment(account, "app").state()
    # As a drain receives it: no other sees the message until its visibility timeout has passed.
    assert account.sqs.receive_message(QueueUrl=small.outputs["UndeliveredUrl"])["Messages"]
    with pytest.raises(UsageError, match="and 1 undelivered event would stay unprocessed"):
        destroy(account, Seen())
    assert destroy(account, Seen(), force=True)
    assert account.dynamodb.list_tables()["TableNames"] == [table]


@pytest.mark.slow
def test_destroy_all_deletes_the_table_and_the_code_of_this_stack_alone(account: Account, small: StackState) -> None:
    for key in ("f/app/1.zip", "f/app/2.zip", "f/app-2/1.zip", "f/1.zip"):
        account.s3.put_object(Bucket="my-code", Key=key)
    screen = Seen()
    assert destroy(account, screen, all_=True)
    assert account.dynamodb.list_tables()["TableNames"] == []
    left = [one["Key"] for one in account.s3.list_objects_v2(Bucket="my-code")["Contents"]]
    assert left == ["f/1.zip", "f/app-2/1.zip"]
    assert f"deleted table {small.outputs['ErrorTableName']}" in screen.said


class Killed(BaseException):
    """The end of the process: no code of it runs any more."""


@contextmanager
def dying(account: Account, last: int) -> Iterator[None]:
    """In this block the account's call number `last` ends the process before AWS gets it."""
    left = last

    def count(**_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    clients: list[Any] = [account.cloudformation, account.s3, account.dynamodb, account.sqs]
    for client in clients:
        client.meta.events.register("before-call", count)
    try:
        yield
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", count)


OURS = {"Id": f"slips-app-{'0' * 12}", "TopicArn": TOPIC, "Events": ["s3:ObjectCreated:*"]}


@pytest.mark.slow
def test_destroy_all_that_was_killed_between_any_two_calls_is_made_good_by_the_next(account: Account) -> None:
    for last in range(1, 100):
        stack = Deployment(account, "app", sleep=never)
        with stack.proposed(SMALL, None, "my-code", "f/app/") as plan:
            assert plan
            stack.execute(plan, Events())
        for key in ("f/app/1.zip", "f/app/2.zip"):
            account.s3.put_object(Bucket="my-code", Key=key)
        account.s3.put_bucket_notification_configuration(
            Bucket="my-logs", NotificationConfiguration=cast("Any", {"TopicConfigurations": [OURS]})
        )
        try:
            with dying(account, last):
                destroy(account, Seen(), parse(CONFIG), all_=True)
        except Killed:
            assert destroy(account, Seen(), parse(CONFIG), all_=True)
            ended = False
        else:
            ended = True
        assert stack.state() is None
        assert account.dynamodb.list_tables()["TableNames"] == []
        assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 0
        assert "TopicConfigurations" not in account.s3.get_bucket_notification_configuration(Bucket="my-logs")
        if ended:
            break
    assert last > 12, "it was killed at so many calls"


@pytest.mark.slow
def test_destroy_all_takes_what_is_gone_for_done(account: Account, small: StackState) -> None:
    account.dynamodb.delete_table(TableName=small.outputs["ErrorTableName"])
    account.s3.delete_bucket(Bucket="my-code")
    account.s3.delete_bucket(Bucket="my-logs")
    assert destroy(account, screen := Seen(), parse(CONFIG), all_=True)
    assert f"table {small.outputs['ErrorTableName']} is gone already" in screen.said
    assert Deployment(account, "app").state() is None
    again = Seen()
    assert destroy(account, again, all_=True)
    assert "nothing to destroy" in again.text


@pytest.mark.slow
def test_destroy_of_a_stack_that_is_protected_deletes_nothing(account: Account, small: StackState) -> None:
    class Protected(Deployment):
        def state(self, stack_id: str | None = None) -> StackState | None:
            state = super().state(stack_id)
            return msgspec.structs.replace(state, protected=True) if state else None

    account.s3.put_object(Bucket="my-code", Key="f/app/1.zip")
    stack = Protected(account, "app", sleep=never)
    with pytest.raises(SlipsError, match="expected one without termination protection"):
        remove(stack, parse(CONFIG), Seen(), all_=True, force=True, yes=True)
    assert Deployment(account, "app").state() == small
    assert account.dynamodb.list_tables()["TableNames"] == [small.outputs["ErrorTableName"]]
    assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 1


@pytest.mark.slow
def test_destroy_all_deletes_the_code_and_the_table_while_the_stack_tells_where_they_are(
    account: Account, small: StackState
) -> None:
    account.s3.put_object(Bucket="my-code", Key="f/app/1.zip")
    screen = Seen()
    destroy(account, screen, all_=True)
    said = [one.split(" ", 2)[:2] for one in screen.said]
    assert said.index(["deleted", "1"]) < said.index(["deleted", "table"])
    assert said.index(["deleted", "table"]) < min(at for at, one in enumerate(said) if one[0].startswith("DELETE_"))


@pytest.mark.slow
def test_destroy_tells_how_to_go_on_with_the_table_and_where_the_code_remains(
    account: Account, small: StackState
) -> None:
    screen = Seen()
    destroy(account, screen)
    arn = f"arn:aws:dynamodb:{REGION}:{ID}:table/{small.outputs['ErrorTableName']}"
    assert f"for a new stack to go on with it, set backend.dynamodb_arn: {arn}" in screen.said
    assert "kept: the uploaded code, s3://my-code/f/app/1.zip" in screen.said
    assert f"  kept: ErrorTable  AWS::DynamoDB::Table  {small.outputs['ErrorTableName']}" in screen.said


@pytest.mark.slow
def test_destroy_all_leaves_a_folder_that_others_use(account: Account) -> None:
    template = json.loads(json.dumps(SMALL).replace("f/app/", "f/"))
    stack = Deployment(account, "app", sleep=never)
    with stack.proposed(template, None, "my-code", "f/") as plan:
        assert plan
        stack.execute(plan, Events())
    account.s3.put_object(Bucket="my-code", Key="f/1.zip")
    screen = Seen()
    destroy(account, screen, all_=True)
    assert "kept: the uploaded code, s3://my-code/f/1.zip" in screen.said
    assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 1


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ({"S3Bucket": "b", "S3Key": "f/k.zip"}, UploadedCode("b", "f/k.zip")),
        ({"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}, UploadedCode("given", "k.zip")),
        ({"S3Bucket": {"Fn::Sub": "cdk-assets-${AWS::Region}"}, "S3Key": "k.zip"}, None),
        ({"ZipFile": "..."}, None),
    ],
    ids=["deploy", "package", "CDK", "other"],
)
def test_the_code_is_found_however_the_stack_was_deployed(code: Any, found: UploadedCode | None) -> None:
    template = {"Resources": {"MainFunc": {"Properties": {"Code": code}}}}
    assert uploaded(template, {"CodeBucket": "given", "CodeKey": "k.zip"}) == found


@pytest.mark.slow
def test_destroy_asks_and_a_no_destroys_nothing(account: Account, small: StackState) -> None:
    screen = Seen(answer=False)
    assert not destroy(account, screen, yes=False)
    assert screen.said[-2:] == ["Destroy?", "nothing was changed"]
    with pytest.raises(UsageError, match="add -y to destroy it"):
        destroy(account, Seen(), yes=False)
    assert Deployment(account, "app").state() == small


@pytest.mark.slow
def test_destroy_takes_away_the_notifications_that_wire_added(account: Account, small: StackState) -> None:
    theirs = {"Id": "theirs", "TopicArn": TOPIC, "Events": ["s3:ObjectRemoved:*"]}
    ours = {"Id": f"slips-app-{'0' * 12}", "TopicArn": TOPIC, "Events": ["s3:ObjectCreated:*"]}
    account.s3.put_bucket_notification_configuration(
        Bucket="my-logs", NotificationConfiguration=cast("Any", {"TopicConfigurations": [theirs, ours]})
    )
    destroy(account, Seen(), parse(CONFIG))
    left = account.s3.get_bucket_notification_configuration(Bucket="my-logs")["TopicConfigurations"]
    assert [one["Id"] for one in left] == ["theirs"]


def test_destroy_knows_the_buckets_that_were_wired_without_the_config(cloud: Cloud, config: str) -> None:
    account = account_of(cloud)
    deploy(account, Seen(), config, wire=True)
    assert "LambdaFunctionConfigurations" in account.s3.get_bucket_notification_configuration(Bucket="my-logs")
    screen = Seen()
    assert destroy(account, screen)
    assert "LambdaFunctionConfigurations" not in account.s3.get_bucket_notification_configuration(Bucket="my-logs")
    assert "bucket my-logs: took away notification 'slips-app-" in screen.text
    assert "DELETE_SKIPPED" not in screen.text


@pytest.mark.slow
@pytest.mark.parametrize("source", ["eventbridge", "s3_direct"])
def test_destroy_tells_that_eventbridge_stays_on_where_the_stack_used_it(
    cloud: Cloud, config: str, source: str
) -> None:
    account = account_of(cloud)
    if source == "s3_direct":
        account.s3.put_bucket_notification_configuration(
            Bucket="my-logs", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    deploy(account, Seen(), config.replace("s3_direct", source), wire=True)
    assert destroy(account, screen := Seen())
    told = "bucket my-logs: left: EventBridge, which rules of others may use by now"
    assert (told in screen.text) is (source == "eventbridge")
    assert "EventBridgeConfiguration" in account.s3.get_bucket_notification_configuration(Bucket="my-logs")


@pytest.mark.parametrize("all_", [True, False])
def test_destroy_names_the_code_that_a_stack_left_which_is_gone(account: Account, all_: bool) -> None:
    config = parse(CONFIG)
    account.s3.put_object(Bucket="my-code", Key="functions/app-2/1.zip")
    assert destroy(account, none := Seen(), config, all_=all_)
    assert "code" not in none.text
    account.s3.put_object(Bucket="my-code", Key="functions/app/1.zip")
    assert destroy(account, screen := Seen(), config, all_=all_)
    command = f"aws s3 rm --recursive --region {REGION} s3://my-code/functions/app/"
    assert screen.said[-1] == (
        f"uploaded code of a former stack is still there, s3://my-code/functions/app/; to delete it: {command}"
    )
    assert account.s3.list_objects_v2(Bucket="my-code")["KeyCount"] == 2


def test_code_in_another_region_is_not_of_a_stack_that_is_gone_here(account: Account) -> None:
    make_bucket("their-code", "eu-central-1")
    account.s3.put_object(Bucket="their-code", Key="functions/app/1.zip")
    destroy(account, screen := Seen(), parse(CONFIG.replace("my-code", "their-code")), all_=True)
    assert "their-code" not in screen.text


class WithoutOutputs(Deployment):
    """A stack as it looks when AWS tells none of its outputs."""

    def state(self, stack_id: str | None = None) -> StackState | None:
        state = super().state(stack_id)
        return msgspec.structs.replace(state, outputs={}) if state else None


def test_a_bucket_that_left_the_mapping_is_told_until_wire_takes_its_notification_away(
    cloud: Cloud, config: str
) -> None:
    account, other = account_of(cloud), config.replace("my-logs", "my-other")
    account.s3.create_bucket(Bucket="my-other")
    deploy(account, Seen(), config, wire=True)
    for _ in range(2):
        deploy(account, told := Seen(), other)
        assert "bucket my-logs: warning: is not mapped any more, and still notifies the stack" in told.text
    deploy(account, gone := Seen(), other, wire=True)
    assert "bucket my-logs: took away notification" in gone.text
    deploy(account, quiet := Seen(), other, wire=True)
    assert "my-logs" not in quiet.text
    assert "bucket my-other: nothing to add: new objects under 'a/' reach the stack already" in quiet.said
    stack = WithoutOutputs(account, "app", sleep=briefly)
    blind = change(stack, parse(other), told := Seen(), lambda *_: PACKAGE, yes=True, wire=True)
    assert "bucket my-other: warning: whether it notifies stack 'app' is unknown" in told.text
    assert (blind.falls_short(wire=True), blind.falls_short(wire=False)) == (True, False)


def test_destroy_says_what_becomes_of_tables_that_others_left_or_gave(account: Account, small: StackState) -> None:
    make_table(account, "app-ErrorTable-0123456789AB", "request_id")
    screen = Seen()
    assert destroy(account, screen, all_=True)
    arn = f"arn:aws:dynamodb:{REGION}:{ID}:table/app-ErrorTable-0123456789AB"
    (line,) = [one for one in screen.said if "of a former stack" in one]
    assert line.startswith(f"kept: error table {arn} ")
    assert f"set backend.dynamodb_arn: {arn}; to delete it: aws dynamodb delete-table --region {REGION}" in line
    assert line.endswith("--table-name app-ErrorTable-0123456789AB")
    assert "DELETE_SKIPPED" not in screen.text


@pytest.mark.slow
def test_destroy_all_keeps_a_table_that_the_config_gave(account: Account) -> None:
    template = {**SMALL, "Resources": {k: one for k, one in SMALL["Resources"].items() if k != "ErrorTable"}}
    template["Outputs"] = {**SMALL["Outputs"], "ErrorTableName": {"Value": "mine"}}
    make_table(account, "mine", "request_id")
    stack = Deployment(account, "app", sleep=never)
    with stack.proposed(template, None, "my-code", "f/app/") as plan:
        assert plan
        stack.execute(plan, Events())
    screen = Seen()
    assert destroy(account, screen, all_=True)
    assert "kept: error table mine, which backend.dynamodb_arn named: the stack did not make it" in screen.said
    assert account.dynamodb.list_tables()["TableNames"] == ["mine"]


class HalfDeleted(Deployment):
    """A stack whose deletion failed after its table was gone."""

    def state(self, stack_id: str | None = None) -> StackState | None:
        state = super().state(stack_id)
        return msgspec.structs.replace(state, status="DELETE_FAILED") if state else None

    def resources(self, stack_id: str | None = None) -> dict[str, StackResource]:
        return {name: one for name, one in super().resources(stack_id).items() if name != "ErrorTable"}

    def delete(self, stack_id: str, observer: Any) -> None:
        self.account.cloudformation.delete_stack(StackName=stack_id)


def test_a_table_that_a_deletion_which_failed_took_along_is_not_said_to_be_kept(
    account: Account, small: StackState
) -> None:
    account.dynamodb.delete_table(TableName=small.outputs["ErrorTableName"])
    screen = Seen()
    assert remove(HalfDeleted(account, "app", sleep=never), parse(CONFIG), screen, all_=True, force=False, yes=True)
    assert "kept: error table" not in screen.text
