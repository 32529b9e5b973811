"""Audit logs of Wiz."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

WIZ = Json(
    "wiz",
    "Wiz audit log entries",
    "https://docs.wiz.io/docs/audit-logs",
    require=all_of("action", any_of("requestId", "requestid", "actionParameters", "sourceIP", "sourceip", "status")),
    time=iso("timestamp"),
    tag="wiz.{action}",
    message=(
        "{action} {status|'-'} by {user.name|user.id|serviceAccount.name|serviceaccount.name|'-'} from "
        "{sourceIP|sourceip|'-'}"
    ),
    entities={"addresses": "sourceIP sourceip", "users": "user.name user.id serviceAccount.name"},
)
