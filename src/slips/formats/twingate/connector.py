"""Connections of Twingate's connectors."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

TWINGATE = Json(
    "twingate",
    "Twingate network events: connections through a connector",
    "https://www.twingate.com/docs/connector-real-time-logs",
    require=all_of("event_type", any_of("connection", "connector", "resource", "remote_network")),
    time=moment("timestamp", "time"),
    tag="twingate.{event_type}",
    message="{event_type} {user.email|'-'} => {resource.address|'-'}:{connection.resource_port|'-'}",
    documents="location",
    entities={
        "addresses": "connection.client_ip connection.resource_ip",
        "users": "user.email",
        "domains": "resource.address",
    },
)
