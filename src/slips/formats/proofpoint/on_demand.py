"""Messages and mail logs of Proofpoint on Demand (Email Protection)."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

PROOFPOINT_POD = Json(
    "proofpoint-pod",
    "Proofpoint on Demand: messages, and lines of its mail servers, as the log API writes them",
    "https://proofpointcommunities.force.com/community/s/article/Proofpoint-on-Demand-Pod-Log-API",
    require=all_of("ts", any_of("sm", "msg", "filter", "pps", "connection")),
    time=iso("ts"),
    tag="proofpoint.pod.{type|metadata.type|'message'}",
    message=(
        "{filter.disposition|sm.stat|'-'} {envelope.from|sm.from|sm.ctladdr|'-'} => {envelope.rcpts|sm.to|'-'}: "
        "{msg.header.subject|sm.qid|'-'}"
    ),
    entities={
        "addresses": "connection.ip sm.relay",
        "users": "envelope.from envelope.rcpts sm.from sm.to",
        "hosts": "connection.host pps.agent",
        "hashes": "msgParts.sha256 msgParts.md5",
    },
)
