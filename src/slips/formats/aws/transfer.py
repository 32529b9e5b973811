"""AWS Transfer Family: structured logs of servers, and logs of connectors and workflows."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

TRANSFER = Json(
    "transfer",
    "logs of AWS Transfer Family as JSON: what users, connectors and workflows did with files",
    "https://docs.aws.amazon.com/transfer/latest/userguide/cw-structure-logs.html",
    tag="aws.transfer",
    time=iso("end-time", "timestamp"),  # of connectors the time of the transfer, and that of the line
    message="{activity-type|operation|type|'-'} "
    "{path|file-path|details.errorMessage|details.stepName|message|failure-message|'-'} "
    "by {user|transferDetails.username|connector-id|'-'} from {source-ip|url|'-'}",
    require=any_of("activity-type", "connector-id", "workflowId"),
    integers="bytes-in bytes-out",
    entities={"addresses": "source-ip", "users": "user role transferDetails.username", "domains": "url"},
)
