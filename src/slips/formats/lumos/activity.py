"""Activity logs of Lumos, which manages accesses to applications, as its API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

LUMOS = Json(
    "lumos",
    "Lumos activity logs: requests for access, reviews, policies and settings",
    "https://developers.lumos.com/reference/activitylogs",
    require=all_of("event_type", "event_began_at", any_of("event_hash", "actor", "event_type_user_friendly")),
    time=iso("event_began_at"),
    tag="lumos.{event_type}",
    message="{event_type_user_friendly|event_type}{' by ' actor.email|actor.actor_type}{': ' outcome}",
    entities={"users": "actor.email"},
)
