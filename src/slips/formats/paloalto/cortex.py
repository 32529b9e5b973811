"""Incidents and alerts of Palo Alto Networks Cortex XDR, as its API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

CORTEX_XDR = Json(
    "cortex-xdr",
    "Palo Alto Networks Cortex XDR incidents and alerts, of its API",
    "https://docs-cortex.paloaltonetworks.com/r/Cortex-XDR/Cortex-XDR-API-Reference/Get-Alerts-Multi-Events-v2",
    require=any_of(
        all_of("incident_id", "creation_time", any_of("alert_count", "incident_sources", "xdr_url")),
        all_of("detection_timestamp", any_of("alert_id", "external_id"), any_of("severity", "category", "action")),
    ),
    time=epoch("detection_timestamp", "modification_time", "creation_time", unit="ms"),
    tag="paloalto.cortex-xdr.{category|'incident'}",
    message="{severity|'-'} {name|description|'incident'}{' ' action_pretty|status}{' on ' host_name|hosts}"
    "{' by ' user_name|users}",
    entities={
        "addresses": "host_ip action_local_ip action_remote_ip events.action_local_ip events.action_remote_ip",
        "users": "user_name users events.user_name",
        "hosts": "host_name",
        "domains": "dns_query_name action_external_hostname events.dns_query_name events.action_external_hostname",
        "hashes": "actor_process_image_sha256 action_file_sha256 events.actor_process_image_sha256 "
        "events.action_file_sha256",
    },
)
