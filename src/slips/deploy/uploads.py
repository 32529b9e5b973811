"""Uploads the package of the functions to the code bucket, finds the package of a stack, and deletes packages."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import PurePosixPath

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws.refusals import MISSING, calls
from slips.deploy.account import Account
from slips.deploy.template import Template
from slips.errors import SlipsError


class UploadedCode(Struct, frozen=True):
    """The uploaded package of a stack."""

    bucket: str
    key: str

    def own_folder(self, stack: str) -> str:
        """Return the prefix that only packages of `stack` have, ending with `/`; empty if other stacks use it, too."""
        folder = self.key.rpartition("/")[0]
        return f"{folder}/" if PurePosixPath(folder).name == stack else ""


def upload(account: Account, bucket: str, key: str, data: bytes) -> bool:
    """Upload `data`, in parts if it is big. Return False if `key`, which is made of the content, exists already.

    Raises SlipsError.
    """
    where = f"s3://{bucket}/{key}"
    try:
        # Without s3:ListBucket, S3 answers 403 for an object that does not exist.
        with calls(where, passing={"404", "403", "NoSuchKey"}):
            account.s3.head_object(Bucket=bucket, Key=key)
    except ClientError:
        with calls(where):
            account.s3.upload_fileobj(io.BytesIO(data), bucket, key)
        return True
    return False


def uploaded(template: Template, parameters: dict[str, str]) -> UploadedCode | None:
    """Return the package that a stack uses; None if another tool uploaded it without bucket and key in the template."""
    code = template.get("Resources", {}).get("MainFunc", {}).get("Properties", {}).get("Code", {})
    bucket, key = (
        parameters.get(value["Ref"]) if isinstance(value, dict) and "Ref" in value else value
        for value in (code.get("S3Bucket"), code.get("S3Key"))
    )
    return UploadedCode(bucket, key) if isinstance(bucket, str) and isinstance(key, str) else None


def has_any(account: Account, bucket: str, prefix: str) -> bool:
    """Whether a bucket of the account's region has objects under a prefix; False if AWS denies to list them.

    A bucket in another region may hold the packages of a stack of the same name there.
    """
    if account.bucket_region(bucket)[0] != account.region:
        return False
    with suppress(ClientError, SlipsError), calls(f"s3://{bucket}/{prefix}", passing=MISSING):
        return bool(account.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents"))
    return False


def delete(account: Account, bucket: str, prefix: str) -> int:
    """Delete all objects under a prefix, if the bucket exists, and return their number."""
    count = 0
    with suppress(ClientError), calls(f"s3://{bucket}/{prefix}", passing=MISSING):
        for page in account.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for one in page.get("Contents", []):
                account.s3.delete_object(Bucket=bucket, Key=one["Key"])
                count += 1
    return count
