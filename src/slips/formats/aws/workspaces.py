"""Amazon WorkSpaces: sign-ins of users, and changes of WorkSpaces."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

WORKSPACES = Json(
    "workspaces",
    "access events of Amazon WorkSpaces, as EventBridge delivers them",
    "https://docs.aws.amazon.com/workspaces/latest/adminguide/cloudwatch-events.html",
    tag="aws.workspaces",
    time=iso("detail.loginTime", "time"),
    message=(
        "{detail.actionType|detail-type|'event'}{' ' detail.workspaceId}{' from ' detail.clientIpAddress}"
        "{' ' detail.clientPlatform}"
    ),
    require=all_of("detail-type", "detail.workspaceId"),
    entities={"addresses": "detail.clientIpAddress", "hosts": "detail.workspaceId"},
)
