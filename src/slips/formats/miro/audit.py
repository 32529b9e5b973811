"""Audit logs of Miro, as its API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

MIRO = Json(
    "miro",
    "Miro audit logs: sign-ins, boards, teams, users and settings of an organization",
    "https://developers.miro.com/reference/enterprise-get-audit-logs",
    require=all_of("event", "createdAt", any_of("createdBy", "context")),
    time=iso("createdAt"),
    tag="miro.{event}",
    message="{event}{' by ' createdBy.email|createdBy.name|createdBy.id}{' from ' context.ip}"
    "{': ' object.name|object.email|object.id}",
    entities={"addresses": "context.ip", "users": "createdBy.email object.email"},
)
