"""Audits of the Island Enterprise Browser: what users did in it, and what administrators did in its console."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ISLAND = Json(
    "island",
    "Island Enterprise Browser: audits of users (navigation, downloads, printing), and actions of administrators",
    "https://documentation.island.io/apidocs",
    require=any_of(
        all_of("type", any_of("verdict", "clientEventId"), any_of("tenantId", "deviceId", "timestamp")),
        all_of("actionType", any_of("actionDomain", "entityType"), any_of("tenantId", "timestamp")),
    ),
    time=iso("timestamp", "createdDate"),
    tag="island.{type|actionType}",
    message="{type|actionType}{' ' verdict|actionStatus}{' ' topLevelUrl|submittedUrl|entityName|entityType}"
    "{' by ' email|userName|userId}{' from ' publicIp|sourceIp}",
    documents="details",
    entities={
        "addresses": "sourceIp publicIp",
        "users": "email osUserName",
        "hosts": "machineName",
        "domains": "shortTopLevelUrl",
    },
)
