"""AWS Network Firewall: alerts, flows and TLS inspection."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

# `event` has the fields of Suricata's EVE output; `tls` logs have `event.tls_inspected` and errors of handshakes.
NETWORK_FIREWALL = Json(
    "network-firewall",
    "alert, flow and TLS logs of AWS Network Firewall",
    "https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-logging-contents.html",
    tag="aws.network-firewall.{event.event_type|'tls'}",
    time=iso("event.timestamp"),
    message="{event.alert.action|event.revocation_check.action|event.event_type|'tls'} {event.proto|'-'} "
    "{event.src_ip|'-'} => {event.dest_ip|'-'} {event.alert.signature|event.tls.sni|event.sni|event.app_proto|'-'}",
    require=all_of("firewall_name", "event"),
    documents="event.aws_category",
    integers="event_timestamp event.src_port event.dest_port",
    entities={
        "addresses": "event.src_ip event.dest_ip",
        "domains": "event.tls.sni event.sni event.http.hostname event.dns.rrname",
    },
)
