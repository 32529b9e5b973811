"""Activity logs of Intercom: what its admins did, as its API has it."""

from __future__ import annotations

from slips.parsing import Json, all_of, epoch

INTERCOM = Json(
    "intercom",
    "Intercom activity logs: sign-ins of admins, permissions, exports and settings of a workspace",
    "https://developers.intercom.com/docs/references/rest-api/api.intercom.io/admins/listactivitylogs",
    require=all_of("activity_type", "created_at", "performed_by"),
    time=epoch("created_at", unit="s"),
    tag="intercom.{activity_type}",
    message="{activity_type}{' by ' performed_by.email|performed_by.id}{' from ' performed_by.ip}"
    "{': ' activity_description}",
    entities={"addresses": "performed_by.ip", "users": "performed_by.email"},
)
