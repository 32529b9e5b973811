"""Logs of Airlock Digital, which allows programs that are known: executions on endpoints, activities of its server."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# The number `type` of an execution says whether it was trusted, blocked, or untrusted and allowed.
AIRLOCK = Json(
    "airlock",
    "Airlock Digital execution histories and server activities, of its REST API",
    "https://api.airlockdigital.com/",
    require=any_of(
        all_of("datetime", "filename", any_of("sha256", "policyname", "ppolicy")),
        all_of("datetime", "task", any_of("description", "checkpoint")),
    ),
    time=iso("datetime"),
    tag="airlock.{task|'execution'}",
    message="{task|filename}{' on ' hostname}{' by ' username|user}{': ' description|policyname}",
    entities={"users": "username user", "hosts": "hostname", "hashes": "md5 sha128 sha256 sha384 sha512"},
)
