"""Alibaba Cloud ActionTrail: calls of its APIs and sign-ins to its console."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# An object of a trail is an array of events.
ACTIONTRAIL = Json(
    "actiontrail",
    "Alibaba Cloud ActionTrail events: calls of APIs, sign-ins, events of services",
    "https://www.alibabacloud.com/help/en/actiontrail/user-guide/management-event-structure",
    require=all_of("eventName", any_of("acsRegion", "sourceIpAddress", "serviceName")),
    time=iso("eventTime"),
    tag="alibaba.actiontrail.{eventType|'event'}",
    message=(
        "{errorCode|'OK'} {serviceName|eventSource|'-'} {eventName} "
        "by {userIdentity.userName|userIdentity.principalId|'-'} from {sourceIpAddress|'-'}"
    ),
    booleans="userIdentity.sessionContext.attributes.mfaAuthenticated",
    entities={"addresses": "sourceIpAddress", "users": "userIdentity.userName", "hosts": "resourceName"},
)
