"""Palo Alto Networks' Strata Logging Service (Cortex Data Lake), to which Prisma Access logs, and its SaaS Security."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

_NUMBERS = """SourcePort DestinationPort NATSourcePort NATDestinationPort Bytes BytesSent BytesReceived PacketsTotal
    PacketsSent PacketsReceived SessionID SessionDuration RepeatCount SequenceNo"""

# JSON has the names of the log reference for HTTPS, or those by which logs are queried, some of which are objects with
# a `value`. Splunk's collector has either as its `event`.
STRATA_LOGGING = Json(
    "strata-logging",
    "Palo Alto Networks Strata Logging Service (Cortex Data Lake, Prisma Access): logs of all types as JSON",
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
