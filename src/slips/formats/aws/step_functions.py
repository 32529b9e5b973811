"""AWS Step Functions: execution history."""

from __future__ import annotations

from slips.parsing import Json, all_of, epoch

STEP_FUNCTIONS = Json(
    "step-functions",
    "execution history of AWS Step Functions",
    "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
    tag="aws.step-functions.{type}",
    time=epoch("event_timestamp", unit="ms"),
    message="{type} {details.name|details.error|'-'} in {execution_arn}",
    require=all_of("execution_arn", "type"),
    integers="id previous_event_id event_timestamp redrive_count",
    documents="details.input details.output details.parameters",
)
