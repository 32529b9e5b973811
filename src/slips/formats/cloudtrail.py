"""AWS CloudTrail: who called which API, from where."""

from __future__ import annotations

from slips import times
from slips.errors import RecordError
from slips.format import Event, parser
from slips.model import MetaData


@parser(
    "cloudtrail",
    summary="AWS CloudTrail events (management, data, Insights), one element of 'Records' each",
    reference="https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html",
    takes="event",
    tag="aws.cloudtrail.<eventType>",
    container="Records",
)
def cloudtrail(meta: MetaData, event: Event) -> Event:
    """Adds `description`, which is the message too: `<eventType> <eventName> by <ARN> on <sourceIPAddress>`, with
    `None` for what is missing. The time is `eventTime`. Raises RecordError for what has no type and no name.

    Digest files, under `CloudTrail-Digest/`, have no `Records`: give their prefix the format `ignore`.
    """
    kind, name = event.get("eventType"), event.get("eventName")
    if kind is None and name is None:
        raise RecordError(f"no 'eventType' and no 'eventName'; expected a CloudTrail event; keys: {', '.join(event)}")
    identity = event.get("userIdentity")
    arn = identity.get("arn") if isinstance(identity, dict) else None
    description = f"{kind} {name} by {arn} on {event.get('sourceIPAddress')}"
    meta.tag = f"aws.cloudtrail.{kind}"
    meta.message = event["description"] = description
    time = event.get("eventTime")
    if time is not None and time != "":
        meta.timestamp = times.iso(time, "eventTime")
    return event
