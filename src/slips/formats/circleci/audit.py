"""Audit logs of CircleCI organizations."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

CIRCLECI = Json(
    "circleci",
    "CircleCI audit logs, as streamed to S3",
    "https://circleci.com/docs/guides/security/audit-logs/",
    require=all_of("action", any_of("actor", "target", "scope", "occurred_at", "payload")),
    time=iso("occurred_at", "sent_at"),
    tag="circleci.{action}",
    message="{action} {success|'-'} by {actor.name|actor.id|'-'} on {target.name|target.id|'-'}",
    booleans="success",
    entities={"addresses": "request.ip_address", "users": "actor.name"},
)
