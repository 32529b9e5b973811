"""Messages and clicks of Proofpoint Targeted Attack Protection."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

PROOFPOINT = Json(
    "proofpoint",
    "Proofpoint TAP: messages delivered and blocked, clicks permitted and blocked",
    "https://help.proofpoint.com/Threat_Insight_Dashboard/API_Documentation/SIEM_API",
    require=any_of(
        all_of("messageTime", any_of("messageID", "GUID", "sender", "QID")),
        all_of("clickTime", any_of("url", "clickIP")),
    ),
    time=iso("messageTime", "clickTime"),
    tag="proofpoint.{eventType|'tap'}",
    message=(
        "{subject|url|'-'} from {sender|'-'}: malware {malwareScore|'-'}, phish {phishScore|'-'}, spam {spamScore|'-'}"
    ),
    entities={
        "addresses": "senderIP clickIP",
        "users": "sender recipient fromAddress toAddresses ccAddresses",
        "hashes": "messageParts.sha256 messageParts.md5",
    },
)
