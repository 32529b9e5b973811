"""Makes, changes and deletes the resources of stacks, and takes back what a failed operation has made.

Operations run in a thread of their own, as AWS answers before it is done. Source: AWS CloudFormation User Guide ("Stack
status codes", "Update behaviors of stack resources").
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cloud.gate import ApiError
from cloud.resources import TYPES, Clients, Resource, ResourceError, generated_name
from cloud.stacks import Held, Stack, changed_keys
from cloud.templates import Template, custom_named, replacing

log = logging.getLogger("cloud")


@dataclass
class Ordered:
    """A failure that a test ordered: of a logical id or a type."""

    resource: str
    reason: str
    times: int


class StackChanges:
    """The operations on stacks. Each is given to `start`."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._ordered: list[Ordered] = []
        self._threads: list[threading.Thread] = []

    def order_failure(self, resource: str, reason: str, times: int) -> None:
        self._ordered.append(Ordered(resource, reason, times))

    def reset(self) -> None:
        for thread in self._threads:
            thread.join()
        self._ordered.clear()
        self._threads.clear()

    def start(self, work: Callable[..., None], stack: Stack, *args: Any) -> None:
        def run() -> None:
            try:
                work(stack, *args)
            except Exception as error:
                log.exception("stack %s", stack.name)
                stack.status, stack.reason = "UPDATE_ROLLBACK_FAILED", str(error)

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def create(self, stack: Stack, template: Template) -> None:
        stack.template = template
        stack.become("CREATE_IN_PROGRESS", "User Initiated")
        failed = self._apply(stack, template, [], [])
        if not failed:
            stack.outputs = template.outputs(stack.look_up)
            stack.become("CREATE_COMPLETE")
            return
        stack.become("ROLLBACK_IN_PROGRESS", f"{_failures('create', [failed])} Rollback requested by user.")
        self._remove_all(stack, creating=True)
        stack.become("ROLLBACK_COMPLETE")

    def update(self, stack: Stack, template: Template) -> None:
        stack.become("UPDATE_IN_PROGRESS", "User Initiated")
        stack.updated = datetime.now(UTC)
        before = dict(stack.held)
        undo: list[Callable[[], None]] = []
        old: list[Held] = []
        failed = self._apply(stack, template, undo, old)
        if failed:
            stack.become("UPDATE_ROLLBACK_IN_PROGRESS", _failures("update", [failed]))
            for action in undo:  # in the order of the dependencies, as forward
                action()
            kept = {held.made.identifier for held in before.values()}
            new = [held for held in stack.held.values() if held.made.identifier not in kept]
            stack.held = before
            stack.become("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
            for held in reversed(new):
                self._remove(stack, held, creating=True)
            stack.become("UPDATE_ROLLBACK_COMPLETE")
            return
        removed = [held for held in stack.held.values() if held.logical not in template.resources]
        stack.template = template
        stack.held = {logical: stack.held[logical] for logical in template.order}
        stack.outputs = template.outputs(stack.look_up)
        stack.become("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        for held in [*reversed(old), *reversed(removed)]:
            self._remove(stack, held)
        stack.become("UPDATE_COMPLETE")

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
                elif changed := changed_keys(held.properties, new) if held.kind == kind else {"Type"}:
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
                stack.note(f"{verb}_FAILED", _reason(error), logical, identifier, kind)
                return logical
        return ""

    def _made(self, stack: Stack, logical: str, kind: str, new: dict[str, Any], policy: str) -> Held:
        resource = self._resource(kind)
        stack.note("CREATE_IN_PROGRESS", "", logical, "", kind, new)
        self._fail_if_ordered(logical, kind)
        made = resource.create(generated_name(stack.name, logical, resource.name_length), new)
        stack.note("CREATE_IN_PROGRESS", "Resource creation Initiated", logical, made.identifier, kind, new)
        stack.note("CREATE_COMPLETE", "", logical, made.identifier, kind, new)
        return Held(logical, kind, made, new, policy)

    def _replaced(self, stack: Stack, held: Held, kind: str, new: dict[str, Any], policy: str) -> Held:
        text = "Requested update requires the creation of a new physical resource; hence creating one."
        stack.note("UPDATE_IN_PROGRESS", text, held.logical, held.made.identifier, kind, new)
        if held.kind == kind and custom_named(kind, held.properties, new):
            raise ResourceError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                f"{held.made.identifier} and update the stack again."
            )
        self._fail_if_ordered(held.logical, kind)
        resource = self._resource(kind)
        made = resource.create(generated_name(stack.name, held.logical, resource.name_length), new)
        stack.note("UPDATE_COMPLETE", "", held.logical, made.identifier, kind, new)
        return Held(held.logical, kind, made, new, policy, "UPDATE_COMPLETE")

    def _changed(self, stack: Stack, held: Held, new: dict[str, Any], policy: str) -> Held:
        place = (held.logical, held.made.identifier, held.kind, new)
        stack.note("UPDATE_IN_PROGRESS", "", *place)
        self._fail_if_ordered(held.logical, held.kind)
        made = self._resource(held.kind).update(held.made, held.properties, new)
        stack.note("UPDATE_COMPLETE", "", *place)
        return Held(held.logical, held.kind, made, new, policy, "UPDATE_COMPLETE")

    def _undoing(self, stack: Stack, held: Held, new: dict[str, Any]) -> Callable[[], None]:
        def undo() -> None:
            place = (held.logical, held.made.identifier, held.kind, held.properties)
            stack.note("UPDATE_IN_PROGRESS", "", *place)
            self._resource(held.kind).update(held.made, new, held.properties)
            stack.note("UPDATE_COMPLETE", "", *place)

        return undo

    def delete(self, stack: Stack, retain: set[str]) -> None:
        for logical in retain:
            stack.held[logical].policy = "Retain"
        failed = self._remove_all(stack)
        if failed:
            stack.become("DELETE_FAILED", _failures("delete", failed))
            return
        stack.deleted = datetime.now(UTC)
        stack.become("DELETE_COMPLETE")

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
            stack.note("DELETE_SKIPPED", "", *place)
            return True
        stack.note("DELETE_IN_PROGRESS", "", *place)
        try:
            self._resource(held.kind).delete(held.made, held.properties)
        except (ClientError, BotoCoreError) as error:
            if not _gone(error):
                stack.note("DELETE_FAILED", _reason(error), *place)
                return False
        stack.note("DELETE_COMPLETE", "", *place)
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
