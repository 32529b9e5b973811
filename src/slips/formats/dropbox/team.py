"""The team log of Dropbox Business."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# The type of an object is its key `.tag`, which some exports write as `_tag`.
DROPBOX = Json(
    "dropbox",
    "Dropbox team log",
    "https://www.dropbox.com/developers/documentation/http/teams#team_log-get_events",
    require=all_of("event_type", any_of("actor", "origin", "event_category", "details")),
    time=iso("timestamp"),
    tag="dropbox.{event_type..tag|event_type._tag}",
    message=(
        "{event_type.description|event_type..tag|event_type._tag} "
        "by {actor.user.email|actor.admin.email|context.email|'-'}"
    ),
    entities={
        "addresses": "origin.geo_location.ip_address",
        "users": "actor.user.email actor.admin.email context.email participants.user.email",
    },
)
