"""Events and alerts of Sophos Central, as its SIEM integration API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# Sophos' script for this API writes `when` as `end`, `created_at` as `rt`, and users and hosts by other names.
SOPHOS_CENTRAL = Json(
    "sophos-central",
    "Sophos Central events and alerts: detections, policies, web control, endpoints, users",
    "https://developer.sophos.com/docs/siem-v1/1/overview",
    require=all_of("type", "severity", any_of("customer_id", "endpoint_id"), any_of("when", "created_at", "end", "rt")),
    time=iso("when", "end", "created_at", "rt"),
    tag="sophos.central.{type}",
    message="{name|description|threat|type}{' on ' location|dhost}{' by ' source|suser}",
    absent="n/a",
    integers="ips_threat_data.localPort ips_threat_data.remotePort",
    entities={
        "addresses": "source_info.ip ips_threat_data.remoteIp",
        "users": "source suser",
        "hosts": "location dhost",
        "hashes": "appSha256",
    },
)
