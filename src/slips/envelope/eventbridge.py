"""Decodes an event of EventBridge to an ObjectEvent.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

from typing import Any

from slips.envelope.members import have, need
from slips.envelope.object_event import of_creation
from slips.envelope.s3 import unquoted
from slips.errors import EnvelopeError
from slips.model import ObjectEvent, readable

REASONS = {
    "PutObject": "ObjectCreated:Put",
    "POST Object": "ObjectCreated:Post",
    "CopyObject": "ObjectCreated:Copy",
    "CompleteMultipartUpload": "ObjectCreated:CompleteMultipartUpload",
}
"""S3's own event name for each reason of EventBridge."""


def of_eventbridge(notice: dict[str, Any], where: str) -> ObjectEvent | None:
    """Return the event of a created object; None if the notice is of another change of an object.

    Raises EnvelopeError.
    """
    source, kind = need(notice, "source", str, where), need(notice, "detail-type", str, where)
    if source != "aws.s3" or not kind.startswith("Object "):
        raise EnvelopeError(
            f"{where}: '{readable(kind)}' of '{readable(source)}'; 'Object Created' of 'aws.s3' was expected; "
            "narrow the EventBridge rule to it"
        )
    if kind != "Object Created":
        return None
    detail = need(notice, "detail", dict, where)
    bucket = need(need(detail, "bucket", dict, f"{where}.detail"), "name", str, f"{where}.detail.bucket")
    item = need(detail, "object", dict, f"{where}.detail")
    there = f"{where}.detail.object"
    key = need(item, "key", str, there)  # not quoted here by AWS, unlike in S3's own events
    region = have(notice, "region", str, where)
    reason = have(detail, "reason", str, f"{where}.detail")
    time = have(notice, "time", str, where)
    return of_creation(
        where,
        aws_region=region,
        event_time=time[:-1] + ".000Z" if len(time) == len("2018-03-29T16:35:15Z") else time,
        event_name=REASONS.get(reason) or f"ObjectCreated:{reason}",
        bucket_name=bucket,
        bucket_arn=f"arn:{_partition(region)}:s3:::{bucket}",
        object_key=key,
        quoted=unquoted(key) != key or None,
        object_size=have(item, "size", int, there),
        object_etag=have(item, "etag", str, there),
        object_version_id=have(item, "version-id", str, there),
        object_sequencer=have(item, "sequencer", str, there),
    )


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
