"""User activity log of Workday, as the resource `activityLogging` of its REST API has it."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

WORKDAY = Json(
    "workday",
    "Workday user activity logging: tasks that users and integrations read and changed, of its REST API",
    "https://community.workday.com/sites/default/files/file-hosting/restapi/index.html#privacy/v1/get-/activityLogging",
    require=all_of("requestTime", any_of("activityAction", "taskDisplayName", "systemAccount")),
    time=iso("requestTime"),
    tag="workday.activity",
    message="{activityAction|'activity'}{' ' taskDisplayName}{' ' target.descriptor}{' by ' systemAccount}"
    "{' from ' ipAddress}",
    entities={"addresses": "ipAddress", "users": "systemAccount"},
)
