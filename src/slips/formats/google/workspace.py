"""Activities of G Suite, today Google Workspace, in the shape of its Reports API: one JSON object a record."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

# Activities of other applications have the same shape, and get the same tag.
G_SUITE_LOGIN = Json(
    "g-suite-login",
    "logins to G Suite (Google Workspace)",
    "https://developers.google.com/workspace/admin/reports/v1/guides/manage-audit-login",
    require=any_of(
        *("kind", "id", "etag", "actor", "ownerDomain", "ipAddress", "events", "networkInfo", "resourceDetails")
    ),
    time=iso("id.time"),
    tag="gsuite.login",
    entities={"addresses": "ipAddress", "users": "actor.email"},
)
