"""Audit activities of Google Workspace, of every application."""

from __future__ import annotations

from typing import Any

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, iso


def _name_events(meta: MetaData, event: Event) -> None:
    """Name the events of an activity in its message, in place of the kind that all activities have."""
    events: Any = event.get("events")
    named = [each for each in events if isinstance(each, dict)] if isinstance(events, list) else []
    names = [each["name"] for each in named if isinstance(each.get("name"), str)]
    if not names or event.get("name") is not None:
        return
    identity, actor = (each if isinstance(each, dict) else {} for each in (event.get("id"), event.get("actor")))
    who = actor.get("email") or actor.get("key") or actor.get("callerType") or "-"
    meta.message = (
        f"{identity.get('applicationName') or '-'} {', '.join(names)} by {who} from {event.get('ipAddress') or '-'}"
    )


# The activity of the Reports API has its events in an array; some exports write one record for each event.
GOOGLE_WORKSPACE = Json(
    "google-workspace",
    "Google Workspace audit activities of all applications: admin, drive, login, token, groups, …",
    "https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list",
    require=any_of("id.applicationName", all_of("kind", any_of("events", "actor"))),
    time=iso("id.time"),
    tag="google.workspace.{id.applicationName|'activity'}",
    message=(
        "{id.applicationName|'-'} {name|events.name|kind|'-'} by "
        "{actor.email|actor.key|actor.callerType|'-'} from {ipAddress|'-'}"
    ),
    refine=_name_events,
    # The API writes numbers of 64 bits as texts.
    integers="""events.parameters.intValue events.parameters.multiIntValue
        events.parameters.messageValue.parameter.intValue events.parameters.messageValue.parameter.multiIntValue
        events.parameters.multiMessageValue.parameter.intValue
        events.parameters.multiMessageValue.parameter.multiIntValue parameters.intValue parameters.multiIntValue""",
    entities={"addresses": "ipAddress", "users": "actor.email", "domains": "ownerDomain"},
)
