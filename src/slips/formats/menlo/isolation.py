"""Logs of Menlo Security, of its API for export: web requests, data loss prevention, e-mail, audit."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# Answers of the API have each event in `event`. A time has no zone, and is UTC; `NA` is no value.
MENLO = Json(
    "menlo",
    "Menlo Security: web requests that are isolated or blocked, DLP, files",
    "https://www.menlosecurity.com/",
    require=all_of("event_time", "name", any_of("vendor", "product"), any_of("pe_action", "action", "userid")),
    also_in="event",
    time=iso("event_time"),
    tag="menlo.isolation",
    message="{pe_action|action|'-'} {name}: {url|dst_url|domain|'-'} by {userid|'-'} ({threat_types|categories|'-'})",
    absent="NA",
    integers="severity risk_tally file_size response_code tab_id numSubfiles ccl_match_counts ccl_scores",
    booleans="is_iframe has_password user_input alerted",
    entities={
        "addresses": "x-client-ip origin_ip xff_ip dst egress_ip",
        "users": "userid",
        "domains": "domain",
        "hashes": "sha256",
    },
)
