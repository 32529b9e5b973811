"""Audit log events of Airtable enterprise accounts, as its API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

AIRTABLE = Json(
    "airtable",
    "Airtable audit log events: bases, shares, collaborators, users and settings of an enterprise account",
    "https://airtable.com/developers/web/api/audit-logs-overview",
    require=all_of("timestamp", "action", "modelType", any_of("payloadVersion", "actor", "origin")),
    time=iso("timestamp"),
    tag="airtable.{action}",
    message="{action}{' of ' modelType}{' ' payload.name|modelId}{' by ' actor.user.email|actor.user.id|actor.type}"
    "{' from ' origin.ipAddress}",
    entities={"addresses": "origin.ipAddress", "users": "actor.user.email"},
)
