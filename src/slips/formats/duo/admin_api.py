"""Logs of Duo's Admin API: authentications, administrators, telephony, enrolment."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

DUO = Json(
    "duo",
    "Duo authentication, administrator, telephony and offline enrolment logs, of version 1 and 2",
    "https://duo.com/docs/adminapi#logs",
    require=any_of(
        all_of("event_type", any_of("factor", "result", "reason", "application")),
        all_of("factor", any_of("result", "integration", "username")),
        all_of("action", any_of("username", "object", "description", "admin", "actor")),
        all_of("phone", any_of("credits", "type", "telephony_id", "context")),
        all_of("telephony_id", "context"),
        all_of("activity_id", any_of("action", "actor", "akey")),
        all_of("sekey", any_of("surfaced_timestamp", "surfaced_auth", "triaged_as_interesting")),  # of Trust Monitor
    ),
    time=moment("isotimestamp", "ts", "timestamp", "surfaced_timestamp"),
    tag="duo.{event_type|action.name|action|'event'}",
    message=(
        "{event_type|action.name|action|factor|type|'event'}{' ' result|outcome.result}"
        "{' ' reason|object|target.name}"
        "{' ' user.name|username|actor.name|surfaced_auth.user.name|enabled_for.name}"
        "{' from ' access_device.ip.address|access_device.ip|surfaced_auth.access_device.ip|ip}"
    ),
    integers="timestamp",
    entities={
        "addresses": "access_device.ip access_device.ip.address surfaced_auth.access_device.ip auth_device.ip ip",
        "users": "user.name username actor.name surfaced_auth.user.name enabled_for.name enabled_by.name email",
        "hosts": "access_device.hostname host",
    },
)
