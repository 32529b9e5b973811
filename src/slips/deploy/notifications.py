"""Plans changes of a bucket's notifications: reads S3's document of them, and computes additions and removals.

Pure. Notifications that slips did not add are never changed: S3 keeps all notifications of a bucket in one document,
and allows one for each event and key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal
from urllib.parse import quote_plus, unquote_plus

from msgspec import Struct

from slips.config import Config

Kind = Literal["TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations"]

_ARN: dict[Kind, str] = {
    "TopicConfigurations": "TopicArn",
    "QueueConfigurations": "QueueArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
EVENTBRIDGE = "EventBridgeConfiguration"
_CREATED = "s3:ObjectCreated:"
_ALL_CREATED = {f"{_CREATED}{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")}


class Notification(Struct, frozen=True):
    """One notification: S3 sends `arn` the events of keys with this prefix and suffix."""

    kind: Kind
    arn: str
    id: str = ""
    events: frozenset[str] = frozenset({f"{_CREATED}*"})
    prefix: str = ""
    suffix: str = ""

    @property
    def tells_of_new(self) -> bool:
        """Whether the notification announces created objects at all."""
        return any(event.startswith(_CREATED) for event in self.events)

    def covers(self, prefix: str) -> bool:
        """Whether the notification announces every new object whose key begins with `prefix`."""
        every = f"{_CREATED}*" in self.events or self.events >= _ALL_CREATED
        return every and not self.suffix and prefix.startswith(self.prefix)

    def overlaps(self, prefix: str) -> bool:
        """Whether S3 refuses another notification of new objects whose keys begin with `prefix`."""
        return self.tells_of_new and (prefix.startswith(self.prefix) or self.prefix.startswith(prefix))

    def document(self) -> dict[str, Any]:
        """Return the notification in S3's form: a blank is `+`, other special characters are percent-encoded.

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
    """The prefixes of a bucket by how their objects reach the stack, and the changes of notifications to make."""

    reached: list[str] = []
    """Prefixes of which every new object reaches the stack, after the changes."""
    partly: dict[str, Notification] = {}
    """Prefixes of which only some objects reach the stack, with the notification that prevents more."""
    blocked: dict[str, Notification] = {}
    """Prefixes that cannot be added, with the foreign notification in the way: S3 allows one for each event and key."""
    added: list[Notification] = []
    removed: list[Notification] = []
    """Notifications to remove, all of them added by slips."""
    eventbridge: bool = False
    """Whether EventBridge must be turned on for the bucket."""
    twice: list[str] = []
    """Prefixes whose new objects reach the stack twice: by EventBridge and by another notification."""

    @property
    def is_settled(self) -> bool:
        """Whether there are no changes to make."""
        return not (self.added or self.removed or self.eventbridge)


class Listeners(Struct, frozen=True):
    """The topics, queues and functions that the buckets may notify so that the stack receives object events."""

    kinds: dict[str, Kind]
    """Kind of each listener by its ARN; added notifications use the first listener."""
    eventbridge: bool = False


def listeners(config: Config, event_pusher: str | None) -> Listeners:
    """Return the listeners that the config names; `event_pusher` is the ARN of that function."""
    kinds: dict[str, Kind] = {topic.arn: "TopicConfigurations" for topic in config.backend.sns_topics}
    kinds |= {queue.arn: "QueueConfigurations" for queue in config.backend.sqs_queues}
    if config.backend.s3_direct and event_pusher:
        kinds[event_pusher] = "LambdaFunctionConfigurations"
    return Listeners(kinds, config.backend.eventbridge)


def own_id(stack: str, prefix: str) -> str:
    """Return the id of the notification that slips adds for a prefix; all ids of a stack begin alike."""
    return f"slips-{stack}-{hashlib.sha256(prefix.encode()).hexdigest()[:12]}"


def plan(current: dict[str, Any], prefixes: Sequence[str], to: Listeners, stack: str) -> Plan:
    """Plan the changes after which new objects under `prefixes` reach the stack, from S3's document of a bucket."""
    present = list(notifications_in(current))
    ours = [each for each in present if re.fullmatch(rf"slips-{re.escape(stack)}-[0-9a-f]{{12}}", each.id)]
    others = [each for each in present if each not in ours]
    # EventBridge receives all objects of the bucket, beside the other notifications.
    twice = [one for one in prefixes if any(each.arn in to.kinds and each.overlaps(one) for each in others)]
    bridged = Plan(list(prefixes), removed=ours, eventbridge=EVENTBRIDGE not in current, twice=twice)
    if to.eventbridge and (EVENTBRIDGE in current or not to.kinds):
        return bridged
    reached, partly, blocked, wanted = list[str](), dict[str, Notification](), dict[str, Notification](), list[str]()
    for prefix in sorted(prefixes):
        near = [each for each in others if each.overlaps(prefix)]
        reaching = [each for each in near if each.arn in to.kinds]
        if any(each.covers(prefix) for each in reaching):
            reached.append(prefix)
        elif reaching:
            partly[prefix] = reaching[0]
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
        # Keep an own notification that reaches the stack already, even if another listener is the first one now.
        id, arn = own_id(stack, prefix), next(iter(to.kinds))
        arn = next((each.arn for each in ours if each.id == id and each.arn in to.kinds), arn)
        desired.append(Notification(to.kinds[arn], arn, id, prefix=prefix))
    return Plan(
        reached,
        partly,
        blocked,
        added=[each for each in desired if each not in ours],
        removed=[each for each in ours if each not in desired],
    )


def merge(current: dict[str, Any], changes: Plan) -> dict[str, Any]:
    """Return S3's document with the changes made, and all else as before."""
    removed = {each.id for each in changes.removed}
    # Keep unknown keys, which S3 may add to its document one day.
    merged: dict[str, Any] = {key: value for key, value in current.items() if key not in _ARN}
    for kind in _ARN:
        added = [each.document() for each in changes.added if each.kind == kind]
        kept = [one for one in current.get(kind, []) if one.get("Id") not in removed]
        if kept or added:
            merged[kind] = [*kept, *added]
    if EVENTBRIDGE in current or changes.eventbridge:
        merged[EVENTBRIDGE] = current.get(EVENTBRIDGE, {})
    return merged


def notifications_in(document: dict[str, Any]) -> Iterator[Notification]:
    """Yield the notifications of a bucket, from S3's document of them."""
    for kind, arn in _ARN.items():
        for one in document.get(kind, []):
            filters = one.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            by_name = {each["Name"].lower(): unquote_plus(each["Value"]) for each in filters}
            yield Notification(
                kind,
                one[arn],
                one.get("Id", ""),
                frozenset(one["Events"]),
                by_name.get("prefix", ""),
                by_name.get("suffix", ""),
            )
