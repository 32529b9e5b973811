"""Results of osquery's scheduled queries."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

# All values below `columns` are texts, whatever they count: their types depend on the query.
OSQUERY = Json(
    "osquery",
    "osquery results: differential, snapshot, and by batch",
    "https://osquery.readthedocs.io/en/stable/deployment/logging/",
    require=any_of(
        all_of("name", any_of("columns", "snapshot", "diffResults", "hostIdentifier")), all_of("columns", "action")
    ),
    time=stamp("unixTime", "calendarTime"),
    tag="osquery.{name|'result'}",
    message="{action|'result'} of {name|'-'} on {hostIdentifier|'-'}",
    integers="unixTime epoch counter",
    booleans="numerics",
    entities={
        "addresses": "columns.remote_address columns.local_address columns.address",
        "users": "columns.username columns.user decorations.username",
        "hosts": "hostIdentifier decorations.hostname",
        "hashes": "columns.md5 columns.sha1 columns.sha256",
    },
)
