"""Asynchronous invocations: their queue, their retries, and the record of one that fails for good.

Source: AWS Lambda Developer Guide, "Invoking a function asynchronously" and "Capturing records of asynchronous
invocations".
"""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

from cloud.functions import Function, Functions, Throttled, stamp
from cloud.gate import ApiError
from cloud.runtime import Outcome

log = logging.getLogger("cloud")

ASYNC_BYTES = 1024 * 1024


@dataclass
class Event:
    """An asynchronous invocation on its way."""

    function: str
    payload: bytes
    request: str
    born: float
    runs: int = 0
    """Runs of the function with this event so far."""


class Events:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._due: list[tuple[float, int, Event]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._working = 0
        for _ in range(functions.settings.workers):
            threading.Thread(target=self._work, daemon=True).start()

    def submit(self, name: str, payload: bytes) -> str:
        """Queues an asynchronous invocation; returns its request id."""
        function = self._functions.get(name)
        if len(payload) > ASYNC_BYTES:
            raise too_large(len(payload), ASYNC_BYTES)
        require_json(payload)
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
            function = self._functions.get(event.function)
        except ApiError:
            log.warning("asynchronous event %s: function %s is gone", event.request, event.function)
            return
        config = function.invoke_config or {}
        age = self._functions.settings.event_age or config.get("MaximumEventAgeInSeconds", 6 * 3600)
        if function.reserved == 0 or time.time() - event.born > age:
            # "When you set the function's reserved concurrency to zero, Lambda sends all new events to a configured
            # dead-letter queue or on-failure destination without any retries."
            self._give_up(function, event, "EventAgeExceeded", None)
            return
        try:
            outcome = self._functions.run(function, event.payload, event.request, "async", event.runs + 1)
        except Throttled:
            self._put(event, self._functions.settings.throttle_delay)
            return
        event.runs += 1
        if not outcome.error:
            return
        if event.runs <= config.get("MaximumRetryAttempts", 2):
            delays = self._functions.settings.retry_delays
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
        if target := on_failure(function.invoke_config or {}):
            self._functions.send(function, target, json.dumps(record))
        if target := function.config.get("DeadLetterConfig", {}).get("TargetArn"):
            attributes = {
                "RequestID": {"DataType": "String", "StringValue": event.request},
                "ErrorCode": {"DataType": "Number", "StringValue": "200" if outcome else "429"},
                "ErrorMessage": {
                    "DataType": "String",
                    "StringValue": (outcome.message if outcome else "")[:1024] or "-",
                },
            }
            self._functions.send(function, target, event.payload.decode(), attributes)

    def reset(self) -> None:
        """Drops what is queued; to be called before the functions' own."""
        with self._wake:
            self._due.clear()

    def settle(self) -> None:
        """Waits for the events at work, and drops what they queued."""
        while self._working:
            time.sleep(0.005)
        self.reset()


def on_failure(config: dict[str, Any]) -> str:
    return str(((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or "")


def too_large(size: int, limit: int) -> ApiError:
    text = f"{size} byte payload is too large for the RequestResponse invocation type (limit {limit} bytes)"
    return ApiError("RequestTooLargeException", text, 413)


def require_json(payload: bytes) -> None:
    try:
        json.loads(payload)
    except ValueError as error:
        raise ApiError("InvalidRequestContentException", f"Could not parse request body into json: {error}") from error
