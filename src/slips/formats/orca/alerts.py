"""Alerts of Orca Security on assets in clouds."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ORCA = Json(
    "orca",
    "Orca Security alerts: misconfigurations, vulnerabilities, malware and identities in clouds",
    "https://docs.orcasecurity.io/docs/api-overview",
    require=all_of("state.alert_id", any_of("type_string", "type", "asset_unique_id", "cloud_account_id")),
    time=iso("state.last_updated", "state.last_seen", "state.created_at"),
    tag="orca.{type|'alert'}",
    message="{state.risk_level|state.severity|'-'} {state.status|'-'}: {type_string|type|'alert'}{' on ' asset_name}"
    "{' in ' account_name|cloud_account_id}",
    floats="state.orca_score",
    entities={"users": "model.data.User.Name"},
)
