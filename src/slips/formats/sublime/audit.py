"""Audit log, messages and message events of Sublime Security."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SUBLIME = Json(
    "sublime",
    "Sublime Security audit log, messages, and flagged messages",
    "https://docs.sublime.security/reference/listeventsinauditlog",
    require=any_of(
        all_of("type", any_of("created_by", "data", "flagged_rules", "created_at")),
        all_of("canonical_id", any_of("message_source_id", "mailbox")),  # a message
    ),
    time=iso("created_at"),
    tag="sublime.{type|'message'}",
    message=(
        "{type|subject|'-'}{' by ' created_by.email_address|created_by.name|sender.email|data.message.sender.email}"
        "{' from ' data.request.ip}"
    ),
    entities={
        "addresses": "data.request.ip",
        "users": """created_by.email_address data.message.sender.email data.message.recipients.email sender.email
            recipients.email mailbox.email""",
    },
)
