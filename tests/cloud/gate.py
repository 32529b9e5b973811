"""The front door: parses each request, checks the caller's permissions, applies faults, and calls the service.

Lambda and CloudFormation are the stand-in's own; all else is moto's, one request at a time: moto is not thread-safe.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from cloud.access import key_arn, needs
from cloud.faults import Fault, Faults
from cloud.identity import Caller, Identities, role_allows

MODELS = {"monitoring": "cloudwatch"}
"""botocore's names of services that sign under another name."""

DENIALS = {
    "s3": ("AccessDenied", 403),
    "sns": ("AuthorizationError", 403),
    "sqs": ("AccessDenied", 403),
    "ec2": ("UnauthorizedOperation", 403),
    "iam": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
    "cloudformation": ("AccessDenied", 403),
    "monitoring": ("AccessDenied", 403),
    "lambda": ("AccessDeniedException", 403),
}
"""Code and HTTP status of a denial, where it is not AccessDeniedException, 400."""


class ApiError(ServiceException):
    """An error answer of an AWS service."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.status = status


@dataclass(frozen=True)
class Call:
    service: str
    """Signing name."""
    operation: str
    params: dict[str, Any]
    caller: Caller
    request: Request

    @property
    def resources(self) -> list[str]:
        return [resource for _, resource in needs(self.service, self.operation, self.params)] or ["*"]


class Own(Protocol):
    """A service of the stand-in's own."""

    def answer(self, call: Call) -> dict[str, Any] | Response: ...


class Ledger:
    """Every permission that a role used, and every one it lacked."""

    def __init__(self) -> None:
        self._used: set[tuple[str, str, str]] = set()
        self._denied: list[tuple[str, str, str]] = []
        self._lock = threading.Lock()

    def check(self, role: str, action: str, resource: str) -> bool:
        allowed = role_allows(role, action, resource)
        with self._lock:
            if allowed:
                self._used.add((role, action, resource))
            else:
                self._denied.append((role, action, resource))
        return allowed

    def used(self) -> list[tuple[str, str, str]]:
        with self._lock:
            return sorted(self._used)

    def denied(self) -> list[tuple[str, str, str]]:
        with self._lock:
            return list(self._denied)

    def clear(self) -> None:
        with self._lock:
            self._used.clear()
            self._denied.clear()


class Gate:
    """A WSGI application."""

    def __init__(
        self,
        moto: Callable[..., Any],
        identities: Identities,
        faults: Faults,
        ledger: Ledger,
        lock: threading.RLock,
        kill: Callable[[Caller], None],
    ) -> None:
        self._moto, self._identities, self._faults, self._ledger, self._lock = moto, identities, faults, ledger, lock
        self._kill = kill
        self.own: dict[str, Own] = {}
        self.checks: dict[tuple[str, str], Callable[[dict[str, Any]], None]] = {}
        """Checks that AWS makes and moto does not, by service and operation; each may raise ApiError."""
        self.additions: dict[tuple[str, str], Callable[[dict[str, Any], Response], None]] = {}
        """Additions to the answers of moto, by service and operation; each changes the answer it is given."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        call = self.understand(_buffered(environ))
        struck = self._faults.strike(call.service, call.operation, call.resources, call.caller.function)
        try:
            self.authorise(call)
            response = self._struck(call, *struck) if struck else self._answered(call)
        except ApiError as error:
            response = failed(call, error)
        return response(environ, start_response)

    def understand(self, environ: dict[str, Any]) -> Call:
        request = Request(environ)
        request.get_data()  # kept from here on, before a form is read from it
        scope = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/", request.headers.get("Authorization", ""))
        key, service = (scope[1], scope[2]) if scope else ("", "s3")
        caller = self._identities.who(key)
        try:
            operation, places = get_service_router(MODELS.get(service, service)).match(request)
        except NotFound:  # the binary protocol of CloudWatch names the operation in its path
            return Call(service, request.path.rpartition("/operation/")[2], {}, caller, request)
        protocol = determine_request_protocol(operation.service_model, request.content_type)
        params = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.get_data(),
                "url_path": request.path,
                "url_params": places,
            }
        )
        return Call(service, str(operation.name), params, caller, request)

    def authorise(self, call: Call) -> None:
        if not call.caller.role:
            return
        for action, resource in needs(call.service, call.operation, call.params):
            self._require(call, action, resource)

    def _require(self, call: Call, action: str, resource: str) -> None:
        if not self._ledger.check(call.caller.role, action, resource):
            code, status = DENIALS.get(call.service, ("AccessDeniedException", 400))
            raise ApiError(
                code,
                f"User: {call.caller.arn} is not authorized to perform: {action} on resource: {resource} "
                f"because no identity-based policy allows the {action} action",
                status,
            )

    def _answered(self, call: Call) -> Response:
        if call.service in self.own:
            answer = self.own[call.service].answer(call)
            return answer if isinstance(answer, Response) else succeeded(call, answer)
        if check := self.checks.get((call.service, call.operation)):
            check(call.params)
        response = self._moto_answers(call, call.request.get_data())
        if add := self.additions.get((call.service, call.operation)):
            add(call.params, response)
        if call.service == "s3" and call.caller.role:
            return self._as_s3_answers_roles(call, response)
        return response

    def _moto_answers(self, call: Call, body: bytes) -> Response:
        environ = {**call.request.environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        waits = (call.service, call.operation) == ("sqs", "ReceiveMessage")
        with contextlib.nullcontext() if waits else self._lock:
            return Response.from_app(self._moto, environ, buffered=True)

    def _as_s3_answers_roles(self, call: Call, response: Response) -> Response:
        """Reading needs the object's key; what is missing is told only to those who may list the bucket."""
        if call.operation not in {"GetObject", "HeadObject"}:
            return response
        bucket = f"arn:aws:s3:::{call.params['Bucket']}"
        if response.status_code == 404 and not role_allows(call.caller.role, "s3:ListBucket", bucket):
            raise ApiError(
                "AccessDenied",
                f"User: {call.caller.arn} is not authorized to perform: s3:ListBucket on resource: {bucket} "
                "because no identity-based policy allows the s3:ListBucket action",
                403,
            )
        key = response.headers.get("x-amz-server-side-encryption-aws-kms-key-id")
        if call.operation == "GetObject" and response.status_code < 300 and key:
            self._require(call, "kms:Decrypt", key_arn(key))
        return response

    def _struck(self, call: Call, fault: Fault, cleared: threading.Event) -> Response:
        time.sleep(fault.delay)
        if fault.hold:
            cleared.wait()
        if fault.kill == "before":
            self._kill(call.caller)
            raise ApiError("InternalFailure", "the caller was killed", 500)
        if fault.error:
            raise ApiError(fault.error, fault.message, fault.status)
        response = self._partly(call, fault) if fault.refuse else self._answered(call)
        if fault.kill == "after":
            self._kill(call.caller)
        if fault.cut is not None:
            return _cut(response, fault.cut)
        return response

    def _partly(self, call: Call, fault: Fault) -> Response:
        """PutRecords of which the first records are refused; the answer keeps their order."""
        body = json.loads(call.request.get_data())
        records = body["Records"]
        refused = records[: fault.refuse]
        answer: dict[str, Any] = {"Records": []}
        if taken := records[len(refused) :]:
            answer = json.loads(self._moto_answers(call, json.dumps({**body, "Records": taken}).encode()).get_data())
        failures = [{"ErrorCode": fault.refuse_code, "ErrorMessage": fault.message} for _ in refused]
        answer = {**answer, "Records": failures + answer["Records"], "FailedRecordCount": len(refused)}
        return Response(json.dumps(answer), content_type="application/x-amz-json-1.1")


def _buffered(environ: dict[str, Any]) -> dict[str, Any]:
    """The body read once, so that the gate and moto can both read it."""
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or "0"
    data = stream.read() if environ.get("wsgi.input_terminated") else stream.read(int(length))
    environ.update({"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(len(data))})
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return environ


def _cut(response: Response, length: int) -> Response:
    data = response.get_data()
    response.response = _Cut(data[:length])
    response.headers["Content-Length"] = str(len(data))
    response.headers["Connection"] = "close"
    return response


class _Cut:
    """A body that breaks off."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise ConnectionAbortedError("the body is cut here")


def succeeded(call: Call, result: dict[str, Any]) -> Response:
    return _serialized(call, result)


def failed(call: Call, error: ApiError) -> Response:
    response = _serialized(call, error)
    response.status_code = error.status
    return response


def _serialized(call: Call, result: dict[str, Any] | Exception) -> Response:
    model = get_service_model(MODELS.get(call.service, call.service))
    protocol = determine_request_protocol(model, call.request.content_type)
    serializer = get_serializer_class(model.service_name, protocol)
    answer = serializer(model.operation_model(call.operation), SerializationContext(str(uuid.uuid4()))).serialize(
        result
    )
    return Response(answer["body"], answer["status_code"], dict(answer["headers"]))
