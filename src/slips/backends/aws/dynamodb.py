"""Errors and values of DynamoDB, for the error table and the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from slips.backends.aws.answers import code, reason
from slips.backends.aws.refusals import explained
from slips.errors import StateError

Values = dict[str, Any]
"""An item in DynamoDB's JSON: `{"request_id": {"S": "text"}}`."""


@contextmanager
def reworded(table: str) -> Iterator[None]:
    """Raise StateError for an error of DynamoDB in this block."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        where = f"DynamoDB table {table}"
        raise StateError(
            explained(error, where, "dynamodb")
            or f"{where}: {reason(error)}; expected it to answer; nothing is lost: try again"
        ) from error


def is_conflict(error: BaseException | None) -> bool:
    """Whether a conditional write found that its condition does not hold."""
    return isinstance(error, ClientError) and code(error) == "ConditionalCheckFailedException"
