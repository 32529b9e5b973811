"""Audit log events of WorkOS, which its log streams write to S3."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

WORKOS = Json(
    "workos",
    "WorkOS audit log events of applications, as its log streams write them to S3",
    "https://workos.com/docs/reference/audit-logs/event",
    require=all_of("action", "occurred_at", "actor.type", any_of("targets", "context.location")),
    time=iso("occurred_at"),
    tag="workos.{action}",
    message="{action}{' by ' actor.name|actor.id}{' from ' context.location}",
    entities={"addresses": "context.location", "users": "actor.id actor.name"},
)
