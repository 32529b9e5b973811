"""Logs of Oracle Cloud Infrastructure: its audit, and the logs of its services."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, iso, moment

# Connector Hub writes the records bare, a search of the logs gives them within `logContent`. What a service logs is in
# `data`, the fields of which are those of the service.
OCI_AUDIT = Json(
    "oci-audit",
    "Oracle Cloud Infrastructure (OCI) audit events",
    "https://docs.oracle.com/en-us/iaas/Content/Audit/Reference/logeventreference.htm",
    require=any_of(
        all_of("data.identity", any_of("data.request", "data.eventName"), any_of("type", "eventType")),
        all_of("data.eventName", any_of("type", "eventType")),
    ),
    also_in="logContent",
    time=iso("time", "eventTime", "logContent.time"),
    tag="oracle.oci.audit",
    message="{data.eventName|type|eventType|'event'}{' ' data.resourceName}{': ' data.response.status}"
    "{' by ' data.identity.principalName|data.identity.principalId}{' from ' data.identity.ipAddress}",
    integers="data.response.status",
    entities={
        "addresses": "data.identity.ipAddress",
        "users": "data.identity.principalName",
    },
)


def _shorten(meta: MetaData, _event: Event) -> None:
    """Leave the first words of each type out of the tag."""
    meta.tag = meta.tag.replace("com.oraclecloud.", "", 1)


OCI_LOG = Json(
    "oci-log",
    "logs of services of Oracle Cloud Infrastructure (OCI): flows of networks, firewalls, load balancers, buckets",
    "https://docs.oracle.com/en-us/iaas/Content/Logging/Reference/service_log_reference.htm",
    require=all_of("type", "data", any_of("oracle.logid", "oracle.loggroupid", "oracle.tenantid")),
    also_in="logContent",
    time=moment("time", "datetime", "oracle.ingestedtime"),
    tag="oracle.oci.{type}",
    message="{data.action|data.status|data.lbStatusCode|type}"
    "{' ' data.protocolName|data.requestAction|data.request.method}"
    "{' ' data.message|data.request.path|data.request}"
    "{' from ' data.sourceAddress|data.src|data.clientIpAddress|data.remoteAddr|data.clientAddr|data.sender}"
    "{' to ' data.destinationAddress|data.dst|data.host|data.recipient}",
    # of firewalls and load balancers; others have numbers
    integers="""data.lbStatusCode data.backendStatusCode data.status data.sport data.dport data.bytes
        data.bytes_sent data.bytes_received data.packets data.pkts_sent data.pkts_received data.repeatcnt""",
    refine=_shorten,
    entities={
        "addresses": """data.sourceAddress data.destinationAddress data.src data.dst data.clientIpAddress
            data.remoteAddr data.clientAddr""",
        "users": "data.principalName",
        "domains": "data.host",
    },
)
