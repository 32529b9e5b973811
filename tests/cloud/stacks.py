"""A stack as CloudFormation holds it: resources, events, change sets, and what a template would change of it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cloud.resources import Made, ResourceError
from cloud.templates import Template, replacing, taggable

STACK = "AWS::CloudFormation::Stack"


@dataclass
class Held:
    """One resource that exists."""

    logical: str
    kind: str
    made: Made
    properties: dict[str, Any]
    policy: str
    """DeletionPolicy, or UpdateReplacePolicy of one that was replaced."""
    status: str = "CREATE_COMPLETE"
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Stack:
    name: str
    identifier: str
    status: str
    template: Template | None = None
    reason: str = ""
    held: dict[str, Held] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    tags: list[dict[str, str]] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None
    protected: bool = False

    def look_up(self, logical: str, attribute: str) -> Any:
        made = self.held[logical].made
        if not attribute:
            return made.identifier
        if attribute not in made.attributes:
            raise ResourceError(f"Requested attribute {attribute} does not exist in schema for {logical}")
        return made.attributes[attribute]

    def become(self, status: str, reason: str = "") -> None:
        self.status, self.reason = status, "" if reason == "User Initiated" else reason
        self.note(status, reason)

    def note(
        self,
        status: str,
        reason: str = "",
        logical: str = "",
        identifier: str = "",
        kind: str = STACK,
        properties: dict[str, Any] | None = None,
    ) -> None:
        """Add an event of a resource; without one, of the stack itself."""
        event = {
            "StackId": self.identifier,
            "EventId": str(uuid.uuid4()),
            "StackName": self.name,
            "LogicalResourceId": logical or self.name,
            "PhysicalResourceId": identifier if logical else self.identifier,
            "ResourceType": kind,
            "Timestamp": datetime.now(UTC),
            "ResourceStatus": status,
        }
        if reason:
            event["ResourceStatusReason"] = reason
        if properties is not None:
            event["ResourceProperties"] = json.dumps(properties)
        self.events.append(event)


@dataclass
class ChangeSet:
    name: str
    identifier: str
    kind: str
    template: Template
    changes: list[dict[str, Any]]
    tags: list[dict[str, str]]
    description: str
    capabilities: list[str]
    status: str = "CREATE_COMPLETE"
    execution: str = "AVAILABLE"
    reason: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


def changes_of(stack: Stack, template: Template, *, retagged: bool = False) -> list[dict[str, Any]]:
    """What would be added, changed, removed; what refers to a resource not yet there differs for that reason.

    `retagged`: the stack's own tags change, and with them those of each resource that takes tags.
    """
    unknown: set[str] = set()

    def look_up(logical: str, attribute: str) -> Any:
        if logical in unknown:
            return f"{{{{{logical}.{attribute}}}}}"
        return stack.look_up(logical, attribute)

    changes = []
    for logical in template.order:
        kind, held = template.resources[logical]["Type"], stack.held.get(logical)
        new = template.properties(logical, look_up)
        if held is None:
            unknown.add(logical)
            changes.append(_change_of("Add", logical, kind))
            continue
        changed = changed_keys(held.properties, new)
        tagged = retagged and taggable(kind)
        if not changed and held.kind == kind and not tagged:
            continue
        replacement = "True" if held.kind != kind else replacing(kind, changed)
        if replacement != "False":
            unknown.add(logical)
        changes.append(_change_of("Modify", logical, kind, held.made.identifier, replacement, sorted(changed), tagged))
    for logical, held in stack.held.items():
        if logical not in template.resources:
            changes.append(_change_of("Remove", logical, held.kind, held.made.identifier))
    return changes


def _change_of(
    action: str,
    logical: str,
    kind: str,
    identifier: str = "",
    replacement: str = "",
    changed: list[str] | None = None,
    tagged: bool = False,
) -> dict[str, Any]:
    change: dict[str, Any] = {"Action": action, "LogicalResourceId": logical, "ResourceType": kind}
    if identifier:
        change["PhysicalResourceId"] = identifier
    if replacement:
        scope = [name for name, within in (("Properties", changed), ("Tags", tagged)) if within]
        change |= {"Replacement": replacement, "Scope": scope}
    details: list[dict[str, Any]] = []
    for name in changed or []:
        alone = {"True": "Always", "Conditional": "Conditionally"}.get(replacing(kind, {name}), "Never")
        target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": alone}
        details.append({"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"})
    if tagged:
        target = {"Attribute": "Tags", "RequiresRecreation": "Never"}
        details.append({"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"})
    return {"Type": "Resource", "ResourceChange": {**change, "Details": details}}


def changed_keys(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    return {key for key in {*old, *new} if old.get(key) != new.get(key)}
