"""Activity logs of Doppler, which keeps secrets."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# Events that Doppler sends to a logging service have a source, a slug and a type; those of its API an id and the time.
DOPPLER = Json(
    "doppler",
    "Doppler activity logs: of its API, or as sent to a logging service",
    "https://docs.doppler.com/docs/activity-log-event-schema",
    require=all_of("text", "user", any_of("html", all_of("slug", "type"))),
    time=iso("created_at"),
    tag="doppler.{type|'activity'}",
    message="{text}{' by ' user.email|user.name}",
    entities={"users": "user.email user.username"},
)
