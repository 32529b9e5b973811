"""CloudFormation: change sets, stacks, their events, roll-backs.

Operations on stacks run in a thread of their own, as AWS answers before it is done. Sources: AWS CloudFormation API
Reference and User Guide ("Stack status codes", "Update behaviors of stack resources").
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlparse

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from cloud.access import arn
from cloud.gate import ApiError, Call
from cloud.resources import TYPES, Clients, Made, Resource, ResourceError, generated_name
from cloud.templates import BODY_BYTES, Template, custom_named, invalid, replacing, taggable

log = logging.getLogger("cloud")

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}
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


@dataclass
class Ordered:
    """A failure that a test ordered: of a logical id or a type."""

    resource: str
    reason: str
    times: int


class CloudFormation:
    """The service `cloudformation`."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._stacks: list[Stack] = []
        self._ordered: list[Ordered] = []
        self._threads: list[threading.Thread] = []

    def answer(self, call: Call) -> dict[str, Any]:
        method = getattr(self, f"api_{xform_name(call.operation)}", None)
        if method is None:
            raise ApiError(
                "NotImplemented", f"cloudformation {call.operation}: the tests' stand-in of AWS lacks it", 501
            )
        answer: dict[str, Any] = method(call.params)
        return answer

    def order_failure(self, resource: str, reason: str, times: int) -> None:
        self._ordered.append(Ordered(resource, reason, times))

    def reset(self) -> None:
        for thread in self._threads:
            thread.join()
        for held in (self._stacks, self._ordered, self._threads):
            held.clear()

    # --- stacks as asked for ---

    def _find(self, name: str) -> Stack | None:
        """By id, or by name among those that are not deleted."""
        for stack in reversed(self._stacks):
            if stack.identifier == name or (stack.name == name and stack.status != "DELETE_COMPLETE"):
                return stack
        return None

    def _get(self, name: str) -> Stack:
        stack = self._find(name)
        if stack is None:
            raise invalid(f"Stack with id {name} does not exist")
        return stack

    def api_describe_stacks(self, params: dict[str, Any]) -> dict[str, Any]:
        if "StackName" in params:
            found = [self._get(params["StackName"])]
        else:
            found = [stack for stack in self._stacks if stack.status != "DELETE_COMPLETE"]
        return {"Stacks": [self._shown(stack) for stack in found]}

    def _shown(self, stack: Stack) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "StackId": stack.identifier,
            "StackName": stack.name,
            "CreationTime": stack.created,
            "StackStatus": stack.status,
            "DisableRollback": False,
            "Outputs": stack.outputs,
            "Tags": stack.tags,
            "Capabilities": stack.capabilities,
            "EnableTerminationProtection": stack.protected,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        }
        if stack.template:
            shown["Description"] = stack.template.parsed.get("Description")
            parameters = stack.template.parameters.items()
            shown["Parameters"] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters]
        optional = {"StackStatusReason": stack.reason, "LastUpdatedTime": stack.updated, "DeletionTime": stack.deleted}
        return {key: value for key, value in {**shown, **optional}.items() if value not in (None, "")}

    def api_list_stacks(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params.get("StackStatusFilter")
        keys = (
            "StackId",
            "StackName",
            "CreationTime",
            "LastUpdatedTime",
            "DeletionTime",
            "StackStatus",
            "StackStatusReason",
        )
        shown = [self._shown(stack) for stack in self._stacks if not wanted or stack.status in wanted]
        return {"StackSummaries": [{key: one[key] for key in keys if key in one} for one in shown]}

    def api_describe_stack_events(self, params: dict[str, Any]) -> dict[str, Any]:
        """The newest first; pages of 100."""
        events = list(reversed(self._get(params["StackName"]).events))
        start = int(params.get("NextToken") or 0)
        answer: dict[str, Any] = {"StackEvents": events[start : start + 100]}
        if len(events) > start + 100:
            answer["NextToken"] = str(start + 100)
        return answer

    def api_list_stack_resources(self, params: dict[str, Any]) -> dict[str, Any]:
        stack = self._get(params["StackName"])
        return {
            "StackResourceSummaries": [_resource_shown(held, "LastUpdatedTimestamp") for held in stack.held.values()]
        }

    def api_describe_stack_resources(self, params: dict[str, Any]) -> dict[str, Any]:
        stack = self._get(params["StackName"])
        wanted = params.get("LogicalResourceId")
        return {
            "StackResources": [
                {**_resource_shown(held, "Timestamp"), "StackName": stack.name, "StackId": stack.identifier}
                for held in stack.held.values()
                if wanted in (None, held.logical)
            ]
        }

    def api_describe_stack_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        stack, logical = self._get(params["StackName"]), params["LogicalResourceId"]
        if logical not in stack.held:
            raise invalid(f"Resource {logical} does not exist for stack {stack.name}")
        shown = _resource_shown(stack.held[logical], "LastUpdatedTimestamp")
        return {"StackResourceDetail": {**shown, "StackName": stack.name, "StackId": stack.identifier}}

    def api_get_template(self, params: dict[str, Any]) -> dict[str, Any]:
        stack = self._get(params["StackName"])
        template = stack.template
        if "ChangeSetName" in params:
            template = self._change_set(params)[1].template
        return {"TemplateBody": template.body if template else "", "StagesAvailable": ["Original", "Processed"]}

    def api_validate_template(self, params: dict[str, Any]) -> dict[str, Any]:
        body = self._body(params)
        parsed = Template(body, _placeholders(body), "stack", "id").parsed
        return {"Description": parsed.get("Description", ""), "Parameters": []}

    def _body(self, params: dict[str, Any]) -> str:
        if body := params.get("TemplateBody"):
            if len(body.encode()) > BODY_BYTES:
                raise invalid(
                    "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
                    f"Member must have length less than or equal to {BODY_BYTES}"
                )
            return str(body)
        if "TemplateURL" not in params:
            raise invalid("Either Template URL or Template Body must be specified.")
        address = urlparse(params["TemplateURL"])
        host = address.hostname or ""
        path = unquote(address.path).lstrip("/")
        bucket, key = (host.split(".s3")[0], path) if ".s3" in host else path.split("/", 1)
        data: bytes = self._clients("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return data.decode()

    # --- change sets ---

    def api_create_change_set(self, params: dict[str, Any]) -> dict[str, Any]:
        name, kind = params["StackName"], params.get("ChangeSetType", "UPDATE")
        stack = self._find(name)
        if kind == "CREATE":
            if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
                raise invalid(
                    f"Stack [{stack.name}] already exists and cannot be created again with the changeSet [{kind}]."
                )
            stack = stack or self._new(params, "REVIEW_IN_PROGRESS")
        elif stack is None:
            raise invalid(f"Stack [{name}] does not exist")
        elif stack.status not in UPDATABLE:
            raise invalid(f"Stack:{stack.identifier} is in {stack.status} state and can not be updated.")
        template = self._template(stack, params)
        tags = params.get("Tags", stack.tags)
        changes = self._changes(stack, template, retagged=_tags(tags) != _tags(stack.tags))
        made = ChangeSet(
            params["ChangeSetName"],
            arn("cloudformation", f"changeSet/{params['ChangeSetName']}/{uuid.uuid4()}"),
            *(kind, template, changes, tags, params.get("Description", ""), params.get("Capabilities", [])),
        )
        if not changes and kind == "UPDATE":
            made.status, made.execution, made.reason = "FAILED", "UNAVAILABLE", NO_CHANGES
        if made.name in stack.change_sets:
            raise ApiError("AlreadyExistsException", f"ChangeSet {made.name} cannot be created due to a mismatch")
        stack.change_sets[made.name] = made
        return {"Id": made.identifier, "StackId": stack.identifier}

    def _new(self, params: dict[str, Any], status: str) -> Stack:
        name = params["StackName"]
        stack = Stack(name, arn("cloudformation", f"stack/{name}/{uuid.uuid4()}"), status)
        stack.tags = params.get("Tags", [])
        self._stacks.append(stack)
        self._event(stack, status, "User Initiated")
        return stack

    def _template(self, stack: Stack, params: dict[str, Any]) -> Template:
        if params.get("UsePreviousTemplate"):
            if stack.template is None:
                raise invalid("No previous template")
            body = stack.template.body
        else:
            body = self._body(params)
        given = {}
        for parameter in params.get("Parameters", []):
            key = parameter["ParameterKey"]
            if parameter.get("UsePreviousValue"):
                given[key] = stack.template.parameters[key] if stack.template else ""
            else:
                given[key] = parameter["ParameterValue"]
        template = Template(body, given, stack.name, stack.identifier)
        _require_capabilities(template, params.get("Capabilities", []))
        return template

    def _changes(self, stack: Stack, template: Template, *, retagged: bool = False) -> list[dict[str, Any]]:
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
                changes.append(_change("Add", logical, kind))
                continue
            changed = _changed(held.properties, new)
            tagged = retagged and taggable(kind)
            if not changed and held.kind == kind and not tagged:
                continue
            replacement = "True" if held.kind != kind else replacing(kind, changed)
            if replacement != "False":
                unknown.add(logical)
            changes.append(_change("Modify", logical, kind, held.made.identifier, replacement, sorted(changed), tagged))
        for logical, held in stack.held.items():
            if logical not in template.resources:
                changes.append(_change("Remove", logical, held.kind, held.made.identifier))
        return changes

    def _change_set(self, params: dict[str, Any]) -> tuple[Stack, ChangeSet]:
        wanted = params["ChangeSetName"]
        for stack in [self._get(params["StackName"])] if "StackName" in params else self._stacks:
            for held in stack.change_sets.values():
                if wanted in (held.name, held.identifier):
                    return stack, held
        raise ApiError("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist", 404)

    def api_describe_change_set(self, params: dict[str, Any]) -> dict[str, Any]:
        stack, held = self._change_set(params)
        return {
            "ChangeSetName": held.name,
            "ChangeSetId": held.identifier,
            "StackId": stack.identifier,
            "StackName": stack.name,
            "Description": held.description,
            "CreationTime": held.created,
            "ExecutionStatus": held.execution,
            "Status": held.status,
            "StatusReason": held.reason,
            "Capabilities": held.capabilities,
            "Tags": held.tags,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in held.template.parameters.items()
            ],
            "Changes": held.changes,
        }

    def api_list_change_sets(self, params: dict[str, Any]) -> dict[str, Any]:
        stack = self._get(params["StackName"])
        return {
            "Summaries": [
                {
                    "ChangeSetName": held.name,
                    "ChangeSetId": held.identifier,
                    "StackId": stack.identifier,
                    "StackName": stack.name,
                    "Status": held.status,
                    "ExecutionStatus": held.execution,
                    "CreationTime": held.created,
                }
                for held in stack.change_sets.values()
            ]
        }

    def api_delete_change_set(self, params: dict[str, Any]) -> dict[str, Any]:
        stack, held = self._change_set(params)
        del stack.change_sets[held.name]
        return {}

    def api_execute_change_set(self, params: dict[str, Any]) -> dict[str, Any]:
        stack, held = self._change_set(params)
        if held.execution != "AVAILABLE":
            raise ApiError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{held.identifier}] cannot be executed in its current status of [{held.status}]",
            )
        stack.change_sets.clear()
        stack.tags, stack.capabilities = held.tags, held.capabilities
        self._start(self._create if held.kind == "CREATE" else self._update, stack, held.template)
        return {}

    # --- stacks made, changed, deleted ---

    def api_create_stack(self, params: dict[str, Any]) -> dict[str, Any]:
        if self._find(params["StackName"]):
            raise ApiError("AlreadyExistsException", f"Stack [{params['StackName']}] already exists")
        stack = self._new(params, "CREATE_IN_PROGRESS")
        stack.capabilities = params.get("Capabilities", [])
        try:
            template = self._template(stack, params)
        except ApiError:
            self._stacks.remove(stack)
            raise
        self._start(self._create, stack, template)
        return {"StackId": stack.identifier}

    def api_update_stack(self, params: dict[str, Any]) -> dict[str, Any]:
        stack = self._get(params["StackName"])
        if stack.status not in UPDATABLE:
            raise invalid(f"Stack:{stack.identifier} is in {stack.status} state and can not be updated.")
        template = self._template(stack, params)
        if not self._changes(stack, template) and params.get("Tags", stack.tags) == stack.tags:
            raise invalid("No updates are to be performed.")
        stack.tags, stack.capabilities = params.get("Tags", stack.tags), params.get("Capabilities", [])
        self._start(self._update, stack, template)
        return {"StackId": stack.identifier}

    def api_update_termination_protection(self, params: dict[str, Any]) -> dict[str, Any]:
        stack = self._get(params["StackName"])
        stack.protected = bool(params["EnableTerminationProtection"])
        return {"StackId": stack.identifier}

    def api_delete_stack(self, params: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(params["StackName"])
        if stack is None or stack.status == "DELETE_COMPLETE":
            return {}
        if stack.protected:
            raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        self._set(stack, "DELETE_IN_PROGRESS", "User Initiated")
        self._start(self._delete, stack, set(params.get("RetainResources", [])))
        return {}

    def _start(self, work: Callable[..., None], stack: Stack, *args: Any) -> None:
        def run() -> None:
            try:
                work(stack, *args)
            except Exception as error:
                log.exception("stack %s", stack.name)
                stack.status, stack.reason = "UPDATE_ROLLBACK_FAILED", str(error)

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _create(self, stack: Stack, template: Template) -> None:
        stack.template = template
        self._set(stack, "CREATE_IN_PROGRESS", "User Initiated")
        failed = self._apply(stack, template, [], [])
        if not failed:
            stack.outputs = template.outputs(stack.look_up)
            self._set(stack, "CREATE_COMPLETE")
            return
        self._set(stack, "ROLLBACK_IN_PROGRESS", f"{_failures('create', [failed])} Rollback requested by user.")
        self._remove_all(stack, creating=True)
        self._set(stack, "ROLLBACK_COMPLETE")

    def _update(self, stack: Stack, template: Template) -> None:
        self._set(stack, "UPDATE_IN_PROGRESS", "User Initiated")
        stack.updated = datetime.now(UTC)
        before = dict(stack.held)
        undo: list[Callable[[], None]] = []
        old: list[Held] = []
        failed = self._apply(stack, template, undo, old)
        if failed:
            self._set(stack, "UPDATE_ROLLBACK_IN_PROGRESS", _failures("update", [failed]))
            for action in undo:  # in the order of the dependencies, as forward
                action()
            kept = {held.made.identifier for held in before.values()}
            new = [held for held in stack.held.values() if held.made.identifier not in kept]
            stack.held = before
            self._set(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
            for held in reversed(new):
                self._remove(stack, held, creating=True)
            self._set(stack, "UPDATE_ROLLBACK_COMPLETE")
            return
        removed = [held for held in stack.held.values() if held.logical not in template.resources]
        stack.template = template
        stack.held = {logical: stack.held[logical] for logical in template.order}
        stack.outputs = template.outputs(stack.look_up)
        self._set(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        for held in [*reversed(old), *reversed(removed)]:
            self._remove(stack, held)
        self._set(stack, "UPDATE_COMPLETE")

    def _apply(self, stack: Stack, template: Template, undo: list[Callable[[], None]], old: list[Held]) -> str:
        """Makes and changes resources in order; returns the logical id of the one that failed, or nothing.

        `undo` gets what takes changes back, `old` the resources that were replaced.
        """
        for logical in template.order:
            kind = template.resources[logical]["Type"]
            policy = template.resources[logical].get("DeletionPolicy", "Delete")
            held = stack.held.get(logical)
            verb = "UPDATE" if held else "CREATE"
            try:
                new = template.properties(logical, stack.look_up)
                if held is None:
                    stack.held[logical] = self._made(stack, logical, kind, new, policy)
                elif changed := _changed(held.properties, new) if held.kind == kind else {"Type"}:
                    if held.kind != kind or replacing(kind, changed) != "False":
                        stack.held[logical] = self._replaced(stack, held, kind, new, policy)
                        left = template.resources[logical].get("UpdateReplacePolicy", "Delete")
                        old.append(dataclasses.replace(held, policy=left))
                    else:
                        stack.held[logical] = self._changed(stack, held, new, policy)
                        undo.append(self._undoing(stack, held, new))
                else:
                    held.policy = policy
            except (ResourceError, ClientError, BotoCoreError, ApiError, KeyError) as error:
                identifier = held.made.identifier if held else ""
                self._event(stack, f"{verb}_FAILED", _reason(error), logical, identifier, kind)
                return logical
        return ""

    def _made(self, stack: Stack, logical: str, kind: str, new: dict[str, Any], policy: str) -> Held:
        resource = self._resource(kind)
        self._event(stack, "CREATE_IN_PROGRESS", "", logical, "", kind, new)
        self._fail_if_ordered(logical, kind)
        made = resource.create(generated_name(stack.name, logical, resource.name_length), new)
        self._event(stack, "CREATE_IN_PROGRESS", "Resource creation Initiated", logical, made.identifier, kind, new)
        self._event(stack, "CREATE_COMPLETE", "", logical, made.identifier, kind, new)
        return Held(logical, kind, made, new, policy)

    def _replaced(self, stack: Stack, held: Held, kind: str, new: dict[str, Any], policy: str) -> Held:
        text = "Requested update requires the creation of a new physical resource; hence creating one."
        self._event(stack, "UPDATE_IN_PROGRESS", text, held.logical, held.made.identifier, kind, new)
        if held.kind == kind and custom_named(kind, held.properties, new):
            raise ResourceError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                f"{held.made.identifier} and update the stack again."
            )
        self._fail_if_ordered(held.logical, kind)
        resource = self._resource(kind)
        made = resource.create(generated_name(stack.name, held.logical, resource.name_length), new)
        self._event(stack, "UPDATE_COMPLETE", "", held.logical, made.identifier, kind, new)
        return Held(held.logical, kind, made, new, policy, "UPDATE_COMPLETE")

    def _changed(self, stack: Stack, held: Held, new: dict[str, Any], policy: str) -> Held:
        place = (held.logical, held.made.identifier, held.kind, new)
        self._event(stack, "UPDATE_IN_PROGRESS", "", *place)
        self._fail_if_ordered(held.logical, held.kind)
        made = self._resource(held.kind).update(held.made, held.properties, new)
        self._event(stack, "UPDATE_COMPLETE", "", *place)
        return Held(held.logical, held.kind, made, new, policy, "UPDATE_COMPLETE")

    def _undoing(self, stack: Stack, held: Held, new: dict[str, Any]) -> Callable[[], None]:
        def undo() -> None:
            place = (held.logical, held.made.identifier, held.kind, held.properties)
            self._event(stack, "UPDATE_IN_PROGRESS", "", *place)
            self._resource(held.kind).update(held.made, new, held.properties)
            self._event(stack, "UPDATE_COMPLETE", "", *place)

        return undo

    def _delete(self, stack: Stack, retain: set[str]) -> None:
        for logical in retain:
            stack.held[logical].policy = "Retain"
        failed = self._remove_all(stack)
        if failed:
            self._set(stack, "DELETE_FAILED", _failures("delete", failed))
            return
        stack.deleted = datetime.now(UTC)
        self._set(stack, "DELETE_COMPLETE")

    def _remove_all(self, stack: Stack, *, creating: bool = False) -> list[str]:
        """Removes in reverse order; returns what could not be."""
        failed = []
        for held in reversed(list(stack.held.values())):
            if self._remove(stack, held, creating=creating):
                del stack.held[held.logical]
            else:
                failed.append(held.logical)
        return failed

    def _remove(self, stack: Stack, held: Held, *, creating: bool = False) -> bool:
        """`creating`: takes back what a failed operation made. `Retain` holds even then, `RetainExceptOnCreate` not."""
        place = (held.logical, held.made.identifier, held.kind)
        if held.policy == "Retain" or (held.policy == "RetainExceptOnCreate" and not creating):
            self._event(stack, "DELETE_SKIPPED", "", *place)
            return True
        self._event(stack, "DELETE_IN_PROGRESS", "", *place)
        try:
            self._resource(held.kind).delete(held.made, held.properties)
        except (ClientError, BotoCoreError) as error:
            if not _gone(error):
                self._event(stack, "DELETE_FAILED", _reason(error), *place)
                return False
        self._event(stack, "DELETE_COMPLETE", "", *place)
        return True

    def _resource(self, kind: str) -> Resource:
        return TYPES[kind](self._clients)

    def _fail_if_ordered(self, logical: str, kind: str) -> None:
        for ordered in self._ordered:
            if ordered.resource in {logical, kind}:
                ordered.times -= 1
                if not ordered.times:
                    self._ordered.remove(ordered)
                raise ResourceError(ordered.reason)

    def _set(self, stack: Stack, status: str, reason: str = "") -> None:
        stack.status, stack.reason = status, "" if reason == "User Initiated" else reason
        self._event(stack, status, reason)

    def _event(
        self,
        stack: Stack,
        status: str,
        reason: str = "",
        logical: str = "",
        identifier: str = "",
        kind: str = STACK,
        properties: dict[str, Any] | None = None,
    ) -> None:
        event = {
            "StackId": stack.identifier,
            "EventId": str(uuid.uuid4()),
            "StackName": stack.name,
            "LogicalResourceId": logical or stack.name,
            "PhysicalResourceId": identifier if logical else stack.identifier,
            "ResourceType": kind,
            "Timestamp": datetime.now(UTC),
            "ResourceStatus": status,
        }
        if reason:
            event["ResourceStatusReason"] = reason
        if properties is not None:
            event["ResourceProperties"] = json.dumps(properties)
        stack.events.append(event)


def _tags(tags: list[dict[str, str]]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in tags}


def _changed(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    return {key for key in {*old, *new} if old.get(key) != new.get(key)}


def _change(
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


def _require_capabilities(template: Template, given: list[str]) -> None:
    roles = [entry for entry in template.resources.values() if entry["Type"].startswith("AWS::IAM::")]
    if not roles:
        return
    named = any("RoleName" in entry.get("Properties", {}) for entry in roles)
    wanted = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
    if not {wanted, "CAPABILITY_NAMED_IAM"} & set(given):
        raise ApiError("InsufficientCapabilitiesException", f"Requires capabilities : [{wanted}]")


def _placeholders(body: str) -> dict[str, str]:
    """A value for each parameter without a default, for validation only."""
    import yaml

    parsed = yaml.safe_load(body)
    declared = parsed.get("Parameters", {}) if isinstance(parsed, dict) else {}
    return {name: "value" for name, entry in declared.items() if "Default" not in entry}


def _resource_shown(held: Held, at: str) -> dict[str, Any]:
    return {
        "LogicalResourceId": held.logical,
        "PhysicalResourceId": held.made.identifier,
        "ResourceType": held.kind,
        "ResourceStatus": held.status,
        at: held.at,
    }


def _failures(verb: str, names: list[str]) -> str:
    return f"The following resource(s) failed to {verb}: [{', '.join(names)}]."


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return f"{error.response['Error']['Message']} (Error Code: {code}, Status Code: {status})"
    return str(error) if not isinstance(error, KeyError) else f"Required property {error} is missing"


def _gone(error: Exception) -> bool:
    """Deleting what is gone succeeds."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return "NotFound" in code or code in {"NoSuchEntity", "NoSuchBucket", "AWS.SimpleQueueService.NonExistentQueue"}
