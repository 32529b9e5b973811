"""Logs of Vercel's log drains: builds, functions, requests at the edge."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

VERCEL = Json(
    "vercel",
    "Vercel log drains, as JSON or NDJSON",
    "https://vercel.com/docs/drains/reference/logs",
    require=all_of(any_of("deploymentId", "projectId"), any_of("source", "timestamp", "id")),
    time=epoch("timestamp", unit="ms"),
    tag="vercel.{source|'log'}",
    message="{message|proxy.path|path|source|'-'}",
    integers="timestamp",
    entities={"addresses": "proxy.clientIp", "domains": "host proxy.host"},
)
