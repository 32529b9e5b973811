"""Audit logs of Slack Enterprise Grid, and logs of accesses to workspaces and of their integrations."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

SLACK_AUDIT = Json(
    "slack-audit",
    "Slack audit logs, and logs of accesses to workspaces and of their integrations",
    "https://docs.slack.dev/reference/audit-logs-api/",
    require=any_of(
        all_of("action", any_of("actor", "entity", "context")),
        all_of("user_id", any_of("date_last", "change_type")),
    ),
    time=moment("date_create", "date_last", "date"),
    tag="slack.audit.{action|change_type|'access'}",
    message=(
        "{action|change_type|'access'} "
        "by {actor.user.email|actor.user.name|username|user_name|'-'} from {context.ip_address|ip|'-'}"
    ),
    integers="date count",
    entities={
        "addresses": "context.ip_address ip",
        "users": "actor.user.email entity.user.email username user_name",
        "domains": "context.location.domain",
    },
)
