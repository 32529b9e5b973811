"""Audit logs of Slack Enterprise Grid, and access logs of workspaces."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

SLACK_AUDIT = Json(
    "slack-audit",
    "Slack audit logs, and access logs of workspaces",
    "https://docs.slack.dev/reference/audit-logs-api/",
    require=any_of(all_of("action", any_of("actor", "entity", "context")), all_of("user_id", "date_last")),
    time=moment("date_create", "date_last"),
    tag="slack.audit.{action|'access'}",
    message="{action|'access'} by {actor.user.email|actor.user.name|username|'-'} from {context.ip_address|ip|'-'}",
    entities={
        "addresses": "context.ip_address ip",
        "users": "actor.user.email entity.user.email username",
        "domains": "context.location.domain",
    },
)
