"""Rows of ServiceNow's table `sys_audit`: changes of records."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# Times of the table are UTC. Answers of its API have several rows in `result`: for these the chain is
# `[json-records:result, servicenow-audit]`. With `sysparm_display_value=all` each field is an object with its `value`.
SERVICENOW_AUDIT = Json(
    "servicenow-audit",
    "ServiceNow audit: rows of the table sys_audit, as its API or an export writes them",
    "https://www.servicenow.com/docs/r/platform-security/c_UnderstandingTheSysAuditTable.html",
    require=all_of("tablename", "documentkey", any_of("fieldname", "newvalue", "sys_created_on")),
    time=iso("sys_created_on.value", "sys_created_on"),
    tag="servicenow.audit.{tablename.value|tablename}",
    message="{fieldname.value|fieldname|'record'} of {tablename.value|tablename} {documentkey.value|documentkey}"
    "{': ' newvalue.value|newvalue}{' by ' user.value|user|sys_created_by.value|sys_created_by}",
    integers="record_checkpoint internal_checkpoint record_checkpoint.value internal_checkpoint.value",
    entities={"users": "user.value user sys_created_by.value sys_created_by"},
)
