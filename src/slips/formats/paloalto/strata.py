"""Palo Alto Networks' Strata Logging Service (Cortex Data Lake), to which Prisma Access logs, and its SaaS Security."""

from __future__ import annotations

from slips import times
from slips.errors import foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Csv, Json, all_of, any_of, moment
from slips.parsing.conversions import decimal_or_text

_NUMBERS = """SourcePort DestinationPort NATSourcePort NATDestinationPort Bytes BytesSent BytesReceived PacketsTotal
    PacketsSent PacketsReceived SessionID SessionDuration RepeatCount SequenceNo"""

# JSON has the names of the log reference for HTTPS, or those by which logs are queried, some of which are objects with
# a `value`. Splunk's collector has either as its `event`.
STRATA_LOGGING = Json(
    "strata-logging",
    "Palo Alto Networks Strata Logging Service (Cortex Data Lake, Prisma Access): logs of all types, as JSON; as CSV "
    "behind 'csv', whose option 'columns' names the fields that were chosen, in their names for HTTPS",
    "https://docs.paloaltonetworks.com/strata-logging-service/log-reference/network-logs/network-traffic-log/network-traffic-https-fields",
    also_in="event",
    require=any_of(
        all_of("LogType", any_of("TimeGenerated", "TimeReceived", "EventTime", "LogTime", "DeviceSN", "LogSourceID")),
        all_of("log_type", any_of("log_source_id", "log_source", "log_time", "time_generated")),
    ),
    time=moment("TimeGenerated", "EventTime", "TimeReceived", "LogTime", "time_generated", "event_time", "log_time"),
    tag="paloalto.strata.{LogType|log_type.value|log_type|'log'}",
    message=(
        "{Action|EventResult|EventStatus|action.value|Subtype|sub_type.value|'-'} "
        "{SourceAddress|SourceIP|PublicIPv4|source_ip.value|IPaddress|AdminUsername|'-'} => "
        "{DestinationAddress|dest_ip.value|EventName|EventIDValue|'-'}: "
        "{URL|ThreatName|Application|app|EventDescription|Description|'-'}"
    ),
    integers=_NUMBERS,
    entities={
        "addresses": """SourceAddress DestinationAddress NATSource NATDestination SourceIP PublicIPv4 PublicIPv6
            PrivateIPv4 PrivateIPv6 IPaddress X-Forwarded-ForIP source_ip.value dest_ip.value""",
        "users": "SourceUser DestinationUser SourceUserName AuthenticatedUserName AdminUsername source_user dest_user",
        "hosts": "DeviceName EndpointDeviceName SourceDeviceHost DestinationDeviceHost log_source_name",
        "domains": "DNSDomain ServerNameIndication",
        "hashes": "FileHash FileSHA256",
    },
)

SAAS_SECURITY = Json(
    "saas-security",
    "Palo Alto Networks SaaS Security (Prisma SaaS, CASB): incidents, violations, activities, administrators",
    "https://docs.paloaltonetworks.com/saas-security/data-security/syslog-and-api-integration/api-client-integration/log-events-api",
    require=all_of(
        "log_type",
        any_of("cloud_app_instance", "incident_id", "admin_id", "policy_rule_name", "user_email", "item_name"),
    ),
    time=moment("timestamp", "date"),
    tag="paloalto.saas.{log_type}",
    message=(
        "{action|action_taken|severity|event_type|'-'} {item_name|description|'-'} "
        "in {cloud_app_instance|item_type|'-'} by {user|admin_id|user_email|item_owner|'-'}"
    ),
    entities={
        "addresses": "ip source_ip",
        "users": "user admin_id user_email item_owner item_owner_email item_creator item_creator_email collaborators",
    },
)

_CASE = "timestamp serial log_type cloud_app_instance severity incident_id asset_id item_name item_type item_owner"
# Further columns of the types without a documented list have no names.
_COLUMNS = {
    "incident": f"""{_CASE} container_name item_creator policy_rule_name exposure occurrences_by_rule future_use
        future_use2 additional_notes collaborators""",
    "policy_violation": f"{_CASE} item_creator policy_rule_name future_use action_taken action_taken_by",
    "admin_audit": """timestamp serial log_type admin_id admin_role ip event_type item_name item_type field action
        resource_value_old resource_value_new future_use future_use2""",
    "ba_incident_event": "log_type description date severity policy_id user_email timestamp",
    "sspm_config_scan": """type tenant_name event_date policy_name policy_status category setting_name current_value
        suggested_value""",
    "remediation": "timestamp serial log_type",
    "activity_monitoring": "timestamp serial log_type",
}


def _name_columns(meta: MetaData, event: Event) -> Event:
    """Return the event with the columns of its type. Raises RecordError for a line of another product."""
    kind = event["log_type"] if event["log_type"] in _COLUMNS else event["timestamp"]
    if kind not in _COLUMNS:
        raise foreign_record(f"'log_type' is {event['log_type']!r:.60}; expected one of {', '.join(_COLUMNS)}")
    names, values = _COLUMNS[kind].split(), list(event.values())
    named = dict(zip(names, values, strict=False))
    named |= {f"column_{number}": value for number, value in enumerate(values[len(names) :], len(names) + 1)}
    if (severity := named.get("severity")) is not None:
        named["severity"] = decimal_or_text(severity)
    meta.tag = f"paloalto.saas.{kind}"
    if (when := named.get("date") or named.get("event_date") or named.get("timestamp")) is not None:
        meta.timestamp = times.iso(when, "timestamp")
    words = (
        "action",
        "action_taken",
        "event_type",
        "severity",
        "item_name",
        "description",
        "policy_status",
        "setting_name",
    )
    meta.message = " ".join([kind, *(str(named[word]) for word in words if named.get(word) is not None)])
    return named


SAAS_SECURITY_CSV = Csv(
    "saas-security-csv",
    "Palo Alto Networks SaaS Security (Prisma SaaS, CASB): the lines that it sends to syslog, as CSV",
    "https://docs.paloaltonetworks.com/saas-security/data-security/syslog-and-api-integration/syslog-integration",
    columns="timestamp serial log_type",
    absent=("", "null"),
    tag="paloalto.saas.{log_type}",
    refine=_name_columns,
    entities={"addresses": "ip", "users": "admin_id user_email item_owner item_creator collaborators"},
)
