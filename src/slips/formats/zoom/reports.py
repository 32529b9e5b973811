"""Zoom: operation logs of administrators, sign-ins and sign-outs, activities of meetings, events sent to webhooks."""

from __future__ import annotations

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, moment


def _read_activity(meta: MetaData, event: Event) -> None:
    """Read the time of an activity, which has a colon before its milliseconds: `2026-03-01 08:00:00:250`."""
    text = event.get("activity_time")
    if isinstance(text, str):
        clock, _, fraction = text.rpartition(":")
        meta.timestamp = times.iso(f"{clock}.{fraction}" if text.count(":") == 3 else text, "activity_time")


# An event of a webhook lacks `event_ts` in older versions.
ZOOM = Json(
    "zoom",
    "Zoom operation logs, sign-in and sign-out activity, activities of meetings, events of webhooks",
    "https://developers.zoom.us/docs/api/rest/reference/zoom-api/methods/#operation/reportOperationLogs",
    require=any_of(
        all_of("operator", "action"),
        all_of("email", "type"),
        all_of("activity_time", "activity_category"),
        all_of("event", any_of("payload.account_id", "payload.plainToken")),
    ),
    time=moment("time", "event_ts", "payload.time_stamp"),
    tag="zoom.{event|category_type|type|activity_category|'operation'}",
    message=(
        "{operation_detail|activity_detail|action|type|event} by "
        "{operator|email|payload.operator|payload.object.host_id|'-'}"
    ),
    refine=_read_activity,
    entities={
        "addresses": "ip_address",
        "users": "operator email operator_email payload.operator payload.object.owner_email payload.object.email",
    },
)
