"""Messages, mail logs and audit events of Proofpoint on Demand (Email Protection)."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, iso


def _set_tag(meta: MetaData, event: Event) -> None:
    """Set the tag by the part that an event has: the log API names the type in its address, and not in the event."""
    if not event.get("type"):
        meta.tag = f"proofpoint.pod.{'maillog' if 'sm' in event else 'audit' if 'audit' in event else 'message'}"


PROOFPOINT_POD = Json(
    "proofpoint-pod",
    "Proofpoint on Demand: messages, lines of its mail servers, and audit events, as the log API writes them",
    "https://proofpointcommunities.force.com/community/s/article/Proofpoint-on-Demand-Pod-Log-API",
    require=all_of("ts", any_of("sm", "msg", "filter", "pps", "connection", "audit")),
    time=iso("ts"),
    tag="proofpoint.pod.{type|'message'}",
    message=(
        "{filter.disposition|sm.stat|audit.action|'mail'}"
        "{' ' envelope.from|sm.from|sm.ctladdr|audit.user.email}"
        "{' => ' envelope.rcpts|sm.to|audit.resourceType}{': ' msg.header.subject|sm.qid|audit.resourceName}"
    ),
    integers="sm.pri sm.class sm.nrcpts sm.sizeBytes",
    refine=_set_tag,
    entities={
        "addresses": "connection.ip sm.relay audit.user.ipAddress",
        "users": "envelope.from envelope.rcpts sm.from sm.to audit.user.email",
        "hosts": "connection.host pps.agent",
        "hashes": "msgParts.sha256 msgParts.md5",
    },
)
