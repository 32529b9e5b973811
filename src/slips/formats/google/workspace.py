"""Activities of G Suite, today Google Workspace, in the shape of its Reports API: one JSON object a record."""

from __future__ import annotations

from slips import times
from slips.errors import RecordError
from slips.format import Event, parser
from slips.model import MetaData


@parser(
    "g-suite-login",
    summary="logins to G Suite (Google Workspace)",
    reference="https://developers.google.com/admin-sdk/reports/v1/guides/manage-audit-login",
    tag="gsuite.login",
)
def g_suite_login(meta: MetaData, event: Event) -> Event:
    """Set the time to `id.time`. Activities of other applications have the same shape and get the same tag.

    Raises RecordError for a malformed `id.time`, and for an `id` that is no object.
    """
    meta.tag = "gsuite.login"
    identity = event.get("id")
    if identity.__class__ is dict:
        time = identity.get("time")
        if time is not None and time != "":
            meta.timestamp = times.iso(time, "id.time")
    elif identity is not None:
        raise RecordError(f"'id' is {identity!r:.60}; expected an object with the 'time'")
    return event
