"""Audit log and message events of Sublime Security."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SUBLIME = Json(
    "sublime",
    "Sublime Security audit log, and flagged messages",
    "https://docs.sublime.security/docs/audit-log-schema",
    require=all_of("type", any_of("created_by", "data", "flagged_rules", "created_at")),
    time=iso("created_at"),
    tag="sublime.{type}",
    message="{type} by {created_by.email_address|created_by.name|'-'} from {data.request.ip|'-'}",
    entities={
        "addresses": "data.request.ip",
        "users": "created_by.email_address data.message.sender.email data.message.recipients.email",
    },
)
