"""Events of Mimecast: mail received, processed and delivered, and what its protections found; audit events."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

MIMECAST = Json(
    "mimecast",
    "Mimecast email security events of API 2.0 and 1.0: receipt, process, delivery, protections; audit events",
    "https://developer.services.mimecast.com/siem-tutorial-cg",
    require=any_of(
        all_of("aggregateId", any_of("processingId", "accountId", "messageId", "senderEnvelope", "type")),
        all_of("acc", "datetime", any_of("aCode", "MsgId", "Sender", "sender", "Recipient", "IP")),  # of API 1.0
        all_of("auditType", any_of("eventInfo", "eventTime", "category")),
    ),
    time=moment("timestamp", "eventTime", "datetime"),
    tag="mimecast.{type|auditType|'event'}",
    message=(
        "{action|subtype|auditType|Act|Action|reason|route|Route|'-'} "
        "{senderEnvelope|senderHeader|user|Sender|sender|headerFrom|'-'} => {recipients|Rcpt|Recipient|recipient|'-'}: "
        "{subject|eventInfo|Subject|url|URL|'-'}"
    ),
    integers="numberAttachments totalSizeAttachments emailSize deliveryAttempts deliveryTime Hits",
    booleans="delivered",
    entities={
        "addresses": "senderIp destinationIp sourceIp ipAddress IP SourceIP",
        "users": "senderEnvelope senderHeader recipients user Sender sender headerFrom Rcpt Recipient recipient",
        "domains": "senderDomain urlDomain SenderDomain",
        "hashes": "sha256 sha1 md5",
    },
)
