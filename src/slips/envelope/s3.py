"""Decodes a record of the event that S3 sends itself to an ObjectEvent, and unquotes its URL-quoted key.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus

from slips.envelope.members import have, need
from slips.envelope.object_event import of_creation
from slips.model import ObjectEvent

# Output of `quote_plus`, and of such functions in other languages, with or without `/` among the safe characters.
_QUOTED = re.compile(r"(?:[A-Za-z0-9_.~!*'()/+-]|%[0-9A-Fa-f]{2})*")


def of_s3(record: dict[str, Any], where: str) -> ObjectEvent | None:
    """Return the event of a created object; None for a record of another kind.

    Raises EnvelopeError.
    """
    name = need(record, "eventName", str, where).removeprefix("s3:")  # MinIO and older radosgw have the prefix
    if not name.startswith("ObjectCreated:"):
        return None
    s3 = need(record, "s3", dict, where)
    bucket = need(s3, "bucket", dict, f"{where}.s3")
    item = need(s3, "object", dict, f"{where}.s3")
    there = f"{where}.s3.object"
    return of_creation(
        where,
        aws_region=have(record, "awsRegion", str, where),
        event_time=have(record, "eventTime", str, where),
        event_name=name,
        bucket_name=need(bucket, "name", str, f"{where}.s3.bucket"),
        bucket_arn=have(bucket, "arn", str, f"{where}.s3.bucket"),
        object_key=unquoted(need(item, "key", str, there)),
        object_size=have(item, "size", int, there),
        object_etag=have(item, "eTag", str, there) or have(item, "etag", str, there),  # radosgw: "etag"
        object_version_id=have(item, "versionId", str, there),
        object_sequencer=have(item, "sequencer", str, there),
    )


def unquoted(key: str) -> str:
    """Return the object key that an S3 event means.

    S3 quotes keys with `quote_plus` but keeps `/`. Other servers quote `/`, too. radosgw sends the key itself, in which
    `+` is a `+`. A key is unquoted only if quoting can have written it: it has no other character, and its escapes are
    UTF-8, as every key is.
    """
    if not _QUOTED.fullmatch(key):
        return key
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        return key
