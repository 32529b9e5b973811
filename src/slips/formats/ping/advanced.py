"""Audit and debug logs of ForgeRock's and now Ping's platform: AM, IDM, PingOne Advanced Identity Cloud.

The cloud wraps each record of a log source as `payload`; files of PingAM and PingIDM have it bare.
"""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

FORGEROCK = Json(
    "forgerock",
    "ForgeRock and Ping AM, IDM, Advanced Identity Cloud: access, activity, authentication, config and core logs",
    "https://docs.pingidentity.com/pingoneaic/tenants/audit-debug-log-sources.html",
    require=any_of(all_of("eventName", "transactionId"), all_of("payload", "source", "timestamp", "type")),
    also_in="payload",
    time=iso("payload.timestamp", "timestamp"),  # the outer one is of the collector
    tag="forgerock.{topic|source|'log'}",
    message="{eventName|message|logger|payload}{' ' response.status|status|result}{' by ' userId|runAs}",
    integers="response.statusCode payload.response.statusCode",
    entities={
        "addresses": "client.ip server.ip entries.info.ipAddress",
        "users": "userId principal runAs",
    },
)
