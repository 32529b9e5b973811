"""One stack of CloudFormation: reads its state, proposes and executes change sets, and deletes the stack.

In: a template. Out: proposals, events and errors for `deploy` and `destroy`. Only `execute` and `delete` change a
stack, and `prepare`, which deletes a first creation that failed.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, Literal, Protocol

import yaml
from botocore.exceptions import ClientError

from slips.backends.aws.answers import message
from slips.backends.aws.refusals import calls
from slips.deploy.account import Account
from slips.deploy.changes import (
    FAILED_FIRST,
    Change,
    Proposal,
    StackEvent,
    StackResource,
    StackState,
    change_of,
    event_of,
    hint,
    tag_changes,
)
from slips.deploy.template import TAGS, Template, to_json
from slips.errors import SlipsError

INLINE = 51_200
"""Most bytes of a template in a request; a longer template is uploaded to S3.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

POLL = 2.0
"""Seconds between two requests for events: CloudFormation throttles much more frequent ones."""


class Follower(Protocol):
    """Shows each event of an operation of CloudFormation as it happens."""

    def event(self, event: StackEvent) -> None: ...


class Deployment:
    """The stack of one name in one account and region."""

    def __init__(
        self,
        account: Account,
        name: str,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.account, self.name = account, name
        self._cloudformation = account.cloudformation
        self._clock, self._sleep = clock, sleep
        self._executed: set[str] = set()
        self._where = f"stack '{name}'"

    def state(self, stack_id: str | None = None) -> StackState | None:
        """Return the state of the stack; of a deleted one only by its id. None if there is no stack of this name."""
        try:
            with calls(self._where, passing={"ValidationError"}):
                stack = self._cloudformation.describe_stacks(StackName=stack_id or self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in message(error):
                return None
            raise SlipsError(f"{self._where}: AWS refuses to describe it: {message(error)}") from error
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
        tags = {one["Key"]: one["Value"] for one in stack.get("Tags", []) if not one["Key"].startswith("aws:")}
        return StackState(
            stack["StackId"],
            stack["StackStatus"],
            stack.get("StackStatusReason", ""),
            outputs,
            parameters,
            tags,
            stack.get("EnableTerminationProtection", False),
        )

    def check(self) -> StackState | None:
        """Return the state of a stack that `prepare` can use. Raises SlipsError if the stack cannot be changed now."""
        state = self.state()
        if state is None or state.status == "REVIEW_IN_PROGRESS":
            return state
        if state.status.endswith("_IN_PROGRESS"):
            raise SlipsError(
                f"{self._where}: {state.status}: another change is under way; expected a stack at rest; "
                "wait until it is done, then try again"
            )
        if state.status == "DELETE_FAILED":
            raise SlipsError(
                f"{self._where}: DELETE_FAILED: {state.reason or 'part of it is left'}; expected it whole, or gone; "
                "mend the cause and run 'slips destroy' again"
            )
        if state.status.endswith("ROLLBACK_FAILED") and state.status not in FAILED_FIRST:
            raise SlipsError(
                f"{self._where}: {state.status}: {state.reason or 'no reason given'}; expected a stack at rest; mend "
                "the cause, then choose 'Continue update rollback' in the CloudFormation console, and deploy again"
            )
        return state

    def prepare(self, follower: Follower) -> StackState | None:
        """Return the stack, ready for a change set; None: it must be created. Delete a first creation that failed."""
        state = self.check()
        if state and state.status in FAILED_FIRST:
            self.delete(state.id, follower)
            return None
        return state

    @contextmanager
    def proposed(
        self, template: Template, state: StackState | None, bucket: str, folder: str
    ) -> Iterator[Proposal | None]:
        """Propose the changes of a template; None if there are none. Delete it unless the block executes it."""
        proposal = self._propose(template, state, bucket, folder)
        try:
            yield proposal
        finally:
            if proposal and proposal.change_set not in self._executed:
                self._drop(proposal)

    def _propose(self, template: Template, state: StackState | None, bucket: str, folder: str) -> Proposal | None:
        kind: Literal["CREATE", "UPDATE"] = (
            "CREATE" if state is None or state.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        )
        body = to_json(template).encode()
        request: dict[str, Any] = {
            "StackName": self.name,
            "ChangeSetName": f"slips-{int(self._clock() * 1000)}",
            "ChangeSetType": kind,
            "Capabilities": ["CAPABILITY_IAM"],
        }
        former = state.tags if state else {}
        tags = self._tags(template, former, kind)
        if tags != former:
            request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        if len(body) <= INLINE:
            request["TemplateBody"] = body.decode()
        else:
            request["TemplateURL"] = self._store(body, bucket, folder)
        with calls(f"{self._where}: the template"):
            made = self._cloudformation.create_change_set(**request)
        proposal = Proposal(kind, made["StackId"], made["Id"], [])
        status, reason, changes = self._proposed(proposal)
        if status == "FAILED":
            self._drop(proposal)
            if re.search(r"didn't contain changes|No updates are to be performed", reason):
                return None
            raise SlipsError(
                f"{self._where}: the change set failed: {reason}; expected changes that can be made; "
                f"{hint(reason) or 'mend that'}, then deploy again"
            )
        return Proposal(proposal.kind, proposal.stack_id, proposal.change_set, changes, tag_changes(former, tags))

    def _tags(self, template: Template, now: dict[str, str], kind: str) -> dict[str, str]:
        """Return the tags for the stack: those of the template, and those of `now` that no config has set."""
        former = self.template() if kind == "UPDATE" and now else {}
        own = former.get("Metadata", {}).get(TAGS, {})
        others = {key: value for key, value in now.items() if key not in own}
        return {**others, **template.get("Metadata", {}).get(TAGS, {})}

    def _store(self, body: bytes, bucket: str, folder: str) -> str:
        """Upload a template to the code bucket, and return its URL for CloudFormation."""
        key = f"{folder}template-{hashlib.sha256(body).hexdigest()[:32]}.json"
        with calls(f"s3://{bucket}/{key}"):
            self.account.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
        domain = "amazonaws.com.cn" if self.account.partition == "aws-cn" else "amazonaws.com"
        return f"https://s3.{self.account.region}.{domain}/{bucket}/{key}"

    def _proposed(self, proposal: Proposal) -> tuple[str, str, list[Change]]:
        """Wait for a change set to be computed. Return its status, the reason for the status, and its changes."""
        while True:
            pages = self._pages(
                "describe_change_set",
                StackName=proposal.stack_id,
                ChangeSetName=proposal.change_set,
                IncludePropertyValues=True,
            )
            first = next(pages)
            if first["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                break
            self._sleep(POLL)
        listed = [*first.get("Changes", []), *(one for page in pages for one in page.get("Changes", []))]
        changes = [change_of(one["ResourceChange"]) for one in listed if "ResourceChange" in one]
        return first["Status"], first.get("StatusReason", ""), changes

    def _pages(self, operation: str, **request: Any) -> Iterator[Any]:
        while True:
            with calls(self._where):
                page = getattr(self._cloudformation, operation)(**request)
            yield page
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    def _drop(self, proposal: Proposal) -> None:
        """Delete a change set that is not executed, and the empty stack that was made for it."""
        with calls(self._where):
            self._cloudformation.delete_change_set(StackName=proposal.stack_id, ChangeSetName=proposal.change_set)
            if proposal.kind == "CREATE":
                self._cloudformation.delete_stack(StackName=proposal.stack_id)

    def execute(self, proposal: Proposal, follower: Follower) -> StackState:
        """Make the changes, and wait for the end. Raises SlipsError with the reasons of the failed resources."""
        since = self._newest(proposal.stack_id)
        with calls(self._where):
            self._cloudformation.execute_change_set(StackName=proposal.stack_id, ChangeSetName=proposal.change_set)
        self._executed.add(proposal.change_set)
        status, failed = self._follow(proposal.stack_id, since, follower)
        if status != f"{proposal.kind}_COMPLETE":
            if proposal.kind == "CREATE":
                outcome = "nothing is deployed; the next 'slips deploy' clears away what is left"
            elif status == "UPDATE_ROLLBACK_COMPLETE":
                outcome = "the former state stands"
            else:
                outcome = "the former state could not be restored"
            raise self._failure(status, failed, outcome, "then run 'slips deploy' again")
        state = self.state(proposal.stack_id)
        if state is None:
            raise SlipsError(f"{self._where}: it is gone; expected it to stay; somebody deleted it; deploy again")
        return state

    def delete(self, stack_id: str, follower: Follower) -> None:
        """Delete the stack, and wait for the end, also of a deletion that has begun. Do nothing if the stack is gone.

        Raises SlipsError with the reasons of the failed resources.
        """
        since = self._newest(stack_id)
        state = self.state(stack_id)  # read after the events, so that `_follow` sees an end that comes later
        if state is None or state.status == "DELETE_COMPLETE":
            return
        try:
            with calls(self._where, passing={"ValidationError"}):
                if state.status != "DELETE_IN_PROGRESS":
                    self._cloudformation.delete_stack(StackName=stack_id)
        except ClientError as error:
            raise self.protected(message(error)) from error
        status, failed = self._follow(stack_id, since, follower)
        if status != "DELETE_COMPLETE":
            raise self._failure(status, failed, "what is named is left, the rest is gone", "then delete again")

    def protected(self, why: str) -> SlipsError:
        """Make the error for a stack that AWS does not delete because of `why`."""
        return SlipsError(
            f"{self._where}: cannot be deleted: {why}; expected one without termination protection; "
            "take that away in the CloudFormation console"
        )

    def _newest(self, stack_id: str) -> str:
        """Return the id of the last event so far; empty if there is none."""
        events = next(self._pages("describe_stack_events", StackName=stack_id))["StackEvents"]
        return str(events[0]["EventId"]) if events else ""

    def _since(self, stack_id: str, last: str) -> list[StackEvent]:
        """Return the events after `last`, oldest first. AWS lists the newest first."""
        pages = self._pages("describe_stack_events", StackName=stack_id)
        newest_first = (one for page in pages for one in page["StackEvents"])
        return [event_of(one) for one in takewhile(lambda one: one["EventId"] != last, newest_first)][::-1]

    def _follow(self, stack_id: str, last: str, follower: Follower) -> tuple[str, list[StackEvent]]:
        """Wait until an operation ends. Return its final status, and the failures that caused it."""
        failed: list[StackEvent] = []
        while True:
            try:
                events = self._since(stack_id, last)
            except SlipsError as error:
                raise type(error)(f"{error}; AWS goes on with the stack, which is not followed any more") from error
            for event in events:
                last = event.id
                follower.event(event)
                if event.is_stack and not event.status.endswith("_IN_PROGRESS"):
                    return event.status, failed or [event]
                # A resource that was cancelled because another one failed is no cause.
                if event.status.endswith("_FAILED") and "cancelled" not in event.reason:
                    failed.append(event)
            self._sleep(POLL)

    def _failure(self, status: str, failed: Sequence[StackEvent], outcome: str, then: str) -> SlipsError:
        reasons = list(dict.fromkeys(f"{one.name} ({one.kind}): {one.reason or one.status}" for one in failed))
        hints = [help_ for one in failed if (help_ := hint(one.reason))] or ["mend the cause"]
        advice = "; ".join(dict.fromkeys(hints))
        return SlipsError("\n".join([f"{self._where}: {status}; {outcome}", *reasons, f"{advice}, {then}"]))

    def resources(self, stack_id: str | None = None) -> dict[str, StackResource]:
        """Return the resources of the stack, by logical name."""
        return {
            one["LogicalResourceId"]: StackResource(
                one["LogicalResourceId"], one["ResourceType"], one.get("PhysicalResourceId", "")
            )
            for page in self._pages("list_stack_resources", StackName=stack_id or self.name)
            for one in page["StackResourceSummaries"]
            if one.get("ResourceStatus") != "DELETE_COMPLETE"
        }

    def template(self, stack_id: str | None = None) -> Template:
        """Return the stack's template; `{}` if slips did not write it."""
        with calls(self._where):
            body: Any = self._cloudformation.get_template(StackName=stack_id or self.name)["TemplateBody"]
        # YAML comes from `slips deploy --dry-run`, deployed with another tool.
        body = _of_yaml(body) if isinstance(body, str) else body
        return dict(body) if isinstance(body, dict) else {}


def _of_yaml(text: str) -> Any:
    """Parse a template; None if it needs more than YAML's own types, which suffice for templates of slips."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
