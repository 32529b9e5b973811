"""Audit activities of PingOne, of its API and of its webhooks."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

PINGONE = Json(
    "pingone",
    "PingOne audit activities: sign-ins, users, policies, applications",
    "https://apidocs.pingidentity.com/pingone/platform/v1/api/",
    require=all_of("action.type", any_of("recordedAt", "createdAt"), any_of("result.status", "resources")),
    time=iso("recordedAt", "createdAt"),
    tag="ping.pingone.{action.type}",
    message=("{action.type}{' by ' actors.user.name|actors.client.name}{': ' result.status}{' ' result.description}"),
    entities={"addresses": "source.ipAddress", "users": "actors.user.name"},
)
