"""Flows of Cilium, as Hubble exports them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

HUBBLE = Json(
    "hubble",
    "Cilium Hubble flows as JSON",
    "https://docs.cilium.io/en/stable/observability/hubble/configuration/export/",
    require=all_of("flow", any_of("flow.verdict", "flow.IP", "node_name", "flow.time")),
    time=iso("flow.time", "time"),
    tag="cilium.hubble.{flow.verdict|'flow'}",
    message=(
        "{flow.verdict|'-'} {flow.source.namespace|'-'}/{flow.source.pod_name|flow.IP.source|'-'} => "
        "{flow.destination.namespace|'-'}/{flow.destination.pod_name|flow.IP.destination|'-'} {flow.Summary|'-'}"
    ),
    entities={
        "addresses": "flow.IP.source flow.IP.destination",
        "hosts": "node_name flow.source.pod_name flow.destination.pod_name",
        "domains": "flow.destination_names flow.source_names flow.l7.dns.query",
    },
)
