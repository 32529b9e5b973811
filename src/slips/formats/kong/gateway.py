"""Requests of the Kong gateway, as its logging plug-ins write them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

KONG = Json(
    "kong",
    "Kong Gateway requests, of the file, HTTP and other logging plug-ins",
    "https://developer.konghq.com/plugins/http-log/",
    require=all_of("latencies", any_of("request", "response", "started_at")),
    time=epoch("started_at", unit="ms"),
    tag="kong.request",
    message=("{response.status|'request'}{' ' request.method}{' ' request.url|request.uri}{' from ' client_ip}"),
    integers="request.size response.size",
    entities={"addresses": "client_ip", "users": "consumer.username", "domains": "request.headers.host"},
)
