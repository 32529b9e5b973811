"""Webhook events of Push Security."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

PUSH_SECURITY = Json(
    "push-security",
    "Push Security events: activity, detections, controls, entities",
    "https://pushsecurity.redoc.ly/webhooks-v1/",
    require=all_of("object", any_of("category", "new", "version", "type")),
    time=epoch("timestamp"),
    tag="push.{category|'event'}.{object}",
    message="{type|category|'-'} {object} {new.email|new.employee.email|new.identity.email|new.name|'-'}",
    entities={
        "addresses": "new.sourceIpAddress",
        "users": "new.email new.employee.email new.identity.email",
        "domains": "new.appDomain new.url",
    },
)
