"""Runs LocalStack's functions as processes of the real Lambda runtime instead of Docker containers.

LocalStack decides when a function runs, how often, and where its failures go. Only `server.py` imports this module.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from localstack.services.lambda_.invocation import execution_environment, runtime_executor, version_manager
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import InvocationResult

from cloud.forks import ForkServer
from cloud.runtime import Environment, Outcome, link_runtime

GRACE_SECONDS = 20.0
"""Time beyond a function's time limit before it is killed: a busy machine must not kill one that heeds its limit."""
NOT_OURS = ("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "LOCALSTACK_", "AWS_XRAY_", "_AWS_XRAY_", "_HANDLER")
"""Variables, or their beginnings, that LocalStack sets for its containers."""


class ProcessExecutor:
    """One execution environment of a function, with the methods of LocalStack's `RuntimeExecutor`."""

    folder: Path
    """Holds the links to the runtime, and the functions' output."""
    forks: ForkServer
    """Starts the processes."""

    def __init__(self, id: str, function_version: Any) -> None:
        self.id = id
        self._version = function_version
        self._variables: dict[str, str] = {}
        self._environment: Environment | None = None
        self._cold: float | None = None
        """Seconds that the start took, until they are logged."""

    def start(self, env_vars: dict[str, Any]) -> None:
        config = self._version.config
        links = self.folder / "runtime"
        self._variables = {name: str(value) for name, value in env_vars.items() if not name.startswith(NOT_OURS)}
        self._variables["PYTHONPATH"] = f"{config.code.get_unzipped_code_location()}:{links}"
        self._variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{config.runtime}"
        logging = config.logging_config
        self._variables["AWS_LAMBDA_LOG_FORMAT"] = logging.get("LogFormat", "Text")
        if level := logging.get("ApplicationLogLevel"):
            self._variables["AWS_LAMBDA_LOG_LEVEL"] = level
        self._begin()

    def _begin(self) -> Environment:
        config = self._version.config
        began = time.monotonic()
        name = f"{self._version.id.function_name}-{uuid.uuid4().hex[:8]}"
        root = Path(config.code.get_unzipped_code_location())
        output = self.folder / "output" / f"{name}.log"
        code = config.handler, root, self._variables
        environment = Environment(self.forks, name, *code, config.memory_size, output, anew=True)
        self._environment = environment
        failed = environment.start()
        self._cold = time.monotonic() - began
        if failed is not None:
            raise StatusErrorException(failed.message, payload=failed.body)
        return environment

    def stop(self) -> None:
        if self._environment is not None:
            self._environment.stop()

    def invoke(self, payload: dict[str, str]) -> Any:
        environment = self._environment
        if environment is None or not environment.alive:  # the invocation before ended the process
            environment = self._begin()
        request, config = payload["invoke-id"], self._version.config
        began = time.monotonic()
        outcome = environment.invoke(
            request, payload["payload"].encode(), float(config.timeout), GRACE_SECONDS, payload["invoked-function-arn"]
        )
        logs = self._log(environment, request, outcome, time.monotonic() - began)
        return InvocationResult(request, outcome.body, is_error=bool(outcome.error), logs=logs)

    def _log(self, environment: Environment, request: str, outcome: Outcome, took: float) -> str:
        """The output of an invocation, with the lines of the platform around it."""
        milliseconds, memory = took * 1000, self._version.config.memory_size
        report = (
            f"REPORT RequestId: {request}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {int(milliseconds) + 1} ms\tMemory Size: {memory} MB\t"
            f"Max Memory Used: {environment.peak // 1024**2} MB\t"
        )
        if self._cold is not None:
            report += f"Init Duration: {self._cold * 1000:.2f} ms\t"
            self._cold = None
        lines = [f"START RequestId: {request} Version: $LATEST", *environment.new_output()]
        if outcome.error.startswith(("Sandbox.", "Runtime.")):
            lines.append(f"{outcome.message} {outcome.error}")
        return "\n".join([*lines, f"END RequestId: {request}", report])

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return ""

    def get_logs(self) -> str:
        return "\n".join(self._environment.new_output()) if self._environment else ""

    @classmethod
    def prepare_version(cls, function_version: Any) -> None:
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: Any) -> None:
        """LocalStack itself deletes the unpacked code of a version."""

    @classmethod
    def validate_environment(cls) -> bool:
        return True


def log_group(environment: Any) -> str:
    """The log group of the function's LoggingConfig, which LocalStack ignores."""
    version = environment.function_version
    return str(version.config.logging_config.get("LogGroup") or f"/aws/lambda/{version.id.function_name}")


def install(folder: Path) -> None:
    """Makes LocalStack run its functions with `ProcessExecutor`."""
    ProcessExecutor.folder = folder
    (folder / "output").mkdir()
    ProcessExecutor.forks = ForkServer(link_runtime(folder / "runtime"))

    def chosen() -> type[ProcessExecutor]:
        return ProcessExecutor

    for module in (runtime_executor, execution_environment, version_manager):
        module.get_runtime_executor = chosen
    execution_environment.ExecutionEnvironment.get_log_group_name = log_group
