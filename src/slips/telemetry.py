"""Logs and metrics of the functions: a log line as JSON for each object, with metrics in CloudWatch's embedded format.

No library serves: the usual ones cost more at a cold start than all of slips. The format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import msgspec

from slips.backends.aws.clients import quiet_libraries
from slips.exceptions import describe, traceback_pieces
from slips.model import LANES, Lane, ObjectEvent, Outcome, format_time, readable
from slips.pipeline.ended import Failure, Success
from slips.printable import cut

NAMESPACE = "slips"
UNITS = {
    **dict.fromkeys(("Objects", "Records", "Delivered", "Filtered", "Quarantined", "Failed"), "Count"),
    **dict.fromkeys(("Duplicates", "ErrorItems"), "Count"),
    "Lag": "Seconds",
    "Duration": "Milliseconds",
}
OF_AUDITS = {"MissingObjects": "Count", "FailedObjects": "Count"}
"""Metrics of the daily audit, which a stack without it does not pay for."""
OF_PAUSES = dict.fromkeys(("Held", "Pauses"), "Count")
"""Units of metrics that belong to no run of an object: objects that may not start, and pauses that hold."""
MEASURED = ("Lag", "Duration")
"""Metrics with a value for each object; the others are counts."""
BY_LANE = ("Lag",)
"""Metrics that are kept for each lane: CloudWatch charges each metric of each lane by the month."""
VALUES = 100
"""Most values of one metric in one line."""
RESULTS_BYTES = 32_000
"""Most bytes of handlers' results that a log line shows; longer ones are named only."""

log = logging.getLogger("slips")


class JsonLines(logging.Formatter):
    """Writes log calls, those of the user's code among them, as JSON objects. Each has the members of `about`."""

    def __init__(self) -> None:
        super().__init__()
        self.about: dict[str, Any] = {}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": format_time(record.created),
            "level": readable(record.levelname),
            "logger": readable(record.name),
            "message": readable(cut(_message(record))),
            **self.about,
        }
        if record.name == log.name:
            line |= record.__dict__.get("facts", {})
            if isinstance(passenger := record.__dict__.get("metrics"), Passenger):
                line |= passenger.take()
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = readable(cut("".join(traceback_pieces(record.exc_info[1]))))
        return msgspec.json.encode(line).decode() + "\n"


def _message(record: logging.LogRecord) -> str:
    """Return the text of a log call. A wrong call must not fail its object, but Lambda's handler would let it raise."""
    try:
        return record.getMessage()
    except BaseException as error:  # noqa: BLE001 - formatting the user's arguments may raise anything
        shown = repr(record.msg) if isinstance(record.msg, str) else "a message that cannot be shown"
        return f"{shown} with wrong arguments: {describe(error)}"


class Passenger:
    """Metrics that travel on a log line: once, even if two handlers write the line, and not if no handler does."""

    def __init__(self, metrics: dict[str, Any]) -> None:
        self._metrics = metrics
        self.is_taken = False

    def take(self) -> dict[str, Any]:
        metrics = {} if self.is_taken else self._metrics
        self.is_taken = True
        return metrics


def set_up(function: str, request_id: str) -> None:
    """Make all loggers of this process write JSON lines about this invocation. The user sets their levels."""
    root = logging.getLogger()
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        _relieve_lambda(root)
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stdout))
    for handler in root.handlers:
        if not isinstance(handler.formatter, JsonLines):
            handler.setFormatter(JsonLines())
            # JsonLines ends each line: Lambda's own handler adds no line end, other handlers would add a second.
            if isinstance(handler, logging.StreamHandler):
                handler.terminator = ""
        assert isinstance(handler.formatter, JsonLines)  # noqa: S101 - for mypy
        handler.formatter.about = {"function": function, "request_id": request_id}
    quiet_libraries()
    if log.level == logging.NOTSET:
        log.setLevel(os.environ.get("SLIPS_LOG_LEVEL", "info").upper())


def _relieve_lambda(root: logging.Logger) -> None:
    """Replace the runtime's log handler, which in its JSON format would wrap our lines as text.

    Lambda takes JSON on standard output as it is. The runtime also sets the root's level to the lowest that the stack
    lets through. It becomes WARNING here: the user's code may ask for lower levels.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
    """
    for handler in [each for each in root.handlers if hasattr(each, "log_sink")]:
        root.removeHandler(handler)
        root.addHandler(logging.StreamHandler(sys.stdout))
        root.setLevel(logging.WARNING)


class Meter:
    """A RunObserver of one invocation: writes a log line for each object, with the object's metrics.

    If the log level suppresses these lines, `emit` writes the metrics in one line for each lane at the end.
    """

    def __init__(self, stack: str, output: TextIO | None = None, clock: Callable[[], float] = time.time) -> None:
        self._stack, self._output, self._clock = stack, output or sys.stdout, clock
        self._begun = clock()
        """When the current object began, which is when the one before it ended."""
        self._counts: dict[str, dict[str, float]] = {}
        self._values: dict[str, dict[str, list[float]]] = {}

    def succeeded(self, success: Success, items: int) -> None:
        outcome, event = success.outcome, success.event
        # The continuation of an object that was stopped counts it.
        metrics = {"Objects": int(success.rest is None), **self._ended(event, outcome, items)}
        message = "done" if success.rest is None else "stopped in time, goes on in another invocation"
        if outcome.filtered_by:
            message = "filtered, as it is no log"
        self._log(logging.INFO, event, metrics, _facts(outcome), message)

    def failed(self, failure: Failure, final: bool) -> None:
        event = failure.event
        metrics = self._ended(event, Outcome(), int(final))  # the records of a failed object are read again
        if final:
            metrics |= {"Objects": 1, "Failed": 1}
        facts: dict[str, Any] = {"stage": failure.stage, "error_type": failure.error_type}
        if final and failure.outcome.records:
            facts["failed_records"] = failure.outcome.records
        if failure.traceback:
            facts["traceback"] = failure.traceback
        again = "" if final else ", will be tried again"
        self._log(logging.ERROR, event, metrics, facts, "failed%s: %s", again, failure.message)

    def passed_over(self, event: ObjectEvent, why: str) -> None:
        metrics: dict[str, float] = {} if why == "sent back" else {"Duplicates": 1}
        self._log(logging.INFO, event, metrics, {}, "passed over: %s", why)

    def reported(self, event: ObjectEvent | None, message: str) -> None:
        """Log that Reporter made an error item of an object event, or (None) of records of a lane that are gone."""
        if event is None:
            log.error("reported: %s", message)
            return
        metrics = dict.fromkeys(("Objects", "Failed", "ErrorItems"), 1.0)
        self._log(logging.ERROR, event, metrics, {}, "reported: %s", message)

    def audited(self, missing: int, failed: int) -> None:
        """Write the metrics of an audit, zeros among them: an alarm must see that nothing is missing."""
        self._write(LANES[0], {"MissingObjects": missing, "FailedObjects": failed})

    def held(self, lanes: Mapping[Lane, int], why: str) -> None:
        """Log that objects of lanes may not start, and wait in the error table."""
        for lane, number in lanes.items():
            log.warning("held back: %s", why, extra={"facts": {"lane": lane, "events": number}})
            self._add_up(lane, {"Held": number, "Pauses": 1})

    def pauses(self, lanes: Sequence[Lane]) -> None:
        """Count the pauses of lanes that hold now."""
        for lane in lanes:
            self._add_up(lane, {"Pauses": 1})

    def emit(self) -> None:
        """Write the metrics that no log line has: the sum of each count, and each measured value."""
        for lane, counts in self._counts.items():
            measured = self._values.get(lane, {})
            self._write(lane, {**counts, **{name: values[:VALUES] for name, values in measured.items()}})
            for at in range(VALUES, max(map(len, measured.values()), default=0), VALUES):
                more = {name: values[at : at + VALUES] for name, values in measured.items()}
                self._write(lane, {name: values for name, values in more.items() if values})
        self._output.flush()
        self._counts, self._values = {}, {}

    def _write(self, lane: str, values: dict[str, Any]) -> None:
        self._output.write(msgspec.json.encode(self._embedded(lane, values)).decode() + "\n")

    def _log(
        self,
        level: int,
        event: ObjectEvent,
        metrics: dict[str, float],
        facts: dict[str, Any],
        message: str,
        *arguments: str,
    ) -> None:
        """Log the end of an object's run, with its metrics. A count of zero is left out."""
        lane = event.lane or LANES[0]
        metrics = {name: value for name, value in metrics.items() if value or name in MEASURED}
        passenger = Passenger(self._embedded(lane, metrics) if metrics else {})
        extra = {"facts": {"object": event.url, **facts}, "metrics": passenger}
        log.log(level, message, *arguments, extra=extra)
        if metrics and not passenger.is_taken:
            self._add_up(lane, metrics)

    def _embedded(self, lane: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return metrics in the form in which CloudWatch finds them in a log line."""
        dimensions: dict[tuple[str, ...], list[str]] = {}
        for name in values:
            dimensions.setdefault(("Stack", "Lane") if name in BY_LANE else ("Stack",), []).append(name)
        directives = [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [dimension],
                "Metrics": [{"Name": name, "Unit": (UNITS | OF_AUDITS | OF_PAUSES)[name]} for name in names],
            }
            for dimension, names in dimensions.items()
        ]
        about = {"Timestamp": int(self._begun * 1000), "CloudWatchMetrics": directives}
        return {"_aws": about, "Stack": self._stack, "Lane": lane, **values}

    def _ended(self, event: ObjectEvent, outcome: Outcome, items: int) -> dict[str, float]:
        """Return the metrics of a run that has just ended."""
        now = self._clock()
        metrics: dict[str, float] = {
            "Records": outcome.records,
            "Delivered": outcome.delivered,
            "Filtered": outcome.filtered,
            "Quarantined": outcome.quarantined,
            "ErrorItems": items,
            "Duration": round(max(0.0, now - self._begun) * 1000, 3),
        }
        if event.timestamp:
            metrics["Lag"] = round(max(0.0, now - event.timestamp), 3)
        self._begun = now
        return metrics

    def _add_up(self, lane: str, metrics: dict[str, float]) -> None:
        counts, values = self._counts.setdefault(lane, {}), self._values.setdefault(lane, {})
        for name, value in metrics.items():
            if name in MEASURED:
                values.setdefault(name, []).append(value)
            else:
                counts[name] = counts.get(name, 0) + value


def _facts(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome of a run as members of a log line, without empty ones: AWS charges logs by the byte."""
    members: dict[str, Any] = msgspec.to_builtins(outcome)
    if members["identity"] == members["etag"]:  # of an object without versions
        del members["identity"]
    facts = {name: value for name, value in members.items() if value not in ({}, None, "")}
    if len(msgspec.json.encode(outcome.results)) > RESULTS_BYTES:
        facts["results"] = dict.fromkeys(outcome.results, "(too long to be logged)")
    return facts
