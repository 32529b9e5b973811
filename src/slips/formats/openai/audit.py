"""Audit logs of OpenAI organizations."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

OPENAI_AUDIT = Json(
    "openai-audit",
    "OpenAI organization audit logs",
    "https://platform.openai.com/docs/api-reference/audit-logs/object",
    require=all_of("type", any_of("effective_at", "actor", "project")),
    time=epoch("effective_at"),
    tag="openai.audit.{type}",
    message=(
        "{type} by "
        "{actor.session.user.email|actor.api_key.user.email|actor.api_key.service_account.id|actor.api_key.id|'-'} "
        "from {actor.session.ip_address|'-'}"
    ),
    entities={
        "addresses": "actor.session.ip_address",
        "users": "actor.session.user.email actor.api_key.user.email",
    },
)
