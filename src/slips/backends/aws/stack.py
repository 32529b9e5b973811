"""A deployed stack as operators see it: found by its name alone, whatever version of slips deployed it.

CloudFormation tells what the stack made, by logical name; what it was given (existing streams and tables) the
functions' environment variables tell. What a stack of 2018 lacks is said when it is needed, not before.
"""

from __future__ import annotations

import heapq
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws import DISPATCHERS, FUNCTIONS
from slips.backends.aws.clients import Clients, code, reason
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.kinesis import KinesisStream, read_back
from slips.backends.aws.lanes import SPARE, records_at_once
from slips.backends.aws.ledger import LEDGER_DAYS, DynamoLedger
from slips.backends.aws.queue import UndeliveredQueue
from slips.backends.aws.refusals import DENIED, calls
from slips.backends.aws.throttles import Patience, seconds_from_now
from slips.config import LaneConfig
from slips.envelope import Batch
from slips.errors import SlipsError, UsageError
from slips.model import LANES, ErrorItem, Lane, format_time

STREAM_ARNS: dict[Lane, str] = {"fast": "SLIPS_FAST_STREAM_ARN", "slow": "SLIPS_SLOW_STREAM_ARN"}
_ALARMS_AT_ONCE = 100
"""Names that CloudWatch takes in a call. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""
RECENT = 300
"""Seconds that `status` looks back."""
ATTEMPTS = 5
"""Tries of a change that meets another one."""
LOOKS, LOOK_SECONDS = 120, 0.5
"""How often and how long apart to look whether a change is done: most are within seconds."""
READ_BACK_SECONDS = 60.0
"""How long a command waits for a throttled shard, a batch."""
CONFLICTS = {"PreconditionFailedException", "ResourceConflictException", "ResourceInUseException"}
"""Somebody else, or AWS itself, is changing the same thing."""
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
"""What is missing in a stack because of its state, and what to do."""


class LogLine(Struct, frozen=True):
    """What a function said."""

    id: str
    time: float
    """Epoch seconds."""
    function: str
    """Logical name."""
    message: str


class Stack:
    """One stack. `resources` are the physical names by logical name; `alarms` are the names of its alarms."""

    processed_by = "the stack processes them now"
    where = ""
    transaction = None
    limit_lasts = "it holds until the next 'slips deploy', which sets it back to 'backend.lane' of the config"
    batches = True

    def __init__(
        self,
        clients: Clients,
        name: str,
        resources: dict[str, str],
        alarms: Sequence[str] = (),
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._clients, self._resources, self._sleep, self._clock = clients, resources, sleep, clock
        self._alarms = alarms

    @classmethod
    def open(
        cls,
        clients: Clients,
        name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> Stack:
        """The stack of that name. Raises UsageError if there is none in the region, or no credentials."""
        resources, alarms = dict[str, str](), list[str]()
        pages = clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        with calls(f"stack '{name}'", passing={"ValidationError"}):
            try:
                for page in pages:
                    for each in page["StackResourceSummaries"]:
                        # What a stack let go but did not delete is still listed.
                        gone = each["ResourceStatus"] in ("DELETE_COMPLETE", "DELETE_SKIPPED")
                        if not gone and each.get("PhysicalResourceId"):
                            resources[each["LogicalResourceId"]] = each["PhysicalResourceId"]
                            if each["ResourceType"] == "AWS::CloudWatch::Alarm":
                                alarms.append(each["PhysicalResourceId"])
            except ClientError as error:
                if code(error) != "ValidationError":
                    raise
                raise UsageError(
                    f"stack '{name}': {reason(error)}; expected a stack that is deployed in {clients.region}; "
                    "look at its name (-s, stack_name), --region and AWS_PROFILE, or 'slips deploy' it"
                ) from error
        return cls(clients, name, resources, alarms, sleep=sleep, clock=clock)

    # -- the ports

    @cached_property
    def errors(self) -> DynamoErrors:
        table = self._resources.get("ErrorTable") or self._variables("Drain").get("SLIPS_ERROR_TABLE")
        if table is None:
            raise self.lacks("error table", "'ErrorTable', or one that its function Drain names")
        return DynamoErrors(self._clients.dynamodb, table, self._sleep)

    @cached_property
    def ledger(self) -> DynamoLedger:
        table = self._resources.get("Ledger") or self._variables("MainFunc").get("SLIPS_LEDGER_TABLE")
        if table is None:
            raise self.lacks("ledger", "'Ledger', which stacks of 2018 lack")
        days = int(self._variables("Drain").get("SLIPS_LEDGER_DAYS", LEDGER_DAYS))
        return DynamoLedger(self._clients.dynamodb, table, self.errors, self._clock, days=days)

    @cached_property
    def stream(self) -> KinesisStream:
        arns = {lane: self._variables("Drain").get(STREAM_ARNS[lane]) or self._source(lane) for lane in LANES}
        return KinesisStream(self._clients.kinesis, arns, self._sleep)

    @property
    def streams(self) -> dict[Lane, str]:
        return self.stream.names

    @property
    def undelivered(self) -> UndeliveredQueue | None:
        return None if self._queue_url is None else UndeliveredQueue(self._clients.sqs, self._queue_url)

    def dismiss(self, item: ErrorItem) -> bool:
        return self.errors.delete(item.request_id, item.revision)

    def read_back(self, batch: Batch) -> Iterator[bytes]:
        return read_back(self._clients.kinesis, batch, Patience(seconds_from_now(READ_BACK_SECONDS), self._sleep))

    @cached_property
    def _queue_url(self) -> str | None:
        return self._resources.get("Undelivered") or self._variables("Drain").get("SLIPS_UNDELIVERED_URL")

    # -- status

    def status(self, *, count_ledger: bool) -> dict[str, Any]:
        """As of the last minutes: CloudWatch knows how long objects waited, Kinesis not how many wait."""
        counted = Counter(entry.status for entry in self.ledger.scan()) if count_ledger else None
        return {
            "lanes": self._lanes(),
            "ledger": None if counted is None else dict(sorted(counted.items())),
            "undelivered": self.count_undelivered(),
            "alarms": self.alarms_on(),
        }

    def alarms_on(self) -> list[dict[str, str]] | None:
        """The alarms of the stack that are on, the longest first; None for a user who may not know."""
        found: list[dict[str, str]] = []
        for at in range(0, len(self._alarms), _ALARMS_AT_ONCE):
            with calls(f"stack '{self.name}'", passing=DENIED):
                try:
                    pages = self._clients.cloudwatch.get_paginator("describe_alarms")
                    for page in pages.paginate(AlarmNames=self._alarms[at : at + _ALARMS_AT_ONCE], StateValue="ALARM"):
                        found += map(_alarm, page["MetricAlarms"])
                except ClientError as error:
                    if code(error) not in DENIED:
                        raise
                    return None
        return sorted(found, key=lambda alarm: alarm["since"])

    def count_undelivered(self) -> int | None:
        if self._queue_url is None:
            return None
        with calls(self._queue_url):
            told = self._clients.sqs.get_queue_attributes(
                QueueUrl=self._queue_url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return sum(map(int, told.values()))

    def _lanes(self) -> dict[Lane, dict[str, Any]]:
        now = self._clock()
        queries: list[Any] = []
        for lane in LANES:
            function = self._physical(DISPATCHERS[lane])
            queries += [
                _metric(f"{lane}_age", "AWS/Lambda", "IteratorAge", "Maximum", FunctionName=function),
                _metric(f"{lane}_new", "AWS/Kinesis", "IncomingRecords", "Sum", StreamName=self.streams[lane]),
            ]
        with calls(f"stack '{self.name}'"):
            answer = self._clients.cloudwatch.get_metric_data(
                MetricDataQueries=queries,
                StartTime=format_time(now - RECENT),
                EndTime=format_time(now),
                ScanBy="TimestampDescending",
            )
        values = {each["Id"]: each["Values"] for each in answer["MetricDataResults"]}
        return {
            lane: {
                "waiting": None,
                "oldest_seconds": values[f"{lane}_age"][0] / 1000 if values.get(f"{lane}_age") else None,
                "arrived": int(sum(values.get(f"{lane}_new", ()))),
            }
            for lane in LANES
        }

    # -- limit

    def limit(self, lane: Lane) -> LaneConfig:
        """How fast a lane is emptied at this moment."""
        variables = self._fresh_variables(DISPATCHERS[lane])[1]
        delay = variables.get("SLIPS_DELAY")
        if delay is None:
            raise self.lacks("delay", f"SLIPS_DELAY in the environment of {DISPATCHERS[lane]}, unlike those of 2018")
        # The dispatchers of the version before give MainFunc all that the mapping gives them.
        mapping = self._mapping(lane)
        return LaneConfig(
            batch_size=int(variables.get("SLIPS_BATCH_SIZE") or mapping["BatchSize"]),
            delay=int(float(delay)),
            parallelization=mapping.get("ParallelizationFactor", 1),
        )

    def set_limit(self, lane: Lane, limit: LaneConfig) -> None:
        """Lasts until the next deploy.

        At each moment a dispatcher has the time for the records that it is given: they become fewer before it waits
        longer, and more only after.
        """
        function = DISPATCHERS[lane]
        mapping, variables = self._mapping(lane), self._fresh_variables(function)[1]
        wanted, records = {"SLIPS_DELAY": str(limit.delay)}, limit.batch_size
        if "SLIPS_BATCH_SIZE" in variables:
            wanted["SLIPS_BATCH_SIZE"], records = str(limit.batch_size), records_at_once(limit)
        if records < mapping["BatchSize"]:
            self._set_records(mapping["UUID"], records)
        if any(variables.get(name) != value for name, value in wanted.items()):
            self._set_variables(function, wanted, SPARE + limit.delay)
        if records > mapping["BatchSize"]:
            self._set_records(mapping["UUID"], records)

    def _set_variables(self, function: str, wanted: dict[str, str], seconds: int) -> None:
        """Sets some of a function's variables; its time limit becomes `seconds` at least."""
        name, functions = self._physical(function), self._clients.functions

        def change() -> None:
            # What is sent replaces all variables: nobody may have changed another one in between.
            configuration, variables = self._fresh_variables(function)
            revision = {"RevisionId": configuration["RevisionId"]} if "RevisionId" in configuration else {}
            functions.update_function_configuration(
                FunctionName=name,
                Environment={"Variables": {**variables, **wanted}},
                Timeout=max(configuration["Timeout"], seconds),
                **revision,
            )

        self._patiently(name, change)
        self._await(name, lambda: functions.get_function_configuration(FunctionName=name), "LastUpdateStatus")

    def _set_records(self, uuid: str, records: int) -> None:
        functions = self._clients.functions
        self._patiently(uuid, partial(functions.update_event_source_mapping, UUID=uuid, BatchSize=records))
        self._await(uuid, lambda: functions.get_event_source_mapping(UUID=uuid), "State")

    def _patiently(self, what: str, change: Callable[[], object]) -> None:
        """Makes a change; again, if it meets another one."""
        for _ in range(ATTEMPTS):
            with calls(what, passing=CONFLICTS):
                try:
                    change()
                except ClientError as error:
                    if code(error) not in CONFLICTS:
                        raise
                    self._sleep(2)
                    continue
                return
        raise SlipsError(f"{what}: is being changed by others all the time; expected a moment's rest; try again")

    def _await(self, what: str, look: Callable[[], Any], key: str) -> None:
        """Waits until a change is done."""
        for _ in range(LOOKS):
            with calls(what):
                found = look()
            match found.get(key, "Successful"):
                case "Successful" | "Enabled" | "Disabled":
                    return
                case "Failed":
                    raise SlipsError(f"{what}: AWS could not change it: {found.get('LastUpdateStatusReason')}")
            self._sleep(LOOK_SECONDS)
        raise SlipsError(
            f"{what}: is still being changed; expected it to be done by now; look again with 'slips limit'"
        )

    # -- drain

    def drain(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the Drain function answers to `request`; it runs up to 15 minutes, and may say that there is `more`."""
        function = self._physical("Drain")
        if "SLIPS_ERROR_TABLE" not in self._variables("Drain"):
            # That of 2018 would drain everything, whatever it is asked.
            raise self.lacks("Drain function of this version", "one, or its config (-c FILE) to drain from here")
        with calls(function):
            answer = self._clients.patient_functions.invoke(FunctionName=function, Payload=json.dumps(request))
            body = answer["Payload"].read()
        result: Any = json.loads(body or b"null")
        if "FunctionError" in answer or not isinstance(result, dict):
            told = result.get("errorMessage") if isinstance(result, dict) else result
            raise SlipsError(
                f"{function}: failed: {told}; expected it to drain; what it drained is on its lane, the rest is still "
                "in the error table: 'slips logs Drain' tells more"
            )
        return result

    # -- logs

    def functions(self) -> list[str]:
        """Logical names of those that it has."""
        return [name for name in FUNCTIONS if name in self._resources]

    def logs(self, functions: Sequence[str], since: float, containing: str | None = None) -> Iterator[LogLine]:
        """What functions (logical names) have said since then (epoch seconds), merged by time."""
        return heapq.merge(
            *(self._log(function, since, containing) for function in functions), key=lambda line: line.time
        )

    def _log(self, function: str, since: float, containing: str | None) -> Iterator[LogLine]:
        group = self._resources.get(f"{function}Logs") or f"/aws/lambda/{self._physical(function)}"
        request: dict[str, Any] = {"logGroupName": group, "startTime": int(since * 1000)}
        if containing:
            text = containing.replace("\\", "\\\\").replace('"', '\\"')
            request["filterPattern"] = f'"{text}"'
        pages = iter(self._clients.logs.get_paginator("filter_log_events").paginate(**request))
        while True:
            with calls(group, passing={"ResourceNotFoundException"}):
                try:
                    page = next(pages, None)
                except ClientError as error:
                    if code(error) != "ResourceNotFoundException":
                        raise
                    return  # Lambda makes a group of 2018 when the function first says something
            if page is None:
                return
            for each in page["events"]:
                yield LogLine(each["eventId"], each["timestamp"] / 1000, function, each["message"].rstrip("\n"))

    # -- what the stack is made of

    def _physical(self, name: str) -> str:
        found = self._resources.get(name)
        if found is None:
            raise self.lacks(f"function {name}", "one that slips has deployed")
        return found

    def lacks(self, what: str, expected: str) -> UsageError:
        """What a stack that is not whole, or is none of slips, cannot be asked for."""
        status = self._status()
        if status in UNFINISHED:
            return UsageError(f"stack '{self.name}' is {status}: {UNFINISHED[status]}")
        return UsageError(
            f"stack '{self.name}': has no {what}; expected {expected}; look whether it is a stack of slips, "
            "and 'slips deploy' it anew"
        )

    def _status(self) -> str:
        """CloudFormation's word for how the stack is; empty for a user who may not know."""
        with calls(f"stack '{self.name}'", passing=DENIED):
            try:
                (found,) = self._clients.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
            except ClientError as error:
                if code(error) not in DENIED:
                    raise
                return ""
        return found["StackStatus"]

    @cached_property
    def _known_variables(self) -> dict[str, dict[str, str]]:
        return {}

    def _variables(self, function: str) -> dict[str, str]:
        """The environment of a function, asked for once; empty if there is no such function."""
        known = self._known_variables
        if function not in known:
            known[function] = self._fresh_variables(function)[1] if function in self._resources else {}
        return known[function]

    def _fresh_variables(self, function: str) -> tuple[Any, dict[str, str]]:
        """A function's configuration, and the environment in it."""
        name = self._physical(function)
        with calls(name):
            configuration = self._clients.functions.get_function_configuration(FunctionName=name)
        environment = configuration.get("Environment", {})
        if "Error" in environment:
            raise SlipsError(
                f"{name}: its environment cannot be read: {environment['Error'].get('Message')}; expected a user or "
                "role that may; allow kms:Decrypt with the key of the function"
            )
        return configuration, environment.get("Variables", {})

    def _mapping(self, lane: Lane) -> Any:
        """The event source mapping that empties a lane."""
        function = self._physical(DISPATCHERS[lane])
        with calls(function):
            pages = self._clients.functions.get_paginator("list_event_source_mappings").paginate(FunctionName=function)
            found = [
                each for page in pages for each in page["EventSourceMappings"] if ":kinesis:" in each["EventSourceArn"]
            ]
        if not found:
            raise self.lacks(f"mapping of lane {lane}", f"an event source mapping of {DISPATCHERS[lane]}")
        return found[0]

    def _source(self, lane: Lane) -> str:
        """The ARN of a lane's stream, for stacks of 2018: their variables have other names."""
        return str(self._mapping(lane)["EventSourceArn"])


def _metric(name: str, namespace: str, metric: str, statistic: str, **dimensions: str) -> dict[str, Any]:
    known = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    about = {"Namespace": namespace, "MetricName": metric, "Dimensions": known}
    return {"Id": name, "MetricStat": {"Metric": about, "Period": 60, "Stat": statistic}}


def _alarm(told: Any) -> dict[str, str]:
    since = format_time(told["StateUpdatedTimestamp"].timestamp())
    return {"name": told["AlarmName"], "since": since, "description": told.get("AlarmDescription", "")}
