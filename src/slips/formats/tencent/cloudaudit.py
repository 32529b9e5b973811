"""Tencent Cloud CloudAudit: calls of its APIs and operations in its console, as tracking sets ship them to a bucket."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

TENCENT_CLOUDAUDIT = Json(
    "tencent-cloudaudit",
    "Tencent Cloud CloudAudit events: calls of APIs, operations in the console",
    "https://www.tencentcloud.com/document/product/1021/40499",
    require=all_of("eventName", "eventTime", any_of("actionType", "sensitiveAction", "apiErrorCode")),
    time=epoch("eventTime"),
    tag="tencent.cloudaudit.{eventType|'event'}",
    message=(
        "{actionType|'call'}{' ' eventSource|resourceType} {eventName}{' ' apiErrorCode|errorCode}"
        "{' by ' userIdentity.userName|userIdentity.principalId}{' from ' sourceIPAddress}"
    ),
    integers="eventTime errorCode apiErrorCode sensitiveAction eventPlatform",
    entities={"addresses": "sourceIPAddress", "users": "userIdentity.userName"},
)
