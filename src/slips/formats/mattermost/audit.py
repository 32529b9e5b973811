"""Audit records and the server's log of Mattermost, as JSON."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

MATTERMOST = Json(
    "mattermost",
    "Mattermost audit log, of version 6.6 and of those before, and the log of the server as JSON",
    "https://docs.mattermost.com/administration-guide/comply/embedded-json-audit-log-schema.html",
    require=all_of(
        "timestamp",
        any_of(
            all_of("event_name", "status", any_of("actor", "event", "meta")),
            all_of("event", "status", "api_path", any_of("user_id", "session_id", "ip_address")),
            all_of("level", "msg", "caller"),  # of the server
        ),
    ),
    time=iso("timestamp"),
    tag="mattermost.{event_name|event|level}",
    message=(
        "{event_name|event|level}{': ' status|msg}{' by ' actor.user_id|login_id|user_id}"
        "{' from ' actor.ip_address|ip_address|ip_addr}{' ' meta.api_path|api_path|path}"
    ),
    entities={
        "addresses": "actor.ip_address ip_address ip_addr",
        "users": "actor.user_id user_id login_id user.name event.parameters.login_id",
    },
)
