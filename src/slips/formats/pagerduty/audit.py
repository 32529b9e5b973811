"""Audit records of PagerDuty."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

PAGERDUTY = Json(
    "pagerduty",
    "PagerDuty audit records",
    "https://developer.pagerduty.com/docs/rest-api-v2/audit-records-api/",
    require=all_of("action", any_of("root_resource", "execution_context", "actors", "execution_time")),
    time=iso("execution_time"),
    tag="pagerduty.{root_resource.type|'audit'}.{action}",
    message="{action} {root_resource.summary|root_resource.id|'-'} from {execution_context.remote_address|'-'}",
    entities={"addresses": "execution_context.remote_address", "users": "actors.summary"},
)
