"""Finds a deployed stack by its name alone, whatever version of slips deployed it, and fills ports with its resources.

CloudFormation lists the stack's own resources, by logical name. Streams and tables that the config gave are in the
environment variables of the functions. "The original slips" is the first version, of 2018: its stacks and their stored
items still work. If such a stack lacks a resource, an error is raised when it is needed, not before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from slips.backends.aws import DISPATCHERS
from slips.backends.aws.answers import code, reason
from slips.backends.aws.clients import Clients
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.kinesis import KinesisStream, read_back
from slips.backends.aws.ledger import LEDGER_DAYS, DynamoLedger
from slips.backends.aws.queue import UndeliveredQueue
from slips.backends.aws.refusals import DENIED, calls
from slips.backends.aws.throttles import Backoff, seconds_from_now
from slips.envelope.lost import Batch
from slips.errors import SlipsError, UsageError
from slips.model import LANES, Lane

STREAM_ARNS: dict[Lane, str] = {"fast": "SLIPS_FAST_STREAM_ARN", "slow": "SLIPS_SLOW_STREAM_ARN"}
READ_BACK_SECONDS = 60.0
"""Longest wait for a throttled shard, for each batch."""

_FAILED = "its creation failed; expected one that is deployed; 'slips deploy' makes it anew, and says why it fails"
UNFINISHED = {
    "REVIEW_IN_PROGRESS": "nothing of it is made yet; expected one that is deployed; 'slips deploy' it",
    "CREATE_IN_PROGRESS": "it is being created; expected one that is; wait until it is done",
    "CREATE_FAILED": _FAILED,
    "ROLLBACK_IN_PROGRESS": "its creation failed, and is undone; wait until that is done, then 'slips deploy' it anew",
    "ROLLBACK_FAILED": _FAILED,
    "ROLLBACK_COMPLETE": _FAILED,
    "DELETE_IN_PROGRESS": "it is being deleted; expected one that is deployed; look at its name",
    "DELETE_FAILED": "a part of it is deleted; expected it whole, or gone; 'slips destroy' deletes the rest",
}
"""The reason why a stack in this state cannot be operated, with advice, for error texts."""


class DeployedStack:
    """One stack. `made` has its physical names by logical name, `alarms` the physical names of its alarms."""

    def __init__(
        self,
        clients: Clients,
        name: str,
        made: dict[str, str],
        alarms: Sequence[str] = (),
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clients, self.name, self.made, self.alarms = clients, name, made, alarms
        self.sleep, self.clock = sleep, clock
        self._known_variables: dict[str, dict[str, str]] = {}

    @classmethod
    def find(
        cls,
        clients: Clients,
        name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> DeployedStack:
        """Find the stack of that name. Raises UsageError if there is none in the region, or no credentials."""
        made, alarms = dict[str, str](), list[str]()
        pages = clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        with calls(f"stack '{name}'", passing={"ValidationError"}):
            try:
                for page in pages:
                    for each in page["StackResourceSummaries"]:
                        # CloudFormation still lists resources that a stack no longer owns.
                        gone = each["ResourceStatus"] in ("DELETE_COMPLETE", "DELETE_SKIPPED")
                        if not gone and each.get("PhysicalResourceId"):
                            made[each["LogicalResourceId"]] = each["PhysicalResourceId"]
                            if each["ResourceType"] == "AWS::CloudWatch::Alarm":
                                alarms.append(each["PhysicalResourceId"])
            except ClientError as error:
                if code(error) != "ValidationError":
                    raise
                raise UsageError(
                    f"stack '{name}': {reason(error)}; expected a stack that is deployed in {clients.region}; "
                    "look at its name (-s, stack_name), --region and AWS_PROFILE, or 'slips deploy' it"
                ) from error
        return cls(clients, name, made, alarms, sleep=sleep, clock=clock)

    # -- the ports

    @cached_property
    def errors(self) -> DynamoErrors:
        table = self.made.get("ErrorTable") or self.variables("Drain").get("SLIPS_ERROR_TABLE")
        if table is None:
            raise self.lacks("error table", "'ErrorTable', or one that its function Drain names")
        return DynamoErrors(self.clients.dynamodb, table, self.sleep)

    @cached_property
    def ledger(self) -> DynamoLedger:
        table = self.made.get("Ledger") or self.variables("MainFunc").get("SLIPS_LEDGER_TABLE")
        if table is None:
            raise self.lacks("ledger", "'Ledger', which stacks of 2018 lack")
        days = int(self.variables("Drain").get("SLIPS_LEDGER_DAYS", LEDGER_DAYS))
        return DynamoLedger(self.clients.dynamodb, table, self.clock, days=days)

    @cached_property
    def stream(self) -> KinesisStream:
        arns = {lane: self.variables("Drain").get(STREAM_ARNS[lane]) or self.source(lane) for lane in LANES}
        return KinesisStream(self.clients.kinesis, arns, self.sleep)

    @property
    def streams(self) -> dict[Lane, str]:
        return self.stream.names

    @property
    def undelivered(self) -> UndeliveredQueue | None:
        return None if self.queue_url is None else UndeliveredQueue(self.clients.sqs, self.queue_url)

    def read_back(self, batch: Batch) -> Iterator[bytes]:
        return read_back(self.clients.kinesis, batch, Backoff(seconds_from_now(READ_BACK_SECONDS), self.sleep))

    @cached_property
    def queue_url(self) -> str | None:
        return self.made.get("Undelivered") or self.variables("Drain").get("SLIPS_UNDELIVERED_URL")

    # -- resources

    def function(self, name: str) -> str:
        """Return the physical name of a function. Raises UsageError if the stack has none of that logical name."""
        physical = self.made.get(name)
        if physical is None:
            raise self.lacks(f"function {name}", "one that slips has deployed")
        return physical

    def lacks(self, what: str, expected: str) -> UsageError:
        """Return the error for a stack without `what`: it is not whole, is none of slips, or is of a version before."""
        status = self._status()
        if status in UNFINISHED:
            return UsageError(f"stack '{self.name}' is {status}: {UNFINISHED[status]}")
        return UsageError(
            f"stack '{self.name}': has no {what}; expected {expected}; look whether it is a stack of slips, "
            "and 'slips deploy' it anew"
        )

    def _status(self) -> str:
        """Return the stack's status in CloudFormation; empty if AWS denies to show it."""
        with calls(f"stack '{self.name}'", passing=DENIED):
            try:
                (found,) = self.clients.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
            except ClientError as error:
                if code(error) not in DENIED:
                    raise
                return ""
        return found["StackStatus"]

    def variables(self, function: str) -> dict[str, str]:
        """Return the variables of a function, read once; none if the stack has no such function."""
        known = self._known_variables
        if function not in known:
            known[function] = self.configuration(function)[1] if function in self.made else {}
        return known[function]

    def configuration(self, function: str) -> tuple[Any, dict[str, str]]:
        """Return the configuration of a function as it is now, and the variables in its environment."""
        name = self.function(function)
        with calls(name):
            configuration = self.clients.functions.get_function_configuration(FunctionName=name)
        environment = configuration.get("Environment", {})
        if "Error" in environment:
            raise SlipsError(
                f"{name}: its environment cannot be read: {environment['Error'].get('Message')}; expected a user or "
                "role that may; allow kms:Decrypt with the key of the function"
            )
        return configuration, environment.get("Variables", {})

    def mapping(self, lane: Lane) -> Any:
        """Return the event source mapping that empties a lane."""
        function = self.function(DISPATCHERS[lane])
        with calls(function):
            pages = self.clients.functions.get_paginator("list_event_source_mappings").paginate(FunctionName=function)
            mappings = [
                each for page in pages for each in page["EventSourceMappings"] if ":kinesis:" in each["EventSourceArn"]
            ]
        if not mappings:
            raise self.lacks(f"mapping of lane {lane}", f"an event source mapping of {DISPATCHERS[lane]}")
        return mappings[0]

    def source(self, lane: Lane) -> str:
        """Return the ARN of a lane's stream, for stacks of the original slips: their variables have other names."""
        return str(self.mapping(lane)["EventSourceArn"])
