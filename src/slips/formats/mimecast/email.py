"""Events of Mimecast: mail received, processed and delivered, and what its protections found; audit events."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

MIMECAST = Json(
    "mimecast",
    "Mimecast email security events (API 2.0): receipt, process, delivery, protections; audit events",
    "https://integrations.mimecast.com/documentation/tutorials/understanding-siem-logs/",
    require=any_of(
        all_of("aggregateId", any_of("processingId", "accountId", "messageId", "senderEnvelope", "type")),
        all_of("auditType", any_of("eventInfo", "eventTime", "category")),
    ),
    time=moment("timestamp", "eventTime"),
    tag="mimecast.{type|auditType|'event'}",
    message=(
        "{action|subtype|auditType|route|'-'} {senderEnvelope|senderHeader|user|'-'} => {recipients|'-'}: "
        "{subject|eventInfo|url|'-'}"
    ),
    integers="numberAttachments totalSizeAttachments emailSize",
    entities={
        "addresses": "senderIp destinationIp sourceIp ipAddress",
        "users": "senderEnvelope senderHeader recipients user",
        "domains": "senderDomain urlDomain",
        "hashes": "sha256 sha1 md5",
    },
)
