"""Events of OneLogin: sign-ins, provisioning, administration."""

from __future__ import annotations

from slips.parsing import Json, iso

ONELOGIN = Json(
    "onelogin",
    "OneLogin events, of the API or the event broadcaster",
    "https://developers.onelogin.com/api-docs/1/events/event-resource",
    require="event_type_id",
    time=iso("created_at", "event_timestamp"),
    tag="onelogin.{event_type_id}",
    message=(
        "event {event_type_id}{': ' user_name|user_id}{' ' app_name|operation_name|notes}"
        "{' by ' actor_user_name|actor_system}{' from ' ipaddr}"
    ),
    entities={"addresses": "ipaddr proxy_ip", "users": "user_name actor_user_name login_name"},
)
