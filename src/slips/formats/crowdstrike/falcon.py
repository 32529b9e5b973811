"""CrowdStrike Falcon: events of its sensors and event streams, and its detections."""

from __future__ import annotations

from typing import Any

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, any_of, moment

# An event stream has its fields in `event`, and its time in `metadata`. Times are ISO 8601, or seconds or milliseconds,
# as the kind of the event and the tool that brought it have it.
FALCON = Json(
    "falcon",
    "CrowdStrike Falcon events, of the Falcon Data Replicator or of event streams",
    "https://github.com/CrowdStrike/FDR",
    require=any_of(
        *("aid", "event", "metadata", "event_simpleName", "cid", "event_platform", "timestamp", "name", "id", "aip"),
        *("eventType", "eventCreationTime", "ExternalApiType", "EventType", "UTCTimestamp", "OperationName", "UserIp"),
        *("AgentIdString", "CustomerIDString", "CustomerIdString", "EventOrigin", "EffectiveTransmissionClass"),
        *("ConfigBuild", "ConfigStateHash", "Entitlements", "ContextTimeStamp", "ContextProcessId", "ComputerName"),
        *("CommandLine", "TargetFileName", "DomainName", "RemoteAddressIP4", "_time", "Time"),
    ),
    also_in=("event", "metadata"),
    time=moment("timestamp", "eventCreationTime", "UTCTimestamp", "_time", "ContextTimeStamp", "Time"),
    tag="falcon.event",
    message="{name|event_simpleName|ExternalApiType|eventType} at {aip|UserIp}"
    " to {RemoteAddressIP4|TargetFileName|DomainName|CommandLine|OperationName}",
    adds="message",
    entities={
        "addresses": "aip UserIp RemoteAddressIP4 RemoteAddressIP6 LocalAddressIP4 LocalAddressIP6 LocalIP",
        "users": "UserName UserId",
        "hosts": "ComputerName",
        "domains": "DomainName",
        "hashes": "SHA256HashData SHA1HashData MD5HashData SHA256String SHA1String MD5String",
    },
)


def _describe(meta: MetaData, event: Event) -> None:
    """Add `message`, "<severity>: <tactic>/<technique>, … on <host> by <user>", without the parts that are missing.

    The detects API has a list `behaviors`; the alerts API has the fields of its one behavior in the event itself.
    """
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
    meta.message = event["message"] = message


def _technique(behavior: Event) -> str:
    tactic, technique = behavior.get("tactic"), behavior.get("technique")
    if tactic and technique:
        return f"{tactic}/{technique}"
    return str(behavior.get("display_name") or behavior.get("name") or technique or tactic or "unknown")


def _object(value: Any) -> Event:
    """Return `value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


FALCON_DETECTION = Json(
    "falcon-detection",
    "CrowdStrike Falcon detections, of the detects or the alerts API",
    "https://developer.crowdstrike.com/api-reference/collections/alerts/",
    require=any_of(
        *("created_timestamp", "behaviors", "detection_id", "composite_id", "max_severity_displayname"),
        *("severity_name", "device", "cid", "id", "agent_id", "aggregate_id", "assigned_to_name", "confidence"),
        *("adversary_ids", "behaviors_processed", "cmdline", "date_updated", "description", "display_name"),
        *("email_sent", "filename", "filepath", "first_behavior", "hostinfo", "hostname", "last_behavior"),
        *("max_confidence", "max_severity", "name", "objective", "pattern_id", "product", "scenario", "severity"),
        *("seconds_to_resolved", "seconds_to_triaged", "show_in_ui", "status", "tactic", "tactic_id", "technique"),
        *("technique_id", "timestamp", "type", "updated_timestamp", "user_id", "user_name"),
    ),
    time=moment("created_timestamp"),
    tag="falcon.detection",
    refine=_describe,
    entities={
        "addresses": "device.external_ip device.local_ip",
        "users": "behaviors.user_name user_name",
        "hosts": "device.hostname hostname",
        "hashes": "behaviors.sha256 behaviors.md5 sha256 md5",
    },
)
