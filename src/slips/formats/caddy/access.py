"""Access logs of the web server Caddy."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

CADDY = Json(
    "caddy",
    "Caddy access logs",
    "https://caddyserver.com/docs/logging",
    require=all_of("request", any_of("logger", "status", "duration")),
    time=moment("ts"),
    tag="caddy.access",
    message=(
        "{status|'request'}{' ' request.method}{' ' request.host}{request.uri|''}"
        "{' from ' request.client_ip|request.remote_ip|request.remote_addr}"
    ),
    integers="request.remote_port",
    entities={
        "addresses": "request.client_ip request.remote_ip request.remote_addr",
        "users": "user_id",
        "domains": "request.host",
    },
)
