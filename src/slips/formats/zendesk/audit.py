"""Audit logs of Zendesk."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ZENDESK = Json(
    "zendesk",
    "Zendesk audit logs",
    "https://developer.zendesk.com/api-reference/ticketing/account-configuration/audit_logs/",
    require=all_of("action", any_of("source_type", "actor_id", "change_description")),
    time=iso("created_at"),
    tag="zendesk.{source_type|'audit'}.{action}",
    message="{actor_name|actor_id|'-'}: {action_label|action} {source_label|source_type|'-'}, {change_description|'-'}",
    entities={"addresses": "ip_address", "users": "actor_name"},
)
