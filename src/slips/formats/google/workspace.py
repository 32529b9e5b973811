"""Activities of G Suite, today Google Workspace, in the shape of its Reports API: one JSON object a record."""

from __future__ import annotations

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, any_of, iso


def _refuse_id_of_another_kind(_meta: MetaData, event: Event) -> None:
    """Raise RecordError for an `id` that is no object: the time would be in it."""
    identity = event.get("id")
    if identity.__class__ is not dict and identity is not None:
        raise RecordError(f"'id' is {identity!r:.60}; expected an object with the 'time'")


# Activities of other applications have the same shape, and get the same tag.
G_SUITE_LOGIN = Json(
    "g-suite-login",
    "logins to G Suite (Google Workspace)",
    "https://developers.google.com/admin-sdk/reports/v1/guides/manage-audit-login",
    require=any_of(
        *("kind", "id", "etag", "actor", "ownerDomain", "ipAddress", "events", "networkInfo", "resourceDetails")
    ),
    time=iso("id.time"),
    tag="gsuite.login",
    refine=_refuse_id_of_another_kind,
)
