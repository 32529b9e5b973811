"""Audit logs of HashiCorp Nomad and Consul (Enterprise), which share a shape; 'vault-audit' reads those of Vault."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

HASHICORP_AUDIT = Json(
    "hashicorp-audit",
    "audit logs of HashiCorp Nomad and Consul: requests to their HTTP API, received and completed",
    "https://developer.hashicorp.com/nomad/docs/configuration/audit",
    require=all_of("created_at", "event_type", "payload.stage", "payload.request"),
    time=iso("payload.timestamp", "created_at"),
    tag="hashicorp.audit.{payload.stage}",
    message=(
        "{payload.request.operation|'-'} {payload.request.endpoint|'-'} by "
        "{payload.auth.name|payload.auth.description|payload.auth.accessor_id|'-'}: "
        "{payload.response.status_code|payload.response.status|payload.stage}"
    ),
    integers="payload.response.status",
    entities={
        "addresses": "payload.request.request_meta.remote_address payload.request.remote_addr",
        "users": "payload.auth.name payload.auth.accessor_id",
    },
)
