"""What the functions say: log lines as JSON, and metrics in CloudWatch's embedded format, which is a log line, too.

Our own: the usual libraries cost more at a cold start than all of slips. The format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import msgspec

from slips.backends.aws.clients import quiet_libraries
from slips.exceptions import describe, traceback_pieces
from slips.model import LANES, ObjectEvent, Outcome, format_time, readable
from slips.pipeline.process import Failure, Success
from slips.printable import cut

NAMESPACE = "slips"
UNITS = {
    **dict.fromkeys(("Objects", "Records", "Delivered", "Filtered", "Quarantined", "Failed"), "Count"),
    **dict.fromkeys(("Duplicates", "ErrorItems"), "Count"),
    "Lag": "Seconds",
    "Duration": "Milliseconds",
}
VALUES = 100
"""Most values of one metric in one line."""
RESULTS_BYTES = 32_000
"""Results of handlers that are longer are named in the log, not shown."""

log = logging.getLogger("slips")


class JsonLines(logging.Formatter):
    """Log records as JSON objects, the user's own among them; `about` is in each."""

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
            **(record.__dict__.get("facts", {}) if record.name == log.name else {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = readable(cut("".join(traceback_pieces(record.exc_info[1]))))
        return msgspec.json.encode(line).decode() + "\n"


def _message(record: logging.LogRecord) -> str:
    """The text of a log call. A wrong one of the user's must not fail the object: Lambda's handler lets it through."""
    try:
        return record.getMessage()
    except BaseException as error:  # noqa: BLE001 - whatever the user's arguments do when they are shown
        shown = repr(record.msg) if isinstance(record.msg, str) else "a message that cannot be shown"
        return f"{shown} with wrong arguments: {describe(error)}"


def set_up(function: str, request_id: str) -> None:
    """Makes all loggers of this process write JSON lines about this invocation. Levels are the user's to set."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stdout))
    for handler in root.handlers:
        if not isinstance(handler.formatter, JsonLines):
            handler.setFormatter(JsonLines())
            # Every line ends with one line end: Lambda's own handler adds none, others would add a second.
            if isinstance(handler, logging.StreamHandler):
                handler.terminator = ""
        assert isinstance(handler.formatter, JsonLines)  # noqa: S101 - for mypy
        handler.formatter.about = {"function": function, "request_id": request_id}
    quiet_libraries()
    if log.level == logging.NOTSET:
        log.setLevel(os.environ.get("SLIPS_LOG_LEVEL", "info").upper())


class Meter:
    """An Observer of one invocation: a log line for each object, and one line of metrics for each lane."""

    def __init__(self, stack: str, output: TextIO | None = None, clock: Callable[[], float] = time.time) -> None:
        self._stack, self._output, self._clock = stack, output or sys.stdout, clock
        self._begun = clock()
        self._counts: dict[str, dict[str, float]] = {}
        self._values: dict[str, dict[str, list[float]]] = {}

    def succeeded(self, success: Success, items: int) -> None:
        outcome, event = success.outcome, success.event
        self._count(event, "Objects", 1)
        self._ended(event, outcome, items)
        what = "done" if success.rest is None else "stopped in time, goes on in another invocation"
        log.info("%s: %s", readable(event.url), what, extra={"facts": {"object": event.url, **_facts(outcome)}})

    def failed(self, failure: Failure, final: bool) -> None:
        event = failure.event
        if final:
            self._count(event, "Objects", 1)
            self._count(event, "Failed", 1)
        self._ended(event, failure.outcome if final else Outcome(), int(final))
        facts = {"object": event.url, "stage": failure.stage, "error_type": failure.error_type}
        if failure.traceback:
            facts["traceback"] = failure.traceback
        log.error("failed%s: %s", "" if final else ", will be tried again", failure.message, extra={"facts": facts})

    def passed_over(self, event: ObjectEvent, why: str) -> None:
        if why != "sent back":
            self._count(event, "Duplicates", 1)
        log.info("%s: passed over: %s", readable(event.url), why, extra={"facts": {"object": event.url}})

    def reported(self, event: ObjectEvent | None, message: str) -> None:
        """The reporter made an item of it; None: of records that no event is known of."""
        if event is None:
            log.error("reported: %s", message)
            return
        self._count(event, "Objects", 1)
        self._count(event, "Failed", 1)
        self._count(event, "ErrorItems", 1)
        log.error("reported: %s", message, extra={"facts": {"object": event.url}})

    def emit(self) -> None:
        """Writes the metrics: what is counted once, and each value that was measured."""
        for lane, counts in self._counts.items():
            measured = self._values.get(lane, {})
            self._write(lane, {**counts, **{name: values[:VALUES] for name, values in measured.items()}})
            for at in range(VALUES, max(map(len, measured.values()), default=0), VALUES):
                more = {name: values[at : at + VALUES] for name, values in measured.items()}
                self._write(lane, {name: values for name, values in more.items() if values})
        self._output.flush()
        self._counts, self._values = {}, {}

    def _write(self, lane: str, values: dict[str, Any]) -> None:
        metrics = [{"Name": name, "Unit": UNITS[name]} for name in values]
        line = {
            "_aws": {
                "Timestamp": int(self._clock() * 1000),
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": [["Stack"], ["Stack", "Lane"]], "Metrics": metrics}
                ],
            },
            "Stack": self._stack,
            "Lane": lane,
            **values,
        }
        self._output.write(msgspec.json.encode(line).decode() + "\n")

    def _ended(self, event: ObjectEvent, outcome: Outcome, items: int) -> None:
        self._count(event, "Records", outcome.records)
        self._count(event, "Delivered", outcome.delivered)
        self._count(event, "Filtered", outcome.filtered)
        self._count(event, "Quarantined", outcome.quarantined)
        self._count(event, "ErrorItems", items)
        now = self._clock()
        self._value(event, "Duration", max(0.0, now - self._begun) * 1000)
        if event.timestamp:
            self._value(event, "Lag", max(0.0, now - event.timestamp))
        self._begun = now

    def _count(self, event: ObjectEvent, name: str, count: float) -> None:
        counts = self._counts.setdefault(event.lane or LANES[0], {})
        counts[name] = counts.get(name, 0) + count

    def _value(self, event: ObjectEvent, name: str, value: float) -> None:
        self._values.setdefault(event.lane or LANES[0], {}).setdefault(name, []).append(round(value, 3))


def _facts(outcome: Outcome) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(outcome)
    if len(msgspec.json.encode(outcome.results)) > RESULTS_BYTES:
        facts["results"] = dict.fromkeys(outcome.results, "(too long to be logged)")
    return facts
