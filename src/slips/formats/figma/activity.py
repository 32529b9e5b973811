"""Activity logs of Figma organizations."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

FIGMA = Json(
    "figma",
    "Figma activity logs: sign-ins, files, members and settings of an organization",
    "https://developers.figma.com/docs/rest-api/activity-logs/",
    require=all_of("timestamp", "action.type", any_of("context.org_id", "context.client_name", "entity.type")),
    time=epoch("timestamp", unit="s"),
    tag="figma.{action.type}",
    message="{action.type}{' of ' entity.name|entity.key|entity.email|entity.type}"
    "{' by ' actor.email|actor.name|actor.type}{' from ' context.ip_address}",
    entities={"addresses": "context.ip_address", "users": "actor.email entity.email"},
)
