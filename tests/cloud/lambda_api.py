"""The API of Lambda. Source: AWS Lambda API Reference."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from werkzeug.wrappers import Response

from cloud.access import function_arn
from cloud.events import Events, on_failure, require_json, too_large
from cloud.functions import SYNC_BYTES, Function, Functions, stamp, wrong
from cloud.gate import ApiError, Call
from cloud.identity import role_allows, trusts_lambda

VARIABLES_BYTES = 4 * 1024
UNZIPPED_BYTES = 250 * 1024 * 1024

STORED = (
    *("Role", "Handler", "Runtime", "Description", "Timeout", "MemorySize", "Environment", "VpcConfig"),
    *("DeadLetterConfig", "TracingConfig", "LoggingConfig", "EphemeralStorage", "KMSKeyArn", "Layers"),
)
"""Settings that both CreateFunction and UpdateFunctionConfiguration take."""


class LambdaApi:
    """The service `lambda`, but for its event source mappings, which `mappings.py` adds."""

    def __init__(self, functions: Functions, events: Events) -> None:
        self._functions, self._events = functions, events
        self.more: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        """Operations that others answer."""

    def answer(self, call: Call) -> dict[str, Any] | Response:
        if call.operation == "Invoke":
            return self._invoke(call.params)
        method = self.more.get(call.operation) or getattr(self, f"api_{xform_name(call.operation)}", None)
        if method is None:
            raise ApiError("NotImplemented", f"lambda {call.operation}: the tests' stand-in of AWS lacks it", 501)
        answer: dict[str, Any] = method(call.params)
        return answer

    def _invoke(self, params: dict[str, Any]) -> Response:
        function = self._functions.get(params["FunctionName"])
        payload = params.get("Payload") or b"{}"
        payload = payload.encode() if isinstance(payload, str) else payload
        if params.get("InvocationType") == "Event":
            self._events.submit(function.name, payload)
            return Response(b"", 202)
        if params.get("InvocationType", "RequestResponse") != "RequestResponse":
            raise wrong(f"InvocationType {params['InvocationType']}: the tests' stand-in of AWS lacks it")
        if len(payload) > SYNC_BYTES:
            raise too_large(len(payload), SYNC_BYTES)
        require_json(payload)
        outcome = self._functions.run(function, payload, str(uuid.uuid4()), "sync")
        headers = {"X-Amz-Executed-Version": "$LATEST"}
        if outcome.error:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return Response(outcome.body, 200, headers, content_type="application/json")

    def api_create_function(self, params: dict[str, Any]) -> dict[str, Any]:
        name = params["FunctionName"]
        with self._functions.lock:
            if name in self._functions.held:
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
        with self._functions.lock:
            self._functions.held[name] = function
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
            raise wrong("Lambda was unable to configure your environment variables because they exceed the 4KB limit")
        if not trusts_lambda(config["Role"]):
            raise wrong("The role defined for the function cannot be assumed by Lambda.")
        traced = config["TracingConfig"]["Mode"] == "Active"
        if traced and not role_allows(config["Role"], "xray:PutTraceSegments", "*"):
            raise wrong("The provided execution role does not have permissions to call PutTraceSegments on XRAY")
        target = config.get("DeadLetterConfig", {}).get("TargetArn")
        if target:
            self._functions.require_destination(config["Role"], target)
        config |= {"CodeSha256": sha, "CodeSize": size, "RevisionId": str(uuid.uuid4())}
        config["LastModified"] = stamp().replace("Z", "+0000")
        function.config = config

    def _attach_network(self, function: Function) -> None:
        """Makes the calls of a function in a VPC, with its role's rights: "make sure to add all" of these actions.

        Source: AWS Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC".
        """
        network = function.config.get("VpcConfig") or {}
        if not network.get("SubnetIds"):
            return
        with self._network(function) as client:
            for subnet in network["SubnetIds"]:
                made = client.create_network_interface(SubnetId=subnet, Groups=network.get("SecurityGroupIds", []))
                interface = made["NetworkInterface"]["NetworkInterfaceId"]
                function.interfaces.append(interface)
                client.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1)
                (found,) = client.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
                spare = [one["PrivateIpAddress"] for one in found["PrivateIpAddresses"] if not one["Primary"]]
                client.unassign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=spare)
            client.describe_subnets(SubnetIds=network["SubnetIds"])

    def _detach_network(self, function: Function) -> None:
        if function.interfaces:
            with self._network(function) as client:
                for interface in function.interfaces:
                    client.delete_network_interface(NetworkInterfaceId=interface)
                function.interfaces.clear()

    @contextmanager
    def _network(self, function: Function) -> Iterator[Any]:
        """EC2 with the rights of the function's role; a refusal is told as Lambda tells it."""
        try:
            yield self._functions.identities.client("ec2", function.role, function.name)
        except ClientError as error:
            raise wrong(
                f"The provided execution role does not have permissions to call {error.operation_name} on EC2 ({error})"
            ) from error

    def _unpacked(self, code: dict[str, Any]) -> tuple[str, int, Path]:
        """The package, unpacked once for each content."""
        if "ZipFile" in code:
            data: bytes = code["ZipFile"]
        else:
            place = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
            if code.get("S3ObjectVersion"):
                place["VersionId"] = code["S3ObjectVersion"]
            try:
                data = self._functions.identities.admin("s3").get_object(**place)["Body"].read()
            except ClientError as error:
                told = error.response["Error"]
                raise wrong(
                    f"Error occurred while GetObject. S3 Error Code: {told['Code']}. "
                    f"S3 Error Message: {told['Message']}"
                ) from error
        digest = hashlib.sha256(data).digest()
        root = self._functions.folder / "code" / digest.hex()
        with self._functions.lock:
            if not root.exists():
                try:
                    package = zipfile.ZipFile(io.BytesIO(data))
                except zipfile.BadZipFile as error:
                    raise wrong("Could not unzip uploaded file. Please check your file, then try again.") from error
                if sum(entry.file_size for entry in package.infolist()) > UNZIPPED_BYTES:
                    raise wrong(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
                package.extractall(root)
        return base64.b64encode(digest).decode(), len(data), root

    def api_get_function(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
        answer: dict[str, Any] = {"Configuration": function.config, "Code": {"RepositoryType": "S3"}, "Tags": {}}
        if function.reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        return answer

    def api_get_function_configuration(self, params: dict[str, Any]) -> dict[str, Any]:
        return dict(self._functions.get(params["FunctionName"]).config)

    def api_list_functions(self, _: dict[str, Any]) -> dict[str, Any]:
        with self._functions.lock:
            return {"Functions": [function.config for function in self._functions.held.values()]}

    def api_update_function_code(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
        self._require_revision(function, params)
        sha, size, root = self._unpacked(params)
        self._configure(function, {}, sha, size)
        function.root = root
        if "Architectures" in params:
            function.config["Architectures"] = params["Architectures"]
        self._functions.retire(function)
        return dict(function.config)

    def api_update_function_configuration(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
        self._require_revision(function, params)
        before = function.config.get("VpcConfig")
        self._configure(function, params, function.config["CodeSha256"], function.config["CodeSize"])
        if function.config.get("VpcConfig") != before:
            self._detach_network(function)
            self._attach_network(function)
        self._functions.retire(function)
        return dict(function.config)

    def api_delete_function(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
        self._detach_network(function)
        with self._functions.lock:
            del self._functions.held[function.name]
        self._functions.retire(function)
        return {}

    def api_put_function_concurrency(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
        function.reserved = params["ReservedConcurrentExecutions"]
        return {"ReservedConcurrentExecutions": function.reserved}

    def api_get_function_concurrency(self, params: dict[str, Any]) -> dict[str, Any]:
        reserved = self._functions.get(params["FunctionName"]).reserved
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def api_delete_function_concurrency(self, params: dict[str, Any]) -> dict[str, Any]:
        self._functions.get(params["FunctionName"]).reserved = None
        return {}

    def api_put_function_event_invoke_config(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
        kept = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
        config = {key: params[key] for key in kept if key in params}
        target = on_failure(config)
        if target:
            self._functions.require_destination(function.role, target)
        if config.get("DestinationConfig", {}).get("OnSuccess"):
            raise wrong("OnSuccess: the tests' stand-in of AWS lacks it")
        function.invoke_config = config
        return self.api_get_function_event_invoke_config(params)

    def api_get_function_event_invoke_config(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
        if function.invoke_config is None:
            text = f"The function {function.arn}:$LATEST doesn't have an EventInvokeConfig"
            raise ApiError("ResourceNotFoundException", text, 404)
        now = datetime.now(UTC)
        return {**function.invoke_config, "FunctionArn": f"{function.arn}:$LATEST", "LastModified": now}

    def api_delete_function_event_invoke_config(self, params: dict[str, Any]) -> dict[str, Any]:
        self._functions.get(params["FunctionName"]).invoke_config = None
        return {}

    def api_add_permission(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
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
        function = self._functions.get(params["FunctionName"])
        left = [statement for statement in function.policy if statement["Sid"] != params["StatementId"]]
        if len(left) == len(function.policy):
            raise ApiError("ResourceNotFoundException", f"Statement {params['StatementId']} is not found", 404)
        function.policy = left
        return {}

    def api_get_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
        if not function.policy:
            raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        return {"Policy": json.dumps(function.document), "RevisionId": function.config["RevisionId"]}

    def api_list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": dict(self._functions.get(params["Resource"]).config.get("Tags", {}))}
