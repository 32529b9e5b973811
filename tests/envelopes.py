"""The envelopes of AWS in `events/`, and the events that are in them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec

from slips.model import ObjectEvent

EVENTS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "events").glob("*.json"))}
CREATED = ObjectEvent(
    aws_region="eu-west-1",
    event_time="2018-03-29T16:35:15.768Z",
    event_name="ObjectCreated:Put",
    bucket_name="example-logs",
    bucket_arn="arn:aws:s3:::example-logs",
    object_key="azure/2018-03-29/a b+c=é.json.gz",
    object_size=2048,
    object_etag="9b2cf535f27731c974343645a3985328",
    object_version_id="096fKKXTRTtl3on89fVO.nfljtsv6qko",
    object_sequencer="0055AED6DCD90281E5",
)
BY_EVENTBRIDGE = msgspec.structs.replace(CREATED, event_time="2018-03-29T16:35:15.000Z")
ON_LANE = msgspec.structs.replace(CREATED, lane="fast", dest_stream="slips-EventFastStream-A1B2C3")
SECOND = msgspec.structs.replace(
    ON_LANE, object_key="azure/2018-03-29/second.json.gz", object_version_id=None, object_sequencer=None
)
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:slips-"


def aws(name: str) -> Any:
    return json.loads(EVENTS[name])


def on_lane(data: bytes) -> Any:
    """A Kinesis event of one record."""
    (record, *_) = aws("kinesis")["Records"]
    record["kinesis"]["data"] = base64.b64encode(data).decode()
    return {"Records": [record]}
