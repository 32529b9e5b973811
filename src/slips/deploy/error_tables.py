"""Error tables, which outlive the stack that made them: finding those of former stacks, deleting one."""

from __future__ import annotations

import re
from contextlib import suppress

from botocore.exceptions import ClientError

from slips.backends.aws.refusals import MISSING, calls
from slips.deploy.account import Account


def former(account: Account, stack: str) -> list[str]:
    """ARNs of the error tables that earlier stacks of this name left behind."""
    with calls(f"stack '{stack}': tables"):
        pages = account.dynamodb.get_paginator("list_tables").paginate()
        names = [name for page in pages for name in page["TableNames"]]
    ours = re.compile(rf"{re.escape(stack)}-ErrorTable-[0-9A-Za-z]{{8,14}}")
    return [arn(account, name) for name in names if ours.fullmatch(name)]


def arn(account: Account, name: str) -> str:
    """The ARN of a table of the account."""
    return f"arn:{account.partition}:dynamodb:{account.region}:{account.id}:table/{name}"


def advice(account: Account, arn: str) -> str:
    """For people, how to use or delete a table that an earlier stack left."""
    return (
        f"error table {arn} of a former stack is still there; to go on with it, set backend.dynamodb_arn: {arn}; "
        f"to delete it: aws dynamodb delete-table {account.aws_options} --table-name {arn.rpartition('/')[2]}"
    )


def delete(account: Account, name: str) -> bool:
    """Delete a table; False if it is gone already. Raises SlipsError."""
    with suppress(ClientError), calls(f"table '{name}'", passing=MISSING):
        account.dynamodb.delete_table(TableName=name)
        return True
    return False
