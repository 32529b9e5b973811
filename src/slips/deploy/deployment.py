"""One stack of CloudFormation: how it stands, what a change set would change, executing that, deleting the stack.

Comes in: a template. Goes out: proposals, events and errors for `deploy` and `destroy`. A stack is never changed but by
`execute` and `delete`, and by `prepare`, which clears away a first creation that failed.
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

from slips.backends.aws.refusals import calls, message
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
"""Bytes of a template that fit into a request; a longer one goes by S3.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

POLL = 2.0
"""Seconds between two looks at the events: CloudFormation throttles those who look much more often."""


class Follower(Protocol):
    """Gets each event of an operation as it happens."""

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
        """How the stack stands, by its id also when it is gone; None: there is none of this name."""
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
        """The state of a stack that `prepare` can use. Raises SlipsError if it cannot."""
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
        """The stack, ready for a change set; None: it has to be created. A failed first creation is deleted."""
        state = self.check()
        if state and state.status in FAILED_FIRST:
            self.delete(state.id, follower)
            return None
        return state

    @contextmanager
    def proposed(
        self, template: Template, state: StackState | None, bucket: str, folder: str
    ) -> Iterator[Proposal | None]:
        """What the template would change; None: nothing. Unless it is executed in the block, nothing of it is left."""
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
        """Return the tags for the stack: those of the template, and those of `now` that no config gave it."""
        former = self.template() if kind == "UPDATE" and now else {}
        own = former.get("Metadata", {}).get(TAGS, {})
        others = {key: value for key, value in now.items() if key not in own}
        return {**others, **template.get("Metadata", {}).get(TAGS, {})}

    def _store(self, body: bytes, bucket: str, folder: str) -> str:
        """Puts a template into the code bucket; its URL, which CloudFormation itself resolves."""
        key = f"{folder}template-{hashlib.sha256(body).hexdigest()[:32]}.json"
        with calls(f"s3://{bucket}/{key}"):
            self.account.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
        domain = "amazonaws.com.cn" if self.account.partition == "aws-cn" else "amazonaws.com"
        return f"https://s3.{self.account.region}.{domain}/{bucket}/{key}"

    def _proposed(self, proposal: Proposal) -> tuple[str, str, list[Change]]:
        """A change set once it is computed: its status, the reason for that, its changes."""
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
        found = [*first.get("Changes", []), *(one for page in pages for one in page.get("Changes", []))]
        changes = [change_of(one["ResourceChange"]) for one in found if "ResourceChange" in one]
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
        """Deletes a change set that shall not be executed, and the empty stack that it was to fill."""
        with calls(self._where):
            self._cloudformation.delete_change_set(StackName=proposal.stack_id, ChangeSetName=proposal.change_set)
            if proposal.kind == "CREATE":
                self._cloudformation.delete_stack(StackName=proposal.stack_id)

    def execute(self, proposal: Proposal, follower: Follower) -> StackState:
        """Makes the changes, and waits for the end. Raises SlipsError with the resources' own reasons."""
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
        """Deletes the stack, and waits for the end, also of a deletion that has begun. Does nothing if it is gone.

        Raises SlipsError with the resources' own reasons.
        """
        since = self._newest(stack_id)
        state = self.state(stack_id)  # after the events: what ends later is among those that are waited for
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
        """What AWS says of a stack that it keeps from being deleted."""
        return SlipsError(
            f"{self._where}: cannot be deleted: {why}; expected one without termination protection; "
            "take that away in the CloudFormation console"
        )

    def _newest(self, stack_id: str) -> str:
        """Id of the last event so far."""
        events = next(self._pages("describe_stack_events", StackName=stack_id))["StackEvents"]
        return str(events[0]["EventId"]) if events else ""

    def _since(self, stack_id: str, last: str) -> list[StackEvent]:
        """The events after `last`, oldest first. AWS lists the newest first."""
        pages = self._pages("describe_stack_events", StackName=stack_id)
        newest_first = (one for page in pages for one in page["StackEvents"])
        return [event_of(one) for one in takewhile(lambda one: one["EventId"] != last, newest_first)][::-1]

    def _follow(self, stack_id: str, last: str, follower: Follower) -> tuple[str, list[StackEvent]]:
        """Waits until an operation ends; the status with which it did, and what failed of its own."""
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
                # What was called off because of another's failure is no cause.
                if event.status.endswith("_FAILED") and "cancelled" not in event.reason:
                    failed.append(event)
            self._sleep(POLL)

    def _failure(self, status: str, failed: Sequence[StackEvent], outcome: str, then: str) -> SlipsError:
        reasons = list(dict.fromkeys(f"{one.name} ({one.kind}): {one.reason or one.status}" for one in failed))
        hints = [known for one in failed if (known := hint(one.reason))] or ["mend the cause"]
        advice = "; ".join(dict.fromkeys(hints))
        return SlipsError("\n".join([f"{self._where}: {status}; {outcome}", *reasons, f"{advice}, {then}"]))

    def resources(self, stack_id: str | None = None) -> dict[str, StackResource]:
        """What the stack has, by logical name."""
        return {
            one["LogicalResourceId"]: StackResource(
                one["LogicalResourceId"], one["ResourceType"], one.get("PhysicalResourceId", "")
            )
            for page in self._pages("list_stack_resources", StackName=stack_id or self.name)
            for one in page["StackResourceSummaries"]
            if one.get("ResourceStatus") != "DELETE_COMPLETE"
        }

    def template(self, stack_id: str | None = None) -> Template:
        """The template as it was given; `{}` for one that slips did not write."""
        with calls(self._where):
            body: Any = self._cloudformation.get_template(StackName=stack_id or self.name)["TemplateBody"]
        # As YAML it is what `slips deploy --dry-run` prints, deployed by another tool.
        body = _of_yaml(body) if isinstance(body, str) else body
        return dict(body) if isinstance(body, dict) else {}


def _of_yaml(text: str) -> Any:
    """Parse a template; None if YAML's own types do not suffice for it, as they do for what slips writes."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
