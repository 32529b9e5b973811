"""Alerts of AppOmni, and the events of applications that it normalizes."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

APPOMNI = Json(
    "appomni",
    "AppOmni alerts, and events of the applications that it watches",
    "https://labs.appomni.com/aces/event.html",
    require=any_of("appomni.event", "appomni.alert", "appomni.organization"),
    time=iso("@timestamp", "timestamp", "event.created"),
    tag="appomni.{appomni.event.dataset|event.kind|'event'}",
    message="{rule.name|event.action|event.kind|'-'}: {message|event.code|'-'}",
    entities={"addresses": "related.ip source.ip", "users": "related.user user.name user.email"},
)
