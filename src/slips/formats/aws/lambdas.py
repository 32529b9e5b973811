"""AWS Lambda: logs of the platform and of functions, as text and as JSON."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Regex, any_of, iso

_REFERENCE = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html"

LAMBDA_JSON = Json(
    "lambda-json",
    "logs of AWS Lambda as JSON: START, REPORT and other records of the platform, and those of functions",
    "https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html",
    tag="aws.lambda.{type|'function'}",
    time=iso("time", "timestamp"),
    message="{message|errorMessage|record.status|record.phase|type|'-'} {record.requestId|requestId|AWSRequestId|''}",
    require=any_of("record", "requestId", "AWSRequestId", "level"),
)


def _join(meta: MetaData, event: Event) -> None:
    """Put the values of Python's and of Node's order of fields under one name; drop the tabs that end REPORT lines."""
    for name in ("level", "request_id"):
        other = event.pop(f"{name}_behind")
        if other is not None:
            event[name] = other
    if event["event"]:
        event["message"] = (event["message"] or "").strip() or None
        meta.message = f"{event['event']} {event['message'] or event['request_id'] or ''}".rstrip()


# The platform's lines have no time, which is that of CloudWatch Logs. A line of a function is its message; Python
# writes `[INFO]`, time and id of the request before it, Node the time, the id and `INFO`.
LAMBDA = Regex(
    "lambda",
    "logs of AWS Lambda as text: START, END, REPORT and other lines of the platform, and those of functions",
    _REFERENCE,
    chain=("s3-lines", "lambda"),
    tag="aws.lambda",
    time=iso("time"),
    message="{message|''}",
    pattern=r"(?:\[(?P<level>[A-Z]++)\]\t)?(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\s"
    r"(?P<request_id_behind>[0-9a-f-]{36})\s(?:(?P<level_behind>[A-Z]++)\t)?)?"
    r"(?:(?P<event>START|END|INIT_(?:START|REPORT)|RE(?:PORT|STORE_(?:START|REPORT)))(?= ))?"
    r"(?: RequestId: (?P<request_id>[0-9a-f-]{36}))?(?:\s++Version: (?P<version>\S++))?"
    r"(?: Runtime Version: (?P<runtime_version>\S++))?(?:\s++Runtime Version ARN: (?P<runtime_version_arn>\S++))?"
    r"(?:\s++Duration: (?P<duration_ms>[0-9.]++) ms)?(?:\s++Billed Duration: (?P<billed_duration_ms>\d++) ms)?"
    r"(?:\s++Memory Size: (?P<memory_size_mb>\d++) MB)?(?:\s++Max Memory Used: (?P<max_memory_used_mb>\d++) MB)?"
    r"(?:\s++Init Duration: (?P<init_duration_ms>[0-9.]++) ms)?(?P<message>.*)",
    integers="billed_duration_ms memory_size_mb max_memory_used_mb",
    floats="duration_ms init_duration_ms",
    absent="",
    refine=_join,
)
