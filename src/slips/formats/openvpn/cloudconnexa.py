"""Events of OpenVPN CloudConnexa, as its log streaming writes them to a bucket."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# Log events of 2023 have other names for the parts of a session than those of today.
CLOUDCONNEXA = Json(
    "cloudconnexa",
    "OpenVPN CloudConnexa log streaming: connections, flows, blocked domains and traffic, what administrators did",
    "https://openvpn.net/cloud-docs/owner/api---logs/api---logs---log-streaming/log-event-formats/",
    require=all_of("CloudConnexaLogVersion", any_of("eventName", "category")),
    time=iso("timestamp", "log.sessionEndTime", "log.sessionStartTime"),
    tag="cloudconnexa.{eventName|category}",
    message=(
        "{eventName|category}{' by ' initiatorName|initiator}{' of ' parentEntityName|parentEntity}"
        "{' from ' initiatorPublicIp|publicIp|log.clientPublicIp|log.publicIp|log.sourceIp}"
        "{' => ' log.domain|log.destinationEntityIp|log.destinationIp}"
        "{': ' log.eventName|log.sessionDisconnectReason|log.disconnectReason}"
    ),
    absent="null",
    integers="""log.sourcePort log.destinationPort log.priority log.sessionBytesIn log.sessionBytesOut log.bytesIn
        log.bytesOut log.sessionDurationSeconds""",
    booleans="log.allowed",
    entities={
        "addresses": """publicIp initiatorPublicIp log.clientPublicIp log.publicIp log.clientTunnelIpV4
            log.clientTunnelIpV6 log.tunnelIpV4 log.tunnelIpV6 log.sourceIp log.destinationEntityIp
            log.destinationIp""",
        "users": "initiatorName",
        "domains": "log.domain",
    },
)
