"""Audit events of SailPoint Identity Security Cloud, formerly IdentityNow."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SAILPOINT = Json(
    "sailpoint",
    "SailPoint Identity Security Cloud (IdentityNow) audit events: sign-ins, access, accounts, policies",
    "https://developer.sailpoint.com/docs/api/v3/identity-security-cloud-v-3-api",
    require=all_of("org", "technicalName", "created", any_of("action", "operation")),
    time=iso("created"),
    tag="sailpoint.{type|'event'}",
    message="{name|technicalName} by {actor.name|'-'} on {target.name|'-'}: {status|'-'}",
    entities={"addresses": "ipAddress", "users": "actor.name target.name attributes.accountId"},
)
