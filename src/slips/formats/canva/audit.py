"""Audit logs of Canva, which it writes to S3."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

CANVA = Json(
    "canva",
    "Canva audit logs: sign-ins, designs, teams and settings, as Canva writes them to S3",
    "https://www.canva.dev/docs/audit-logs/",
    require=all_of("timestamp", "action.type", any_of("outcome.result", "actor.type", "target.target_type")),
    time=epoch("timestamp", unit="ms"),
    tag="canva.{action.type}",
    message="{action.type}{' ' outcome.result}{' of ' target.name|target.id|target.user.email|target.target_type}"
    "{' by ' actor.user.email|actor.user.display_name|actor.type}{' from ' context.ip_address}",
    entities={"addresses": "context.ip_address", "users": "actor.user.email target.user.email"},
)
