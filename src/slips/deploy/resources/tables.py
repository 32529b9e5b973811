"""The error table and the ledger. Pure."""

from __future__ import annotations

from typing import Any

from slips.config import Config
from slips.deploy.resources.forms import Resources, resource


def build(config: Config) -> Resources:
    """Build the error table, which outlives the stack, and the ledger, without which objects would only run twice."""
    made: Resources = {}
    if config.backend.dynamodb_arn is None:
        # Retained when the stack is deleted, also by mistake. `slips destroy --all` deletes the table.
        made["ErrorTable"] = _table("request_id", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
        made["ErrorTable"] |= {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    made["Ledger"] = _table("entry", TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True})
    return made


def _table(key: str, **properties: Any) -> dict[str, Any]:
    return resource(
        "AWS::DynamoDB::Table",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"SSEEnabled": True},
        **properties,
    )
