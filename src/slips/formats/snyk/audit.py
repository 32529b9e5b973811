"""Audit logs of Snyk groups and organizations."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SNYK = Json(
    "snyk",
    "Snyk audit logs",
    "https://docs.snyk.io/snyk-platform-administration/user-management-with-the-api/"
    "retrieve-audit-logs-of-user-initiated-activity-by-api-for-an-org-or-group",
    require=all_of("event", any_of("groupId", "orgId", "group_id", "org_id", "content")),
    time=iso("created"),
    tag="snyk.{event}",
    message="{event} by {userId|user_id|content.userPublicId|'-'}",
    entities={"users": "userId user_id content.email"},
)
