"""Enterprise events of Box: sign-ins, files, shares, administration."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

BOX = Json(
    "box",
    "Box enterprise events",
    "https://developer.box.com/reference/resources/event/",
    require=all_of("event_type", any_of("event_id", "created_by", "created_at", "source", "additional_details")),
    time=iso("created_at", "recorded_at"),
    tag="box.{event_type}",
    message="{event_type} by {created_by.login|created_by.name|'-'} from {ip_address|'-'}",
    entities={
        "addresses": "ip_address additional_details.shield_alert.alert_summary.alert_activities.ip_info.ip",
        "users": "created_by.login source.login accessible_by.login additional_details.shield_alert.user.email",
    },
)
