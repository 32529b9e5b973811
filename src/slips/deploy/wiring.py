"""Whether the mapped buckets tell the stack of new objects, and whether it can decrypt them.

`plan` is the pure part: what a bucket's notifications are, and what they should be. Nothing that others configured is
ever changed: S3 keeps all notifications of a bucket in one document, so it is read, added to, written, and read again.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import quote_plus, unquote_plus

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws.clients import code
from slips.backends.aws.refusals import DENIED, MISSING, calls, message
from slips.config import Config
from slips.deploy.account import Account
from slips.deploy.keys import resolve
from slips.deploy.policies import permits
from slips.errors import SlipsError

Kind = Literal["TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations"]

_ARN: dict[Kind, str] = {
    "TopicConfigurations": "TopicArn",
    "QueueConfigurations": "QueueArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
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
"""What to do about another's notification."""
_EVENTBRIDGE = "EventBridgeConfiguration"
_CREATED = "s3:ObjectCreated:"
_ALL_CREATED = {f"{_CREATED}{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")}
_ROUNDS, _REREADS, _WAIT = 3, 5, 1.0
"""How often a write is tried, and read back, and the seconds between: S3 may show a new document a little later."""


class Rule(Struct, frozen=True):
    """One notification: what of which keys is told to whom."""

    kind: Kind
    arn: str
    id: str = ""
    events: frozenset[str] = frozenset({f"{_CREATED}*"})
    prefix: str = ""
    suffix: str = ""

    @property
    def tells_of_new(self) -> bool:
        """Whether it tells of created objects at all."""
        return any(event.startswith(_CREATED) for event in self.events)

    def covers(self, prefix: str) -> bool:
        """Whether it tells of every new object whose key begins so."""
        every = f"{_CREATED}*" in self.events or self.events >= _ALL_CREATED
        return every and not self.suffix and prefix.startswith(self.prefix)

    def overlaps(self, prefix: str) -> bool:
        """Whether S3 refuses another notification of new objects whose keys begin so, whatever their end."""
        return self.tells_of_new and (prefix.startswith(self.prefix) or self.prefix.startswith(prefix))

    def document(self) -> dict[str, Any]:
        """As S3 wants it, which takes a blank as `+` and other special characters percent-encoded.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
        """
        pairs = [("prefix", self.prefix), ("suffix", self.suffix)]
        filters = [{"Name": name, "Value": quote_plus(value, safe="/")} for name, value in pairs if value]
        return {
            "Id": self.id,
            _ARN[self.kind]: self.arn,
            "Events": sorted(self.events),
            **({"Filter": {"Key": {"FilterRules": filters}}} if filters else {}),
        }

    def __str__(self) -> str:
        keys = f"'{self.prefix}*{self.suffix}'"
        return f"notification '{self.id}' of {keys} to {self.arn}"


class Plan(Struct, frozen=True):
    """What a bucket's notifications are, and what is to be done with them."""

    reached: list[str] = []
    """Prefixes of which every new object reaches the stack."""
    partly: dict[str, Rule] = {}
    """Prefixes of which some objects do, by the rule that is in the way of more."""
    blocked: dict[str, Rule] = {}
    """Prefixes that another's notification keeps from being added: S3 allows one for each event and key."""
    added: list[Rule] = []
    removed: list[Rule] = []
    """Of those that slips added itself."""
    eventbridge: bool = False
    """Whether the bucket shall tell EventBridge, and does not."""
    twice: list[str] = []
    """Prefixes of which EventBridge tells, and another notification too."""

    @property
    def is_settled(self) -> bool:
        return not (self.added or self.removed or self.eventbridge)


class Target(Struct, frozen=True):
    """What the buckets may notify so that the stack hears of it."""

    kinds: dict[str, Kind]
    """ARN to kind; the first is used for what is added."""
    eventbridge: bool = False


class Wiring(Struct, frozen=True):
    """How a bucket is wired, for people and programs."""

    bucket: str
    reached: list[str] = []
    partly: list[str] = []
    """Prefixes of which only some objects reach the stack, which may be meant so."""
    missing: list[str] = []
    """Prefixes of which no new object reaches the stack."""
    added: list[str] = []
    removed: list[str] = []
    notes: list[str] = []
    """What is wrong and what to do."""


def target(config: Config, event_pusher: str | None) -> Target:
    """What the stack of this config listens to; `event_pusher` is the ARN of that function."""
    kinds: dict[str, Kind] = {topic.arn: "TopicConfigurations" for topic in config.backend.sns_topics}
    kinds |= {queue.arn: "QueueConfigurations" for queue in config.backend.sqs_queues}
    if config.backend.s3_direct and event_pusher:
        kinds[event_pusher] = "LambdaFunctionConfigurations"
    return Target(kinds, config.backend.eventbridge)


def own_id(stack: str, prefix: str = "") -> str:
    """Id of the notification that slips adds for a prefix; it begins as all of the stack do."""
    return f"slips-{stack}-{hashlib.sha256(prefix.encode()).hexdigest()[:12]}"


def plan(current: dict[str, Any], prefixes: Sequence[str], to: Target, stack: str) -> Plan:
    """What to do so that new objects under `prefixes` reach the stack, given S3's document of a bucket."""
    rules = list(_rules(current))
    ours = [rule for rule in rules if re.fullmatch(rf"slips-{re.escape(stack)}-[0-9a-f]{{12}}", rule.id)]
    others = [rule for rule in rules if rule not in ours]
    # It tells of all objects of the bucket, beside whatever else is there.
    twice = [one for one in prefixes if any(rule.arn in to.kinds and rule.overlaps(one) for rule in others)]
    bridged = Plan(list(prefixes), removed=ours, eventbridge=_EVENTBRIDGE not in current, twice=twice)
    if to.eventbridge and (_EVENTBRIDGE in current or not to.kinds):
        return bridged
    reached, partly, blocked, wanted = list[str](), dict[str, Rule](), dict[str, Rule](), list[str]()
    for prefix in sorted(prefixes):
        near = [rule for rule in others if rule.overlaps(prefix)]
        told = [rule for rule in near if rule.arn in to.kinds]
        if any(rule.covers(prefix) for rule in told):
            reached.append(prefix)
        elif told:
            partly[prefix] = told[0]
        elif near:
            blocked[prefix] = near[0]
        elif to.kinds:
            reached.append(prefix)
            if not any(prefix.startswith(one) for one in wanted):
                wanted.append(prefix)
    if to.eventbridge and blocked:
        return bridged
    desired = []
    for prefix in wanted:
        # An own rule that already leads to the stack stays as it is, even if another target would be chosen now.
        id, arn = own_id(stack, prefix), next(iter(to.kinds))
        arn = next((rule.arn for rule in ours if rule.id == id and rule.arn in to.kinds), arn)
        desired.append(Rule(to.kinds[arn], arn, id, prefix=prefix))
    return Plan(
        reached,
        partly,
        blocked,
        added=[rule for rule in desired if rule not in ours],
        removed=[rule for rule in ours if rule not in desired],
    )


def merge(current: dict[str, Any], changes: Plan) -> dict[str, Any]:
    """S3's document with the changes made, and all else as it was."""
    gone = {rule.id for rule in changes.removed}
    # What S3 may have by the time that somebody runs this, and we do not know, stays.
    merged: dict[str, Any] = {key: value for key, value in current.items() if key not in _ARN}
    for kind in _ARN:
        added = [rule.document() for rule in changes.added if rule.kind == kind]
        kept = [one for one in current.get(kind, []) if one.get("Id") not in gone]
        if kept or added:
            merged[kind] = [*kept, *added]
    if _EVENTBRIDGE in current or changes.eventbridge:
        merged[_EVENTBRIDGE] = current.get(_EVENTBRIDGE, {})
    return merged


def _rules(document: dict[str, Any]) -> Iterator[Rule]:
    for kind, arn in _ARN.items():
        for one in document.get(kind, []):
            filters = one.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            by_name = {each["Name"].lower(): unquote_plus(each["Value"]) for each in filters}
            yield Rule(
                kind,
                one[arn],
                one.get("Id", ""),
                frozenset(one["Events"]),
                by_name.get("prefix", ""),
                by_name.get("suffix", ""),
            )


class Notifications:
    """The notifications of any buckets, of which some were added for one stack."""

    def __init__(self, account: Account, stack: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._account, self._stack, self._sleep = account, stack, sleep

    def remain(self, bucket: str) -> list[str]:
        """Those that slips added for the stack. Raises SlipsError if that cannot be told."""
        try:
            return [str(rule) for rule in plan(self.read(bucket), [], Target({}), self._stack).removed]
        except ClientError as error:
            if code(error) in MISSING:
                return []
            raise SlipsError(message(error)) from error

    def has_eventbridge(self, bucket: str) -> bool:
        """Whether a bucket tells EventBridge; of one that cannot be read `remove` tells why."""
        with suppress(ClientError, SlipsError):
            return _EVENTBRIDGE in self.read(bucket)
        return False

    def remove(self, bucket: str) -> Wiring:
        """Takes away what slips added for the stack, but for EventBridge: rules of others may use that by now."""
        try:
            removed = self.remain(bucket) and self.write(bucket, [], Target({})).removed
        except (ClientError, SlipsError) as error:
            note = (
                f"what 'deploy --wire' added to it may still be there: {error}; expected s3:GetBucketNotification and "
                f"s3:PutBucketNotification; take away its event notifications whose names begin with 'slips-"
                f"{self._stack}-', in the S3 console or as who may"
            )
            return Wiring(bucket, notes=[note])
        return Wiring(bucket, removed=[str(rule) for rule in removed])

    def read(self, bucket: str) -> dict[str, Any]:
        """S3's document of a bucket's notifications. Passes ClientError if it is not ours to read."""
        with calls(f"s3://{bucket}", passing=DENIED | MISSING):
            found: Any = self._account.s3.get_bucket_notification_configuration(
                Bucket=bucket, ExpectedBucketOwner=self._account.id
            )
        return {key: value for key, value in found.items() if key != "ResponseMetadata"}

    def write(self, bucket: str, prefixes: Sequence[str], to: Target) -> Plan:
        """Changes a bucket's notifications, from a fresh look at them; what it did. Raises SlipsError."""
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
            # S3 has no way to write only if nobody else wrote meanwhile: what counts is what is there afterwards.
            for _ in range(_REREADS):
                if plan(self.read(bucket), prefixes, to, self._stack).is_settled:
                    return done
                self._sleep(_WAIT)
        raise SlipsError(
            f"s3://{bucket}: its notifications were written {_ROUNDS} times, and are not as written; expected nobody "
            "else to change them now; try again"
        )


class Buckets:
    """The mapped buckets of a config, looked at and wired."""

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
        self._target = target(config, event_pusher)
        self._unknown = _unknown(config, event_pusher)

    def left(self) -> list[str]:
        """Of the formerly mapped buckets those that still notify the stack, as far as can be told."""
        found = []
        for bucket in self._former:
            try:
                remain = self._notifications.remain(bucket)
            except SlipsError:
                remain = ["unreadable: it is kept in mind, and `look` tells why"]
            found += [bucket] if remain else []
        return found

    def look(self, *, wire: bool = False) -> list[Wiring]:
        """How each bucket is wired; with `wire`, after what is missing was added, and what is left taken away."""
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
        told = f"is not mapped any more, and still notifies the stack: {', '.join(remain)}; expected none; "
        return Wiring(bucket, notes=[f"{told}'slips deploy --wire' takes that away"] if remain else [])

    def _look(self, bucket: str, wire: bool) -> Wiring:
        prefixes = sorted({mapping.prefix for mapping in self._config.bucket_mapping[bucket]})
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
            f"only part of what is under '{prefix}' reaches the stack: {rule} leaves out the rest, and S3 lets nobody "
            "add it beside that one; expected it to be meant so; else change that one"
            for prefix, rule in changes.partly.items()
        ]
        notes += [
            f"nothing tells the stack of new objects under '{prefix}', and S3 allows no second notification beside "
            f"the {rule}; {_ADVICE[rule.kind]}"
            for prefix, rule in changes.blocked.items()
        ]
        notes += [
            f"new objects under '{prefix}' reach the stack twice, by EventBridge and by a notification; expected one "
            "way; the second costs an invocation, so take one away"
            for prefix in changes.twice
        ]
        refused = list(dict.fromkeys(note for rule in changes.added if (note := self._refused(bucket, rule))))
        written = Plan()
        if wire and not refused:
            try:
                written = self._notifications.write(bucket, prefixes, to)
            except SlipsError as error:
                refused = [str(error)]
        lost: list[str] = []
        if not changes.is_settled and written.is_settled:
            notes += [*refused, *self._instructions(changes)]
            added = tuple(rule.prefix for rule in changes.added)
            lost = [one for one in changes.reached if changes.eventbridge or one.startswith(added)]
        return Wiring(
            bucket,
            [one for one in changes.reached if one not in lost],
            list(changes.partly),
            sorted([*lost, *changes.blocked]),
            [str(rule) for rule in written.added] + (["EventBridge"] if written.eventbridge else []),
            [str(rule) for rule in written.removed],
            notes,
        )

    def _with_topics_before_queues(self, current: dict[str, Any]) -> Target:
        """The target, and besides the topics that the bucket notifies and that feed one of the stack's queues."""
        queues = {queue.arn for queue in self._config.backend.sqs_queues}
        kinds = dict(self._target.kinds)
        for rule in _rules(current):
            if queues and rule.kind == "TopicConfigurations" and rule.tells_of_new and rule.arn not in kinds:
                try:
                    with calls(rule.arn, passing=DENIED | MISSING):
                        pages = self._account.sns.get_paginator("list_subscriptions_by_topic").paginate(
                            TopicArn=rule.arn
                        )
                        fed = {one.get("Endpoint") for page in pages for one in page["Subscriptions"]}
                except ClientError:
                    continue  # then it is told as what it seems: a topic of others
                if fed & queues:
                    kinds[rule.arn] = rule.kind
        return Target(kinds, self._target.eventbridge)

    def _unreadable(self, error: ClientError, prefixes: Sequence[str]) -> str:
        if code(error) in MISSING:
            return "is not there; expected a bucket; make it, or mend bucket_mapping"
        wanted = plan({}, prefixes, self._target, self._config.stack_name)
        return (
            f"its notifications cannot be read ({message(error)}); expected s3:GetBucketNotification on a bucket of "
            f"account {self._account.id}; if it is another's, its owner must add: {json.dumps(merge({}, wanted))}"
        )

    def _instructions(self, changes: Plan) -> list[str]:
        notes = []
        if changes.added or changes.eventbridge:
            what = ", ".join(f"'{rule.prefix}'" for rule in changes.added) or "any prefix"
            document = json.dumps(merge({}, Plan(added=changes.added, eventbridge=changes.eventbridge)))
            notes.append(
                f"nothing tells the stack of new objects under {what}; expected a notification; "
                f"'slips deploy --wire' adds it, or add to the bucket's yourself: {document}"
            )
        if changes.removed:
            names = ", ".join(str(rule) for rule in changes.removed)
            notes.append(f"no longer needed: {names}; 'slips deploy --wire' takes it away")
        return notes

    def _refused(self, bucket: str, rule: Rule) -> str:
        """Why S3 would refuse a notification: whoever is notified must allow it. "" if nothing is in the way."""
        try:
            with calls(rule.arn, passing=DENIED | MISSING):
                if rule.kind == "TopicConfigurations":
                    action = "sns:Publish"
                    attributes: Any = self._account.sns.get_topic_attributes(TopicArn=rule.arn)["Attributes"]
                elif rule.kind == "QueueConfigurations":
                    action = "sqs:SendMessage"
                    url = self._account.sqs.get_queue_url(QueueName=rule.arn.rpartition(":")[2])["QueueUrl"]
                    got = self._account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
                    attributes = got.get("Attributes", {})
                else:
                    return ""  # the template permits it
        except ClientError as error:
            if code(error) in DENIED:
                return ""  # S3 itself will say
            return f"{rule.arn} is not there; expected it to exist; make it"
        partition, account = self._account.partition, self._account.id
        source = f"arn:{partition}:s3:::{bucket}"
        if permits(json.loads(attributes.get("Policy") or "{}"), action, source, account):
            return ""
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": action,
            "Resource": rule.arn,
            "Condition": {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": account}},
        }
        return f"{rule.arn} does not let S3 notify it; expected this statement in its policy: {json.dumps(statement)}"

    def unnamed_keys(self) -> list[str]:
        """Warnings of buckets whose default encryption needs a key that `backend.kms_key_arns` does not name."""
        notes = []
        for bucket in sorted(self._config.bucket_mapping):
            try:
                key = self._key(bucket)
            except ClientError as error:
                notes.append(
                    f"bucket {bucket}: its encryption cannot be read ({message(error)}); expected "
                    "s3:GetEncryptionConfiguration; if it has a key of KMS, name that in backend.kms_key_arns"
                )
                continue
            if key and key not in self._config.backend.kms_key_arns:
                notes.append(
                    f"bucket {bucket} is encrypted with {key}, which backend.kms_key_arns does not name; expected it "
                    "there, so that the main func may decrypt; add it"
                )
        return notes

    def _key(self, bucket: str) -> str:
        """ARN of the key with which a bucket encrypts; "": none, or one that needs no permission."""
        none = {"ServerSideEncryptionConfigurationNotFoundError", *MISSING}  # `look` tells of what is not there
        try:
            with calls(f"s3://{bucket}", passing=none | DENIED):
                found = self._account.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        except ClientError as error:
            if code(error) in DENIED:
                raise
            return ""
        for one in found["Rules"]:
            default = one.get("ApplyServerSideEncryptionByDefault", {})
            key = default.get("KMSMasterKeyID", "")
            # Without a key it is AWS's own for S3, with which whoever may read may decrypt.
            if default.get("SSEAlgorithm", "").startswith("aws:kms") and key:
                # Of an alias that AWS does not resolve the warning names the alias, and people know its key.
                used = resolve(self._account, key)
                return "" if used.is_aws else used.arn or key
        return ""


def _unknown(config: Config, event_pusher: str | None) -> str:
    """Why nothing can be said of any bucket; "" if nothing is in the way."""
    if config.backend.s3_direct and not event_pusher:
        return (
            f"whether it notifies stack '{config.stack_name}' is unknown: the stack has no output EventPusherArn, the "
            "function that the bucket is to notify; expected the outputs that slips gives a stack; see whether that "
            "stack is one of slips, then run 'slips deploy --wire' again"
        )
    if not target(config, event_pusher).kinds and not config.backend.eventbridge:
        return (
            "nothing could tell the stack of new objects; expected backend.sns_topics, sqs_queues, eventbridge or "
            "s3_direct; add one"
        )
    return ""
