"""Amazon Bedrock: invocations of models."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

BEDROCK_INVOCATION = Json(
    "bedrock-invocation",
    "model invocation logs of Amazon Bedrock: who asked which model what, and its answer",
    "https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html",
    tag="aws.bedrock-invocation",
    time=iso("timestamp"),
    message="{errorCode|'OK'} {operation|'-'} {modelId|'-'} by {identity.arn|'-'}",
    require=any_of("modelId", "schemaType"),
    integers="input.inputTokenCount output.outputTokenCount",
    entities={"users": "identity.arn"},
)
