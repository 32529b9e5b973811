"""The audit log of Teleport clusters: sessions, sign-ins, changes of resources."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

TELEPORT = Json(
    "teleport",
    "Teleport audit events",
    "https://goteleport.com/docs/reference/monitoring/audit/",
    require=all_of("event", any_of("code", "ei", "uid")),
    time=iso("time"),
    tag="teleport.{event}",
    message="{event} {code|'-'} by {user|identity.user|login|'-'} {error|message|path|name|'-'}",
    entities={
        "addresses": "addr.remote addr.local identity.client_ip src_addr dst_addr",
        "users": "user login identity.user",
        "hosts": "server_hostname",
    },
)
