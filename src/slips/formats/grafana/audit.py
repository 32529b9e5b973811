"""Audit records of Grafana Enterprise and Cloud."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

GRAFANA_AUDIT = Json(
    "grafana-audit",
    "Grafana audit records",
    "https://grafana.com/docs/grafana/latest/setup-grafana/configure-security/audit-grafana/",
    require=all_of("action", any_of("requestUri", "grafanaVersion", "resources")),
    time=iso("timestamp"),
    tag="grafana.audit.{action}",
    message="{action} {result.statusType|'-'} by {user.name|user.userId|'-'} from {ipAddress|'-'}",
    integers="result.statusCode user.userId",
    booleans="user.isAnonymous",
    entities={"addresses": "ipAddress", "users": "user.name"},
)
