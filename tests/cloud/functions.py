"""Lambda: its API, its execution environments, and its queue of asynchronous events.

Sources: AWS Lambda API Reference; Developer Guide, "Invoking a function asynchronously" and "Capturing records of
asynchronous invocations".
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import io
import itertools
import json
import logging
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from botocore import xform_name
from botocore.exceptions import ClientError
from werkzeug.wrappers import Response

from cloud.access import REGION, admits, function_arn
from cloud.gate import ApiError, Call
from cloud.identity import Caller, Identities, role_allows, trusts_lambda
from cloud.logs import LogCarrier
from cloud.runtime import Environment, Outcome

log = logging.getLogger("cloud")

SYNC_BYTES = 6 * 1024 * 1024
ASYNC_BYTES = 1024 * 1024
VARIABLES_BYTES = 4 * 1024
UNZIPPED_BYTES = 250 * 1024 * 1024
SNS_BYTES = 256 * 1024

Kind = Literal["sync", "async", "stream", "queue"]

STORED = (
    *("Role", "Handler", "Runtime", "Description", "Timeout", "MemorySize", "Environment", "VpcConfig"),
    *("DeadLetterConfig", "TracingConfig", "LoggingConfig", "EphemeralStorage", "KMSKeyArn", "Layers"),
)
"""What CreateFunction and UpdateFunctionConfiguration both set."""


@dataclass
class Settings:
    """Times are seconds, and short: AWS waits minutes."""

    retry_delays: tuple[float, ...] = (0.05, 0.1)
    throttle_delay: float = 0.1
    stream_backoff: float = 0.05
    workers: int = 4
    event_age: float | None = None
    """Instead of MaximumEventAgeInSeconds, which is at least 60."""


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


@dataclass
class Event:
    """An asynchronous invocation on its way."""

    function: str
    payload: bytes
    request: str
    born: float
    runs: int = 0
    """How often the function was run with it."""


@dataclass(frozen=True)
class Invocation:
    """What tests see of one run."""

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
    """The service `lambda`, but for its event source mappings, which `mappings.py` adds."""

    def __init__(self, identities: Identities, logs: LogCarrier, folder: Path, links: Path, settings: Settings) -> None:
        self.identities, self.settings = identities, settings
        self._logs, self._folder, self._links = logs, folder, links
        self.functions: dict[str, Function] = {}
        self.invocations: list[Invocation] = []
        self.more: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        """Operations that others answer."""
        self._lock = threading.RLock()
        self._due: list[tuple[float, int, Event]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._working = 0
        self.activity = 0
        """Grows with every run, so that two looks can tell whether anything happened between them."""
        for _ in range(settings.workers):
            threading.Thread(target=self._work, daemon=True).start()

    # --- the API ---

    def answer(self, call: Call) -> dict[str, Any] | Response:
        if call.operation == "Invoke":
            return self._invoke(call.params)
        method = self.more.get(call.operation) or getattr(self, f"api_{xform_name(call.operation)}", None)
        if method is None:
            raise ApiError("NotImplemented", f"lambda {call.operation}: the tests' stand-in of AWS lacks it", 501)
        answer: dict[str, Any] = method(call.params)
        return answer

    def get(self, name: str) -> Function:
        """By name or ARN, with or without a qualifier."""
        parts = name.split(":")
        short = parts[6] if len(parts) >= 7 else parts[0]
        with self._lock:
            if short not in self.functions:
                raise ApiError("ResourceNotFoundException", f"Function not found: {function_arn(short)}", 404)
            return self.functions[short]

    def api_create_function(self, params: dict[str, Any]) -> dict[str, Any]:
        name = params["FunctionName"]
        with self._lock:
            if name in self.functions:
                raise ApiError("ResourceConflictException", f"Function already exist: {name}", 409)
        sha, size, root = self._unpacked(params["Code"])
        config: dict[str, Any] = {
            "FunctionName": name,
            "FunctionArn": function_arn(name),
            "Timeout": 3,
            "MemorySize": 128,
            "Description": "",
            "Version": "$LATEST",
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": params.get("Architectures", ["x86_64"]),
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
            "TracingConfig": {"Mode": "PassThrough"},
        }
        function = Function(config, root)
        self._configure(function, params, sha, size)
        self._attach_network(function)
        with self._lock:
            self.functions[name] = function
        return dict(function.config)

    def _require_revision(self, function: Function, params: dict[str, Any]) -> None:
        if params.get("RevisionId", function.config["RevisionId"]) != function.config["RevisionId"]:
            text = "The Revision Id provided does not match the latest Revision Id."
            raise ApiError("PreconditionFailedException", text, 412)

    def _configure(self, function: Function, params: dict[str, Any], sha: str, size: int) -> None:
        config = {**function.config, **{key: params[key] for key in STORED if key in params}}
        config["LoggingConfig"] = {**function.config["LoggingConfig"], **params.get("LoggingConfig", {})}
        variables = config.get("Environment", {}).get("Variables", {})
        if sum(len(f"{key}{value}".encode()) for key, value in variables.items()) > VARIABLES_BYTES:
            raise _wrong("Lambda was unable to configure your environment variables because they exceed the 4KB limit")
        if not trusts_lambda(config["Role"]):
            raise _wrong("The role defined for the function cannot be assumed by Lambda.")
        target = config.get("DeadLetterConfig", {}).get("TargetArn")
        if target:
            self.require_destination(config["Role"], target)
        config |= {"CodeSha256": sha, "CodeSize": size, "RevisionId": str(uuid.uuid4())}
        config["LastModified"] = stamp().replace("Z", "+0000")
        function.config = config

    def _attach_network(self, function: Function) -> None:
        """What Lambda does with the role's rights for a function in a VPC."""
        network = function.config.get("VpcConfig") or {}
        if not network.get("SubnetIds"):
            return
        client = self.identities.client("ec2", function.role, function.name)
        try:
            for subnet in network["SubnetIds"]:
                made = client.create_network_interface(SubnetId=subnet, Groups=network.get("SecurityGroupIds", []))
                interface = made["NetworkInterface"]["NetworkInterfaceId"]
                function.interfaces.append(interface)
                client.describe_network_interfaces(NetworkInterfaceIds=[interface])
        except ClientError as error:
            raise _wrong(
                f"The provided execution role does not have permissions to call {error.operation_name} on EC2 ({error})"
            ) from error
        for action in ("DescribeSubnets", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"):
            self._try_network(function, client, action)

    def _try_network(self, function: Function, client: Any, action: str) -> None:
        """Lambda uses these too where it may."""
        if not role_allows(function.role, f"ec2:{action}", "*"):
            return
        interface = function.interfaces[0]
        if action == "DescribeSubnets":
            client.describe_subnets(SubnetIds=function.config["VpcConfig"]["SubnetIds"])
        elif action == "AssignPrivateIpAddresses":
            client.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1)
        else:
            found = client.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]
            spare = [entry["PrivateIpAddress"] for entry in found["PrivateIpAddresses"] if not entry["Primary"]]
            client.unassign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=spare)

    def _detach_network(self, function: Function) -> None:
        if function.interfaces:
            client = self.identities.client("ec2", function.role, function.name)
            for interface in function.interfaces:
                client.delete_network_interface(NetworkInterfaceId=interface)
            function.interfaces.clear()

    def _unpacked(self, code: dict[str, Any]) -> tuple[str, int, Path]:
        """The package, unpacked once for each content."""
        if "ZipFile" in code:
            data: bytes = code["ZipFile"]
        else:
            place = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
            if code.get("S3ObjectVersion"):
                place["VersionId"] = code["S3ObjectVersion"]
            try:
                data = self.identities.admin("s3").get_object(**place)["Body"].read()
            except ClientError as error:
                told = error.response["Error"]
                raise _wrong(
                    f"Error occurred while GetObject. S3 Error Code: {told['Code']}. "
                    f"S3 Error Message: {told['Message']}"
                ) from error
        digest = hashlib.sha256(data).digest()
        root = self._folder / "code" / digest.hex()
        with self._lock:
            if not root.exists():
                try:
                    package = zipfile.ZipFile(io.BytesIO(data))
                except zipfile.BadZipFile as error:
                    raise _wrong("Could not unzip uploaded file. Please check your file, then try again.") from error
                if sum(entry.file_size for entry in package.infolist()) > UNZIPPED_BYTES:
                    raise _wrong(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
                package.extractall(root)
        return base64.b64encode(digest).decode(), len(data), root

    def api_get_function(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        answer: dict[str, Any] = {"Configuration": function.config, "Code": {"RepositoryType": "S3"}, "Tags": {}}
        if function.reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        return answer

    def api_get_function_configuration(self, params: dict[str, Any]) -> dict[str, Any]:
        return dict(self.get(params["FunctionName"]).config)

    def api_list_functions(self, _: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            return {"Functions": [function.config for function in self.functions.values()]}

    def api_update_function_code(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        self._require_revision(function, params)
        sha, size, root = self._unpacked(params)
        self._configure(function, {}, sha, size)
        function.root = root
        if "Architectures" in params:
            function.config["Architectures"] = params["Architectures"]
        self._retire(function)
        return dict(function.config)

    def api_update_function_configuration(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        self._require_revision(function, params)
        before = function.config.get("VpcConfig")
        self._configure(function, params, function.config["CodeSha256"], function.config["CodeSize"])
        if function.config.get("VpcConfig") != before:
            self._detach_network(function)
            self._attach_network(function)
        self._retire(function)
        return dict(function.config)

    def api_delete_function(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        with self._lock:
            del self.functions[function.name]
        self._detach_network(function)
        self._retire(function)
        return {}

    def _retire(self, function: Function) -> None:
        """Warm environments hold the former code and settings; those at work stop when they are done."""
        with self._lock:
            retired, function.idle = function.idle, []
        for environment in retired:
            environment.stop()

    def api_put_function_concurrency(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        function.reserved = params["ReservedConcurrentExecutions"]
        return {"ReservedConcurrentExecutions": function.reserved}

    def api_get_function_concurrency(self, params: dict[str, Any]) -> dict[str, Any]:
        reserved = self.get(params["FunctionName"]).reserved
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def api_delete_function_concurrency(self, params: dict[str, Any]) -> dict[str, Any]:
        self.get(params["FunctionName"]).reserved = None
        return {}

    def api_put_function_event_invoke_config(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        kept = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
        config = {key: params[key] for key in kept if key in params}
        target = _on_failure(config)
        if target:
            self.require_destination(function.role, target)
        if config.get("DestinationConfig", {}).get("OnSuccess"):
            raise _wrong("OnSuccess: the tests' stand-in of AWS lacks it")
        function.invoke_config = config
        return self.api_get_function_event_invoke_config(params)

    def api_get_function_event_invoke_config(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        if function.invoke_config is None:
            text = f"The function {function.arn}:$LATEST doesn't have an EventInvokeConfig"
            raise ApiError("ResourceNotFoundException", text, 404)
        now = datetime.now(UTC)
        return {**function.invoke_config, "FunctionArn": f"{function.arn}:$LATEST", "LastModified": now}

    def api_delete_function_event_invoke_config(self, params: dict[str, Any]) -> dict[str, Any]:
        self.get(params["FunctionName"]).invoke_config = None
        return {}

    def api_add_permission(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        if any(statement["Sid"] == params["StatementId"] for statement in function.policy):
            text = f"The statement id ({params['StatementId']}) provided already exists."
            raise ApiError("ResourceConflictException", text, 409)
        principal = params["Principal"]
        statement: dict[str, Any] = {
            "Sid": params["StatementId"],
            "Effect": "Allow",
            "Principal": {"Service" if principal.endswith("amazonaws.com") else "AWS": principal},
            "Action": params["Action"],
            "Resource": function.arn,
        }
        conditions: dict[str, Any] = {}
        if params.get("SourceArn"):
            conditions["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
        if params.get("SourceAccount"):
            conditions["StringEquals"] = {"AWS:SourceAccount": params["SourceAccount"]}
        if conditions:
            statement["Condition"] = conditions
        function.policy.append(statement)
        return {"Statement": json.dumps(statement)}

    def api_remove_permission(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        left = [statement for statement in function.policy if statement["Sid"] != params["StatementId"]]
        if len(left) == len(function.policy):
            raise ApiError("ResourceNotFoundException", f"Statement {params['StatementId']} is not found", 404)
        function.policy = left
        return {}

    def api_get_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self.get(params["FunctionName"])
        if not function.policy:
            raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        return {"Policy": json.dumps(function.document), "RevisionId": function.config["RevisionId"]}

    def api_list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": dict(self.get(params["Resource"]).config.get("Tags", {}))}

    # --- running ---

    def _invoke(self, params: dict[str, Any]) -> Response:
        function = self.get(params["FunctionName"])
        payload = params.get("Payload") or b"{}"
        payload = payload.encode() if isinstance(payload, str) else payload
        if params.get("InvocationType") == "Event":
            self.submit(function.name, payload)
            return Response(b"", 202)
        if params.get("InvocationType", "RequestResponse") != "RequestResponse":
            raise _wrong(f"InvocationType {params['InvocationType']}: the tests' stand-in of AWS lacks it")
        if len(payload) > SYNC_BYTES:
            raise _too_large(len(payload), SYNC_BYTES)
        _parsed(payload)
        outcome = self.run(function, payload, str(uuid.uuid4()), "sync")
        headers = {"X-Amz-Executed-Version": "$LATEST"}
        if outcome.error:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return Response(outcome.body, 200, headers, content_type="application/json")

    def admits(self, name: str, service: str, source: str) -> bool:
        """Whether the function's policy lets a service invoke it for `source`."""
        function = self.get(name)
        return admits(function.document, service, "lambda:InvokeFunction", function.arn, source)

    def run(self, function: Function, payload: bytes, request: str, kind: Kind, attempt: int = 1) -> Outcome:
        """Runs once, in a warm environment if one is free. Raises Throttled above the reserved concurrency."""
        with self._lock:
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
            with self._lock:
                function.running -= 1
                self.activity += 1

    def _run(
        self, function: Function, warm: Environment | None, payload: bytes, request: str, kind: Kind, attempt: int
    ) -> Outcome:
        revision = function.config["RevisionId"]
        started = time.monotonic()
        environment = warm or self._environment(function)
        with self._lock:
            function.busy.append(environment)
        outcome = None if warm else environment.start()
        init = time.monotonic() - started
        began = time.monotonic()
        if outcome is None:
            seconds = float(function.config["Timeout"])
            outcome = environment.invoke(request, payload, seconds, function.arn)
            if len(outcome.body) > SYNC_BYTES:
                text = f"Response payload size exceeded maximum allowed payload size ({SYNC_BYTES} bytes)."
                body = json.dumps({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text}).encode()
                outcome = Outcome(body, "Function.ResponseSizeTooLarge", text)
        took = time.monotonic() - began
        self._write_log(function, environment, request, outcome, took, None if warm else init)
        with self._lock:
            function.busy.remove(environment)
            keep = environment.alive and revision == function.config["RevisionId"] and function.name in self.functions
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
        folder = self._folder / "output"
        folder.mkdir(exist_ok=True)
        output = folder / f"{function.name}-{name[:8]}.log"
        return Environment(name, config["Handler"], function.root, variables, config["MemorySize"], output)

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
        group = function.config["LoggingConfig"]["LogGroup"]
        self._logs.write(function.role, function.name, group, _stream_name(environment.name), lines)

    def kill(self, caller: Caller) -> None:
        """Kills the process that made a call."""
        with self._lock:
            busy = [one for function in self.functions.values() for one in function.busy]
        for environment in busy:
            if environment.name == caller.environment:
                environment.kill()

    def kill_running(self, name: str) -> int:
        """Kills every process of a function that is at work; returns how many."""
        with self._lock:
            busy = list(self.get(name).busy)
        for environment in busy:
            environment.kill()
        return len(busy)

    # --- asynchronous events ---

    def submit(self, name: str, payload: bytes) -> str:
        """Queues an asynchronous invocation; returns its request id."""
        function = self.get(name)
        if len(payload) > ASYNC_BYTES:
            raise _too_large(len(payload), ASYNC_BYTES)
        _parsed(payload)
        event = Event(function.name, payload, str(uuid.uuid4()), time.time())
        self._put(event)
        return event.request

    def _put(self, event: Event, delay: float = 0.0) -> None:
        with self._wake:
            heapq.heappush(self._due, (time.time() + delay, next(self._numbers), event))
            self._wake.notify()

    @property
    def queued(self) -> int:
        """Asynchronous events not yet done for good."""
        with self._wake:
            return len(self._due) + self._working

    @property
    def running(self) -> int:
        with self._lock:
            return sum(function.running for function in self.functions.values())

    def _work(self) -> None:
        while True:
            event = self._next()
            try:
                self._attempt(event)
            except Exception:
                log.exception("asynchronous event of %s", event.function)
            finally:
                with self._wake:
                    self._working -= 1

    def _next(self) -> Event:
        with self._wake:
            while True:
                wait = self._due[0][0] - time.time() if self._due else None
                if wait is not None and wait <= 0:
                    self._working += 1
                    return heapq.heappop(self._due)[2]
                self._wake.wait(wait)

    def _attempt(self, event: Event) -> None:
        try:
            function = self.get(event.function)
        except ApiError:
            log.warning("asynchronous event %s: function %s is gone", event.request, event.function)
            return
        config = function.invoke_config or {}
        age = self.settings.event_age or config.get("MaximumEventAgeInSeconds", 6 * 3600)
        if function.reserved == 0 or time.time() - event.born > age:
            # "When you set the function's reserved concurrency to zero, Lambda sends all new events to a configured
            # dead-letter queue or on-failure destination without any retries."
            self._give_up(function, event, "EventAgeExceeded", None)
            return
        try:
            outcome = self.run(function, event.payload, event.request, "async", event.runs + 1)
        except Throttled:
            self._put(event, self.settings.throttle_delay)
            return
        event.runs += 1
        if not outcome.error:
            return
        if event.runs <= config.get("MaximumRetryAttempts", 2):
            delays = self.settings.retry_delays
            self._put(event, delays[min(event.runs, len(delays)) - 1])
        else:
            self._give_up(function, event, "RetriesExhausted", outcome)

    def _give_up(self, function: Function, event: Event, condition: str, outcome: Outcome | None) -> None:
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": stamp(),
            "requestContext": {
                "requestId": event.request,
                "functionArn": f"{function.arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": event.runs,
            },
            "requestPayload": json.loads(event.payload),
        }
        if outcome:
            record["responseContext"] = {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            }
            record["responsePayload"] = json.loads(outcome.body)
        if target := _on_failure(function.invoke_config or {}):
            self.send(function, target, json.dumps(record))
        if target := function.config.get("DeadLetterConfig", {}).get("TargetArn"):
            attributes = {
                "RequestID": {"DataType": "String", "StringValue": event.request},
                "ErrorCode": {"DataType": "Number", "StringValue": "200" if outcome else "429"},
                "ErrorMessage": {
                    "DataType": "String",
                    "StringValue": (outcome.message if outcome else "")[:1024] or "-",
                },
            }
            self.send(function, target, event.payload.decode(), attributes)

    def require_destination(self, role: str, target: str) -> None:
        service, action = _destination(target)
        if not role_allows(role, action, target):
            verb = action.partition(":")[2]
            raise _wrong(
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
        with self._wake:
            self._due.clear()
        with self._lock:
            functions, self.functions = list(self.functions.values()), {}
        for function in functions:
            for environment in [*function.idle, *function.busy]:
                environment.stop()
        while self.running or self.queued:
            time.sleep(0.005)
        with self._lock:
            self.invocations.clear()


def _stream_name(environment: str) -> str:
    return f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{environment}"


def _on_failure(config: dict[str, Any]) -> str:
    return str(((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or "")


def _destination(target: str) -> tuple[str, str]:
    """Service and permission of an on-failure destination."""
    service = target.split(":")[2]
    if service not in {"sns", "sqs"}:
        raise _wrong(f"destination {target}: the tests' stand-in of AWS knows topics and queues only")
    return service, "sns:Publish" if service == "sns" else "sqs:SendMessage"


def _wrong(message: str) -> ApiError:
    return ApiError("InvalidParameterValueException", message)


def _too_large(size: int, limit: int) -> ApiError:
    text = f"{size} byte payload is too large for the RequestResponse invocation type (limit {limit} bytes)"
    return ApiError("RequestTooLargeException", text, 413)


def _parsed(payload: bytes) -> None:
    try:
        json.loads(payload)
    except ValueError as error:
        raise ApiError("InvalidRequestContentException", f"Could not parse request body into json: {error}") from error
