"""Incidents of Thinkst Canaries and Canarytokens."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

THINKST_CANARY = Json(
    "thinkst-canary",
    "Thinkst Canary incidents, as its webhooks write them",
    "https://help.canary.tools/hc/en-gb/articles/360002426577-How-do-I-configure-notifications-for-a-Generic-Webhook-",
    require=any_of(
        all_of("AlertType", any_of("Description", "Incident", "CanaryName", "Triggered")),
        all_of("incident_id", any_of("alert_type", "description", "canary_name")),
    ),
    time=stamp("Timestamp", "timestamp"),
    tag="thinkst.canary.{AlertType|alert_type|'incident'}",
    message=(
        "{Description|description|'-'}: {SourceIP|source_ip|'-'} => "
        "{CanaryIP|canary_ip|'-'} ({CanaryName|canary_name|'-'})"
    ),
    integers="Triggered",
    entities={
        "addresses": "SourceIP CanaryIP source_ip canary_ip",
        "hosts": "CanaryName canary_name ReverseDNS reverse_dns",
    },
)
