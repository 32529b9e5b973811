"""Amazon DocumentDB: audit logs."""

from __future__ import annotations

from slips.parsing import Json, epoch

DOCUMENTDB_AUDIT = Json(
    "documentdb-audit",
    "audit logs of Amazon DocumentDB",
    "https://docs.aws.amazon.com/documentdb/latest/devguide/event-auditing.html",
    tag="aws.documentdb-audit.{atype}",
    time=epoch("ts", unit="ms"),
    message="{atype} {param.command|param.mechanism|'-'} {param.ns|'-'} by {param.user|user|'-'} from {remote_ip|'-'}",
    require="atype",
    entities={"addresses": "remote_ip", "users": "param.user user users.user"},
)
