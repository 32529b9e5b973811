"""The functions: their code, settings and variables, the destinations of their failures, and their log groups. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from slips.backends.aws import AUDIT
from slips.backends.aws.dispatch_batch import DISPATCHER_SECONDS
from slips.brakes import Budget, variables_of
from slips.config import Config
from slips.deploy import permissions, queues
from slips.deploy.resources.forms import Resources, get_att, policies_beside, ref, resource
from slips.deploy.resources.places import error_table_name, error_topic, given_role, stream_arn
from slips.pipeline.conclude import ATTEMPTS


class Code(Struct, frozen=True):
    """The place of the package, one zip for all functions. Bucket and key are texts or references to parameters."""

    bucket: str | dict[str, str]
    key: str | dict[str, str]


class Spec(Struct, frozen=True):
    """The properties of one function that are the same for all configs."""

    about: str
    handler: str
    """Name of its entry point in `slips.lambdas`."""
    role: str
    """Logical name of its role."""
    memory: int
    """MB of memory. A function's share of a CPU grows with its memory, which makes a cold start faster."""
    timeout: int
    """Time limit in seconds."""


SPECS = {
    "EventPusher": Spec(
        "Puts new objects on their lane.", "event_pusher", "EventPusherRole", 512, queues.PUSHER_SECONDS
    ),
    "FastDispatcher": Spec(
        "Starts MainFunc for the fast lane.", "dispatcher", "DispatcherRole", 512, DISPATCHER_SECONDS
    ),
    "SlowDispatcher": Spec(
        "Starts MainFunc for the slow lane.", "dispatcher", "DispatcherRole", 512, DISPATCHER_SECONDS
    ),
    "MainFunc": Spec("Gives the records of objects to your handler.", "main_func", "MainFuncRole", 1024, 900),
    "Reporter": Spec("Writes what failed to the error table.", "reporter", "ReporterRole", 512, 300),
    "Drain": Spec("Puts error items back on their lane.", "drain", "DrainRole", 512, 900),
    # A whole core: an audit reads for minutes.
    AUDIT: Spec("Compares the buckets with the ledger.", "audit", "AuditRole", 1769, 900),
}
AUDIT_STORAGE = 6144
"""MB for the listing and the ledger that an audit keeps while it compares them."""
MOST_AGE = 6 * 3600
"""Most seconds that Lambda keeps an asynchronous event, which may wait so long for `handler.concurrency`."""
_LOGGING = {"LogFormat": "JSON", "SystemLogLevel": "WARN", "ApplicationLogLevel": "DEBUG"}
"""Lambda itself logs failed invocations only: its three lines for each other one would cost as much as ours. The
functions set the level of their own logs, so Lambda passes all. Metrics have no level, which Lambda reads as INFO."""


def log_group(function: str) -> str:
    """Return the logical name of a function's log group."""
    return f"{function}Logs"


def build(config: Config, code: Code, roles: Resources) -> Resources:
    """Build the functions, and the settings of those that AWS invokes asynchronously."""
    made: Resources = {}
    for name in names(config):
        function = SPECS[name]
        properties: dict[str, Any] = {
            "Description": function.about,
            "Code": {"S3Bucket": code.bucket, "S3Key": code.key},
            "Handler": f"slips.lambdas.{function.handler}",
            "Runtime": config.handler.runtime,
            "Architectures": [config.handler.architecture],
            "Role": given_role(config, function.role) or get_att(function.role),
            "MemorySize": function.memory,
            "Timeout": function.timeout,
            "LoggingConfig": {**_LOGGING, "LogGroup": ref(log_group(name))},
            "Environment": {"Variables": _environment(config, name)},
        }
        if config.handler.tracing:
            # For all functions: a trace begins with an invocation, and MainFunc continues that of its dispatcher.
            properties["TracingConfig"] = {"Mode": "Active"}
        if name == "MainFunc":
            properties |= _main_func(config)
        if name == AUDIT:
            properties["EphemeralStorage"] = {"Size": AUDIT_STORAGE}
        made[name] = resource("AWS::Lambda::Function", after=list(policies_beside(roles, function.role)), **properties)
    # Retries of asynchronous invocations, and the destinations of failed ones. Failures of Reporter end in the queue.
    topic, queue = error_topic(config), get_att("Undelivered")
    for name, destination in {"EventPusher": topic, "MainFunc": topic, "Reporter": queue}.items():
        made[f"{name}Invoke"] = resource(
            "AWS::Lambda::EventInvokeConfig",
            FunctionName=ref(name),
            Qualifier="$LATEST",
            MaximumRetryAttempts=ATTEMPTS - 1,
            MaximumEventAgeInSeconds=MOST_AGE,
            DestinationConfig={"OnFailure": {"Destination": destination}},
        )
    return made


def _main_func(config: Config) -> dict[str, Any]:
    """Return the properties of MainFunc that the config sets."""
    handler = config.handler
    properties: dict[str, Any] = {"MemorySize": handler.memory_size}
    if handler.timeout is not None:
        properties["Timeout"] = handler.timeout
    if handler.concurrency is not None:
        properties["ReservedConcurrentExecutions"] = handler.concurrency
    if handler.layers:
        properties["Layers"] = permissions.as_written(handler.layers)
    if handler.subnet_ids:
        properties["VpcConfig"] = {"SubnetIds": handler.subnet_ids, "SecurityGroupIds": handler.security_group_ids}
    return properties


def _environment(config: Config, function: str) -> dict[str, Any]:
    """Return the variables of a function: names and limits of the stack. The config itself is in the package."""
    streams = {
        "SLIPS_FAST_STREAM_ARN": stream_arn(config, "fast"),
        "SLIPS_SLOW_STREAM_ARN": stream_arn(config, "slow"),
    }
    ledger = {"SLIPS_LEDGER_TABLE": ref("Ledger")}
    errors = {"SLIPS_ERROR_TABLE": error_table_name(config)}
    undelivered = {"SLIPS_UNDELIVERED_URL": ref("Undelivered")}
    limit = config.backend.lane.fast if function == "FastDispatcher" else config.backend.lane.slow
    budget = variables_of(Budget.of(config.limits))
    dispatcher = {
        "SLIPS_MAIN_FUNC": get_att("MainFunc"),
        "SLIPS_DELAY": str(limit.delay),
        "SLIPS_BATCH_SIZE": str(limit.batch_size),
        **ledger,
        **errors,
        **budget,
    }
    return {
        **(config.handler.environment if function == "MainFunc" else {}),
        "SLIPS_STACK": ref("AWS::StackName"),
        "SLIPS_LOG_LEVEL": config.backend.log_level,
        **{
            "EventPusher": streams
            | (ledger if drops(config) else {})
            | (undelivered if config.backend.sqs_queues else {}),
            "FastDispatcher": dispatcher,
            "SlowDispatcher": dispatcher,
            "MainFunc": streams | ledger | errors,
            "Reporter": ledger | errors,
            # Commands of operators without the config read the days here.
            AUDIT: ledger | errors,
            "Drain": streams
            | ledger
            | errors
            | undelivered
            | budget
            | {"SLIPS_LEDGER_DAYS": str(config.backend.ledger_days)},
        }[function],
    }


def log_groups(config: Config) -> Resources:
    """Build the log groups, which are deleted with the stack; those that Lambda makes by itself would stay for ever."""
    days = config.backend.log_retention_days
    return {log_group(name): resource("AWS::Logs::LogGroup", RetentionInDays=days) for name in names(config)}


def names(config: Config) -> list[str]:
    """Return the logical names of the functions that the stack has."""
    return [name for name in SPECS if name != AUDIT or config.backend.audit]


def drops(config: Config) -> bool:
    """Whether a routing rule drops objects, so that functions write the dropped ones into the ledger."""
    return any(route.dest == "drop" for route in config.routing)
