"""The functions that there are, and running them: in real processes, kept warm, as many at once as are reserved."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import ClientError

from cloud.access import REGION, admits, function_arn
from cloud.forks import ForkServer
from cloud.gate import ApiError
from cloud.identity import Caller, Identities, role_allows
from cloud.logs import LogCarrier
from cloud.runtime import Environment, Outcome

log = logging.getLogger("cloud")

SYNC_BYTES = 6 * 1024 * 1024
SNS_BYTES = 256 * 1024

Kind = Literal["sync", "async", "stream", "queue"]


@dataclass
class Settings:
    """Times are seconds, and short: AWS waits minutes."""

    retry_delays: tuple[float, ...] = (0.05, 0.1)
    throttle_delay: float = 0.1
    stream_backoff: float = 0.05
    workers: int = 4
    grace: float = 20.0
    """How much later than at its time limit, which it is told, a function is killed. AWS grants nothing; but a function
    that heeds its limit must not die because the machine was busy. 0 where a function is meant to be killed."""
    event_age: float | None = None
    """Instead of MaximumEventAgeInSeconds, which is at least 60."""
    record_age: float | None = None
    """Instead of the MaximumRecordAgeInSeconds of mappings that have one, which is at least 60."""
    anew: bool = False
    """Whether each process starts as on AWS, with nothing imported, instead of with what the runtime has."""


class Throttled(ApiError):
    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.", 429)


@dataclass
class Function:
    config: dict[str, Any]
    root: Path
    policy: list[dict[str, Any]] = field(default_factory=list)
    invoke_config: dict[str, Any] | None = None
    reserved: int | None = None
    idle: list[Environment] = field(default_factory=list)
    busy: list[Environment] = field(default_factory=list)
    running: int = 0
    interfaces: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.config["FunctionName"])

    @property
    def arn(self) -> str:
        return str(self.config["FunctionArn"])

    @property
    def role(self) -> str:
        return str(self.config["Role"])

    @property
    def document(self) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Id": "default", "Statement": self.policy}


@dataclass(frozen=True)
class Invocation:
    """One run of a function, as tests see it."""

    function: str
    request_id: str
    kind: Kind
    attempt: int
    error: str
    message: str
    seconds: float
    cold: bool
    payload: str
    result: str


def stamp(at: float | None = None) -> str:
    """As AWS writes times into records: UTC, milliseconds."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


class Functions:
    def __init__(self, identities: Identities, logs: LogCarrier, folder: Path, links: Path, settings: Settings) -> None:
        self.identities, self.settings, self.folder = identities, settings, folder
        self._logs, self._links = logs, links
        self._forks = ForkServer(links)
        self.held: dict[str, Function] = {}
        self.invocations: list[Invocation] = []
        self.lock = threading.RLock()
        self.activity = 0
        """Grows with every run, so that two looks can tell whether anything happened between them."""

    def get(self, name: str) -> Function:
        """By name or ARN, with or without a qualifier."""
        parts = name.split(":")
        short = parts[6] if len(parts) >= 7 else parts[0]
        with self.lock:
            if short not in self.held:
                raise ApiError("ResourceNotFoundException", f"Function not found: {function_arn(short)}", 404)
            return self.held[short]

    def admits(self, name: str, service: str, source: str) -> bool:
        """Whether the function's policy lets a service invoke it for `source`."""
        function = self.get(name)
        return admits(function.document, service, "lambda:InvokeFunction", function.arn, source)

    @property
    def running(self) -> int:
        with self.lock:
            return sum(function.running for function in self.held.values())

    def run(self, function: Function, payload: bytes, request: str, kind: Kind, attempt: int = 1) -> Outcome:
        """Runs once, in a warm environment if one is free. Raises Throttled above the reserved concurrency."""
        with self.lock:
            if function.reserved is not None and function.running >= function.reserved:
                raise Throttled
            function.running += 1
            self.activity += 1
            environment = None
            while function.idle and environment is None:
                candidate = function.idle.pop()
                environment = candidate if candidate.alive else None
        try:
            return self._run(function, environment, payload, request, kind, attempt)
        finally:
            with self.lock:
                function.running -= 1
                self.activity += 1

    def _run(
        self, function: Function, warm: Environment | None, payload: bytes, request: str, kind: Kind, attempt: int
    ) -> Outcome:
        revision = function.config["RevisionId"]
        started = time.monotonic()
        environment = warm or self._environment(function)
        with self.lock:
            function.busy.append(environment)
        outcome = None if warm else environment.start()
        init = time.monotonic() - started
        began = time.monotonic()
        if outcome is None:
            seconds = float(function.config["Timeout"])
            outcome = environment.invoke(request, payload, seconds, self.settings.grace, function.arn)
            if len(outcome.body) > SYNC_BYTES:
                text = f"Response payload size exceeded maximum allowed payload size ({SYNC_BYTES} bytes)."
                body = json.dumps({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text}).encode()
                outcome = Outcome(body, "Function.ResponseSizeTooLarge", text)
        took = time.monotonic() - began
        self._write_log(function, environment, request, outcome, took, None if warm else init)
        if function.config["TracingConfig"]["Mode"] == "Active":
            self._trace(function, request)
        with self.lock:
            function.busy.remove(environment)
            keep = environment.alive and revision == function.config["RevisionId"] and function.name in self.held
            if keep:
                function.idle.append(environment)
            self.invocations.append(
                Invocation(
                    *(function.name, request, kind, attempt, outcome.error, outcome.message, took, warm is None),
                    payload.decode(errors="replace"),
                    outcome.body.decode(errors="replace"),
                )
            )
        if not keep:
            environment.stop()
        return outcome

    def _environment(self, function: Function) -> Environment:
        config, name = function.config, uuid.uuid4().hex
        variables = {
            **config.get("Environment", {}).get("Variables", {}),
            **self.identities.issue(Caller(function.role, function.name, name)),
            "PYTHONPATH": f"{function.root}:{self._links}",
            "AWS_ENDPOINT_URL": self.identities.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', 'python3')}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": config["LoggingConfig"]["LogGroup"],
            "AWS_LAMBDA_LOG_STREAM_NAME": _stream_name(name),
            "AWS_LAMBDA_LOG_FORMAT": config["LoggingConfig"]["LogFormat"],
        }
        if level := config["LoggingConfig"].get("ApplicationLogLevel"):
            variables["AWS_LAMBDA_LOG_LEVEL"] = level
        folder = self.folder / "output"
        folder.mkdir(exist_ok=True)
        output = folder / f"{function.name}-{name[:8]}.log"
        code = config["Handler"], function.root, variables
        return Environment(self._forks, name, *code, config["MemorySize"], output, anew=self.settings.anew)

    def _write_log(
        self,
        function: Function,
        environment: Environment,
        request: str,
        outcome: Outcome,
        took: float,
        init: float | None,
    ) -> None:
        """The platform's lines around the function's own; a time-out or crash is told as AWS tells it."""
        milliseconds = took * 1000
        logging_config = function.config["LoggingConfig"]
        place = function.role, function.name, logging_config["LogGroup"], _stream_name(environment.name)
        if logging_config["LogFormat"] == "JSON":
            told = _platform_lines(function.config, request, outcome, milliseconds, environment.peak)
            self._logs.write(*place, [*environment.new_output(), *told])
            return
        lines = [f"START RequestId: {request} Version: $LATEST", *environment.new_output()]
        if outcome.error.startswith(("Sandbox.", "Runtime.")):
            lines.append(f"{stamp()} {outcome.message} {outcome.error}")
        report = (
            f"REPORT RequestId: {request}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {int(milliseconds) + 1} ms\t"
            f"Memory Size: {function.config['MemorySize']} MB\tMax Memory Used: {environment.peak // 1024**2} MB\t"
        )
        if init is not None:
            report += f"Init Duration: {init * 1000:.2f} ms\t"
        lines += [f"END RequestId: {request}", report]
        self._logs.write(*place, lines)

    def _trace(self, function: Function, request: str) -> None:
        """Sends a segment to X-Ray with the rights of the function's role; every run is sampled."""
        client = self.identities.client("xray", function.role, function.name)
        now = time.time()
        segment = {"name": function.name, "id": request[-12:].rjust(16, "0"), "start_time": now, "end_time": now}
        segment["trace_id"] = f"1-{int(now):x}-{uuid.uuid4().hex[:24]}"
        try:
            client.put_trace_segments(TraceSegmentDocuments=[json.dumps(segment)])
            client.put_telemetry_records(TelemetryRecords=[{"Timestamp": now, "SegmentsSentCount": 1}])
        except ClientError as error:
            log.warning("trace of %s: %s", function.name, error)

    def retire(self, function: Function) -> None:
        """Warm environments hold the former code and settings; those at work stop when they are done."""
        with self.lock:
            retired, function.idle = function.idle, []
        for environment in retired:
            environment.stop()

    def kill(self, caller: Caller) -> None:
        """Kills the process that made a call."""
        with self.lock:
            busy = [one for function in self.held.values() for one in function.busy]
        for environment in busy:
            if environment.name == caller.environment:
                environment.kill()

    def kill_running(self, name: str) -> int:
        """Kills every process of a function that is at work; returns how many."""
        with self.lock:
            busy = list(self.get(name).busy)
        for environment in busy:
            environment.kill()
        return len(busy)

    def require_destination(self, role: str, target: str) -> None:
        service, action = _destination(target)
        if not role_allows(role, action, target):
            verb = action.partition(":")[2]
            raise wrong(
                f"The provided execution role does not have permissions to call {verb} on {service.upper()} ({target})"
            )

    def send(
        self, function: Function, target: str, message: str, attributes: dict[str, dict[str, str]] | None = None
    ) -> None:
        """To a topic or queue, with the rights of the function's role. What cannot be sent is lost, as in AWS."""
        service, _ = _destination(target)
        client = self.identities.client(service, function.role, function.name)
        extra = {"MessageAttributes": attributes} if attributes else {}
        if len(message.encode()) > SNS_BYTES:
            if attributes:
                log.warning("dead letter of %s: over %d bytes, lost", function.name, SNS_BYTES)
                return
            record = json.loads(message)
            record.pop("requestPayload", None)
            message = json.dumps(record)
        try:
            if service == "sns":
                client.publish(TopicArn=target, Message=message, **extra)
            else:
                name = target.rpartition(":")[2]
                url = self.identities.admin("sqs").get_queue_url(QueueName=name)["QueueUrl"]
                client.send_message(QueueUrl=url, MessageBody=message, **extra)
        except ClientError as error:
            log.warning("on-failure destination of %s: %s", function.name, error)

    def reset(self) -> None:
        with self.lock:
            functions, self.held = list(self.held.values()), {}
        for function in functions:
            for environment in [*function.idle, *function.busy]:
                environment.stop()
        while self.running:
            time.sleep(0.005)
        with self.lock:
            self.invocations.clear()

    def close(self) -> None:
        """Ends all processes."""
        self.reset()
        self._forks.close()


def _platform_lines(
    config: dict[str, Any], request: str, outcome: Outcome, milliseconds: float, peak: int
) -> list[str]:
    """The platform's report in the JSON format; at the system log level WARN of runs alone that failed.

    Source: "Lambda Telemetry API Event schema reference", AWS Lambda Developer Guide.
    """
    crashed = outcome.error.startswith(("Sandbox.", "Runtime."))
    status = "timeout" if outcome.error == "Sandbox.Timedout" else "failure" if crashed else "error"
    if not outcome.error and config["LoggingConfig"].get("SystemLogLevel", "INFO") == "WARN":
        return []
    metrics = {
        "durationMs": round(milliseconds, 3),
        "billedDurationMs": int(milliseconds) + 1,
        "memorySizeMB": config["MemorySize"],
        "maxMemoryUsedMB": peak // 1024**2,
    }
    record: dict[str, Any] = {
        "requestId": request,
        "metrics": metrics,
        "status": status if outcome.error else "success",
    }
    if outcome.error:
        record["errorType"] = outcome.error
    return [json.dumps({"time": stamp(), "type": "platform.report", "record": record})]


def _stream_name(environment: str) -> str:
    return f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{environment}"


def _destination(target: str) -> tuple[str, str]:
    """Service and permission of an on-failure destination."""
    service = target.split(":")[2]
    if service not in {"sns", "sqs"}:
        raise wrong(f"destination {target}: the tests' stand-in of AWS knows topics and queues only")
    return service, "sns:Publish" if service == "sns" else "sqs:SendMessage"


def wrong(message: str) -> ApiError:
    return ApiError("InvalidParameterValueException", message)
