"""Traffic flow summaries and auditable events of Illumio's Policy Compute Engine (PCE), which it writes to S3."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ILLUMIO = Json(
    "illumio",
    "Illumio Core (PCE): summaries of traffic flows, and audit events, as JSON",
    "https://product-docs-repo.illumio.com/Tech-Docs/Core/25.2/REST-APIs/out/en/events-administration-and-rest-apis/"
    "traffic-flow-summaries/traffic-flow-types-and-properties.html",
    require=all_of(
        "timestamp",
        any_of(all_of("src_ip", "dst_ip", any_of("pd", "dir")), all_of("event_type", any_of("pce_fqdn", "created_by"))),
    ),
    time=iso("timestamp"),
    tag="illumio.{event_type|'flow'}",
    message="{event_type|'flow'}{' ' status|severity}{' ' src_ip}{' => ' dst_ip}{':' dst_port}{', decision ' pd}"
    "{' by ' created_by.user.username|created_by.agent.hostname|un}{' from ' action.src_ip}",
    integers="pd pd_qualifier count dst_port proto interval_sec version org_id",
    entities={
        "addresses": "src_ip dst_ip action.src_ip",
        "users": "un created_by.user.username",
        "hosts": "src_hostname dst_hostname created_by.agent.hostname",
    },
)
