"""Decodes the cause for which AWS gave up on an invocation. A Cause is for people: missing or odd parts are empty.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from slips.envelope.members import dig, loose
from slips.model import format_time, readable

_REQUEST = re.compile(r"(?:RequestId: \S+ (?:Error: )?|\S+Z \S+ (?=Task timed out))")
"""The prefix of Lambda's own error messages, removed since it would make alike errors differ."""


class Cause(Struct):
    """The cause for which AWS gave up on an invocation."""

    request_id: str = ""
    function: str = ""
    """ARN of the function; empty for a dead letter, which does not name the function."""
    condition: str = ""
    """E.g. "RetriesExhausted", "EventAgeExceeded", "RetryAttemptsExhausted"; empty for a dead letter."""
    attempts: int = 0
    """Number of attempts; 0 if AWS names no number."""
    error_type: str = ""
    message: str = ""
    traceback: str = ""
    failed_at: str = ""
    """Time of the failure, RFC 3339 UTC with milliseconds; empty if AWS names none."""


def of_failure(record: dict[str, Any]) -> Cause:
    """Return the cause in an on-failure record."""
    response = record.get("responsePayload")
    condition = loose(record, "requestContext", "condition")
    message = _REQUEST.sub("", loose(response, "errorMessage"), count=1)
    attempts = dig(record, "requestContext", "approximateInvokeCount")
    return Cause(
        request_id=loose(record, "requestContext", "requestId"),
        function=loose(record, "requestContext", "functionArn"),
        condition=condition,
        attempts=attempts if type(attempts) is int else 0,
        error_type=loose(response, "errorType")
        or _type_of(message)
        or (message and loose(record, "responseContext", "functionError"))
        or condition,
        message=message,
        traceback=_lines(dig(response, "stackTrace")),
        failed_at=_time(loose(record, "timestamp")),
    )


def of_dead_letter(message: dict[str, Any]) -> Cause | None:
    """Return the cause in the attributes of a dead letter of a function; None for any other message.

    SNS writes an attribute as {"Value"}, SQS as {"stringValue"} to Lambda and as {"StringValue"} to others.
    """
    attributes = message.get("MessageAttributes") or message.get("messageAttributes")
    request_id, code, text = (
        next((text for form in ("Value", "stringValue", "StringValue") if (text := loose(attributes, name, form))), "")
        for name in ("RequestID", "ErrorCode", "ErrorMessage")
    )
    if not request_id:
        return None
    text = _REQUEST.sub("", text, count=1)
    sent = loose(message, "attributes", "SentTimestamp") or loose(message, "Attributes", "SentTimestamp")
    return Cause(
        request_id=request_id,
        error_type=_type_of(text) or ("Unhandled" if code in ("", "200") else f"HTTP {code}"),
        message=text,
        failed_at=_time(loose(message, "Timestamp") or sent),
    )


def _lines(frames: Any) -> str:
    """Join a stack trace, which Lambda writes for Python functions as a list of texts; empty for any other value."""
    texts = (
        [readable(frame).rstrip("\n") for frame in frames if isinstance(frame, str)] if isinstance(frames, list) else []
    )
    return "\n".join(texts)


def _type_of(message: str) -> str:
    """Return the error type that Lambda leaves out of some of its own errors; empty for any other error."""
    if "Task timed out" in message:
        return "Sandbox.Timedout"
    return "Runtime.ExitError" if "exited" in message else ""


def _time(text: str) -> str:
    """Convert RFC 3339, or milliseconds since the epoch, to RFC 3339 UTC; empty for any other text."""
    try:
        if text.isdecimal():
            return format_time(int(text) / 1000)
        when = datetime.fromisoformat(text)
        return format_time((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, OSError):
        return ""
