"""Audit logs of Pulumi Cloud organizations."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

PULUMI = Json(
    "pulumi",
    "Pulumi Cloud audit logs: stacks, members, tokens and policies of an organization",
    "https://www.pulumi.com/docs/administration/reference/audit-log-formats/",
    require=all_of(
        "timestamp", "event", "description", any_of("sourceIP", "user.githubLogin", "user.name", "tokenName")
    ),
    time=epoch("timestamp", unit="s"),
    tag="pulumi.{event}",
    message="{event}{' by ' user.githubLogin|user.name|tokenName}{' from ' sourceIP}{': ' description}",
    entities={"addresses": "sourceIP", "users": "user.githubLogin"},
)
