"""Logs of Istio."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ISTIO = Json(
    "istio",
    "Istio access logs as JSON: of its proxies, and of its Mixer before 1.5",
    "https://istio.io/latest/docs/tasks/observability/logs/access-log/",
    tag="istio.access",
    time=iso("start_time", "time"),
    message="{method|source|'-'} {path|destination|'-'} {response_code|responseCode|'-'}",
    require=any_of(
        all_of("start_time", any_of("response_code", "upstream_cluster", "response_flags")),
        all_of("instance", any_of("destination", "responseCode", "connectionEvent")),
    ),
    integers="response_code responseCode bytes_received bytes_sent duration upstream_service_time responseSize",
    absent="-",
    entities={"addresses": "sourceIp", "domains": "authority host"},
)
