"""CrowdStrike Falcon: events of its sensors and event streams, and its detections."""

from __future__ import annotations

from typing import Any

from slips import times
from slips.format import Event, parser
from slips.model import MetaData


@parser(
    "falcon",
    summary="CrowdStrike Falcon events, of the Falcon Data Replicator or of event streams",
    reference="https://github.com/CrowdStrike/FDR",
    tag="falcon.event",
)
def falcon(meta: MetaData, event: Event) -> Event:
    """Add `message`, "<name> at <address> to <target>".

    An event stream has its fields in `event` and its time in `metadata.eventCreationTime`. Raises RecordError for a
    time that is neither milliseconds nor ISO 8601.
    """
    fields = event
    if event.get("event").__class__ is dict or event.get("metadata").__class__ is dict:
        fields = {**_object(event.get("metadata")), **_object(event.get("event")), **event}
    name = fields.get("name") or fields.get("event_simpleName") or fields.get("ExternalApiType")
    address = fields.get("aip") or fields.get("UserIp")
    target = (
        fields.get("RemoteAddressIP4")
        or fields.get("TargetFileName")
        or fields.get("DomainName")
        or fields.get("CommandLine")
        or fields.get("OperationName")
    )
    for key in ("timestamp", "eventCreationTime", "UTCTimestamp"):
        time = fields.get(key)
        if time is not None and time != "":
            meta.timestamp = _time(time, key)
            break
    meta.tag = "falcon.event"
    meta.message = event["message"] = f"{name or fields.get('eventType')} at {address} to {target}"
    return event


@parser(
    "falcon-detection",
    summary="CrowdStrike Falcon detections, of the detects or the alerts API",
    reference="https://developer.crowdstrike.com/api-reference/collections/alerts/",
    tag="falcon.detection",
)
def falcon_detection(meta: MetaData, event: Event) -> Event:
    """Add `message`, "<severity>: <tactic>/<technique>, … on <host> by <user>", without the parts that are missing.

    The detects API has a list `behaviors`; the alerts API has the fields of its one behavior in the event itself.
    Raises RecordError for a malformed `created_timestamp`.
    """
    time = event.get("created_timestamp")
    if time is not None and time != "":
        meta.timestamp = _time(time, "created_timestamp")
    behaviors = event.get("behaviors")
    behaviors = [_object(each) for each in behaviors] if behaviors.__class__ is list else []
    behaviors = behaviors or [event]
    severity = event.get("max_severity_displayname") or event.get("severity_name") or "Detection"
    techniques = ", ".join(dict.fromkeys(map(_technique, behaviors)))
    host = _object(event.get("device")).get("hostname") or event.get("hostname")
    user = next((each["user_name"] for each in behaviors if each.get("user_name")), None)
    message = f"{severity}: {techniques}"
    if host:
        message += f" on {host}"
    if user:
        message += f" by {user}"
    meta.tag = "falcon.detection"
    meta.message = event["message"] = message
    return event


def _technique(behavior: Event) -> str:
    tactic, technique = behavior.get("tactic"), behavior.get("technique")
    if tactic and technique:
        return f"{tactic}/{technique}"
    return str(behavior.get("display_name") or behavior.get("name") or technique or tactic or "unknown")


def _object(value: Any) -> Event:
    """Return `value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _time(value: Any, name: str) -> float:
    """Convert milliseconds (a number or its digits) or ISO 8601 to epoch seconds. Raises RecordError."""
    if value.__class__ is str and not value.isdigit():
        return times.iso(value, name)
    return times.number(value, 1_000, name)
