"""The CloudFormation stack: what a change set would change; making it so, event by event; taking it down.

Comes in: a template. Goes out: plans, events and errors for `cli/deploy.py`, which asks and prints. A stack is never
changed but by `execute`, `restore` and `delete`, and by `prepare`, which clears away a first creation that failed.
"""

from __future__ import annotations

import hashlib
import io
import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import Any, Literal, Protocol

import yaml
from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws import DISPATCHERS
from slips.backends.aws.clients import code
from slips.backends.aws.refusals import MISSING, calls, message
from slips.deploy.account import Account
from slips.deploy.template import BUCKETS, KEYS, TAGS, Template, to_json
from slips.errors import SlipsError

INLINE = 51_200
"""Bytes of a template that fit into a request; a longer one goes by S3.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

POLL = 2.0
"""Seconds between two looks at the events: CloudFormation throttles those who look much more often."""

_COUNTED = 1000
"""Error items that are counted, at most."""

FAILED_FIRST = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}
"""States of a first creation that failed: the stack can only be deleted."""

HINTS = (
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
"""What is known to help, by the words of a resource's reason."""


class State(Struct, frozen=True):
    """A stack as it stands."""

    id: str
    status: str
    reason: str
    outputs: dict[str, str]
    parameters: dict[str, str] = {}
    tags: dict[str, str] = {}
    protected: bool = False
    """Whether it has termination protection: AWS refuses to delete it."""

    @property
    def is_deployed(self) -> bool:
        """Whether it has resources: a first creation is done, or under way."""
        return self.status not in ("REVIEW_IN_PROGRESS", *FAILED_FIRST)


_HOLDS = {
    "AWS::Kinesis::Stream": (
        "object events that still wait on it are lost with it: let no more arrive, and wait until 'slips status' shows "
        "its lane idle"
    ),
    "AWS::SQS::Queue": "messages that still wait in it are lost with it: 'slips drain' first",
}
_RETENTION = re.compile(r"RetentionPeriodHours: (\d+) → (\d+)")
"""Of a stream. What is older than a shorter one is inaccessible at once.
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DecreaseStreamRetentionPeriod.html"""


class Change(Struct, frozen=True):
    """What would become of one resource."""

    action: Literal["Add", "Modify", "Remove", "Import", "Dynamic"]
    name: str
    """Logical name, such as `MainFunc`."""
    kind: str
    """CloudFormation type."""
    what: list[str]
    """Of a modification: `MemorySize: 512 → 1024`, or just what changes; `code` for a function's package."""
    replaced: Literal["", "maybe", "yes"]
    """Whether the resource is made anew: what it holds is lost, unless it is kept."""

    @property
    def loses(self) -> str:
        """What is lost with the former resource or retention, for people; empty if nothing is."""
        if self.action == "Remove" or self.replaced:
            return _HOLDS.get(self.kind, "")
        hours = next((found for one in self.what if (found := _RETENTION.fullmatch(one))), None)
        if hours is None or int(hours[2]) >= int(hours[1]):
            return ""
        return f"object events that have waited on it for over {hours[2]} h are lost: see 'slips status' first"


class Plan(Struct, frozen=True):
    """A change set that waits to be executed."""

    kind: Literal["CREATE", "UPDATE"]
    stack_id: str
    change_set: str
    changes: list[Change]
    tags: list[str] = []
    """Changes of the stack's tags, such as `team: a → b`."""


class Event(Struct, frozen=True):
    """Something happened to a resource, or to the stack itself."""

    id: str
    name: str
    kind: str
    status: str
    reason: str
    is_stack: bool


What = Literal["delay", "batch size", "records at once"]
_VARIABLES: dict[What, str] = {"delay": "SLIPS_DELAY", "batch size": "SLIPS_BATCH_SIZE"}
"""Settings that are a dispatcher's variables; `records at once` are its mapping's."""


class Setting(Struct, frozen=True):
    """A setting of a lane that `slips limit` changed since the last deploy."""

    lane: str
    what: What
    now: int
    then: int
    """What the template says, and `restore` sets."""
    resource: str
    """Physical name of the function or mapping that has it."""
    timeout: int = 0
    """Of a function: its time limit, which `slips limit` raises with the delay; 0: as it is."""

    def __str__(self) -> str:
        return f"lane {self.lane}: {self.what} {self.now} set by 'slips limit', back to {self.then}"


class Resource(Struct, frozen=True):
    """One resource that a stack has."""

    name: str
    kind: str
    id: str
    """Physical name."""


class Holdings(Struct, frozen=True):
    """What people may still need of a stack."""

    items: int
    """Error items in its table."""
    more: bool
    """Whether there are more than `items`, which is where counting ends."""
    undelivered: int
    """Messages in the queue of what not even Reporter could take."""


class Observer(Protocol):
    """Sees events as they happen."""

    def event(self, event: Event) -> None: ...


class Stack:
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

    def state(self, stack_id: str | None = None) -> State | None:
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
        return State(
            stack["StackId"],
            stack["StackStatus"],
            stack.get("StackStatusReason", ""),
            outputs,
            parameters,
            tags,
            stack.get("EnableTerminationProtection", False),
        )

    def check(self) -> State | None:
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

    def prepare(self, observer: Observer) -> State | None:
        """The stack, ready for a change set; None: it has to be created. A failed first creation is deleted."""
        state = self.check()
        if state and state.status in FAILED_FIRST:
            self.delete(state.id, observer)
            return None
        return state

    @contextmanager
    def proposed(self, template: Template, state: State | None, bucket: str, folder: str) -> Iterator[Plan | None]:
        """What the template would change; None: nothing. Unless it is executed in the block, nothing of it is left."""
        plan = self._propose(template, state, bucket, folder)
        try:
            yield plan
        finally:
            if plan and plan.change_set not in self._executed:
                self._drop(plan)

    def _propose(self, template: Template, state: State | None, bucket: str, folder: str) -> Plan | None:
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
        plan = Plan(kind, made["StackId"], made["Id"], [])
        status, reason, changes = self._proposed(plan)
        if status == "FAILED":
            self._drop(plan)
            if re.search(r"didn't contain changes|No updates are to be performed", reason):
                return None
            raise SlipsError(
                f"{self._where}: the change set failed: {reason}; expected changes that can be made; "
                f"{_hint(reason) or 'mend that'}, then deploy again"
            )
        return Plan(plan.kind, plan.stack_id, plan.change_set, changes, _tag_changes(former, tags))

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

    def _proposed(self, plan: Plan) -> tuple[str, str, list[Change]]:
        """A change set once it is computed: its status, the reason for that, its changes."""
        while True:
            pages = self._pages(
                "describe_change_set",
                StackName=plan.stack_id,
                ChangeSetName=plan.change_set,
                IncludePropertyValues=True,
            )
            first = next(pages)
            if first["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                break
            self._sleep(POLL)
        found = [*first.get("Changes", []), *(one for page in pages for one in page.get("Changes", []))]
        changes = [_change(one["ResourceChange"]) for one in found if "ResourceChange" in one]
        return first["Status"], first.get("StatusReason", ""), changes

    def _pages(self, operation: str, **request: Any) -> Iterator[Any]:
        while True:
            with calls(self._where):
                page = getattr(self._cloudformation, operation)(**request)
            yield page
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    def _drop(self, plan: Plan) -> None:
        """Deletes a change set that shall not be executed, and the empty stack that it was to fill."""
        with calls(self._where):
            self._cloudformation.delete_change_set(StackName=plan.stack_id, ChangeSetName=plan.change_set)
            if plan.kind == "CREATE":
                self._cloudformation.delete_stack(StackName=plan.stack_id)

    def execute(self, plan: Plan, observer: Observer) -> State:
        """Makes the changes, and waits for the end. Raises SlipsError with the resources' own reasons."""
        since = self._newest(plan.stack_id)
        with calls(self._where):
            self._cloudformation.execute_change_set(StackName=plan.stack_id, ChangeSetName=plan.change_set)
        self._executed.add(plan.change_set)
        status, failed = self._follow(plan.stack_id, since, observer)
        if status != f"{plan.kind}_COMPLETE":
            if plan.kind == "CREATE":
                outcome = "nothing is deployed; the next 'slips deploy' clears away what is left"
            elif status == "UPDATE_ROLLBACK_COMPLETE":
                outcome = "the former state stands"
            else:
                outcome = "the former state could not be restored"
            raise self._failure(status, failed, outcome, "then run 'slips deploy' again")
        state = self.state(plan.stack_id)
        if state is None:
            raise SlipsError(f"{self._where}: it is gone; expected it to stay; somebody deleted it; deploy again")
        return state

    def delete(self, stack_id: str, observer: Observer) -> None:
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
        status, failed = self._follow(stack_id, since, observer)
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

    def _since(self, stack_id: str, last: str) -> list[Event]:
        """The events after `last`, oldest first. AWS lists the newest first."""
        pages = self._pages("describe_stack_events", StackName=stack_id)
        newest_first = (one for page in pages for one in page["StackEvents"])
        return [_event(one) for one in takewhile(lambda one: one["EventId"] != last, newest_first)][::-1]

    def _follow(self, stack_id: str, last: str, observer: Observer) -> tuple[str, list[Event]]:
        """Waits until an operation ends; the status with which it did, and what failed of its own."""
        failed: list[Event] = []
        while True:
            try:
                events = self._since(stack_id, last)
            except SlipsError as error:
                raise type(error)(f"{error}; AWS goes on with the stack, which is not followed any more") from error
            for event in events:
                last = event.id
                observer.event(event)
                if event.is_stack and not event.status.endswith("_IN_PROGRESS"):
                    return event.status, failed or [event]
                # What was called off because of another's failure is no cause.
                if event.status.endswith("_FAILED") and "cancelled" not in event.reason:
                    failed.append(event)
            self._sleep(POLL)

    def _failure(self, status: str, failed: Sequence[Event], outcome: str, then: str) -> SlipsError:
        reasons = list(dict.fromkeys(f"{one.name} ({one.kind}): {one.reason or one.status}" for one in failed))
        hints = [hint for one in failed if (hint := _hint(one.reason))] or ["mend the cause"]
        advice = "; ".join(dict.fromkeys(hints))
        return SlipsError("\n".join([f"{self._where}: {status}; {outcome}", *reasons, f"{advice}, {then}"]))

    def resources(self, stack_id: str | None = None) -> dict[str, Resource]:
        """What the stack has, by logical name."""
        return {
            one["LogicalResourceId"]: Resource(
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

    def holdings(self, state: State) -> Holdings:
        """What the stack still has to do for people."""
        table, queue = state.outputs.get("ErrorTableName"), state.outputs.get("UndeliveredUrl")
        items, more, undelivered = 0, False, 0
        try:
            with calls(f"{self._where}: its error table", passing=MISSING):
                if table:
                    page = self.account.dynamodb.scan(TableName=table, Select="COUNT", Limit=_COUNTED)
                    items, more = page["Count"], "LastEvaluatedKey" in page
            with calls(f"{self._where}: its queue", passing=MISSING):
                if queue:
                    got: Any = self.account.sqs.get_queue_attributes(
                        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
                    )
                    undelivered = int(got["Attributes"]["ApproximateNumberOfMessages"])
        except ClientError as error:
            if code(error) not in MISSING:  # what is gone holds nothing
                raise
        return Holdings(items, more, undelivered)

    def former_tables(self) -> list[str]:
        """ARNs of error tables that earlier stacks of this name left behind."""
        with calls(f"{self._where}: tables"):
            pages = self.account.dynamodb.get_paginator("list_tables").paginate()
            names = [name for page in pages for name in page["TableNames"]]
        ours = re.compile(rf"{re.escape(self.name)}-ErrorTable-[0-9A-Za-z]{{8,14}}")
        return [self.table_arn(name) for name in names if ours.fullmatch(name)]

    def table_arn(self, name: str) -> str:
        return f"arn:{self.account.partition}:dynamodb:{self.account.region}:{self.account.id}:table/{name}"

    def about_table(self, arn: str) -> str:
        """What can be done with a table that an earlier stack left."""
        return (
            f"error table {arn} of a former stack is still there; to go on with it, set backend.dynamodb_arn: {arn}; "
            f"to delete it: aws dynamodb delete-table --region {self.account.region}{self._endpoint} --table-name "
            f"{arn.rpartition('/')[2]}"
        )

    def about_code(self, bucket: str, prefix: str) -> str:
        """What can be done with the code that deploys of a stack which is gone left under its own prefix; "": none is.

        The code is of this stack only if it is in its region: one of the same name may be in another. What may not be
        looked at is passed over.
        """
        if self.account.bucket_region(bucket)[0] != self.account.region:
            return ""
        with suppress(ClientError, SlipsError), calls(f"s3://{bucket}/{prefix}", passing=MISSING):
            if self.account.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents"):
                place = shlex.quote(f"s3://{bucket}/{prefix}")
                return (
                    f"uploaded code of a former stack is still there, s3://{bucket}/{prefix}; to delete it: "
                    f"aws s3 rm --recursive --region {self.account.region}{self._endpoint} {place}"
                )
        return ""

    @property
    def _endpoint(self) -> str:
        """For commands of the AWS CLI."""
        return f" --endpoint-url {self.account.endpoint_url}" if self.account.endpoint_url else ""

    def delete_table(self, name: str) -> bool:
        """Deletes a table of the stack; False if it is gone already. Raises SlipsError."""
        with suppress(ClientError), calls(f"table '{name}'", passing=MISSING):
            self.account.dynamodb.delete_table(TableName=name)
            return True
        return False

    def delete_objects(self, bucket: str, prefix: str) -> int:
        """Deletes what deploys of this stack put under its own prefix, if the bucket is there; how many objects."""
        count = 0
        with suppress(ClientError), calls(f"s3://{bucket}/{prefix}", passing=MISSING):
            for page in self.account.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for one in page.get("Contents", []):
                    self.account.s3.delete_object(Bucket=bucket, Key=one["Key"])
                    count += 1
        return count

    def settings(self, template: Template) -> list[Setting]:
        """What `slips limit` changed since the last deploy, and what it is in the new template."""
        former, wanted, resources = self.template(), template["Resources"], self.resources()
        limits, found = _limits(former), []
        for (lane, what), (name, then) in _limits(template).items():
            if (lane, what) in limits and name in resources:
                id = resources[name].id
                now = self._variable(id, what) if what in _VARIABLES else self._records(id)
                if now not in (limits[lane, what][1], then):
                    timeout = wanted[name]["Properties"].get("Timeout", 0)
                    found.append(Setting(lane, what, now, then, id, timeout))
        return found

    def restore(self, settings: Sequence[Setting]) -> None:
        """Sets back what `slips limit` changed: CloudFormation compares templates only, and would not see it.

        In the order in which a dispatcher always has the time for the records that it is given.
        """
        records = [one for one in settings if one.what not in _VARIABLES]
        self._set_records([one for one in records if one.then < one.now])
        for function in dict.fromkeys(one.resource for one in settings if one.what in _VARIABLES):
            its = [one for one in settings if one.resource == function]
            request: Any = {"Timeout": its[0].timeout} if its[0].timeout else {}
            with calls(f"{self._where}: lane {its[0].lane}"):
                variables = {**self._variables(function), **{_VARIABLES[one.what]: str(one.then) for one in its}}
                self.account.functions.update_function_configuration(
                    FunctionName=function, Environment={"Variables": variables}, **request
                )
        self._set_records([one for one in records if one.then > one.now])

    def make_room(self, template: Template) -> None:
        """Gives dispatchers fewer records before the template makes them wait longer.

        CloudFormation changes a function before its mapping. What a dispatcher has no time for in between is a failed
        batch to AWS, which gives it up after some of them.
        """
        resources = self.resources()
        for (lane, what), (name, then) in _limits(template).items():
            if what not in _VARIABLES and name in resources:
                id = resources[name].id
                if (now := self._records(id)) > then:
                    self._set_records([Setting(lane, what, now, then, id)])

    def _set_records(self, settings: Sequence[Setting]) -> None:
        for one in settings:
            with calls(f"{self._where}: lane {one.lane}"):
                self.account.functions.update_event_source_mapping(UUID=one.resource, BatchSize=one.then)

    def _variables(self, function: str) -> dict[str, str]:
        with calls(f"{self._where}: {function}"):
            configuration = self.account.functions.get_function_configuration(FunctionName=function)
        return configuration.get("Environment", {}).get("Variables", {})

    def _variable(self, function: str, what: What) -> int:
        return int(float(self._variables(function).get(_VARIABLES[what], 0)))

    def _records(self, mapping: str) -> int:
        with calls(f"{self._where}: {mapping}"):
            return self.account.functions.get_event_source_mapping(UUID=mapping)["BatchSize"]


def upload(account: Account, bucket: str, key: str, data: bytes) -> bool:
    """Puts `data` into the bucket, in parts if it is big; False: it is there already, since its key is its content."""
    where = f"s3://{bucket}/{key}"
    try:
        # Without s3:ListBucket S3 answers 403 for what is not there.
        with calls(where, passing={"404", "403", "NoSuchKey"}):
            account.s3.head_object(Bucket=bucket, Key=key)
    except ClientError:
        with calls(where):
            account.s3.upload_fileobj(io.BytesIO(data), bucket, key)
        return True
    return False


def kept(template: Template) -> list[str]:
    """Logical names of what stays when the stack goes."""
    return [name for name, one in template.get("Resources", {}).items() if "Retain" in one.get("DeletionPolicy", "")]


def mapped_buckets(template: Template) -> list[str]:
    """The buckets that may notify the stack of a template."""
    return list(template.get("Metadata", {}).get(BUCKETS, []))


def uploaded(template: Template, parameters: dict[str, str]) -> tuple[str, str] | None:
    """Bucket and key of the functions' code; None: a template that slips did not write says it in its own way."""
    code = template.get("Resources", {}).get("MainFunc", {}).get("Properties", {}).get("Code", {})
    bucket, key = (
        parameters.get(value["Ref"]) if isinstance(value, dict) and "Ref" in value else value
        for value in (code.get("S3Bucket"), code.get("S3Key"))
    )
    return (bucket, key) if isinstance(bucket, str) and isinstance(key, str) else None


def known_keys(template: Template) -> dict[str, str]:
    """The customer's keys that the deploy of a template saw, by the ARN of what they encrypt."""
    return dict(template.get("Metadata", {}).get(KEYS, {}))


def _of_yaml(text: str) -> Any:
    """Parse a template; None if YAML's own types do not suffice for it, as they do for what slips writes."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _event(one: dict[str, Any]) -> Event:
    return Event(
        one["EventId"],
        one["LogicalResourceId"],
        one.get("ResourceType", ""),
        one["ResourceStatus"],
        one.get("ResourceStatusReason") or "",
        one.get("PhysicalResourceId") == one["StackId"],
    )


def _change(about: dict[str, Any]) -> Change:
    replaced: dict[str, Literal["", "maybe", "yes"]] = {"True": "yes", "Conditional": "maybe"}
    what = [_difference(detail["Target"]) for detail in about.get("Details", [])]
    return Change(
        about["Action"],
        about["LogicalResourceId"],
        about["ResourceType"],
        list(dict.fromkeys(what)) if about["Action"] == "Modify" else [],
        replaced.get(about.get("Replacement", ""), "") if about["Action"] == "Modify" else "",
    )


def _tag_changes(former: dict[str, str], tags: dict[str, str]) -> list[str]:
    """Describe each tag that does not stay: `team: a → b`."""
    keys = [key for key in sorted({*former, *tags}) if former.get(key) != tags.get(key)]
    return [f"{key}: {former.get(key, '(none)')} → {tags.get(key, '(none)')}" for key in keys]


def _difference(target: dict[str, Any]) -> str:
    """`MemorySize: 512 → 1024`; just the name if the values are not short."""
    if target.get("Name") == "Code":
        return "code"
    name = target.get("Path", "").removeprefix("/Properties/").replace("/", ".")
    name = name or target.get("Name") or target["Attribute"].lower()
    before, after = target.get("BeforeValue"), target.get("AfterValue")
    if before is None or after is None or max(len(before), len(after)) > 40:
        return str(name)
    # Variables may be secret, and `{{changeSet:KNOWN_AFTER_APPLY}}` tells nobody anything.
    if name.startswith("Environment") or "{{changeSet:" in after:
        return str(name)
    return f"{name}: {before} → {after}"


def _limits(template: Template) -> dict[tuple[str, What], tuple[str, int]]:
    """`(lane, what)` to the logical name of the resource that has the setting, and its value."""
    found: dict[tuple[str, What], tuple[str, int]] = {}
    resources = template.get("Resources", {})
    for lane, function in DISPATCHERS.items():
        variables = resources.get(function, {}).get("Properties", {}).get("Environment", {}).get("Variables", {})
        for what, variable in _VARIABLES.items():
            if variable in variables:
                found[lane, what] = (function, int(float(variables[variable])))
        mapping = f"{function}Mapping"
        properties = resources.get(mapping, {}).get("Properties", {})
        if "BatchSize" in properties:
            found[lane, "records at once"] = (mapping, int(properties["BatchSize"]))
    return found


def _hint(reason: str) -> str:
    return next((hint for pattern, hint in HINTS if re.search(pattern, reason)), "")
