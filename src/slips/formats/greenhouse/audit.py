"""Audit log of Greenhouse Recruiting, as its API has it."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

GREENHOUSE = Json(
    "greenhouse",
    "Greenhouse Recruiting audit log: changes of data, actions and accesses of users and of the keys of its API",
    "https://developers.greenhouse.io/audit-log.html",
    require=all_of("event_time", "event.type", any_of("performer", "request", "organization_id")),
    time=iso("event_time"),
    tag="greenhouse.{event.type}",
    message="{event.type}{' ' event.target_type}{' ' event.target_id}{' by ' performer.meta.username|performer.type}"
    "{' from ' performer.ip_address}",
    entities={"addresses": "performer.ip_address", "users": "performer.meta.username"},
)
