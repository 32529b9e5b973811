"""Logs that Fastly streams to S3 in the JSON of its documentation."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

FASTLY = Json(
    "fastly",
    "Fastly real-time log streaming, in its JSON log format",
    "https://www.fastly.com/documentation/guides/integrations/streaming-logs/useful-log-formats/",
    require=any_of(
        all_of("client_ip", any_of("request_method", "response_status", "url", "fastly_server", "host")),
        all_of("fastly_server", any_of("request_method", "response_status", "timestamp")),
        all_of("service_id", any_of("event_type", "request", "time_start", "waf_executed")),
    ),
    time=moment("timestamp", "time_start", "time", "created_at"),
    tag="fastly.{event_type|'request'}",
    message=(
        "{response_status|status|event_type|'-'} {request_method|request|'-'} {host|'-'}{url|''} "
        "from {client_ip|ip|'-'}"
    ),
    integers="response_status response_body_size request_body_size status time_elapsed time_start",
    booleans="fastly_is_edge",
    entities={"addresses": "client_ip ip", "domains": "host"},
)
