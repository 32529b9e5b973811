"""CloudFormation's answers about a stack as data: its state, its resources, its events, the changes of a change set.

Pure: no function here calls AWS.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from msgspec import Struct

_HINTS = (
    (r"not authorized|AccessDenied|access denied", "give the user or role that deploys this permission"),
    (r"already exists", "delete or rename what has that name, or choose another 'stack_name'"),
    (r"ReservedConcurrentExecutions|UnreservedConcurrentExecution", "lower 'handler.concurrency', or raise the quota"),
    (r"cannot be assumed by Lambda", "see that the role exists and that its trust policy names lambda.amazonaws.com"),
    # Of a right that the same deploy gave: https://github.com/serverless/serverless/issues/6931
    (
        r"execution role does not have permissions to call",
        "see that the role has that right; AWS may need a minute to see a new one",
    ),
    (r"LimitExceeded|limit exceeded|quota|Rate exceeded|Throttling", "raise that quota, or try again later"),
    (r"S3 Error Code|GetObject.*Denied", "look at the code bucket's policy: Lambda must be able to read the package"),
)
"""Advice by the words of CloudFormation's reason for a failed resource."""
FAILED_FIRST = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}
"""States of a first creation that failed: the stack can only be deleted."""


class StackState(Struct, frozen=True):
    """The state of a stack."""

    id: str
    status: str
    reason: str
    outputs: dict[str, str]
    parameters: dict[str, str] = {}
    tags: dict[str, str] = {}
    protected: bool = False
    """Whether AWS refuses to delete the stack, because the stack has termination protection."""

    @property
    def is_deployed(self) -> bool:
        """Whether the stack has resources: the first creation of the stack is done, or under way."""
        return self.status not in ("REVIEW_IN_PROGRESS", *FAILED_FIRST)


class StackResource(Struct, frozen=True):
    """One resource that a stack has."""

    name: str
    kind: str
    id: str
    """Physical name."""


class StackEvent(Struct, frozen=True):
    """A step of CloudFormation with a resource, or with the stack itself."""

    id: str
    name: str
    kind: str
    status: str
    reason: str
    is_stack: bool


_HOLDS = {
    "AWS::Kinesis::Stream": (
        "object events that still wait on it are lost with it: let no more arrive, and wait until 'slips status' shows "
        "its lane idle"
    ),
    "AWS::SQS::Queue": "messages that still wait in it are lost with it: 'slips drain' first",
}
_RETENTION = re.compile(r"RetentionPeriodHours: (\d+) → (\d+)")
"""A change of a stream's retention. If it becomes shorter, older records are inaccessible at once.
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DecreaseStreamRetentionPeriod.html"""


class Change(Struct, frozen=True):
    """A change of one resource."""

    action: Literal["Add", "Modify", "Remove", "Import", "Dynamic"]
    name: str
    """Logical name, such as `MainFunc`."""
    kind: str
    """CloudFormation type."""
    what: list[str]
    """The changed properties of a modification: `MemorySize: 512 → 1024`, the name alone, or `code` for a package."""
    replaced: Literal["", "maybe", "yes"]
    """Whether the resource is made anew: the content of the former one is lost, unless that is retained."""

    @property
    def loses(self) -> str:
        """The loss that comes with the former resource or retention, for people; empty if there is none."""
        if self.action == "Remove" or self.replaced:
            return _HOLDS.get(self.kind, "")
        hours = next((match for one in self.what if (match := _RETENTION.fullmatch(one))), None)
        if hours is None or int(hours[2]) >= int(hours[1]):
            return ""
        return f"object events that have waited on it for over {hours[2]} h are lost: see 'slips status' first"


class Proposal(Struct, frozen=True):
    """A change set that waits to be executed."""

    kind: Literal["CREATE", "UPDATE"]
    stack_id: str
    change_set: str
    changes: list[Change]
    tags: list[str] = []
    """Changes of the stack's tags, such as `team: a → b`."""


def event_of(one: dict[str, Any]) -> StackEvent:
    """Convert an event of `DescribeStackEvents`."""
    return StackEvent(
        one["EventId"],
        one["LogicalResourceId"],
        one.get("ResourceType", ""),
        one["ResourceStatus"],
        one.get("ResourceStatusReason") or "",
        one.get("PhysicalResourceId") == one["StackId"],
    )


def change_of(about: dict[str, Any]) -> Change:
    """Convert a `ResourceChange` of `DescribeChangeSet`."""
    replaced: dict[str, Literal["", "maybe", "yes"]] = {"True": "yes", "Conditional": "maybe"}
    what = [_difference(detail["Target"]) for detail in about.get("Details", [])]
    return Change(
        about["Action"],
        about["LogicalResourceId"],
        about["ResourceType"],
        list(dict.fromkeys(what)) if about["Action"] == "Modify" else [],
        replaced.get(about.get("Replacement", ""), "") if about["Action"] == "Modify" else "",
    )


def tag_changes(former: dict[str, str], tags: dict[str, str]) -> list[str]:
    """Describe each tag that changes: `team: a → b`."""
    keys = [key for key in sorted({*former, *tags}) if former.get(key) != tags.get(key)]
    return [f"{key}: {former.get(key, '(none)')} → {tags.get(key, '(none)')}" for key in keys]


def _difference(target: dict[str, Any]) -> str:
    """Describe the change of a property: `MemorySize: 512 → 1024`, or its name alone if the values are long."""
    if target.get("Name") == "Code":
        return "code"
    name = target.get("Path", "").removeprefix("/Properties/").replace("/", ".")
    name = name or target.get("Name") or target["Attribute"].lower()
    before, after = target.get("BeforeValue"), target.get("AfterValue")
    if before is None or after is None or max(len(before), len(after)) > 40:
        return str(name)
    # Without values: variables may be secret, and `{{changeSet:KNOWN_AFTER_APPLY}}` is no value.
    if name.startswith("Environment") or "{{changeSet:" in after:
        return str(name)
    return f"{name}: {before} → {after}"


def hint(reason: str) -> str:
    """Return advice for the reason of a failure; empty if there is none."""
    return next((help_ for pattern, help_ in _HINTS if re.search(pattern, reason)), "")
