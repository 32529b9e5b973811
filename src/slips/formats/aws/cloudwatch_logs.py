"""Amazon CloudWatch Logs: documents of a subscription, as Amazon Data Firehose writes them to S3, and exports."""

from __future__ import annotations

import copy
from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event, Rule, parser
from slips.model import MetaData
from slips.parsing import Regex, iso
from slips.parsing.meaning import keys_of
from slips.parsing.stages import Several

CONTROL = Rule("control-message", "messages by which CloudWatch Logs tests whether a destination can be reached")
NO_EVENTS = Rule("no-log-events", "documents whose list of log events is empty")

# A message may span lines: all up to the next line that begins with a time.
_EXPORTED = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z(?!\S)"

CLOUDWATCH_EXPORT = Regex(
    "cloudwatch-export",
    "log events that Amazon CloudWatch Logs exported to S3: lines with a time in front, each with all of its message",
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3ExportTasks.html",
    tag="aws.cloudwatch-logs",
    chain=({"multiline": {"start": _EXPORTED}}, "cloudwatch-export"),
    pattern=rf"(?P<timestamp>{_EXPORTED}) ?(?P<message>.*)\Z",
    time=iso("timestamp"),
    message="{message}",
    carries="message",
)

_OWN = ("messageType", "logEvents")
"""The fields of a document that no log event has; it has all others, as `logGroup` and `policyLevel`."""


@parser(
    "cloudwatch-logs",
    summary="log events of an Amazon CloudWatch Logs subscription, one element of 'logEvents' each",
    reference="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html",
    tag="aws.cloudwatch-logs",
    rules=(CONTROL, NO_EVENTS),
    carries="message",
)
def cloudwatch_logs(meta: MetaData, event: Event) -> Any:
    """Make an event of each log event: its fields (`id`, `timestamp`, `message`, `extractedFields`), and `logGroup`,
    `logStream`, `owner`, `subscriptionFilters` and what else the document says.

    Each has its own time, and its message without the line end. Raises RecordError for any other document.
    """
    kind, log_events = event.get("messageType"), event.get("logEvents")
    if kind == "CONTROL_MESSAGE":
        return CONTROL
    if kind != "DATA_MESSAGE" or not isinstance(log_events, list):
        raise RecordError(
            f"'messageType' is {kind!r:.60} and 'logEvents' is {type(log_events).__name__}; expected 'DATA_MESSAGE' "
            f"with a list of log events; keys: {keys_of(event)}"
        )
    meta.tag = "aws.cloudwatch-logs"
    shared = {name: value for name, value in event.items() if name not in _OWN}
    made = Several()
    for index, log_event in enumerate(log_events):
        if not isinstance(log_event, dict):
            raise RecordError(f"log event {index + 1} is {type(log_event).__name__}; expected an object")
        each = copy.copy(meta)
        each.index = index
        time, message = log_event.get("timestamp"), log_event.get("message")
        if time is not None:
            each.timestamp = times.number(time, 1000, "timestamp")
        if not isinstance(message, str):
            raise RecordError(f"log event {index + 1} has no 'message'; keys: {keys_of(log_event)}")
        each.message = message.rstrip("\r\n")
        made.append((each, {**shared, **log_event, "message": each.message}))
    return made or NO_EVENTS
