"""Checks that the mapped buckets notify the stack of new objects, and adds the notifications.

A bucket's document of notifications is read, changed, written and read again, since another program may write it at the
same time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws.answers import code, message
from slips.backends.aws.refusals import DENIED, MISSING, calls
from slips.config import Config
from slips.deploy.account import Account
from slips.deploy.notifications import (
    EVENTBRIDGE,
    Kind,
    Listeners,
    Notification,
    Plan,
    listeners,
    merge,
    notifications_in,
    plan,
)
from slips.deploy.policies import permits
from slips.errors import SlipsError

_ADVICE: dict[Kind, str] = {
    "TopicConfigurations": "expected that topic in backend.sns_topics, or 'backend.eventbridge: true'; add either",
    "QueueConfigurations": (
        "expected 'backend.eventbridge: true', which goes beside it; add that, since a queue has but one reader; or "
        "let a topic be notified that feeds both, and name it in backend.sns_topics"
    ),
    "LambdaFunctionConfigurations": (
        "expected 'backend.eventbridge: true', which goes beside it; add that; or let a topic be notified that feeds "
        "both, and name it in backend.sns_topics"
    ),
}
"""Advice about a foreign notification that is in the way."""
_ROUNDS, _REREADS, _WAIT = 3, 5, 1.0
"""Most writes, most reads after a write, and seconds between reads: S3 may show a new document a little later."""


class Wiring(Struct, frozen=True):
    """The wiring of a bucket, for people and programs."""

    bucket: str
    reached: list[str] = []
    partly: list[str] = []
    """Prefixes of which only some objects reach the stack, perhaps on purpose."""
    missing: list[str] = []
    """Prefixes of which no new object reaches the stack."""
    added: list[str] = []
    removed: list[str] = []
    notes: list[str] = []
    """Problems of the wiring, with advice."""


class Notifications:
    """The notifications of buckets that slips added for one stack."""

    def __init__(self, account: Account, stack: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._account, self._stack, self._sleep = account, stack, sleep

    def remain(self, bucket: str) -> list[str]:
        """Return a bucket's notifications that slips added for the stack. Raises SlipsError if they cannot be read."""
        try:
            return [str(each) for each in plan(self.read(bucket), [], Listeners({}), self._stack).removed]
        except ClientError as error:
            if code(error) in MISSING:
                return []
            raise SlipsError(message(error)) from error

    def has_eventbridge(self, bucket: str) -> bool:
        """Whether a bucket notifies EventBridge; False if that cannot be read, for which `remove` gives the reason."""
        with suppress(ClientError, SlipsError):
            return EVENTBRIDGE in self.read(bucket)
        return False

    def remove(self, bucket: str) -> Wiring:
        """Remove the notifications that slips added for the stack. EventBridge stays on: other rules may use it."""
        try:
            removed = self.remain(bucket) and self.write(bucket, [], Listeners({})).removed
        except (ClientError, SlipsError) as error:
            note = (
                f"what 'deploy --wire' added to it may still be there: {error}; expected s3:GetBucketNotification and "
                f"s3:PutBucketNotification; take away its event notifications whose names begin with 'slips-"
                f"{self._stack}-', in the S3 console or as who may"
            )
            return Wiring(bucket, notes=[note])
        return Wiring(bucket, removed=[str(each) for each in removed])

    def read(self, bucket: str) -> dict[str, Any]:
        """Return S3's document of a bucket's notifications. Passes ClientError if the bucket is missing or denied."""
        with calls(f"s3://{bucket}", passing=DENIED | MISSING):
            document: Any = self._account.s3.get_bucket_notification_configuration(
                Bucket=bucket, ExpectedBucketOwner=self._account.id
            )
        return {key: value for key, value in document.items() if key != "ResponseMetadata"}

    def write(self, bucket: str, prefixes: Sequence[str], to: Listeners) -> Plan:
        """Read a bucket's notifications anew, change them, and return the changes. Raises SlipsError."""
        done = Plan()
        for _ in range(_ROUNDS):
            current = self.read(bucket)
            changes = plan(current, prefixes, to, self._stack)
            if changes.is_settled:
                return done
            done = changes
            with calls(f"s3://{bucket}: its notifications"):
                self._account.s3.put_bucket_notification_configuration(
                    Bucket=bucket,
                    NotificationConfiguration=merge(current, changes),  # type: ignore[arg-type]
                    ExpectedBucketOwner=self._account.id,
                )
            # S3 has no conditional write of notifications, so only reading afterwards shows whether the write stayed.
            for _ in range(_REREADS):
                if plan(self.read(bucket), prefixes, to, self._stack).is_settled:
                    return done
                self._sleep(_WAIT)
        raise SlipsError(
            f"s3://{bucket}: its notifications were written {_ROUNDS} times, and are not as written; expected nobody "
            "else to change them now; try again"
        )


class Buckets:
    """Checks and wires the buckets of a config: the mapped ones, and `former` ones that may still be wired."""

    def __init__(
        self,
        account: Account,
        config: Config,
        event_pusher: str | None,
        *,
        former: Collection[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account, self._config = account, config
        self._former = sorted({*former} - {*config.bucket_mapping})
        self._notifications = Notifications(account, config.stack_name, sleep=sleep)
        self._listeners = listeners(config, event_pusher)
        self._unknown = _unknown(config, event_pusher)

    def left(self) -> list[str]:
        """Return the formerly mapped buckets that still notify the stack, or whose notifications cannot be read."""
        left = []
        for bucket in self._former:
            try:
                remain = self._notifications.remain(bucket)
            except SlipsError:
                remain = ["unreadable: it is kept in mind, and `look` tells why"]
            left += [bucket] if remain else []
        return left

    def look(self, *, wire: bool = False) -> list[Wiring]:
        """Return the wiring of each bucket. With `wire`, first add missing notifications and remove those left over."""
        former = [self._look_at_former(bucket, wire) for bucket in self._former]
        return [
            *(self._look(bucket, wire) for bucket in sorted(self._config.bucket_mapping)),
            *(one for one in former if one.removed or one.notes),
        ]

    def _look_at_former(self, bucket: str, wire: bool) -> Wiring:
        if wire:
            return self._notifications.remove(bucket)
        try:
            remain = self._notifications.remain(bucket)
        except SlipsError as error:
            return Wiring(bucket, notes=[f"is not mapped any more; whether it notifies the stack is unknown: {error}"])
        note = f"is not mapped any more, and still notifies the stack: {', '.join(remain)}; expected none; "
        return Wiring(bucket, notes=[f"{note}'slips deploy --wire' takes that away"] if remain else [])

    def _look(self, bucket: str, wire: bool) -> Wiring:
        prefixes = sorted({mapping.beginning for mapping in self._config.bucket_mapping[bucket]})
        region, _ = self._account.bucket_region(bucket)
        if region and region != self._account.region:
            note = (
                f"is in {region}, and S3 notifies only what is in the same region; expected a stack there; deploy one "
                f"with --region {region} and an own stack_name for it"
            )
            return Wiring(bucket, missing=prefixes, notes=[note])
        if self._unknown:
            return Wiring(bucket, missing=prefixes, notes=[self._unknown])
        try:
            current = self._notifications.read(bucket)
        except ClientError as error:
            return Wiring(bucket, missing=prefixes, notes=[self._unreadable(error, prefixes)])
        to = self._with_topics_before_queues(current)
        changes = plan(current, prefixes, to, self._config.stack_name)
        notes = [
            f"only part of what is under '{prefix}' reaches the stack: {each} leaves out the rest, and S3 lets nobody "
            "add it beside that one; expected it to be meant so; else change that one"
            for prefix, each in changes.partly.items()
        ]
        notes += [
            f"nothing tells the stack of new objects under '{prefix}', and S3 allows no second notification beside "
            f"the {each}; {_ADVICE[each.kind]}"
            for prefix, each in changes.blocked.items()
        ]
        notes += [
            f"new objects under '{prefix}' reach the stack twice, by EventBridge and by a notification; expected one "
            "way; the second costs an invocation, so take one away"
            for prefix in changes.twice
        ]
        refused = list(dict.fromkeys(note for each in changes.added if (note := self._refused(bucket, each))))
        written = Plan()
        if wire and not refused:
            try:
                written = self._notifications.write(bucket, prefixes, to)
            except SlipsError as error:
                refused = [str(error)]
        lost: list[str] = []
        if not changes.is_settled and written.is_settled:
            notes += [*refused, *self._instructions(changes)]
            added = tuple(each.prefix for each in changes.added)
            lost = [one for one in changes.reached if changes.eventbridge or one.startswith(added)]
        return Wiring(
            bucket,
            [one for one in changes.reached if one not in lost],
            list(changes.partly),
            sorted([*lost, *changes.blocked]),
            [str(each) for each in written.added] + (["EventBridge"] if written.eventbridge else []),
            [str(each) for each in written.removed],
            notes,
        )

    def _with_topics_before_queues(self, current: dict[str, Any]) -> Listeners:
        """Return the listeners, with topics that the bucket notifies and that feed one of the stack's queues."""
        queues = {queue.arn for queue in self._config.backend.sqs_queues}
        kinds = dict(self._listeners.kinds)
        for each in notifications_in(current):
            if queues and each.kind == "TopicConfigurations" and each.tells_of_new and each.arn not in kinds:
                try:
                    with calls(each.arn, passing=DENIED | MISSING):
                        pages = self._account.sns.get_paginator("list_subscriptions_by_topic").paginate(
                            TopicArn=each.arn
                        )
                        fed = {one.get("Endpoint") for page in pages for one in page["Subscriptions"]}
                except ClientError:
                    continue  # a topic that cannot be read counts as a foreign one
                if fed & queues:
                    kinds[each.arn] = each.kind
        return Listeners(kinds, self._listeners.eventbridge)

    def _unreadable(self, error: ClientError, prefixes: Sequence[str]) -> str:
        if code(error) in MISSING:
            return "is not there; expected a bucket; make it, or mend bucket_mapping"
        wanted = plan({}, prefixes, self._listeners, self._config.stack_name)
        return (
            f"its notifications cannot be read ({message(error)}); expected s3:GetBucketNotification on a bucket of "
            f"account {self._account.id}; if it is another's, its owner must add: {json.dumps(merge({}, wanted))}"
        )

    def _instructions(self, changes: Plan) -> list[str]:
        notes = []
        if changes.added or changes.eventbridge:
            what = ", ".join(f"'{each.prefix}'" for each in changes.added) or "any prefix"
            document = json.dumps(merge({}, Plan(added=changes.added, eventbridge=changes.eventbridge)))
            notes.append(
                f"nothing tells the stack of new objects under {what}; expected a notification; "
                f"'slips deploy --wire' adds it, or add to the bucket's yourself: {document}"
            )
        if changes.removed:
            names = ", ".join(str(each) for each in changes.removed)
            notes.append(f"no longer needed: {names}; 'slips deploy --wire' takes it away")
        return notes

    def _refused(self, bucket: str, wanted: Notification) -> str:
        """Return the reason why S3 would refuse a notification: its topic or queue must let S3 send; else empty."""
        try:
            with calls(wanted.arn, passing=DENIED | MISSING):
                if wanted.kind == "TopicConfigurations":
                    action = "sns:Publish"
                    attributes: Any = self._account.sns.get_topic_attributes(TopicArn=wanted.arn)["Attributes"]
                elif wanted.kind == "QueueConfigurations":
                    action = "sqs:SendMessage"
                    url = self._account.sqs.get_queue_url(QueueName=wanted.arn.rpartition(":")[2])["QueueUrl"]
                    got = self._account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
                    attributes = got.get("Attributes", {})
                else:
                    return ""  # the template permits it
        except ClientError as error:
            if code(error) in DENIED:
                return ""  # unknown: S3 itself refuses the notification if so
            return f"{wanted.arn} is not there; expected it to exist; make it"
        partition, account = self._account.partition, self._account.id
        source = f"arn:{partition}:s3:::{bucket}"
        if permits(json.loads(attributes.get("Policy") or "{}"), action, source, account):
            return ""
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": action,
            "Resource": wanted.arn,
            "Condition": {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": account}},
        }
        return f"{wanted.arn} does not let S3 notify it; expected this statement in its policy: {json.dumps(statement)}"


def _unknown(config: Config, event_pusher: str | None) -> str:
    """Return the reason why the wiring of all buckets is unknown; empty if it is known."""
    if config.backend.s3_direct and not event_pusher:
        return (
            f"whether it notifies stack '{config.stack_name}' is unknown: the stack has no output EventPusherArn, the "
            "function that the bucket is to notify; expected the outputs that slips gives a stack; see whether that "
            "stack is one of slips, then run 'slips deploy --wire' again"
        )
    if not listeners(config, event_pusher).kinds and not config.backend.eventbridge:
        return (
            "nothing could tell the stack of new objects; expected backend.sns_topics, sqs_queues, eventbridge or "
            "s3_direct; add one"
        )
    return ""
