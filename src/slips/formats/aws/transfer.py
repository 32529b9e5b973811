"""AWS Transfer Family: structured logs of servers."""

from __future__ import annotations

from slips.parsing import Json, iso

TRANSFER = Json(
    "transfer",
    "structured logs of AWS Transfer Family: connections, and what users did with files",
    "https://docs.aws.amazon.com/transfer/latest/userguide/structured-logging.html",
    tag="aws.transfer",
    time=iso("timestamp"),
    message="{activity-type} {path|message|'-'} by {user|'-'} from {source-ip|'-'}",
    require="activity-type",
    integers="bytes-in bytes-out",
    entities={"addresses": "source-ip", "users": "user role"},
)
