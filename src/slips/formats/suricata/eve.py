"""The EVE output of Suricata: alerts, flows, protocols, files."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SURICATA = Json(
    "suricata",
    "Suricata EVE JSON: alerts, flows, DNS, HTTP, TLS, files, statistics",
    "https://docs.suricata.io/en/latest/output/eve/eve-json-format.html",
    require=all_of("event_type", any_of("timestamp", "flow_id", "src_ip", "stats")),
    time=iso("timestamp"),
    tag="suricata.{event_type}",
    message=(
        "{alert.signature|dns.rrname|http.hostname|tls.sni|event_type} {src_ip|'-'}:{src_port|'-'} => "
        "{dest_ip|'-'}:{dest_port|'-'}"
    ),
    entities={
        "addresses": "src_ip dest_ip",
        "domains": "dns.rrname dns.queries.rrname http.hostname tls.sni",
        "hashes": "fileinfo.md5 fileinfo.sha1 fileinfo.sha256 tls.ja3.hash",
    },
)
