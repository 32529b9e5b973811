"""CloudFormation: the API of stacks and change sets, as AWS answers it.

`stack_changes` does what is asked for. Source: AWS CloudFormation API Reference.
"""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import unquote, urlparse

from botocore import xform_name

from cloud.access import arn
from cloud.gate import ApiError, Call
from cloud.resources import Clients
from cloud.stack_changes import StackChanges
from cloud.stacks import ChangeSet, Held, Stack, changes_of
from cloud.templates import BODY_BYTES, Template, invalid, parse

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}


class CloudFormation:
    """The service `cloudformation`."""

    def __init__(self, clients: Clients) -> None:
        self._clients, self._changes = clients, StackChanges(clients)
        self._stacks: list[Stack] = []
        self.order_failure = self._changes.order_failure

    def reset(self) -> None:
        self._changes.reset()
        self._stacks.clear()

    def answer(self, call: Call) -> dict[str, Any]:
        method = getattr(self, f"api_{xform_name(call.operation)}", None)
        if method is None:
            raise ApiError(
                "NotImplemented", f"cloudformation {call.operation}: the tests' stand-in of AWS lacks it", 501
            )
        answer: dict[str, Any] = method(call.params)
        return answer

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
        changes = changes_of(stack, template, retagged=_tags(tags) != _tags(stack.tags))
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
        stack.note(status, "User Initiated")
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
        make = self._changes.create if held.kind == "CREATE" else self._changes.update
        self._changes.start(make, stack, held.template)
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
        self._changes.start(self._changes.create, stack, template)
        return {"StackId": stack.identifier}

    def api_update_stack(self, params: dict[str, Any]) -> dict[str, Any]:
        stack = self._get(params["StackName"])
        if stack.status not in UPDATABLE:
            raise invalid(f"Stack:{stack.identifier} is in {stack.status} state and can not be updated.")
        template = self._template(stack, params)
        if not changes_of(stack, template) and params.get("Tags", stack.tags) == stack.tags:
            raise invalid("No updates are to be performed.")
        stack.tags, stack.capabilities = params.get("Tags", stack.tags), params.get("Capabilities", [])
        self._changes.start(self._changes.update, stack, template)
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
        stack.become("DELETE_IN_PROGRESS", "User Initiated")
        self._changes.start(self._changes.delete, stack, set(params.get("RetainResources", [])))
        return {}


def _tags(tags: list[dict[str, str]]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in tags}


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
    parsed = parse(body)
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
