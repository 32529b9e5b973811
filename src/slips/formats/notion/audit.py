"""The audit log of Notion workspaces."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

NOTION = Json(
    "notion",
    "Notion audit log, bare or in the field `event`",
    "https://www.notion.com/help/audit-log",
    require=all_of("type", any_of("actor", "workspace_id")),
    also_in="event",
    time=iso("timestamp"),
    tag="notion.{type}",
    message="{type} by {actor.person.email|actor.id|'-'} from {ip_address|'-'}",
    entities={"addresses": "ip_address", "users": "actor.person.email"},
)
