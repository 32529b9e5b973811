"""AWS CloudTrail: calls of AWS APIs, with caller and address."""

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
    tag="aws.cloudtrail.{eventType}",
    container="Records",
)
def cloudtrail(meta: MetaData, event: Event) -> Event:
    """Add `description`, also the message: `<eventType> <eventName> by <ARN> on <sourceIPAddress>`.

    A missing field reads `None` in that text. The time is `eventTime`. Raises RecordError for an event with neither
    type nor name. Digest files, below `CloudTrail-Digest/`, are no logs: `not_logs` filters them.
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
