"""Events of Keycloak, as its listeners write them as JSON: of users, and of administrators."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

KEYCLOAK = Json(
    "keycloak",
    "Keycloak user events and admin events",
    "https://www.keycloak.org/docs/latest/server_admin/#configuring-auditing-to-track-events",
    require=all_of("realmId", any_of("type", "operationType", "resourcePath")),
    time=epoch("time", unit="ms"),
    tag="keycloak.{type|operationType|'event'}",
    message=(
        "{type|operationType|'-'} {resourcePath|clientId|'-'} by "
        "{details.username|userId|authDetails.userId|'-'} from {ipAddress|authDetails.ipAddress|'-'} {error|'-'}"
    ),
    entities={
        "addresses": "ipAddress authDetails.ipAddress",
        "users": "details.username userId authDetails.username authDetails.userId",
    },
)
