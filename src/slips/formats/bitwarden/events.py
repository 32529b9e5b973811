"""Event logs of Bitwarden organizations."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

BITWARDEN = Json(
    "bitwarden",
    "Bitwarden organization event logs",
    "https://bitwarden.com/help/event-logs/",
    require=all_of(
        any_of("type", "event_type"),
        any_of(
            *("actingUserId", "itemId", "memberId", "collectionId", "policyId", "groupId", "device"),
            all_of("object", "date"),  # many events name none of these
        ),
    ),
    time=iso("date"),
    tag="bitwarden.{type|event_type}",
    message="event {type|event_type} by {actingUserId|'-'} from {ipAddress|'-'}",
    entities={"addresses": "ipAddress", "users": "actingUserId memberId"},
)
