"""Alerts of Darktrace as JSON: breaches of models, incidents of its AI Analyst, the state of the system itself."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, moment


def _name_kind(meta: MetaData, event: Event) -> None:
    kind = "model_breach" if "pbid" in event else "ai_analyst" if "summariser" in event else "system_status"
    meta.tag = f"darktrace.{kind}"


# Its API wraps the model in `now` and `then`. As sent to syslog: `[syslog-any, json, darktrace]`.
DARKTRACE = Json(
    "darktrace",
    "Darktrace alerts as JSON: model breaches, incident events of AI Analyst, system status",
    "https://customerportal.darktrace.com/product-guides/main/syslog-json-schema",
    require=any_of(
        all_of("pbid", any_of("model.name", "model.now.name", "model.then.name")),
        all_of("summariser", "createdAt"),
        all_of("alert_name", any_of("last_updated", "last_updated_status")),
    ),
    time=moment("time", "createdAt", "last_updated", "last_updated_status"),
    tag="darktrace.{model_breach|ai_analyst|system_status}",
    message=(
        "{model.name|model.now.name|model.then.name|title|alert_name|'alert'}"
        "{' ' device.hostname|device.ip|breachDevices.hostname|breachDevices.ip|hostname}"
        "{' ' score|aiaScore|priority_level}"
    ),
    floats="groupScore",
    refine=_name_kind,
    entities={
        "addresses": "device.ip device.ips.ip breachDevices.ip ip_address",
        "users": "device.credentials",
        "hosts": "device.hostname breachDevices.hostname hostname",
    },
)
