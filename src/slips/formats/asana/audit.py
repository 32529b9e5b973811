"""Audit log events of Asana."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ASANA = Json(
    "asana",
    "Asana audit log events",
    "https://developers.asana.com/docs/audit-log-events",
    require=all_of("event_type", any_of("actor", "event_category", "gid")),
    time=iso("created_at"),
    tag="asana.{event_type}",
    message="{event_type} {resource.name|resource.email|'-'} by {actor.email|actor.name|actor.actor_type|'-'}",
    entities={"addresses": "context.client_ip_address", "users": "actor.email resource.email"},
)
