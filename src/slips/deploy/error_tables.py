"""Finds error tables of former stacks, which outlive their stacks, and deletes one."""

from __future__ import annotations

import re
from contextlib import suppress

from botocore.exceptions import ClientError

from slips.backends.aws.refusals import MISSING, calls
from slips.deploy.account import Account


def former(account: Account, stack: str) -> list[str]:
    """Return the ARNs of error tables of former stacks of this name. Raises SlipsError."""
    with calls(f"stack '{stack}': tables"):
        pages = account.dynamodb.get_paginator("list_tables").paginate()
        names = [name for page in pages for name in page["TableNames"]]
    ours = re.compile(rf"{re.escape(stack)}-ErrorTable-[0-9A-Za-z]{{8,14}}")
    return [arn(account, name) for name in names if ours.fullmatch(name)]


def arn(account: Account, name: str) -> str:
    """Return the ARN of a table of the account."""
    return f"arn:{account.partition}:dynamodb:{account.region}:{account.id}:table/{name}"


def advice(account: Account, arn: str) -> str:
    """Return advice, for people, to use or to delete a table of a former stack."""
    return (
        f"error table {arn} of a former stack is still there; to go on with it, set backend.dynamodb_arn: {arn}; "
        f"to delete it: aws dynamodb delete-table {account.aws_options} --table-name {arn.rpartition('/')[2]}"
    )


def delete(account: Account, name: str) -> bool:
    """Delete a table. Return False if it does not exist. Raises SlipsError."""
    with suppress(ClientError), calls(f"table '{name}'", passing=MISSING):
        account.dynamodb.delete_table(TableName=name)
        return True
    return False
