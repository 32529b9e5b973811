"""Activities of the Anthropic Compliance API: what people do in Claude, and what administrators change."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ANTHROPIC_AUDIT = Json(
    "anthropic-audit",
    "activity and audit log events of Anthropic's Claude",
    "https://platform.claude.com/docs/en/manage-claude/compliance-activity-feed",
    require=all_of(any_of("type", "event"), any_of("actor", "actor_info", "organization_id", "created_at")),
    time=iso("created_at"),
    tag="anthropic.{type|event}",
    message=(
        "{type|event} by {actor.email_address|actor.email|actor.unauthenticated_email_address"
        "|actor_info.metadata.email_address|actor.id|'-'} from "
        "{actor.ip_address|ip_address|'-'}"
    ),
    entities={
        "addresses": "actor.ip_address ip_address",
        "users": """actor.email_address actor.email actor.unauthenticated_email_address
            actor_info.metadata.email_address""",
    },
)
