"""Directory Insights of JumpCloud."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

JUMPCLOUD = Json(
    "jumpcloud",
    "JumpCloud Directory Insights",
    "https://docs.jumpcloud.com/api/insights/directory/1.0/index.html",
    require=all_of("event_type", any_of("initiated_by", "organization", "service", "@version")),
    time=iso("timestamp"),
    tag="jumpcloud.{service|'event'}.{event_type}",
    message=(
        "{event_type} {success|'-'} by {initiated_by.email|initiated_by.username|username|initiated_by.type|'-'} "
        "from {client_ip|src_ip|'-'}"
    ),
    booleans="success",
    entities={
        "addresses": "client_ip src_ip",
        "users": "initiated_by.email initiated_by.username username",
        "hosts": "system.hostname system.displayName",
    },
)
