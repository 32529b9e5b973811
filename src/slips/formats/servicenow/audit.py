"""Rows of ServiceNow's table `sys_audit`: changes of records."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# Times of the table are UTC. Answers of its API have several rows in `result`: for these the chain is
# `[json-records:result, servicenow-audit]`.
SERVICENOW_AUDIT = Json(
    "servicenow-audit",
    "ServiceNow audit: rows of the table sys_audit, as its API or an export writes them",
    "https://www.servicenow.com/docs/r/platform-security/c_UnderstandingTheSysAuditTable.html",
    require=all_of("tablename", "documentkey", any_of("fieldname", "newvalue", "sys_created_on")),
    time=iso("sys_created_on"),
    tag="servicenow.audit.{tablename}",
    message="{fieldname|'record'} of {tablename} {documentkey}{': ' newvalue}{' by ' user|sys_created_by}",
    integers="record_checkpoint internal_checkpoint",
    entities={"users": "user sys_created_by"},
)
