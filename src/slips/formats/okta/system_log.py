"""Okta System Log: sign-ins, changes of users, applications and policies."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

OKTA = Json(
    "okta",
    "Okta System Log, of its API or a log stream, one event each",
    "https://developer.okta.com/docs/api/openapi/okta-management/management/tag/SystemLog/",
    require=all_of(
        any_of("eventType", "uuid"),
        any_of("published", "displayMessage", "legacyEventType", "actor", "outcome"),
    ),
    also_in="detail",  # of a log stream to Amazon EventBridge
    time=iso("published"),
    tag="okta.system",
    message="{displayMessage}",
    entities={"addresses": "client.ipAddress request.ipChain.ip", "users": "actor.alternateId target.alternateId"},
)
