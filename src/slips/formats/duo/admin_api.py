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
    ),
    time=moment("isotimestamp", "ts", "timestamp"),
    tag="duo.{event_type|action|'event'}",
    message=(
        "{event_type|action|factor|'-'} {result|'-'} {reason|object|'-'} {user.name|username|'-'} from "
        "{access_device.ip|ip|'-'}"
    ),
    entities={
        "addresses": "access_device.ip auth_device.ip ip",
        "users": "user.name username email",
        "hosts": "access_device.hostname host",
    },
)
