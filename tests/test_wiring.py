"""Whether buckets tell the stack of new objects: what is added, and that nothing of others is ever lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

import aws
import deployed
from cloud import Cloud
from deployed import Deployed
from slips.config import Config, Mapping, parse
from slips.deploy import kms_keys
from slips.deploy.account import Account
from slips.deploy.notifications import Listeners, Notification, Plan, merge, notifications_in, own_id, plan
from slips.deploy.policies import permits
from slips.deploy.wiring import Buckets, Notifications, Wiring

pytest_plugins = ["cloud.plugin"]
pytestmark = pytest.mark.once

REGION, ACCOUNT = "ap-northeast-1", "123456789012"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:seclog"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:seclog"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:pusher"
OTHER = f"arn:aws:sns:{REGION}:{ACCOUNT}:billing"
TO_TOPIC = Listeners({TOPIC: "TopicConfigurations"})
CREATED = "s3:ObjectCreated:*"
NOTHING: dict[str, Any] = {}
BRIDGED = re.sub(r"  sns_topics:\n.*\n", "  eventbridge: true\n", deployed.CONFIG).replace(
    "    - {prefix: own/, format: [s3-lines, formats/own.py:own]}\n", ""
)


def told(arn: str, prefix: str = "", *events: str, suffix: str = "", id: str = "theirs") -> dict[str, Any]:
    """S3's document of a bucket that notifies a topic."""
    return merge(
        {}, Plan(added=[Notification("TopicConfigurations", arn, id, frozenset(events or [CREATED]), prefix, suffix)])
    )


# ---- what is to be done: pure


def test_a_prefix_is_reached_if_a_notification_of_a_shorter_one_leads_to_the_stack() -> None:
    found = plan(told(TOPIC, "logs/"), ["logs/azure/", "logs/"], TO_TOPIC, "app")
    assert (found.reached, found.is_settled) == (["logs/", "logs/azure/"], True)


def test_all_ways_of_creating_count_as_any() -> None:
    events = [f"s3:ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")]
    assert plan(told(TOPIC, "", *events), ["logs/"], TO_TOPIC, "app").reached == ["logs/"]
    assert plan(told(TOPIC, "", *events[:3]), ["logs/"], TO_TOPIC, "app").partly


@pytest.mark.parametrize(
    "document", [told(TOPIC, "logs/azure/"), told(TOPIC, suffix=".gz"), told(TOPIC, "", "s3:ObjectCreated:Put")]
)
def test_a_notification_of_some_of_the_objects_is_in_the_way_of_the_others(document: dict[str, Any]) -> None:
    found = plan(document, ["logs/"], TO_TOPIC, "app")
    assert (list(found.partly), found.reached, found.added) == (["logs/"], [], [])


def test_anothers_notification_blocks_what_overlaps_it_and_nothing_else() -> None:
    found = plan(told(OTHER, "logs/b"), ["logs/", "logs/a", "logs/b/c"], TO_TOPIC, "app")
    assert sorted(found.blocked) == ["logs/", "logs/b/c"]
    assert [rule.prefix for rule in found.added] == ["logs/a"]


def test_special_characters_of_a_prefix_are_quoted_as_s3_wants_them_and_read_back() -> None:
    prefix = "logs/year=2026/Ünï cödé/a+b*/"
    changes = plan({}, [prefix], TO_TOPIC, "app")
    document = merge({"Other": 1}, changes)
    (rule,) = document["TopicConfigurations"][0]["Filter"]["Key"]["FilterRules"]
    assert rule == {"Name": "prefix", "Value": "logs/year%3D2026/%C3%9Cn%C3%AF+c%C3%B6d%C3%A9/a%2Bb%2A/"}
    assert document["Other"] == 1, "what we do not know stays"
    assert plan(document, [prefix], TO_TOPIC, "app").is_settled
    assert list(plan(told(OTHER, "logs/year=2026/"), [prefix], TO_TOPIC, "app").blocked) == [prefix]


def test_a_notification_of_deletions_is_in_nobodys_way() -> None:
    found = plan(told(OTHER, "", "s3:ObjectRemoved:*"), ["logs/"], TO_TOPIC, "app")
    assert [rule.prefix for rule in found.added] == ["logs/"]


def test_a_prefix_below_another_needs_no_notification_of_its_own() -> None:
    found = plan({}, ["logs/a/", "logs/", "x/"], TO_TOPIC, "app")
    assert [rule.prefix for rule in found.added] == ["logs/", "x/"]


def test_a_notification_added_for_a_mapping_is_removed_with_it_and_others_stay() -> None:
    before = merge(told(OTHER, "theirs/"), plan(told(OTHER, "theirs/"), ["old/"], TO_TOPIC, "app"))
    changes = plan(before, ["new/"], TO_TOPIC, "app")
    after = merge(before, changes)
    assert [rule.prefix for rule in changes.removed] == ["old/"]
    assert [one["Id"] for one in after["TopicConfigurations"]] == ["theirs", own_id("app", "new/")]


def test_an_added_notification_stays_if_it_still_leads_to_the_stack() -> None:
    before = merge({}, plan({}, ["logs/"], TO_TOPIC, "app"))
    both = Listeners({QUEUE: "QueueConfigurations", TOPIC: "TopicConfigurations"})
    assert plan(before, ["logs/"], both, "app").is_settled
    moved = plan(before, ["logs/"], Listeners({QUEUE: "QueueConfigurations"}), "app")
    assert [rule.arn for rule in moved.added + moved.removed] == [QUEUE, TOPIC]
    assert list(merge(before, moved)) == ["QueueConfigurations"]


def test_notifications_of_a_stack_with_a_longer_name_are_anothers() -> None:
    theirs = merge({}, plan({}, ["logs/"], Listeners({OTHER: "TopicConfigurations"}), "app-test"))
    assert plan(theirs, ["x/"], TO_TOPIC, "app").removed == []


def test_a_queue_or_the_function_is_notified_where_there_is_no_topic() -> None:
    to = Listeners({QUEUE: "QueueConfigurations", FUNCTION: "LambdaFunctionConfigurations"})
    (rule,) = plan({}, [""], to, "app").added
    assert rule.document() == {"Id": own_id("app", ""), "QueueArn": QUEUE, "Events": [CREATED]}
    direct = merge({}, plan({}, [""], Listeners({FUNCTION: "LambdaFunctionConfigurations"}), "app"))
    assert direct["LambdaFunctionConfigurations"][0]["LambdaFunctionArn"] == FUNCTION


def test_eventbridge_is_switched_on_only_where_nothing_else_is_configured() -> None:
    assert plan({}, ["logs/"], Listeners({}, eventbridge=True), "app").eventbridge
    assert not plan({}, ["logs/"], Listeners(TO_TOPIC.kinds, eventbridge=True), "app").eventbridge
    assert plan({"EventBridgeConfiguration": {}}, ["logs/"], Listeners(TO_TOPIC.kinds, True), "app").is_settled


def test_eventbridge_is_used_where_a_notification_is_in_the_way_of_the_topic() -> None:
    found = plan(told(OTHER, "logs/"), ["logs/", "x/"], Listeners(TO_TOPIC.kinds, eventbridge=True), "app")
    assert (found.eventbridge, found.reached, found.blocked, found.added) == (True, ["logs/", "x/"], {}, [])


def test_objects_that_would_come_twice_are_told() -> None:
    both = {**told(TOPIC, "logs/"), "EventBridgeConfiguration": {}}
    assert plan(both, ["logs/", "x/"], Listeners(TO_TOPIC.kinds, eventbridge=True), "app").twice == ["logs/"]


PREFIXES = st.text("ab/", max_size=4)
RULES = st.builds(
    Notification,
    st.just("TopicConfigurations"),
    st.sampled_from([TOPIC, OTHER]),
    st.uuids().map(str),
    st.sampled_from([frozenset({CREATED}), frozenset({"s3:ObjectCreated:Put"}), frozenset({"s3:ObjectRemoved:*"})]),
    PREFIXES,
    st.sampled_from(["", ".gz"]),
)


@given(st.lists(RULES, max_size=4), st.lists(PREFIXES, min_size=1), st.lists(PREFIXES, min_size=1), st.booleans())
def test_whatever_is_there_it_stays_and_one_round_is_enough(
    theirs: list[Notification], former: list[str], prefixes: list[str], bridge: bool
) -> None:
    current = merge({"EventBridgeConfiguration": {}} if bridge else {}, Plan(added=theirs))
    current = merge(current, plan(current, former, TO_TOPIC, "app"))
    after = merge(current, plan(current, prefixes, TO_TOPIC, "app"))
    found = plan(after, prefixes, TO_TOPIC, "app")
    assert found.is_settled
    assert {*found.reached, *found.partly, *found.blocked} == set(prefixes)
    documents = after.get("TopicConfigurations", [])
    assert all(rule.document() in documents for rule in theirs)
    assert ("EventBridgeConfiguration" in after) == bridge
    ours = [one for one in documents if one["Id"].startswith("slips-")]
    added = [one.get("Filter", {}).get("Key", {}).get("FilterRules", [{"Value": ""}])[0]["Value"] for one in ours]
    assert not any(rule.overlaps(prefix) for rule in theirs for prefix in added)
    assert not any(one != two and one.startswith(two) for one in added for two in added)


# ---- who may notify


def statement(**about: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", **about}


SOURCE = "arn:aws:s3:::my-logs"


@pytest.mark.parametrize(
    "one",
    [
        statement(),
        statement(Principal="*", Action="SNS:*"),
        statement(Principal={"AWS": "*"}, Action=["sns:GetTopicAttributes", "SNS:Publish"]),
        statement(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:my-*"}}),
        statement(Condition={"ArnEquals": {"AWS:SourceArn": [SOURCE]}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        statement(Condition={"StringEquals": {"aws:SourceAccount": int(ACCOUNT)}}),
        statement(Condition={"StringLike": {"aws:SourceAccount": [int(ACCOUNT)]}}),
    ],
)
def test_a_policy_that_lets_s3_publish_is_recognised(one: dict[str, Any]) -> None:
    assert permits({"Statement": [one]}, "sns:Publish", SOURCE, ACCOUNT)
    assert permits({"Statement": one}, "sns:Publish", SOURCE, ACCOUNT)


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [statement(Action="sns:Subscribe")],
        [statement(Principal={"Service": "events.amazonaws.com"})],
        [statement(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::other"}})],
        [statement(Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}})],
        # What a topic has by itself: for callers of its own account, of which S3 is none.
        [statement(Principal={"AWS": "*"}, Condition={"StringEquals": {"AWS:SourceOwner": ACCOUNT}})],
        [statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})],
        [statement(), statement(Effect="Deny")],
    ],
)
def test_a_policy_that_does_not_let_s3_publish_is_recognised(statements: list[dict[str, Any]]) -> None:
    assert not permits({"Statement": statements}, "sns:Publish", SOURCE, ACCOUNT)


def test_a_denial_of_unencrypted_calls_is_none_of_s3() -> None:
    unencrypted = statement(Effect="Deny", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    assert permits({"Statement": [statement(), unencrypted]}, "sns:Publish", SOURCE, ACCOUNT)


# ---- buckets


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with aws.account():
        found = Account.connect(REGION)
        make_bucket(found, "my-logs")
        found.sns.create_topic(Name="billing")
        topic = found.sns.create_topic(Name="seclog")["TopicArn"]
        allow(found, statement(Resource=topic))
        yield found


def make_bucket(account: Account, name: str, region: str = REGION) -> None:
    client = boto3.client("s3", region_name=region)
    client.create_bucket(Bucket=name, CreateBucketConfiguration=cast("Any", {"LocationConstraint": region}))


def allow(account: Account, *statements: dict[str, Any]) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    account.sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy)


def config(backend: str = f"sns_topics: [{{name: SecLog, arn: '{TOPIC}'}}]", buckets: str = "my-logs") -> Config:
    mapped = "".join(
        f"  {bucket}: [{{prefix: azure/, format: json}}, {{prefix: g/, format: json}}]\n" for bucket in buckets.split()
    )
    return parse(f"stack_name: app\nbackend: {{{backend}}}\nhandler: {{path: handler.py}}\nbucket_mapping:\n{mapped}")


def put(account: Account, document: dict[str, Any]) -> None:
    account.s3.put_bucket_notification_configuration(Bucket="my-logs", NotificationConfiguration=cast("Any", document))


def get(account: Account) -> dict[str, Any]:
    found = account.s3.get_bucket_notification_configuration(Bucket="my-logs")
    return {key: value for key, value in found.items() if key != "ResponseMetadata"}


def look(account: Account, config: Config, *, wire: bool = False) -> Wiring:
    (found,) = Buckets(account, config, FUNCTION, sleep=lambda _: None).look(wire=wire)
    return found


def test_a_look_tells_what_is_missing_and_changes_nothing(account: Account) -> None:
    found = look(account, config())
    assert (found.missing, found.added, get(account)) == (["azure/", "g/"], [], NOTHING)
    assert "'slips deploy --wire' adds it" in found.notes[0]
    document = json.loads(found.notes[0].partition("yourself: ")[2])
    assert [one["TopicArn"] for one in document["TopicConfigurations"]] == [TOPIC, TOPIC]


def test_patterns_are_announced_by_their_literal_beginnings(account: Account) -> None:
    texts = ("AWSLogs/*/CloudTrail/**", "AWSLogs/**/flow/**", r"a\*b*")
    mapped = [Mapping(pattern=each, format=["json"]) for each in texts]
    found = look(account, msgspec.structs.replace(config(), bucket_mapping={"my-logs": mapped}), wire=True)
    assert (found.reached, found.missing, found.notes) == (["AWSLogs/", "a*b"], [], [])
    assert [one.prefix for one in notifications_in(get(account))] == ["AWSLogs/", "a*b"]


@pytest.mark.slow
def test_wire_adds_what_is_missing_once_and_keeps_what_others_configured(account: Account) -> None:
    put(account, told(OTHER, "billing/", suffix=".csv"))
    before = get(account)["TopicConfigurations"]
    found = look(account, config(), wire=True)
    assert (found.reached, found.missing, len(found.added)) == (["azure/", "g/"], [], 2)
    after = get(account)
    assert after["TopicConfigurations"][:1] == before
    again = look(account, config(), wire=True)
    assert (again.reached, again.added, get(account)) == (["azure/", "g/"], [], after)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["s3_direct: true", "s3_direct: true, eventbridge: true"])
@pytest.mark.parametrize("wire", [True, False])
def test_a_stack_whose_outputs_name_no_function_to_notify_is_told_and_leaves_the_bucket_alone(
    account: Account, backend: str, wire: bool
) -> None:
    put(account, merge({}, plan({}, ["azure/", "g/"], TO_TOPIC, "app")))
    before = get(account)
    (found,) = Buckets(account, config(backend), None, sleep=lambda _: None).look(wire=wire)
    assert (found.missing, found.added, found.removed, get(account)) == (["azure/", "g/"], [], [], before)
    assert "whether it notifies stack 'app' is unknown: the stack has no output EventPusherArn" in found.notes[0]


def test_a_prefix_that_no_target_takes_is_missing(account: Account) -> None:
    assert look(account, config("sns_topics: []"), wire=True).missing == ["azure/", "g/"]


@pytest.mark.slow
def test_a_bucket_that_is_wired_is_not_spoken_of(account: Account) -> None:
    put(account, told(TOPIC))
    assert look(account, config()) == Wiring("my-logs", reached=["azure/", "g/"])


@pytest.mark.slow
def test_a_topic_that_does_not_let_s3_publish_is_told_with_the_statement_and_nothing_is_written(
    account: Account,
) -> None:
    allow(account)
    found = look(account, config(), wire=True)
    assert (found.missing, get(account)) == (["azure/", "g/"], NOTHING)
    needed = json.loads(found.notes[0].partition("policy: ")[2])
    allow(account, needed)
    assert look(account, config(), wire=True).missing == []


def test_the_rule_that_blocks_a_notification_is_named(account: Account) -> None:
    put(account, told(OTHER, "azure/", id="monthly"))
    found = look(account, config(), wire=True)
    assert (found.reached, found.missing) == (["g/"], ["azure/"])
    assert f"notification 'monthly' of 'azure/*' to {OTHER}" in found.notes[0]


def test_a_topic_that_feeds_a_queue_of_the_stack_reaches_it(account: Account) -> None:
    account.sqs.create_queue(QueueName="seclog")
    put(account, told(OTHER, "azure/"))
    queue = config(f"sqs_queues: [{{name: Q, arn: '{QUEUE}'}}]")
    assert look(account, queue).missing == ["azure/", "g/"]
    account.sns.subscribe(TopicArn=OTHER, Protocol="sqs", Endpoint=QUEUE)
    found = look(account, queue)
    assert (found.reached, found.missing) == (["azure/"], ["g/"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "arn", "advice"),
    [
        ("TopicConfigurations", OTHER, "expected that topic in backend.sns_topics, or 'backend.eventbridge: true'"),
        ("QueueConfigurations", QUEUE, "expected 'backend.eventbridge: true', which goes beside it"),
        ("LambdaFunctionConfigurations", FUNCTION, "expected 'backend.eventbridge: true', which goes beside it"),
    ],
)
def test_the_advice_is_for_what_is_in_the_way(account: Account, key: Any, arn: str, advice: str) -> None:
    bucket = Bucket()
    bucket.document = merge({}, Plan(added=[Notification(key, arn, "theirs")]))
    assert advice in look(with_bucket(account, bucket), config()).notes[0]


@pytest.mark.slow
def test_a_bucket_elsewhere_is_only_told(account: Account) -> None:
    make_bucket(account, "far", "eu-west-1")
    found = look(account, config(buckets="far"), wire=True)
    assert found.missing == ["azure/", "g/"]
    assert "is in eu-west-1" in found.notes[0]


def test_a_bucket_that_is_not_there_is_told(account: Account) -> None:
    assert "is not there" in look(account, config(buckets="nowhere"), wire=True).notes[0]


def test_unwire_takes_away_what_was_added_and_nothing_else(account: Account) -> None:
    put(account, told(OTHER, "billing/"))
    before = get(account)
    look(account, config(), wire=True)
    notifications = Notifications(account, "app", sleep=lambda _: None)
    assert (len(notifications.remove("my-logs").removed), get(account)) == (2, before)
    assert notifications.remove("my-logs") == Wiring("my-logs")
    assert notifications.remove("nowhere") == Wiring("nowhere")


@pytest.mark.slow
def test_notifications_that_aws_denies_removing_are_named_with_the_remedy(account: Account) -> None:
    (note,) = Notifications(with_bucket(account, Bucket(denied=True)), "app").remove("my-logs").notes
    assert "Access Denied; expected s3:GetBucketNotification and s3:PutBucketNotification; take away" in note
    assert "names begin with 'slips-app-'" in note


def test_a_bucket_that_is_not_mapped_any_more_is_told_and_wire_takes_its_notification_away(account: Account) -> None:
    put(account, told(OTHER, "billing/"))
    before = get(account)
    look(account, config(), wire=True)
    make_bucket(account, "new-logs")
    buckets = Buckets(account, config(buckets="new-logs"), None, former=["my-logs", "nowhere"], sleep=lambda _: None)
    assert buckets.left() == ["my-logs"]
    (_, found) = buckets.look()
    assert "is not mapped any more, and still notifies the stack" in found.notes[0]
    assert get(account) != before
    (_, found) = buckets.look(wire=True)
    assert (found.bucket, len(found.removed), get(account)) == ("my-logs", 2, before)
    assert ([one.bucket for one in buckets.look()], buckets.left()) == (["new-logs"], [])


class Bucket:
    """A bucket's notifications, and others who work on them at the same time."""

    def __init__(self, *, denied: bool = False, refused: bool = False, others: list[dict[str, Any]] | None = None):
        self.document: dict[str, Any] = {}
        self.denied, self.refused, self.others = denied, refused, others or []

    def head_bucket(self, **_: Any) -> Any:
        return {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": REGION}}}

    def get_bucket_encryption(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "Get")

    def get_bucket_notification_configuration(self, **request: Any) -> Any:
        assert request["ExpectedBucketOwner"] == ACCOUNT
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "Get")
        return dict(self.document)

    def put_bucket_notification_configuration(self, **request: Any) -> Any:
        if self.refused:
            text = "Unable to validate the following destination configurations"
            raise ClientError({"Error": {"Code": "InvalidArgument", "Message": text}}, "Put")
        self.document = self.others.pop(0) if self.others else request["NotificationConfiguration"]
        return {}


def with_bucket(account: Account, bucket: Bucket) -> Account:
    account.s3 = cast("Any", bucket)
    return account


def test_two_writers_of_notifications_at_the_same_time_lose_nothing(account: Account) -> None:
    bucket = Bucket(others=[told(OTHER, "billing/")])
    found = look(with_bucket(account, bucket), config(), wire=True)
    assert found.missing == []
    assert [one["TopicArn"] for one in bucket.document["TopicConfigurations"]] == [OTHER, TOPIC, TOPIC]


@pytest.mark.slow
def test_a_writer_of_notifications_without_end_is_a_note(account: Account) -> None:
    bucket = Bucket(others=[told(OTHER, "billing/")] * 3)
    found = look(with_bucket(account, bucket), config(), wire=True)
    assert (found.missing, found.added) == (["azure/", "g/"], [])
    assert "expected nobody else to change them now" in found.notes[0]


def test_eventbridge_is_switched_on_by_wire_and_never_off(account: Account) -> None:
    bucket = Bucket()
    bucket.document = theirs = told(OTHER, "billing/")
    found = look(with_bucket(account, bucket), config("eventbridge: true"), wire=True)
    assert (found.added, found.missing) == (["EventBridge"], [])
    assert bucket.document == {**theirs, "EventBridgeConfiguration": {}}
    assert look(account, config(), wire=True).missing == []
    assert "EventBridgeConfiguration" in bucket.document


@pytest.mark.slow
def test_a_bucket_of_another_account_is_told_with_what_its_owner_must_add(account: Account) -> None:
    found = look(with_bucket(account, Bucket(denied=True)), config(), wire=True)
    assert found.missing == ["azure/", "g/"]
    assert json.loads(found.notes[0].partition("must add: ")[2])["TopicConfigurations"][0]["TopicArn"] == TOPIC


def test_a_notification_that_s3_refuses_is_a_note_and_counts_as_missing(account: Account) -> None:
    found = look(with_bucket(account, Bucket(refused=True)), config(), wire=True)
    assert (found.missing, found.added) == (["azure/", "g/"], [])
    assert "Unable to validate" in found.notes[0]


# ---- keys


def encrypt(account: Account, algorithm: str, **key: str) -> None:
    rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm, **key}}]
    account.s3.put_bucket_encryption(Bucket="my-logs", ServerSideEncryptionConfiguration=cast("Any", {"Rules": rules}))


def unnamed(account: Account, backend: str = "s3_direct: true") -> list[str]:
    return kms_keys.unnamed(config(backend), account)


def test_a_bucket_whose_key_is_not_named_is_warned_of(account: Account) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]
    encrypt(account, "aws:kms", KMSMasterKeyID=key["KeyId"])
    assert key["Arn"] in unnamed(account)[0]
    assert unnamed(account, f"s3_direct: true, kms_key_arns: ['{key['Arn']}']") == []


@pytest.mark.slow
def test_an_alias_stands_for_its_key(account: Account) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]
    account.client("kms").create_alias(AliasName="alias/logs", TargetKeyId=key["KeyId"])
    encrypt(account, "aws:kms:dsse", KMSMasterKeyID="alias/logs")
    assert unnamed(account, f"s3_direct: true, kms_key_arns: ['{key['Arn']}']") == []
    assert key["Arn"] in unnamed(account)[0]


def test_encryption_that_needs_no_permission_is_not_warned_of(account: Account) -> None:
    assert unnamed(account) == []
    encrypt(account, "AES256")
    assert unnamed(account) == []
    encrypt(account, "aws:kms")
    assert unnamed(account) == []
    encrypt(account, "aws:kms", KMSMasterKeyID=f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/s3")
    assert unnamed(account) == []


def test_a_bucket_whose_encryption_is_not_ours_to_read_is_told(account: Account) -> None:
    (note,) = unnamed(with_bucket(account, Bucket(denied=True)))
    assert "its encryption cannot be read (Access Denied)" in note


# ---- from the bucket to the handler


def test_a_bucket_that_wire_lets_tell_eventbridge_has_its_objects_processed(cloud: Cloud, tmp_path: Path) -> None:
    for bucket in ("code", "my-logs"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("ssm").put_parameter(Name="/chain/token", Value="s3cret", Type="SecureString")
    project = Deployed(cloud, tmp_path, BRIDGED)
    said = project.deploy().out
    assert "bucket my-logs: added EventBridge" in said
    assert "are processed now" in said
    assert "EventBridgeConfiguration" in cloud.client("s3").get_bucket_notification_configuration(Bucket="my-logs")
    project.put("my-logs", "fast/a", [{"n": 1}, {"n": 2}])
    project.settle()
    assert (project.items, project.delivered()) == ([], {"my-logs/fast/a": [1, 2]})
    assert "bucket my-logs: nothing to add: new objects under" in project.deploy().out
    assert cloud.denied() == []
