"""Rapid7 InsightVM: assets, vulnerabilities, and the findings of both, of its integrations API."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# Answers of the API have several in `data`: for a record of each, the chain is `[json-records:data, rapid7-insightvm]`.
RAPID7_INSIGHTVM = Json(
    "rapid7-insightvm",
    "Rapid7 InsightVM: assets with counts of vulnerabilities, vulnerabilities, findings on an asset",
    "https://help.rapid7.com/insightvm/en-us/api/integrations.html",
    require=any_of(
        all_of("id", any_of("critical_vulnerabilities", "total_vulnerabilities", "last_assessed_for_vulnerabilities")),
        all_of("id", "title", any_of("cvss_v2_score", "cvss_v3_score", "severity_score")),
        all_of("vulnerability_id", "status", any_of("last_found", "first_found")),
    ),
    time=iso(
        *("vulnerability.last_found", "last_found", "last_scan_end", "last_assessed_for_vulnerabilities"),
        *("modified", "published", "added", "vulnerability.first_found", "first_found"),
    ),
    tag="rapid7.insightvm",
    message=(
        "{vulnerability.severity|severity|vulnerability.status|status|type|'asset'}: "
        "{vulnerability.title|title|vulnerability_id|os_description|'-'} on {host_name|ip|id|'-'}"
    ),
    integers="vulnerability.port port",
    entities={"addresses": "ip", "hosts": "host_name"},
)
