"""Events of Mimecast: mail received, processed and delivered, and what its protections found; audit events."""

from __future__ import annotations

from slips.parsing import Json, KeyValue, all_of, any_of, iso, moment

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
        "{action|subtype|auditType|Act|Action|reason|route|Route|'event'}"
        "{' ' senderEnvelope|senderHeader|user|Sender|sender|headerFrom}"
        "{' => ' recipients|Rcpt|Recipient|recipient}{': ' subject|eventInfo|Subject|url|URL}"
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

MIMECAST_SIEM = KeyValue(
    "mimecast-siem",
    "Mimecast SIEM logs of API 1.0 as pairs with bars between: receipt, process, delivery, protections",
    "https://integrations.mimecast.com/documentation/tutorials/understanding-siem-logs/",
    separator="|",
    quotes="",
    escapes="none",
    absent="",
    require=all_of("acc", "datetime"),
    time=iso("datetime"),
    tag="mimecast.siem",
    message="{Act|action|Action|reason|'mail'}{' ' Sender|sender|headerFrom}{' => ' Rcpt|recipient|Recipient}"
    "{': ' Subject|subject|url|fileName}{', delivered: ' Delivered}",
    integers="SpamLimit SpamScore AttCnt AttSize MsgSize Size Hits Attempt Latency",
    booleans="""Delivered UseTls TaggedExternal TaggedMalicious InternalName CustomName NewDomain SimilarInternalDomain
        SimilarCustomExternalDomain SimilarMimecastExternalDomain ReplyMismatch ThreatDictionary
        CustomThreatDictionary""",
    boolean_words="yes/no",
    entities={
        "addresses": "IP SourceIP sourceIp",
        "users": "Sender sender headerFrom Rcpt recipient Recipient Recipients",
        "domains": "SenderDomain senderDomain UrlCategory",
        "hashes": "sha256 sha1 md5 fileHash",
    },
)
