"""Requests for rights and events of Admin By Request, as its API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ADMIN_BY_REQUEST = Json(
    "admin-by-request",
    "Admin By Request (EPM) audit log of elevations, and events of endpoints, as its API gives them",
    "https://docs.adminbyrequest.com/integrations/api/api-overview.htm",
    require=any_of(
        all_of("eventCode", any_of("eventText", "eventTimeUTC", "eventTime")),
        all_of("traceNo", any_of("requestTimeUTC", "requestTime", "typeCode")),
    ),
    time=iso("eventTimeUTC", "requestTimeUTC", "eventTime", "requestTime"),
    tag="admin-by-request.{type|'event'}",
    message="{eventText|type|'event'}{': ' application.name|application.file}{' by ' user.account|userAccount}"
    "{' on ' computer.name|computerName}{', ' status}",
    entities={
        "users": "user.account user.email userAccount alertAccount approvedBy deniedBy",
        "hosts": "computer.name computerName",
        "hashes": "application.sha256 elevatedApplications.sha256",
    },
)
