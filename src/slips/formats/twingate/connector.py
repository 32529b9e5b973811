"""Connections of Twingate's connectors, and the connectors' own log, which has them, too."""

from __future__ import annotations

from typing import Any

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, any_of, moment
from slips.parsing.conversions import document_or_text

_REFERENCE = "https://www.twingate.com/docs/connector-real-time-logs"

TWINGATE = Json(
    "twingate",
    "Twingate network events: connections through a connector",
    _REFERENCE,
    require=all_of("event_type", any_of("connection", "connector", "resource", "remote_network")),
    time=moment("timestamp", "time"),
    tag="twingate.{event_type}",
    message="{event_type} {user.email|'-'} => {resource.address|'-'}:{connection.resource_port|'-'}",
    documents="location",
    entities={
        "addresses": "connection.client_ip connection.resource_ip resource.address",
        "users": "user.email",
        "domains": "resource.address",
    },
)


def _take_analytics(meta: MetaData, event: Event) -> Any:
    """Return the connection that a line has. Raises RecordError for one that is no JSON object."""
    text = event.get("analytics")
    if text is None:
        meta.message = event["text"].rstrip()
        return None
    connection = document_or_text(text)
    if connection.__class__ is not dict:
        raise RecordError(f"'ANALYTICS' has {text[:60]!r}; expected a JSON object")
    return TWINGATE.parse(meta, connection)


TWINGATE_CONNECTOR = Patterns(
    "twingate-connector",
    "log of a Twingate connector as it writes it: connections behind 'ANALYTICS', and what it says of itself",
    _REFERENCE,
    chain=("s3-lines", "syslog-any", "twingate-connector"),
    tag="twingate.{module|'connector'}",
    patterns=(
        r"ANALYTICS (?P<analytics>.*)",
        r"\[(?P<level>[A-Z]++)\] (?:\[(?P<module>[^\]]++)\] )?(?P<text>.*)",
        r"(?P<text>State: .*)",
    ),
    refine=_take_analytics,
    entities=TWINGATE.entities,
)
