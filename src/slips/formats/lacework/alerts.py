"""Alerts and events of Lacework."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

LACEWORK = Json(
    "lacework",
    "Lacework alerts, as its S3 and webhook channels write them",
    "https://docs.lacework.net/onboarding/webhook",
    require=any_of(
        all_of("event_id", any_of("event_title", "lacework_account", "event_severity", "event_type")),
        all_of("EVENT_ID", any_of("EVENT_TYPE", "EVENT_MODEL", "START_TIME")),
        all_of("alertId", any_of("alertName", "alertType", "severity")),
    ),
    time=stamp("event_timestamp", "START_TIME", "startTime", "start_time"),
    tag="lacework.{event_type|EVENT_TYPE|alertType|'alert'}",
    message="{event_title|alertName|EVENT_TYPE|'-'}: {event_description|alertInfo.description|'-'}",
    integers="event_severity SEVERITY",
    entities={"addresses": "EVENT_MAP.SourceIpAddress.IP_ADDRESS", "hosts": "EVENT_MAP.Machine.HOSTNAME"},
)
