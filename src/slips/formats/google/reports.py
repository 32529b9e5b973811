"""Audit activities of Google Workspace, of every application."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# The activity of the Reports API has its events in an array; some exports write one record for each event.
GOOGLE_WORKSPACE = Json(
    "google-workspace",
    "Google Workspace audit activities of all applications: admin, drive, login, token, groups, …",
    "https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list",
    require=any_of("id.applicationName", all_of("kind", any_of("events", "actor"))),
    time=iso("id.time"),
    tag="google.workspace.{id.applicationName|'activity'}",
    message=(
        "{id.applicationName|'-'} {name|events[].name|events.name|kind|'-'} by "
        "{actor.email|actor.key|actor.callerType|'-'} from {ipAddress|'-'}"
    ),
    # The API writes numbers of 64 bits as texts.
    integers="""events.parameters.intValue events.parameters.multiIntValue
        events.parameters.messageValue.parameter.intValue events.parameters.messageValue.parameter.multiIntValue
        events.parameters.multiMessageValue.parameter.intValue
        events.parameters.multiMessageValue.parameter.multiIntValue parameters.intValue parameters.multiIntValue""",
    entities={"addresses": "ipAddress", "users": "actor.email", "domains": "ownerDomain"},
)
