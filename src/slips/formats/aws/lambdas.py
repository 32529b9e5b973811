"""AWS Lambda: logs of the platform and of functions, as text and as JSON."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, any_of, iso, moment


def _say_text(meta: MetaData, event: Event) -> None:
    """Make the message of `record`, which is the text of a function or an extension that writes no JSON."""
    if isinstance(event.get("record"), str):
        meta.message = event["record"].rstrip("\r\n")


LAMBDA_JSON = Json(
    "lambda-json",
    "logs of AWS Lambda as JSON: START, REPORT and other records of the platform, and those of functions",
    "https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html",
    tag="aws.lambda.{type|'function'}",
    time=moment("time", "timestamp"),  # a function may write the time as a number
    message="{message|errorMessage|record.message|record.status|record.phase|record.state|record.reason|type|'-'} "
    "{record.requestId|requestId|AWSRequestId|'-'}",
    require=any_of("record", "requestId", "AWSRequestId", "level"),
    refine=_say_text,
)

_REQUEST = r"RequestId: (?P<request_id>\S++)"
_MESSAGE = r"(?P<message>.*)"
_REST = r"(?:\s++(?P<message>\S.*))?"

# The platform's lines have no time but that of CloudWatch Logs. Any other line is a function's: Python writes `[INFO]`,
# the time and the request before it, Node the time, the request and `INFO`.
LAMBDA = Patterns(
    "lambda",
    "logs of AWS Lambda as text: START, END, REPORT and other lines of the platform, and those of functions",
    "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html",
    tag="aws.lambda",
    time=iso("time"),
    message="{event|level ' '}{message|status|request_id|runtime_version|'-'}",
    patterns=(
        rf"(?P<event>START) {_REQUEST} Version: (?P<version>\S++){_REST}",
        rf"(?P<event>END) {_REQUEST}{_REST}",
        rf"(?P<event>REPORT) {_REQUEST}\s++Duration: (?P<duration_ms>[0-9.]++) ms\s++Billed Duration: "
        r"(?P<billed_duration_ms>\d++) ms\s++Memory Size: (?P<memory_size_mb>\d++) MB\s++Max Memory Used: "
        r"(?P<max_memory_used_mb>\d++) MB(?:\s++Init Duration: (?P<init_duration_ms>[0-9.]++) ms)?"
        r"(?:\s++Restore Duration: (?P<restore_duration_ms>[0-9.]++) ms)?"
        r"(?:\s++Billed Restore Duration: (?P<billed_restore_duration_ms>\d++) ms)?"
        r"(?:\s++Status: (?P<status>\S++))?(?:\s++Error Type: (?P<error_type>\S++))?"
        rf"{_REST}",
        r"(?P<event>INIT_START) Runtime Version: (?P<runtime_version>\S++)\s++"
        rf"Runtime Version ARN: (?P<runtime_version_arn>\S++){_REST}",
        r"(?P<event>INIT_REPORT) (?P<message>Init Duration: (?P<init_duration_ms>[0-9.]++) ms"
        r"(?:\s++Phase: (?P<phase>\S++))?(?:\s++Status: (?P<status>\S++))?(?:\s++Error Type: (?P<error_type>\S++))?.*)",
        r"(?P<event>RESTORE_REPORT) (?P<message>Restore Duration: (?P<restore_duration_ms>[0-9.]++) ms"
        r"(?:\s++Status: (?P<status>\S++))?(?:\s++Error Type: (?P<error_type>\S++))?.*)",
        rf"(?P<event>INIT_REPORT|RESTORE_(?:START|REPORT)) {_MESSAGE}",
        rf"\[(?P<level>[A-Z]++)\]\t(?P<time>\d{{4}}-\S++)\t(?P<request_id>[0-9a-f-]{{36}})\t{_MESSAGE}",
        rf"(?P<time>\d{{4}}-\S++)\s(?P<request_id>[0-9a-f-]{{36}})\s(?P<level>[A-Z]++)\t{_MESSAGE}",
        rf"(?P<time>\d{{4}}-\S++)\s(?P<request_id>[0-9a-f-]{{36}})\s{_MESSAGE}",
        _MESSAGE,
    ),
    integers="billed_duration_ms memory_size_mb max_memory_used_mb billed_restore_duration_ms",
    floats="duration_ms init_duration_ms restore_duration_ms",
)
