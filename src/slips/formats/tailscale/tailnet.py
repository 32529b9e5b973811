"""Logs of Tailscale: changes of configuration, and flows between nodes."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

TAILSCALE = Json(
    "tailscale",
    "Tailscale configuration audit logs and network flow logs",
    "https://tailscale.com/kb/1203/audit-logging",
    require=any_of(
        all_of("action", any_of("actor", "target", "eventGroupID")), all_of("nodeId", any_of("start", "end", "logged"))
    ),
    also_in="event",  # of a log stream
    time=moment("eventTime", "time", "start", "logged"),
    tag="tailscale.{origin|'network'}",
    message="{action|'flows of'} {target.name|target.id|nodeId|'-'} by {actor.loginName|actor.displayName|'-'}",
    entities={"users": "actor.loginName", "hosts": "target.name"},
)
