"""Audit logs of Tines."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

TINES = Json(
    "tines",
    "Tines audit logs",
    "https://www.tines.com/api/audit-logs/",
    require=all_of("operation_name", any_of("user_id", "user_email", "tenant_id", "inputs", "created_at")),
    time=iso("created_at"),
    tag="tines.{operation_name}",
    message="{operation_name} by {user_email|user_name|user_id|'-'} from {request_ip|'-'}",
    entities={"addresses": "request_ip", "users": "user_email"},
)
